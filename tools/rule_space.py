"""The space of small Sachverhalte: every Anlass, every sender kind, each key that matters missing, right and wrong.

Usage: `python -m tools.rule_space` tries a sample of every Anlass, `--full` every single Sachverhalt; both print the
size of the space and what was tried, and end with exit code 1 at the first Sachverhalt that breaks a law of
`tools.rule_laws`.

The space is a product, so each Sachverhalt has an index; a sample walks the indices with a step that is prime to their
number, which spreads over all dimensions and is the same in every run.

Promises: deterministic; the whole space is covered by `--full`.
Fails: not at all.
"""

from __future__ import annotations

import datetime
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress

from routing import ANLAESSE, Einstellungen, Erlaubnis, Sachverhalt, Vorgangslage
from routing.sachverhalt import (
    EINGELEITET_DURCH,
    Auflage,
    Aufnahme,
    Azr,
    BereitsUnterrichtet,
    Verfahren,
)

STAND: Final = datetime.date(2026, 11, 22)
SAMPLE: Final = 4_000
"""Sachverhalte of each Anlass in a sample: all Anlässe together take well under a minute on one core."""

KOELN, RHEIN_SIEG, BONN, ZAB = "abh:05315000", "abh:05382", "abh:05314000", "zab:koeln"
STA, STA_2, GSTA, AG, LG = "gds:R3300S", "gds:R3200S", "gds:R3000S", "gds:R3306", "gds:R3300"
JVA, JAA, POLIZEI, LKA = "gds:R8088", "nrw:jugendarrestanstalt-luenen", "pol:05171370484301", "pol:05221370721601"
UFA, BAMF = "nrw:unterbringungseinrichtung-fuer-ausreisepflichtige-ufa-bueren", "bamf:zentrale"
FREMD, MRV = "abh:06412000", "mrv:beispiel"
"""Keys of well-formed authorities that the directory does not have."""
HIER, DORT, DRAUSSEN = "05315000", "05382056", "06412000"
"""Municipalities: Köln, Sankt Augustin, and one outside NRW."""

SENDERS: Final = (POLIZEI, LKA, STA, GSTA, AG, LG, JVA, JAA, KOELN, ZAB, BAMF, UFA, MRV, FREMD)

Value = tuple[Mapping[str, Any], Mapping[str, Any]]
"""What one value of a dimension adds to the Sachverhalt, and to the Vorgangslage."""
Dimension = tuple[Value, ...]


def _facts(key: str, *values: Any) -> Dimension:
    """A key of the Sachverhalt: missing, and with each of these values."""
    return (({}, {}), *(({key: value}, {}) for value in values))


def _vorgang(key: str, *values: Any) -> Dimension:
    """A fact of the Vorgang: absent, and with each of these values."""
    return (({}, {}), *(({}, {key: value}) for value in values))


ABH: Final = (KOELN, ZAB, STA, FREMD)
"""A key where an ABH belongs: two right kinds, a wrong one, one that the directory does not have."""
BEKANNT: Final = _facts("bekannte_abh", *ABH)
ASKED: Final = _facts(
    "azr",
    Azr(),
    Azr(abgefragt=True),
    Azr(aktenfuehrende_abh=RHEIN_SIEG),
    Azr(abgefragt=True, aktenfuehrende_abh=RHEIN_SIEG),
    Azr(abgefragt=True, aktenfuehrende_abh=STA),
    Azr(abgefragt=True, aktenfuehrende_abh=FREMD),
)
FESTGESTELLT: Final = _vorgang("festgestellte_abh", BONN, KOELN)
AKTENLAGE: Final = (BEKANNT, ASKED, FESTGESTELLT)
VERFAHREN: Final = _facts(
    "verfahren",
    (Verfahren(),),
    (Verfahren(staatsanwaltschaft=STA),),
    (Verfahren(staatsanwaltschaft=STA_2), Verfahren(staatsanwaltschaft=STA), Verfahren(staatsanwaltschaft=STA_2)),
    (Verfahren(staatsanwaltschaft=STA, gericht=LG),),
    (Verfahren(gericht=AG),),
    (Verfahren(staatsanwaltschaft=STA), Verfahren(staatsanwaltschaft="gds:M9999S")),
    (Verfahren(staatsanwaltschaft="gds:M9999S"),),
    (Verfahren(staatsanwaltschaft=KOELN, gericht=STA),),
    (Verfahren(staatsanwaltschaft=STA), Verfahren()),
)
ERSUCHT: Final = (_facts("ersuchende_abh", *ABH), _vorgang("bezug_absender", BONN, POLIZEI))
EINRICHTUNG: Final = _facts(
    "aufnahmeeinrichtung",
    Aufnahme(ags=DORT),
    Aufnahme(ags=DORT, land_nrw=True),
    Aufnahme(land_nrw=True),
    Aufnahme(ags=DRAUSSEN, land_nrw=True),
)
WOHNSITZ: Final = _facts("wohnsitz_ags", DORT, DRAUSSEN)
AUFLAGE: Final = _facts("auflage", Auflage(ags=HIER), Auflage(ags=DRAUSSEN))
HAFT: Final = (EINRICHTUNG, BEKANNT, (ASKED[0], ASKED[3], ASKED[4]), FESTGESTELLT[:2], WOHNSITZ, AUFLAGE)
"""For a prison's notice AZR and Vorgang only give hints."""
ANSTALT: Final = _facts("haftanstalt", JVA, UFA, MRV, STA)
TAG: Final = datetime.timedelta(days=1)
ENTLASSUNG: Final = _facts("entlassung_am", STAND - TAG, STAND + 14 * TAG, STAND + 15 * TAG)
EINLEITUNG: Final = (
    ASKED,
    _facts("tatort_ags", HIER, DRAUSSEN),
    BEKANNT,
    _facts("eingang_strafanzeige", STAND - TAG, STAND - 2 * TAG),
)
BEREITS: Final = _facts(
    "bereits_unterrichtet",
    *(
        BereitsUnterrichtet(abh=abh, durch=durch, aktenkundig=aktenkundig)
        for abh in (None, RHEIN_SIEG, KOELN)
        for durch in (None, POLIZEI, STA)
        for aktenkundig in (False, True)
    ),
)
INFORMIERT: Final = _vorgang("unterrichtete_abhs", (KOELN,), (BONN, RHEIN_SIEG))


def _boolean(key: str) -> Dimension:
    return _facts(key, False, True)


_MITTEILUNG_NACH_AKTENLAGE: Final = (
    "entlassung_bekannt",
    "entlassung_durch_gericht_beabsichtigt",
    "verfahren_eingestellt",
    "strafbefehl_beantragt",
    "anklage_erhoben",
    "verfahren_erledigt",
    "urteil_nachgereicht",
    "strafaussetzung_widerrufen",
    "zurueckstellung_strafvollstreckung_widerrufen",
)
_STRAFHAFT: Final = (
    "strafhaft_antritt",
    "strafhaft_verlegung",
    "entlassungstermin_vorgesehen",
    "entlassungstermin_festgesetzt",
    "entlassungstermin_geaendert",
    "auslieferungshaft_antritt",
    "auslieferungshaft_verlegung",
)
_UNTERSUCHUNGSHAFT: Final = ("untersuchungshaft_antritt", "untersuchungshaft_verlegung", "untersuchungshaft_entlassung")
_BETEILIGUNG: Final = (VERFAHREN, _boolean("ausnahme_87_abs_5_nr_1"), _facts("aufenthaltsort_ags", HIER, DRAUSSEN))
_HAFTENDE: Final = (*AKTENLAGE, _boolean("pruefergebnis_nach_3_3"), _vorgang("pruefergebnis_3_3", True))
_VERHANDLUNG: Final = (*AKTENLAGE, _boolean("unterrichtet_nach_2_5"), _vorgang("offenes_ersuchen", True))

RELEVANT: Final[Mapping[str, tuple[Dimension, ...]]] = {
    "ermittlungsverfahren_eingeleitet": (
        ASKED,
        _facts("tatort_ags", HIER, DRAUSSEN),
        _facts("eingeleitet_durch", *EINGELEITET_DURCH),
        BEREITS,
        INFORMIERT,
    ),
    "erkenntnis_87_abs_2": (*EINLEITUNG, FESTGESTELLT),
    "auslieferungsverfahren_eingeleitet": (*EINLEITUNG[:2], BEREITS, INFORMIERT),
    **dict.fromkeys(("haftbefehl_erlassen", "haftbefehl_aufgehoben"), (*AKTENLAGE, *EINLEITUNG[1:2], INFORMIERT)),
    "einvernehmen_ersuchen": (
        VERFAHREN,
        _boolean("langfristige_abschiebungshindernisse"),
        _boolean("eilbeduerftig"),
        _facts("telefonisch_am", STAND),
        _vorgang("bezug_eilbeduerftig", True),
    ),
    "einvernehmen_entscheidung": (*ERSUCHT, _boolean("eilbeduerftig"), _vorgang("bezug_eilbeduerftig", True)),
    **dict.fromkeys(("abschiebung_durchgefuehrt", "abschiebung_nicht_durchgefuehrt"), (VERFAHREN,)),
    **dict.fromkeys(
        ("zustaendigkeitswechsel", "ersuchen_zurueckgenommen"), (VERFAHREN, _facts("neue_abh", BONN, STA, FREMD))
    ),
    **dict.fromkeys(("beteiligung_aufenthaltstitel_25", "beteiligung_ausreisefrist_59_7"), _BETEILIGUNG),
    **dict.fromkeys(("beteiligung_antwort", "akteneinsicht_antwort"), ERSUCHT),
    **dict.fromkeys(_UNTERSUCHUNGSHAFT, HAFT),
    "pruefergebnis_untersuchungshaft": (VERFAHREN, _boolean("massnahmen_kommen_in_betracht")),
    **dict.fromkeys(("haftaufhebung_beabsichtigt", "haftverschonung_beabsichtigt"), _HAFTENDE),
    **dict.fromkeys(_MITTEILUNG_NACH_AKTENLAGE, AKTENLAGE),
    **dict.fromkeys(("hauptverhandlung_termin", "hauptverhandlung_ergebnis"), _VERHANDLUNG),
    **dict.fromkeys(_STRAFHAFT, (*HAFT, ENTLASSUNG)),
    "akteneinsicht_ersuchen": (ANSTALT,),
    "pruefergebnis_vollstreckung": (_facts("vollstreckungsbehoerde", STA, AG, JVA, "gds:M9999S"),),
    "entscheidung_456a": (*AKTENLAGE, ANSTALT),
    "ausgang_des_verfahrens_482": (_facts("befasste_polizei", POLIZEI, STA, "pol:99999999999999"),),
    "asyl_mitteilung_8_1a": (),
    "vollzugsmitteilung": AKTENLAGE,
    "weitere_mitteilung": (
        _facts("empfaenger", KOELN, POLIZEI, FREMD),
        _facts("rechtsgrundlage", "§ 17 EGGVG"),
    ),
    "berichtigung": (
        _vorgang("bezug_absender", STA, JVA, FREMD),
        _vorgang("bezug_empfaenger", (KOELN,), (FREMD,), (KOELN, FREMD, STA)),
    ),
}
"""Anlass to the keys that its rows look at."""

WER: Final[Dimension] = (
    *(({"absender": sender}, {}) for sender in SENDERS),
    *(({"absender": sender, "jgg_verfahren": True}, {}) for sender in (AG, LG, STA, POLIZEI)),
)
"""Every sender kind; the JGG makes a Vollstreckungsleiter of an Amtsgericht and of nobody else."""
GEFAEHRDET: Final = {"gefaehrdet_untersuchungszweck": True}
BESTEHT: Final = {"bestehen_auf": "auf Bitte der Behörde"}
UNION: Final = {"unionsbuerger": True}
HALBSTRAFE: Final = {"halbstrafenzeitpunkt": datetime.date(2027, 3, 31)}
FREI: Final = {"freigegeben": True}
UMSTAENDE: Final[Dimension] = (
    ({}, {}),
    (GEFAEHRDET, {}),
    (BESTEHT, {}),
    (UNION, {}),
    (HALBSTRAFE, {}),
    ({}, FREI),
    (GEFAEHRDET, FREI),
    (GEFAEHRDET | BESTEHT, {}),
    (UNION | HALBSTRAFE | GEFAEHRDET | BESTEHT, FREI),
)
"""What any notice may have besides: each alone, and together where one could hide another."""
COMMON: Final[tuple[Dimension, ...]] = (WER, UMSTAENDE)
PERMITS: Final = (False, True)
"""Whether the operator has permitted every sender every Anlass."""


@dataclass(frozen=True, slots=True)
class Case:
    """One point of the space."""

    sachverhalt: Sachverhalt
    vorgang: Vorgangslage
    einstellungen: Einstellungen


def permitted(anlass: str) -> Einstellungen:
    """Settings in which every sender may post the Anlass."""
    return Einstellungen(erlaubnisse=tuple(Erlaubnis(sender, anlass, "Erprobung", STAND) for sender in SENDERS))


class Space:
    """All Sachverhalte of one Anlass."""

    def __init__(self, anlass: str) -> None:
        self.anlass = anlass
        self._dimensions = (*RELEVANT[anlass], *COMMON)
        self._settings = (Einstellungen(), permitted(anlass))
        self.size = math.prod(len(each) for each in self._dimensions) * len(PERMITS)

    def case(self, index: int) -> Case:
        """The Sachverhalt of an index below `size`."""
        facts: dict[str, Any] = {"anlass": self.anlass, "stand": STAND}
        vorgang: dict[str, Any] = {}
        index, permit = divmod(index, len(PERMITS))
        for dimension in self._dimensions:
            index, value = divmod(index, len(dimension))
            facts.update(dimension[value][0])
            vorgang.update(dimension[value][1])
        return Case(Sachverhalt(**facts), Vorgangslage(**vorgang), self._settings[permit])

    def sample(self, count: int) -> Iterator[Case]:
        """At most `count` of them, spread over all dimensions; all if there are not more."""
        step = int(self.size * (math.sqrt(5) - 1) / 2) | 1
        while math.gcd(step, self.size) > 1:
            step += 2
        for n in range(min(count, self.size)):
            yield self.case(n * step % self.size)


def spaces() -> list[Space]:
    """One space an Anlass."""
    return [Space(anlass) for anlass in ANLAESSE]


def main(arguments: list[str]) -> int:
    """Try a sample or all; 1 where a law is broken, 2 for anything else on the command line."""
    from tools.rule_laws import Broken, Tally

    if arguments not in ([], ["--full"]):
        print(__doc__, file=sys.stderr)
        return 2
    tally, whole = Tally(), spaces()
    counts = [space.size if arguments else min(SAMPLE, space.size) for space in whole]
    try:
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("Sachverhalte", total=sum(counts))
            for space, count in zip(whole, counts, strict=True):
                for case in space.sample(count):
                    tally.judge(case)
                progress.advance(task, count)
        tally.reached()
    except Broken as broken:
        print(broken, file=sys.stderr)
        return 1
    print(f"{sum(space.size for space in whole):,} Sachverhalte, {tally.summary()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
