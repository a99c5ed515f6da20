"""The mail listener: LMTP or SMTP for what a mail server hands over: messages, receipts, returned mails (wire.md 5).

Promises: mail for any address that is not ours is refused at RCPT (550); a mail is answered with 250 only after it is
durable; nothing is ever bounced after DATA; beyond this machine nothing is taken without TLS. Connections, sizes and
times are bounded.
Fails: 451 when the store or the gateway cannot take it now: the mail server keeps it and comes again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from gateway import logs

log = logging.getLogger(__name__)

MAIL_BYTES: Final = 20 * 1024 * 1024 + 64 * 1024
"""Largest mail: the default limit on the wire (wire.md section 5), and the header that servers on the way add."""
SESSIONS: Final = 20
"""Connections at once: what Postfix opens to one destination by itself."""
SESSION_S: Final = 300.0
"""How long one command may take, a whole DATA included: 20 MB at 0.5 Mbit/s."""
NULL_SENDER: Final = ("", "<>")
"""The empty return path, as it is written: of receipts and notifications, which are never answered."""
BUSY: Final = b"421 4.3.2 too many connections\r\n"
LATER: Final = "451 4.3.0 try again later"


@dataclass(frozen=True, slots=True)
class Handed:
    """What stood outside the mail."""

    recipient: str
    automatic: bool
    """The return path was empty."""


class MailReceiver(Protocol):
    """What the listener needs of the gateway."""

    async def takes(self, address: str) -> bool:
        """Whether an address is ours: the registered one, or that of one of our tries."""
        ...

    async def receive_mail(self, raw: bytes, handed: Handed) -> None:
        """Judges one mail, or keeps it for a person; durable when it returns."""
        ...


class MailIn:
    """Handler of aiosmtpd."""

    def __init__(self, receiver: MailReceiver) -> None:
        self._receiver = receiver

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Only addresses of ours."""
        del server, session, rcpt_options
        try:
            ours = await self._receiver.takes(address.strip("<>"))
        except Exception:
            log.exception("a recipient could not be looked up")
            return LATER
        if not ours:
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
        handed = Handed(envelope.rcpt_tos[0].strip("<>"), (envelope.mail_from or "") in NULL_SENDER)
        began = time.monotonic()
        logs.ANFRAGE.set(str(uuid.uuid4()))
        answer = await self._taken(raw, handed)
        logs.step("mail", bytes=len(raw), status=int(answer[:3]), dauer_ms=round(1000 * (time.monotonic() - began), 1))
        logs.ANFRAGE.set(None)
        return answer

    async def _taken(self, raw: bytes, handed: Handed) -> str:
        try:
            await self._receiver.receive_mail(raw, handed)
        except Exception:
            log.exception("a mail could not be taken")
            return LATER
        return "250 OK"

    async def handle_exception(self, error: Exception) -> str:
        """What goes wrong is told to nobody outside."""
        log.error("the mail listener failed: %s", type(error).__name__)
        return LATER


class _Speaks(SMTP):
    """SMTP, and LMTP for a mail server that hands over (RFC 2033): the greeting tells which."""

    ended: Callable[[_Speaks], None]

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, hostname: str) -> None:  # noqa: N802 - aiosmtpd's name
        """LMTP's greeting; everything after it is the same, since there is one recipient."""
        await self.smtp_EHLO(hostname)

    def connection_lost(self, error: Exception | None) -> None:
        """The session is over."""
        super().connection_lost(error)
        self.ended(self)

    def cut(self) -> asyncio.Task[None] | None:
        """Close the connection now, without a farewell that TLS waits for; the task that served it ends by that."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        task: asyncio.Task[None] | None = self._handler_coroutine
        return task


class _Busy(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so and close."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(BUSY)
        transport.close()


class MailListener:
    """A server that listens, and its sessions."""

    def __init__(self, receiver: MailReceiver, tls: ssl.SSLContext | None, *, demand_tls: bool) -> None:
        self._handler = MailIn(receiver)
        self._tls = tls
        self._demand_tls = demand_tls
        self._sessions: set[_Speaks] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        """The real one, once it listens."""

    async def start(self, host: str, port: int, given: socket.socket | None = None) -> None:
        """Begin to listen, at a socket that listens already where one is given.

        Raises:
            OSError: the address is taken.
        """
        loop = asyncio.get_running_loop()
        if given is not None:
            self._server = await loop.create_server(self._session, sock=given)
        else:
            self._server = await loop.create_server(self._session, host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening; sessions are cut: what was not answered with 250 comes again."""
        if self._server is None:
            return
        self._server.close()
        await self._server.wait_closed()
        tasks = [task for session in list(self._sessions) if (task := session.cut()) is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        self._server = None

    def _session(self) -> asyncio.Protocol:
        if len(self._sessions) >= SESSIONS:
            return _Busy()
        session = _Speaks(
            self._handler,
            data_size_limit=MAIL_BYTES,
            ident="gateway",
            hostname="gateway",
            enable_SMTPUTF8=True,
            timeout=SESSION_S,
            tls_context=self._tls,
            require_starttls=self._demand_tls,
        )
        session.ended = self._sessions.discard
        self._sessions.add(session)
        return session


async def listen(
    receiver: MailReceiver,
    host: str,
    port: int,
    tls: ssl.SSLContext | None = None,
    *,
    demand_tls: bool = False,
    given: socket.socket | None = None,
) -> MailListener:
    """A server that listens on this event loop.

    Args:
        receiver: takes the mails.
        host: address to bind.
        port: port to bind; 0 lets the system choose.
        tls: offered by STARTTLS; None for none.
        demand_tls: nothing is taken without it.
        given: a socket of the service manager, which listens instead.

    Raises:
        OSError: the address is taken.
    """
    listener = MailListener(receiver, tls, demand_tls=demand_tls)
    await listener.start(host, port, given)
    return listener
