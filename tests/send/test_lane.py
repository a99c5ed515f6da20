"""How much a lane carries, and when it stops: pure decisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laneorder import LaneModel

from gateway.send.failure import Trouble, from_http, from_smtp, from_trouble
from gateway.send.lane import FAIR_CLAIM, MOST, SLOW_S, Breaker, Window, concerns_partner, ordinary_first
from gateway.send.outcome import Failed

answers = st.lists(st.one_of(st.floats(0, 60), st.none()), max_size=400)


@given(answers, st.integers(1, 20), st.one_of(st.none(), st.integers(1, 20)))
def test_a_window_stays_between_its_start_and_its_limit(
    times: list[float | None], start: int, agreed: int | None
) -> None:
    window = Window(start, agreed)
    limit = agreed or MOST
    for seconds in times:
        before = window.size
        if seconds is None:
            window.failed()
            assert window.size == min(start, limit)
        else:
            window.answered(seconds)
            assert before <= window.size <= before + 1
        assert 1 <= window.size <= limit


def test_it_grows_from_five_to_twenty_while_the_partner_answers_promptly() -> None:
    window = Window(5)
    sizes = []
    for _ in range(400):
        sizes.append(window.size)
        window.answered(0.1)
    assert (sizes[0], sizes[-1]) == (5, 20)
    assert sizes == sorted(sizes)
    window.failed()
    assert window.size == 5


def test_slow_answers_never_make_it_grow() -> None:
    window = Window(5)
    for _ in range(400):
        window.answered(SLOW_S + 1)
    assert window.size == 5


def test_an_agreement_that_changes_is_kept_at_once() -> None:
    window = Window(5)
    for _ in range(400):
        window.answered(0.1)
    window.agree(5, 3)
    assert window.size == 3
    window.agree(5, None)
    assert window.size == 5


@given(st.integers(0, 10_000))
def test_pauses_grow_up_to_the_cap(pauses: int) -> None:
    breaker = Breaker(5, 60, 3600)
    assert breaker.pause_s(0) == 60
    assert 60 <= breaker.pause_s(pauses) <= breaker.pause_s(pauses + 1) <= 3600


@pytest.mark.parametrize("code", [500, 502, 503, 429, 408])
def test_what_passes_concerns_the_partner(code: int) -> None:
    failure = from_http(code, receipt=False)
    assert concerns_partner(Failed(failure).failure) is True  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [400, 403, 404, 413, 301])
def test_a_refusal_of_one_delivery_shows_that_the_partner_works(code: int) -> None:
    failure = from_http(code, receipt=False)
    assert concerns_partner(Failed(failure).failure) is False  # type: ignore[arg-type]


def test_our_own_faults_say_nothing_of_the_partner() -> None:
    assert concerns_partner(from_trouble(Trouble.INTERNAL)) is None
    assert concerns_partner(from_trouble(Trouble.BODY)) is None
    assert concerns_partner(from_smtp(535)) is None
    assert concerns_partner(from_trouble(Trouble.MAIL_TOO_LARGE)) is None  # it was not asked
    assert concerns_partner(from_trouble(Trouble.CONNECT)) is True


# --- vorrang ----------------------------------------------------------------------------------------------------------

LaneEvent = tuple[str, int]
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("urgent"), st.just(1)),
        st.tuples(st.just("ordinary"), st.just(1)),
        st.tuples(st.just("claim"), st.integers(1, 5)),
    ),
    max_size=200,
)


@given(happenings)
def test_vorrang_goes_first_and_nothing_starves(steps: list[LaneEvent]) -> None:
    """Whatever comes and goes: urgent ones wait behind at most one ordinary a fair turn, and an ordinary one that has
    `n` before it goes within the next `n + 1` fair turns, however many urgent ones come."""
    lane, waits = LaneModel(), dict[str, int]()
    for n, (what, count) in enumerate(steps):
        if what != "claim":
            waits[f"{what}{n}"] = lane.claims + FAIR_CLAIM * (len(lane.ordinary) + 1)
            lane.arrive(f"{what}{n}", vorrang=what == "urgent")
            continue
        urgent, before = list(lane.urgent), len(lane.urgent) + len(lane.ordinary)
        taken = lane.claim(count)
        ordinary = [key for key in taken if key.startswith("ordinary")]
        assert len(taken) == min(count, before), "no place stays empty while something waits"
        allowed = 1 if ordinary_first(lane.claims) else 0
        assert len(ordinary) <= allowed or not lane.urgent, "urgent ones wait behind no more than one"
        assert [key for key in taken if key in urgent] == urgent[: len(taken) - len(ordinary)], "in their own order"
        assert all(lane.claims <= waits[key] for key in ordinary), "none waits for longer than its turn"
    assert all(lane.claims < waits[key] for key in lane.ordinary)


@given(st.integers(1, 200))
def test_in_a_full_lane_three_of_four_places_are_for_vorrang(claims: int) -> None:
    lane = LaneModel([f"u{n}" for n in range(400)], [f"o{n}" for n in range(400)])
    taken = [lane.claim(1)[0] for _ in range(claims)]
    assert taken[0] == "u0"
    assert sum(key.startswith("o") for key in taken) == claims // FAIR_CLAIM
