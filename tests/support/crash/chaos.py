"""Killed at random moments under load: whatever it was doing, nothing is lost and nothing comes twice."""

import asyncio
import random
from pathlib import Path

from crash.books import Count
from crash.child import Nursery
from crash.postgres import Server
from crash.scenes import SCENES
from crash.world import World, opened

LOAD = 4
"""Scenes at once."""
ALIVE_S = (0.05, 1.2)
"""How long a process lives, by chance."""
UNSCRIPTED = (
    *("http_to_as2", "http_to_as2", "http_to_as2_later", "http_to_mail", "http_to_inbox"),
    *("as2_in", "as2_in_later", "mail_in", "forwarded", "released", "assigned", "cancelled"),
)
"""Scenes that may run beside each other."""


async def run(runs: int, database: str, folder: Path, server: Server) -> tuple[int, Count]:
    """Kills `runs` times; how many scenes were played, and the count."""
    store = await server.database() if database == "postgres" else None
    async with Nursery.open() as nursery, opened("hub", nursery, folder / database, store) as world:
        await world.running.begin()
        stopping = asyncio.Event()
        load = [asyncio.create_task(_load(world, stopping)) for _ in range(LOAD)]
        try:
            for _ in range(runs):
                await asyncio.sleep(random.uniform(*ALIVE_S))
                await world.running.kill()
                await world.running.up()
                for task in load:
                    if task.done():
                        task.result()
            stopping.set()
            played = sum(await asyncio.gather(*load))
        finally:
            for task in load:
                task.cancel()
            await asyncio.gather(*load, return_exceptions=True)
        await world.arrived()
        count = await world.count()
        await world.running.end()
    return played, count


async def _load(world: World, stopping: asyncio.Event) -> int:
    played = 0
    while not stopping.is_set():
        await SCENES[random.choice(UNSCRIPTED)](world)
        played += 1
    return played
