"""The loop that hands messages over: claim, call, record, and nothing else.

Promises: at most `concurrency` attempts at once; an attempt that raises stops only itself, is recorded as a failure
of ours and tried again later; a claim that fails is tried again after `poll_s`. A poll alone suffices; `wake`, and an
attempt that ends, shorten the wait.
Fails: not by itself; `run` ends when `stop` is called, after the attempts under way have ended or `GRACE_S` is over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

log = logging.getLogger(__name__)

GRACE_S = 10.0
"""How long `stop` waits for attempts under way; what is cut off then is recovered, as after a crash."""

Job = TypeVar("Job")


class Port(Protocol[Job]):
    """What a worker needs: work, what to do with it, and where failures of ours go."""

    async def claim(self, limit: int) -> Sequence[Job]:
        """Takes at most `limit` due jobs, each with a lease."""

    async def work(self, job: Job) -> None:
        """Does one job and records its outcome."""

    async def failed(self, job: Job, error: Exception) -> None:
        """Records that `work` raised."""


class Worker(Generic[Job]):
    """Runs jobs of one kind."""

    def __init__(self, name: str, port: Port[Job], *, concurrency: int, poll_s: float) -> None:
        self.name = name
        self._port = port
        self._concurrency = concurrency
        self._poll_s = poll_s
        self._wake = asyncio.Event()
        self._stopped = False
        self._resting = asyncio.Event()
        self._resting.set()
        self._running: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """There may be work."""
        self._wake.set()

    async def stop(self) -> None:
        """Takes no more work, waits for what is under way, and cuts off what takes too long."""
        self._stopped = True
        self._wake.set()
        await self._resting.wait()  # a claim under way still begins what it took
        if self._running:
            await asyncio.wait(self._running, timeout=GRACE_S)
        for task in tuple(self._running):
            task.cancel()
        while self._running:
            await asyncio.wait(self._running)

    async def run(self) -> None:
        """Works until `stop`."""
        self._resting.clear()
        try:
            while not self._stopped:
                self._wake.clear()
                if await self._take() == 0:
                    await self._wait()
        finally:
            self._resting.set()

    async def _take(self) -> int:
        free = self._concurrency - len(self._running)
        if free <= 0:
            return 0
        try:
            jobs = await self._port.claim(free)
        except Exception:
            log.exception("worker %s cannot claim", self.name)
            return 0
        for job in jobs:
            task = asyncio.create_task(self._one(job))
            self._running.add(task)
            task.add_done_callback(self._ended)
        return len(jobs)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Its place is free, and what waited for its lane may go."""
        self._running.discard(task)
        self._wake.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _one(self, job: Job) -> None:
        try:
            await self._port.work(job)
        except Exception as error:
            log.exception("worker %s: an attempt raised", self.name)
            try:
                await self._port.failed(job, error)
            except Exception:
                log.exception("worker %s cannot record a failure; the lease will end", self.name)
