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
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from gateway import clock
from gateway.events import Art
from gateway.partner import Partner
from gateway.send.failure import Failure, Trouble, from_trouble
from gateway.send.http import SLOWEST
from gateway.send.lane import ordinary_first
from gateway.send.outcome import Failed, HandedOver, Outcome, ReceiptCame
from gateway.send.retry import TOO_OLD, Again, RetryPolicy, decide
from gateway.service.context import Context, new_id
from gateway.service.departure.lanes import Lanes
from gateway.service.departure.leases import LEASE, Leases
from gateway.service.departure.notifying import Notifying
from gateway.service.departure.sealing import CannotSend, Sealing, Wire
from gateway.service.departure.settling import Settling, deadline
from gateway.service.patience import POISONED, Patience
from gateway.service.steps import step_delivery
from gateway.states import AWAITING, Actor, DeliveryStatus, Step
from gateway.store.database import Do, Row, StaleState, StoreUnavailable
from gateway.store.steps import do, listed

ATTEMPT_S = 10 * 60
"""How long one attempt may take in all, beside its bytes; no partner may keep a place longer by dripping."""
NO_RECEIPT = Failure(
    "temporary", "quittung_fehlt", "Vom Empfänger kam in der vereinbarten Zeit keine gültige Quittung."
)
"""What a receipt that did not come means: the same bytes once more, until the delivery is too old."""


NO_AGREEMENT = (
    "Die Vereinbarung mit dem Empfänger besteht nicht mehr; „resend“ sendet nach der Vereinbarung von heute, sonst "
    "ins Postfach."
)
"""Why a delivery of a removed partner waits for a person."""


INTERNAL = from_trouble(Trouble.INTERNAL)
"""What it means that our own work raises."""


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


def attempt_s(size: int) -> float:
    """How long an attempt with `size` bytes may take."""
    return ATTEMPT_S + size / SLOWEST


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
        self.lanes = Lanes(ctx)
        self._leases = Leases(lambda: self._ctx.now(), self._renew)
        self._claims = 0
        self._lane_claims: Counter[str] = Counter()
        self._deadlines, self._ends = Patience(ctx, "frist"), Patience(ctx, "bahn")

    async def claim(self, limit: int) -> Sequence[Row]:
        """Takes due deliveries lane by lane, `vorrang` first, each with a lease; no partner beyond its own limit.

        Whichever lane is first gets what is left of `limit`; so each time another one is.
        """
        claimed: list[Row] = []
        broken = await self._ctx.partners.broken()  # these wait until a person has mended their agreement
        lanes = [lane for lane in await self.lanes.claimable() if lane["partner_id"] not in broken]
        self._claims += 1
        first = self._claims % len(lanes) if lanes else 0
        for lane in (*lanes[first:], *lanes[:first]):
            partner = await self._ctx.partners.by_id(lane["partner_id"])
            free = min(limit - len(claimed), self.lanes.free(partner, lane["partner_id"]))
            if free > 0:
                claimed += await self._claim_lane(lane, free, self.lanes.most(partner, lane["partner_id"]))
        return claimed

    async def _claim_lane(self, lane: Row, count: int, most: int) -> list[Row]:
        partner_id = lane["partner_id"]
        self._lane_claims[partner_id] += 1
        owner = f"{self._owner}/{self._claims}"  # of this claim alone: an attempt of an earlier one changes nothing
        now = self._ctx.now()
        probing = self.lanes.probing(lane, now + LEASE)
        count = 1 if probing else count

        async def take(wanted: int, vorrang: int) -> list[Row]:
            claim = Do("claim_deliveries", (now, now + LEASE, owner, partner_id, wanted, vorrang, most))
            rows = (await self._ctx.db.commit(*probing, claim, Do("start_messages", (owner, now))))[len(probing)]
            probing.clear()  # once is enough
            return rows

        rows: list[Row] = []
        with contextlib.suppress(StaleState):  # another gateway probes this lane
            if ordinary_first(self._lane_claims[partner_id]):
                rows = await take(1, 0)
            if len(rows) < count:
                rows = [*rows, *await take(count - len(rows), 1)]
        self.lanes.began(partner_id, len(rows))
        return sorted(rows, key=lambda row: (-row["vorrang"], row["next_at"]))

    async def work(self, job: Row) -> None:
        """One attempt."""
        try:
            with self._leases.holding(job["id"]):
                await self._attempt_once(job)
        finally:
            self.lanes.ended(job["partner_id"])

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
        began = time.monotonic()
        outcome = await self._hand_over(wire, partner)
        await self._record(job, partner, wire, outcome, started)
        await self._note_lane(partner.id, outcome, time.monotonic() - began)

    async def _note_lane(self, partner_id: str, outcome: Outcome, seconds: float) -> None:
        if isinstance(outcome, Failed):
            await self.lanes.failed(partner_id, outcome.failure, seconds)
        else:
            await self.lanes.answered(partner_id, seconds)

    def _obstacle(self, partner: Partner | None) -> str | None:
        """Why there is no way to a partner, in German; None where there is one."""
        if partner is None or partner.weg == "abruf":
            return "Mit dem Empfänger ist kein Weg mehr vereinbart."
        if partner.weg not in self._ways:
            return "Der Weg zum Empfänger ist an diesem Gateway nicht eingerichtet ([postausgang] und mail.postfach)."
        return None

    async def _hand_over(self, wire: Wire, partner: Partner) -> Outcome:
        try:
            async with asyncio.timeout(attempt_s(wire.size)):
                return await self._ways[partner.weg].hand_over(wire, partner)
        except TimeoutError:
            return Failed(from_trouble(Trouble.TIMEOUT))

    async def failed(self, job: Row, error: Exception) -> None:
        """An attempt raised: ours to mend, tried again; what raises every time waits for a person.

        Where the store was away, or another gateway quicker, the message is not what raises: its lease ends by itself.
        """
        if isinstance(error, (StoreUnavailable, StaleState)):
            return
        failure, started = INTERNAL, self._ctx.now()
        earlier = await self._ctx.db.fetch("attempts", job["id"])
        if sum(attempt["outcome"] == failure.code for attempt in earlier) + 1 < POISONED:
            await self._fail(job, failure, started)
            return
        ids = {"message_id": job["message_id"], "delivery_id": job["id"]}
        alarm = self._ctx.event(Art.ALARM, self._ctx.self_akteur, grund="intern", **ids)
        text = _stuck_text(failure)
        steps = [*self._attempt(job, started, failure.code), alarm]
        await self._take(job, Step.CANNOT_SEND, steps, last_error=text)

    async def overdue(self) -> None:
        """Deliveries whose receipt did not come in time, and attempts whose worker is gone."""
        now = self._ctx.now()
        await self._deadlines.each(await self._ctx.db.fetch("due_deadlines", now, 100), self.late, self._stuck)
        await self.renew()  # after `now` was read: a clock that is set meanwhile takes nothing from this process
        await self._ctx.db.commit(Do("recover_leases", (now, now)))

    async def renew(self) -> None:
        """Keep the claims of attempts under way, however long they take; end those that another gateway took over."""
        await self._leases.renew()

    async def _renew(self, ids: list[str], until: int) -> set[str]:
        named = listed(ids)
        kept = (await self._ctx.db.commit(Do("renew_leases", (named, self._owner, until))))[0]
        if len(kept) == len(ids):
            return set()
        return {row["id"] for row in await self._ctx.db.fetch("lost_leases", named, self._owner)}

    async def tidy_lanes(self) -> None:
        """What nobody would ever try: deliveries whose agreement is gone, and those too old in a lane that stopped."""
        for lane in await self._ctx.db.fetch("lanes_without_partner"):
            waiting = await self._ctx.db.fetch("waiting_deliveries", lane["partner_id"], 100)
            await self._ends.each(waiting, self._unagreed, self._stuck)
        before = self._ctx.now() - round(self._policy.max_age_s * clock.SECOND)
        await self._ends.each(await self._ctx.db.fetch("aged_deliveries", before, 100), self._aged, self._stuck)
        await self._tell_of_broken()

    async def _unagreed(self, job: Row) -> None:
        await self._drop(job, Step.CANNOT_SEND, NO_AGREEMENT, "partner_fehlt")

    async def _aged(self, job: Row) -> None:
        await self._drop(job, Step.GIVE_UP, self._too_old(job["last_error"]), TOO_OLD)

    def _stuck(self, job: Row) -> list[Do]:
        """What a timer cannot do with a delivery each time it tries: a person decides."""
        return step_delivery(job, Step.CANNOT_SEND, Actor.TIMER, self._ctx.now(), last_error=_stuck_text(INTERNAL))

    async def _tell_of_broken(self) -> None:
        """Agreements that cannot be read, once a day: nothing goes to these partners until a person has mended them."""
        for partner_id in await self._ctx.partners.broken():
            day = do("claim_day", expect=1, name=f"vereinbarung {partner_id}", day=self._ctx.today().isoformat())
            event = self._ctx.event(Art.ALARM, self._ctx.self_akteur, grund="vereinbarung_unlesbar", partner=partner_id)
            with contextlib.suppress(StaleState):  # told today
                await self._ctx.db.commit(day, event)

    async def _drop(self, job: Row, step: Step, text: str, grund: str) -> None:
        now = self._ctx.now()
        ids = {"message_id": job["message_id"], "delivery_id": job["id"]}
        event = self._ctx.event(Art.ALARM, self._ctx.self_akteur, grund=grund, **ids)
        told = await self._telling(job, step, {"last_error": text})
        move = step_delivery(job, step, Actor.TIMER, now, only=frozenset({DeliveryStatus.WARTET}), last_error=text)
        with contextlib.suppress(StaleState):  # claimed, or another gateway was quicker
            await self._ctx.db.commit(event, *move, *told)

    async def late(self, job: Row) -> None:
        """No receipt in time: the same bytes once more, or the end. Nothing, where one has come since."""
        event = self._ctx.event(
            Art.FRIST_QUITTUNG, self._ctx.self_akteur, message_id=job["message_id"], delivery_id=job["id"]
        )
        step, changes = self._after(job, NO_RECEIPT)
        move = step_delivery(job, step, Actor.TIMER, self._ctx.now(), only=AWAITING, **changes)
        with contextlib.suppress(StaleState):
            await self._ctx.db.commit(event, *move, *await self._telling(job, step, changes))

    async def _telling(self, job: Row, step: Step, changes: dict[str, Any]) -> list[Do]:
        """What tells the sender of a final failure, for the step itself."""
        return await self._notifying.failed(job, changes["last_error"]) if step is Step.GIVE_UP else []

    async def returned(self, job: Row, failure: Failure, looked: Do) -> None:
        """A mail came back: another try, or a person decides. Nothing, where a receipt has come since."""
        step, changes = self._after(job, failure)
        move = step_delivery(job, step, Actor.TIMER, self._ctx.now(), only=AWAITING, **changes)
        try:
            await self._ctx.db.commit(looked, *move, *await self._telling(job, step, changes))
        except StaleState:
            await self._ctx.db.commit(looked)

    async def recover(self) -> int:
        """Gives back what a gateway that died had claimed. To be called before workers start."""
        rows = await self._ctx.db.commit(Do("recover_leases", (self._ctx.abandoned_before(), self._ctx.now())))
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
        text = self._too_old(failure.text_de) if verdict.reason == TOO_OLD else failure.text_de
        return verdict.step, {"last_error": text}

    def _too_old(self, last_error: str | None) -> str:
        last = f" Zuletzt: {last_error}" if last_error else ""
        return f"Nach {_span(self._policy.max_age_s)} ohne Erfolg aufgegeben.{last}"

    async def _cannot_send(self, job: Row, started: int, reason: str) -> None:
        await self._take(job, Step.CANNOT_SEND, self._attempt(job, started, "klaerung"), last_error=reason)

    async def _take(self, job: Row, step: Step, steps: list[Do], told: Sequence[Do] = (), **changes: Any) -> None:
        """Take a step as the owner of the claim, with what is told of it; the attempt is recorded in any case."""
        move = step_delivery(job, step, Actor.WORKER, self._ctx.now(), owner=job["lease_owner"], **changes)
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


def _stuck_text(failure: Failure) -> str:
    return f"{failure.text_de} Nach {POISONED} Versuchen wird nicht mehr von selbst gesendet."


def _span(seconds: float) -> str:
    """A long time in words: days, or hours where it is not whole days."""
    hours = round(seconds / 3600)
    if hours % 24:
        return f"{hours} Stunden" if hours != 1 else "einer Stunde"
    days = hours // 24
    return f"{days} Tagen" if days != 1 else "einem Tag"
