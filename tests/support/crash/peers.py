"""The partners around a gateway under test, as wire.md section 4 wants them: one effect for each Message-ID."""

import asyncio
import io
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as Taken
from as2peer import Answer, Peer, Received, now, receipt

from crash.books import Books
from crash.process import Place, insist, steady_port
from gateway import clock, mime
from gateway.as2headers import ReceiptRequest
from gateway.seal.sealer import open_sealed
from gateway.send.mail import Accepted, Envelope, MailServer, send
from gateway.send.mail_message import build_message, build_receipt, transfer_entity
from gateway.settle.mdn import Report, parse_report

OURS = "quittung@gateway.example"
THEIRS = "abh@kreis.example"


class Mailbox:
    """A partner behind a mail server: takes mail, opens it, and sends its receipt until it is taken."""

    def __init__(self, peer: Peer, address: str, books: Books, place: Place) -> None:
        self.peer, self.address, self.books, self.place = peer, address, books, place
        self.port = steady_port()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.bounces = 0
        """Mails that come back, the next ones."""
        self.tries: list[str] = []
        """Return paths of what came."""
        self.reports: list[Report] = []
        """Receipts that came."""
        self._receipts: dict[str, bytes] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, data_size_limit=30 << 20), "127.0.0.1", self.port)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()
        await ended(self.tasks)

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Taken) -> str:
        raw, path = envelope.content, envelope.mail_from or ""
        assert isinstance(raw, bytes)
        kind = mime.parse(raw).header("Content-Type") or ""
        if kind.startswith("multipart/"):
            self.reports.append(parse_report(raw))
            return "250 2.0.0 queued"
        self.tries.append(path)
        self.bounces -= 1
        task = asyncio.create_task(self.returned(path) if self.bounces >= 0 else self._read(raw))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return "250 2.0.0 queued"

    async def _read(self, raw: bytes) -> None:
        mail = mime.parse(raw)
        wire_id, kind = mail.header("Message-ID") or "", mail.header("Content-Type") or ""
        opened = open_sealed(
            io.BytesIO(mail.body),
            kind,
            self.peer.identity,
            self.peer.gateway_as_partner(),
            at=now(),
            transfer=mail.header("Content-Transfer-Encoding") or "7bit",
        )
        if self.books.takes(self.address, wire_id, mail.body, opened.parts[0][2]):
            came = Received(((b"Message-ID", wire_id.encode()),), b"", opened, lambda: None)
            self._receipts[wire_id] = build_receipt(
                sender=THEIRS,
                recipient=OURS,
                message_id=self.peer.new_id(),
                now=clock.now(),
                entity=receipt(self.peer, came).entity,
                in_reply_to=wire_id,
            )
        await insist(lambda: self.hand_in(self._receipts[wire_id]), "250 for a receipt by mail")

    async def returned(self, path: str, action: str = "failed", status: str = "4.4.7") -> None:
        """What a mail server says of a mail that it did not deliver, to the mail's return path."""
        mail = _DSN.format(action=action, status=status, token=path.partition("+")[2].partition("@")[0]).encode()
        await insist(lambda: self.hand_in(mail.replace(b"\n", b"\r\n"), to=path), "250 for a returned mail")

    def letter(self, kind: str, body: bytes) -> tuple[str, bytes]:
        """A sealed message of this partner as a mail; its Message-ID and its bytes."""
        wire_id = self.peer.new_id()
        mail = build_message(
            sender=THEIRS,
            recipient=OURS,
            message_id=wire_id,
            now=clock.now(),
            entity=transfer_entity(kind, body),
            notify=THEIRS,
            receipt=ReceiptRequest(),
        )
        return wire_id, mail

    async def hand_in(self, mail: bytes, *, to: str = OURS, sender: str = "") -> bool | None:
        server = MailServer("127.0.0.1", self.place.ports["mail"], "keine")
        return isinstance(await send(server, Envelope(sender, to), mail), Accepted) or None


_DSN = """\
From: mailer-daemon@kreis.example
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

not delivered
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.kreis.example
Original-Envelope-Id: {token}

Final-Recipient: rfc822; abh@kreis.example
Action: {action}
Status: {status}
--b--
"""


async def ended(tasks: "set[asyncio.Task[Any]]") -> None:
    """Ends what still runs."""
    for task in tuple(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def once(books: Books, addressee: str, *, async_to: str | None = None) -> Answer:
    """A partner's gateway: an effect for each Message-ID, and for the same one again the same receipt.

    With `async_to` the receipt goes there, by a request of its own, until it is taken.
    """
    made: dict[str, Any] = {}

    async def answer(peer: Peer, received: Received) -> web.StreamResponse:
        if received.opened is None:
            return web.Response(status=400)
        wire_id = received.message_id
        if books.takes(addressee, wire_id, received.body, received.opened.parts[0][2]):
            made[wire_id] = receipt(peer, received)
        mdn = made[wire_id]
        if async_to is None:
            return web.Response(body=mdn.body, headers={"Content-Type": mdn.content_type})

        async def taken() -> bool | None:
            return (await peer.send_receipt(mdn, async_to)).status == 200 or None

        peer.tasks.append(asyncio.create_task(insist(taken, "200 for a receipt")))  # type: ignore[arg-type]
        return web.Response(status=202)

    return answer
