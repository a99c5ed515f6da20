"""MIME entities, cut from received bytes and built for sending.

One scanner for the whole gateway: it cuts ranges out of the bytes that were received and never rewrites them, so that
what is hashed, parsed and stored is the same range.

Promises: pure; `Entity.raw` is a range of the input, byte for byte; what two readers could understand differently is
refused (duplicate MIME headers, bare CR, NUL, bare LF without an agreement, ambiguous delimiters); a built header
never carries CR or LF.
Fails: `MimeError` with a stable `code`, and nothing else, whatever the input.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.mimecuts import CRLF, Octets, Whole, delimiters
from gateway.mimeparams import CONTROL, MimeError, decode_words, parse_parameters, with_parameters

__all__ = [
    "CRLF",
    "DEFAULT_LIMITS",
    "Cuts",
    "Entity",
    "Limits",
    "MimeError",
    "Multipart",
    "Octets",
    "base64_lines",
    "build",
    "check_line_ends",
    "cuts",
    "decode_letters",
    "decode_quoted_printable",
    "fresh_boundary",
    "header_line",
    "multipart",
    "multipart_body",
    "parse",
    "parse_head",
    "parse_parameters",
    "parts",
    "split",
    "with_parameters",
]

MAX_LINE: Final = 998
"""Longest header line that we write (RFC 5322 section 2.1.1)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is parsed; each is far above what honest peers send."""

    header_bytes: int = 64 * 1024
    """Header of one entity: a mail that passed many servers has some 20 KB."""
    header_fields: int = 300
    """Fields in one header: keeps the check for duplicates cheap."""
    depth: int = 10
    """Nesting: a forwarded message (related > signed > related) needs 4, a mail around it 2 more."""
    parts: int = 1_020
    """Parts of one multipart: 1,000 files (the limit of German e-justice), the XML, and a few of our own."""


DEFAULT_LIMITS: Final = Limits()

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_BARE_CR = re.compile(rb"\r(?!\n)")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_LINE_END = re.compile(r"\r?\n")
_FIELD_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322 section 3.6.8: printable ASCII without the colon
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046 section 5.1.1
_QP_BROKEN = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n|\Z)")
_SINGLE = ("mime-version",)
_IDENTITY = frozenset({"", "7bit", "8bit", "binary", "identity"})


@dataclass(frozen=True, slots=True)
class Entity:
    """One MIME entity as it was received."""

    raw: bytes = field(repr=False)
    """Exactly the received bytes: header, blank line, body."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Fields as (name, unfolded value), in their order."""
    body: bytes = field(repr=False)
    """What follows the blank line, not decoded."""
    depth: int = 0
    """How many multiparts are around it."""
    limits: Limits = field(default=DEFAULT_LIMITS, repr=False, compare=False)
    allow_bare_lf: bool = field(default=False, repr=False, compare=False)

    def header(self, name: str) -> str | None:
        """The value of the only field of this name, None if there is none.

        Raises:
            MimeError: `duplicate_header`.
        """
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        if len(found) > 1:
            raise MimeError("duplicate_header")
        return found[0] if found else None

    @property
    def media_type(self) -> str:
        """Type and subtype in lower case; `text/plain` without Content-Type (RFC 2045 section 5.2)."""
        value = self.header("Content-Type")
        if value is None:
            return "text/plain"
        media_type = parse_parameters(value)[0]
        if not _MEDIA_TYPE.fullmatch(media_type):
            raise MimeError("content_type")
        return media_type

    @property
    def params(self) -> dict[str, str]:
        """Parameters of Content-Type, names in lower case."""
        return parse_parameters(self.header("Content-Type") or "")[1]

    @property
    def transfer_encoding(self) -> str:
        """Content-Transfer-Encoding in lower case; empty where the body stands as it is (RFC 2045 section 6).

        Raises:
            MimeError: `transfer_encoding` for an unknown one.
        """
        encoding = (self.header("Content-Transfer-Encoding") or "").strip().lower()
        if encoding in _IDENTITY:
            return ""
        if encoding not in ("base64", "quoted-printable"):
            raise MimeError("transfer_encoding")
        return encoding

    @property
    def filename(self) -> str | None:
        """File name from Content-Disposition, else the `name` of Content-Type; RFC 2231 and RFC 2047 decoded."""
        for name, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
            value = parse_parameters(self.header(name) or "")[1].get(parameter)
            if value is not None:
                return decode_words(value)
        return None

    def decoded(self) -> bytes:
        """The body without its Content-Transfer-Encoding (RFC 2045 section 6).

        Raises:
            MimeError: `transfer_encoding` (unknown one), `base64`, `quoted_printable`, or a bare line end in these.
        """
        encoding = self.transfer_encoding
        if not encoding:
            return self.body
        # In base64 a line end means nothing, and openssl writes bare LF there even between CRLF lines.
        check_line_ends(self.body, allow_bare_lf=self.allow_bare_lf or encoding == "base64")
        return _decode_base64(self.body) if encoding == "base64" else decode_quoted_printable(self.body)


@dataclass(frozen=True, slots=True)
class Multipart:
    """The ranges of a multipart's body; preamble, delimiters, parts and epilogue together are the whole body."""

    preamble: bytes
    """What stands before the first delimiter, without the line end that belongs to the delimiter."""
    parts: tuple[Entity, ...]
    epilogue: bytes
    """What follows the line of the closing delimiter."""
    spans: tuple[tuple[int, int], ...]
    """Start and end of each part's `raw` in the multipart's body."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where a multipart's body is cut."""

    preamble_end: int
    spans: tuple[tuple[int, int], ...]
    """Start and end of each part."""
    epilogue_start: int


def parse(raw: bytes, *, limits: Limits = DEFAULT_LIMITS, allow_bare_lf: bool = False) -> Entity:
    """Cut one entity into header and body.

    Args:
        raw: the received bytes, whole.
        limits: bounds; they go on to the parts.
        allow_bare_lf: whether a partner's agreement lets LF alone end a line.

    Raises:
        MimeError: `header_too_long`, `header_fields`, `header_unterminated`, `header_malformed`, `header_control`,
            `bare_cr`, `bare_lf`, `nul`, `duplicate_header` (Content-* and MIME-Version).
    """
    return _entity(raw, 0, limits, allow_bare_lf=allow_bare_lf)


def parse_head(
    beginning: bytes, *, depth: int = 0, limits: Limits = DEFAULT_LIMITS, allow_bare_lf: bool = False
) -> Entity:
    """The header of an entity whose body lies elsewhere: `raw` is the header with its blank line, `body` is empty.

    Args:
        beginning: the entity's first `limits.header_bytes + 4` bytes at least, or all of it.
        depth: how many multiparts are around it.
        limits: bounds.
        allow_bare_lf: as in `parse`.

    Raises:
        MimeError: as `parse`.
    """
    entity = _entity(beginning, depth, limits, allow_bare_lf=allow_bare_lf)
    return replace(entity, raw=beginning[: len(beginning) - len(entity.body)], body=b"")


def parts(entity: Entity) -> tuple[Entity, ...]:
    """The parts of a multipart entity; see `split`."""
    return split(entity).parts


def split(entity: Entity) -> Multipart:
    """Cut a multipart into its parts by the delimiter rules of RFC 2046 section 5.1.1.

    The line end before a delimiter belongs to the delimiter. A line that only begins like a delimiter, or that would
    be one if a bare CR or LF ended a line, is refused, since readers differ on it.

    Raises:
        MimeError: `not_multipart`, `boundary`, `delimiter_ambiguous`, `multipart_unterminated`, `multipart_empty`,
            `part_malformed`, `depth`, `parts`, and whatever `parse` raises for a part.
    """
    cut = cuts(entity, Whole(entity.body))
    found = [
        _entity(entity.body[start:end], entity.depth + 1, entity.limits, allow_bare_lf=entity.allow_bare_lf)
        for start, end in cut.spans
    ]
    return Multipart(entity.body[: cut.preamble_end], tuple(found), entity.body[cut.epilogue_start :], cut.spans)


def cuts(entity: Entity, body: Octets) -> Cuts:
    """Where to cut a multipart whose body lies elsewhere; raises as `split`, but for what is wrong inside a part."""
    if not entity.media_type.startswith("multipart/"):
        raise MimeError("not_multipart")
    if (entity.header("Content-Transfer-Encoding") or "").strip().lower() not in _IDENTITY:
        raise MimeError("transfer_encoding")  # RFC 2045 section 6.4: composite types are never encoded
    if entity.depth >= entity.limits.depth:
        raise MimeError("depth")
    boundary = entity.params.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise MimeError("boundary")
    dashes = b"--" + boundary.encode("ascii")
    marks = delimiters(body, dashes, entity.limits.parts, allow_bare_lf=entity.allow_bare_lf)
    spans = tuple((line_end, start) for (_, line_end), (start, _) in itertools.pairwise(marks))
    if any(start > end for start, end in spans):
        raise MimeError("part_malformed")
    return Cuts(max(marks[0][0], 0), spans, marks[-1][1])


def build(headers: Iterable[tuple[str, str]] | Mapping[str, str], body: bytes) -> bytes:
    """An entity from fields and a body that is already in its transfer encoding.

    Raises:
        MimeError: `header_value` or `header_name` for what must not stand in a header: CR, LF, controls, non-ASCII.
    """
    fields = headers.items() if isinstance(headers, Mapping) else headers
    return b"".join(header_line(name, value) for name, value in fields) + CRLF + body


def header_line(name: str, value: str) -> bytes:
    """One header field with its line end, never folded.

    Raises:
        MimeError: `header_name`, `header_value`.
    """
    if not _FIELD_NAME.fullmatch(name):
        raise MimeError("header_name")
    if CONTROL.search(value) or not value.isascii() or len(name) + 2 + len(value) > MAX_LINE:
        raise MimeError("header_value")
    return f"{name}: {value}".encode("ascii") + CRLF


def multipart(
    subtype: str,
    parts: Sequence[bytes],
    params: Mapping[str, str] | None = None,
    headers: Iterable[tuple[str, str]] = (),
    boundary: str | None = None,
) -> bytes:
    """A whole multipart entity; `parts` are whole entities, `headers` come after Content-Type."""
    content_type, body = multipart_body(subtype, parts, params, boundary)
    return build([("Content-Type", content_type), *headers], body)


def multipart_body(
    subtype: str, parts: Sequence[bytes], params: Mapping[str, str] | None = None, boundary: str | None = None
) -> tuple[str, bytes]:
    """Content-Type value and body of a multipart, for carriers that hold the header elsewhere (HTTP).

    The boundary, unless one is given, is derived from the parts, so that equal parts give equal bytes, and occurs in
    none of them.

    Raises:
        MimeError: `multipart_empty` without parts.
    """
    if not parts:
        raise MimeError("multipart_empty")
    boundary = boundary or fresh_boundary([hashlib.sha256(part).digest() for part in parts], parts)
    content_type = with_parameters(f"multipart/{subtype}", {**(params or {}), "boundary": boundary})
    delimiter = b"--" + boundary.encode("ascii")
    pieces: list[bytes] = []
    for part in parts:
        pieces += (delimiter, CRLF, part, CRLF)
    return content_type, b"".join([*pieces, delimiter, b"--", CRLF])


def base64_lines(content: bytes) -> bytes:
    """Base64 in lines of 76 characters, each ended by CRLF (RFC 2045 section 6.8)."""
    return base64.encodebytes(content).replace(b"\n", CRLF)


def _entity(raw: bytes, depth: int, limits: Limits, *, allow_bare_lf: bool) -> Entity:
    """One entity at a known depth."""
    head_end, body_start = _cut_head(raw, limits)
    head = raw[:body_start]
    if b"\0" in head:
        raise MimeError("nul")
    check_line_ends(head, allow_bare_lf=allow_bare_lf)
    headers = _fields(raw[:head_end], limits)
    return Entity(raw, headers, raw[body_start:], depth, limits, allow_bare_lf)


def _cut_head(raw: bytes, limits: Limits) -> tuple[int, int]:
    """Where the last header line ends (its line end left out), and where the body starts."""
    for empty in (CRLF, b"\n"):
        if raw.startswith(empty):
            return 0, len(empty)
    match = _HEAD_END.search(raw, 0, limits.header_bytes + 4)
    if match is not None:
        return match.start(), match.end()
    if len(raw) > limits.header_bytes:
        raise MimeError("header_too_long")
    if raw and not raw.endswith(b"\n"):
        raise MimeError("header_unterminated")
    return len(raw.rstrip(CRLF)), len(raw)


def check_line_ends(octets: bytes, *, allow_bare_lf: bool) -> None:
    """Refuse CR alone, and LF alone without an agreement."""
    if _BARE_CR.search(octets):
        raise MimeError("bare_cr")
    if not allow_bare_lf and _BARE_LF.search(octets):
        raise MimeError("bare_lf")


def _fields(head: bytes, limits: Limits) -> tuple[tuple[str, str], ...]:
    """Fields of a header, unfolded (RFC 5322 section 2.2.3)."""
    fields: list[tuple[str, str]] = []
    for line in _LINE_END.split(_text(head)) if head else ():
        if CONTROL.search(line):
            raise MimeError("header_control")
        if line[:1] in (" ", "\t"):
            if not fields:
                raise MimeError("header_malformed")
            name, value = fields[-1]
            fields[-1] = (name, value + line)
            continue
        name, colon, value = line.partition(":")
        if not colon or not _FIELD_NAME.fullmatch(name):
            raise MimeError("header_malformed")
        fields.append((name, value))
        if len(fields) > limits.header_fields:
            raise MimeError("header_fields")
    _refuse_duplicates([name.lower() for name, _ in fields])
    return tuple((name, value.strip(" \t")) for name, value in fields)


def _refuse_duplicates(names: list[str]) -> None:
    """Fields that say how to read the body must not come twice."""
    mime = [name for name in names if name.startswith("content-") or name in _SINGLE]
    if len(mime) != len(set(mime)):
        raise MimeError("duplicate_header")


def _text(octets: bytes) -> str:
    """Header bytes as text: UTF-8 where it is (RFC 6532), else Latin-1, which takes every byte."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _decode_base64(body: bytes) -> bytes:
    """Base64 with line ends and blanks taken out; anything else foreign is refused."""
    return decode_letters(body.translate(None, b" \t\r\n"))


def decode_letters(letters: bytes) -> bytes:
    """Base64 without line ends; fours of letters, with one or two signs of padding at the end."""
    if len(letters) % 4 or letters.endswith(b"==="):  # padding that the library overlooks
        raise MimeError("base64")
    try:
        return base64.b64decode(letters, validate=True)
    except binascii.Error:
        raise MimeError("base64") from None


def decode_quoted_printable(body: bytes) -> bytes:
    """Quoted-printable; an equals sign must start an escape or a soft line break."""
    if _QP_BROKEN.search(body):
        raise MimeError("quoted_printable")
    return binascii.a2b_qp(body)


def fresh_boundary(digests: Sequence[bytes], parts: Sequence[bytes] = ()) -> str:
    """A boundary made from the parts' digests, since a part cannot hold its own; it occurs in none of `parts`."""
    digest = hashlib.sha256(b"".join(digests))
    while True:
        boundary = "=_" + digest.hexdigest()[:40]
        if not any(boundary.encode("ascii") in part for part in parts):
            return boundary
        digest.update(b"+")
