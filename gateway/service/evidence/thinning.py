"""Checkpoints of the log are thinned: all of the last `KEPT_DAYS` days stay, of each day before them the last one.

Under load one is signed every few seconds, some million a year. What a thinned one said is not lost: the tree keeps
every leaf, so the root and the consistency of any size can be computed again, and whoever was given the checkpoint
holds it in a receipt that we signed; `gateway log check` holds such witnesses against the tree as before.

Promises: the newest one always stays, and of each day one; only rows of `log_checkpoint` go, never a leaf, a tile or a
certificate; cut off anywhere, the next day goes on.
Fails: `StoreError`.
"""

from __future__ import annotations

import itertools
from typing import Final

from gateway import clock
from gateway.events import Art
from gateway.service.context import Context
from gateway.store.database import Row
from gateway.store.steps import do

KEPT_DAYS: Final = 30
"""Days of which every checkpoint stays: long enough that a witness who asks finds our signature over its very words."""
PAGE: Final = 500
"""Checkpoints looked at, and deleted, in one commit."""
DAY: Final = 24 * 3600 * clock.SECOND


class Thinning:
    """Of one gateway."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._day = ""

    async def daily(self) -> None:
        """Once a day, on one gateway of several."""
        day = self._ctx.today().isoformat()
        if day == self._day:
            return
        if (await self._ctx.db.commit(do("claim_day", name="pruefpunkte", day=day)))[0]:
            await self.thin()
        self._day = day

    async def thin(self) -> int:
        """Delete what goes.

        Returns:
            How many checkpoints went.
        """
        before, after, gone = self._ctx.now() - KEPT_DAYS * DAY, 0, 0
        last: Row | None = None
        while rows := await self._ctx.db.fetch("checkpoint_times", after, PAGE):
            old = [row for row in rows if row["at"] < before]
            goes = _earlier([*([last] if last else []), *old])
            if goes:
                event = self._ctx.event(Art.LOESCHUNG, self._ctx.self_akteur, pruefpunkte=len(goes))
                await self._ctx.db.commit(*(do("delete_checkpoint", size=size) for size in goes), event)
            gone += len(goes)
            if len(old) < len(rows):
                break
            last, after = rows[-1], rows[-1]["size"]
        return gone


def _earlier(rows: list[Row]) -> list[int]:
    """Sizes of those that another one of the same day follows."""
    return [row["size"] for row, later in itertools.pairwise(rows) if clock.day(row["at"]) == clock.day(later["at"])]
