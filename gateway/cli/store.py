"""`gateway store`: the keys that protect the store, their change, and whether everything stored can be read.

Promises: works beside running gateways; no key is ever shown, only ids.
Fails: exit 1 where something stored is damaged, 3 where store or keys cannot be reached or do not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from gateway.cli.main import REFUSED
from gateway.cli.shell import configuration, counting, json_option, show
from gateway.cli.stored import with_store
from gateway.clock import as_iso
from gateway.kek import load_keks
from gateway.service.context import Context
from gateway.service.upkeep.rewrapping import Rewrapped, Rewrapping
from gateway.service.upkeep.verifying import Verified, verify_store


@click.group(short_help="Keys of the store, and whether it is sound.")
def command() -> None:
    """Keys of the store, and whether it is sound."""


@command.command("keys")
@json_option
@click.pass_context
def keys(ctx: click.Context, as_json: bool) -> None:
    """List the keys of the store by id: purpose, number, and the configuration's key that wraps each."""
    config = configuration(ctx)

    async def ask(context: Context) -> list[dict[str, Any]]:
        configured = {each.id for each in load_keks(context.config.store.schluessel)}
        return [
            {
                "id": row["id"],
                "zweck": row["zweck"],
                "nummer": row["nummer"],
                "kek": row["kek"],
                "eingetragen": row["kek"] in configured,
                "seit": as_iso(row["created"]),
            }
            for row in await context.db.fetch("store_keys")
        ]

    show(with_store(config, ask), as_json, _listed)


def _listed(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['zweck']:<20} {row['nummer']:>3}  unter {row['kek']}  seit {row['seit']}"


@command.command("rewrap")
@json_option
@click.pass_context
def rewrap(ctx: click.Context, as_json: bool) -> None:
    """Let the first key of [store] schluessel protect everything; gateways may serve meanwhile."""
    config = configuration(ctx)

    async def ask(context: Context) -> Rewrapped:
        with counting("Inhalte") as told:
            return await Rewrapping(context).rewrap(load_keks(context.config.store.schluessel), told)

    done = with_store(config, ask)
    show(asdict(done), as_json, _rewrapped)
    if done.beschaedigt:
        raise click.exceptions.Exit(REFUSED)


def _rewrapped(done: dict[str, Any]) -> Iterator[str]:
    yield f"Schlüssel {done['kek']}: {done['schluessel']} Schlüssel und {done['inhalte']} Inhalte neu verpackt."
    if done["beschaedigt"]:
        yield f"{done['beschaedigt']} Inhalte lassen sich nicht öffnen; `gateway store check` nennt sie."
    yield "Frühere Schlüssel der Konfiguration werden nicht mehr gebraucht, außer für frühere Sicherungen."


@command.command("check")
@json_option
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Read everything stored through to its end; exit 1 where something is damaged."""
    config = configuration(ctx)

    async def ask(context: Context) -> Verified:
        with counting("Inhalte") as told:
            return await verify_store(context, told)

    found = with_store(config, ask)
    show(found.as_json(), as_json, _verified)
    if found.beschaedigt:
        raise click.exceptions.Exit(REFUSED)


def _verified(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['inhalte']} Inhalte mit {found['bytes']} Byte gelesen, {len(found['beschaedigt'])} beschädigt."
    for one in found["beschaedigt"]:
        yield f"  {one['inhalt']}: {one['grund']}"
