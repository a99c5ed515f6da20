"""What the steps of this process count: derived from what was committed and from what was answered.

Promises: a step is counted once, after its commit; nobody else has to count.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway import clock
from gateway.events import Art
from gateway.figures import Figures
from gateway.store.database import Do
from gateway.store.resources import queries

ACCEPTED: Final = 202


class Counting:
    """Turns steps and requests into figures."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def committed(self, steps: Sequence[Do], events: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """One commit: its statements, and its events as kind and detail."""
        for step in steps:
            self._statement(step)
        for art, detail in events:
            if art == Art.ENTSCHEIDUNG:
                self._figures.count("gateway_decided_total", str(detail["nummer"] or ""), str(detail["entscheidung"]))
            elif art == Art.EINGANG_ABGEWIESEN:
                self._figures.count("gateway_refused_total", "partner", str(detail["grund"]))

    def failed(self) -> None:
        """The store could not keep a step."""
        self._figures.count("gateway_store_failures_total")

    def answered(self, listener: str, route: str, status: int, code: str | None, seconds: float) -> None:
        """One HTTP request."""
        self._figures.count("gateway_requests_total", listener, str(status))
        if code is not None:
            self._figures.count("gateway_refused_total", listener, code)
        if route == "messages_post" and status == ACCEPTED:
            self._figures.took("gateway_accept_seconds", seconds)

    def _statement(self, step: Do) -> None:
        if step.query == "insert_message":
            self._figures.count("gateway_accepted_total", _value(step, "herkunft"))
        elif step.query == "move_delivery":
            self._figures.count("gateway_deliveries_total", _value(step, "status"))
        elif step.query == "insert_attempt":
            self._figures.count("gateway_attempts_total", _value(step, "outcome"))
            took = int(_value(step, "ended")) - int(_value(step, "started"))
            self._figures.took("gateway_hop_seconds", max(0, took) / clock.SECOND)
        elif step.query == "insert_receipt":
            self._figures.count("gateway_receipts_total", _value(step, "step"), _value(step, "reason"))


def _value(step: Do, name: str) -> str:
    return str(step.args[queries()[step.query].parameters.index(name)])
