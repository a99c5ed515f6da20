"""The log held against itself: every event, leaf, tile, checkpoint and signature (`gateway log check`).

The steps: 1 each event has the leaf that its number says, and no number is missing or stands twice · 2 the tiles are
those of the tree of these leaves · 3 each checkpoint has the root of the tree of its size, in one form, later than the
one before · 4 its signature holds, by a certificate of the log · 5 head, leaves and last checkpoint are of one size ·
6 what witnesses hold fits in.

Promises: streams: memory does not grow with the log; names the event or the range where something was changed; changes
nothing.
Fails: `StoreError` when the store cannot be read; everything else is a finding.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509

from gateway.seal.policy import fingerprint
from gateway.seal.signed import SignatureRefused, verify
from gateway.service.evidence.anchoring import leads_to
from gateway.service.evidence.logbook import ALGORITHMS, read_lag
from gateway.settle import merkle
from gateway.settle.checkpoint import Checkpoint, read_checkpoint
from gateway.settle.leaf import Leaf
from gateway.settle.merkle import HASH_BYTES, WIDTH
from gateway.store.database import Database, Row

PAGE: Final = 1_024
"""Events and checkpoints read at once: some hundred KB, and four whole tiles."""
MOST: Final = 100
"""Findings that are told; a broken log has more, and these say where to look."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written."""

    code: str
    text: str
    """A German sentence."""
    blatt: int | None = None
    ereignis: str | None = None


@dataclass
class Checked:
    """What was looked at, and what was found."""

    events: int = 0
    checkpoints: int = 0
    waiting: int = 0
    """Events without a leaf yet."""
    findings: list[Finding] = field(default_factory=list)
    more: int = 0
    """Findings beyond `MOST`."""

    def note(self, code: str, text: str, blatt: int | None = None, ereignis: str | None = None) -> None:
        """One more finding."""
        if len(self.findings) < MOST:
            self.findings.append(Finding(code, text, blatt, ereignis))
        else:
            self.more += 1


class LogCheck:
    """One check of one store."""

    def __init__(
        self,
        db: Database,
        trusted: Sequence[x509.Certificate],
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        """Args:
        db: the store.
        trusted: certificates of the log's keys, or CAs that issued them.
        progress: told how many leaves of how many are done.
        """
        self._db = db
        self._trusted = trusted
        self._progress = progress
        self._found = Checked()
        self._frontier = merkle.Frontier()
        self._wrong_root = False
        self._computed: dict[int, bytes] = {}
        """Leaves whose event has another hash than the tree: to tell swapped ones from changed ones."""
        self._stored: dict[int, bytes] = {}

    async def run(self, now: int, witnesses: Sequence[Checkpoint] = ()) -> Checked:
        """All steps."""
        size = await self._size()
        await self._checkpoints(size, {each.size: each for each in witnesses})
        await self._rest(size)
        self._swapped()
        for witness in witnesses:
            if witness.size > size:
                text = f"Ein Zeuge hat einen Prüfpunkt mit {witness.size} Ereignissen; das Protokoll hat nur {size}."
                self._note("zeuge_spaeter", text)
        self._found.waiting = (await read_lag(self._db, now)).waiting
        return self._found

    async def _size(self) -> int:
        """Step 5. The checkpoint is read before the head, so that a log that grows meanwhile is not found wrong."""
        latest = await self._db.fetch_one("last_checkpoint")
        last, size = latest["size"] if latest else 0, await self._head()
        if size > last:
            rows = await self._db.fetch("checkpoints_after", size - 1, 1)
            last = rows[0]["size"] if rows else last
        if last != size:
            self._note("ende", f"Das Protokoll soll {size} Ereignisse haben, sein letzter Prüfpunkt nennt {last}.")
        return size

    async def _head(self) -> int:
        row = await self._db.fetch_one("log_head", "log")
        return row["size"] if row else 0

    async def _checkpoints(self, size: int, witnesses: dict[int, Checkpoint]) -> None:
        """Steps 1 to 4 and 6, checkpoint by checkpoint."""
        before: Checkpoint | None = None
        pending = sorted(n for n in witnesses if 0 < n <= size)
        leaves = self._leaves(size)
        async for row in self._signed(size):
            while pending and pending[0] <= row["size"]:
                await self._grow(leaves, pending[0], size)
                self._witness(witnesses[pending.pop(0)])
            await self._grow(leaves, row["size"], size)
            before = await self._checkpoint(row, before)
        await self._grow(leaves, size, size)
        for n in pending:
            self._witness(witnesses[n])
        await self._edge()

    async def _signed(self, size: int) -> AsyncIterator[Row]:
        """All checkpoints, but those signed since the check began."""
        after = 0
        while rows := await self._db.fetch("checkpoints_after", after, PAGE):
            for row in rows:
                after = row["size"]
                if after > size:
                    return
                yield row

    async def _grow(self, leaves: AsyncIterator[bytes], until: int, size: int) -> None:
        """Append leaves up to a size, holding each tile that becomes full against the stored one."""
        while self._frontier.size < until:
            pack = [await anext(leaves) for _ in range(min(PAGE, until - self._frontier.size))]
            for (level, n), hashes in self._frontier.append(pack).items():
                if level and len(hashes) == WIDTH * HASH_BYTES:
                    await self._tile(level, n, hashes)
            self._progress(self._frontier.size, size)

    async def _edge(self) -> None:
        """Step 2 for the tiles that are not full."""
        for (level, n), hashes in self._frontier.append([]).items():
            if level:
                await self._tile(level, n, hashes)

    async def _tile(self, level: int, n: int, hashes: bytes) -> None:
        row = await self._db.fetch_one("tile", level, n)
        if row is None or not bytes(row["hashes"]).startswith(hashes):  # longer: the log has grown since
            first = n << (merkle.HEIGHT * (level + 1))
            self._note("kachel", f"Die Kachel {n} der Ebene {level} (ab Blatt {first}) passt nicht zu ihren Blättern.")

    async def _leaves(self, size: int) -> AsyncIterator[bytes]:
        """Step 1: the tree's leaves in order, each event held against its own."""
        number, stored, rows = 0, b"", self._events()
        row = await anext(rows, None)
        while number < size:
            if number % WIDTH == 0:
                tile = await self._db.fetch_one("tile", 0, number // WIDTH)
                stored = bytes(tile["hashes"]) if tile else b""
            while row is not None and row["leaf"] < number:
                self._note(
                    "doppelt", f"Das Ereignis {row['id']} trägt eine Blattnummer doppelt.", row["leaf"], row["id"]
                )
                row = await anext(rows, None)
            own = row if row is not None and row["leaf"] == number else None
            at = number % WIDTH * HASH_BYTES
            yield self._leaf(number, stored[at : at + HASH_BYTES], own)
            row = await anext(rows, None) if own is not None else row
            number += 1

    def _leaf(self, number: int, stored: bytes, row: Row | None) -> bytes:
        """The hash that counts for one leaf: the tree's own, where it is there."""
        if len(stored) != HASH_BYTES:
            self._note("blatt_fehlt", f"Im Baum fehlt das Blatt {number}.", number)
        if row is None:
            self._note("fehlt", f"Das Ereignis zu Blatt {number} fehlt: es wurde gelöscht.", number)
            return stored or merkle.EMPTY
        self._found.events += 1
        computed = _hash(row)
        if len(stored) == HASH_BYTES and computed != stored:
            if len(self._computed) < MOST:
                self._computed[number], self._stored[number] = computed, stored
            text = f"Das Ereignis {row['id']} (Blatt {number}) wurde verändert."
            self._note("geaendert", text, number, row["id"])
        return stored if len(stored) == HASH_BYTES else computed

    async def _events(self) -> AsyncIterator[Row]:
        first = 0
        while rows := await self._db.fetch("sealed_events", first, PAGE):
            for row in rows:
                yield row
            first = rows[-1]["leaf"] + 1

    async def _rest(self, size: int) -> None:
        """Leaf numbers beyond the tree's end."""
        rows = await self._db.fetch("sealed_events", size, MOST)
        now = await self._head()
        for row in (each for each in rows if each["leaf"] >= now):
            text = f"Das Ereignis {row['id']} trägt die Blattnummer {row['leaf']}, die das Protokoll nicht hat."
            self._note("eingefuegt", text, row["leaf"], row["id"])

    def _swapped(self) -> None:
        """Events that are whole, but stand at another's place."""
        places = {stored: n for n, stored in self._stored.items()}
        for n, computed in self._computed.items():
            if computed in places:
                text = f"Das Ereignis an Blatt {n} gehört an Blatt {places[computed]}: die Reihenfolge wurde verändert."
                self._note("vertauscht", text, n)

    async def _checkpoint(self, row: Row, before: Checkpoint | None) -> Checkpoint | None:
        """Steps 3 and 4."""
        self._found.checkpoints += 1
        size = row["size"]
        try:
            checkpoint = read_checkpoint(row["note"].encode())
        except ValueError:
            self._note("pruefpunkt", f"Der Prüfpunkt zu {size} Ereignissen ist nicht lesbar.")
            return before
        if checkpoint.size != size or checkpoint.at != row["at"]:
            self._note("pruefpunkt", f"Der Prüfpunkt zu {size} Ereignissen nennt etwas anderes als seine Zeile.")
        if before is not None and (checkpoint.at < before.at or checkpoint.origin != before.origin):
            self._note("pruefpunkt_folge", f"Der Prüfpunkt zu {size} Ereignissen passt nicht hinter den vorigen.")
        self._root(checkpoint, before.size if before else 0)
        await self._signature(row, checkpoint)
        return checkpoint

    def _root(self, checkpoint: Checkpoint, before: int) -> None:
        if checkpoint.size != self._frontier.size or checkpoint.root != self._frontier.root():
            if not self._wrong_root:  # all later ones are wrong, too
                text = f"Zwischen Blatt {before} und Blatt {checkpoint.size - 1} wurde der Baum verändert: "
                self._note("wurzel", text + f"ab dem Prüfpunkt zu {checkpoint.size} Ereignissen stimmt keiner.", before)
            self._wrong_root = True

    async def _signature(self, row: Row, checkpoint: Checkpoint) -> None:
        what = f"Der Prüfpunkt zu {row['size']} Ereignissen"
        kept = await self._db.fetch_one("proof", row["certificate"])
        try:
            certificate = x509.load_der_x509_certificate(bytes(kept["body"])) if kept else None
        except ValueError:
            certificate = None
        if certificate is None or fingerprint(certificate) != row["certificate"]:
            self._note("zertifikat_fehlt", f"{what}: das Zertifikat, mit dem er signiert wurde, fehlt.")
            return
        if not leads_to(certificate, self._trusted, checkpoint.moment):
            self._note(
                "zertifikat_fremd", f"{what} ist mit einem Schlüssel signiert, der nicht der des Protokolls ist."
            )
        try:
            verify(row["note"].encode(), bytes(row["signature"]), [certificate], ALGORITHMS, checkpoint.moment)
        except SignatureRefused as refused:
            self._note("signatur", f"{what}: die Signatur stimmt nicht ({refused.code}).")

    def _witness(self, witness: Checkpoint) -> None:
        """Step 6, when the tree has just the witness's size."""
        if witness.root != self._frontier.root():
            text = (
                f"Ein Zeuge hat für {witness.size} Ereignisse eine andere Wurzel: das Protokoll wurde neu geschrieben."
            )
            self._note("zeuge", text)

    def _note(self, code: str, text: str, blatt: int | None = None, ereignis: str | None = None) -> None:
        self._found.note(code, text, blatt, ereignis)


def _hash(row: Row) -> bytes:
    """The leaf hash of an event as it is now; none of any leaf where it has no proper salt."""
    try:
        return merkle.leaf_hash(Leaf.of(row, row["leaf"], bytes(row["salt"] or b"")).canonical())
    except ValueError:
        return b""
