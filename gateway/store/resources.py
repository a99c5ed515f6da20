"""The files that come with the store: its named queries and its migrations, read once from the package.

Promises: the same values for the whole life of the process.
Fails: `ValueError` when a packaged file is broken, which a test shows before anybody else sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from gateway.store.queries import Query, parse


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema forward."""

    number: int
    sql: str


@cache
def queries() -> Mapping[str, Query]:
    """All named queries."""
    return parse(files("gateway.store").joinpath("queries.sql").read_text("utf-8"))


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations, the first first.

    Raises:
        ValueError: their numbers are not 1, 2, 3 …
    """
    found = [f for f in files("gateway.store").joinpath("migrations").iterdir() if f.name.endswith(".sql")]
    steps = tuple(Migration(int(f.name[:4]), f.read_text("utf-8")) for f in sorted(found, key=lambda f: f.name))
    if [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise ValueError("migrations are not numbered without gaps")
    return steps
