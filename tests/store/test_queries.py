"""The file of named queries: how it is read, and that no query looks at more than an index gives it."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import asyncpg
import pytest

from gateway.store import Database
from gateway.store.queries import Query, for_postgres, for_sqlite, migration_for_sqlite, parse, statements
from gateway.store.resources import migrations, queries
from gateway.store.steps import do, listed

SMALL = {"partner", "lane", "store_key", "person", "schema_version", "revocation_answer", "certificate_notice"}
"""Tables that are read whole on purpose: some hundred partners and what is known of their certificates, accounts,
migrations."""

RUNNING = "delivery_running"
"""The index of what is being delivered at this moment may be read whole: it holds no more than workers can carry."""

UNSEALED = "event_unsealed"
"""Likewise the index of events that wait for their place in the log: some seconds' worth, and read up to a limit."""

NAMED = sorted(queries())


def test_a_query_has_its_name_its_parameters_and_its_text() -> None:
    found = parse(
        "-- heading\n\n-- name: one(a,\n--     b)\n-- Why.\nselect a\n-- and\nfrom t where a = $1 and b = $2;\n"
    )
    assert found["one"].parameters == ("a", "b")
    assert found["one"].sql == "select a\nfrom t where a = $1 and b = $2"
    assert found["one"].returns_rows


def test_fragments_stand_where_they_are_named() -> None:
    found = parse("-- fragment: where\nwhere a = $1\n-- name: one(a)\nupdate t set b = 0 {where};\n")
    assert found["one"].sql == "update t set b = 0 where a = $1"
    assert not found["one"].returns_rows


@pytest.mark.parametrize(
    "text",
    [
        "-- name: one(a)\nselect 1;\n",
        "-- name: one()\nselect $1;\n",
        "-- name: one(a, b)\nselect $1, $3;\n",
        "-- name: one()\nselect 1;\n-- name: one()\nselect 2;\n",
    ],
)
def test_a_file_that_contradicts_itself_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_what_differs_between_the_databases() -> None:
    sql = "select 1 from t where a in list($2) and b in ('x') limit $1 /*postgres for update skip locked*/"
    assert "json_each($2)" in for_sqlite(sql)
    assert "skip locked" not in for_sqlite(sql)
    assert "jsonb_array_elements_text(cast($2 as text)::jsonb)" in for_postgres(sql)
    assert for_postgres(sql).endswith("for update skip locked")


def test_migrations_differ_by_type_names_alone() -> None:
    text = "-- first\ncreate table t (\n    a bigint,\n    b bytea -- c\n);\ncreate index i on t (a);\n"
    assert statements(migration_for_sqlite(text)) == [
        "create table t (\n    a integer,\n    b blob -- c\n) strict",
        "create index i on t (a)",
    ]
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


def test_values_are_given_by_name_or_refused() -> None:
    assert do("delete_partner", expect=1, id="x").args == ("x",)
    with pytest.raises(TypeError, match="id"):
        do("delete_partner")
    with pytest.raises(TypeError, match="key"):
        do("delete_partner", id="x", key="y")
    assert listed(["b", "a", "b", "ä"]) == '["a", "b", "ä"]'


def by_name(query: Query) -> dict[str, Any]:
    """Values of the right kind; plans do not depend on them."""
    return {str(n): None for n in range(1, len(query.parameters) + 1)}


@pytest.mark.parametrize("name", NAMED)
async def test_sqlite_walks_an_index(sqlite_url: str, sqlite_file: sqlite3.Connection, name: str) -> None:
    query = queries()[name]
    plan = [row[3] for row in sqlite_file.execute(f"explain query plan {query.sqlite}", by_name(query))]
    scan = rf"SCAN (?!CONSTANT ROW)(\w+)\b(?! VIRTUAL TABLE| USING INDEX (?:{RUNNING}|{UNSEALED}))"
    scanned = [re.match(scan, line) for line in plan]
    tables = {tables_by_alias(query).get(m[1], m[1]) for m in scanned if m}
    assert tables <= SMALL | {"picked", "found", "room"}, plan  # what the same statement just took from an index
    if name in SORTED_BY_INDEX:
        assert not [line for line in plan if "TEMP B-TREE" in line], plan


SORTED_BY_INDEX = {
    "claim_deliveries", "due_deadlines", "stuck_deliveries", "events_of_message", "chunks", "claim_mdns",
    "search_all", "search_by_status", "search_by_own_id", "search_by_azr", "search_by_aktenzeichen",
    "search_by_reader", "sweep_staged",
}  # fmt: skip


def tables_by_alias(query: Query) -> dict[str, str]:
    return {alias: table for table, alias in re.findall(r"(?:from|join|update) (\w+) (\w)\b", query.sqlite)}


@pytest.fixture
async def sqlite_file(sqlite_url: str, make: Any) -> Any:
    from gateway.store import open_database

    await (await open_database(sqlite_url)).close()
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    yield connection
    connection.close()


async def test_postgres_has_an_index_for_every_query(postgres_url: str) -> None:
    from gateway.store import open_database

    await (await open_database(postgres_url)).close()
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
    scans = {}
    for query in queries().values():
        await connection.execute(f"prepare {query.name} as {query.postgres}")
        values = f"({', '.join(['null'] * len(query.parameters))})" if query.parameters else ""
        plan = await connection.fetch(f"explain execute {query.name}{values}")
        lines = [row[0] for row in plan]
        tables = {m[1] for line in lines if (m := re.search(r"Seq Scan on (\w+)", line))}
        if tables - SMALL:
            scans[query.name] = lines
    await connection.close()
    assert scans == {}


async def test_every_query_runs_on_both(database: Database) -> None:
    for query in queries().values():
        if query.sql.startswith("select"):
            args = [0 if is_number(name) else "[]" if name in LISTS else "x" for name in query.parameters]
            assert await database.fetch(query.name, *args) in ([], [{"version": len(migrations())}])


LISTS = {"authorities", "message_ids", "ids", "sources", "readers", "tables"}


def is_number(parameter: str) -> bool:
    return parameter in {"n", "first", "count", "now", "since", "before", "after_time", "test", "level", "size"} or (
        parameter.endswith("_ago")
    )
