"""The HTTP client against real servers on the loopback, well-behaved and faulty ones."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.demo.cast import free_port
from gateway.pki import KeyPair, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.send.failure import Failure, Taken, Trouble, from_http, from_trouble
from gateway.send.http import Response, Timeouts, is_public, new_session, post

QUICK = Timeouts(connect_s=5, idle_s=5, total_s=10)
CA = DevelopmentCa.create()

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with new_session(private_addresses=True) as opened:
        yield opened


@asynccontextmanager
async def peer(script: Script) -> AsyncIterator[str]:
    """A scripted peer: what it does with a connection is the test's."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        except ConnectionError:
            pass  # the client has seen enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/as2"


@asynccontextmanager
async def answering(head: str, body: bytes = b"") -> AsyncIterator[str]:
    """A peer that reads the request's head and answers so."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n" + body)
        await writer.drain()

    async with peer(script) as url:
        yield url


@asynccontextmanager
async def aiohttp_peer(
    handler: Callable[[web.Request], Awaitable[web.Response]], context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    app = web.Application(client_max_size=10_000_000)
    app.router.add_post("/as2", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}/as2"
    finally:
        await runner.cleanup()


def trouble(trouble: Trouble) -> Failure:
    return from_trouble(trouble)


async def say(
    session: aiohttp.ClientSession, url: str, *, timeouts: Timeouts = QUICK, max_response: int = 1_000_000
) -> Response | Failure:
    return await post(session, url, [("AS2-From", "a")], b"body", timeouts=timeouts, max_response=max_response)


def meaning(answer: Response | Failure) -> Taken | Failure:
    assert isinstance(answer, Response)
    receipt = (answer.header("content-type") or "").startswith("multipart/")
    return from_http(answer.status, receipt=receipt, retry_after=answer.header("Retry-After"))


async def test_what_is_posted_arrives_with_its_length(session: aiohttp.ClientSession) -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.read()))
        return web.Response(body=b"\0mdn\r\n", headers={"Content-Type": "multipart/report", "X-A": "1"})

    async with aiohttp_peer(handler) as url:
        headers = [("AS2-From", "a"), ("AS2-To", '"b c"'), ("Content-Type", "application/pkcs7-mime")]
        answer = await post(session, url, headers, b"sealed", timeouts=QUICK)
    assert isinstance(answer, Response)
    assert (answer.status, answer.body, answer.header("x-a"), answer.header("x-b")) == (200, b"\0mdn\r\n", "1", None)
    assert meaning(answer) is Taken.RECEIPT
    head, body = seen[0]
    assert body == b"sealed"
    assert (head["Content-Length"], head["AS2-To"], head["User-Agent"]) == ("6", '"b c"', "Nachrichtengateway")
    assert head["Content-Type"] == "application/pkcs7-mime"
    assert "Transfer-Encoding" not in head


async def test_a_stream_is_sent_with_its_length_and_not_chunked(session: aiohttp.ClientSession) -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.read()))
        return web.Response()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 100_000

    async with aiohttp_peer(handler) as url:
        answer = await post(session, url, [], chunks, length=1_000_000, timeouts=QUICK)
    assert meaning(answer) is Taken.HANDED_OVER
    head, body = seen[0]
    assert (head["Content-Length"], len(body)) == ("1000000", 1_000_000)
    assert "Transfer-Encoding" not in head


@pytest.mark.parametrize("length", [1, 3])
async def test_a_body_of_another_length_lies_with_us(session: aiohttp.ClientSession, length: int) -> None:
    async def handler(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"xx"

    async with aiohttp_peer(handler) as url:
        assert await post(session, url, [], chunks, length=length, timeouts=QUICK) == trouble(Trouble.BODY)


async def test_a_body_that_breaks_lies_with_us(session: aiohttp.ClientSession) -> None:
    async def handler(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"xx"
        raise OSError("disk")

    async with aiohttp_peer(handler) as url:
        assert await post(session, url, [], chunks, length=4, timeouts=QUICK) == trouble(Trouble.BODY)


async def test_a_stream_needs_its_length(session: aiohttp.ClientSession) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b""

    with pytest.raises(ValueError):
        await post(session, "http://127.0.0.1:1/", [], chunks)


async def test_connection_refused(session: aiohttp.ClientSession) -> None:
    assert await say(session, f"http://127.0.0.1:{free_port()}/") == trouble(Trouble.CONNECT)


async def test_a_peer_that_comes_up_is_found_by_the_short_tries(session: aiohttp.ClientSession) -> None:
    port = free_port()
    begun: list[bytes] = []

    async def chunks() -> AsyncIterator[bytes]:
        begun.append(b"pass")
        yield b"body"

    sending = asyncio.create_task(post(session, f"http://127.0.0.1:{port}/", [], chunks, length=4, timeouts=QUICK))
    await asyncio.sleep(0.05)  # the first try has met nobody, the next comes after a tenth of a second

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"body")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        answer = await sending
    assert meaning(answer) is Taken.HANDED_OVER
    assert begun == [b"pass"]


async def test_what_was_begun_is_not_sent_twice(session: aiohttp.ClientSession) -> None:
    connections: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        await reader.readuntil(b"body")

    async with peer(script) as url:
        assert await say(session, url) == trouble(Trouble.CUT)
    assert connections == [1]


@pytest.mark.parametrize(
    "begin",
    [
        "HTTP/1.1 200 OK\nContent-Type: multipart/report\nContent-Length: 1000\n",
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n",
    ],
)
async def test_an_answer_cut_in_the_middle(session: aiohttp.ClientSession, begin: str) -> None:
    async with answering(begin, b"3e8\r\nhalf") as url:
        assert await say(session, url) == trouble(Trouble.CUT)


async def test_a_refusal_in_the_middle_of_the_upload_is_heard(session: aiohttp.ClientSession) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100_000

    async with answering("HTTP/1.1 413 Too Large\nContent-Length: 0\nConnection: close\n") as url:
        failure = meaning(await post(session, url, [], chunks, length=10_000_000, timeouts=QUICK))
    assert isinstance(failure, Failure)
    assert failure.code == "http_413"


async def test_an_endless_header_is_no_answer(session: aiohttp.ClientSession) -> None:
    async with answering(f"HTTP/1.1 200 OK\nX: {'y' * 100_000}\n") as url:
        assert await say(session, url) == trouble(Trouble.PROTOCOL)


async def test_a_slow_peer(session: aiohttp.ClientSession) -> None:
    done = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()

    async with peer(script) as url:
        assert await say(session, url, timeouts=Timeouts(idle_s=0.1)) == trouble(Trouble.TIMEOUT)
        done.set()


async def test_a_peer_that_drips_meets_the_total_limit(session: aiohttp.ClientSession) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with peer(script) as url:
        limits = Timeouts(idle_s=5, total_s=0.2)
        assert await say(session, url, timeouts=limits) == trouble(Trouble.TIMEOUT)


async def test_a_huge_answer_is_not_read(session: aiohttp.ClientSession) -> None:
    sent: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/report\r\n\r\n")
        for _ in range(1_000):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent.append(100_000)

    async with peer(script) as url:
        assert await say(session, url) == trouble(Trouble.RESPONSE_TOO_LARGE)
    assert sum(sent) < 50_000_000


async def test_a_huge_error_page_is_cut_and_still_an_error(session: aiohttp.ClientSession) -> None:
    async with answering("HTTP/1.1 502 Bad Gateway\nContent-Type: text/html\n", b"x" * 1_000_000) as url:
        answer = await say(session, url, max_response=1_000)
    assert isinstance(answer, Response)
    assert len(answer.body) == 1_000
    assert meaning(answer) == from_http(502, receipt=False)


async def test_a_502_with_html_is_temporary(session: aiohttp.ClientSession) -> None:
    head = "HTTP/1.1 502 Bad Gateway\nContent-Type: text/html\nContent-Length: 15\nRetry-After: 9\n"
    async with answering(head, b"<html>x</html>\n") as url:
        failure = meaning(await say(session, url))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, failure.retry_after) == ("temporary", "http_502", 9)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(session: aiohttp.ClientSession, status: int) -> None:
    visits: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        visits.append(request.path)
        return web.Response(status=status, headers={"Location": "/as2"})

    async with aiohttp_peer(handler) as url:
        failure = meaning(await say(session, url))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == ("permanent", f"http_{status}")
    assert visits == ["/as2"]


@pytest.mark.parametrize("head", ["HTTP/1.1 200 OK\nContent-Length: 0\n", "HTTP/1.1 204 No Content\n"])
async def test_a_200_without_a_receipt_is_handed_over(session: aiohttp.ClientSession, head: str) -> None:
    async with answering(head) as url:
        assert meaning(await say(session, url)) is Taken.HANDED_OVER


@pytest.mark.parametrize("head", ["SSH-2.0-x\n", "HTTP/1.1 abc OK\n", "HTTP/1.1 200 OK\nContent-Length: -1\n"])
async def test_what_is_no_http(session: aiohttp.ClientSession, head: str) -> None:
    async with answering(head) as url:
        failure = await say(session, url)
    assert failure in (trouble(Trouble.PROTOCOL), trouble(Trouble.CUT))


async def test_a_packed_answer_is_kept_as_it_came(session: aiohttp.ClientSession) -> None:
    async with answering("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 4\n", b"\x1f\x8b\0\0") as url:
        answer = await say(session, url)
    assert isinstance(answer, Response)
    assert answer.body == b"\x1f\x8b\0\0"


async def test_no_cookie_is_kept(session: aiohttp.ClientSession) -> None:
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "a=b"})

    async with aiohttp_peer(handler) as url:
        for _ in range(2):
            assert meaning(await say(session, url)) is Taken.HANDED_OVER
    assert cookies == [None, None]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "ftp://127.0.0.1/",
        "http://",
        "http://127.0.0.1:99999/",
        "http://127.1/",
        f"http://{'a' * 64}.invalid/",
    ],
)
async def test_an_unusable_address_lies_with_us(session: aiohttp.ClientSession, url: str) -> None:
    failure = await say(session, url)
    assert isinstance(failure, Failure)
    assert failure.kind == "ours"


async def test_an_unknown_host(session: aiohttp.ClientSession) -> None:
    too_long_for_any_resolver = ".".join(["a" * 63] * 4 + ["invalid"])
    assert await say(session, f"http://{too_long_for_any_resolver}/") == trouble(Trouble.DNS)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
async def test_private_addresses_are_refused_unless_configured(host: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        raise AssertionError("must not be reached")

    async with aiohttp_peer(handler) as url, new_session(private_addresses=False) as session:
        failure = await say(session, url.replace("127.0.0.1", host))
    assert isinstance(failure, Failure)
    assert failure == trouble(Trouble.FORBIDDEN_ADDRESS)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("172.16.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def server_context(pair: KeyPair, folder: Path, client_ca: str | None = None) -> ssl.SSLContext:
    files = write_pair(pair, folder / "tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.crt, files.key)
    if client_ca is not None:
        context.load_verify_locations(cadata=client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def tls_answer(pair: KeyPair, folder: Path) -> Response | Failure:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), headers={"Content-Type": "multipart/report"})

    trust = ssl.create_default_context(cadata=CA.pem)
    async with (
        aiohttp_peer(handler, server_context(pair, folder)) as url,
        new_session(private_addresses=True) as session,
    ):
        return await post(session, url, [], b"body", timeouts=QUICK, ssl_context=trust)


def tls_request(*hosts: str) -> Request:
    return Request(purpose="tls", name="gw:test", hosts=hosts)


async def test_tls_by_the_agreed_anchor(tmp_path: Path) -> None:
    answer = await tls_answer(CA.issue(tls_request("127.0.0.1")), tmp_path)
    assert meaning(answer) is Taken.RECEIPT


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(CA.issue(tls_request("other.example")), id="other name"),
        pytest.param(CA.twin().issue(tls_request("127.0.0.1")), id="foreign CA of the same name"),
        pytest.param(CA.issue_expired("tls", "gw:test", ["127.0.0.1"]), id="expired"),
    ],
)
async def test_tls_with_a_certificate_that_does_not_verify(pair: KeyPair, tmp_path: Path) -> None:
    assert await tls_answer(pair, tmp_path) == trouble(Trouble.TLS_CERTIFICATE)


async def test_tls_against_a_peer_that_speaks_none() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with peer(script) as url, new_session(private_addresses=True) as session:
        assert await say(session, url.replace("http:", "https:")) == trouble(Trouble.TLS)


async def test_tls_against_a_silent_peer() -> None:
    done = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()

    async with peer(script) as url, new_session(private_addresses=True) as session:
        limits = Timeouts(connect_s=0.1)
        assert await say(session, url.replace("http:", "https:"), timeouts=limits) == trouble(Trouble.CONNECT_TIMEOUT)
        done.set()
