"""How many requests of one partner may fail to open before it has to wait (wire.md section 3: rate limit per partner).

Each failure tells a little about our keys to whoever can measure; so nobody gets many of them. AS2-From is unsigned, so
somebody else may use a partner's name up: that partner's requests are then put off, never lost, until it stops.

Promises: pure but for what it counts; a partner that does not fail is never put off.
Fails: `Overloaded` with the seconds to wait.
"""

from __future__ import annotations

from collections import deque

from gateway import clock
from gateway.errors import Overloaded

FAILURES = 100
"""Failures of one partner in `WINDOW`: an honest one whose certificate we do not have yet, sending all that waits."""
WINDOW = 60 * clock.SECOND
"""How long a failure counts."""


class FailureLimit:
    """Counts failures by partner."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[int]] = {}

    def failed(self, partner_id: str, now: int) -> None:
        """One more."""
        self._failed.setdefault(partner_id, deque(maxlen=FAILURES)).append(now)

    def demand(self, partner_id: str, now: int) -> None:
        """Whether another request may be looked at.

        Raises:
            Overloaded: too many failed just before.
        """
        times = self._failed.get(partner_id)
        if times is None or len(times) < FAILURES or times[0] <= now - WINDOW:
            return
        wait = times[0] + WINDOW - now
        raise Overloaded(retry_after=max(1, -(-wait // clock.SECOND)))
