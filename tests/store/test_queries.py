"""The file of named queries: how it is read, and that every query runs on both databases."""

from __future__ import annotations

import pytest

from gateway.store import Database
from gateway.store.queries import for_postgres, for_sqlite, migration_for_sqlite, parse, statements
from gateway.store.resources import migrations, queries
from gateway.store.steps import do, listed


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


async def test_every_query_runs_on_both(database: Database) -> None:
    for query in queries().values():
        if query.sql.startswith("select"):
            args = [0 if is_number(name) else "[]" if name in LISTS else "x" for name in query.parameters]
            found = await database.fetch(query.name, *args)
            assert not found or query.name in NEVER_EMPTY, query.name


NEVER_EMPTY = {"schema_version", "hourly", "hourly_of", "messages_of_number", "receipts_since"}
"""Of a store without rows: its version, counts."""

LISTS = {"authorities", "message_ids", "ids", "sources", "readers", "tables"}


def is_number(parameter: str) -> bool:
    return parameter in {"n", "first", "count", "now", "since", "before", "after_time", "test", "level", "size"} or (
        parameter.endswith("_ago")
    )
