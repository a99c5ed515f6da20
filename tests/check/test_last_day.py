"""The calendar ends: a message of its last day is judged like any other."""

from pathlib import Path

import pytest
from lxml import etree

from gateway.check import anlass_rules
from gateway.check.facts import anlass_of
from gateway.check.head import head_of
from gateway.check.rules import Subject
from gateway.route.resources import packaged_directory

EXAMPLE = Path(__file__).parents[2] / "schemas" / "beispiele" / "abschiebung_durchgefuehrt" / "gueltig.xml"


@pytest.mark.parametrize("made", ["9999-12-31", "0001-01-01"])
def test_a_message_made_on_the_last_or_first_day_is_judged(made: str) -> None:
    root = etree.fromstring(EXAMPLE.read_bytes())
    (moment,) = [e for e in root.iter(etree.Element) if etree.QName(e).localname == "erstellungszeitpunkt"]
    moment.text = f"{made}T10:00:00+01:00"
    subject = Subject(root, head_of(root, "ausl", packaged_directory()), None, anlass_of(root))
    found = [finding.code for rule in anlass_rules.RULES for finding in rule(subject)]
    assert ("tag_in_der_zukunft" in found) == (made < "2026")
