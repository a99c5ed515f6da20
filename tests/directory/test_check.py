"""What `gateway directory check` finds."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from gateway.route.directory_check import examine
from gateway.route.overlay import COLUMNS, Correction
from gateway.route.resources import packaged_rows

TODAY = date(2026, 11, 22)
NEW_TOWN = dict(packaged_rows()["gemeinde"]["05911000"]) | {"ags": "05999999", "kreis_ags": "05999"}


def said(table: str, key: str, ab: date | None = None, bis: date | None = None, **changes: str) -> Correction:
    row = dict.fromkeys(COLUMNS[table], "") | dict(packaged_rows()[table].get(key, {}))
    return Correction(table, key, row | {COLUMNS[table][0]: key} | changes, 1, ab, bis)


def test_the_packaged_directory_has_nothing_wrong_and_its_unsure_rows_counted() -> None:
    report = examine(packaged_rows(), (), TODAY)
    assert (report.errors, report.warnings) == ([], [])
    assert (report.counts["Gemeinden"], report.counts["kreisfreie Städte"]) == (396, 22)
    assert report.counts["Große kreisangehörige Städte"] == 35
    unsure = [row for row in packaged_rows()["gemeinde"].values() if "Gedächtnis" in row["konfidenz_justiz"]]
    assert report.counts["unsicher: Gemeinden"] >= len(unsure) > 0


@pytest.mark.parametrize(
    ("correction", "error"),
    [
        (said("gemeinde", "05315000", abh="abh:99999"), "abh:99999"),
        (said("gemeinde", "05315000", polizei="gds:R3300S"), "polizei"),
        (said("gemeinde", "05315000", sta=""), "sta"),
        (said("gemeinde", "05315000", ab=date(2027, 1, 1), zab="zab:bonn"), "Ab 01.01.2027"),
        (said("behoerde", "abh:05315000", gueltig_bis="2026-11-21"), "abh:05315000"),
        (said("behoerde", "abh:05315000", gueltig_bis="2026-12-31"), "Ab 01.01.2027"),
        (said("behoerde", "mrv:x", art="mrv", name="X", ags="05999999"), "05999999"),
        (said("behoerde", "mrv:x", art="mrv", name="X", konfidenz="bestimmt"), "konfidenz"),
    ],
)
def test_what_leaves_somebody_without_an_authority_is_an_error(correction: Correction, error: str) -> None:
    assert any(error in line for line in examine(packaged_rows(), [correction], TODAY).errors)


@pytest.mark.parametrize(
    ("correction", "warning"),
    [
        (said("gemeinde", "05999999", **NEW_TOWN), "397 Gemeinden"),
        (said("gemeinde", "05315000", typ="Große kreisangehörige Stadt"), "21 kreisfreie Städte"),
        (said("gemeinde", "05315000", zab="zab:unna"), "Regierungsbezirk ihrer ZAB"),
        (said("gemeinde", "05315000", abh="abh:05382"), "„abh:05315000“ ist für keine Gemeinde zuständig"),
        (said("behoerde", "mrv:x", art="mrv", name="Stadt Köln – Ausländerbehörde"), "2 Behörden heißen"),
        (said("behoerde", "mrv:x", art="mrv", name="X", gueltig_bis="2026-12-24"), "endet am 24.12.2026"),
        (said("behoerde", "abh:05315000", bis=date(2026, 12, 24), name="X"), "gilt nur bis 24.12.2026"),
        (said("behoerde", "abh:05315000", ab=date(2027, 12, 24), name="X"), "ab 24.12.2027 eine Änderung"),
    ],
)
def test_what_deserves_a_look_is_a_warning(correction: Correction, warning: str) -> None:
    report = examine(packaged_rows(), [correction], TODAY)
    assert report.errors == []
    assert any(warning in line for line in report.warnings)


def test_how_soon_is_a_setting() -> None:
    ending = said("behoerde", "mrv:x", art="mrv", name="X", gueltig_bis="2026-12-24")
    assert examine(packaged_rows(), [ending], TODAY, soon=timedelta(days=31)).warnings == []
    assert len(examine(packaged_rows(), [ending], TODAY, soon=timedelta(days=32)).warnings) == 1


def test_authorities_in_use_that_the_directory_does_not_know_or_no_longer() -> None:
    closed = said("behoerde", "mrv:x", art="mrv", name="X", gueltig_bis="2026-11-01")
    used = [("Partner a", "abh:05315000"), ("Partner b", "mrv:x"), ("[[zugang]] 1", "gds:X9999")]
    warnings = examine(packaged_rows(), [closed], TODAY, in_use=used).warnings
    assert [line.partition(":")[0] for line in warnings] == ["Partner b", "[[zugang]] 1"]
