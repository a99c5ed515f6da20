"""What is done at the pages: acts with messages, looks at content, tests of partners, corrections, accounts.

Promises: nothing happens by a GET; an act with a message needs a reason, then a page that says what will happen, then
a second POST. Content is shown only by an open look, as the file it is or as a page that runs nothing.
Fails: with the `Refusal`s of gateway/errors.py, which the frame shows as pages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote

from aiohttp import web

from gateway.errors import NotFound, Refusal
from gateway.message import Teil
from gateway.watch.acts import NEEDS_TARGET, Act, consequences
from gateway.watch.drawing import time_line
from gateway.watch.people import Person, Right
from gateway.watch.session_http import FORM, NAME_OF, PERSON, Page, see_other, show
from gateway.web import path_id

REASON_CHARS: Final = 2000
"""The same as for acts with a message (gateway/accept/commands.py)."""
FIELDS: Final = ("grund", "an", "wohnsitz_ags", "auflage_ags", "dezernat")
DOCUMENT_POLICY: Final = (
    "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""For the page of a message: its one style sheet, which stands in it, by digest, and nothing else."""


class Desk(Protocol):
    """Acts with messages."""

    async def demanded(self, person: Person, message_id: str, name: str) -> tuple[Act, Mapping[str, Any]]:
        """The act and its message; `NotFound` or `Conflict` where it does not fit."""

    def check(self, name: str, fields: Mapping[str, str]) -> None:
        """Raises where what was filled in cannot be done."""

    async def perform(self, person: Person, message_id: str, name: str, fields: Mapping[str, str]) -> None:
        """Do it."""

    async def partner(self, partner_id: str) -> dict[str, Any]:
        """One agreement."""

    async def steer(self, person: Person, partner_id: str, what: str, grund: str) -> None:
        """Hold a partner's lane, or let it go on."""


class Looks(Protocol):
    """Looks at content."""

    async def demand(self, person: Person, message_id: str) -> None:
        """Raises `NotFound` where the person may not see the message."""

    async def ask(self, person: Person, message_id: str, grund: str) -> str:
        """Ask; the look's id."""

    async def agree(self, person: Person, look_id: str) -> None:
        """A second person agrees."""

    async def lists(self, person: Person) -> Mapping[str, Any]:
        """Own looks, and those that wait for consent."""

    async def look(self, person: Person, look_id: str) -> Mapping[str, Any]:
        """One look."""

    async def page(self, person: Person, look_id: str) -> tuple[str, str]:
        """The message as a page, and the digest of its style sheet (SHA-256, base64)."""

    async def part(self, person: Person, look_id: str, n: int) -> tuple[Teil, AsyncIterator[bytes]]:
        """One part."""


Probe = Callable[[str], Awaitable[Mapping[str, Any]]]
"""A full round with a partner."""


class Acting:
    """Handlers of acts."""

    def __init__(self, desk: Desk, looks: Looks, probe: Probe) -> None:
        self._desk = desk
        self._looks = looks
        self._probe = probe

    def pages(self) -> list[Page]:
        """Addresses with what they need; an act's own right is asked for by `Desk.demanded`."""
        act, look = "/betrieb/nachrichten/{id}/tun/{act}", "/betrieb/einsichten/{id}"
        lane = "/betrieb/partner/{name}/spur/{what:anhalten|weiter}"
        return [
            Page("GET", act, Right.NACHRICHTEN, self.form),
            Page("POST", act, Right.NACHRICHTEN, self.confirm),
            Page("POST", act + "/ausfuehren", Right.NACHRICHTEN, self.perform),
            Page("GET", "/betrieb/nachrichten/{id}/einsicht", Right.EINSEHEN, self.ask_form),
            Page("POST", "/betrieb/nachrichten/{id}/einsicht", Right.EINSEHEN, self.ask),
            Page("GET", "/betrieb/einsichten", Right.ANGEMELDET, self.looks),
            Page("GET", look, Right.EINSEHEN, self.look),
            Page("POST", look + "/zustimmen", Right.ZUSTIMMEN, self.agree),
            Page("GET", look + "/nachricht", Right.EINSEHEN, self.document),
            Page("GET", look + "/teile/{n:[0-9]{1,4}}", Right.EINSEHEN, self.part),
            Page("POST", "/betrieb/partner/{name}/pruefen", Right.PRUEFEN, self.probe),
            Page("GET", lane, Right.BETREIBEN, self.lane_form),
            Page("POST", lane, Right.BETREIBEN, self.lane_confirm),
            Page("POST", lane + "/ausfuehren", Right.BETREIBEN, self.lane_steer),
        ]

    async def form(self, request: web.Request) -> web.StreamResponse:
        """What the act needs."""
        act, message = await self._demanded(request)
        return _form(request, act, message, {}, "")

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        """What will happen; nothing does yet."""
        act, message = await self._demanded(request)
        fields = _fields(request)
        try:
            self._desk.check(act.name, fields)
        except Refusal as refusal:
            return _form(request, act, message, fields, refusal.detail, refusal.status)
        lines = consequences(act.name, message, fields, request.app[NAME_OF])
        return show(request, "bestaetigen.html.j2", act=act, n=message, eingabe=fields, folgen=lines)

    async def perform(self, request: web.Request) -> web.StreamResponse:
        """It happens, as the API's own act."""
        act, message = await self._demanded(request)
        fields = _fields(request)
        try:
            await self._desk.perform(request[PERSON], message["id"], act.name, fields)
        except Refusal as refusal:
            return _form(request, act, message, fields, refusal.detail, refusal.status)
        return see_other(f"/betrieb/nachrichten/{message['id']}?getan=1")

    async def ask_form(self, request: web.Request) -> web.StreamResponse:
        """The reason for a look."""
        await self._looks.demand(request[PERSON], path_id(request))
        return show(request, "einsicht_bitte.html.j2", nachricht=path_id(request), fehler="", eingabe="")

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Ask for a look."""
        grund = request[FORM].get("grund", "")
        try:
            look_id = await self._looks.ask(request[PERSON], path_id(request), grund)
        except NotFound:
            raise
        except Refusal as refusal:
            values = {"nachricht": path_id(request), "fehler": refusal.detail, "eingabe": grund}
            return show(request, "einsicht_bitte.html.j2", status=refusal.status, **values)
        return see_other(f"/betrieb/einsichten/{look_id}")

    async def looks(self, request: web.Request) -> web.StreamResponse:
        """Own looks, and those that wait."""
        return show(request, "einsichten.html.j2", liste=await self._looks.lists(request[PERSON]))

    async def look(self, request: web.Request) -> web.StreamResponse:
        """One look."""
        return show(request, "einsicht.html.j2", e=await self._looks.look(request[PERSON], path_id(request)))

    async def agree(self, request: web.Request) -> web.StreamResponse:
        """A second person agrees."""
        await self._looks.agree(request[PERSON], path_id(request))
        return see_other("/betrieb/einsichten")

    async def document(self, request: web.Request) -> web.StreamResponse:
        """The message as a page of its own."""
        text, style = await self._looks.page(request[PERSON], path_id(request))
        headers = {"Content-Security-Policy": DOCUMENT_POLICY.format(style)}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def part(self, request: web.Request) -> web.StreamResponse:
        """One part, as a file to keep: a browser never opens it here."""
        part, content = await self._looks.part(request[PERSON], path_id(request), int(request.match_info["n"]))
        answer = web.StreamResponse(
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Length": str(part.bytes),
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(part.name, safe='')}",
            }
        )
        await answer.prepare(request)
        if request.method == "HEAD":
            return answer
        async for chunk in content:
            await answer.write(chunk)
        await answer.write_eof()
        return answer

    async def probe(self, request: web.Request) -> web.StreamResponse:
        """A full round with a partner, and its result."""
        name = request.match_info["name"]
        result = await self._probe(name)
        found = await self._desk.partner(name)
        line = time_line(found["fenster"], found["jetzt"])
        return show(request, "partner.html.j2", p=found, zeit=line, ergebnis=result)

    async def lane_form(self, request: web.Request) -> web.StreamResponse:
        """What holding a lane means, and the reason."""
        return await self._lane(request, "")

    async def lane_confirm(self, request: web.Request) -> web.StreamResponse:
        """What will happen; nothing does yet."""
        if not 0 < len(request[FORM].get("grund", "")) <= REASON_CHARS:
            return await self._lane(request, f"Bitte nennen Sie einen Grund (höchstens {REASON_CHARS} Zeichen).")
        return await self._lane(request, "", sicher=True)

    async def lane_steer(self, request: web.Request) -> web.StreamResponse:
        """It happens."""
        name, what, grund = request.match_info["name"], request.match_info["what"], request[FORM].get("grund", "")
        if not 0 < len(grund) <= REASON_CHARS:
            return await self._lane(request, f"Bitte nennen Sie einen Grund (höchstens {REASON_CHARS} Zeichen).")
        await self._desk.steer(request[PERSON], name, what, grund)
        return see_other(f"/betrieb/partner/{name}")

    async def _lane(self, request: web.Request, error: str, *, sicher: bool = False) -> web.Response:
        found = await self._desk.partner(request.match_info["name"])
        values = {"p": found, "was": request.match_info["what"], "eingabe": dict(request.get(FORM, {}))}
        return show(request, "spur.html.j2", status=422 if error else 200, fehler=error, sicher=sicher, **values)

    async def _demanded(self, request: web.Request) -> tuple[Act, Mapping[str, Any]]:
        return await self._desk.demanded(request[PERSON], path_id(request), request.match_info["act"])


def _fields(request: web.Request) -> dict[str, str]:
    return {key: value for key, value in request[FORM].items() if key in FIELDS and value}


def _form(
    request: web.Request, act: Act, message: Mapping[str, Any], fields: Mapping[str, str], error: str, status: int = 200
) -> web.Response:
    values = {"n": message, "eingabe": fields, "fehler": error, "ziel_noetig": act.name in NEEDS_TARGET}
    return show(request, "handlung.html.j2", status=status, act=act, **values)
