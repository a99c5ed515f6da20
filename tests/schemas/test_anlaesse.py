"""Each Anlass takes all facts that its number knows, in the Sachverhalt's order, and nothing else."""

import copy
import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from routing.sachverhalt import ANLAESSE, EINGELEITET_DURCH, Sachverhalt

SCHEMAS = Path(__file__).parents[2] / "schemas"
NAMESPACE = "urn:de:nrw:strafausl:1"
MESSAGES = [
    (pack["namensraum"], entry)
    for pack in tomllib.loads((SCHEMAS / "katalog.toml").read_text(encoding="utf-8"))["pack"]
    for entry in pack.get("nachricht", [])
    if entry["anlaesse"]
]
CASES = {anlass: (space, entry["wurzel"]) for space, entry in MESSAGES for anlass in entry["anlaesse"]}
EXAMPLES = {
    etree.QName(root).localname: root
    for root in (etree.parse(str(path)).getroot() for path in sorted((SCHEMAS / "beispiele").glob("*.xml")))
}

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
    "vollstreckungsbehoerde": "gds:R3300S",
    "befasstePolizei": "pol:05211370455501",
    "ersuchendeAbh": "abh:05315000",
    "neueAbh": "abh:05382",
    "empfaenger": "bamf:zentrale",
    "rechtsgrundlage": "§ 17 Nummer 1 EGGVG",
    "eingeleitetDurch": "bundespolizei",
    "bereitsUnterrichtet": "<abh>abh:05382</abh><durch>pol:05211370455501</durch><am>2026-10-02</am>"
    "<aktenkundig>true</aktenkundig>",
    "unterrichtetNach25": "true",
    "pruefergebnisNach33": "true",
    "massnahmenKommenInBetracht": "true",
    "ausnahme87Abs5Nr1": "false",
    "langfristigeAbschiebungshindernisse": "false",
    "gefaehrdetUntersuchungszweck": "true",
    "eilbeduerftig": "true",
    "jggVerfahren": "false",
    "unionsbuerger": "true",
    "massnahme": "ausweisung",
    "bestehenAuf": "Die ABH hat darum gebeten – „bitte immer“.",
    "halbstrafenzeitpunkt": "2027-03-31",
    "entlassungAm": DAY,
    "eingangStrafanzeige": DAY,
    "telefonischAm": DAY,
}
"""Every fact, with a value, in the order of the Sachverhalt."""
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
    "erlaeuterung": "Die Haftprüfung steht an.",
    "eingestelltAm": DAY,
    "eingestelltNach": "§ 170 Absatz 2 StPO",
    "beantragtAm": DAY,
    "erhobenAm": DAY,
    "termin": "2026-11-05T09:00:00+01:00",
    "terminsort": "Saal 7",
    "verhandeltAm": DAY,
    "ergebnis": "Freispruch",
    "widerrufenAm": DAY,
    "erledigtAm": DAY,
    "auswahl_erledigung": f"<verurteilung><rechtskraftAm>{DAY}</rechtskraftAm>"
    "<auswahl_urteil><urteil><ref.sgo>5f2c1d9a-7d0e-4a67-8f53-2f1e3d4c5b6a</ref.sgo></urteil></auswahl_urteil>"
    "<auswahl_rechtsfolge><freiheitsentziehung><auswahl_massnahme456a><massnahme456aFolgt>true</massnahme456aFolgt>"
    "</auswahl_massnahme456a></freiheitsentziehung></auswahl_rechtsfolge></verurteilung>",
    "auswahl_nachgereicht": f"<massnahme456aAb>{DAY}</massnahme456aAb>",
    "stellungnahme": "Keine Bedenken.",
    "inhalt": "Ein weiterer Name ist bekannt.",
    "erreichbarkeit": "<telefax>0221 000-1235</telefax>",
    "informationen": "Die Passersatzpapiere liegen vor.",
    "eilbeduerftigWeil": "Die Papiere gelten nur kurz.",
    "durchgefuehrtAm": DAY,
    "grund": "Der Flug fiel aus.",
    "zustaendigSeit": DAY,
    "anregung456a": "Es wird angeregt, von der Vollstreckung abzusehen.",
    "zweck": "Prüfung der Ausweisung",
    "auswahl_begruendung": f"<unvertretbarerAufwandMitgeteiltAm>{DAY}</unvertretbarerAufwandMitgeteiltAm>",
    "auswahl_antwort": "<einsichtGewaehrt><kopienErlaubt>false</kopienErlaubt></einsichtGewaehrt>",
}
BY_ANLASS = {
    "einvernehmen_entscheidung": {"auswahl_entscheidung": "<einvernehmenErteilt/>"},
    "entscheidung_456a": {"auswahl_entscheidung": "<nichtAbgesehen>Die Strafe ist zu lang.</nichtAbgesehen>"},
    "beteiligung_aufenthaltstitel_25": {"vorhaben": "widerruf"},
    "beteiligung_ausreisefrist_59_7": {"vorhaben": "verkuerzung"},
}
"""Extras whose name has one meaning here and another there."""
"""What a number demands beyond the facts."""

EVERYWHERE = {
    *("stand", "azr", "bekannteAbh", "wohnsitzAgs", "aufenthaltsortAgs", "auflage", "aufnahmeeinrichtung"),
    *("haftanstalt", "verfahren", "gefaehrdetUntersuchungszweck", "jggVerfahren", "unionsbuerger", "bestehenAuf"),
    "halbstrafenzeitpunkt",
}
"""Facts that any notice may carry."""


def camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(part.capitalize() for part in rest)


def children(anlass: str, families) -> list[tuple[str, bool]]:
    """Name of each child that the XSD allows in this Anlass, and whether it must be there."""
    space, root = CASES[anlass]
    (found,) = (node for node in families[space].python.elements[root].iter() if node.local_name == camel(anlass))
    return [(element.local_name, element.min_occurs > 0) for element in found.type.content.iter_elements()]


def message(anlass: str, names: list[str]) -> bytes:
    """The example of this root with this Anlass, which holds these children."""
    space, name = CASES[anlass]
    root = copy.deepcopy(EXAMPLES[name])
    choice = root.find("{*}fachdaten/{*}auswahl_anlass")
    values = FACTS | EXTRAS | BY_ANLASS.get(anlass, {})
    attributes = {"ersuchenderStaat": ' listVersionID="6.1"'}
    content = "".join(f"<{n}{attributes.get(n, '')}>{values[n]}</{n}>" for n in names)
    default = f' xmlns="{space}"' if space == NAMESPACE else ""
    choice[:] = [etree.fromstring(f"<{camel(anlass)}{default}>{content}</{camel(anlass)}>")]
    return etree.tostring(root, encoding="UTF-8")


def test_every_anlass_has_one_root_and_the_xsd_names_the_same(families) -> None:
    names = [anlass for _, entry in MESSAGES for anlass in entry["anlaesse"]]
    assert len(names) == len(set(names))
    assert set(names) == set(ANLAESSE)
    for space, entry in MESSAGES:
        root = families[space].python.elements[entry["wurzel"]]
        choice = next(node for node in root.iter() if node.local_name == "auswahl_anlass")
        assert [node.local_name for node in choice.type.content.iter_elements()] == [
            camel(a) for a in entry["anlaesse"]
        ]


@pytest.mark.parametrize("anlass", CASES)
def test_all_facts_at_once_and_only_the_required_ones(anlass: str, families, verdicts) -> None:
    allowed = children(anlass, families)
    assert verdicts(message(anlass, [name for name, _ in allowed])) == (True, True)
    assert verdicts(message(anlass, [name for name, must in allowed if must])) == (True, True)
    for name in (name for name, must in allowed if must):
        rest = [other for other, must in allowed if must and other != name]
        assert verdicts(message(anlass, rest)) == (False, False), name


@pytest.mark.parametrize("anlass", CASES)
def test_facts_come_first_in_the_order_of_the_sachverhalt(anlass: str, families) -> None:
    order = [camel(field.name) for field in dataclasses.fields(Sachverhalt)]
    names = [name for name, _ in children(anlass, families)]
    facts = [name for name in names if name in order]
    assert names[: len(facts)] == facts == sorted(facts, key=order.index)
    assert not set(names[len(facts) :]) & set(order)
    assert set(facts) >= EVERYWHERE


def test_every_fact_has_its_place(families) -> None:
    places = {name for anlass in CASES for name, _ in children(anlass, families)}
    facts = {camel(field.name) for field in dataclasses.fields(Sachverhalt)} - {"anlass", "absender"}
    assert set(FACTS) == facts
    assert facts <= places


@pytest.mark.parametrize("anlass", CASES)
def test_facts_of_other_numbers_are_refused(anlass: str, families, verdicts) -> None:
    allowed = [name for name, _ in children(anlass, families)]
    for name in (name for name in FACTS if name not in allowed):
        facts = [other for other in FACTS if other in allowed or other == name]
        assert verdicts(message(anlass, [*facts, *(n for n in allowed if n not in FACTS)])) == (False, False), name


def test_several_proceedings_may_be_named(verdicts) -> None:
    names = ["verfahren", "verfahren", "antrittAm"]
    assert verdicts(message("strafhaft_antritt", names)) == (True, True)


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
        ("pol:02398500.275.10", True),
        ("pol:1221PI-BAR-KKI", True),
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


@pytest.mark.parametrize("name", ["Begruendung", "Behoerdenname"])
def test_free_text_takes_a_dash_and_refuses_blanks(name: str, families) -> None:
    kind = families[NAMESPACE].python.types[name]
    assert kind.is_valid("Stadt Köln – Ausländerbehörde")
    assert not kind.is_valid("")
    assert not kind.is_valid("  ")


@pytest.mark.parametrize("size", [20_001, 1_000_000])
def test_texts_beyond_their_limit_are_refused(size: int, verdicts) -> None:
    for unit in ("a", " ", "\u00a0"):
        content = message("erkenntnis_87_abs_2", ["erkenntnis"]).decode()
        content = content.replace(EXTRAS["erkenntnis"], unit * size)
        assert verdicts(content.encode()) == (False, False)
