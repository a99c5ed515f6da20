"""A gateway under load: its folder, its process, its client, and partners in a process beside it.

Promises: real keys, real processes, loopback; everything lies in one folder and ends with the run. What is measured is
the processor time of the gateway's process alone.
Fails: `DemoFailed` when a process does not start; `AssertionError` when an answer is not the expected one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench import peer
from gateway import clock
from gateway.config_tables import KeyFiles
from gateway.demo import cast
from gateway.demo.letters import untersuchungshaft
from gateway.partner import Partner
from gateway.pki import KeyPair, agreed, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.store import open_database
from gateway.store.steps import do
from gateway.tls import client_context

AT_ONCE = 16
"""Requests of the clients under way at once."""
PATIENCE_S = 120.0
"""Longest wait for anything."""


def processor(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Beside:
    """A process of ours."""

    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, folder: Path, *arguments: str) -> Beside:
        """`python -m …`, until it says that it is ready."""
        ready = folder / "ready"
        ready.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-m", *arguments], start_new_session=True)  # noqa: S603 - ours
        until = time.monotonic() + PATIENCE_S
        while not ready.exists():
            assert process.poll() is None, arguments
            assert time.monotonic() < until, arguments
            time.sleep(0.02)
        return cls(process)

    @property
    def used(self) -> float:
        """Its processor time so far."""
        return processor(self.process.pid)

    def stop(self) -> None:
        """Ends it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)


@dataclass
class World:
    """One hub, the client of a JVA, and partners."""

    folder: Path
    store: str | None = None
    """URL of a PostgreSQL database; None: SQLite."""
    settings: dict[str, str] = field(default_factory=dict)
    """Texts of the configuration to replace."""
    ca: DevelopmentCa = field(default_factory=DevelopmentCa.create)

    def __post_init__(self) -> None:
        """The hub's folder and configuration."""
        self.hub = cast.Site(self.folder / "hub", "gw:nrw")
        self.hub.make(self.ca)
        self.client = self.ca.issue(Request(purpose="tls", name=cast.JVA))
        self.hub.admit(self.client, cast.JVA)
        text = self.hub.toml.read_text()
        changes = self.settings | ({"sqlite:///gateway.db": self.store} if self.store else {})
        for before, after in changes.items():
            assert before in text, before
            text = text.replace(before, after)
        self.hub.toml.write_text(text)
        self.peer_port = cast.free_port()
        us = Partner(
            id="hub",
            behoerden=(),
            weg="as2",
            url="https://localhost/as2",
            as2_id=self.hub.as2_name,
            zertifikate=self.hub.certificates(self.ca),
        )
        self.pairs = peer.make(self.folder / "peers", self.ca, us)

    def agreement(self, name: str, *behoerden: str, path: str = "as2", port: int | None = None) -> Partner:
        """A partner that the process beside plays."""
        sign, encrypt = self.pairs["sign"].certificate, self.pairs["encrypt"].certificate
        return Partner(
            id=name,
            behoerden=behoerden,
            weg="as2",
            url=f"https://localhost:{port or self.peer_port}/{path}",
            as2_id=name,
            zertifikate=(
                agreed("signatur", sign),
                agreed("quittung", sign),
                agreed("verschluesselung", encrypt),
                agreed("tls", self.ca.certificate),
            ),
        )

    async def agree(self, partners: Iterable[Partner]) -> None:
        """As `gateway partners add`, for many."""
        database = await open_database(self.hub.config().store.url)
        for partner in partners:
            await database.commit(
                do("put_partner", id=partner.id, agreement=partner.model_dump_json(), now=clock.now()),
                *(do("insert_partner_authority", authority=key, partner_id=partner.id) for key in partner.behoerden),
            )
        await database.close()

    def start_peers(self) -> Beside:
        """The partners' process."""
        return Beside.start(self.folder / "peers", "bench.peer", str(self.folder / "peers"), str(self.peer_port))

    @property
    def used(self) -> float:
        """The gateway's processor time so far."""
        assert self.hub.process is not None
        return processor(self.hub.process.pid)

    def session(self) -> aiohttp.ClientSession:
        """Calls the hub as the JVA."""
        return session_of(self.ca, self.client, self.folder / "client")


def session_of(ca: DevelopmentCa, pair: KeyPair, stem: Path) -> aiohttp.ClientSession:
    """A client with a certificate; its connections stay."""
    if not stem.with_suffix(".key").exists():
        write_pair(pair, stem)
    files = KeyFiles(key=stem.with_suffix(".key"), crt=stem.with_suffix(".crt"))
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=client_context([ca.pem], files)), timeout=timeout)


def notices(count: int) -> list[bytes]:
    """Notices that differ in their id alone."""
    return [untersuchungshaft().xml for _ in range(count)]


async def post_all(session: aiohttp.ClientSession, url: str, bodies: list[bytes], status: int = 202) -> float:
    """Posts them all, `AT_ONCE` at a time; how long that took."""
    left, began = list(bodies), time.monotonic()

    async def client() -> None:
        while left:
            headers = {"Content-Type": "application/xml"}
            async with session.post(url, data=left.pop(), headers=headers) as answer:
                text = await answer.read()
                assert answer.status == status, text

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return time.monotonic() - began


async def until(holds: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Waits for something."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it takes too long"
        await asyncio.sleep(0.05)
