"""Each step as one line of the log, and as figures: once it is durable, and only then.

A step is an event (gateway/events.py), written in the step's own commit. So the lines and the events are the same: the
log of the process says nothing that the store does not hold, and nobody has to remember to log.

Promises: every event of this process leads to one line after its commit, with its ids, the time that the commit took,
and its details, which hold no personal data; whoever watches steps sees them in the order of the commit.
Fails: as the database beneath; a process that ends between commit and line leaves the event without one.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from gateway import logs
from gateway.events import Art
from gateway.store.database import Database, Do, Row, StoreUnavailable, Value
from gateway.store.resources import queries

EVENTS: Final = ("insert_event", "insert_told_event")
"""The statements that write an event."""
WARNINGS: Final = frozenset({Art.ALARM, Art.PARTNER_UNTERBROCHEN, Art.ZERTIFIKAT_LAEUFT_AB, Art.WIEDERHERSTELLUNG})
"""Events that somebody should look at."""


class Watch(Protocol):
    """Who is told of each step."""

    def committed(self, steps: Sequence[Do], events: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """A step is durable: its statements, and its events as kind and detail."""

    def failed(self) -> None:
        """The store could not keep a step."""


class Told(Database):
    """A database whose durable steps are told."""

    def __init__(self, db: Database, watch: Watch) -> None:
        self._db = db
        self._watch = watch
        self._failed: float | None = None

    async def commit(self, *steps: Do) -> list[list[Row]]:
        """As the database beneath; then tell."""
        began = time.perf_counter()
        try:
            found = await self._db.commit(*steps)
        except StoreUnavailable:
            self._failed = time.monotonic()
            self._watch.failed()
            raise
        took = round(1000 * (time.perf_counter() - began), 1)
        events = [_line(step, took) for step in steps if step.query in EVENTS]
        if events:
            self._failed = None
        self._watch.committed(steps, events)
        return found

    def failed_since(self, seconds: float) -> bool:
        """Whether a step could not be kept in the last `seconds`, and no event was written since.

        Steps without an event do not count as proof: they may have changed nothing, and then write nothing.
        """
        return self._failed is not None and time.monotonic() - self._failed < seconds

    async def fetch(self, query: str, *args: Value) -> list[Row]:
        """As the database beneath."""
        return await self._db.fetch(query, *args)

    async def fetch_one(self, query: str, *args: Value) -> Row | None:
        """As the database beneath."""
        return await self._db.fetch_one(query, *args)

    def wake_others(self) -> None:
        """As the database beneath."""
        self._db.wake_others()

    async def listen(self, heard: Callable[[], None]) -> None:
        """As the database beneath."""
        await self._db.listen(heard)

    def deafen(self) -> None:
        """As the database beneath."""
        self._db.deafen()

    async def close(self) -> None:
        """As the database beneath."""
        await self._db.close()


def _line(step: Do, took: float) -> tuple[str, Mapping[str, Any]]:
    """Write the line of one event; its kind and detail."""
    event = dict(zip(queries()[step.query].parameters, step.args, strict=True))
    art, detail = str(event["art"]), json.loads(str(event["detail"] or "{}"))
    logs.step(
        art,
        logging.WARNING if art in WARNINGS else logging.INFO,
        ereignis=event["id"],
        nachricht=event["message_id"],
        zustellung=event["delivery_id"],
        akteur=event["akteur"],
        dauer_ms=took,
        angaben=detail,
    )
    return art, detail
