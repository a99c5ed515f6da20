"""What a caller sends about a message that is already here, as checked values (contracts.md section 5).

Promises: an unknown key, a wrong type or an empty reason is a `Malformed` that names it.
Fails: `Malformed` (400).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import Malformed

REASON_CHARS = 2000
"""A reason is a sentence or two; it goes into a message's field of at most 2,000 characters."""
_AGS = re.compile(r"[0-9]{8}")


@dataclass(frozen=True, slots=True)
class Forward:
    """`POST /v1/messages/{id}/forward`: to `an`, or to whom § 14 ZustAVO names from the facts given."""

    grund: str
    an: str | None = None
    dezernat: str | None = None
    wohnsitz_ags: str | None = None
    auflage_ags: str | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Forward:
        """From the request's JSON object.

        Raises:
            Malformed: unknown key, not a text, no reason, an AGS without eight digits.
        """
        _demand_texts(body, {"grund", "an", "dezernat", "wohnsitz_ags", "auflage_ags"})
        for key in ("wohnsitz_ags", "auflage_ags"):
            if body.get(key) is not None and not _AGS.fullmatch(body[key]):
                raise Malformed(f"„{key}“ muss ein AGS mit acht Ziffern sein.", code="wert")
        if body.get("grund") is None:
            raise Malformed("Geben Sie den Grund der Weiterleitung an („grund“).", code="grund_fehlt")
        return cls(**body)


@dataclass(frozen=True, slots=True)
class Reason:
    """The body of release, resend and cancel: `{grund}`; a sender's own release needs none."""

    grund: str | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Reason:
        """From the request's JSON object.

        Raises:
            Malformed: unknown key, or a reason that is no text.
        """
        _demand_texts(body, {"grund"})
        return cls(**body)


@dataclass(frozen=True, slots=True)
class Assignment:
    """The body of assign: `{an, grund}`."""

    an: str
    grund: str

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Assignment:
        """From the request's JSON object.

        Raises:
            Malformed: unknown or missing key, or a value that is no text.
        """
        _demand_texts(body, {"an", "grund"})
        if body.get("an") is None or body.get("grund") is None:
            raise Malformed("Geben Sie „an“ und „grund“ an.", code="grund_fehlt")
        return cls(**body)


def _demand_texts(body: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(body) - known)
    if unknown:
        raise Malformed(f"Unbekannte Angabe: „{unknown[0]:.60}“.", code="unbekannte_angabe")
    for key, value in body.items():
        if value is not None and not (isinstance(value, str) and 0 < len(value.strip()) <= REASON_CHARS):
            raise Malformed(f"„{key}“ muss ein nicht leerer Text sein.", code="wert")
