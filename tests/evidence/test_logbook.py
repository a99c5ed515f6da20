"""The log is sealed: every event once, by one sealer, also after late commits, kills and lost leases."""

import asyncio
import base64
import itertools
from typing import Any

import asyncpg
import pytest

from gateway.config import Config
from gateway.events import Art
from gateway.seal.signed import verify
from gateway.service.context import Context, close_context, open_context
from gateway.service.evidence import logbook
from gateway.service.evidence.logbook import ALGORITHMS, Logbook
from gateway.settle import merkle
from gateway.settle.checkpoint import read_checkpoint
from gateway.settle.leaf import Leaf
from gateway.store.database import Do, StaleState
from gateway.store.steps import do

counter = itertools.count()


def event(ctx: Context, message_id: str | None = None) -> Do:
    return ctx.event(Art.ALARM, ctx.self_akteur, message_id=message_id, zahl=next(counter), text="Ä")


async def happen(ctx: Context, count: int) -> None:
    await ctx.db.commit(*(event(ctx) for _ in range(count)))


async def sealed(ctx: Context) -> list[Leaf]:
    rows = await ctx.db.fetch("sealed_events", 0, 1_000_000)
    return [Leaf.of(row, row["leaf"], bytes(row["salt"])) for row in rows]


def root_of(leaves: list[Leaf]) -> bytes:
    frontier = merkle.Frontier()
    frontier.append(merkle.leaf_hash(leaf.canonical()) for leaf in leaves)
    return frontier.root()


async def test_every_event_gets_a_leaf_and_every_state_a_signature(ctx: Context, monkeypatch: Any) -> None:
    monkeypatch.setattr(logbook, "BATCH", 100)
    book = Logbook(ctx)
    assert await book.round() == 0
    assert book.latest is None
    for count in (1, 99, 300):
        await happen(ctx, count)
        assert await book.round() == count
    leaves = await sealed(ctx)
    assert [leaf.n for leaf in leaves] == list(range(400))
    assert len({leaf.salt for leaf in leaves}) == 400
    rows = await ctx.db.fetch("checkpoints_after", 0, 100)
    assert [row["size"] for row in rows] == [1, 100, 200, 300, 400]
    certificate = ctx.keys.current("log", ctx.at()).certificate
    for row in rows:
        checkpoint = read_checkpoint(row["note"].encode())
        assert (checkpoint.origin, checkpoint.size) == ("gw:nrw/protokoll", row["size"])
        assert checkpoint.root == root_of(leaves[: row["size"]])
        verify(row["note"].encode(), bytes(row["signature"]), [certificate], ALGORITHMS, ctx.at())
    assert book.latest is not None
    assert book.latest.size == 400
    assert (await logbook.read_lag(ctx.db, ctx.now())).waiting == 0


async def test_the_lag_is_told(ctx: Context) -> None:
    book = Logbook(ctx)
    await happen(ctx, 3)
    lag = await logbook.read_lag(ctx.db, ctx.now() + 7_000_000)
    assert lag.waiting == 3
    assert lag.seconds >= 7
    await book.round()
    assert book.latest is not None
    assert (book.latest.size, (await logbook.read_lag(ctx.db, ctx.now())).waiting) == (3, 0)


async def test_several_sealers_give_each_event_one_leaf(ctx: Context, config: Config) -> None:
    """Two gateways on one store (on SQLite: a second process that is not meant to be there)."""
    other = await open_context(config)
    books = [Logbook(ctx), Logbook(other), Logbook(ctx)]

    async def seal(book: Logbook) -> int:
        return sum([await book.round() for _ in range(20)])

    async def write() -> int:
        for _ in range(20):
            await happen(ctx, 7)
        return 0

    try:
        done = await asyncio.gather(*map(seal, books), write())
        total = sum(done) + await books[0].round()
    finally:
        await close_context(other)
    assert total == 140
    leaves = await sealed(ctx)
    assert [leaf.n for leaf in leaves] == list(range(140))
    (last,) = (await ctx.db.fetch("checkpoints_after", 0, 1_000))[-1:]
    assert read_checkpoint(last["note"].encode()).root == root_of(leaves)


async def test_a_sealer_that_lost_its_lease_writes_nothing(ctx: Context, monkeypatch: Any) -> None:
    monkeypatch.setattr(logbook, "LEASE", -1)  # ended as soon as it is taken
    slow, quick = Logbook(ctx), Logbook(ctx)
    await happen(ctx, 5)
    commit, steps = ctx.db.commit, slow._steps

    def overtaken(*args: Any) -> list[Do]:
        made = steps(*args)
        future = asyncio.run_coroutine_threadsafe(quick.round(), loop)
        assert future.result(30) == 5
        return made

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(slow, "_steps", overtaken)
    assert await slow.round() == 0
    assert [leaf.n for leaf in await sealed(ctx)] == list(range(5))
    monkeypatch.undo()
    await happen(ctx, 2)
    assert await slow.round() == 2
    leaves = await sealed(ctx)
    assert slow.latest is not None
    assert read_checkpoint(slow.latest.note.encode()).root == root_of(leaves)
    with pytest.raises(StaleState):
        await commit(do("grow_log", expect=1, owner="nobody", before=7, size=8))


async def test_a_killed_sealer_leaves_its_lease_and_nothing_else(ctx: Context, monkeypatch: Any) -> None:
    """As after SIGKILL between the lease and the commit: the lease ends, the next one begins where the tree is."""
    await happen(ctx, 4)
    now = ctx.now()
    await ctx.db.commit(do("take_log", owner="killed", now=now, lease_until=now + logbook.LEASE))
    book = Logbook(ctx)
    assert await book.round() == 0
    assert (await logbook.read_lag(ctx.db, now)).waiting == 4
    monkeypatch.setattr(ctx, "now", lambda: now + logbook.LEASE + 1)
    assert await book.round() == 4


async def test_a_new_process_goes_on_from_the_store(ctx: Context) -> None:
    for count in (300, 1, 0, 5):
        await happen(ctx, count)
        assert await Logbook(ctx).round() == count
    leaves = await sealed(ctx)
    latest = await ctx.db.fetch_one("last_checkpoint")
    assert latest is not None
    assert base64.b64encode(root_of(leaves)).decode() in latest["note"]


@pytest.mark.parametrize("config", ["postgres"], indirect=True)
async def test_a_late_commit_is_not_skipped(ctx: Context, config: Config) -> None:
    """Its id is older than those of events that have their leaves already."""
    book = Logbook(ctx)
    late = event(ctx)
    connection = await asyncpg.connect(config.store.url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(
        "insert into event (id, at, art, message_id, delivery_id, akteur, detail) values ($1, $2, $3, $4, $5, $6, $7)",
        *late.args,
    )
    await happen(ctx, 3)
    assert await book.round() == 3
    await transaction.commit()
    await connection.close()
    assert await book.round() == 1
    leaves = await sealed(ctx)
    assert leaves[3].id == late.args[0]
    assert leaves[3].id < leaves[0].id
    assert read_checkpoint((await ctx.db.fetch("last_checkpoint"))[0]["note"].encode()).root == root_of(leaves)
