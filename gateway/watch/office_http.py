"""The administration's pages: directory with its corrections, accounts, one's own account.

Promises: a correction shows what will change before it changes; a password and a secret are shown once, in the answer
to the very form that made them.
Fails: with the `Refusal`s of gateway/errors.py, which the frame shows as pages; refused changes stay on their page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from gateway.errors import NotFound
from gateway.watch.people import Person, Right, Rolle
from gateway.watch.session_http import FORM, PERSON, Page, see_other, show
from gateway.web import path_id

CHANGES: Final = ("sperren", "entsperren", "erneuern", "abmelden")
"""What the administration does with an account."""


class ChangeRefused(Exception):
    """A change that cannot be made so; German lines."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class Rows(Protocol):
    """The directory."""

    async def find(self, table: str, text: str) -> Mapping[str, Any]:
        """Rows that hold a text."""

    async def row(self, table: str, key: str) -> Mapping[str, Any]:
        """One row with its history; raises `NotFound`."""

    async def differences(self, table: str, key: str, fields: Mapping[str, str]) -> list[tuple[str, str, str]]:
        """What a correction would change; raises `ChangeRefused`."""

    async def correct(self, person: Person, table: str, key: str, fields: Mapping[str, str]) -> None:
        """Correct; raises `ChangeRefused`."""


class Accounts(Protocol):
    """Accounts."""

    async def all(self) -> list[dict[str, Any]]:
        """All of them."""

    async def make(self, person: Person, name: str, rollen: list[str], behoerden: list[str]) -> Mapping[str, str]:
        """A new one: name, password, secret and address; raises `ChangeRefused`."""

    async def change(self, person: Person, account: str, what: str) -> Mapping[str, str] | None:
        """One of `CHANGES`; `erneuern` gives a new password; raises `ChangeRefused`."""

    async def password(self, person: Person, old: str, new: str) -> None:
        """One's own password; raises `ChangeRefused`."""


class Office:
    """Handlers of the administration."""

    def __init__(self, rows: Rows, accounts: Accounts) -> None:
        self._rows = rows
        self._accounts = accounts

    def pages(self) -> list[Page]:
        """Addresses with what they need."""
        row = "/betrieb/verzeichnis/{table}/{key}"
        return [
            Page("GET", "/betrieb/verzeichnis", Right.ANGEMELDET, self.directory),
            Page("GET", row, Right.ANGEMELDET, self.row),
            Page("POST", row, Right.BERICHTIGEN, self.preview),
            Page("POST", row + "/berichtigen", Right.BERICHTIGEN, self.correct),
            Page("GET", "/betrieb/konten", Right.MENSCHEN, self.accounts),
            Page("POST", "/betrieb/konten", Right.MENSCHEN, self.make),
            Page("POST", "/betrieb/konten/{id}/{what}", Right.MENSCHEN, self.change),
            Page("GET", "/betrieb/konto", Right.ANGEMELDET, self.own),
            Page("POST", "/betrieb/konto", Right.ANGEMELDET, self.password),
            Page("POST", "/betrieb/konto/abmelden", Right.ANGEMELDET, self.log_out),
        ]

    async def directory(self, request: web.Request) -> web.StreamResponse:
        """Rows of one table; names of authorities are no personal data, so they may stand in an address."""
        table, text = request.query.get("tabelle", "behoerde"), request.query.get("text", "")[:100]
        found = await self._rows.find(table, text)
        return show(request, "verzeichnis.html.j2", v=found, tabelle=table, text=text)

    async def row(self, request: web.Request) -> web.StreamResponse:
        """One row with its history."""
        return await self._row(request, {}, ())

    async def preview(self, request: web.Request) -> web.StreamResponse:
        """What a correction would change."""
        table, key, fields = self._named(request)
        try:
            lines = await self._rows.differences(table, key, fields)
        except ChangeRefused as refused:
            return await self._row(request, fields, refused.lines)
        return show(request, "berichtigen.html.j2", tabelle=table, key=key, eingabe=fields, unterschiede=lines)

    async def correct(self, request: web.Request) -> web.StreamResponse:
        """It counts."""
        table, key, fields = self._named(request)
        try:
            await self._rows.correct(request[PERSON], table, key, fields)
        except ChangeRefused as refused:
            return await self._row(request, fields, refused.lines)
        return see_other(f"/betrieb/verzeichnis/{table}/{key}")

    async def accounts(self, request: web.Request) -> web.StreamResponse:
        """All accounts."""
        return await self._accounts_page(request)

    async def make(self, request: web.Request) -> web.StreamResponse:
        """A new account; its password is shown in this answer alone."""
        form = request[FORM]
        rollen = [str(rolle) for rolle in Rolle if form.get(f"rolle_{rolle}")]
        behoerden = form.get("behoerden", "").replace(",", " ").split()
        try:
            made = await self._accounts.make(request[PERSON], form.get("name", ""), rollen, behoerden)
        except ChangeRefused as refused:
            return await self._accounts_page(request, fehler=refused.lines, status=422)
        return await self._accounts_page(request, zugang=made)

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Disable, enable, renew, end the sessions."""
        what = request.match_info["what"]
        if what not in CHANGES:
            raise NotFound
        try:
            made = await self._accounts.change(request[PERSON], path_id(request), what)
        except ChangeRefused as refused:
            return await self._accounts_page(request, fehler=refused.lines, status=422)
        return see_other("/betrieb/konten") if made is None else await self._accounts_page(request, zugang=made)

    async def own(self, request: web.Request) -> web.StreamResponse:
        """One's own account."""
        return show(request, "konto.html.j2", fehler=())

    async def password(self, request: web.Request) -> web.StreamResponse:
        """Another password; whoever knew the old one has to log in anew."""
        form = request[FORM]
        try:
            await self._accounts.password(request[PERSON], form.get("bisher", ""), form.get("neu", ""))
        except ChangeRefused as refused:
            return show(request, "konto.html.j2", status=422, fehler=refused.lines)
        return see_other("/betrieb/anmelden")

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """All of one's own sessions end, this one, too."""
        await self._accounts.change(request[PERSON], request[PERSON].id, "abmelden")
        return see_other("/betrieb/anmelden")

    async def _row(self, request: web.Request, fields: Mapping[str, str], lines: tuple[str, ...]) -> web.Response:
        found = await self._rows.row(request.match_info["table"], request.match_info["key"])
        return show(request, "zeile.html.j2", status=422 if lines else 200, z=found, eingabe=fields, fehler=lines)

    async def _accounts_page(
        self,
        request: web.Request,
        zugang: Mapping[str, str] | None = None,
        fehler: tuple[str, ...] = (),
        status: int = 200,
    ) -> web.Response:
        found = await self._accounts.all()
        values = {"konten": found, "zugang": zugang, "fehler": fehler, "rollen": [str(rolle) for rolle in Rolle]}
        return show(request, "konten.html.j2", status=status, **values)

    def _named(self, request: web.Request) -> tuple[str, str, dict[str, str]]:
        fields = {key: value for key, value in request[FORM].items() if key != "marke"}
        return request.match_info["table"], request.match_info["key"], fields
