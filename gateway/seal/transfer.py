"""Transfer encodings piece by piece (RFC 2045 section 6), with the outcome of `gateway.mime` on the whole.

Promises: pure; how the input is cut into pieces changes nothing.
Fails: `MimeError` with the codes of `gateway.mime.Entity.decoded`.
"""

from __future__ import annotations

from typing import Final, Protocol

from gateway import mime
from gateway.mime import MimeError

LINE: Final = 57
"""Bytes that make one line of 76 characters."""


class Decoder(Protocol):
    """Takes encoded bytes, gives decoded ones."""

    def feed(self, piece: bytes) -> bytes:
        """What is known after the next piece."""

    def finish(self) -> bytes:
        """The rest."""


def decoder(encoding: str, *, allow_bare_lf: bool = False) -> Decoder:
    """The decoder of a transfer encoding; an empty name gives the bytes as they are."""
    if encoding == "base64":
        return _Base64()
    if encoding == "quoted-printable":
        return _QuotedPrintable(allow_bare_lf=allow_bare_lf)
    return _Identity()


class _Identity:
    def feed(self, piece: bytes) -> bytes:
        return piece

    def finish(self) -> bytes:
        return b""


class _Lines:
    """Looks at line ends across pieces: a CR at a piece's end waits for what follows."""

    def __init__(self, *, allow_bare_lf: bool) -> None:
        self._allow_bare_lf = allow_bare_lf
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        piece = self._held + piece
        self._held = b"\r" if piece.endswith(b"\r") else b""
        piece = piece[: len(piece) - len(self._held)]
        mime.check_line_ends(piece, allow_bare_lf=self._allow_bare_lf)
        return piece

    def finish(self) -> None:
        mime.check_line_ends(self._held, allow_bare_lf=self._allow_bare_lf)


class _Base64:
    """Base64 with line ends and blanks taken out; anything else foreign is refused."""

    def __init__(self) -> None:
        self._lines = _Lines(allow_bare_lf=True)
        self._left = b""
        self._padded = False

    def feed(self, piece: bytes) -> bytes:
        letters = self._left + self._lines.feed(piece).translate(None, b" \t\r\n")
        whole = len(letters) - len(letters) % 4
        self._left = letters[whole:]
        return self._decoded(letters[:whole])

    def finish(self) -> bytes:
        self._lines.finish()
        return self._decoded(self._left)

    def _decoded(self, letters: bytes) -> bytes:
        if letters and self._padded:
            raise MimeError("base64")  # nothing may follow the padding
        self._padded = self._padded or letters.endswith(b"=")
        return mime.decode_letters(letters)


class _QuotedPrintable:
    """Quoted-printable; an escape at a piece's end waits for what follows."""

    def __init__(self, *, allow_bare_lf: bool) -> None:
        self._lines = _Lines(allow_bare_lf=allow_bare_lf)
        self._left = b""

    def feed(self, piece: bytes) -> bytes:
        octets = self._left + self._lines.feed(piece)
        escape = octets.find(b"=", max(len(octets) - 2, 0))
        cut = escape if escape >= 0 else len(octets)
        self._left = octets[cut:]
        if self._left and octets[:cut].endswith(b"="):  # only the last escape of all may be cut
            raise MimeError("quoted_printable")
        return mime.decode_quoted_printable(octets[:cut])

    def finish(self) -> bytes:
        self._lines.finish()
        return mime.decode_quoted_printable(self._left)


class Base64Lines:
    """Writes base64 in lines of 76 characters, as `gateway.mime.base64_lines`."""

    def __init__(self) -> None:
        self._left = b""

    def feed(self, piece: bytes) -> bytes:
        """The lines that are complete after the next piece."""
        octets = self._left + piece
        whole = len(octets) - len(octets) % LINE
        self._left = octets[whole:]
        return mime.base64_lines(octets[:whole])

    def finish(self) -> bytes:
        """The last line."""
        return mime.base64_lines(self._left)


def base64_size(size: int) -> int:
    """Bytes that `size` bytes have in base64 with its line ends."""
    return -(-size // 3) * 4 + -(-size // LINE) * 2
