"""What only PostgreSQL can show: lost connections, lost deadlocks."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from gateway.store import StoreError, StoreUnavailable
from gateway.store.postgres import PostgresDatabase
from gateway.store.steps import do


async def test_cut_connections_are_unavailable_and_then_work_again(postgres_url: str, make: Any) -> None:
    database = await PostgresDatabase.open(postgres_url)
    other = await asyncpg.connect(postgres_url)
    name = await other.fetchval("select current_database()")
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gateway' and datname = $1"
    message_id = make.id()
    work = asyncio.gather(*(database.commit(make.event()) for _ in range(50)), return_exceptions=True)
    await other.execute(cut, name)
    for result in await work:
        assert result == [[]] or isinstance(result, StoreUnavailable)
    await other.close()
    await database.commit(make.message(message_id))
    assert await database.fetch_one("message", message_id) is not None
    await database.close()


async def until_somebody_waits(connection: Any) -> None:
    for _ in range(2000):
        if await connection.fetchval("select count(*) from pg_locks where not granted"):
            return
        await asyncio.sleep(0.005)
    pytest.fail("nobody waits for a lock")


async def test_a_lost_deadlock_is_run_again(postgres_url: str, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = await asyncpg.connect(postgres_url)
    name = await other.fetchval("select current_database()")
    await other.execute(f"alter database {name} set deadlock_timeout = '500ms'")
    database = await PostgresDatabase.open(postgres_url)
    a, b = make.id(), make.id()
    await database.commit(make.message(a), make.message(b))
    touch_a, touch_b = (do("touch_message", expect=1, id=i, now=make.now + 1) for i in (a, b))
    runs, once = 0, database._commit_once

    async def counting(steps: Any) -> Any:
        nonlocal runs
        runs += 1
        return await once(steps)

    monkeypatch.setattr(database, "_commit_once", counting)
    await other.execute("set deadlock_timeout = '60s'")  # so that the gateway's is the one that loses
    async with other.transaction():
        await other.execute("update message set geaendert = 0 where id = $1", b)
        step = asyncio.ensure_future(database.commit(touch_a, touch_b))
        await until_somebody_waits(other)
        await other.execute("update message set geaendert = 0 where id = $1", a)
    assert await step == [[], []]
    assert runs == 2
    changed = [await database.fetch_one("message", i) for i in (a, b)]
    assert [row and row["geaendert"] for row in changed] == [make.now + 1] * 2
    await other.close()
    await database.close()


async def test_every_session_waits_for_the_flush(postgres_url: str) -> None:
    owner = await asyncpg.connect(postgres_url)
    name = await owner.fetchval("select current_database()")
    await owner.execute(f"alter database {name} set synchronous_commit = off")
    await owner.close()
    database = await PostgresDatabase.open(postgres_url)
    async with database._pool.acquire() as connection:
        assert await connection.fetchval("show synchronous_commit") == "on"
    await database.close()


async def test_no_error_quotes_a_row(postgres_url: str, make: Any) -> None:
    database = await PostgresDatabase.open(postgres_url)
    with pytest.raises(StoreError) as caught:
        await database.commit(make.message(make.id(), absender="Erika Mustermann", eigene_id=None))
    assert "Mustermann" not in str(caught.value)
    assert caught.value.__suppress_context__
    await database.close()
