"""A large message to a slow partner: whoever sends it keeps it for as long as it takes, and who dies leaves it.

Two gateways on one PostgreSQL; the partner reads so slowly that one request lasts several leases. While its sender
lives, the other gateway must not send it too; when it is killed in the middle, one of them must send it again.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from crash.books import Count
from crash.child import Nursery
from crash.postgres import Server
from crash.process import CONSTANTS, Running
from crash.scenes import NOTICE, large
from crash.soak import another
from crash.world import BY_AS2, World, opened
from gateway import clock

MEGABYTE = 1_000_000
LEASE_S = 5
"""Long enough for a machine that has much else to do to renew it."""
LASTS_S = 4 * LEASE_S
"""How long the partner takes to read a request, at least."""
LEASES = {
    "gateway.service.departure.delivering.LEASE": LEASE_S * clock.SECOND,
    "gateway.service.departure.leases.LEASE": LEASE_S * clock.SECOND,
}


@dataclass
class Slow:
    """What happened."""

    alone: int = 0
    """Requests for the message whose sender lived."""
    again: int = 0
    """Requests for the message whose sender was killed in the middle."""
    count: Count = field(default_factory=Count)

    @property
    def good(self) -> bool:
        return self.alone == 1 and self.again > 1 and not self.count


class Reader:
    """Reads requests slowly, and counts them."""

    def __init__(self, size: int) -> None:
        self.begun = 0
        self.broken = 0
        self.half = asyncio.Event()
        self._size = size

    async def read(self, request: web.BaseRequest) -> bytes:
        """A body, whole."""
        self.begun += 1
        try:
            return await self._slowly(request)
        except ConnectionError:
            self.broken += 1
            raise web.HTTPBadRequest from None

    async def _slowly(self, request: web.BaseRequest) -> bytes:
        loop, body = asyncio.get_running_loop(), bytearray()
        begun = loop.time()
        async for piece in request.content.iter_chunked(1 << 20):
            body += piece
            await asyncio.sleep(begun + LASTS_S * len(body) / self._size - loop.time())
            if len(body) > self._size / 2:
                self.half.set()
        return bytes(body)


async def run(megabytes: int, folder: Path, server: Server) -> Slow:
    """One message that is left alone, and one whose sender dies."""
    slow = Slow()
    store = await server.database()
    async with Nursery.open() as nursery, opened("hub", nursery, folder / "slow", store) as world:
        both = (world.running, another(world))
        for running in both:
            running.constants = CONSTANTS | LEASES
            await running.begin()
        try:
            slow.alone = (await _sent(world, megabytes)).begun
            slow.again = (await _sent(world, megabytes, *both)).begun
            slow.count = await world.count()
        finally:
            await both[1].end()
    return slow


async def _sent(world: World, megabytes: int, *victims: Running) -> Reader:
    reader = Reader(megabytes * MEGABYTE)
    world.peers["koeln"].reading = reader.read
    own, xml, files = large(BY_AS2, (megabytes * MEGABYTE,))
    world.books.expect(own, NOTICE, BY_AS2)
    killing = asyncio.create_task(_killed(reader, victims))
    try:
        await world.post(own, xml, files=files)
        await world.arrived()
    finally:
        killing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await killing
    return reader


async def _killed(reader: Reader, victims: tuple[Running, ...]) -> None:
    """One gateway after the other, until it was the one that sends."""
    await reader.half.wait()
    for victim in victims:
        if not reader.broken:
            await victim.kill()
            await victim.up()
