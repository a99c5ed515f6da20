"""By which way a decided recipient gets its message. Pure: agreement in, planned delivery out.

Promises: every recipient gets exactly one planned delivery; who has no agreement gets the inbox; nothing is planned
that the agreement does not allow, that waits for a person instead, with the reason.
Fails: not at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.partner import Partner
from gateway.states import DeliveryStatus


@dataclass(frozen=True, slots=True)
class Planned:
    """One delivery to create."""

    empfaenger: str
    weg: str
    """`as2`, `mail` or `abruf`."""
    status: DeliveryStatus
    partner_id: str | None
    grund: str | None = None
    """Why it waits for a person, in German; None where it does not."""


def plan(empfaenger: str, partner: Partner | None, *, test: bool, size: int) -> Planned:
    """The delivery of a message of `size` bytes (XML and files) to `empfaenger` under its agreement.

    Test traffic goes only where the agreement says so (contracts.md section 4).
    """
    weg = partner.weg if partner else "abruf"
    partner_id = partner.id if partner else None
    grund = _obstacle(partner, test=test, size=size)
    if grund is not None:
        return Planned(empfaenger, weg, DeliveryStatus.KLAERUNG, partner_id, grund)
    status = DeliveryStatus.UEBERGEBEN if weg == "abruf" else DeliveryStatus.WARTET
    return Planned(empfaenger, weg, status, partner_id)


def _obstacle(partner: Partner | None, *, test: bool, size: int) -> str | None:
    if test and not (partner and partner.test):
        return "Testnachricht: Mit dem Empfänger ist kein Testverkehr vereinbart."
    if partner and size > partner.grenzen.bytes:
        return "Die Nachricht ist größer, als mit dem Empfänger vereinbart ist."
    return None
