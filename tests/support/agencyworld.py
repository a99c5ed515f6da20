"""An agency that mails: sealed by `openssl cms`, submitted by the standard library, receipts read by openssl."""

import asyncio
import base64
import contextlib
import hashlib
import secrets
import smtplib
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gatewayworld import Site

from gateway import mime
from gateway.accept.mail import Handed, MailListener, listen
from gateway.partner import Partner
from gateway.pki import agreed, pem_of, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.settle.mdn import Report, parse_report

OPENSSL_S = 60


@dataclass(frozen=True)
class Came:
    """A mail that came to the agency."""

    content: bytes
    handed: Handed

    def header(self, name: str) -> str | None:
        return mime.parse(self.content).header(name)


@dataclass
class Mailbox:
    """The agency's mailbox, as its mail server hands over."""

    mails: list[Came] = field(default_factory=list)
    port: int = 0

    async def takes(self, address: str) -> bool:
        return address.endswith("@jva.example")

    async def receive_mail(self, raw: bytes, handed: Handed) -> None:
        self.mails.append(Came(raw, handed))


@contextlib.asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    box = Mailbox()
    listener: MailListener = await listen(box, "127.0.0.1", 0)
    box.port = listener.port
    try:
        yield box
    finally:
        await listener.close()


@dataclass(frozen=True)
class Message:
    """What openssl made."""

    message_id: str
    sealed: bytes
    """CMS in DER."""
    mic: str


class Agency:
    """The sender, with keys of its own."""

    def __init__(self, ca: DevelopmentCa, gateway: Site, address: str, behoerden: Sequence[str]) -> None:
        self.ca = ca
        self.address = address
        self.behoerden = tuple(behoerden)
        self._gateway = gateway
        self._pairs = {use: ca.issue(Request(purpose=use, name="fachverfahren")) for use in ("sign", "encrypt")}

    def agreement(self) -> Partner:
        certificates = (
            agreed("signatur", self._pairs["sign"].certificate),
            agreed("verschluesselung", self._pairs["encrypt"].certificate),
        )
        return Partner(
            id="fachverfahren", behoerden=self.behoerden, weg="mail", adresse=self.address, zertifikate=certificates
        )

    async def seal(self, xml: bytes, empfaenger: str) -> Message:
        fields = [
            ("Content-Type", "application/xml; name=nachricht.xml"),
            ("Content-Transfer-Encoding", "base64"),
            ("X-Gateway-Empfaenger", empfaenger),
        ]
        entity = mime.build(fields, mime.base64_lines(xml))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_pair(self._pairs["sign"], folder / "sign")
            (folder / "to.crt").write_text(pem_of(self._gateway.pair("encrypt").certificate))
            (folder / "entity").write_bytes(entity)
            own = ("-signer", f"{folder}/sign.crt", "-inkey", f"{folder}/sign.key")
            signature = await _cms(
                "-sign", "-binary", "-md", "sha256", "-outform", "DER", "-in", f"{folder}/entity", *own
            )
            (folder / "signed").write_bytes(_signed(entity, signature))
            recipient = ("-recip", f"{folder}/to.crt", "-keyopt", "ecdh_kdf_md:sha256")
            sealed = await _cms(
                *("-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER", "-in", f"{folder}/signed"), *recipient
            )
        mic = base64.b64encode(hashlib.sha256(entity).digest()).decode()
        return Message(f"<{secrets.token_hex(12)}@jva.example>", sealed, mic)

    def mail(self, message: Message, to: str, *, subject: str = "Nachricht", one_line: bool = False) -> bytes:
        """The mail; with `one_line` its base64 is one line, however long."""
        head = (
            f'From: "JVA Köln, Fachverfahren" <{self.address}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n'
            f"Message-ID: {message.message_id}\r\nMIME-Version: 1.0\r\n"
            "Content-Type: application/pkcs7-mime;\r\n\tsmime-type=authEnveloped-data; name=smime.p7m\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            "Disposition-Notification-To: somebody@else.example\r\n"
            "Disposition-Notification-Options: signed-receipt-protocol=required, pkcs7-signature;\r\n"
            " signed-receipt-micalg=required, sha256\r\n\r\n"
        )
        whole = base64.b64encode(message.sealed) + b"\r\n"
        return head.encode() + (whole if one_line else mime.base64_lines(message.sealed))

    async def submit(self, port: int, mail: bytes, to: str, sender: str | None = None) -> None:
        """Hands a mail to the mail server, by STARTTLS."""

        def work() -> None:
            with smtplib.SMTP("localhost", port, timeout=60) as session:
                session.starttls(context=ssl.create_default_context(cadata=self.ca.pem))
                session.ehlo("jva.example")
                options = ["BODY=8BITMIME", "SMTPUTF8"]
                session.sendmail(self.address if sender is None else sender, [to], mail, options)

        await asyncio.to_thread(work)

    async def verified(self, mail: Came) -> Report:
        """The receipt in a mail, its signature checked by openssl."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "mail").write_bytes(mail.content)
            (folder / "anchor").write_text(pem_of(self._gateway.pair("sign").certificate))
            arguments = ("-in", f"{folder}/mail", "-CAfile", f"{folder}/anchor")
            return parse_report(await _cms("-verify", "-inform", "SMIME", *arguments))


def _signed(entity: bytes, signature: bytes) -> bytes:
    fields = [("Content-Type", "application/pkcs7-signature"), ("Content-Transfer-Encoding", "base64")]
    params = {"protocol": "application/pkcs7-signature", "micalg": "sha-256"}
    return mime.multipart("signed", [entity, mime.build(fields, mime.base64_lines(signature))], params)


async def _cms(*arguments: str) -> bytes:
    command = ["openssl", "cms", *arguments]
    done = await asyncio.to_thread(lambda: subprocess.run(command, capture_output=True, check=False, timeout=OPENSSL_S))
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
