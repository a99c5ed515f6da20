"""Parameters of MIME header fields: `main; name=value; …` read and written (RFC 2045 section 5.1, RFC 2231).

Promises: pure; reading is tolerant on quoting and strict on what two readers could take differently (a parameter that
comes twice); writing gives ASCII without CR and LF.
Fails: `MimeError` with a stable `code`.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

MAX_PARAMETERS: Final = 50
"""Parameters of one field, RFC 2231 sections counted singly; honest fields have ten at most."""
CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
"""What stands in no header value: controls but the tabulator."""
_PARAMETER = re.compile(r'[ \t]*;[ \t]*(?:([^\s=;"]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"]*))?[ \t]*')
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # what RFC 2045 and RFC 2231 both allow unquoted
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")


class MimeError(ValueError):
    """Bytes that are no MIME entity which two readers would understand alike; `code` is stable, for events."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def parse_parameters(value: str, most: int = MAX_PARAMETERS) -> tuple[str, dict[str, str]]:
    """Split `main; name=value; …` (RFC 2045 section 5.1, RFC 2231), tolerant on quoting.

    Returns:
        The main value in lower case and the parameters, names in lower case.

    Raises:
        MimeError: `parameter` (not readable), `parameters` (too many), `duplicate_parameter`.
    """
    main, params = _parsed(value, most)
    return main, dict(params)


@lru_cache(maxsize=64)
def _parsed(value: str, most: int) -> tuple[str, Mapping[str, str]]:
    """As `parse_parameters`; one message asks for the same few fields again and again."""
    main, semicolon, _ = value.partition(";")
    found: dict[str, str] = {}
    position, end = len(main) if semicolon else len(value), len(value)
    while position < end:
        match = _PARAMETER.match(value, position)
        if match is None:
            raise MimeError("parameter")
        position = match.end()
        if match[1] is None:
            continue
        name = match[1].lower()
        if name in found:
            raise MimeError("duplicate_parameter")
        found[name] = _unquoted(match[2])
        if len(found) > most:
            raise MimeError("parameters")
    return main.strip().lower(), _join_sections(found)


def with_parameters(main: str, params: Mapping[str, str]) -> str:
    """`main; name=value; …`, quoted where needed, in RFC 2231 form where a value is not ASCII.

    Raises:
        MimeError: `header_value` for control characters.
    """
    return main + "".join(f"; {_parameter(name, value)}" for name, value in params.items())


def _unquoted(value: str) -> str:
    """A parameter's value without quotes and escapes."""
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value.strip()


def _join_sections(found: Mapping[str, str]) -> dict[str, str]:
    """Parameters with RFC 2231 sections joined and percent-encoding undone; the extended form wins over the plain."""
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, value in found.items():
        match = _SECTION.fullmatch(name)
        if match is None or (match[2] is None and match[3] is None):
            plain[name] = value
            continue
        known = sections.setdefault(match[1], {})
        if int(match[2] or 0) in known:
            raise MimeError("duplicate_parameter")
        known[int(match[2] or 0)] = (value, match[3] is not None)
    return plain | {name: _extended(known) for name, known in sections.items()}


def _extended(known: Mapping[int, tuple[str, bool]]) -> str:
    """One value from its numbered sections (RFC 2231 sections 3 and 4)."""
    if sorted(known) != list(range(len(known))):
        raise MimeError("parameter")
    charset = "utf-8"
    octets = bytearray()
    for number in range(len(known)):
        value, encoded = known[number]
        if encoded and number == 0:
            if value.count("'") < 2:
                raise MimeError("parameter")
            charset, _, value = value.split("'", 2)
        octets += unquote_to_bytes(value) if encoded else value.encode("utf-8", "replace")
    if charset.lower() not in ("utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252", ""):
        raise MimeError("parameter")
    try:
        return octets.decode(charset or "utf-8")
    except UnicodeDecodeError:
        raise MimeError("parameter") from None


def _parameter(name: str, value: str) -> str:
    """One parameter as it is written."""
    if CONTROL.search(value):
        raise MimeError("header_value")
    if not value.isascii():
        try:
            return f"{name}*=UTF-8''{quote(value, safe='')}"
        except UnicodeEncodeError:  # half a surrogate pair is no character
            raise MimeError("header_value") from None
    if _TOKEN.fullmatch(value):
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def decode_words(value: str) -> str:
    """RFC 2047 words in a file name, which RFC 2231 forbids and mail programs write."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError, binascii.Error):
        return value
