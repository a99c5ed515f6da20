"""CompressedData with zlib (RFC 3274), written and read within bounds.

Promises: pure; inflating stops at the first byte beyond the caps, whatever the input claims.
Fails: `DecompressionRefused` with a stable `code`.
"""

from __future__ import annotations

import zlib
from typing import Final

from asn1crypto import cms

from gateway.seal import ber, der

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
    encapsulated = der.sequence(der.oid(_DATA), der.tlv(der.CONTEXT, der.octets(zlib.compress(content))))
    data = der.sequence(der.small(0), der.sequence(der.oid(_ZLIB)), encapsulated)
    return der.content_info(_COMPRESSED_DATA, data)


def decompress(compressed: bytes, *, max_bytes: int = MAX_INFLATED, max_ratio: int = MAX_RATIO) -> bytes:
    """The content of a CompressedData, DER or BER.

    Raises:
        DecompressionRefused: `unreadable`, `not_compressed`, `algorithm`, `too_large`, `ratio`, `truncated`,
            `trailing`.
    """
    try:
        deflated = _deflated(compressed)
    except DecompressionRefused:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError):
        raise DecompressionRefused("unreadable") from None
    return _inflate(deflated, max_bytes, max_ratio)


def _deflated(compressed: bytes) -> bytes:
    """The zlib stream inside."""
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
    """Inflate in steps, looking at the caps after each."""
    inflater, pieces, size, rest = zlib.decompressobj(), list[bytes](), 0, deflated
    while not inflater.eof:
        try:
            piece = inflater.decompress(rest, _STEP)
        except zlib.error:
            raise DecompressionRefused("unreadable") from None
        rest = inflater.unconsumed_tail
        size += len(piece)
        if size > max_bytes:
            raise DecompressionRefused("too_large")
        if size > RATIO_FROM and size > max_ratio * len(deflated):
            raise DecompressionRefused("ratio")
        if not piece and not rest and not inflater.eof:
            raise DecompressionRefused("truncated")
        pieces.append(piece)
    if inflater.unused_data:
        raise DecompressionRefused("trailing")
    return b"".join(pieces)
