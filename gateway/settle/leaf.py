"""An event as a leaf of the log: its one canonical form, `gateway event 1`.

The form is a row of lengths and bytes, not JSON: an event's detail is a text that the store gives back as it was
written, so nothing has to be parsed, ordered or written anew before it is hashed (RFC 8785 would ask for all three),
and no two events can have the same form.

Promises: pure; every field and the salt are in it; the same event gives the same bytes on every database.
Fails: `ValueError` for a row that is no event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

FORM: Final = b"gateway event 1\n"
SALT_BYTES: Final = 16
"""Random: whoever sees a leaf's hash beside his own cannot try out what the leaf might say."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One event at its place in the log."""

    n: int
    """Leaf number, from 0."""
    salt: bytes
    id: str
    at: int
    """Microseconds UTC."""
    art: str
    message_id: str | None
    delivery_id: str | None
    akteur: str
    detail: str | None
    """JSON, as it was written."""

    @classmethod
    def of(cls, row: Mapping[str, Any], n: int, salt: bytes) -> Leaf:
        """A leaf from a row of the store.

        Raises:
            ValueError: the salt has another length.
        """
        if len(salt) != SALT_BYTES:
            raise ValueError("a salt of another length")
        names = ("id", "at", "art", "message_id", "delivery_id", "akteur", "detail")
        return cls(n, salt, *(row[name] for name in names))

    def canonical(self) -> bytes:
        """What is hashed.

        The form's name, then salt, id, at (decimal), art, message_id, delivery_id, akteur and detail, each as one byte
        (0: there is none, 1: it follows), its length in bytes (4 bytes, big-endian) and its UTF-8. The leaf number is
        the leaf's place in the tree and not in here.
        """
        texts = (self.id, str(self.at), self.art, self.message_id, self.delivery_id, self.akteur, self.detail)
        values = (self.salt, *(None if text is None else text.encode() for text in texts))
        return FORM + b"".join(map(_field, values))


def _field(value: bytes | None) -> bytes:
    return b"\x00" if value is None else b"\x01" + len(value).to_bytes(4, "big") + value
