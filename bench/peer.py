"""Partners on loopback, many in one process: each answers what comes with a signed receipt, at once or slowly.

`python -m bench.peer FOLDER PORT` serves `/as2` and `/slow/SECONDS`; `GET /arrivals` tells when what came for whom.

Promises: a real recipient: it decrypts, verifies and signs the receipt, all as the gateway itself would.
Fails: 400 for what does not open.
"""

from __future__ import annotations

import asyncio
import io
import sys
import time
from pathlib import Path

from aiohttp import web

from gateway.config_tables import KeyFiles
from gateway.demo.cast import now
from gateway.partner import Algorithmen, Partner
from gateway.pki import KeyPair, load_pair, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.seal.identity import Identity
from gateway.seal.sealer import OpenRefused, open_sealed, sign_entity
from gateway.settle.disposition import PROCESSED
from gateway.settle.mdn import Mic, build_report
from gateway.tls import HandshakeFailures, server_context

HUB_FILE = "hub.json"
"""What the partners know of the gateway."""


def make(folder: Path, ca: DevelopmentCa, hub: Partner) -> dict[str, KeyPair]:
    """Keys of all partners together, and what they know of the gateway."""
    folder.mkdir()
    (folder / HUB_FILE).write_text(hub.model_dump_json())
    hosts = ("localhost", "127.0.0.1")
    pairs = {
        "sign": ca.issue(Request(purpose="sign", name="Partner")),
        "encrypt": ca.issue(Request(purpose="encrypt", name="Partner")),
        "tls": ca.issue(Request(purpose="tls", name="Partner", hosts=hosts)),
    }
    for name, pair in pairs.items():
        write_pair(pair, folder / name)
    return pairs


class Peers:
    """All partners of one process; they share their keys."""

    def __init__(self, folder: Path) -> None:
        pairs = {name: load_pair(_files(folder, name)) for name in ("sign", "encrypt")}
        self._hub = Partner.model_validate_json((folder / HUB_FILE).read_text())
        sign, encrypt = pairs["sign"], pairs["encrypt"]
        self._identity = Identity("Partner", sign.key, sign.certificate, ((encrypt.key, encrypt.certificate),))
        self._arrivals: dict[str, list[float]] = {}

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes(
            [
                web.post("/as2", self._take),
                web.post("/slow/{seconds}", self._slow),
                web.get("/arrivals", self._told),
            ]
        )
        return app

    async def _told(self, _: web.Request) -> web.Response:
        return web.json_response(self._arrivals)

    async def _slow(self, request: web.Request) -> web.Response:
        await asyncio.sleep(float(request.match_info["seconds"]))
        return await self._take(request)

    async def _take(self, request: web.Request) -> web.Response:
        body = io.BytesIO(await request.read())
        try:
            opened = open_sealed(body, request.headers["Content-Type"], self._identity, self._hub, at=now())
        except OpenRefused:
            return web.Response(status=400)
        self._arrivals.setdefault(request.headers["AS2-To"], []).append(time.time())
        report = build_report(
            original_message_id=request.headers["Message-ID"],
            disposition=PROCESSED,
            final_recipient=request.headers["AS2-To"],
            reporting_ua="Partner",
            mic=Mic.of(opened.mic(), opened.verified.hash),
        )
        kind, receipt = sign_entity(report, self._identity, Algorithmen(), now())
        return web.Response(body=receipt, headers={"Content-Type": kind})


def _files(folder: Path, name: str) -> KeyFiles:
    return KeyFiles(key=folder / f"{name}.key", crt=folder / f"{name}.crt")


async def serve(folder: Path, port: int) -> None:
    """Until the process is ended."""
    runner = web.AppRunner(Peers(folder).app(), access_log=None)
    await runner.setup()
    await web.TCPSite(
        runner, "127.0.0.1", port, ssl_context=server_context("peers", _files(folder, "tls"), HandshakeFailures())
    ).start()
    (folder / "ready").touch()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
