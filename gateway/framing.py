"""What is no HTTP is refused as everything else is: with problem details instead of the library's plain text.

aiohttp reads the framing (request line, header lines, lengths, transfer coding) and decides what it refuses; only the
answer is ours. It is German: a head that could not be read names no language.

Promises: 400 `http` for what could not be read as HTTP/1.1, 500 for a fault of ours that nothing else caught; the
connection ends, for nobody knows where the next request would begin.
Fails: not at all.
"""

from __future__ import annotations

from aiohttp import web

from gateway.admission import Runner
from gateway.errors import Malformed
from gateway.web import ServerFault, problem


class Unframed(Malformed):
    """Die Anfrage ist kein gültiges HTTP/1.1: Anfragezeile, Kopfzeilen, Länge oder Übertragungsart prüfen."""

    status = 400
    code = "http"
    title = "Nicht lesbar"


class _Connection(web.RequestHandler):
    """A connection whose refusals are problem details."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """As the library does, with another body."""
        plain = super().handle_error(request, status, exc, message)
        if status not in (400, 500):
            return plain
        answer = problem(Unframed() if status == 400 else ServerFault())
        answer.force_close()
        return answer


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class ProblemRunner(Runner):
    """A runner whose connections answer as the application does, also before it sees a request."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            **made._kwargs,
        )
