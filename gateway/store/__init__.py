"""What survives a power cut."""

from __future__ import annotations

from gateway.store.database import (
    AlreadyThere,
    Database,
    Do,
    Row,
    StaleState,
    StoreError,
    StoreUnavailable,
)

__all__ = ["AlreadyThere", "Database", "Do", "Row", "StaleState", "StoreError", "StoreUnavailable", "open_database"]


async def open_database(url: str) -> Database:
    """Open the database behind `url` and bring its schema forward.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://…`.

    Raises:
        ValueError: the URL names no database that we know.
        StoreUnavailable: the database cannot be reached.
        StoreError: its schema is newer than this program.
    """
    if url.startswith("sqlite:///"):
        from gateway.store.sqlite import SqliteDatabase

        return await SqliteDatabase.open(url.removeprefix("sqlite:///"))
    if url.startswith(("postgresql://", "postgres://")):
        from gateway.store.postgres import PostgresDatabase

        return await PostgresDatabase.open(url)
    raise ValueError("store.url: erwartet wird sqlite:///… oder postgresql://…")
