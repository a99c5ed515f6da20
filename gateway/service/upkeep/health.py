"""Whether this gateway lives, and whether it can take traffic now.

`/healthz`: is the process able to go on by itself? Not while a regular task hangs: then whoever watches it should start
it anew. `/readyz`: should anybody send to it now? Not before recovery is finished, while the store does not answer or
did not keep what it was given, while the disk is nearly full, or when the log is so far behind that what is accepted
could not be proved.

Promises: each answer is found out when it is asked for, within `STORE_S`; a reason is one word, without values.
Fails: not at all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.service.context import Context
from gateway.service.evidence.logbook import read_lag
from gateway.service.telling import Told
from gateway.service.upkeep.gauges import free_bytes
from gateway.store.database import StoreError

STORE_S: Final = 5.0
"""How long the store may take to answer: whoever asks for health waits about as long."""
HANGS_S: Final = 300.0
"""A regular task that has not ended a round for so long hangs: a round takes seconds, and one that fails ends."""
FAILED_S: Final = 60.0
"""How long a step that the store could not keep counts, if nothing else was tried since."""
ROOM: Final = 256 * 1024 * 1024
"""Bytes that must be free on the disk of an SQLite store: one message of the largest size, and its journal."""
UNPROVED_S: Final = 4 * 3600.0
"""How far the log may be behind while messages are still taken: half a working day to mend it."""

Round = Callable[[], Awaitable[object]]


class Health:
    """What is known of this process."""

    def __init__(self, ctx: Context, db: Told) -> None:
        self._ctx = ctx
        self._db = db
        self._rounds: dict[str, float] = {}
        self.recovered = False
        """Recovery is finished."""

    def watched(self, name: str, job: Round) -> Round:
        """The same regular job, whose rounds are noted."""
        self._rounds[name] = time.monotonic()

        async def round_() -> object:
            try:
                return await job()
            finally:
                self._rounds[name] = time.monotonic()

        return round_

    def hanging(self) -> list[str]:
        """Regular tasks that do not come to an end."""
        now = time.monotonic()
        return sorted(name for name, ended in self._rounds.items() if now - ended > HANGS_S)

    async def obstacles(self) -> list[str]:
        """Why no traffic should come now; empty where it may."""
        found = [] if self.recovered else ["wiederanlauf"]
        free = free_bytes(self._ctx)
        if free is not None and free < ROOM:
            found.append("platz")
        if self._db.failed_since(FAILED_S):
            found.append("schreiben")
        return [*found, *await self._store(), *(f"haengt_{name}" for name in self.hanging())]

    async def _store(self) -> list[str]:
        try:
            async with asyncio.timeout(STORE_S):
                lag = await read_lag(self._ctx.db, self._ctx.now())
        except (StoreError, TimeoutError):
            return ["store"]
        return ["protokoll"] if lag.seconds > UNPROVED_S else []
