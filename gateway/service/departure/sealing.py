"""Sealing as a journey step: parts from the store, signed and encrypted, back into the store, once per delivery.

Promises: signed entity, sealed bytes, Message-ID and MIC become durable together, before anything is sent; a delivery
that is sealed is sealed again only for a reason of wire.md section 2, and then what it replaces is kept.
Fails: `CannotSend` with a German reason when a person has to mend something: no usable certificate, too large.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import secrets
from dataclasses import dataclass, field
from typing import Any

from gateway.as2headers import new_message_id
from gateway.events import Art
from gateway.partner import Partner
from gateway.seal.policy import fingerprint, load_certificates
from gateway.seal.sealer import (
    CONTENT_LIMIT,
    ONE_SHOT_LIMIT,
    OPEN_LIMIT,
    STREAM_FROM,
    CannotSeal,
    PartIn,
    Sealed,
    TooLargeToSeal,
    seal,
    seal_stream,
)
from gateway.send.http import Body
from gateway.service.context import Context
from gateway.service.departure.files import Workbench, workbench
from gateway.service.departure.legible import legible_parts
from gateway.service.upkeep.restoring import ASK_FIRST, RESTORED
from gateway.store.content import ContentDamaged
from gateway.store.content import Sealed as Kept
from gateway.store.database import Row
from gateway.store.steps import do

log = logging.getLogger(__name__)

SEAL_HERE = 64 * 1024
"""Up to so many bytes a message is sealed on the event loop: a thread would cost as much as the sealing."""
_DAMAGED = (
    "Der gespeicherte Inhalt ist beschädigt und wird nicht versandt. Der Absender kann ihn unter einer neuen "
    "Nachrichten-ID noch einmal einreichen."
)
_REASONS = {
    "no_certificate": "Für den Empfänger ist kein gültiges Verschlüsselungszertifikat hinterlegt.",
    "content_changed": _DAMAGED,
    "header_value": "Ein Schlüssel oder Dateiname lässt sich nicht versenden.",
}


class CannotSend(Exception):
    """A person has to mend something before this can be sent; the text is German, for the operator."""


@dataclass(frozen=True)
class Wire:
    """What goes over the wire, the same at every try."""

    delivery: Row
    """The row as it is now, sealed."""
    headers: dict[str, str]
    """MIME headers of the sealed body."""
    size: int
    """Bytes of the body."""
    body: Body = field(repr=False)
    """In memory where it is small or goes by mail, else read from the store anew for each try."""

    @property
    def wire_id(self) -> str:
        """Message-ID with angle brackets."""
        wire_id: str = self.delivery["wire_id"]
        return wire_id


class Sealing:
    """Seals deliveries."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def sealed(self, delivery: Row, partner: Partner) -> Wire:
        """The sealed bytes of a delivery, sealing them now if that has not happened.

        Sealed anew are those that shall be, and those whose recipient's certificate expired or was withdrawn.

        Raises:
            CannotSend: no certificate in its window, too large, damaged in the store, or it may have arrived before the
                store was restored.
        """
        try:
            return await self._sealed(delivery, partner)
        except ContentDamaged as damaged:
            log.error("delivery %s: stored content is damaged: %s", delivery["id"], damaged)  # noqa: TRY400 - known
            raise CannotSend(_DAMAGED) from None

    async def _sealed(self, delivery: Row, partner: Partner) -> Wire:
        notes = json.loads(delivery["wire_headers"] or "{}")
        if delivery["wire_id"] is None or notes.get("neu") or not self._holds(partner, notes["certificate"]):
            if notes.get(RESTORED):
                raise CannotSend(ASK_FIRST)
            return await self._seal(delivery, partner, notes.get("refused", []))
        return await self._wire(delivery, notes["headers"], partner)

    async def _wire(self, delivery: Row, headers: dict[str, str], partner: Partner) -> Wire:
        content_id = delivery["sealed_content"]
        row = await self._ctx.db.fetch_one("content", content_id)
        size = row["bytes"] if row else 0
        if partner.weg == "mail" and size > OPEN_LIMIT:  # sealed for another way before
            raise CannotSend(_too_large(partner))
        if partner.weg != "mail" and size > STREAM_FROM:
            return Wire(delivery, headers, size, lambda: self._ctx.content.read(content_id))
        return Wire(delivery, headers, size, await self._ctx.content.read_all(content_id, limit=OPEN_LIMIT))

    def _holds(self, partner: Partner, certificate: str) -> bool:
        """Whether a certificate that something was sealed to is still agreed and in its window."""
        at = self._ctx.at()
        found = load_certificates(partner.pems("verschluesselung", at))
        return any(fingerprint(each) == certificate and each.not_valid_after_utc >= at for each in found)

    async def _seal(self, delivery: Row, partner: Partner, refused: list[str]) -> Wire:
        rows = await self._ctx.db.fetch("parts", delivery["message_id"])
        size = sum(row["bytes"] for row in rows)
        if size > (ONE_SHOT_LIMIT if partner.weg == "mail" else CONTENT_LIMIT):
            raise CannotSend(_too_large(partner))
        way = self._at_once if partner.weg == "mail" or size <= STREAM_FROM else self._piece_by_piece
        try:
            return await way(delivery, partner, rows, refused)
        except TooLargeToSeal:
            raise CannotSend(_too_large(partner)) from None
        except CannotSeal as cannot:
            text = _REASONS.get(cannot.code, "Das Zertifikat des Empfängers entspricht nicht der Vereinbarung.")
            raise CannotSend(f"{text} ({cannot.code})") from None

    async def _at_once(self, delivery: Row, partner: Partner, rows: list[Row], refused: list[str]) -> Wire:
        """In memory: mail, and what is small."""
        contents = [await self._part(row) for row in rows]
        parts = [
            PartIn(row["name"], row["media_type"], io.BytesIO(content))
            for row, content in zip(rows, contents, strict=True)
        ]
        parts += await self._legible(delivery["message_id"], partner, rows)
        signed, body = io.BytesIO(), io.BytesIO()

        def sealing() -> Sealed:
            return seal(
                parts,
                _gateway_headers(delivery),
                self._ctx.identity,
                partner,
                at=self._ctx.at(),
                transfer="base64" if partner.weg == "mail" else "binary",
                signed_out=signed,
                sealed_out=body,
                without=refused,
            )

        small = sum(len(content) for content in contents) <= SEAL_HERE
        sealed = sealing() if small else await asyncio.to_thread(sealing)
        now, contents_of = self._ctx.now(), self._ctx.content
        kept = contents_of.seal_small(signed.getvalue(), now), contents_of.seal_small(body.getvalue(), now)
        wired = await self._keep(delivery, sealed, *kept, refused)
        return Wire(wired, sealed.headers, len(body.getvalue()), body.getvalue())

    async def _piece_by_piece(self, delivery: Row, partner: Partner, rows: list[Row], refused: list[str]) -> Wire:
        """From the store into the store."""
        legible = await self._legible(delivery["message_id"], partner, rows)
        async with workbench(self._ctx) as bench:
            parts = [*(_stored(bench, row) for row in rows), *legible]
            signed, body = bench.new(), bench.new()
            sealed = await bench.run(
                lambda: seal_stream(
                    parts,
                    _gateway_headers(delivery),
                    self._ctx.identity,
                    partner,
                    at=self._ctx.at(),
                    transfer="binary",
                    signed_out=signed,
                    sealed_out=body,
                    staging=bench.new,
                    without=refused,
                )
            )
            wired = await self._keep(delivery, sealed, signed.sealed(), body.sealed(), refused)
        return await self._wire(wired, sealed.headers, partner)

    async def _part(self, row: Row) -> bytes:
        return await self._ctx.content.read_all(row["content_id"], ONE_SHOT_LIMIT, row["sha256"])

    async def _legible(self, message_id: str, partner: Partner, rows: list[Row]) -> list[PartIn]:
        """The pages for people, where they are agreed."""
        if not partner.mit_lesefassung:
            return []
        small = [row for row in rows if row["bytes"] <= ONE_SHOT_LIMIT]
        named = [  # pages are made of nothing else
            (row["name"], await self._part(row)) for row in small if row["n"] == 0 or row["name"].endswith(".xml")
        ]
        return await asyncio.to_thread(legible_parts, message_id, named, self._ctx.directory)

    async def _keep(self, delivery: Row, sealed: Sealed, signed: Kept, body: Kept, refused: list[str]) -> Row:
        """The delivery's row as it is with its sealing."""
        now = self._ctx.now()
        columns: dict[str, Any] = {
            "wire_id": new_message_id(self._ctx.config.as2_name, secrets.token_hex(20)),
            "mic": sealed.mic,
            "mic_alg": sealed.mic_alg,
            "wire_headers": json.dumps(
                {"headers": sealed.headers, "certificate": sealed.recipient, "refused": refused}
            ),
            "signed_content": signed.id,
            "sealed_content": body.id,
        }
        await self._ctx.db.commit(
            *signed.steps,
            *body.steps,
            do("keep_sealing", delivery_id=delivery["id"], now=now),
            do("store_sealed", expect=1, id=delivery["id"], old_wire_id=delivery["wire_id"], now=now, **columns),
            self._ctx.event(
                Art.VERSIEGELUNG,
                self._ctx.self_akteur,
                message_id=delivery["message_id"],
                delivery_id=delivery["id"],
                wire_id=columns["wire_id"],
                ersetzt=delivery["wire_id"],
                mic=sealed.mic,
                mic_alg=sealed.mic_alg,
                sha256=body.sha256,
                zertifikat=sealed.recipient,
            ),
        )
        return {**delivery, **columns}


def _gateway_headers(delivery: Row) -> dict[str, str]:
    return {"X-Gateway-Empfaenger": delivery["empfaenger"], "X-Gateway-Id": delivery["message_id"]}


def _stored(bench: Workbench, row: Row) -> PartIn:
    """A part as the store has it."""
    content = bench.stored(row["content_id"], row["bytes"])
    return PartIn(row["name"], row["media_type"], content, row["bytes"], row["sha256"])


def _too_large(partner: Partner) -> str:
    limit = (ONE_SHOT_LIMIT if partner.weg == "mail" else CONTENT_LIMIT) // (1024 * 1024)
    return f"Die Nachricht ist größer als {limit} MB und damit für diesen Weg zu groß."
