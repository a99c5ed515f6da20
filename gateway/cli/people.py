"""`gateway people`: who may log in at the pages under `/betrieb/`.

Promises: a password and a secret are shown once, on stdout, and kept nowhere; every change is an event.
Fails: exit 1 for an account that is refused, 3 where the store cannot be reached.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import click

from gateway.cli.main import REFUSED
from gateway.cli.shell import configuration, console, json_option, show, stop, table
from gateway.cli.stored import OPERATOR, with_store
from gateway.service.betrieb.people import Access, AccountRefused, People
from gateway.service.context import Context, akteur
from gateway.watch.people import Rolle

COLUMNS = ("name", "rollen", "behoerden", "gesperrt", "anmeldedienst")
_BY = akteur(OPERATOR)
Change = Callable[[People, str, str], Awaitable[object]]
"""Changes an account: by whom, and its id."""


@click.group(short_help="Who may log in at the pages.")
def command() -> None:
    """Accounts of the pages under /betrieb/: password and one-time code (TOTP)."""


@command.command(short_help="A new account.")
@click.argument("name")
@click.option("--rolle", "rollen", multiple=True, required=True, type=click.Choice([str(r) for r in Rolle]))
@click.option("--behoerde", "behoerden", multiple=True, metavar="KEY", help="Sees this authority's messages only.")
@json_option
@click.pass_context
def add(ctx: click.Context, name: str, rollen: tuple[str, ...], behoerden: tuple[str, ...], as_json: bool) -> None:
    """Make an account; it prints the password and the address for the one-time codes, once.

    Without --behoerde it is an account of the gateway's own staff.
    """
    access = _with_people(ctx, lambda people: people.add(_BY, name, rollen, behoerden))
    show(_access(access), as_json, _lines)


@command.command("list", short_help="All accounts.")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List all accounts."""
    found = _with_people(ctx, lambda people: people.all())
    if as_json:
        show(found, True, str)
        return
    view = table(COLUMNS)
    for each in found:
        roles, keys = ", ".join(each["rollen"]), ", ".join(each["behoerden"])
        said = ["ja" if each[key] else "" for key in ("gesperrt", "extern")]
        view.add_row(each["name"], roles, keys, *said)
    console().print(view)


def _changing(name: str, short: str, text: str, change: Change, value: dict[str, Any], said: str) -> None:
    """One command that changes the account NAME."""

    @command.command(name, short_help=short, help=text)
    @click.argument("name")
    @json_option
    @click.pass_context
    def _(ctx: click.Context, name: str, as_json: bool) -> None:
        async def act(people: People) -> None:
            await change(people, _BY, await people.find(name))

        _with_people(ctx, act)
        show({"name": name} | value, as_json, lambda each: [f"{each['name']} ist {said}."])


_changing(
    "disable",
    "Nobody logs in by it any more.",
    "Disable an account; its sessions end at once.",
    People.disable,
    {"gesperrt": True},
    "gesperrt",
)
_changing(
    "enable",
    "It may be used again.",
    "Enable an account that was disabled.",
    People.enable,
    {"gesperrt": False},
    "nicht mehr gesperrt",
)
_changing(
    "logout",
    "Its sessions end.",
    "End all sessions of an account at once; it may log in again.",
    People.log_out,
    {"abgemeldet": True},
    "überall abgemeldet",
)


@command.command(short_help="New password, new one-time codes.")
@click.argument("name")
@json_option
@click.pass_context
def renew(ctx: click.Context, name: str, as_json: bool) -> None:
    """Give an account a new password and new one-time codes; the old ones and its sessions end."""

    async def act(people: People) -> Access:
        return await people.renew(_BY, await people.find(name))

    show(_access(_with_people(ctx, act)), as_json, _lines)


def _with_people(ctx: click.Context, ask: Callable[[People], Awaitable[Any]]) -> Any:
    async def run(context: Context) -> Any:
        return await ask(People(context))

    try:
        return with_store(configuration(ctx), run)
    except AccountRefused as refused:
        stop(REFUSED, refused.lines)


def _access(access: Access) -> dict[str, Any]:
    secret = base64.b32encode(access.secret).decode()
    return {"name": access.name, "passwort": access.password, "geheimnis": secret, "adresse": access.address}


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['name']}"
    yield f"  Passwort    {found['passwort']}"
    yield f"  Einmalcodes {found['adresse']}"
    yield f"              von Hand: {found['geheimnis']} (TOTP, SHA-1, 6 Ziffern, 30 Sekunden)"
    yield "Beides wird nur jetzt gezeigt. Das Passwort lässt sich auf der Seite „Konto“ ändern."
