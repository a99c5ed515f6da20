"""A recipient acknowledges an inbox entry: its signature is the receipt (contracts.md section 5).

Promises: the ack is a detached CMS signature over the entry's id and its parts' digests, by a signature certificate of
that authority's agreement; receipt, state and event become durable in one commit; the same ack again changes nothing.
Fails: `NotFound`, `Conflict`, `Invalid` with what to mend.
"""

from __future__ import annotations

import json

from cryptography import x509

from gateway.errors import Conflict, Invalid, NotFound
from gateway.events import Art
from gateway.message import Answer, Caller
from gateway.partner import Algorithmen
from gateway.seal.policy import fingerprint, load_certificates
from gateway.seal.signed import SignatureRefused, verify
from gateway.service.context import Context, akteur, new_id
from gateway.service.departure.proofs import proof_steps
from gateway.service.steps import step_delivery
from gateway.service.views.reading import HIDDEN, teil
from gateway.settle.inbox_ack import ack_content
from gateway.states import Actor, DeliveryStatus, Step
from gateway.store.database import Do, Row, StaleState


class Collecting:
    """Takes acknowledgements."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def acknowledge(self, caller: Caller, entry_id: str, signature: bytes) -> Answer:
        """One ack.

        Raises:
            NotFound: no such entry for this caller.
            Invalid: the signature proves nothing.
            Conflict: the entry is settled otherwise.
        """
        entry = await self._ctx.db.fetch_one("delivery", entry_id)
        if entry is None or entry["empfaenger"] not in caller.behoerden or entry["status"] in HIDDEN:
            raise NotFound
        if entry["weg"] != "abruf":
            raise NotFound
        signer = await self._verify(entry, signature)
        if entry["status"] != DeliveryStatus.ZUGESTELLT:
            await self._settle(caller, entry, signature, signer)
        body = {"id": entry_id, "nachricht": entry["message_id"], "status": str(DeliveryStatus.ZUGESTELLT)}
        return Answer(200, json.dumps(body).encode())

    async def _verify(self, entry: Row, signature: bytes) -> x509.Certificate:
        partner = await self._ctx.partners.of(entry["empfaenger"])
        pems = partner.pems("signatur", self._ctx.at()) if partner else []
        if not pems:
            raise Invalid(
                "Für Ihre Behörde ist kein gültiges Signaturzertifikat hinterlegt. Wenden Sie sich an den Betrieb.",
                code="kein_signaturzertifikat",
            )
        parts = await self._ctx.db.fetch("parts", entry["message_id"])
        content = ack_content(entry["id"], [teil(row) for row in parts])
        algorithms = partner.algorithmen if partner else Algorithmen()
        try:
            return verify(content, signature, load_certificates(pems), algorithms, self._ctx.at()).signer
        except SignatureRefused as refused:
            raise Invalid(
                "Die Signatur passt nicht zu diesem Eintrag. Signiert wird die Kennung des Eintrags und, durch "
                "einzelne Leerzeichen getrennt, der SHA-256 jedes Teils in der Reihenfolge von n.",
                code=f"quittung_{refused.code}",
            ) from None

    async def _settle(self, caller: Caller, entry: Row, signature: bytes, signer: x509.Certificate) -> None:
        try:
            await self._record(caller, entry, signature, signer)
        except StaleState:  # another ack of the same moment was quicker, or the entry ended otherwise
            now = await self._ctx.db.fetch_one("delivery", entry["id"])
            if now is None or now["status"] != DeliveryStatus.ZUGESTELLT:
                raise Conflict("Der Eintrag ist bereits abgeschlossen.", code="abgeschlossen") from None

    async def _record(self, caller: Caller, entry: Row, signature: bytes, signer: x509.Certificate) -> None:
        raw = self._ctx.content.seal_small(signature, self._ctx.now())
        receipt_id = new_id()
        step = Step.RECEIPT_POSITIVE
        args = (receipt_id, entry["id"], "ack", str(step), "abgeholt", raw.id, self._ctx.now())
        event = self._ctx.event(
            Art.ABHOLUNG,
            akteur(caller),
            message_id=entry["message_id"],
            delivery_id=entry["id"],
            empfaenger=entry["empfaenger"],
            sha256=raw.sha256,
            zertifikat=fingerprint(signer),
        )
        partner = await self._ctx.partners.of(entry["empfaenger"])
        pems = partner.pems("signatur", self._ctx.at()) if partner else []
        proofs = await proof_steps(self._ctx, receipt_id, pems, signer)
        change = step_delivery(entry, step, Actor.RECEIPT, self._ctx.now(), receipt_id=receipt_id)
        await self._ctx.db.commit(*raw.steps, Do("insert_receipt", args, expect=1), *proofs, *change, event)
