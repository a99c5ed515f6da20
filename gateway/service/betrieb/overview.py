"""The first page: what needs a person now, then the figures of the last 24 hours.

Promises: an authority's staff sees its own slice, our own staff everything that its roles allow; every list is short
and leads to the whole one; nothing here reads content.
Fails: `StoreError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway import clock
from gateway.clock import as_iso
from gateway.send.lane import LaneState
from gateway.service.context import Context
from gateway.service.departure.lanes import Lanes
from gateway.service.upkeep.certificates import Held
from gateway.service.views.listing import Listing
from gateway.service.views.reading import Reading
from gateway.service.views.searching import Searching
from gateway.states import DeliveryStatus, MessageStatus
from gateway.store.steps import listed
from gateway.trust.status import EXPIRY_DAYS, days_left
from gateway.watch.people import Person, Right

SHOWN = 5
"""Entries of one list."""
HOURS = 24
HOUR = 3600 * clock.SECOND
_ALWAYS = "2000-01-01"
"""Whatever waits for a person is shown, however old it is."""


class Overview:
    """Gathers the first page."""

    def __init__(self, ctx: Context, reading: Reading, held: Callable[[], Sequence[Held]]) -> None:
        self._ctx = ctx
        self._reading = reading
        self._searching = Searching(ctx)
        self._listing = Listing(ctx)
        self._held = held

    async def gather(self, person: Person) -> Mapping[str, Any]:
        """Everything on the page."""
        value: dict[str, Any] = {"faelle": [], "stunden": None}
        if person.may(Right.NACHRICHTEN):
            value["faelle"] = [*await self._messages(person), *await self._duties(person)]
            value["stunden"] = await self._hours(person)
            value["seit"] = as_iso(self._since())
            if not person.own_staff:
                value["eingangsfach"] = await self._inbox(person)
        value["partner"] = await self._partners() if person.may(Right.PARTNER) else []
        value["zertifikate"] = self._certificates() if person.may(Right.PARTNER) else []
        return value

    async def duties(self, person: Person, after: str | None = None, count: int = 50) -> Mapping[str, Any]:
        """Open duties, of the person's authorities or of all."""
        return await self._listing.duties(
            until=clock.as_datetime(self._ctx.now() + 366 * HOURS * HOUR).date(),
            after=after,
            count=count,
            pflichtig=None if person.own_staff else person.behoerden,
        )

    async def _messages(self, person: Person) -> list[dict[str, Any]]:
        found = []
        for status, since in (
            (MessageStatus.KLAERUNG, _ALWAYS),
            (MessageStatus.GESCHEITERT, None),
            (MessageStatus.TEILWEISE, None),
            (MessageStatus.ZURUECKGESTELLT, _ALWAYS),
        ):
            query: dict[str, Any] = {"status": str(status), "anzahl": SHOWN}
            page = await self._searching.search(person.caller, query | ({"von": since} if since else {}))
            entries = page["eintraege"]
            if status is MessageStatus.ZURUECKGESTELLT:
                entries = [each for each in entries if each.get("zurueckstellung", {}).get("erinnert_am")]
            found.append({"art": str(status), "eintraege": entries, "mehr": page["naechste"] is not None})
        if person.own_staff:
            found.append(await self._open_points())
            found += [await self._stuck(status) for status in _STUCK]
        return [each for each in found if each["eintraege"]]

    async def _open_points(self) -> dict[str, Any]:
        page = await self._listing.clearings(count=SHOWN)
        return {"art": "empfaenger_offen", "eintraege": page["eintraege"], "mehr": page["naechste"] is not None}

    async def _stuck(self, status: DeliveryStatus) -> dict[str, Any]:
        rows = await self._ctx.db.fetch("stuck_deliveries", str(status), "", SHOWN)
        entries = [
            {
                "nachricht": row["message_id"],
                "empfaenger": row["empfaenger"],
                "text": row["last_error"],
                "seit": as_iso(row["changed"]),
            }
            for row in rows
        ]
        return {"art": f"zustellung_{status}", "eintraege": entries, "mehr": len(rows) == SHOWN}

    async def _duties(self, person: Person) -> list[dict[str, Any]]:
        page = await self._listing.duties(count=SHOWN, pflichtig=None if person.own_staff else person.behoerden)
        entries = page["eintraege"]
        return [{"art": "pflichten", "eintraege": entries, "mehr": page["naechste"] is not None}] if entries else []

    async def _inbox(self, person: Person) -> Mapping[str, Any]:
        inbox = await self._reading.inbox(person.caller)
        return {"zahl": len(inbox["eintraege"]), "mehr": inbox["naechste"] is not None}

    async def _partners(self) -> list[dict[str, Any]]:
        """Lanes that do not go."""
        return [lane for lane in await Lanes(self._ctx).all() if lane["zustand"] != LaneState.FREI]

    def _certificates(self) -> list[dict[str, Any]]:
        at = self._ctx.at()
        near = [(days_left(each.bis, at), each) for each in self._held()]
        return [
            {"name": each.name, "partner": each.partner, "verwendung": each.use, "tage": left}
            for left, each in sorted(near, key=lambda pair: pair[0])
            if left <= EXPIRY_DAYS[0]
        ][:SHOWN]

    def _since(self) -> int:
        """The begin of the first of the last 24 hours."""
        return (self._ctx.now() // HOUR - HOURS + 1) * HOUR

    async def _hours(self, person: Person) -> list[dict[str, Any]]:
        since = self._since()
        if person.own_staff:
            rows = await self._ctx.db.fetch("hourly", since)
        else:
            rows = await self._ctx.db.fetch("hourly_of", since, listed(person.behoerden))
        found = {row["stunde"]: row for row in rows}
        return [
            {
                "beginn": as_iso(since + n * HOUR),
                "nachrichten": found[n]["nachrichten"] if n in found else 0,
                "zugestellt": found[n]["zugestellt"] if n in found else 0,
                "dauer": found[n]["dauer"] / found[n]["zugestellt"] if n in found and found[n]["zugestellt"] else None,
            }
            for n in range(HOURS)
        ]


_STUCK = (DeliveryStatus.KLAERUNG, DeliveryStatus.QUITTUNG_UNGUELTIG, DeliveryStatus.ANGEHALTEN)
"""Deliveries that wait for a person, whatever their message's status is."""
