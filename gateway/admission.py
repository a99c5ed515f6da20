"""How much a listener takes on at once: what is beyond that is refused before a byte of it is read.

Promises: the memory that bodies may take together is bounded, whoever sends them; a client that sends no complete
request head is let go. What is refused may come again and has had no effect.
Fails: `Overloaded`, which the listener answers with 503 and Retry-After.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiohttp import web

from gateway.errors import Overloaded

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
