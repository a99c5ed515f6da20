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
from typing import Any, Final

from gateway import logs
from gateway.events import Art
from gateway.store.database import Database, Do, Row, Value
from gateway.store.resources import queries

EVENTS: Final = ("insert_event", "insert_told_event")
"""The statements that write an event."""
WARNINGS: Final = frozenset({Art.ALARM, Art.PARTNER_UNTERBROCHEN, Art.ZERTIFIKAT_LAEUFT_AB, Art.WIEDERHERSTELLUNG})
"""Events that somebody should look at."""

Watch = Callable[[Sequence[Do], Sequence[tuple[str, Mapping[str, Any]]]], None]
"""Told of each commit: its statements, and its events as kind and detail."""


class Told(Database):
    """A database whose durable steps are told."""

    def __init__(self, db: Database, watch: Watch = lambda _, __: None) -> None:
        self._db = db
        self._watch = watch

    async def commit(self, *steps: Do) -> list[list[Row]]:
        """As the database beneath; then tell."""
        began = time.perf_counter()
        found = await self._db.commit(*steps)
        took = round(1000 * (time.perf_counter() - began), 1)
        self._watch(steps, [_line(step, took) for step in steps if step.query in EVENTS])
        return found

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
