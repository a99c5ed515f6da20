"""Which index a search walks: the one that leaves the least to look at.

Promises: pure. Every page costs what it shows, not what the store holds, where a filter has an index of its own;
otherwise it costs the window at most.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.states import MessageStatus
from gateway.store.database import Row, Value
from gateway.store.steps import listed

MAX_PAGE = 200
"""Entries of one page (contracts.md section 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for; None: any."""

    since: int
    """Begin of the window, included (microseconds UTC)."""
    before: int
    """End of the window, excluded; from the second page on, `eingang` of the last row of the page before."""
    before_id: str = ""
    """From the second page on, `id` of the last row of the page before."""
    count: int = 50
    readers: Sequence[str] | None = None
    """Only what one of these authorities may read; None: everything (operators)."""
    status: str | None = None
    absender: str | None = None
    empfaenger: str | None = None
    anlass: str | None = None
    nummer: str | None = None
    aktenzeichen_index: str | None = None
    azr_index: str | None = None
    eigene_id: str | None = None


RARE = 500
"""Messages of one number in the window up to which these are walked, rather than all that somebody may read."""


def plan(search: Search, *, rare: bool = False) -> list[tuple[str, tuple[Value, ...]]]:
    """The queries that answer a search, each with its values; `page` puts their rows together.

    More than one for a caller that stands for several authorities: each walks its own index; and for one that asks
    for a status: what it sent and what it was sent.

    Args:
        search: what is looked for.
        rare: whether the window holds at most `RARE` messages of the number that is looked for.
    """
    readers = None if search.readers is None else listed(search.readers)
    args: tuple[Value, ...] = (
        search.since,
        search.before,
        search.before_id,
        min(search.count, MAX_PAGE),
        readers,
        search.status,
        search.absender,
        search.empfaenger,
        search.anlass,
        search.nummer,
        search.aktenzeichen_index,
        search.azr_index,
        search.eigene_id,
    )
    if search.eigene_id is not None:
        return [("search_by_own_id", args)]
    if search.azr_index is not None:
        return [("search_by_azr", args)]
    if search.aktenzeichen_index is not None:
        return [("search_by_aktenzeichen", args)]
    if search.status is not None and search.status != MessageStatus.ZUGESTELLT:
        return _open(search, args)
    if rare:
        return [("search_by_nummer", args)]
    walked = search.empfaenger or search.absender
    if walked is not None:
        return [("search_by_reader", (*args, walked))]
    if search.readers is not None:
        return [("search_by_reader", (*args, reader)) for reader in sorted(set(search.readers))]
    if search.nummer is not None:
        return [("search_by_nummer", args)]
    return [("search_by_status" if search.status is not None else "search_all", args)]


def _open(search: Search, args: tuple[Value, ...]) -> list[tuple[str, tuple[Value, ...]]]:
    """For a status that few messages have: walks these instead of all that somebody may read."""
    if search.readers is not None:
        both = ("search_open_sent", "search_open_received")
        return [(name, (*args, reader)) for reader in sorted(set(search.readers)) for name in both]
    if search.absender is not None:
        return [("search_open_sent", (*args, search.absender))]
    return [("search_by_status", args)]


def page(found: Sequence[Sequence[Row]], count: int) -> list[Row]:
    """One page from the rows of a plan's queries: newest first, each message once."""
    once = {row["id"]: row for rows in found for row in rows}
    return sorted(once.values(), key=lambda row: (row["eingang"], row["id"]), reverse=True)[: min(count, MAX_PAGE)]
