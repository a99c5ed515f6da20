"""The decision on the next try: grows, is capped, never lies in the past, ends."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.send.failure import Failure, Trouble, from_http, from_trouble
from gateway.send.retry import SECOND, TOO_OLD, Again, GiveUp, RetryPolicy, decide
from gateway.states import Step

START = 1_790_000_000 * SECOND
POLICY = RetryPolicy()
PLAIN = RetryPolicy(jitter=0)
BUSY = Failure("temporary", "http_503", "")

policies = st.builds(
    RetryPolicy,
    start_s=st.floats(0.001, 60),
    factor=st.floats(1, 1e6),
    cap_s=st.floats(60, 1e6),
    jitter=st.floats(0, 0.99),
    max_age_s=st.floats(1, 1e7),
)
attempts_made = st.integers(1, 10**6)
random01s = st.floats(0, 1, exclude_max=True)


def wait_of(policy: RetryPolicy, attempts: int, *, failure: Failure = BUSY, random01: float = 0.5) -> float:
    decision = decide(policy, attempts=attempts, first_at=START, now=START, failure=failure, random01=random01)
    assert isinstance(decision, Again)
    return (decision.at - START) / SECOND


def test_the_default_doubles_from_a_minute_to_an_hour() -> None:
    assert [wait_of(PLAIN, n) for n in range(1, 9)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_jitter_spreads_both_ways() -> None:
    assert [wait_of(POLICY, 1, random01=r) for r in (0, 0.5, 0.75)] == [48, 60, 66]


def test_the_peers_wish_is_heard_where_it_is_longer() -> None:
    assert wait_of(PLAIN, 1, failure=replace(BUSY, retry_after=300)) == 300
    assert wait_of(PLAIN, 4, failure=replace(BUSY, retry_after=300)) == 480


@pytest.mark.parametrize(
    ("failure", "end"),
    [
        (from_http(403, receipt=False), GiveUp("http_403")),
        (from_http(302, receipt=False), GiveUp("http_302")),
        (from_trouble(Trouble.MAIL_TOO_LARGE), GiveUp("mail_zu_gross", Step.CANNOT_SEND)),
    ],
)
def test_a_permanent_failure_ends_at_once(failure: Failure, end: GiveUp) -> None:
    assert decide(POLICY, attempts=1, first_at=START, now=START, failure=failure, random01=0) == end


def test_what_lies_with_us_is_tried_again() -> None:
    assert wait_of(PLAIN, 1, failure=from_trouble(Trouble.INTERNAL)) == 60


def test_age_ends_it_just_in_time() -> None:
    limit = START + 5 * 24 * 3600 * SECOND
    early = decide(PLAIN, attempts=9, first_at=START, now=limit - 3600 * SECOND - 1, failure=BUSY, random01=0)
    late = decide(PLAIN, attempts=9, first_at=START, now=limit - 3600 * SECOND, failure=BUSY, random01=0)
    assert (early, late) == (Again(limit - 1), GiveUp(TOO_OLD))


def test_after_the_default_five_days_there_were_some_hundred_tries() -> None:
    now, attempts = START, 1
    while isinstance(
        decision := decide(PLAIN, attempts=attempts, first_at=START, now=now, failure=BUSY, random01=0), Again
    ):
        now, attempts = decision.at, attempts + 1
    assert decision == GiveUp(TOO_OLD)
    assert attempts == 125  # the first, six that double (3,780 s), 118 hourly ones


@given(policies, attempts_made, attempts_made)
def test_waits_grow_monotonously_and_stay_below_the_cap(policy: RetryPolicy, one: int, other: int) -> None:
    first, second = sorted((one, other))
    assert 0 < policy.wait_s(first) <= policy.wait_s(second) <= policy.cap_s


@given(policies, attempts_made, random01s, st.integers(0, 10**14), st.none() | st.integers(0, 3600))
def test_a_next_try_lies_ahead_within_cap_and_age(
    policy: RetryPolicy, attempts: int, random01: float, age: int, retry_after: int | None
) -> None:
    now, failure = START + age, replace(BUSY, retry_after=retry_after)
    decision = decide(policy, attempts=attempts, first_at=START, now=now, failure=failure, random01=random01)
    if isinstance(decision, GiveUp):
        assert decision.reason == TOO_OLD
        return
    assert now < decision.at < START + round(policy.max_age_s * SECOND)
    assert decision.at - now <= max(policy.cap_s, retry_after or 0) * SECOND + 1
    assert decision.at - now >= (retry_after or 0) * SECOND


@given(policies, random01s)
def test_every_series_ends(policy: RetryPolicy, random01: float) -> None:
    old = START + round(policy.max_age_s * SECOND)
    assert isinstance(decide(policy, attempts=1, first_at=START, now=old, failure=BUSY, random01=random01), GiveUp)


@pytest.mark.parametrize(
    "changes",
    [
        {"start_s": 0},
        {"start_s": -1},
        {"start_s": 7200},
        {"factor": 0.5},
        {"jitter": 1},
        {"jitter": -0.1},
        {"max_age_s": 0},
        {"cap_s": float("nan")},
    ],
)
def test_a_policy_that_would_loop_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        replace(POLICY, **changes)
