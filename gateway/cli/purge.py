"""`gateway purge`: deletes content whose retention is over (`[aufbewahrung]`), or says what it would delete.

Promises: works beside running gateways; what may not go stays and is counted by reason.
Fails: exit 3 where the store cannot be reached; what is deleted by then stays deleted, and the next run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from gateway.cli.shell import configuration, counting, json_option, show
from gateway.cli.stored import with_store
from gateway.service.context import Context
from gateway.service.upkeep.purging import NAMED, Purging

_STAYS = {
    "behalten": "vom Betrieb aufbewahrt",
    "zustellung": "eine Zustellung ist noch offen",
    "pflicht": "im Vorgang ist noch eine Pflicht offen",
    "klaerung": "ein Empfänger oder eine Weiterleitung ist noch ungeklärt",
    "weiterleitung": "eine Weiterleitung trägt sie noch",
}


@click.command(short_help="Delete content whose retention is over.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@json_option
@click.pass_context
def command(ctx: click.Context, dry_run: bool, as_json: bool) -> None:
    """Delete content whose retention is over; digests, decisions and evidence stay."""
    config = configuration(ctx)

    async def ask(context: Context) -> dict[str, Any]:
        with counting("Nachrichten") as told:
            return (await Purging(context).purge(dry_run=dry_run, told=told)).as_json()

    show(with_store(config, ask), as_json, _lines)


def _lines(report: dict[str, Any]) -> Iterator[str]:
    would = "würde gelöscht" if report["probelauf"] else "gelöscht"
    beside = f"{report['eingaenge']} abgewiesene Eingänge und {report['mails']} verwahrte Mails"
    yield f"Inhalt von {report['geloescht']} Nachrichten {would}, dazu {beside}."
    for one in report["nachrichten"] if report["probelauf"] else ():
        yield f"  {one['id']}  beendet {one['beendet']}  {one['anlass'] or '-'}"
    if report["probelauf"] and report["geloescht"] > NAMED:
        yield f"  … und {report['geloescht'] - NAMED} weitere"
    for reason, text in _STAYS.items():
        if report["bleibt"][reason]:
            yield f"{report['bleibt'][reason]} bleiben über die Frist hinaus: {text}."
