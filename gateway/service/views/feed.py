"""What is new for a caller, from the log: the source of `GET /v1/events`.

A place is how many leaves of the log a reader has behind it: every event gets a leaf, whenever it was committed and by
whichever gateway, and none before another that a reader has passed. Ids would not do: on PostgreSQL a late commit
would be skipped.

Promises: the slice of gateway/service/views/reading.py and nothing beside it; the state told is that of the moment of
telling, as the caller sees it. What one look costs is bounded (`STRETCH`).
Fails: `Forbidden`, `Malformed`, `Conflict` before a stream begins.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.clock import as_iso
from gateway.errors import Conflict, Forbidden, Malformed, NotFound
from gateway.events import Art
from gateway.message import Caller
from gateway.service.context import Context
from gateway.service.views.reading import Reading, Slice
from gateway.store.database import Row
from gateway.store.steps import listed
from gateway.watch.stream_http import News

STRETCH: Final = 1_000
"""Leaves that one look goes over."""
TOLD: Final = frozenset(
    {
        Art.ANNAHME,
        Art.EINGANG,
        Art.ENTSCHEIDUNG,
        Art.VERSUCH,
        Art.UEBERGABE,
        Art.QUITTUNG,
        Art.ABHOLUNG,
        Art.FRIST_QUITTUNG,
        Art.RUECKLAEUFER,
        Art.WEITERLEITUNG,
        Art.NACHWEIS,
        Art.FREIGABE,
        Art.ZUWEISUNG,
        Art.NEUVERSAND,
        Art.STORNIERUNG,
        Art.ERINNERUNG,
        Art.LOESCHUNG,
    }
)
"""Kinds of events that go with a change that its sender or its recipient acts on."""
_PLACE: Final = re.compile(r"[0-9]{1,18}")


class LogFeed:
    """The stream's port."""

    def __init__(self, ctx: Context, reading: Reading, who_is: Callable[[str], Caller | None]) -> None:
        self._ctx = ctx
        self._reading = reading
        self._who_is = who_is
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Streams end."""
        self._ending.set()

    def still(self, caller: Caller) -> bool:
        """Whether the caller's certificate stands for the same as when it came, and we do not end."""
        return not self._ending.is_set() and self._who_is(caller.fingerprint) == caller

    async def pause(self, seconds: float) -> None:
        """Wait, or less where we end."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    async def begin(self, caller: Caller, last: str | None) -> int:
        """The place behind which a stream begins: behind `last`, or behind all that there is.

        Raises:
            Forbidden: the certificate stands for no authority.
            Malformed: `last` is no place.
            Conflict: the log does not reach that far: it is another, or an older copy.
        """
        if not caller.behoerden:
            raise Forbidden(
                "Ihr Zertifikat steht für keine Behörde; Ereignisse gibt es nur zu Nachrichten einer Behörde."
            )
        size = await self._size()
        if last is None:
            return size
        if not _PLACE.fullmatch(last):
            raise Malformed("Last-Event-ID ist keine Stelle dieses Ereignisstroms.", code="wert")
        if int(last) > size:
            raise Conflict(
                "Bis zu dieser Last-Event-ID reicht das Protokoll nicht, etwa weil es wiederhergestellt wurde. "
                "Beginnen Sie ohne sie neu und gleichen Sie mit der Suche ab.",
                code="stelle_unbekannt",
            )
        return int(last)

    async def after(self, caller: Caller, place: int) -> News:
        """What the caller may know of the stretch behind a place."""
        end = min(await self._size(), place + STRETCH)
        if end <= place:
            return News([], place)
        rows = await self._ctx.db.fetch("sealed_events_of_readers", listed(caller.behoerden), place, end)
        slices: dict[str, Slice | None] = {}
        told = [(int(row["leaf"]) + 1, await self._told(caller, row, slices)) for row in rows if row["art"] in TOLD]
        return News([(place, value) for place, value in told if value is not None], end)

    async def _told(self, caller: Caller, row: Row, slices: dict[str, Slice | None]) -> Mapping[str, Any] | None:
        message_id = row["message_id"]
        if message_id not in slices:
            slices[message_id] = await self._slice(caller, message_id)
        seen = slices[message_id]
        if seen is None or not (seen.whole or row["delivery_id"] in {each["id"] for each in seen.deliveries}):
            return None
        return {
            "id": row["id"],
            "zeitpunkt": as_iso(row["at"]),
            "art": row["art"],
            "nachricht": message_id,
            "nachrichten_id": seen.message["eigene_id"],
            "zustellung": row["delivery_id"],
            "status": seen.status,
        }

    async def _slice(self, caller: Caller, message_id: str) -> Slice | None:
        try:
            return await self._reading.slice(caller, message_id)
        except NotFound:
            return None

    async def _size(self) -> int:
        row = await self._ctx.db.fetch_one("log_head", "log")
        return int(row["size"]) if row else 0
