"""An evidence package: the caller's own slice of a message, with all that proves it offline (`gateway verify`).

Promises: holds what the caller may see and nothing else: events of its own deliveries, receipts to them, content only
for the sender and the recipient themselves; no file name and nothing of other recipients; what operators decided,
without their words. The same state of store and log gives the same bytes. Large content streams.
Fails: `NotFound` as reading; `Overloaded` while none of the events has its place in the log yet.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from cryptography import x509

from gateway.clock import as_iso
from gateway.errors import Overloaded
from gateway.message import Caller
from gateway.pki import pem_of
from gateway.service.context import Context
from gateway.service.evidence.logbook import Signed
from gateway.service.views.reading import Reading, Slice, received
from gateway.service.words import wordless
from gateway.settle import archive, merkle
from gateway.settle.leaf import Leaf
from gateway.settle.nachweis import (
    ANSWER,
    DECISION,
    EVENTS,
    LOG_CERTIFICATE,
    NOTE,
    NOTE_SIGNATURE,
    TABLE,
    Datei,
    Ereignis,
    Nachweis,
    Quittung,
    Teil,
    Zustellung,
    dumped,
    events_json,
)
from gateway.store.database import Row
from gateway.watch.http import Streamed

SEALED_SOON_S = 10
"""When to come again for a message of which nothing is in the log yet: two rounds of the sealer."""
_ENDINGS = {"zertifikat": "crt", "crl": "crl", "ocsp": "ocsp"}
_RECEIPTS = {"mdn": "mime", "ack": "p7s"}


@dataclass(frozen=True)
class _File:
    name: str
    size: int
    sha256: str
    content: bytes | str = field(repr=False)
    """Bytes, or the id of a content of the store."""


class EvidencePackages:
    """Makes packages."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._reading = Reading(ctx)

    async def package(self, caller: Caller, message_id: str) -> Streamed:
        """The package of a message for one caller.

        Raises:
            NotFound: there is no such message, or none for this caller.
            Overloaded: to be asked for again in some seconds.
        """
        seen = await self._reading.slice(caller, message_id)
        while True:
            events = await self._ctx.db.fetch("sealed_events_of_message", message_id)
            again = await self._reading.slice(caller, message_id)
            if again.message["entscheidung"] == seen.message["entscheidung"]:
                break
            seen = again  # decided anew at this moment: decision and events belong together
        row = await self._ctx.db.fetch_one("last_checkpoint")
        checkpoint = Signed.of(row) if row else None
        visible = {delivery["id"] for delivery in seen.deliveries}
        events = [event for event in events if seen.whole or event["delivery_id"] in visible]
        size = checkpoint.size if checkpoint else 0
        proved = [event for event in events if event["leaf"] is not None and event["leaf"] < size]
        if checkpoint is None or not proved:
            raise Overloaded(
                "Die Ereignisse dieser Nachricht erhalten gerade ihren Platz im Protokoll. "
                "Fragen Sie in einigen Sekunden noch einmal.",
                code="noch_nicht_versiegelt",
                retry_after=SEALED_SOON_S,
            )
        collected = _Collected()
        await self._log(collected, checkpoint, proved)
        table = await self._table(collected, caller, seen, len(events) - len(proved))
        files = [_file(TABLE, dumped(table.model_dump())), *collected.files.values()]
        return Streamed(f"nachweis-{message_id}.tar", archive.length([f.size for f in files]), self._pieces(files))

    async def _log(self, collected: _Collected, checkpoint: Signed, proved: list[Row]) -> None:
        """Checkpoint, its certificate, and the events with their proofs."""
        collected.add(NOTE, checkpoint.note.encode())
        collected.add(NOTE_SIGNATURE, checkpoint.signature)
        kept = await self._ctx.db.fetch_one("proof", checkpoint.certificate)
        pems = [pem_of(x509.load_der_x509_certificate(bytes(kept["body"])))] if kept else []
        pems += [
            pem_of(each)
            for pair in self._ctx.keys.pairs["log"]
            if pair.sha256 == checkpoint.certificate
            for each in pair.chain
        ]
        collected.add(LOG_CERTIFICATE, "".join(pems).encode())
        leaves = [Leaf.of(row, row["leaf"], bytes(row["salt"])) for row in proved]
        node = (await self._tiles(leaves, checkpoint.size)).node
        events = [
            Ereignis.of(leaf, [_base64(step) for step in merkle.inclusion(leaf.n, checkpoint.size, node)])
            for leaf in leaves
        ]
        collected.add(EVENTS, events_json(events))

    async def _tiles(self, leaves: list[Leaf], size: int) -> merkle.Tiles:
        """The tiles that the proofs of these leaves need."""

        def walk(node: merkle.Node) -> None:
            for leaf in leaves:
                merkle.inclusion(leaf.n, size, node)

        found: dict[merkle.Tile, bytes] = {}
        for level, n in merkle.Tiles.needed(walk):
            row = await self._ctx.db.fetch_one("tile", level, n)
            if row is not None:
                found[level, n] = bytes(row["hashes"])
        return merkle.Tiles(found)

    async def _table(self, collected: _Collected, caller: Caller, seen: Slice, waiting: int) -> Nachweis:
        message = seen.message
        parts = await self._ctx.db.fetch("parts", message["id"])
        annahme = entscheidung = None
        if seen.whole and message["answer"] is not None:
            annahme = collected.add(ANSWER, bytes(message["answer"]))
        if seen.whole:
            entscheidung = collected.add(DECISION, wordless(message["entscheidung"]).encode())
        deliveries = [
            await self._delivery(collected, n, row, content=seen.sender or received(row, caller))
            for n, row in enumerate(seen.deliveries, 1)
        ]
        return Nachweis(
            gateway=self._ctx.config.gateway.kennung,
            sicht="absender" if seen.sender else "betrieb" if seen.whole else "empfaenger",
            nachricht=message["id"],
            nachrichten_id=message["eigene_id"],
            absender=message["absender"],
            teile=[Teil(**{key: row[key] for key in ("n", "media_type", "bytes", "sha256")}) for row in parts],
            annahme=annahme,
            entscheidung=entscheidung,
            zustellungen=deliveries,
            ereignisse_offen=waiting,
            dateien=[Datei(name=f.name, bytes=f.size, sha256=f.sha256) for f in collected.files.values()],
        )

    async def _delivery(self, collected: _Collected, n: int, row: Row, *, content: bool) -> Zustellung:
        folder = f"zustellung/{n}"
        signed = None
        if content and row["signed_content"] is not None:
            signed = await self._kept(collected, f"{folder}/signiert.mime", row["signed_content"])
        receipts = [
            await self._receipt(collected, f"{folder}/quittung-{k}", receipt)
            for k, receipt in enumerate(await self._ctx.db.fetch("receipts", row["id"]), 1)
        ]
        return Zustellung(
            id=row["id"],
            empfaenger=row["empfaenger"],
            weg=row["weg"],
            status=row["status"],
            message_id=row["wire_id"],
            signiert=signed,
            quittungen=receipts,
        )

    async def _receipt(self, collected: _Collected, stem: str, row: Row) -> Quittung:
        file = await self._kept(collected, f"{stem}.{_RECEIPTS[row['art']]}", row["raw_content"])
        proofs = await self._ctx.db.fetch("proofs_of_receipt", row["id"])
        return Quittung(
            id=row["id"],
            art=row["art"],
            schritt=row["step"],
            grund=row["reason"],
            zeitpunkt=as_iso(row["at"]) or "",
            datei=file,
            belege=[
                collected.add(f"belege/{each['sha256']}.{_ENDINGS[each['art']]}", bytes(each["body"]))
                for each in proofs
            ],
        )

    async def _kept(self, collected: _Collected, name: str, content_id: str) -> str | None:
        """A content of the store; None where its retention has ended."""
        row = await self._ctx.db.fetch_one("content", content_id)
        if row is None or row["purged"] is not None:
            return None
        collected.files[name] = _File(name, row["bytes"], row["sha256"], content_id)
        return name

    async def _pieces(self, files: list[_File]) -> AsyncIterator[bytes]:
        for file in files:
            yield archive.header(file.name, file.size)
            if isinstance(file.content, bytes):
                yield file.content
            else:
                async for piece in self._ctx.content.read(file.content):
                    yield piece
            yield archive.padding(file.size)
        yield archive.END


class _Collected:
    """The files of a package but its table, in their order."""

    def __init__(self) -> None:
        self.files: dict[str, _File] = {}

    def add(self, name: str, content: bytes) -> str:
        """One more; the same name again is the same file."""
        self.files.setdefault(name, _file(name, content))
        return name


def _file(name: str, content: bytes) -> _File:
    return _File(name, len(content), hashlib.sha256(content).hexdigest(), content)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
