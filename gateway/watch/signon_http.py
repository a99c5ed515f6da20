"""The way to an OpenID provider and back, as addresses; and the page after the log-out.

Promises: what the browser keeps on the way is sealed, for this host alone, and gone afterwards; nothing that an address
names decides where the browser goes next.
Fails: with the `Refusal`s of the journeys, which the frame shows as pages; 404 where no provider is configured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from aiohttp import web

from gateway.errors import Forbidden, NotFound
from gateway.watch.oidc import ATTEMPT_S
from gateway.watch.session_http import FORM, GONE, REVOKED, SIGNON, TOKEN, entered, see_other, show

ATTEMPT: Final = "__Host-anmeldung"
"""Cookie of the way there and back."""


class SignOn(Protocol):
    """The journeys."""

    async def begin(self) -> tuple[str, str]:
        """Where to, and what the browser keeps."""

    async def finish(self, query: Mapping[str, str], kept: str, address: str, replaced: str) -> str:
        """The token of a new session, which ends the session `replaced`."""

    async def farewell(self) -> str | None:
        """Where the session at the provider ends."""

    async def revoke(self, token: str) -> None:
        """Sessions end that the provider ended."""


class SignOnPages:
    """Handlers; without `journeys` there is no provider."""

    def __init__(self, journeys: SignOn | None) -> None:
        self._journeys = journeys

    def routes(self) -> list[web.AbstractRouteDef]:
        """Addresses that need no session."""
        return [
            web.get(SIGNON, self.begin),
            web.get(f"{SIGNON}/zurueck", self.back),
            web.post(REVOKED, self.revoked),
            web.get(GONE, self.gone),
            web.get(f"{GONE}/dienst", self.farewell),
        ]

    async def begin(self, _: web.Request) -> web.StreamResponse:
        """To the provider."""
        address, kept = await self._demanded().begin()
        answer = see_other(address)
        # Lax, not Strict: the provider sends the browser back by a link of its own.
        answer.set_cookie(ATTEMPT, kept, path="/", secure=True, httponly=True, samesite="Lax", max_age=ATTEMPT_S)
        return answer

    async def back(self, request: web.Request) -> web.StreamResponse:
        """Back from the provider."""
        journeys, kept = self._demanded(), request.cookies.get(ATTEMPT, "")
        query = {} if len(set(request.query)) != len(request.query) else dict(request.query)
        answer = entered(await journeys.finish(query, kept, request.remote or "", request.get(TOKEN, "")))
        answer.del_cookie(ATTEMPT, path="/", secure=True, httponly=True, samesite="Lax")
        return answer

    async def gone(self, request: web.Request) -> web.StreamResponse:
        """Logged out here; whether there is more to end."""
        self._demanded()
        return show(request, "abgemeldet.html.j2")

    async def farewell(self, _: web.Request) -> web.StreamResponse:
        """Log out at the provider."""
        address = await self._demanded().farewell()
        return see_other(address or "/betrieb/anmelden")

    async def revoked(self, request: web.Request) -> web.StreamResponse:
        """The provider's own call: somebody logged out there (Back-Channel Logout 1.0 sections 2.5 and 2.8)."""
        try:
            await self._demanded().revoke(request[FORM].get("logout_token", ""))
        except Forbidden:
            return web.Response(status=400)
        return web.Response()

    def _demanded(self) -> SignOn:
        if self._journeys is None:
            raise NotFound
        return self._journeys
