"""The further processes of `gateway serve --workers N`: each delivers, none listens.

Promises: a process that ends by itself is started again, after a pause that grows; all end with the first one, however
that one ends: they read from a pipe that it holds.
Fails: not by itself; a process that cannot run says so in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from gateway.figures import Figures

log = logging.getLogger(__name__)

PAUSE_S = 1.0
"""Before a process that ended is started again; doubled while it ends at once, up to a minute."""
LONGEST_S = 60.0
GRACE_S = 30.0
"""How long a process may take to end what is under way."""
LINE = 4 * 1024 * 1024
"""Longest line that a process tells: all its figures, of which each has at most a thousand combinations of labels."""
TELL_S = 5.0
"""How often a process tells what it counted: so much is lost when it is killed."""


async def tell(figures: Figures, out: BinaryIO, ended: asyncio.Event) -> None:
    """Tell the first process what this one counts, until this one ends."""
    while True:
        with contextlib.suppress(OSError):  # the first process is gone, and this one ends
            out.write(figures.as_json().encode() + b"\n")
            out.flush()
        if ended.is_set():
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), TELL_S)


class Workers:
    """Worker processes of one gateway."""

    def __init__(self, count: int, config: Path, log_level: str) -> None:
        gateway = (sys.executable, "-m", "gateway", "--config", str(config))
        self._command = (*gateway, "serve", "--log-level", log_level, "--only-deliver")
        self._count = count
        self._stopping = asyncio.Event()
        self._running: dict[asyncio.subprocess.Process, Figures] = {}
        """Each process, with what it counted when it last told."""
        self._ended = Figures()
        """What those counted that ended: a counter never falls."""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start them all."""
        self._tasks = [asyncio.create_task(self._keep_running()) for _ in range(self._count)]

    def signal(self, number: signal.Signals) -> None:
        """Hand a signal on."""
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def stop(self) -> None:
        """End them all; who takes too long is killed, and its work taken up later."""
        self._stopping.set()
        self.signal(signal.SIGTERM)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=GRACE_S)
            if late:
                self.signal(signal.SIGKILL)
                await asyncio.wait(late)

    def figures(self) -> tuple[list[Figures], int]:
        """What they count and counted, and how many run."""
        return [self._ended, *self._running.values()], len(self._running)

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        """Take over what a process tells, until it ends."""
        assert process.stdout is not None
        async for line in process.stdout:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # cut off in the middle by its end
                self._running[process] = Figures.from_json(line)

    async def _keep_running(self) -> None:
        pause = PAUSE_S
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            code = await self._run_once(self._command)
            if self._stopping.is_set():
                return
            lasted = asyncio.get_running_loop().time() - began
            pause = PAUSE_S if lasted > LONGEST_S else min(2 * pause, LONGEST_S)
            log.error("a worker process ended with %d; again in %.0f s", code, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_once(self, command: Sequence[str]) -> int:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=LINE)
        self._running[process] = Figures()
        if self._stopping.is_set():
            process.terminate()
        try:
            await self._follow(process)
            return await process.wait()
        finally:
            self._ended.add(self._running.pop(process))
            if process.stdin is not None:
                process.stdin.close()
