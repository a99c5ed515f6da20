"""Every Anlass has a valid message and at least three with one fault; all are judged by the running checker."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from gateway.check import examples
from gateway.check.anlass_rules import number_of
from gateway.check.checker import Checker
from gateway.check.explain_worker import Explainer
from gateway.check.resources import SchemaStore
from gateway.errors import Invalid
from gateway.route.resources import packaged_directory, packaged_rules
from routing import Entscheidung, entscheide
from routing.regelwerk import Einstellungen
from routing.sachverhalt import ANLAESSE, Sachverhalt, Vorgangslage

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 10, 5)
FAULTY = [(anlass, fault) for anlass in ANLAESSE for fault in examples.faulty(anlass)]


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    explainer = Explainer(limit_seconds=60)
    store = SchemaStore()
    yield Checker(store.catalogue(), packaged_directory(), store=store, explainer=explainer)
    explainer.close()


def tool() -> ModuleType:
    """The script that writes the examples, which is no package of the wheel."""
    spec = importlib.util.spec_from_file_location("build_examples", ROOT / "tools" / "build_examples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_files_are_what_the_tool_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert (tool().main(["--check"]), capsys.readouterr().out) == (0, "")


def test_every_anlass_has_a_valid_example_and_three_faulty_ones() -> None:
    for anlass in ANLAESSE:
        assert examples.example(anlass)
        found = examples.faulty(anlass)
        assert len({fault.falsch for fault in found}) >= 3, anlass


def test_the_wheel_carries_them() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert {"**/*.xml", "**/*.toml"} <= set(settings["package-data"]["schemas"])


@pytest.mark.parametrize("anlass", ANLAESSE)
async def test_valid_examples_pass_and_find_their_recipients(anlass: str, checker: Checker) -> None:
    checked = await checker.check(examples.example(anlass), today=TODAY, attachments=None)
    assert checked.sachverhalt is not None
    assert checked.sachverhalt.anlass == anlass
    lage = Vorgangslage(bezug_empfaenger=("abh:05315000",), bezug_absender="gds:R3300S")
    decision = decide(checked.sachverhalt, lage)
    assert (decision.entscheidung, bool(decision.empfaenger)) == ("zustellen", True), decision.begruendung


def decide(facts: Sachverhalt, lage: Vorgangslage) -> Entscheidung:
    return entscheide(facts, lage, packaged_directory(), packaged_rules(), Einstellungen())


@pytest.mark.parametrize(("anlass", "fault"), FAULTY, ids=lambda value: getattr(value, "name", value))
async def test_faulty_examples_are_refused_for_their_fault(
    anlass: str, fault: examples.FaultyExample, checker: Checker
) -> None:
    xml = examples.example(f"{anlass}/{fault.name}")
    with pytest.raises(Invalid) as caught:
        await checker.check(xml, today=TODAY, attachments=None)
    refusal = caught.value
    codes = [finding.code for finding in refusal.befunde]
    assert refusal.code == fault.code
    assert fault.befund is None or fault.befund in codes, codes
    assert all(finding.text and finding.xpath and finding.zeile for finding in refusal.befunde)
    about_facts = [finding for finding in refusal.befunde if "fachdaten" in (finding.xpath or "")]
    assert all(finding.nummer for finding in about_facts) or fault.name == "anlass-unbekannt"


@pytest.mark.parametrize("anlass", ANLAESSE)
def test_a_faulty_example_differs_from_the_valid_one_in_one_place(anlass: str) -> None:
    right = examples.example(anlass).decode().splitlines()[1:]
    for fault in examples.faulty(anlass):
        wrong = examples.example(f"{anlass}/{fault.name}").decode().splitlines()[2:]
        same = sum(1 for a, b in zip(right, wrong, strict=False) if a == b)
        same += sum(1 for a, b in zip(right[::-1], wrong[::-1], strict=False) if a == b)
        assert right != wrong
        assert same >= min(len(right), len(wrong)) - 4, fault.name


def test_the_numbers_of_the_demanding_anlaesse() -> None:
    assert number_of("verfahren_erledigt") == "5.1"
    assert number_of("akteneinsicht_ersuchen") == "5.5"
    assert number_of("zustaendigkeitswechsel") == "2.7"
    assert number_of(None) is None


@pytest.mark.parametrize("name", ["unbekannt", "", "../katalog", "haft/../../katalog", "einvernehmen_ersuchen/x"])
def test_a_name_without_an_example_is_none(name: str) -> None:
    with pytest.raises(KeyError):
        examples.example(name)


def test_messages_without_an_anlass_have_examples_too() -> None:
    for name in (
        "weiterleitung",
        "zustaendigkeitsmitteilung",
        "fehler",
        "verarbeitungsbestaetigung",
        "zustellnachweis",
    ):
        assert name in examples.names()
        assert examples.example(name)
        assert len(examples.faulty(name)) >= 3
        assert all(examples.example(f"{name}/{fault.name}") for fault in examples.faulty(name))
