"""The mail way end to end: a real SMTP server as the partner's, S/MIME out, signed receipts back by SMTP."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as Taken
from as2peer import (
    Made,
    Peer,
    amend,
    delivery,
    events,
    events_of,
    eventually,
    later,
    now,
    peering,
    posted,
    receipt,
    status,
    until,
)
from as2peer import Received as Came
from click.testing import CliRunner
from gatewayworld import KOELN, Api, Site, agree, free_port

from gateway import clock, mime
from gateway.cli.main import cli
from gateway.partner import Grenzen
from gateway.pki_issue import DevelopmentCa
from gateway.seal.sealer import Opened, open_sealed
from gateway.send.failure import Failure
from gateway.send.mail import Accepted, Envelope, MailServer, send
from gateway.send.mail_message import build_receipt, verp_token
from gateway.service.gateway import Gateway, running
from gateway.settle.disposition import refusal
from gateway.settle.mdn import Mic

pytestmark = pytest.mark.usefixtures("prompt")

OURS = "quittung@gateway.example"
SENDER = "versand@gateway.example"
THEIRS = "abh@koeln.example"
DAY = 24 * 3600


@dataclass
class Mta:
    """The partner's mail server: keeps what comes, and answers what a test wants."""

    port: int = field(default_factory=free_port)
    replies: list[str] = field(default_factory=list)
    """Answers to DATA, one after the other; then 250."""
    rcpt: list[str] = field(default_factory=list)
    """Answers to RCPT; then 250."""
    size: int = 30 * 1024 * 1024
    mails: list[Taken] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, data_size_limit=self.size), "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Taken, address: str, options: Any) -> str:
        envelope.rcpt_tos.append(address)
        return self.rcpt.pop(0) if self.rcpt else "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Taken) -> str:
        self.mails.append(envelope)
        return self.replies.pop(0) if self.replies else "250 2.0.0 queued"


def raw(mail: Taken) -> bytes:
    assert isinstance(mail.content, bytes)
    return mail.content


def head(mail: Taken, name: str) -> str | None:
    return mime.parse(raw(mail)).header(name)


@pytest.fixture
async def mta() -> AsyncIterator[Mta]:
    server = Mta()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def hub(hub_site: Site, mta: Mta) -> AsyncIterator[Gateway]:
    """A hub that has the mail way."""
    hub_site.settings = {
        "mail": {"postfach": OURS},
        "postausgang": {"host": "127.0.0.1", "port": mta.port, "sicherheit": "keine", "absender": SENDER},
    }
    async with running(hub_site.config()) as gateway:
        yield gateway


@pytest.fixture
async def koeln(ca: DevelopmentCa, hub: Gateway, hub_site: Site, tmp_path: Path) -> AsyncIterator[Peer]:
    """Stadt Köln's S/MIME client behind that server."""
    async with peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as peer:
        await agree(hub, by_mail(peer))
        yield peer


def by_mail(peer: Peer, **terms: Any) -> Any:
    return peer.agreement(weg="mail", adresse=THEIRS, url=None, as2_id=None, mdn_url=None, **terms)


def opened(peer: Peer, mail: Taken) -> Opened:
    entity = mime.parse(raw(mail))
    content_type, transfer = entity.header("Content-Type") or "", entity.header("Content-Transfer-Encoding") or ""
    return open_sealed(
        io.BytesIO(entity.body), content_type, peer.identity, peer.gateway_as_partner(), at=now(), transfer=transfer
    )


def made(peer: Peer, mail: Taken, *args: Any, **wrong: Any) -> Made:
    """A receipt for a mail."""
    message_id = (head(mail, "Message-ID") or "").encode()
    came = Came(((b"Message-ID", message_id),), b"", opened(peer, mail), lambda: None)
    return receipt(peer, came, *args, **wrong)


async def deliver(hub: Gateway, mail: bytes, to: str = OURS, sender: str = "") -> Accepted | Failure:
    """Hands a mail to the hub's listener."""
    server = MailServer("127.0.0.1", hub.listeners.ports["mail"], "keine")
    return await send(server, Envelope(sender, to), mail)


async def answer(hub: Gateway, peer: Peer, mail: Taken, receipt_: Made) -> Accepted | Failure:
    message = build_receipt(
        sender=THEIRS,
        recipient=OURS,
        message_id=peer.new_id(),
        now=clock.now(),
        entity=receipt_.entity,
        in_reply_to=head(mail, "Message-ID") or "",
    )
    return await deliver(hub, message)


async def test_a_notice_by_mail_and_its_receipt_by_mail(hub: Gateway, koeln: Peer, jva: Api, mta: Mta) -> None:
    message = await posted(jva)
    await until(hub, message, "uebergeben")
    (mail,) = mta.mails
    assert mail.rcpt_tos == [THEIRS]
    assert verp_token(SENDER, mail.mail_from or "") is not None
    assert head(mail, "Subject") == "Nachricht"
    assert head(mail, "X-Gateway-Id") == message
    assert head(mail, "Disposition-Notification-To") == OURS
    assert "pkcs7-signature" in (head(mail, "Disposition-Notification-Options") or "")
    assert (head(mail, "From"), head(mail, "To")) == (OURS, THEIRS)
    assert head(mail, "Content-Transfer-Encoding") == "base64"
    for inside in ("Przykładowski".encode(), b"nachricht.xml", b">R8088<", KOELN.encode(), b"strafausl.haft"):
        assert inside not in raw(mail)
    assert opened(koeln, mail).gateway_headers == {"X-Gateway-Empfaenger": KOELN, "X-Gateway-Id": message}
    assert isinstance(await answer(hub, koeln, mail, made(koeln, mail)), Accepted)
    row = await until(hub, message, "zugestellt")
    assert row["wire_id"] == head(mail, "Message-ID")
    assert len(mta.mails) == 1


async def test_a_full_round_by_mail(
    hub: Gateway, hub_site: Site, koeln: Peer, mta: Mta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`gateway partners test` beside a gateway that takes the receipt in."""
    config = hub_site.config()
    monkeypatch.setattr("gateway.cli.partner_test.configuration", lambda _: config)
    await amend(hub, by_mail(koeln, test=True))
    arguments = ["partners", "test", "koeln", "--warten", "60"]
    asked = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, cli, arguments))
    await eventually(lambda: bool(mta.mails) or asked.done())
    assert mta.mails, asked.result().output
    assert isinstance(await answer(hub, koeln, mta.mails[0], made(koeln, mta.mails[0])), Accepted)
    result = await asked
    assert result.exit_code == 0, (result.output, result.exception)
    assert "5 Quittung: geprüft, positiv" in result.stdout


async def test_a_refusal_by_mail_is_final(hub: Gateway, koeln: Peer, jva: Api, mta: Mta) -> None:
    message = await posted(jva)
    await until(hub, message, "uebergeben")
    refused = made(koeln, mta.mails[0], refusal("unexpected-processing-error"), mic=None)
    await answer(hub, koeln, mta.mails[0], refused)
    row = await until(hub, message, "abgelehnt")
    assert "unexpected-processing-error" in row["last_error"]


@pytest.mark.parametrize(
    "wrong", [{"signed": False}, {"mic": Mic(b"\1" * 32, "sha-256")}, {"mic": None}], ids=["unsigned", "mic", "no-mic"]
)
async def test_a_receipt_by_mail_that_proves_nothing(
    hub: Gateway, koeln: Peer, jva: Api, mta: Mta, wrong: dict[str, Any]
) -> None:
    message = await posted(jva)
    row = await until(hub, message, "uebergeben")
    await answer(hub, koeln, mta.mails[0], made(koeln, mta.mails[0], **wrong))
    await until(hub, message, "quittung_ungueltig")
    assert len(await hub.ctx.db.fetch("receipts", row["id"])) == 1
    await answer(hub, koeln, mta.mails[0], made(koeln, mta.mails[0]))
    await until(hub, message, "zugestellt")


async def test_no_receipt_in_time_sends_the_same_mail_again(hub: Gateway, koeln: Peer, jva: Api, mta: Mta) -> None:
    await amend(hub, by_mail(koeln, grenzen=Grenzen(quittung_sekunden=3600)))
    message = await posted(jva)
    await until(hub, message, "uebergeben")
    later(hub, 2 * 3600)
    await eventually(lambda: len(mta.mails) == 2)
    first, second = mta.mails
    assert mime.parse(raw(first)).body == mime.parse(raw(second)).body
    assert head(first, "Message-ID") == head(second, "Message-ID")
    await until(hub, message, "uebergeben")
    await answer(hub, koeln, second, made(koeln, second))
    await until(hub, message, "zugestellt")


async def test_a_server_that_is_down_busy_or_comes_back(hub: Gateway, koeln: Peer, jva: Api, mta: Mta) -> None:
    await mta.stop()
    message = await posted(jva)
    row = await delivery(hub, message)
    await eventually(lambda: _tried(hub, row["id"], "verbindung"))
    mta.replies = ["451 4.3.0 later"]
    await mta.start()
    await until(hub, message, "uebergeben")
    outcomes = [attempt["outcome"] for attempt in await hub.ctx.db.fetch("attempts", row["id"])]
    assert outcomes[-2:] == ["smtp_451", "uebergeben"]
    assert len({mime.parse(raw(mail)).body for mail in mta.mails}) == 1


async def _tried(hub: Gateway, delivery_id: str, outcome: str) -> bool:
    return outcome in [attempt["outcome"] for attempt in await hub.ctx.db.fetch("attempts", delivery_id)]


async def test_an_address_that_is_not_taken_is_final(hub: Gateway, koeln: Peer, jva: Api, mta: Mta) -> None:
    mta.rcpt = ["550 5.1.1 no such user"]
    message = await posted(jva)
    row = await until(hub, message, "gescheitert")
    assert "550" in row["last_error"]
    assert mta.mails == []


async def test_an_address_that_is_none_is_ours_to_mend_and_reaches_no_server(
    hub: Gateway, koeln: Peer, jva: Api, mta: Mta
) -> None:
    crooked = by_mail(koeln).model_copy(update={"adresse": "abh@koeln.example\r\nBcc: x@y.example"})
    await amend(hub, crooked)
    message = await posted(jva)
    row = await delivery(hub, message)
    await eventually(lambda: _tried(hub, row["id"], "adresse"))
    assert "Adresse" in (await delivery(hub, message))["last_error"]
    assert mta.mails == []


async def test_a_server_with_a_small_size_leaves_it_to_a_person(hub: Gateway, koeln: Peer, jva: Api, mta: Mta) -> None:
    await mta.stop()
    mta.size = 1000
    await mta.start()
    message = await posted(jva)
    row = await until(hub, message, "klaerung")
    assert "zu groß" in row["last_error"]
    assert mta.mails == []


async def test_the_agreements_limit_leaves_it_to_a_person(hub: Gateway, koeln: Peer, jva: Api, mta: Mta) -> None:
    await amend(hub, by_mail(koeln, grenzen=Grenzen(mail_bytes=1000)))
    message = await posted(jva)
    row = await until(hub, message, "klaerung")
    assert "zu groß" in row["last_error"]
    assert mta.mails == []


async def test_what_was_sealed_for_as2_goes_by_mail_under_the_same_message_id(
    hub: Gateway, koeln: Peer, jva: Api, mta: Mta
) -> None:
    await amend(hub, koeln.agreement())
    koeln.script = [status(503)] * 1000
    message = await posted(jva)
    await eventually(lambda: len(koeln.messages) >= 1)
    await amend(hub, by_mail(koeln))
    await until(hub, message, "uebergeben")
    (mail,) = mta.mails
    assert head(mail, "Message-ID") == koeln.messages[0].message_id
    assert mime.parse(raw(mail)).decoded() == koeln.messages[0].body
    await answer(hub, koeln, mail, made(koeln, mail))
    await until(hub, message, "zugestellt")


async def test_what_was_sealed_for_mail_goes_by_as2_under_the_same_message_id(
    hub: Gateway, koeln: Peer, jva: Api, mta: Mta
) -> None:
    mta.replies = ["451 later"] * 1000
    message = await posted(jva)
    await eventually(lambda: len(mta.mails) >= 1)
    await amend(hub, koeln.agreement())
    await eventually(lambda: len(koeln.messages) >= 1)
    came = koeln.messages[0]
    assert came.header("Content-Transfer-Encoding") == "base64"
    assert came.message_id == head(mta.mails[0], "Message-ID")
    assert came.body == mime.parse(raw(mta.mails[0])).body
    await until(hub, message, "zugestellt")


# --- what comes to our address ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["versand@gateway.example", "postmaster@gateway.example", "quittung@anders.example"])
async def test_a_foreign_recipient_is_refused_at_rcpt(hub: Gateway, to: str) -> None:
    refused = await deliver(hub, b"Subject: x\r\n\r\nx\r\n", to=to)
    assert isinstance(refused, Failure)
    assert refused.code == "smtp_550"
    assert await events_of(hub, "eingang_abgewiesen") == []


async def test_our_address_is_ours_in_any_case_of_letters(hub: Gateway) -> None:
    assert isinstance(await deliver(hub, b"Subject: x\r\n\r\nx\r\n", to=OURS.upper()), Accepted)


DSN = (
    b"From: mailer-daemon@koeln.example\r\nTo: quittung@gateway.example\r\nSubject: Undelivered\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    b"--b\r\n\r\nfailed\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    b"Reporting-MTA: dns; mx.koeln.example\r\n\r\nFinal-Recipient: rfc822; abh@koeln.example\r\n"
    b"Action: failed\r\nStatus: 5.1.1\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    b"Message-ID: %s\r\nSubject: Nachricht\r\n--b--\r\n"
)
SEALED = b"Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data\r\nContent-Transfer-Encoding: base64\r\n"
OTHERS = {
    "plain": (b"From: a@b.example\r\nSubject: Hallo\r\n\r\nGuten Tag\r\n", "keine_nachricht"),
    "dsn": (DSN, "ruecklaeufer_ohne_versuch"),
    "away": (
        b"From: a@b.example\r\nAuto-Submitted: auto-replied\r\nDisposition-Notification-To: a@b.example\r\n\r\nweg\r\n",
        "automatische_antwort",
    ),
    "no-mime": (b"\r\n\xff\xfe\r\n", "keine_nachricht"),
    "no-receipt-id": (
        b"MIME-Version: 1.0\r\nContent-Type: message/disposition-notification\r\n\r\n"
        b"Disposition: automatic-action/MDN-sent-automatically; processed\r\n",
        "keine_quittung_fuer_uns",
    ),
    "stranger": (b"From: a@b.example\r\nMessage-ID: <1@b.example>\r\n" + SEALED + b"\r\nMIAG\r\n", "partner_unbekannt"),
    "two-senders": (
        b"From: abh@koeln.example, a@b.example\r\nMessage-ID: <1@b.example>\r\n" + SEALED + b"\r\nMIAG\r\n",
        "absender_unlesbar",
    ),
    "from-twice": (
        b"From: abh@koeln.example\r\nFrom: a@b.example\r\nMessage-ID: <1@b.example>\r\n" + SEALED + b"\r\nMIAG\r\n",
        "duplicate_header",
    ),
    "no-id": (b"From: abh@koeln.example\r\n" + SEALED + b"\r\nMIAG\r\n", "message_id"),
    "answered": (
        b"From: abh@koeln.example\r\nMessage-ID: <1@b.example>\r\nAuto-Submitted: auto-replied (away)\r\n"
        + SEALED
        + b"\r\nMIAG\r\n",
        "automatische_antwort",
    ),
    "no-header-end": (b"X-Trace: " + b"x" * 900 + b"\r\n" + (b" " + b"x" * 900 + b"\r\n") * 80, "header_too_long"),
}


@pytest.mark.parametrize(("mail", "cause"), OTHERS.values(), ids=OTHERS)
async def test_what_is_not_for_us_is_kept_with_an_event_and_never_answered(
    hub: Gateway, koeln: Peer, jva: Api, mta: Mta, mail: bytes, cause: str
) -> None:
    message = await posted(jva)
    row = await until(hub, message, "uebergeben")
    before = await delivery(hub, message)
    content = mail.replace(b"%s", row["wire_id"].encode())
    assert isinstance(await deliver(hub, content, sender="a@b.example"), Accepted)
    (event,) = await events_of(hub, "eingang_abgewiesen")
    detail = json.loads(event["detail"])
    assert detail["grund"] == cause
    assert content in await hub.ctx.content.read_all(detail["inhalt"], limit=1 << 20)
    assert b"Guten Tag".decode() not in event["detail"]
    assert await delivery(hub, message) == before
    assert await hub.ctx.db.fetch("receipts", row["id"]) == []
    await asyncio.sleep(0.1)
    assert len(mta.mails) == 1, "answered"


async def test_a_receipt_for_nothing_of_ours_is_kept(hub: Gateway, koeln: Peer, jva: Api, mta: Mta) -> None:
    message = await posted(jva)
    await until(hub, message, "uebergeben")
    foreign = made(koeln, mta.mails[0], message_id="<other@gateway.example>")
    assert isinstance(await answer(hub, koeln, mta.mails[0], foreign), Accepted)
    assert len(await events_of(hub, "eingang_abgewiesen")) == 1
    assert (await delivery(hub, message))["status"] == "uebergeben"


async def test_the_same_receipt_by_mail_twice_changes_nothing(hub: Gateway, koeln: Peer, jva: Api, mta: Mta) -> None:
    message = await posted(jva)
    row = await until(hub, message, "uebergeben")
    mail = build_receipt(
        sender=THEIRS,
        recipient=OURS,
        message_id=koeln.new_id(),
        now=clock.now(),
        entity=made(koeln, mta.mails[0]).entity,
        in_reply_to="",
    )
    for _ in range(2):
        assert isinstance(await deliver(hub, mail), Accepted)
    assert (await delivery(hub, message))["status"] == "zugestellt"
    assert len(await hub.ctx.db.fetch("receipts", row["id"])) == 1
    assert len(await events(hub, message, "quittung")) == 1


async def test_a_mail_that_is_too_large_is_refused_and_nothing_is_kept(hub: Gateway) -> None:
    refused = await deliver(hub, b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 300_000)
    assert isinstance(refused, Failure)
    assert await events_of(hub, "eingang_abgewiesen") == []


async def test_a_mail_that_cannot_be_kept_now_comes_again(hub_site: Site, mta: Mta) -> None:
    """The store is gone: 451, so that the sending server tries again."""
    hub_site.settings = {"mail": {"postfach": OURS}}
    async with running(hub_site.config()) as hub:
        await hub.ctx.db.close()
        refused = await deliver(hub, OTHERS["plain"][0])
        assert isinstance(refused, Failure)
        assert refused.code == "smtp_451"
