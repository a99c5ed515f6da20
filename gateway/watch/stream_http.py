"""Status changes as they happen: `GET /v1/events`, server-sent events (WHATWG HTML section 9.2).

Agencies sit behind firewalls that let nothing in, and seldom anything out but to known addresses. So they hear of
changes on the connection that they open to us anyway, by the certificate that they have anyway: no second listener on
their side, no further key, no address to which somebody could make the gateway post.

Promises: a caller hears of its own slice, in the order of the log; `Last-Event-ID` goes on exactly behind what was
received, also at another gateway of the same store and after any restart: each event comes at least once, and carries
an id by which a second one is known. No personal data: ids, kinds, states, times. Streams are bounded, in all and for
each certificate; a reader that takes nothing for `SLOW_S` is let go; after `STREAM_S` each stream ends, so that the
certificate is looked at again.
Fails: with the `Refusal`s of gateway/errors.py before the first byte; later by ending the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

from aiohttp import web

from gateway.errors import Overloaded, TooMany
from gateway.message import Caller
from gateway.web import CALLER

STREAMS: Final = 200
"""Streams of one process: each holds one of the 512 places for small bodies (`admission.SMALL`)."""
STREAMS_OF_ONE: Final = 4
"""Streams of one certificate: two hosts of a data centre, and the old connection of each that has not ended yet."""
STREAM_S: Final = 3600.0
"""How long a stream lasts; clients come back by themselves."""
SLOW_S: Final = 30.0
"""How long a reader may take nothing. Until then at most the buffers of its connection wait for it (64 KB here)."""
QUIET_S: Final = 15.0
"""Silence after which a line says that the stream lives; middle boxes cut idle connections after a minute or so."""
LOOK_S: Final = 1.0
"""How often a stream looks for what is new; the log grows every five seconds."""
COME_BACK_MS: Final = 3000
"""What a client is told to wait before it connects again."""


class News(NamedTuple):
    """What is new behind a place."""

    entries: list[tuple[int, Mapping[str, Any]]]
    """Place and event."""
    place: int
    """Behind all that was looked at."""


class Feed(Protocol):
    """What a stream needs of the gateway."""

    async def begin(self, caller: Caller, last: str | None) -> int:
        """The place behind which the caller's stream begins; raises `Refusal`."""

    async def after(self, caller: Caller, place: int) -> News:
        """What the caller may know behind a place."""

    def still(self, caller: Caller) -> bool:
        """Whether the caller's certificate stands for the same as when it came, and we do not end."""

    async def pause(self, seconds: float) -> None:
        """Wait, or less where we end."""


class Stream:
    """Handler of `GET /v1/events`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._open: Counter[str] = Counter()

    def routes(self) -> list[web.AbstractRouteDef]:
        """The route of this part."""
        return [web.get("/v1/events", self.stream, name="events")]

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/events`."""
        caller = request[CALLER]
        place = await self._feed.begin(caller, request.headers.get("Last-Event-ID"))
        with self._taken(caller.fingerprint):
            answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
            await answer.prepare(request)
            if request.method != "HEAD":
                with contextlib.suppress(ConnectionError):  # the usual end: the client goes, or takes nothing
                    await self._tell(request, answer, caller, place)
        return answer

    @contextlib.contextmanager
    def _taken(self, fingerprint: str) -> Iterator[None]:
        """One stream of this certificate, as long as the block runs."""
        if self._open[fingerprint] >= STREAMS_OF_ONE:
            raise TooMany(
                f"Zu diesem Zertifikat sind schon {STREAMS_OF_ONE} Ereignisströme offen.", retry_after=int(SLOW_S)
            )
        if self._open.total() >= STREAMS:
            raise Overloaded(retry_after=int(SLOW_S))
        self._open[fingerprint] += 1
        try:
            yield
        finally:
            self._open[fingerprint] -= 1
            self._open += Counter()  # forgets who has none

    async def _tell(self, request: web.Request, answer: web.StreamResponse, caller: Caller, place: int) -> None:
        now = asyncio.get_running_loop().time
        ends, spoke = now() + STREAM_S, now()
        await _write(request, answer, f"retry: {COME_BACK_MS}\nid: {place}\n\n")
        while now() < ends and self._feed.still(caller):
            news = await self._feed.after(caller, place)
            if news.entries or now() - spoke >= QUIET_S:
                await _write(request, answer, "".join(map(_event, news.entries)) + f"id: {news.place}\n\n")
                spoke = now()
            if news.place == place:
                await self._feed.pause(LOOK_S)
            place = news.place


def _event(entry: tuple[int, Mapping[str, Any]]) -> str:
    """One event; JSON has no raw line ends, so it is one line."""
    place, value = entry
    return f"id: {place}\nevent: status\ndata: {json.dumps(value, ensure_ascii=False)}\n\n"


async def _write(request: web.Request, answer: web.StreamResponse, text: str) -> None:
    """To a reader that takes it.

    Raises:
        ConnectionAbortedError: it does not; its connection is ended.
    """
    try:
        async with asyncio.timeout(SLOW_S):
            await answer.write(text.encode())
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionAbortedError from None
