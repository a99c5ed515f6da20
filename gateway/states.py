"""Every state of a message and of a delivery, every step that may be taken, and who may take it: one table.

Promises: all that changes a state goes through `TABLE`, under the name of whoever acts; the store refuses any other
step by compare-and-set. Once a message has deliveries its status is never set by hand but derived from them by
`message_status`; what people decide before that stands in `MESSAGE_TABLE`.
Fails: `NotAllowed` for a step that the table does not have, or not for that actor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


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


class MessageStep(StrEnum):
    """What people can do with a message that has no deliveries yet."""

    RELEASE = "release"  # a withheld notice goes out (Nr. 1)
    ASSIGN = "assign"  # what no rule could place gets its recipient
    CANCEL = "cancel"


class Actor(StrEnum):
    """Who takes a step."""

    WORKER = "worker"  # a worker of the gateway, while it holds the lease of its own claim
    TIMER = "timer"  # what falls due: deadlines, ages, leases that ended, mails that came back
    RECEIPT = "receipt"  # what the recipient's side says: a receipt, or an acknowledgement from the inbox
    OPERATOR = "operator"  # a person with the role `betrieb`
    SENDER = "sender"  # the authority whose message it is


class NotAllowed(Exception):
    """A step that the table does not have, or not for this actor."""


_S = DeliveryStatus
OPEN = frozenset({_S.WARTET, _S.LAEUFT, _S.UEBERGEBEN, _S.QUITTUNG_UNGUELTIG, _S.KLAERUNG, _S.ANGEHALTEN})
FINAL = frozenset({_S.ZUGESTELLT, _S.ABGELEHNT, _S.GESCHEITERT, _S.STORNIERT})
AWAITING: Final = frozenset({_S.UEBERGEBEN, _S.QUITTUNG_UNGUELTIG})
"""Where a delivery waits for its receipt."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: who may take which step, from where, and where it leads."""

    step: Step
    target: DeliveryStatus
    actor: Actor
    sources: frozenset[DeliveryStatus]


_TRIED: Final = frozenset({_S.LAEUFT})
_UNTRIED: Final = frozenset({_S.WARTET})
_ENDED_OR_STUCK: Final = frozenset({_S.ABGELEHNT, _S.GESCHEITERT, _S.KLAERUNG, _S.QUITTUNG_UNGUELTIG})

TABLE: Final = (
    Line(Step.CLAIM, _S.LAEUFT, Actor.WORKER, _UNTRIED),
    Line(Step.HAND_OVER, _S.UEBERGEBEN, Actor.WORKER, _TRIED),
    Line(Step.RETRY, _S.WARTET, Actor.WORKER, _TRIED),
    # The worker is gone; or no receipt within the deadline, or the mail came back: the same bytes once more.
    Line(Step.RETRY, _S.WARTET, Actor.TIMER, _TRIED | AWAITING),
    Line(Step.GIVE_UP, _S.GESCHEITERT, Actor.WORKER, _TRIED),
    # It grew too old: while its partner's lane was stopped, or waiting for a receipt.
    Line(Step.GIVE_UP, _S.GESCHEITERT, Actor.TIMER, _UNTRIED | AWAITING),
    Line(Step.CANNOT_SEND, _S.KLAERUNG, Actor.WORKER, _TRIED),
    # Its partner's agreement is gone; mails come back again and again: a person chooses another way.
    Line(Step.CANNOT_SEND, _S.KLAERUNG, Actor.TIMER, _UNTRIED | AWAITING),
    # A late valid receipt heals whatever is open, and `gescheitert` (wire.md section 4).
    Line(Step.RECEIPT_POSITIVE, _S.ZUGESTELLT, Actor.RECEIPT, OPEN | {_S.GESCHEITERT}),
    Line(Step.RECEIPT_NEGATIVE, _S.ABGELEHNT, Actor.RECEIPT, OPEN | {_S.GESCHEITERT}),
    # A receipt that proves nothing changes what waits for one, and nothing else.
    Line(Step.RECEIPT_INVALID, _S.QUITTUNG_UNGUELTIG, Actor.RECEIPT, _TRIED | AWAITING),
    Line(Step.RESEAL, _S.WARTET, Actor.RECEIPT, frozenset({_S.ABGELEHNT})),
    Line(Step.RESEND, _S.WARTET, Actor.OPERATOR, _ENDED_OR_STUCK),
    # A resend to a recipient that is reached by the inbox now.
    Line(Step.PLACE, _S.UEBERGEBEN, Actor.OPERATOR, _ENDED_OR_STUCK),
    Line(Step.HOLD, _S.ANGEHALTEN, Actor.OPERATOR, _UNTRIED),
    Line(Step.RELEASE, _S.WARTET, Actor.OPERATOR, frozenset({_S.ANGEHALTEN})),
    Line(Step.CANCEL, _S.STORNIERT, Actor.OPERATOR, OPEN - _TRIED),
)

STEPS: Final[dict[tuple[DeliveryStatus, Step], DeliveryStatus]] = {
    (source, line.step): line.target for line in TABLE for source in line.sources
}

MESSAGE_TABLE: Final[dict[tuple[MessageStep, Actor], frozenset[MessageStatus]]] = {
    (MessageStep.RELEASE, Actor.SENDER): frozenset({MessageStatus.ZURUECKGESTELLT}),
    (MessageStep.RELEASE, Actor.OPERATOR): frozenset({MessageStatus.ZURUECKGESTELLT}),
    (MessageStep.ASSIGN, Actor.OPERATOR): frozenset({MessageStatus.KLAERUNG}),
    (MessageStep.CANCEL, Actor.OPERATOR): frozenset({MessageStatus.ZURUECKGESTELLT, MessageStatus.KLAERUNG}),
}
"""From where people take a message on. Where it leads the rules decide anew; a cancelled one is `storniert`."""


def after(status: DeliveryStatus, step: Step, actor: Actor) -> DeliveryStatus:
    """The status that `step`, taken by `actor`, leads to from `status`.

    Raises:
        NotAllowed: the table has no such step, or not for this actor.
    """
    if status not in sources(step, actor):
        raise NotAllowed(f"{step} from {status} by {actor}")
    return STEPS[status, step]


def sources(step: Step, actor: Actor) -> frozenset[DeliveryStatus]:
    """All statuses from which `actor` may take `step`: the compare side of the store's compare-and-set.

    Raises:
        NotAllowed: it never may.
    """
    found = [line.sources for line in TABLE if line.step is step and line.actor is actor]
    if not found:
        raise NotAllowed(f"{step} by {actor}")
    return frozenset().union(*found)


def message_sources(step: MessageStep, actor: Actor) -> frozenset[MessageStatus]:
    """All statuses from which `actor` may take `step` with a message.

    Raises:
        NotAllowed: it never may.
    """
    try:
        return MESSAGE_TABLE[step, actor]
    except KeyError:
        raise NotAllowed(f"{step} by {actor}") from None


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
