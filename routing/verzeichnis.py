"""The directory as a value: authorities, the districts that municipalities lie in, and how sure each row is.

Promises: built from rows that somebody else read (packaged CSV, overlaid by an operator's corrections); every code is
unique and every reference resolves, or it is not built. Look-ups answer None for what is not there, or not valid on the
day that is asked about. No I/O, no clock.
Fails: by `VerzeichnisFehler`, whose `fehler` name every row that is wrong.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from routing.leser import ist_schluessel

ARTEN: Final = ("polizei", "sta", "gericht", "jva", "mrv", "abh", "zab", "bamf", "ufa")
"""Kinds of authorities: the sender kinds of requirements.md section 2, and the UfA, which does not count as a JVA."""

AUSLAENDERBEHOERDEN: Final = frozenset({"abh", "zab"})
"""Kinds that can be a competent Ausländerbehörde (§ 1 ZustAVO)."""

BAMF: Final = "bamf:zentrale"

Zeile = Mapping[str, str]


class VerzeichnisFehler(ValueError):
    """Das Verzeichnis ist in sich nicht stimmig."""

    def __init__(self, fehler: list[str]) -> None:
        self.fehler = fehler
        super().__init__(" ".join(fehler))


@dataclass(frozen=True, slots=True)
class Behoerde:
    """One authority."""

    key: str
    art: str
    """One of `ARTEN`."""
    name: str
    stufe: str = ""
    """Finer kind: AG, LG, OLG; StA, GStA; JVA, JAA, JVK, SothA; Kreis, Stadt."""
    ort: str = ""
    ags: str = ""
    """Municipality in which it lies."""
    regierungsbezirk: str = ""
    gueltig_ab: datetime.date | None = None
    gueltig_bis: datetime.date | None = None
    """Last day on which it is valid."""
    konfidenz: str = ""
    """How sure the row is, in the words of the source; empty where the source has none."""
    quelle: str = ""

    def gilt_am(self, tag: datetime.date | None) -> bool:
        """Whether the row is valid on `tag`; without a day, whether it has no end."""
        if tag is None:
            return self.gueltig_bis is None
        return (self.gueltig_ab is None or self.gueltig_ab <= tag) and (
            self.gueltig_bis is None or tag <= self.gueltig_bis
        )


@dataclass(frozen=True, slots=True)
class Gemeinde:
    """One municipality and the authorities whose districts it lies in."""

    ags: str
    name: str
    typ: str
    kreis_ags: str
    kreis: str
    regierungsbezirk: str
    abh: str
    zab: str
    polizei: str
    sta: str
    gerichte: tuple[str, ...]
    """Its Amtsgerichte; large towns have several."""
    konfidenz_abh: str = ""
    konfidenz_justiz: str = ""


@dataclass(frozen=True, slots=True)
class Aufnahmeeinrichtung:
    """A reception facility of the Land. The law has no fixed list; routing needs only its place."""

    key: str
    name: str
    art: str
    ags: str
    status: str = ""
    stand: str = ""
    konfidenz: str = ""
    quelle: str = ""


@dataclass(frozen=True, slots=True)
class Verzeichnis:
    """All authorities and municipalities. Build it with `aus_zeilen`."""

    behoerden: Mapping[str, Behoerde]
    gemeinden: Mapping[str, Gemeinde]
    aufnahmeeinrichtungen: tuple[Aufnahmeeinrichtung, ...] = ()
    _nach_namen: Mapping[str, str | None] = field(default_factory=dict, repr=False)

    @classmethod
    def aus_zeilen(
        cls,
        behoerden: Iterable[Zeile],
        gemeinden: Iterable[Zeile],
        aufnahmeeinrichtungen: Iterable[Zeile] = (),
    ) -> Verzeichnis:
        """Builds the directory from rows, as `csv.DictReader` gives them.

        Args:
            behoerden: rows with the columns of `Behoerde`.
            gemeinden: rows with the columns of `Gemeinde`; `gerichte` separated by spaces.
            aufnahmeeinrichtungen: rows with the columns of `Aufnahmeeinrichtung`.

        Raises:
            VerzeichnisFehler: a row is malformed, a code comes twice, or a reference does not resolve.
        """
        fehler: list[str] = []
        alle = _eindeutig((_behoerde(zeile, fehler) for zeile in behoerden), fehler)
        orte = _eindeutig((_gemeinde(zeile, fehler) for zeile in gemeinden), fehler)
        lager = _eindeutig((_aufnahme(zeile, fehler) for zeile in aufnahmeeinrichtungen), fehler)
        _pruefe_bezuege(alle, orte, lager.values(), fehler)
        if fehler:
            raise VerzeichnisFehler(fehler)
        return cls(alle, orte, tuple(lager.values()), _namen(alle.values()))

    def ueberlagert(self, behoerden: Iterable[Zeile]) -> Verzeichnis:
        """This directory with an operator's rows in place of, or beside, the packaged ones.

        Raises:
            VerzeichnisFehler: a row is malformed or two of them share a key.
        """
        fehler: list[str] = []
        neu = _eindeutig((_behoerde(zeile, fehler) for zeile in behoerden), fehler)
        alle = {**self.behoerden, **neu}
        _pruefe_bezuege(alle, self.gemeinden, self.aufnahmeeinrichtungen, fehler)
        if fehler:
            raise VerzeichnisFehler(fehler)
        return Verzeichnis(alle, self.gemeinden, self.aufnahmeeinrichtungen, _namen(alle.values()))

    def behoerde(self, key: str | None, am: datetime.date | None = None) -> Behoerde | None:
        """The authority of that key, if it is valid on `am`."""
        gefunden = self.behoerden.get(key) if key else None
        return gefunden if gefunden is not None and gefunden.gilt_am(am) else None

    def nach_namen(self, name: str) -> Behoerde | None:
        """The authority of exactly that name; None if nobody, or more than one, is called so."""
        key = self._nach_namen.get(" ".join(name.split()))
        return self.behoerden[key] if key else None

    def abh_fuer_ags(self, ags: str | None) -> str | None:
        """Key of the ABH in whose district the municipality lies; None outside NRW."""
        gemeinde = self.gemeinden.get(ags or "")
        return gemeinde.abh if gemeinde else None

    def zab_fuer_ags(self, ags: str | None) -> str | None:
        """Key of the ZAB of the Regierungsbezirk in which the municipality lies; None outside NRW."""
        gemeinde = self.gemeinden.get(ags or "")
        return gemeinde.zab if gemeinde else None

    def polizei_fuer_ags(self, ags: str | None) -> str | None:
        """Key of the Kreispolizeibehörde of the municipality; None outside NRW."""
        gemeinde = self.gemeinden.get(ags or "")
        return gemeinde.polizei if gemeinde else None

    def sta_fuer_ags(self, ags: str | None) -> str | None:
        """Key of the Staatsanwaltschaft of the municipality; None outside NRW."""
        gemeinde = self.gemeinden.get(ags or "")
        return gemeinde.sta if gemeinde else None

    def abh_des_bezirks(self, key: str | None) -> str | None:
        """Key of the ABH in whose district an authority (a JVA) lies; None if it is unknown or lies outside NRW."""
        gefunden = self.behoerden.get(key or "")
        return self.abh_fuer_ags(gefunden.ags) if gefunden else None


def _tag(zeile: Zeile, spalte: str) -> datetime.date | None:
    text = (zeile.get(spalte) or "").strip()
    return datetime.date.fromisoformat(text) if text else None


def _behoerde(zeile: Zeile, fehler: list[str]) -> Behoerde | None:
    """One row as an authority; a malformed one is reported and left out."""
    key, art, name = zeile.get("key", ""), zeile.get("art", ""), " ".join(zeile.get("name", "").split())
    try:
        ab, bis = _tag(zeile, "gueltig_ab"), _tag(zeile, "gueltig_bis")
    except ValueError:
        fehler.append(f"„{key}“: gueltig_ab oder gueltig_bis ist kein Datum.")
        return None
    if not ist_schluessel(key) or art not in ARTEN or not name:
        fehler.append(f"„{key}“ hat keinen gültigen Schlüssel, keine bekannte Art oder keinen Namen.")
        return None
    texte = {spalte: zeile.get(spalte) or "" for spalte in _TEXTE}
    return Behoerde(key=key, art=art, name=name, gueltig_ab=ab, gueltig_bis=bis, **texte)


_TEXTE: Final = ("stufe", "ort", "ags", "regierungsbezirk", "konfidenz", "quelle")


def _gemeinde(zeile: Zeile, fehler: list[str]) -> Gemeinde | None:
    """One row as a municipality; a row without a needed column is reported and left out."""
    try:
        return Gemeinde(
            **{spalte: zeile[spalte] for spalte in _GEMEINDE},
            gerichte=tuple(zeile["gerichte"].split()),
            konfidenz_abh=zeile.get("konfidenz_abh") or "",
            konfidenz_justiz=zeile.get("konfidenz_justiz") or "",
        )
    except KeyError as fehlt:
        fehler.append(f"Gemeinde „{zeile.get('ags', '')}“: die Spalte {fehlt} fehlt.")
        return None


_GEMEINDE: Final = ("ags", "name", "typ", "kreis_ags", "kreis", "regierungsbezirk", "abh", "zab", "polizei", "sta")


def _aufnahme(zeile: Zeile, fehler: list[str]) -> Aufnahmeeinrichtung | None:
    """One row as a reception facility; a row without a needed column is reported and left out."""
    try:
        return Aufnahmeeinrichtung(
            **{spalte: zeile[spalte] for spalte in ("key", "name", "art", "ags")},
            **{spalte: zeile.get(spalte) or "" for spalte in ("status", "stand", "konfidenz", "quelle")},
        )
    except KeyError as fehlt:
        fehler.append(f"Aufnahmeeinrichtung „{zeile.get('key', '')}“: die Spalte {fehlt} fehlt.")
        return None


D = TypeVar("D", Behoerde, Gemeinde, Aufnahmeeinrichtung)


def _eindeutig(dinge: Iterable[D | None], fehler: list[str]) -> dict[str, D]:
    """Key to thing; a code that comes twice is reported."""
    nach_code: dict[str, D] = {}
    for ding in dinge:
        if ding is None:
            continue
        code = ding.ags if isinstance(ding, Gemeinde) else ding.key
        if code in nach_code:
            fehler.append(f"„{code}“ kommt zweimal vor.")
        nach_code[code] = ding
    return nach_code


def _namen(behoerden: Iterable[Behoerde]) -> dict[str, str | None]:
    """Name to key; a name that two authorities share leads nowhere."""
    namen: dict[str, str | None] = {}
    for behoerde in behoerden:
        namen[behoerde.name] = None if behoerde.name in namen else behoerde.key
    return namen


def _pruefe_bezuege(
    behoerden: Mapping[str, Behoerde],
    gemeinden: Mapping[str, Gemeinde],
    aufnahmeeinrichtungen: Iterable[Aufnahmeeinrichtung],
    fehler: list[str],
) -> None:
    """Every reference must lead to a row of the right kind; authorities may lie outside NRW only without an AGS."""
    orte = [(b.key, b.ags) for b in behoerden.values() if b.ags] + [(a.key, a.ags) for a in aufnahmeeinrichtungen]
    fehler.extend(
        f"„{key}“ liegt in „{ags}“, das keine Gemeinde des Verzeichnisses ist."
        for key, ags in orte
        if ags not in gemeinden
    )
    for gemeinde in gemeinden.values():
        bezuege = [("abh", gemeinde.abh), ("zab", gemeinde.zab), ("polizei", gemeinde.polizei), ("sta", gemeinde.sta)]
        for art, key in bezuege + [("gericht", key) for key in gemeinde.gerichte]:
            ziel = behoerden.get(key)
            if ziel is None or ziel.art != art:
                fehler.append(f"Gemeinde „{gemeinde.ags}“ verweist auf „{key}“, das keine Behörde der Art {art} ist.")
