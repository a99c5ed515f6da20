"""/healthz and /readyz tell the truth: before recovery is finished, without room, with a log that stands still."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from as2peer import eventually
from gatewayworld import Site

from gateway import clock
from gateway.events import Art
from gateway.service.gateway import Gateway, running
from gateway.service.upkeep import health
from gateway.store.database import Do, Row, StoreUnavailable


async def asked(hub: Gateway, what: str = "readyz") -> tuple[int, list[str]]:
    url = f"http://127.0.0.1:{hub.listeners.ports['status']}/{what}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, (await answer.text()).split()


async def test_a_gateway_that_runs_is_ready_and_alive(hub: Gateway) -> None:
    assert await asked(hub) == (200, ["ready"])
    assert await asked(hub, "healthz") == (200, ["ok"])


async def test_before_recovery_is_finished_it_lives_and_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, hub_site: Site
) -> None:
    """The other listeners are not there yet: nobody can send too early."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    recover = Gateway._recover
    found: list[Gateway] = []

    async def slow(self: Gateway) -> None:
        found.append(self)
        begun.set()
        await go_on.wait()
        await recover(self)

    monkeypatch.setattr(Gateway, "_recover", slow)

    async def run() -> None:
        async with running(hub_site.config()) as hub:
            await eventually(lambda: ready(hub))

    task = asyncio.create_task(run())
    async with asyncio.timeout(30):
        await begun.wait()
    assert await asked(found[0]) == (503, ["wiederanlauf"])
    assert await asked(found[0], "healthz") == (200, ["ok"])
    assert set(found[0].listeners.ports) == {"status"}
    go_on.set()
    async with asyncio.timeout(60):
        await task


async def ready(hub: Gateway) -> bool:
    return await asked(hub) == (200, ["ready"])


async def test_without_room_on_the_disk_nobody_should_send(hub: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ROOM", 2**62)
    assert await asked(hub) == (503, ["platz"])
    assert (await asked(hub, "healthz"))[0] == 200, "a new start makes no room"


@contextlib.asynccontextmanager
async def full(hub: Gateway) -> AsyncIterator[None]:
    """The database takes not one page more, as where the disk is full; from its own writer's side."""
    store = hub.ctx.db._db  # type: ignore[attr-defined]
    pages = store._connection.execute("pragma page_count").fetchone()[0]
    store._connection.execute(f"pragma max_page_count = {pages}")
    try:
        yield
    finally:
        store._connection.execute("pragma max_page_count = 1073741823")


async def test_what_could_not_be_kept_counts_until_something_was(hub: Gateway) -> None:
    large = "x" * 200_000

    async def event(detail: str) -> list[list[Row]]:
        return await hub.ctx.db.commit(hub.ctx.event(Art.WIEDERANLAUF, "test", angabe=detail))

    async with full(hub):
        with pytest.raises(StoreUnavailable):
            await event(large)
        assert await asked(hub) == (503, ["schreiben"])
        await hub.ctx.db.commit(Do("sweep_staged", (0, 1)))
        assert (await asked(hub))[0] == 503, "what changes nothing proves nothing"
    await event("klein")
    assert await ready(hub)


async def test_a_log_far_behind_and_a_sealer_that_hangs(hub_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = asyncio.Event()

    async def never(_: object) -> int:
        await hangs.wait()
        return 0

    monkeypatch.setattr("gateway.service.evidence.logbook.Logbook.round", never)
    async with running(hub_site.config()) as hub:
        assert await ready(hub)
        now = hub.ctx.now
        hub.ctx.now = lambda: now() + round((health.UNPROVED_S + 60) * clock.SECOND)
        assert await asked(hub) == (503, ["protokoll"])
        assert (await asked(hub, "healthz"))[0] == 200
        monotonic = time.monotonic
        with monkeypatch.context() as patch:
            patch.setattr(health.time, "monotonic", lambda: monotonic() + health.HANGS_S + 1)
            assert await asked(hub, "healthz") == (503, ["haengt_protokoll"])
            assert await asked(hub) == (503, ["protokoll", "haengt_protokoll"])
        hangs.set()
