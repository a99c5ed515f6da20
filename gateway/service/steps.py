"""How a step of the state table becomes statements of one commit.

Promises: no delivery changes its state but through here: compare-and-set against the sources of the step in
`gateway.states`, and the message's own status derived in the same commit.
Fails: the commit raises `StaleState` when the delivery is in none of the step's source states.
"""

from __future__ import annotations

from gateway.states import DeliveryStatus, Step, after, sources
from gateway.store.database import Do, Row
from gateway.store.steps import listed


def step_delivery(
    delivery: Row,
    step: Step,
    now: int,
    *,
    only: frozenset[DeliveryStatus] | None = None,
    owner: str | None = None,
    next_at: int | None = None,
    deadline_at: int | None = None,
    last_error: str | None = None,
    receipt_id: str | None = None,
) -> list[Do]:
    """Statements that take `step` on `delivery` at `now`, and derive the message's status from all its deliveries.

    Args:
        delivery: the row, at least its `id` and `message_id`.
        step: what happened.
        now: microseconds UTC.
        only: fewer statuses to start from than the step has: what whoever takes it has seen.
        owner: the lease's owner where a worker takes the step; None for timer, receipt and operator.
        next_at: when to try again.
        deadline_at: by when a receipt must have come; None leaves it.
        last_error: German text for the operator; replaces what stood there.
        receipt_id: the receipt that decided.
    """
    source = listed(sources(step) if only is None else sources(step) & only)
    change = (delivery["id"], source, owner, str(target_of(step)), now, next_at, deadline_at, last_error, receipt_id)
    return [
        Do("touch_message", (delivery["message_id"], now), expect=1),
        Do("move_delivery", change, expect=1),
        Do("derive_message_status", (delivery["message_id"], now), expect=1),
    ]


def target_of(step: Step) -> DeliveryStatus:
    """The one status that `step` leads to, from wherever it is taken."""
    targets = {after(status, step) for status in sources(step)}
    assert len(targets) == 1, step
    return targets.pop()
