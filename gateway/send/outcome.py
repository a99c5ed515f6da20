"""What one attempt to hand a message over can end in.

Promises: exactly one of three; pure values.
Fails: not at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.send.failure import Failure


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The partner's side took it (2xx or 250); the receipt is to come."""


@dataclass(frozen=True, slots=True)
class ReceiptCame:
    """The answer carried a receipt: a MIME entity with its headers, not yet judged."""

    entity: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not handed over."""

    failure: Failure


Outcome = HandedOver | ReceiptCame | Failed
