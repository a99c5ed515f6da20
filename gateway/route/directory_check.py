"""What an operator should know about the directory: what is wrong, what soon will be, what is unsure. Pure.

Promises: everything that would keep the directory from being built, or leave a municipality without an authority, on
this day or a later one, is an error; what deserves a look is a warning; the rest is counted.
Fails: not at all; an unusable directory is what it reports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from gateway.route.overlay import (
    UNSURE,
    Correction,
    Row,
    Rows,
    as_day,
    faults,
    overlay,
    row_faults,
    turning_days,
    words,
)

EXPECTED: Final[Mapping[str, int]] = {"Gemeinden": 396, "kreisfreie Städte": 22, "Große kreisangehörige Städte": 35}
"""Municipalities of the Land and their kinds (nrw/README.md); another number is a territorial reform, or a mistake."""
SOON: Final = timedelta(days=60)
"""How long before its end a row is told of, unless somebody asks for another time."""
DISTRICTS: Final[Mapping[str, str]] = {"abh": "abh", "zab": "zab", "polizei": "polizei"}
"""Kinds of authorities that have a district, by the column of a municipality that names them."""
WITHOUT_DISTRICT: Final = "Landesoberbehörde"
"""The one Stufe of a police authority that has no district: the LKA."""


@dataclass(slots=True)
class Report:
    """What was found."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def examine(
    packaged: Rows,
    corrections: Iterable[Correction],
    today: date,
    *,
    soon: timedelta = SOON,
    in_use: Iterable[tuple[str, str]] = (),
) -> Report:
    """Look at the directory as it is and will be.

    Args:
        packaged: the packaged rows.
        corrections: what operators said.
        today: the day from which on to look.
        soon: rows that end within this time are told of.
        in_use: place and key of each authority that agreements or the configuration name.
    """
    said = list(corrections)
    rows = overlay(packaged, said, today)
    report = Report(counts=_counts(rows, said, today))
    report.errors += [
        f"{t} {k}: {fault}" for t, found in rows.items() for k, row in found.items() for fault in row_faults(t, row)
    ]
    report.errors += _over_time(packaged, said, today)
    report.warnings += [
        *_sizes(report.counts),
        *_names(rows["behoerde"].values(), today),
        *_districts(rows, today),
        *_ends(rows["behoerde"].values(), said, today, today + soon),
        *_noted(said, today),
        *_unknown(rows["behoerde"], in_use, today),
    ]
    return report


def is_unsure(row: Row) -> bool:
    """Whether some confidence of the row asks for a second look."""
    return any(words(text) & UNSURE for column, text in row.items() if column.startswith("konfidenz"))


def _counts(rows: Rows, said: Iterable[Correction], today: date) -> dict[str, int]:
    kinds = Counter(row.get("art", "") for row in rows["behoerde"].values() if _valid(row, today))
    towns = [row.get("typ", "") for row in rows["gemeinde"].values()]
    return {
        "Gemeinden": len(towns),
        "kreisfreie Städte": sum(typ == "kreisfreie Stadt" for typ in towns),
        "Große kreisangehörige Städte": sum(typ.lower().startswith("große kreisangehörige") for typ in towns),
        **{f"Behörden {art}": number for art, number in sorted(kinds.items())},
        "Behörden beendet": sum(_ended(row, today) for row in rows["behoerde"].values()),
        "Aufnahmeeinrichtungen": len(rows["aufnahmeeinrichtung"]),
        "unsicher: Behörden": sum(map(is_unsure, rows["behoerde"].values())),
        "unsicher: Gemeinden": sum(map(is_unsure, rows["gemeinde"].values())),
        "unsicher: Aufnahmeeinrichtungen": sum(map(is_unsure, rows["aufnahmeeinrichtung"].values())),
        "berichtigt": len({(each.table, each.key) for each in said if each.row is not None and each.counts_on(today)}),
    }


def _over_time(packaged: Rows, said: list[Correction], today: date) -> Iterator[str]:
    """What does not add up, today or from a later day on; each fault once."""
    told: set[str] = set()
    for day in turning_days(packaged, said, today):
        for fault in faults(overlay(packaged, said, day), day):
            if fault not in told:
                told.add(fault)
                yield fault if day == today else f"Ab {day:%d.%m.%Y}: {fault}"


def _sizes(counts: Mapping[str, int]) -> Iterator[str]:
    for name, number in EXPECTED.items():
        if counts[name] != number:
            yield f"{counts[name]} {name} statt {number}"


def _names(rows: Iterable[Row], today: date) -> Iterator[str]:
    """A name that two authorities share does not lead to either."""
    names = Counter(row.get("name", "") for row in rows if not _ended(row, today))
    for name, number in names.items():
        if number > 1:
            yield f"{number} Behörden heißen „{name}“; über diesen Namen ist keine erreichbar"


def _districts(rows: Rows, today: date) -> Iterator[str]:
    """Authorities without a district, and municipalities that another Regierungsbezirk's ZAB serves."""
    for art, column in DISTRICTS.items():
        used = {row.get(column) for row in rows["gemeinde"].values()}
        for key, row in rows["behoerde"].items():
            here = row.get("art") == art and row.get("ags") and row.get("stufe") != WITHOUT_DISTRICT
            if here and _valid(row, today) and key not in used:
                yield f"„{key}“ ist für keine Gemeinde zuständig"
    for ags, row in rows["gemeinde"].items():
        zab = rows["behoerde"].get(row.get("zab", ""), {})
        if zab.get("regierungsbezirk", "") not in ("", row.get("regierungsbezirk")):
            yield f"Gemeinde „{ags}“ liegt nicht im Regierungsbezirk ihrer ZAB „{row.get('zab')}“"


def _ends(rows: Iterable[Row], said: Iterable[Correction], today: date, until: date) -> Iterator[str]:
    for row in rows:
        end = as_day(row.get("gueltig_bis", ""))
        if end is not None and today <= end <= until:
            yield f"„{row['key']}“ endet am {end:%d.%m.%Y}"
    for each in said:
        if each.bis is not None and today <= each.bis <= until and each.counts_on(today):
            yield f"Die Berichtigung von „{each.key}“ gilt nur bis {each.bis:%d.%m.%Y}"


def _noted(said: Iterable[Correction], today: date) -> Iterator[str]:
    for each in said:
        if each.ab is not None and each.ab > today:
            yield f"Für „{each.key}“ ist ab {each.ab:%d.%m.%Y} eine Änderung vorgemerkt"


def _unknown(rows: Mapping[str, Row], in_use: Iterable[tuple[str, str]], today: date) -> Iterator[str]:
    for place, key in in_use:
        row = rows.get(key)
        if row is None:
            yield f"{place}: „{key}“ steht nicht im Verzeichnis"
        elif not _valid(row, today):
            yield f"{place}: „{key}“ gilt heute nicht"


def _valid(row: Row, day: date) -> bool:
    ab = as_day(row.get("gueltig_ab", ""))
    return (ab is None or ab <= day) and not _ended(row, day)


def _ended(row: Row, day: date) -> bool:
    bis = as_day(row.get("gueltig_bis", ""))
    return bis is not None and bis < day
