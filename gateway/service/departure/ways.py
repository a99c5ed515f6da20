"""The two ways to a partner: AS2 over HTTP, and S/MIME mail; and receipts of ours by mail.

Promises: each hands the sealed bytes over once and says what came of it; what goes wrong on the line is a value. By
mail, a try's token is durable before the mail leaves, so that whatever comes back finds it.
Fails: `StoreError`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable

import aiohttp

from gateway import mime
from gateway.as2headers import ReceiptRequest, request_headers
from gateway.config_tables import Postausgang
from gateway.partner import Partner
from gateway.pki import load_certificates, pem_of
from gateway.send.failure import Failure, Taken, Trouble, from_http, from_trouble
from gateway.send.http import CHUNK, SLOWEST, Body, Response, Timeouts, post
from gateway.send.mail import Envelope, MailServer, send
from gateway.send.mail_message import (
    build_message,
    build_receipt,
    checked_address,
    transfer_entity,
    verp_address,
)
from gateway.send.outcome import Failed, HandedOver, Outcome, ReceiptCame
from gateway.service.context import Context
from gateway.service.departure.sealing import Wire
from gateway.settle.mdn import is_receipt_type
from gateway.store.database import Row
from gateway.store.steps import do
from gateway.tls import client_context, partner_context

TOKEN_BYTES = 12
"""Random bytes of a try's token: 24 letters, which leave 39 for the local part of our address."""


class As2Way:
    """AS2: one POST; a synchronous receipt comes in the answer."""

    def __init__(self, ctx: Context, session: Callable[[], aiohttp.ClientSession]) -> None:
        self._ctx = ctx
        self._session = session

    async def hand_over(self, wire: Wire, partner: Partner) -> Outcome:
        """Sends once."""
        url = partner.url or ""
        anchors = partner.tls_anker(self._ctx.at())
        if anchors is None:
            return Failed(from_trouble(Trouble.TLS_CERTIFICATE))
        answer = await post(
            self._session(),
            url,
            self._headers(wire, partner),
            _streamed(wire.body),
            length=wire.size,
            timeouts=_timeouts(self._ctx, wire),
            ssl_context=partner_context(anchors, self._ctx.tls_client) if url.startswith("https:") else None,
        )
        return Failed(answer) if isinstance(answer, Failure) else self._judge(answer)

    def _headers(self, wire: Wire, partner: Partner) -> list[tuple[str, str]]:
        base = self._ctx.config.as2.oeffentliche_url
        later = f"{base.rstrip('/')}/as2" if partner.mdn == "async" and base else None
        headers = request_headers(
            sender=self._ctx.config.as2_name,
            recipient=partner.as2_id or "",
            message_id=wire.wire_id,
            content_type=wire.headers["Content-Type"],
            now=self._ctx.now(),
            receipt=ReceiptRequest(signed=True, micalgs=(wire.delivery["mic_alg"],), url=later, required=True),
            transfer_encoding=wire.headers["Content-Transfer-Encoding"],
        )
        return [*headers, ("X-Gateway-Id", wire.delivery["message_id"])]

    def _judge(self, answer: Response) -> Outcome:
        content_type = answer.header("Content-Type") or ""
        meaning = from_http(
            answer.status,
            receipt=is_receipt_type(content_type) and bool(answer.body),
            retry_after=answer.header("Retry-After"),
            now=self._ctx.now(),
        )
        if isinstance(meaning, Failure):
            return Failed(meaning)
        if meaning is Taken.HANDED_OVER:
            return HandedOver()
        return ReceiptCame(_entity(answer))


def _timeouts(ctx: Context, wire: Wire) -> Timeouts:
    """A large message may take longer than a small one."""
    return Timeouts(idle_s=ctx.config.zustellung.zeitlimit_sekunden, total_s=3_600 + wire.size / SLOWEST)


def _streamed(body: Body) -> Body:
    """A small body as it is; a larger one as something that yields it, wherever it lies."""
    return (lambda: _pieces(body)) if isinstance(body, bytes) and len(body) > CHUNK else body


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body piece by piece: written as one it would hold up everything else."""
    for at in range(0, len(body), CHUNK):
        yield body[at : at + CHUNK]


def _entity(answer: Response) -> bytes:
    """The MIME entity of an answer: its Content headers, exactly as they came, and its body."""
    head = b"".join(
        name + b": " + value + b"\r\n"
        for name, value in answer.headers
        if name.lower() in {b"content-type", b"content-transfer-encoding"}
    )
    return head + b"\r\n" + answer.body


class MailWay:
    """S/MIME mail (AS1); the receipt comes later, by mail.

    From is our registered address, by which partners know us; the return path is the sender's address with the try's
    token, which is the ENVID too: a returned mail counts by that alone (wire.md section 5).
    """

    def __init__(self, ctx: Context, postausgang: Postausgang, postfach: str) -> None:
        self._ctx = ctx
        self._server = mail_server(postausgang)
        self._sender = postausgang.absender
        self._postfach = postfach

    async def hand_over(self, wire: Wire, partner: Partner) -> Outcome:
        """Sends once."""
        try:
            recipient = checked_address(partner.adresse or "")
        except ValueError:
            return Failed(from_trouble(Trouble.ADDRESS))
        mail = self._mail(wire, recipient)
        token = secrets.token_hex(TOKEN_BYTES)
        envelope = Envelope(verp_address(self._sender, token), recipient, envid=token)
        await self._ctx.db.commit(
            do(
                "insert_mail_try",
                token=token,
                delivery_id=wire.delivery["id"],
                n=wire.delivery["attempts"],
                now=self._ctx.now(),
            )
        )
        result = await send(self._server, envelope, mail, max_bytes=partner.grenzen.mail_bytes)
        return Failed(result) if isinstance(result, Failure) else HandedOver()

    def _mail(self, wire: Wire, recipient: str) -> bytes:
        return build_message(
            sender=self._postfach,
            recipient=recipient,
            message_id=wire.wire_id,
            now=self._ctx.now(),
            entity=_for_mail(wire),
            notify=self._postfach,
            receipt=ReceiptRequest(signed=True, micalgs=(wire.delivery["mic_alg"],), required=True),
            gateway_id=wire.delivery["message_id"],
        )


class MailReceipts:
    """Our receipts by mail: to the registered address, with an empty return path, the same bytes at every try."""

    def __init__(self, ctx: Context, postausgang: Postausgang, postfach: str) -> None:
        self._ctx = ctx
        self._server = mail_server(postausgang)
        self._postfach = postfach

    async def send(self, job: Row, partner: Partner) -> Failure | None:
        """Sends the receipt of an `inbound` row; None where it was taken."""
        stored = dict(json.loads(job["mdn_headers"]))
        content = [(name, stored[name]) for name in stored if name.lower().startswith("content-")]
        try:
            recipient = checked_address(partner.adresse or "")
        except ValueError:
            return from_trouble(Trouble.ADDRESS)
        mail = build_receipt(
            sender=self._postfach,
            recipient=recipient,
            message_id=stored["Message-ID"],
            now=job["received"],
            entity=mime.build(content, bytes(job["mdn_body"])),
            in_reply_to=job["wire_id"],
        )
        result = await send(self._server, Envelope("", recipient), mail)
        return result if isinstance(result, Failure) else None


def _for_mail(wire: Wire) -> bytes:
    """The sealed entity in base64; what was sealed for another way is the same, only encoded."""
    assert isinstance(wire.body, bytes), "mail is sent from memory"
    if wire.headers["Content-Transfer-Encoding"] == "base64":
        return mime.build(list(wire.headers.items()), wire.body)
    others = [(n, v) for n, v in wire.headers.items() if n not in ("Content-Type", "Content-Transfer-Encoding")]
    return transfer_entity(wire.headers["Content-Type"], wire.body, others)


def mail_server(setting: Postausgang) -> MailServer:
    """The mail server of the configuration; its password is read from its file now.

    Raises:
        OSError: the password file cannot be read.
    """
    password = setting.kennwort_datei.read_text().strip() if setting.kennwort_datei else None
    anchors = [pem_of(certificate) for certificate in load_certificates(setting.ca)] if setting.ca else []
    tls = client_context(anchors) if setting.sicherheit != "keine" else None
    return MailServer(setting.host, setting.port, setting.sicherheit, tls, setting.benutzer, password)
