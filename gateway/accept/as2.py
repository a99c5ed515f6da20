"""The AS2 listener: one POST, a message or an asynchronous receipt (RFC 4130).

Promises: the body is read up to a limit and handed on with the headers exactly as they came; nothing is judged here.
Fails: as an HTTP answer: 400 for headers that cannot be read, 413 beyond the limit, 503 for what shall come again,
500 without detail.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from gateway.errors import Malformed, Overloaded, TooLarge
from gateway.web import read_limited

log = logging.getLogger(__name__)

AS2_BYTES = 20 * 1024 * 1024
"""Largest AS2 request: 10 MB of content, sealed in one piece, twice in base64 (`seal.sealer.OPEN_LIMIT`)."""
RETRY_AFTER_S = 60
"""When to come again, where nothing else is said."""


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


class As2In:
    """Handler of `POST /as2`."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def routes(self) -> list[web.AbstractRouteDef]:
        """The routes of this listener."""
        return [web.post("/as2", self.post, name="as2")]

    async def post(self, request: web.Request) -> web.Response:
        """One request."""
        try:
            answer = await self._receiver.receive(request.raw_headers, await read_limited(request, AS2_BYTES))
        except TooLarge:
            return web.Response(status=413, text="too large\n")
        except Malformed as refusal:
            return web.Response(status=400, text=f"{refusal.code}\n")
        except Overloaded as overload:
            return web.Response(status=503, headers={"Retry-After": str(overload.retry_after or RETRY_AFTER_S)})
        except Exception:
            log.exception("an AS2 request failed")
            return web.Response(status=500)
        return web.Response(status=answer.status, headers=list(answer.headers), body=answer.body)
