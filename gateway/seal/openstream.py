"""Opening a sealed message that is not held in memory: `gateway.seal.opening`, step by step over a file.

Promises: as there; what is decrypted goes into encrypted staging and is not looked at before its tag holds; memory does
not grow with the message. Whoever calls removes the staging, and after a refusal the files.
Fails: `OpenRefused` until the signature verified, `ContentRefused` after.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final, Protocol

from asn1crypto import cms as structures
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import mime
from gateway.mime import MimeError
from gateway.partner import Partner
from gateway.seal.ber import BerError
from gateway.seal.compressed import DecompressionRefused, decompress_stream
from gateway.seal.entities import Lying, parse, split
from gateway.seal.enveloped import DecryptionRefused, decrypt_stream
from gateway.seal.identity import Identity
from gateway.seal.mic import algorithm_name
from gateway.seal.octets import Encoded, Range, Staging
from gateway.seal.opening import (
    CMS_TYPES,
    OUTER_TYPES,
    ContentRefused,
    OpenRefused,
    gateway_headers,
    related_root,
)
from gateway.seal.outer import walk
from gateway.seal.policy import PolicyRefused, load_certificates
from gateway.seal.signed import MAX_SIGNATURE, Digest, SignatureRefused, Verified, verify_digest
from gateway.seal.signedmime import SIGNATURE_TYPES

MAX_FIRST: Final = 16 * 1024 * 1024
"""Largest first part, the XML, which is handed over in memory: twice what the check takes, so that it says no."""
MAX_INFLATED: Final = 400 * 1024 * 1024
"""Most that comes out of a compressed message: 200 MB in base64 have 274 MB; twice in base64, 375 MB."""


class Files(Protocol):
    """Takes the files of a message, one after the other."""

    def begin(self, name: str | None, media_type: str) -> None:
        """The next file."""

    def write(self, data: bytes, /) -> object:
        """More of it."""

    def end(self) -> None:
        """It is complete."""


@dataclass(frozen=True)
class Bounds:
    """What a message may have."""

    content: int
    """Most bytes of XML and files together."""
    inflated: int = MAX_INFLATED


@dataclass(frozen=True)
class OpenedStream:
    """A message that was decrypted, whose signature holds and whose files were handed over."""

    verified: Verified
    signer: bytes = field(repr=False)
    """The signer's certificate in DER."""
    signed_entity: Range = field(repr=False)
    """The exact bytes that were signed, in the staging."""
    gateway_headers: Mapping[str, str]
    """`X-Gateway-…` fields of the signed entity's header."""
    name: str | None
    media_type: str
    """Of the first part."""
    xml: bytes = field(repr=False)
    """The first part."""
    entity: Range = field(repr=False)
    """The whole entity with its signature, in the staging: all of a staged file."""
    digest: Digest = field(repr=False)
    """Digests of the signed entity; each is computed once."""
    compressed: bool = False

    def mic(self, algorithm: str = "") -> str:
        """Base64 MIC over the signed entity, in the signature's hash unless another is asked for.

        Raises:
            ValueError: unknown algorithm.
        """
        return base64.b64encode(self.digest(algorithm_name(algorithm or self.verified.hash))).decode("ascii")


def open_octets(
    body: Encoded,
    content_type: str,
    identity: Identity,
    partner: Partner,
    at: datetime,
    *,
    staging: Staging,
    files: Files,
    bounds: Bounds,
) -> OpenedStream:
    """Steps 5 to 9 of wire.md section 3, 9 as far as MIME goes.

    Args:
        body: the sealed body under its transfer encoding.
        content_type: Content-Type of the body.
        identity: our keys.
        partner: the agreement and its signature certificates.
        at: now.
        staging: where plain content waits until its tag and its signature hold.
        files: takes all parts but the first, after the signature held.
        bounds: what the message may have.

    Raises:
        OpenRefused: whatever failed before the signature verified.
        ContentRefused: what the signed entity holds cannot be taken; files may have been handed over.
    """
    opening = _Opening(identity, partner, at, staging, bounds)
    try:
        entity, outer = opening.unsealed(body, content_type)  # 5, 6
        proved = opening.verified(entity)  # 7, 8
    except (MimeError, SignatureRefused, PolicyRefused, DecompressionRefused) as refused:
        raise OpenRefused(refused.code) from None
    except DecryptionRefused as refused:
        raise OpenRefused(refused.cause_code) from None
    try:
        return opening.opened(entity, proved, files, compressed=outer)
    except (MimeError, DecompressionRefused) as refused:
        code = f"compressed_{refused.code}" if isinstance(refused, DecompressionRefused) else refused.code
        raise ContentRefused(code, proved.verified, b"") from None


@dataclass(frozen=True)
class _Proved:
    """What a signature proved, and over what."""

    verified: Verified
    signed: Range
    digest: Digest


@dataclass(frozen=True)
class _Opening:
    """One message being opened."""

    identity: Identity
    partner: Partner
    at: datetime
    staging: Staging
    bounds: Bounds

    def unsealed(self, body: Encoded, content_type: str) -> tuple[Lying, bool]:
        """The decrypted entity, decompressed if it is compressed, and whether it was."""
        if mime.parse_parameters(content_type)[0] not in OUTER_TYPES:
            raise OpenRefused("not_encrypted")
        staged = self.staging()
        decrypt_stream(body, staged.write, self.identity, self.partner.algorithmen, self.at)
        entity = parse(staged.done())
        return (self._inflated(entity), True) if _is_compressed(entity) else (entity, False)

    def verified(self, entity: Lying) -> _Proved:
        """What the signature proved, and what it covers."""
        if entity.head.media_type != "multipart/signed":
            raise SignatureRefused("not_signed")
        cut = split(entity)
        if len(cut.parts) != 2 or cut.parts[1].head.media_type not in SIGNATURE_TYPES:
            raise SignatureRefused("signed_parts")
        if not cut.stands_alone:
            raise SignatureRefused("beside_signed")
        signed, signature = cut.parts
        if signature.body.size > 2 * MAX_SIGNATURE:  # in base64
            raise SignatureRefused("too_large")
        candidates = load_certificates(self.partner.pems("signatur", self.at))
        digest = cache(lambda name: signed.whole.digest(name.replace("-", "")))  # one pass, however many candidates
        octets = b"".join(signature.decoded.pieces())
        return _Proved(
            verify_digest(digest, octets, candidates, self.partner.algorithmen, self.at), signed.whole, digest
        )

    def opened(self, whole: Lying, proved: _Proved, files: Files, *, compressed: bool) -> OpenedStream:
        """The parts of what was signed."""
        entity = parse(proved.signed)
        content = entity
        if _is_compressed(entity):
            if compressed:
                raise MimeError("nested_layer")
            content = self._inflated(entity)
        if content.head.media_type in (*CMS_TYPES, "multipart/signed", "multipart/encrypted"):
            raise MimeError("nested_layer")
        ours = gateway_headers(entity.head)
        first, *others = _parts(content)
        xml = self._hand_over(first, others, files)
        return OpenedStream(
            verified=proved.verified,
            signer=proved.verified.signer.public_bytes(Encoding.DER),
            signed_entity=proved.signed,
            gateway_headers=ours,
            name=first.head.filename,
            media_type=first.head.media_type,
            xml=xml,
            entity=whole.whole,
            digest=proved.digest,
            compressed=compressed or content is not entity,
        )

    def _inflated(self, entity: Lying) -> Lying:
        """The entity inside CompressedData, if the agreement compresses."""
        if not self.partner.algorithmen.kompression:
            raise DecompressionRefused("not_agreed")
        staged = self.staging()
        decompress_stream(entity.decoded, staged.write, max_bytes=self.bounds.inflated)
        return parse(staged.done())

    def _hand_over(self, first: Lying, others: list[Lying], files: Files) -> bytes:
        """The first part in memory, the others to `files`."""
        left = self.bounds.content
        xml = bytearray()
        for piece in first.decoded.pieces():
            xml += piece
            if len(xml) > min(left, MAX_FIRST):
                raise MimeError("too_large")
        left -= len(xml)
        for part in others:
            files.begin(part.head.filename, part.head.media_type)
            for piece in part.decoded.pieces():
                left -= len(piece)
                if left < 0:
                    raise MimeError("too_large")
                files.write(piece)
            files.end()
        return bytes(xml)


def _is_compressed(entity: Lying) -> bool:
    """Whether the entity is CMS CompressedData, by its OID."""
    if entity.head.media_type not in CMS_TYPES:
        return False
    try:
        frame = walk(entity.decoded.source()).frame
        return bool(structures.ContentInfo.load(frame)["content_type"].native == "compressed_data")
    except MimeError:
        raise
    except (BerError, ValueError, TypeError, LookupError, RecursionError):
        return False


def _parts(entity: Lying) -> list[Lying]:
    """One unwrapped part, or those of a multipart/related with its root first."""
    if not entity.head.media_type.startswith("multipart/"):
        return [entity]
    related_root(entity.head)
    cut = split(entity)
    if not cut.stands_alone:
        raise MimeError("beside_parts")
    related_root(entity.head, cut.parts[0].head)
    return list(cut.parts)
