"""Which version of which rules is valid on which day, and what an operator may set.

Promises: values only; the day and the data (`data/regelwerk.toml`) come in from outside. The decree and the ordinance
are named in every decision.
Fails: `RegelwerkFehler` for data that are no versions; a day on which no version is valid yields None.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal


class RegelwerkFehler(ValueError):
    """Die Angaben sind keine Fassungen von Erlass und ZustAVO."""

    def __init__(self, fehler: list[str]) -> None:
        self.fehler = fehler
        super().__init__(" ".join(fehler))


@dataclass(frozen=True, slots=True)
class Fassung:
    """One version of a set of rules and the days on which it is valid."""

    name: str
    fassung: str
    gueltig_ab: datetime.date
    gueltig_bis: datetime.date | None = None
    """Last day of validity; None is open-ended."""
    quelle: str = ""
    tabelle: str = ""
    """Which rules in the program a version of the decree uses; empty: those of its own name."""

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

    @classmethod
    def aus_daten(
        cls, daten: Mapping[str, Any], tabellen: Collection[str], grundlage: Regelwerk | None = None
    ) -> Regelwerk:
        """Reads versions as a TOML file gives them.

        Args:
            daten: lists `erlass` and `zustavo` of tables with the keys of `Fassung`.
            tabellen: the rules that the program has (`routing.erlass.tabelle.TABELLEN`).
            grundlage: gives the list that `daten` lacks.

        Raises:
            RegelwerkFehler: unknown keys, wrong types, no version, a version without rules; names all faults.
        """
        fehler = [f"„{key}“ ist unbekannt; bekannt sind erlass und zustavo." for key in daten if key not in _LISTEN]
        erlass = _fassungen(daten, "erlass", grundlage.erlass if grundlage else (), fehler)
        zustavo = _fassungen(daten, "zustavo", grundlage.zustavo if grundlage else (), fehler)
        fehler += [
            f"erlass {fassung.fassung}: Regeln „{fassung.tabelle or fassung.fassung}“ gibt es in diesem Programm nicht."
            for fassung in erlass
            if (fassung.tabelle or fassung.fassung) not in tabellen
        ]
        if fehler:
            raise RegelwerkFehler(fehler)
        return cls(erlass, zustavo)

    def am(self, tag: datetime.date | None) -> tuple[Fassung, Fassung] | None:
        """Decree and ordinance valid on `tag`, the latest of each; None if one of them has no version for that day."""
        erlass, zustavo = _letzte(self.erlass, tag), _letzte(self.zustavo, tag)
        return (erlass, zustavo) if erlass and zustavo else None

    def festgelegt_auf(self, fassung: str) -> Regelwerk | None:
        """These rules with one version, of the decree or of the ordinance, applied on every day; None if unknown."""
        erlass, zustavo = _auf(self.erlass, fassung), _auf(self.zustavo, fassung)
        if erlass is None and zustavo is None:
            return None
        return Regelwerk(erlass or self.erlass, zustavo or self.zustavo)


_LISTEN: Final = ("erlass", "zustavo")
_TEXTE: Final = ("name", "fassung", "quelle", "tabelle")
_TAGE: Final = ("gueltig_ab", "gueltig_bis")


def _letzte(fassungen: Iterable[Fassung], tag: datetime.date | None) -> Fassung | None:
    return max((f for f in fassungen if f.gilt_am(tag)), key=lambda f: f.gueltig_ab, default=None)


def _auf(fassungen: Iterable[Fassung], name: str) -> tuple[Fassung, ...] | None:
    """The versions of that name, without days."""
    return (
        tuple(replace(f, gueltig_ab=datetime.date.min, gueltig_bis=None) for f in fassungen if f.fassung == name)
        or None
    )


def _fassungen(
    daten: Mapping[str, Any], liste: str, grundlage: tuple[Fassung, ...], fehler: list[str]
) -> tuple[Fassung, ...]:
    """One list of versions, each name once; what is wrong is added to `fehler`."""
    tabellen = daten.get(liste)
    if tabellen is None and grundlage:
        return grundlage
    if not isinstance(tabellen, list) or not tabellen:
        fehler.append(f"„{liste}“ nennt keine Fassung.")
        return ()
    gelesen = [_fassung(eine, f"{liste} {n}", fehler) for n, eine in enumerate(tabellen, 1)]
    fassungen = [fassung for fassung in gelesen if fassung is not None]
    if len({fassung.fassung for fassung in fassungen}) < len(fassungen):
        fehler.append(f"„{liste}“ nennt eine Fassung zweimal.")
    return tuple(fassungen)


def _fassung(tabelle: object, wo: str, fehler: list[str]) -> Fassung | None:
    """One version; None, and its faults in `fehler`, if it is none."""
    if not isinstance(tabelle, Mapping):
        fehler.append(f"{wo} ist keine Tabelle.")
        return None
    neu = [f"{wo}: „{key}“ ist unbekannt." for key in tabelle if key not in _TEXTE + _TAGE]
    neu += [f"{wo}: „{key}“ fehlt." for key in ("name", "fassung", "gueltig_ab") if key not in tabelle]
    neu += [f"{wo}: „{key}“ muss Text sein." for key in _TEXTE if not isinstance(tabelle.get(key, ""), str)]
    neu += [
        f"{wo}: „{key}“ muss ein Datum ohne Anführungszeichen sein."
        for key in _TAGE
        if key in tabelle and type(tabelle[key]) is not datetime.date
    ]
    if not neu and tabelle.get("gueltig_bis", datetime.date.max) < tabelle["gueltig_ab"]:
        neu.append(f"{wo}: gueltig_bis liegt vor gueltig_ab.")
    fehler += neu
    return None if neu else Fassung(**tabelle)


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
