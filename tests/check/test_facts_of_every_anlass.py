"""Every Anlass of every root: facts become a whole message, valid under its XSD and the rules, and read back equal."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.check import anlass_rules, examples, intake, rules
from gateway.check.compose import Datei, NoticeHead, Person
from gateway.check.compose_any import compose_any
from gateway.check.facts import ELEMENT_OF, FACTS, ROOT_OF, Fact, facts_from_xml
from gateway.check.head import head_of
from gateway.check.resources import compiled, packaged_folder
from routing.sachverhalt import ANLAESSE, Sachverhalt
from routing.verzeichnis import Verzeichnis

from .conftest import FILE, ID, OTHER_ID
from .test_facts import sachverhalte

EMPTY = Verzeichnis.aus_zeilen([], [])
SCHEMAS = {
    "justiz": compiled(packaged_folder() / "justiz" / "1.0" / "strafausl.xsd", packaged_folder()),
    "ausl": compiled(packaged_folder() / "ausl" / "1.0" / "auslstraf.xsd", packaged_folder()),
}
DEMANDED: dict[str, Any] = {
    "massnahme": "abschiebung",
    "neue_abh": "abh:05382",
    "entlassung_am": date(2026, 12, 1),
}
"""Facts that some XSD types demand, where the draw left them out."""
DEMANDING = {
    "einvernehmen_ersuchen": ("massnahme",),
    "zustaendigkeitswechsel": ("neue_abh",),
    **dict.fromkeys(
        (
            "untersuchungshaft_entlassung",
            "entlassungstermin_vorgesehen",
            "entlassungstermin_festgesetzt",
            "entlassungstermin_geaendert",
        ),
        ("entlassung_am",),
    ),
}


def _tool() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "build_examples.py"
    spec = importlib.util.spec_from_file_location("build_examples_of_facts", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TOOL = _tool()
LIST = TOOL.read("gueltig.toml")


def whole(facts: Sachverhalt, head: NoticeHead) -> bytes:
    details = TOOL._with_document(LIST[facts.anlass].get("mehr", {}), OTHER_ID)
    if facts.anlass == "einvernehmen_ersuchen" and not facts.eilbeduerftig:
        details = {name: value for name, value in details.items() if name != "eilbeduerftigWeil"}
    return compose_any(facts, head, Person("Muster"), [Datei(FILE, OTHER_ID)], details)


def takes(anlass: str, fact: Fact) -> bool:
    """Whether the XSD of an Anlass declares a fact."""
    return fact.element in _children(ROOT_OF[anlass].familie, ELEMENT_OF[anlass])


@functools.cache
def _children(family: str, element: str) -> set[str]:
    """Names that the XSD type of an Anlass declares, groups followed."""
    found: set[str] = set()
    pending = [_TYPES[family][_ELEMENTS[family][element]]]
    while pending:
        for node in pending.pop().iter("{*}element", "{*}group"):
            if node.get("name") and node.get("name") not in found:
                found.add(node.get("name"))
            if node.get("ref"):
                pending.append(_GROUPS[family][node.get("ref")])
    return found


_TREES = {
    "justiz": [etree.parse(str(path)).getroot() for path in (packaged_folder() / "justiz" / "1.0").glob("*.xsd")],
    "ausl": [etree.parse(str(path)).getroot() for path in (packaged_folder() / "ausl" / "1.0").glob("*.xsd")],
}
_TYPES = {f: {n.get("name"): n for t in ts for n in t.iterchildren("{*}complexType")} for f, ts in _TREES.items()}
_GROUPS = {f: {n.get("name"): n for t in ts for n in t.iterchildren("{*}group")} for f, ts in _TREES.items()}
_ELEMENTS = {
    f: {
        n.get("name"): n.get("type")
        for t in ts
        for n in t.iter("{*}element")
        if (n.get("type") or "").startswith("Anlass.")
    }
    for f, ts in _TREES.items()
}


@pytest.mark.parametrize("anlass", ANLAESSE)
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_whole_messages_are_valid_and_read_back_as_the_same_facts(anlass: str, data: st.DataObject) -> None:
    table = tuple(fact for fact in FACTS if takes(anlass, fact))
    before = data.draw(sachverhalte(anlass, table, complete=True))
    for key in DEMANDING.get(anlass, ()):
        if getattr(before, key) is None:
            before = dataclasses.replace(before, **{key: DEMANDED[key]})
    if before.telefonisch_am is not None:
        before = dataclasses.replace(before, telefonisch_am=date(2026, 11, 20))
    if anlass == "entlassungstermin_geaendert" and before.entlassung_am == date(2026, 10, 15):
        before = dataclasses.replace(before, entlassung_am=date(2026, 10, 16))
    head = NoticeHead(
        ID,
        datetime(2026, 11, 22, tzinfo=UTC),
        aktenzeichen="1/26",
        aktenzeichen_empfaenger=data.draw(st.sampled_from([None, "2/26"])),
        fremde_id=OTHER_ID if "zu" in LIST[anlass] else None,
        azr_nummer="210417123456",
        test=data.draw(st.booleans()),
    )
    family = ROOT_OF[anlass].familie
    root = intake.parse(whole(before, head)).root
    assert SCHEMAS[family].validate(root), SCHEMAS[family].error_log
    read = head_of(root, family, EMPTY)
    rules.judge(rules.Subject(root, read, [FILE], anlass), anlass_rules.RULES)
    assert (read.absender, read.test, read.fremde_id) == (before.absender, head.test, head.fremde_id)
    assert (read.aktenzeichen, read.aktenzeichen_empfaenger) == ("1/26", head.aktenzeichen_empfaenger)
    assert facts_from_xml(root, read) == before


def test_every_fact_has_a_message_that_takes_it() -> None:
    assert {fact.key for fact in FACTS if any(takes(anlass, fact) for anlass in ANLAESSE)} == {f.key for f in FACTS}


@pytest.mark.parametrize("anlass", anlass_rules.BY_ANLASS)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_the_demands_judge_any_tree_without_failing(anlass: str, data: st.DataObject) -> None:
    root = intake.parse(examples.example(anlass)).root
    for _ in range(data.draw(st.integers(1, 4))):
        nodes = [node for node in root.iter("*") if node is not root]
        if not nodes:
            break
        node = data.draw(st.sampled_from(nodes))
        if data.draw(st.booleans()):
            node.text = data.draw(st.sampled_from(["", " ", "x", "2026-02-31", "9999-12-31", "true", "é" * 50]))
        else:
            node.getparent().remove(node)  # type: ignore[union-attr]
    kopf = head_of(root, ROOT_OF[anlass].familie, EMPTY)
    for rule in anlass_rules.RULES:
        for finding in rule(rules.Subject(root, kopf, None, anlass)):
            assert finding.text.endswith(".")
            assert finding.xpath is not None
            assert root.tag.rpartition("}")[2] in finding.xpath
