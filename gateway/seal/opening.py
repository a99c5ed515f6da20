"""Opening a sealed message, layer by layer, in the one order of wire.md section 3.

Promises: pure; nothing inside is parsed before tag and signature hold; every failure before that is one `OpenRefused`
with one text; the signed entity comes out byte for byte.
Fails: `OpenRefused` until the signature verified, `ContentRefused` after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from gateway import mime
from gateway.mime import Entity, MimeError
from gateway.partner import Partner
from gateway.seal import cms, mic
from gateway.seal.compressed import DecompressionRefused, decompress
from gateway.seal.enveloped import DecryptionRefused, decrypt
from gateway.seal.identity import Identity
from gateway.seal.policy import PolicyRefused, load_certificates
from gateway.seal.signed import SignatureRefused, Verified
from gateway.seal.signedmime import open_entity

PREFIX: Final = "x-gateway-"
"""Header fields of the signed entity that are ours."""
CMS_TYPES: Final = ("application/pkcs7-mime", "application/x-pkcs7-mime")
OUTER_TYPES: Final = (*CMS_TYPES, "application/octet-stream")
Part = tuple[str | None, str, bytes]
"""File name, media type, content."""


class OpenRefused(Exception):
    """The message could not be decrypted."""

    disposition = "decryption-failed"

    def __init__(self, cause_code: str) -> None:
        self.cause_code = cause_code
        """For our own event only; never for the peer."""
        super().__init__((self.__doc__ or "").strip())


class ContentRefused(Exception):
    """A message whose signature holds, with content that we do not take; `code` is stable."""

    def __init__(self, code: str, verified: Verified, signed_entity: bytes) -> None:
        self.code = code
        self.verified = verified
        self.signed_entity = signed_entity
        self.disposition = "decompression-failed" if code.startswith("compressed") else "unexpected-processing-error"
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that was decrypted and whose signature holds."""

    verified: Verified
    signer: bytes = field(repr=False)
    """The signer's certificate in DER."""
    signed_entity: bytes = field(repr=False)
    """The exact bytes that were signed, MIME header included."""
    gateway_headers: Mapping[str, str]
    """`X-Gateway-…` fields of the signed entity's header, each word of the name with a capital."""
    parts: tuple[Part, ...] = field(repr=False)
    """The XML first, then files."""
    compressed: bool = False
    entity: bytes = field(default=b"", repr=False)
    """The whole entity with its signature, as it was decrypted: a forward carries it (wire.md section 2)."""

    def mic(self, algorithm: str = "") -> str:
        """Base64 MIC over the signed entity, in the signature's hash unless another is asked for.

        Raises:
            ValueError: unknown algorithm.
        """
        octets = mic.covered(self.signed_entity, signed=self.signed_entity)
        return mic.mic(octets, algorithm or self.verified.hash)


def open_bytes(body: bytes, content_type: str, identity: Identity, partner: Partner, at: datetime) -> Opened:
    """Steps 5 to 8 of wire.md section 3.

    Args:
        body: the sealed body, transfer encoding undone.
        content_type: Content-Type of the body; CMS is recognised by its OID, this only says that it may be CMS.
        identity: our keys.
        partner: the agreement and its signature certificates.
        at: now.

    Raises:
        OpenRefused: whatever failed before the signature verified.
        ContentRefused: what the signed entity holds cannot be taken.
    """
    try:
        entity, outer = _unsealed(body, content_type, identity, partner, at)  # 5, 6
        candidates = load_certificates(partner.pems("signatur", at))  # 7
        verified, signed = open_entity(entity, candidates, partner.algorithmen, at, alone=True)  # 7, 8
    except (MimeError, SignatureRefused, PolicyRefused, DecompressionRefused) as refused:
        raise OpenRefused(refused.code) from None
    except DecryptionRefused as refused:
        raise OpenRefused(refused.cause_code) from None
    try:
        return replace(_opened(verified, signed, partner, compressed=outer), entity=entity.raw)
    except MimeError as refused:
        raise ContentRefused(refused.code, verified, signed) from None
    except DecompressionRefused as refused:
        raise ContentRefused(f"compressed_{refused.code}", verified, signed) from None


def _unsealed(
    body: bytes, content_type: str, identity: Identity, partner: Partner, at: datetime
) -> tuple[Entity, bool]:
    """The decrypted entity, decompressed if it is compressed, and whether it was."""
    if mime.parse_parameters(content_type)[0] not in OUTER_TYPES:
        raise OpenRefused("not_encrypted")
    entity = mime.parse(decrypt(body, identity, partner.algorithmen, at))
    if not _is_compressed(entity):
        return entity, False
    return _inflated(entity, partner), True


def _is_compressed(entity: Entity) -> bool:
    """Whether the entity is CMS CompressedData, by its OID."""
    return entity.media_type in CMS_TYPES and cms.kind(entity.decoded()) == "compressed_data"


def _inflated(entity: Entity, partner: Partner) -> Entity:
    """The entity inside CompressedData, if the agreement compresses."""
    if not partner.algorithmen.kompression:
        raise DecompressionRefused("not_agreed")
    return mime.parse(decompress(entity.decoded()))


def _opened(verified: Verified, signed: bytes, partner: Partner, *, compressed: bool) -> Opened:
    """Step 9, as far as MIME goes: the parts of what was signed."""
    entity = mime.parse(signed)
    content = entity
    if _is_compressed(entity):
        if compressed:
            raise MimeError("nested_layer")
        content = _inflated(entity, partner)
    if content.media_type in (*CMS_TYPES, "multipart/signed", "multipart/encrypted"):
        raise MimeError("nested_layer")
    return Opened(
        verified=verified,
        signer=verified.signer.public_bytes(Encoding.DER),
        signed_entity=signed,
        gateway_headers=gateway_headers(entity),
        parts=_parts(content),
        compressed=compressed or content is not entity,
    )


def gateway_headers(entity: Entity) -> dict[str, str]:
    """Our fields of the signed entity's own header, each at most once."""
    found: dict[str, str] = {}
    for name, value in entity.headers:
        if not name.lower().startswith(PREFIX):
            continue
        key = "-".join(word.capitalize() for word in name.split("-"))
        if key in found:
            raise MimeError("duplicate_header")
        found[key] = value
    return found


def _parts(entity: Entity) -> tuple[Part, ...]:
    """One unwrapped part, or those of a multipart/related with its root first."""
    if not entity.media_type.startswith("multipart/"):
        return (_part(entity),)
    related_root(entity)
    cut = mime.split(entity)
    if cut.preamble.strip() or cut.epilogue.strip():
        raise MimeError("beside_parts")
    related_root(entity, cut.parts[0])
    return tuple(_part(part) for part in cut.parts)


def related_root(entity: Entity, first: Entity | None = None) -> None:
    """Refuse a multipart other than related, and one whose root is not its first part (RFC 2387)."""
    if entity.media_type != "multipart/related":
        raise MimeError("multipart_subtype")
    start = entity.params.get("start")
    if first is not None and start is not None and start != first.header("Content-ID"):
        raise MimeError("related_start")


def _part(entity: Entity) -> Part:
    """One part, decoded."""
    return entity.filename, entity.media_type, entity.decoded()
