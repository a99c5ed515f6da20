"""The tables of words against the XSDs: nothing is missing, nothing is of another kind than the schema says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from gateway.render import words
from gateway.render.codes import STATES
from gateway.render.labels import ANLASS_LABELS, ATTRIBUTE_LABELS, LABELS, WITHIN, label_of

XS = "{http://www.w3.org/2001/XMLSchema}"
KINDS = {
    "Datum": words.DAYS,
    "Datumsangabe": words.DAYS,
    "Zeitpunkt": words.TIMES,
    "Zeitpunkt.MitZone": words.TIMES,
    "Ja": words.YES_OR_NO,
    "JaNein": words.YES_OR_NO,
    "xs:boolean": words.YES_OR_NO,
    "Ags": words.MUNICIPALITIES,
}


def elements(schema: Path) -> Iterator[etree._Element]:
    return etree.parse(str(schema)).iter(f"{XS}element")


def test_every_element_has_a_german_label(schema: Path) -> None:
    names = {element.get("name", "") for element in elements(schema)}
    own = {name for name in names if not name.startswith("nachricht.")}
    assert {name for name in own if name not in LABELS and name not in ANLASS_LABELS} == set()


def test_every_attribute_has_a_german_label(schema: Path) -> None:
    names = {attribute.get("name") for attribute in etree.parse(str(schema)).iter(f"{XS}attribute")}
    assert names - {None} <= set(ATTRIBUTE_LABELS)


def test_each_element_holds_the_kind_of_value_that_its_schema_says(schema: Path) -> None:
    for element in elements(schema):
        name, kind = element.get("name", ""), element.get("type", "")
        expected = words.AUTHORITIES if kind.startswith("Schluessel") else KINDS.get(kind)
        if expected is not None and name != "code":  # a code is read with its list, by the element that holds it
            assert name in expected, f"{name} is {kind}"


def test_no_text_is_read_as_a_day_or_a_yes(schema: Path) -> None:
    """An Aktenzeichen `2026-10-05` must stay what it is."""
    free = {"Aktenzeichen", "Text", "Zeile", "Begruendung", "Bezeichnung", "Behoerdenname", "Personenname", "Ortsname"}
    for element in elements(schema):
        if element.get("type") in free:
            assert element.get("name") not in words.DAYS | words.TIMES | words.YES_OR_NO | words.MUNICIPALITIES


def test_every_value_of_a_closed_list_has_its_words(schema: Path) -> None:
    tree = etree.parse(str(schema))
    named = {kind.get("name"): kind for kind in tree.iter(f"{XS}simpleType") if kind.get("name")}
    for element in elements(schema):
        source = element.find(f"{XS}simpleType")
        kind = source if source is not None else named.get(element.get("type"))
        values = {value.get("value") for value in kind.iter(f"{XS}enumeration")} if kind is not None else set()
        assert values <= set(words.WORDS.get(element.get("name", ""), {}))


def test_labels_are_german_prose() -> None:
    for label in (*LABELS.values(), *ANLASS_LABELS.values(), *ATTRIBUTE_LABELS.values(), *WITHIN.values()):
        assert label[0].isupper() or label in {"id"}
        assert "ae" not in label.lower().replace("israel", "")
        assert "  " not in label


def test_a_name_can_mean_something_else_within_another() -> None:
    assert label_of("verfahren") == "Strafverfahren"
    assert label_of("verfahren", "mic") == "Verfahren"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("2026-10-05", "05.10.2026"),
        ("1988-11", "11.1988"),
        ("1988", "1988"),
        ("demnächst", "demnächst"),
        ("2026-10-05+02:00", "2026-10-05+02:00"),
    ],
)
def test_days(raw: str, shown: str) -> None:
    assert words.day(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("2026-10-06T08:30:00+02:00", "06.10.2026, 08:30 Uhr (UTC+02:00)"),
        ("2026-10-06T08:30:07Z", "06.10.2026, 08:30:07 Uhr (UTC)"),
        ("2026-10-06T08:30:00.250", "06.10.2026, 08:30:00.250 Uhr"),
        ("2026-10-06T08:30:00.000", "06.10.2026, 08:30 Uhr"),
        ("2026-10-06", "06.10.2026"),
        ("bald", "bald"),
    ],
)
def test_times(raw: str, shown: str) -> None:
    assert words.time(raw) == shown


def test_keys_of_states_are_unique_and_have_three_digits() -> None:
    assert len(STATES) == len(set(STATES.values())) == 208
    assert all(len(key) == 3 and key.isdigit() for key in STATES)
    assert (STATES["163"], STATES["423"], STATES["000"]) == ("Türkei", "Afghanistan", "Deutschland")
