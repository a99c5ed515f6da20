"""One delivery: sealed once, handed over, recorded (wire.md section 2, design.md section 4).

Promises: the sealed bytes and their Message-ID are durable before the first try, and every try sends the same bytes;
what an attempt ended in, the state that follows and the event become durable in one commit.
Fails: an attempt that raises is recorded as a failure of ours and tried again later (`failed`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from gateway import clock
from gateway.events import Art
from gateway.partner import Partner
from gateway.send.failure import Failure, Trouble, from_trouble
from gateway.send.outcome import Failed, HandedOver, Outcome, ReceiptCame
from gateway.send.retry import TOO_OLD, Again, RetryPolicy, decide
from gateway.service.context import Context, new_id
from gateway.service.notifying import Notifying
from gateway.service.sealing import CannotSend, Sealing, Wire
from gateway.service.settling import Settling, deadline
from gateway.service.steps import step_delivery
from gateway.states import DeliveryStatus, Step
from gateway.store.database import Do, Row, StaleState

ATTEMPT_S = 10 * 60
"""How long one attempt may take in all: 20 MB at 0.3 Mbit/s; no partner may keep a place longer by dripping."""
LEASE = 15 * 60 * clock.SECOND
"""How long a claim holds: longer than one attempt with its sealing can take."""
FAIR_CLAIM = 4
"""Every so many claims of a lane begin with what has no `vorrang`, so that it does not starve."""
AWAITING = frozenset({DeliveryStatus.UEBERGEBEN, DeliveryStatus.QUITTUNG_UNGUELTIG})
"""Where a delivery waits for its receipt."""

NO_RECEIPT = Failure(
    "temporary", "quittung_fehlt", "Vom Empfänger kam in der vereinbarten Zeit keine gültige Quittung."
)
"""What a receipt that did not come means: the same bytes once more, until the delivery is too old."""


class Way(Protocol):
    """One way to a partner: AS2 or mail."""

    async def hand_over(self, wire: Wire, partner: Partner) -> Outcome:
        """Sends the sealed bytes once."""


def retry_policy(ctx: Context) -> RetryPolicy:
    """Back-off as configured."""
    setting = ctx.config.zustellung
    return RetryPolicy(
        start_s=setting.backoff_start_sekunden,
        factor=setting.backoff_faktor,
        cap_s=setting.backoff_hoechstens_sekunden,
        jitter=setting.streuung,
        max_age_s=setting.hoechstalter_stunden * 3600,
    )


class Delivering:
    """The worker's port for deliveries."""

    def __init__(self, ctx: Context, sealing: Sealing, settling: Settling, ways: dict[str, Way]) -> None:
        self._ctx = ctx
        self._sealing = sealing
        self._settling = settling
        self._notifying = Notifying(ctx)
        self._ways = ways
        self._owner = f"{ctx.config.gateway.kennung}/{secrets.token_hex(8)}"
        self._policy = retry_policy(ctx)
        self._running: Counter[str] = Counter()
        self._claims = 0
        self._lane_claims: Counter[str] = Counter()

    async def claim(self, limit: int) -> Sequence[Row]:
        """Takes due deliveries lane by lane, `vorrang` first, each with a lease; no partner beyond its own limit.

        Whichever lane is first gets what is left of `limit`; so each time another one is.
        """
        claimed: list[Row] = []
        lanes = [row["partner_id"] for row in await self._ctx.db.fetch("due_lanes", self._ctx.now())]
        self._claims += 1
        first = self._claims % len(lanes) if lanes else 0
        for partner_id in (*lanes[first:], *lanes[:first]):
            partner = await self._ctx.partners.by_id(partner_id)
            most = partner.grenzen.gleichzeitig if partner else 1
            free = min(limit - len(claimed), most - self._running[partner_id])
            if free > 0:
                claimed += await self._claim_lane(partner_id, free)
        return claimed

    async def _claim_lane(self, partner_id: str, count: int) -> list[Row]:
        self._lane_claims[partner_id] += 1
        owner = f"{self._owner}/{self._claims}"  # of this claim alone: an attempt of an earlier one changes nothing
        now = self._ctx.now()

        def take(most: int, vorrang: int) -> Do:
            return Do("claim_deliveries", (now, now + LEASE, owner, partner_id, most, vorrang))

        started = Do("start_messages", (owner, now))
        rows: list[Row] = []
        if self._lane_claims[partner_id] % FAIR_CLAIM == 0:
            rows = (await self._ctx.db.commit(take(1, 0), started))[0]
        if len(rows) < count:
            rows = [*rows, *(await self._ctx.db.commit(take(count - len(rows), 1), started))[0]]
        self._running[partner_id] += len(rows)
        return sorted(rows, key=lambda row: (-row["vorrang"], row["next_at"]))

    async def work(self, job: Row) -> None:
        """One attempt."""
        try:
            await self._attempt_once(job)
        finally:
            self._running[job["partner_id"]] -= 1

    async def _attempt_once(self, job: Row) -> None:
        started = self._ctx.now()
        partner = await self._ctx.partners.by_id(job["partner_id"])
        obstacle = self._obstacle(partner)
        if partner is None or obstacle is not None:
            await self._cannot_send(job, started, obstacle or "")
            return
        try:
            wire = await self._sealing.sealed(job, partner)
        except CannotSend as reason:
            await self._cannot_send(job, started, str(reason))
            return
        outcome = await self._hand_over(wire, partner)
        await self._record(job, partner, wire, outcome, started)

    def _obstacle(self, partner: Partner | None) -> str | None:
        """Why there is no way to a partner, in German; None where there is one."""
        if partner is None or partner.weg == "abruf":
            return "Mit dem Empfänger ist kein Weg mehr vereinbart."
        if partner.weg not in self._ways:
            return "Der Weg zum Empfänger ist an diesem Gateway nicht eingerichtet ([postausgang] und mail.postfach)."
        return None

    async def _hand_over(self, wire: Wire, partner: Partner) -> Outcome:
        try:
            async with asyncio.timeout(ATTEMPT_S):
                return await self._ways[partner.weg].hand_over(wire, partner)
        except TimeoutError:
            return Failed(from_trouble(Trouble.TIMEOUT))

    async def failed(self, job: Row, error: Exception) -> None:
        """An attempt raised: ours to mend, tried again."""
        del error  # logged by the worker
        await self._fail(job, from_trouble(Trouble.INTERNAL), self._ctx.now())

    async def overdue(self) -> None:
        """Deliveries whose receipt did not come in time, and attempts whose worker is gone."""
        for job in await self._ctx.db.fetch("due_deadlines", self._ctx.now(), 100):
            await self.late(job)
        await self._ctx.db.commit(Do("recover_leases", (self._ctx.now(), self._ctx.now())))

    async def late(self, job: Row) -> None:
        """No receipt in time: the same bytes once more, or the end. Nothing, where one has come since."""
        event = self._ctx.event(
            Art.FRIST_QUITTUNG, self._ctx.self_akteur, message_id=job["message_id"], delivery_id=job["id"]
        )
        step, changes = self._after(job, NO_RECEIPT)
        move = step_delivery(job, step, self._ctx.now(), only=AWAITING, **changes)
        with contextlib.suppress(StaleState):
            await self._ctx.db.commit(event, *move, *await self._telling(job, step, changes))

    async def _telling(self, job: Row, step: Step, changes: dict[str, Any]) -> list[Do]:
        """What tells the sender of a final failure, for the step itself."""
        return await self._notifying.failed(job, changes["last_error"]) if step is Step.GIVE_UP else []

    async def recover(self) -> int:
        """Gives back what a gateway that died had claimed. To be called before workers start."""
        rows = await self._ctx.db.commit(Do("recover_leases", (self._ctx.abandoned_before(LEASE), self._ctx.now())))
        return len(rows[0])

    async def _record(self, job: Row, partner: Partner, wire: Wire, outcome: Outcome, started: int) -> None:
        match outcome:
            case ReceiptCame(entity):
                steps = self._attempt(job, started, "quittung")
                await self._settling.settle(wire.delivery, partner, entity, steps)
            case HandedOver():
                steps = [*self._attempt(job, started, "uebergeben"), self._handed_over(job, partner)]
                await self._take(job, Step.HAND_OVER, steps, deadline_at=deadline(partner, self._ctx.now()))
            case Failed(failure):
                await self._fail({**job, "wire_id": wire.wire_id}, failure, started)

    async def _fail(self, job: Row, failure: Failure, started: int) -> None:
        step, changes = self._after(job, failure)
        told = await self._telling(job, step, changes)
        await self._take(job, step, self._attempt(job, started, failure.code), told, **changes)

    def _after(self, job: Row, failure: Failure) -> tuple[Step, dict[str, Any]]:
        """Which step follows a failure, and what it changes."""
        verdict = decide(
            self._policy,
            attempts=job["attempts"],
            first_at=job["first_at"] or self._ctx.now(),
            now=self._ctx.now(),
            failure=failure,
            random01=random.random(),  # noqa: S311 - jitter
        )
        if isinstance(verdict, Again):
            return Step.RETRY, {"next_at": verdict.at, "last_error": failure.text_de}
        text = failure.text_de
        if verdict.reason == TOO_OLD:
            text = f"Nach {_span(self._policy.max_age_s)} ohne Erfolg aufgegeben. Zuletzt: {text}"
        return verdict.step, {"last_error": text}

    async def _cannot_send(self, job: Row, started: int, reason: str) -> None:
        await self._take(job, Step.CANNOT_SEND, self._attempt(job, started, "klaerung"), last_error=reason)

    async def _take(self, job: Row, step: Step, steps: list[Do], told: Sequence[Do] = (), **changes: Any) -> None:
        """Take a step as the owner of the claim, with what is told of it; the attempt is recorded in any case."""
        move = step_delivery(job, step, self._ctx.now(), owner=job["lease_owner"], **changes)
        try:
            await self._ctx.db.commit(*steps, *move, *told)
        except StaleState:
            # A receipt, an operator or another gateway was quicker; what they recorded stands.
            await self._ctx.db.commit(*steps)

    def _attempt(self, job: Row, started: int, outcome: str) -> list[Do]:
        n = job["attempts"]
        args = (new_id(), job["id"], n, started, self._ctx.now(), outcome, None)
        event = self._ctx.event(
            Art.VERSUCH,
            self._ctx.self_akteur,
            message_id=job["message_id"],
            delivery_id=job["id"],
            versuch=n,
            ergebnis=outcome,
        )
        return [Do("insert_attempt", args), event]

    def _handed_over(self, job: Row, partner: Partner) -> Do:
        detail = {"weg": partner.weg, "empfaenger": job["empfaenger"]}
        return self._ctx.event(
            Art.UEBERGABE, self._ctx.self_akteur, message_id=job["message_id"], delivery_id=job["id"], **detail
        )


def _span(seconds: float) -> str:
    """A long time in words: days, or hours where it is not whole days."""
    hours = round(seconds / 3600)
    if hours % 24:
        return f"{hours} Stunden" if hours != 1 else "einer Stunde"
    days = hours // 24
    return f"{days} Tagen" if days != 1 else "einem Tag"
