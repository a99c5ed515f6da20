"""The matrix: for each point and database the process is killed there, started again, and what came is counted."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crash.books import Count
from crash.child import Nursery
from crash.postgres import Server
from crash.process import CONSTANTS, PATIENCE_S, WORKERS_ALONE, Point, Stuck, insist
from crash.scenes import SCENES, kind_of
from crash.table import BY_A_WORKER, ON_THE_WAY, SHORT, SHORT_WORKERS, Play
from crash.world import World, opened

BY_HAND = "purging."
"""Sites that a command passes, not the gateway that runs."""
MOMENTS = ("before", "after")
DATABASES = ("sqlite", "postgres")
VICTIMS = ("worker", "parent")


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    site: str
    moment: str
    play: Play
    database: str
    victim: str = ""
    """`worker`: dies as a worker process of `gateway serve --workers`; `parent`: its parent dies instead."""

    @property
    def points(self) -> tuple[Point, ...]:
        return (*self.play.prelude, (self.site, self.moment, 1))

    @property
    def kind(self) -> str:
        """Which world it plays in."""
        return "workers" if self.victim else kind_of(self.play.scene)

    @property
    def point(self) -> tuple[str, str]:
        return self.site, self.moment

    def __str__(self) -> str:
        scene = f"{self.play.scene}{f', {self.victim}' if self.victim else ''}"
        return f"{self.moment:6} {self.site:42} {scene:26} {self.database:8}"


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
    """Every point, on both databases, and those of worker processes."""
    alone = [
        Case(site, moment, play, database)
        for database in DATABASES
        for site, plays in ON_THE_WAY.items()
        for play in plays
        for moment in MOMENTS
    ]
    return [*alone, *_of_workers()]


def _of_workers() -> Iterator[Case]:
    for site, scene in BY_A_WORKER.items():
        for victim in VICTIMS:
            for moment in MOMENTS:
                yield Case(site, moment, Play(scene), "postgres", victim)


def short(database: str) -> list[Case]:
    """A few, for `make test`."""
    alone = [Case(site, moment, ON_THE_WAY[site][0], database) for site, moment in SHORT[database]]
    return alone if database == "sqlite" else [*alone, *(case for case in _of_workers() if case.point in SHORT_WORKERS)]


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
    return case.kind, case.database


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
        if case.victim:
            world.running.constants = CONSTANTS | WORKERS_ALONE
            world.running.worker_points = [(*point, case.victim) for point in case.points]
        await world.running.begin(*(() if by_hand or case.victim else case.points))
        async with asyncio.timeout(2 * PATIENCE_S):
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

    async def died() -> bool | None:
        world.running.alive()
        return world.running.deaths() >= times or None

    await insist(died, f"death number {times}: the scene does not pass the point")
