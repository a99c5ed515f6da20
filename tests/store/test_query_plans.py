"""The plan of every named query on both databases: none looks at more than an index gives it, and none of those that
give one page sorts more than that page."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing

import asyncpg
import pytest

from gateway.store import open_database
from gateway.store.queries import Query
from gateway.store.resources import queries
from gateway.store.sqlite import LARGE, QUICK

READ_WHOLE = {
    "partner": "some hundred agreements",
    "lane": "one row for each",
    "revocation_answer": "what is known of their certificates",
    "certificate_notice": "likewise",
    "store_key": "a handful",
    "person": "accounts",
    "schema_version": "migrations",
}
"""Tables that a query may read whole, each with the reason."""
WALKED_WHOLE = {
    "inbound_stuck": "requests that wait for a person",
    "delivery_running": "what is being delivered at this moment: no more than workers can carry",
    "alarm_open": "open alarms: each a condition of a closed list",
    "event_unsealed": "events that wait for their place in the log: some seconds' worth, and read up to a limit",
}
"""Indexes that a query may walk from end to end."""
JUST_TAKEN = {"picked", "found", "room", "newest", "hours"}
"""What the same statement just took from an index, or counted up itself."""
SORTED_WHOLE = {
    "inbox": "what lies uncollected in the inboxes of a few authorities",
    "failed_deliveries": "counts by authority, of at most so many deliveries",
    "queue_by_age": "counts by partner, of at most so many deliveries",
    "search_open_received": "what has not arrived at one authority",
}
"""Queries that may sort all they found before they give one page of it, each with what that is."""

Plans = Mapping[str, list[str]]


@pytest.fixture
async def sqlite_plans(sqlite_url: str) -> Plans:
    """The steps of each query; they do not depend on values."""
    await (await open_database(sqlite_url)).close()
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        return {
            query.name: [
                row[3]
                for row in connection.execute(
                    f"explain query plan {query.sqlite}", {str(n): None for n in range(1, len(query.parameters) + 1)}
                )
            ]
            for query in queries().values()
        }


@pytest.fixture
async def postgres_plans(postgres_url: str) -> AsyncIterator[Plans]:
    """The plan of each query for any values; a scan or a sort that is left cannot be avoided."""
    await (await open_database(postgres_url)).close()
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("set enable_seqscan = off; set enable_sort = off; set enable_incremental_sort = off")
    await connection.execute("set enable_bitmapscan = off; set plan_cache_mode = force_generic_plan")
    plans = {}
    for query in queries().values():
        await connection.execute(f"prepare {query.name} as {query.postgres}")
        values = f"({', '.join(['null'] * len(query.parameters))})" if query.parameters else ""
        plans[query.name] = [row[0] for row in await connection.fetch(f"explain execute {query.name}{values}")]
    yield plans
    await connection.close()


def tables_by_alias(query: Query) -> dict[str, str]:
    return {alias: table for table, alias in re.findall(r"(?:from|join|update) (\w+) (\w)\b", query.sqlite)}


def limited(query: str) -> bool:
    """Whether it gives a page of what it finds."""
    return re.search(r"\blimit \$", queries()[query].sql) is not None


def test_sqlite_walks_an_index(sqlite_plans: Plans) -> None:
    scan = rf"SCAN (?!CONSTANT ROW)(\w+)\b(?! VIRTUAL TABLE| USING INDEX (?:{'|'.join(WALKED_WHOLE)}))"
    for name, plan in sqlite_plans.items():
        scanned = [match[1] for line in plan if (match := re.match(scan, line))]
        tables = {tables_by_alias(queries()[name]).get(alias, alias) for alias in scanned}
        assert tables <= READ_WHOLE.keys() | JUST_TAKEN, (name, plan)


def test_postgres_has_an_index_for_every_query(postgres_plans: Plans) -> None:
    for name, plan in postgres_plans.items():
        tables = {match[1] for line in plan if (match := re.search(r"Seq Scan on (\w+)", line))}
        assert tables <= READ_WHOLE.keys(), (name, plan)


def test_a_page_is_read_in_the_order_of_its_index_on_sqlite(sqlite_plans: Plans) -> None:
    sorting = {
        name
        for name, plan in sqlite_plans.items()
        if limited(name) and any("TEMP B-TREE FOR ORDER" in line for line in plan)
    }
    assert sorting <= SORTED_WHOLE.keys(), {name: sqlite_plans[name] for name in sorting - SORTED_WHOLE.keys()}


def test_a_page_is_read_in_the_order_of_its_index_on_postgres(postgres_plans: Plans) -> None:
    sorting = {
        name
        for name, plan in postgres_plans.items()
        if limited(name) and any(re.search(r"\bSort\b(?! Key)", line) for line in plan)
    }
    assert sorting <= SORTED_WHOLE.keys(), {name: postgres_plans[name] for name in sorting - SORTED_WHOLE.keys()}


MEANT = {
    "search_all": "message_by_time",
    "search_by_status": "message_by_status",
    "search_by_nummer": "message_by_nummer",
    "search_by_own_id": "message_by_own_id",
    "search_by_azr": "message_by_azr",
    "search_by_aktenzeichen": "message_by_aktenzeichen",
    "hourly": "COVERING INDEX message_by_time",
    "open_duties": "duty_open",
    "open_duties_of": "duty_open_of",
    "open_clearings": "clearing_open",
    "delayed_deliveries": "delivery_delayed",
    "stuck_deliveries": "delivery_stuck",
    "reminded_withheld": "duty_withheld",
    "receipts_since": "receipt_positive",
    "audit_of_art": "event_of_art",
}
"""What pages ask for, with the index that was made for it: another one would give the same rows, at another cost."""


def test_what_pages_ask_for_walks_the_index_made_for_it(sqlite_plans: Plans) -> None:
    walked = {
        name: [line for line in sqlite_plans[name] if re.search(rf"{index}\b", line)] for name, index in MEANT.items()
    }
    assert [(name, sqlite_plans[name]) for name, lines in walked.items() if not lines] == []


def test_what_the_event_loop_looks_up_is_found_by_a_key(sqlite_plans: Plans) -> None:
    for name in QUICK:
        steps = [line for line in sqlite_plans[name] if "TEMP B-TREE" not in line]
        assert all(re.match(r"SEARCH \w+ USING .*\(\w+=\?", step) for step in steps), (name, steps)
    assert set(queries()) >= LARGE
