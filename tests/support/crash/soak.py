"""Two gateways on one PostgreSQL, one of them killed every few seconds, the database restarted, connections cut."""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from gatewayworld import Api

from crash.books import Count
from crash.child import Nursery
from crash.postgres import Server
from crash.process import DELAY, Running, steady_port
from crash.scenes import NOTICE
from crash.world import BY_AS2, BY_AS2_LATER, BY_INBOX, BY_MAIL, World, opened

POSTING = 12
"""Notices posted at once."""
KILL_S = (2.0, 5.0)
CUT_S = (1.0, 3.0)
SHARES = {BY_AS2: 60, BY_AS2_LATER: 20, BY_INBOX: 15, BY_MAIL: 5}
"""Of a hundred notices."""


class Either:
    """The same agency at whichever gateway answers."""

    def __init__(self, *apis: Api) -> None:
        self._apis = apis

    async def post_xml(self, xml: bytes) -> Any:
        return await random.choice(self._apis).post_xml(xml)

    async def call(self, method: str, path: str, **options: Any) -> Any:
        return await random.choice(self._apis).call(method, path, **options)


@dataclass
class Soak:
    """What happened."""

    messages: int
    kills: int = 0
    cuts: int = 0
    restarts: int = 0
    count: Count = field(default_factory=Count)


async def run(messages: int, folder: Path, server: Server) -> Soak:
    """So many messages through both, whatever happens."""
    url = await server.database()
    soak = Soak(messages)
    async with Nursery.open() as nursery, opened("hub", nursery, folder / "soak", url) as world:
        other = another(world)
        both = (world.running, other)
        for running in both:
            running.tolerant = True
            await running.begin()
        trouble = [
            asyncio.create_task(_killing(both)),
            asyncio.create_task(_cutting(soak, url)),
            asyncio.create_task(world.collect_all("leverkusen", BY_INBOX)),
        ]
        try:
            await _posting(world, soak, server)
            for task in trouble[:2]:
                task.cancel()
            await asyncio.gather(*(running.up() for running in both))
            await world.arrived()
            soak.count = await world.count()
        finally:
            for task in trouble:
                task.cancel()
            await asyncio.gather(*trouble, return_exceptions=True)
            await other.end()
        soak.kills = sum(running.kills for running in both) - 1  # the last one ended it
    return soak


def another(world: World) -> Running:
    """A second gateway in the same folder, on ports of its own; agencies know both. Nobody is told of delays."""
    toml = world.place.folder / "second.toml"
    text = world.place.toml.read_text().replace(DELAY, "verzug_stunden = 24")
    world.place.toml.write_text(text)
    for name, port in world.place.ports.items():
        fresh = steady_port()
        text = text.replace(f'adresse = "127.0.0.1:{port}"', f'adresse = "127.0.0.1:{fresh}"')
        if name == "api":
            for who, api in world.apis.items():
                world.apis[who] = Either(api, Api(api._session, f"https://localhost:{fresh}"))  # type: ignore[assignment]
    toml.write_text(text)
    return Running(world.running.nursery, world.place, toml, name="second")


async def _posting(world: World, soak: Soak, server: Server) -> None:
    free, halfway = asyncio.Semaphore(POSTING), soak.messages // 2

    async def one(addressee: str) -> None:
        async with free:
            own, xml = world.notice(addressee)
            world.books.expect(own, NOTICE, addressee)
            await world.post(own, xml)

    wanted = random.choices(list(SHARES), list(SHARES.values()), k=soak.messages)
    async with asyncio.TaskGroup() as group:
        for n, addressee in enumerate(wanted):
            await free.acquire()
            free.release()
            group.create_task(one(addressee))
            if n == halfway:
                await asyncio.to_thread(server.restart)
                soak.restarts += 1


async def _killing(both: tuple[Running, Running]) -> None:
    while True:
        await asyncio.sleep(random.uniform(*KILL_S))
        victim = random.choice(both)
        await victim.kill()
        await victim.up()


async def _cutting(soak: Soak, url: str) -> None:
    """Connections end in the middle of whatever they were doing."""
    cut = """select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() order by random() limit 3"""
    while True:
        await asyncio.sleep(random.uniform(*CUT_S))
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(url)
            soak.cuts += len(await connection.fetch(cut))
            await connection.close()
