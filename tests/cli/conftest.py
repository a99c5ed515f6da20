"""A scripted gateway: a real TLS server on the loopback in a thread, since the commands run their own event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner, Result
from ending import WAIT_S, connections_end

from gateway import pki, tls
from gateway.cli.main import cli
from gateway.pki_issue import DevelopmentCa, Request
from gateway.web import certificate_sha256

HOSTS = ("localhost", "127.0.0.1")


@dataclass
class Received:
    """One request as the peer saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    certificate: str | None


@dataclass
class Peer:
    """Answers by script, remembers what it got."""

    url: str = ""
    answers: dict[tuple[str, str], Callable[[], web.StreamResponse]] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    hasty: bool = False
    """Answer before the body is read, as a server does that refuses by the headers."""
    failures: tls.HandshakeFailures = field(default_factory=tls.HandshakeFailures)

    def answer(self, method: str, path: str, value: Any, status: int = 200, **more: Any) -> None:
        """Answer with JSON, or with bytes as they are."""

        def make() -> web.StreamResponse:
            if isinstance(value, bytes):
                return web.Response(status=status, body=value, **more)
            return web.json_response(value, status=status, **more)

        self.answers[method, path] = make

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = b"" if self.hasty else await request.read()
        sha256 = certificate_sha256(request)
        self.received.append(Received(request.method, request.path_qs, dict(request.headers), body, sha256))
        make = self.answers.get((request.method, request.path))
        return make() if make else web.json_response({"detail": "Gibt es nicht."}, status=404)

    async def serve(self, context: Any, ready: threading.Event, end: asyncio.Event) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        self.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await end.wait()
        await runner.cleanup()
        await connections_end()  # TLS ends in its own time, and this loop ends now


@dataclass(frozen=True)
class Pki:
    """A development PKI in files."""

    ca: DevelopmentCa
    folder: Path

    def client(self, pair: pki.KeyPair | None = None, name: str = "client") -> list[str]:
        """`--cert --key --ca` of a client; by default of one whom the gateway knows."""
        pair = pair or self.ca.issue(Request(purpose="tls", name="gds:R8088"))
        files = pki.write_pair(pair, self.folder / name)
        return ["--cert", str(files.crt), "--key", str(files.key), "--ca", str(self.folder / "ca.crt")]


@pytest.fixture(scope="session")
def ca() -> DevelopmentCa:
    return DevelopmentCa.create()


@pytest.fixture
def keys(ca: DevelopmentCa, tmp_path: Path) -> Pki:
    folder = tmp_path / "pki"
    folder.mkdir()
    (folder / "ca.crt").write_text(ca.pem)
    return Pki(ca, folder)


@pytest.fixture
def peer(keys: Pki) -> Iterator[Peer]:
    peer = Peer()
    files = pki.write_pair(keys.ca.issue(Request(purpose="tls", name="gw:test", hosts=HOSTS)), keys.folder / "server")
    context = tls.server_context("api", files, peer.failures, [keys.ca.pem])
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    end = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(peer.serve(context, ready, end)))
    thread.start()
    assert ready.wait(WAIT_S)
    yield peer
    loop.call_soon_threadsafe(end.set)
    thread.join(2 * WAIT_S)
    assert not thread.is_alive(), "the scripted gateway does not end"
    loop.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Run `gateway ARGS` in an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("GATEWAY_CONFIG", "GATEWAY_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*args: str | Path) -> Result:
        result = CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="gateway")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke
