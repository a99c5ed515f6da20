"""SQLite's group commit: shared fsync, nobody's failure is anybody else's, honest when it cannot."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.store import AlreadyThere, StoreUnavailable
from gateway.store import sqlite as module
from gateway.store.sqlite import SqliteDatabase


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "gateway.db")


@pytest.fixture
async def database(path: str) -> AsyncIterator[SqliteDatabase]:
    opened = await SqliteDatabase.open(path)
    yield opened
    await opened.close()


def statements_of(database: SqliteDatabase) -> list[str]:
    """From now on, every statement that the writer runs."""
    seen: list[str] = []
    database._connection.set_trace_callback(seen.append)
    return seen


async def started(database: SqliteDatabase, *steps: Any) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.ensure_future(database.commit(*step)) for step in steps]
    await asyncio.sleep(0)
    return tasks


async def test_steps_that_wait_share_one_commit(database: SqliteDatabase, path: str, make: Any) -> None:
    seen = statements_of(database)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        tasks = await started(database, *([make.message(make.id())] for _ in range(100)))
        other.execute("commit")
    await asyncio.gather(*tasks)
    assert seen.count("commit") <= 2  # the first may have been taken before the others were there
    assert seen.count("savepoint step") == 100


async def test_a_failure_in_the_group_is_its_own(database: SqliteDatabase, path: str, make: Any) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        same = [[make.event(message_id=str(n)), make.message(make.id(), eigene_id="1")] for n in range(5)]
        tasks = await started(database, *same)
        other.execute("commit")
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, AlreadyThere) for result in results] == [False, True, True, True, True]
    assert [len(await database.fetch("events_of_message", str(n))) for n in range(5)] == [1, 0, 0, 0, 0]


async def test_a_file_locked_for_long_is_unavailable_and_then_works_again(
    database: SqliteDatabase, path: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.02)
    message_id = make.id()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreUnavailable):
            await database.commit(make.message(message_id))
        assert await database.fetch_one("message", message_id) is None  # reading goes on
    await database.commit(make.message(message_id))
    assert await database.fetch_one("message", message_id) is not None


async def test_who_waits_for_another_process_holds_up_nobody(database: SqliteDatabase, path: str, make: Any) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        (waiting,) = await started(database, [make.message(make.id())])
        assert await database.fetch("partners") == []
        assert not waiting.done()
        other.execute("commit")
    assert await waiting == [[]]


async def test_the_loop_runs_short_statements_and_waits_for_nothing_else(database: SqliteDatabase, make: Any) -> None:
    here, seen = threading.current_thread(), set[tuple[str, bool]]()
    database._connection.set_trace_callback(
        lambda sql: seen.add((sql.split(" (")[0], threading.current_thread() is here))
    )
    await database.commit(make.message(make.id()))
    assert ("insert into message", True) in seen
    assert ("commit", True) not in seen
    seen.clear()
    await database.commit(make.message(make.id(), answer=bytes(module.LARGE_BYTES + 1)))
    assert ("insert into message", True) not in seen


async def test_a_full_disk_is_unavailable_and_leaves_nothing_half_done(database: SqliteDatabase, make: Any) -> None:
    pages = database._connection.execute("pragma page_count").fetchone()[0]
    database._connection.execute(f"pragma max_page_count = {pages + 8}")
    message_id = make.id()
    large = make.message(make.id(), answer=bytes(1_000_000))
    with pytest.raises(StoreUnavailable):
        await database.commit(make.message(message_id), large)
    assert await database.fetch_one("message", message_id) is None
    database._connection.execute("pragma max_page_count = 1000000")
    await database.commit(make.message(message_id), large)
    assert await database.fetch_one("message", message_id) is not None


async def test_more_than_may_wait_is_refused_at_once(
    database: SqliteDatabase, path: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        tasks = await started(database, *([make.message(make.id())] for _ in range(20)))
        refused = [task for task in tasks if task.done() and isinstance(task.exception(), StoreUnavailable)]
        other.execute("commit")
    await asyncio.wait(tasks)
    accepted = [task for task in tasks if task.exception() is None]
    assert len(refused) + len(accepted) == 20
    assert 3 <= len(accepted) < 20


async def test_a_caller_that_goes_away_disturbs_nobody(database: SqliteDatabase, path: str, make: Any) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        gone, stays = await started(database, [make.message(make.id())], [make.message(make.id())])
        gone.cancel()
        other.execute("commit")
    assert await stays == [[]]
    assert gone.cancelled() or gone.cancelling()


def mode_of(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


async def test_durable_and_private(database: SqliteDatabase, path: str) -> None:
    assert database._connection.execute("pragma journal_mode").fetchone()[0] == "wal"
    assert database._connection.execute("pragma synchronous").fetchone()[0] == 2
    assert database._connection.execute("pragma foreign_keys").fetchone()[0] == 1
    for name in (path, f"{path}-wal"):
        assert mode_of(name) == 0o600


async def test_readers_cannot_write(database: SqliteDatabase, make: Any) -> None:
    with pytest.raises(StoreUnavailable):
        await database.fetch("discard_content", "any")
