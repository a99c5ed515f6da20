"""`gateway backup FILE`: a consistent copy of the store, while gateways serve.

Promises: nothing waits for it; the file is complete or not there, and overwrites nothing; it holds no key of the
configuration, so keys and `gateway.toml` are kept apart.
Fails: exit 1 where the file exists, 3 where the store cannot be reached or the file cannot be written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gateway.cli.main import REFUSED, UNREACHABLE
from gateway.cli.shell import configuration, counting, json_option, show, stop
from gateway.cli.stored import with_store
from gateway.clock import as_iso
from gateway.events import Art
from gateway.service.context import Context
from gateway.store.backup import copy_store, keys_of
from gateway.store.resources import migrations


@click.command(short_help="Copy the store to FILE while gateways serve.")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@json_option
@click.pass_context
def command(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Copy the store to FILE, as it is at one moment; `gateway restore FILE` makes a store of it."""
    config = configuration(ctx)
    if file.exists():
        stop(REFUSED, f"{file}: Datei gibt es schon; sie bleibt, wie sie ist.")

    async def ask(context: Context) -> int:
        begun = context.now()
        await context.db.commit(context.event(Art.SICHERUNG, context.self_akteur))
        with counting("Byte") as told:
            await copy_store(context.config.store.url, file, told)
        return begun

    begun = with_store(config, ask)
    try:
        with file.open("rb") as copy:
            digest = hashlib.file_digest(copy, "sha256").hexdigest()
    except OSError as error:
        stop(UNREACHABLE, f"{file}: nicht lesbar ({error.strerror})")
    result: dict[str, Any] = {
        "datei": str(file),
        "bytes": file.stat().st_size,
        "sha256": digest,
        "stand": as_iso(begun),
        "schema": len(migrations()),
        "schluessel": sorted({row["kek"] for row in keys_of(file)}),
    }
    show(result, as_json, _lines)


def _lines(result: dict[str, Any]) -> Iterator[str]:
    yield f"{result['datei']}: {result['bytes']} Byte, Stand {result['stand']}, SHA-256 {result['sha256']}"
    yield f"Zum Wiederherstellen nötig: gateway.toml, keys/ und der Schlüssel {', '.join(result['schluessel'])}."
