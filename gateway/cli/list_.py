"""`gateway list`: messages of the gateway's own store, newest first; what is open for operators.

Promises: the window that was searched is shown; personal data is never printed.
Fails: exit 2 for a filter that cannot be read, 3 where the store cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import click

from gateway.cli.main import MISUSED
from gateway.cli.shell import configuration, console, json_option, show, stop, table
from gateway.cli.stored import OPERATOR, with_store
from gateway.service.context import Context
from gateway.service.views.listing import Listing
from gateway.service.views.searching import Searching

FILTERS = ("status", "absender", "empfaenger", "anlass", "nummer", "nachrichten-id", "von", "bis", "nach")
COLUMNS = ("eingang", "id", "anlass", "nummer", "absender", "empfaenger", "status")
UNCUT = ("id", "status")
"""What one copies, and what one looks for."""


DUTIES = ("faellig_am", "nummer", "pflichtig", "nachricht", "text", "erinnert_am")
CLEARINGS = ("seit", "nachricht", "nummer", "genannt", "weiterleitende_stelle", "text")
UNCUT_OPEN = ("nachricht", "faellig_am", "pflichtig")


def _options(command: Any) -> Any:
    for name in reversed(FILTERS):
        command = click.option(f"--{name}", help=f"Only with this {name}." if name != "nach" else "Next page.")(command)
    return command


@click.command(short_help="List messages.")
@_options
@click.option("--anzahl", type=click.IntRange(1, 200), default=50, show_default=True, help="Entries of one page.")
@click.option("--pflichten", is_flag=True, help="Open duties instead, due by --bis (today).")
@click.option("--klaerung", is_flag=True, help="Instead, what of messages under way still needs an addressee.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, as_json: bool, pflichten: bool, klaerung: bool, **filters: Any) -> None:
    """List messages, newest first; without --von those of the last 30 days."""
    query = {key: value for key, value in filters.items() if value is not None}
    if pflichten or klaerung:
        _list_open(ctx, as_json, pflichten, klaerung, query)
        return

    async def ask(context: Context) -> Mapping[str, Any]:
        return await Searching(context).search(OPERATOR, query)

    found = with_store(configuration(ctx), ask)
    caption = None if as_json else f"{found['fenster']['von']} bis {found['fenster']['bis']}"
    _print(found, as_json, COLUMNS, UNCUT, caption)


def _list_open(ctx: click.Context, as_json: bool, pflichten: bool, klaerung: bool, query: dict[str, Any]) -> None:
    """Duties, or what needs an addressee."""
    allowed = {"bis", "nach", "anzahl"} if pflichten else {"nach", "anzahl"}
    if (pflichten and klaerung) or set(query) - allowed:
        stop(
            MISUSED,
            "--pflichten verträgt sich nur mit --bis, --nach und --anzahl, --klaerung nur mit --nach, --anzahl.",
        )
    until = _day(query.get("bis"))
    after, count = query.get("nach"), query["anzahl"]

    async def ask(context: Context) -> Mapping[str, Any]:
        listing = Listing(context)
        return await (listing.duties(until, after, count) if pflichten else listing.clearings(after, count))

    found = with_store(configuration(ctx), ask)
    caption = f"fällig bis {found['bis']}" if pflichten else None
    _print(found, as_json, DUTIES if pflichten else CLEARINGS, UNCUT_OPEN, caption)


def _day(value: str | None) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        stop(MISUSED, "--bis muss ein Tag sein: JJJJ-MM-TT.")


def _print(
    found: Mapping[str, Any], as_json: bool, columns: Sequence[str], uncut: Sequence[str], caption: str | None
) -> None:
    if as_json:
        show(found, as_json, lambda _: ())
        return
    page = table(columns, uncut, caption=caption)
    for entry in found["eintraege"]:
        page.add_row(*(_cell(entry[column]) for column in columns))
    console().print(page)
    if found["naechste"]:
        click.echo(f"weiter mit --nach {found['naechste']}")


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value or "")
