"""The mailbox of the Rhein-Sieg-Kreis: a real SMTP server, and a small client behind it.

The client does what any S/MIME and MDN capable mail program does: it opens the mail, verifies the hub's signature, and
answers by SMTP with a signed receipt.

Promises: what was opened is kept for the table; a mail that cannot be opened is answered with `decryption-failed`.
Fails: a mail that is no S/MIME message raises, and the demo's table shows the missing receipt.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import secrets
from dataclasses import dataclass

from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway import mime
from gateway.as2headers import new_message_id
from gateway.clock import now as micros
from gateway.demo.cast import HOST, Cast, now
from gateway.partner import Algorithmen, Partner
from gateway.seal.sealer import Opened, open_sealed, sign_entity
from gateway.send.mail import Envelope as MailEnvelope
from gateway.send.mail import MailServer, send
from gateway.send.mail_message import build_receipt
from gateway.settle.disposition import PROCESSED
from gateway.settle.mdn import Mic, build_report


@dataclass(frozen=True)
class Letter:
    """One opened mail."""

    gateway_id: str
    parts: tuple[tuple[str | None, str, bytes], ...]

    def digest(self, prefix: str) -> str | None:
        """SHA-256 of the part whose name begins with `prefix`."""
        return next(
            (hashlib.sha256(data).hexdigest() for name, _, data in self.parts if (name or "").startswith(prefix)), None
        )


class Mailbox:
    """Server and client."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self.letters: list[Letter] = []
        self._hub = Partner(
            id="hub",
            art="vermittler",
            behoerden=(),
            weg="mail",
            adresse="quittung@gateway.example",
            zertifikate=cast.hub.certificates(cast.ca),
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, data_size_limit=30 * 1024 * 1024), HOST, self._cast.mail_port
        )

    async def stop(self) -> None:
        """Stop listening; answers under way are finished."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await asyncio.gather(*self._tasks)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """A mail came: taken now, opened and answered beside it."""
        del server, session
        assert isinstance(envelope.content, bytes)
        task = asyncio.create_task(self._read(envelope.content))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return "250 OK"

    async def _read(self, raw: bytes) -> None:
        mail = mime.parse(raw)
        opened = open_sealed(
            io.BytesIO(mail.body),
            mail.header("Content-Type") or "",
            self._cast.mailbox,
            self._hub,
            at=now(),
            transfer=mail.header("Content-Transfer-Encoding") or "7bit",
        )
        self.letters.append(Letter(opened.gateway_headers.get("X-Gateway-Id", ""), opened.parts))
        await self._answer(mail.header("Message-ID") or "", opened)

    async def _answer(self, message_id: str, opened: Opened) -> None:
        box = self._cast.mailbox
        report = build_report(
            original_message_id=message_id,
            disposition=PROCESSED,
            final_recipient=box.name,
            reporting_ua="Postfach",
            mic=Mic.read(f"{opened.mic()}, {opened.verified.hash}"),
        )
        content_type, body = sign_entity(report, box, Algorithmen(), now())
        answer = build_receipt(
            sender=box.name,
            recipient="quittung@gateway.example",
            message_id=new_message_id("rhein-sieg-kreis.example", secrets.token_hex(12)),
            now=micros(),
            entity=mime.build([("Content-Type", content_type)], body),
            in_reply_to=message_id,
        )
        hub = MailServer(HOST, self._cast.hub.ports["mail"], "keine")
        await send(hub, MailEnvelope("", "quittung@gateway.example"), answer)
