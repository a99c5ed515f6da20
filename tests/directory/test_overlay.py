"""Which row counts on which day, and which rows may become the directory."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.route.overlay import (
    Correction,
    directory,
    faults,
    new_faults,
    overlay,
    row_faults,
    turning_days,
)
from gateway.route.resources import packaged_directory, packaged_rows

TODAY = date(2026, 11, 22)
KOELN = "abh:05315000"
KLINIK = {"key": "mrv:klinik", "art": "mrv", "name": "Klinik"}


def authority(key: str = KOELN, **changes: str) -> dict[str, str]:
    return dict(packaged_rows()["behoerde"].get(key, {})) | {"key": key} | changes


def said(
    row: dict[str, str] | None,
    revision: int = 1,
    ab: date | None = None,
    bis: date | None = None,
    key: str = KOELN,
    table: str = "behoerde",
) -> Correction:
    return Correction(table, key, row, revision, ab, bis)


def name_on(day: date, *corrections: Correction) -> str:
    return overlay(packaged_rows(), corrections, day)["behoerde"][KOELN]["name"]


def test_without_corrections_it_is_the_packaged_directory() -> None:
    assert directory(overlay(packaged_rows(), (), TODAY)) == packaged_directory()
    assert faults(packaged_rows(), TODAY) == []
    assert [
        found for table, rows in packaged_rows().items() for row in rows.values() for found in row_faults(table, row)
    ] == []


def test_what_was_said_last_counts_whatever_the_order_in_which_it_is_read() -> None:
    first, second = said(authority(name="A"), 1), said(authority(name="B"), 2)
    assert name_on(TODAY, first, second) == name_on(TODAY, second, first) == "B"


def test_a_correction_counts_on_its_days_only() -> None:
    packaged = packaged_rows()["behoerde"][KOELN]["name"]
    lasting = said(authority(name="A"), 1)
    for_a_time = said(authority(name="B"), 2, date(2027, 1, 1), date(2027, 1, 31))
    days = [date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 31), date(2027, 2, 1)]
    assert [name_on(day, lasting, for_a_time) for day in days] == ["A", "B", "B", "A"]
    assert [name_on(day, for_a_time) for day in days] == [packaged, "B", "B", packaged]


def test_taken_back_the_packaged_row_counts_and_an_added_one_goes() -> None:
    changed, added = said(authority(name="A"), 1), said(KLINIK, 1, key="mrv:klinik")
    back = [said(None, 2), said(None, 2, key="mrv:klinik")]
    rows = overlay(packaged_rows(), [changed, added], TODAY)
    assert "mrv:klinik" in rows["behoerde"]
    assert overlay(packaged_rows(), [changed, added, *back], TODAY) == overlay(packaged_rows(), (), TODAY)


DAYS = st.none() | st.dates(TODAY - timedelta(days=3), TODAY + timedelta(days=3))


@given(st.lists(st.tuples(st.sampled_from(["A", "B", None]), DAYS, DAYS), max_size=5), st.integers(-4, 4))
def test_the_newest_whose_days_hold_the_day_counts(given_: list[tuple[Any, Any, Any]], offset: int) -> None:
    day = TODAY + timedelta(days=offset)
    corrections = [
        said(authority(name=name) if name else None, n, ab, bis) for n, (name, ab, bis) in enumerate(given_, 1)
    ]
    holding = [name for name, ab, bis in given_ if (ab or day) <= day <= (bis or day)]
    expected = holding[-1] if holding else None
    assert name_on(day, *corrections) == (expected or packaged_rows()["behoerde"][KOELN]["name"])


def test_the_days_to_judge_are_those_on_which_something_turns() -> None:
    closing = said(authority(gueltig_bis="2026-12-31"), 1, date(2026, 12, 1))
    past = said(authority(name="A"), 2, date(2020, 1, 1), date(2020, 2, 1))
    assert turning_days(packaged_rows(), [closing, past], TODAY) == [TODAY, date(2026, 12, 1), date(2027, 1, 1)]


def test_closing_an_authority_that_a_district_needs_breaks_it_on_the_day_after() -> None:
    closing = said(authority(gueltig_bis="2026-12-31"))
    ((day, fault),) = new_faults(packaged_rows(), [], [closing], TODAY)
    assert day == date(2027, 1, 1)
    assert "05315000" in fault
    assert KOELN in fault


def test_a_district_that_moves_on_that_day_makes_the_closing_whole() -> None:
    town = dict(packaged_rows()["gemeinde"]["05315000"]) | {"abh": "abh:05382"}
    change = [
        said(authority(gueltig_bis="2026-12-31")),
        said(town, ab=date(2027, 1, 1), key="05315000", table="gemeinde"),
    ]
    assert list(new_faults(packaged_rows(), [], change, TODAY)) == []
    too_late = [change[0], said(town, ab=date(2027, 1, 2), key="05315000", table="gemeinde")]
    assert [day for day, _ in new_faults(packaged_rows(), [], too_late, TODAY)] == [date(2027, 1, 1)]


def test_what_was_wrong_before_does_not_stop_a_change() -> None:
    broken = [said(authority(art="zab"), 1)]
    assert list(new_faults(packaged_rows(), broken, [said(KLINIK, 2, key="mrv:klinik")], TODAY)) == []


@pytest.mark.parametrize(
    ("table", "row", "fault"),
    [
        ("behoerde", KLINIK, None),
        ("behoerde", authority("abh:09162000", art="abh", name="Landeshauptstadt München"), None),
        ("behoerde", authority("gds:1101S", art="sta", name="Staatsanwaltschaft Berlin"), None),
        ("behoerde", authority("pol:05.1-12", art="polizei", name="Polizei"), None),
        ("behoerde", KLINIK | {"key": "mrv:Klinik"}, "key"),
        ("behoerde", KLINIK | {"key": "gw:nrw"}, "key"),
        ("behoerde", KLINIK | {"art": "jva"}, "art"),
        ("behoerde", KLINIK | {"art": "klinik"}, "art"),
        ("behoerde", KLINIK | {"name": ""}, "name"),
        ("behoerde", KLINIK | {"name": "a\nb"}, "name"),
        ("behoerde", KLINIK | {"name": "a\u009bb"}, "name"),
        ("behoerde", KLINIK | {"name": "x" * 501}, "name"),
        ("behoerde", KLINIK | {"name": " x"}, "name"),
        ("behoerde", KLINIK | {"ags": "5315000"}, "ags"),
        ("behoerde", KLINIK | {"ags": "09162000"}, "ags"),
        ("behoerde", KLINIK | {"gueltig_ab": "20260101"}, "gueltig_ab"),
        ("behoerde", KLINIK | {"gueltig_bis": "2026-02-30"}, "gueltig_ab und gueltig_bis"),
        ("behoerde", KLINIK | {"gueltig_ab": "2026-02-02", "gueltig_bis": "2026-02-01"}, "gueltig_bis"),
        ("behoerde", KLINIK | {"konfidenz": "sicher"}, "konfidenz"),
        ("behoerde", KLINIK | {"telefon": "1"}, "telefon"),
        ("gemeinde", {"ags": "5315000"}, "ags"),
        ("gemeinde", {"ags": "09162000"}, "ags"),
        ("gemeinde", {"ags": "05315000", "kreis_ags": "05314"}, "kreis_ags"),
        ("gemeinde", {"ags": "05315000", "regierungsbezirk": "Münster"}, "regierungsbezirk"),
        ("aufnahmeeinrichtung", {"key": "mrv:x", "name": "x", "art": "EAE", "ags": "05315000"}, "key"),
        ("aufnahmeeinrichtung", {"key": "nrw:x", "name": "x", "art": "EAE", "ags": ""}, "ags"),
    ],
)
def test_a_row_by_itself(table: str, row: dict[str, str], fault: str | None) -> None:
    found = row_faults(table, row)
    assert bool(found) is (fault is not None)
    assert fault is None or any(text.startswith(fault) for text in found)
