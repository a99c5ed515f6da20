"""The header of a mail that came: who says to have sent it, what it is, and which receipt it asks for (RFC 3335).

Promises: pure; nothing but the header is looked at. A field that may stand once and stands twice is refused, because
two readers would see two mails; folded fields are unfolded. Nothing here is verified: From only says under which
agreement the signature is judged.
Fails: `MailRefused` with a stable code, `gateway.mime.MimeError` for a header that cannot be read.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.as2headers import MESSAGE_ID_MAX, As2Request, read_receipt_request
from gateway.mime import Entity, parse_parameters

SEALED_TYPES: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
"""Media types of a sealed message; smime-type says nothing, CMS is recognised by its OID (wire.md section 3)."""

_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_NAMED: Final = re.compile(r'(?:"[^"<>\\]*"|[^"<>@,;:\\]*)[ \t]*<([^<>\s]+)>')
"""A display name, quoted or not, and an address; the name may not look like an address itself."""
_MESSAGE_ID: Final = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]+>")


class MailRefused(ValueError):
    """The mail is no message for us; `code` is for our event."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def is_sealed(mail: Entity) -> bool:
    """Whether the mail may be a sealed message."""
    return parse_parameters(mail.header("Content-Type") or "")[0] in SEALED_TYPES


def is_automatic_answer(mail: Entity) -> bool:
    """Whether the mail answers another one by itself (RFC 3834 section 5): such a mail is never answered."""
    value = (mail.header("Auto-Submitted") or "no").partition(";")[0].strip().lower()
    return value not in ("no", "auto-generated")


def read_message(mail: Entity, recipient: str) -> As2Request:
    """What the header of a sealed message says; AS1 and AS2 ask for their receipts by the same fields.

    Args:
        mail: its header; the body is not looked at.
        recipient: our address that it came to.

    Raises:
        MailRefused: `absender_unlesbar` where From is not exactly one plain address, `message_id` where that is
            missing or cannot be repeated in a receipt.
        MimeError: `duplicate_header`.
    """
    message_id = (mail.header("Message-ID") or "").strip()
    if len(message_id) > MESSAGE_ID_MAX or not _MESSAGE_ID.fullmatch(message_id):
        raise MailRefused("message_id")
    asked = ("Disposition-Notification-To", "Disposition-Notification-Options")
    return As2Request(
        sender=_sender(mail),
        recipient=recipient.lower(),
        message_id=message_id,
        content_type=mail.header("Content-Type") or "",
        transfer_encoding=(mail.header("Content-Transfer-Encoding") or "7bit").strip().lower(),
        version="1.0",
        receipt=read_receipt_request({name.lower(): mail.header(name) or "" for name in asked}),
    )


def _sender(mail: Entity) -> str:
    value = (mail.header("From") or "").strip()
    named = _NAMED.fullmatch(value)
    address = named[1] if named else value
    if not _ADDRESS.fullmatch(address):
        raise MailRefused("absender_unlesbar")
    return address.lower()
