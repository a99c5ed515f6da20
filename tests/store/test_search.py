"""Search: what it finds is what a plain walk over all rows would find, page by page; and who may read what."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest

from gateway.states import DeliveryStatus, MessageStatus, message_status
from gateway.store import Database, Row
from gateway.store.content import blind_index
from gateway.store.keyring import Keyring, PlainKek
from gateway.store.search import MAX_PAGE, Search, page, plan
from gateway.store.steps import do, listed

SENDERS = ["gds:R8088", "gds:R8089", "pol:05"]
RECIPIENTS = ["abh:05315000", "abh:05382000", "zab:koeln"]


async def stored(database: Database, make: Any) -> list[dict[str, Any]]:
    """Sixty messages with up to two recipients; several share a moment."""
    chance = random.Random(7)
    facts: list[dict[str, Any]] = []
    for n in range(60):
        message = {
            "id": make.id(),
            "absender": chance.choice(SENDERS),
            "eigene_id": f"own-{n % 50}",
            "status": chance.choice(["unterwegs", "zugestellt", "klaerung"]),
            "anlass": chance.choice(["antritt", "urteil", None]),
            "nummer": chance.choice(["9900001", "9900002"]),
            "aktenzeichen_index": chance.choice(["az1", "az2", None]),
            "azr_index": chance.choice(["azr1", None, None]),
            "eingang": make.now + n // 3,
        }
        if any((f["absender"], f["eigene_id"]) == (message["absender"], message["eigene_id"]) for f in facts):
            message["eigene_id"] = f"other-{n}"
        recipients = chance.sample(RECIPIENTS, chance.randint(0, 2))
        await database.commit(
            make.message(message["id"], **{k: v for k, v in message.items() if k != "id"}),
            *(make.delivery(make.id(), message["id"], empfaenger=r) for r in recipients),
            do("insert_readers", message_id=message["id"]),
        )
        facts.append(message | {"empfaenger": recipients})
    return facts


def matches(search: Search, fact: dict[str, Any]) -> bool:
    if not search.since <= fact["eingang"] < search.before:
        return False
    if search.readers is not None and not {fact["absender"], *fact["empfaenger"]} & set(search.readers):
        return False
    if search.empfaenger is not None and search.empfaenger not in fact["empfaenger"]:
        return False
    names = ("status", "absender", "anlass", "nummer", "aktenzeichen_index", "azr_index", "eigene_id")
    return all(getattr(search, name) in (None, fact[name]) for name in names)


async def run(database: Database, search: Search) -> list[Row]:
    """A number is looked for as if few had it; without that, the plan is the one of the other filters."""
    plans = plan(search, rare=search.nummer is not None)
    return page([await database.fetch(query, *args) for query, args in plans], search.count)


FILTERS: list[dict[str, Any]] = [
    {},
    {"status": "klaerung"},
    {"absender": SENDERS[0]},
    {"empfaenger": RECIPIENTS[0]},
    {"empfaenger": RECIPIENTS[0], "absender": SENDERS[1], "status": "unterwegs"},
    {"aktenzeichen_index": "az1"},
    {"azr_index": "azr1", "nummer": "9900001"},
    {"eigene_id": "own-3"},
    {"nummer": "9900002"},
    {"nummer": "9900001", "readers": [SENDERS[0], RECIPIENTS[1]]},
    {"nummer": "9900001", "absender": SENDERS[1]},
    {"anlass": "antritt"},
    {"readers": [SENDERS[2]]},
    {"readers": [RECIPIENTS[0], SENDERS[0], RECIPIENTS[1]]},
    {"readers": [RECIPIENTS[0]], "absender": SENDERS[0]},
    {"readers": [RECIPIENTS[1]], "azr_index": "azr1"},
    {"readers": [SENDERS[0]], "status": "zugestellt"},
    {"readers": ["abh:nobody"]},
    {"readers": []},
]


async def test_every_filter_finds_what_a_walk_over_all_rows_finds(database: Database, make: Any) -> None:
    facts = await stored(database, make)
    for filters in FILTERS:
        search = Search(since=make.now + 2, before=make.now + 18, count=7, **filters)
        expected = sorted((f for f in facts if matches(search, f)), key=lambda f: (f["eingang"], f["id"]), reverse=True)
        found: list[Row] = []
        while rows := await run(database, search):
            assert len(rows) <= 7
            found += rows
            search = dataclasses.replace(search, before=rows[-1]["eingang"], before_id=rows[-1]["id"])
        assert [row["id"] for row in found] == [fact["id"] for fact in expected], filters


async def test_a_page_has_a_bound_that_no_caller_lifts() -> None:
    for _, args in plan(Search(since=0, before=1, count=10_000)):
        assert args[3] == MAX_PAGE


def test_a_number_is_walked_where_few_have_it() -> None:
    search = Search(since=0, before=1, nummer="5.3", readers=["a", "b"])
    assert [name for name, _ in plan(search)] == ["search_by_reader"] * 2
    assert [name for name, _ in plan(search, rare=True)] == ["search_by_nummer"]
    assert [name for name, _ in plan(dataclasses.replace(search, azr_index="x"), rare=True)] == ["search_by_azr"]


@pytest.mark.parametrize(
    ("filters", "query"),
    [
        ({}, "search_all"),
        ({"status": "klaerung"}, "search_by_status"),
        ({"absender": "a", "status": "klaerung"}, "search_open_sent"),
        ({"empfaenger": "a", "status": "klaerung"}, "search_by_status"),
        ({"empfaenger": "a", "status": "zugestellt"}, "search_by_reader"),
        ({"readers": ["a"], "azr_index": "x", "aktenzeichen_index": "y"}, "search_by_azr"),
        ({"readers": ["a"], "aktenzeichen_index": "y"}, "search_by_aktenzeichen"),
        ({"eigene_id": "1", "azr_index": "x"}, "search_by_own_id"),
    ],
)
def test_the_narrowest_index_is_walked(filters: dict[str, Any], query: str) -> None:
    assert {name for name, _ in plan(Search(since=0, before=1, **filters))} == {query}


async def test_each_sees_its_own_slice(database: Database, make: Any) -> None:
    message_id, other = make.id(), make.id()
    await database.commit(
        make.message(message_id, absender="gds:R8088"),
        make.delivery(make.id(), message_id, empfaenger="zab:koeln"),
        make.message(other, absender="zab:koeln"),
    )
    for query, authorities, visible in [
        ("message_for_sender", ["gds:R8088", "x"], True),
        ("message_for_sender", ["zab:koeln"], False),
        ("message_for_recipient", ["zab:koeln", "x"], True),
        ("message_for_recipient", ["gds:R8088"], False),
        ("message_for_sender", [], False),
    ]:
        found = await database.fetch_one(query, message_id, listed(authorities))
        assert (found is not None) == visible, (query, authorities)


async def test_the_inbox_holds_what_waits_for_these_authorities(database: Database, make: Any) -> None:
    ids = []
    for over in [
        {"empfaenger": "gds:A", "status": "uebergeben"},
        {"empfaenger": "gds:A", "status": "zugestellt"},
        {"empfaenger": "gds:B", "status": "quittung_ungueltig"},
        {"empfaenger": "gds:C", "status": "uebergeben"},
    ]:
        message_id, delivery_id = make.id(), make.id()
        ids.append(delivery_id)
        await database.commit(
            make.message(message_id), make.delivery(delivery_id, message_id, weg="abruf", partner_id=None, **over)
        )
    both = listed(["gds:A", "gds:B"])
    assert [row["id"] for row in await database.fetch("inbox", both, "", 10)] == [ids[0], ids[2]]
    assert [row["id"] for row in await database.fetch("inbox", both, "", 1)] == [ids[0]]
    assert [row["id"] for row in await database.fetch("inbox", both, ids[0], 10)] == [ids[2]]


async def test_recipients_and_parts_of_a_page_come_at_once(database: Database, make: Any) -> None:
    a, b = make.id(), make.id()
    part = {"name": "n.xml", "media_type": "application/xml", "sha256": "00", "bytes": 1, "content_id": "c"}
    await database.commit(
        make.message(a),
        make.message(b),
        make.delivery(make.id(), a, empfaenger="zab:koeln"),
        *(do("insert_part", message_id=m, n=n, **part) for m in (a, b) for n in (1, 0)),
    )
    parts = await database.fetch("parts_of_messages", listed([a, b]))
    assert [(row["message_id"], row["n"]) for row in parts] == [(a, 0), (a, 1), (b, 0), (b, 1)]
    assert await database.fetch("recipients_of_messages", listed([a, b])) == [
        {"message_id": a, "empfaenger": "zab:koeln", "status": "wartet"}
    ]


async def test_a_keyed_hash_finds_spellings_of_one_value_and_tells_nothing(database: Database) -> None:
    ring = await Keyring.open(database, [PlainKek(bytes(32))], 1)
    wanted = blind_index(ring, "aktenzeichen", "12 Js 345/26")
    assert wanted == blind_index(ring, "aktenzeichen", " 12 js\u00a0345/26 ")
    assert wanted != blind_index(ring, "azr_nummer", "12 Js 345/26")
    assert "345" not in wanted
    assert len(wanted) == 64


def as_seen(message: dict[str, Any], readers: list[str]) -> str | None:
    """Its status for who may read it, by the table of states; None for whoever finds nothing."""
    deliveries = message["deliveries"]
    if message["absender"] in readers:
        return str(message["status"])
    hidden = {"klaerung", "angehalten", "storniert"}
    own = [(DeliveryStatus(s), 0) for to, s in deliveries.items() if to in readers and s not in hidden]
    return str(message_status(own)) if own else None


async def test_a_status_is_found_by_whoever_sees_it(database: Database, make: Any) -> None:
    chance, stored = random.Random(3), list[dict[str, Any]]()
    for n in range(120):
        recipients = chance.sample(RECIPIENTS, chance.randint(0, 3))
        deliveries = {to: str(chance.choice(list(DeliveryStatus))) for to in recipients}
        of_all = [(DeliveryStatus(status), 0) for status in deliveries.values()]
        status = str(message_status(of_all)) if of_all else chance.choice(["klaerung", "zurueckgestellt"])
        message = {"id": make.id(), "absender": chance.choice(SENDERS), "status": status, "eingang": make.now + n // 3}
        await database.commit(
            make.message(message["id"], **{key: value for key, value in message.items() if key != "id"}),
            *(make.delivery(make.id(), message["id"], empfaenger=to, status=s) for to, s in deliveries.items()),
            do("insert_readers", message_id=message["id"]),
        )
        stored.append(message | {"deliveries": deliveries})
    for status in MessageStatus:
        for readers in ([SENDERS[0]], [RECIPIENTS[0]], [RECIPIENTS[1], SENDERS[1], RECIPIENTS[2]]):
            search = Search(since=0, before=make.now + 100, count=200, status=status, readers=readers)
            found = await run(database, search)
            expected = {message["id"] for message in stored if as_seen(message, readers) == status}
            assert {row["id"] for row in found} == expected, (status, readers)
