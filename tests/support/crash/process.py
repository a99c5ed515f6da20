"""A gateway's folder, and who keeps the gateway of it running: it is started again whenever it dies."""

import asyncio
import contextlib
import io
import os
import random
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from crash.child import Nursery
from gateway import clock
from gateway.cli.main import UNREACHABLE, main
from gateway.demo import cast
from gateway.partner import Partner, Zertifikat
from gateway.pki_issue import DevelopmentCa
from gateway.store import open_database
from gateway.store.steps import do

T = TypeVar("T")
PATIENCE_S = 120.0
"""Longest wait for anything: a bound, not a measure; on a loaded machine a start alone may take seconds."""
PORTS = range(20_000, 32_000)
"""Below what systems hand out by themselves, so that nobody takes the port of a gateway that is being restarted."""
CONSTANTS = {
    "gateway.service.gateway.POLL_S": 0.1,
    "gateway.service.gateway.TIDY_S": 0.1,
    "gateway.service.departure.delivering.LEASE": 3 * clock.SECOND,
    "gateway.service.departure.leases.LEASE": 3 * clock.SECOND,
    "gateway.service.departure.leases.RENEW_S": 0.3,
    "gateway.service.arrival.receipts.LEASE": 3 * clock.SECOND,
    "gateway.service.arrival.receiving.LEASE": 3 * clock.SECOND,
    "gateway.service.evidence.logbook.LEASE": clock.SECOND,
    "gateway.service.gateway.SEAL_S": 0.3,
    "gateway.cli.workers.PAUSE_S": 0.1,
    "gateway.cli.workers.LONGEST_S": 0.5,
}
"""Shorter waits than a gateway has in service: on PostgreSQL only the end of a lease tells that its owner is gone."""

DELAY = "verzug_stunden = 0.001"
"""After some seconds the sender is told of a delay."""
WORKERS_ALONE = {"gateway.service.gateway.PLACES": 0, "gateway.service.gateway.RECEIPTS": 0}
"""For a gateway that leaves all delivering to its worker processes."""
WORKER_KILLED = "a worker process ended with -9"
"""What the log says of one."""

Point = tuple[str, str, int]
"""Site, `before` or `after`, and at which passage."""


class Stuck(Exception):
    """What had to happen did not."""


async def insist(attempt: Callable[[], Awaitable[T | None]], what: str = "an answer") -> T:
    """Tries until there is something, as everybody does whose connection broke."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            found = await attempt()
            if found is not None:
                return found
        await asyncio.sleep(0.03)
    raise Stuck(f"no {what} within {PATIENCE_S:.0f} s")


def steady_port() -> int:
    """A port that stays ours between two processes."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


@dataclass
class Place(cast.Site):
    """A gateway's folder, made and changed within this process."""

    ca: DevelopmentCa | None = None
    store: str | None = None
    """URL of a PostgreSQL database; None: SQLite in the folder."""

    def gateway(self, *arguments: str) -> str:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            main(["--config", str(self.toml), *arguments] if arguments[0] != "init" else [*arguments])
        return said.getvalue()

    def _adjusted(self, text: str, mail_port: int | None) -> str:
        self.ports = {name: steady_port() for name in self.ports}
        text = super()._adjusted(text, mail_port)
        text = text.replace("backoff_start_sekunden = 0.5", "backoff_start_sekunden = 0.05")
        text = text.replace("backoff_hoechstens_sekunden = 3600", "backoff_hoechstens_sekunden = 0.4")
        text = text.replace("unterbrechung_sekunden = 60", "unterbrechung_sekunden = 0.3")
        text = text.replace("verzug_stunden = 24", DELAY)
        text = text.replace(
            '# oeffentliche_url = "https://gateway.example:8444"', f'oeffentliche_url = "{self.as2_url}"'
        )
        return text.replace("sqlite:///gateway.db", self.store) if self.store else text

    @property
    def as2_url(self) -> str:
        """As a peer of the tests takes it, which adds the path itself."""
        return f"https://localhost:{self.ports['as2']}"

    def certificates(self, ca: DevelopmentCa | None = None) -> tuple[Zertifikat, ...]:
        assert self.ca is not None
        return super().certificates(ca or self.ca)

    async def agreed_with(self, *partners: Partner) -> None:
        """As `gateway partners add` does, before anything runs."""
        database = await open_database(self.config().store.url)
        for partner in partners:
            text = partner.model_dump_json()
            await database.commit(
                do("put_partner", id=partner.id, agreement=text, now=clock.now()),
                *(do("insert_partner_authority", authority=key, partner_id=partner.id) for key in partner.behoerden),
            )
        await database.close()


@dataclass
class Running:
    """A gateway that is started again whenever it dies."""

    nursery: Nursery
    place: Place
    toml: Path
    name: str = "gateway"
    points: list[Point] = field(default_factory=list)
    """Where it dies: the first process at the first of them, the next one at the second …"""
    kills: int = 0
    tolerant: bool = False
    """Whether it may also end because its database is away: it is then started again."""
    constants: dict[str, Any] = field(default_factory=lambda: CONSTANTS)
    workers: int = 1
    """As in `gateway serve --workers`."""
    worker_points: list[tuple[str, str, int, str]] = field(default_factory=list)
    """Where a worker process dies, or its parent: the first one of the first gateway at the first of them …"""
    _pid: int | None = None
    _task: "asyncio.Task[None] | None" = None
    _up: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False
    _logged: int = 0

    async def begin(self, *points: Point) -> None:
        """Starts it; it may die at once."""
        self.points, self.kills, self._stopping = list(points), 0, False
        self._logged = len(self._log())
        self._up.clear()
        self._task = asyncio.create_task(self._live())
        waiting = asyncio.create_task(self._up.wait())
        await asyncio.wait({self._task, waiting}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        self.alive()

    async def up(self) -> None:
        """Once it is ready.

        Raises:
            Stuck: it ended by itself, or does not come up.
        """

        async def ready() -> bool | None:
            self.alive()
            return self._up.is_set() or None

        await insist(ready, f"start of {self.name}")

    def alive(self) -> None:
        """Raises what stopped it from being kept running."""
        if self._task is not None and self._task.done():
            self._task.result()

    async def kill(self) -> None:
        """As a power cut; it is started again at once."""
        if self._pid is not None:
            ended, pid = self.nursery.ended(self._pid), self._pid
            self._up.clear()
            _kill(pid)
            await asyncio.shield(ended)

    async def kill_any(self) -> None:
        """It, or one of its worker processes."""
        victim = random.choice([None, *self._workers()])
        if victim is None:
            await self.kill()
        else:
            _kill(victim)

    def deaths(self) -> int:
        """How many of its processes were killed since it began."""
        return self.kills + self._log()[self._logged :].count(WORKER_KILLED)

    def _workers(self) -> list[int]:
        """Process ids of its worker processes."""
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
            return [int(pid) for pid in children if b"--only-deliver" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return []

    async def end(self) -> None:
        """Ends it for good, without a goodbye."""
        self._stopping = True
        workers = self._workers()
        if self._task is not None:
            while not self._task.done():
                await self.kill()
                await asyncio.wait({self._task}, timeout=0.05)
            self._task.result()
        for pid in workers:
            _kill(pid)

    async def _live(self) -> None:
        while not self._stopping:
            point = self.points.pop(0) if self.points else None
            code = await self._once(point)
            self._up.clear()
            if self.tolerant and code == UNREACHABLE and not self._stopping:
                await asyncio.sleep(0.3)
                continue
            if code != -9:
                raise Stuck(f"{self.name} ended with {code}:\n{self._log()[-3000:]}")
            self.kills += 1

    async def _once(self, point: Point | None) -> int:
        ready = self.place.folder / f"{self.name}.ready"
        ready.unlink(missing_ok=True)
        argv = ["--config", str(self.toml), "serve", "--ready-file", str(ready), "--log-level", "warning"]
        argv += ["--workers", str(self.workers)]
        worker_point = self.worker_points.pop(0) if self.worker_points else None
        self._pid = await self.nursery.start(
            argv=argv,
            log=str(self._log_file),
            point=point,
            constants=self.constants,
            workers={"constants": CONSTANTS, "point": worker_point},
        )
        ended = self.nursery.ended(self._pid)
        while not ended.done() and not ready.exists():  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.02)
        self._up.set()
        code = await ended
        self._pid = None
        return code

    @property
    def _log_file(self) -> Path:
        return self.place.folder / f"{self.name}.log"

    def _log(self) -> str:
        return self._log_file.read_text() if self._log_file.exists() else ""


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
