"""What is so now and should be told: each kind of alarm is found by one look into the store or at this machine.

Promises: a look costs a bounded number of rows; a kind whose look fails is not judged, and its alarms neither begin
nor end. No personal data.
Fails: not at all; a look that raises is logged.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from gateway import clock
from gateway.alarms import Condition, Kind
from gateway.config_tables import Alarme
from gateway.events import Art
from gateway.send.lane import LaneState
from gateway.service.context import Context
from gateway.service.evidence.logbook import read_lag
from gateway.service.upkeep.certificates import Held
from gateway.service.upkeep.gauges import COUNTED, free_bytes
from gateway.trust.status import Status, days_left

log = logging.getLogger(__name__)

HOUR: Final = 3600 * clock.SECOND
DAY: Final = 24 * HOUR
MEGABYTE: Final = 1024 * 1024
RECENT: Final = 24
"""Hours for which work that was given up is told."""
EVENTS: Final = 1_000
"""Events that are looked at for it."""

Look = Callable[[], Awaitable[Sequence[Condition]]]


class Conditions:
    """Looks at everything."""

    def __init__(self, ctx: Context, held: Callable[[], Sequence[Held]]) -> None:
        self._ctx = ctx
        self._held = held

    async def found(self) -> tuple[list[Condition], set[Kind]]:
        """What is so, and which kinds could be judged."""
        conditions: list[Condition] = []
        judged: set[Kind] = set()
        for kind, look in self._looks().items():
            try:
                conditions += await look()
            except Exception:
                log.exception("alarms: %s could not be looked at", kind)
            else:
                judged.add(kind)
        return conditions, judged

    def _looks(self) -> Mapping[Kind, Look]:
        return {
            Kind.PARTNER_GESTOERT: self._partners,
            Kind.ZERTIFIKAT_ENDE: self._ends,
            Kind.WIDERRUF_UNBEKANNT: self._unknown,
            Kind.KLAERUNG: self._clearings,
            Kind.FRIST: self._duties,
            Kind.ZUSTELLUNG: self._failed,
            Kind.NICHT_ABGEHOLT: self._left,
            Kind.WARTESCHLANGE: self._queue,
            Kind.PROTOKOLL: self._log,
            Kind.ARBEIT: self._given_up,
            Kind.PLATZ: self._room,
            Kind.SICHERUNG: self._backup,
        }

    @property
    def _set(self) -> Alarme:
        return self._ctx.config.alarme

    async def _partners(self) -> list[Condition]:
        rows = await self._ctx.db.fetch("lanes", self._ctx.now())
        down = [row for row in rows if row["state"] != LaneState.FREI and row["held_at"] is None]
        return [Condition(Kind.PARTNER_GESTOERT, row["partner_id"], row["failures"]) for row in down]

    async def _ends(self) -> list[Condition]:
        """Certificates after which there is none: of several in one use, the one that ends last."""
        last: dict[tuple[str, str, str], Held] = {}
        for each in self._held():
            if each.status is Status.GESPERRT:
                continue
            key = (each.use, each.partner or "", each.sha256 if each.use == "zugang" else "")
            if key not in last or each.bis > last[key].bis:
                last[key] = each
        at, days = self._ctx.at(), self._set.zertifikat_tage
        return [self._ending(each, at) for each in last.values() if days_left(each.bis, at) <= days]

    def _ending(self, held: Held, at: datetime) -> Condition:
        details: dict[str, str | int] = {
            "tage": days_left(held.bis, at),
            "verwendung": held.use,
            "inhaber": held.partner or "eigenes" if held.use != "zugang" else "Zugang",
        }
        return Condition(Kind.ZERTIFIKAT_ENDE, f"{held.sha256[:16]} {held.use}", 1, details)

    async def _unknown(self) -> list[Condition]:
        unknown = {each.sha256 for each in self._held() if each.status is Status.UNBEKANNT}
        return [Condition(Kind.WIDERRUF_UNBEKANNT, zahl=len(unknown))] if unknown else []

    async def _clearings(self) -> list[Condition]:
        """Messages, recipients of messages, deliveries."""
        hours, count = self._set.klaerung_stunden, 0
        before = self._ctx.now() - round(hours * HOUR)
        for query in ("old_clearings", "old_open_points", "old_stuck_deliveries"):
            row = await self._ctx.db.fetch_one(query, before, COUNTED)
            count += row["n"] if row else 0
        return [Condition(Kind.KLAERUNG, zahl=count, angaben={"stunden": _plain(hours)})] if count else []

    async def _duties(self) -> list[Condition]:
        row = await self._ctx.db.fetch_one("overdue_duties", self._ctx.today().isoformat(), COUNTED)
        if row is None:
            return []
        oldest = datetime.fromisoformat(row["oldest"]).strftime("%d.%m.%Y")
        return [Condition(Kind.FRIST, zahl=row["n"], angaben={"aeltester_tag": oldest})]

    async def _failed(self) -> list[Condition]:
        hours = self._set.gescheitert_stunden
        rows = await self._ctx.db.fetch("failed_deliveries", self._ctx.now() - round(hours * HOUR), COUNTED)
        return [Condition(Kind.ZUSTELLUNG, row["empfaenger"], row["n"], {"stunden": _plain(hours)}) for row in rows]

    async def _left(self) -> list[Condition]:
        row = await self._ctx.db.fetch_one("left_in_inboxes", COUNTED)
        days = self._ctx.config.fristen.abholung_tage
        return [Condition(Kind.NICHT_ABGEHOLT, zahl=row["n"], angaben={"tage": days})] if row else []

    async def _queue(self) -> list[Condition]:
        hours, waiting = self._set.warteschlange_stunden, Counter[str]()
        before = self._ctx.now() - round(hours * HOUR)
        for row in await self._ctx.db.fetch("queue_by_age", before, 0, 0, COUNTED):
            if row["stufe"] != "bis_1_minute":  # here: accepted after `before`
                waiting[row["partner_id"]] += row["n"]
        details = {"stunden": _plain(hours)}
        return [Condition(Kind.WARTESCHLANGE, partner, count, details) for partner, count in waiting.items()]

    async def _log(self) -> list[Condition]:
        lag = await read_lag(self._ctx.db, self._ctx.now())
        minutes = int(lag.seconds // 60)
        return [Condition(Kind.PROTOKOLL, zahl=lag.waiting, angaben={"minuten": minutes})] * (
            lag.seconds > 60 * self._set.protokoll_minuten
        )

    async def _given_up(self) -> list[Condition]:
        since = first_id(self._ctx.now() - RECENT * HOUR)
        events = await self._ctx.db.fetch("events_of_art_since", str(Art.ALARM), since, EVENTS)
        reasons = Counter(json.loads(event["detail"]).get("grund") for event in events)
        return [
            Condition(Kind.ARBEIT, reason, count, {"stunden": RECENT})
            for reason, count in reasons.items()
            if reason not in (None, str(Kind.NICHT_ABGEHOLT))
        ]

    async def _room(self) -> list[Condition]:
        free = free_bytes(self._ctx)
        if free is None or free >= self._set.platz_megabyte * MEGABYTE:
            return []
        return [Condition(Kind.PLATZ, angaben={"megabyte": free // MEGABYTE})]

    async def _backup(self) -> list[Condition]:
        """Only where there was one: who copies the database by other means never makes any."""
        rows = await self._ctx.db.fetch("last_event_of_art", str(Art.SICHERUNG))
        days = (self._ctx.now() - rows[0]["at"]) // DAY if rows and self._set.sicherung_tage else 0
        return [Condition(Kind.SICHERUNG, angaben={"tage": days})] if days > self._set.sicherung_tage else []


def first_id(micros: int) -> str:
    """The least UUIDv7 that can have been made at this time (RFC 9562 section 5.7)."""
    stamp = f"{max(0, micros) // 1000:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-000000000000"


def _plain(number: float) -> str:
    """A number of hours as people write it."""
    return f"{number:g}".replace(".", ",")
