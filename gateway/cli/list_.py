"""`gateway list`: messages of the gateway's own store, newest first.

Promises: the window that was searched is shown; personal data is never printed.
Fails: exit 2 for a filter that cannot be read, 3 where the store cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from gateway.cli.shell import configuration, console, json_option, show, table
from gateway.cli.stored import OPERATOR, with_store
from gateway.service.context import Context
from gateway.service.searching import Searching

FILTERS = ("status", "absender", "empfaenger", "anlass", "nummer", "nachrichten-id", "von", "bis", "nach")
COLUMNS = ("eingang", "id", "anlass", "nummer", "absender", "empfaenger", "status")
UNCUT = ("id", "status")
"""What one copies, and what one looks for."""


def _options(command: Any) -> Any:
    for name in reversed(FILTERS):
        command = click.option(f"--{name}", help=f"Only with this {name}." if name != "nach" else "Next page.")(command)
    return command


@click.command(short_help="List messages.")
@_options
@click.option("--anzahl", type=click.IntRange(1, 200), default=50, show_default=True, help="Entries of one page.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, as_json: bool, **filters: Any) -> None:
    """List messages, newest first; without --von those of the last 30 days."""
    query = {key: value for key, value in filters.items() if value is not None}

    async def ask(context: Context) -> Mapping[str, Any]:
        return await Searching(context).search(OPERATOR, query)

    found = with_store(configuration(ctx), ask)
    if as_json:
        show(found, as_json, lambda _: ())
        return
    caption = f"{found['fenster']['von']} bis {found['fenster']['bis']}"
    page = table(COLUMNS, UNCUT, caption=caption)
    for entry in found["eintraege"]:
        page.add_row(*(_cell(entry[column]) for column in COLUMNS))
    console().print(page)
    if found["naechste"]:
        click.echo(f"weiter mit --nach {found['naechste']}")


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value or "")
