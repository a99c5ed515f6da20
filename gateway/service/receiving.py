"""A partner's message by AS2, in the order of wire.md section 3, and receipts that come by themselves.

The steps, numbered as there: 1 headers · 2 partner and agreement · 3 the raw request is durable · 4 duplicate? ·
5 to 8 opened and verified (gateway/seal) · 9 only now XML, files, check.

Promises: nothing of a message is looked at before its signature holds; message, inbox entry and our receipt become
durable in one commit, before the answer; the same request again gets the stored receipt, byte for byte.
Fails: `Malformed` for headers that cannot be read; everything else is answered with a receipt.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway import clock
from gateway.accept.as2 import WireAnswer
from gateway.as2headers import As2Request, ReceiptRequest, read_request
from gateway.errors import Malformed, Refusal
from gateway.events import Art
from gateway.partner import Partner
from gateway.seal.sealer import ContentRefused, Opened, OpenRefused, TooLargeToOpen, open_sealed
from gateway.service.context import Context, new_id
from gateway.service.entering import Entering
from gateway.service.receipts import Receipts
from gateway.service.settling import Settling, UnknownReceipt
from gateway.settle import disposition as dispositions
from gateway.settle.disposition import Disposition
from gateway.settle.mdn import parse_report
from gateway.store.database import AlreadyThere, Do, Row

JUDGING = 5 * 60 * clock.SECOND
"""How long one request may be judged before another worker looks at it."""
MIC_ALGORITHMS = ("sha-256", "sha-384", "sha-512")
"""What we compute a MIC in; SHA-1 and MD5 never (wire.md section 1)."""
_NO_REPORT = frozenset({"kein_maschinenteil"})


@dataclass(frozen=True)
class Judged:
    """What became of a request: the receipt's disposition, and the statements that go with it."""

    disposition: Disposition
    mic: tuple[str, str] | None = None
    """Base64 and algorithm."""
    message_id: str | None = None
    steps: tuple[Do, ...] = ()


class Receiving:
    """The AS2 listener's port."""

    def __init__(
        self, ctx: Context, entering: Entering, settling: Settling, receipts: Receipts, wake: Callable[[], None]
    ) -> None:
        self._ctx = ctx
        self._entering = entering
        self._settling = settling
        self._receipts = receipts
        self._wake = wake

    async def receive(self, raw_headers: Sequence[tuple[bytes, bytes]], body: bytes) -> WireAnswer:
        """One request of the AS2 listener.

        Raises:
            Malformed: its headers cannot be read.
        """
        request = read_request(raw_headers)  # 1
        partner = await self._ctx.partners.by_as2_id(request.sender)  # 2
        if partner is None or request.recipient != self._ctx.config.as2_name:
            return self._receipts.unknown(request)
        entity = _entity(raw_headers, body)
        if _is_receipt(request, entity):
            return await self._receipt(entity, partner)
        self._demand_agreed_url(request, partner)
        row = await self._durable(request, raw_headers, body)  # 3
        if row["status"] != "empfangen":  # 4
            return self._again(row, request, body)
        return await self._judge(row, request, partner, body)

    async def recover(self) -> int:
        """Judges what a gateway that died had taken but not judged."""
        now = self._ctx.now()
        rows = (await self._ctx.db.commit(Do("claim_inbound", (now, now + JUDGING, 100))))[0]
        for row in rows:
            raw = await self._ctx.content.read_all(row["raw_content"], limit=64 * 1024 * 1024)
            headers, body = _split(raw)
            request = read_request(headers)
            partner = await self._ctx.partners.by_as2_id(request.sender)
            if partner is not None:
                await self._judge(row, request, partner, body)
        return len(rows)

    async def _receipt(self, entity: bytes, partner: Partner) -> WireAnswer:
        try:
            await self._settling.receive(entity, partner)
        except UnknownReceipt:
            event = self._ctx.event(Art.EINGANG_ABGEWIESEN, f"partner:{partner.id}", grund="quittung_ohne_nachricht")
            await self._ctx.db.commit(event)
            return WireAnswer(400)
        return WireAnswer(200)

    def _demand_agreed_url(self, request: As2Request, partner: Partner) -> None:
        url = request.receipt.url if request.receipt else None
        if url is not None and url != partner.mdn_url:
            raise Malformed("Die Adresse für die Quittung ist nicht vereinbart.", code="quittung_adresse")

    async def _durable(self, request: As2Request, raw_headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Row:
        now = self._ctx.now()
        raw = self._ctx.content.seal_small(_joined(raw_headers, body), now)
        key = (request.sender, request.recipient, request.message_id)
        digest = hashlib.sha256(body).hexdigest()
        url = request.receipt.url if request.receipt else None
        row_id = new_id()
        insert = Do("insert_inbound", (row_id, *key, digest, raw.id, now, url, now + JUDGING), expect=1)
        try:
            await self._ctx.db.commit(*raw.steps, insert)
        except AlreadyThere:
            known = await self._ctx.db.fetch_one("inbound_by_transport", *key)
            assert known is not None
            return known
        row = await self._ctx.db.fetch_one("inbound", row_id)
        assert row is not None
        return row

    def _again(self, row: Row, request: As2Request, body: bytes) -> WireAnswer:
        """The same transport key once more: the stored receipt, if it is the same request."""
        if hashlib.sha256(body).hexdigest() != row["raw_sha256"]:
            return self._receipts.answer(request, self._receipts.build(request, dispositions.DECRYPTION_FAILED, None))
        if row["mdn_body"] is None or row["mdn_status"] != "none":
            return WireAnswer(200)
        return WireAnswer(200, tuple(tuple(pair) for pair in json.loads(row["mdn_headers"])), bytes(row["mdn_body"]))

    async def _judge(self, row: Row, request: As2Request, partner: Partner, body: bytes) -> WireAnswer:
        judged = await self._open_and_enter(row, request, partner, body)
        receipt = self._receipts.build(request, judged.disposition, judged.mic) if request.receipt else None
        answer = self._receipts.answer(request, receipt) if receipt else WireAnswer(200)
        accepted = judged.disposition.positive
        later = request.receipt is not None and request.receipt.url is not None
        settle = Do(
            "settle_inbound",
            (
                row["id"],
                "angenommen" if accepted else "abgelehnt",
                judged.message_id,
                answer.body if receipt else None,
                json.dumps(answer.headers) if receipt else None,
                request.receipt.url if request.receipt else None,
                "wartet" if later else "none",
                self._ctx.now(),
            ),
            expect=1,
        )
        await self._ctx.db.commit(*judged.steps, settle)
        self._wake()
        return WireAnswer(200) if later else answer

    async def _open_and_enter(self, row: Row, request: As2Request, partner: Partner, body: bytes) -> Judged:
        try:
            opened = await asyncio.to_thread(  # 5 to 8
                open_sealed,
                io.BytesIO(body),
                request.content_type,
                self._ctx.identity,
                partner,
                at=self._ctx.at(),
                transfer=request.transfer_encoding,
            )
        except OpenRefused as refused:
            return self._refuse(row, partner, refused.cause_code, dispositions.DECRYPTION_FAILED)
        except TooLargeToOpen:
            return self._refuse(row, partner, "zu_gross", dispositions.DECRYPTION_FAILED)
        except ContentRefused as refused_content:
            disposition = Disposition("processed", ("error",), refused_content.disposition)
            return self._refuse(row, partner, refused_content.code, disposition)
        mic = _mic(opened, request.receipt)
        try:
            entered = await self._entering.enter(opened, partner)  # 9
        except Refusal as refusal:
            judged = self._refuse(row, partner, refusal.code, dispositions.UNEXPECTED_PROCESSING_ERROR)
            return replace(judged, mic=mic)
        disposition = dispositions.DUPLICATE if entered.known else dispositions.PROCESSED
        return Judged(disposition, mic, entered.message_id, entered.steps)

    def _refuse(self, row: Row, partner: Partner, cause: str, disposition: Disposition) -> Judged:
        event = self._ctx.event(Art.EINGANG_ABGEWIESEN, f"partner:{partner.id}", grund=cause, eingang=row["id"])
        return Judged(disposition, steps=(event,))


def _mic(opened: Opened, receipt: ReceiptRequest | None) -> tuple[str, str] | None:
    """The MIC in the first algorithm that the sender asked for and we compute, else in the signature's hash."""
    wanted = receipt.micalgs if receipt else ()
    alg = next((alg for alg in wanted if alg in MIC_ALGORITHMS), opened.verified.hash)
    return opened.mic(alg), alg


def _is_receipt(request: As2Request, entity: bytes) -> bool:
    if not request.content_type.strip().lower().startswith("multipart/"):
        return False
    return not set(parse_report(entity).faults) & _NO_REPORT


def _entity(raw_headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes:
    """The MIME entity of a request: its Content headers and its body."""
    content = [(n, v) for n, v in raw_headers if n.lower().startswith(b"content-") and n.lower() != b"content-length"]
    return _joined(content, body)


def _joined(headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n" + body


def _split(raw: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [line.partition(b": ") for line in head.split(b"\r\n")]
    return [(name, value) for name, _, value in lines], body
