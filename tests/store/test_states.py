"""The state table: every state, every step, every actor, pure; and on both databases the store keeps to it."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.service.steps import step_delivery, target_of
from gateway.states import (
    FINAL,
    MESSAGE_TABLE,
    OPEN,
    STEPS,
    TABLE,
    Actor,
    DeliveryStatus,
    MessageStep,
    NotAllowed,
    Step,
    after,
    message_sources,
    sources,
)
from gateway.store import Database, Do, StaleState
from gateway.store.steps import do

S = DeliveryStatus
MAY = {
    Actor.WORKER: {Step.CLAIM, Step.HAND_OVER, Step.RETRY, Step.GIVE_UP, Step.CANNOT_SEND},
    Actor.TIMER: {Step.RETRY, Step.GIVE_UP, Step.CANNOT_SEND},
    Actor.RECEIPT: {Step.RECEIPT_POSITIVE, Step.RECEIPT_NEGATIVE, Step.RECEIPT_INVALID, Step.RESEAL},
    Actor.OPERATOR: {Step.RESEND, Step.PLACE, Step.HOLD, Step.RELEASE, Step.CANCEL},
    Actor.SENDER: set(),
}
"""Who takes what at all, said once more."""
OWNER = "w"


def taken(key: str, message_id: str, step: Step, actor: Actor, now: int) -> list[Do]:
    """The step's own statements, as the service makes them."""
    owner = OWNER if actor is Actor.WORKER else None
    return step_delivery({"id": key, "message_id": message_id}, step, actor, now, owner=owner)


# --- pure -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", DeliveryStatus)
def test_every_step_of_every_actor_from_every_state(status: DeliveryStatus) -> None:
    for step, actor in itertools.product(Step, Actor):
        lines = [line for line in TABLE if (line.step, line.actor) == (step, actor) and status in line.sources]
        assert (step in MAY[actor]) or not lines, (step, actor)
        if lines:
            assert after(status, step, actor) == STEPS[status, step] == lines[0].target == target_of(step, actor)
            continue
        with pytest.raises(NotAllowed):
            after(status, step, actor)


@pytest.mark.parametrize(("step", "actor"), list(itertools.product(Step, Actor)))
def test_who_may_never_take_a_step_is_refused_before_the_store(step: Step, actor: Actor) -> None:
    if step in MAY[actor]:
        assert any(each.query == "move_delivery" for each in taken("d", "m", step, actor, 1))
        return
    with pytest.raises(NotAllowed):
        taken("d", "m", step, actor, 1)


def test_a_worker_needs_its_lease_and_nobody_else_has_one() -> None:
    row = {"id": "d", "message_id": "m"}
    with pytest.raises(NotAllowed):
        step_delivery(row, Step.HAND_OVER, Actor.WORKER, 1)
    with pytest.raises(NotAllowed):
        step_delivery(row, Step.CANCEL, Actor.OPERATOR, 1, owner=OWNER)


def test_what_the_table_promises() -> None:
    assert {line.sources & {S.ZUGESTELLT, S.STORNIERT} for line in TABLE} == {frozenset()}, (
        "these two are left by nobody"
    )
    assert {line.actor for line in TABLE if line.target is S.ZUGESTELLT} == {Actor.RECEIPT}, "only a receipt delivers"
    assert {line.step for line in TABLE if S.LAEUFT in line.sources and line.actor is Actor.OPERATOR} == set()
    assert {line.actor for line in TABLE if S.ANGEHALTEN in line.sources} == {Actor.OPERATOR, Actor.RECEIPT}
    assert {(source, line.step) for line in TABLE for source in line.sources} == set(STEPS)
    assert {line.step for line in TABLE} == set(Step)
    assert set(DeliveryStatus) == OPEN | FINAL


@pytest.mark.parametrize(("step", "actor"), list(itertools.product(MessageStep, Actor)))
def test_who_takes_a_message_on(step: MessageStep, actor: Actor) -> None:
    may = actor is Actor.OPERATOR or (step, actor) == (MessageStep.RELEASE, Actor.SENDER)
    assert ((step, actor) in MESSAGE_TABLE) is may
    if may:
        assert message_sources(step, actor) == MESSAGE_TABLE[step, actor] != frozenset()
        return
    with pytest.raises(NotAllowed):
        message_sources(step, actor)


@given(st.lists(st.tuples(st.sampled_from(Step), st.sampled_from(Actor)), max_size=60))
def test_no_sequence_of_steps_leaves_the_table(steps: list[tuple[Step, Actor]]) -> None:
    status, arrived = S.WARTET, False
    for step, actor in steps:
        try:
            status = after(status, step, actor)
        except NotAllowed:
            continue
        assert not arrived, "nothing follows the receipt"
        assert step in MAY[actor]
        arrived = status in {S.ZUGESTELLT, S.STORNIERT}


# --- on both databases ------------------------------------------------------------------------------------------------


async def one(database: Database, make: Any, status: DeliveryStatus) -> tuple[str, str]:
    """A delivery in that state; one that runs is held by `OWNER`."""
    message_id, key = make.id(), make.id()
    await database.commit(make.message(message_id), make.delivery(key, message_id, partner_id=key))
    await put(database, make, key, status)
    return message_id, key


async def put(database: Database, make: Any, key: str, status: DeliveryStatus) -> None:
    if status is S.LAEUFT:
        claim = do("claim_delivery", expect=1, id=key, now=make.now, lease_until=make.now + 60, owner=OWNER)
        await database.commit(claim)
        return
    values = {"id": key, "sources": '["wartet"]', "owner": None, "status": str(status), "now": make.now}
    optional = {"next_at": None, "deadline_at": None, "last_error": None, "receipt_id": None}
    await database.commit(do("move_delivery", expect=1, **(values | optional)))


async def status_of(database: Database, key: str) -> str:
    row = await database.fetch_one("delivery", key)
    assert row is not None
    return str(row["status"])


async def test_the_store_takes_exactly_the_steps_of_the_table(database: Database, make: Any) -> None:
    cases = [(status, line.step, line.actor) for status in S for line in TABLE if line.step is not Step.CLAIM]

    async def tried(status: DeliveryStatus, step: Step, actor: Actor) -> tuple[bool, str]:
        message_id, key = await one(database, make, status)
        try:
            await database.commit(*taken(key, message_id, step, actor, make.now + 5))
        except StaleState:
            return False, await status_of(database, key)
        return True, await status_of(database, key)

    found = await asyncio.gather(*(tried(*case) for case in cases))
    for (status, step, actor), (took, now) in zip(cases, found, strict=True):
        assert took is (status in sources(step, actor)), (status, step, actor)
        assert now == (after(status, step, actor) if took else status)


async def test_claim_and_lost_leases_are_steps_of_the_table(database: Database, make: Any) -> None:
    keys = {status: (await one(database, make, status))[1] for status in S}
    claimed, gone = set(), set()
    for status, key in keys.items():
        values = {"now": make.now, "lease_until": make.now + 60, "owner": OWNER, "partner_id": key, "count": 5}
        if (await database.commit(do("claim_deliveries", **values, vorrang_bis=9, most=5)))[0]:
            claimed.add(status)
    for row in (await database.commit(do("recover_leases", lease_before=make.now + 61, now=make.now)))[0]:
        gone |= {status for status, key in keys.items() if key == row["id"]}
    assert claimed == sources(Step.CLAIM, Actor.WORKER)
    assert gone == {S.LAEUFT} | claimed
    assert {await status_of(database, keys[status]) for status in gone} == {target_of(Step.RETRY, Actor.TIMER)}


async def test_a_walk_on_the_store_goes_where_the_table_says(database: Database, make: Any) -> None:
    chance = random.Random(7)
    message_id, key = await one(database, make, S.WARTET)
    status = S.WARTET
    for _ in range(150):
        line = chance.choice(
            [line for line in TABLE if line.target is not S.STORNIERT and line.target is not S.ZUGESTELLT]
        )
        expected = line.target if status in line.sources else status
        try:
            if line.step is Step.CLAIM:
                await put(database, make, key, S.LAEUFT)
            else:
                await database.commit(*taken(key, message_id, line.step, line.actor, make.now))
        except StaleState:
            assert expected == status, (status, line)
        status = expected
        assert await status_of(database, key) == status


async def test_worker_timer_receipt_and_operator_race_and_one_wins(database: Database, make: Any) -> None:
    """From `laeuft` and `uebergeben`: who loses is told, and what it would have written is not there."""
    for start, contenders in (
        (S.LAEUFT, ((Step.HAND_OVER, Actor.WORKER), (Step.RETRY, Actor.TIMER), (Step.RECEIPT_POSITIVE, Actor.RECEIPT))),
        (
            S.UEBERGEBEN,
            ((Step.RETRY, Actor.TIMER), (Step.RECEIPT_POSITIVE, Actor.RECEIPT), (Step.CANCEL, Actor.OPERATOR)),
        ),
        (S.QUITTUNG_UNGUELTIG, ((Step.CANCEL, Actor.OPERATOR), (Step.RECEIPT_NEGATIVE, Actor.RECEIPT))),
        (
            S.GESCHEITERT,
            ((Step.RESEND, Actor.OPERATOR), (Step.PLACE, Actor.OPERATOR), (Step.RECEIPT_POSITIVE, Actor.RECEIPT)),
        ),
    ):
        for n in range(6):
            message_id, key = await one(database, make, start)
            order = contenders[n % len(contenders) :] + contenders[: n % len(contenders)]
            event = {"message_id": message_id, "delivery_id": key, "art": "versuch"}
            results = await asyncio.gather(
                *(
                    database.commit(
                        make.event(**event, detail=str(step)), *taken(key, message_id, step, actor, make.now)
                    )
                    for step, actor in order
                ),
                return_exceptions=True,
            )
            won = [each for each, result in zip(order, results, strict=True) if not isinstance(result, BaseException)]
            lost = [result for result in results if isinstance(result, BaseException)]
            assert all(isinstance(result, StaleState) and result.query == "move_delivery" for result in lost)
            told = {row["detail"] for row in await database.fetch("events_of_message", message_id)}
            assert told == {str(step) for step, _ in won}, "only who won has written anything"
            # What does not end a delivery may be followed by another's step; nothing follows an end.
            ends = [step for step, actor in won if target_of(step, actor) in {S.ZUGESTELLT, S.STORNIERT}]
            assert won
            assert len(ends) <= 1
            final = await status_of(database, key)
            assert final == (target_of(*next(w for w in won if w[0] in ends)) if ends else final)
            assert final in {target_of(step, actor) for step, actor in won}
