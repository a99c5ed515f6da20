"""How often one caller may ask."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import admission
from gateway.admission import Pace
from gateway.errors import TooMany


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(pace: Pace, caller: str) -> int:
    """How many requests go through at once."""
    for n in itertools.count():
        try:
            pace.take(caller)
        except TooMany:
            return n
    raise AssertionError


def test_a_burst_passes_then_each_waits_for_its_own() -> None:
    clock = Clock()
    pace = Pace(lambda: 120, clock)
    assert taken(pace, "a") == 120
    with pytest.raises(TooMany) as refused:
        pace.take("a")
    assert (refused.value.status, refused.value.retry_after) == (429, 1)
    assert taken(pace, "b") == 120, "others are not concerned"
    clock.now += 30
    assert taken(pace, "a") == 60
    clock.now += 3600
    assert taken(pace, "a") == 120, "what was not used does not add up"


def test_a_slow_pace_says_how_long() -> None:
    clock = Clock()
    pace = Pace(lambda: 60 // 20, clock)
    assert taken(pace, "a") == 3
    with pytest.raises(TooMany) as refused:
        pace.take("a")
    assert refused.value.retry_after == 20
    clock.now += 20
    pace.take("a")


def test_who_asks_on_while_refused_waits_no_longer_for_it() -> None:
    clock = Clock()
    pace = Pace(lambda: 60, clock)
    assert taken(pace, "a") == 60
    for _ in range(1000):
        with pytest.raises(TooMany):
            pace.take("a")
        clock.now += 0.000_1
    clock.now += 1
    pace.take("a")


def test_a_changed_setting_counts_at_once() -> None:
    clock, settings = Clock(), [600]
    pace = Pace(lambda: settings[0], clock)
    pace.take("a")
    settings[0] = 60
    assert taken(pace, "a") == 60


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "REMEMBERED", 3)
    pace = Pace(lambda: 60, Clock())
    for n in range(100):
        pace.take(str(n))
    assert len(pace._left) == 3


@given(st.lists(st.floats(0, 100), max_size=60))
def test_never_more_than_a_burst_and_the_pace(pauses: list[float]) -> None:
    clock = Clock()
    pace = Pace(lambda: 6, clock)
    passed = 0
    for pause in pauses:
        clock.now += pause
        passed += taken(pace, "a")
    assert passed <= 6 + (clock.now - 1000) / 10 + 1
