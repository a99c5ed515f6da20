"""The status listener: /healthz, /readyz, /metrics, on loopback only.

Promises: health tells the truth, found out when it is asked for; it listens before anything else does, so that a
gateway that still recovers says so. No personal data in any metric.
Fails: 503 with one word a line for what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from gateway.figures import Figures, Sample
from gateway.service.upkeep.gauges import Gauges
from gateway.service.upkeep.health import Health


def status_app(health: Health, gauges: Gauges, figures: Callable[[], tuple[Figures, int]]) -> web.Application:
    """The application of the status listener; `figures` gives the counts of all processes, and how many these are."""

    async def healthz(_: web.Request) -> web.Response:
        return _answer([f"haengt_{name}" for name in health.hanging()], "ok")

    async def readyz(_: web.Request) -> web.Response:
        return _answer(await health.obstacles(), "ready")

    async def metrics(_: web.Request) -> web.Response:
        counted, processes = figures()
        found = [*await gauges.samples(), Sample("gateway_processes", processes)]
        answer = web.Response(body=counted.exposition(found).encode())
        answer.headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
        return answer

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app


def _answer(obstacles: list[str], otherwise: str) -> web.Response:
    if not obstacles:
        return web.Response(text=f"{otherwise}\n")
    return web.Response(status=503, text="".join(f"{each}\n" for each in obstacles))
