"""Plots as geometry, which templates draw as SVG: traffic by the hour, windows of certificates on a time line.

Promises: pure; every plot fits its box whatever the values are, and a table beside it holds the same values.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from gateway import clock

WIDTH: Final = 720
HEIGHT: Final = 200
LEFT: Final = 40
BOTTOM: Final = 24
TOP: Final = 10
ROW: Final = 44
"""Height of one certificate on the time line."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour."""

    x: float
    y: float
    width: float
    height: float
    hour: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """Messages as columns, how long they took as a line."""

    bars: tuple[Bar, ...]
    line: tuple[tuple[float, float], ...]
    top: int
    """Messages at the upper end."""
    top_duration: float
    """Microseconds at the upper end."""


def traffic(hours: Sequence[Mapping[str, Any]]) -> Traffic:
    """The plot of `hours`: `beginn`, `nachrichten`, `dauer` (mean, microseconds, or None)."""
    top = max([1, *(hour["nachrichten"] for hour in hours)])
    longest = max([1.0, *(hour["dauer"] or 0.0 for hour in hours)])
    step = (WIDTH - LEFT) / max(1, len(hours))
    inner = HEIGHT - BOTTOM - TOP
    bars, line = [], []
    for n, hour in enumerate(hours):
        x, height = LEFT + n * step, inner * hour["nachrichten"] / top
        local = datetime.fromisoformat(hour["beginn"]).astimezone(clock.BERLIN)
        bars.append(Bar(_r(x + 2), _r(TOP + inner - height), _r(step - 4), _r(height), f"{local:%H}"))
        if hour["dauer"] is not None:
            line.append((_r(x + step / 2), _r(TOP + inner * (1 - hour["dauer"] / longest))))
    return Traffic(tuple(bars), tuple(line), top, longest)


@dataclass(frozen=True, slots=True)
class Span:
    """One certificate's window."""

    label: str
    x: float
    width: float
    y: float


@dataclass(frozen=True, slots=True)
class TimeLine:
    """Windows under each other."""

    spans: tuple[Span, ...]
    today: float
    years: tuple[tuple[float, str], ...]
    height: int


def time_line(windows: Sequence[tuple[str, datetime, datetime]], now: datetime) -> TimeLine:
    """Windows (label, begin, end) from a year ago to three years ahead; what lies beyond is cut off."""
    begin, end = now - timedelta(days=365), now + timedelta(days=3 * 365)
    whole = (end - begin).total_seconds()

    def at(moment: datetime) -> float:
        inside = min(max(moment, begin), end)
        return _r(WIDTH * (inside - begin).total_seconds() / whole)

    spans = tuple(
        Span(label, at(since), _r(max(2.0, at(until) - at(since))), n * ROW + 24)
        for n, (label, since, until) in enumerate(windows)
    )
    first = [datetime(year, 1, 1, tzinfo=now.tzinfo) for year in range(begin.year + 1, end.year + 1)]
    years = tuple((at(day), str(day.year)) for day in first)
    return TimeLine(spans, at(now), years, max(1, len(windows)) * ROW + 30)


def _r(value: float) -> float:
    return round(value, 1)
