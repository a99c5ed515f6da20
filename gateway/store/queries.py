"""The named queries: how `queries.sql` and the migrations are read, and what each database gets to see of them.

Promises: one text for both databases. Three things alone differ, and only here: column types of the migrations, `in
list($n)` (a JSON array of texts as a set), and `/*postgres … */`, which PostgreSQL alone reads (the claim's row locks).
Fails: `ValueError` for a file that breaks these rules, `KeyError` for a name that it does not have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_HEADER = re.compile(r"^-- (name|fragment): (\w+)(?:\(([^)]*)\))?\n", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
_FRAGMENT = re.compile(r"\{(\w+)\}")
_LIST = re.compile(r"\bin list\((\$\d+)\)")
_POSTGRES_ONLY = re.compile(r"/\*postgres (.*?)\*/", re.DOTALL)
_PARAMETER = re.compile(r"\$(\d+)")
_RETURNS = re.compile(r"^\s*select\b|\breturning\b", re.IGNORECASE)

SQLITE_TYPES = {"bigint": "integer", "bytea": "blob"}
"""Column types of the migrations, written for PostgreSQL, as SQLite's strict tables call them."""


@dataclass(frozen=True, slots=True)
class Query:
    """One named query."""

    name: str
    parameters: tuple[str, ...]
    """Names of `$1`, `$2` …"""
    sql: str
    """The text as the file has it, without comments."""
    sqlite: str
    postgres: str
    returns_rows: bool

    def check(self, args: tuple[object, ...]) -> None:
        """Hold a call's values against the parameters.

        Raises:
            TypeError: there are more or fewer values than parameters.
        """
        if len(args) != len(self.parameters):
            raise TypeError(f"{self.name} takes {len(self.parameters)} values ({', '.join(self.parameters)})")


def parse(text: str) -> Mapping[str, Query]:
    """Read a file of named queries.

    Args:
        text: blocks that begin with `-- name: query(first, second)` or with `-- fragment: piece`; `{piece}` further
            down stands for that fragment's text.

    Raises:
        ValueError: a name twice, or a query whose parameters are not exactly those that it declares.
    """
    fragments: dict[str, str] = {}
    queries: dict[str, Query] = {}
    pieces = _HEADER.split(text)[1:]
    for kind, name, parameters, body in zip(pieces[::4], pieces[1::4], pieces[2::4], pieces[3::4], strict=True):
        sql = _FRAGMENT.sub(lambda m: fragments[m[1]], _COMMENT.sub("", body).strip().removesuffix(";"))
        if name in queries or name in fragments:
            raise ValueError(f"{name} stands twice in the named queries")
        if kind == "fragment":
            fragments[name] = sql
        else:
            queries[name] = _query(name, parameters or "", sql)
    return queries


def _query(name: str, parameters: str, sql: str) -> Query:
    names = tuple(re.findall(r"\w+", parameters))
    if {int(n) for n in _PARAMETER.findall(sql)} != set(range(1, len(names) + 1)):
        raise ValueError(f"{name} does not use exactly the {len(names)} parameters that it declares")
    return Query(name, names, sql, for_sqlite(sql), for_postgres(sql), _RETURNS.search(sql) is not None)


def for_sqlite(sql: str) -> str:
    """A query as SQLite reads it."""
    return _LIST.sub(r"in (select value from json_each(\1))", _POSTGRES_ONLY.sub("", sql))


def for_postgres(sql: str) -> str:
    """A query as PostgreSQL reads it: `= any(array(…))` lets it use an index for the set."""
    as_array = r"= any(array(select jsonb_array_elements_text(cast(\1 as text)::jsonb)))"
    return _LIST.sub(as_array, _POSTGRES_ONLY.sub(r"\1", sql))


def migration_for_sqlite(sql: str) -> str:
    """A migration as SQLite reads it: its own type names, and tables that hold every value to its column's type."""
    for theirs, ours in SQLITE_TYPES.items():
        sql = re.sub(rf"\b{theirs}\b", ours, sql)
    return re.sub(r"^\);", ") strict;", sql, flags=re.MULTILINE)


def statements(script: str) -> list[str]:
    """The single statements of a migration; a statement ends with `;` at the end of a line."""
    return [s.strip() for s in re.split(r";\s*\n", _COMMENT.sub("", script) + "\n") if s.strip()]
