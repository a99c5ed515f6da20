"""The outermost layer of CMS, read from a stream: everything but the content is kept, the content passes through.

The structures are ContentInfo with AuthEnvelopedData, EnvelopedData, CompressedData or SignedData, definite or
indefinite, the content's OCTET STRING in one piece or in chunks (RFC 5652, RFC 5083, RFC 3274; X.690 sections 8.1.3
and 8.7). What is kept comes back as definite BER with an empty content, small enough for the one-shot reader.

Promises: pure; memory, elements and nesting are bounded, whatever the lengths claim; each byte is read once.
Fails: `BerError` for what is no such structure, is truncated, has anything after it, or exceeds the bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.seal.ber import MAX_DEPTH, BerError, chunk
from gateway.seal.der import CONTEXT, OCTET_STRING, SEQUENCE, tlv
from gateway.seal.octets import Source, TruncatedError

MAX_KEPT: Final = 256 * 1024
"""Bytes beside the content: 50 recipients with RSA keys of 4096 bits have 35 KB, a chain of certificates some more."""
MAX_CHUNKS: Final = 500_000
"""Elements in all: 200 MB in base64, twice, in chunks of 1,000 bytes, the smallest that peers write."""
_OID: Final = 0x06
_IMPLICIT: Final = 0x80
_CONSTRUCTED: Final = 0x20
_ROOT, _EXPLICIT, _DATA, _INFO, _CONTENT = range(5)
"""Levels: ContentInfo, its [0], the type's own SEQUENCE, the info with the content, the [0] around the content."""
_EXPECTED: Final = {_ROOT: SEQUENCE, _EXPLICIT: CONTEXT, _DATA: SEQUENCE}

Sink = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Walked:
    """What stands around a content."""

    frame: bytes
    """The structure in definite BER, its content empty."""
    size: int
    """Bytes of the content."""


@dataclass(frozen=True, slots=True)
class _Element:
    """A tag, and where its content ends."""

    tag: int
    end: int | None
    """None for an indefinite length."""
    bound: int | None
    """Where the innermost definite element around it ends."""
    depth: int

    @property
    def is_constructed(self) -> bool:
        return bool(self.tag & _CONSTRUCTED)


def walk(source: Source, sink: Sink | None = None) -> Walked:
    """Read one structure to its end.

    Args:
        source: the bytes.
        sink: takes the content piece by piece; without one it is passed over.

    Raises:
        BerError: see the module.
    """
    walker = _Walker(source, sink)
    try:
        frame = walker.structure()
        if not source.at_end():
            raise BerError("trailing")
    except TruncatedError:
        raise BerError("truncated") from None
    return Walked(frame, walker.size)


class _Walker:
    """Goes down to the content; counts what it meets."""

    def __init__(self, source: Source, sink: Sink | None) -> None:
        self._source = source
        self._sink = sink
        self._elements = 0
        self._kept = 0
        self._found = False
        self.size = 0

    def structure(self) -> bytes:
        root = self._next(_Element(0, None, None, 0))
        if root is None:
            raise BerError("element")
        return self._level(root, _ROOT)

    def _level(self, element: _Element, level: int) -> bytes:
        """An element on the way down to the content."""
        if element.tag != _EXPECTED.get(level, element.tag):
            raise BerError("structure")
        children: list[bytes] = []
        while (child := self._next(element)) is not None:
            tags = [each[0] for each in children]
            children.append(self._child(child, level, tags))
        return tlv(element.tag, *children, b"")

    def _child(self, child: _Element, level: int, before: list[int]) -> bytes:
        """One child, `before` being the tags of its elder siblings."""
        if level == _INFO and before == [_OID, SEQUENCE] and child.tag & ~_CONSTRUCTED == _IMPLICIT:
            return self._content(child, _IMPLICIT)
        if level == _INFO and before == [_OID] and child.tag == CONTEXT:
            return self._level(child, _CONTENT)
        if level == _CONTENT and not before and child.tag & ~_CONSTRUCTED == OCTET_STRING:
            return self._content(child, OCTET_STRING)
        down = (level == _ROOT and before == [_OID]) or (level == _EXPLICIT and not before)
        if down or (level == _DATA and child.tag == SEQUENCE):
            return self._level(child, level + 1)
        return self._small(child)

    def _content(self, element: _Element, tag: int) -> bytes:
        """The content; what stays of it is an empty OCTET STRING."""
        if self._found:
            raise BerError("content")
        self._found = True
        self._pass(element)
        return tlv(tag, b"")

    def _pass(self, element: _Element) -> None:
        """An OCTET STRING in one piece or in chunks."""
        if element.is_constructed:
            while (child := self._next(element)) is not None:
                if child.tag & ~_CONSTRUCTED != OCTET_STRING:
                    raise BerError("chunk")
                self._pass(child)
            return
        count = self._left(element)
        self.size += count
        if self._sink is None:
            self._source.skip(count)
            return
        for piece in self._source.stream(count):
            self._sink(piece)

    def _small(self, element: _Element) -> bytes:
        """Anything else, whole."""
        chunked = element.tag == OCTET_STRING | _CONSTRUCTED
        if element.end is not None and not chunked:
            return tlv(element.tag, self._keep(self._left(element)))
        children: list[bytes] = []
        while (child := self._next(element)) is not None:
            children.append(self._small(child))
        if chunked:
            return tlv(OCTET_STRING, *map(chunk, children), b"")
        return tlv(element.tag, *children, b"")

    def _keep(self, count: int) -> bytes:
        self._kept += count
        if self._kept > MAX_KEPT:
            raise BerError("bounds")
        return self._source.take(count)

    def _left(self, element: _Element) -> int:
        """Bytes to its end, which is definite."""
        assert element.end is not None, "definite"
        return element.end - self._source.position

    def _next(self, parent: _Element) -> _Element | None:
        """The next child's tag and length; None at the parent's end."""
        if parent.end is not None and self._source.position >= parent.end:
            if self._source.position > parent.end:  # a child ran over, by its end-of-contents octets
                raise BerError("length")
            return None
        self._elements += 1
        if self._elements > MAX_CHUNKS or parent.depth > MAX_DEPTH:
            raise BerError("bounds")
        tag, first = self._source.take(2)
        if parent.end is None and tag == 0 and first == 0 and parent.tag:
            return None
        if tag & 0x1F == 0x1F:  # CMS knows no tag numbers above 30
            raise BerError("tag")
        if first == 0x80:
            if not tag & _CONSTRUCTED:
                raise BerError("indefinite_primitive")
            return _Element(tag, None, parent.bound, parent.depth + 1)
        end = self._end(first)
        if parent.bound is not None and end > parent.bound:
            raise BerError("length")
        return _Element(tag, end, end, parent.depth + 1)

    def _end(self, first: int) -> int:
        """Where a content ends whose definite length begins with `first`."""
        if first < 0x80:
            return self._source.position + first
        count = first & 0x7F
        if not 1 <= count <= 5:  # five bytes hold a terabyte
            raise BerError("length")
        length = int.from_bytes(self._source.take(count), "big")
        return self._source.position + length
