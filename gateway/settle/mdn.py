"""Receipts (MDN) as MIME entities: ours are written, those of partners are read.

Promises: pure; `parse_report` takes any bytes, never raises, and keeps each fact apart (what was said, what was
missing, what contradicts itself); it judges nothing: that is `receipt`. `build_report` is 7-bit, neutral, and repeats
Original-Message-ID byte for byte.
Fails: `build_report` raises `ValueError` for values that may not stand in a header; `parse_report` notes in `faults`.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace
from typing import Final

from gateway import mime
from gateway.as2headers import MicAlg, quote_as2_name, read_micalg
from gateway.settle.disposition import Disposition, read_disposition

REPORT_MAX: Final = 1024 * 1024
"""Largest receipt that is read, in bytes. Real ones have 1 to 10 KB; a returned original makes some 100 KB."""
FIELDS_MAX: Final = 100
"""Most fields of the machine part that are read; RFC 8098 section 3.1 knows about a dozen."""
VALUE_MAX: Final = 2_000
"""Longest field value that is kept: a Message-ID may have 998 characters."""
NESTING_MAX: Final = 3
"""Layers in which the machine part is looked for: multipart/signed, multipart/report, and one that a relay adds."""

RECEIPT_TYPES: Final = frozenset(
    {
        "multipart/report",
        "multipart/signed",
        "message/disposition-notification",
        "application/pkcs7-mime",
        "application/x-pkcs7-mime",
    }
)
"""Media types in which a receipt comes, signed or not (RFC 4130 section 7.4.1)."""

HUMAN_TEXT: Final = (
    b"Dies ist eine automatisch erzeugte Quittung. Das Ergebnis steht im folgenden maschinenlesbaren Teil.\r\n"
    b"This is an automatically generated receipt. The machine-readable part that follows holds the result.\r\n"
)
"""The part for people: neutral, the same for every result, and without umlauts, so that it needs no encoding."""

CHECKPOINT_TEXT: Final = b"\r\nPruefpunkt des Ereignisprotokolls / checkpoint of the event log:\r\n\r\n"
"""Before the four lines of a checkpoint."""

DIGEST_BYTES: Final[dict[MicAlg, int]] = {
    "md5": 16,
    "sha-1": 20,
    "sha-224": 28,
    "sha-256": 32,
    "sha-384": 48,
    "sha-512": 64,
}


@dataclass(frozen=True, slots=True)
class Mic:
    """A message integrity check (RFC 4130 section 7.3.1): the digest and the algorithm that made it."""

    digest: bytes
    alg: MicAlg

    def __post_init__(self) -> None:
        """Refuse a digest that the algorithm cannot have made: an empty one above all."""
        if len(self.digest) != DIGEST_BYTES[self.alg]:
            raise ValueError("the digest has not the length of its algorithm")

    @property
    def base64(self) -> str:
        """The digest as the wire has it."""
        return base64.b64encode(self.digest).decode("ascii")

    def __str__(self) -> str:
        """The value of Received-Content-MIC."""
        return f"{self.base64}, {self.alg}"

    @classmethod
    def of(cls, digest: str, alg: str) -> Mic:
        """A MIC as it is stored and as the sealing computes it.

        Args:
            digest: base64.
            alg: any spelling.

        Raises:
            ValueError: not a whole digest of a known algorithm.
        """
        found = cls.read(f"{digest},{alg}")
        if found is None:
            raise ValueError("not a whole digest of a known algorithm")
        return found

    @classmethod
    def read(cls, value: str) -> Mic | None:
        """Read a value of Received-Content-MIC in any spelling; None if a digest or a known algorithm is missing."""
        digest, _, alg = value.strip().rpartition(",")
        known = read_micalg(alg)
        if known is None:
            return None
        try:
            return cls(base64.b64decode(re.sub(r"[\s\"]", "", digest), validate=True), known)
        except (binascii.Error, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Report:
    """What a receipt says, each fact for itself; nothing here is verified."""

    disposition: Disposition | None = None
    original_message_id: str | None = None
    """Without angle brackets and quotes; see `bare_id`."""
    mic: Mic | None = None
    mic_raw: str | None = None
    """Received-Content-MIC as written, also where `mic` is None."""
    original_recipient: str | None = None
    final_recipient: str | None = None
    reporting_ua: str | None = None
    details: tuple[str, ...] = ()
    """Names of the fields `Error`, `Failure` and `Warning` that are there (RFC 8098 section 3.2.7), lower case."""
    faults: tuple[str, ...] = ()
    """What could not be read: a code each."""
    conflicts: tuple[str, ...] = ()
    """Fields that stand more than once with different values, lower case: whoever reads the first and whoever reads
    the last see different receipts. `*` where there are more than `FIELDS_MAX` fields."""


def bare_id(message_id: str) -> str:
    """A Message-ID without blanks around it, quotes and angle brackets: what is compared."""
    core = message_id.strip()
    if len(core) > 1 and core[0] == core[-1] == '"':
        core = core[1:-1].strip()
    return core[1:-1] if len(core) > 1 and core[0] == "<" and core[-1] == ">" else core


def build_report(
    *,
    original_message_id: str,
    disposition: Disposition,
    final_recipient: str,
    reporting_ua: str,
    mic: Mic | None = None,
    original_recipient: str | None = None,
    address_type: str = "rfc822",
    checkpoint: str | None = None,
) -> bytes:
    """A receipt as a MIME entity `multipart/report`, to be signed or sent as it is (RFC 4130 section 7.4.2).

    Args:
        original_message_id: as received (latin-1 text of the header's bytes); repeated byte for byte, and left out
            when it is empty.
        disposition: the result.
        final_recipient: who received: our AS2 name, or our mail address.
        reporting_ua: name of the program.
        mic: what we computed; None where nothing could be computed (RFC 4130 section 7.4.3).
        original_recipient: whom the sender named, where that is known.
        address_type: `rfc822` for both ways (RFC 4130 section 7.4.3).
        checkpoint: the latest state of our log, for the part for people: whoever keeps the receipt is its witness.

    Raises:
        ValueError: a value holds CR, LF, NUL or another control character (`gateway.mime.MimeError` is one too).
    """
    fields = [("Reporting-UA", reporting_ua)]
    if original_recipient is not None:
        fields.append(("Original-Recipient", f"{address_type}; {_recipient(original_recipient)}"))
    fields.append(("Final-Recipient", f"{address_type}; {_recipient(final_recipient)}"))
    if original_message_id:
        fields.append(("Original-Message-ID", original_message_id))
    fields.append(("Disposition", str(disposition)))
    if mic is not None:
        fields.append(("Received-Content-MIC", str(mic)))
    machine = b"".join(_field(name, value) for name, value in fields)
    eight_bit = not machine.isascii()
    return mime.multipart(
        "report",
        [
            mime.build(
                [("Content-Type", "text/plain; charset=us-ascii"), ("Content-Transfer-Encoding", "7bit")],
                _human(checkpoint),
            ),
            mime.build(
                [
                    ("Content-Type", "message/disposition-notification"),
                    ("Content-Transfer-Encoding", "8bit" if eight_bit else "7bit"),
                ],
                machine,
            ),
        ],
        {"report-type": "disposition-notification"},
    )


def _human(checkpoint: str | None) -> bytes:
    """The part for people."""
    if checkpoint is None:
        return HUMAN_TEXT
    return HUMAN_TEXT + CHECKPOINT_TEXT + checkpoint.replace("\n", "\r\n").encode("ascii")


def parse_report(entity: bytes) -> Report:
    """Read a receipt tolerantly (lessons.md: sloppy MDNs crashed the parser elsewhere).

    Args:
        entity: the MIME entity with its headers: `multipart/report`, a whole mail that is one, `multipart/signed`
            around one, or the machine part alone. Verify a signature before, on the same bytes.

    Returns:
        What is there. A missing or unreadable part leaves its fields None and a code in `faults`.
    """
    if len(entity) > REPORT_MAX:
        return Report(faults=("zu_gross",))
    try:
        bodies = _machine_bodies(mime.parse(entity, allow_bare_lf=True))
    except mime.MimeError as error:
        return Report(faults=(f"mime_{error.code}",))
    if len(bodies) != 1:
        return Report(faults=("mehrere_maschinenteile" if bodies else "kein_maschinenteil",))
    return _report(bodies[0])


def is_receipt_type(content_type: str) -> bool:
    """Whether a body of this Content-Type can be a receipt; anything else is no MDN (wire.md section 4)."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in RECEIPT_TYPES


def _recipient(name: str) -> str:
    return name if "@" in name and '"' not in name and " " not in name else quote_as2_name(name)


def _field(name: str, value: str) -> bytes:
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        raise ValueError("a field of a receipt stands on one line")
    return f"{name}: {value}\r\n".encode("latin-1")


def _machine_bodies(entity: mime.Entity) -> list[bytes]:
    """Contents of all machine parts; a closing delimiter that is missing, as some programs leave it out, is added."""
    try:
        return [part.decoded() for part in _machine_parts(entity, 0)]
    except mime.MimeError as error:
        if error.code != "multipart_unterminated":
            raise
    closing = f"\r\n--{entity.params.get('boundary', '')}--\r\n".encode("latin-1", "replace")
    closed = mime.parse(entity.raw + closing, allow_bare_lf=True)
    return [part.decoded() for part in _machine_parts(closed, 0)]


def _machine_parts(entity: mime.Entity, depth: int) -> list[mime.Entity]:
    if entity.media_type == "message/disposition-notification":
        return [entity]
    if not entity.media_type.startswith("multipart/") or depth >= NESTING_MAX:
        return []
    parts = mime.parts(entity)
    if entity.media_type == "multipart/signed":
        parts = parts[:1]
    return [found for part in parts for found in _machine_parts(part, depth + 1)]


def _report(body: bytes) -> Report:
    values, conflicts = _read_fields(body)
    mic_raw = values.get("received-content-mic")
    mic = Mic.read(mic_raw) if mic_raw else None
    disposition = read_disposition(values.get("disposition", ""))
    if disposition is not None and not disposition.text:
        # RFC 8098 section 3.2.7 moved the description into a field of its own.
        disposition = replace(disposition, text=values.get("error") or values.get("failure") or "")
    message_id = bare_id(values.get("original-message-id", "")) or None
    missing = [
        name for name, value in (("disposition", disposition), ("original_message_id", message_id)) if value is None
    ]
    if mic_raw and mic is None:
        missing.append("received_content_mic")
    return Report(
        disposition=disposition,
        original_message_id=message_id,
        mic=mic,
        mic_raw=mic_raw,
        original_recipient=values.get("original-recipient"),
        final_recipient=values.get("final-recipient"),
        reporting_ua=values.get("reporting-ua"),
        details=tuple(name for name in ("error", "failure", "warning") if name in values),
        faults=tuple(missing),
        conflicts=conflicts,
    )


def _read_fields(body: bytes) -> tuple[dict[str, str], tuple[str, ...]]:
    """Fields of the machine part by lower-case name, unfolded, and the names that contradict themselves."""
    values: dict[str, str] = {}
    conflicts: list[str] = []
    unfolded = re.sub(r"\r?\n[ \t]+", " ", body.decode("latin-1").strip("\r\n"))
    lines = re.split(r"\r\n|\r|\n", unfolded, maxsplit=FIELDS_MAX)
    if len(lines) > FIELDS_MAX:
        conflicts.append("*")
    for line in lines[:FIELDS_MAX]:
        name, colon, value = line.partition(":")
        key, value = name.strip().lower(), value.strip()[:VALUE_MAX]
        if not colon or not key:
            continue
        if values.setdefault(key, value) != value and key not in conflicts:
            conflicts.append(key)
    return values, tuple(conflicts)
