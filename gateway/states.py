"""Every state of a message and of a delivery, and every step that may be taken: one table.

Promises: all that changes a state goes through `STEPS`; the store refuses any other step by compare-and-set.
The status of a message is never set by hand but derived from its deliveries by `message_status`.
Fails: `KeyError` never; `after` raises `NotAllowed` for a step that the table does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class MessageStatus(StrEnum):
    """Status of a message (contracts.md section 5)."""

    ANGENOMMEN = "angenommen"
    ZURUECKGESTELLT = "zurueckgestellt"
    KLAERUNG = "klaerung"
    ENTBEHRLICH = "entbehrlich"
    UNTERWEGS = "unterwegs"
    ZUGESTELLT = "zugestellt"
    TEILWEISE = "teilweise"
    GESCHEITERT = "gescheitert"
    STORNIERT = "storniert"


class DeliveryStatus(StrEnum):
    """Status of one delivery to one recipient (contracts.md section 5)."""

    WARTET = "wartet"
    LAEUFT = "laeuft"
    UEBERGEBEN = "uebergeben"
    ZUGESTELLT = "zugestellt"
    ABGELEHNT = "abgelehnt"
    QUITTUNG_UNGUELTIG = "quittung_ungueltig"
    KLAERUNG = "klaerung"
    ANGEHALTEN = "angehalten"
    GESCHEITERT = "gescheitert"
    STORNIERT = "storniert"


class Step(StrEnum):
    """What can happen to a delivery."""

    CLAIM = "claim"  # a worker takes it
    HAND_OVER = "hand_over"  # 2xx or 250, no receipt yet
    RECEIPT_POSITIVE = "receipt_positive"  # verified, positive
    RECEIPT_NEGATIVE = "receipt_negative"  # verified, negative
    RECEIPT_INVALID = "receipt_invalid"  # not to be trusted
    RETRY = "retry"  # the try failed for now, or no receipt came in time
    GIVE_UP = "give_up"  # the try failed for good
    CANNOT_SEND = "cannot_send"  # no usable certificate, too large, mails that come back: a person decides
    RESEAL = "reseal"  # the recipient could not open it; sealed anew
    RESEND = "resend"  # an operator's resend
    PLACE = "place"  # what failed or waited for a person goes into the inbox
    HOLD = "hold"
    RELEASE = "release"
    CANCEL = "cancel"


class NotAllowed(Exception):
    """A step that the table does not have."""


_S = DeliveryStatus
OPEN = frozenset({_S.WARTET, _S.LAEUFT, _S.UEBERGEBEN, _S.QUITTUNG_UNGUELTIG, _S.KLAERUNG, _S.ANGEHALTEN})
FINAL = frozenset({_S.ZUGESTELLT, _S.ABGELEHNT, _S.GESCHEITERT, _S.STORNIERT})

STEPS: dict[tuple[DeliveryStatus, Step], DeliveryStatus] = {
    (_S.WARTET, Step.CLAIM): _S.LAEUFT,
    # Nobody will try it: its partner's agreement is gone; it grew too old while its partner's lane was stopped.
    (_S.WARTET, Step.CANNOT_SEND): _S.KLAERUNG,
    (_S.WARTET, Step.GIVE_UP): _S.GESCHEITERT,
    (_S.LAEUFT, Step.HAND_OVER): _S.UEBERGEBEN,
    (_S.LAEUFT, Step.RETRY): _S.WARTET,
    (_S.LAEUFT, Step.GIVE_UP): _S.GESCHEITERT,
    (_S.LAEUFT, Step.CANNOT_SEND): _S.KLAERUNG,
    # No receipt within the deadline: the same bytes once more, or the end.
    (_S.UEBERGEBEN, Step.RETRY): _S.WARTET,
    (_S.UEBERGEBEN, Step.GIVE_UP): _S.GESCHEITERT,
    (_S.QUITTUNG_UNGUELTIG, Step.RETRY): _S.WARTET,
    (_S.QUITTUNG_UNGUELTIG, Step.GIVE_UP): _S.GESCHEITERT,
    # Mails come back again and again: a person chooses another way.
    (_S.UEBERGEBEN, Step.CANNOT_SEND): _S.KLAERUNG,
    (_S.QUITTUNG_UNGUELTIG, Step.CANNOT_SEND): _S.KLAERUNG,
    # A late valid receipt heals whatever is open, and `gescheitert` (wire.md section 4).
    **{(s, Step.RECEIPT_POSITIVE): _S.ZUGESTELLT for s in OPEN | {_S.GESCHEITERT}},
    **{(s, Step.RECEIPT_NEGATIVE): _S.ABGELEHNT for s in OPEN | {_S.GESCHEITERT}},
    # A receipt that proves nothing changes what waits for one, and nothing else.
    (_S.LAEUFT, Step.RECEIPT_INVALID): _S.QUITTUNG_UNGUELTIG,
    (_S.UEBERGEBEN, Step.RECEIPT_INVALID): _S.QUITTUNG_UNGUELTIG,
    (_S.QUITTUNG_UNGUELTIG, Step.RECEIPT_INVALID): _S.QUITTUNG_UNGUELTIG,
    (_S.ABGELEHNT, Step.RESEAL): _S.WARTET,
    **{(s, Step.RESEND): _S.WARTET for s in (_S.ABGELEHNT, _S.GESCHEITERT, _S.KLAERUNG, _S.QUITTUNG_UNGUELTIG)},
    # An operator's resend to a recipient that is reached by the inbox now.
    **{(s, Step.PLACE): _S.UEBERGEBEN for s in (_S.ABGELEHNT, _S.GESCHEITERT, _S.KLAERUNG, _S.QUITTUNG_UNGUELTIG)},
    (_S.WARTET, Step.HOLD): _S.ANGEHALTEN,
    (_S.ANGEHALTEN, Step.RELEASE): _S.WARTET,
    **{
        (s, Step.CANCEL): _S.STORNIERT
        for s in (_S.WARTET, _S.UEBERGEBEN, _S.QUITTUNG_UNGUELTIG, _S.KLAERUNG, _S.ANGEHALTEN)
    },
}


def after(status: DeliveryStatus, step: Step) -> DeliveryStatus:
    """The status that `step` leads to from `status`.

    Raises:
        NotAllowed: the table has no such step.
    """
    try:
        return STEPS[status, step]
    except KeyError:
        raise NotAllowed(f"{step} from {status}") from None


def sources(step: Step) -> frozenset[DeliveryStatus]:
    """All statuses from which `step` may be taken: the compare side of the store's compare-and-set."""
    return frozenset(status for status, taken in STEPS if taken is step)


def message_status(deliveries: Sequence[tuple[DeliveryStatus, int]]) -> MessageStatus:
    """Status of a routed message, from its deliveries as pairs (status, attempts so far).

    A message has at least one delivery once it is routed; Zurückstellung, Klärung and entbehrlich are set by the
    decision before there are any.
    """
    statuses = [status for status, _ in deliveries]
    if all(s is _S.ZUGESTELLT for s in statuses):
        return MessageStatus.ZUGESTELLT
    stuck = FINAL - {_S.ZUGESTELLT} | {_S.KLAERUNG}
    if any(s is _S.ZUGESTELLT for s in statuses) and any(s in stuck for s in statuses):
        return MessageStatus.TEILWEISE
    if all(s is _S.STORNIERT for s in statuses):
        return MessageStatus.STORNIERT
    if all(s in FINAL for s in statuses):
        return MessageStatus.GESCHEITERT
    if all(s in stuck for s in statuses):
        return MessageStatus.KLAERUNG
    if all(s is _S.WARTET and attempts == 0 for s, attempts in deliveries):
        return MessageStatus.ANGENOMMEN
    return MessageStatus.UNTERWEGS
