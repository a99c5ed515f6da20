"""The first start on a store that was made from a copy: nothing is sent a second time, and nothing is forgotten.

What was open at the moment of the copy may have been delivered since. What was sealed then is sent again with the same
bytes under the same Message-ID: the recipient knows it and answers with the same receipt (wire.md section 4). What was
not sealed yet could only go out under a new Message-ID: unless the operator said that all recipients know repetitions
by their business key, it waits for a person, who asks the recipient (`gateway resend`, `gateway cancel`).

The steps: 1 leases of the gateway that died end · 2 open deliveries get the note `RESTORED`, their age and deadline
begin anew, one page a commit · 3 the event is written and the mark removed, in one commit.

Promises: finished before workers start; cut off anywhere, the next start begins again without harm.
Fails: `StoreError`.
"""

from __future__ import annotations

import json
from typing import Any, Final

from gateway.clock import as_iso
from gateway.events import Art
from gateway.service.context import Context
from gateway.store.database import Do, Row
from gateway.store.steps import do

RESTORED: Final = "wiederhergestellt"
"""Note of a delivery that came from a copy: it is not sealed anew unless an operator says so."""
ASK_FIRST: Final = (
    "Diese Zustellung stammt aus einer Sicherung und kann inzwischen angekommen sein: beim Empfänger nachfragen, dann "
    "neu senden oder stornieren."
)
PAGE: Final = 200
"""Deliveries marked in one commit."""


async def mark_restored(ctx: Context, *, hold: bool) -> None:
    """Say that this store was restored by other means (a snapshot of the disk, PostgreSQL's own backup).

    The next start acts on it; no gateway may run on the store meanwhile.
    """
    await ctx.db.commit(do("insert_restored", now=ctx.now(), hold=int(hold)))


async def finish_restore(ctx: Context) -> int | None:
    """What a start does first.

    Returns:
        How many open deliveries came from the copy; None where the store is no restored one.
    """
    mark = await ctx.db.fetch_one("restored")
    if mark is None:
        return None
    now = ctx.now()
    await ctx.db.commit(  # 1
        do("recover_leases", lease_before=_NEVER, now=now),
        do("recover_mdns", lease_before=_NEVER, now=now),
        do("release_requests"),
    )
    count, after = 0, ""
    while rows := await ctx.db.fetch("open_to_partners", after, PAGE):  # 2
        await ctx.db.commit(*(_noted(row, now, hold=bool(mark["hold"])) for row in rows))
        count, after = count + len(rows), rows[-1]["id"]
    backups = await ctx.db.fetch("last_event_of_art", str(Art.SICHERUNG))
    event = ctx.event(
        Art.WIEDERHERSTELLUNG,
        ctx.self_akteur,
        stand=as_iso(backups[0]["at"]) if backups else None,
        zustellungen=count,
        angehalten=bool(mark["hold"]),
    )
    await ctx.db.commit(event, do("delete_restored", expect=1, at=mark["at"]))  # 3
    return count


_NEVER: Final = 2**62
"""Beyond every lease: no worker of before is alive."""


def _noted(row: Row, now: int, *, hold: bool) -> Do:
    notes: dict[str, Any] = json.loads(row["wire_headers"] or "{}")
    if hold:
        # A new sealing that was due may have gone out: the old one goes first, and its receipt tells.
        notes = notes | {RESTORED: True, "neu": False}
    waits = row["deadline_at"] is not None
    return do("note_restored", id=row["id"], wire_headers=json.dumps(notes), deadline_at=now if waits else None)
