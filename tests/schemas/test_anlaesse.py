"""Each Anlass takes all facts that its number knows, in the Sachverhalt's order, and nothing else."""

import dataclasses
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from routing.sachverhalt import ANLAESSE, EINGELEITET_DURCH, Sachverhalt, ist_schluessel

SCHEMAS = Path(__file__).parents[2] / "schemas"
NAMESPACE = "urn:de:nrw:strafausl:1"
EXAMPLES = {"9900001": "mitteilung-2.1.xml", "9900002": "haft-3.2.xml"}
MESSAGES = [
    entry
    for pack in tomllib.loads((SCHEMAS / "katalog.toml").read_text(encoding="utf-8"))["pack"]
    for entry in pack.get("nachricht", [])
    if entry["anlaesse"]
]
CASES = [(entry["nummer"], anlass) for entry in MESSAGES for anlass in entry["anlaesse"]]

DAY = "2026-10-05"
FACTS = {
    "stand": DAY,
    "azr": "<abgefragt>true</abgefragt><aktenfuehrendeAbh>zab:unna</aktenfuehrendeAbh>",
    "bekannteAbh": "abh:05382",
    "tatortAgs": "05314000",
    "wohnsitzAgs": "05315000",
    "aufenthaltsortAgs": "05315000",
    "auflage": "<ags>05382056</ags><art>wohnsitzauflage</art>",
    "aufnahmeeinrichtung": "<ags>05382056</ags><landNrw>true</landNrw><art>unterbringung</art>",
    "haftanstalt": "mrv:musterklinik",
    "verfahren": "<staatsanwaltschaft>gds:R3300S</staatsanwaltschaft><gericht>gds:R3306</gericht>"
    "<aktenzeichen>111 Js 1/26</aktenzeichen>",
    "eingeleitetDurch": "bundespolizei",
    "bereitsUnterrichtet": "<abh>abh:05382</abh><durch>pol:05211370455501</durch><am>2026-10-02</am>"
    "<aktenkundig>true</aktenkundig>",
    "gefaehrdetUntersuchungszweck": "true",
    "jggVerfahren": "false",
    "unionsbuerger": "true",
    "bestehenAuf": "Die ABH hat darum gebeten – „bitte immer“.",
    "halbstrafenzeitpunkt": "2027-03-31",
    "entlassungAm": DAY,
    "eingangStrafanzeige": DAY,
}
"""Every fact that an Anlass of this issue can carry, with a value."""
EXTRAS = {
    "tatvorwurf": "Diebstahl",
    "eingeleitetAm": DAY,
    "erkenntnis": "Aufenthalt ohne Aufenthaltstitel",
    "ersuchenderStaat": '<code xmlns="">163</code>',
    "haftbefehlVom": DAY,
    "aufgehobenAm": DAY,
    "antrittAm": DAY,
    "verlegungAm": DAY,
    "auswahl_zielanstalt": "<zielanstalt>gds:R9071</zielanstalt>",
    "bisherigerTermin": "2026-11-05",
}
"""What a number demands beyond the facts."""


def camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(part.capitalize() for part in rest)


def children(anlass: str, family) -> Iterator[tuple[str, bool]]:
    """Name of each child that the XSD allows in this Anlass, and whether it must be there."""
    nummer = next(nummer for nummer, name in CASES if name == anlass)
    root = next(element for name, element in family.python.elements.items() if name.endswith(nummer))
    (found,) = (node for node in root.iter() if node.local_name == camel(anlass))
    for element in found.type.content.iter_elements():
        yield element.local_name, element.min_occurs > 0


def message(nummer: str, anlass: str, names: list[str]) -> bytes:
    """The example of this number with another Anlass that holds these children."""
    root = etree.parse(str(SCHEMAS / "beispiele" / EXAMPLES[nummer])).getroot()
    choice = root.find("{*}fachdaten/{*}auswahl_anlass")
    attributes = {"ersuchenderStaat": ' listVersionID="6.1"'}
    content = "".join(f"<{n}{attributes.get(n, '')}>{(FACTS | EXTRAS)[n]}</{n}>" for n in names)
    choice[:] = [etree.fromstring(f'<{camel(anlass)} xmlns="{NAMESPACE}">{content}</{camel(anlass)}>')]
    return etree.tostring(root, encoding="UTF-8")


def test_the_catalogue_names_known_anlaesse_once_and_the_xsd_names_the_same(families) -> None:
    names = [anlass for _, anlass in CASES]
    assert len(names) == len(set(names))
    assert set(names) <= set(ANLAESSE)
    for entry in MESSAGES:
        root = families[NAMESPACE].python.elements[entry["wurzel"]]
        choice = next(node for node in root.iter() if node.local_name == "auswahl_anlass")
        assert [node.local_name for node in choice.type.content.iter_elements()] == [
            camel(a) for a in entry["anlaesse"]
        ]


@pytest.mark.parametrize(("nummer", "anlass"), CASES, ids=[anlass for _, anlass in CASES])
def test_all_facts_at_once_and_only_the_required_ones(nummer: str, anlass: str, families, verdicts) -> None:
    allowed = list(children(anlass, families[NAMESPACE]))
    assert verdicts(message(nummer, anlass, [name for name, _ in allowed])) == (True, True)
    assert verdicts(message(nummer, anlass, [name for name, must in allowed if must])) == (True, True)
    for name in (name for name, must in allowed if must):
        rest = [other for other, must in allowed if must and other != name]
        assert verdicts(message(nummer, anlass, rest)) == (False, False), name


@pytest.mark.parametrize(("nummer", "anlass"), CASES, ids=[anlass for _, anlass in CASES])
def test_facts_come_first_in_the_order_of_the_sachverhalt(nummer: str, anlass: str, families) -> None:
    order = [camel(field.name) for field in dataclasses.fields(Sachverhalt)]
    names = [name for name, _ in children(anlass, families[NAMESPACE])]
    facts = [name for name in names if name in order]
    assert names[: len(facts)] == facts == sorted(facts, key=order.index)
    assert set(names[len(facts) :]) <= set(EXTRAS)
    assert {"stand", "azr", "bekannteAbh", "gefaehrdetUntersuchungszweck", "unionsbuerger", "bestehenAuf"} <= set(facts)


@pytest.mark.parametrize(("nummer", "anlass"), CASES, ids=[anlass for _, anlass in CASES])
def test_facts_of_other_numbers_are_refused(nummer: str, anlass: str, families, verdicts) -> None:
    allowed = [name for name, _ in children(anlass, families[NAMESPACE])]
    foreign = [name for name in FACTS if name not in allowed]
    for name in foreign:
        order = [n for n in FACTS if n in allowed or n == name] + [n for n in allowed if n in EXTRAS]
        assert verdicts(message(nummer, anlass, order)) == (False, False), name


def test_several_proceedings_may_be_named(verdicts) -> None:
    names = ["verfahren", "verfahren", "antrittAm"]
    assert verdicts(message("9900002", "strafhaft_antritt", names)) == (True, True)


def test_values_outside_their_list_are_refused(families) -> None:
    kind = families[NAMESPACE].python.types["Sachverhalt.EingeleitetDurch"]
    assert set(kind.enumeration) == set(EINGELEITET_DURCH)


@pytest.mark.parametrize(
    ("key", "valid"),
    [
        ("abh:05382", True),
        ("abh:05315000", True),
        ("abh:0538", False),
        ("zab:koeln", True),
        ("zab:bonn", False),
        ("gds:R3300S", True),
        ("gds:r3300s", False),
        ("pol:05211370455501", True),
        ("mrv:klinik-viersen", True),
        ("mrv:-klinik", False),
        ("bamf:zentrale", True),
        ("bamf:koeln", False),
        ("nrw:ufa-bueren", True),
        ("gw:nrw", True),
        ("gw:", False),
        ("xyz:1", False),
        ("abh:05382\n", False),
        ("nrw:" + "a" * 100, False),
    ],
)
def test_keys_are_strict_in_both_validators(key: str, valid: bool, families) -> None:
    assert families[NAMESPACE].python.types["Schluessel"].is_valid(key) is valid
    root: Any = etree.parse(str(SCHEMAS / "beispiele/verarbeitungsbestaetigung.xml")).getroot()
    root.find(".//{*}behoerde/{*}kennung").text = key
    assert families[NAMESPACE].libxml2.validate(root) is valid
    assert ist_schluessel(key) or not valid


@pytest.mark.parametrize("name", ["Begruendung", "Behoerdenname"])
def test_free_text_takes_a_dash_and_refuses_blanks(name: str, families) -> None:
    kind = families[NAMESPACE].python.types[name]
    assert kind.is_valid("Stadt Köln – Ausländerbehörde")
    assert not kind.is_valid("")
    assert not kind.is_valid("  ")


@pytest.mark.parametrize("size", [20_001, 1_000_000])
def test_texts_beyond_their_limit_are_refused(size: int, verdicts) -> None:
    for unit in ("a", " ", "\u00a0"):
        content = message("9900001", "erkenntnis_87_abs_2", ["erkenntnis"]).decode()
        content = content.replace(EXTRAS["erkenntnis"], unit * size)
        assert verdicts(content.encode()) == (False, False)
