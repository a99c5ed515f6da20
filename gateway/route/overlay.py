"""The directory's rows: what is packaged, overlaid by operators' corrections, as they count on one day.

Promises: pure. Of all that was said about a row, the newest counts whose days hold the day asked about; where nothing
was said for that day, the packaged row counts. A correction that takes itself back gives way to the packaged row.
Whether rows may become the directory is judged for every day on which something changes, so that a change that is
accepted today cannot break the directory later.
Fails: by lists of German sentences; `directory` raises `VerzeichnisFehler`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from routing.leser import ist_schluessel
from routing.verzeichnis import ARTEN, Verzeichnis, VerzeichnisFehler

Row = Mapping[str, str]
Rows = Mapping[str, Mapping[str, Row]]
"""Table to key to row."""

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "behoerde": (
            *("key", "art", "stufe", "name", "ort", "ags", "regierungsbezirk"),
            *("gueltig_ab", "gueltig_bis", "konfidenz", "quelle"),
        ),
        "gemeinde": (
            *("ags", "name", "typ", "kreis_ags", "kreis", "regierungsbezirk"),
            *("abh", "zab", "polizei", "sta", "gerichte", "konfidenz_abh", "konfidenz_justiz"),
        ),
        "aufnahmeeinrichtung": ("key", "name", "art", "ags", "status", "stand", "konfidenz", "quelle"),
    }
)
"""Columns of each table, in the order of its file; the first is the key."""
FILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "behoerde": "behoerden.csv",
        "gemeinde": "gemeinden.csv",
        "aufnahmeeinrichtung": "aufnahmeeinrichtungen.csv",
    }
)
"""File of each table."""

CONFIDENCE: Final = frozenset(
    {"belegt", "Gerichtssitz", "wahrscheinlich", "angenommen", "Gedächtnis", "veraltet", "unsicher", "prüfen"}
)
"""Words for how sure a row is; several are joined by ` / ` or a comma. Empty where the source has none."""
UNSURE: Final = CONFIDENCE - {"belegt", "Gerichtssitz"}
"""Words that ask for somebody to look again."""
REGIERUNGSBEZIRKE: Final[Mapping[str, str]] = MappingProxyType(
    {"1": "Düsseldorf", "3": "Köln", "5": "Münster", "7": "Detmold", "9": "Arnsberg"}
)
"""Third digit of a municipality's AGS."""
MAX_CELL: Final = 500
"""Characters of one cell: what our XSDs allow the name of an authority, and more than any cell needs."""

_KINDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "abh": frozenset({"abh"}),
        "zab": frozenset({"zab"}),
        "gds": frozenset({"gericht", "sta", "jva"}),
        "pol": frozenset({"polizei"}),
        "mrv": frozenset({"mrv"}),
        "bamf": frozenset({"bamf"}),
        "nrw": frozenset(ARTEN),
    }
)
"""Kinds of authorities by the prefix of their key (contracts.md section 1)."""
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "behoerde": ("key", "art", "name"),
        "gemeinde": COLUMNS["gemeinde"][:10],
        "aufnahmeeinrichtung": ("key", "name", "art", "ags"),
    }
)
_AGS: Final = re.compile(r"05[0-9]{6}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Correction:
    """What an operator said about one row."""

    table: str
    key: str
    row: Row | None
    """The whole row; None: the packaged one counts again."""
    revision: int
    """The change that it came with; a later one is newer."""
    ab: date | None = None
    bis: date | None = None
    """First and last day on which it counts."""

    def counts_on(self, day: date) -> bool:
        """Whether its days hold `day`."""
        return (self.ab is None or self.ab <= day) and (self.bis is None or day <= self.bis)


def overlay(packaged: Rows, corrections: Iterable[Correction], day: date) -> Rows:
    """The rows as they count on `day`, each table sorted by key."""
    rows = {table: dict(packaged.get(table, {})) for table in COLUMNS}
    said: dict[tuple[str, str], Correction] = {}
    for correction in sorted(corrections, key=lambda each: each.revision):
        if correction.counts_on(day):
            said[correction.table, correction.key] = correction
    for (table, key), correction in said.items():
        if correction.row is not None:
            rows[table][key] = correction.row
    return {table: dict(sorted(found.items())) for table, found in rows.items()}


def directory(rows: Rows) -> Verzeichnis:
    """The directory that these rows make.

    Raises:
        VerzeichnisFehler: they do not add up.
    """
    return Verzeichnis.aus_zeilen(*(rows[table].values() for table in ("behoerde", "gemeinde", "aufnahmeeinrichtung")))


def faults(rows: Rows, day: date) -> list[str]:
    """Why these rows cannot be the directory on `day`: they do not add up, or a district leads to nobody then."""
    try:
        found = directory(rows)
    except VerzeichnisFehler as error:
        return error.fehler
    return [
        f"Gemeinde „{gemeinde.ags}“ verweist auf „{key}“, das nicht gültig ist."
        for gemeinde in found.gemeinden.values()
        for key in (gemeinde.abh, gemeinde.zab, gemeinde.polizei, gemeinde.sta, *gemeinde.gerichte)
        if found.behoerde(key, day) is None
    ]


def turning_days(packaged: Rows, corrections: Iterable[Correction], today: date) -> list[date]:
    """Today and every later day on which some row begins or ends to count."""
    days = {today}
    rows: list[Row] = list(packaged.get("behoerde", {}).values())
    for correction in corrections:
        days |= _turns(correction.ab, correction.bis)
        if correction.table == "behoerde" and correction.row is not None:
            rows.append(correction.row)
    for row in rows:
        days |= _turns(as_day(row.get("gueltig_ab", "")), as_day(row.get("gueltig_bis", "")))
    return sorted(day for day in days if day >= today)


def new_faults(
    packaged: Rows, before: Iterable[Correction], change: Iterable[Correction], today: date
) -> Iterator[tuple[date, str]]:
    """What a change would break, with the first day on which it would; what was wrong before does not count."""
    before, change = list(before), list(change)
    told: set[str] = set()
    for day in turning_days(packaged, [*before, *change], today):
        known = set(faults(overlay(packaged, before, day), day)) | told
        for fault in faults(overlay(packaged, [*before, *change], day), day):
            if fault not in known:
                told.add(fault)
                yield day, fault


def row_faults(table: str, row: Row) -> list[str]:
    """What is wrong with one row by itself, before it meets others."""
    found = [_cell(column, row.get(column, "")) for column in COLUMNS[table]]
    found += [f"{column} fehlt" for column in _NEEDED[table] if not row.get(column, "").strip()]
    found += [f"{column} ist keine Spalte dieser Tabelle" for column in row if column not in COLUMNS[table]]
    found += [
        f"{column}: eines von {', '.join(sorted(CONFIDENCE))}, mehrere mit „ / “ verbunden"
        for column in COLUMNS[table]
        if column.startswith("konfidenz") and not words(row.get(column, "")) <= CONFIDENCE
    ]
    return [fault for fault in [*found, *_BY_TABLE[table](row)] if fault is not None]


def words(confidence: str) -> frozenset[str]:
    """The single words of a confidence."""
    return frozenset(re.split(" / |, ", confidence)) - {""}


def as_day(text: str) -> date | None:
    """A cell as a day; None where it is empty or none."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _turns(ab: date | None, bis: date | None) -> set[date]:
    """Days on which what counts from `ab` to `bis` makes a difference."""
    after = bis + timedelta(days=1) if bis is not None and bis < date.max else None
    return {day for day in (ab, after) if day is not None}


def _cell(column: str, text: str) -> str | None:
    """What is wrong with a cell's text."""
    if len(text) > MAX_CELL:
        return f"{column} ist länger als {MAX_CELL} Zeichen"
    if not text.isprintable():
        return f"{column} enthält Zeilenumbrüche oder Steuerzeichen"
    if text != text.strip():
        return f"{column} beginnt oder endet mit Leerzeichen"
    return None


def _authority(row: Row) -> Iterator[str]:
    """What only a row of an authority can have wrong."""
    key, art = row.get("key", ""), row.get("art", "")
    prefix = key.partition(":")[0]
    if not ist_schluessel(key) or prefix not in _KINDS:
        yield "key: kein Behördenschlüssel; erwartet wird Präfix:Kennung, etwa abh:05315000, gds:R8088, mrv:klinik-ort"
    elif art not in _KINDS[prefix]:
        yield f"art: zu {prefix}: gehört {' oder '.join(sorted(_KINDS[prefix]))}"
    if row.get("ags") and not _AGS.fullmatch(row["ags"]):
        yield "ags: leer, oder der Gemeindeschlüssel einer Gemeinde in NRW mit 8 Ziffern"
    days = [row.get(column, "") for column in ("gueltig_ab", "gueltig_bis")]
    ab, bis = (as_day(day) for day in days)
    if (days[0] and ab is None) or (days[1] and bis is None):
        yield "gueltig_ab und gueltig_bis: leer, oder ein Datum in der Form JJJJ-MM-TT"
    if ab is not None and bis is not None and bis < ab:
        yield "gueltig_bis liegt vor gueltig_ab"


def _municipality(row: Row) -> Iterator[str]:
    """What only a row of a municipality can have wrong."""
    ags = row.get("ags", "")
    if not _AGS.fullmatch(ags):
        yield "ags: ein Gemeindeschlüssel in NRW hat 8 Ziffern und beginnt mit 05"
        return
    if row.get("kreis_ags") != ags[:5]:
        yield f"kreis_ags: zu {ags} gehört {ags[:5]}"
    if row.get("regierungsbezirk") != REGIERUNGSBEZIRKE.get(ags[2]):
        yield f"regierungsbezirk: die dritte Ziffer von {ags} nennt {REGIERUNGSBEZIRKE.get(ags[2], 'keinen')}"


def _facility(row: Row) -> Iterator[str]:
    """What only a row of a reception facility can have wrong."""
    if not ist_schluessel(row.get("key", "")) or not row["key"].startswith("nrw:"):
        yield "key: erwartet wird nrw:Kurzname, etwa nrw:eae-bochum"
    if not _AGS.fullmatch(row.get("ags", "")):
        yield "ags: ein Gemeindeschlüssel in NRW hat 8 Ziffern und beginnt mit 05"


_BY_TABLE: Final = {"behoerde": _authority, "gemeinde": _municipality, "aufnahmeeinrichtung": _facility}
