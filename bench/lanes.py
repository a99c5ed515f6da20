"""One dead and one slow partner among a thousand: what the others lose.

Two runs take turns: in both every other partner has the same messages waiting; in one of them a partner that refuses
connections and one that takes half a minute for each answer have many times as many beside. What counts is how many
deliveries a second reach the others, from the first to the last.

Promises: a real gateway process, real partners in another process, which share its keys and differ in their agreements.
Fails: as `bench.world`.
"""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from bench.figures import Figure
from bench.world import World
from gateway.demo import cast
from gateway.demo.letters import untersuchungshaft
from gateway.message import Caller, Submission
from gateway.route.plan import Planned
from gateway.service.arrival.accepting import Draft, content_steps, message_steps, parts_of
from gateway.service.context import Context, new_id
from gateway.service.gateway import close_context, open_context
from gateway.states import DeliveryStatus
from gateway.store.database import Do
from gateway.tls import client_context
from routing import Entscheidung, Grund

DEAD, SLOW = "tot", "langsam"
PAUSES = {"backoff_start_sekunden = 0.5": "backoff_start_sekunden = 60"}
"""As in service: the demo tries again at once."""


@dataclass(frozen=True)
class Size:
    """How much is sent."""

    partners: int
    each: int
    """Messages of every other partner."""
    sick: int
    """Messages of the dead one, and of the slow one."""
    slow_s: float
    """Seconds that the slow one takes for an answer."""
    rounds: int


FULL = Size(partners=1_000, each=3, sick=100, slow_s=30, rounds=1)
SHORT = Size(partners=40, each=3, sick=20, slow_s=3, rounds=1)


@dataclass(frozen=True)
class Run:
    """One gateway with all partners."""

    world: World
    size: Size

    @property
    def others(self) -> list[str]:
        """Partners that work."""
        return [f"p{n}" for n in range(self.size.partners - 2)]

    async def prepared(self, *, sick: bool) -> None:
        """Agreements, and everything that waits."""
        closed = cast.free_port()
        agreed = [self.world.agreement(name, f"abh:{name}") for name in self.others]
        agreed.append(self.world.agreement(DEAD, "abh:tot", port=closed))
        agreed.append(self.world.agreement(SLOW, "abh:langsam", path=f"slow/{self.size.slow_s}"))
        await self.world.agree(agreed)
        ctx = await open_context(self.world.hub.config())
        try:
            for name in [DEAD, SLOW] if sick else []:
                await _wait(ctx, name, self.size.sick)
            for name in self.others:
                await _wait(ctx, name, self.size.each)
        finally:
            await close_context(ctx)

    async def measured(self) -> tuple[float, float]:
        """Deliveries a second that reach the others, and milliseconds of processor for each."""
        wanted = len(self.others) * self.size.each
        beside = self.world.start_peers()
        self.world.hub.start()
        connector = aiohttp.TCPConnector(ssl=client_context([self.world.ca.pem]))
        try:
            async with aiohttp.ClientSession(connector=connector) as session:
                times = list[float]()
                while len(times) < wanted:
                    await asyncio.sleep(0.2)
                    times = await self._arrivals(session)
                return wanted / (max(times) - min(times)), self.world.used / wanted * 1000
        finally:
            self.world.hub.stop()
            beside.stop()

    async def _arrivals(self, session: aiohttp.ClientSession) -> list[float]:
        async with session.get(f"https://localhost:{self.world.peer_port}/arrivals") as answer:
            found = await answer.json()
        return [at for name in self.others for at in found.get(name, ())]


async def _wait(ctx: Context, partner_id: str, count: int) -> None:
    """Messages for one partner, as after their acceptance."""
    steps = [step for _ in range(count) for step in await _one(ctx, partner_id)]
    await ctx.db.commit(*steps)


async def _one(ctx: Context, partner_id: str) -> Iterator[Do]:
    xml = untersuchungshaft().xml
    checked = await ctx.checker.check(xml, today=ctx.today(), attachments=())
    submission = Submission(Caller(frozenset({cast.JVA}), frozenset(), "bench"), xml, ())
    to = f"abh:{partner_id}"
    decision = Entscheidung("zustellen", "", (Grund("", "Messung"),), empfaenger=(to,))
    planned = (Planned(to, "as2", DeliveryStatus.WARTET, partner_id),)
    kopf = replace(checked.kopf, eigene_id=str(uuid.uuid4()))
    draft = Draft(new_id(), "api", kopf, None, decision, "", ctx.now(), planned)
    return iter([*message_steps(ctx, draft, b""), *content_steps(ctx, draft.id, submission, parts_of(submission))])


async def measure(*, short: bool = False) -> list[Figure]:
    """Both runs in turn."""
    size = SHORT if short else FULL
    rates: dict[bool, list[float]] = {True: [], False: []}
    costs: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(size.rounds):
        for sick in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                run = Run(World(Path(folder), settings=PAUSES), size)
                await run.prepared(sick=sick)
                rate, cost = await run.measured()
                rates[sick].append(rate)
                costs[sick].append(cost)
    return [
        Figure("deliveries to the others", rates[True], rates[False], unit="/s"),
        Figure("processor for each of them, start included", costs[True], costs[False]),
    ]
