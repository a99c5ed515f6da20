"""The policy: what follows from what is known of a certificate."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trustworld import DAY, NOW

from gateway.trust.status import (
    Assessment,
    Path,
    Policy,
    Revocation,
    Status,
    Verdict,
    days_left,
    displayed,
    judge,
    threshold,
)

GOOD = Assessment(Path.PFAD, Revocation.GUT, NOW + DAY)
UNKNOWN = Assessment(Path.PFAD, Revocation.UNBEKANNT)


def test_what_is_known_to_be_good_is_used_without_a_word() -> None:
    assert judge(GOOD, Policy(), NOW) == Verdict(usable=True, status=Status.GUELTIG)
    assert judge(Assessment(Path.ANKER, Revocation.NICHT_NOETIG), Policy(unbekannt="ablehnen"), NOW).usable


def test_a_stale_answer_counts_within_the_grace_and_is_unknown_after_it() -> None:
    stale = Assessment(Path.PFAD, Revocation.GUT, NOW - timedelta(hours=5))
    assert judge(stale, Policy(karenz=timedelta(hours=6)), NOW).status is Status.GUELTIG
    assert judge(stale, Policy(karenz=timedelta(hours=4)), NOW).status is Status.UNBEKANNT


@pytest.mark.parametrize(
    ("setting", "usable", "alarm"),
    [
        ("annehmen", True, None),
        ("warnen", True, "sperrstatus_unbekannt"),
        ("ablehnen", False, "sperrstatus_unbekannt"),
    ],
)
def test_a_setting_decides_about_the_unknown(setting, usable: bool, alarm: str | None) -> None:
    verdict = judge(UNKNOWN, Policy(unbekannt=setting), NOW)
    assert verdict == Verdict(usable, Status.UNBEKANNT, alarm)


@pytest.mark.parametrize("setting", ["annehmen", "warnen", "ablehnen"])
def test_withdrawn_and_pathless_are_refused_whatever_the_setting(setting) -> None:
    withdrawn = Assessment(Path.PFAD, Revocation.GESPERRT)
    assert judge(withdrawn, Policy(unbekannt=setting), NOW) == Verdict(False, Status.GESPERRT, "zertifikat_gesperrt")
    without = Assessment(Path.OHNE, Revocation.UNBEKANNT, reason="aussteller_unbekannt")
    assert not judge(without, Policy(unbekannt=setting), NOW).usable


def test_test_certificates_are_for_tests() -> None:
    test = Assessment(Path.PFAD, Revocation.UNBEKANNT, test=True)
    assert judge(test, Policy(), NOW) == Verdict(usable=True, status=Status.TEST)
    assert not judge(test, Policy(produktion=True, unbekannt="annehmen"), NOW).usable
    for path in Path:
        for revocation in Revocation:
            known = Assessment(path, revocation, NOW + DAY, test=True)
            assert not judge(known, Policy(produktion=True, unbekannt="annehmen"), NOW).usable


def test_what_people_see() -> None:
    verdict = judge(GOOD, Policy(), NOW)
    assert displayed(verdict, NOW - DAY, NOW + 100 * DAY, NOW) is Status.GUELTIG
    assert displayed(verdict, NOW - DAY, NOW + 59 * DAY, NOW) is Status.LAEUFT_AB
    assert displayed(verdict, NOW - DAY, NOW - timedelta(seconds=1), NOW) is Status.ABGELAUFEN
    assert displayed(verdict, NOW + DAY, NOW + 100 * DAY, NOW) is Status.NOCH_NICHT
    withdrawn = judge(Assessment(Path.PFAD, Revocation.GESPERRT), Policy(), NOW)
    assert displayed(withdrawn, NOW - DAY, NOW - timedelta(seconds=1), NOW) is Status.GESPERRT


@pytest.mark.parametrize(
    ("days", "expected"), [(61, None), (60, 60), (31, 60), (30, 30), (11, 30), (10, 10), (2, 10), (1, 1), (0, 1)]
)
def test_the_end_is_told_60_30_10_and_1_days_ahead(days: int, expected: int | None) -> None:
    assert threshold(NOW + days * DAY, NOW) == expected
    assert days_left(NOW + days * DAY, NOW) == days


def test_what_is_past_is_told_no_more() -> None:
    assert threshold(NOW - timedelta(seconds=1), NOW) is None
    assert days_left(NOW - timedelta(seconds=1), NOW) == -1


@given(st.integers(0, 100 * 86400), st.integers(0, 100 * 86400))
def test_a_nearer_end_never_has_a_higher_threshold(one: int, two: int) -> None:
    near, far = sorted((one, two))
    first = threshold(NOW + timedelta(seconds=near), NOW) or 1000
    assert first <= (threshold(NOW + timedelta(seconds=far), NOW) or 1000)
