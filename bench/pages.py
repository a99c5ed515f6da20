"""What a page for people costs with 100,000 messages in the store, against the same page with 100.

`python -m bench.pages [MESSAGES]` prints both and their ratio. A notice that came by the API is the pattern; its rows
are multiplied, one every 26 seconds of the last 30 days, each with its Vorgang, an open duty, a delivery that arrived,
and events. Then every page that shows many is asked for over TLS, by the gateway's own staff and by an authority's.

Promises: the real pages of a gateway that runs; the figure is the least of `ROUNDS` answers, in turns of all pages, so
that what else the machine does counts little.
Fails: `AssertionError` where a page does not answer 200.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from rich import print as show
from rich.table import Table

from gateway import clock
from gateway.demo import cast as casting
from gateway.demo.api import Agency
from gateway.demo.cast import JVA, KOELN, Cast
from gateway.demo.letters import untersuchungshaft
from gateway.service.betrieb.people import Access, People
from gateway.service.gateway import Gateway, running
from gateway.watch import credentials

FEW, MANY = 100, 100_000
SPAN = 30 * 24 * 3600 * clock.SECOND
"""The window that lists show unless asked otherwise."""
ROUNDS = 11
"""Fewer requests than one session may make at once (gateway/watch/rates.py)."""
BY = "zertifikat:kommandozeile"

Search = dict[str, str]
PAGES: tuple[tuple[str, str, Search | None], ...] = (
    ("Übersicht", "/betrieb/", None),
    ("Nachrichten", "/betrieb/nachrichten", None),
    ("… eines Status, den wenige haben", "/betrieb/nachrichten", {"status": "klaerung"}),
    ("… einer Nummer, die keine hat", "/betrieb/nachrichten", {"nummer": "5.3"}),
    ("… nach Aktenzeichen", "/betrieb/nachrichten", {"aktenzeichen": "gibt es nicht"}),
    ("… nach AZR-Nummer", "/betrieb/nachrichten", {"azr_nummer": "990101123456"}),
    ("… einer Behörde", "/betrieb/nachrichten", {"empfaenger": KOELN}),
    ("eine Nachricht", "/betrieb/nachrichten/{id}", None),
    ("ihr Vorgang", "/betrieb/vorgaenge/{vorgang}", None),
    ("Fristen", "/betrieb/fristen", None),
    ("Partner", "/betrieb/partner", None),
    ("ein Partner", "/betrieb/partner/koeln", None),
    ("Revision", "/betrieb/revision", None),
    ("Revision, eine Art", "/betrieb/revision?art=abweisung", None),
)
"""Name, address, and what is searched for."""
OWN_STAFF_ONLY = ("Partner", "ein Partner", "Revision", "Revision, eine Art")


@dataclass
class Stock:
    """The rows of one message, to be multiplied in a SQLite file that nothing else has open."""

    file: Path
    message: str
    vorgang: str
    now: int
    filled: int = 0

    def fill(self, count: int) -> None:
        """So many copies altogether."""
        with contextlib.closing(sqlite3.connect(self.file)) as db:
            db.execute("pragma foreign_keys = off")
            for table, where, changed in self._copies():
                columns = [row[1] for row in db.execute(f"pragma table_info({table})")]
                values = [changed.get(name, f"t.{name}") for name in columns]
                numbers = f"select {self.filled + 1} union all select n + 1 from c where n < {count}"
                rows = f"select row_number() over () as k, * from {table} where {where}"
                db.execute(
                    f"with recursive c(n) as ({numbers}) insert into {table} ({', '.join(columns)}) "
                    f"select {', '.join(values)} from c, ({rows}) t"
                )
            db.commit()
        self.filled = count

    def _copies(self) -> list[tuple[str, str, dict[str, str]]]:
        """Table, its pattern's rows, and what is other in each copy."""
        at = f"({self.now} - c.n * {SPAN // MANY})"
        done = {"status": "'zugestellt'", "last_error": "null"}
        of = f"message_id = '{self.message}'"
        return [
            ("message", f"id = '{self.message}'", {"id": _id("m", at), "eigene_id": _id("e", at), "eingang": at,
             "geaendert": at, "status": "'zugestellt'"}),
            ("message_reader", of, {"eingang": at, "message_id": _id("m", at)}),
            ("delivery", of, {"id": _id("d", at), "message_id": _id("m", at), "created": at, "changed": at,
             "wire_id": "'<' || c.n || '@bench>'", "deadline_at": "null", "lease_until": "null", **done}),
            ("event", of, {"id": _id("v", at), "at": at, "message_id": _id("m", at), "delivery_id": _id("d", at),
             "leaf": "1000000 + c.n * 16 + t.k", "salt": "x'00'", "worte": "null"}),
            ("vorgang", f"id = '{self.vorgang}'", {"id": _id("g", at), "created": at, "changed": at}),
            ("vorgang_message", of, {"message_id": _id("m", at), "vorgang_id": _id("g", at), "at": at}),
            ("duty", of, {"id": _id("p", at), "message_id": _id("m", at), "vorgang_id": _id("g", at), "opened": at,
             "remind_on": "null"}),
        ]  # fmt: skip


def _id(kind: str, at: str) -> str:
    """SQL: a UUIDv7 that sorts by its time; rows of one copy differ by their kind and their place in the pattern."""
    ms = f"({at} / 1000)"
    return f"printf('%08x-%04x-7%03x-8%03x-%012x', {ms} / 65536, {ms} % 65536, t.k, {ord(kind)}, c.n)"


@dataclass
class Reader:
    """Somebody who reads pages."""

    session: aiohttp.ClientSession
    base: str
    own_staff: bool
    mark: str = ""
    seconds: dict[str, list[float]] = field(default_factory=dict)

    async def log_in(self, gateway: Gateway, access: Access) -> None:
        """A session of its own."""
        code = credentials.code_at(access.secret, gateway.ctx.now() // clock.SECOND)
        form = {"name": access.name, "passwort": access.password, "code": code}
        await self.read("/betrieb/anmelden", form)
        self.mark = re.findall(r'name="marke" value="([0-9a-f]+)"', await self.read("/betrieb/konto", None))[0]

    async def read(self, path: str, form: Search | None) -> str:
        """One page."""
        method, data = ("GET", None) if form is None else ("POST", form | {"marke": self.mark})
        headers = {"Origin": self.base}
        async with self.session.request(method, self.base + path, data=data, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == 200, (path, answer.status, text[-500:])
            return text

    async def round(self, places: dict[str, str]) -> None:
        """Every page once, with its time."""
        for name, path, form in PAGES:
            if self.own_staff or name not in OWN_STAFF_ONLY:
                began = time.perf_counter()
                await self.read(path.format(**places), form)
                self.seconds.setdefault(name, []).append(time.perf_counter() - began)


@contextlib.asynccontextmanager
async def readers(cast: Cast, gateway: Gateway, run: int) -> AsyncIterator[list[Reader]]:
    """Own staff and an authority's, each with an account of this run: a one-time code counts once."""
    found: list[Reader] = []
    base = f"https://localhost:{gateway.listeners.ports['betrieb']}"
    async with contextlib.AsyncExitStack() as stack:
        for name, roles, keys in (("eigen", ("betrieb", "revision"), ()), ("koeln", ("lesen",), (KOELN,))):
            access = await People(gateway.ctx).add(BY, f"{name}.{run}", roles, keys)
            connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=cast.ca.pem))
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            found.append(Reader(session, base, own_staff=not keys))
            await found[-1].log_in(gateway, access)
        yield found


async def measured(cast: Cast, run: int, places: dict[str, str]) -> list[dict[str, float]]:
    """Least seconds of each page, for each reader; the first round is for warming up."""
    async with running(cast.hub.config()) as gateway, readers(cast, gateway, run) as people:
        for _ in range(ROUNDS + 1):
            for reader in people:
                await reader.round(places)
        return [{name: min(values[1:]) for name, values in reader.seconds.items()} for reader in people]


async def pattern(cast: Cast) -> tuple[Stock, dict[str, str]]:
    """One real notice, and where its pages are."""
    async with running(cast.hub.config()) as gateway:
        jva = Agency(cast, cast.hub, JVA)
        status, answer, _ = await jva.post(untersuchungshaft())
        assert status == 202, answer
        await jva.until(answer["id"], lambda m: bool(m["zustellungen"][0]["letzter_fehler"]), "the first try")
        await jva.close()
        (row,) = await gateway.ctx.db.fetch("vorgang_of_message", answer["id"])
        file = Path(gateway.ctx.config.store.url.removeprefix("sqlite:///"))
        stock = Stock(file, answer["id"], row["vorgang_id"], gateway.ctx.now())
    return stock, {"id": stock.message, "vorgang": stock.vorgang}


async def main(many: int = MANY) -> float:
    """Prints the ratios; the largest is the result."""
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as folder:
        cast = await asyncio.to_thread(casting.make, Path(folder))
        stock, places = await pattern(cast)
        found = []
        for count in (FEW, many):
            await asyncio.to_thread(stock.fill, count)
            found.append(await measured(cast, count, places))
    few, most = found
    table = Table("Seite", "wer", f"{FEW} Nachrichten", f"{many:,} Nachrichten", "Verhältnis")
    ratios = []
    for who, before, after in zip(("Gateway", "Stadt Köln"), few, most, strict=True):
        for name, seconds in before.items():
            ratios.append(after[name] / seconds)
            table.add_row(name, who, f"{seconds * 1000:.1f} ms", f"{after[name] * 1000:.1f} ms", f"{ratios[-1]:.2f}")
    show(table)
    return max(ratios)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY))
