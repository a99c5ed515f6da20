"""How many rows each table of a store has, so that a test can say what a request left behind.

Promises: what the gateway does in its own time, whatever comes in, is left out: the log's sealing, what is due once a
day, alarms of the state of things.
Fails: as `sqlite3`.
"""

import contextlib
import sqlite3
from pathlib import Path

OWN_TIME = ("log%", "proof", "daily", "alarm%")
"""Tables, as `like` patterns, that fill by the clock alone."""


def rows(store: Path) -> dict[str, int]:
    """Rows by table of the SQLite store at `store`."""
    left_out = " ".join(f"and name not like '{pattern}'" for pattern in OWN_TIME)
    with contextlib.closing(sqlite3.connect(store, timeout=30)) as db:
        named = db.execute(f"select name from sqlite_schema where type = 'table' {left_out}").fetchall()
        return {name: db.execute(f'select count(*) from "{name}"').fetchone()[0] for (name,) in named}
