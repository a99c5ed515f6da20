"""What a call costs in a store with a million messages, against the same call in one with a thousand.

Promises: both stores are open in one process and take turns, so that whatever else the machine does hits both; the
figure of a round is the least of several calls. On SQLite and on PostgreSQL, by the gateway's own services.
Fails: as the databases.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crash.postgres import serving

from bench.figures import Figure
from bench.fill import AUTHORITIES, DAY, EVERY, SENDERS, Stock, fill, key
from gateway import clock
from gateway.clock import as_iso
from gateway.config import load
from gateway.demo import cast
from gateway.demo.letters import untersuchungshaft
from gateway.message import Caller, Submission
from gateway.service.arrival.accepting import Accepting
from gateway.service.betrieb.overview import Overview
from gateway.service.context import Context
from gateway.service.gateway import close_context, open_context
from gateway.service.views.listing import Listing
from gateway.service.views.reading import Reading
from gateway.service.views.searching import Searching
from gateway.service.views.showing import Showing
from gateway.store.steps import do
from gateway.watch.people import Person, Rolle

MANY, FEW = 1_000_000, 1_000
SHORT_MANY = 4_000
ROUNDS, CALLS = 5, 7
OPERATOR = Caller(frozenset(), frozenset({"betrieb"}), "bench")
JVA = Caller(frozenset({cast.JVA}), frozenset({"fachverfahren"}), "bench")

Call = Callable[[], Awaitable[object]]


@dataclass
class Full:
    """A store that is filled, and every call that is measured on it."""

    ctx: Context
    stock: Stock
    _turn: Any = field(default_factory=itertools.count)

    def calls(self) -> dict[str, Call]:
        """By name; each may be called again and again."""
        return {
            "accept a notice": self._accept,
            "claim one lane": self._claim,
            "look for lanes with work": lambda: self.ctx.db.fetch("claimable_lanes", self.ctx.now()),
            "look for late receipts": lambda: self.ctx.db.fetch("due_deadlines", 0, 100),
            "look for what waits for a leaf": lambda: self.ctx.db.fetch("log_lag", 1000),
            "look for what is to be deleted": lambda: self.ctx.db.fetch("purgeable", 0, 0, "", 100),
            "show a message": self._show,
            "inbox of an authority": lambda: Reading(self.ctx).inbox(self._agency),
            **{f"search: {name}": self._search(caller, query) for name, (caller, query) in self._searches().items()},
            "Vorgang by AZR-Nummer": lambda: Showing(self.ctx).search(OPERATOR, {"azr_nummer": "210417123456"}),
            "open duties": lambda: Listing(self.ctx).duties(),
            "first page, own staff": self._overview(frozenset()),
            "first page, an agency": self._overview(frozenset({AUTHORITIES[7]})),
            "first page, a sender": self._overview(frozenset({SENDERS[7]})),
            "lanes of all partners": lambda: self.ctx.db.fetch("lanes", self.ctx.now()),
        }

    @property
    def _agency(self) -> Caller:
        return Caller(frozenset({AUTHORITIES[7]}), frozenset({"fachverfahren"}), "bench")

    def _searches(self) -> dict[str, tuple[Caller, dict[str, Any]]]:
        agency, sender = self._agency, Caller(frozenset({SENDERS[7]}), frozenset({"fachverfahren"}), "bench")
        today = {"von": as_iso(self.stock.now - DAY * EVERY // 2)}
        ever = {"von": "2000-01-01"}
        return {
            "newest, operator": (OPERATOR, {}),
            "newest, agency": (agency, {}),
            "own id": (OPERATOR, ever | {"nachrichten_id": key(9, self.stock.messages // 2)}),
            "Aktenzeichen": (OPERATOR, ever | {"aktenzeichen": "no such"}),
            "AZR-Nummer": (OPERATOR, ever | {"azr_nummer": "990101123456"}),
            "status, operator": (OPERATOR, ever | {"status": "klaerung"}),
            "status, agency, ever": (agency, ever | {"status": "klaerung"}),
            "status, sender, ever": (sender, ever | {"status": "zurueckgestellt"}),
            "sender": (OPERATOR, ever | {"absender": SENDERS[7]}),
            "recipient": (OPERATOR, ever | {"empfaenger": AUTHORITIES[7]}),
            "recipient and status": (OPERATOR, ever | {"empfaenger": AUTHORITIES[7], "status": "klaerung"}),
            "Anlass that is rare, half a day": (OPERATOR, today | {"anlass": "berichtigung"}),
            "number that is rare, half a day": (OPERATOR, today | {"nummer": "5.3"}),
        }

    def _search(self, caller: Caller, query: dict[str, Any]) -> Call:
        return lambda: Searching(self.ctx).search(caller, query | {"anzahl": 5})

    def _overview(self, behoerden: frozenset[str]) -> Call:
        person = Person("bench", "Bench", frozenset({Rolle.LESEN, Rolle.BETRIEB}), behoerden)
        return lambda: Overview(self.ctx, Reading(self.ctx), lambda: ()).gather(person)

    async def _accept(self) -> None:
        answer = await Accepting(self.ctx, lambda: None).accept(Submission(JVA, untersuchungshaft().xml, ()))
        assert answer.status == 202

    async def _claim(self) -> None:
        """A lane's work is taken and given back."""
        now, partner = self.ctx.now(), f"p{next(self._turn) % 200}"
        claim = do(
            "claim_deliveries",
            now=now,
            lease_until=now + clock.SECOND,
            owner="bench",
            partner_id=partner,
            count=5,
            vorrang_bis=1,
            most=20,
        )
        await self.ctx.db.commit(claim, do("start_messages", owner="bench", now=now))
        await self.ctx.db.commit(do("recover_leases", lease_before=2**62, now=now))

    async def _show(self) -> None:
        message = key(0, self.stock.messages // 2)
        await Reading(self.ctx).message(OPERATOR, message)
        await Reading(self.ctx).events(OPERATOR, message)


@asynccontextmanager
async def filled(folder: Path, url: str, messages: int) -> AsyncIterator[Full]:
    """A store of so many messages."""
    site = cast.Site(folder, "gw:nrw")
    site.gateway("init", str(folder), "--kennung", "gw:nrw")
    site.toml.write_text(site.toml.read_text().replace("sqlite:///gateway.db", url))
    config = load(site.toml)
    ctx = await open_context(config)
    stock = Stock(messages, clock.now(), ctx.store_key.newest.id or "")
    await close_context(ctx)
    await fill(config.store.url, stock)
    ctx = await open_context(config)
    try:
        yield Full(ctx, stock)
    finally:
        await close_context(ctx)


async def least(call: Call) -> float:
    """Milliseconds of the quickest of some calls."""
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await call()
        times.append(time.perf_counter() - began)
    return min(times) * 1000


async def compare(many: Full, few: Full, rounds: int, database: str) -> list[Figure]:
    """Each call on both, in turn."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    there, here = many.calls(), few.calls()
    for name in there:
        await there[name]()  # what is read once
        await here[name]()
    for _ in range(rounds):
        for name in there:
            ours, theirs = found.setdefault(name, ([], []))
            ours.append(await least(there[name]))
            theirs.append(await least(here[name]))
    return [Figure(f"{database}: {name}", ours, theirs) for name, (ours, theirs) in found.items()]


async def measure(*, short: bool = False) -> list[Figure]:
    """SQLite, then PostgreSQL."""
    messages, rounds = (SHORT_MANY, 1) if short else (MANY, ROUNDS)
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        for name in ("SQLite", "PostgreSQL"):
            urls = [await server.database() if name == "PostgreSQL" else "sqlite:///gateway.db" for _ in range(2)]
            place = Path(folder) / name
            place.mkdir()
            async with filled(place / "few", urls[0], FEW) as few, filled(place / "many", urls[1], messages) as many:
                found += await compare(many, few, rounds, name)
            shutil.rmtree(place)
    return found
