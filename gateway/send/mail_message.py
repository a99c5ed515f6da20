"""Mails as bytes: AS1 messages and receipts, and the addresses that a returned mail is known by.

Promises: pure; the sealed entity stands in the mail byte for byte; a header never carries CR, LF or anything beyond
ASCII; lines end in CRLF and keep to RFC 5322, so that no server has a reason to rewrite them.
Fails: `ValueError` (`gateway.mime.MimeError` is one) for what cannot stand in a mail.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from email.utils import formatdate
from typing import Final

from gateway import mime
from gateway.as2headers import NEUTRAL_SUBJECT, ReceiptRequest, checked_value, receipt_options

ADDRESS_MAX: Final = 254
"""Longest mail address (RFC 5321 section 4.5.3.1.3: a path of 256 with its angle brackets)."""
LOCAL_MAX: Final = 64
"""Longest local part (RFC 5321 section 4.5.3.1.1)."""
LINE_MAX: Final = 998
"""Longest line without its CRLF (RFC 5322 section 2.1.1)."""
RECEIPT_SUBJECT: Final = "Quittung"
"""Subject of a receipt: it says nothing of the message."""

_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_TOKEN: Final = re.compile(r"[a-z0-9]{16,40}")
"""A token: lower case, since servers may change the case; 16 characters hold 80 random bits."""


def build_message(
    *,
    sender: str,
    recipient: str,
    message_id: str,
    now: int,
    entity: bytes,
    notify: str,
    receipt: ReceiptRequest,
    gateway_id: str | None = None,
) -> bytes:
    """An AS1 message around a sealed entity (RFC 3335 section 4).

    Args:
        sender: our registered mail address.
        recipient: the partner's mail address.
        message_id: with angle brackets, as stored.
        now: microseconds UTC, for Date.
        entity: the sealed MIME entity with its own Content-… header fields, 7-bit (see `transfer_entity`).
        notify: where the receipt is to go: our registered address.
        receipt: which receipt we ask for.
        gateway_id: our id of the message, for `X-Gateway-Id`: with it the recipient can forward.

    Returns:
        The bytes to hand to the mail server; equal input gives equal bytes.

    Raises:
        ValueError: an address, a header value or the entity cannot stand in a mail.
    """
    headers = [
        *_addressing(sender, recipient, message_id, now, NEUTRAL_SUBJECT),
        ("Disposition-Notification-To", checked_address(notify)),
    ]
    if receipt.signed:
        headers.append(("Disposition-Notification-Options", receipt_options(receipt)))
    if gateway_id is not None:
        headers.append(("X-Gateway-Id", checked_value(gateway_id)))
    return _mail(headers, entity)


def build_receipt(*, sender: str, recipient: str, message_id: str, now: int, entity: bytes, in_reply_to: str) -> bytes:
    """A receipt as a mail, to be sent with an empty MAIL FROM (RFC 8098 section 3; RFC 3834 section 5).

    Args:
        sender: our registered mail address.
        recipient: the partner's registered address, never what the message's Disposition-Notification-To says.
        message_id: a new one.
        now: microseconds UTC, for Date.
        entity: the signed receipt.
        in_reply_to: the message's Message-ID; left out where it cannot stand in a header.

    Raises:
        ValueError: as `build_message`.
    """
    headers = [
        *_addressing(sender, recipient, message_id, now, RECEIPT_SUBJECT),
        ("Auto-Submitted", "auto-replied"),
    ]
    if re.fullmatch(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,900}>", in_reply_to):
        headers.append(("In-Reply-To", in_reply_to))
    return _mail(headers, entity)


def transfer_entity(content_type: str, content: bytes, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """Binary content, such as sealed CMS, as an entity in base64 (wire.md section 2: base64 in mail).

    Raises:
        ValueError: a header value may not stand there.
    """
    fields = [("Content-Type", content_type), ("Content-Transfer-Encoding", "base64"), *headers]
    return mime.build(fields, mime.base64_lines(content))


def checked_address(address: str) -> str:
    """`address` if it is a plain mail address: dot-atom, at sign, host name; no quotes, names or comments.

    Raises:
        ValueError: it is not. The text does not repeat it.
    """
    local = address.partition("@")[0]
    if not _ADDRESS.fullmatch(address) or len(address) > ADDRESS_MAX or len(local) > LOCAL_MAX:
        raise ValueError("not a plain mail address")
    return address


def verp_address(base: str, token: str) -> str:
    """The envelope sender of one try: `local+token@domain`, so that a returned mail names its try.

    Args:
        base: our registered address.
        token: unguessable, lower-case letters and digits, 16 to 40 (wire.md section 5).

    Raises:
        ValueError: the token has another form, or the address becomes too long.
    """
    if not _TOKEN.fullmatch(token):
        raise ValueError("a token is 16 to 40 lower-case letters and digits")
    local, _, domain = checked_address(base).partition("@")
    return checked_address(f"{local}+{token}@{domain}")


def verp_token(base: str, address: str) -> str | None:
    """The token in an address that `verp_address` made from `base`; None for any other address."""
    local, _, domain = base.lower().partition("@")
    found, _, host = address.strip().strip("<>").lower().rpartition("@")
    start, plus, token = found.rpartition("+")
    ours = plus and start == local and host == domain
    return token if ours and _TOKEN.fullmatch(token) else None


def same_token(stored: str, received: str | None) -> bool:
    """Whether a returned mail names this try; in constant time, and never for an empty token."""
    return bool(stored) and received is not None and hmac.compare_digest(stored.encode(), received.encode())


def _addressing(sender: str, recipient: str, message_id: str, now: int, subject: str) -> list[tuple[str, str]]:
    return [
        ("From", checked_address(sender)),
        ("To", checked_address(recipient)),
        ("Message-ID", message_id),
        ("Date", formatdate(now // 1_000_000)),
        ("Subject", subject),
        ("MIME-Version", "1.0"),
    ]


def _mail(headers: Sequence[tuple[str, str]], entity: bytes) -> bytes:
    """Header fields in front of an entity, whose own fields continue the header."""
    names = {name.lower() for name, _ in headers}
    for name, _ in mime.parse(entity).headers:
        if not name.lower().startswith("content-") or name.lower() in names:
            raise ValueError("the entity's header holds more than Content- fields")
    _check_lines(entity)
    return b"".join(mime.header_line(name, checked_value(value)) for name, value in headers) + entity


def _check_lines(entity: bytes) -> None:
    if not entity.isascii() or b"\0" in entity:
        raise ValueError("a mail is 7-bit text")
    if re.search(rb"\r(?!\n)|(?<!\r)\n", entity) or not entity.endswith(b"\r\n"):
        raise ValueError("every line of a mail ends in CRLF")
    if any(len(line) > LINE_MAX for line in entity.split(b"\r\n")):
        raise ValueError("a line of the mail is too long")
