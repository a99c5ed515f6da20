"""Sealing as a journey step: parts from the store, signed and encrypted, back into the store, once per delivery.

Promises: signed entity, sealed bytes, Message-ID and MIC become durable together, before anything is sent; a delivery
that is sealed is sealed again only for a reason of wire.md section 2, and then what it replaces is kept.
Fails: `CannotSend` with a German reason when a person has to mend something: no usable certificate, too large.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from gateway.as2headers import new_message_id
from gateway.events import Art
from gateway.partner import Partner
from gateway.seal.policy import fingerprint, load_certificates
from gateway.seal.sealer import ONE_SHOT_LIMIT, OPEN_LIMIT, CannotSeal, PartIn, Sealed, TooLargeToSeal, seal
from gateway.service.context import Context
from gateway.service.legible import legible_parts
from gateway.store.database import Row
from gateway.store.steps import do

_REASONS = {
    "no_certificate": "Für den Empfänger ist kein gültiges Verschlüsselungszertifikat hinterlegt.",
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
    body: bytes = field(repr=False)

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
            CannotSend: no certificate in its window, or too large.
        """
        notes = json.loads(delivery["wire_headers"] or "{}")
        if delivery["wire_id"] is None or notes.get("neu") or not self._holds(partner, notes["certificate"]):
            return await self._seal(delivery, partner, notes.get("refused", []))
        body = await self._ctx.content.read_all(delivery["sealed_content"], limit=OPEN_LIMIT)
        return Wire(delivery, notes["headers"], body)

    def _holds(self, partner: Partner, certificate: str) -> bool:
        """Whether a certificate that something was sealed to is still agreed and in its window."""
        at = self._ctx.at()
        found = load_certificates(partner.pems("verschluesselung", at))
        return any(fingerprint(each) == certificate and each.not_valid_after_utc >= at for each in found)

    async def _seal(self, delivery: Row, partner: Partner, refused: list[str]) -> Wire:
        parts = await self._parts(delivery["message_id"], partner)
        signed, body = io.BytesIO(), io.BytesIO()
        try:
            sealed = await asyncio.to_thread(
                seal,
                parts,
                {"X-Gateway-Empfaenger": delivery["empfaenger"], "X-Gateway-Id": delivery["message_id"]},
                self._ctx.identity,
                partner,
                at=self._ctx.at(),
                transfer="base64" if partner.weg == "mail" else "binary",
                signed_out=signed,
                sealed_out=body,
                without=refused,
            )
        except TooLargeToSeal:
            raise CannotSend(_too_large()) from None
        except CannotSeal as cannot:
            text = _REASONS.get(cannot.code, "Das Zertifikat des Empfängers entspricht nicht der Vereinbarung.")
            raise CannotSend(f"{text} ({cannot.code})") from None
        return await self._keep(delivery, sealed, signed.getvalue(), body.getvalue(), refused)

    async def _parts(self, message_id: str, partner: Partner) -> list[PartIn]:
        rows = await self._ctx.db.fetch("parts", message_id)
        if sum(row["bytes"] for row in rows) > ONE_SHOT_LIMIT:
            raise CannotSend(_too_large())
        contents = [await self._ctx.content.read_all(row["content_id"], limit=ONE_SHOT_LIMIT) for row in rows]
        parts = [
            PartIn(row["name"], row["media_type"], io.BytesIO(content))
            for row, content in zip(rows, contents, strict=True)
        ]
        if partner.mit_lesefassung:
            named = [(row["name"], content) for row, content in zip(rows, contents, strict=True)]
            parts += await asyncio.to_thread(legible_parts, message_id, named, self._ctx.directory)
        return parts

    async def _keep(self, delivery: Row, sealed: Sealed, signed: bytes, body: bytes, refused: list[str]) -> Wire:
        now = self._ctx.now()
        kept_signed, kept_body = self._ctx.content.seal_small(signed, now), self._ctx.content.seal_small(body, now)
        columns: dict[str, Any] = {
            "wire_id": new_message_id(self._ctx.config.as2_name, secrets.token_hex(20)),
            "mic": sealed.mic,
            "mic_alg": sealed.mic_alg,
            "wire_headers": json.dumps(
                {"headers": sealed.headers, "certificate": sealed.recipient, "refused": refused}
            ),
            "signed_content": kept_signed.id,
            "sealed_content": kept_body.id,
        }
        await self._ctx.db.commit(
            *kept_signed.steps,
            *kept_body.steps,
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
                sha256=hashlib.sha256(body).hexdigest(),
                zertifikat=sealed.recipient,
            ),
        )
        return Wire({**delivery, **columns}, sealed.headers, body)


def _too_large() -> str:
    limit = ONE_SHOT_LIMIT // (1024 * 1024)
    return f"Die Nachricht ist größer als {limit} MB und damit für diesen Weg zu groß."
