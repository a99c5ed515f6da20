"""The bare server of the floors: aiohttp with our TLS, which reads what comes and answers something.

`python -m bench.bare FOLDER PORT` serves with `FOLDER/tls.key`, and asks clients for a certificate of `FOLDER/ca.crt`.

Promises: what any server in this library costs that takes such a request; nothing is done with it.
Fails: not at all.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import web

from gateway.config_tables import KeyFiles
from gateway.tls import HandshakeFailures, server_context

ANSWER = b"{" + b" " * 1_400 + b"}"
"""As long as the answer to a notice."""


async def serve(folder: Path, port: int) -> None:
    """Until the process is ended."""
    app = web.Application()
    app.add_routes([web.post("/v1/messages", _take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    files = KeyFiles(key=folder / "tls.key", crt=folder / "tls.crt")
    context = server_context("bare", files, HandshakeFailures(), [(folder / "ca.crt").read_text()])
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    (folder / "ready").touch()
    await asyncio.Event().wait()


async def _take(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202, body=ANSWER, content_type="application/json")


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
