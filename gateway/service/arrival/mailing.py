"""A mail came: a partner's message, a receipt, a returned mail, or something that a person must look at (wire.md 5).

Promises: a message is opened in the order of wire.md section 3 and answered, if at all, to the partner's registered
address; a receipt is judged like any other; a notification counts by its token alone; receipts, notifications and
automatic answers are never answered. Everything else is kept with an event and never answered or bounced.
Fails: `StoreError`, `Overloaded` when nothing can be taken now; the mail server then comes again.
"""

from __future__ import annotations

import hashlib

from gateway import mime
from gateway.accept.mail import Handed
from gateway.accept.mail_headers import MailRefused, is_automatic_answer, is_sealed, read_message
from gateway.events import Art
from gateway.service.arrival.receiving import Receiving
from gateway.service.context import Context
from gateway.service.departure.bouncing import Bouncing
from gateway.service.departure.settling import Settling, UnknownReceipt
from gateway.settle.dsn import is_dsn_type, parse_dsn
from gateway.settle.mdn import parse_report
from gateway.store.steps import do


class Mailing:
    """The mail listener's port."""

    def __init__(self, ctx: Context, settling: Settling, receiving: Receiving, bouncing: Bouncing) -> None:
        self._ctx = ctx
        self._settling = settling
        self._receiving = receiving
        self._bouncing = bouncing

    async def takes(self, address: str) -> bool:
        """Whether an address is ours: the registered one, or the return path of one of our tries."""
        return self._is_registered(address) or await self._bouncing.try_of(address) is not None

    async def receive_mail(self, raw: bytes, handed: Handed) -> None:
        """Judges one mail, or keeps it for a person.

        Raises:
            Overloaded: too many messages of this partner could not be opened.
        """
        try:
            await self._judge(raw, handed)
        except (MailRefused, mime.MimeError) as refused:
            await self._keep(raw, refused.code)
        except UnknownReceipt:
            await self._keep(raw, "keine_quittung_fuer_uns")

    async def _judge(self, raw: bytes, handed: Handed) -> None:
        mail = mime.parse_head(raw, allow_bare_lf=True)  # receipts and notifications are read tolerantly
        if is_dsn_type(mail.header("Content-Type") or ""):
            await self._returned(raw, handed)
        elif is_sealed(mail):
            await self._message(raw, handed)
        elif "kein_maschinenteil" not in parse_report(raw).faults:
            await self._settling.receive(raw)
        else:
            raise MailRefused("automatische_antwort" if _is_answer(mail, handed) else "keine_nachricht")

    async def _returned(self, raw: bytes, handed: Handed) -> None:
        dsn = parse_dsn(raw)
        token = await self._bouncing.try_of(handed.recipient)
        if dsn is None or not await self._bouncing.note(token, dsn, raw):
            raise MailRefused("ruecklaeufer_ohne_versuch")

    async def _message(self, raw: bytes, handed: Handed) -> None:
        mail = mime.parse_head(raw)
        if _is_answer(mail, handed):
            raise MailRefused("automatische_antwort")
        if not self._is_registered(handed.recipient):
            raise MailRefused("keine_nachricht")
        request = read_message(mail, handed.recipient)
        partner = await self._ctx.partners.by_address(request.sender)
        if partner is None:
            raise MailRefused("partner_unbekannt")
        if len(raw) > partner.grenzen.mail_bytes:
            raise MailRefused("zu_gross")
        await self._receiving.receive_mail(request, partner, mail.raw, raw[len(mail.raw) :])

    def _is_registered(self, address: str) -> bool:
        return address.lower() == (self._ctx.config.mail.postfach or "").lower()

    async def _keep(self, raw: bytes, cause: str) -> None:
        kept = self._ctx.content.seal_small(raw, self._ctx.now())
        digest = hashlib.sha256(raw).hexdigest()
        event = self._ctx.event(Art.EINGANG_ABGEWIESEN, "mail", grund=cause, inhalt=kept.id, sha256=digest)
        known = do("insert_kept_mail", content_id=kept.id, now=self._ctx.now())
        await self._ctx.db.commit(*kept.steps, known, event)


def _is_answer(mail: mime.Entity, handed: Handed) -> bool:
    return handed.automatic or is_automatic_answer(mail)
