"""MIME entities as ranges of a file: the scanner of `gateway.mime` over bytes that are not in memory.

Promises: headers are read within the bounds of `gateway.mime.Limits`; a body is only ever cut, never rewritten.
Fails: `MimeError`, as for bytes in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway import mime
from gateway.mime import DEFAULT_LIMITS, Entity
from gateway.seal.octets import Encoded, Range


@dataclass(frozen=True)
class Lying:
    """One MIME entity that lies in a file."""

    head: Entity
    """Its header; the body of this is empty."""
    whole: Range
    """Header, blank line, body: exactly the received bytes."""

    @property
    def body(self) -> Range:
        """What follows the blank line, not decoded."""
        return self.whole.part(len(self.head.raw), self.whole.size)

    @property
    def decoded(self) -> Encoded:
        """The body under its Content-Transfer-Encoding.

        Raises:
            MimeError: `transfer_encoding`; what is broken inside shows when it is read.
        """
        return Encoded(self.body, self.head.transfer_encoding, self.head.allow_bare_lf)


@dataclass(frozen=True)
class Parted:
    """A multipart that lies in a file."""

    preamble: Range
    parts: tuple[Lying, ...]
    epilogue: Range

    @property
    def stands_alone(self) -> bool:
        """Whether nothing stands beside the parts."""
        return self.preamble.is_blank() and self.epilogue.is_blank()


def parse(whole: Range, depth: int = 0) -> Lying:
    """As `gateway.mime.parse`."""
    beginning = whole.cut(0, DEFAULT_LIMITS.header_bytes + 4)
    return Lying(mime.parse_head(beginning, depth=depth), whole)


def split(entity: Lying) -> Parted:
    """As `gateway.mime.split`."""
    body = entity.body
    cut = mime.cuts(entity.head, body)
    found = tuple(parse(body.part(start, end), entity.head.depth + 1) for start, end in cut.spans)
    return Parted(body.part(0, cut.preamble_end), found, body.part(cut.epilogue_start, body.size))
