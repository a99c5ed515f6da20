"""One HTTP POST to a partner: AS2 messages, asynchronous receipts, webhooks.

Promises: no redirect is followed, no cookie kept, no proxy of the environment used, no body unpacked; Content-Length
is sent; an answer is read up to a limit; where private addresses are not allowed, none is connected to, whatever name
led there. Whatever happens on the line comes back as a value.
Fails: as a `Failure` value from `failure`; only cancellation passes through.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential

from gateway.connector import AddressInfo, Connector, new_socket
from gateway.send.failure import Failure, Trouble, from_trouble

MAX_RESPONSE: Final = 1024 * 1024
"""Most bytes of an answer that are read: a receipt has 1 to 10 KB, and `settle.mdn` reads no more either."""
CHUNK: Final = 64 * 1024
"""Bytes read at once from an answer."""
CONNECT_TRIES: Final = 3
"""Tries to establish a connection within one attempt, for a peer that is just restarting. Nothing was sent yet."""
CONNECT_WAIT_S: Final = 0.1
"""First pause between these tries, doubled each time; all of them together stay below a second."""
SLOWEST: Final = 37_500
"""Bytes a second (0.3 Mbit/s) at which an attempt may still send: 200 MB then take an hour and a half."""
USER_AGENT: Final = "Nachrichtengateway"
"""Neutral: no version of ours, nothing of the libraries."""

Body = bytes | Callable[[], AsyncIterator[bytes]]
"""What is sent: bytes, or a function that starts a fresh pass over them (each try needs its own)."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one POST may take, in seconds."""

    connect_s: float = 10
    """Until the TCP connection stands: longer than one lost SYN and its repetition (1 + 2 + 4 s)."""
    idle_s: float = 60
    """Until the peer's next byte, once everything is sent."""
    total_s: float = 3_600
    """For everything: 200 MB at 0.5 Mbit/s, and a bound for peers that drip."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    """As received."""
    body: bytes = field(repr=False)
    """As received, not unpacked; of an answer that is not 2xx, at most the first `max_response` bytes."""

    def header(self, name: str) -> str | None:
        """The first header of this name, as latin-1 text; None without one."""
        key = name.lower().encode("ascii")
        return next((value.decode("latin-1").strip() for n, value in self.headers if n.lower() == key), None)


class ForbiddenAddressError(OSError):
    """A private address, and private addresses are not allowed."""


class _BodyError(Exception):
    """The body ended early, ran over, or raised while it was read."""


def new_session(*, private_addresses: bool, limit: int = 100) -> aiohttp.ClientSession:
    """A client session for `post`; close it when the program ends.

    Args:
        private_addresses: whether loopback, private and link-local addresses may be connected to (setting
            `private_adressen`).
        limit: most connections at once.
    """
    connector = Connector(new_socket if private_addresses else _public_socket, limit=limit)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
    )


async def post(
    session: aiohttp.ClientSession,
    url: str,
    headers: Iterable[tuple[str, str]],
    body: Body,
    *,
    length: int | None = None,
    timeouts: Timeouts = Timeouts(),
    ssl_context: ssl.SSLContext | None = None,
    max_response: int = MAX_RESPONSE,
) -> Response | Failure:
    """POST once; establish the connection with a few short tries.

    Args:
        session: from `new_session`.
        url: http or https; https verifies the server by `ssl_context`, or by the system's anchors without one.
        headers: all headers but Content-Length.
        body: what to send.
        length: bytes in `body`, needed where it is a function; a body of another length is a failure of ours.
        timeouts: how long it may take.
        ssl_context: trust anchors, client certificate, TLS versions.
        max_response: most bytes of the answer.

    Returns:
        The answer, whatever its status (`failure.from_http` says what it means), or what went wrong before there was
        one.
    """
    sending = _Sending(body, length)
    options: dict[str, Any] = {
        "headers": [*headers, ("Content-Length", str(sending.length))],
        "allow_redirects": False,
        "ssl": ssl_context or True,
        "timeout": aiohttp.ClientTimeout(
            total=timeouts.total_s, sock_connect=timeouts.connect_s, sock_read=timeouts.idle_s
        ),
    }

    async def once() -> Response | Failure:
        async with session.post(url, data=sending.start(), **options) as answer:
            return await _read(answer, max_response)

    try:
        return await _with_short_tries(once)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return from_trouble(Trouble.BODY if sending.broken else trouble_of(error))


class _Sending:
    """A body with its length, which notes what goes wrong on our side while it is sent."""

    def __init__(self, body: Body, length: int | None) -> None:
        self._body = body
        if isinstance(body, bytes):
            self.length = len(body)
        elif length is not None:
            self.length = length
        else:
            raise ValueError("a body that is no bytes needs its length")
        self.broken = False

    def start(self) -> bytes | AsyncIterator[bytes]:
        """The body from its beginning."""
        return self._body if isinstance(self._body, bytes) else self._counted(self._body)

    async def _counted(self, body: Callable[[], AsyncIterator[bytes]]) -> AsyncIterator[bytes]:
        try:
            async for chunk in _exactly(body(), self.length):
                yield chunk
        except Exception:
            self.broken = True
            raise


async def _exactly(chunks: AsyncIterator[bytes], length: int) -> AsyncIterator[bytes]:
    """The chunks, if they have `length` bytes together.

    Raises:
        _BodyError: they end early or run over.
    """
    async for chunk in chunks:
        length -= len(chunk)
        if length < 0:
            raise _BodyError
        yield chunk
    if length:
        raise _BodyError


async def _with_short_tries(once: Callable[[], Awaitable[Response | Failure]]) -> Response | Failure:
    tries = AsyncRetrying(
        stop=stop_after_attempt(CONNECT_TRIES),
        wait=wait_exponential(multiplier=CONNECT_WAIT_S),
        retry=retry_if_exception(_is_unconnected),
        reraise=True,
    )
    return await tries(once)


async def _read(answer: aiohttp.ClientResponse, limit: int) -> Response | Failure:
    content = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        content += chunk
        if len(content) > limit:
            answer.close()  # what still comes is of no use
            if 200 <= answer.status <= 299:
                return from_trouble(Trouble.RESPONSE_TOO_LARGE)
            break
    return Response(answer.status, tuple(answer.raw_headers), bytes(content[:limit]))


def trouble_of(error: BaseException) -> Trouble:
    """What an exception of aiohttp or the socket means; foreign exceptions end here."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ForbiddenAddressError):
        return Trouble.FORBIDDEN_ADDRESS
    return next((trouble for kind, trouble in _MEANINGS if isinstance(error, kind)), Trouble.INTERNAL)


_MEANINGS: Final[tuple[tuple[type[BaseException], Trouble], ...]] = (
    # The first that fits counts: subclasses stand before their bases.
    (aiohttp.InvalidURL, Trouble.ADDRESS),
    (aiohttp.NonHttpUrlClientError, Trouble.ADDRESS),
    (aiohttp.ClientConnectorDNSError, Trouble.DNS),
    (aiohttp.ClientConnectorCertificateError, Trouble.TLS_CERTIFICATE),
    (aiohttp.ClientSSLError, Trouble.TLS),
    (aiohttp.ClientConnectorError, Trouble.CONNECT),
    (aiohttp.ConnectionTimeoutError, Trouble.CONNECT_TIMEOUT),
    (TimeoutError, Trouble.TIMEOUT),
    (aiohttp.ServerDisconnectedError, Trouble.CUT),
    (aiohttp.ClientPayloadError, Trouble.CUT),
    (aiohttp.ClientResponseError, Trouble.PROTOCOL),
    (aiohttp.ClientConnectionError, Trouble.CUT),
    (ssl.SSLError, Trouble.TLS),
    (OSError, Trouble.CUT),
    (UnicodeError, Trouble.ADDRESS),  # a host name that cannot be written in DNS
)


def _is_unconnected(error: BaseException) -> bool:
    """Whether nothing was sent, and another try right now may find the peer."""
    return trouble_of(error) is Trouble.CONNECT


def _public_socket(address: AddressInfo) -> socket.socket:
    """A socket for a public address; the check sits here, behind every resolution of the name."""
    if not is_public(str(address[-1][0])):
        raise ForbiddenAddressError("private address")
    return new_socket(address)


def is_public(address: str) -> bool:
    """Whether an IP address is globally reachable: no loopback, private, link-local, shared or reserved one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast
