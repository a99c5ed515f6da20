"""The matrix: for each point and database the process is killed there, started again, and what came is counted."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

from crash.books import Count
from crash.child import Nursery
from crash.postgres import Server
from crash.process import PATIENCE_S, Point, Stuck
from crash.scenes import SCENES, kind_of
from crash.table import ON_THE_WAY, SHORT, Play
from crash.world import World, opened

BY_HAND = "purging."
"""Sites that a command passes, not the gateway that runs."""
MOMENTS = ("before", "after")
DATABASES = ("sqlite", "postgres")


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    site: str
    moment: str
    play: Play
    database: str

    @property
    def points(self) -> tuple[Point, ...]:
        return (*self.play.prelude, (self.site, self.moment, 1))

    def __str__(self) -> str:
        return f"{self.moment:6} {self.site:42} {self.play.scene:26} {self.database:8}"


@dataclass(frozen=True)
class Line:
    """What came of a case."""

    case: Case
    count: Count
    seconds: float
    failure: str = ""
    """Why it could not be counted."""

    @property
    def good(self) -> bool:
        return not self.count and not self.failure

    def __str__(self) -> str:
        c = self.count
        counted = f"{c.lost:4} {c.twice:5} {c.orphans:7} {c.open:4}  {self.seconds:5.1f} s"
        return f"{self.case} {counted}{'  FAILED: ' + self.failure if self.failure else ''}"


HEAD = f"{'':6} {'killed at':42} {'scene':26} {'database':8} lost twice orphans open"


def whole() -> list[Case]:
    """Every point, on both databases."""
    return [
        Case(site, moment, play, database)
        for database in DATABASES
        for site, plays in ON_THE_WAY.items()
        for play in plays
        for moment in MOMENTS
    ]


def short(database: str) -> list[Case]:
    """A few, for `make test`."""
    return [Case(site, moment, ON_THE_WAY[site][0], database) for site, moment in SHORT[database]]


async def run(cases: Iterable[Case], folder: Path, server: Server | None) -> AsyncIterator[Line]:
    """Runs the cases, those of one kind and database in one world; a world in which something went wrong is left."""
    waiting = list(cases)
    async with Nursery.open() as nursery:
        n = 0
        while waiting:
            n += 1
            key = _world_of(waiting[0])
            batch = [case for case in waiting if _world_of(case) == key]
            store = await server.database() if server and key[1] == "postgres" else None
            async with opened(key[0], nursery, folder / f"{n}", store) as world:
                async for line in _batch(world, batch):
                    waiting.remove(line.case)
                    yield line


def _world_of(case: Case) -> tuple[str, str]:
    return kind_of(case.play.scene), case.database


async def _batch(world: World, batch: list[Case]) -> AsyncIterator[Line]:
    for case in batch:
        line = await _one(world, case)
        yield line
        if not line.good:
            return


async def _one(world: World, case: Case) -> Line:
    begun = time.monotonic()
    failure, count = "", Count()
    try:
        by_hand = case.site.startswith(BY_HAND)
        world.by_hand = list(case.points) if by_hand else []
        await world.running.begin(*(() if by_hand else case.points))
        async with asyncio.timeout(3 * PATIENCE_S):
            await SCENES[case.play.scene](world)
            await world.arrived()
            await _died(world, len(case.points))
            count = await world.count()
        await world.running.end()
    except (Stuck, TimeoutError, AssertionError) as error:
        failure = f"{type(error).__name__}: {error}"
    return Line(case, count, time.monotonic() - begun, failure)


async def _died(world: World, times: int) -> None:
    """Waits until it died at each point; some come a little after the traffic."""
    for _ in range(200):
        world.running.alive()
        if world.running.kills == times:
            return
        await asyncio.sleep(0.02)
    raise Stuck(f"died {world.running.kills} times instead of {times}: the scene does not pass the point")
