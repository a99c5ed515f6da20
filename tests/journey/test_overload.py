"""What the gateway does when it cannot: disk full, database away, clock set, slow clients, too much, own faults."""

import asyncio
import contextlib
import ssl
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from as2peer import Peer, delivery, events, eventually, haft, later, posted, until
from gatewayworld import JVA, Api, Site, agree, calling

from gateway.pki_issue import DevelopmentCa
from gateway.send.worker import Worker
from gateway.service.gateway import Gateway, running
from gateway.service.telling import Told
from gateway.store.sqlite import SqliteDatabase

pytestmark = pytest.mark.usefixtures("prompt")


def pages(hub: Gateway, most: int | None = None) -> int:
    """How many pages the database file may have; the first call says how many it has."""
    assert isinstance(hub.ctx.db, Told)
    assert isinstance(hub.ctx.db._db, SqliteDatabase)
    connection = hub.ctx.db._db._connection
    if most is not None:
        connection.execute(f"pragma max_page_count = {most}")
    return int(connection.execute("pragma page_count").fetchone()[0])


async def test_on_a_full_disk_nothing_is_promised_and_what_was_promised_is_kept(
    hub: Gateway, koeln: Peer, jva: Api
) -> None:
    await hub.delivering.lanes.hold("koeln", "damit niemand schreibt", "test")
    pages(hub, pages(hub) + 40)
    accepted, refused = [], 0
    for _ in range(200):
        code, answer = await jva.post_xml(haft())
        if code == 202:
            accepted.append(answer["id"])
            continue
        assert code == 503, answer
        refused += 1
        if refused == 3:
            break
    assert refused == 3
    pages(hub, 1_000_000)
    accepted.append(await posted(jva))  # without a restart
    _, found = await jva.call("POST", "/v1/messages/search", json={"absender": JVA, "anzahl": 200})
    assert sorted(entry["id"] for entry in found["eintraege"]) == sorted(accepted)
    await hub.delivering.lanes.release("koeln", "wieder Platz", "test")
    for message in accepted:
        await until(hub, message, "zugestellt")
    assert len(koeln.messages) == len(accepted)


class Line:
    """A line to the database that can be cut."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()
        await eventually(lambda: not self._writers)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._socket)
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            for each in both:
                each.transport.abort()
                with contextlib.suppress(OSError):
                    await each.wait_closed()
            self._writers -= both


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@pytest.fixture
async def line(postgres_url: str) -> AsyncIterator[tuple[Line, str]]:
    parts = urllib.parse.urlsplit(postgres_url)
    folder = urllib.parse.parse_qs(parts.query)["host"][0]
    made = Line(f"{folder}/.s.PGSQL.5432")
    await made.up()
    yield made, f"postgresql://{parts.username or 'postgres'}@127.0.0.1:{made.port}{parts.path}?sslmode=disable"
    await made.cut()


async def test_while_the_database_is_away_everybody_is_asked_to_come_again_and_then_all_goes_on(
    monkeypatch: pytest.MonkeyPatch, line: tuple[Line, str], ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    from as2peer import peering

    monkeypatch.setattr("gateway.store.postgres.ACQUIRE_SECONDS", 2)
    cable, url = line
    hub_site.settings["store"] = {"url": url}
    async with (
        running(hub_site.config()) as hub,
        peering(ca, hub_site, "koeln", ("abh:05315000",), tmp_path) as koeln,
        calling(hub, hub_site.clients["jva"]) as jva,
        aiohttp.ClientSession() as plain,
    ):
        await agree(hub, koeln.agreement())
        before = await posted(jva)
        await until(hub, before, "zugestellt")
        await cable.cut()
        xml = haft()
        async with jva._session.post(
            f"{jva._base}/v1/messages", data=xml, headers={"Content-Type": "application/xml"}
        ) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
        content_type, body = koeln.seal(haft(), None)
        by_as2 = await koeln.post(koeln.headers(content_type, to="gw-nrw"), body)
        assert by_as2.status == 503
        assert int(by_as2.header("Retry-After")) > 0
        status = f"http://127.0.0.1:{hub.listeners.ports['status']}"
        async with plain.get(f"{status}/readyz") as ready, plain.get(f"{status}/healthz") as healthy:
            assert (ready.status, healthy.status) == (503, 200)
        await cable.up()
        after = await posted(jva, xml)  # the very same
        await until(hub, after, "zugestellt")
        assert len(koeln.messages) == 2


async def test_a_clock_that_is_set_back_stops_nothing_new(hub: Gateway, koeln: Peer, jva: Api) -> None:
    await until(hub, await posted(jva), "zugestellt")
    later(hub, -7200)
    await until(hub, await posted(jva), "zugestellt")
    later(hub, 7200 + 24 * 3600)
    await until(hub, await posted(jva), "zugestellt")


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.admission.HEAD_S", 0.3)


async def test_who_sends_no_head_is_let_go(
    short_patience: None, hub: Gateway, koeln: Peer, jva: Api, ca: DevelopmentCa
) -> None:
    context = ssl.create_default_context(cadata=ca.pem)
    port = hub.listeners.ports["as2"]
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    writer.write(b"POST /as2 HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    try:
        async with asyncio.timeout(30):
            assert await reader.read() == b""
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
    await until(hub, await posted(jva), "zugestellt")


async def test_too_much_at_once_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch, hub_site: Site) -> None:
    monkeypatch.setattr("gateway.admission.LARGE", 1)
    async with running(hub_site.config()) as hub, calling(hub, hub_site.clients["jva"]) as jva:
        stalled = asyncio.Event()
        began = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"<x>"
            began.set()
            await stalled.wait()

        kind = {"Content-Type": "application/xml"}
        first = asyncio.create_task(jva.call("POST", "/v1/messages", data=slowly(), headers=kind))
        await began.wait()

        async def refused() -> bool:
            code, _ = await jva.call("POST", "/v1/messages", data=b" " * 100_000, headers=kind)
            return code == 503

        await eventually(refused)
        assert (await jva.post_xml(haft()))[0] == 202, "small ones have places of their own"
        stalled.set()
        assert (await first)[0] == 400
        assert not await refused()


async def test_who_asks_too_often_is_put_off_alone(hub_site: Site) -> None:
    hub_site.settings["api"] = {"anfragen_je_minute": 60}
    async with (
        running(hub_site.config()) as hub,
        calling(hub, hub_site.clients["jva"]) as jva,
        calling(hub, hub_site.clients["koeln"]) as other,
    ):
        answers = []

        async def asks(status: int) -> bool:
            async with jva._session.get(f"{jva._base}/v1/inbox") as answer:
                answers.append((answer.status, answer.headers.get("Retry-After")))
            return answers[-1][0] == status

        await eventually(lambda: asks(429))
        assert answers[:60] == [(200, None)] * 60
        assert answers[-1] == (429, "1")
        assert (await other.call("GET", "/v1/inbox"))[0] == 200
        await eventually(lambda: asks(200))


async def test_a_worker_that_raises_begins_anew(
    monkeypatch: pytest.MonkeyPatch, hub_site: Site, ca: DevelopmentCa, tmp_path: Path
) -> None:
    from as2peer import peering

    monkeypatch.setattr("gateway.service.gateway.AGAIN_S", 0.02)
    run, fallen = Worker.run, []

    async def falling(self: Worker[Any]) -> None:
        if len(fallen) < 4:
            fallen.append(self.name)
            raise RuntimeError("ours")
        await run(self)

    monkeypatch.setattr(Worker, "run", falling)
    async with (
        running(hub_site.config()) as hub,
        peering(ca, hub_site, "koeln", ("abh:05315000",), tmp_path) as koeln,
        calling(hub, hub_site.clients["jva"]) as jva,
    ):
        await agree(hub, koeln.agreement())
        await until(hub, await posted(jva), "zugestellt")
    assert set(fallen) == {"zustellung", "quittungen"}


async def test_a_poisoned_delivery_stops_only_itself_and_comes_to_a_person(
    monkeypatch: pytest.MonkeyPatch, hub: Gateway, koeln: Peer, jva: Api
) -> None:
    real, poisoned = hub.delivering._sealing.sealed, []

    async def sealed(job: Any, partner: Any) -> Any:
        if not poisoned:
            poisoned.append(job["message_id"])
        if job["message_id"] in poisoned:
            raise RuntimeError("ours")
        return await real(job, partner)

    monkeypatch.setattr(hub.delivering._sealing, "sealed", sealed)
    bad = await posted(jva)
    await eventually(lambda: poisoned)
    good = await posted(jva)
    await until(hub, good, "zugestellt")
    row = await until(hub, bad, "klaerung")
    assert row["attempts"] == 5
    assert "Nach 5 Versuchen" in row["last_error"]
    assert len(await events(hub, bad, "alarm")) == 1
    assert (await delivery(hub, good))["attempts"] == 1
