"""`gateway log check`: the log of all events, held against itself and against what witnesses have.

Promises: reads only; works while the gateway runs; says which event was changed, removed, inserted or moved.
Fails: exit 1 where something is not as it was written, 2 for files that cannot be read, 3 where the store cannot be
reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from cryptography import x509

from gateway import clock
from gateway.cli.main import MISUSED, REFUSED, UNREACHABLE
from gateway.cli.shell import configuration, counting, json_option, show, stop
from gateway.config import Config
from gateway.pki import PkiError, load_certificates, load_pair
from gateway.service.evidence.logcheck import Checked, LogCheck
from gateway.service.evidence.unpacking import PackageRefused, checkpoint_of
from gateway.settle.checkpoint import Checkpoint, read_checkpoint
from gateway.store import StoreError, open_database


@click.group(short_help="The log of all events.")
def command() -> None:
    """The log of all events: a Merkle tree with signed checkpoints."""


@command.command("check")
@click.option("--anchor", "anchors", type=click.Path(path_type=Path), multiple=True, metavar="CERT",
              help="Also trust this certificate, or what it issued, for checkpoints; may be repeated.")  # fmt: skip
@click.option("--witness", "witnesses", type=click.Path(path_type=Path), multiple=True, metavar="FILE",
              help="A checkpoint or an evidence package that somebody else kept; may be repeated.")  # fmt: skip
@json_option
@click.pass_context
def check(ctx: click.Context, anchors: tuple[Path, ...], witnesses: tuple[Path, ...], as_json: bool) -> None:
    """Hold every event, leaf, tile, checkpoint and signature against each other."""
    config = configuration(ctx)
    try:
        trusted = [*_own(config), *(each for path in anchors for each in load_certificates(path))]
        seen = [_witness(path) for path in witnesses]
    except PkiError as error:
        stop(MISUSED, str(error))
    try:
        found = asyncio.run(_check(config, trusted, seen))
    except (StoreError, OSError) as error:
        stop(UNREACHABLE, f"[store] url: Datenbank nicht erreichbar oder nicht lesbar ({type(error).__name__})")
    show(_value(found), as_json, _lines)
    if found.findings:
        raise click.exceptions.Exit(REFUSED)


def _own(config: Config) -> list[x509.Certificate]:
    return [load_pair(files, "log").certificate for files in config.schluessel.files("log")]


def _witness(path: Path) -> Checkpoint:
    """The checkpoint in a file: its text, or a package around it."""
    try:
        with path.open("rb") as file:
            head = file.read(2_000)
            file.seek(0)
            return checkpoint_of(file) if b"\0" in head else read_checkpoint(head)
    except (OSError, ValueError, PackageRefused) as error:
        stop(MISUSED, f"{path}: kein Prüfpunkt und kein Nachweispaket ({error})")


async def _check(config: Config, trusted: list[x509.Certificate], seen: list[Checkpoint]) -> Checked:
    store = await open_database(config.store.url)
    try:
        with counting("Ereignisse") as told:
            return await LogCheck(store, trusted, told).run(clock.now(), seen)
    finally:
        await store.close()


def _value(found: Checked) -> dict[str, Any]:
    return {
        "unversehrt": not found.findings,
        "ereignisse": found.events,
        "pruefpunkte": found.checkpoints,
        "unversiegelt": found.waiting,
        "befunde": [asdict(each) for each in found.findings],
        "weitere": found.more,
    }


def _lines(value: dict[str, Any]) -> Iterator[str]:
    for finding in value["befunde"]:
        yield finding["text"]
    if value["weitere"]:
        yield f"… und {value['weitere']} weitere Befunde."
    counted = f"{value['ereignisse']} Ereignisse, {value['pruefpunkte']} Prüfpunkte"
    yield f"{counted}: {'unversehrt' if value['unversehrt'] else 'NICHT unversehrt'}."
    if value["unversiegelt"]:
        yield f"{value['unversiegelt']} Ereignisse warten noch auf ihren Platz im Protokoll."
