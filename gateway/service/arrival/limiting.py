"""How many requests may fail to open before who sends them has to wait (wire.md section 3: rate limit per partner).

Each failure tells a little about our keys to whoever can measure; so nobody gets many of them. AS2-From is unsigned, so
failures count for the name and the address together: whoever uses a partner's name up from elsewhere does not keep the
partner out. All addresses that use one name share a larger limit, which spares those from which a message of that
partner was verified before.

Promises: pure but for what it counts; bounded memory; an address from which a partner's messages open is never put off
by what others do in its name.
Fails: `Overloaded` with the seconds to wait.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TypeVar

from gateway import clock
from gateway.errors import Overloaded

FAILURES = 100
"""Failures of one name from one address in `WINDOW`: an honest partner whose certificate we do not have yet, sending
all that waits."""
TOGETHER = 500
"""Failures of one name from all addresses that never proved to be the partner's."""
WINDOW = 60 * clock.SECOND
"""How long a failure counts."""
REMEMBERED = 10_000
"""Addresses remembered at once; the one unused for longest goes first."""
ALL = "*"
"""Stands for all addresses of a name that never proved to be the partner's."""

Key = tuple[str, str]
T = TypeVar("T")


class FailureLimit:
    """Counts failures by partner and address."""

    def __init__(self) -> None:
        self._failed: OrderedDict[Key, deque[int]] = OrderedDict()
        self._proved: OrderedDict[Key, None] = OrderedDict()

    def failed(self, partner_id: str, now: int, peer: str = "") -> None:
        """One more, from the address `peer` where that counts."""
        self._count((partner_id, peer), FAILURES, now)
        if peer and (partner_id, peer) not in self._proved:
            self._count((partner_id, ALL), TOGETHER, now)

    def verified(self, partner_id: str, peer: str) -> None:
        """A message of this partner came from this address."""
        _remember(self._proved, (partner_id, peer), None)

    def demand(self, partner_id: str, now: int, peer: str = "") -> None:
        """Whether another request may be looked at.

        Raises:
            Overloaded: too many failed just before.
        """
        _demand(self._failed.get((partner_id, peer)), FAILURES, now)
        if peer and (partner_id, peer) not in self._proved:
            _demand(self._failed.get((partner_id, ALL)), TOGETHER, now)

    def _count(self, key: Key, most: int, now: int) -> None:
        times = self._failed.get(key)
        if times is None:
            times = deque(maxlen=most)
        times.append(now)
        _remember(self._failed, key, times)


def _remember(where: OrderedDict[Key, T], key: Key, value: T) -> None:
    where[key] = value
    where.move_to_end(key)
    if len(where) > REMEMBERED:
        where.popitem(last=False)


def _demand(times: deque[int] | None, most: int, now: int) -> None:
    """The oldest of `most` failures must be past; one from the future (a clock set back) counts as past."""
    if times is None or len(times) < most or not now - WINDOW < times[0] <= now:
        return
    wait = times[0] + WINDOW - now
    raise Overloaded(retry_after=max(1, -(-wait // clock.SECOND)))
