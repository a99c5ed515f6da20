"""A message of nearly 200 MB through a hub and an edge, each a process of its own: time, memory, processor.

`python -m bench.large [MEGABYTES]` prints the figures; `tests/journey/test_large.py` holds them with a smaller message.

Promises: real keys, real processes, loopback; everything lies in a temporary folder and ends with the run.
Fails: `AssertionError` when what was read is not what was sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich import print as show
from rich.table import Table

from bench.figures import Figure
from gateway.config_tables import KeyFiles
from gateway.demo import cast
from gateway.demo.letters import Notice, ermittlungsverfahren
from gateway.partner import Partner
from gateway.pki import KeyPair, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.tls import client_context

PIECE = 256 * 1024
MEGABYTE = 1024 * 1024
MOST = 199
"""Megabytes of the file: with its XML the message stays within 200 MB."""
SHORT = 8
AIM = 250.0
"""Megabytes that a gateway may take meanwhile."""


def resident(site: cast.Site) -> tuple[float, float]:
    """Resident memory of a gateway in megabytes: now, and at its highest."""
    assert site.process is not None
    status = Path(f"/proc/{site.process.pid}/status").read_text()
    found = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith(("VmRSS", "VmHWM"))}
    return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024


def processor(site: cast.Site) -> float:
    """Seconds of processor that a gateway has used."""
    assert site.process is not None
    fields = Path(f"/proc/{site.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def filled(size: int) -> AsyncIterator[bytes]:
    """`size` bytes that do not compress and repeat nowhere, with delimiter-like lines among them."""
    for n in range(0, size, PIECE):
        seed = hashlib.shake_128(n.to_bytes(8, "big")).digest(PIECE - 64)
        yield (seed + b"\r\n--=_no delimiter\r\n".ljust(64, b"-"))[: size - n]


@dataclass
class Passed:
    """What came of one message."""

    posted_s: float
    """Until the hub had accepted it."""
    delivered_s: float
    """From then until its receipt was there."""
    read_s: float
    """Until the recipient had read it."""
    sha256_sent: str
    sha256_read: str
    attempts: int


@dataclass
class Pair:
    """The hub, the edge and whoever calls them."""

    ca: DevelopmentCa
    hub: cast.Site
    edge: cast.Site
    client: KeyPair
    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Pair:
        """Folders, keys and the agreement of both; nothing runs yet."""
        ca = DevelopmentCa.create()
        client = ca.issue(Request(purpose="tls", name="polizei"))
        hub = cast.Site(folder / "hub", "gw:nrw")
        edge = cast.Site(folder / "edge", "gw:rsk", (cast.RHEIN_SIEG,))
        hub.make(ca)
        edge.make(ca)
        hub.admit(client, cast.POLIZEI)
        edge.admit(client, cast.RHEIN_SIEG)
        there = {"weg": "as2", "zertifikate": edge.certificates(ca), "url": edge.as2_url, "as2_id": edge.as2_name}
        back = {"weg": "as2", "zertifikate": hub.certificates(ca), "url": hub.as2_url, "as2_id": hub.as2_name}
        hub.agree(Partner.model_validate({"id": "rsk", "behoerden": (cast.RHEIN_SIEG,), **there}))
        edge.agree(Partner.model_validate({"id": "hub", "art": "vermittler", "behoerden": (), **back}))
        return cls(ca, hub, edge, client, folder)

    async def start(self) -> None:
        """Both processes."""
        await asyncio.gather(*(asyncio.to_thread(site.start) for site in (self.hub, self.edge)))

    async def stop(self) -> None:
        """Ends both."""
        await asyncio.gather(*(asyncio.to_thread(site.stop) for site in (self.hub, self.edge)))

    def session(self) -> aiohttp.ClientSession:
        """Calls either as the client."""
        write_pair(self.client, self.folder / "client")
        files = KeyFiles(key=self.folder / "client.key", crt=self.folder / "client.crt")
        timeout = aiohttp.ClientTimeout(total=600)
        connector = aiohttp.TCPConnector(ssl=client_context([self.ca.pem], files))
        return aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def passing(self, session: aiohttp.ClientSession, size: int) -> Passed:
        """Post a notice with a file of `size` bytes, wait for its receipt, read it at the edge."""
        began = time.monotonic()
        message, sent = await self._post(session, ermittlungsverfahren(), size)
        posted = time.monotonic()
        attempts = await self._delivered(session, message)
        delivered = time.monotonic()
        read = hashlib.sha256()
        async with session.get(f"{self.edge.api_url}/v1/messages/{message}/parts/1") as answer:
            assert answer.status == 200, answer.status
            async for piece in answer.content.iter_chunked(PIECE):
                read.update(piece)
        done = time.monotonic()
        return Passed(posted - began, delivered - posted, done - delivered, sent, read.hexdigest(), attempts)

    async def _post(self, session: aiohttp.ClientSession, notice: Notice, size: int) -> tuple[str, str]:
        ((name, _),) = notice.files
        digest = hashlib.sha256()

        async def form() -> AsyncIterator[bytes]:
            yield b'--grenze\r\nContent-Disposition: form-data; name="nachricht"\r\n\r\n' + notice.xml
            yield f'\r\n--grenze\r\nContent-Disposition: form-data; name="d"; filename="{name}"\r\n'.encode()
            yield b"Content-Type: application/pdf\r\n\r\n"
            async for piece in filled(size):
                digest.update(piece)
                yield piece
            yield b"\r\n--grenze--\r\n"

        headers = {"Content-Type": "multipart/form-data; boundary=grenze"}
        async with session.post(f"{self.hub.api_url}/v1/messages", data=form(), headers=headers) as answer:
            value = await answer.json(content_type=None)
            assert answer.status == 202, value
            return value["id"], digest.hexdigest()

    async def _delivered(self, session: aiohttp.ClientSession, message: str) -> int:
        while True:
            async with session.get(f"{self.hub.api_url}/v1/messages/{message}") as answer:
                found = await answer.json()
            (delivery,) = found["zustellungen"]
            if delivery["status"] == "zugestellt":
                return int(delivery["versuche"])
            assert delivery["status"] in ("wartet", "laeuft", "uebergeben"), delivery
            await asyncio.sleep(0.05)


async def measure(megabytes: int) -> None:
    """One message, and what it took."""
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair.make(Path(folder))
        try:
            await pair.start()
            async with pair.session() as session:
                await pair.passing(session, 1)  # whatever is only loaded once
                before = [(resident(site)[0], processor(site)) for site in (pair.hub, pair.edge)]
                passed = await pair.passing(session, megabytes * MEGABYTE)
            assert passed.sha256_read == passed.sha256_sent
            show(_table(megabytes, pair, before))
            show(
                f"accepted after {passed.posted_s:.1f} s, signed receipt {passed.delivered_s:.1f} s later, "
                f"read in {passed.read_s:.1f} s, {passed.attempts} attempt(s)"
            )
        finally:
            await pair.stop()


async def figures(*, short: bool = False) -> list[Figure]:
    """Resident memory of hub and edge at its highest, against what is aimed at."""
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair.make(Path(folder))
        try:
            await pair.start()
            async with pair.session() as session:
                passed = await pair.passing(session, (SHORT if short else MOST) * MEGABYTE)
            assert passed.sha256_read == passed.sha256_sent
            sites = {"hub": pair.hub, "edge": pair.edge}
            return [Figure(name, [resident(site)[1]], [AIM], 1, "MB") for name, site in sites.items()]
        finally:
            await pair.stop()


def _table(megabytes: int, pair: Pair, before: list[tuple[float, float]]) -> Table:
    table = Table("", "MB resident before", "at most", "s processor", title=f"One message of {megabytes} MB by AS2")
    for name, site, (idle, used) in zip(("hub", "edge"), (pair.hub, pair.edge), before, strict=True):
        table.add_row(name, f"{idle:.0f}", f"{resident(site)[1]:.0f}", f"{processor(site) - used:.1f}")
    return table


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else MOST))
