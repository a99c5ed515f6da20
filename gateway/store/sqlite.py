"""SQLite: the whole store in one file, for one gateway.

Promises: WAL with synchronous=FULL. One group at a time: all steps that wait, each in a savepoint of its own, committed
together and only then answered, so that many steps share one fsync and none goes without. A step that fails is undone
alone. Readers never wait for the writer. The event loop waits for no fsync, for no other process and for no large
statement; short ones run on it, for a thread would wait longer for Python's lock than the statement takes.
Fails: `StoreUnavailable` when the file cannot be opened, is locked for long or the disk is full, or when more than
`MAX_WAITING` steps wait; then none of the steps concerned is committed.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gateway.store.database import AlreadyThere, Do, Row, StoreError, StoreUnavailable, Value, counted
from gateway.store.queries import Query, migration_for_sqlite, statements
from gateway.store.resources import migrations, queries

MAX_WAITING = 2_000
"""Steps that may wait for the writer: some seconds of work. Beyond that it is honest to refuse than to promise."""
MAX_GROUP = 256
"""Steps in one commit: far beyond where the shared fsync stops mattering, and still short for those that wait."""
BUSY_SECONDS = 5
"""How long to wait for another process (a command line) that is writing."""
READERS = 4
"""Reading threads; reads are short, and two cores are common."""
STATEMENT_CACHE = 256
"""Prepared statements per connection: more than there are named queries."""
LARGE_BYTES = 64 * 1024
"""A step that writes more than this at once runs in a thread."""
LARGE = frozenset({"delete_chunks", "delete_shredded", "discard_content", "shred_contents", "sweep_staged"})
"""Steps that may touch many pages, likewise."""
QUICK = frozenset(
    {
        "chunks", "content", "delivery", "delivery_by_wire_id", "inbound_by_transport", "log_head", "marks_of_azr",
        "message", "message_by_identity", "parts", "proof_known", "receipt_with_bytes", "vorgang",
        "vorgang_of_message", "withheld_marks_of_azr",
    }
)  # fmt: skip
"""What every message asks for: look-ups of a few rows by a key, quicker than a thread is woken."""
JOURNAL_LIMIT = 64 * 1024 * 1024
"""Bytes to which the write-ahead log is cut back after a large upload."""

Result = list[list[Row]] | BaseException
T = TypeVar("T")


@dataclass(slots=True)
class _Waiting:
    """A step that waits for the writer, and who waits for it."""

    steps: Sequence[Do]
    future: asyncio.Future[list[list[Row]]]


class SqliteDatabase:
    """A `Database` in one file."""

    def __init__(self, path: str, writer: sqlite3.Connection) -> None:
        self._path = path
        self._connection = writer
        self._constraints = _constraints(writer)
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")
        self._closing = False
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")

    @classmethod
    async def open(cls, path: str) -> SqliteDatabase:
        """Open or make the file and bring its schema forward.

        Raises:
            StoreUnavailable: the file cannot be opened or written.
            StoreError: its schema is newer than this program.
        """
        return cls(path, await asyncio.to_thread(_open_and_migrate, path))

    async def commit(self, *steps: Do) -> list[list[Row]]:
        """See `Database.commit`."""
        known = queries()
        for step in steps:
            known[step.query].check(step.args)
        if self._closing:
            raise StoreUnavailable("closed")
        if len(self._waiting) >= MAX_WAITING:
            raise StoreUnavailable("too many steps wait")
        future: asyncio.Future[list[list[Row]]] = self._loop.create_future()
        self._waiting.append(_Waiting(steps, future))
        if self._writing is None:
            self._writing = self._loop.create_task(self._write())
        return await future

    async def fetch(self, query: str, *args: Value) -> list[Row]:
        """See `Database.fetch`."""
        named = queries()[query]
        named.check(args)
        if self._closing:
            raise StoreUnavailable("closed")
        if query in QUICK:
            return self._read(named, args)
        return await self._loop.run_in_executor(self._readers, self._read, named, args)

    async def fetch_one(self, query: str, *args: Value) -> Row | None:
        """See `Database.fetch_one`."""
        rows = await self.fetch(query, *args)
        return rows[0] if rows else None

    def wake_others(self) -> None:
        """See `Database.wake_others`: there are none."""

    async def listen(self, heard: Callable[[], None]) -> None:
        """See `Database.listen`: there is nobody to hear."""

    def deafen(self) -> None:
        """See `Database.deafen`."""

    async def close(self) -> None:
        """See `Database.close`. Steps that already wait are still committed."""
        if self._closing:
            return
        self._closing = True
        if self._writing is not None:
            await asyncio.wait({self._writing})
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        for connection in (*self._reading, self._connection):
            connection.close()

    def _read(self, query: Query, args: tuple[Value, ...]) -> list[Row]:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = self._local.connection = _connect(self._path)
                connection.execute("pragma query_only = on")
                self._reading.append(connection)
            return _run(connection, query, args)[0]
        except sqlite3.Error as error:
            raise self._meaning(error) from error

    # One task writes, on the loop and in the writer's thread by turns; only it touches `_connection` after __init__.

    async def _write(self) -> None:
        """Group after group, until nothing waits."""
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(MAX_GROUP, len(self._waiting)))]
                _answer(group, await self._commit_group([waiting.steps for waiting in group]))
        finally:
            self._writing = None

    async def _commit_group(self, group: Sequence[Sequence[Do]]) -> list[Result]:
        try:
            await self._begin()
            large = any(_is_large(step) for steps in group for step in steps)
            results = await self._in_thread(self._run_group, group) if large else self._run_group(group)
            await self._in_thread(self._connection.execute, "commit")
        except Exception as error:  # whatever it was: somebody waits for an answer, and the next group must go on
            if self._connection.in_transaction:
                self._connection.rollback()
            failure = self._meaning(error)
            return [failure for _ in group]
        return results

    async def _begin(self) -> None:
        """Takes the file's only place for writing; whoever else has it is waited for in the thread."""
        try:
            self._connection.execute("begin immediate")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            await self._in_thread(self._begin_patiently)

    def _begin_patiently(self) -> None:
        self._connection.execute(f"pragma busy_timeout = {round(BUSY_SECONDS * 1000)}")
        try:
            self._connection.execute("begin immediate")
        finally:
            self._connection.execute("pragma busy_timeout = 0")

    def _in_thread(self, work: Callable[..., T], *args: object) -> asyncio.Future[T]:
        return self._loop.run_in_executor(self._writer, work, *args)

    def _run_group(self, group: Sequence[Sequence[Do]]) -> list[Result]:
        return [self._commit_one(steps) for steps in group]

    def _commit_one(self, steps: Sequence[Do]) -> Result:
        """Run one step in its savepoint; its own failure is its result, a failure of the whole commit is raised."""
        self._connection.execute("savepoint step")
        try:
            rows = [self._do(step) for step in steps]
        except (StoreError, sqlite3.Error) as error:
            if not self._connection.in_transaction:  # SQLite undid everything: disk full, out of memory, I/O
                raise
            self._connection.execute("rollback to step")
            self._connection.execute("release step")
            return self._meaning(error)
        self._connection.execute("release step")
        return rows

    def _do(self, step: Do) -> list[Row]:
        rows, touched = _run(self._connection, queries()[step.query], step.args)
        counted(step, touched)
        return rows

    def _meaning(self, error: Exception) -> StoreError:
        """What an error of SQLite means to the gateway."""
        if isinstance(error, StoreError):
            return error
        unique = re.match(r"UNIQUE constraint failed: (.*)", str(error))
        if unique:
            return AlreadyThere(self._constraints.get(unique[1], unique[1]))
        if isinstance(error, sqlite3.OperationalError):
            return StoreUnavailable(str(error))
        return StoreError(str(error))


def _is_large(step: Do) -> bool:
    return step.query in LARGE or any(isinstance(value, bytes) and len(value) > LARGE_BYTES for value in step.args)


def _answer(group: Sequence[_Waiting], results: Sequence[Result]) -> None:
    for waiting, result in zip(group, results, strict=True):
        if waiting.future.done():  # whoever waited was cancelled
            continue
        if isinstance(result, BaseException):
            waiting.future.set_exception(result)
        else:
            waiting.future.set_result(result)


def _run(connection: sqlite3.Connection, query: Query, args: Sequence[Value]) -> tuple[list[Row], int]:
    """Run one query.

    Returns:
        Its rows, and how many it returned or changed. Values are bound by name always: a sequence would be bound in
        the order in which the parameters first appear.
    """
    cursor = connection.execute(query.sqlite, {str(n): value for n, value in enumerate(args, 1)})
    if not query.returns_rows:
        return [], cursor.rowcount
    columns = [column[0] for column in cursor.description]
    rows: list[Row] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return rows, len(rows)


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=STATEMENT_CACHE
    )
    connection.execute("pragma foreign_keys = on")
    # What is deleted within a page is overwritten, at no cost; whole pages hold only what nobody has a key for.
    connection.execute("pragma secure_delete = fast")
    return connection


def _open_and_migrate(path: str) -> sqlite3.Connection:
    try:
        Path(path).touch(mode=0o600)  # who wrote to whom is nobody else's business
        connection = _connect(path)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailable(f"{path}: {error}") from error
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute(f"pragma journal_size_limit = {JOURNAL_LIMIT}")
        _migrate(connection)
        connection.execute("pragma busy_timeout = 0")  # see `_begin`
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise StoreUnavailable(f"{path}: {error}") from error
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema forward; all missing migrations in one transaction."""
    connection.execute("begin immediate")
    connection.execute(
        "create table if not exists schema_version (version integer primary key, applied integer not null) strict"
    )
    done: Any = connection.execute(queries()["schema_version"].sqlite).fetchone()[0] or 0
    if done > len(migrations()):
        connection.rollback()
        raise StoreError(f"Die Datenbank hat Schema {done}, dieses Programm kennt nur {len(migrations())}.")
    for migration in migrations()[done:]:
        for statement in statements(migration_for_sqlite(migration.sql)):
            connection.execute(statement)
        connection.execute(
            "insert into schema_version (version, applied) values (:number, :now)",
            {"number": migration.number, "now": time.time_ns() // 1000},
        )
    connection.execute("commit")


def _constraints(connection: sqlite3.Connection) -> dict[str, str]:
    """Names of the unique constraints by what SQLite says when one is violated, `message.absender, message.eigene_id`.

    Primary keys get the name that PostgreSQL gives them.
    """
    named: dict[str, str] = {}
    tables = [row[0] for row in connection.execute("select name from sqlite_schema where type = 'table'")]
    for table in tables:
        for index in connection.execute(f"pragma index_list({table})").fetchall():
            columns = [row[2] for row in connection.execute(f"pragma index_info({index[1]})")]
            name = f"{table}_pkey" if index[3] == "pk" else index[1]
            if index[2]:
                named[", ".join(f"{table}.{column}" for column in columns)] = name
    return named
