"""LISTEN and NOTIFY: gateways on one PostgreSQL tell each other that there may be work.

Promises: one connection of its own, made again whenever it breaks; many wakes at the same moment are one notification;
nothing rests on it: whoever hears nothing looks by itself.
Fails: not at all; what goes wrong is logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import asyncpg

log = logging.getLogger(__name__)

CHANNEL = "gateway_work"
AGAIN_S = 5.0
"""Pause before a broken connection is made again; meanwhile everybody looks by itself."""
PAUSE_S = 0.05
"""Least time between two notifications: what is accepted meanwhile goes with the next."""
SECONDS = 10
"""How long connecting and notifying may take."""
_TROUBLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class Wakes:
    """What one process tells and hears."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._closed = asyncio.Event()
        self._wanted = asyncio.Event()

    def wake_others(self) -> None:
        """One notification soon."""
        self._wanted.set()

    async def run(self, heard: Callable[[], None]) -> None:
        """Listen and notify until `close`."""
        while not self._closed.is_set():
            try:
                await self._connected(heard)
            except _TROUBLE as error:
                log.warning("no wakes between gateways, they look by themselves: %s", type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), AGAIN_S)

    async def _connected(self, heard: Callable[[], None]) -> None:
        connection = await asyncpg.connect(self._url, timeout=SECONDS, command_timeout=SECONDS)
        own = connection.get_server_pid()
        broken = asyncio.Event()

        def hear(_: Any, sender: int, *__: Any) -> None:
            if sender != own:
                heard()

        try:
            connection.add_termination_listener(lambda _: broken.set())
            await connection.add_listener(CHANNEL, hear)
            heard()  # whatever was told while nobody listened
            while await self._next(broken):
                self._wanted.clear()
                await connection.execute(f"notify {CHANNEL}")
                await asyncio.sleep(PAUSE_S)
        finally:
            with contextlib.suppress(*_TROUBLE):
                await connection.close(timeout=SECONDS)

    async def _next(self, broken: asyncio.Event) -> bool:
        """Whether there is something to tell; False when the connection broke or everything closes."""
        waits = [asyncio.create_task(event.wait()) for event in (self._wanted, broken, self._closed)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return not (broken.is_set() or self._closed.is_set())

    def close(self) -> None:
        """`run` ends."""
        self._closed.set()
