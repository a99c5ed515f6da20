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
from gateway.service.betrieb.desk import titled
from gateway.service.context import Context
from gateway.service.departure.lanes import Lanes
from gateway.service.upkeep.certificates import Held
from gateway.service.views.listing import Listing
from gateway.service.views.reading import Reading
from gateway.service.views.searching import Searching
from gateway.states import DeliveryStatus, MessageStatus
from gateway.store.database import Row
from gateway.trust.status import EXPIRY_DAYS, days_left
from gateway.watch.people import Person, Right

SHOWN = 5
"""Entries of one list."""
HOURS = 24
HOUR = 3600 * clock.SECOND
RECENT = 30 * HOURS * HOUR
"""How long what ended badly is shown."""
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
            value["quittungen"] = await self._receipts() if person.own_staff else None
            value["seit"] = as_iso(self._since())
            if not person.own_staff:
                value["eingangsfach"] = await self._inbox(person)
        value["partner"] = await self._partners() if person.may(Right.PARTNER) else []
        value["vereinbarungen"] = await self._ctx.partners.broken() if person.may(Right.PARTNER) else []
        value["zertifikate"] = self._certificates() if person.may(Right.PARTNER) else []
        return value

    async def duties(self, person: Person, after: str | None = None, count: int = 50) -> Mapping[str, Any]:
        """Open duties, of the person's authorities or of all."""
        found = await self._listing.duties(
            until=clock.as_datetime(self._ctx.now() + 366 * HOURS * HOUR).date(),
            after=after,
            count=count,
            pflichtig=None if person.own_staff else person.behoerden,
        )
        return dict(found) | {"heute": self._ctx.today().isoformat()}

    async def _messages(self, person: Person) -> list[dict[str, Any]]:
        """What waits for a person, the worst first."""
        found = [await self._found(person, MessageStatus.KLAERUNG, _ALWAYS)]
        if person.own_staff:
            found.append(await self._open_points())
        found += [await self._found(person, status) for status in (MessageStatus.GESCHEITERT, MessageStatus.TEILWEISE)]
        if person.own_staff:
            found += [await self._stuck(status) for status in _STUCK]
            found.append(_deliveries("spaet", await self._ctx.db.fetch("delayed_deliveries", "", SHOWN)))
            found += [await self._requests(), await self._unsent()]
        return [each for each in found if each["eintraege"]]

    async def _found(self, person: Person, status: MessageStatus, since: str | None = None) -> dict[str, Any]:
        query: dict[str, Any] = {"status": str(status), "anzahl": SHOWN}
        page = await self._searching.search(person.caller, query | ({"von": since} if since else {}))
        entries = [titled(each) for each in page["eintraege"]]
        return {"art": str(status), "eintraege": entries, "mehr": page["naechste"] is not None}

    async def _open_points(self) -> dict[str, Any]:
        page = await self._listing.clearings(count=SHOWN)
        return {"art": "empfaenger_offen", "eintraege": page["eintraege"], "mehr": page["naechste"] is not None}

    async def _requests(self) -> dict[str, Any]:
        """What came in and cannot be judged."""
        rows = await self._ctx.db.fetch("stuck_requests", SHOWN)
        entries = [
            {"id": row["id"], "von": row["as2_from"], "versuche": row["raised"], "seit": as_iso(row["received"])}
            for row in rows
        ]
        return {"art": "eingang_klaerung", "eintraege": entries, "mehr": len(rows) == SHOWN}

    async def _unsent(self) -> dict[str, Any]:
        """Receipts of ours that did not arrive, of the last days."""
        rows = await self._ctx.db.fetch("unsent_mdns", self._ctx.now() - RECENT, SHOWN)
        entries = [
            {"nachricht": row["message_id"], "von": row["as2_from"], "seit": as_iso(row["received"])} for row in rows
        ]
        return {"art": "quittung_offen", "eintraege": entries, "mehr": len(rows) == SHOWN}

    async def _stuck(self, status: DeliveryStatus) -> dict[str, Any]:
        return _deliveries(str(status), await self._ctx.db.fetch("stuck_deliveries", str(status), "", SHOWN))

    async def _duties(self, person: Person) -> list[dict[str, Any]]:
        """What is owed today, and what is withheld although its sender was reminded."""
        page = await self._listing.duties(count=SHOWN, pflichtig=None if person.own_staff else person.behoerden)
        found = [
            {"art": "pflichten", "eintraege": page["eintraege"], "mehr": page["naechste"] is not None},
            await self._withheld(person),
        ]
        return [each for each in found if each["eintraege"]]

    async def _withheld(self, person: Person) -> dict[str, Any]:
        keys = [None] if person.own_staff else sorted(person.behoerden)
        rows = [row for key in keys for row in await self._ctx.db.fetch("reminded_withheld", key, SHOWN)]
        entries = [
            {
                "nachricht": row["message_id"],
                "pflichtig": row["pflichtig"],
                "seit": as_iso(row["opened"]),
                "erinnert_am": as_iso(row["reminded"]),
            }
            for row in rows[:SHOWN]
        ]
        return {"art": "zurueckgestellt", "eintraege": entries, "mehr": len(rows) >= SHOWN}

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
            asked = [await self._ctx.db.fetch("hourly", since)]
        else:
            asked = [await self._ctx.db.fetch("hourly_of", since, key) for key in sorted(person.behoerden)]
        by_hour = {n: [row for rows in asked for row in rows if row["stunde"] == n] for n in range(HOURS)}
        return [
            {
                "beginn": as_iso(since + n * HOUR),
                "nachrichten": sum(row["nachrichten"] for row in rows),
                "dauer": _mean([row["dauer"] for row in rows]),
            }
            for n, rows in sorted(by_hour.items())
        ]

    async def _receipts(self) -> int:
        """Positive receipts that were verified in these hours."""
        (row,) = await self._ctx.db.fetch("receipts_since", self._since())
        return int(row["zahl"])


def _deliveries(art: str, rows: list[Row]) -> dict[str, Any]:
    entries = [
        {
            "nachricht": row["message_id"],
            "empfaenger": row["empfaenger"],
            "text": row["last_error"],
            "seit": as_iso(row["created"]),
        }
        for row in rows
    ]
    return {"art": f"zustellung_{art}", "eintraege": entries, "mehr": len(rows) == SHOWN}


def _mean(values: list[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


_STUCK = (DeliveryStatus.KLAERUNG, DeliveryStatus.QUITTUNG_UNGUELTIG, DeliveryStatus.ANGEHALTEN)
"""Deliveries that wait for a person, whatever their message's status is."""
