"""Receipts in the shapes that other makes of software are known to send, written by us, each with its verdict.

A shape is what differs between makes: names and case of fields, blanks and folding, brackets, transfer encodings, line
ends, spellings of algorithms and results, parts that are missing or added. What it must lead to is the table of wire.md
section 4, and nothing else: a sloppy receipt that says everything settles, a neat one that leaves something out does
not.
"""

from __future__ import annotations

import base64
import hashlib
import quopri
from collections.abc import Callable
from dataclasses import dataclass, field

from sealworld import AT, make_holder

from gateway import mime
from gateway.partner import Algorithmen
from gateway.seal.signed import sign
from gateway.settle.receipt import Reason

MESSAGE_ID = "gw-0198c6a0@gw-nrw.example"
DIGEST = hashlib.sha256(b"what we signed").digest()
B64 = base64.b64encode(DIGEST).decode()
OTHER = base64.b64encode(hashlib.sha256(b"something else").digest()).decode()
SHA1 = base64.b64encode(hashlib.sha1(b"what we signed").digest()).decode()
SHA512 = base64.b64encode(hashlib.sha512(b"what we signed").digest()).decode()

PARTNER = make_holder(name="Partner")
FOREIGN = make_holder(name="Fremd")

AUTOMATIC = "automatic-action/MDN-sent-automatically"
FIELDS = (
    "Reporting-UA: Handelspartner 5.1\n"
    "Original-Recipient: rfc822; gw-koeln\n"
    "Final-Recipient: rfc822; gw-koeln\n"
    f"Original-Message-ID: <{MESSAGE_ID}>\n"
    f"Disposition: {AUTOMATIC}; processed\n"
    f"Received-Content-MIC: {B64}, sha-256\n"
)
"""The machine part as RFC 4130 section 7.4.3 has it."""
PLAIN = ("Content-Type: text/plain; charset=us-ascii", "Content-Transfer-Encoding: 7bit")
NOTICE = ("Content-Type: message/disposition-notification", "Content-Transfer-Encoding: 7bit")


@dataclass(frozen=True)
class Shape:
    """One receipt."""

    name: str
    reason: Reason
    """What it must lead to; the step follows from it."""
    fields: str = FIELDS
    """The machine part, with LF."""
    report_type: str = 'multipart/report; report-type=disposition-notification; boundary="r"'
    human: tuple[str, ...] | None = PLAIN
    """Header of the part for people; None without that part."""
    text: str = "The message was received.\n"
    notice: tuple[str, ...] = NOTICE
    more: tuple[str, ...] = ()
    """Whole parts behind the machine part."""
    signed_type: str = 'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="s"'
    signature: tuple[str, ...] = (
        "Content-Type: application/pkcs7-signature; name=smime.p7s",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment; filename=smime.p7s",
    )
    preamble: str = ""
    epilogue: str = ""
    signer: object = PARTNER
    """None: not signed at all."""
    line_end: str = "\r\n"
    touched: Callable[[bytes], bytes] = field(default=lambda entity: entity)
    """What a relay does to it on the way."""

    def entity(self) -> bytes:
        """As it comes: header and body of the answer."""
        report = self._report()
        if self.signer is None:
            return self.touched(report)
        cms = sign(report, self.signer.identity, Algorithmen(), AT)  # type: ignore[attr-defined]
        encoded = mime.base64_lines(cms).decode().replace("\r\n", self.line_end) if self._in_base64() else None
        head = self._lines(f"Content-Type: {self.signed_type}", "", f"{self.preamble}--s")
        between = self._lines("", "--s", *self.signature, "")
        body = encoded.encode() if encoded is not None else cms + self.line_end.encode()
        return self.touched(head + report + between + body + self._lines("--s--") + self.epilogue.encode())

    def _in_base64(self) -> bool:
        return any("base64" in line.lower() for line in self.signature)

    def _report(self) -> bytes:
        """The signed range: multipart/report, or the machine part alone where the type says so."""
        machine = self._part(self.notice, self.fields)
        if not self.report_type.lower().startswith("multipart/"):
            return machine
        parts = ([self._part(self.human, self.text)] if self.human is not None else []) + [machine]
        parts += [self._lines(*part.split("\n"))[: -len(self.line_end)] for part in self.more]
        between = self._lines("", "--r")
        return (
            self._lines(f"Content-Type: {self.report_type}", "", "--r") + between.join(parts) + self._lines("", "--r--")
        )

    def _part(self, head: tuple[str, ...], content: str) -> bytes:
        octets = content.replace("\n", self.line_end).encode("latin-1")
        named = " ".join(head).lower()
        if "base64" in named:
            octets = base64.encodebytes(octets).replace(b"\n", self.line_end.encode())
        elif "quoted-printable" in named:
            octets = quopri.encodestring(content.encode("latin-1")).replace(b"\n", self.line_end.encode())
        return self._lines(*head, "") + octets

    def _lines(self, *lines: str) -> bytes:
        return (self.line_end.join(lines) + self.line_end).encode("latin-1")


def said(old: str, new: str) -> str:
    """The fields, something of them said otherwise."""
    assert old in FIELDS
    return FIELDS.replace(old, new)


def mic(value: str) -> str:
    return said(f"{B64}, sha-256", value)


def result(value: str) -> str:
    return said(f"{AUTOMATIC}; processed", value)


def without(name: str) -> str:
    return "".join(line for line in FIELDS.splitlines(keepends=True) if not line.startswith(name))


OK = Reason.ZUGESTELLT

SETTLED = (
    Shape("as the RFC writes it", OK),
    # --- spelling of fields
    Shape(
        "fields in lower case, as BizTalk writes some", OK, fields=said("Received-Content-MIC", "Received-content-MIC")
    ),
    Shape(
        "fields in upper case",
        OK,
        fields=FIELDS.replace("Disposition:", "DISPOSITION:").replace("Original-", "ORIGINAL-"),
    ),
    Shape(
        "no blank behind the colon, as Sterling writes them", OK, fields=FIELDS.replace(": ", ":").replace("; ", ";")
    ),
    Shape("blanks before the colon and at the end", OK, fields=FIELDS.replace(": ", " :  ").replace("\n", "  \n")),
    Shape("a tab behind the colon", OK, fields=FIELDS.replace(": ", ":\t")),
    Shape("folded by a blank, as long values come from IBM", OK, fields=FIELDS.replace("; processed", ";\n processed")),
    Shape("folded by a tab before the digest's algorithm", OK, fields=mic(f"{B64},\n\tsha-256")),
    Shape("empty lines around the fields", OK, fields=f"\n{FIELDS}\n\n"),
    Shape("fields of the make's own", OK, fields=f"X-Handelspartner-Transaktion: 4711\n{FIELDS}Extension-A: b\n"),
    Shape("a field that stands twice with one value", OK, fields=FIELDS + f"Original-Message-ID: <{MESSAGE_ID}>\n"),
    # --- Message-ID
    Shape(
        "Message-ID without brackets, as older gateways of IBM write it", OK, fields=said(f"<{MESSAGE_ID}>", MESSAGE_ID)
    ),
    Shape("Message-ID in quotes", OK, fields=said(f"<{MESSAGE_ID}>", f'"<{MESSAGE_ID}>"')),
    Shape(
        "Message-ID with a blank in its brackets' surroundings",
        OK,
        fields=said(f"<{MESSAGE_ID}>", f"  <{MESSAGE_ID}>  "),
    ),
    # --- digest
    Shape("sha256, as mendelson writes it", OK, fields=mic(f"{B64}, sha256")),
    Shape("SHA256, as Oxalis writes algorithms", OK, fields=mic(f"{B64}, SHA256")),
    Shape("SHA-256", OK, fields=mic(f"{B64}, SHA-256")),
    Shape("SHA2-256", OK, fields=mic(f"{B64}, SHA2-256")),
    Shape("rsa-sha256", OK, fields=mic(f"{B64}, rsa-sha256")),
    Shape("the algorithm as OID", OK, fields=mic(f"{B64}, 2.16.840.1.101.3.4.2.1")),
    Shape("no blank behind the comma, as Cleo writes it", OK, fields=mic(f"{B64},sha-256")),
    Shape("blanks around the comma", OK, fields=mic(f"{B64} ,  sha-256")),
    Shape("the digest broken by a fold", OK, fields=mic(f"{B64[:22]}\n {B64[22:]}, sha-256")),
    # --- result
    Shape("no mode", OK, fields=result("processed")),
    Shape("the mode in other case", OK, fields=result("Automatic-Action/mdn-sent-automatically; Processed")),
    Shape("a mode that RFC 4130 does not know", OK, fields=result("automatic-action; processed")),
    Shape("sent by hand", OK, fields=result("manual-action/MDN-sent-manually; processed")),
    Shape("no blank behind the semicolon", OK, fields=result(f"{AUTOMATIC};processed")),
    Shape("a warning of free text", OK, fields=result(f"{AUTOMATIC}; processed/warning: Zertifikat endet bald")),
    Shape("a warning in a field of its own", OK, fields=FIELDS + "Warning: certificate expires\n"),
    Shape("a duplicate", Reason.DUBLETTE, fields=result(f"{AUTOMATIC}; processed/warning: duplicate-document")),
    Shape(
        "a duplicate with blanks and capitals",
        Reason.DUBLETTE,
        fields=result(f"{AUTOMATIC}; processed / Warning : Duplicate Document"),
    ),
    # --- parts
    Shape("machine part in base64, as BizTalk sends it", OK, notice=(NOTICE[0], "Content-Transfer-Encoding: base64")),
    Shape("machine part in quoted-printable", OK, notice=(NOTICE[0], "Content-Transfer-Encoding: quoted-printable")),
    Shape("machine part binary", OK, notice=(NOTICE[0], "Content-Transfer-Encoding: binary")),
    Shape("machine part without transfer encoding", OK, notice=(NOTICE[0],)),
    Shape("media types in other case", OK, notice=("content-type: Message/Disposition-Notification",)),
    Shape(
        "machine part named as a file",
        OK,
        notice=(f'{NOTICE[0]}; name="MDN.txt"', "Content-Disposition: inline", "Content-ID: <a@b>"),
    ),
    Shape(
        "text for people in base64",
        OK,
        human=("Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64"),
    ),
    Shape("text for people as HTML", OK, human=("Content-Type: text/html",), text="<p>ok</p>\n"),
    Shape("no text for people", OK, human=None),
    Shape("text for people without any header", OK, human=()),
    Shape(
        "the headers of the original come back", OK, more=("Content-Type: text/rfc822-headers\n\nAS2-From: gw-nrw\n",)
    ),
    Shape(
        "report-type first spelled otherwise, as mendelson does",
        OK,
        report_type='multipart/report; Report-Type=disposition-notification; boundary="r"',
    ),
    Shape(
        "report-type in quotes, boundary first",
        OK,
        report_type='Multipart/Report; boundary=r; report-type="disposition-notification"',
    ),
    Shape("no report-type", OK, report_type="multipart/report; boundary=r"),
    Shape(
        "a type folded over lines, as Java programs do",
        OK,
        report_type='multipart/report; report-type=disposition-notification;\r\n\tboundary="r"',
    ),
    Shape(
        "further parameters",
        OK,
        report_type='multipart/report; charset=utf-8; report-type=disposition-notification; boundary="r"; x=y',
    ),
    Shape("the machine part alone is signed", OK, report_type="message/disposition-notification"),
    # --- the signature around it
    Shape(
        "a preamble before the signed part, as BouncyCastle's samples write",
        OK,
        preamble="This is an S/MIME signed message\r\n\r\n",
    ),
    Shape("an epilogue behind it", OK, epilogue="\r\n\r\n"),
    Shape(
        "x-pkcs7-signature, as old IBM gateways name it",
        OK,
        signature=("Content-Type: application/x-pkcs7-signature", "Content-Transfer-Encoding: base64"),
    ),
    Shape(
        "the signature binary, as over HTTP it may be",
        OK,
        signature=("Content-Type: application/pkcs7-signature; name=smime.p7s", "Content-Transfer-Encoding: binary"),
    ),
    Shape(
        "micalg that names another algorithm than the signature",
        OK,
        signed_type='multipart/signed; micalg=sha1; protocol="application/pkcs7-signature"; boundary=s',
    ),
    Shape("no protocol, no micalg", OK, signed_type="multipart/signed; boundary=s"),
    Shape("line ends of LF alone", OK, line_end="\n"),
    Shape("blanks behind the delimiters", OK, touched=lambda raw: raw.replace(b"--s\r\n", b"--s  \r\n")),
    # --- refused by the recipient
    Shape("processed/error", Reason.ABGELEHNT, fields=result(f"{AUTOMATIC}; processed/error: integrity-check-failed")),
    Shape(
        "processed/Error: with two blanks",
        Reason.ABGELEHNT,
        fields=result(f"{AUTOMATIC}; processed/Error:  unexpected-processing-error"),
    ),
    Shape("failed/Failure", Reason.ABGELEHNT, fields=result(f"{AUTOMATIC}; failed/Failure: unsupported format")),
    Shape("failed alone", Reason.ABGELEHNT, fields=result(f"{AUTOMATIC}; failed")),
    Shape(
        "an error without a digest",
        Reason.ABGELEHNT,
        fields=without("Received-Content-MIC").replace(
            "; processed", "; processed/error: insufficient-message-security"
        ),
    ),
    Shape(
        "an error of free text",
        Reason.ABGELEHNT,
        fields=result(f"{AUTOMATIC}; processed/error: Mandant unbekannt, bitte anrufen"),
    ),
    Shape(
        "error behind a semicolon",
        Reason.ABGELEHNT,
        fields=result(f"{AUTOMATIC}; processed; error: unexpected-processing-error"),
    ),
    Shape("several modifiers of RFC 8098", Reason.ABGELEHNT, fields=result(f"{AUTOMATIC}; processed/warning,error")),
    Shape(
        "decryption-failed", Reason.NICHT_ZU_OEFFNEN, fields=result(f"{AUTOMATIC}; processed/error: decryption-failed")
    ),
    Shape(
        "Decryption failed, as words",
        Reason.NICHT_ZU_OEFFNEN,
        fields=result(f"{AUTOMATIC}; processed/Error: Decryption failed"),
    ),
    Shape(
        "authentication-failed with a reason behind a comma",
        Reason.NICHT_ZU_OEFFNEN,
        fields=result(f"{AUTOMATIC}; processed/error: authentication-failed, no such certificate"),
    ),
    Shape(
        "the cause in a field of its own",
        Reason.NICHT_ZU_OEFFNEN,
        fields=result(f"{AUTOMATIC}; processed/error") + "Error: decryption-failed\n",
    ),
)
"""What settles a delivery, one way or the other."""

PROVES_NOTHING = (
    # --- not signed, or not by the partner
    Shape("not signed although a signature was asked for", Reason.SIGNATUR_ABGEWIESEN, signer=None),
    Shape("signed by somebody else", Reason.SIGNATUR_ABGEWIESEN, signer=FOREIGN),
    Shape(
        "an error that nobody signed",
        Reason.SIGNATUR_ABGEWIESEN,
        signer=None,
        fields=result(f"{AUTOMATIC}; processed/error: decryption-failed"),
    ),
    Shape(
        "a relay that rewrote the signed range",
        Reason.SIGNATUR_ABGEWIESEN,
        touched=lambda raw: raw.replace(b"Reporting-UA: ", b"Reporting-UA:  "),
    ),
    Shape(
        "a relay that turned CRLF to LF", Reason.SIGNATUR_ABGEWIESEN, touched=lambda raw: raw.replace(b"\r\n", b"\n")
    ),
    Shape(
        "a second report beside the signed one",
        Reason.SIGNATUR_ABGEWIESEN,
        touched=lambda raw: raw.replace(
            b"--s--", b"--s\r\nContent-Type: message/disposition-notification\r\n\r\nx\r\n--s--"
        ),
    ),
    Shape("the signature cut off", Reason.SIGNATUR_ABGEWIESEN, touched=lambda raw: raw[: raw.rindex(b"--s")]),
    # --- says too little
    Shape("no Message-ID", Reason.QUITTUNG_UNLESBAR, fields=without("Original-Message-ID")),
    Shape("an empty Message-ID", Reason.QUITTUNG_UNLESBAR, fields=said(f"<{MESSAGE_ID}>", "<>")),
    Shape("no result", Reason.QUITTUNG_UNLESBAR, fields=without("Disposition")),
    Shape("no machine part", Reason.QUITTUNG_UNLESBAR, notice=("Content-Type: text/plain",)),
    Shape(
        "a machine part that nothing can be read of",
        Reason.QUITTUNG_UNLESBAR,
        notice=(NOTICE[0], "Content-Transfer-Encoding: uuencode"),
    ),
    Shape("no digest, as with signed receipts switched off", Reason.MIC_FEHLT, fields=without("Received-Content-MIC")),
    Shape("a digest without its algorithm", Reason.MIC_FEHLT, fields=mic(B64)),
    Shape("an empty digest", Reason.MIC_FEHLT, fields=mic(", sha-256")),
    Shape("half a digest", Reason.MIC_FEHLT, fields=mic(f"{B64[:20]}, sha-256")),
    # --- says something else
    Shape("another message's", Reason.FREMDE_MESSAGE_ID, fields=said(MESSAGE_ID, "gw-0199@gw-nrw.example")),
    Shape("Message-ID in upper case", Reason.FREMDE_MESSAGE_ID, fields=said(MESSAGE_ID, MESSAGE_ID.upper())),
    Shape("another digest", Reason.MIC_ABWEICHEND, fields=mic(f"{OTHER}, sha-256")),
    Shape("sha1, which was not asked for", Reason.MIC_ALGORITHMUS, fields=mic(f"{SHA1}, sha1")),
    Shape("SHA-1 spelled otherwise", Reason.MIC_ALGORITHMUS, fields=mic(f"{SHA1}, SHA-1")),
    Shape("the right digest in another algorithm", Reason.MIC_ALGORITHMUS, fields=mic(f"{SHA512}, sha-512")),
    Shape(
        "displayed, as mail programs answer",
        Reason.UNBEKANNTES_ERGEBNIS,
        fields=result("manual-action/MDN-sent-manually; displayed"),
    ),
    Shape("dispatched", Reason.UNBEKANNTES_ERGEBNIS, fields=result(f"{AUTOMATIC}; dispatched")),
    Shape(
        "processed with a modifier nobody knows",
        Reason.UNBEKANNTES_ERGEBNIS,
        fields=result(f"{AUTOMATIC}; processed/partially"),
    ),
    Shape("a result before the mode", Reason.UNBEKANNTES_ERGEBNIS, fields=result(f"processed {AUTOMATIC}")),
    Shape(
        "two results",
        Reason.WIDERSPRUECHLICH,
        fields=FIELDS + f"Disposition: {AUTOMATIC}; processed/error: decryption-failed\n",
    ),
    Shape("success beside an error's description", Reason.WIDERSPRUECHLICH, fields=FIELDS + "Failure: disk full\n"),
    Shape("two digests", Reason.WIDERSPRUECHLICH, fields=FIELDS + f"Received-Content-MIC: {OTHER}, sha-256\n"),
)
"""What is kept with its bytes and changes nothing; the deadline runs on."""
