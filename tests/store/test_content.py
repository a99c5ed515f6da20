"""Content at rest: what was written comes back, and nothing that was touched does."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import pytest

from gateway.store import Database, StaleState
from gateway.store.content import (
    CHUNK,
    CHUNKS_PER_COMMIT,
    ContentDamaged,
    ContentMissing,
    Contents,
    ContentTooLarge,
    Sealed,
)
from gateway.store.keyring import Keyring, PlainKek, WrongStoreKey
from gateway.store.steps import do

KEY = secrets.token_bytes(32)
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK * CHUNKS_PER_COMMIT + 1, CHUNK * 9 + 3]
LIMIT = CHUNK * 20


async def opened(database: Database, *keks: bytes) -> Contents:
    return Contents(database, await Keyring.open(database, [PlainKek(key) for key in keks], 1))


@pytest.fixture
async def contents(database: Database) -> Contents:
    return await opened(database, KEY)


async def written(database: Database, contents: Contents, data: bytes, piece: int = 65_537) -> Sealed:
    writer = contents.writer(1)
    for at in range(0, len(data), piece):
        await writer.write(data[at : at + piece])
    sealed = writer.finish()
    await database.commit(*sealed.steps)
    return sealed


@pytest.mark.parametrize("size", SIZES)
async def test_what_was_streamed_comes_back(database: Database, contents: Contents, size: int) -> None:
    data = os.urandom(size)
    sealed = await written(database, contents, data)
    assert (sealed.sha256, sealed.bytes) == (hashlib.sha256(data).hexdigest(), size)
    assert await contents.read_all(sealed.id, LIMIT) == data
    row = await database.fetch_one("content", sealed.id)
    assert row is not None
    assert (row["state"], row["bytes"], row["sha256"]) == ("kept", size, sealed.sha256)


@pytest.mark.parametrize("size", SIZES)
async def test_small_content_is_the_same(database: Database, contents: Contents, size: int) -> None:
    data = os.urandom(size)
    sealed = contents.seal_small(data, 1)
    await database.commit(*sealed.steps)
    assert await contents.read_all(sealed.id, LIMIT) == data
    assert (sealed.sha256, sealed.bytes) == (hashlib.sha256(data).hexdigest(), size)


async def test_pieces_of_any_size_make_the_same_chunks(database: Database, contents: Contents) -> None:
    data = os.urandom(CHUNK * 2 + 5)
    for piece in (1000, CHUNK, CHUNK + 1, len(data)):
        sealed = await written(database, contents, data, piece)
        chunks = await database.fetch("chunks", sealed.id, 0, 10)
        assert [(row["n"], row["last"], len(row["data"])) for row in chunks] == [
            (0, 0, CHUNK + 16),
            (1, 0, CHUNK + 16),
            (2, 1, 5 + 16),
        ]
        assert await contents.read_all(sealed.id, LIMIT) == data


async def test_what_fits_into_the_step_costs_no_commit_before(database: Database, contents: Contents, raw: Any) -> None:
    writer = contents.writer(1)
    await writer.write(bytes(CHUNK * CHUNKS_PER_COMMIT))
    assert await raw("select count(*) from content") == [(0,)]
    await writer.write(b"x")
    assert await raw("select state from content") == [("staged",)]
    assert writer.taken == CHUNK * CHUNKS_PER_COMMIT + 1


async def test_many_uploads_at_once_do_not_mix(database: Database, contents: Contents) -> None:
    data = [os.urandom(CHUNK * 5 + n) for n in range(6)]
    sealed = await asyncio.gather(*(written(database, contents, each) for each in data))
    assert [await contents.read_all(each.id, LIMIT) for each in sealed] == data


@pytest.mark.parametrize(
    "damage",
    [
        "flipped",
        "swapped",
        "from another content",
        "first missing",
        "middle missing",
        "last missing",
        "all missing",
        "cut after a marked last",
        "last no more",
        "one too many",
        "emptied",
        "key of another content",
    ],
)
async def test_whatever_was_touched_is_refused(
    database: Database, contents: Contents, raw: Any, url: str, damage: str
) -> None:
    ours = (await written(database, contents, os.urandom(CHUNK * 2 + 7))).id
    other = (await written(database, contents, os.urandom(CHUNK * 2 + 7))).id
    here = f"update chunk set data = {{}} where content_id = '{ours}' and n = {{}}"
    last = f"content_id = '{ours}' and n = 2"
    there = "(select data from chunk where content_id = '{}' and n = {})"
    first = (await database.fetch("chunks", ours, 0, 1))[0]["data"]
    blob = "x'{}'" if url.startswith("sqlite") else "'\\x{}'::bytea"
    flipped = bytes([first[0] ^ 1]) + first[1:]
    sql = {
        "flipped": [here.format(blob.format(flipped.hex()), 0)],
        "swapped": [here.format(there.format(ours, 1), 0), here.format(blob.format(first.hex()), 1)],
        "from another content": [here.format(there.format(other, 0), 0)],
        "first missing": [f"delete from chunk where content_id = '{ours}' and n = 0"],
        "middle missing": [f"delete from chunk where content_id = '{ours}' and n = 1"],
        "last missing": [f"delete from chunk where content_id = '{ours}' and n = 2"],
        "all missing": [f"delete from chunk where content_id = '{ours}'"],
        "cut after a marked last": [
            f"delete from chunk where content_id = '{ours}' and n = 2",
            f"update chunk set last = 1 where content_id = '{ours}' and n = 1",
        ],
        "last no more": [f"update chunk set last = 0 where content_id = '{ours}' and n = 2"],
        "one too many": [f"insert into chunk select content_id, 3, last, data from chunk where {last}"],
        "emptied": [here.format(blob.format(""), 1)],
        "key of another content": [
            f"update content set wrapped_key = (select wrapped_key from content where id = '{other}') "
            f"where id = '{ours}'"
        ],
    }[damage]
    for statement in sql:
        await raw(statement)
    with pytest.raises(ContentDamaged) as caught:
        await contents.read_all(ours, LIMIT)
    assert not isinstance(caught.value, ContentMissing)
    assert len(await contents.read_all(other, LIMIT)) == CHUNK * 2 + 7


async def test_another_key_opens_nothing(database: Database, contents: Contents) -> None:
    await written(database, contents, b"invented")
    with pytest.raises(WrongStoreKey, match="Kennung"):
        await opened(database, secrets.token_bytes(32))
    with pytest.raises(ValueError):
        PlainKek(b"short")


@pytest.mark.parametrize("size", SIZES)
async def test_another_content_in_its_place_is_noticed(database: Database, contents: Contents, size: int) -> None:
    ours, other = [await written(database, contents, os.urandom(size) + bytes([n])) for n in (1, 2)]
    assert len(await contents.read_all(ours.id, LIMIT, ours.sha256)) == size + 1
    seen = 0

    async def read() -> None:
        nonlocal seen
        async for piece in contents.read(other.id, sha256=ours.sha256):
            seen += len(piece)

    with pytest.raises(ContentDamaged, match="named here"):
        await read()
    assert seen < size + 1


async def test_missing_and_too_large(database: Database, contents: Contents) -> None:
    with pytest.raises(ContentMissing):
        await contents.read_all("nobody", LIMIT)
    sealed = await written(database, contents, bytes(100))
    assert await contents.read_all(sealed.id, 100) == bytes(100)
    with pytest.raises(ContentTooLarge):
        await contents.read_all(sealed.id, 99)


def files_in(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


async def test_nothing_readable_lies_on_the_disk(sqlite_url: str, tmp_path: Path) -> None:
    from gateway.store import open_database

    database = await open_database(sqlite_url)
    await written(database, await opened(database, KEY), b"Erika Mustermann" * 100_000)
    files = files_in(tmp_path)
    await database.close()
    assert len(files) >= 2
    assert not [name for name in files if b"Mustermann" in name or KEY in name]


async def test_orphans_are_swept_and_what_is_kept_stays(database: Database, contents: Contents, raw: Any) -> None:
    kept = await written(database, contents, bytes(CHUNK * 5))
    orphan = contents.writer(5)
    await orphan.write(bytes(CHUNK * 5))
    young = contents.writer(9)
    await young.write(bytes(CHUNK * 5))
    swept = (await database.commit(do("sweep_staged", created_before=6, count=10)))[0]
    assert len(swept) == 1
    with pytest.raises(StaleState):
        await database.commit(*orphan.finish().steps[-1:])
    sealed = young.finish()
    await database.commit(*sealed.steps)
    assert (await database.commit(do("sweep_staged", created_before=99, count=10)))[0] == []
    assert await raw("select count(*) from content") == [(2,)]
    assert await raw("select count(*) from chunk") == [(10,)]
    assert len(await contents.read_all(kept.id, LIMIT)) == len(await contents.read_all(sealed.id, LIMIT)) == CHUNK * 5


async def test_an_upload_that_came_to_nothing_leaves_nothing(database: Database, contents: Contents, raw: Any) -> None:
    small, large = contents.writer(1), contents.writer(1)
    await small.write(b"x")
    await large.write(bytes(CHUNK * 6))
    await small.discard()
    await large.discard()
    assert await raw("select count(*) from content") == await raw("select count(*) from chunk") == [(0,)]
