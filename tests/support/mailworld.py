"""A mail server that does what a test wants, and mails handed to a gateway's listener."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as Taken

from gateway import mime
from gateway.send.failure import Failure
from gateway.send.mail import Accepted, Envelope, MailServer, send
from gateway.service.gateway import Gateway

OURS = "quittung@gateway.example"
SENDER = "versand@gateway.example"


class Mta:
    """Takes every mail; `before_answer` runs before DATA is answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[Taken] = []
        self.before_answer: Callable[[str], Awaitable[None]] | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(lambda: SMTP(self), "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Taken) -> str:
        self.mails.append(envelope)
        if self.before_answer is not None:
            await self.before_answer(envelope.mail_from or "")
        return "250 2.0.0 queued"


def raw(mail: Taken) -> bytes:
    assert isinstance(mail.content, bytes)
    return mail.content


def head(mail: Taken, name: str) -> str | None:
    return mime.parse(raw(mail)).header(name)


async def deliver(gateway: Gateway, mail: bytes, to: str = OURS, sender: str = "") -> Accepted | Failure:
    """Hands a mail to a gateway's listener."""
    server = MailServer("127.0.0.1", gateway.listeners.ports["mail"], "keine")
    return await send(server, Envelope(sender, to), mail)


def dsn(envid: str, message_id: str = "<unknown@gw-nrw>") -> bytes:
    """A notification as servers write it."""
    return (
        "From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nsorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.example\r\nOriginal-Envelope-Id: {envid}\r\n\r\n"
        "Final-Recipient: rfc822; eingang@koeln.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message_id}\r\n\r\n--b--\r\n"
    ).encode()
