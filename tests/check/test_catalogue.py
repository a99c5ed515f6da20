"""What is valid when: one version of a standard on a day, overlap and previews by setting."""

from datetime import date, timedelta

import pytest

from gateway.check.catalogue import Catalogue, Pack, merged
from gateway.check.resources import SchemaStore, official_validity
from gateway.errors import Invalid

DAY = timedelta(days=1)
CHANGE = date(2027, 4, 30)


def pack(version: str, ab: date, bis: date | None = None, muster: str | None = None, namensraum: str = "urn:x") -> Pack:
    pattern = muster or version.replace(".", r"\.")
    return Pack(f"x-{version}", "xjustiz", namensraum, version, pattern, ab, bis, "", {"nachricht.a": "a.xsd"})


OLD = pack("3.6.2", date(2026, 4, 30))
NEW = pack("4.0.0", CHANGE, muster=r"4\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def catalogue(overlap: int = 0, *vorschau: str) -> Catalogue:
    return merged([NEW, OLD], timedelta(days=overlap), frozenset(vorschau))


def code(found: Catalogue, version: str | None, day: date, root: str = "nachricht.a") -> str:
    try:
        return found.find("urn:x", root, version, day).version
    except Invalid as refusal:
        return refusal.code


def test_exactly_one_version_is_valid_on_every_day_around_the_change() -> None:
    for offset in range(-400, 400):
        day = CHANGE + offset * DAY
        valid = [each for each in catalogue().packs if each.gilt(day, timedelta(0))]
        assert [each.version for each in valid] == ([] if day < OLD.ab else ["3.6.2"] if day < CHANGE else ["4.0.0"])


def test_a_successor_ends_its_predecessor_even_if_it_claims_to_last_longer() -> None:
    ends = merged([pack("1.0.0", date(2026, 1, 1), date(2030, 1, 1)), NEW], timedelta(0), frozenset()).packs
    assert [each.bis for each in ends] == [CHANGE - DAY, None]


def test_the_overlap_keeps_the_old_version_for_its_days_and_no_longer() -> None:
    assert code(catalogue(0), "3.6.2", CHANGE) == "version_nicht_gueltig"
    assert code(catalogue(30), "3.6.2", CHANGE + 29 * DAY) == "3.6.2"
    assert code(catalogue(30), "3.6.2", CHANGE + 30 * DAY) == "version_nicht_gueltig"
    assert code(catalogue(30), "4.0.0", CHANGE - DAY) == "version_nicht_gueltig"


def test_a_preview_is_taken_early_only_by_its_name() -> None:
    assert code(catalogue(0, "x-4.0.0"), "4.0.0", CHANGE - 100 * DAY) == "4.0.0"
    assert code(catalogue(0, "x-4.0.1"), "4.0.0", CHANGE - 100 * DAY) == "version_nicht_gueltig"


@pytest.mark.parametrize(
    ("version", "expected"), [("4.0.0", "4.0.0"), ("4.17.3", "4.0.0"), ("4.01.0", None), ("5.0.0", None)]
)
def test_from_4_on_a_pack_takes_what_its_own_pattern_accepts(version: str, expected: str | None) -> None:
    assert code(catalogue(), version, CHANGE) == (expected or "version_unbekannt")


def test_a_missing_version_and_an_unknown_root_are_refused_with_what_is_taken() -> None:
    assert code(catalogue(), None, CHANGE) == "version_unbekannt"
    with pytest.raises(Invalid, match=r"nachricht\.a") as caught:
        catalogue().find("urn:x", "nachricht.b", "4.0.0", CHANGE)
    assert caught.value.code == "wurzel_unbekannt"
    with pytest.raises(Invalid, match="urn:x") as caught:
        catalogue().find("urn:y", "nachricht.a", "4.0.0", CHANGE)
    assert caught.value.code == "wurzel_unbekannt"


def test_the_packaged_catalogue_holds_both_families_and_the_official_days() -> None:
    packaged = SchemaStore().catalogue()
    assert {each.familie for each in packaged.packs} == {"justiz", "ausl"}
    assert official_validity()["xjustiz-3.6.2"] == (date(2026, 4, 30), date(2027, 4, 29))
    assert official_validity()["xjustiz-4.0.0"] == (date(2027, 4, 30), None)


def test_every_packaged_root_has_a_schema_that_compiles() -> None:
    store = SchemaStore()
    for each in store.catalogue().packs:
        for root in each.wurzeln:
            assert store.schema(each, root) is store.schema(each, root)
