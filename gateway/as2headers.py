"""AS2 request headers: names, Message-ID, and which receipt is asked for; written and read.

Promises: pure; what is read is judged before anything else looks at the body (wire.md section 3, step 1). A header
that may stand once and stands twice, or is folded, is refused, because two readers would see two messages.
Message-IDs pass byte for byte (as latin-1 text). What is written never carries CR, LF or anything beyond ASCII.
Fails: `As2HeaderError` (HTTP 400, a code and a German sentence) for what came; `ValueError` for what we were told to
write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final, Literal

from gateway.errors import Malformed

AS2_NAME_MAX: Final = 128
"""Longest AS2 name, in characters (RFC 4130 section 6.2)."""
MESSAGE_ID_MAX: Final = 998
"""Longest Message-ID that is read: the line limit of RFC 5322 section 2.1.1, taken over by RFC 4130 section 5.3.3."""
MESSAGE_ID_SENT_MAX: Final = 255
"""Longest Message-ID that we write: what RFC 4130 section 5.3.3 recommends."""
HEADER_VALUE_MAX: Final = 8_190
"""Longest header value that is read: aiohttp's own limit for a field, held here too for other callers."""
OPTIONS_MAX: Final = 32
"""Most parameters and values of Disposition-Notification-Options that are looked at; real ones have two to six."""
NEUTRAL_SUBJECT: Final = "Nachricht"
"""The Subject is unencrypted, so it says nothing (wire.md section 2)."""
FEATURES: Final = ("multiple-attachments",)
"""EDIINT-Features that we announce (RFC 6017, RFC 6362)."""

MicAlg = Literal["md5", "sha-1", "sha-224", "sha-256", "sha-384", "sha-512"]
"""Digest names as RFC 5751 section 3.4.3.2 writes them. Reading a name says nothing about accepting it."""

_MICALGS: Final[dict[str, MicAlg]] = {
    "md5": "md5",
    "rsamd5": "md5",
    "sha": "sha-1",
    "sha1": "sha-1",
    "rsasha1": "sha-1",
    "sha224": "sha-224",
    "sha2224": "sha-224",
    "sha256": "sha-256",
    "sha2256": "sha-256",
    "rsasha256": "sha-256",
    "sha384": "sha-384",
    "sha2384": "sha-384",
    "rsasha384": "sha-384",
    "sha512": "sha-512",
    "sha2512": "sha-512",
    "rsasha512": "sha-512",
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha-1",
    "2.16.840.1.101.3.4.2.4": "sha-224",
    "2.16.840.1.101.3.4.2.1": "sha-256",
    "2.16.840.1.101.3.4.2.2": "sha-384",
    "2.16.840.1.101.3.4.2.3": "sha-512",
}

_ONCE: Final = {
    "as2-from",
    "as2-to",
    "as2-version",
    "message-id",
    "content-type",
    "content-transfer-encoding",
    "disposition-notification-to",
    "disposition-notification-options",
    "receipt-delivery-option",
}
"""Headers that may stand once. RFC 4130 demands it of none by name; wire.md section 3 demands it of the first four."""

_TEXTS: Final = {
    "kopf_doppelt": "Ein Kopfeintrag, der nur einmal stehen darf, steht mehrfach.",
    "kopf_gefaltet": "Ein Kopfeintrag ist umbrochen oder enthält Steuerzeichen.",
    "kopf_zu_lang": "Ein Kopfeintrag ist zu lang.",
    "as2_from_fehlt": "Der Kopfeintrag AS2-From fehlt.",
    "as2_to_fehlt": "Der Kopfeintrag AS2-To fehlt.",
    "message_id_fehlt": "Der Kopfeintrag Message-ID fehlt oder ist leer.",
    "content_type_fehlt": "Der Kopfeintrag Content-Type fehlt oder ist leer.",
    "as2_name": "Ein AS2-Name entspricht nicht RFC 4130, Abschnitt 6.2.",
    "message_id": "Die Message-ID ist zu lang oder enthält Zeichen, die dort nicht stehen dürfen.",
}


class As2HeaderError(Malformed):
    """Die Kopfeinträge der AS2-Nachricht sind fehlerhaft."""

    code = "as2_kopf"
    title = "AS2-Kopf fehlerhaft"

    def __init__(self, code: str) -> None:
        super().__init__(_TEXTS[code], code=code)


@dataclass(frozen=True, slots=True)
class ReceiptRequest:
    """Which receipt is asked for (RFC 4130 section 7.3)."""

    signed: bool = True
    micalgs: tuple[MicAlg, ...] = ("sha-256",)
    """Digest algorithms in the order of preference; names that we cannot read are left out."""
    url: str | None = None
    """Where an asynchronous receipt is to go (Receipt-Delivery-Option); None asks for a synchronous one."""
    required: bool = False
    """The importance `required` instead of `optional`, for the signature and for the algorithm."""
    unmet: Literal["format", "micalg"] | None = None
    """Something marked `required` that we do not know (RFC 4130 section 7.5.3); only set by reading."""


@dataclass(frozen=True, slots=True)
class As2Request:
    """What the headers of one AS2 request say."""

    sender: str
    """AS2-From, unquoted."""
    recipient: str
    """AS2-To, unquoted."""
    message_id: str
    """As received, brackets included; encode as latin-1 to have the bytes."""
    content_type: str
    """As received."""
    transfer_encoding: str
    """Content-Transfer-Encoding, lower case; `binary` where there is none (RFC 4130 section 5.2.1)."""
    version: str
    """AS2-Version; `1.0` where there is none (RFC 4130 section 6.1)."""
    features: frozenset[str] = field(default=frozenset())
    """EDIINT-Features, lower case (RFC 6017)."""
    receipt: ReceiptRequest | None = None
    """None: no receipt is asked for."""


def read_micalg(name: str) -> MicAlg | None:
    """The digest algorithm that a name means, in any spelling that is seen on the wire; None for an unknown one.

    `sha1`, `sha-1`, `SHA256`, `sha-256`, `sha2-256`, `rsa-sha256`, OIDs, quoted or not. SHA-3 is another algorithm.
    """
    key = name.strip().strip("\"'").strip().lower()
    return _MICALGS.get(key) or _MICALGS.get(re.sub(r"[-_/ \t]", "", key))


def quote_as2_name(name: str) -> str:
    r"""An AS2 name as a header value; quoted where it holds a space, `"` or `\` (RFC 4130 section 6.2).

    Raises:
        ValueError: empty, longer than `AS2_NAME_MAX`, or with characters beyond printable ASCII.
    """
    if not 0 < len(name) <= AS2_NAME_MAX or not re.fullmatch(r"[\x20-\x7e]+", name):
        raise ValueError("not an AS2 name")
    if re.fullmatch(r"[^\s\"\\]+", name):
        return name
    return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'


def read_as2_name(value: str) -> str:
    """An AS2 name from a header value, unquoted; case counts (RFC 4130 section 6.2).

    Raises:
        As2HeaderError: `as2_name`.
    """
    value = value.strip(" \t")
    if re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", value):
        name = value
    elif re.fullmatch(r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+"', value):
        name = re.sub(r"\\(.)", r"\1", value[1:-1])
    else:
        raise As2HeaderError("as2_name")
    if len(name) > AS2_NAME_MAX:
        raise As2HeaderError("as2_name")
    return name


def new_message_id(domain: str, token: str) -> str:
    """A Message-ID with angle brackets (RFC 4130 section 5.3.3, RFC 5322 section 3.6.4).

    Args:
        domain: right of the `@`; a host name, or any dot-atom.
        token: left of the `@`; the caller makes it unique, and unguessable where that matters.

    Raises:
        ValueError: a part is no dot-atom, or the whole is longer than `MESSAGE_ID_SENT_MAX`.
    """
    atom = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    if not re.fullmatch(atom, token) or not re.fullmatch(atom, domain):
        raise ValueError("a Message-ID is made of two dot-atoms")
    message_id = f"<{token}@{domain}>"
    if len(message_id) > MESSAGE_ID_SENT_MAX:
        raise ValueError("Message-ID too long")
    return message_id


def checked_value(value: str) -> str:
    """`value` if it may be written as a header value: printable ASCII, no CR or LF.

    Raises:
        ValueError: it may not. The text does not repeat the value.
    """
    if not re.fullmatch(r"[\x20-\x7e]*", value):
        raise ValueError("a header value is printable ASCII on one line")
    return value


def receipt_options(receipt: ReceiptRequest) -> str:
    """The value of Disposition-Notification-Options that asks for a signed receipt (RFC 4130 section 7.3)."""
    importance = "required" if receipt.required else "optional"
    micalgs = ", ".join(receipt.micalgs)
    return checked_value(
        f"signed-receipt-protocol={importance}, pkcs7-signature; signed-receipt-micalg={importance}, {micalgs}"
    )


def request_headers(
    *,
    sender: str,
    recipient: str,
    message_id: str,
    content_type: str,
    now: int,
    receipt: ReceiptRequest | None = None,
    notify: str | None = None,
    version: Literal["1.2", "1.3"] = "1.2",
    transfer_encoding: str | None = "binary",
) -> list[tuple[str, str]]:
    """The headers of an AS2 request, a message or an asynchronous receipt; the caller adds Content-Length.

    Args:
        sender: our AS2 name, unquoted.
        recipient: the partner's AS2 name, unquoted.
        message_id: with angle brackets, as stored.
        content_type: of the body, on one line.
        now: microseconds UTC, for Date.
        receipt: which receipt we ask for; None for a receipt itself (a receipt is never asked for one).
        notify: value of Disposition-Notification-To; a sign only, no address to send to. Default: our AS2 name.
        version: AS2-Version; EDIINT-Features needs 1.2 or more (RFC 6017).
        transfer_encoding: Content-Transfer-Encoding, or None for none (multipart bodies say it in their parts).

    Raises:
        ValueError: a value may not stand in a header.
    """
    headers = [
        ("AS2-Version", version),
        ("EDIINT-Features", ", ".join(FEATURES)),
        ("AS2-From", quote_as2_name(sender)),
        ("AS2-To", quote_as2_name(recipient)),
        ("Message-ID", message_id),
        ("Subject", NEUTRAL_SUBJECT),
        ("Date", formatdate(now // 1_000_000, usegmt=True)),
        ("MIME-Version", "1.0"),
        ("Content-Type", content_type),
    ]
    if transfer_encoding is not None:
        headers.append(("Content-Transfer-Encoding", transfer_encoding))
    if receipt is not None:
        headers.append(("Disposition-Notification-To", notify or quote_as2_name(sender)))
        if receipt.signed:
            headers.append(("Disposition-Notification-Options", receipt_options(receipt)))
        if receipt.url is not None:
            headers.append(("Receipt-Delivery-Option", receipt.url))
    return [(name, checked_value(value)) for name, value in headers]


def read_request(raw_headers: Sequence[tuple[bytes, bytes]]) -> As2Request:
    """Read the headers of an AS2 request, or of an asynchronous receipt, as they came.

    Args:
        raw_headers: names and values as bytes, in the order of the wire (aiohttp: `request.raw_headers`).

    Raises:
        As2HeaderError: one of the codes `kopf_doppelt`, `kopf_gefaltet`, `kopf_zu_lang`, `as2_from_fehlt`,
            `as2_to_fehlt`, `message_id_fehlt`, `content_type_fehlt`, `as2_name`, `message_id`.
    """
    values = _once(raw_headers)
    for name in ("as2-from", "as2-to", "message-id", "content-type"):
        if not values.get(name):
            raise As2HeaderError(f"{name.replace('-', '_')}_fehlt")
    message_id = values["message-id"]
    if len(message_id) > MESSAGE_ID_MAX or not re.fullmatch(r"[\x20-\x7e\x80-\xff]+", message_id):
        raise As2HeaderError("message_id")
    return As2Request(
        sender=read_as2_name(values["as2-from"]),
        recipient=read_as2_name(values["as2-to"]),
        message_id=message_id,
        content_type=values["content-type"],
        transfer_encoding=values.get("content-transfer-encoding", "").lower() or "binary",
        version=values.get("as2-version") or "1.0",
        features=frozenset(_items(values.get("ediint-features", "").lower())),
        receipt=read_receipt_request(values),
    )


def _once(raw_headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header values by lower-case name; several of a list header are joined, several of a single one are refused."""
    values: dict[str, str] = {}
    for raw_name, raw_value in raw_headers:
        if not re.fullmatch(rb"[!-9;-~]+", raw_name) or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", raw_value):
            raise As2HeaderError("kopf_gefaltet")
        if len(raw_value) > HEADER_VALUE_MAX:
            raise As2HeaderError("kopf_zu_lang")
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1").strip(" \t")
        if name in values and name in _ONCE:
            raise As2HeaderError("kopf_doppelt")
        values[name] = f"{values[name]}, {value}" if name in values else value
    return values


def read_receipt_request(values: Mapping[str, str]) -> ReceiptRequest | None:
    """Which receipt a header asks for; None for none.

    Args:
        values: the header's values by lower-case name: `disposition-notification-to`,
            `disposition-notification-options`, and for AS2 `receipt-delivery-option`.
    """
    if not values.get("disposition-notification-to"):
        return None
    options = _read_options(values.get("disposition-notification-options", ""))
    protocol, micalg = options.get("signed-receipt-protocol", []), options.get("signed-receipt-micalg", [])
    signed = any(value.lower() in {"pkcs7-signature", "x-pkcs7-signature"} for value in protocol)
    known = [alg for alg in map(read_micalg, micalg) if alg]
    unmet: Literal["format", "micalg"] | None = None
    unknown = options.keys() - {"signed-receipt-protocol", "signed-receipt-micalg"}
    if (_required(protocol) and not signed) or any(_required(options[name]) for name in unknown):
        unmet = "format"
    elif _required(micalg) and not known:
        unmet = "micalg"
    return ReceiptRequest(
        signed=signed,
        micalgs=tuple(dict.fromkeys(known)),
        url=values.get("receipt-delivery-option") or None,
        required=_required(protocol),
        unmet=unmet,
    )


def _required(values: list[str]) -> bool:
    return bool(values) and values[0].lower() == "required"


def _read_options(value: str) -> dict[str, list[str]]:
    """Parameters of Disposition-Notification-Options; the first value of each is its importance."""
    options: dict[str, list[str]] = {}
    for option in value.split(";", OPTIONS_MAX)[:OPTIONS_MAX]:
        name, equals, rest = option.partition("=")
        if equals:
            options.setdefault(name.strip().lower(), _items(rest)[:OPTIONS_MAX])
    return options


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]
