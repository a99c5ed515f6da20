"""`gateway schemas`: install official XJustiz packs, and show what is valid when.

Promises: only XSD files are taken, from a folder or a ZIP that is treated as hostile; a pack that does not compile
changes nothing; a pack becomes visible in one step. Our own schemas are packaged and cannot be replaced.
Fails: exit 1 for a pack that is refused, 2 for a command line or configuration that cannot be used, 3 where the packs
folder cannot be written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from gateway import clock
from gateway.check.catalogue import Catalogue, Pack
from gateway.check.packs import PackFiles, PackRefused
from gateway.check.resources import SchemaMissing, SchemaStore, install, official_validity, read_pack
from gateway.cli.main import MISUSED, REFUSED, UNREACHABLE, config_path
from gateway.cli.shell import configuration, json_option, show, stop
from gateway.config import Config

_DAY = click.DateTime(["%Y-%m-%d"])
_PACKS = click.Path(file_okay=False, path_type=Path)


@click.group(short_help="Official XJustiz packs.")
def command() -> None:
    """Official XJustiz packs: install them, show what is valid when."""


@command.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path), metavar="DIR|ZIP")
@click.option("--packs", type=_PACKS, help="Folder of installed packs; else the configuration's.")
@click.option("--from", "first", type=_DAY, help="First day of validity, where the catalogue does not know it.")
@click.option("--until", "last", type=_DAY, help="Last day of validity.")
@json_option
@click.pass_context
def add(
    ctx: click.Context,
    source: Path,
    packs: Path | None,
    first: datetime | None,
    last: datetime | None,
    as_json: bool,
) -> None:
    """Install a pack from a folder of XSD files or a ZIP; an installed one of that version is replaced."""
    folder = packs or configuration(ctx).schemata.packs
    try:
        pack = read_pack(source)
        ab, bis = _validity(pack, first, last)
        _install(pack, folder, ab, bis, quiet=as_json)
    except PackRefused as refused:
        stop(REFUSED, str(refused))
    except OSError as error:
        stop(UNREACHABLE, f"{folder}: {error.strerror or 'nicht beschreibbar'}")
    result = {
        "name": pack.name,
        "version": pack.version,
        "nachrichten": len(pack.wurzeln),
        "gueltig_ab": ab.isoformat(),
        "gueltig_bis": bis.isoformat() if bis else None,
        "sha256": pack.sha256,
        "ordner": str(folder),
    }
    show(
        result, as_json, lambda row: [f"{row['name']}: installiert, {row['nachrichten']} Nachrichten, {_span(ab, bis)}"]
    )


@command.command("list")
@click.option("--packs", type=_PACKS, help="Folder of installed packs; else the configuration's.")
@json_option
@click.pass_context
def list_(ctx: click.Context, packs: Path | None, as_json: bool) -> None:
    """List every version of every standard, and whether it is valid today."""
    config = found_configuration(ctx)
    folder = packs or (config.schemata.packs if config else None)
    days, previews = (config.schemata.ueberlappung_tage, config.schemata.vorschau) if config else (None, ())
    try:
        catalogue = SchemaStore(folder).catalogue(days, previews)
    except SchemaMissing as error:
        stop(MISUSED, str(error))
    today = clock.day(clock.now())
    show([_row(pack, catalogue, today) for pack in catalogue.packs], as_json, _lines)


def found_configuration(ctx: click.Context) -> Config | None:
    """The configuration, for commands that need none: None unless one is named or lies here."""
    named = (ctx.find_root().obj or {}).get("config") or os.environ.get("GATEWAY_CONFIG")
    return configuration(ctx) if named or config_path(ctx).is_file() else None


def _validity(pack: PackFiles, first: datetime | None, last: datetime | None) -> tuple[date, date | None]:
    """First and last day: as given, else as the catalogue knows them."""
    known = official_validity().get(pack.name)
    if first is None and known is None:
        stop(MISUSED, f"Für {pack.name} ist kein Gültigkeitsbeginn bekannt; bitte mit --from JJJJ-MM-TT angeben.")
    ab = first.date() if first else known[0] if known else date.min
    bis = last.date() if last else known[1] if known and not first else None
    if bis is not None and bis < ab:
        stop(MISUSED, "Der letzte Tag der Gültigkeit liegt vor dem ersten.")
    return ab, bis


def _install(pack: PackFiles, folder: Path, ab: date, bis: date | None, *, quiet: bool) -> None:
    """Install with a progress bar on stderr, where a person is watching."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task(f"{pack.name} prüfen", total=len(set(pack.wurzeln.values())))
        install(pack, folder, ab, bis, lambda _: progress.advance(task))


def _row(pack: Pack, catalogue: Catalogue, today: date) -> dict[str, Any]:
    """One pack for the list."""
    preview = pack.name in catalogue.vorschau and today < pack.ab
    return {
        "name": pack.name,
        "version": pack.version,
        "namensraum": pack.namensraum,
        "nachrichten": len(pack.wurzeln),
        "gueltig_ab": pack.ab.isoformat(),
        "gueltig_bis": pack.bis.isoformat() if pack.bis else None,
        "angenommen": preview or pack.gilt(today, catalogue.ueberlappung),
        "vorschau": preview,
    }


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The list for people."""
    for row in rows:
        state = "Vorschau" if row["vorschau"] else "angenommen" if row["angenommen"] else "nicht angenommen"
        span = _span(row["gueltig_ab"], row["gueltig_bis"])
        yield f"{row['name']:<16} {state:<16} {span:<32} {row['nachrichten']:>4} Nachrichten"


def _span(ab: date | str, bis: date | str | None) -> str:
    """First and last day in words."""
    return f"gültig ab {ab}" + (f" bis {bis}" if bis else "")
