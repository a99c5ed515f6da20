"""The auditors' pages: events of everybody with filters, looks at content, the list as a file.

Promises: a filter is a POST, for it names people; pages go by ids; a file is kept by the browser, never opened here.
Fails: with the `Refusal`s of gateway/errors.py, which the frame shows as pages; a filter that cannot be read stays on
its page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from gateway.errors import NotFound, Refusal
from gateway.events import Art
from gateway.watch import words
from gateway.watch.pages_http import whole_days
from gateway.watch.people import Person, Right
from gateway.watch.session_http import FORM, PERSON, Page, show

FIELDS: Final = ("art", "person", "nachricht", "von", "bis", "nach")


class Journeys(Protocol):
    """What auditors see."""

    async def people(self) -> list[tuple[str, str]]:
        """Whose events can be asked for."""

    async def events(self, person: Person, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """A page of events; raises `Malformed`."""

    async def export(self, person: Person, fields: Mapping[str, str]) -> AsyncIterator[bytes]:
        """The list as CSV; raises `Malformed`."""

    async def looks(self, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """A page of looks; raises `Malformed`."""


class Audit:
    """Handlers."""

    def __init__(self, journeys: Journeys) -> None:
        self._journeys = journeys

    def pages(self) -> list[Page]:
        """Addresses with what they need."""
        audit, looks = "/betrieb/revision", "/betrieb/revision/einsichten"
        return [
            Page("GET", audit, Right.REVISION, self.events),
            Page("POST", audit, Right.REVISION, self.events),
            Page("POST", f"{audit}/ausfuhr", Right.REVISION, self.export),
            Page("GET", looks, Right.REVISION, self.looks),
            Page("POST", looks, Right.REVISION, self.looks),
        ]

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Events of everybody; the address may name their kind and nothing else."""
        fields = _fields(request)
        if request.method != "POST" and request.query.get("art"):
            fields = {"art": request.query["art"]}
            if fields["art"] not in set(Art):
                raise NotFound
        fehler, found = "", None
        try:
            found = await self._journeys.events(request[PERSON], whole_days(fields))
        except Refusal as refusal:
            fehler = refusal.detail
        arts = sorted(((str(code), words.event(code)) for code in Art), key=lambda pair: pair[1])
        people = await self._journeys.people()
        values = {"liste": found, "eingabe": fields, "arten": arts, "menschen": people, "fehler": fehler}
        return show(request, "revision.html.j2", status=422 if fehler else 200, **values)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """The same events as a file."""
        lines = await self._journeys.export(request[PERSON], whole_days(_fields(request)))
        answer = web.StreamResponse(
            headers={
                "Content-Type": "text/csv; charset=utf-8",
                "Content-Disposition": 'attachment; filename="ereignisse.csv"',
            }
        )
        await answer.prepare(request)
        async for piece in lines:
            await answer.write(piece)
        await answer.write_eof()
        return answer

    async def looks(self, request: web.Request) -> web.StreamResponse:
        """Looks at content."""
        fields = _fields(request)
        found = await self._journeys.looks(fields)
        people = await self._journeys.people()
        return show(request, "revision_einsichten.html.j2", liste=found, eingabe=fields, menschen=people)


def _fields(request: web.Request) -> dict[str, str]:
    return {key: value for key, value in request.get(FORM, {}).items() if key in FIELDS and value}
