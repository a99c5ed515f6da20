"""Whose failures count for whom, and how much a listener takes on at once: pure."""

import pytest

from gateway import admission, clock
from gateway.admission import Admission
from gateway.errors import Overloaded
from gateway.service.arrival import limiting
from gateway.service.arrival.limiting import FAILURES, TOGETHER, WINDOW, FailureLimit

NOW = 1_790_000_000 * clock.SECOND


def fail(limit: FailureLimit, count: int, peer: str, now: int = NOW) -> None:
    for _ in range(count):
        limit.failed("koeln", now, peer)


def test_whoever_uses_a_partners_name_up_from_elsewhere_does_not_keep_it_out() -> None:
    limit = FailureLimit()
    fail(limit, FAILURES, "192.0.2.66")
    with pytest.raises(Overloaded):
        limit.demand("koeln", NOW, "192.0.2.66")
    limit.demand("koeln", NOW, "192.0.2.1")


def test_many_addresses_share_a_limit_that_spares_the_partners_own() -> None:
    limit = FailureLimit()
    limit.verified("koeln", "192.0.2.1")
    for n in range(TOGETHER):
        limit.failed("koeln", NOW, f"198.51.100.{n}")
    with pytest.raises(Overloaded) as caught:
        limit.demand("koeln", NOW, "203.0.113.5")
    assert 1 <= (caught.value.retry_after or 0) <= 60
    limit.demand("koeln", NOW, "192.0.2.1")
    limit.demand("bonn", NOW, "203.0.113.5")
    limit.demand("koeln", NOW + WINDOW, "203.0.113.5")


def test_its_own_failures_put_even_a_proved_address_off() -> None:
    limit = FailureLimit()
    limit.verified("koeln", "192.0.2.1")
    fail(limit, FAILURES, "192.0.2.1")
    with pytest.raises(Overloaded):
        limit.demand("koeln", NOW, "192.0.2.1")


def test_a_clock_that_is_set_back_puts_nobody_off_for_longer() -> None:
    limit = FailureLimit()
    fail(limit, FAILURES, "192.0.2.1", NOW + 3600 * clock.SECOND)
    limit.demand("koeln", NOW, "192.0.2.1")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "REMEMBERED", 50)
    limit = FailureLimit()
    for n in range(500):
        limit.failed("koeln", NOW, f"peer-{n}")
        limit.verified("koeln", f"peer-{n}")
    assert len(limit._failed) <= 50
    assert len(limit._proved) <= 50


def test_places_are_bounded_by_size_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "LARGE", 1)
    monkeypatch.setattr(admission, "SMALL", 1)
    places = Admission()
    with places.place(10**6):
        for size in (None, 10**6):
            with pytest.raises(Overloaded) as caught, places.place(size):
                pass
            assert caught.value.retry_after
        with places.place(0), pytest.raises(Overloaded), places.place(100):
            pass
    with places.place(None):
        pass
