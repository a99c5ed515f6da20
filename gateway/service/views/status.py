"""The status listener: /healthz, /readyz, /metrics, on loopback only.

Promises: health tells the truth: ready means that the store answers now. No personal data in any metric.
Fails: 503 when not ready.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from gateway.service.context import Context
from gateway.store.database import StoreError
from gateway.tls import HandshakeFailures


def status_app(
    ctx: Context, failures: HandshakeFailures, gauges: Callable[[], Sequence[str]] = tuple
) -> web.Application:
    """The application of the status listener; `gauges` gives further lines for /metrics."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        try:
            await ctx.db.fetch_one("schema_version")
        except StoreError:
            return web.Response(status=503, text="store\n")
        return web.Response(text="ready\n")

    async def metrics(_: web.Request) -> web.Response:
        alarms = await ctx.db.fetch_one("count_alarms")
        text = _metrics(failures, alarms["n"] if alarms else 0) + "".join(f"{line}\n" for line in gauges())
        return web.Response(text=text, content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app


def _metrics(failures: HandshakeFailures, alarms: int) -> str:
    lines = ["# TYPE gateway_tls_handshake_failures_total counter"]
    lines += [
        f'gateway_tls_handshake_failures_total{{listener="{listener}",reason="{reason}"}} {count}'
        for (listener, reason), count in sorted(failures.counts.items())
    ]
    lines += [
        "# HELP gateway_alarms_total Deliveries that nobody collected in time, of all gateways on this store.",
        "# TYPE gateway_alarms_total counter",
        f'gateway_alarms_total{{grund="nicht_abgeholt"}} {alarms}',
    ]
    return "\n".join(lines) + "\n"
