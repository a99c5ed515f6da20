"""Sealing a message that is not held in memory: `gateway.seal.sealer.seal`, step by step over files.

Two passes: the first writes the signed entity and hashes it, the second encrypts it with its signature. Both write
what the one-shot way would write; only keys, nonces and signatures differ from one sealing to the next.

Promises: memory does not grow with the message; nothing is signed whose bytes are not those that were accepted.
Fails: `PolicyRefused`, `MimeError`, `ContentChanged`; what was written until then is worth nothing.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from gateway import mime
from gateway.mime import CRLF, MimeError
from gateway.partner import Algorithmen
from gateway.seal.compressed import before_deflated
from gateway.seal.enveloped import encrypt_stream
from gateway.seal.identity import Identity
from gateway.seal.octets import Range, Staged, Staging, TruncatedError, Writable
from gateway.seal.signed import sign_digest
from gateway.seal.signedmime import parameters, signature_part
from gateway.seal.transfer import Base64Lines

Headers = list[tuple[str, str]]


class ContentChanged(ValueError):
    """A part's bytes are not those whose digest the store knows."""


@dataclass(frozen=True)
class Stored:
    """One part of the message, with what the store knows of it."""

    name: str | None
    media_type: str
    content: Range = field(repr=False)
    sha256: bytes
    """Digest of the content, as it was accepted."""

    def pieces(self) -> Iterator[bytes]:
        """The content piece by piece, held against its digest when all of it was read.

        Raises:
            ContentChanged: it has another one, or is shorter.
        """
        digest = hashlib.sha256()
        try:
            for piece in self.content.pieces():
                digest.update(piece)
                yield piece
        except TruncatedError:
            raise ContentChanged(self.name) from None
        if digest.digest() != self.sha256:
            raise ContentChanged(self.name)


def part_headers(name: str | None, media_type: str, transfer: str) -> Headers:
    """The header of one part; message/… and multipart/… stay binary, as RFC 2045 section 6.4 wants."""
    encoded = transfer == "base64" and not media_type.lower().startswith(("message/", "multipart/"))
    fields = [("Content-Type", media_type), ("Content-Transfer-Encoding", "base64" if encoded else "binary")]
    if name is not None:
        fields.append(("Content-Disposition", mime.with_parameters("attachment", {"filename": name})))
    return fields


def compressed_headers(transfer: str) -> Headers:
    """The header of CompressedData (RFC 5402, before signing)."""
    return [
        ("Content-Type", "application/pkcs7-mime; smime-type=compressed-data; name=smime.p7z"),
        ("Content-Transfer-Encoding", transfer),
    ]


def related_boundary(headers: Sequence[Headers], digests: Sequence[bytes], contents: Sequence[bytes] = ()) -> str:
    """The boundary of a multipart/related, from the headers of its parts and the digests of their contents.

    Args:
        headers: of each part.
        digests: SHA-256 of each content.
        contents: those that are in memory; the boundary occurs in none of them.
    """
    heads = [hashlib.sha256(mime.build(fields, b"")).digest() for fields in headers]
    return mime.fresh_boundary([*heads, *digests], contents)


def write_entity(
    parts: Sequence[Stored],
    gateway_headers: Headers,
    algorithms: Algorithmen,
    transfer: str,
    out: Writable,
    staging: Staging,
) -> dict[str, bytes]:
    """The first pass: the entity that is signed.

    Args:
        parts: the XML first, then files; not empty.
        gateway_headers: our fields.
        algorithms: the agreement.
        transfer: `binary` or `base64`.
        out: gets the entity.
        staging: where it is compressed.

    Returns:
        Digests of the entity by name: SHA-256, and that of the agreement.

    Raises:
        MimeError: a header that cannot be written, or (never seen) a content that holds the boundary made from it.
        ContentChanged: a part is not what was accepted.
    """
    inner = _entity(parts, [] if algorithms.kompression else gateway_headers, transfer)
    pieces = _compressed(inner, gateway_headers, transfer, staging()) if algorithms.kompression else inner
    digests = {name: hashlib.new(name.replace("-", "")) for name in ("sha-256", str(algorithms.hash))}
    for piece in pieces:
        out.write(piece)
        for digest in digests.values():
            digest.update(piece)
    return {name: digest.digest() for name, digest in digests.items()}


def write_sealed(
    entity: Range,
    digests: Mapping[str, bytes],
    identity: Identity,
    certificate: x509.Certificate,
    algorithms: Algorithmen,
    at: datetime,
    transfer: str,
    out: Writable,
) -> None:
    """The second pass: signature beside the entity, encrypted.

    Args:
        entity: what `write_entity` wrote.
        digests: what that returned.
        identity: who signs.
        certificate: the recipient's.
        algorithms: the agreement.
        at: now.
        transfer: `binary` or `base64`.
        out: gets the outer body in its transfer encoding.

    Raises:
        PolicyRefused: a key or algorithm that is not admitted.
        MimeError: `boundary` (never seen): the entity holds the boundary made from its digest.
    """
    signature = signature_part(sign_digest(digests[algorithms.hash], identity, algorithms, at))
    boundary = mime.fresh_boundary([digests["sha-256"], hashlib.sha256(signature).digest()], [signature])
    content_type = mime.with_parameters("multipart/signed", {**parameters(algorithms), "boundary": boundary})
    dashes = b"--" + boundary.encode("ascii")
    before = mime.build([("Content-Type", content_type)], dashes + CRLF)
    behind = CRLF + dashes + CRLF + signature + CRLF + dashes + b"--" + CRLF
    size = len(before) + entity.size + len(behind)

    def pieces() -> Iterator[bytes]:
        yield before
        yield from _without(boundary.encode("ascii"), entity.pieces())
        yield behind

    if transfer != "base64":
        encrypt_stream(pieces(), size, out.write, [certificate], algorithms, at)
        return
    lines = Base64Lines()
    encrypt_stream(pieces(), size, lambda piece: out.write(lines.feed(piece)), [certificate], algorithms, at)
    out.write(lines.finish())


def _entity(parts: Sequence[Stored], ours: Headers, transfer: str) -> Iterator[bytes]:
    """The entity before compression."""
    headers = [part_headers(part.name, part.media_type, transfer) for part in parts]
    if len(parts) == 1:
        yield mime.build([*headers[0], *ours], b"")
        yield from _encoded(parts[0].pieces(), dict(headers[0]))
        return
    boundary = related_boundary(headers, [part.sha256 for part in parts])
    root = mime.parse_parameters(parts[0].media_type)[0]
    content_type = mime.with_parameters("multipart/related", {"type": root, "boundary": boundary})
    dashes = b"--" + boundary.encode("ascii")
    yield mime.build([("Content-Type", content_type), *ours], b"")
    for part, fields in zip(parts, headers, strict=True):
        yield dashes + CRLF + mime.build(fields, b"")
        yield from _encoded(_without(boundary.encode("ascii"), part.pieces()), dict(fields))
        yield CRLF
    yield dashes + b"--" + CRLF


def _encoded(pieces: Iterator[bytes], fields: Mapping[str, str]) -> Iterator[bytes]:
    """A content in its transfer encoding."""
    if fields["Content-Transfer-Encoding"] != "base64":
        yield from pieces
        return
    lines = Base64Lines()
    for piece in pieces:
        yield lines.feed(piece)
    yield lines.finish()


def _without(boundary: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, which do not hold the boundary."""
    before = b""
    for piece in pieces:
        if boundary in before + piece:
            raise MimeError("boundary")
        before = piece[-len(boundary) :]
        yield piece


def _compressed(inner: Iterator[bytes], ours: Headers, transfer: str, staged: Staged) -> Iterator[bytes]:
    """The entity as CompressedData; DER says its length in front, so it is compressed into staging first."""
    deflater = zlib.compressobj()
    for piece in inner:
        staged.write(deflater.compress(piece))
    staged.write(deflater.flush())
    deflated = staged.done()
    headers = [*compressed_headers(transfer), *ours]
    yield mime.build(headers, b"")

    def octets() -> Iterator[bytes]:
        yield before_deflated(deflated.size)
        yield from deflated.pieces()

    yield from _encoded(octets(), dict(headers))
