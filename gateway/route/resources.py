"""Reads the packaged directory of NRW.

Promises: one value per process, built once; it works from a wheel as from a checkout.
Fails: with `VerzeichnisFehler` for packaged rows that do not add up, `FileNotFoundError` for a broken installation.
"""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib.resources import files

from routing.verzeichnis import Verzeichnis


@cache
def packaged_directory() -> Verzeichnis:
    """The directory that comes with the program, without any operator's corrections."""
    return Verzeichnis.aus_zeilen(_rows("behoerden.csv"), _rows("gemeinden.csv"), _rows("aufnahmeeinrichtungen.csv"))


def _rows(name: str) -> list[dict[str, str]]:
    text = files("routing").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))
