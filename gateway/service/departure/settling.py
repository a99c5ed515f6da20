"""A receipt came: judged by the table of wire.md section 4, recorded with its bytes.

Promises: the raw receipt, its verdict, the delivery's new state and the event become durable in one commit; a receipt
that proves nothing is kept too and changes only what waits for one; a late valid one heals, also one for a sealing
that was replaced since; the same receipt again changes nothing.
Fails: `UnknownReceipt` when no delivery of ours has the Message-ID that the receipt names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography import x509

from gateway import clock
from gateway.events import Art
from gateway.mime import MimeError
from gateway.partner import Partner
from gateway.seal.policy import PolicyRefused, fingerprint, load_certificates
from gateway.seal.sealer import open_signed, recipient_certificate
from gateway.seal.signed import SignatureRefused
from gateway.service.context import Context, new_id
from gateway.service.departure.notifying import Notifying
from gateway.service.departure.proofs import proof_steps
from gateway.service.steps import step_delivery
from gateway.service.upkeep.restoring import RESTORED
from gateway.settle.mdn import parse_report
from gateway.settle.receipt import Evidence, Expected, Verdict, judge
from gateway.states import Actor, DeliveryStatus, Step
from gateway.store.database import Do, Row, StaleState


class UnknownReceipt(Exception):
    """Die Quittung nennt keine Nachricht von uns."""


class Settling:
    """Judges and records receipts."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._notifying = Notifying(ctx)

    async def receive(self, entity: bytes, from_partner: Partner | None = None) -> None:
        """A receipt that came by itself, by AS2 or mail.

        Args:
            entity: the MIME entity with its headers, as it came.
            from_partner: who sent it, where the way says so; it must be the delivery's partner.

        Raises:
            UnknownReceipt: it names no delivery of ours, or another partner's.
        """
        original = parse_report(entity).original_message_id
        if original is None:
            raise UnknownReceipt
        delivery, former = await self._find(f"<{original}>")
        partner = await self._ctx.partners.by_id(delivery["partner_id"])
        if partner is None or (from_partner is not None and from_partner.id != partner.id):
            raise UnknownReceipt
        if former is None:
            await self.settle(delivery, partner, entity)
        else:
            await self._settle_former(delivery, former, partner, entity)

    async def _find(self, wire_id: str) -> tuple[Row, Row | None]:
        """The delivery of a Message-ID, and the sealing that it had then, where a new one replaced it."""
        delivery = await self._ctx.db.fetch_one("delivery_by_wire_id", wire_id)
        if delivery is not None:
            return delivery, None
        former = await self._ctx.db.fetch_one("former_sealing", wire_id)
        delivery = await self._ctx.db.fetch_one("delivery", former["delivery_id"]) if former else None
        if delivery is None:
            raise UnknownReceipt
        return delivery, former

    async def settle(self, delivery: Row, partner: Partner, entity: bytes, with_steps: Sequence[Do] = ()) -> None:
        """Judge `entity` as the receipt of `delivery` and record it, together with `with_steps`."""
        came, signer = signed_evidence(partner, entity, self._ctx.at())
        verdict = judge(_expected(delivery), came)
        receipt_id, steps = await self._receipt(delivery, partner, verdict, entity, signer)
        if receipt_id is None and not with_steps:
            return
        changes = self._changes(delivery, partner, verdict, receipt_id)
        change = step_delivery(delivery, verdict.step, Actor.RECEIPT, self._ctx.now(), **changes)
        again = self._new_sealing(delivery, partner) if verdict.reseal else []
        told: list[Do] = []
        if verdict.step is Step.RECEIPT_NEGATIVE and not again:
            told = await self._notifying.failed(delivery, changes["last_error"], rejected=True)
        try:
            await self._ctx.db.commit(*with_steps, *steps, *change, *again, *told)
            if verdict.step is Step.RECEIPT_POSITIVE and delivery["first_at"] is not None:
                waited = max(0, self._ctx.now() - delivery["first_at"])
                self._ctx.figures.took("gateway_receipt_seconds", waited / clock.SECOND)
        except StaleState:  # settled already: the receipt is kept as evidence and changes nothing
            await self._ctx.db.commit(*with_steps, *steps)

    async def _settle_former(self, delivery: Row, former: Row, partner: Partner, entity: bytes) -> None:
        """A receipt for a sealing that was replaced: it may still deliver; a refusal of it was heard already."""
        came, signer = signed_evidence(partner, entity, self._ctx.at())
        verdict = judge(_expected(former), came)
        receipt_id, steps = await self._receipt(delivery, partner, verdict, entity, signer)
        if receipt_id is None:
            return
        change: list[Do] = []
        if verdict.step is Step.RECEIPT_POSITIVE:
            change = step_delivery(delivery, verdict.step, Actor.RECEIPT, self._ctx.now(), receipt_id=receipt_id)
        try:
            await self._ctx.db.commit(*steps, *change)
        except StaleState:
            await self._ctx.db.commit(*steps)

    async def _receipt(
        self, delivery: Row, partner: Partner, verdict: Verdict, entity: bytes, signer: x509.Certificate | None
    ) -> tuple[str | None, list[Do]]:
        """Its key and the statements that keep it; None and none for one that is kept already, so judged."""
        sha256 = hashlib.sha256(entity).hexdigest()
        same = (delivery["id"], sha256, str(verdict.step))
        if await self._ctx.db.fetch_one("receipt_with_bytes", *same) is not None:
            return None, []
        receipt_id = new_id()
        raw = self._ctx.content.seal_small(entity, self._ctx.now())
        args = (receipt_id, delivery["id"], "mdn", str(verdict.step), str(verdict.reason), raw.id, self._ctx.now())
        event = self._ctx.event(
            Art.QUITTUNG,
            self._ctx.self_akteur,
            message_id=delivery["message_id"],
            delivery_id=delivery["id"],
            schritt=str(verdict.step),
            grund=str(verdict.reason),
            empfaenger=delivery["empfaenger"],
            sha256=sha256,
            zertifikat=fingerprint(signer) if signer else None,
        )
        kept = [*raw.steps, Do("insert_receipt", args, expect=1), event]
        if signer is not None:
            kept += await proof_steps(self._ctx, receipt_id, partner.quittung_pems(self._ctx.at()), signer)
        return receipt_id, kept

    def _changes(self, delivery: Row, partner: Partner, verdict: Verdict, receipt_id: str | None) -> dict[str, Any]:
        if verdict.step is Step.RECEIPT_POSITIVE:
            return {"receipt_id": receipt_id}
        text = f"{verdict.text} ({verdict.cause})" if verdict.cause else verdict.text
        changes: dict[str, Any] = {"last_error": text, "receipt_id": receipt_id}
        if verdict.step is Step.RECEIPT_INVALID and delivery["status"] == DeliveryStatus.LAEUFT:
            # It came with this try, whose deadline begins now; any other one runs on.
            changes["deadline_at"] = deadline(partner, self._ctx.now())
        return changes

    def _new_sealing(self, delivery: Row, partner: Partner) -> list[Do]:
        """One new sealing to another certificate in its window, if there is one (wire.md section 4)."""
        notes = json.loads(delivery["wire_headers"] or "{}")
        refused = [*notes.get("refused", []), notes.get("certificate")]
        if len(refused) > 1 or notes.get(RESTORED):  # a restored one may have been sealed anew before: a person asks
            return []
        try:
            recipient_certificate(partner, self._ctx.at(), refused)
        except PolicyRefused:
            return []
        return [
            *step_delivery(delivery, Step.RESEAL, Actor.RECEIPT, self._ctx.now()),
            Do("seal_anew", (delivery["id"], json.dumps({**notes, "refused": refused, "neu": True})), expect=1),
        ]


def signed_evidence(partner: Partner, entity: bytes, at: datetime) -> tuple[Evidence, x509.Certificate | None]:
    """What a receipt proves, and who signed it: it is read from the very bytes that the partner signed, if it did.

    Line ends of LF alone are taken here without an agreement: only this reader reads a receipt, and it reads what the
    signature covers.
    """
    certificates = load_certificates(partner.quittung_pems(at))
    try:
        verified, inner = open_signed(entity, certificates, partner.algorithmen, at, allow_bare_lf=True)
    except SignatureRefused as refused:
        return Evidence(parse_report(entity), signer_verified=False, refused_reason=refused.code), None
    except MimeError:
        return Evidence(parse_report(entity), signer_verified=False), None
    return Evidence(parse_report(inner), signer_verified=True), verified.signer


def evidence(partner: Partner, entity: bytes, at: datetime) -> Evidence:
    """What a receipt proves."""
    return signed_evidence(partner, entity, at)[0]


def deadline(partner: Partner, now: int) -> int:
    """By when a receipt of what is handed over at `now` must have come."""
    return now + partner.grenzen.quittung_sekunden * clock.SECOND


def _expected(sealing: Row) -> Expected:
    return Expected(sealing["wire_id"], sealing["mic"], sealing["mic_alg"], (sealing["mic_alg"],))
