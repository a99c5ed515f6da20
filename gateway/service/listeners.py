"""The listeners of contracts.md section 2: API, AS2, operator's pages, status, mail.

Promises: each listens on its own address; sockets handed over by the service manager (`LISTEN_FDS`) are used instead,
matched by their address; `ports` tells the real ones.
Fails: `OSError` when an address is taken, `PkiError` for keys.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from aiohttp import web

from gateway.accept.as2 import As2In
from gateway.accept.as2 import Receiver as As2Receiver
from gateway.accept.http import Commands, CommandsIn, Intake, MessagesIn
from gateway.accept.mail import MailListener, MailReceiver, listen
from gateway.admission import Pace
from gateway.clientcert import FIELD_BYTES
from gateway.config_fields import is_loopback, split_address
from gateway.framing import ProblemRunner
from gateway.service.context import Context
from gateway.service.proxying import Proxied, unix_socket
from gateway.service.requests import Watch, logger_of, numbered
from gateway.service.views import openapi
from gateway.store.database import StoreUnavailable
from gateway.tls import HandshakeFailures, ReloadableContext, listener_contexts
from gateway.watch.http import Reader, ReadSide
from gateway.watch.stream_http import Feed, Stream
from gateway.web import WhoIs, guard, not_behind_a_proxy, shown_directly

FIRST_FD = 3
"""sd_listen_fds(3): sockets that are handed over begin here."""
SHUTDOWN_S = 5.0
"""How long a request under way may take when the gateway stops."""
HEADER_BYTES = 8190
"""Longest header field: the library's own limit, and that of most servers."""


class Listeners:
    """All listeners of one gateway."""

    def __init__(
        self,
        ctx: Context,
        *,
        accepting: Intake,
        commands: Commands,
        reading: Reader,
        feed: Feed,
        receiving: As2Receiver,
        mailing: MailReceiver,
        pages: web.Application,
        who_is: WhoIs,
        status: Callable[[HandshakeFailures], web.Application],
        watch: Watch,
    ) -> None:
        self._ctx = ctx
        self._watch = watch
        self.failures = HandshakeFailures()
        self.ports: dict[str, int] = {}
        """Real port by listener: `api`, `as2`, `betrieb`, `status`, `mail`; `proxy` where it has one."""
        self._contexts: dict[str, ReloadableContext] = {}
        self._runners: list[web.AppRunner] = []
        self._given: list[socket.socket] = []
        self._mailing = mailing
        self._mail: MailListener | None = None
        pace = Pace(lambda: ctx.config.api.anfragen_je_minute)
        routes = [*MessagesIn(accepting).routes(), *CommandsIn(commands).routes(), *ReadSide(reading).routes()]
        routes += [*Stream(feed).routes(), *openapi.routes(metadata.version("nachrichtengateway"))]

        def api(shown: Callable[[web.Request], str] = shown_directly) -> web.Application:
            app = web.Application(middlewares=[guard(who_is, (StoreUnavailable,), pace, shown)])
            app.add_routes(routes)
            return app

        as2 = web.Application()
        as2.add_routes(As2In(receiving, unavailable=(StoreUnavailable,)).routes())
        others = {"as2": as2, "betrieb": pages, "status": status(self.failures)}
        for app in others.values():
            app.middlewares.insert(0, not_behind_a_proxy)
        self._apps = {"api": api(), **others}
        self._proxied = Proxied(ctx, ctx.config.proxy) if ctx.config.proxy is not None else None
        if self._proxied is not None:
            self._apps["proxy"] = api(self._proxied.shown)

    async def start(self) -> None:
        """Begin to listen."""
        found = listener_contexts(self._ctx.config, self._ctx.at(), self.failures)
        self._contexts = {name: ReloadableContext(context) for name, context in found.items()}
        if self._proxied is not None:
            self._proxied.load()
        for name in self._apps.keys() - self.ports.keys():
            await self._listen(name)
        await self._start_mail()

    async def start_status(self) -> None:
        """Begin to listen where only health is told, before anything else."""
        self._given = handed_over()
        await self._listen("status")

    async def _listen(self, name: str) -> None:
        app = self._apps[name]
        app.middlewares.insert(0, numbered)
        runner = ProblemRunner(
            app,
            max_field_size=FIELD_BYTES if name == "proxy" else HEADER_BYTES,
            access_log_class=logger_of(name, self._watch),
            shutdown_timeout=SHUTDOWN_S,
            auto_decompress=False,  # bodies as they come: a compressed one would grow before any limit counts it
        )
        await runner.setup()
        self._runners.append(runner)
        listener = getattr(self._ctx.config, name)
        if path := getattr(listener, "socket", None):
            await _unix_site(runner, path, self._given).start()
            return
        site = _site(runner, listener.adresse, self._given, self._contexts.get(name))
        await site.start()
        self.ports[name] = runner.addresses[0][1]

    def reload(self) -> None:
        """New connections get the keys and anchors of now; those that stand go on.

        Raises:
            PkiError: keys or anchors cannot be used; everything stays as it is.
        """
        fresh = listener_contexts(self._ctx.config, self._ctx.at(), self.failures)
        if self._proxied is not None:
            self._proxied.load()
        for name, context in self._contexts.items():
            context.current = fresh[name]

    async def stop(self) -> None:
        """Stop listening; requests under way are finished."""
        if self._mail is not None:
            await self._mail.close()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    async def _start_mail(self) -> None:
        config = self._ctx.config.mail
        if config.postfach is None:
            return
        tls, far = self._contexts["mail"], not is_loopback(config.host)
        given = next((each for each in self._given if _serves(each, config.port)), None)
        self._mail = await listen(self._mailing, config.host, config.port, tls, demand_tls=far, given=given)
        self.ports["mail"] = self._mail.port


def handed_over() -> list[socket.socket]:
    """Listening sockets from the service manager (LISTEN_FDS, LISTEN_PID)."""
    if os.environ.get("LISTEN_PID") not in (None, str(os.getpid())):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    return [socket.socket(fileno=fd) for fd in range(FIRST_FD, FIRST_FD + count)]


def _serves(sock: socket.socket, port: int) -> bool:
    return sock.family in (socket.AF_INET, socket.AF_INET6) and sock.getsockname()[1] == port


def _site(
    runner: web.AppRunner, address: str, given: Sequence[socket.socket], tls: ssl.SSLContext | None
) -> web.BaseSite:
    host, port = split_address(address)
    for sock in given:
        if _serves(sock, port):
            return web.SockSite(runner, sock, ssl_context=tls)
    return web.TCPSite(runner, host, port, ssl_context=tls)


def _unix_site(runner: web.AppRunner, path: Path, given: Sequence[socket.socket]) -> web.BaseSite:
    """A site on a Unix socket: the one handed over for this path, or a new one."""
    for sock in given:
        if sock.family == socket.AF_UNIX and sock.getsockname() == str(path):
            return web.SockSite(runner, sock)
    return web.SockSite(runner, unix_socket(path))
