"""How fast somebody who is logged in may ask: by session, and by person over all sessions.

Promises: pure but for what it counts; bounded memory; who stays below the rate is never put off, who went beyond it
goes on after the seconds that the refusal names. Counts are those of this process: those of several gateways add up.
Fails: `TooMany` with the seconds to wait.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from gateway.errors import TooMany

REMEMBERED: Final = 10_000
"""Sessions or persons remembered at once; the one unused for longest goes first, and its allowance is full anyway."""


@dataclass(frozen=True, slots=True)
class Rate:
    """An allowance that fills up again."""

    at_once: int
    per_second: float


SESSION: Final = Rate(200, 4.0)
"""Nobody reads four pages a second; two hundred at once are many tabs that a browser restores, each with its news."""
PERSON: Final = Rate(400, 8.0)
"""Twice that: two devices."""


class RateLimit:
    """Counts requests by key (token bucket)."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """What was left when, by key."""

    def demand(self, key: str, at: float) -> None:
        """Count one request.

        Args:
            key: whose.
            at: seconds of a clock that only goes forward.

        Raises:
            TooMany: it is one too many; it was not counted.
        """
        left, since = self._left.get(key, (float(self._rate.at_once), at))
        left = min(self._rate.at_once, left + (at - since) * self._rate.per_second)
        if left < 1:
            raise TooMany(retry_after=math.ceil((1 - left) / self._rate.per_second))
        self._left[key] = left - 1, at
        self._left.move_to_end(key)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
