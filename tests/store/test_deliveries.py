"""The engine's queries: claims, leases, compare-and-set, and a status that follows from its deliveries."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from gateway.states import TABLE, DeliveryStatus, Step, message_status
from gateway.store import Database, Do, StaleState
from gateway.store.steps import do, listed, status_follows

S = DeliveryStatus


def claim(make: Any, **over: Any) -> Do:
    values = {"now": make.now, "lease_until": make.now + 60, "owner": "a", "partner_id": "koeln", "count": 5}
    return do("claim_deliveries", **(values | {"vorrang_bis": 9, "most": 99} | over))


def sources_of(step: Step) -> set[S]:
    return {source for line in TABLE if line.step is step for source in line.sources}


def move(make: Any, delivery_id: str, step: Step, to: S, *, owner: str | None = None, **over: Any) -> Do:
    values = {"id": delivery_id, "sources": listed(sources_of(step)), "owner": owner, "status": to, "now": make.now + 5}
    optional = {"next_at": None, "deadline_at": None, "last_error": None, "receipt_id": None}
    return do("move_delivery", expect=1, **(values | optional | over))


async def one(database: Database, make: Any, **over: Any) -> tuple[str, str]:
    message_id, delivery_id = make.id(), make.id()
    await database.commit(make.message(message_id), make.delivery(delivery_id, message_id, **over))
    return message_id, delivery_id


async def status_of(database: Database, delivery_id: str) -> str:
    row = await database.fetch_one("delivery", delivery_id)
    assert row is not None
    return str(row["status"])


async def test_a_claim_takes_vorrang_first_then_what_was_due_first(database: Database, make: Any) -> None:
    wanted = {}
    for name, over in {
        "late": {"next_at": make.now},
        "early": {"next_at": make.now - 9},
        "vorrang": {"next_at": make.now - 1, "vorrang": 1},
        "future": {"next_at": make.now + 1, "vorrang": 1},
        "other lane": {"partner_id": "bonn"},
        "nobody's": {"partner_id": None},
        "inbox": {"partner_id": None, "weg": "abruf", "status": "uebergeben"},
    }.items():
        wanted[name] = (await one(database, make, **over))[1]
    taken = [(await database.commit(claim(make, count=1)))[0] for _ in range(4)]
    assert [[row["id"] for row in rows] for rows in taken] == [
        [wanted["vorrang"]],
        [wanted["early"]],
        [wanted["late"]],
        [],
    ]
    first = taken[0][0]
    assert (first["status"], first["attempts"], first["lease_owner"]) == ("laeuft", 1, "a")
    assert (first["lease_until"], first["first_at"]) == (make.now + 60, make.now)


async def test_a_claim_without_vorrang_keeps_the_rest_from_starving(database: Database, make: Any) -> None:
    await one(database, make, vorrang=1)
    _, plain = await one(database, make)
    rows = (await database.commit(claim(make, vorrang_bis=0)))[0]
    assert [row["id"] for row in rows] == [plain]


async def test_a_lane_carries_no_more_than_its_window_whoever_claims(database: Database, make: Any) -> None:
    for _ in range(6):
        await one(database, make)
    await one(database, make, partner_id="bonn")
    counts = [
        len((await database.commit(claim(make, owner=owner, count=count, most=most)))[0])
        for owner, count, most in [("a", 2, 3), ("b", 5, 3), ("b", 5, 3), ("a", 5, 2), ("b", 5, 4)]
    ]
    assert counts == [2, 1, 0, 0, 1]
    assert len((await database.commit(claim(make, partner_id="bonn", most=1)))[0]) == 1


async def test_lanes_with_due_work(database: Database, make: Any) -> None:
    await database.commit(make.partner("koeln"), make.partner("bonn"), make.partner("unna"))
    await one(database, make)
    await one(database, make, partner_id="bonn", next_at=make.now + 1)
    assert await database.fetch("due_lanes", make.now) == [{"partner_id": "koeln"}]


async def test_nothing_is_claimed_twice(database: Database, make: Any) -> None:
    expected = {(await one(database, make))[1] for _ in range(40)}
    claims = await asyncio.gather(*(database.commit(claim(make, owner=str(n), count=5)) for n in range(12)))
    taken = [row["id"] for rows in claims for row in rows[0]]
    assert len(taken) == len(set(taken))
    while rest := (await database.commit(claim(make)))[0]:  # who met locked rows passed them by
        taken += [row["id"] for row in rest]
    assert sorted(taken) == sorted(expected)


async def test_the_message_is_on_its_way_with_the_claim(database: Database, make: Any) -> None:
    message_id, _ = await one(database, make)
    waiting, _ = await one(database, make, partner_id="bonn")
    await database.commit(claim(make), do("start_messages", owner="a", now=make.now))
    found = [await database.fetch_one("message", i) for i in (message_id, waiting)]
    assert [row and row["status"] for row in found] == ["unterwegs", "angenommen"]


async def test_only_the_lease_holder_records_an_outcome(database: Database, make: Any) -> None:
    _, delivery_id = await one(database, make)
    await database.commit(claim(make, owner="a"))
    with pytest.raises(StaleState):
        await database.commit(move(make, delivery_id, Step.HAND_OVER, S.UEBERGEBEN, owner="b"))
    with pytest.raises(StaleState):
        await database.commit(do("extend_lease", expect=1, id=delivery_id, owner="b", lease_until=make.now))
    await database.commit(do("extend_lease", expect=1, id=delivery_id, owner="a", lease_until=make.now + 99))
    rows = await database.commit(
        move(make, delivery_id, Step.HAND_OVER, S.UEBERGEBEN, owner="a", deadline_at=make.now + 9)
    )
    assert rows[0][0]["status"] == "uebergeben"
    delivery = await database.fetch_one("delivery", delivery_id)
    assert delivery is not None
    assert (delivery["lease_owner"], delivery["lease_until"], delivery["deadline_at"]) == (None, None, make.now + 9)


async def test_what_a_step_does_not_say_stays(database: Database, make: Any) -> None:
    _, delivery_id = await one(database, make, status="uebergeben", deadline_at=make.now + 9)
    await database.commit(
        move(make, delivery_id, Step.RECEIPT_INVALID, S.QUITTUNG_UNGUELTIG, last_error="x", receipt_id="r1")
    )
    await database.commit(move(make, delivery_id, Step.RETRY, S.WARTET, next_at=make.now + 7))
    delivery = await database.fetch_one("delivery", delivery_id)
    assert delivery is not None
    kept = (delivery["deadline_at"], delivery["receipt_id"], delivery["next_at"], delivery["last_error"])
    assert kept == (make.now + 9, "r1", make.now + 7, None)


async def test_work_of_a_dead_worker_waits_again_once(database: Database, make: Any) -> None:
    _, dead = await one(database, make)
    _, alive = await one(database, make, partner_id="bonn")
    await database.commit(claim(make), claim(make, partner_id="bonn", lease_until=make.now + 600))
    recover = do("recover_leases", lease_before=make.now + 61, now=make.now + 61)
    rows = (await database.commit(recover))[0]
    assert [(row["id"], row["attempts"]) for row in rows] == [(dead, 1)]
    assert (await database.commit(recover))[0] == []
    assert [await status_of(database, i) for i in (dead, alive)] == ["wartet", "laeuft"]
    with pytest.raises(StaleState):
        await database.commit(move(make, dead, Step.HAND_OVER, S.UEBERGEBEN, owner="a"))


async def test_deadlines_that_passed_first_ones_first(database: Database, make: Any) -> None:
    ids = [
        (await one(database, make, status=status, deadline_at=at))[1]
        for status, at in [
            ("uebergeben", make.now),
            ("quittung_ungueltig", make.now - 5),
            ("uebergeben", make.now + 1),
            ("uebergeben", None),
            ("zugestellt", make.now - 9),
        ]
    ]
    assert [row["id"] for row in await database.fetch("due_deadlines", make.now, 10)] == [ids[1], ids[0]]


async def test_sealed_once_and_again_only_over_what_it_replaces(database: Database, make: Any) -> None:
    _, delivery_id = await one(database, make)

    def sealed(old: str | None, new: str) -> Do:
        values = {"mic": "m", "mic_alg": "sha-256", "wire_headers": "{}", "signed_content": "s", "sealed_content": "c"}
        return do("store_sealed", expect=1, id=delivery_id, old_wire_id=old, wire_id=new, now=make.now, **values)

    await database.commit(sealed(None, "<1>"))
    with pytest.raises(StaleState):
        await database.commit(sealed(None, "<2>"))
    await database.commit(sealed("<1>", "<2>"))
    found = await database.fetch_one("delivery_by_wire_id", "<2>")
    assert found is not None
    assert found["id"] == delivery_id
    assert await database.fetch_one("delivery_by_wire_id", "<1>") is None


async def test_the_status_of_a_message_is_what_states_derives(database: Database, make: Any) -> None:
    single = list(itertools.product(DeliveryStatus, (0, 1)))
    few = [(s, 1) for s in (S.WARTET, S.LAEUFT, S.ZUGESTELLT, S.ABGELEHNT, S.STORNIERT, S.KLAERUNG, S.GESCHEITERT)]
    cases = [
        *itertools.combinations_with_replacement(single, 1),
        *itertools.combinations_with_replacement(single, 2),
        *itertools.combinations_with_replacement(few, 3),
    ]

    async def derived(case: tuple[tuple[S, int], ...]) -> str:
        message_id = make.id()
        ids = [make.id() for _ in case]
        rows = await database.commit(
            make.message(message_id),
            *(
                make.delivery(i, message_id, empfaenger=i, partner_id=i if attempts else None)
                for i, (_, attempts) in zip(ids, case, strict=True)
            ),
            *(claim(make, partner_id=i) for i, (_, attempts) in zip(ids, case, strict=True) if attempts),
            *(
                move(make, i, Step.CLAIM, status, sources='["wartet", "laeuft"]')
                for i, (status, _) in zip(ids, case, strict=True)
            ),
            *status_follows(message_id, make.now),
        )
        return str(rows[-1][0]["status"])

    found = await asyncio.gather(*(derived(case) for case in cases))
    assert found == [message_status(case) for case in cases]


async def test_a_message_without_deliveries_keeps_its_status(database: Database, make: Any) -> None:
    message_id = make.id()
    rows = await database.commit(make.message(message_id, status="klaerung"), *status_follows(message_id, make.now))
    assert rows[-1] == []
    message = await database.fetch_one("message", message_id)
    assert message is not None
    assert message["status"] == "klaerung"


async def test_outcomes_of_one_message_at_the_same_moment_add_up(database: Database, make: Any) -> None:
    for _ in range(10):
        message_id, ids = make.id(), [make.id() for _ in range(4)]
        await database.commit(
            make.message(message_id),
            *(make.delivery(i, message_id, empfaenger=i, status="uebergeben") for i in ids),
        )
        await asyncio.gather(
            *(
                database.commit(
                    move(make, i, Step.RECEIPT_POSITIVE, S.ZUGESTELLT), *status_follows(message_id, make.now)
                )
                for i in ids
            )
        )
        message = await database.fetch_one("message", message_id)
        assert message is not None
        assert message["status"] == "zugestellt"


async def test_attempts_and_receipts_are_told_in_order(database: Database, make: Any) -> None:
    _, delivery_id = await one(database, make)
    for n in (1, 2):
        await database.commit(
            do(
                "insert_attempt",
                id=make.id(), delivery_id=delivery_id, n=n, started=n, ended=n + 1, outcome="retry", detail=None,
            ),
            do(
                "insert_receipt",
                id=make.id(), delivery_id=delivery_id, art="mdn", step="receipt_invalid", reason=None,
                raw_content=str(n), at=n,
            ),
        )  # fmt: skip
    assert [row["n"] for row in await database.fetch("attempts", delivery_id)] == [1, 2]
    assert [row["raw_content"] for row in await database.fetch("receipts", delivery_id)] == ["1", "2"]


async def test_what_needs_a_person_page_by_page(database: Database, make: Any) -> None:
    ids = [(await one(database, make, status=s))[1] for s in ("klaerung", "zugestellt", "klaerung")]
    assert [row["id"] for row in await database.fetch("stuck_deliveries", "klaerung", "", 10)] == [ids[0], ids[2]]
    assert [row["id"] for row in await database.fetch("stuck_deliveries", "klaerung", ids[0], 10)] == [ids[2]]


async def test_inbound_is_judged_once_and_its_receipt_sent_under_a_lease(database: Database, make: Any) -> None:
    key = make.id()
    await database.commit(make.inbound(key, wire_id="<w>", async_url="https://x", lease_until=make.now))
    again = {"lease_before": make.now + 1, "lease_until": make.now + 60, "count": 5}
    assert [row["id"] for row in (await database.commit(do("claim_inbound", **again)))[0]] == [key]
    assert (await database.commit(do("claim_inbound", **again)))[0] == []
    verdict = {"status": "angenommen", "message_id": "m", "mdn_body": b"\0", "mdn_headers": "{}"}
    verdict |= {"async_url": "https://x", "mdn_status": "wartet", "mdn_next_at": make.now}
    await database.commit(do("settle_inbound", expect=1, id=key, **verdict))
    with pytest.raises(StaleState):
        await database.commit(do("settle_inbound", expect=1, id=key, **verdict))
    mdns = {"now": make.now, "lease_until": make.now + 60, "count": 5}
    assert [row["mdn_attempts"] for row in (await database.commit(do("claim_mdns", **mdns)))[0]] == [1]
    recover = do("recover_mdns", lease_before=make.now + 61, now=make.now)
    assert (await database.commit(recover))[0] == [{"id": key}]
    assert [row["mdn_attempts"] for row in (await database.commit(do("claim_mdns", **mdns)))[0]] == [2]
    moved = {"id": key, "mdn_status": "zugestellt", "mdn_next_at": None}
    with pytest.raises(StaleState):
        await database.commit(do("move_mdn", expect=1, attempt=1, **moved))
    await database.commit(do("move_mdn", expect=1, attempt=2, **moved))
    found = await database.fetch_one("inbound_by_transport", "hub", "edge", "<w>")
    assert found is not None
    assert (found["mdn_status"], found["mdn_body"]) == ("zugestellt", b"\0")
