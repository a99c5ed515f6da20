"""What `gateway directory` says: changes, findings and rows, as JSON values and as lines for people. Pure.

Promises: values in, values out; German text.
Fails: not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gateway import clock
from gateway.route.directory_check import Report
from gateway.service.upkeep.directory import Difference
from gateway.store import Row


def difference(each: Difference) -> dict[str, Any]:
    """What changes in one row, for `--json`."""
    kind = "neu" if each.old is None else "entfällt" if each.new is None else "geändert"
    return {
        "tabelle": each.table,
        "key": each.key,
        "art": kind,
        "spalten": {column: {"alt": was, "neu": now} for column, was, now in each.columns},
        "verdraengt_ab": each.hides.isoformat() if each.hides else None,
    }


def told(value: dict[str, Any]) -> Iterator[str]:
    """A change for people."""
    for row in value["zeilen"]:
        yield f"{row['tabelle']} {row['key']}: {row['art']}"
        for column, texts in row["spalten"].items():
            yield f"  {column}: „{texts['alt']}“ → „{texts['neu']}“"
        if row["verdraengt_ab"]:
            yield f"  Die ab {row['verdraengt_ab']} vorgemerkte Änderung entfällt damit."
    if not value["zeilen"]:
        yield "Nichts zu ändern."
    elif value["geaendert"]:
        yield f"Geändert: {len(value['zeilen'])} Zeilen, Stand {value['revision']}."
    else:
        yield f"Nicht geändert (Probe): {len(value['zeilen'])} Zeilen."


def summary(report: Report) -> Iterator[str]:
    """What a check found, for people."""
    yield from (f"Fehler: {line}" for line in report.errors)
    yield from (f"Warnung: {line}" for line in report.warnings)
    yield from (f"{name}: {number}" for name, number in report.counts.items())
    yield "Das Verzeichnis ist stimmig." if not report.errors else f"{len(report.errors)} Fehler."


def entry(row: Row) -> dict[str, Any]:
    """One entry of a row's history."""
    return {
        "stand": row["revision"],
        "am": clock.as_iso(row["changed"]),
        "durch": row["changed_by"],
        "grund": row["reason"],
        "ab": row["valid_from"],
        "bis": row["valid_until"],
        "zeile": json.loads(row["entry"]) if row["entry"] is not None else None,
    }


def details(value: dict[str, Any]) -> Iterator[str]:
    """One row for people."""
    yield f"{value['key']} ({value['tabelle']}, {value['herkunft'] or 'gilt heute nicht'})"
    yield from (f"  {column}: {text}" for column, text in (value["zeile"] or {}).items() if text)
    for each in value["geschichte"]:
        days = "".join(f" {word} {each[word]}" for word in ("ab", "bis") if each[word])
        what = "Berichtigungen zurückgenommen" if each["zeile"] is None else "berichtigt"
        yield f"Stand {each['stand']}, {each['am']}, {each['durch']}: {what}{days}. {each['grund']}"
