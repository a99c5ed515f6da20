"""The mail listener: SMTP or LMTP for receipts that come by mail (wire.md section 5).

Promises: mail for anybody but our registered address is refused at RCPT (550); a mail is answered with 250 only after
it is durable; nothing is ever bounced.
Fails: 451 when the store cannot take it now.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

log = logging.getLogger(__name__)

MAIL_BYTES = 2 * 1024 * 1024
"""Largest mail: a receipt has some kilobytes, and `settle.mdn` reads one megabyte."""


class MailReceiver(Protocol):
    """What the listener needs of the gateway."""

    async def receive_mail(self, raw: bytes) -> None:
        """Judges one mail, or keeps it for a person; durable when it returns."""


class MailIn:
    """Handler of aiosmtpd."""

    def __init__(self, receiver: MailReceiver, postfach: str) -> None:
        self._receiver = receiver
        self._postfach = postfach.lower()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Only our registered address."""
        del server, session, rcpt_options
        if address.strip("<>").lower() != self._postfach:
            return "550 5.1.1 no such mailbox"
        if envelope.rcpt_tos:  # LMTP answers DATA once for each recipient (RFC 2033 section 4.2); ours is one
            return "452 4.5.3 one recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """One mail."""
        del server, session
        content = envelope.content
        raw = content if isinstance(content, bytes) else (content or "").encode("utf-8", "surrogateescape")
        try:
            await self._receiver.receive_mail(raw)
        except Exception:
            log.exception("a mail could not be taken")
            return "451 4.3.0 try again later"
        return "250 OK"


class _Speaks(SMTP):
    """SMTP, and LMTP for a mail server that hands over (RFC 2033): the greeting tells which."""

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, hostname: str) -> None:  # noqa: N802 - aiosmtpd's name
        """LMTP's greeting; everything after it is the same, since there is one recipient."""
        await self.smtp_EHLO(hostname)


async def listen(receiver: MailReceiver, postfach: str, host: str, port: int) -> asyncio.Server:
    """A listening server on this event loop."""
    handler = MailIn(receiver, postfach)

    def session() -> SMTP:
        return _Speaks(handler, data_size_limit=MAIL_BYTES, ident="gateway", hostname="gateway", enable_SMTPUTF8=True)

    return await asyncio.get_running_loop().create_server(session, host, port)
