"""Returned mails: delivery status notifications (RFC 3464), read.

Promises: pure; takes any bytes, never raises. What a notification says is a claim that anybody can write: whoever uses
it first finds the try that its token names (wire.md section 5).
Fails: not at all; None for a mail that is no such notification.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway import mime

DSN_MAX: Final = 1024 * 1024
"""Largest notification that is read: we ask for headers only (RET=HDRS), and servers that return all are cut anyway."""
FIELDS_MAX: Final = 200
"""Most lines of the machine part that are read: ten for each recipient, and a mail of ours has one."""
STATUS_TYPES: Final = ("message/delivery-status", "message/global-delivery-status")
"""The machine part; the second where addresses are beyond ASCII (RFC 6533)."""
ACTIONS: Final = ("failed", "delayed", "delivered", "relayed", "expanded")
"""What can have happened (RFC 3464 section 2.3.3), the worst first: it is what counts."""

_STATUS: Final = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class Dsn:
    """What a notification says."""

    action: str
    """One of `ACTIONS`, the worst of all recipients."""
    status: str | None
    """The enhanced status code beside it (RFC 3463): `5.1.1`."""
    envid: str | None
    """The token that the server was given as ENVID, where it repeats it (RFC 3461)."""


def is_dsn_type(content_type: str) -> bool:
    """Whether a mail of this Content-Type says to be such a notification."""
    media_type, parameters = mime.parse_parameters(content_type)
    return media_type == "multipart/report" and parameters.get("report-type", "").lower() in (
        "delivery-status",
        "global-delivery-status",
    )


def parse_dsn(mail: bytes) -> Dsn | None:
    """Read a notification.

    Args:
        mail: the whole mail.

    Returns:
        None where it is none, or one that says of no recipient what happened.
    """
    try:
        entity = mime.parse(mail[:DSN_MAX], allow_bare_lf=True)
        if not is_dsn_type(entity.header("Content-Type") or ""):
            return None
        machine = [part.decoded() for part in _parts(entity) if part.media_type in STATUS_TYPES]
    except mime.MimeError:
        return None
    return _read(machine[0]) if len(machine) == 1 else None


def _parts(entity: mime.Entity) -> tuple[mime.Entity, ...]:
    """The parts; a closing delimiter that is cut off, or that a server leaves out, is added."""
    try:
        return mime.parts(entity)
    except mime.MimeError as error:
        if error.code != "multipart_unterminated":
            raise
    closing = f"\r\n--{entity.params.get('boundary', '')}--\r\n".encode("latin-1", "replace")
    return mime.parts(mime.parse(entity.raw + closing, allow_bare_lf=True))


def _read(body: bytes) -> Dsn | None:
    lines = re.sub(r"\r?\n[ \t]+", " ", body.decode("latin-1")).splitlines()[:FIELDS_MAX]
    envid: str | None = None
    found: list[tuple[str, str | None]] = []
    group: dict[str, str] = {}
    for line in [*lines, ""]:
        name, colon, value = line.partition(":")
        if colon:
            group.setdefault(name.strip().lower(), value.strip())
        elif not line.strip():
            envid = envid or group.get("original-envelope-id")
            found += _recipient(group)
            group = {}
    if not found:
        return None
    action, status = min(found, key=lambda each: ACTIONS.index(each[0]))
    return Dsn(action, status, envid)


def _recipient(group: dict[str, str]) -> list[tuple[str, str | None]]:
    """Action and status of one group of fields; nothing for the first one, which is about the whole mail."""
    action = group.get("action", "").partition("(")[0].strip().lower()
    status = _STATUS.match(group.get("status", ""))
    return [(action, status[1] if status else None)] if action in ACTIONS else []
