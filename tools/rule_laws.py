"""The laws that every decision keeps, written down a second time, apart from the rules, from requirements.md 2, 2a.

Promises: nothing here asks the rules how they decide; who may send, whom a notice may reach, when nobody is owed it and
when it has Vorrang stand here as tables of their own.
Fails: `Broken`, which names the law and the Sachverhalt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.route.resources import packaged_directory, packaged_rules
from routing import ANLAESSE, Entscheidung, Verzeichnis, entscheide
from routing.erlass.worte import OHNE_ANLASS, WORTE
from tools.rule_space import HIER, KOELN, Case

OUTCOMES: Final = ("zustellen", "zurueckgestellt", "entbehrlich", "klaerung", "unzulaessig")
WITHHOLD: Final = frozenset({"polizei", "sta", "gericht", "vollstreckungsleiter"})
FORWARDED: Final = frozenset({"3.2 Satz 1", "5.4 Satz 1"})
"""The numbers whose recipient is provisional."""

Names = frozenset[str]
P, S, G, V, J = (frozenset({kind}) for kind in ("polizei", "sta", "gericht", "vollstreckungsleiter", "jva"))
A: Final = frozenset({"abh", "zab"})
ANY: Final = P | S | G | V | J | A | {"bamf", "ufa"}


def _each(anlaesse: str, value: Names) -> dict[str, Names]:
    return dict.fromkeys(anlaesse.split(), value)


def _of(*numbers: str) -> Names:
    return frozenset(numbers)


_JVA_STRAFHAFT: Final = (
    "strafhaft_antritt strafhaft_verlegung entlassungstermin_vorgesehen entlassungstermin_festgesetzt "
    "entlassungstermin_geaendert auslieferungshaft_antritt auslieferungshaft_verlegung"
)
_JVA_UHAFT: Final = "untersuchungshaft_antritt untersuchungshaft_verlegung untersuchungshaft_entlassung"
_ABH_FOLGE: Final = (
    "einvernehmen_ersuchen abschiebung_durchgefuehrt abschiebung_nicht_durchgefuehrt zustaendigkeitswechsel "
    "ersuchen_zurueckgenommen pruefergebnis_untersuchungshaft"
)
_STA_AKTE: Final = (
    "haftaufhebung_beabsichtigt haftverschonung_beabsichtigt entlassung_bekannt entlassung_durch_gericht_beabsichtigt "
    "verfahren_eingestellt strafbefehl_beantragt anklage_erhoben hauptverhandlung_termin hauptverhandlung_ergebnis"
)
_VOLLSTRECKUNG: Final = (
    "verfahren_erledigt urteil_nachgereicht strafaussetzung_widerrufen zurueckstellung_strafvollstreckung_widerrufen"
)
_BETEILIGUNG: Final = "beteiligung_aufenthaltstitel_25 beteiligung_ausreisefrist_59_7"

SENDERS: Final[Mapping[str, Names]] = {
    "ermittlungsverfahren_eingeleitet": P | S,
    "erkenntnis_87_abs_2": P | S | G | V,
    "auslieferungsverfahren_eingeleitet": S,
    **_each("haftbefehl_erlassen haftbefehl_aufgehoben", P | S),
    **_each(f"{_ABH_FOLGE} {_BETEILIGUNG} akteneinsicht_ersuchen pruefergebnis_vollstreckung", A),
    "einvernehmen_entscheidung": S,
    "beteiligung_antwort": P | S | G | V,
    **_each(f"{_JVA_UHAFT} {_JVA_STRAFHAFT} akteneinsicht_antwort vollzugsmitteilung", J),
    **_each(_STA_AKTE, S),
    **_each(f"{_VOLLSTRECKUNG} entscheidung_456a", S | V),
    "ausgang_des_verfahrens_482": S,
    "asyl_mitteilung_8_1a": S | G | V,
    **_each("weitere_mitteilung berichtigung", ANY),
}
"""Anlass to the sender kinds that a row names."""

RECIPIENTS: Final[Mapping[str, Names]] = {
    **_each(f"ermittlungsverfahren_eingeleitet erkenntnis_87_abs_2 auslieferungsverfahren_eingeleitet {_STA_AKTE}", A),
    **_each(f"haftbefehl_erlassen haftbefehl_aufgehoben {_VOLLSTRECKUNG} {_JVA_UHAFT} {_JVA_STRAFHAFT}", A),
    **_each("einvernehmen_entscheidung beteiligung_antwort akteneinsicht_antwort vollzugsmitteilung", A),
    **_each(_ABH_FOLGE, S),
    "beteiligung_aufenthaltstitel_25": S | G,
    "beteiligung_ausreisefrist_59_7": S | G | P,
    "akteneinsicht_ersuchen": J,
    "pruefergebnis_vollstreckung": S | G,
    "entscheidung_456a": A | J | {"mrv"},
    "ausgang_des_verfahrens_482": P,
    "asyl_mitteilung_8_1a": _of("bamf"),
    **_each("weitere_mitteilung berichtigung", ANY | {"mrv"}),
}
"""Anlass to the kinds that it may reach."""

NUMBERS: Final[Mapping[str, Names]] = {
    "ermittlungsverfahren_eingeleitet": _of("2.1 Satz 1", "2.1 Satz 2", "2.2 Satz 1"),
    "erkenntnis_87_abs_2": _of("2.1 Satz 1", "2.1 Satz 2", "6"),
    "auslieferungsverfahren_eingeleitet": _of("2.2 Satz 2"),
    **_each("haftbefehl_erlassen haftbefehl_aufgehoben", _of("2.3", "4.1 Satz 2")),
    "einvernehmen_ersuchen": _of("2.5 Satz 1"),
    "einvernehmen_entscheidung": _of("2.5 Satz 5"),
    **_each("abschiebung_durchgefuehrt abschiebung_nicht_durchgefuehrt", _of("2.6")),
    **_each("zustaendigkeitswechsel ersuchen_zurueckgenommen", _of("2.7")),
    **_each("beteiligung_aufenthaltstitel_25 beteiligung_antwort", _of("2.8 Satz 1")),
    "beteiligung_ausreisefrist_59_7": _of("2.8 Satz 1", "2.8 Satz 2"),
    **_each(_JVA_UHAFT, _of("3.1", "3.2 Satz 1", "3.2 Satz 4")),
    "pruefergebnis_untersuchungshaft": _of("3.3"),
    **_each("haftaufhebung_beabsichtigt haftverschonung_beabsichtigt", _of("3.4 Satz 1")),
    "entlassung_bekannt": _of("3.4 Satz 2"),
    "entlassung_durch_gericht_beabsichtigt": _of("3.4 Satz 3"),
    **_each("verfahren_eingestellt strafbefehl_beantragt", _of("4.1 Satz 1")),
    "anklage_erhoben": _of("4.1 Satz 2"),
    "hauptverhandlung_termin": _of("4.2 Satz 1"),
    "hauptverhandlung_ergebnis": _of("4.2 Satz 3"),
    **_each("verfahren_erledigt urteil_nachgereicht", _of("5.1")),
    **_each("strafaussetzung_widerrufen zurueckstellung_strafvollstreckung_widerrufen", _of("5.2")),
    **_each(_JVA_STRAFHAFT, _of("5.3", "5.4 Satz 1")),
    **_each("akteneinsicht_ersuchen akteneinsicht_antwort", _of("5.5")),
    "pruefergebnis_vollstreckung": _of("5.6 Satz 1"),
    "entscheidung_456a": _of("5.6 Satz 2"),
    **_each("ausgang_des_verfahrens_482 asyl_mitteilung_8_1a vollzugsmitteilung weitere_mitteilung", _of("6")),
    "berichtigung": _of("§ 20 EGGVG"),
}
"""Anlass to the numbers that may decide it."""

Law = Callable[[Case], bool]


def _already_informed(case: Case) -> bool:
    """The exception of 2.2: on file, by another body, and the ABH that routing yields."""
    facts, told = case.sachverhalt, case.sachverhalt.bereits_unterrichtet
    if told is None or facts.azr is None or not told.aktenkundig or told.durch in (None, facts.absender):
        return False
    return told.abh == (facts.azr.aktenfuehrende_abh or (KOELN if facts.tatort_ags == HIER else None))


def _opened_by_police(case: Case) -> bool:
    facts = case.sachverhalt
    return facts.absender.startswith("gds:") and (facts.eingeleitet_durch == "polizei_nrw" or _already_informed(case))


def _uninformed(case: Case) -> bool:
    return not (case.sachverhalt.unterrichtet_nach_2_5 or case.vorgang.offenes_ersuchen)


def _unexamined(case: Case) -> bool:
    return not (case.sachverhalt.pruefergebnis_nach_3_3 or case.vorgang.pruefergebnis_3_3)


DISPENSABLE: Final[Mapping[str, Law]] = {
    "ermittlungsverfahren_eingeleitet": _opened_by_police,
    "auslieferungsverfahren_eingeleitet": _already_informed,
    "einvernehmen_ersuchen": lambda case: bool(case.sachverhalt.langfristige_abschiebungshindernisse),
    "beteiligung_aufenthaltstitel_25": lambda case: bool(case.sachverhalt.ausnahme_87_abs_5_nr_1),
    "beteiligung_ausreisefrist_59_7": lambda case: bool(case.sachverhalt.ausnahme_87_abs_5_nr_1),
    "pruefergebnis_untersuchungshaft": lambda case: case.sachverhalt.massnahmen_kommen_in_betracht is False,
    "haftaufhebung_beabsichtigt": _unexamined,
    "haftverschonung_beabsichtigt": _unexamined,
    "hauptverhandlung_termin": _uninformed,
    "hauptverhandlung_ergebnis": _uninformed,
}
"""Anlass to the condition without which nobody may call it `entbehrlich`."""


def _never(_: Case) -> bool:
    return False


def _always(_: Case) -> bool:
    return True


def _imminent(case: Case) -> bool:
    facts = case.sachverhalt
    return bool(facts.entlassung_am and facts.stand and (facts.entlassung_am - facts.stand).days <= 14)


URGENT: Final[Mapping[str, Law]] = {
    "einvernehmen_ersuchen": lambda case: bool(case.sachverhalt.eilbeduerftig),
    "einvernehmen_entscheidung": lambda case: bool(case.sachverhalt.eilbeduerftig) or case.vorgang.bezug_eilbeduerftig,
    "untersuchungshaft_entlassung": _always,
    "pruefergebnis_untersuchungshaft": lambda case: bool(case.sachverhalt.massnahmen_kommen_in_betracht),
    "haftaufhebung_beabsichtigt": lambda case: not _unexamined(case),
    "haftverschonung_beabsichtigt": lambda case: not _unexamined(case),
    "entlassung_bekannt": _always,
    "entlassung_durch_gericht_beabsichtigt": _always,
    "strafaussetzung_widerrufen": _always,
    "zurueckstellung_strafvollstreckung_widerrufen": _always,
    **dict.fromkeys(_JVA_STRAFHAFT.split(), _imminent),
}
"""Anlass to when it has Vorrang; the others never have."""


class Broken(AssertionError):
    """A decision breaks a law."""

    def __init__(self, law: str, case: Case, decision: Entscheidung | None = None) -> None:
        facts = {"sachverhalt": case.sachverhalt.as_json(), "vorgang": case.vorgang}
        super().__init__(f"{law}\n{facts}\n{decision.as_json() if decision else ''}")


@dataclass(frozen=True, slots=True)
class Judged:
    """One case with its decision."""

    case: Case
    decision: Entscheidung
    kinds: Names
    """Kinds of the sender; none if the directory does not have it."""
    directory: Verzeichnis


class Tally:
    """Judges cases and remembers what they reached."""

    def __init__(self) -> None:
        self.directory = packaged_directory()
        self.rules = packaged_rules()
        self.outcomes: Counter[str] = Counter()
        self._numbers: set[tuple[str, str]] = set()
        self._kinds: set[tuple[str, str]] = set()
        self._readings: set[str] = set()
        self._dispensed: set[str] = set()

    def judge(self, case: Case) -> None:
        """Decide one case and hold every law against it.

        Raises:
            Broken: a law does not hold.
        """
        facts = case.sachverhalt
        decision = entscheide(facts, case.vorgang, self.directory, self.rules, case.einstellungen)
        judged = Judged(case, decision, self._kinds_of(case), self.directory)
        found = [law.__name__.strip("_") for law in LAWS if not law(judged)]
        if found:
            raise Broken(", ".join(found), case, decision)
        self.outcomes[decision.entscheidung] += 1
        self._readings |= {reason.nummer for reason in decision.begruendung if reason.auslegung}
        if decision.entscheidung == "zustellen":
            self._numbers.add((facts.anlass, decision.nummer))
            self._kinds |= {(facts.anlass, kind) for kind in judged.kinds & SENDERS[facts.anlass]}
        elif decision.entscheidung == "entbehrlich":
            self._dispensed.add(facts.anlass)

    def _kinds_of(self, case: Case) -> Names:
        """Sender kinds of the case; empty for a sender that the directory does not have."""
        sender = self.directory.behoerden.get(case.sachverhalt.absender)
        if sender is None:
            return frozenset()
        leads = sender.stufe == "AG" and case.sachverhalt.jgg_verfahren
        return frozenset({sender.art, "vollstreckungsleiter"} if leads else {sender.art})

    def reached(self) -> None:
        """Hold against each other what can be and what was.

        Raises:
            AssertionError: an outcome, a number, a sender kind, an exception or a reading that nothing reached.
        """
        assert set(self.outcomes) == set(OUTCOMES), self.outcomes
        owed = {(anlass, number) for anlass in ANLAESSE for number in NUMBERS[anlass]}
        assert self._numbers == owed, self._numbers ^ owed
        may = {(anlass, kind) for anlass in ANLAESSE for kind in SENDERS[anlass]}
        never = {("berichtigung", kind) for kind in ANY - {"sta", "jva"}}
        assert self._kinds | never == may | never, self._kinds ^ may
        assert self._dispensed == set(DISPENSABLE), self._dispensed ^ set(DISPENSABLE)
        steps = [step for words in WORTE.values() for step in words.schritte]
        assert {number for _, number in owed} == {step.nummer for step in steps}
        told = {step.nummer for step in steps if step.auslegung}
        assert self._readings == told, self._readings ^ told
        assert not {each.schritt.nummer for each in OHNE_ANLASS if each.regel is None} & {n for _, n in owed}

    def summary(self) -> str:
        """What was tried, for people."""
        shares = ", ".join(f"{name} {self.outcomes[name]:,}" for name in OUTCOMES)
        return f"{sum(self.outcomes.values()):,} entschieden: {shares}"


Check = Callable[[Judged], bool]


def _one_outcome(judged: Judged) -> bool:
    return (
        judged.decision.entscheidung in OUTCOMES
        and bool(judged.decision.begruendung)
        and len(judged.decision.regelwerk) == 2
    )


def _recipients_are_in_the_directory(judged: Judged) -> bool:
    found = [judged.directory.behoerde(key, judged.case.sachverhalt.stand) for key in judged.decision.empfaenger]
    allowed = RECIPIENTS[judged.case.sachverhalt.anlass]
    right = all(each is not None and each.art in allowed for each in found)
    return right and len(set(judged.decision.empfaenger)) == len(found)


def _recipients_exactly_where_sent(judged: Judged) -> bool:
    sent = judged.decision.entscheidung in ("zustellen", "zurueckgestellt")
    return bool(judged.decision.empfaenger) is sent and (sent or not judged.decision.vorlaeufig)


def _only_what_is_not_owed_is_dispensable(judged: Judged) -> bool:
    if judged.decision.entscheidung != "entbehrlich":
        return True
    law = DISPENSABLE.get(judged.case.sachverhalt.anlass, _never)
    return law(judged.case) and not judged.case.sachverhalt.bestehen_auf


def _sender_kinds_hold(judged: Judged) -> bool:
    facts, outcome = judged.case.sachverhalt, judged.decision.entscheidung
    if not judged.kinds:
        return outcome == "klaerung"
    named = bool(judged.kinds & SENDERS[facts.anlass])
    if facts.anlass == "berichtigung":
        named = judged.case.vorgang.bezug_absender in (None, facts.absender)
    if named:
        return outcome != "unzulaessig"
    return outcome == ("klaerung" if judged.case.einstellungen.erlaubnisse else "unzulaessig")


def _number_is_one_of_the_anlass(judged: Judged) -> bool:
    if judged.decision.entscheidung == "zurueckgestellt":
        return judged.decision.nummer == "1"
    return judged.decision.nummer in NUMBERS[judged.case.sachverhalt.anlass]


def _provisional_exactly_in_3_2_and_5_4(judged: Judged) -> bool:
    if judged.decision.entscheidung != "zustellen":
        return True
    return judged.decision.vorlaeufig is (judged.decision.nummer in FORWARDED)


def _withheld_exactly_by_whom_may(judged: Judged) -> bool:
    wanted = bool(judged.case.sachverhalt.gefaehrdet_untersuchungszweck) and not judged.case.vorgang.freigegeben
    if judged.decision.entscheidung == "zurueckgestellt":
        return wanted and bool(judged.kinds & WITHHOLD)
    return judged.decision.entscheidung != "zustellen" or not (wanted and judged.kinds & WITHHOLD)


def _vorrang_as_the_table_says(judged: Judged) -> bool:
    if judged.decision.entscheidung in ("entbehrlich", "unzulaessig"):
        return not judged.decision.vorrang
    urgent = URGENT.get(judged.case.sachverhalt.anlass, _never)(judged.case)
    return judged.decision.vorrang is (urgent or judged.case.vorgang.freigegeben)


def _one_deadline_where_there_is_a_day(judged: Judged) -> bool:
    given = judged.case.sachverhalt.halbstrafenzeitpunkt is not None
    days = [(frist.nummer, frist.faellig_am.isoformat()) for frist in judged.decision.fristen]
    return days == ([("5.6 Satz 1", "2027-02-28")] if given else [])


def _union_hint_in_chapters_2_to_5(judged: Judged) -> bool:
    told = any("FreizügG" in hint.text for hint in judged.decision.hinweise)
    if not judged.case.sachverhalt.unionsbuerger:
        return not told
    chapters = {number[0] for number in NUMBERS[judged.case.sachverhalt.anlass]}
    return told if not chapters & set("6§") else True


LAWS: Final[tuple[Check, ...]] = (
    _one_outcome,
    _recipients_are_in_the_directory,
    _recipients_exactly_where_sent,
    _only_what_is_not_owed_is_dispensable,
    _sender_kinds_hold,
    _number_is_one_of_the_anlass,
    _provisional_exactly_in_3_2_and_5_4,
    _withheld_exactly_by_whom_may,
    _vorrang_as_the_table_says,
    _one_deadline_where_there_is_a_day,
    _union_hint_in_chapters_2_to_5,
)
