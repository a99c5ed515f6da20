"""The pages that are looked at: overview, messages, Vorgänge, duties, partners, certificates, rules.

Promises: a search is a POST, so that no personal data stands in an address; what a person may not see is not found.
Fails: with the `Refusal`s of gateway/errors.py, which the frame shows as pages.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final, Protocol

from aiohttp import web

from gateway.errors import NotFound, Refusal
from gateway.states import MessageStatus
from gateway.watch import words
from gateway.watch.drawing import time_line, traffic
from gateway.watch.http import Streamed, send_package
from gateway.watch.people import Person, Right
from gateway.watch.session_http import FORM, PERSON, Page, show
from gateway.web import path_id

FIELDS: Final = (
    *("status", "absender", "empfaenger", "nummer", "aktenzeichen", "azr_nummer", "nachrichten_id"),
    *("von", "bis", "nach"),
)
"""Fields of the search, as the API names them."""
ROWS: Final = 100
"""Rows of the directory on one page."""


class Overview(Protocol):
    """The first page."""

    async def gather(self, person: Person) -> Mapping[str, Any]:
        """Everything on it."""

    async def duties(self, person: Person, after: str | None = None) -> Mapping[str, Any]:
        """Open duties."""


class Desk(Protocol):
    """What the pages show; every call about a message raises `NotFound` for what the person may not see."""

    async def search(self, person: Person, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """A page of messages."""

    async def message(self, person: Person, message_id: str) -> Mapping[str, Any]:
        """One message."""

    async def evidence(self, person: Person, message_id: str) -> Streamed:
        """What proves each step, as a package; raises `Overloaded` until the log has its events."""

    async def vorgang(self, person: Person, vorgang_id: str) -> Mapping[str, Any]:
        """One Vorgang."""

    async def vorgaenge(self, person: Person, query: Mapping[str, str]) -> Mapping[str, Any]:
        """Vorgänge that fit."""

    async def partners(self) -> list[dict[str, Any]]:
        """All agreements."""

    async def partner(self, partner_id: str) -> dict[str, Any]:
        """One agreement."""

    async def certificates(self) -> Mapping[str, Any]:
        """Every certificate that counts."""

    def rulebook(self) -> Mapping[str, Any] | None:
        """The table of rules."""

    def rule(self, nummer: str) -> Mapping[str, Any] | None:
        """One number."""


class Looking:
    """Handlers of the pages that change nothing."""

    def __init__(self, desk: Desk, overview: Overview) -> None:
        self._desk = desk
        self._overview = overview

    def pages(self) -> list[Page]:
        """Addresses with what they need."""
        messages, own, partner = Right.NACHRICHTEN, Right.ANGEMELDET, Right.PARTNER
        return [
            Page("GET", "/betrieb/", own, self.overview),
            Page("GET", "/betrieb/nachrichten", messages, self.messages),
            Page("POST", "/betrieb/nachrichten", messages, self.messages),
            Page("GET", "/betrieb/nachrichten/{id}", messages, self.message),
            Page("GET", "/betrieb/nachrichten/{id}/nachweis", messages, self.evidence),
            Page("GET", "/betrieb/vorgaenge", messages, self.vorgaenge),
            Page("POST", "/betrieb/vorgaenge", messages, self.vorgaenge),
            Page("GET", "/betrieb/vorgaenge/{id}", messages, self.vorgang),
            Page("GET", "/betrieb/fristen", messages, self.duties),
            Page("GET", "/betrieb/partner", partner, self.partners),
            Page("GET", "/betrieb/partner/{name}", partner, self.partner),
            Page("GET", "/betrieb/zertifikate", partner, self.certificates),
            Page("GET", "/betrieb/regeln", own, self.rules),
            Page("GET", "/betrieb/regeln/{nummer}", own, self.rule),
        ]

    async def overview(self, request: web.Request) -> web.StreamResponse:
        """What needs a person, then the figures."""
        found = await self._overview.gather(request[PERSON])
        plot = traffic(found["stunden"]) if found["stunden"] else None
        return show(request, "uebersicht.html.j2", u=found, bild=plot)

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """The list; the address may name a status and nothing else."""
        filled = {key: value for key, value in request.get(FORM, {}).items() if key in FIELDS and value}
        if request.method != "POST" and request.query.get("status") in set(MessageStatus):
            filled = {"status": request.query["status"], "von": "2000-01-01"}
        fehler, found = "", None
        try:
            found = await self._desk.search(request[PERSON], whole_days(filled))
        except Refusal as refusal:
            fehler = refusal.detail
        return show(
            request,
            "nachrichten.html.j2",
            status=422 if fehler else 200,
            liste=found,
            eingabe=filled,
            fehler=fehler,
            gesucht=request.method == "POST",
            stati=[(str(code), words.status(code)) for code in MessageStatus],
        )

    async def message(self, request: web.Request) -> web.StreamResponse:
        """One message."""
        message = await self._desk.message(request[PERSON], path_id(request))
        return show(request, "nachricht.html.j2", n=message, getan=request.query.get("getan") == "1")

    async def evidence(self, request: web.Request) -> web.StreamResponse:
        """What proves each step: the same package that the API gives."""
        return await send_package(request, await self._desk.evidence(request[PERSON], path_id(request)))

    async def vorgaenge(self, request: web.Request) -> web.StreamResponse:
        """Looking for a Vorgang."""
        keys = ("azr_nummer", "aktenzeichen", "behoerde", "nachrichten_id")
        filled = {key: value for key, value in request.get(FORM, {}).items() if key in keys and value}
        fehler, found = "", None
        if request.method == "POST":
            try:
                found = await self._desk.vorgaenge(request[PERSON], filled)
            except Refusal:
                fehler = "Bitte geben Sie eine AZR-Nummer, ein Aktenzeichen oder eine Nachrichten-ID an."
        status = 422 if fehler else 200
        return show(request, "vorgaenge.html.j2", status=status, liste=found, eingabe=filled, fehler=fehler)

    async def vorgang(self, request: web.Request) -> web.StreamResponse:
        """One Vorgang."""
        found = await self._desk.vorgang(request[PERSON], path_id(request))
        return show(request, "vorgang.html.j2", v=found)

    async def duties(self, request: web.Request) -> web.StreamResponse:
        """Open duties; an address names no person."""
        found = await self._overview.duties(request[PERSON], request.query.get("nach"))
        return show(request, "fristen.html.j2", liste=found)

    async def partners(self, request: web.Request) -> web.StreamResponse:
        """All agreements."""
        return show(request, "partner_liste.html.j2", liste=await self._desk.partners())

    async def partner(self, request: web.Request) -> web.StreamResponse:
        """One agreement."""
        found = await self._desk.partner(request.match_info["name"])
        line = time_line(found["fenster"], found["jetzt"])
        return show(request, "partner.html.j2", p=found, zeit=line, ergebnis=None)

    async def certificates(self, request: web.Request) -> web.StreamResponse:
        """Every certificate."""
        return show(request, "zertifikate.html.j2", z=await self._desk.certificates())

    async def rules(self, request: web.Request) -> web.StreamResponse:
        """The rules by number."""
        return show(request, "regeln.html.j2", regeln=self._desk.rulebook())

    async def rule(self, request: web.Request) -> web.StreamResponse:
        """One number with its text."""
        found = self._desk.rule(request.match_info["nummer"])
        if found is None:
            raise NotFound
        return show(request, "regel.html.j2", regel=found)


def whole_days(filled: Mapping[str, str]) -> dict[str, str]:
    """The search means the last day, too; the API's `bis` is excluded."""
    with contextlib.suppress(KeyError, ValueError, OverflowError):  # what is no day, the search refuses by itself
        return {**filled, "bis": (date.fromisoformat(filled["bis"]) + timedelta(days=1)).isoformat()}
    return dict(filled)
