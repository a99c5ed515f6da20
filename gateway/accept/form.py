"""Reads multipart/form-data piece by piece, without I/O.

Promises: a body that is truncated, has surplus parts, doubled parts, a path in a file name or breaks a named limit
is a `Refusal`; file contents pass through as they come and are never collected here.
Fails: `Malformed` (400), `TooLarge` (413).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from gateway.errors import Malformed, TooLarge

XML_BYTES = 8 * 1024 * 1024
"""Largest XML part: design.md section 3; real notices have some kilobytes."""
FILES = 1000
"""Files in a message: the limit of the German e-justice infrastructure (design.md section 3)."""
MESSAGE_BYTES = 200 * 1024 * 1024
"""A whole message, XML and files: the limit of the German e-justice infrastructure (design.md section 3)."""
FRAMING_BYTES = 4 * 1024 * 1024
"""What a body may have beyond its contents: delimiters and headers, 4 KiB for each of `FILES` parts."""
FIELD_BYTES = 64 * 1024
"""`sachverhalt`, `empfaenger`, `bestehen_auf`: facts of one notice, a key, a sentence."""
HEADER_BYTES = 2048
"""One header line of a part: a file name has at most 90 characters."""
HEADERS = 8
"""Headers of a part: RFC 7578 knows three."""
NAME_CHARS = 90
"""File names: XJustiz allows 90 characters, ending included."""

FIELDS = ("nachricht", "sachverhalt", "empfaenger", "bestehen_auf")
_FIELD_LIMIT = {"nachricht": XML_BYTES}
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|]|%[0-9A-Fa-f]{2}')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
"""RFC 2046 section 5.1.1."""
_PARAMETER = re.compile(r"""[ \t]*;[ \t]*([A-Za-z0-9*_-]+)=(?:"([^"\\]*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+))[ \t]*""")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
"""RFC 6838 section 4.2."""
_UNCODED = frozenset({"", "7bit", "8bit", "binary"})
OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class FileStarts:
    """A file begins."""

    name: str
    media_type: str


@dataclass(frozen=True, slots=True)
class FileBytes:
    """More of the file that began last."""

    data: bytes


@dataclass(frozen=True, slots=True)
class FileEnds:
    """The file that began last is complete."""


Event = FileStarts | FileBytes | FileEnds


def check_file_name(name: str) -> str:
    """The name itself, when it is a plain file name.

    Raises:
        Malformed: it has a path, percent-encoding, a sign that cannot be seen, a space or dot at its end, or more than
            `NAME_CHARS` characters.
    """
    hidden = not name.isprintable() or name != name.strip() or name.endswith(".")
    if not name or hidden or len(name) > NAME_CHARS or _NOT_IN_NAMES.search(name):
        raise Malformed(
            "Ein Dateiname enthält einen Pfad, unzulässige Zeichen oder Prozentkodierung, oder er ist länger als "
            f'{NAME_CHARS} Zeichen. Senden Sie in filename="…" nur den Namen, wie er in der Nachricht steht, in UTF-8.',
            code="dateiname",
        )
    return name


def _disposition(value: str) -> dict[str, str]:
    """The parameters of `form-data; name="…"; filename="…"` (RFC 7578 section 4.2), names in lower case.

    Raises:
        Malformed: another form, a parameter twice, a backslash, or RFC 2231's `filename*`, which RFC 7578 forbids.
    """
    kind, _, _ = value.partition(";")
    found: dict[str, str] = {}
    at = len(kind)
    while at < len(value):
        match = _PARAMETER.match(value, at)
        if match is None or match[1].lower() in found:
            raise _bad_name() if "filename" in value.lower() else _no_form()
        found[match[1].lower()] = match[2] if match[2] is not None else match[3]
        at = match.end()
    if any("*" in name for name in found):
        raise _bad_name()
    if kind.strip().lower() != "form-data" or not found.get("name"):
        raise Malformed("Ein Teil hat keinen Namen (Content-Disposition: form-data; name=…).", code="multipart")
    return found


def _bad_name() -> Malformed:
    return Malformed(
        'Der Name eines Teils ist nicht lesbar. Schreiben Sie name="…" und filename="…" je einmal, in '
        "Anführungszeichen, in UTF-8, ohne Pfad und ohne die Form filename*=.",
        code="dateiname",
    )


def _no_form() -> Malformed:
    return Malformed("Der Inhalt ist kein gültiges multipart/form-data.", code="multipart")


def _media_type(value: str | None) -> str:
    """The media type under which a file is kept and sent on; composite ones would change what its bytes mean.

    Raises:
        Malformed: it is none.
    """
    if not value or value.startswith(("multipart/", "message/")):
        return OCTETS
    if not _MEDIA_TYPE.fullmatch(value):
        raise Malformed("Der Medientyp einer Datei (Content-Type) ist ungültig.", code="medientyp_datei")
    return value


def _too_large() -> TooLarge:
    megabytes = MESSAGE_BYTES // (1024 * 1024)
    return TooLarge(f"Eine Nachricht darf mit allen Dateien höchstens {megabytes} MB haben.")


class Form:
    """One multipart body: `feed` gives what becomes known of its files, `fields` holds the rest after `finish`.

    How a body is cut into chunks changes nothing of what is taken, or of whether it is refused.
    """

    def __init__(self, boundary: str, announced: int | None = None) -> None:
        """Args:
        boundary: as the Content-Type names it.
        announced: the body's length, where it is known beforehand.

        Raises:
            Malformed: no boundary of RFC 2046.
            TooLarge: more is announced than we take.
        """
        if announced is not None and announced > MESSAGE_BYTES + FRAMING_BYTES:
            raise _too_large()
        if not _BOUNDARY.fullmatch(boundary):
            raise Malformed("Der multipart-Trenner (boundary) fehlt oder ist ungültig.", code="multipart")
        self.fields: dict[str, bytes] = {}
        self._first = b"--" + boundary.encode("ascii")
        self._opening: bytearray | None = bytearray()
        self._names: set[str] = set()
        self._parts: set[str] = set()
        self._body = 0
        self._payload = 0
        self._field: str | None = None
        self._buffer = bytearray()
        self._parser = PushMultipartParser(
            boundary, max_header_size=HEADER_BYTES, max_header_count=HEADERS, strict=True
        )

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Events of the next `chunk` of the body.

        Raises:
            Malformed: no valid multipart/form-data.
            TooLarge: a named limit is broken.
        """
        self._body += len(chunk)
        if self._body > MESSAGE_BYTES + FRAMING_BYTES:
            raise _too_large()
        chunk = self._opened(chunk)
        if not chunk:
            return
        try:
            for event in self._parser.parse(chunk):
                yield from self._one(event)
        except ParserLimitReached:
            raise TooLarge(
                f"Ein Teil darf höchstens {HEADERS} Kopfzeilen mit je {HEADER_BYTES} Bytes haben.", code="kopfzeilen"
            ) from None
        except MultipartError:
            if not self._complete():  # what follows the last delimiter is no part of the form (RFC 2046 5.1.1)
                raise _no_form() from None

    def finish(self) -> None:
        """The body has ended.

        Raises:
            Malformed: it was truncated, or has no part `nachricht`.
        """
        if not self._complete():
            raise Malformed(
                "Der Inhalt bricht vor dem letzten Trenner ab. Senden Sie die Nachricht noch einmal vollständig.",
                code="multipart_unvollstaendig",
            )
        if "nachricht" not in self.fields:
            raise Malformed("Der Teil „nachricht“ mit dem XML fehlt.", code="nachricht_fehlt")

    def _opened(self, chunk: bytes) -> bytes:
        """`chunk`, once the body is known to begin with its delimiter: a form has no preamble."""
        if self._opening is None:
            return chunk
        self._opening += chunk
        if len(self._opening) < len(self._first) + 2:
            return b""
        opening, self._opening = bytes(self._opening), None
        if not opening.removeprefix(b"\r\n").startswith(self._first):
            raise _no_form()
        return opening

    def _complete(self) -> bool:
        """Whether the last delimiter has come; ends the parser."""
        try:
            self._parser.close()
        except MultipartError:
            return False
        return True

    def _one(self, event: MultipartSegment | bytes | bytearray | None) -> Iterator[Event]:
        if isinstance(event, MultipartSegment):
            yield from self._begin(event)
        elif event is None:
            yield from self._end()
        else:
            self._payload += len(event)
            if self._payload > MESSAGE_BYTES:
                raise _too_large()
            if self._field is None:
                yield FileBytes(bytes(event))
            else:
                self._collect(event)

    def _begin(self, segment: MultipartSegment) -> Iterator[Event]:
        _demand_plain(segment)
        names = _disposition(segment.header("Content-Disposition", ""))
        name = names["name"]
        if name in FIELDS:
            if name in self._parts:
                raise Malformed(f"Der Teil „{name}“ kommt doppelt vor.", code="teil_doppelt")
            self._parts.add(name)
            self._field = name
            return
        file_name = check_file_name(names.get("filename", name))
        if file_name in self._names:
            raise Malformed("Zwei Dateien haben denselben Namen.", code="datei_doppelt")
        if len(self._names) >= FILES:
            raise TooLarge(f"Eine Nachricht darf höchstens {FILES} Dateien haben.", code="zu_viele_dateien")
        self._names.add(file_name)
        yield FileStarts(file_name, _media_type(segment.content_type))

    def _collect(self, data: bytes | bytearray) -> None:
        field = self._field or ""
        limit = _FIELD_LIMIT.get(field, FIELD_BYTES)
        if len(self._buffer) + len(data) > limit:
            raise TooLarge(f"Der Teil „{field}“ darf höchstens {limit} Bytes haben.")
        self._buffer += data

    def _end(self) -> Iterator[Event]:
        if self._field is None:
            yield FileEnds()
            return
        self.fields[self._field] = bytes(self._buffer)
        self._buffer = bytearray()
        self._field = None


def _demand_plain(segment: MultipartSegment) -> None:
    """Each header once, without control characters, and content that is not coded once more.

    Raises:
        Malformed: otherwise.
    """
    names = [name for name, _ in segment.headerlist]
    if len(set(names)) != len(names) or any(_CONTROL.search(value) for _, value in segment.headerlist):
        raise _no_form()
    if str(segment.header("Content-Transfer-Encoding", "")).strip().lower() not in _UNCODED:
        raise Malformed(
            "Ein Teil ist mit Content-Transfer-Encoding kodiert. Senden Sie jeden Teil unkodiert.", code="kodierung"
        )
