"""What people write when they act: why they assign, release, resend, cancel, hold, look.

Promises: the event, which stands in the log for ever, holds a salted digest of it; the words stand encrypted beside it
until the message's content is deleted. As long as they stand there, they can be held against the log.
Fails: `ContentDamaged` for words that are not as they were written.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from gateway.clock import as_iso
from gateway.store.content import conceal, reveal
from gateway.store.database import Row
from gateway.store.keyring import Keyring

SALT_BYTES = 16
"""So that nobody finds the words by trying: a reason is often one of few."""


OPERATOR = "Der Betrieb "
"""How each reason of a decision begins that an operator gave."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words as they are stored."""

    digest: str
    """SHA-256 of salt and words, lower-case hex."""
    concealed: bytes


def spoken(keyring: Keyring, event_id: str, words: str) -> Spoken:
    """Words of one event, ready to be stored."""
    salt = secrets.token_hex(SALT_BYTES)
    return Spoken(_digest(salt, words), conceal(keyring, _purpose(event_id), salt + words))


def wordless(decision: str) -> str:
    """A stored decision without the words of the operators who changed it; what they decided stays.

    Args:
        decision: JSON as it is stored; a reason that an operator gave begins with `OPERATOR`, and their words follow
            the first colon.

    Returns:
        The very same text where nobody wrote anything.
    """
    value = json.loads(decision)
    given = value.get("begruendung", [])
    reasons = [{**each, "text": _without_words(each["text"])} for each in given]
    if reasons == given:
        return decision
    return json.dumps({**value, "begruendung": reasons}, ensure_ascii=False)


def decided(decision: str) -> dict[str, Any]:
    """What the event of a decision that somebody changed says of it: enough to prove it, and nobody's words."""
    value = json.loads(decision)
    digest = hashlib.sha256(wordless(decision).encode()).hexdigest()
    return {key: value[key] for key in ("entscheidung", "nummer", "empfaenger")} | {"sha256": digest}


def _without_words(text: str) -> str:
    said, colon, _ = text.partition(": ")
    return f"{said}." if colon and text.startswith(OPERATOR) else text


def event_json(row: Row, keyring: Keyring) -> dict[str, Any]:
    """An event as people and programs see it, with its words as long as they are kept.

    Raises:
        ContentDamaged: the words are not as they were written.
    """
    detail = json.loads(row["detail"] or "{}")
    if row["worte"] is not None:
        detail["grund"] = reveal(keyring, _purpose(row["id"]), bytes(row["worte"]))[2 * SALT_BYTES :]
    return {
        "id": row["id"],
        "zeitpunkt": as_iso(row["at"]),
        "art": row["art"],
        "zustellung": row["delivery_id"],
        "akteur": row["akteur"],
        "angaben": detail,
    }


def _digest(salt: str, words: str) -> str:
    return hashlib.sha256((salt + words).encode()).hexdigest()


def _purpose(event_id: str) -> str:
    return f"worte {event_id}"
