"""`gateway directory`: the directory of authorities and districts, and how an operator corrects it.

Promises: rows are corrected without touching code or packaged files; all rows of one call become valid together or
not at all; each correction keeps its day, who made it and why, and is an event. `check`, `export` and `show` need no
configuration; where one is found, its corrections count.
Fails: exit 1 for a change that would not add up or a directory that does not, 2 for what is no change, 3 without a
store.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway import clock
from gateway.cli.directory_store import configured
from gateway.cli.directory_text import details, difference, entry, summary, told
from gateway.cli.main import MISUSED, REFUSED, UNREACHABLE
from gateway.cli.shell import configuration, json_option, show, stop
from gateway.config import Config
from gateway.partner import Partner
from gateway.route.directory_check import SOON, examine
from gateway.route.directory_csv import MAX_BYTES, CsvRefused, cell_text, read, written
from gateway.route.overlay import COLUMNS, FILES, Row, Rows
from gateway.route.resources import packaged_rows
from gateway.service.upkeep.directory import (
    Change,
    Corrections,
    Difference,
    DirectoryRefused,
    apply,
    corrections,
    differences,
    judge,
)
from gateway.store import Database, StoreError, open_database

T = TypeVar("T")
Option = Callable[[Callable[..., Any]], Callable[..., Any]]

_DAY = click.DateTime(["%Y-%m-%d"])
_TABLE = click.option("--table", type=click.Choice(list(COLUMNS)), help="Which table.")
_DRY = click.option("--dry-run", is_flag=True, help="Show what would change, change nothing.")
_FIRST = click.option("--ab", type=_DAY, help="First day on which the correction counts; else at once.")
_LAST = click.option("--bis", type=_DAY, help="Last day on which it counts; then what was before counts again.")
_GRUND = click.option("--grund", required=True, help="Why; stands in the row's history.")


@click.group(short_help="The directory of authorities.")
def command() -> None:
    """The directory of authorities, municipalities and their districts: look, check, correct."""


@dataclass(frozen=True, slots=True)
class Days:
    """When a correction counts."""

    ab: datetime | None
    bis: datetime | None

    def of(self, rows: list[tuple[str, str, Row | None]], grund: str) -> Change:
        """A change of these rows."""
        ab, bis = (day.date() if day else None for day in (self.ab, self.bis))
        return Change(tuple(rows), grund, ab, bis)


@command.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--grund", help="Why; else the names of the files.")
@_FIRST
@_LAST
@_DRY
@json_option
@click.pass_context
def import_(
    ctx: click.Context,
    files: tuple[Path, ...],
    grund: str | None,
    ab: datetime | None,
    bis: datetime | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take over rows of CSV files; a row that is not in them stays as it is."""
    rows: list[tuple[str, str, Row | None]] = []
    for file in files:
        try:
            with file.open("rb") as opened:
                table, found = read(opened.read(MAX_BYTES + 1))
        except CsvRefused as refused:
            stop(MISUSED, [f"{file.name}: {line}" for line in refused.lines])
        rows += [(table, row[COLUMNS[table][0]], row) for row in found]
    change = Days(ab, bis).of(rows, grund or "Import von " + ", ".join(file.name for file in files))
    _change(ctx, lambda _: change, dry_run, as_json)


@command.command("set")
@click.argument("key")
@click.argument("cells", nargs=-1, required=True, metavar="SPALTE=WERT...")
@_GRUND
@_TABLE
@_FIRST
@_LAST
@_DRY
@json_option
@click.pass_context
def set_(
    ctx: click.Context,
    key: str,
    cells: tuple[str, ...],
    grund: str,
    table: str | None,
    ab: datetime | None,
    bis: datetime | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Correct one row, or add one: `gateway directory set mrv:klinik-x art=mrv name="Klinik X" --grund ...`."""
    values = _cells(cells)

    def change(said: Corrections) -> Change:
        rows = said.on(max(_today(), ab.date()) if ab else _today())
        where = table or _table_of(rows, key)
        keyed, *_ = COLUMNS[where]
        row = dict.fromkeys(COLUMNS[where], "") | dict(rows[where].get(key, {})) | values
        if values.get(keyed, key) != key:
            raise DirectoryRefused(f"{keyed}: der Schlüssel einer Zeile ändert sich nicht; eine neue Zeile anlegen")
        return Days(ab, bis).of([(where, key, row | {keyed: key})], grund)

    _change(ctx, change, dry_run, as_json)


@command.command()
@click.argument("key")
@_GRUND
@_TABLE
@_DRY
@json_option
@click.pass_context
def reset(ctx: click.Context, key: str, grund: str, table: str | None, dry_run: bool, as_json: bool) -> None:
    """Take back all corrections of one row: the packaged row counts again, a row that was added goes."""

    def change(said: Corrections) -> Change:
        where = table or _table_of(said.on(_today()), key)
        if not any((each.table, each.key) == (where, key) and each.row is not None for each in said.rows):
            raise DirectoryRefused(f"{key}: diese Zeile ist nicht berichtigt")
        return Change(((where, key, None),), grund)

    _change(ctx, change, dry_run, as_json)


@command.command()
@click.option(
    "--tage", type=click.IntRange(0, 3660), default=SOON.days, show_default=True, help="Rows that end by then."
)
@json_option
@click.pass_context
def check(ctx: click.Context, tage: int, as_json: bool) -> None:
    """Say what is wrong with the directory, what soon will be, and what is unsure."""
    said, in_use = _read(ctx, _look)
    report = examine(packaged_rows(), said.rows, _today(), soon=timedelta(days=tage), in_use=in_use)
    value = {
        "stimmig": not report.errors,
        "fehler": report.errors,
        "warnungen": report.warnings,
        "zahlen": report.counts,
        "revision": said.revision,
    }
    show(value, as_json, lambda _: summary(report))
    if report.errors:
        raise click.exceptions.Exit(REFUSED)


@command.command()
@_TABLE
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for one CSV file a table.")
@click.option("--am", type=_DAY, help="The rows as they count on this day; else today.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
@json_option
@click.pass_context
def export(
    ctx: click.Context, table: str | None, out: Path | None, am: datetime | None, force: bool, as_json: bool
) -> None:
    """Write the rows that count, packaged and corrected, as CSV."""
    said, _ = _read(ctx, _look)
    rows = said.on(am.date() if am else _today())
    tables = [table] if table else list(COLUMNS)
    if out is not None:
        lines = [f"{FILES[each]}: {len(rows[each])} Zeilen" for each in tables]
        _write(out, {FILES[each]: written(each, rows[each].values()) for each in tables}, force)
        show({FILES[each]: len(rows[each]) for each in tables}, as_json, lambda _: lines)
    elif as_json:
        show({each: list(map(dict, rows[each].values())) for each in tables}, True, lambda _: ())
    elif table is None:
        stop(MISUSED, "Bitte --table oder --out angeben.")
    else:
        click.echo(written(table, rows[table].values()), nl=False)


@command.command("show")
@click.argument("key", metavar="KEY|NAME")
@json_option
@click.pass_context
def show_(ctx: click.Context, key: str, as_json: bool) -> None:
    """Show one row: what it says, how sure it is, where it comes from, and its history."""

    async def ask(store: Database | None, config: Config | None) -> tuple[str, str, Row | None, list[dict[str, Any]]]:
        rows = (await corrections(store) if store else Corrections()).on(_today())
        table, found = _find(rows, key)
        history = await store.fetch("directory_history", table, found) if store else []
        if found not in rows[table] and not history:
            raise DirectoryRefused(f"{key}: steht nicht im Verzeichnis")
        return table, found, rows[table].get(found), [entry(each) for each in history]

    table, found, row, history = _read(ctx, ask)
    value = {
        "tabelle": table,
        "key": found,
        "zeile": {column: row.get(column, "") for column in COLUMNS[table]} if row is not None else None,
        "herkunft": _origin(table, found, row),
        "geschichte": history,
    }
    show(value, as_json, details)


# --- change ----------------------------------------------------------------------------------------------------------


def _change(ctx: click.Context, make: Callable[[Corrections], Change], dry_run: bool, as_json: bool) -> None:
    """Judge a change, tell it, make it valid."""
    config = configuration(ctx)

    async def run(store: Database, _: Config) -> tuple[list[Difference], int | None]:
        said = await corrections(store)
        change = make(said)
        judge(said, change, _today())
        found = differences(said, change, _today())
        changed = {(each.table, each.key) for each in found}
        change = replace(change, rows=tuple(row for row in change.rows if row[:2] in changed))
        if dry_run or not found:
            return found, None
        return found, await apply(store, said, change, _by(), clock.now())

    found, revision = _with_store(config, run)
    value = {
        "revision": revision,
        "geaendert": revision is not None,
        "zeilen": [difference(each) for each in found],
    }
    show(value, as_json, told)


def _cells(cells: tuple[str, ...]) -> dict[str, str]:
    values = {}
    for cell in cells:
        column, separator, text = cell.partition("=")
        if not separator:
            stop(MISUSED, f"{cell[:60]}: erwartet wird SPALTE=WERT")
        values[column.strip()] = cell_text(text)
    return values


def _table_of(rows: Rows, key: str) -> str:
    """The table in which a key stands, or would stand: municipalities have bare digits."""
    if key.isdigit():
        return "gemeinde"
    return "aufnahmeeinrichtung" if key in rows["aufnahmeeinrichtung"] else "behoerde"


def _by() -> str:
    """Who changes: the account on this machine. Events name the command line only."""
    try:
        return f"kommandozeile:{getpass.getuser()}"
    except (KeyError, OSError):  # an account without a name, as in a container
        return "kommandozeile"


# --- look ------------------------------------------------------------------------------------------------------------


async def _look(store: Database | None, config: Config | None) -> tuple[Corrections, list[tuple[str, str]]]:
    """Corrections, and every authority that agreements or the configuration name."""
    if store is None or config is None:
        return Corrections(), []
    partners = [Partner.model_validate_json(row["agreement"]) for row in await store.fetch("partners")]
    used = [(f"Partner {p.id}", key) for p in partners for key in p.behoerden if not key.startswith("gw:")]
    used += [("[gateway] eigene", key) for key in config.gateway.eigene]
    used += [(f"[[zugang]] {n}", key) for n, entry in enumerate(config.zugang, 1) for key in entry.behoerden]
    return await corrections(store), used


def _find(rows: Rows, text: str) -> tuple[str, str]:
    """Table and key of what a person types: a key, a name, or a part of one name only."""
    for table, found in rows.items():
        if text in found:
            return table, text
    if ":" in text or text.isdigit():
        return _table_of(rows, text), text
    wanted = " ".join(text.split()).casefold()
    names = [(table, key, row.get("name", "")) for table, found in rows.items() for key, row in found.items()]
    hits = [hit for hit in names if hit[2].casefold() == wanted] or [
        hit for hit in names if wanted in hit[2].casefold()
    ]
    if len(hits) == 1:
        return hits[0][:2]
    if not hits:
        raise DirectoryRefused(f"{text}: steht nicht im Verzeichnis")
    more = ["…"] if len(hits) > 20 else []
    raise DirectoryRefused(f"{text}: mehrere passen", *(f"  {key}  {name}" for _, key, name in hits[:20]), *more)


def _origin(table: str, key: str, row: Row | None) -> str | None:
    packaged = packaged_rows()[table].get(key)
    if row is None:
        return None
    if packaged is None:
        return "ergänzt"
    return "mitgeliefert" if dict(packaged) == dict(row) else "berichtigt"


def _today() -> date:
    return clock.day(clock.now())


def _read(ctx: click.Context, ask: Callable[[Database | None, Config | None], Awaitable[T]]) -> T:
    """What `ask` finds, with the store of the configuration where there is one."""
    if configured(ctx):
        return _with_store(configuration(ctx), ask)
    try:
        return asyncio.run(_awaited(ask(None, None)))
    except DirectoryRefused as refused:
        stop(REFUSED, refused.lines)


def _with_store(config: Config, work: Callable[[Database, Config], Awaitable[T]]) -> T:
    """Run `work` on the configured store; stops with what went wrong."""

    async def run() -> T:
        store = await open_database(config.store.url)
        try:
            return await work(store, config)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except DirectoryRefused as refused:
        stop(REFUSED, refused.lines)
    except StoreError as error:
        stop(UNREACHABLE, f"[store] url: Datenbank nicht erreichbar oder nicht lesbar ({type(error).__name__})")


async def _awaited(waiting: Awaitable[T]) -> T:
    return await waiting


def _write(folder: Path, files: dict[str, str], force: bool) -> None:
    there = [name for name in files if (folder / name).exists()]
    if there and not force:
        stop(REFUSED, [f"{folder / name}: gibt es schon; mit --force ersetzen" for name in there])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        stop(UNREACHABLE, f"{folder}: {error.strerror or 'nicht beschreibbar'}")
