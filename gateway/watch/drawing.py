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

WIDTH: Final = 960
HEIGHT: Final = 220
LEFT: Final = 48
RIGHT: Final = 64
"""On both sides of the plot there is room for its values."""
BOTTOM: Final = 28
TOP: Final = 12
ROW: Final = 28
"""Height of one certificate on the time line."""
LABEL: Final = 320
"""Width of the names beside the time line."""
LABEL_CHARS: Final = 44
"""Letters that fit there; the table below has the whole name."""


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
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    above: int = TOP
    base: int = HEIGHT - BOTTOM


def traffic(hours: Sequence[Mapping[str, Any]]) -> Traffic:
    """The plot of `hours`: `beginn`, `nachrichten`, `dauer` (mean, microseconds, or None)."""
    top = max([1, *(hour["nachrichten"] for hour in hours)])
    longest = max([1.0, *(hour["dauer"] or 0.0 for hour in hours)])
    step = (WIDTH - LEFT - RIGHT) / max(1, len(hours))
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
    width: int = WIDTH


def time_line(windows: Sequence[tuple[str, datetime, datetime]], now: datetime) -> TimeLine:
    """Windows (label, begin, end) from a year ago to three years ahead; what lies beyond is cut off."""
    begin, end = now - timedelta(days=365), now + timedelta(days=3 * 365)
    whole = (end - begin).total_seconds()

    def at(moment: datetime) -> float:
        inside = min(max(moment, begin), end)
        return _r(LABEL + (WIDTH - LABEL) * (inside - begin).total_seconds() / whole)

    spans = tuple(
        Span(_short(label), *_bar(at(since), at(until)), n * ROW + 6) for n, (label, since, until) in enumerate(windows)
    )
    first = [datetime(year, 1, 1, tzinfo=now.tzinfo) for year in range(begin.year + 1, end.year + 1)]
    years = tuple((at(day), str(day.year)) for day in first)
    return TimeLine(spans, at(now), years, max(1, len(windows)) * ROW + 28)


def _bar(begin: float, end: float) -> tuple[float, float]:
    """Where a bar begins and how wide it is; one of no length still shows, within the line."""
    width = max(2.0, end - begin)
    return _r(min(begin, WIDTH - width)), _r(width)


def _short(label: str) -> str:
    return label if len(label) <= LABEL_CHARS else f"{label[: LABEL_CHARS - 1]}…"


def _r(value: float) -> float:
    return round(value, 1)
