"""A partner's message by AS2 or mail, in the order of wire.md section 3, and receipts that come by themselves.

The steps, numbered as there: 1 headers · 2 partner and agreement · 3 the raw request is durable · 4 duplicate? ·
5 to 8 opened and verified (gateway/seal) · 9 only now XML, files, check.

Promises: nothing of a message is looked at before its signature holds; message, inbox entry and our receipt become
durable in one commit, before the answer; the same request again gets the stored receipt, byte for byte, also while the
first one is being judged; a request whose judgement raises keeps none other waiting: it is judged again, later and
later, and after `POISONED` times it waits for a person (status `klaerung`, an alarm) and for the next start.
By mail nothing is answered at once: the receipt goes to the registered address, and only after the signature held.
Fails: `Malformed` for headers that cannot be read, `Overloaded` for what shall come again; everything else is answered
with a receipt.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Literal

from gateway import clock, mime
from gateway.accept.as2 import PEER, WireAnswer
from gateway.accept.mail_headers import read_message
from gateway.as2headers import As2Request, ReceiptRequest, read_request
from gateway.errors import Malformed, Overloaded, Refusal, TooLarge
from gateway.events import Art
from gateway.partner import Partner
from gateway.seal.sealer import STREAM_FROM, ContentRefused, OpenRefused, TooLargeToOpen
from gateway.service.arrival.entering import Entering
from gateway.service.arrival.incoming import (
    COMPRESSED_IN_MEMORY,
    MIC_ALGORITHMS,
    Incoming,
    InMemory,
    InStore,
    Opening,
    RawHeaders,
    headers_of,
    joined,
    recovered,
)
from gateway.service.arrival.limiting import FailureLimit
from gateway.service.arrival.receipts import Receipts
from gateway.service.context import Context, new_id
from gateway.service.departure.leases import LEASE, Leases
from gateway.service.departure.settling import Settling, UnknownReceipt
from gateway.service.patience import POISONED, rest_s
from gateway.settle import disposition as dispositions
from gateway.settle.disposition import Disposition
from gateway.settle.mdn import parse_report
from gateway.store.database import AlreadyThere, Do, Row, StaleState, StoreUnavailable
from gateway.store.steps import do, listed

log = logging.getLogger(__name__)

PATIENCE_S = 10.0
"""How long a repetition waits for the judgement of the request that it repeats; then it is asked to come again."""
LOOK_S = 0.05
"""How often it looks."""
RACES = 5
"""How often a request is judged anew because the same notice came in another one at the same moment."""
RECOVER = 1_000
"""Requests taken up at once: no more can have been under way when a gateway died."""
SEALED_FACTOR = 2
"""How many times a message's size its sealed body may have: twice in base64 it has 1.88 times."""
ENVELOPE_BYTES = 1024 * 1024
"""What a sealed body may have beyond its content: MIME headers of a thousand files, signature, CMS."""
_NO_REPORT = frozenset({"kein_maschinenteil"})
Weg = Literal["as2", "mail"]
"""How a request came."""
_LATER = WireAnswer(503, (("Retry-After", "60"),))
"""Nothing is said of a request whose judgement failed: it is kept, and judged later."""


@dataclass(frozen=True)
class Judged:
    """What became of a request: the receipt's disposition, and the statements that go with it."""

    disposition: Disposition
    mic: tuple[str, str] | None = None
    """Base64 and algorithm."""
    verified: bool = False
    """The sender's signature held; nothing is sent to anybody else before (wire.md section 4)."""
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
        self._recovered = False
        self._leases = Leases(lambda: self._ctx.now(), self._renew)
        self._limit = FailureLimit()

    async def receive(self, raw_headers: RawHeaders, body: bytes) -> WireAnswer:
        """One small request of the AS2 listener.

        Raises:
            Malformed: its headers cannot be read, or it wants its receipt somewhere else than agreed.
            Overloaded: to be sent again later; among others because too many requests of this partner failed.
        """
        request, partner = await self._met(raw_headers)  # 1, 2
        entity = _entity(raw_headers, body)
        is_receipt = _is_receipt(request, entity)
        if partner is None:
            return self._stranger(request, is_receipt=is_receipt)
        if is_receipt:
            return await self._receipt(entity, partner)
        await self._admit(request, partner)
        return await self._take(request, partner, await self._held(partner, joined(raw_headers, b""), body), "as2")

    async def receive_mail(self, request: As2Request, partner: Partner, head: bytes, body: bytes) -> None:
        """One mail that may be a sealed message; durable when it returns.

        Args:
            request: what its header says.
            partner: whose address it names as its sender.
            head: its header as it came, with the blank line.
            body: what follows.

        Raises:
            Overloaded: to come again later; among others because too many messages of this partner failed.
        """
        self._limit.demand(partner.id, self._ctx.now(), PEER.get())
        await self._take(_by_mail(request, partner), partner, await self._held(partner, head, body), "mail")

    async def _held(self, partner: Partner, head: bytes, body: bytes) -> Incoming:
        """A body that is in memory; a large one, or one that may become large, is opened from the store."""
        if len(body) > STREAM_FROM or (partner.algorithmen.kompression and len(body) > COMPRESSED_IN_MEMORY):
            return await InStore.taken(self._ctx, head, _one(body))
        return InMemory(self._ctx, head, body)

    async def receive_stream(self, raw_headers: RawHeaders, pieces: AsyncIterator[bytes]) -> WireAnswer:
        """One large request, its body as it comes; it is never a receipt.

        Raises:
            TooLarge: more than agreed; nothing stays.
            Malformed, Overloaded: as `receive`.
        """
        request, partner = await self._met(raw_headers)  # 1, 2
        if partner is None:
            return self._stranger(request, is_receipt=False)
        await self._admit(request, partner)
        agreed = _limited(pieces, SEALED_FACTOR * partner.grenzen.bytes + ENVELOPE_BYTES)
        body = await InStore.taken(self._ctx, joined(raw_headers, b""), agreed)
        return await self._take(request, partner, body, "as2")

    async def _met(self, raw_headers: RawHeaders) -> tuple[As2Request, Partner | None]:
        """Who sends to us; no partner where it is none, or where it is not for us."""
        request = read_request(raw_headers)
        partner = await self._ctx.partners.by_as2_id(request.sender)
        return request, partner if request.recipient == self._ctx.config.as2_name else None

    def _stranger(self, request: As2Request, *, is_receipt: bool) -> WireAnswer:
        log.warning("AS2: a request of no partner of ours, or not for us")
        unanswered = is_receipt or request.receipt is None
        return WireAnswer(403) if unanswered else self._receipts.unknown(request)

    async def _admit(self, request: As2Request, partner: Partner) -> None:
        self._limit.demand(partner.id, self._ctx.now(), PEER.get())
        await self._demand_agreed_url(request, partner)

    async def _take(self, request: As2Request, partner: Partner, body: Incoming, weg: Weg) -> WireAnswer:
        row, ours = await self._durable(request, body, weg)  # 3
        if not ours:  # 4
            return await self._again(row, request, partner, body)
        return await self._judge(row, request, partner, body)

    async def recover(self) -> int:
        """Judges what was taken but not judged.

        The first call, before anybody gets in, also takes up what a gateway that died had begun.
        """
        now = self._ctx.now()
        before = now if self._recovered else self._ctx.abandoned_before()
        again = [] if self._recovered else [do("judge_again")]
        self._recovered = True
        await self.renew()  # after `now` was read: a clock that is set meanwhile takes nothing from this process
        rows = (await self._ctx.db.commit(*again, Do("claim_inbound", (before, now + LEASE, RECOVER))))[-1]
        for row in rows:
            try:
                await self._recover_one(row)
            except (Overloaded, StoreUnavailable) as later:
                log.warning("request %s: %s; again when its lease ends", row["id"], type(later).__name__)
            except Exception as error:
                await self._raised(row, error)
        return len(rows)

    async def _raised(self, row: Row, error: Exception) -> None:
        """A judgement raised: again later, or a person is told."""
        log.error("request %s cannot be judged", row["id"], exc_info=error)
        raised = row["raised"] + 1
        ended = raised >= POISONED
        until = None if ended else self._ctx.now() + round(rest_s(raised) * clock.SECOND)
        note = do(
            "note_judgement_raised",
            expect=1,
            id=row["id"],
            before=row["raised"],
            status="klaerung" if ended else "empfangen",
            lease_until=until,
        )
        alarm = self._ctx.event(
            Art.ALARM, self._ctx.self_akteur, grund="eingang_nicht_beurteilt", eingang=row["id"], versuche=raised
        )
        with contextlib.suppress(StaleState):  # judged by another gateway
            await self._ctx.db.commit(note, *([alarm] if ended else []))

    async def renew(self) -> None:
        """Keep the claims on requests that are being judged, however long that takes."""
        await self._leases.renew()

    async def _renew(self, ids: list[str], until: int) -> set[str]:
        await self._ctx.db.commit(do("renew_inbound", ids=listed(ids), lease_until=until))
        return set()  # of two that judge one request the second finds it judged

    async def _recover_one(self, row: Row) -> None:
        head, body = await recovered(self._ctx, row["raw_content"], row["raw_sha256"])
        if row["weg"] == "mail":
            request = read_message(mime.parse_head(head), row["as2_to"])
            partner = await self._ctx.partners.by_address(request.sender)
            request = _by_mail(request, partner) if partner is not None else request
        else:
            request = read_request(headers_of(head))
            partner = await self._ctx.partners.by_as2_id(request.sender)
        if partner is not None:
            await self._judge(row, request, partner, body)
            return
        event = self._ctx.event(
            Art.EINGANG_ABGEWIESEN, self._ctx.self_akteur, grund="partner_unbekannt", eingang=row["id"]
        )
        settled = (row["id"], "abgelehnt", None, None, None, row["async_url"], "none", self._ctx.now())
        await self._ctx.db.commit(event, Do("settle_inbound", settled, expect=1))

    async def _receipt(self, entity: bytes, partner: Partner) -> WireAnswer:
        try:
            await self._settling.receive(entity, partner)
        except UnknownReceipt:
            await self._ctx.db.commit(self._refusal(partner, "quittung_ohne_nachricht"))
            return WireAnswer(400)
        return WireAnswer(200)

    async def _demand_agreed_url(self, request: As2Request, partner: Partner) -> None:
        url = request.receipt.url if request.receipt else None
        if url is not None and url != partner.mdn_url:
            await self._ctx.db.commit(self._refusal(partner, "quittung_adresse"))
            raise Malformed("Die Adresse für die Quittung ist nicht vereinbart.", code="quittung_adresse")

    async def _durable(self, request: As2Request, body: Incoming, weg: Weg) -> tuple[Row, bool]:
        """The request's row, and whether it is this request's own: False for a repetition."""
        now = self._ctx.now()
        raw = body.raw()
        key = (request.sender, request.recipient, request.message_id)
        url = request.receipt.url if request.receipt else None
        row_id = new_id()
        insert = Do("insert_inbound", (row_id, *key, body.sha256, raw.id, now, url, now + LEASE, weg), expect=1)
        try:
            await self._ctx.db.commit(*raw.steps, insert)
        except AlreadyThere:
            await body.discard()
            known = await self._ctx.db.fetch_one("inbound_by_transport", *key)
            assert known is not None
            return known, False
        row = await self._ctx.db.fetch_one("inbound", row_id)
        assert row is not None
        return row, True

    async def _again(self, row: Row, request: As2Request, partner: Partner, body: Incoming) -> WireAnswer:
        """The same transport key once more: the stored receipt, if it is the same request."""
        if body.sha256 != row["raw_sha256"]:
            await self._ctx.db.commit(self._refusal(partner, "message_id_vergeben", row))
            if request.receipt is None:
                return WireAnswer(400)
            refused = self._receipts.build(request, dispositions.DECRYPTION_FAILED, None, partner.algorithmen)
            return self._receipts.answer(request, refused)
        judged = await self._judged(row)
        if judged is None:
            return _LATER
        event = self._ctx.event(
            Art.EINGANG_DOPPELT, f"partner:{partner.id}", message_id=judged["message_id"], eingang=row["id"]
        )
        await self._ctx.db.commit(event, Do("send_mdn_again", (row["id"], self._ctx.now())))
        self._wake()
        return _stored(judged)

    async def _judged(self, row: Row) -> Row | None:
        """The row as soon as it is judged; None if that takes too long."""
        for _ in range(round(PATIENCE_S / LOOK_S)):
            found = await self._ctx.db.fetch_one("inbound", row["id"])
            if found is None or found["status"] == "klaerung":
                return None
            if found["status"] != "empfangen":
                return found
            await asyncio.sleep(LOOK_S)
        return None

    async def _judge(self, row: Row, request: As2Request, partner: Partner, body: Incoming) -> WireAnswer:
        with self._leases.holding(row["id"]):
            try:
                return await self._judge_held(row, request, partner, body)
            except (Overloaded, StoreUnavailable):
                raise
            except Exception as error:
                await self._raised(row, error)
                return _LATER

    async def _judge_held(self, row: Row, request: As2Request, partner: Partner, body: Incoming) -> WireAnswer:
        for _ in range(RACES):
            try:
                async with body.opening() as opening:
                    judged = await self._open_and_enter(row, request, partner, opening)
                    answer, settled = self._settled(row, request, partner, judged)
                    await self._ctx.db.commit(*judged.steps, settled)
            except AlreadyThere:  # the same notice came in another request at this moment: this one is a duplicate
                continue
            except StaleState:  # another worker has judged this request
                return await self._again(row, request, partner, body)
            self._wake()
            return answer
        raise Overloaded(retry_after=1)

    def _settled(self, row: Row, request: As2Request, partner: Partner, judged: Judged) -> tuple[WireAnswer, Do]:
        """What goes back now, and the statement that keeps judgement and receipt."""
        accepted = judged.disposition.positive
        if judged.verified:
            self._limit.verified(partner.id, PEER.get())
        else:
            self._limit.failed(partner.id, self._ctx.now(), PEER.get())
        answer = WireAnswer(200 if accepted else 400)
        kept: tuple[bytes | None, str | None] = (None, None)
        if request.receipt is not None and (judged.verified or row["weg"] == "as2"):
            made = self._receipts.build(request, judged.disposition, judged.mic, partner.algorithmen)
            answer = self._receipts.answer(request, made)
            kept = (answer.body, json.dumps(answer.headers))
        url = request.receipt.url if request.receipt else None
        later = url is not None and judged.verified
        status = ("angenommen" if accepted else "abgelehnt", judged.message_id)
        mdn = (url, "wartet" if later else "none", self._ctx.now())
        settled = Do("settle_inbound", (row["id"], *status, *kept, *mdn), expect=1)
        return WireAnswer(200) if later else answer, settled

    async def _open_and_enter(self, row: Row, request: As2Request, partner: Partner, opening: Opening) -> Judged:
        try:
            arrival = await opening.arrive(request, partner)  # 5 to 8
        except OpenRefused as refused:
            return self._refuse(row, partner, refused.cause_code, dispositions.DECRYPTION_FAILED)
        except TooLargeToOpen:
            return self._refuse(row, partner, "zu_gross", dispositions.DECRYPTION_FAILED)
        except ContentRefused as refused_content:
            disposition = Disposition("processed", ("error",), refused_content.disposition)
            return self._refuse(row, partner, refused_content.code, disposition, verified=True)
        unmet = _unmet(request.receipt)
        if unmet is not None:
            return self._refuse(row, partner, "quittung_verfahren", unmet, verified=True)
        try:
            entered = await self._entering.enter(arrival, partner)  # 9
        except Overloaded:
            raise
        except Refusal as refusal:
            disposition = dispositions.UNEXPECTED_PROCESSING_ERROR
            judged = self._refuse(row, partner, refusal.code, disposition, verified=True)
            told = await self._entering.complain(arrival, partner, request.message_id, refusal)
            return replace(judged, mic=arrival.mic, steps=(*judged.steps, *told))
        disposition = dispositions.DUPLICATE if entered.known else dispositions.PROCESSED
        return Judged(disposition, arrival.mic, True, entered.message_id, entered.steps)

    def _refuse(
        self, row: Row, partner: Partner, cause: str, disposition: Disposition, *, verified: bool = False
    ) -> Judged:
        return Judged(disposition, verified=verified, steps=(self._refusal(partner, cause, row),))

    def _refusal(self, partner: Partner, cause: str, row: Row | None = None) -> Do:
        detail = {} if row is None else {"eingang": row["id"]}
        return self._ctx.event(Art.EINGANG_ABGEWIESEN, f"partner:{partner.id}", grund=cause, **detail)


def _by_mail(request: As2Request, partner: Partner) -> As2Request:
    """The same request with its receipt to the registered address, whatever it names itself (wire.md section 5)."""
    if request.receipt is None:
        return request
    return replace(request, receipt=replace(request.receipt, url=f"mailto:{partner.adresse}"))


def _stored(row: Row) -> WireAnswer:
    """What was answered to a request: its receipt, or the status alone where it goes elsewhere or none was asked."""
    if row["mdn_status"] != "none":
        return WireAnswer(200)
    if row["mdn_body"] is None:
        return WireAnswer(200 if row["status"] == "angenommen" else 400)
    return WireAnswer(200, tuple(tuple(pair) for pair in json.loads(row["mdn_headers"])), bytes(row["mdn_body"]))


def _unmet(receipt: ReceiptRequest | None) -> Disposition | None:
    """The refusal of a receipt that is required in a way that we do not have (RFC 4130 section 7.5.3)."""
    if receipt is None:
        return None
    if receipt.unmet == "format":
        return dispositions.UNSUPPORTED_FORMAT
    known = not receipt.micalgs or any(alg in MIC_ALGORITHMS for alg in receipt.micalgs)
    if receipt.unmet == "micalg" or (receipt.required and not known):
        return dispositions.UNSUPPORTED_MIC_ALGORITHMS
    return None


def _is_receipt(request: As2Request, entity: bytes) -> bool:
    if not request.content_type.strip().lower().startswith("multipart/"):
        return False
    return not set(parse_report(entity).faults) & _NO_REPORT


def _entity(raw_headers: RawHeaders, body: bytes) -> bytes:
    """The MIME entity of a request: its Content headers and its body."""
    content = [(n, v) for n, v in raw_headers if n.lower().startswith(b"content-") and n.lower() != b"content-length"]
    return joined(content, body)


async def _one(piece: bytes) -> AsyncIterator[bytes]:
    yield piece


async def _limited(pieces: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    """The pieces, as long as they are no more than agreed.

    Raises:
        TooLarge: they are.
    """
    async for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise TooLarge
        yield piece
