"""What each number of the decree demands of its message, said by the number and in its words.

Most of it the XSD demands already (choices, required elements); these rules demand it again where a German sentence
helps more than a grammar, and alone where a grammar cannot: a condition between two elements, a day that has not come,
a number that is no telephone number. One function for each number; each quotes the sentence that it holds.

Promises: pure; works on trees that their XSD refused as well, so that a refusal names the number (`explained`). Each
finding has number, place and a sentence that says how to mend the message.
Fails: not at all; the findings are raised by `rules.judge` or by the caller of `explained`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from lxml import etree

from gateway.check.facts import anlass_element
from gateway.check.place import child, text, xpath_of
from gateway.check.rules import Rule, Subject
from gateway.errors import Befund, Invalid
from routing.erlass.tabelle import ERLASS_2022

_ONE_DAY = timedelta(days=1)
"""Tolerance between the sender's clock, perhaps in UTC, and the day as Germany counts it."""
_TELEPHONE = re.compile(r"\+?[0-9(][0-9 ()/.\-]{3,}[0-9]")
"""A telephone or telefax number as people write it: digits, blanks and the usual separators."""
ERROR_MESSAGE = "9900090"
PROOF = "9900092"
FACTS_PART = "fachdaten"


def number_of(anlass: str | None) -> str | None:
    """Number of the decree that an Anlass belongs to: the first row that has it, in its base form."""
    return next((row.zeile for row in ERLASS_2022 if anlass in row.anlaesse), None)


def explained(refusal: Invalid, subject: Subject) -> Invalid:
    """A refusal by the XSD, with the decree's number and with what the number demands.

    Args:
        refusal: what the XSD refused.
        subject: the message; its tree may be anything that is well-formed.

    Returns:
        The refusal with the same code; its findings within the facts bear the number, the number's own demands follow.
    """
    demands = [finding for rule in RULES for finding in rule(subject)]
    return numbered(Invalid(refusal.detail, *refusal.befunde, *demands, code=refusal.code), subject.anlass)


def numbered(refusal: Invalid, anlass: str | None) -> Invalid:
    """A refusal whose findings within the facts, or about the message they belong to, bear the number of the Anlass."""
    number = number_of(anlass)
    if number is None:
        return refusal
    findings = [_with_number(finding, number) for finding in refusal.befunde]
    return Invalid(refusal.detail, *findings, code=refusal.code)


def _with_number(finding: Befund, number: str) -> Befund:
    """The finding with the number, if it has none and is about the facts."""
    about_facts = f"{FACTS_PART}/" in (finding.xpath or "") + "/" or finding.code == "bezug_fehlt"
    return replace(finding, nummer=number) if about_facts and finding.nummer is None else finding


class _Demand:
    """Findings for one number at places in the facts of a message."""

    def __init__(self, subject: Subject, number: str) -> None:
        self.subject = subject
        self.number = number
        self.facts = anlass_element(subject.root)

    def at(self, *path: str) -> str | None:
        """The text at a path below the element of the Anlass."""
        return text(self.facts, *path)

    def has(self, *path: str) -> bool:
        """Whether an element is there, whatever it holds."""
        return child(self.facts, *path) is not None

    def finding(self, code: str, sentence: str, *path: str) -> Befund:
        """A finding at a path, or where the path ends early."""
        node = self.facts if self.facts is not None else self.subject.root
        for name in path:
            below = child(node, name)
            if below is None:
                break
            node = below
        return Befund(code, sentence, zeile=node.sourceline, xpath=xpath_of(node), nummer=self.number)

    def not_ahead(self, sentence: str, *path: str) -> Iterable[Befund]:
        """A day that the message states as past must not lie after the day on which it was made."""
        day, made = _day(self.at(*path)), _made(self.subject)
        if day is not None and made is not None and day - made > _ONE_DAY:
            yield self.finding("tag_in_der_zukunft", sentence, *path)


def _day(value: str | None) -> date | None:
    """A day; None for what is none."""
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        return None


def _made(subject: Subject) -> date | None:
    """The day on which the sender made the message; None for what is none."""
    try:
        return datetime.fromisoformat(subject.kopf.erstellt).date()
    except ValueError:
        return None


def number_2_3(subject: Subject) -> Iterable[Befund]:
    """2.3: „entsprechend für den Erlass und die Aufhebung eines Haftbefehls“: first issued, then lifted."""
    ask = _Demand(subject, "2.3")
    issued, lifted = _day(ask.at("haftbefehlVom")), _day(ask.at("aufgehobenAm"))
    if issued is not None and lifted is not None and lifted < issued:
        sentence = "Ein Haftbefehl kann nicht vor seinem Erlass aufgehoben sein; bitte die beiden Tage prüfen."
        yield ask.finding("tage_widersprechen_sich", sentence, "aufgehobenAm")


def number_2_5(subject: Subject) -> Iterable[Befund]:
    """2.5 Satz 2: „unter Angabe ihrer eigenen Erreichbarkeit, einschließlich Telefaxnummer, die
    Ausländerzentralregister-Nummer und alle relevanten Informationen, insbesondere solche, die die Dringlichkeit oder
    die Auswirkungen der Entscheidung begründen“.
    """
    ask = _Demand(subject, "2.5 Satz 2")
    telefax = ask.at("erreichbarkeit", "telefax")
    if telefax is None:
        sentence = "Das Ersuchen muss die eigene Telefaxnummer nennen (erreichbarkeit/telefax)."
        yield ask.finding("telefax_fehlt", sentence, "erreichbarkeit")
    elif not _TELEPHONE.fullmatch(telefax):
        sentence = "Die Telefaxnummer ist keine Rufnummer; erwartet werden Vorwahl und Nummer, etwa 0221 000-1235."
        yield ask.finding("telefax_form", sentence, "erreichbarkeit", "telefax")
    if subject.kopf.azr_nummer is None:
        yield ask.finding("azr_nummer_fehlt", "Das Ersuchen muss die AZR-Nummer nennen (fachdaten/azrNummer).")
    if not ask.has("massnahme"):
        sentence = "Das Ersuchen muss die beabsichtigte Maßnahme nennen: ausweisung oder abschiebung (massnahme)."
        yield ask.finding("massnahme_fehlt", sentence)
    if ask.at("informationen") is None:
        sentence = "Das Ersuchen muss alle Informationen enthalten, auf die es für die Entscheidung ankommt."
        yield ask.finding("informationen_fehlen", sentence, "informationen")
    yield from _urgency(ask)
    yield from ask.not_ahead(
        "Ein telefonisches Ersuchen wird nachgetragen; sein Tag liegt nicht voraus.", "telefonischAm"
    )


def _urgency(ask: _Demand) -> Iterable[Befund]:
    """2.5 Satz 6: „sofern die Ausländerbehörde in ihrem Ersuchen eine besondere Eilbedürftigkeit begründet hat“."""
    urgent, reason = ask.at("eilbeduerftig") in ("true", "1"), ask.at("eilbeduerftigWeil")
    if urgent and reason is None:
        sentence = (
            "Wer eilbeduerftig auf true setzt, muss die besondere Eilbedürftigkeit in eilbeduerftigWeil begründen."
        )
        yield ask.finding("eilgrund_fehlt", sentence, "eilbeduerftig")
    if reason is not None and not urgent:
        sentence = (
            "Ein Grund zur Eile steht da, eilbeduerftig aber nicht auf true; bitte setzen oder den Grund streichen."
        )
        yield ask.finding("eilgrund_ohne_eile", sentence, "eilbeduerftigWeil")


def number_2_6(subject: Subject) -> Iterable[Befund]:
    """2.6: „über die erfolgte Durchführung oder die Nichtdurchführung der Abschiebung“: not over a planned one."""
    sentence = "Mitgeteilt wird die erfolgte Durchführung; ihr Tag darf nicht nach dem Tag der Nachricht liegen."
    yield from _Demand(subject, "2.6").not_ahead(sentence, "durchgefuehrtAm")


def number_2_7(subject: Subject) -> Iterable[Befund]:
    """2.7 Satz 1: „unverzüglich über einen Zuständigkeitswechsel“: to another authority, which is named."""
    ask = _Demand(subject, "2.7")
    new = ask.at("neueAbh")
    if new is None:
        yield ask.finding(
            "neue_abh_fehlt", "Die Mitteilung muss die neue Ausländerbehörde nennen (neueAbh).", "neueAbh"
        )
    elif new == subject.kopf.absender:
        sentence = (
            "Die neue Ausländerbehörde ist der Absender selbst; zu nennen ist die Behörde, die zuständig geworden ist."
        )
        yield ask.finding("neue_abh_ist_absender", sentence, "neueAbh")


def number_5_1(subject: Subject) -> Iterable[Befund]:
    """5.1: „übersendet ihr im Falle einer Verurteilung nach Vorliegen das rechtskräftige Urteil nebst Gründen“; bei
    Freiheitsentziehung „teilt [sie] zudem mit, von welchem Zeitpunkt an eine Maßnahme nach § 456a StPO in Betracht
    kommt“.
    """
    ask = _Demand(subject, "5.1")
    where = ("auswahl_erledigung", "verurteilung")
    if not ask.has(*where):
        return
    if not any(ask.has(*where, "auswahl_urteil", name) for name in ("urteil", "urteilFolgt")):
        sentence = (
            "Zu einer Verurteilung gehört das rechtskräftige Urteil mit Gründen: als Dokument beifügen und in urteil"
            " nennen, oder mit urteilFolgt sagen, dass es folgt."
        )
        yield ask.finding("urteil_fehlt", sentence, *where, "auswahl_urteil")
    yield from _time_456a(ask, *where, "auswahl_rechtsfolge")
    sentence = "Das Urteil ist noch nicht rechtskräftig: der Tag der Rechtskraft liegt nach dem Tag der Nachricht."
    yield from ask.not_ahead(sentence, *where, "rechtskraftAm")


def _time_456a(ask: _Demand, *where: str) -> Iterable[Befund]:
    """The consequence of a Verurteilung, and for custody the time of § 456a StPO."""
    if ask.has(*where, "ohneFreiheitsentziehung"):
        return
    names = ("massnahme456aAb", "massnahme456aFolgt")
    if not any(ask.has(*where, "freiheitsentziehung", "auswahl_massnahme456a", name) for name in names):
        sentence = (
            "Bei Freiheitsentziehung ist der Zeitpunkt zu nennen, von dem an eine Maßnahme nach § 456a StPO in Betracht"
            " kommt (massnahme456aAb), oder mit massnahme456aFolgt zu sagen, dass er folgt; sonst"
            " ohneFreiheitsentziehung setzen."
        )
        yield ask.finding("zeitpunkt_456a_fehlt", sentence, *where, "freiheitsentziehung", "auswahl_massnahme456a")


def number_5_1_later(subject: Subject) -> Iterable[Befund]:
    """5.1: „nach Vorliegen das rechtskräftige Urteil“: what was announced as following comes, with its notice."""
    ask = _Demand(subject, "5.1")
    if not any(ask.has("auswahl_nachgereicht", name) for name in ("urteil", "massnahme456aAb")):
        sentence = "Nachzureichen ist das Urteil (urteil) oder der Zeitpunkt nach § 456a StPO (massnahme456aAb)."
        yield ask.finding("urteil_fehlt", sentence, "auswahl_nachgereicht")


def number_5_3(subject: Subject) -> Iterable[Befund]:
    """5.3 Satz 2: „Über Änderungen mitgeteilter Entlassungstermine“: the new day differs from the old one."""
    ask = _Demand(subject, "5.3 Satz 2")
    old, new = ask.at("bisherigerTermin"), ask.at("entlassungAm")
    if old is not None and old == new:
        sentence = "Der bisherige und der neue Entlassungstermin sind gleich; mitgeteilt wird eine Änderung."
        yield ask.finding("termin_unveraendert", sentence, "bisherigerTermin")


def number_5_5(subject: Subject) -> Iterable[Befund]:
    """5.5 Satz 1: „soweit die Erteilung einer Auskunft einen unvertretbaren Aufwand erfordert oder nach Darlegung der
    Ausländerbehörde für die Erfüllung der Aufgabe nicht ausreicht“.
    """
    ask = _Demand(subject, "5.5")
    if ask.at("zweck") is None:
        sentence = "Das Ersuchen muss sagen, welche aufenthaltsbeendende Maßnahme die Einsicht vorbereitet (zweck)."
        yield ask.finding("zweck_fehlt", sentence, "zweck")
    grounds = ("auskunftGenuegtNichtWeil", "unvertretbarerAufwandMitgeteiltAm")
    if not any(ask.at("auswahl_begruendung", name) for name in grounds):
        sentence = (
            "Das Ersuchen muss darlegen, warum eine Auskunft nicht genügt (auskunftGenuegtNichtWeil), oder sagen, wann"
            " die Anstalt einen unvertretbaren Aufwand mitgeteilt hat (unvertretbarerAufwandMitgeteiltAm)."
        )
        yield ask.finding("begruendung_fehlt", sentence, "auswahl_begruendung")
    sentence = "Die Mitteilung der Anstalt über den Aufwand kann nicht nach dem Ersuchen liegen."
    yield from ask.not_ahead(sentence, "auswahl_begruendung", "unvertretbarerAufwandMitgeteiltAm")


BY_ANLASS: Mapping[str, Sequence[Callable[[Subject], Iterable[Befund]]]] = {
    "haftbefehl_aufgehoben": (number_2_3,),
    "einvernehmen_ersuchen": (number_2_5,),
    "abschiebung_durchgefuehrt": (number_2_6,),
    "zustaendigkeitswechsel": (number_2_7,),
    "verfahren_erledigt": (number_5_1,),
    "urteil_nachgereicht": (number_5_1_later,),
    "entlassungstermin_geaendert": (number_5_3,),
    "akteneinsicht_ersuchen": (number_5_5,),
}
"""Which numbers demand more of their message than facts."""


def demands(subject: Subject) -> Iterable[Befund]:
    """What the number of the message's Anlass demands."""
    for rule in BY_ANLASS.get(subject.anlass or "", ()):
        yield from rule(subject)


def message_type(subject: Subject) -> Iterable[Befund]:
    """contracts.md section 4: the ausl family's `nachrichtentyp` is the number in the name of the root."""
    stated = child(subject.root, "nachrichtenkopf.g2g", "identifikation.nachricht", "nachrichtentyp", "code")
    if subject.kopf.familie == "ausl" and stated is not None and text(stated) != subject.kopf.nummer:
        number = subject.kopf.nummer
        sentence = f"„nachrichtentyp“ nennt eine andere Nachricht als das Wurzelelement; hier gehört {number} hin."
        yield Befund("nachrichtentyp", sentence, zeile=stated.sourceline, xpath=xpath_of(stated))


def error_reference(subject: Subject) -> Iterable[Befund]:
    """A Fehler says which message it is about: by `fremdeNachrichtenID`, or by `bezug` where no id could be read."""
    if subject.kopf.nummer != ERROR_MESSAGE or not subject.own or subject.kopf.fremde_id is not None:
        return
    if child(subject.root, FACTS_PART, "bezug") is None:
        sentence = "Ein Fehler muss seine Nachricht nennen: fremdeNachrichtenID oder bezug mit der Prüfsumme des XML."
        yield _at_root(subject.root, sentence)


def proof_reason(subject: Subject) -> Iterable[Befund]:
    """A Zustellnachweis of a failure says why (ETSI EN 319 522-1: a reason is required where the event is negative)."""
    proof = child(subject.root, FACTS_PART, "nachweis")
    event = text(proof, "ereignis") or ""
    if subject.kopf.nummer == PROOF and event.endswith(("Failure", "Rejection")) and child(proof, "grund") is None:
        node = child(proof, "ereignis")
        assert node is not None  # its text was read
        sentence = "Ein Nachweis über einen Misserfolg muss mindestens einen Grund nennen (grund)."
        yield Befund("grund_fehlt", sentence, zeile=node.sourceline, xpath=xpath_of(node))


def _at_root(root: etree._Element, sentence: str) -> Befund:
    """A finding about the whole message."""
    return Befund("bezug_fehlt", sentence, zeile=root.sourceline, xpath=xpath_of(root))


RULES: tuple[Rule, ...] = (demands, message_type, error_reference, proof_reason)
"""What the checker asks beside `rules.RULES`."""
