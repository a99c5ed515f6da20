"""Statements that are made the same way wherever they are needed.

Promises: pure; only builds what `Database.commit` runs.
Fails: `TypeError` for a value that the query does not have, or that it needs and was not given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from gateway.store.database import Do, Value
from gateway.store.resources import queries


def do(query: str, /, expect: int | None = None, **values: Value) -> Do:
    """A statement with its values by name, as `queries.sql` declares them.

    Raises:
        KeyError: there is no such query.
        TypeError: the values are not exactly its parameters.
    """
    parameters = queries()[query].parameters
    args = tuple([values[name] for name in parameters if name in values])
    if not len(args) == len(parameters) == len(values):
        wrong = sorted(set(values) ^ set(parameters))
        raise TypeError(f"{query}: missing or unknown: {', '.join(wrong)}")
    return Do(query, args, expect)


def listed(values: Iterable[str]) -> str:
    """A set of texts as one value, for `in list($n)`."""
    return json.dumps(sorted(set(values)), ensure_ascii=False)


def status_follows(message_id: str, now: int) -> tuple[Do, Do]:
    """What ends every step that changes a delivery: the message's status follows from all of its deliveries.

    Two statements, because the second must see what others committed while the first waited for the row.
    """
    return (
        do("touch_message", expect=1, id=message_id, now=now),
        do("derive_message_status", id=message_id, now=now),
    )
