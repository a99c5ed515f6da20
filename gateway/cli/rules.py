"""`gateway rules`: the rules explain themselves, and show what another version would change.

Promises: the table, a number and the versions need no configuration and no store; `diff` reads the store and changes
nothing.
Fails: exit 2 for a number, a version or a file that there is not, 3 where the store cannot be reached.
"""

from __future__ import annotations

import datetime
from typing import Any

import click

from gateway import clock
from gateway.cli.main import MISUSED
from gateway.cli.shell import configuration, json_option, printable, show, stop
from gateway.route import rulebook
from gateway.route.resources import packaged_rules
from gateway.service.views import rules

_DAY = click.DateTime(["%Y-%m-%d"])


class _Rules(click.Group):
    """Whatever is no subcommand is a number of the decree."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand, or the one that shows this number."""
        return super().get_command(ctx, cmd_name) or _number_command(cmd_name)


@click.group(
    cls=_Rules,
    invoke_without_command=True,
    short_help="The rules of the decree.",
    subcommand_metavar="[NR·versions·diff]",
)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """The rules of the decree as a page; with NR (such as 3.2) one number with its text, readings, schema and tests."""
    if ctx.invoked_subcommand is None:
        found = sources()
        show(rulebook.table(found) if as_json else found, as_json, lambda _: [rulebook.page(found)])


def sources(day: datetime.date | None = None) -> rulebook.Sources:
    """What the rulebook is made of, by the versions valid on `day` (today)."""
    found = rules.sources(day or clock.day(clock.now()))
    if found is None:
        stop(MISUSED, "Heute gilt keine Fassung von Erlass und ZustAVO.")
    return found


def _number_command(nummer: str) -> click.Command:
    """The command that shows one number."""

    @json_option
    @click.pass_context
    def callback(ctx: click.Context, as_json: bool) -> None:
        found = sources()
        value = rulebook.number(found, nummer)
        if value is None:
            known = ", ".join(rulebook.numbers(found.erlass))
            stop(MISUSED, printable(f"Der Erlass hat keine Nummer „{nummer[:40]}“. Es gibt: {known}."))
        whole = as_json or (ctx.parent is not None and ctx.parent.params["as_json"])
        show(value, whole, lambda _: [rulebook.number_page(found, value)])

    return click.command(nummer, help=f"Number {nummer} of the decree.")(callback)


@command.command(short_help="Versions of decree and ZustAVO.")
@json_option
def versions(as_json: bool) -> None:
    """The versions of decree and ZustAVO with their days of validity; a decision is made by the one of its day."""
    rules = packaged_rules()
    today = rules.am(clock.day(clock.now())) or ()
    rows: list[dict[str, Any]] = [
        rulebook.version_json(each) | {"art": art, "gilt_heute": each in today}
        for art, every in (("erlass", rules.erlass), ("zustavo", rules.zustavo))
        for each in every
    ]
    texts = [rulebook.version_text(each) for each in (*rules.erlass, *rules.zustavo)]
    marks = ["  ← heute" if row["gilt_heute"] else "" for row in rows]
    show(rows, as_json, lambda _: [text + mark for text, mark in zip(texts, marks, strict=True)])


@command.command(short_help="What another version would change.")
@click.argument("a")
@click.argument("b")
@click.option("--since", type=_DAY, required=True, help="First day of receipt.")
@json_option
@click.pass_context
def diff(ctx: click.Context, a: str, b: str, since: datetime.datetime, as_json: bool) -> None:
    """Decide the stored messages since a day by A and by B, and show where they differ.

    A and B: `aktuell` (the rules in force with this gateway's settings), a version's name such as 29.04.2022 (applied
    on every day), or a TOML file with [regeln], [[erlass]], [[zustavo]].
    """
    from gateway.cli.rules_diff import run

    run(configuration(ctx), a, b, since.date(), as_json)
