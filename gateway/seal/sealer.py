"""Sealing and opening messages, files in and files out (wire.md sections 2 and 3).

`seal` and `open_sealed` hold a message in memory whole, up to `ONE_SHOT_LIMIT`: mail, and whatever is small.
`seal_stream` and `open_stream` hold none of it, up to `CONTENT_LIMIT`: AS2. Both ways write and read the same.

Promises: what is signed is written to `signed_out` byte for byte, what is sent to `sealed_out`; the MIC is the one that
the receipt must carry; nothing is rewritten on the way.
Fails: `CannotSeal` (a person decides), `TooLargeToSeal` among it; `OpenRefused` and `ContentRefused` as
`gateway.seal.opening` says; `TooLargeToOpen`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final, Literal

from cryptography import x509

from gateway import mime
from gateway.mime import MimeError
from gateway.partner import Algorithmen, Partner
from gateway.seal import mic
from gateway.seal.compressed import compress
from gateway.seal.enveloped import encrypt
from gateway.seal.identity import Identity
from gateway.seal.octets import Encoded, Range, Readable, Staged, Staging, Writable
from gateway.seal.opening import ContentRefused, Opened, OpenRefused, open_bytes
from gateway.seal.openstream import Bounds, Files, OpenedStream, open_octets
from gateway.seal.policy import PolicyRefused, admitted_key, check_use, fingerprint, load_certificates
from gateway.seal.recipients import uses
from gateway.seal.sealstream import (
    ContentChanged,
    Stored,
    compressed_headers,
    part_headers,
    related_boundary,
    write_entity,
    write_sealed,
)
from gateway.seal.signedmime import open_signed, sign_entity

__all__ = [
    "CONTENT_LIMIT",
    "ONE_SHOT_LIMIT",
    "STREAM_FROM",
    "CannotSeal",
    "ContentRefused",
    "Identity",
    "OpenRefused",
    "Opened",
    "OpenedStream",
    "PartIn",
    "Range",
    "Sealed",
    "TooLargeToOpen",
    "TooLargeToSeal",
    "open_sealed",
    "open_signed",
    "open_stream",
    "seal",
    "seal_stream",
    "sign_entity",
]

ONE_SHOT_LIMIT: Final = 10 * 1024 * 1024
"""Largest sum of the parts that is sealed in memory: asn1crypto needs about four times as much (wire.md section 3)."""
OPEN_LIMIT: Final = 20 * 1024 * 1024
"""Largest sealed body that is opened in memory: a message of `ONE_SHOT_LIMIT`, twice in base64, and some room."""
STREAM_FROM: Final = 1024 * 1024
"""From this size on a message is sealed and opened piece by piece; below, memory costs less than passes over files."""
CONTENT_LIMIT: Final = 200 * 1024 * 1024
"""Largest message, XML and files: the limit of the German e-justice infrastructure (design.md section 3)."""
BESIDE: Final = 1024 * 1024
"""What may travel beside a message's own parts and does not count: pages for people, some 50 KB each."""
Transfer = Literal["binary", "base64"]


class CannotSeal(ValueError):
    """Nothing was sealed and no further try will change that; `code` is stable: Klärung."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class TooLargeToSeal(CannotSeal):
    """The parts together are larger than `ONE_SHOT_LIMIT`."""

    def __init__(self) -> None:
        super().__init__("too_large")


class TooLargeToOpen(ValueError):
    """The sealed body is larger than `OPEN_LIMIT`."""


@dataclass(frozen=True, slots=True)
class PartIn:
    """One part of the message to seal."""

    name: str | None
    """File name; stands only inside the encryption."""
    media_type: str
    """With parameters where it has some: `application/xml; charset=utf-8`."""
    content: Readable = field(repr=False)
    size: int | None = None
    """Bytes of the content; only `seal_stream` asks."""
    sha256: str | None = None
    """Lower-case hex digest of the content; only `seal_stream` asks."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the caller stores beside the two files."""

    mic: str
    """Base64 digest over the signed entity with its MIME header."""
    mic_alg: str
    """`sha-256` …: the signature's hash, the only one that we request."""
    headers: dict[str, str]
    """MIME header of the outer body; nothing in it tells about the content."""
    recipient: str
    """SHA-256 (hex) of the certificate that it is encrypted to."""


def seal(
    parts: Sequence[PartIn],
    gateway_headers: Mapping[str, str],
    identity: Identity,
    partner: Partner,
    *,
    at: datetime,
    transfer: Transfer,
    signed_out: BinaryIO,
    sealed_out: BinaryIO,
    without: Collection[str] = (),
) -> Sealed:
    """Make one MIME object of the parts, compress it if agreed, sign it, encrypt it.

    Args:
        parts: the XML first, then files; not empty.
        gateway_headers: fields for the header of the signed entity (`X-Gateway-Empfaenger`, `X-Gateway-Id`).
        identity: who signs.
        partner: the agreement, and whose certificate it is encrypted to (the newest that can be used).
        at: now.
        transfer: `base64` in mail, `binary` over HTTP.
        signed_out: gets the signed entity.
        sealed_out: gets the outer body in its transfer encoding.
        without: fingerprints of certificates that the recipient could not use (a new sealing).

    Raises:
        TooLargeToSeal: see `ONE_SHOT_LIMIT`.
        CannotSeal: `no_certificate`, `header_value`, or a `PolicyRefused` code.
    """
    algorithms = partner.algorithmen
    try:
        certificate = recipient_certificate(partner, at, without)
        entity = _to_sign(parts, gateway_headers, algorithms, transfer)
        content_type, body = sign_entity(entity, identity, algorithms, at)
        wrapped = mime.build([("Content-Type", content_type)], body)
        sealed = encrypt(wrapped, [certificate], algorithms, at)
    except (PolicyRefused, MimeError) as refused:
        raise CannotSeal(refused.code) from None
    signed_out.write(entity)
    sealed_out.write(mime.base64_lines(sealed) if transfer == "base64" else sealed)
    digest = mic.mic(entity, algorithms.hash)
    return Sealed(digest, algorithms.hash, _outer_headers(algorithms, transfer), fingerprint(certificate))


def seal_stream(
    parts: Sequence[PartIn],
    gateway_headers: Mapping[str, str],
    identity: Identity,
    partner: Partner,
    *,
    at: datetime,
    transfer: Transfer,
    signed_out: Staged,
    sealed_out: Writable,
    staging: Staging,
    without: Collection[str] = (),
) -> Sealed:
    """As `seal`, piece by piece; the parts' contents can be read from any place, and name their size and digest.

    Args:
        parts: the XML first, then files; not empty.
        gateway_headers: fields for the header of the signed entity.
        identity: who signs.
        partner: the agreement, and whose certificate it is encrypted to.
        at: now.
        transfer: as for `seal`.
        signed_out: gets the signed entity, and gives it back for the second pass.
        sealed_out: gets the outer body in its transfer encoding.
        staging: where the entity is compressed, if that is agreed.
        without: fingerprints of certificates that the recipient could not use.

    Raises:
        TooLargeToSeal: see `CONTENT_LIMIT`.
        CannotSeal: as `seal`, and `content_changed` where a part's bytes are not those of its digest; what was written
            is worth nothing.
    """
    algorithms = partner.algorithmen
    stored = [_stored(part) for part in parts]
    if not stored:
        raise CannotSeal("no_parts")
    if sum(part.content.size for part in stored) > CONTENT_LIMIT + BESIDE:
        raise TooLargeToSeal
    try:
        certificate = recipient_certificate(partner, at, without)
        digests = write_entity(stored, list(gateway_headers.items()), algorithms, transfer, signed_out, staging)
        write_sealed(signed_out.done(), digests, identity, certificate, algorithms, at, transfer, sealed_out)
    except (PolicyRefused, MimeError) as refused:
        raise CannotSeal(refused.code) from None
    except ContentChanged:
        raise CannotSeal("content_changed") from None
    digest = base64.b64encode(digests[algorithms.hash]).decode("ascii")
    return Sealed(digest, algorithms.hash, _outer_headers(algorithms, transfer), fingerprint(certificate))


def _stored(part: PartIn) -> Stored:
    """A part whose content stays where it is."""
    assert part.size is not None and part.sha256 is not None, "a part of a stream names them"  # noqa: PT018
    content = Range(part.content, 0, part.size)
    return Stored(part.name, part.media_type, content, bytes.fromhex(part.sha256))


def open_sealed(
    body: BinaryIO, content_type: str, identity: Identity, partner: Partner, *, at: datetime, transfer: str = "binary"
) -> Opened:
    """Decrypt, decompress and verify what a partner sealed for us.

    Args:
        body: the outer body as received.
        content_type: its Content-Type.
        identity: our keys.
        partner: the agreement.
        at: now.
        transfer: Content-Transfer-Encoding of the outer body, as received (`binary`, `base64`, …).

    Raises:
        TooLargeToOpen: see `OPEN_LIMIT`.
        OpenRefused: whatever failed before the signature verified; its `cause_code` is for our event only.
        ContentRefused: the signature holds, but not what it covers; `too_large` beyond the agreement.
    """
    received = body.read(OPEN_LIMIT + 1)
    if len(received) > OPEN_LIMIT:
        raise TooLargeToOpen
    try:
        sealed = mime.parse(mime.build([("Content-Transfer-Encoding", transfer)], received)).decoded()
        opened = open_bytes(sealed, content_type, identity, partner, at)
    except MimeError as error:
        raise OpenRefused(error.code) from None
    if sum(len(content) for _, _, content in opened.parts) > partner.grenzen.bytes + BESIDE:
        raise ContentRefused("too_large", opened.verified, opened.signed_entity)
    return opened


def open_stream(
    body: Range,
    content_type: str,
    identity: Identity,
    partner: Partner,
    *,
    at: datetime,
    transfer: str = "binary",
    staging: Staging,
    files: Files,
) -> OpenedStream:
    """As `open_sealed`, piece by piece.

    Args:
        body: the outer body as received.
        content_type: its Content-Type.
        identity: our keys.
        partner: the agreement; its `grenzen.bytes` hold for both directions.
        at: now.
        transfer: as for `open_sealed`.
        staging: where plain content waits; to be removed by the caller, whatever happens.
        files: takes the files once the signature held; to be removed by the caller after a refusal.

    Raises:
        OpenRefused: as `open_sealed`.
        ContentRefused: as `open_sealed`; `too_large` beyond `CONTENT_LIMIT` or the agreement.
    """
    bounds = Bounds(min(CONTENT_LIMIT, partner.grenzen.bytes) + BESIDE)
    try:
        head = mime.parse_head(mime.build([("Content-Transfer-Encoding", transfer)], b""))
        sealed = Encoded(body, head.transfer_encoding)
    except MimeError as error:
        raise OpenRefused(error.code) from None
    return open_octets(sealed, content_type, identity, partner, at, staging=staging, files=files, bounds=bounds)


def recipient_certificate(partner: Partner, at: datetime, without: Collection[str] = ()) -> x509.Certificate:
    """The partner's newest encryption certificate that can be used at `at`.

    Raises:
        PolicyRefused: `no_certificate`, or why the newest cannot be used.
    """
    last = PolicyRefused("no_certificate")
    for certificate in load_certificates(partner.pems("verschluesselung", at)):
        if fingerprint(certificate) in without:
            continue
        try:
            key = admitted_key(certificate, partner.algorithmen, at.date())
            check_use(certificate, at, *uses(key))
        except PolicyRefused as refused:
            last = refused
            continue
        return certificate
    raise last


def _to_sign(
    parts: Sequence[PartIn], gateway_headers: Mapping[str, str], algorithms: Algorithmen, transfer: Transfer
) -> bytes:
    """The entity that is signed; our fields stand in its own header, compressed or not."""
    if not parts:
        raise CannotSeal("no_parts")
    contents = _read(parts)
    ours = list(gateway_headers.items())
    inside = [] if algorithms.kompression else ours
    headers = [part_headers(part.name, part.media_type, transfer) for part in parts]
    if len(parts) == 1:
        entity = _part([*headers[0], *inside], contents[0])
    else:
        boundary = related_boundary(headers, [hashlib.sha256(content).digest() for content in contents], contents)
        entities = [_part(fields, content) for fields, content in zip(headers, contents, strict=True)]
        root = mime.parse_parameters(parts[0].media_type)[0]
        entity = mime.multipart("related", entities, {"type": root}, inside, boundary)
    return _part([*compressed_headers(transfer), *ours], compress(entity)) if algorithms.kompression else entity


def _read(parts: Sequence[PartIn]) -> list[bytes]:
    """The contents, as long as they stay below the limit together."""
    contents: list[bytes] = []
    left = ONE_SHOT_LIMIT
    for part in parts:
        content = part.content.read(left + 1)
        left -= len(content)
        if left < 0:
            raise TooLargeToSeal
        contents.append(content)
    return contents


def _part(headers: list[tuple[str, str]], content: bytes) -> bytes:
    """An entity whose content stands in the transfer encoding that its header names."""
    encoded = dict(headers)["Content-Transfer-Encoding"] == "base64"
    return mime.build(headers, mime.base64_lines(content) if encoded else content)


def _outer_headers(algorithms: Algorithmen, transfer: Transfer) -> dict[str, str]:
    """Header of the sealed body (RFC 8551 section 3.2), the same for every message."""
    kind = "authEnveloped-data" if algorithms.inhalt.endswith("gcm") else "enveloped-data"
    return {
        "Content-Type": f"application/pkcs7-mime; smime-type={kind}; name=smime.p7m",
        "Content-Transfer-Encoding": transfer,
        "Content-Disposition": "attachment; filename=smime.p7m",
    }
