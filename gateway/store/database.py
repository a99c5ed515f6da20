"""What a database promises to the gateway, whichever it is: SQLite in one file or PostgreSQL for many gateways.

Promises: a step is a list of statements that become durable together or not at all; when `commit` returns, they are.
Statements are named queries (`queries.sql`), so that no SQL stands anywhere else.
Fails: `StaleState` when a statement touched another number of rows than expected (the whole step is undone),
`AlreadyThere` when a unique constraint is violated, `StoreUnavailable` when the database cannot work now (the step may
be tried again; where the connection broke during the commit it may also have happened), `StoreError` for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Value = str | int | bytes | None
"""What a parameter may be: both databases store these four without conversion."""

Row = Mapping[str, Any]
"""One row: column name to value."""


@dataclass(frozen=True, slots=True)
class Do:
    """One statement of a step."""

    query: str
    """Name in `queries.sql`."""
    args: tuple[Value, ...] = ()
    """Values of `$1`, `$2` …"""
    expect: int | None = None
    """Rows that must be changed or returned; another number undoes the whole step. None: any number."""


class StoreError(Exception):
    """The database refused a statement; trying again would not help."""


class StaleState(StoreError):
    """A row was not in the state that the step starts from: somebody else was quicker."""

    def __init__(self, query: str, expected: int, found: int) -> None:
        self.query = query
        self.expected = expected
        self.found = found
        super().__init__(f"{query}: {found} row(s) instead of {expected}")


class AlreadyThere(StoreError):
    """A unique constraint is violated."""

    def __init__(self, constraint: str) -> None:
        self.constraint = constraint
        super().__init__(constraint)


class StoreUnavailable(StoreError):
    """The database cannot work now: away, locked, full, or too much is waiting."""


class Database(Protocol):
    """The seam between the gateway and its database."""

    async def commit(self, *steps: Do) -> list[list[Row]]:
        """Run statements as one atomic, durable step.

        Returns:
            One list of rows per statement, in their order; empty where the statement returns none.

        Raises:
            StaleState: a statement touched another number of rows than it expected.
            AlreadyThere: a unique constraint is violated.
            StoreUnavailable: the database cannot work now.
            StoreError: anything else that the database refused.
        """
        ...

    async def fetch(self, query: str, *args: Value) -> list[Row]:
        """Read the rows of one query, outside any step.

        Raises:
            StoreUnavailable: the database cannot work now.
            StoreError: anything else that the database refused.
        """
        ...

    async def fetch_one(self, query: str, *args: Value) -> Row | None:
        """Read the first row of one query, or None. Raises as `fetch` does."""
        ...

    def wake_others(self) -> None:
        """Tell other processes on this store that there may be work; soon, and not for sure."""
        ...

    async def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` whenever another process may have left work, until `deafen`; never raises."""
        ...

    def deafen(self) -> None:
        """End `listen`."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of every connection and thread; later calls are `StoreUnavailable`."""
        ...


def counted(step: Do, found: int) -> None:
    """Hold the rows that a statement touched against what it expects.

    Raises:
        StaleState: they differ.
    """
    if step.expect is not None and found != step.expect:
        raise StaleState(step.query, step.expect, found)
