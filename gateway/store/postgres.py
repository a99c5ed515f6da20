"""PostgreSQL: one store for several gateways.

Promises: every step is one transaction of its own; the server shares the flush of its log among those that commit at
the same moment. A step that lost a deadlock is run again: it is a list of statements, so nothing else has to be.
Fails: `StoreUnavailable` when the server is away, shutting down, full or out of connections; if the connection broke
during the commit, the step may have happened all the same.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence

import asyncpg

from gateway.store.database import AlreadyThere, Do, Row, StoreError, StoreUnavailable, Value, counted
from gateway.store.postgres_wakes import Wakes
from gateway.store.queries import Query
from gateway.store.resources import migrations, queries

CONNECTIONS = 10
"""Per gateway: enough steps at once for the server to share flushes, few enough for ten gateways on one server."""
ACQUIRE_SECONDS = 10
"""How long a step waits for a connection before the sender is told to come back."""
COMMAND_SECONDS = 30
"""No named query takes seconds; beyond this the server is not well."""
STATEMENT_CACHE = 256
"""Prepared statements per connection: more than there are named queries."""
TRIES = 5
"""Runs of a step that keeps losing deadlocks; the second nearly always wins."""
PAUSE_MILLISECONDS = 20
"""Longest pause before the second run, doubled before each further one; its length is chance, so that those that met
do not meet again."""
MIGRATION_LOCK = 7_209_001
"""Advisory lock that one gateway holds while it brings the schema forward. Any number that nobody else uses."""

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says of a connection that ends in the middle of a statement
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
_LOST = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


UNREADABLE = (
    "[store] url ist keine lesbare Adresse (postgresql://Benutzer:Kennwort@Rechner:Port/Datenbank); "
    "Sonderzeichen im Kennwort als %XX schreiben"
)


class PostgresDatabase:
    """A `Database` on a PostgreSQL server."""

    def __init__(self, pool: asyncpg.Pool, url: str) -> None:
        self._pool = pool
        self._wakes = Wakes(url)

    @classmethod
    async def open(cls, url: str) -> PostgresDatabase:
        """Connect and bring the schema forward.

        Raises:
            StoreUnavailable: the server cannot be reached.
            StoreError: its schema is newer than this program, or `url` cannot be read.
        """
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=CONNECTIONS,
                command_timeout=COMMAND_SECONDS,
                statement_cache_size=STATEMENT_CACHE,
                server_settings={"application_name": "gateway", "jit": "off"},
                init=_insist_on_durability,
                reset=_leave_clean,
            )
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise _meaning(error) from None
        except ValueError:  # its text may repeat the address, and that the password
            raise StoreError(UNREADABLE) from None
        database = cls(pool, url)
        try:
            async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
                await _migrate(connection)
        except BaseException as error:
            await database.close()
            if isinstance(error, (*_AWAY, asyncpg.PostgresError)):
                raise _meaning(error) from None
            raise
        return database

    async def commit(self, *steps: Do) -> list[list[Row]]:
        """See `Database.commit`."""
        known = queries()
        for step in steps:
            known[step.query].check(step.args)
        for run in range(TRIES):
            try:
                return await self._commit_once(steps)
            except _LOST:
                await asyncio.sleep(secrets.randbelow(PAUSE_MILLISECONDS << run) / 1000)
            except (*_AWAY, asyncpg.PostgresError) as error:
                raise _meaning(error) from None
        raise StoreUnavailable("deadlocks")

    async def _commit_once(self, steps: Sequence[Do]) -> list[list[Row]]:
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            return [await _do(connection, step) for step in steps]

    async def fetch(self, query: str, *args: Value) -> list[Row]:
        """See `Database.fetch`."""
        named = queries()[query]
        named.check(args)
        try:
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                return (await _run(connection, named, args))[0]
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise _meaning(error) from None

    async def fetch_one(self, query: str, *args: Value) -> Row | None:
        """See `Database.fetch_one`."""
        rows = await self.fetch(query, *args)
        return rows[0] if rows else None

    def wake_others(self) -> None:
        """See `Database.wake_others`."""
        self._wakes.wake_others()

    async def listen(self, heard: Callable[[], None]) -> None:
        """See `Database.listen`."""
        await self._wakes.run(heard)

    def deafen(self) -> None:
        """See `Database.deafen`."""
        self._wakes.close()

    async def close(self) -> None:
        """See `Database.close`."""
        self._wakes.close()
        try:
            await asyncio.wait_for(self._pool.close(), ACQUIRE_SECONDS)
        except TimeoutError:
            self._pool.terminate()


async def _insist_on_durability(connection: Connection) -> None:
    """An answer means durable: a server that is set to answer before the flush is overruled for our sessions."""
    await connection.execute(
        "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"
    )


async def _leave_clean(connection: Connection) -> None:
    """Before a connection goes back: our sessions keep their settings, and hold nothing but perhaps a transaction."""
    if connection.is_in_transaction():
        await connection.execute("rollback")


async def _do(connection: Connection, step: Do) -> list[Row]:
    rows, touched = await _run(connection, queries()[step.query], step.args)
    counted(step, touched)
    return rows


async def _run(connection: Connection, query: Query, args: Sequence[Value]) -> tuple[list[Row], int]:
    """Run one query; its rows, and how many it returned or changed."""
    if query.returns_rows:
        rows: list[Row] = [dict(record) for record in await connection.fetch(query.postgres, *args)]
        return rows, len(rows)
    status = await connection.execute(query.postgres, *args)
    return [], int(status.rpartition(" ")[2])


async def _migrate(connection: Connection) -> None:
    """Bring the schema forward; all missing migrations in the caller's transaction, one gateway at a time."""
    await connection.execute(f"select pg_advisory_xact_lock({MIGRATION_LOCK})")
    await connection.execute(
        "create table if not exists schema_version (version bigint primary key, applied bigint not null)"
    )
    done = await connection.fetchval(queries()["schema_version"].postgres) or 0
    if done > len(migrations()):
        raise StoreError(f"Die Datenbank hat Schema {done}, dieses Programm kennt nur {len(migrations())}.")
    for migration in migrations()[done:]:
        await connection.execute(migration.sql)
        await connection.execute(
            "insert into schema_version (version, applied) values ($1, $2)", migration.number, time.time_ns() // 1000
        )


def _meaning(error: Exception) -> StoreError:
    """What an error of asyncpg means to the gateway; without the server's text, which may quote a row's values."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return AlreadyThere(str(error.constraint_name))
    if isinstance(error, asyncpg.PostgresError):
        where = (error.sqlstate, error.table_name, error.column_name, error.constraint_name)
        text = " ".join([type(error).__name__, *(str(word) for word in where if word)])
    else:
        text = type(error).__name__
    away = isinstance(error, _AWAY) and not isinstance(error, asyncpg.DataError)
    return StoreUnavailable(text) if away else StoreError(text)
