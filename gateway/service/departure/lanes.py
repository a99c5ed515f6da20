"""The lanes: which partner's work may be taken now, and how much of it at once (design.md section 4).

A lane stops by itself after several failures in a row that concern the partner; after a pause one delivery probes it,
and a success opens it again. An operator may hold a lane and release it.

Promises: what a lane's state is, all gateways of one database share; each change of it is an event; one lane's state
touches no other. How many deliveries a lane carries each process learns for itself, and holds against what runs in it
on all gateways. Lanes that answer slowly share half of a process's places, so that the others always have the rest.
Fails: `NotFound` for a partner that does not exist, `Conflict` for a lane that is held or released already.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from typing import Any

from gateway import clock
from gateway.errors import Conflict, NotFound
from gateway.events import Art
from gateway.partner import Partner
from gateway.send.failure import Failure
from gateway.send.lane import SLOW_S, Breaker, LaneState, Window, concerns_partner
from gateway.service.context import Context
from gateway.store.database import Do, Row, StaleState
from gateway.store.steps import do

PLACES = 64
"""Deliveries under way at once in one process; each partner has its own, smaller limit."""
SLOW_PLACES = PLACES // 2
"""How many of these places lanes that answer slowly may take together."""


class Lanes:
    """The lanes of one process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._windows: dict[str, Window] = {}
        self._running: defaultdict[str, list[float]] = defaultdict(list)
        self._slow: set[str] = set()
        self._unwell: set[str] = set()
        """Lanes whose stored state is not that of a healthy one, as far as this process has seen."""

    async def claimable(self) -> list[Row]:
        """Lanes with due work that are neither held nor stopped: `partner_id`, `state`."""
        rows = await self._ctx.db.fetch("claimable_lanes", self._ctx.now())
        self._unwell |= {row["partner_id"] for row in rows if row["failures"] or row["state"] != LaneState.FREI}
        return rows

    def most(self, partner: Partner | None, partner_id: str) -> int:
        """How many deliveries of a lane may be under way, on all gateways together."""
        return self._window(partner, partner_id).size

    def free(self, partner: Partner | None, partner_id: str) -> int:
        """How many deliveries of a lane this process may begin now."""
        free = self.most(partner, partner_id) - len(self._running[partner_id])
        if self._is_slow(partner_id):
            taken = sum(len(times) for key, times in self._running.items() if times and self._is_slow(key))
            free = min(free, SLOW_PLACES - taken)
        return free

    def began(self, partner_id: str, count: int = 1) -> None:
        """Deliveries of a lane are under way."""
        self._running[partner_id] += [time.monotonic()] * count

    def ended(self, partner_id: str) -> None:
        """One of them is no longer."""
        running = self._running[partner_id]
        if running:
            running.pop(0)
        if not running:
            del self._running[partner_id]

    def probing(self, lane: Row, until: int) -> list[Do]:
        """What a claim has to carry: nothing for a healthy lane, else the mark that one delivery probes it."""
        if lane["state"] == LaneState.FREI:
            return []
        return [do("probe_lane", expect=1, partner_id=lane["partner_id"], now=self._ctx.now(), until=until)]

    async def answered(self, partner_id: str, seconds: float) -> None:
        """The partner works."""
        self._note(partner_id, seconds)
        if partner_id in self._windows:
            self._windows[partner_id].answered(seconds)
        if partner_id not in self._unwell:
            return
        self._unwell.discard(partner_id)
        opened = do("open_lane", expect=1, partner_id=partner_id, now=self._ctx.now())
        try:
            await self._ctx.db.commit(opened, self._event(Art.PARTNER_ERREICHBAR, partner_id, self._ctx.self_akteur))
        except StaleState:  # it never stopped; only its failures are forgotten
            await self._ctx.db.commit(do("forget_lane_failures", partner_id=partner_id, now=self._ctx.now()))

    async def failed(self, partner_id: str, failure: Failure, seconds: float) -> None:
        """A try failed: the lane stops, where that concerns the partner and came too often in a row."""
        concerned = concerns_partner(failure)
        if concerned is None:
            return
        if not concerned:
            await self.answered(partner_id, seconds)
            return
        self._note(partner_id, seconds)
        self._unwell.add(partner_id)
        if partner_id in self._windows:
            self._windows[partner_id].failed()
        noted = do("note_lane_failure", partner_id=partner_id, now=self._ctx.now())
        ((lane,),) = await self._ctx.db.commit(noted)
        if lane["state"] != LaneState.UNTERBROCHEN:
            await self._stop(lane, failure)

    async def _stop(self, lane: Row, failure: Failure) -> None:
        breaker = self._breaker()
        now = self._ctx.now()
        wait = max(breaker.pause_s(lane["pauses"]), failure.retry_after or 0)
        stop = do(
            "stop_lane",
            expect=1,
            partner_id=lane["partner_id"],
            failures=breaker.failures,
            until=now + round(wait * clock.SECOND),
            now=now,
        )
        event = self._event(
            Art.PARTNER_UNTERBROCHEN,
            lane["partner_id"],
            self._ctx.self_akteur,
            ursache=failure.code,
            sekunden=round(wait),
        )
        with contextlib.suppress(StaleState):  # not often enough yet, or stopped by another gateway
            await self._ctx.db.commit(stop, event)

    # --- operators ----------------------------------------------------------------------------------------------------

    async def hold(self, partner_id: str, grund: str, akteur: str) -> None:
        """An operator stops a lane; what is under way ends, nothing more is taken.

        Raises:
            NotFound: no such partner.
            Conflict: it is held already.
        """
        await self._demand(partner_id)
        held = do("hold_lane", expect=1, partner_id=partner_id, now=self._ctx.now(), akteur=akteur, grund=grund)
        await self._act(held, self._event(Art.PARTNER_ANGEHALTEN, partner_id, akteur, worte=grund), "schon angehalten")

    async def release(self, partner_id: str, grund: str, akteur: str) -> None:
        """An operator lets a lane go on, at once and without a probe, also one that stopped by itself.

        Raises:
            NotFound: no such partner.
            Conflict: it is neither held nor stopped.
        """
        await self._demand(partner_id)
        released = do("release_lane", expect=1, partner_id=partner_id, now=self._ctx.now())
        event = self._event(Art.PARTNER_FREIGEGEBEN, partner_id, akteur, worte=grund)
        await self._act(released, event, "weder angehalten noch unterbrochen")

    async def all(self) -> list[dict[str, Any]]:
        """Every partner's lane as people see it."""
        rows = await self._ctx.db.fetch("lanes", self._ctx.now())
        return [_shown(row) for row in rows]

    async def _act(self, step: Do, event: Do, otherwise: str) -> None:
        try:
            await self._ctx.db.commit(step, event)
        except StaleState:
            raise Conflict(f"Die Zustellung an diesen Partner ist {otherwise}.", code="status") from None

    async def _demand(self, partner_id: str) -> None:
        if await self._ctx.db.fetch_one("partner", partner_id) is None:
            raise NotFound

    # ------------------------------------------------------------------------------------------------------------------

    def _window(self, partner: Partner | None, partner_id: str) -> Window:
        start = self._ctx.config.zustellung.gleichzeitig
        agreed = partner.grenzen.gleichzeitig if partner else 1
        window = self._windows.setdefault(partner_id, Window(start, agreed))
        window.agree(start, agreed)
        return window

    def _is_slow(self, partner_id: str) -> bool:
        return partner_id in self._slow or any(
            time.monotonic() - began > SLOW_S for began in self._running.get(partner_id, ())
        )

    def _note(self, partner_id: str, seconds: float) -> None:
        (self._slow.add if seconds > SLOW_S else self._slow.discard)(partner_id)

    def _breaker(self) -> Breaker:
        setting = self._ctx.config.zustellung
        return Breaker(setting.unterbrechung_nach, setting.unterbrechung_sekunden, setting.backoff_hoechstens_sekunden)

    def _event(self, art: Art, partner_id: str, akteur: str, **detail: Any) -> Do:
        return self._ctx.event(art, akteur, partner=partner_id, **detail)


def _shown(row: Row) -> dict[str, Any]:
    stopped = row["state"] != LaneState.FREI
    return {
        "partner": row["partner_id"],
        "zustand": "angehalten" if row["held_at"] is not None else row["state"],
        "fehler_in_folge": row["failures"],
        "naechste_probe": clock.as_iso(row["until"]) if stopped else None,
        "angehalten_am": clock.as_iso(row["held_at"]),
        "angehalten_von": row["held_by"],
        "grund": row["held_reason"],
        "wartet_seit": clock.as_iso(row["waiting_since"]),
    }
