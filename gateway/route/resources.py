"""Reads the packaged directory of NRW.

Promises: one value per process, built once; it works from a wheel as from a checkout.
Fails: with `VerzeichnisFehler` for packaged rows that do not add up, `FileNotFoundError` for a broken installation.
"""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib.resources import files

from gateway.route.overlay import COLUMNS, FILES, Rows
from routing.verzeichnis import Verzeichnis


@cache
def packaged_directory() -> Verzeichnis:
    """The directory that comes with the program, without any operator's corrections."""
    return Verzeichnis.aus_zeilen(_rows("behoerden.csv"), _rows("gemeinden.csv"), _rows("aufnahmeeinrichtungen.csv"))


@cache
def packaged_rows() -> Rows:
    """The rows of the packaged directory, for what overlays them; callers only read them."""
    return {table: {row[keyed]: row for row in _rows(FILES[table])} for table, (keyed, *_) in COLUMNS.items()}


def _rows(name: str) -> list[dict[str, str]]:
    text = files("routing").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))
