"""Whether and when a delivery is tried again: a pure decision.

Promises: pure; all times are whole microseconds UTC; the waits grow up to a cap, are spread by jitter, never lie in
the past, and end at an age. The same input gives the same answer, so that the decision can be stored and tested.
Fails: `ValueError` for a policy that makes no sense.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.send.failure import Failure
from gateway.states import Step

SECOND: Final = 1_000_000
"""Microseconds."""
DAY_S: Final = 24 * 3_600
EXPONENT_MAX: Final = 64
"""Largest exponent of the back-off: beyond it any factor of 2 or more has met any cap, and floats stay finite."""
TOO_OLD: Final = "zu_alt"
"""Reason of giving up by age."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Back-off of one gateway or one agreement (design.md section 4)."""

    start_s: float = 60
    factor: float = 2
    cap_s: float = 3_600
    jitter: float = 0.2
    """Share of the wait by which it is lengthened or shortened at random."""
    max_age_s: float = 5 * DAY_S
    """Age of a delivery, from its first try, at which it is given up; 5 days, as mail servers do."""

    def __post_init__(self) -> None:
        """Refuse what would loop without a pause or never end."""
        if not (0 < self.start_s <= self.cap_s and self.factor >= 1 and 0 <= self.jitter < 1 and self.max_age_s > 0):
            raise ValueError("a back-off starts above 0, does not shrink, has a cap, a jitter below 1 and an age limit")

    def wait_s(self, attempts: int) -> float:
        """Seconds to wait after `attempts` tries, before jitter; never more than the cap."""
        exponent = min(max(attempts, 1) - 1, EXPONENT_MAX)
        try:
            return min(self.start_s * self.factor**exponent, self.cap_s)
        except OverflowError:
            return self.cap_s


@dataclass(frozen=True, slots=True)
class Again:
    """Send the same bytes once more."""

    at: int
    """Not before this moment, microseconds UTC."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again by itself."""

    reason: str
    """The failure's code, or `TOO_OLD`."""
    step: Step = Step.GIVE_UP
    """GIVE_UP, or CANNOT_SEND where a person may choose another way."""


def decide(
    policy: RetryPolicy, *, attempts: int, first_at: int, now: int, failure: Failure, random01: float
) -> Again | GiveUp:
    """What comes after a failed try.

    Args:
        policy: the back-off.
        attempts: tries so far, this one included (at least 1).
        first_at: when the first try began, microseconds UTC.
        now: microseconds UTC.
        failure: what went wrong this time.
        random01: a random number in [0, 1), from the caller.

    Returns:
        `GiveUp` for a permanent failure, or where the next try would begin at or after the age limit; else `Again`,
        later than `now`, not before the peer's Retry-After.
    """
    if failure.kind == "permanent":
        return GiveUp(failure.code, failure.step)
    wait = policy.wait_s(attempts) * (1 + policy.jitter * (2 * random01 - 1))
    wait = min(wait, policy.cap_s)
    if failure.retry_after is not None:
        wait = max(wait, failure.retry_after)
    at = now + max(1, round(wait * SECOND))
    if at >= first_at + round(policy.max_age_s * SECOND):
        return GiveUp(TOO_OLD)
    return Again(at)
