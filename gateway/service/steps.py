"""How a step of the state table becomes statements of one commit.

Promises: no delivery changes its state but through here, under the name of whoever acts: compare-and-set against the
statuses from which that actor may take the step (`gateway.states`), for a worker only while it holds the lease; the
message's own status is derived in the same commit.
Fails: `NotAllowed` for an actor who may never take the step, or a worker without a lease; the commit raises
`StaleState` when the delivery is in none of those statuses.
"""

from __future__ import annotations

from gateway.states import Actor, DeliveryStatus, NotAllowed, Step, after, sources
from gateway.store.database import Do, Row
from gateway.store.steps import listed


def step_delivery(
    delivery: Row,
    step: Step,
    actor: Actor,
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
        actor: who takes it.
        now: microseconds UTC.
        only: fewer statuses to start from than the step has: what whoever takes it has seen.
        owner: the lease's owner: of a worker, and of nobody else.
        next_at: when to try again.
        deadline_at: by when a receipt must have come; None leaves it.
        last_error: German text for the operator; replaces what stood there.
        receipt_id: the receipt that decided.

    Raises:
        NotAllowed: this actor never takes this step, or a worker names no lease.
    """
    if (owner is not None) != (actor is Actor.WORKER):
        raise NotAllowed(f"{step} by {actor} with{'out' if owner is None else ''} a lease")
    allowed = sources(step, actor)
    source = listed(allowed if only is None else allowed & only)
    target = str(target_of(step, actor))
    change = (delivery["id"], source, owner, target, now, next_at, deadline_at, last_error, receipt_id)
    return [
        Do("touch_message", (delivery["message_id"], now), expect=1),
        Do("move_delivery", change, expect=1),
        Do("derive_message_status", (delivery["message_id"], now), expect=1),
    ]


def target_of(step: Step, actor: Actor) -> DeliveryStatus:
    """The one status that `step` leads to, from wherever it is taken."""
    targets = {after(status, step, actor) for status in sources(step, actor)}
    assert len(targets) == 1, step
    return targets.pop()
