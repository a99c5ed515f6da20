"""kill -9 of a real `gateway serve` around sealing, sending, settling and receiving: nothing lost, nothing twice."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientError, web
from as2peer import Peer, Received, answering, eventually, haft, peering, receipt, status
from ending import WAIT_S, ended, happens
from gatewayworld import JVA, KOELN, Api

from gateway.config_tables import KeyFiles
from gateway.demo import cast
from gateway.partner import Zertifikat
from gateway.pki import KeyPair, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.tls import client_context

DELAYS = (0.0, 0.008, 0.025)
"""Seconds after which the kill comes, where no peer tells the moment: within and around the first commits."""


@dataclass
class Process(cast.Site):
    """A gateway as its own process, with what a peer asks of a site."""

    ca: DevelopmentCa | None = None

    @property
    def as2_url(self) -> str:
        return f"https://localhost:{self.ports['as2']}"

    def certificates(self, ca: DevelopmentCa | None = None) -> tuple[Zertifikat, ...]:
        assert self.ca is not None
        return super().certificates(ca or self.ca)

    async def begin(self) -> None:
        await asyncio.to_thread(self.start)

    async def kill(self) -> None:
        """As a power cut."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(ended, self.process, f"{self.kennung} after SIGKILL")
        self.process = None

    async def again(self) -> None:
        await self.kill()
        await self.begin()


@pytest.fixture
def jva_pair(ca: DevelopmentCa) -> KeyPair:
    return ca.issue(Request(purpose="tls", name="jva"))


@pytest.fixture
async def hub(ca: DevelopmentCa, jva_pair: KeyPair, tmp_path: Path) -> AsyncIterator[Process]:
    site = Process(tmp_path / "hub", "gw:nrw", ca=ca)
    site.make(ca)
    site.admit(jva_pair, JVA)
    yield site
    await asyncio.to_thread(site.stop)


@pytest.fixture
async def edge(ca: DevelopmentCa, jva_pair: KeyPair, tmp_path: Path) -> AsyncIterator[Process]:
    site = Process(tmp_path / "edge", "gw:koeln", (KOELN,), ca=ca)
    site.make(ca)
    site.admit(jva_pair, KOELN)
    yield site
    await asyncio.to_thread(site.stop)


@pytest.fixture
async def client(ca: DevelopmentCa, jva_pair: KeyPair, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    write_pair(jva_pair, tmp_path / "jva")
    files = KeyFiles(key=tmp_path / "jva.key", crt=tmp_path / "jva.crt")
    connector = aiohttp.TCPConnector(ssl=client_context([ca.pem], files), force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


def api(session: aiohttp.ClientSession, site: Process) -> Api:
    return Api(session, site.api_url)


async def post(session: aiohttp.ClientSession, site: Process, xml: bytes) -> str:
    """Posts until it is accepted, as a sender does whose connection broke; the same post has one effect."""
    async with asyncio.timeout(2 * WAIT_S):  # the wait for the kill, and the start after it
        while True:
            try:
                code, answer = await api(session, site).post_xml(xml)
            except (ClientError, OSError):
                await asyncio.sleep(0.05)
                continue
            assert code in (200, 202), answer
            found: str = answer["id"]
            return found


async def story(session: aiohttp.ClientSession, site: Process, message: str) -> dict[str, Any]:
    """The one delivery of a message, with its attempts and receipts."""
    _, deliveries = await api(session, site).call("GET", f"/v1/messages/{message}/deliveries")
    (found,) = deliveries["eintraege"]
    return dict(found)


def sent(peer: Peer, message: str) -> list[Received]:
    return [came for came in peer.messages if came.header("X-Gateway-Id") == message]


def one_sealing(peer: Peer, message: str) -> bool:
    """Whatever was tried, the peer saw one Message-ID and one body."""
    return len({(came.message_id, came.body) for came in sent(peer, message)}) == 1


def then_kill(site: Process, killed: asyncio.Event, *, answer: bool) -> Callable[[Peer, Received], Awaitable[Any]]:
    """Kills the sender while it waits for the answer, or as soon as the answer is on its way."""

    async def act(peer: Peer, came: Received) -> web.StreamResponse:
        if not answer:
            await site.kill()
            killed.set()
            return web.Response()
        made = await answering()(peer, came)

        async def soon() -> None:
            await asyncio.sleep(0.001)
            await site.kill()
            killed.set()

        peer.tasks.append(asyncio.create_task(soon()))
        return made

    return act


@pytest.mark.parametrize("answer", [False, True], ids=["before-the-answer", "after-the-answer"])
async def test_killed_while_a_partner_answers(
    ca: DevelopmentCa, hub: Process, client: aiohttp.ClientSession, tmp_path: Path, answer: bool
) -> None:
    async with peering(ca, hub, "koeln", (KOELN,), tmp_path) as koeln:
        hub.agree(koeln.agreement())
        await hub.begin()
        killed = asyncio.Event()
        koeln.script = [then_kill(hub, killed, answer=answer)]
        posting = asyncio.create_task(post(client, hub, haft()))  # the kill may come before its answer
        await happens(killed, "the gateway sends to its partner, and is killed")
        await hub.begin()
        message = await posting
        await api(client, hub).until(message, "zugestellt")
        assert one_sealing(koeln, message)
        assert len(sent(koeln, message)) <= 2
        found = await story(client, hub, message)
        assert found["status"] == "zugestellt"
        assert found["quittungen"]
        assert found["versuche"] == len(sent(koeln, message))


async def test_killed_around_acceptance_and_sealing(
    ca: DevelopmentCa, hub: Process, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Kills at growing distance from the post; what had been answered is delivered once, the rest is posted
    again and delivered once."""
    async with peering(ca, hub, "koeln", (KOELN,), tmp_path) as koeln:
        hub.agree(koeln.agreement())
        await hub.begin()
        messages = []
        for delay in DELAYS:
            xml = haft()
            posting = asyncio.create_task(post(client, hub, xml))
            await asyncio.sleep(0.02 + delay)
            await hub.again()
            messages.append(await posting)
        for message in messages:
            await api(client, hub).until(message, "zugestellt")
            assert one_sealing(koeln, message)
        assert len(set(messages)) == len(DELAYS)
        notices = [came.opened.parts[0][2] for came in koeln.messages if came.opened is not None]
        assert len(set(notices)) == len(DELAYS)


async def test_killed_after_an_asynchronous_receipt_was_taken(
    ca: DevelopmentCa, hub: Process, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """What was answered with 200 is settled, whatever happens next; and the same receipt again changes nothing."""
    async with peering(ca, hub, "koeln", (KOELN,), tmp_path) as koeln:
        hub.agree(koeln.agreement(mdn="async"))
        koeln.script = [status(202)]
        await hub.begin()
        message = await post(client, hub, haft())
        await eventually(lambda: sent(koeln, message))
        await hub.again()  # while it waits for the receipt, recorded or not
        made = receipt(koeln, sent(koeln, message)[0])
        assert (await koeln.send_receipt(made, "gw-nrw")).status == 200
        await hub.again()
        found = await story(client, hub, message)
        assert found["status"] == "zugestellt"
        assert (await koeln.send_receipt(made, "gw-nrw")).status == 200
        again = await story(client, hub, message)
        assert again["quittungen"] == found["quittungen"]
        assert one_sealing(koeln, message)


async def test_an_edge_killed_while_it_receives(
    ca: DevelopmentCa, edge: Process, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The sender repeats the same request until it has a receipt: one inbox entry for each notice."""
    async with peering(ca, edge, "vermittler", (), tmp_path) as sender:
        edge.agree(sender.agreement(art="vermittler"))
        await edge.begin()
        for delay in DELAYS:
            content_type, body = sender.seal(haft())
            headers = sender.headers(content_type, to="gw-koeln")
            first = asyncio.create_task(sender.post(headers, body))
            await asyncio.sleep(delay)
            await edge.again()
            receipts = [await sender.post(headers, body)]
            try:
                receipts.append(await first)
            except (ClientError, OSError):
                receipts.append(await sender.post(headers, body))
            assert {answered.status for answered in receipts} == {200}
            assert len({answered.body for answered in receipts}) == 1
            disposition = receipts[0].verified().disposition
            assert disposition is not None
            assert disposition.positive
        _, inbox = await api(client, edge).call("GET", "/v1/inbox")
        assert len(inbox["eintraege"]) == len(DELAYS)
        assert len({entry["nachrichten_id"] for entry in inbox["eintraege"]}) == len(DELAYS)
