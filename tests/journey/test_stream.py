"""Status changes by `GET /v1/events`: whoever may know hears of each, in order, none is lost over a break."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from as2peer import Peer, delivery, posted
from described import description
from gatewayworld import JVA, KOELN, Api, Site, agree, calling
from jsonschema import Draft202012Validator

from gateway.message import Caller
from gateway.partner import Partner
from gateway.service.gateway import Gateway, open_context, running
from gateway.service.listeners import SHUTDOWN_S
from gateway.watch import stream_http
from gateway.web import CALLER, Handler

pytestmark = pytest.mark.usefixtures("prompt", "quick")
JUDGE = Draft202012Validator(
    {"components": description()["components"], "$ref": "#/components/schemas/Statusereignis"},
    format_checker=Draft202012Validator.FORMAT_CHECKER,
)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.service.gateway.SEAL_S", 0.02)
    monkeypatch.setattr("gateway.watch.stream_http.LOOK_S", 0.02)
    monkeypatch.setattr("gateway.watch.stream_http.QUIET_S", 0.1)


class Listener:
    """Reads a stream as the standard says."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.last = ""

    async def next(self) -> dict[str, Any]:
        """The next event; what has no data is none, but moves the place."""
        data = ""
        async with asyncio.timeout(30):
            while True:
                line = (await self.answer.content.readline()).decode()
                if not line:
                    raise EOFError
                field, _, value = line.rstrip("\n").partition(": ")
                if field == "id":
                    self.last = value
                elif field == "data":
                    data = value
                elif not field and data:
                    event: dict[str, Any] = json.loads(data)
                    JUDGE.validate(event)
                    return event

    async def until(self, art: str) -> list[dict[str, Any]]:
        found = [await self.next()]
        while found[-1]["art"] != art:
            found.append(await self.next())
        return found


@contextlib.asynccontextmanager
async def listening(api: Api, last: str | None = None, *, patiently: bool = False) -> AsyncIterator[Listener]:
    """A stream; patiently: asked for again as long as there are too many."""
    headers = {"Last-Event-ID": last} if last is not None else {}
    timeout = aiohttp.ClientTimeout(total=60)
    async with asyncio.timeout(30):
        answer = await api._session.get(f"{api._base}/v1/events", headers=headers, timeout=timeout)
        while patiently and answer.status == 429:
            answer.close()
            answer = await api._session.get(f"{api._base}/v1/events", headers=headers, timeout=timeout)
    try:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        yield Listener(answer)
    finally:
        answer.close()


async def begun(listener: Listener) -> str:
    """Where the stream began."""
    while not listener.last:
        line = (await listener.answer.content.readline()).decode()
        if line.startswith("id: "):
            listener.last = line[4:].strip()
    return listener.last


async def test_sender_and_recipient_hear_what_concerns_them_and_nobody_else_does(
    hub: Gateway, hub_site: Site, koeln: Peer, jva: Api
) -> None:
    async with (
        calling(hub, hub_site.clients["koeln"]) as town,
        calling(hub, hub_site.clients["polizei"]) as police,
        listening(jva) as sender,
        listening(town) as recipient,
        listening(police) as other,
    ):
        start = [await begun(each) for each in (sender, recipient, other)]
        message = await posted(jva)
        heard, received = await sender.until("quittung"), await recipient.until("quittung")
        assert [each["art"] for each in heard][:2] == ["annahme", "entscheidung"]
        assert heard[-1]["status"] == received[-1]["status"] == "zugestellt"
        assert {each["nachricht"] for each in (*heard, *received)} == {message}
        (own,) = {each["zustellung"] for each in received}
        assert own == (await delivery(hub, message))["id"]
        assert "annahme" not in {each["art"] for each in received}, "that is between sender and gateway"
        while other.last == start[2]:
            line = (await other.answer.content.readline()).decode()
            assert not line.startswith("data")
            other.last = line[4:].strip() if line.startswith("id: ") else other.last


async def test_a_stream_goes_on_where_it_broke_also_after_a_restart(hub_site: Site) -> None:
    async with running(hub_site.config()) as hub, calling(hub, hub_site.clients["jva"]) as jva:
        await agree(hub, Partner(id="koeln", behoerden=(KOELN,), weg="abruf"))
        async with listening(jva) as first:
            await begun(first)
            message = await posted(jva)
            heard = await first.next()
            break_at = first.last
    async with running(hub_site.config()) as hub, calling(hub, hub_site.clients["jva"]) as jva:
        other = await posted(jva)
        async with listening(jva, break_at) as second:
            rest = [await second.next()]
            while rest[-1]["nachricht"] != other:
                rest.append(await second.next())
        _, events = await jva.call("GET", f"/v1/messages/{message}/events")
        told = [each["id"] for each in events["eintraege"] if each["art"] in ("annahme", "entscheidung", "uebergabe")]
        assert [each["id"] for each in (heard, *rest) if each["nachricht"] == message] == told
        async with listening(jva, "0") as whole:
            assert (await whole.next())["id"] == heard["id"]


async def test_on_postgresql_through_another_gateway_of_the_store(hub_site: Site, postgres_url: str) -> None:
    hub_site.settings["store"] = {"url": postgres_url}
    async with (
        running(hub_site.config()) as hub,
        running(hub_site.config(), listening=False),
        calling(hub, hub_site.clients["jva"]) as jva,
        calling(hub, hub_site.clients["koeln"]) as town,
        listening(jva) as sender,
        listening(town) as recipient,
    ):
        await begun(recipient)
        await begun(sender)
        message = await posted(jva)
        assert (await sender.until("uebergabe"))[-1]["nachricht"] == message
        assert (await recipient.next())["nachricht"] == message


@pytest.mark.parametrize(
    ("client", "last", "status", "code"),
    [
        ("jva", "x", 400, "wert"),
        ("jva", "-1", 400, "wert"),
        ("jva", "1" * 19, 400, "wert"),
        ("jva", "999999", 409, "stelle_unbekannt"),
        ("betrieb", "0", 403, "nicht_erlaubt"),
    ],
)
async def test_a_place_that_there_is_not_is_refused(
    hub: Gateway, hub_site: Site, client: str, last: str, status: int, code: str
) -> None:
    async with calling(hub, hub_site.clients[client]) as api:
        found, problem = await api.call("GET", "/v1/events", headers={"Last-Event-ID": last})
    assert (found, problem["type"].rpartition(":")[2]) == (status, code)


async def test_streams_of_one_certificate_are_bounded_and_places_come_free(jva: Api) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(stream_http.STREAMS_OF_ONE):
            await begun(await stack.enter_async_context(listening(jva)))
        async with jva._session.get(f"{jva._base}/v1/events") as refused:
            assert refused.status == 429
            assert int(refused.headers["Retry-After"]) > 0
    async with listening(jva, patiently=True) as again:
        await begun(again)


async def test_a_head_request_opens_nothing(hub: Gateway, jva: Api) -> None:
    for _ in range(2 * stream_http.STREAMS_OF_ONE):
        async with jva._session.head(f"{jva._base}/v1/events") as answer:
            assert (answer.status, await answer.read()) == (200, b"")


class Flood:
    """A feed that has always more to tell than any connection takes at once."""

    async def begin(self, caller: Caller, last: str | None) -> int:
        return 0

    async def after(self, caller: Caller, place: int) -> stream_http.News:
        return stream_http.News([(place + 1, {"x": "x" * 2**20})], place + 1)

    def still(self, caller: Caller) -> bool:
        return True

    async def pause(self, seconds: float) -> None:
        raise AssertionError("there is always more")


async def test_who_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.watch.stream_http.SLOW_S", 0.2)
    ended = asyncio.Event()

    @web.middleware
    async def known(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[CALLER] = Caller(frozenset({JVA}), frozenset(), "0")
        try:
            return await handler(request)
        finally:
            ended.set()

    app = web.Application(middlewares=[known])
    app.add_routes(stream_http.Stream(Flood()).routes())
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        _, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1], limit=1024)
        writer.write(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(30):
            await ended.wait()
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    finally:
        await runner.cleanup()


async def test_a_withdrawn_certificate_hears_no_more(hub: Gateway, jva: Api) -> None:
    async with listening(jva) as stream:
        await begun(stream)
        left = tuple(each for each in hub.ctx.config.zugang if JVA not in each.behoerden)
        hub.ctx.config = hub.ctx.config.model_copy(update={"zugang": left})
        with pytest.raises(EOFError):
            await stream.next()


async def test_streams_end_at_once_when_the_gateway_stops(hub_site: Site) -> None:
    async with contextlib.AsyncExitStack() as stack:
        gateway = Gateway(await open_context(hub_site.config()))
        await gateway.start()
        jva = await stack.enter_async_context(calling(gateway, hub_site.clients["jva"]))
        stream = await stack.enter_async_context(listening(jva))
        await begun(stream)
        async with asyncio.timeout(SHUTDOWN_S - 1):  # less than a request under way is given
            await gateway.stop()
        with pytest.raises(EOFError):
            await stream.next()
