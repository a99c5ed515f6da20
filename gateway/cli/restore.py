"""`gateway restore FILE`: a store from a copy; the next `gateway serve` sees to it that nothing is sent twice.

Promises: the copy is whole and the configured keys open it, or nothing is made; nothing that exists is overwritten.
Fails: exit 1 for a copy that is damaged, does not fit the keys, or where there is a store already; 2 for options that
exclude each other; 3 where file or database cannot be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gateway import clock
from gateway.cli.main import MISUSED, REFUSED, UNREACHABLE
from gateway.cli.shell import configuration, counting, json_option, show, stop
from gateway.cli.stored import with_store
from gateway.config import Config
from gateway.kek import load_keks
from gateway.pki import PkiError
from gateway.service.context import Context
from gateway.service.upkeep.restoring import mark_restored
from gateway.store.backup import keys_of, restore_store
from gateway.store.database import StoreError, StoreUnavailable
from gateway.store.keyring import opened


@click.command(short_help="Make the store from a copy.")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--nicht-anhalten",
    "passes",
    is_flag=True,
    help="All recipients know repetitions by sender and Nachrichten-ID: nothing waits for a person.",
)
@click.option("--nur-vermerk", "only_mark", is_flag=True, help="The store was restored by other means; no FILE.")
@json_option
@click.pass_context
def command(ctx: click.Context, file: Path | None, passes: bool, only_mark: bool, as_json: bool) -> None:
    """Make the store of the configuration from the copy FILE. No gateway may run on it."""
    if only_mark == (file is not None):
        stop(MISUSED, "Entweder eine Datei angeben oder --nur-vermerk.")
    config = configuration(ctx)
    if file is None:
        with_store(config, lambda context: _mark(context, not passes))
    else:
        _restore(config, file, hold=not passes)
    show({"datei": str(file) if file else None, "angehalten": not passes}, as_json, _lines)


async def _mark(context: Context, hold: bool) -> None:
    await mark_restored(context, hold=hold)


def _restore(config: Config, file: Path, *, hold: bool) -> None:
    try:
        keks = load_keks(config.store.schluessel)
        for row in keys_of(file):
            opened(row, keks)
        with counting("Byte", file.stat().st_size) as told:
            asyncio.run(restore_store(file, config.store.url, clock.now(), hold=hold, told=told))
    except FileExistsError as error:
        stop(REFUSED, str(error))
    except (StoreUnavailable, PkiError, OSError) as error:
        stop(UNREACHABLE, str(error))
    except StoreError as error:
        stop(REFUSED, str(error))


def _lines(result: dict[str, Any]) -> Iterator[str]:
    yield "Der Speicher ist wiederhergestellt." if result["datei"] else "Der Speicher gilt als wiederhergestellt."
    yield "Der nächste Start von `gateway serve` beendet das: Versiegeltes geht mit denselben Bytes noch einmal hinaus,"
    if result["angehalten"]:
        yield "was noch nicht versiegelt war, wartet auf den Betrieb (`gateway list --status klaerung`)."
    else:
        yield "was noch nicht versiegelt war, wird neu versiegelt."
