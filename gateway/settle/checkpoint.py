"""A checkpoint of the log: how many leaves there are, and their root, as four lines that are signed.

    gw:nrw/protokoll
    1234
    (root in base64)
    zeit 2026-11-22T17:00:00.000000Z

The first three lines are those of other transparency logs (C2SP tlog-checkpoint); beneath them stands a detached CMS
signature by the key of the log instead of a note signature, because certificates, their windows, tokens and
`openssl cms -verify` are what partners have.

Promises: pure; a checkpoint has one text, and a text that is not exactly such a one is none.
Fails: `ValueError` for a text that is no checkpoint.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.settle.merkle import HASH_BYTES

MAX_BYTES: Final = 1024
"""Longest text that is read: real ones have some 120 bytes."""
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORM: Final = re.compile(r"([^\n]{1,200})\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/=]{44})\nzeit ([0-9TZ:.-]{27})\n")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One state of the log."""

    origin: str
    """Whose log it is."""
    size: int
    """How many leaves."""
    root: bytes
    at: int
    """When it was signed, microseconds UTC."""

    def text(self) -> str:
        """The signed text."""
        moment = _START + timedelta(microseconds=self.at)
        root = base64.b64encode(self.root).decode("ascii")
        stamp = moment.replace(tzinfo=None).isoformat(timespec="microseconds")
        return f"{self.origin}\n{self.size}\n{root}\nzeit {stamp}Z\n"

    @property
    def moment(self) -> datetime:
        """`at` as a time in UTC."""
        return _START + timedelta(microseconds=self.at)


def origin_of(kennung: str) -> str:
    """The log of a gateway, or of several that share one store."""
    return f"{kennung}/protokoll"


def read_checkpoint(text: bytes) -> Checkpoint:
    """A checkpoint from its text.

    Raises:
        ValueError: it is none.
    """
    try:
        match = _FORM.fullmatch(text[: MAX_BYTES + 1].decode("utf-8"))
        if match is None:
            raise ValueError("no checkpoint")
        at = datetime.strptime(match[4], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        root = base64.b64decode(match[3], validate=True)
    except (UnicodeDecodeError, binascii.Error) as error:
        raise ValueError("no checkpoint") from error
    found = Checkpoint(match[1], int(match[2]), root, (at - _START) // timedelta(microseconds=1))
    if len(root) != HASH_BYTES or found.text().encode() != text:
        raise ValueError("no checkpoint in its one form")
    return found
