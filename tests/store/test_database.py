"""What both databases promise: steps are whole, durable and refused in the same words."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from gateway.partner import Grenzen, Partner
from gateway.store import AlreadyThere, Database, Do, StaleState, StoreError, StoreUnavailable, open_database
from gateway.store.queries import migration_for_sqlite, statements
from gateway.store.resources import migrations
from gateway.store.steps import do


async def test_a_step_is_there_when_commit_returns_and_after_reopening(url: str, make: Any) -> None:
    first = await open_database(url)
    message_id = make.id()
    rows = await first.commit(make.message(message_id, answer=b"\0\xff"), make.event(message_id=message_id))
    assert rows == [[], []]
    await first.close()
    second = await open_database(url)
    message = await second.fetch_one("message", message_id)
    events = await second.fetch("events_of_message", message_id)
    await second.close()
    assert message is not None
    assert message["answer"] == b"\0\xff"
    assert message["eingang"] == make.now
    assert message["fremde_id"] is None
    assert [event["art"] for event in events] == ["angenommen"]


async def test_an_unmet_expectation_undoes_the_whole_step(database: Database, make: Any) -> None:
    message_id = make.id()
    with pytest.raises(StaleState) as caught:
        await database.commit(
            make.message(message_id),
            do("keep_content", expect=1, id="nobody", bytes=0, sha256=""),
        )
    assert (caught.value.query, caught.value.expected, caught.value.found) == ("keep_content", 1, 0)
    assert await database.fetch_one("message", message_id) is None


async def test_an_expectation_counts_returned_rows_too(database: Database, make: Any) -> None:
    message_id = make.id()
    move = {"id": message_id, "status": "storniert", "entscheidung": None, "now": make.now + 1}
    rows = await database.commit(
        make.message(message_id, status="klaerung"),
        do("move_message", expect=1, sources='["klaerung", "zurueckgestellt"]', **move),
    )
    assert rows[1] == [{"id": message_id, "status": "storniert"}]
    with pytest.raises(StaleState):
        await database.commit(do("move_message", expect=1, sources='["klaerung"]', **move))
    message = await database.fetch_one("message", message_id)
    assert message is not None
    assert message["entscheidung"] == "{}"


@pytest.mark.parametrize(
    "constraint",
    [
        "message_identity",
        "message_pkey",
        "part_pkey",
        "delivery_addressee",
        "delivery_wire_id",
        "attempt_number",
        "inbound_transport",
        "partner_authority_pkey",
    ],
)
async def test_a_violated_unique_constraint_has_one_name_on_both(
    database: Database, make: Any, constraint: str
) -> None:
    m, d1, d2 = make.id(), make.id(), make.id()
    sealed = {"old_wire_id": None, "wire_id": "<1>", "mic": "", "mic_alg": "", "wire_headers": "{}", "now": 1}
    sealed |= {"signed_content": "", "sealed_content": ""}
    attempt = {"delivery_id": d1, "n": 1, "started": 1, "ended": 2, "outcome": "", "detail": None}
    part = {"message_id": m, "n": 0, "name": "", "media_type": "", "sha256": "", "bytes": 0, "content_id": ""}
    await database.commit(
        make.message(m, eigene_id="1"),
        make.delivery(d1, m),
        make.delivery(d2, m, empfaenger="zab:koeln"),
        make.inbound(make.id()),
        make.partner("koeln"),
        do("insert_part", **part),
        do("insert_attempt", id=make.id(), **attempt),
        do("insert_partner_authority", authority="zab:koeln", partner_id="koeln"),
        do("store_sealed", id=d1, **sealed),
    )
    again = {
        "message_identity": make.message(make.id(), eigene_id="1"),
        "message_pkey": make.message(m, eigene_id="2"),
        "part_pkey": do("insert_part", **part),
        "delivery_addressee": make.delivery(make.id(), m),
        "delivery_wire_id": do("store_sealed", id=d2, **sealed),
        "attempt_number": do("insert_attempt", id=make.id(), **attempt),
        "inbound_transport": make.inbound(make.id()),
        "partner_authority_pkey": do("insert_partner_authority", authority="zab:koeln", partner_id="koeln"),
    }
    with pytest.raises(AlreadyThere) as caught:
        await database.commit(make.event(message_id=m), again[constraint])
    assert caught.value.constraint == constraint
    assert await database.fetch("events_of_message", m) == []


async def test_another_refusal_is_not_mistaken_for_a_duplicate(database: Database, make: Any) -> None:
    for broken in (
        make.delivery(make.id(), "no such message"),
        make.message(make.id(), absender=None),
        make.message(make.id(), herkunft="fax"),
        make.message(make.id(), test=2),
    ):
        with pytest.raises(StoreError) as caught:
            await database.commit(broken)
        assert type(caught.value) is StoreError
        assert "gds:R8088" not in str(caught.value)


async def test_a_value_of_the_wrong_type_is_refused_without_quoting_it(database: Database, make: Any) -> None:
    with pytest.raises(StoreError) as caught:
        await database.commit(make.message(make.id(), eingang="yesterday"))
    assert type(caught.value) is StoreError
    assert "yesterday" not in str(caught.value)


async def test_calls_that_do_not_fit_the_query_are_refused_before_the_database(database: Database) -> None:
    with pytest.raises(TypeError):
        await database.commit(Do("insert_event", ("only one",)))
    with pytest.raises(TypeError):
        await database.fetch("message")
    with pytest.raises(KeyError):
        await database.fetch("no_such_query")


async def test_many_steps_at_once_succeed_and_fail_each_for_itself(database: Database, make: Any) -> None:
    taken = make.id()
    await database.commit(make.message(taken, eigene_id="taken"))
    ids = [make.id() for _ in range(120)]
    results = await asyncio.gather(
        *(
            database.commit(make.event(message_id=i), make.message(i, eigene_id="taken" if n % 3 == 0 else i))
            for n, i in enumerate(ids)
        ),
        return_exceptions=True,
    )
    for n, (message_id, result) in enumerate(zip(ids, results, strict=True)):
        failed = n % 3 == 0
        assert isinstance(result, AlreadyThere) == failed
        assert (await database.fetch_one("message", message_id) is None) == failed
        assert len(await database.fetch("events_of_message", message_id)) == (0 if failed else 1)


async def test_a_closed_database_says_so(url: str, make: Any) -> None:
    database = await open_database(url)
    message_id = make.id()
    last = asyncio.ensure_future(database.commit(make.message(message_id)))
    await asyncio.sleep(0)
    await database.close()
    await database.close()
    assert await last == [[]]
    with pytest.raises(StoreUnavailable):
        await database.commit(make.event())
    with pytest.raises(StoreUnavailable):
        await database.fetch("message", message_id)


async def test_gateways_that_start_together_make_the_schema_once(url: str, raw: Any) -> None:
    opened = await asyncio.gather(*(open_database(url) for _ in range(4)))
    await asyncio.gather(*(database.close() for database in opened))
    assert await raw("select version from schema_version") == [(n + 1,) for n in range(len(migrations()))]


async def test_agreements_of_before_the_window_grew_have_no_limit_of_five(tmp_path: Any) -> None:
    """Migration 17: 5 was stored where nothing was agreed."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("create table schema_version (version integer primary key, applied integer not null) strict")
        for migration in migrations()[:16]:
            for statement in statements(migration_for_sqlite(migration.sql)):
                old.execute(statement)
            old.execute("insert into schema_version values (?, 0)", (migration.number,))
        for n in (5, 2):
            agreement = Partner(
                id=f"p{n}", behoerden=(), weg="abruf", grenzen=Grenzen(gleichzeitig=n)
            ).model_dump_json()
            old.execute("insert into partner (id, agreement, changed) values (?, ?, 0)", (f"p{n}", agreement))
    database = await open_database(f"sqlite:///{path}")
    rows = await database.fetch("partners")
    await database.close()
    found = {row["id"]: Partner.model_validate_json(row["agreement"]).grenzen.gleichzeitig for row in rows}
    assert found == {"p5": None, "p2": 2}


async def test_a_schema_from_the_future_is_refused(url: str, raw: Any) -> None:
    await (await open_database(url)).close()
    await raw("insert into schema_version (version, applied) values (999, 0)")
    with pytest.raises(StoreError, match="999"):
        await open_database(url)


async def test_urls_that_name_no_database_are_refused() -> None:
    with pytest.raises(ValueError):
        await open_database("mysql://localhost/gateway")


async def test_a_database_out_of_reach_is_unavailable(tmp_path: Any) -> None:
    with pytest.raises(StoreUnavailable):
        await open_database(f"sqlite:///{tmp_path}/missing/gateway.db")
    with pytest.raises(StoreUnavailable):
        await open_database(f"postgresql://nobody@/none?host={tmp_path}")


async def test_partners_and_their_authorities(database: Database, make: Any) -> None:
    await database.commit(
        make.partner("koeln"),
        do("insert_partner_authority", authority="zab:koeln", partner_id="koeln"),
        do("insert_partner_authority", authority="abh:05315000", partner_id="koeln"),
    )
    await database.commit(do("put_partner", id="koeln", agreement='{"neu": 1}', now=make.now + 1))
    found = await database.fetch_one("partner_of_authority", "zab:koeln")
    assert found == {"id": "koeln", "agreement": '{"neu": 1}', "changed": make.now + 1}
    await database.commit(do("delete_partner", expect=1, id="koeln"))
    assert await database.fetch("partners") == []
    assert await database.fetch_one("partner_of_authority", "zab:koeln") is None
