"""Figures as they are shown: ratios with what they are made of, smallest and median of several rounds.

Promises: pure; the same figures as a table for people and as JSON.
Fails: not at all.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One row: what was measured against what, round by round."""

    name: str
    measured: Sequence[float]
    against: Sequence[float] = ()
    aim: float | None = None
    """The ratio shall not be above."""
    unit: str = "ms"

    @property
    def ratios(self) -> list[float]:
        """Of each round; the two of one round were measured one after the other."""
        return [ours / theirs for ours, theirs in zip(self.measured, self.against, strict=False) if theirs]

    @property
    def ratio(self) -> float | None:
        """The middle one."""
        return statistics.median(self.ratios) if self.ratios else None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "unit": self.unit,
            "measured": list(self.measured),
            "against": list(self.against),
            "ratio": self.ratio,
            "ratio_min": min(self.ratios, default=None),
            "aim": self.aim,
        }


def table(title: str, measured: str, against: str, figures: Sequence[Figure]) -> Table:
    """For people."""
    made = Table("", measured, against, "ratio", "least", "aim", title=title)
    for figure in figures:
        made.add_row(
            figure.name,
            _both(figure.measured, figure.unit),
            _both(figure.against, figure.unit),
            f"{figure.ratio:.2f}" if figure.ratio is not None else "",
            f"{min(figure.ratios):.2f}" if figure.ratios else "",
            f"{figure.aim:g}" if figure.aim is not None else "",
        )
    return made


def _both(values: Sequence[float], unit: str) -> str:
    if not values:
        return ""
    return f"{statistics.median(values):.3g} {unit}" + (f" (least {min(values):.3g})" if len(values) > 1 else "")
