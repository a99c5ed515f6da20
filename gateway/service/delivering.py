"""One delivery: sealed once, handed over, recorded (wire.md section 2, design.md section 4).

Promises: the sealed bytes and their Message-ID are durable before the first try, and every try sends the same bytes;
what an attempt ended in, the state that follows and the event become durable in one commit.
Fails: an attempt that raises is recorded as a failure of ours and tried again later (`failed`).
"""

from __future__ import annotations

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
from gateway.send.retry import Again, RetryPolicy, decide
from gateway.service.context import Context, new_id
from gateway.service.sealing import CannotSend, Sealing, Wire
from gateway.service.settling import Settling
from gateway.service.steps import step_delivery
from gateway.states import Step
from gateway.store.database import Do, Row, StaleState

LEASE = 15 * 60 * clock.SECOND
"""How long a claim holds: longer than one attempt with all its timeouts can take."""


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
        self._ways = ways
        self._owner = f"{ctx.config.gateway.kennung}/{secrets.token_hex(8)}"
        self._policy = retry_policy(ctx)
        self._running: Counter[str] = Counter()

    async def claim(self, limit: int) -> Sequence[Row]:
        """Takes due deliveries lane by lane, `vorrang` first, each with a lease; no partner beyond its own limit."""
        claimed: list[Row] = []
        for lane in await self._ctx.db.fetch("due_lanes", self._ctx.now()):
            partner = await self._ctx.partners.by_id(lane["partner_id"])
            most = partner.grenzen.gleichzeitig if partner else 1
            free = min(limit - len(claimed), most - self._running[lane["partner_id"]])
            if free > 0:
                claimed += await self._claim_lane(lane["partner_id"], free)
        return claimed

    async def _claim_lane(self, partner_id: str, count: int) -> list[Row]:
        now = self._ctx.now()
        rows = await self._ctx.db.commit(
            Do("claim_deliveries", (now, now + LEASE, self._owner, partner_id, count, 1)),
            Do("start_messages", (self._owner, now)),
        )
        self._running[partner_id] += len(rows[0])
        return rows[0]

    async def work(self, job: Row) -> None:
        """One attempt."""
        try:
            await self._attempt_once(job)
        finally:
            self._running[job["partner_id"]] -= 1

    async def _attempt_once(self, job: Row) -> None:
        started = self._ctx.now()
        partner = await self._ctx.partners.by_id(job["partner_id"])
        if partner is None or partner.weg not in self._ways:
            await self._cannot_send(job, "Mit dem Empfänger ist kein Weg mehr vereinbart.")
            return
        try:
            wire = await self._sealing.sealed(job, partner)
        except CannotSend as reason:
            await self._cannot_send(job, str(reason))
            return
        outcome = await self._ways[partner.weg].hand_over(wire, partner)
        await self._record(job, partner, wire, outcome, started)

    async def failed(self, job: Row, error: Exception) -> None:
        """An attempt raised: ours to mend, tried again."""
        del error  # logged by the worker
        failure = from_trouble(Trouble.INTERNAL)
        await self._retry(job, failure, [*self._attempt(job, self._ctx.now(), failure.code)])

    async def overdue(self) -> None:
        """Deliveries whose receipt did not come in time: the same bytes once more, or the end."""
        for job in await self._ctx.db.fetch("due_deadlines", self._ctx.now(), 100):
            event = self._ctx.event(
                Art.FRIST_QUITTUNG, self._ctx.self_akteur, message_id=job["message_id"], delivery_id=job["id"]
            )
            await self._retry(job, NO_RECEIPT, [event])

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
                deadline = self._ctx.now() + partner.grenzen.quittung_sekunden * clock.SECOND
                steps = [*self._attempt(job, started, "uebergeben"), self._handed_over(job, partner)]
                await self._take(job, Step.HAND_OVER, steps, deadline_at=deadline)
            case Failed(failure):
                await self._retry(job, failure, [*self._attempt(job, started, failure.code)])

    async def _retry(self, job: Row, failure: Failure, steps: list[Do]) -> None:
        first_at = job["first_at"] or self._ctx.now()
        verdict = decide(
            self._policy,
            attempts=job["attempts"],
            first_at=first_at,
            now=self._ctx.now(),
            failure=failure,
            random01=random.random(),  # noqa: S311 - jitter
        )
        if isinstance(verdict, Again):
            await self._take(job, Step.RETRY, steps, next_at=verdict.at, last_error=failure.text_de)
        else:
            await self._take(job, verdict.step, steps, last_error=failure.text_de)

    async def _cannot_send(self, job: Row, reason: str) -> None:
        event = self._ctx.event(
            Art.VERSUCH, self._ctx.self_akteur, message_id=job["message_id"], delivery_id=job["id"], ergebnis="klaerung"
        )
        await self._take(job, Step.CANNOT_SEND, [event], last_error=reason)

    async def _take(self, job: Row, step: Step, steps: list[Do], **changes: Any) -> None:
        try:
            await self._ctx.db.commit(
                *steps, *step_delivery(job, step, self._ctx.now(), owner=job["lease_owner"], **changes)
            )
        except StaleState:
            # A receipt, an operator or another gateway was quicker; what they recorded stands.
            return

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
