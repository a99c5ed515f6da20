"""One line of the log and one figure for each HTTP request, on every listener.

Promises: a line has the listener, the method, the name of the route and never the path, the status, the code of a
refusal, the answer's bytes and how long it took; and the id that the lines of the steps carry to which it led. Nothing
that the peer chose stands in it.
Fails: not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web
from aiohttp.abc import AbstractAccessLogger

from gateway import logs
from gateway.service.context import akteur, new_id
from gateway.web import CALLER, CODE, Handler

QUIET: Final = "status"
"""The listener that is asked all the time by programs which watch; its lines are for `debug`."""

Watch = Callable[[str, str, int, str | None, float], None]
"""Told of each request: listener, route, status, code of the refusal, seconds."""


@web.middleware
async def numbered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives a request its id."""
    logs.ANFRAGE.set(new_id())
    return await handler(request)


def logger_of(listener: str, watch: Watch) -> type[AbstractAccessLogger]:
    """What aiohttp calls when a request was answered at `listener`."""

    class Requests(AbstractAccessLogger):
        """Writes the line."""

        def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
            """One request; one that could not be parsed has neither route nor caller."""
            route, caller = _route(request), request.get(CALLER)
            code: str | None = response.get(CODE)
            logs.step(
                "anfrage",
                logging.DEBUG if listener == QUIET else logging.INFO,
                zugang=listener,
                methode=request.method if request.method in hdrs.METH_ALL else None,
                weg=route or None,
                status=response.status,
                code=code,
                bytes=response.body_length,
                dauer_ms=round(1000 * time, 1),
                akteur=akteur(caller) if caller else None,
            )
            logs.ANFRAGE.set(None)
            watch(listener, route, response.status, code, time)

    return Requests


def _route(request: web.BaseRequest) -> str:
    """The name of a request's route, or its pattern; empty where there is none."""
    if not isinstance(request, web.Request):
        return ""
    route = request.match_info.route
    return route.name or (route.resource.canonical if route.resource else "")
