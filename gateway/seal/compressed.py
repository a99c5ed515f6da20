"""CompressedData with zlib (RFC 3274), written and read within bounds.

Promises: pure; inflating stops at the first byte beyond the caps, whatever the input claims.
Fails: `DecompressionRefused` with a stable `code`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from asn1crypto import cms

from gateway.seal import ber, der
from gateway.seal.octets import Encoded
from gateway.seal.outer import Sink, walk

MAX_INFLATED: Final = 20 * 1024 * 1024
"""Twice the one-shot limit: base64 inside adds a third, and no honest peer seals more for us this way."""
MAX_RATIO: Final = 100
"""XML with much repetition compresses to a thirtieth; a bomb of zeros to a thousandth."""
RATIO_FROM: Final = 1024 * 1024
"""Below this size the ratio does no harm."""
_DATA: Final = "1.2.840.113549.1.7.1"
_COMPRESSED_DATA: Final = "1.2.840.113549.1.9.16.1.9"
_ZLIB: Final = "1.2.840.113549.1.9.16.3.8"
_STEP: Final = 64 * 1024


class DecompressionRefused(ValueError):
    """Compressed content that is broken or grows beyond the caps; `code` is stable, for events."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def compress(content: bytes) -> bytes:
    """ContentInfo with CompressedData over id-data, in DER."""
    deflated = zlib.compress(content)
    return before_deflated(len(deflated)) + deflated


def before_deflated(size: int) -> bytes:
    """The DER that stands before `size` bytes of a zlib stream; nothing follows them."""
    return der.around(
        size,
        (der.OCTET_STRING, b"", 0),
        (der.CONTEXT, b"", 0),
        (der.SEQUENCE, der.oid(_DATA), 0),
        (der.SEQUENCE, der.small(0) + der.sequence(der.oid(_ZLIB)), 0),
        (der.CONTEXT, b"", 0),
        (der.SEQUENCE, der.oid(_COMPRESSED_DATA), 0),
    )


def decompress(compressed: bytes, *, max_bytes: int = MAX_INFLATED, max_ratio: int = MAX_RATIO) -> bytes:
    """The content of a CompressedData, DER or BER.

    Raises:
        DecompressionRefused: `unreadable`, `not_compressed`, `algorithm`, `too_large`, `ratio`, `truncated`,
            `trailing`.
    """
    return _inflate(_deflated(compressed), max_bytes, max_ratio)


def decompress_stream(octets: Encoded, sink: Sink, *, max_bytes: int, max_ratio: int = MAX_RATIO) -> None:
    """As `decompress`, for what lies elsewhere; `sink` takes what comes out.

    Raises:
        DecompressionRefused: as `decompress`, also after the sink has taken something.
        MimeError: the transfer encoding is broken.
    """
    try:
        walked = walk(octets.source())
    except ber.BerError:
        raise DecompressionRefused("unreadable") from None
    _deflated(walked.frame)
    inflater = Inflater(walked.size, max_bytes, max_ratio)

    def take(piece: bytes) -> None:
        for inflated in inflater.feed(piece):
            sink(inflated)

    walk(octets.source(), take)
    inflater.finish()


def _deflated(compressed: bytes) -> bytes:
    """The zlib stream inside a structure in memory."""
    try:
        return _content(compressed)
    except DecompressionRefused:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError):
        raise DecompressionRefused("unreadable") from None


def _content(compressed: bytes) -> bytes:
    info = cms.ContentInfo.load(ber.definite(compressed), strict=True)
    if info["content_type"].native != "compressed_data":
        raise DecompressionRefused("not_compressed")
    data = info["content"]
    if data["compression_algorithm"]["algorithm"].native != "zlib":
        raise DecompressionRefused("algorithm")
    encapsulated = data["encap_content_info"]
    if encapsulated["content_type"].native != "data" or encapsulated["content"].native is None:
        raise DecompressionRefused("unreadable")
    return bytes(encapsulated["content"].native)


def _inflate(deflated: bytes, max_bytes: int, max_ratio: int) -> bytes:
    """Inflate bytes in memory."""
    inflater = Inflater(len(deflated), max_bytes, max_ratio)
    inflated = b"".join(inflater.feed(deflated))
    inflater.finish()
    return inflated


class Inflater:
    """Inflates in steps, looking at the caps after each."""

    def __init__(self, deflated: int, max_bytes: int, max_ratio: int = MAX_RATIO) -> None:
        """Args:
        deflated: bytes of the whole zlib stream.
        max_bytes: most bytes that come out.
        max_ratio: how many times as many as went in.
        """
        self._inflater = zlib.decompressobj()
        self._most = max_bytes
        self._ratio = max_ratio * deflated
        self._size = 0
        self._pending = False
        """Whether more may come out though all has gone in."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What comes out of the next piece.

        Raises:
            DecompressionRefused: `unreadable`, `too_large`, `ratio`, `trailing`.
        """
        while piece or self._pending:
            if self._inflater.eof:
                raise DecompressionRefused("trailing")
            try:
                inflated = self._inflater.decompress(piece, _STEP)
            except zlib.error:
                raise DecompressionRefused("unreadable") from None
            self._count(len(inflated))
            yield inflated
            piece = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            self._pending = len(inflated) == _STEP and not self._inflater.eof

    def finish(self) -> None:
        """The stream has ended.

        Raises:
            DecompressionRefused: `truncated`.
        """
        if not self._inflater.eof:
            raise DecompressionRefused("truncated")

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > self._most:
            raise DecompressionRefused("too_large")
        if self._size > RATIO_FROM and self._size > self._ratio:
            raise DecompressionRefused("ratio")
