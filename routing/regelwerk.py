"""Which version of which rules is valid on which day, and what an operator may set.

Promises: values only; the day comes in from outside. The decree and the ordinance are named in every decision.
Fails: not at all; a day on which no version is valid yields None.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Fassung:
    """One version of a set of rules and the days on which it is valid."""

    name: str
    fassung: str
    gueltig_ab: datetime.date
    gueltig_bis: datetime.date | None = None
    """Last day of validity; None is open-ended."""
    quelle: str = ""

    def gilt_am(self, tag: datetime.date | None) -> bool:
        """Whether it is valid on `tag`; without a day, whether it is open-ended."""
        if tag is None:
            return self.gueltig_bis is None
        return self.gueltig_ab <= tag and (self.gueltig_bis is None or tag <= self.gueltig_bis)


@dataclass(frozen=True, slots=True)
class Regelwerk:
    """All known versions of the decree and of the ordinance on competence."""

    erlass: tuple[Fassung, ...]
    zustavo: tuple[Fassung, ...]

    def am(self, tag: datetime.date | None) -> tuple[Fassung, Fassung] | None:
        """Decree and ordinance valid on `tag`, the latest of each; None if one of them has no version for that day."""
        erlass, zustavo = _letzte(self.erlass, tag), _letzte(self.zustavo, tag)
        return (erlass, zustavo) if erlass and zustavo else None


def _letzte(fassungen: Iterable[Fassung], tag: datetime.date | None) -> Fassung | None:
    return max((f for f in fassungen if f.gilt_am(tag)), key=lambda f: f.gueltig_ab, default=None)


REGELWERK: Final = Regelwerk(
    erlass=(
        Fassung(
            name="Gemeinsamer Runderlass NRW zur Zusammenarbeit bei straffälligen ausländischen Personen",
            fassung="29.04.2022",
            gueltig_ab=datetime.date(2022, 6, 29),
            quelle="MBl. NRW. 2022 S. 585",
        ),
    ),
    zustavo=(
        Fassung(
            name="ZustAVO NRW",
            fassung="10.09.2019",
            gueltig_ab=datetime.date(2019, 9, 10),
            quelle="GV. NRW. 2019 S. 593; letzte gesehene Änderung vom 26.11.2024 (GV. NRW. S. 921)",
        ),
    ),
)
"""The packaged versions. One copy of the ZustAVO lets it lapse on 31.12.2024; a decree of 26.08.2025 applies it."""


@dataclass(frozen=True, slots=True)
class Erlaubnis:
    """An operator's permit: this sender may post this Anlass although no row of the table names its kind (2a.2)."""

    absender: str
    anlass: str
    grund: str
    bis: datetime.date
    """Last day of the permit."""


VORRANG_TAGE: Final = 14
"""5.3 Satz 2 says „kurz bevorstehend“ and no number; requirements.md reads it as at most 14 days."""


@dataclass(frozen=True, slots=True)
class Einstellungen:
    """What an operator may set about the rules."""

    vorrang_tage: int = VORRANG_TAGE
    """A release at most this many days ahead is imminent (5.3 Satz 2)."""
    frist_am_wochenende: Literal["unverschoben", "vorgezogen"] = "unverschoben"
    """A deadline on a Saturday or Sunday stays there, or moves to the Friday before (5.6 Satz 1; Auslegung)."""
    erlaubnisse: tuple[Erlaubnis, ...] = ()

    def erlaubnis(self, absender: str, anlass: str, am: datetime.date | None) -> Erlaubnis | None:
        """The permit that covers this sender and Anlass on that day; without a day none does."""
        passende = (e for e in self.erlaubnisse if (e.absender, e.anlass) == (absender, anlass))
        return next((e for e in passende if am is not None and am <= e.bis), None)
