"""The pages under `/betrieb/` as one application: frame, journeys, handlers.

Promises: only joins; every address is in one list, so that a test can try each with every role.
Fails: not by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from gateway.service.betrieb.auditing import Auditing
from gateway.service.betrieb.desk import Desk
from gateway.service.betrieb.looking import Looking
from gateway.service.betrieb.office import Accounts, DirectoryRows
from gateway.service.betrieb.overview import Overview
from gateway.service.betrieb.people import LoginRefused, People
from gateway.service.betrieb.probing import Probing
from gateway.service.betrieb.provider import ProviderClient
from gateway.service.betrieb.signon import SigningOn
from gateway.service.casework.forwarding import Forwarding
from gateway.service.casework.operating import Operating
from gateway.service.context import Context
from gateway.service.departure.delivering import Way
from gateway.service.upkeep.certificates import Held
from gateway.service.views.reading import Reading
from gateway.store.database import StoreUnavailable
from gateway.watch import acts_http, audit_http, office_http, pages_http
from gateway.watch.session_http import NAME_OF, Frame, Page, Ways, routes, secure
from gateway.watch.signon_http import SignOnPages


class Pages:
    """What the listener `[betrieb]` serves."""

    def __init__(
        self,
        ctx: Context,
        reading: Reading,
        operating: Operating,
        forwarding: Forwarding,
        ways: dict[str, Way],
        held: Callable[[], Sequence[Held]],
    ) -> None:
        people = People(ctx)
        self._desk = Desk(ctx, reading, operating, forwarding)
        self._probing = Probing(ctx, ways)
        config = ctx.config
        self._provider = ProviderClient(config.anmeldung) if config.anmeldung is not None else None
        self._signon = SignOnPages(SigningOn(ctx, self._provider) if self._provider is not None else None)
        entrances = Ways(config.betrieb.lokale_konten, config.anmeldung is not None)
        self._frame = Frame(people, entrances, LoginRefused, (StoreUnavailable,))
        looking = Looking(ctx, reading)
        self.pages: list[Page] = [
            *pages_http.Looking(self._desk, Overview(ctx, reading, held)).pages(),
            *acts_http.Acting(self._desk, looking, self._probe).pages(),
            *audit_http.Audit(Auditing(ctx, looking, self._desk.name_of)).pages(),
            *office_http.Office(DirectoryRows(ctx), Accounts(people)).pages(),
        ]

    def app(self) -> web.Application:
        """The application."""
        app = web.Application(middlewares=[self._frame.middleware])
        app[NAME_OF] = self._desk.name_of
        app.on_response_prepare.append(secure)
        app.add_routes([*self._frame.routes(), *self._signon.routes(), *routes(self.pages)])
        return app

    async def close(self) -> None:
        """Ends connections to the provider."""
        if self._provider is not None:
            await self._provider.close()

    async def _probe(self, partner_id: str) -> Mapping[str, Any]:
        return await self._desk.probe(self._probing, partner_id)
