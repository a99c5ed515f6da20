"""The AS2 listener: one POST, a message or an asynchronous receipt (RFC 4130).

Promises: a small body is read whole, a large one is handed on as it comes, both up to a limit and with the headers
exactly as they came; nothing is judged here.
Fails: as an HTTP answer: 400 for headers that cannot be read or a body that breaks off, 408 for one that stalls, 413
beyond the limit, 503 for what shall come again, 500 without detail.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from gateway.admission import Admission, size_of
from gateway.errors import Malformed, Overloaded, TooLarge
from gateway.web import TooSlow, pieces

log = logging.getLogger(__name__)

AS2_BYTES = 400 * 1024 * 1024
"""Largest AS2 request: 200 MB of content (`seal.sealer.CONTENT_LIMIT`), twice in base64 (375 MB), and its envelope;
an agreement may admit less."""
IN_MEMORY_BYTES = 1024 * 1024
"""Up to this size a body is read whole (`seal.sealer.STREAM_FROM`): nearly all notices."""
RETRY_AFTER_S = 60
"""When to come again, where nothing else is said."""
PEER: ContextVar[str] = ContextVar("peer", default="")
"""Address of whoever sends the request that is being received; empty where it came otherwise."""


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """What goes back on the AS2 listener."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)


class Receiver(Protocol):
    """What the listener needs of the gateway."""

    async def receive(self, raw_headers: Sequence[tuple[bytes, bytes]], body: bytes) -> WireAnswer:
        """Judges one request; raises `Malformed` for headers that cannot be read, `Overloaded` to be asked again."""

    async def receive_stream(
        self, raw_headers: Sequence[tuple[bytes, bytes]], pieces: AsyncIterator[bytes]
    ) -> WireAnswer:
        """As `receive`, for a large body as it comes; also raises `TooLarge` for more than is agreed."""


class As2In:
    """Handler of `POST /as2`."""

    def __init__(self, receiver: Receiver, unavailable: tuple[type[Exception], ...] = ()) -> None:
        self._receiver = receiver
        self._unavailable = unavailable
        """Errors that will pass by themselves: 503."""
        self._admission = Admission()

    def routes(self) -> list[web.AbstractRouteDef]:
        """The routes of this listener."""
        return [web.post("/as2", self.post, name="as2")]

    async def post(self, request: web.Request) -> web.Response:
        """One request."""
        try:
            with self._admission.place(size_of(request)):
                PEER.set(request.remote or "")
                answer = await self._received(request)
        except TooLarge:
            return web.Response(status=413, text="too large\n")
        except TooSlow:
            return web.Response(status=408, text="too slow\n")
        except Malformed as refusal:
            return web.Response(status=400, text=f"{refusal.code}\n")
        except Overloaded as overload:
            return web.Response(status=503, headers={"Retry-After": str(overload.retry_after or RETRY_AFTER_S)})
        except self._unavailable as error:
            log.warning("unavailable: %s", type(error).__name__)
            return web.Response(status=503, headers={"Retry-After": str(RETRY_AFTER_S)})
        except Exception:
            log.exception("an AS2 request failed")
            return web.Response(status=500)
        return web.Response(status=answer.status, headers=list(answer.headers), body=answer.body)

    async def _received(self, request: web.Request) -> WireAnswer:
        announced = request.content_length or 0
        if announced > AS2_BYTES:
            raise TooLarge
        body, beginning = _limited(request), bytearray()
        if announced <= IN_MEMORY_BYTES:
            async for piece in body:
                beginning += piece
                if len(beginning) > IN_MEMORY_BYTES:
                    break
            else:
                return await self._receiver.receive(request.raw_headers, bytes(beginning))
        return await self._receiver.receive_stream(request.raw_headers, _after(bytes(beginning), body))


async def _limited(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it comes.

    Raises:
        TooLarge: more than `AS2_BYTES`.
    """
    count = 0
    async for piece in pieces(request):
        count += len(piece)
        if count > AS2_BYTES:
            raise TooLarge
        yield piece


async def _after(beginning: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield beginning
    async for piece in rest:
        yield piece
