"""Copies of a store, made while it is written to, and stores made from copies: from and to both databases."""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.store import Database, StoreError, StoreUnavailable, open_database
from gateway.store.backup import copy_store, keys_of, restore_store
from gateway.store.content import CHUNK, Contents
from gateway.store.keyring import Keyring, PlainKek, opened
from gateway.store.queries import migration_for_sqlite, statements
from gateway.store.resources import migrations

KEK = PlainKek(secrets.token_bytes(32))


@pytest.fixture(params=["to_sqlite", "to_postgres"])
def target_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "to_sqlite":
        return f"sqlite:///{tmp_path}/restored.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def source_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/source.db"


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def filled(database: Database, make: Any, count: int = 3) -> list[str]:
    """Messages, each with an event and a content of some chunks; one step each."""
    contents = Contents(database, await Keyring.open(database, [KEK], 1))
    ids = [make.id() for _ in range(count)]
    for key in ids:
        sealed = contents.seal_small(os.urandom(CHUNK + 9), 1)
        await database.commit(make.message(key, answer=b"\0\xff"), make.event(message_id=key), *sealed.steps)
    return ids


async def rows_of(url: str) -> dict[str, list[Any]]:
    """What a store holds, by the ways on which it is read."""
    database = await open_database(url)
    contents = await database.fetch("contents_after", "", 1000)
    reader = Contents(database, await Keyring.open(database, [KEK], 1))
    found = {
        "contents": [await reader.read_all(row["id"], CHUNK * 4) for row in contents],
        "events": [dict(row) for row in await database.fetch("events_of_art", "angenommen", "", 1000)],
        "keys": [dict(row) for row in await database.fetch("store_keys")],
    }
    found["messages"] = [dict(await database.fetch_one("message", e["message_id"]) or {}) for e in found["events"]]
    found["restored"] = [dict(row) for row in await database.fetch("restored")]
    await database.close()
    return found


async def test_a_copy_makes_the_same_store(source_url: str, target_url: str, make: Any, tmp_path: Path) -> None:
    database = await open_database(source_url)
    await filled(database, make)
    await copy_store(source_url, tmp_path / "copy")
    await database.close()
    await restore_store(tmp_path / "copy", target_url, 7, hold=True)
    before, after = await rows_of(source_url), await rows_of(target_url)
    assert after.pop("restored") == [{"at": 7, "hold": 1}]
    assert before.pop("restored") == []
    assert before == after
    assert len(after["contents"]) == 3


async def test_a_copy_of_postgresql_is_a_file(postgres_url: str, make: Any, tmp_path: Path) -> None:
    database = await open_database(postgres_url)
    await filled(database, make)
    await copy_store(postgres_url, tmp_path / "copy")
    await database.close()
    await restore_store(tmp_path / "copy", f"sqlite:///{tmp_path}/restored.db", 7, hold=False)
    before, after = await rows_of(postgres_url), await rows_of(f"sqlite:///{tmp_path}/restored.db")
    assert (before.pop("restored"), after.pop("restored")) == ([], [{"at": 7, "hold": 0}])
    assert before == after
    with pytest.raises(StoreError, match="nicht leer"):
        await restore_store(tmp_path / "copy", postgres_url, 8, hold=True)


async def test_a_copy_made_under_load_holds_whole_steps(
    url: str, database: Database, make: Any, tmp_path: Path
) -> None:
    await filled(database, make, 2)
    stopping = False

    async def writing() -> int:
        count = 0
        while not stopping:
            await filled(database, make, 1)
            count += 1
        return count

    writers = [asyncio.create_task(writing()) for _ in range(3)]
    try:
        for n in range(3):
            told: list[int] = []
            await copy_store(url, tmp_path / f"copy{n}", told.append)
    finally:
        stopping = True
        written = sum(await asyncio.gather(*writers))
    assert written > 0
    counts = []
    for n in range(3):
        with closing(sqlite3.connect(tmp_path / f"copy{n}")) as copy:
            sql = "select (select count(*) from {}), (select count(*) from event), (select count(*) from content)"
            messages, events, contents = copy.execute(sql.format("message")).fetchone()
            assert copy.execute("select count(*) from chunk").fetchone() == (2 * contents,)
            assert copy.execute("pragma foreign_key_check").fetchall() == []
        assert messages == events == contents
        counts.append(messages)
    assert counts == sorted(counts)
    assert counts[0] >= 2


async def test_a_copy_is_its_owners_alone_and_overwrites_nothing(
    source_url: str, make: Any, tmp_path: Path, url: str
) -> None:
    await (await open_database(url)).close()
    await copy_store(url, tmp_path / "copy")
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600
    size = (tmp_path / "copy").stat().st_size
    with pytest.raises(FileExistsError):
        await copy_store(url, tmp_path / "copy")
    with pytest.raises(OSError, match="missing"):
        await copy_store(url, tmp_path / "missing" / "copy")
    assert (tmp_path / "copy").stat().st_size == size
    assert not [name for name in names(tmp_path) if name.endswith(".part")]
    with pytest.raises(StoreUnavailable):
        await copy_store(f"sqlite:///{tmp_path}/nothing.db", tmp_path / "other")
    assert not (tmp_path / "nothing.db").exists()


async def test_a_copy_holds_the_keys_that_it_needs(database: Database, url: str, make: Any, tmp_path: Path) -> None:
    await filled(database, make, 1)
    await copy_store(url, tmp_path / "copy")
    rows = keys_of(tmp_path / "copy")
    assert {opened(row, [KEK]).purpose for row in rows} == {
        "inhalt", "index_aktenzeichen", "index_azr_nummer", "text"
    }  # fmt: skip
    assert KEK.plain is not None
    assert KEK.plain not in (tmp_path / "copy").read_bytes()


@pytest.mark.parametrize("fault", ["cut", "garbled", "no copy", "from the future"])
async def test_what_is_no_whole_copy_makes_no_store(source_url: str, make: Any, tmp_path: Path, fault: str) -> None:
    database = await open_database(source_url)
    await filled(database, make)
    await copy_store(source_url, tmp_path / "copy")
    await database.close()
    data = (tmp_path / "copy").read_bytes()
    match fault:
        case "cut":
            data = data[: len(data) // 2]
        case "garbled":
            data = data[:4096] + os.urandom(4096) + data[8192:]
        case "no copy":
            data = b"This is no database." * 1000
        case _:
            with closing(sqlite3.connect(tmp_path / "copy")) as copy, copy:
                copy.execute("insert into schema_version values (999, 0)")
            data = (tmp_path / "copy").read_bytes()
    (tmp_path / "copy").write_bytes(data)
    with pytest.raises(StoreError) as caught:
        await restore_store(tmp_path / "copy", f"sqlite:///{tmp_path}/restored.db", 7, hold=True)
    assert ("999" in str(caught.value)) == (fault == "from the future")
    assert not [name for name in names(tmp_path) if "restored" in name]


async def test_a_store_that_is_there_is_never_overwritten(source_url: str, make: Any, tmp_path: Path) -> None:
    database = await open_database(source_url)
    await filled(database, make)
    await copy_store(source_url, tmp_path / "copy")
    with pytest.raises(FileExistsError):
        await restore_store(tmp_path / "copy", source_url, 7, hold=True)
    await database.close()
    (tmp_path / "other.db-wal").touch()
    with pytest.raises(FileExistsError, match="beiseitelegen"):
        await restore_store(tmp_path / "copy", f"sqlite:///{tmp_path}/other.db", 7, hold=True)


def older(path: Path) -> None:
    """A copy that a program made which knew one migration less."""
    with closing(sqlite3.connect(path)) as copy, copy:
        copy.execute("create table schema_version (version integer primary key, applied integer not null) strict")
        for migration in migrations()[:-1]:
            for statement in statements(migration_for_sqlite(migration.sql)):
                copy.execute(statement)
            copy.execute("insert into schema_version values (?, 0)", (migration.number,))


async def test_an_older_copy_is_brought_forward(target_url: str, tmp_path: Path) -> None:
    older(tmp_path / "copy")
    size = (tmp_path / "copy").stat().st_size
    await restore_store(tmp_path / "copy", target_url, 7, hold=True)
    assert (await rows_of(target_url))["restored"] == [{"at": 7, "hold": 1}]
    database = await open_database(target_url)
    assert await database.fetch("schema_version") == [{"version": len(migrations())}]
    await database.close()
    assert (tmp_path / "copy").stat().st_size == size
