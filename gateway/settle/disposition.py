"""What a receipt says became of the message: the field Disposition, read and written.

Promises: pure; `read` takes any text and never raises; what it cannot place stays visible as `type` or `modifiers`, so
that the judge refuses it. Nothing is guessed to be a success.
Fails: not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SENT_AUTOMATICALLY: Final = "automatic-action/MDN-sent-automatically"
"""The only disposition mode of a machine (RFC 4130 section 7.5.1)."""
TEXT_MAX: Final = 200
"""Longest description that is kept; the defined ones have at most 40 characters."""


@dataclass(frozen=True, slots=True)
class Disposition:
    """One Disposition field (RFC 4130 section 7.4.3, RFC 8098 section 3.2.6)."""

    type: str
    """Lower case: `processed`, `failed` …; whatever stands there."""
    modifiers: tuple[str, ...] = ()
    """Lower case: `error`, `failure`, `warning` …; whatever stands there."""
    text: str = ""
    """What follows the modifier's colon, as written: `decryption-failed`."""
    mode: str = SENT_AUTOMATICALLY
    """As written; empty where there is none."""

    @property
    def positive(self) -> bool:
        """`processed`, with no modifier but `warning` (RFC 4130 sections 7.5.2 and 7.5.5)."""
        return self.type == "processed" and set(self.modifiers) <= {"warning"}

    @property
    def negative(self) -> bool:
        """The recipient says that it could not process the message (RFC 4130 sections 7.5.3 and 7.5.4)."""
        if self.type == "processed":
            return not {"error", "failure"}.isdisjoint(self.modifiers)
        return self.type in ("failed", "denied")

    @property
    def cause(self) -> str:
        """The description in one spelling: lower case, words joined by hyphens, what follows a comma left out."""
        first = re.split(r"[,;(]", self.text, maxsplit=1)[0]
        return re.sub(r"[\s_-]+", "-", first.strip().lower())

    def __str__(self) -> str:
        """The field's value as it is written."""
        value = f"{self.mode}; {self.type}"
        if self.modifiers:
            value += "/" + ",".join(self.modifiers)
        return f"{value}: {self.text}" if self.text else value


PROCESSED: Final = Disposition("processed")
DUPLICATE: Final = Disposition("processed", ("warning",), "duplicate-document")
DECRYPTION_FAILED: Final = Disposition("processed", ("error",), "decryption-failed")
AUTHENTICATION_FAILED: Final = Disposition("processed", ("error",), "authentication-failed")
INTEGRITY_CHECK_FAILED: Final = Disposition("processed", ("error",), "integrity-check-failed")
DECOMPRESSION_FAILED: Final = Disposition("processed", ("error",), "decompression-failed")
INSUFFICIENT_MESSAGE_SECURITY: Final = Disposition("processed", ("error",), "insufficient-message-security")
UNEXPECTED_PROCESSING_ERROR: Final = Disposition("processed", ("error",), "unexpected-processing-error")
UNKNOWN_TRADING_RELATIONSHIP: Final = Disposition("processed", ("error",), "unknown-trading-relationship")
UNSUPPORTED_FORMAT: Final = Disposition("failed", ("failure",), "unsupported format")
UNSUPPORTED_MIC_ALGORITHMS: Final = Disposition("failed", ("failure",), "unsupported MIC-algorithms")

NEEDS_NEW_SEALING: Final = frozenset({"decryption-failed", "authentication-failed"})
"""Causes after which another certificate may help (wire.md section 4)."""

CAUSES: Final = frozenset(
    {
        "authentication-failed",
        "decompression-failed",
        "decryption-failed",
        "insufficient-message-security",
        "integrity-check-failed",
        "sender-equals-receiver",
        "unexpected-processing-error",
        "unknown-trading-partner",
        "unknown-trading-relationship",
        "unsupported-format",
        "unsupported-mic-algorithms",
    }
)
"""Causes that RFC 4130 section 7.5, RFC 5402 section 5 and common use know, as `Disposition.cause` spells them."""


def refusal(cause: str) -> Disposition:
    """`processed/error` with a cause of RFC 4130, as the stage that refused names it (`decryption-failed`).

    Raises:
        ValueError: no cause that a peer may be told.
    """
    if cause not in CAUSES:
        raise ValueError("not a cause of RFC 4130")
    return Disposition("processed", ("error",), cause)


def read_disposition(value: str) -> Disposition | None:
    """Read the value of Disposition; None if nothing stands there.

    Tolerates any case, blanks anywhere, a missing mode, several modifiers (RFC 8098), `processed; error: text`.
    """
    line = " ".join(value.split())
    mode, _, rest = line.partition(";")
    is_mode = mode.lower().startswith(("automatic", "manual"))
    if not is_mode:
        # The mode is missing: `processed/error: x; y` must not read as a mode `processed/error` and a result.
        mode, rest = "", line if mode.strip() else rest
    head, _, text = rest.partition(":")
    kind, _, modifiers = head.replace(";", "/").partition("/")
    if not kind.strip():
        return None
    return Disposition(
        type=kind.strip().lower()[:TEXT_MAX],
        modifiers=tuple(m for part in re.split(r"[,/]", modifiers.lower()) if (m := part.strip()[:TEXT_MAX])),
        text=text.strip()[:TEXT_MAX],
        mode=mode.strip()[:TEXT_MAX],
    )
