"""What this process has under way, kept under its leases for as long as it takes.

A lease is short, so that the work of a gateway that died is soon taken up by another; so whoever works renews it.

Promises: work under way is renewed several times within one lease, by the monotonic clock, and at once when the wall
clock was set: a clock that jumps takes no work away from whoever does it. Work that another gateway took over all the
same is cancelled.
Fails: `StoreError` of a renewal; it is tried again at the next look.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from gateway import clock

log = logging.getLogger(__name__)

LEASE = 60 * clock.SECOND
"""How long a claim holds without being renewed: a gateway that died keeps its work from the others no longer. Several
hosts' clocks must be closer together than this."""
RENEW_S = 15.0
"""How often work under way is renewed: three renewals may fail before one is lost."""
JUMP = 5 * clock.SECOND
"""A wall clock that moved by more than this against the monotonic one was set."""

Renew = Callable[[list[str], int], Awaitable[set[str]]]
"""Renews these leases until that moment; ids of those that somebody else has now."""


class Leases:
    """Leases of one kind of work."""

    def __init__(self, now: Callable[[], int], renew: Renew) -> None:
        self._now = now
        self._renew = renew
        self._under_way: dict[str, asyncio.Task[Any] | None] = {}
        self._renewed = time.monotonic()
        self._offset = self._clock_offset()

    @contextlib.contextmanager
    def holding(self, id_: str) -> Iterator[None]:
        """The work of this task, for as long as the block runs."""
        self._under_way[id_] = asyncio.current_task()
        try:
            yield
        finally:
            self._under_way.pop(id_, None)

    async def renew(self) -> None:
        """Renew what is due; end what another gateway took over."""
        offset = self._clock_offset()
        moved = offset - self._offset
        if abs(moved) <= JUMP and time.monotonic() - self._renewed < RENEW_S:
            return
        if abs(moved) > JUMP:
            log.warning("the wall clock was set by %d s", moved // clock.SECOND)
        if self._under_way:
            for id_ in await self._renew(list(self._under_way), self._now() + LEASE):
                self._end(id_)
        self._renewed, self._offset = time.monotonic(), offset

    def _end(self, id_: str) -> None:
        task = self._under_way.get(id_)
        if task is not None:
            log.warning("%s was taken over by another gateway", id_)
            task.cancel()

    def _clock_offset(self) -> int:
        """How far the wall clock is from the monotonic one, in microseconds."""
        return self._now() - time.monotonic_ns() // 1000
