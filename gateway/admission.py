"""How much a listener takes on at once, and from one caller: what is beyond that is refused before it is read.

Promises: the memory that bodies may take together is bounded, whoever sends them; one caller that runs wild leaves room
for the others; a client that sends no complete request head is let go. What is refused may come again and has had no
effect.
Fails: `Overloaded` (503: the gateway is full, whoever asks) and `TooMany` (429: this caller asks too often), both with
Retry-After.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from aiohttp import web

from gateway.errors import Overloaded, TooMany

SMALL_BYTES: Final = 64 * 1024
"""Up to this size a body is small: nearly all notices, and every call without one."""
SMALL: Final = 512
"""Small bodies in memory at once: 32 MB."""
LARGE: Final = 32
"""Larger ones, or of unknown size: up to 8 MB of XML each are held in memory, 256 MB together; files stream."""
RETRY_S: Final = 2
"""When to come again: places are free again within moments."""
HEAD_S: Final = 30.0
"""How long a connection may stand without a complete head of its first request; it may be twice as long."""


class Admission:
    """The places of one listener."""

    def __init__(self) -> None:
        self._free = {False: SMALL, True: LARGE}

    @contextlib.contextmanager
    def place(self, size: int | None) -> Iterator[None]:
        """One place for a body of `size` bytes (None: unknown), as long as the block runs.

        Raises:
            Overloaded: there is none.
        """
        large = size is None or size > SMALL_BYTES
        if self._free[large] <= 0:
            raise Overloaded(retry_after=RETRY_S)
        self._free[large] -= 1
        try:
            yield
        finally:
            self._free[large] += 1


REMEMBERED: Final = 10_000
"""Callers whose pace is remembered at once; the one unseen for longest goes first, and may then begin anew."""


class Pace:
    """How often each caller may ask: `per_minute` at once, and as many again in each minute (a token bucket)."""

    def __init__(self, per_minute: Callable[[], int], now: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """What each caller had left, and when."""

    def take(self, caller: str) -> None:
        """One request of this caller.

        Raises:
            TooMany: it has to wait as long as is said.
        """
        now, most = self._now(), self._per_minute()
        left, at = self._left.get(caller, (float(most), now))
        left = min(float(most), left + (now - at) * most / 60)
        self._left[caller] = (left if left < 1 else left - 1, now)
        self._left.move_to_end(caller)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        if left < 1:
            raise TooMany(retry_after=max(1, math.ceil((1 - left) * 60 / most)))


def size_of(request: web.Request) -> int | None:
    """Announced bytes of a request's body; 0 where it has none, None where it does not say."""
    return request.content_length if request.body_exists else 0


class Runner(web.AppRunner):
    """A runner whose connections must begin to speak within `HEAD_S`, or some moments later."""

    _looking: asyncio.TimerHandle | None = None

    async def setup(self) -> None:
        """As a runner does; and begin to look."""
        await super().setup()
        self._look_later(())

    async def cleanup(self) -> None:
        """As a runner does."""
        if self._looking is not None:
            self._looking.cancel()
        await super().cleanup()

    def _look_later(self, silent: Sequence[Any]) -> None:
        self._looking = asyncio.get_running_loop().call_later(HEAD_S, self._look, silent)

    def _look(self, silent_before: Sequence[Any]) -> None:
        """Close connections that had said nothing at the last look, and still have not."""
        server = self.server
        if server is None:
            return
        silent = [handler for handler in server.connections if not getattr(handler, "_request_count", True)]
        for handler in silent:
            if handler in silent_before and handler.transport is not None:
                handler.transport.abort()
        self._look_later(silent)
