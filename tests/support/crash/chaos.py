"""Killed at random moments under load: whatever it was doing, nothing is lost and nothing comes twice.

In rounds: some kills, then the gateway lives until the traffic of the round has ended, and everything is counted. So
each round makes headway, however slow the machine is.
"""

import asyncio
import random
from pathlib import Path

from crash.books import Count
from crash.child import Nursery
from crash.postgres import Server
from crash.scenes import SCENES
from crash.world import World, opened

DATABASES = ("sqlite", "postgres", "workers")
LOAD = 4
"""Scenes at once."""
KILLS = 10
"""In a round."""
ALIVE_S = (0.05, 1.2)
"""How long a process lives, by chance."""
UNSCRIPTED = (
    *("http_to_as2", "http_to_as2", "http_to_as2_later", "http_to_mail", "http_to_inbox"),
    *("as2_in", "as2_in_later", "mail_in", "forwarded", "released", "assigned", "cancelled"),
)
"""Scenes that may run beside each other."""


async def run(runs: int, database: str, folder: Path, server: Server) -> tuple[int, Count]:
    """Kills `runs` times; how many scenes were played, and the count.

    Args:
        runs: how often.
        database: `sqlite`, `postgres`, or `workers`: PostgreSQL, and it or its worker process is killed.
        folder: for everything.
        server: of PostgreSQL.
    """
    store = None if database == "sqlite" else await server.database()
    kind = "workers" if database == "workers" else "hub"
    played, count = 0, Count()
    async with Nursery.open() as nursery, opened(kind, nursery, folder / database, store) as world:
        await world.running.begin()
        while runs > 0 and not count:
            played += await _round(world, min(KILLS, runs))
            runs -= KILLS
            await world.arrived()
            count = await world.count()
        await world.running.end()
    return played, count


async def _round(world: World, kills: int) -> int:
    """Scenes, one after the other on each of several tracks, until it was killed so many times; how many there were."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        load = [group.create_task(_load(world, stopping)) for _ in range(LOAD)]
        for _ in range(kills):
            await world.running.up()
            await asyncio.sleep(random.uniform(*ALIVE_S))
            await world.running.kill_any()
        stopping.set()
    return sum(task.result() for task in load)


async def _load(world: World, stopping: asyncio.Event) -> int:
    played = 0
    while not stopping.is_set():
        await SCENES[random.choice(UNSCRIPTED)](world)
        played += 1
    return played
