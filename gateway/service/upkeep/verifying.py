"""Everything stored is read through to its end, as it would be read to be sent (`gateway store check`).

Promises: reads only; finds what was changed, cut off, swapped or lost, and a content whose digest is not the one that
was noted when it came. Content that was deleted at the end of its retention is no damage.
Fails: `StoreError` when the store cannot be read at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.service.context import Context
from gateway.store.content import ContentDamaged, ContentMissing
from gateway.store.database import Row

PAGE = 200
"""Contents looked up at once."""

Told = Callable[[int], object]
"""Hears how many contents were read."""


@dataclass
class Verified:
    """What was found."""

    inhalte: int = 0
    bytes: int = 0
    beschaedigt: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"inhalte": self.inhalte, "bytes": self.bytes, "beschaedigt": self.beschaedigt}


async def verify_store(ctx: Context, told: Told = lambda _: None) -> Verified:
    """Reads all kept contents."""
    found, after = Verified(), ""
    while rows := await ctx.db.fetch("contents_after", after, PAGE):
        for row in rows:
            if row["purged"] is None and row["state"] == "kept":
                await _one(ctx, row, found)
        after = rows[-1]["id"]
        told(found.inhalte)
    return found


async def _one(ctx: Context, row: Row, found: Verified) -> None:
    digest, size = hashlib.sha256(), 0
    try:
        async for piece in ctx.content.read(row["id"]):
            digest.update(piece)
            size += len(piece)
    except ContentMissing:  # purged or discarded since
        return
    except ContentDamaged as damaged:
        found.beschaedigt.append({"inhalt": row["id"], "grund": str(damaged)})
    else:
        if (digest.hexdigest(), size) != (row["sha256"], row["bytes"]):
            found.beschaedigt.append({"inhalt": row["id"], "grund": "nicht der Inhalt, der gespeichert wurde"})
    found.inhalte += 1
    found.bytes += size
