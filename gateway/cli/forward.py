"""`gateway forward ID`: pass a received message on to the competent authority (contracts.md section 5).

Promises: one act; without `--an` the gateway determines the authority.
Fails: exit 1 with the gateway's findings, 2 for wrong options, 3 where the gateway cannot be reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import click

from gateway.cli.api_http import reasons, run
from gateway.cli.profile import connection, connection_options
from gateway.cli.shell import json_option, show

FACTS = ("an", "wohnsitz_ags", "auflage_ags", "dezernat", "grund")


@click.command(short_help="Forward a received message.")
@click.argument("id_", metavar="ID", type=click.UUID)
@click.option("--an", metavar="KEY", help="The competent authority; without it the gateway determines it.")
@click.option("--wohnsitz-ags", metavar="AGS", help="Municipality of the residence.")
@click.option("--auflage-ags", metavar="AGS", help="Municipality of a residence condition.")
@click.option("--dezernat", help="Department of the recipient.")
@click.option("--grund", required=True, metavar="TEXT", help="The reason.")
@connection_options
@json_option
def command(id_: UUID, as_json: bool, **given: Any) -> None:
    """Forward the message ID, as its recipient."""
    body = {key: given[key] for key in FACTS if given[key] is not None}
    answer = run(connection(given), lambda api: api.call("POST", f"/v1/messages/{id_}/forward", json=body))
    show(answer, as_json, _lines)


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    yield f"Weitergeleitet: {answer.get('id')}  {answer.get('status', '')}".rstrip()
    decision = answer.get("entscheidung")
    if decision:
        yield f"An {', '.join(decision.get('empfaenger', []))}"
        yield from (f"  {line}" for line in reasons(decision))
