"""Work that raises each time it is tried: tried again alone, later and later, until a person is told.

Promises: one piece of work that raises holds up no other; it rests longer after each time it raised; after `POISONED`
times an alarm is an event, with what gives it up where there is such a thing, and from then on it is tried at long
intervals only. How often something raised each process counts for itself.
Fails: `StoreUnavailable` passes, for then nothing can be done, whatever it is.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from gateway.events import Art
from gateway.service.context import Context
from gateway.store.database import Do, Row, StaleState, StoreUnavailable

log = logging.getLogger(__name__)

POISONED: Final = 5
"""Times that something may raise before it waits for a person: what passes by itself has passed by then."""
FIRST_S: Final = 60.0
"""How long it rests after the first time; each time twice as long."""
CAP_S: Final = 3_600.0
REMEMBERED: Final = 10_000
"""Pieces of work whose raising is remembered at once; beyond that all are forgotten, and begin anew."""

GiveUp = Callable[[Row], Sequence[Do]]
"""Statements that make a piece of work wait for a person; they go with the alarm."""


def rest_s(raised: int) -> float:
    """Seconds until the next try of what raised so many times."""
    return min(FIRST_S * float(1 << min(max(raised, 1) - 1, 16)), CAP_S)


class Patience:
    """Of one kind of regular work."""

    def __init__(self, ctx: Context, job: str, key: str = "id") -> None:
        """Args:
        ctx: clock and store.
        job: what the work is called in alarms.
        key: the column that tells one piece from another.
        """
        self._ctx = ctx
        self._job = job
        self._key = key
        self._raised: dict[str, tuple[int, float]] = {}

    async def each(
        self, rows: Iterable[Row], work: Callable[[Row], Awaitable[object]], give_up: GiveUp = lambda _: ()
    ) -> None:
        """Do the work of every row that does not rest.

        Raises:
            StoreUnavailable: the rest waits for the next round.
        """
        for row in rows:
            if self._rests(row[self._key]):
                continue
            try:
                await work(row)
            except StoreUnavailable:
                raise
            except Exception:
                log.exception("%s: %s raised", self._job, row[self._key])
                await self._note(row, give_up)
            else:
                self._raised.pop(row[self._key], None)

    def _rests(self, key: str) -> bool:
        return self._raised.get(key, (0, 0.0))[1] > time.monotonic()

    async def _note(self, row: Row, give_up: GiveUp) -> None:
        if len(self._raised) > REMEMBERED:
            self._raised.clear()
        key = row[self._key]
        times = self._raised.get(key, (0, 0.0))[0] + 1
        self._raised[key] = (times, time.monotonic() + rest_s(times))
        if times != POISONED:
            return
        alarm = self._ctx.event(
            Art.ALARM,
            self._ctx.self_akteur,
            message_id=row.get("message_id"),
            delivery_id=row.get("delivery_id", key if "weg" in row else None),
            grund="intern",
            aufgabe=self._job,
        )
        with contextlib.suppress(StaleState):
            await self._ctx.db.commit(*give_up(row), alarm)
            return
        await self._ctx.db.commit(alarm)
