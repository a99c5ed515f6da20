"""The API's read side: what a caller may see of messages, deliveries, events, parts, and its inbox.

Promises: a caller sees its own slice (a sender its message, a recipient its delivery, an operator all but content);
what it may not see answers exactly as what does not exist. Personal data never stands in a URL: search is a POST.
Fails: with the `Refusal`s of gateway/errors.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from aiohttp import web

from gateway.message import Caller, Teil
from gateway.web import CALLER, ID, answer_json, path_id, read_json, uuid_of

PACKAGE = "application/x-tar"
"""What a caller accepts who wants the evidence as one file that verifies offline (`gateway verify`)."""


class Streamed(NamedTuple):
    """A file on its way."""

    name: str
    size: int
    pieces: AsyncIterator[bytes]


class Reader(Protocol):
    """What the read side needs of the gateway. Every call raises `NotFound` for what the caller may not see."""

    async def message(self, caller: Caller, message_id: str) -> Mapping[str, Any]:
        """One message."""

    async def events(self, caller: Caller, message_id: str) -> list[Mapping[str, Any]]:
        """What happened to it."""

    async def deliveries(self, caller: Caller, message_id: str) -> list[Mapping[str, Any]]:
        """Its deliveries."""

    async def evidence(self, caller: Caller, message_id: str) -> Mapping[str, Any]:
        """Receipts and digests."""

    async def package(self, caller: Caller, message_id: str) -> Streamed:
        """The same as a file that verifies offline; `Overloaded` while nothing of it is in the log yet."""

    async def part(self, caller: Caller, message_id: str, n: int) -> tuple[Teil, AsyncIterator[bytes]]:
        """One part and its content."""

    async def search(self, caller: Caller, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """A page of messages."""

    async def inbox(self, caller: Caller, after: str = "") -> Mapping[str, Any]:
        """What waits for the caller's authorities, after the entry `after`."""

    async def vorgang(self, caller: Caller, vorgang_id: str) -> Mapping[str, Any]:
        """One Vorgang."""

    async def search_vorgaenge(self, caller: Caller, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """Vorgänge by AZR-Nummer, Aktenzeichen or message."""


class ReadSide:
    """Handlers of the read calls of contracts.md section 5."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def routes(self) -> list[web.AbstractRouteDef]:
        """The routes of this stage."""
        return [
            web.post("/v1/messages/search", self.search, name="messages_search"),
            web.get(f"/v1/messages/{ID}", self.message, name="message"),
            web.get(f"/v1/messages/{ID}/events", self.events, name="message_events"),
            web.get(f"/v1/messages/{ID}/deliveries", self.deliveries, name="message_deliveries"),
            web.get(f"/v1/messages/{ID}/evidence", self.evidence, name="message_evidence"),
            web.get(f"/v1/messages/{ID}/parts/{{n:[0-9]{{1,4}}}}", self.part, name="message_part"),
            web.get("/v1/inbox", self.inbox, name="inbox"),
            web.post("/v1/vorgaenge/search", self.search_vorgaenge, name="vorgaenge_search"),
            web.get(f"/v1/vorgaenge/{ID}", self.vorgang, name="vorgang"),
        ]

    async def message(self, request: web.Request) -> web.Response:
        """`GET /v1/messages/{id}`."""
        return answer_json(await self._reader.message(request[CALLER], path_id(request)))

    async def events(self, request: web.Request) -> web.Response:
        """`GET /v1/messages/{id}/events`."""
        return answer_json({"eintraege": await self._reader.events(request[CALLER], path_id(request))})

    async def deliveries(self, request: web.Request) -> web.Response:
        """`GET /v1/messages/{id}/deliveries`."""
        return answer_json({"eintraege": await self._reader.deliveries(request[CALLER], path_id(request))})

    async def evidence(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/messages/{id}/evidence`: JSON, or the package where the caller accepts `PACKAGE`."""
        if PACKAGE in request.headers.get("Accept", ""):
            return await send_package(request, await self._reader.package(request[CALLER], path_id(request)))
        return answer_json(await self._reader.evidence(request[CALLER], path_id(request)))

    async def part(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/messages/{id}/parts/{n}`, streamed."""
        teil, content = await self._reader.part(request[CALLER], path_id(request), int(request.match_info["n"]))
        headers = {
            "Content-Type": "application/xml" if teil.n == 0 else "application/octet-stream",
            "Content-Length": str(teil.bytes),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(teil.name, safe='')}",
            "X-Content-Type-Options": "nosniff",
        }
        return await _stream(request, headers, content)

    async def search(self, request: web.Request) -> web.Response:
        """`POST /v1/messages/search`."""
        return answer_json(await self._reader.search(request[CALLER], await read_json(request)))

    async def inbox(self, request: web.Request) -> web.Response:
        """`GET /v1/inbox`, `GET /v1/inbox?nach=ID`: an id of an entry is no personal data."""
        after = request.query.get("nach")
        return answer_json(await self._reader.inbox(request[CALLER], "" if after is None else uuid_of(after)))

    async def vorgang(self, request: web.Request) -> web.Response:
        """`GET /v1/vorgaenge/{id}`."""
        return answer_json(await self._reader.vorgang(request[CALLER], path_id(request)))

    async def search_vorgaenge(self, request: web.Request) -> web.Response:
        """`POST /v1/vorgaenge/search`."""
        return answer_json(await self._reader.search_vorgaenge(request[CALLER], await read_json(request)))


async def send_package(request: web.Request, package: Streamed) -> web.StreamResponse:
    """An evidence package as a file to keep."""
    name, size, pieces = package
    headers = {
        "Content-Type": PACKAGE,
        "Content-Length": str(size),
        "Content-Disposition": f"attachment; filename={name}",
        "X-Content-Type-Options": "nosniff",
    }
    return await _stream(request, headers, pieces)


async def _stream(request: web.Request, headers: dict[str, str], pieces: AsyncIterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if request.method == "HEAD":  # RFC 9110 section 9.3.2: a body here would be read as the next answer
        return response
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response
