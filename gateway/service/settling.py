"""A receipt came: judged by the table of wire.md section 4, recorded with its bytes.

Promises: the raw receipt, its verdict, the delivery's new state and the event become durable in one commit; a receipt
that proves nothing is kept too and changes only what waits for one; a late valid one heals.
Fails: `UnknownReceipt` when no delivery of ours has the Message-ID that the receipt names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gateway.events import Art
from gateway.mime import MimeError
from gateway.partner import Partner
from gateway.seal.policy import load_certificates
from gateway.seal.sealer import open_signed
from gateway.seal.signed import SignatureRefused
from gateway.service.context import Context, new_id
from gateway.service.steps import step_delivery
from gateway.settle.mdn import parse_report
from gateway.settle.receipt import Evidence, Expected, Verdict, judge
from gateway.states import Step
from gateway.store.database import Do, Row, StaleState


class UnknownReceipt(Exception):
    """Die Quittung nennt keine Nachricht von uns."""


class Settling:
    """Judges and records receipts."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def receive(self, entity: bytes, from_partner: Partner | None = None) -> Verdict:
        """A receipt that came by itself, by AS2 or mail.

        Args:
            entity: the MIME entity with its headers, as it came.
            from_partner: who sent it, where the way says so; it must be the delivery's partner.

        Raises:
            UnknownReceipt: it names no delivery of ours, or another partner's.
        """
        report = parse_report(entity)
        wire_id = f"<{report.original_message_id}>"
        delivery = await self._ctx.db.fetch_one("delivery_by_wire_id", wire_id)
        if delivery is None:
            raise UnknownReceipt
        partner = await self._ctx.partners.by_id(delivery["partner_id"])
        if partner is None or (from_partner is not None and from_partner.id != partner.id):
            raise UnknownReceipt
        return await self.settle(delivery, partner, entity)

    async def settle(self, delivery: Row, partner: Partner, entity: bytes, with_steps: Sequence[Do] = ()) -> Verdict:
        """Judge `entity` as the receipt of `delivery` and record it, together with `with_steps`."""
        verdict = judge(
            Expected(delivery["wire_id"], delivery["mic"], delivery["mic_alg"], (delivery["mic_alg"],)),
            self._evidence(partner, entity),
        )
        receipt_id, steps = self._receipt(delivery, verdict, entity)
        change = step_delivery(delivery, verdict.step, self._ctx.now(), **self._changes(delivery, verdict, receipt_id))
        again = self._new_sealing(delivery, partner) if verdict.reseal else []
        try:
            await self._ctx.db.commit(*with_steps, *steps, *change, *again)
        except StaleState:  # settled already: the receipt is kept as evidence and changes nothing
            await self._ctx.db.commit(*with_steps, *steps)
        return verdict

    def _evidence(self, partner: Partner, entity: bytes) -> Evidence:
        at = self._ctx.at()
        certificates = load_certificates(partner.pems("quittung", at) or partner.pems("signatur", at))
        try:
            _, inner = open_signed(entity, certificates, partner.algorithmen, at)
        except SignatureRefused as refused:
            return Evidence(parse_report(entity), signer_verified=False, refused_reason=refused.code)
        except MimeError:
            return Evidence(parse_report(entity), signer_verified=False)
        return Evidence(parse_report(inner), signer_verified=True)

    def _receipt(self, delivery: Row, verdict: Verdict, entity: bytes) -> tuple[str, list[Do]]:
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
        )
        return receipt_id, [*raw.steps, Do("insert_receipt", args, expect=1), event]

    def _changes(self, delivery: Row, verdict: Verdict, receipt_id: str) -> dict[str, Any]:
        if verdict.step is Step.RECEIPT_POSITIVE:
            return {"receipt_id": receipt_id}
        text = f"{verdict.text} ({verdict.cause})" if verdict.cause else verdict.text
        changes: dict[str, Any] = {"last_error": text, "receipt_id": receipt_id}
        if verdict.step is Step.RECEIPT_INVALID:  # the deadline runs on, and starts where there was none
            changes["deadline_at"] = delivery["deadline_at"] or self._ctx.now()
        return changes

    def _new_sealing(self, delivery: Row, partner: Partner) -> list[Do]:
        """One new sealing to another certificate in its window, if there is one (wire.md section 4)."""
        notes = json.loads(delivery["wire_headers"] or "{}")
        refused = [*notes.get("refused", []), notes.get("certificate")]
        if len(refused) > 1 or len(partner.pems("verschluesselung", self._ctx.at())) < len(refused) + 1:
            return []
        event = self._ctx.event(
            Art.VERSIEGELUNG,
            self._ctx.self_akteur,
            message_id=delivery["message_id"],
            delivery_id=delivery["id"],
            neu=True,
            wire_id=delivery["wire_id"],
        )
        return [
            *step_delivery(delivery, Step.RESEAL, self._ctx.now()),
            Do("seal_anew", (delivery["id"], json.dumps({**notes, "refused": refused, "neu": True})), expect=1),
            event,
        ]
