"""`gateway certs`: every certificate that counts, ours and partners', with use, window, days left and status.

Promises: reads only; works while the gateway runs, and also where a pair of ours has ended.
Fails: exit 1 where something has ended or was withdrawn (with `--pruefen`), 3 without a store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import click

from gateway import clock
from gateway.cli.main import REFUSED, UNREACHABLE
from gateway.cli.shell import configuration, console, json_option, show, stop, table
from gateway.config import Config
from gateway.partner import Partner
from gateway.pki import PkiError
from gateway.service.upkeep.certificates import Held, own_certificates, partner_certificates
from gateway.service.upkeep.trusting import Trust
from gateway.store import StoreError, open_database
from gateway.trust.status import Status, days_left

FINE = (Status.GUELTIG, Status.TEST, Status.NOCH_NICHT)


@click.group(short_help="Certificates, ours and partners'.")
def command() -> None:
    """Certificates, ours and partners'."""


@command.command("list")
@click.option("--pruefen", "demanded", is_flag=True, help="Exit 1 unless all are in order.")
@json_option
@click.pass_context
def list_(ctx: click.Context, demanded: bool, as_json: bool) -> None:
    """List all certificates: use, window, days left, status; what ends first stands first."""
    config = configuration(ctx)
    try:
        held = asyncio.run(_held(config))
    except PkiError as error:
        stop(UNREACHABLE, str(error))
    except StoreError as error:
        stop(UNREACHABLE, f"[store] url: Datenbank nicht erreichbar oder nicht lesbar ({type(error).__name__})")
    rows = [_row(each) for each in sorted(held, key=lambda each: each.bis)]
    if as_json:
        show(rows, as_json, list)
    else:
        _print(rows)
    if demanded and any(each.status not in FINE for each in held):
        raise click.exceptions.Exit(REFUSED)


async def _held(config: Config) -> list[Held]:
    store = await open_database(config.store.url)
    try:
        trust = Trust(store, lambda: config, clock.now)
        await trust.load()
        partners = [Partner.model_validate_json(row["agreement"]) for row in await store.fetch("partners")]
        await trust.know(partners)
    finally:
        await store.close()
    at = clock.as_datetime(clock.now())
    return [*own_certificates(config, at), *partner_certificates(partners, trust, at)]


def _row(held: Held) -> dict[str, Any]:
    return {
        "verwendung": held.use,
        "partner": held.partner,
        "name": held.name,
        "ab": held.ab.date().isoformat(),
        "bis": held.bis.date().isoformat(),
        "tage": days_left(held.bis, clock.as_datetime(clock.now())),
        "status": str(held.status),
        "sha256": held.sha256,
    }


def _print(rows: Sequence[dict[str, Any]]) -> None:
    found = table(["Partner", "Verwendung", "ab", "bis", "Tage", "Status", "Name", "SHA-256"], ["ab", "bis", "Status"])
    for row in rows:
        values = [row["partner"] or "(eigenes)", *(row[key] for key in ("verwendung", "ab", "bis", "tage", "status"))]
        found.add_row(*map(str, values), row["name"], row["sha256"][:16] + "…")
    console().print(found)
