"""The table of the decree: every row, in order, by version.

Promises: each Anlass has at least one row; the first row that has it gives the base form of its number.
Fails: not at all.
"""

from __future__ import annotations

from typing import Final

from routing.erlass import einleitung, erledigung, ermittlungsende, untersuchungshaft, weitere
from routing.erlass.lage import Regel

ERLASS_2022: Final[tuple[Regel, ...]] = (
    *einleitung.REGELN,
    *untersuchungshaft.REGELN,
    *ermittlungsende.REGELN,
    *erledigung.REGELN,
    *weitere.REGELN,
)
"""The decree of 29 April 2022."""

TABELLEN: Final = {"29.04.2022": ERLASS_2022}
"""Version of the decree (`Fassung.fassung`) to its rows."""
