"""The shell's clock: the one place that asks what time it is.

Promises: microseconds UTC as the store keeps them, and the day of receipt in Germany.
Fails: not at all.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
"""The day of receipt is the German day (requirements.md 2a.12)."""
SECOND = 1_000_000
"""Microseconds."""


def now() -> int:
    """Microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


def as_datetime(micros: int) -> datetime:
    """A stored time as an aware datetime in UTC."""
    return datetime.fromtimestamp(micros / SECOND, UTC)


def as_iso(micros: int | None) -> str | None:
    """A stored time as ISO 8601 with milliseconds and `Z`; None stays None."""
    if micros is None:
        return None
    return as_datetime(micros).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day(micros: int) -> date:
    """The German calendar day of a stored time."""
    return as_datetime(micros).astimezone(BERLIN).date()
