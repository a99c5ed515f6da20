"""A consistent copy of a store while gateways serve, and a store made from such a copy.

A copy is always one SQLite file with our schema, whichever database it comes from: so it can be read without a server,
and a store can move from one database to the other.

Promises: a copy is what one moment held (SQLite: `VACUUM INTO` under WAL; PostgreSQL: one `repeatable read`
transaction), and no writer waits for it; it is complete and synced before it has its name, is readable by its owner
alone, and overwrites nothing. What was deleted is not in it. A restored store exists whole, with the mark that the
next start acts on (gateway/service/upkeep/restoring.py), or not at all; nothing that exists is overwritten.
Fails: `FileExistsError`, `OSError`; `StoreUnavailable` for a database that cannot be reached, `StoreError` for a copy
that is damaged, no copy of ours, or newer than this program, and for a database that is not empty.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any, Final

import asyncpg

from gateway.store.database import StoreError, StoreUnavailable
from gateway.store.postgres import PostgresDatabase
from gateway.store.resources import migrations
from gateway.store.sqlite import SqliteDatabase

ROWS: Final = 64
"""Rows read from PostgreSQL at once: 16 MB of chunks."""
LOOK_S: Final = 0.2
"""How often the size of the growing copy is told."""
EMPTY: Final = ("message", "inbound", "event", "content")
"""Tables that hold nothing in a database that nobody has used yet."""

Told = Callable[[int], object]
"""Hears how many bytes the copy has."""


async def copy_store(url: str, target: Path, told: Told = lambda _: None) -> None:
    """Copy the store behind `url` into the new file `target`."""
    part = _part(target)
    try:
        async with _telling(part, told):
            if url.startswith("sqlite:///"):
                await asyncio.to_thread(_vacuum, url.removeprefix("sqlite:///"), part)
            else:
                await _export(url, part)
        await asyncio.to_thread(_finish, part, target)
    finally:
        part.unlink(missing_ok=True)


async def restore_store(source: Path, url: str, now: int, *, hold: bool, told: Told = lambda _: None) -> None:
    """Make the store behind `url` from a copy.

    Args:
        source: a copy.
        url: a SQLite file that does not exist, or a PostgreSQL database that nobody has used.
        now: microseconds UTC, for the mark.
        hold: whether what may have been delivered since the copy waits for a person.
        told: hears of the progress.
    """
    await asyncio.to_thread(_check, source)
    if url.startswith("sqlite:///"):
        await _restore_file(source, Path(url.removeprefix("sqlite:///")), (now, int(hold)), told)
    else:
        await _restore_postgres(source, url, (now, int(hold)), told)


def keys_of(source: Path) -> list[dict[str, Any]]:
    """The rows of `store_key` in a copy, to hold the configuration's keys against."""
    with _reading(source) as connection:
        cursor = connection.execute("select id, zweck, nummer, kek, wrapped from store_key")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


# --- copying ---------------------------------------------------------------------------------------------------------


def _part(target: Path) -> Path:
    """Where the copy grows: beside its place, for its owner alone."""
    if os.path.lexists(target):
        raise FileExistsError(f"{target}: Datei gibt es schon; sie bleibt, wie sie ist")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return part


def _vacuum(path: str, part: Path) -> None:
    if not Path(path).exists():
        raise StoreUnavailable(f"{path}: keine Datenbank")
    with _as_store_error(), closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute("vacuum into ?", (str(part),))


async def _export(url: str, part: Path) -> None:
    await (await SqliteDatabase.open(str(part))).close()
    source = await _connected(url)
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as target:
            target.execute("pragma foreign_keys = off")
            target.execute("pragma synchronous = off")  # synced whole, at the end
            async with source.transaction(isolation="repeatable_read", readonly=True):
                version = await source.fetchval("select max(version) from schema_version")
                if version != len(migrations()):
                    raise StoreError(f"Die Datenbank hat Schema {version}, dieses Programm {len(migrations())}.")
                for table in _tables(target):
                    await _export_table(source, target, table)
            target.execute("pragma journal_mode = delete")
    except (asyncpg.PostgresError, OSError) as error:
        raise StoreUnavailable(f"{type(error).__name__}") from None
    finally:
        await source.close()


async def _export_table(source: asyncpg.Connection, target: sqlite3.Connection, table: str) -> None:
    columns = _columns(target, table)
    marks = ", ".join("?" * len(columns))
    names = ", ".join(columns)
    target.execute("begin")
    target.execute(f"delete from {table}")  # noqa: S608 - names of our own schema
    cursor = await source.cursor(f"select {names} from {table}")  # noqa: S608
    while rows := await cursor.fetch(ROWS):
        target.executemany(f"insert into {table} ({names}) values ({marks})", [tuple(row) for row in rows])  # noqa: S608
    target.execute("commit")


def _finish(part: Path, target: Path) -> None:
    """The copy gets its name, once it is whole on the disk."""
    _check(part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.link(part, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@asynccontextmanager
async def _telling(path: Path, told: Told) -> AsyncIterator[None]:
    async def tell() -> None:
        while True:
            with suppress(OSError):
                told(path.stat().st_size)  # noqa: ASYNC240 - a look at one entry
            await asyncio.sleep(LOOK_S)

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()


# --- restoring -------------------------------------------------------------------------------------------------------


def _check(source: Path) -> None:
    """Hold that a file is a whole copy that this program can read."""
    with _reading(source) as connection:
        found = connection.execute("pragma quick_check").fetchone()[0]
        if found != "ok":
            raise StoreError(f"{source}: die Sicherung ist beschädigt ({found.splitlines()[0]})")
        version = _version(connection)
    if version > len(migrations()):
        raise StoreError(f"{source}: die Sicherung hat Schema {version}, dieses Programm kennt nur {len(migrations())}")


async def _restore_file(source: Path, target: Path, mark: tuple[int, int], told: Told) -> None:
    _demand_nothing_beside(target)
    part = _part(target)
    try:
        async with _telling(part, told):
            await asyncio.to_thread(shutil.copyfile, source, part)
            await _brought_forward(part, mark)
        await asyncio.to_thread(_finish, part, target)
    finally:
        part.unlink(missing_ok=True)


def _demand_nothing_beside(target: Path) -> None:
    """A leftover of another file would be read as a part of this one."""
    for beside in ("-wal", "-shm"):
        if os.path.lexists(f"{target}{beside}"):
            raise FileExistsError(f"{target}{beside}: Datei gibt es schon; erst die frühere Datenbank beiseitelegen")


async def _brought_forward(path: Path, mark: tuple[int, int] | None = None) -> None:
    """The schema of now; with the mark of a restored store."""
    await (await SqliteDatabase.open(str(path))).close()
    with _as_store_error(), closing(sqlite3.connect(path)) as connection, connection:
        if mark is not None:
            connection.execute("insert into restored (at, hold) values (?, ?) on conflict do nothing", mark)
    with _as_store_error(), closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = delete")  # one file, nothing of it beside


async def _restore_postgres(source: Path, url: str, mark: tuple[int, int], told: Told) -> None:
    await (await PostgresDatabase.open(url)).close()
    with _reading(source) as connection:
        current = _version(connection) == len(migrations())
    if current:
        await _import(source, url, mark, told)
        return
    part = source.with_name(f".{source.name}.{os.getpid()}.part")
    try:
        await asyncio.to_thread(shutil.copyfile, source, part)
        await _brought_forward(part)
        await _import(part, url, mark, told)
    finally:
        part.unlink(missing_ok=True)


async def _import(source: Path, url: str, mark: tuple[int, int], told: Told) -> None:
    """All tables in one transaction."""
    target = await _connected(url)
    try:
        with _reading(source) as copy:
            async with target.transaction():
                await _demand_empty(target)
                await _import_tables(copy, target, told)
                await target.execute("insert into restored (at, hold) values ($1, $2) on conflict do nothing", *mark)
    except (asyncpg.PostgresError, OSError) as error:
        raise StoreUnavailable(f"{type(error).__name__}") from None
    finally:
        await target.close()


async def _import_tables(copy: sqlite3.Connection, target: asyncpg.Connection, told: Told) -> None:
    tables, done = _tables(copy), 0
    for table in reversed(tables):
        await target.execute(f"delete from {table}")  # noqa: S608 - names of our own schema
    for table in tables:
        columns = _columns(copy, table)
        rows = copy.execute(f"select {', '.join(columns)} from {table}")  # noqa: S608
        while some := rows.fetchmany(ROWS):
            await target.copy_records_to_table(table, records=some, columns=columns)
            done += sum(len(value) for row in some for value in row if isinstance(value, bytes))
            told(done)


async def _demand_empty(target: asyncpg.Connection) -> None:
    for table in EMPTY:
        if await target.fetchval(f"select exists (select 1 from {table})"):  # noqa: S608
            raise StoreError("Die Datenbank ist nicht leer; eine neue anlegen (createdb) und in [store] url eintragen")


async def _connected(url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(url, server_settings={"application_name": "gateway backup"})
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise StoreUnavailable(type(error).__name__) from None


# --- reading a copy --------------------------------------------------------------------------------------------------


class _as_store_error:  # noqa: N801 - reads as a statement
    """What SQLite says of a file becomes a `StoreError`."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.OperationalError):
            raise StoreUnavailable(str(error)) from None
        if isinstance(error, sqlite3.Error):
            raise StoreError(f"keine Sicherung eines Gateways, oder beschädigt ({error})") from None


class _reading:  # noqa: N801 - reads as a statement
    """A copy, to be read; nothing is written, not even beside it."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: Datei fehlt")
        self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        self._guard = _as_store_error()

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._connection.close()
        self._guard.__exit__(kind, error, trace)


def _version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("select max(version) from schema_version").fetchone()[0]
    return found


def _tables(connection: sqlite3.Connection) -> list[str]:
    """All tables of a copy, each after those that it refers to."""
    names = [row[0] for row in connection.execute("select name from sqlite_schema where type = 'table' order by rowid")]
    ordered: list[str] = []
    for name in names:
        ordered += [each for each in _with_referred(connection, name) if each not in ordered]
    return ordered


def _with_referred(connection: sqlite3.Connection, table: str) -> Iterator[str]:
    for row in connection.execute(f"pragma foreign_key_list({table})").fetchall():
        if row[2] != table:
            yield from _with_referred(connection, row[2])
    yield table


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"pragma table_info({table})")]
