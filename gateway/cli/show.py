"""`gateway show ID`: one message, its decision, deliveries and events, from the gateway's own store.

Promises: everything but content.
Fails: exit 1 for an unknown id, 3 where the store cannot be reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gateway.cli.api_http import new_file
from gateway.cli.main import REFUSED, UNREACHABLE
from gateway.cli.shell import configuration, json_option, show, stop
from gateway.cli.stored import OPERATOR, with_store
from gateway.service.context import Context
from gateway.service.evidence.packaging import EvidencePackages
from gateway.service.views.reading import Reading


@click.command(short_help="Show one message.")
@click.argument("message_id", metavar="ID")
@click.option("--evidence", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Also write an evidence package (without content) to this new file.")  # fmt: skip
@json_option
@click.pass_context
def command(ctx: click.Context, message_id: str, as_json: bool, evidence: Path | None) -> None:
    """Show the message ID: what was decided, where it went, what came back."""

    async def ask(context: Context) -> dict[str, Any]:
        reading = Reading(context)
        if evidence is not None:
            await _write(context, message_id, evidence)
        return {
            **await reading.message(OPERATOR, message_id),
            "zustellungen": await reading.deliveries(OPERATOR, message_id),
            "ereignisse": await reading.events(OPERATOR, message_id),
        }

    show(with_store(configuration(ctx), ask), as_json, _lines)


async def _write(context: Context, message_id: str, path: Path) -> None:
    """A new file for its owner alone, whole or not at all."""
    package = await EvidencePackages(context).package(OPERATOR, message_id)
    try:
        with new_file(path) as file:
            async for piece in package.pieces:
                file.write(piece)
    except FileExistsError:
        stop(REFUSED, f"{path} gibt es schon; die Datei bleibt, wie sie ist.")
    except OSError as error:
        stop(UNREACHABLE, f"{path} lässt sich nicht schreiben: {error.strerror}.")


def _lines(message: dict[str, Any]) -> Iterator[str]:
    yield f"{message['id']}  {message['status']}  {message['anlass'] or message['wurzel']}"
    yield f"von {message['absender']}, eingegangen {message['eingang']}, Nr. {message['nummer'] or '–'}"
    for grund in message["entscheidung"]["begruendung"]:
        yield f"  {grund['nummer']}: {grund['text']}" if grund["nummer"] else f"  {grund['text']}"
    for delivery in message["zustellungen"]:
        yield f"an {delivery['empfaenger']} über {delivery['weg']}: {delivery['status']}"
        if delivery["letzter_fehler"]:
            yield f"  {delivery['letzter_fehler']}"
        for attempt in delivery["verlauf"]:
            yield f"  Versuch {attempt['n']}: {attempt['ergebnis']} ({attempt['ende']})"
        for receipt in delivery["quittungen"]:
            yield f"  Quittung {receipt['art']}: {receipt['grund']} ({receipt['zeitpunkt']})"
    for event in message["ereignisse"]:
        yield f"{event['zeitpunkt']}  {event['art']}  {event['akteur']}"
