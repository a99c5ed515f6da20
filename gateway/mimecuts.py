"""Where a multipart's body is cut: the delimiter lines of RFC 2046 section 5.1.1.

Promises: pure; the same cuts wherever the bytes lie, in memory or in a file; what readers see differently is refused.
Fails: `MimeError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.mimeparams import MimeError

CRLF: Final = b"\r\n"
_DELIMITER_TAIL = re.compile(rb"(--)?[ \t]{0,998}(\r\n|\n|\Z)")  # no line is longer (RFC 5322 section 2.1.1)
_TAIL_BYTES: Final = 1_024
"""What is looked at behind a delimiter: more than `_DELIMITER_TAIL` takes, so that its end is the body's own."""


class Octets(Protocol):
    """Bytes that may lie elsewhere: in memory, or in a file."""

    def find(self, needle: bytes, start: int, end: int | None = None) -> int:
        """As `bytes.find`."""

    def cut(self, start: int, end: int) -> bytes:
        """As a slice, for small ones."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Bytes in memory."""

    octets: bytes

    def find(self, needle: bytes, start: int, end: int | None = None) -> int:
        """As `bytes.find`."""
        return self.octets.find(needle, start, end)

    def cut(self, start: int, end: int) -> bytes:
        """As a slice."""
        return self.octets[start:end]


def delimiters(body: Octets, dash_boundary: bytes, most_parts: int, *, allow_bare_lf: bool) -> list[tuple[int, int]]:
    """Ranges of all delimiter lines up to the closing one, each with the line end before it.

    Raises:
        MimeError: `delimiter_ambiguous`, `bare_cr`, `bare_lf`, `parts`, `multipart_empty`, `multipart_unterminated`.
    """
    marks, position = list[tuple[int, int]](), 0
    while (found := _at_line_start(body, dash_boundary, position)) >= 0:
        position = found + len(dash_boundary)
        tail = _DELIMITER_TAIL.match(body.cut(position, position + _TAIL_BYTES))
        if tail is None:
            raise MimeError("delimiter_ambiguous")
        start = _line_end_before(body, found, allow_bare_lf=allow_bare_lf)
        if tail[2] == b"\n" and not allow_bare_lf:
            raise MimeError("bare_lf")
        position += tail.end()
        marks.append((start, position))
        if tail[1]:
            return _closed(marks)
        if not tail[2]:
            break
        if len(marks) > most_parts:
            raise MimeError("parts")
    raise MimeError("multipart_unterminated")


def _at_line_start(body: Octets, dash_boundary: bytes, position: int) -> int:
    """The next place from `position` on where a line begins with the delimiter; -1 without one.

    A bare CR counts as a line end here, since readers differ on it. Inside a line it is no delimiter for anybody.
    """
    if position == 0 and body.cut(0, len(dash_boundary)) == dash_boundary:
        return 0
    before = max(position - 1, 0)
    after_lf = body.find(b"\n" + dash_boundary, before)
    after_cr = body.find(b"\r" + dash_boundary, before, after_lf if after_lf >= 0 else None)
    found = after_cr if after_cr >= 0 else after_lf
    return found + 1 if found >= 0 else -1


def _closed(marks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The marks of a finished multipart, which has a part at least."""
    if len(marks) == 1:
        raise MimeError("multipart_empty")
    return marks


def _line_end_before(body: Octets, position: int, *, allow_bare_lf: bool) -> int:
    """Where the line end starts that belongs to the delimiter at `position`."""
    if position == 0:
        return 0
    before = body.cut(max(position - 2, 0), position)
    if before.endswith(b"\r"):
        raise MimeError("bare_cr")
    if before == CRLF:
        return position - 2
    if not allow_bare_lf:
        raise MimeError("bare_lf")
    return position - 1
