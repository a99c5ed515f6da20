"""Our receipts for what partners send: built, signed, sent later where that was asked for (wire.md section 4).

Promises: a receipt is signed with our key and names the Message-ID byte for byte; who is unknown gets an unsigned one;
asynchronous ones go to the agreement's URL alone, those for mails to the registered address.
Fails: sending is a worker's job; its failures are tried again.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp

from gateway import clock, mime
from gateway.accept.as2 import WireAnswer
from gateway.as2headers import As2Request, new_message_id, quote_as2_name, request_headers
from gateway.events import Art
from gateway.partner import Algorithmen
from gateway.seal.policy import PolicyRefused
from gateway.seal.sealer import sign_entity
from gateway.send.failure import Failure, Trouble, from_http, from_trouble
from gateway.send.http import USER_AGENT, Response, Timeouts, post
from gateway.send.retry import Again, RetryPolicy, decide
from gateway.service.context import Context
from gateway.service.departure.leases import LEASE, Leases
from gateway.service.departure.ways import MailReceipts
from gateway.service.patience import POISONED, rest_s
from gateway.settle import disposition as dispositions
from gateway.settle.disposition import Disposition
from gateway.settle.mdn import Mic, build_report
from gateway.store.database import Do, Row, StoreUnavailable
from gateway.store.steps import do, listed
from gateway.tls import partner_context

ATTEMPT_S = 5 * 60
"""How long one try may take in all: a receipt has some kilobytes."""


@dataclass(frozen=True)
class Receipt:
    """A receipt as it goes over the wire."""

    headers: tuple[tuple[str, str], ...]
    """MIME headers."""
    body: bytes = field(repr=False)


class Receipts:
    """Builds receipts; the worker's port for those that are sent later."""

    def __init__(
        self,
        ctx: Context,
        session: Callable[[], aiohttp.ClientSession],
        policy: RetryPolicy,
        by_mail: MailReceipts | None = None,
        checkpoint: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Args:
        ctx: identity, agreements, store.
        session: for those that go by AS2 later.
        policy: when they are tried again.
        by_mail: for those that go by mail.
        checkpoint: the text of our log's latest checkpoint, where there is one.
        """
        self._ctx = ctx
        self._session = session
        self._policy = policy
        self._by_mail = by_mail
        self._checkpoint = checkpoint
        self._leases = Leases(lambda: self._ctx.now(), self._renew)
        self._attempts: dict[str, int] = {}
        """Number of the try under way, by receipt."""

    def build(
        self, request: As2Request, disposition: Disposition, mic: tuple[str, str] | None, algorithms: Algorithmen
    ) -> Receipt:
        """Our receipt for `request`, signed as agreed; unsigned where a plain one was asked for."""
        entity = self._report(request, disposition, mic)
        if request.receipt is None or not request.receipt.signed:
            parsed = mime.parse(entity)
            return Receipt(tuple(parsed.headers), parsed.body)
        try:
            content_type, body = sign_entity(entity, self._ctx.receipt_identity, algorithms, self._ctx.at())
        except PolicyRefused:  # an exception that has ended: what counts without one
            content_type, body = sign_entity(entity, self._ctx.receipt_identity, Algorithmen(), self._ctx.at())
        return Receipt((("Content-Type", content_type),), body)

    def unknown(self, request: As2Request) -> WireAnswer:
        """To whom we have no agreement with: unsigned, and nothing else."""
        parsed = mime.parse(self._report(request, dispositions.UNKNOWN_TRADING_RELATIONSHIP, None))
        return self.answer(request, Receipt(tuple(parsed.headers), parsed.body))

    def answer(self, request: As2Request, receipt: Receipt) -> WireAnswer:
        """A receipt as the answer of the same connection."""
        return WireAnswer(200, (*self._as2_headers(request.sender), *receipt.headers), receipt.body)

    async def claim(self, limit: int) -> Sequence[Row]:
        """Receipts that are due, and those whose worker is gone."""
        now = self._ctx.now()
        await self.renew()  # after `now` was read: a clock that is set meanwhile takes nothing from this process
        gone, due = Do("recover_mdns", (now, now)), Do("claim_mdns", (now, now + LEASE, limit))
        return (await self._ctx.db.commit(gone, due))[1]

    async def recover(self) -> int:
        """Gives back what a gateway that died had claimed. To be called before workers start."""
        rows = await self._ctx.db.commit(Do("recover_mdns", (self._ctx.abandoned_before(), self._ctx.now())))
        return len(rows[0])

    async def renew(self) -> None:
        """Keep the claims of tries under way, however long they take; end those that another gateway took over."""
        await self._leases.renew()

    async def _renew(self, ids: list[str], until: int) -> set[str]:
        rows = (await self._ctx.db.commit(do("renew_mdns", ids=listed(ids), lease_until=until)))[0]
        return {row["id"] for row in rows if row["mdn_attempts"] != self._attempts.get(row["id"])}

    async def work(self, job: Row) -> None:
        """Sends one receipt."""
        self._attempts[job["id"]] = job["mdn_attempts"]
        try:
            with self._leases.holding(job["id"]):
                await self._send(job)
        finally:
            self._attempts.pop(job["id"], None)

    async def _send(self, job: Row) -> None:
        if job["weg"] == "mail":
            await self._work_by_mail(job)
            return
        partner = await self._ctx.partners.by_as2_id(job["as2_from"])
        if partner is None or partner.mdn_url is None or partner.mdn_url != job["async_url"]:
            await self._move(job, "gescheitert", None)
            return
        stored = dict(json.loads(job["mdn_headers"]))
        headers = request_headers(
            sender=self._ctx.config.as2_name,
            recipient=job["as2_from"],
            message_id=stored["Message-ID"],  # at every try the same
            content_type=stored["Content-Type"],
            now=self._ctx.now(),
            transfer_encoding=None,
        )
        anchors = partner.tls_anker(self._ctx.at())
        if anchors is None:
            await self._record(job, from_trouble(Trouble.TLS_CERTIFICATE))
            return
        tls = partner_context(anchors, self._ctx.tls_client) if partner.mdn_url.startswith("https:") else None
        limits = Timeouts(idle_s=self._ctx.config.zustellung.zeitlimit_sekunden, total_s=ATTEMPT_S)
        body = bytes(job["mdn_body"])
        answer = await post(self._session(), partner.mdn_url, headers, body, timeouts=limits, ssl_context=tls)
        if isinstance(answer, Response):
            wait = answer.header("Retry-After")
            meaning = from_http(answer.status, receipt=False, retry_after=wait, now=self._ctx.now())
        else:
            meaning = answer
        await self._record(job, meaning if isinstance(meaning, Failure) else None)

    async def _work_by_mail(self, job: Row) -> None:
        partner = await self._ctx.partners.by_address(job["as2_from"])
        if partner is None or self._by_mail is None:
            await self._move(job, "gescheitert", None)
            return
        await self._record(job, await self._by_mail.send(job, partner))

    async def failed(self, job: Row, error: Exception) -> None:
        """An attempt raised: tried again, later and later; what raises every time is given up with an alarm."""
        if isinstance(error, StoreUnavailable):  # the receipt is not what raises: its lease ends by itself
            return
        raised = job["raised"] + 1
        noted = do("note_mdn_raised", id=job["id"], attempt=job["mdn_attempts"])
        if raised >= POISONED:
            await self._move(job, "gescheitert", None, noted)
        else:
            await self._move(job, "wartet", self._ctx.now() + round(rest_s(raised) * clock.SECOND), noted)

    async def _record(self, job: Row, failure: Failure | None) -> None:
        if failure is None:
            await self._move(job, "zugestellt", None)
            return
        verdict = decide(
            self._policy,
            attempts=job["mdn_attempts"],
            first_at=job["received"],
            now=self._ctx.now(),
            failure=failure,
            random01=random.random(),  # noqa: S311 - jitter
        )
        if isinstance(verdict, Again):
            await self._move(job, "wartet", verdict.at)
        else:
            await self._move(job, "gescheitert", None)

    async def _move(self, job: Row, status: str, next_at: int | None, *noted: Do) -> None:
        steps = [*noted, Do("move_mdn", (job["id"], job["mdn_attempts"], status, next_at))]
        about = {"message_id": job["message_id"], "eingang": job["id"]}
        if status == "zugestellt":
            steps.append(self._ctx.event(Art.QUITTUNG_GESENDET, self._ctx.self_akteur, **about))
        elif status == "gescheitert":
            steps.append(self._ctx.event(Art.ALARM, self._ctx.self_akteur, grund="quittung_nicht_gesendet", **about))
        await self._ctx.db.commit(*steps)

    def _report(self, request: As2Request, disposition: Disposition, mic: tuple[str, str] | None) -> bytes:
        postfach = (self._ctx.config.mail.postfach or "").lower()
        return build_report(
            original_message_id=request.message_id,
            disposition=disposition,
            final_recipient=postfach if request.recipient == postfach else self._ctx.config.as2_name,
            reporting_ua=USER_AGENT,
            mic=Mic.read(f"{mic[0]}, {mic[1]}") if mic else None,
            original_recipient=request.recipient,
            checkpoint=self._checkpoint() if mic else None,  # not for a sender whose signature did not hold
        )

    def _as2_headers(self, recipient: str) -> tuple[tuple[str, str], ...]:
        return (
            ("AS2-Version", "1.2"),
            ("AS2-From", quote_as2_name(self._ctx.config.as2_name)),
            ("AS2-To", quote_as2_name(recipient)),
            ("Message-ID", self._new_id()),
            ("MIME-Version", "1.0"),
        )

    def _new_id(self) -> str:
        return new_message_id(self._ctx.config.as2_name, secrets.token_hex(16))
