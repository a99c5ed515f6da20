"""The one table: Sachverhalt → XML → Sachverhalt for every Anlass, and what the head adds."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.check import explain, facts, intake
from gateway.check.compose import DETAILS, Datei, NoticeHead, Person, compose_notice
from gateway.check.facts import FACTS, NAMESPACES, ROOT_OF, Fact, facts_from_xml, facts_to_xml
from gateway.check.head import head_of
from gateway.check.resources import SchemaStore, compiled, packaged_folder
from gateway.errors import Invalid
from gateway.message import Kopf
from routing.sachverhalt import ANLAESSE, AUFLAGE_ARTEN, EINGELEITET_DURCH, MASSNAHMEN, UNTERBRINGUNG_ARTEN, Sachverhalt
from routing.verzeichnis import Verzeichnis

from .conftest import FILE, ID, OTHER_ID

SCHEMA = compiled(packaged_folder() / "justiz" / "1.0" / "strafausl.xsd", packaged_folder())

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZäöüÄÖÜßéčł0123456789 /.,-()§&<>'\""
texts = st.text(LETTERS, min_size=1, max_size=60).filter(lambda text: text.strip() == text)
days = st.dates(datetime(1900, 1, 1).date(), datetime(2199, 12, 31).date()).map(str)  # noqa: DTZ001 - days only
ags = st.from_regex(r"0[1-9][0-9]{6}", fullmatch=True)
abh = st.one_of(st.from_regex(r"abh:05[0-9]{3}([0-9]{3})?", fullmatch=True), st.sampled_from(["zab:koeln", "zab:unna"]))
gds = st.from_regex(r"gds:[A-Z][0-9]{4}[A-Z]?", fullmatch=True)
pol = st.from_regex(r"pol:05[0-9]{12}", fullmatch=True)
BY_KEY: dict[str, st.SearchStrategy[Any]] = {
    "aktenzeichen": texts,
    "rechtsgrundlage": texts,
    "bestehen_auf": texts,
    "eingeleitet_durch": st.sampled_from(EINGELEITET_DURCH),
    "massnahme": st.sampled_from(MASSNAHMEN),
    "ags": ags,
    **dict.fromkeys(("tatort_ags", "wohnsitz_ags", "aufenthaltsort_ags"), ags),
    **dict.fromkeys(("staatsanwaltschaft", "gericht", "haftanstalt", "vollstreckungsbehoerde", "durch"), gds),
    "befasste_polizei": pol,
    **dict.fromkeys(("bekannte_abh", "aktenfuehrende_abh", "ersuchende_abh", "neue_abh", "empfaenger", "abh"), abh),
    **dict.fromkeys(("stand", "am", "halbstrafenzeitpunkt", "entlassung_am", "eingang_strafanzeige"), days),
    "telefonisch_am": days,
}
ARTEN = {"auflage": AUFLAGE_ARTEN, "aufnahmeeinrichtung": UNTERBRINGUNG_ARTEN}


def value_of(fact: Fact, complete: bool) -> st.SearchStrategy[Any]:
    if fact.converter is facts.BOOLEAN:
        return st.booleans()
    if fact.converter is not None:
        return BY_KEY[fact.key]
    parts = {
        part.key: st.sampled_from(ARTEN[fact.key]) if part.key == "art" else value_of(part, complete)
        for part in fact.parts
    }
    group = st.fixed_dictionaries(parts) if complete else st.fixed_dictionaries({}, optional=parts)
    return st.lists(group, min_size=1, max_size=3) if fact.repeats else group


def sachverhalte(
    anlass: str, table: tuple[Fact, ...] = FACTS, complete: bool = False
) -> st.SearchStrategy[Sachverhalt]:
    optional = {fact.key: value_of(fact, complete) for fact in table}
    fixed = {"anlass": st.just(anlass), "absender": st.one_of(gds, pol)}
    return st.fixed_dictionaries(fixed, optional=optional).map(Sachverhalt.from_json)


def kopf(sachverhalt: Sachverhalt, empfaenger: str | None = None) -> Kopf:
    root = ROOT_OF[sachverhalt.anlass]
    absender = sachverhalt.absender
    return Kopf(root.familie, root.name, "1.0.0", False, absender, empfaenger, ID, None, None, None, None, "", ())


def message(sachverhalt: Sachverhalt) -> etree._Element:
    """The least message that carries the facts, through bytes and back."""
    root = ROOT_OF[sachverhalt.anlass]
    namespace = NAMESPACES[root.familie]
    inner = namespace if root.familie == "justiz" else None
    top = etree.Element(f"{{{namespace}}}{root.name}")
    data = etree.SubElement(top, facts._tag(inner, "fachdaten"))
    etree.SubElement(data, facts._tag(inner, "auswahl_anlass")).append(facts_to_xml(sachverhalt, inner))
    return intake.parse(etree.tostring(top, encoding="UTF-8")).root


def test_the_table_has_every_key_of_a_sachverhalt_in_its_order() -> None:
    assert [fact.key for fact in FACTS] == [field.name for field in dataclasses.fields(Sachverhalt)][2:]


def test_every_anlass_has_one_root_and_one_element() -> None:
    assert set(ROOT_OF) == set(ANLAESSE)
    assert len(facts.ANLASS_OF) == len(ANLAESSE)
    assert facts.ELEMENT_OF["erkenntnis_87_abs_2"] == "erkenntnis87Abs2"
    assert sorted(root.nummer for root in facts.ROOTS) == [f"99000{n:02}" for n in range(1, 14)]


@pytest.mark.parametrize("anlass", ANLAESSE)
@given(data=st.data())
@settings(max_examples=20)
def test_facts_survive_the_way_through_xml(anlass: str, data: st.DataObject) -> None:
    before = data.draw(sachverhalte(anlass))
    assert facts_from_xml(message(before), kopf(before)) == before


ALWAYS = [
    *("stand", "azr", "bekannte_abh", "wohnsitz_ags", "aufenthaltsort_ags", "auflage", "aufnahmeeinrichtung"),
    *("haftanstalt", "verfahren", "gefaehrdet_untersuchungszweck", "jgg_verfahren", "unionsbuerger", "bestehen_auf"),
    *("halbstrafenzeitpunkt", "entlassung_am"),
]
MORE = {
    "ermittlungsverfahren_eingeleitet": [
        "tatort_ags",
        "eingeleitet_durch",
        "bereits_unterrichtet",
        "eingang_strafanzeige",
    ],
    "erkenntnis_87_abs_2": ["tatort_ags", "eingang_strafanzeige"],
    "auslieferungsverfahren_eingeleitet": ["tatort_ags", "eingeleitet_durch", "bereits_unterrichtet"],
    "haftbefehl_erlassen": ["tatort_ags"],
    "haftbefehl_aufgehoben": ["tatort_ags"],
}
VALUES = {
    "tatvorwurf": "Diebstahl",
    "erkenntnis": "Aufenthalt ohne Titel",
    "ersuchenderStaat": "163",
    "zielanstalt": "gds:R8088",
}


@pytest.mark.parametrize("anlass", [*DETAILS, "untersuchungshaft_entlassung", "entlassungstermin_festgesetzt"])
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_composed_notices_are_valid_and_read_back_as_the_same_facts(anlass: str, data: st.DataObject) -> None:
    table = tuple(fact for fact in FACTS if fact.key in {*ALWAYS, *MORE.get(anlass, [])})
    before = data.draw(sachverhalte(anlass, table, complete=True))
    if before.entlassung_am is None and "entlassung" in anlass:
        before = dataclasses.replace(before, entlassung_am=datetime(2026, 12, 1, tzinfo=UTC).date())
    details = {name: VALUES.get(name, "2026-11-20") for name in DETAILS.get(anlass, ())}
    head = NoticeHead(ID, datetime(2026, 11, 22, tzinfo=UTC), azr_nummer="210417123456", test=data.draw(st.booleans()))
    xml = compose_notice(before, head, Person("Muster"), [Datei(FILE, OTHER_ID)], details)
    root = intake.parse(xml).root
    assert SCHEMA.validate(root), SCHEMA.error_log
    read = head_of(root, "justiz", EMPTY)
    assert (read.absender, read.test, read.dateien) == (before.absender, head.test, (FILE,))
    assert facts_from_xml(root, read) == before


@pytest.mark.parametrize("familie", ["justiz", "ausl"])
def test_the_xsds_agree_with_the_table(familie: str) -> None:
    entry = next(pack for pack in SchemaStore().catalogue().packs if pack.familie == familie)
    declared = {root.name: root for root in facts.ROOTS if root.familie == familie}
    assert set(declared) <= set(entry.wurzeln)
    schema = explain.load(Path(entry.ort) / next(iter(entry.wurzeln.values())))
    order = [fact.element for fact in FACTS]
    for name, root in declared.items():
        choice = next(node for node in schema.elements[name].iter() if node.local_name == "auswahl_anlass")
        occasions = list(choice.type.content.iter_elements())
        assert {facts.ANLASS_OF[node.local_name] for node in occasions} == set(root.anlaesse), name
        for occasion in occasions:
            names = list(dict.fromkeys(node.local_name for node in occasion.type.content.iter_elements()))
            known = [element for element in names if element in order]
            assert known == sorted(known, key=order.index), occasion.local_name
            assert names[: len(known)] == known, occasion.local_name


EMPTY = Verzeichnis.aus_zeilen([], [])


def haft(**more: Any) -> Sachverhalt:
    return Sachverhalt.from_json({"anlass": "untersuchungshaft_antritt", "absender": "gds:R8088", **more})


def test_an_auslaenderbehoerde_named_in_the_head_is_the_known_one() -> None:
    for key in ("abh:05315000", "zab:koeln"):
        read = facts_from_xml(message(haft()), kopf(haft(), key))
        assert read == haft(bekannte_abh=key)


def test_another_recipient_in_the_head_is_no_known_abh() -> None:
    assert facts_from_xml(message(haft()), kopf(haft(), "gds:R3300S")) == haft()


def test_head_and_facts_must_not_contradict_each_other() -> None:
    stated = haft(bekannte_abh="abh:05382")
    assert facts_from_xml(message(stated), kopf(stated, "abh:05382")) == stated
    with pytest.raises(Invalid) as caught:
        facts_from_xml(message(stated), kopf(stated, "abh:05315000"))
    assert caught.value.code == "empfaenger_widerspruch"
    assert caught.value.befunde[0].xpath


def test_a_further_notice_takes_its_recipient_from_the_head() -> None:
    further = Sachverhalt.from_json({"anlass": "weitere_mitteilung", "absender": "gds:R8088"})
    read = facts_from_xml(message(further), kopf(further, "bamf:zentrale"))
    assert read is not None
    assert (read.empfaenger, read.bekannte_abh) == ("bamf:zentrale", None)


def test_an_anlass_in_a_foreign_root_is_refused() -> None:
    head = dataclasses.replace(kopf(haft()), wurzel="nachricht.strafausl.mitteilung.9900001")
    with pytest.raises(Invalid) as caught:
        facts_from_xml(message(haft()), head)
    assert caught.value.code == "anlass_nummer"


def test_a_root_without_facts_gives_none() -> None:
    root = intake.parse((packaged_folder() / "beispiele" / "weiterleitung.xml").read_bytes()).root
    assert facts_from_xml(root, head_of(root, "ausl", EMPTY)) is None


def test_facts_that_are_no_sachverhalt_are_refused_with_their_place() -> None:
    root = message(haft(entlassung_am="2026-12-01"))
    (node,) = root.iter("{*}entlassungAm")
    node.text = "1066-10-14"
    with pytest.raises(Invalid) as caught:
        facts_from_xml(root, kopf(haft()))
    assert caught.value.code == "sachverhalt"
    assert "entlassung_am" in caught.value.befunde[0].text
    assert "1066" not in str(caught.value.as_problem())


def test_compose_refuses_what_it_cannot_write() -> None:
    head = NoticeHead(ID, datetime(2026, 11, 22, tzinfo=UTC))
    request = Sachverhalt.from_json({"anlass": "einvernehmen_ersuchen", "absender": "abh:05382"})
    with pytest.raises(ValueError, match="family ausl"):
        compose_notice(request, head, Person("Muster"))
    with pytest.raises(ValueError, match="tatvorwurf"):
        compose_notice(haft(), head, Person("Muster"), details={"tatvorwurf": "x"})
