"""The store's contents as files for a thread: read from any place, kept or gone, never a thread left behind."""

import asyncio
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.seal.octets import Range
from gateway.service.departure.files import AT_ONCE, Stopped, Workbench, workbench
from gateway.store.content import CHUNK, ContentMissing, Contents
from gateway.store.keyring import Keyring, PlainKek
from gateway.store.sqlite import SqliteDatabase

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 9 * CHUNK + 5]


def filled(size: int) -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in range(size // 4 + 1))[:size]


@pytest.fixture
async def ctx(tmp_path: Any) -> AsyncIterator[Any]:
    database = await SqliteDatabase.open(str(tmp_path / "gateway.db"))
    keyring = await Keyring.open(database, [PlainKek(bytes(32))], 1)
    yield SimpleNamespace(db=database, content=Contents(database, keyring), now=lambda: 1)
    await database.close()


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_written_is_read_from_any_place_and_stays_only_if_kept(ctx: Any, size: int) -> None:
    data = filled(size)

    def work(bench: Workbench) -> Range:
        new = bench.new()
        for at in range(0, size, 100_000):
            new.write(data[at : at + 100_000])
        octets = new.done()
        for start in {0, 1, size // 2, size - 1, CHUNK, CHUNK - 1, 4 * CHUNK} & set(range(size)):
            assert octets.cut(start, start + 300_000) == data[start : start + 300_000]
        assert b"".join(octets.pieces()) == data
        return octets

    async with workbench(ctx) as bench:
        first = await bench.run(lambda: work(bench))
        second = await bench.run(lambda: work(bench))
        kept = bench.kept(first)
        assert kept is not None
        assert bench.kept(Range(first.file, 0, size + 1)) is None
        await ctx.db.commit(*kept.steps)
        gone = bench.kept(second)
        assert gone is not None
    assert await ctx.content.read_all(kept.id, limit=size) == data
    with pytest.raises(ContentMissing):
        await ctx.content.read_all(gone.id, limit=size)


async def test_a_thread_that_nobody_waits_for_stops(ctx: Any) -> None:
    ended = threading.Event()
    began = threading.Event()

    def work(bench: Workbench) -> None:
        new = bench.new()
        try:
            while True:
                began.set()
                new.write(bytes(1000))
        except Stopped:
            ended.set()

    async def waiting() -> None:
        async with workbench(ctx) as bench:
            await bench.run(lambda: work(bench))

    task = asyncio.create_task(waiting())
    await asyncio.to_thread(began.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 5)


async def test_no_more_large_messages_at_once_than_there_are_places(ctx: Any) -> None:
    inside, most, release = 0, 0, asyncio.Event()

    async def one() -> None:
        nonlocal inside, most
        async with workbench(ctx):
            inside += 1
            most = max(most, inside)
            await release.wait()
            inside -= 1

    tasks = [asyncio.create_task(one()) for _ in range(AT_ONCE + 3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert most == AT_ONCE
    release.set()
    await asyncio.gather(*tasks)
    assert most == AT_ONCE
