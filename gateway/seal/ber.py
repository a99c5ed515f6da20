"""BER with indefinite lengths turned into definite ones, so that one reader suffices behind it.

Peers that stream (BouncyCastle, `openssl cms -stream`) write the outer layers of CMS with indefinite lengths and the
content in chunks (X.690 sections 8.1.3.6 and 8.7.3).

Promises: pure; work and nesting are bounded; input that is definite already comes back unchanged.
Fails: `BerError` for what is truncated, has anything after it, nests too deep or comes in too many pieces.
"""

from __future__ import annotations

from typing import Final

from gateway.seal.der import tlv

MAX_DEPTH: Final = 16
"""Nested indefinite lengths: EnvelopedData with chunked content needs 6."""
MAX_ELEMENTS: Final = 200_000
"""Elements below indefinite lengths: 200 MB in chunks of 1,000 bytes, the smallest that peers write."""
_END: Final = b"\0\0"
_CONSTRUCTED: Final = 0x20
_OCTETS: Final = 0x04
_ENCRYPTED_CONTENT_INFO: Final = [0x06, 0x30, 0xA0]
"""Tags in an EncryptedContentInfo whose content is chunked: type, algorithm, [0] IMPLICIT OCTET STRING. The tag alone
does not tell it from an [0] EXPLICIT one, whose place is the second."""


class BerError(ValueError):
    """The bytes are no single, complete BER element within our bounds."""


def definite(octets: bytes) -> bytes:
    """The one element in `octets`, its indefinite lengths made definite and its chunked OCTET STRINGs joined.

    Subtrees that have a definite length are copied as they are.

    Raises:
        BerError: see the module.
    """
    if len(octets) < 2:
        raise BerError("truncated")
    if octets[1] != 0x80:
        _, end = _length(octets, 1)
        if end != len(octets):
            raise BerError("length")
        return octets
    reader = _Reader(octets)
    element, end = reader.element(0, 0)
    if end != len(octets):
        raise BerError("trailing")
    return element


def children(content: bytes) -> list[bytes]:
    """The elements, all of definite length, that fill `content`.

    Raises:
        BerError: they do not fill it, or one is indefinite.
    """
    found: list[bytes] = []
    position = 0
    while position < len(content):
        if position + 2 > len(content) or content[position] & 0x1F == 0x1F or content[position + 1] == 0x80:
            raise BerError("element")
        _, end = _length(content, position + 1)
        found.append(content[position:end])
        position = end
    return found


def _length(octets: bytes, position: int) -> tuple[int, int]:
    """Start and end of a content whose definite length stands at `position`."""
    first, start = octets[position], position + 1
    if first < 0x80:
        end = start + first
    else:
        count = first & 0x7F
        if not 1 <= count <= 5:  # five bytes hold a terabyte
            raise BerError("length")
        start += count
        end = start + int.from_bytes(octets[position + 1 : start], "big")
    if end > len(octets):
        raise BerError("truncated")
    return start, end


class _Reader:
    """Walks the elements that have an indefinite length; counts what it meets."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.elements = 0

    def element(self, position: int, depth: int) -> tuple[bytes, int]:
        """The element at `position` with definite length, and where it ends."""
        self.elements += 1
        if self.elements > MAX_ELEMENTS or depth > MAX_DEPTH:
            raise BerError("bounds")
        if position + 2 > len(self.octets):
            raise BerError("truncated")
        tag = self.octets[position]
        if tag & 0x1F == 0x1F:  # CMS knows no tag numbers above 30
            raise BerError("tag")
        if self.octets[position + 1] != 0x80:
            start, end = _length(self.octets, position + 1)
            if tag == _OCTETS | _CONSTRUCTED:
                return tlv(_OCTETS, b"".join(chunk(c) for c in self._until(start, end, depth))), end
            return self.octets[position:end], end
        if not tag & _CONSTRUCTED:
            raise BerError("indefinite_primitive")
        return self._indefinite(tag, position + 2, depth)

    def _indefinite(self, tag: int, position: int, depth: int) -> tuple[bytes, int]:
        """The children up to the end-of-contents octets, under `tag` with a definite length."""
        found: list[bytes] = []
        while self.octets[position : position + 2] != _END:
            child, position = self.element(position, depth + 1)
            found.append(child)
        if tag == _OCTETS | _CONSTRUCTED:
            return tlv(_OCTETS, b"".join(map(chunk, found))), position + 2
        if [child[0] for child in found] == _ENCRYPTED_CONTENT_INFO:
            found[2] = _joined(found[2])
        return tlv(tag, *found, b""), position + 2

    def _until(self, position: int, end: int, depth: int) -> list[bytes]:
        """The children that fill a definite range."""
        found: list[bytes] = []
        while position < end:
            child, position = self.element(position, depth + 1)
            found.append(child)
        if position != end:
            raise BerError("length")
        return found


def _joined(element: bytes) -> bytes:
    """[0] IMPLICIT OCTET STRING in chunks as a primitive one."""
    start, end = _length(element, 1)
    return tlv(0x80, b"".join(map(chunk, children(element[start:end]))))


def chunk(element: bytes) -> bytes:
    """The content of one chunk of an OCTET STRING."""
    if element[0] != _OCTETS:
        raise BerError("chunk")
    start, end = _length(element, 1)
    return element[start:end]
