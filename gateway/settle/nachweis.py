"""What stands in an evidence package: its table of contents, and the events with their proofs.

Files, in this order: `nachweis.json` (this table), `pruefpunkt.txt` with `pruefpunkt.p7s` and `protokoll.crt`,
`ereignisse.json`, then what the view may hold of `annahme.json`, `entscheidung.json`, `zustellung/N/…`,
`belege/DIGEST.crt`, `.crl`, `.ocsp`.

Nothing here proves anything by itself: the table says where to look, the events in the log say what happened.

Promises: pure; unknown keys, wrong types and other spellings of a digest are refused; one value has one JSON.
Fails: `ValueError` for what is not of this form.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from gateway.settle.leaf import Leaf

TABLE: Final = "nachweis.json"
NOTE: Final = "pruefpunkt.txt"
NOTE_SIGNATURE: Final = "pruefpunkt.p7s"
LOG_CERTIFICATE: Final = "protokoll.crt"
EVENTS: Final = "ereignisse.json"
ANSWER: Final = "annahme.json"
DECISION: Final = "entscheidung.json"
MEDIA_TYPE: Final = "application/x-tar"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Hash64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
Word = Annotated[str, Field(max_length=4_000)]
Count = Annotated[int, Field(ge=0, le=2**62)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Datei(_Value):
    """One file of the package."""

    name: Word
    bytes: Count
    sha256: Digest


class Teil(_Value):
    """One part of the message; its name may name a person and is not here."""

    n: Count
    media_type: Word
    bytes: Count
    sha256: Digest


class Quittung(_Value):
    """One receipt, and what it was judged by."""

    id: Word
    art: Literal["mdn", "ack"]
    schritt: Word
    grund: Word | None
    zeitpunkt: Word
    datei: Word | None
    """None: its bytes are not kept any more."""
    belege: list[Word]


class Zustellung(_Value):
    """One delivery of the view."""

    id: Word
    empfaenger: Word
    weg: Word
    status: Word
    message_id: Word | None
    signiert: Word | None
    """The file of the signed entity; None where the view does not hold content, or it is not kept any more."""
    quittungen: list[Quittung]


class Nachweis(_Value):
    """The table of contents."""

    form: Literal["gateway-nachweis-1"] = "gateway-nachweis-1"
    gateway: Word
    sicht: Literal["absender", "empfaenger", "betrieb"]
    nachricht: Word
    nachrichten_id: Word
    absender: Word
    teile: list[Teil]
    annahme: Word | None
    entscheidung: Word | None
    zustellungen: list[Zustellung]
    ereignisse_offen: Count
    """Events of the view that had no place in the log yet."""
    dateien: list[Datei]
    """All files but this one, in their order."""


class Ereignis(_Value):
    """One event with its place in the log and the way to the checkpoint's root."""

    blatt: Count
    salz: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    id: Word
    zeit: Count
    art: Word
    nachricht: Word | None
    zustellung: Word | None
    akteur: Word
    angaben: Annotated[str, Field(max_length=1_000_000)] | None
    """The JSON text as it was written: it is hashed as it stands."""
    beweis: Annotated[list[Hash64], Field(max_length=64)]

    @classmethod
    def of(cls, leaf: Leaf, beweis: list[str]) -> Ereignis:
        """From a leaf and its audit path."""
        return cls(
            blatt=leaf.n,
            salz=leaf.salt.hex(),
            id=leaf.id,
            zeit=leaf.at,
            art=leaf.art,
            nachricht=leaf.message_id,
            zustellung=leaf.delivery_id,
            akteur=leaf.akteur,
            angaben=leaf.detail,
            beweis=beweis,
        )

    @property
    def leaf(self) -> Leaf:
        """What the log holds."""
        salt = bytes.fromhex(self.salz)
        names = self.nachricht, self.zustellung, self.akteur, self.angaben
        return Leaf(self.blatt, salt, self.id, self.zeit, self.art, *names)

    @property
    def detail(self) -> dict[str, Any]:
        """`angaben` as a value; empty for what is no object."""
        try:
            value = json.loads(self.angaben or "{}")
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


_EVENTS: Final = TypeAdapter(list[Ereignis])


def events_json(events: list[Ereignis]) -> bytes:
    """The file of the events."""
    return dumped([event.model_dump() for event in events])


def read_events(raw: bytes) -> list[Ereignis]:
    """The events of a package.

    Raises:
        ValueError: not of this form.
    """
    return _EVENTS.validate_json(raw, strict=True)


def read_table(raw: bytes) -> Nachweis:
    """The table of contents.

    Raises:
        ValueError: not of this form.
    """
    return Nachweis.model_validate_json(raw, strict=True)


def dumped(value: Any) -> bytes:
    """JSON in the package's one spelling."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
