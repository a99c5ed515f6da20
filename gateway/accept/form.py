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
FIELD_BYTES = 64 * 1024
"""`sachverhalt`, `empfaenger`, `bestehen_auf`: facts of one notice, a key, a sentence."""
HEADER_BYTES = 2048
"""One header line of a part: a file name has at most 90 characters."""
NAME_CHARS = 90
"""File names: XJustiz allows 90 characters, ending included."""

FIELDS = ("nachricht", "sachverhalt", "empfaenger", "bestehen_auf")
_FIELD_LIMIT = {"nachricht": XML_BYTES}
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')


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
        Malformed: it has a path, a control character, or more than `NAME_CHARS` characters.
    """
    if not name or name in {".", ".."} or len(name) > NAME_CHARS or _NOT_IN_NAMES.search(name):
        raise Malformed(
            "Ein Dateiname enthält einen Pfad oder unzulässige Zeichen oder ist länger als "
            f"{NAME_CHARS} Zeichen. Senden Sie nur den Namen, wie er in der Nachricht steht.",
            code="dateiname",
        )
    return name


class Form:
    """One multipart body: `feed` gives what becomes known of its files, `fields` holds the rest after `finish`."""

    def __init__(self, boundary: str) -> None:
        self.fields: dict[str, bytes] = {}
        self._names: set[str] = set()
        self._parts: set[str] = set()
        self._total = 0
        self._field: str | None = None
        self._buffer = bytearray()
        try:
            self._parser = PushMultipartParser(
                boundary,
                max_header_size=HEADER_BYTES,
                max_segment_size=MESSAGE_BYTES,
                max_segment_count=FILES + len(FIELDS),
                strict=True,
            )
        except MultipartError:
            raise Malformed("Der multipart-Trenner (boundary) fehlt oder ist ungültig.", code="multipart") from None

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Events of the next `chunk` of the body.

        Raises:
            Malformed: no valid multipart/form-data.
            TooLarge: a named limit is broken.
        """
        self._total += len(chunk)
        if self._total > MESSAGE_BYTES + XML_BYTES:
            raise TooLarge(f"Eine Nachricht darf mit allen Dateien höchstens {MESSAGE_BYTES} Bytes haben.")
        try:
            for event in self._parser.parse(chunk):
                yield from self._one(event)
        except ParserLimitReached:
            raise TooLarge(f"Zu viele Teile (höchstens {FILES} Dateien) oder ein zu großer Teil.") from None
        except MultipartError:
            raise Malformed("Der Inhalt ist kein gültiges multipart/form-data.", code="multipart") from None

    def finish(self) -> None:
        """The body has ended.

        Raises:
            Malformed: it was truncated, or has no part `nachricht`.
        """
        try:
            self._parser.close()
        except MultipartError:
            raise Malformed(
                "Der Inhalt bricht vor dem letzten Trenner ab. Senden Sie die Nachricht noch einmal vollständig.",
                code="multipart_unvollstaendig",
            ) from None
        if "nachricht" not in self.fields:
            raise Malformed("Der Teil „nachricht“ mit dem XML fehlt.", code="nachricht_fehlt")

    def _one(self, event: MultipartSegment | bytes | bytearray | None) -> Iterator[Event]:
        if isinstance(event, MultipartSegment):
            yield from self._begin(event)
        elif event is None:
            yield from self._end()
        elif self._field is None:
            yield FileBytes(bytes(event))
        else:
            self._collect(event)

    def _begin(self, segment: MultipartSegment) -> Iterator[Event]:
        name = segment.name or ""
        if segment.disposition != "form-data" or not name:
            raise Malformed("Ein Teil hat keinen Namen (Content-Disposition: form-data; name=…).", code="multipart")
        if name in FIELDS:
            if name in self._parts:
                raise Malformed(f"Der Teil „{name}“ kommt doppelt vor.", code="teil_doppelt")
            self._parts.add(name)
            self._field = name
            return
        if "\\" in segment.header("Content-Disposition", ""):
            check_file_name("\\")
        file_name = check_file_name(segment.filename if segment.filename is not None else name)
        if file_name in self._names:
            raise Malformed("Zwei Dateien haben denselben Namen.", code="datei_doppelt")
        if len(self._names) >= FILES:
            raise TooLarge(f"Eine Nachricht darf höchstens {FILES} Dateien haben.", code="zu_viele_dateien")
        self._names.add(file_name)
        yield FileStarts(file_name, segment.content_type or "application/octet-stream")

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
