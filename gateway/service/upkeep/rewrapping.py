"""A new key of the configuration takes over, while gateways serve (`gateway store rewrap`).

The steps, each one commit: 1 the store's keys are wrapped by the first key of `[store] schluessel` · 2 a new key for
`inhalt` is made, which every gateway uses from its next look on · 3 the keys of older contents are wrapped by it, at
most `ROUND` a commit · 4 keys that wrap nothing any more are forgotten, once no gateway can be writing under them.

Promises: whatever is read or written meanwhile works; cut off anywhere, it is done again from the start without harm;
blind indexes stay as they are. After step 1 no other key of the configuration is needed any more.
Fails: `WrongStoreKey` when the configured keys do not open the store's, `StoreError`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from gateway import clock
from gateway.events import Art
from gateway.service.context import Context
from gateway.store.database import AlreadyThere, Do, Row, StoreError, StoreUnavailable
from gateway.store.keyring import Kek, new_key, opened, rewrapped_row, wrapped_row
from gateway.store.steps import do

ROUND: Final = 200
"""Contents rewrapped in one commit: some milliseconds, between which others commit."""
IN_USE: Final = 3600 * clock.SECOND
"""Age that the successor of a key must have before the key is forgotten: an upload that began under it has ended."""

Told = Callable[[int], object]
"""Hears how many contents were looked at."""


@dataclass(frozen=True)
class Rewrapped:
    """What was done."""

    kek: str
    """Id of the key that wraps now."""
    schluessel: int
    """Keys of the store that got another wrapping."""
    inhalte: int
    beschaedigt: int
    """Contents whose key nothing opens; they stay as they are."""
    vergessen: int


class Rewrapping:
    """Changes keys."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def rewrap(self, keks: Sequence[Kek], told: Told = lambda _: None) -> Rewrapped:
        """All four steps.

        Args:
            keks: the configuration's keys, the new one first.
            told: hears of the progress.
        """
        keys = await self._keys(keks)  # 1
        await self._new(keks[0])  # 2
        contents, damaged = await self._contents(told)  # 3
        forgotten = await self._forget()  # 4
        done = Rewrapped(keks[0].id, keys, contents, damaged, forgotten)
        event = self._ctx.event(
            Art.SCHLUESSELWECHSEL, self._ctx.self_akteur, kek=done.kek, schluessel=keys, inhalte=contents
        )
        await self._ctx.db.commit(event)
        return done

    async def _keys(self, keks: Sequence[Kek]) -> int:
        rows = [row for row in await self._ctx.db.fetch("store_keys") if row["kek"] != keks[0].id]
        steps = [rewrapped_row(keks[0], opened(row, keks), row["kek"]) for row in rows]
        if steps:
            await self._ctx.db.commit(*steps)
        return len(steps)

    async def _new(self, kek: Kek) -> None:
        key = new_key("inhalt", self._ctx.store_key.newest.number + 1)
        with suppress(AlreadyThere):  # another one was made at this moment: as good
            await self._ctx.db.commit(wrapped_row(kek, key, self._ctx.now()))
        await self._ctx.store_key.refresh()

    async def _contents(self, told: Told) -> tuple[int, int]:
        newest, after = self._ctx.store_key.newest, ""
        done = damaged = looked = 0
        while rows := await self._ctx.db.fetch("contents_after", after, ROUND):
            older = [row for row in rows if row["key_id"] != newest.id and row["purged"] is None]
            steps = [step for row in older if (step := self._rewrapped(row)) is not None]
            if steps:
                await self._ctx.db.commit(*steps)
            done, damaged, looked = done + len(steps), damaged + len(older) - len(steps), looked + len(rows)
            after = rows[-1]["id"]
            told(looked)
        return done, damaged

    def _rewrapped(self, row: Row) -> Do | None:
        key = self._ctx.store_key.unwrapped(row["key_id"], bytes(row["wrapped_key"]))
        if key is None:
            return None
        newest = self._ctx.store_key.newest
        wrapped = aes_key_wrap(newest.key, key)
        return do("rewrap_content", id=row["id"], before=row["key_id"] or "", key_id=newest.id, wrapped_key=wrapped)

    async def _forget(self) -> int:
        rows = [row for row in await self._ctx.db.fetch("store_keys") if row["zweck"] == "inhalt"]
        before = self._ctx.now() - IN_USE
        old = [row for row, successor in itertools.pairwise(rows) if successor["created"] < before]
        return sum([await self._forgotten(row) for row in old])

    async def _forgotten(self, row: Row) -> bool:
        try:
            await self._ctx.db.commit(do("forget_store_key", id=row["id"]))
        except StoreUnavailable:
            raise
        except StoreError:  # a content still needs it
            return False
        return True
