"""Bytes that lie in a file and not in memory: ranges of it, and a source that reads one from its start to its end.

A file here is whatever can be read from any place again: the store's encrypted content, or a buffer in a test.

Promises: no more than `PIECE` bytes and a little are held at once, whatever the size.
Fails: as the file does; `TruncatedError` where it ends too early.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from gateway.seal.transfer import decoder

PIECE: Final = 256 * 1024
"""Bytes handled at once: the store's own chunks."""


class TruncatedError(ValueError):
    """The bytes end before they should."""


class Readable(Protocol):
    """A file that can be read from any place."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""

    def seek(self, position: int, /) -> int:
        """Goes on from there."""


class Writable(Protocol):
    """A file that takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Takes more."""


class Staged(Writable, Protocol):
    """A file that takes bytes and then gives them back."""

    def done(self) -> Range:
        """What was written; nothing more is."""


Staging = Callable[[], Staged]
"""Makes a place for plain content that nothing refers to yet; whoever hands it in removes it afterwards."""


@dataclass(frozen=True)
class Range:
    """A range of a file."""

    file: Readable = field(repr=False)
    start: int
    end: int

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.end - self.start

    def part(self, start: int, end: int) -> Range:
        """A range within this one."""
        return Range(self.file, self.start + start, self.start + end)

    def cut(self, start: int, end: int) -> bytes:
        """As a slice of bytes, for small ones."""
        return b"".join(self.part(start, min(end, self.size)).pieces())

    def pieces(self) -> Iterator[bytes]:
        """All of it, piece by piece.

        Raises:
            TruncatedError: the file ends before the range.
        """
        position = self.start
        while position < self.end:
            self.file.seek(position)  # others read the same file in between
            piece = self.file.read(min(PIECE, self.end - position))
            if not piece:
                raise TruncatedError("truncated")
            position += len(piece)
            yield piece

    def find(self, needle: bytes, start: int, end: int | None = None) -> int:
        """As `bytes.find`."""
        position, before = start, b""
        for piece in self.part(start, self.size if end is None else end).pieces():
            window = before + piece
            found = window.find(needle)
            if found >= 0:
                return position - len(before) + found
            position += len(piece)
            before = window[-(len(needle) - 1) :]
        return -1

    def is_blank(self) -> bool:
        """Whether it holds nothing but white space."""
        return not any(piece.strip() for piece in self.pieces())

    def digest(self, name: str) -> bytes:
        """Its hash, by hashlib's name."""
        digest = hashlib.new(name)
        for piece in self.pieces():
            digest.update(piece)
        return digest.digest()


class Source:
    """Bytes from their start to their end, each once."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = b""
        self._at = 0
        self.position = 0
        """How many were taken."""

    def take(self, count: int) -> bytes:
        """The next bytes, for small counts.

        Raises:
            TruncatedError: there are fewer.
        """
        taken = self._buffer[self._at : self._at + count]
        if len(taken) == count:
            self._at += count
            self.position += count
            return taken
        return b"".join(self.stream(count))

    def stream(self, count: int) -> Iterator[bytes]:
        """The next bytes, piece by piece.

        Raises:
            TruncatedError: there are fewer.
        """
        while count:
            if self._at == len(self._buffer) and not self._next():
                raise TruncatedError("truncated")
            piece = self._buffer[self._at : self._at + count]
            self._at += len(piece)
            self.position += len(piece)
            count -= len(piece)
            yield piece

    def skip(self, count: int) -> None:
        """Passes over the next bytes.

        Raises:
            TruncatedError: there are fewer.
        """
        for _ in self.stream(count):
            pass

    def at_end(self) -> bool:
        """Whether there are no more."""
        return self._at == len(self._buffer) and not self._next()

    def _next(self) -> bool:
        """Whether there is another piece, which is the buffer now."""
        for piece in self._pieces:
            if piece:
                self._buffer, self._at = piece, 0
                return True
        return False


class RangeSource(Source):
    """A range as a source; what is passed over is not read."""

    def __init__(self, octets: Range) -> None:
        super().__init__(octets.pieces())
        self._range = octets

    def skip(self, count: int) -> None:
        """See `Source.skip`."""
        if count <= len(self._buffer) - self._at:
            self.take(count)
            return
        target = self.position + count
        if target > self._range.size:
            raise TruncatedError("truncated")
        self._pieces = self._range.part(target, self._range.size).pieces()
        self._buffer, self._at, self.position = b"", 0, target


@dataclass(frozen=True)
class Encoded:
    """A range under a transfer encoding; can be read as often as needed."""

    octets: Range
    encoding: str = ""
    """`base64`, `quoted-printable`; empty where the bytes stand as they are."""
    allow_bare_lf: bool = False

    def source(self) -> Source:
        """The decoded bytes from their start."""
        return Source(self.pieces()) if self.encoding else RangeSource(self.octets)

    def pieces(self) -> Iterator[bytes]:
        """The decoded bytes piece by piece.

        Raises:
            MimeError: as `gateway.seal.transfer`.
        """
        decode = decoder(self.encoding, allow_bare_lf=self.allow_bare_lf)
        for piece in self.octets.pieces():
            yield decode.feed(piece)
        yield decode.finish()
