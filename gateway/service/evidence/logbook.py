"""The log: gives every event a leaf, keeps the tree, signs its checkpoints. Off the request path.

One sealer at a time: it takes a lease, reads what has no leaf, and writes leaves, tiles, checkpoint and the tree's new
size in one commit that counts only from the size it began with. A sealer that lost its lease in between, or was killed
anywhere, leaves nothing behind; the next one begins at the size that is there.

Promises: every event gets exactly one leaf, whenever its commit came; the tree only grows; each state that was ever
given out is signed. Nobody waits for it: an event is durable before and without its leaf.
Fails: a round that fails is logged and tried again; `read_lag` tells how far behind the log is.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway import clock
from gateway.partner import Algorithmen
from gateway.pki import KeyPair
from gateway.seal.identity import Identity
from gateway.seal.signed import sign
from gateway.service.context import Context
from gateway.settle import merkle
from gateway.settle.checkpoint import Checkpoint, origin_of
from gateway.settle.leaf import SALT_BYTES, Leaf
from gateway.store.database import Database, Do, Row, StaleState
from gateway.store.steps import do

log = logging.getLogger(__name__)

SEAL_S: Final = 5.0
"""How often events are sealed: a checkpoint every few seconds under load, none while nothing happens."""
BATCH: Final = 500
"""Events of one commit: some milliseconds of the store, so that no accept waits noticeably behind it."""
LEASE: Final = 60 * clock.SECOND
"""How long a sealer that was killed keeps the others waiting; one batch takes far less."""
COUNTED: Final = 100_000
"""Up to how many waiting events are counted: beyond that it is simply very many."""
ALGORITHMS: Final = Algorithmen()
"""How checkpoints are signed: PSS or ECDSA with SHA-256, as everything that has no agreement."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint as it is stored."""

    size: int
    at: int
    note: str
    signature: bytes = field(repr=False)
    certificate: str
    """SHA-256 of the signer's certificate."""

    @classmethod
    def of(cls, row: Row) -> Signed:
        """From its row."""
        return cls(row["size"], row["at"], row["note"], bytes(row["signature"]), row["certificate"])


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the log is behind."""

    waiting: int
    """Events without a leaf, at most `COUNTED`."""
    seconds: float
    """Age of the oldest of them."""


class Logbook:
    """Seals, and knows the latest checkpoint."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._owner = f"{ctx.config.gateway.kennung}/{secrets.token_hex(8)}"
        self._frontier = merkle.Frontier()
        self._alone = asyncio.Lock()
        self.latest: Signed | None = None
        """The last checkpoint, of whichever gateway on this store; as of the last round."""

    async def round(self) -> int:
        """Seal all that waits, as far as no other sealer is at it; returns how many events got a leaf."""
        async with self._alone:
            total = 0
            while await self._ctx.db.fetch("unsealed_events", 1):
                done = await self._batch()
                total += done
                if done < BATCH:
                    break
            await self._look()
            return total

    async def _batch(self) -> int:
        """One commit; 0 where somebody else seals."""
        now = self._ctx.now()
        (taken,) = await self._ctx.db.commit(do("take_log", owner=self._owner, now=now, lease_until=now + LEASE))
        if not taken:
            return 0
        frontier = await self._taken_at(taken[0]["size"])
        rows = await self._ctx.db.fetch("unsealed_events", BATCH)
        steps = await asyncio.to_thread(self._steps, frontier, rows) if rows else []
        try:
            await self._ctx.db.commit(*steps, do("release_log", owner=self._owner))
        except StaleState:  # the lease ended before, and another sealer went on
            return 0
        self._frontier = frontier
        return len(rows)

    async def _taken_at(self, size: int) -> merkle.Frontier:
        """The right edge of the tree of this size: the one at hand, or from the store. It is put back by a commit."""
        found, self._frontier = self._frontier, merkle.Frontier()
        return found if found.size == size else await read_frontier(self._ctx.db, size)

    def _steps(self, frontier: merkle.Frontier, rows: Sequence[Row]) -> list[Do]:
        """Statements that make `rows` leaves; `frontier` is then that of the grown tree."""
        before = frontier.size
        leaves = [Leaf.of(row, n, secrets.token_bytes(SALT_BYTES)) for n, row in enumerate(rows, before)]
        tiles = frontier.append(merkle.leaf_hash(leaf.canonical()) for leaf in leaves)
        origin = origin_of(self._ctx.config.gateway.kennung)
        checkpoint = Checkpoint(origin, frontier.size, frontier.root(), self._ctx.now())
        return [
            do("grow_log", expect=1, owner=self._owner, before=before, size=frontier.size),
            *(do("seal_event", expect=1, id=leaf.id, leaf=leaf.n, salt=leaf.salt) for leaf in leaves),
            *(do("put_tile", level=level, n=n, hashes=hashes) for (level, n), hashes in tiles.items()),
            *self._signed(checkpoint),
        ]

    def _signed(self, checkpoint: Checkpoint) -> list[Do]:
        pair = self._ctx.keys.current("log", self._ctx.at())
        note = checkpoint.text()
        signature = sign(note.encode(), _signer(checkpoint.origin, pair), ALGORITHMS, checkpoint.moment)
        return [
            do("insert_proof", sha256=pair.sha256, art="zertifikat", body=pair.der, now=checkpoint.at),
            do(
                "insert_checkpoint",
                expect=1,
                size=checkpoint.size,
                at=checkpoint.at,
                note=note,
                signature=signature,
                certificate=pair.sha256,
            ),
        ]

    async def _look(self) -> None:
        row = await self._ctx.db.fetch_one("last_checkpoint")
        self.latest = Signed.of(row) if row else None

    def latest_text(self) -> str | None:
        """The four lines of the latest checkpoint."""
        return self.latest.note if self.latest else None


def _signer(name: str, pair: KeyPair) -> Identity:
    return Identity(name, pair.key, pair.certificate, ())


async def read_frontier(db: Database, size: int) -> merkle.Frontier:
    """The right edge of the tree of `size` leaves, which must be the tree's size now.

    Raises:
        ValueError: the store's tiles are not those of such a tree.
    """
    tiles: dict[int, bytes] = {}
    for level, n in merkle.edge(size):
        row = await db.fetch_one("tile", level, n)
        tiles[level] = bytes(row["hashes"]) if row else b""
    return merkle.Frontier(size, tiles)


async def read_lag(db: Database, now: int) -> Lag:
    """How far the log is behind."""
    row = await db.fetch_one("log_lag", COUNTED)
    if row is None:
        return Lag(0, 0.0)
    return Lag(row["n"], max(0.0, (now - row["oldest"]) / clock.SECOND))
