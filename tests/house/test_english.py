"""Both languages of what callers are told: nothing missing, nothing left over, nothing German in English."""

import ast
import re
from pathlib import Path

import pytest
from lxml import etree

from gateway import web
from gateway.check.explain import MAX_DOCUMENTATION
from gateway.english import english, preferred
from gateway.english_findings import FINDINGS, FRAGMENTS
from gateway.english_texts import SENTENCES
from gateway.errors import Befund, Invalid, Refusal
from tools.sentences import sentences

ROOT = Path(__file__).parents[2]
CATALOGUE = {**SENTENCES, **FINDINGS}
GERMAN = re.compile(
    r"\b(?:der|das|dem|den|und|oder|nicht|ist|sind|ein|eine|einer|muss|darf|bitte|wird|werden|hat|haben|mit|von|für|"
    r"bei|nach|noch|kein|keine|zu|zur|Sie|Ihre?)\b"
)
"""Words that hardly any German sentence does without, and that no English one has."""
NAMES = re.compile("Anlässe|“[^”]*”|Ausländerbehörde|Ausländerzentralregister|Maßregelvollzug|`[^`]*`")
"""What stays German: names of fields, legal terms."""


def test_every_sentence_of_the_source_is_in_the_catalogue_once_and_no_other() -> None:
    said = set(sentences(ROOT))
    assert said - set(CATALOGUE) == set(), "without English"
    assert set(CATALOGUE) - said == set(), "nobody says this"
    assert not set(SENTENCES) & set(FINDINGS)


@pytest.mark.parametrize("german", [*CATALOGUE, *FRAGMENTS])
def test_the_english_takes_in_what_the_german_does_and_is_english(german: str) -> None:
    said = {**CATALOGUE, **FRAGMENTS}[german]
    assert said.count("{}") == german.count("{}")
    rest = NAMES.sub("", said)
    assert GERMAN.search(rest) is None, said
    assert re.search("[äöüÄÖÜß„]", rest) is None, said


def test_each_form_that_facts_can_miss_is_a_fragment() -> None:
    trees = [ast.parse((ROOT / "routing" / name).read_text("utf-8")) for name in ("leser.py", "sachverhalt.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) == 4]
    forms = [each.args[3] for each in calls if isinstance(each.func, ast.Attribute) and each.func.attr == "muster"]
    assert len(forms) == 4
    for form in forms:
        text = form.value if isinstance(form, ast.Constant) else "einer der Werte a, b"
        assert english(f"„x“ muss {text} sein.") not in (None, f"“x” must be {text}."), text


def classes(kind: type[Refusal] = Refusal) -> list[type[Refusal]]:
    return [kind, *(each for below in kind.__subclasses__() for each in classes(below))]


@pytest.mark.parametrize("kind", [each for each in classes() if each.__module__ in ("gateway.errors", "gateway.web")])
def test_every_kind_of_refusal_has_both_languages(kind: type[Refusal]) -> None:
    german, said = kind().as_problem(), kind().as_problem("en")
    assert {key: german[key] for key in ("type", "status")} == {key: said[key] for key in ("type", "status")}
    for texts in ((german["title"], said["title"]), (german["detail"], said["detail"])):
        assert texts[0] != texts[1]
    assert said["errors"][0]["text"] == said["detail"]


def test_it_knows_more_kinds_than_the_first() -> None:
    assert {web.MethodNotAllowed, Invalid} <= set(classes())


@pytest.mark.parametrize(
    ("german", "said"),
    [
        ("Der Teil „sachverhalt“ muss ein JSON-Objekt sein.", "The part “sachverhalt” must be a JSON object."),
        (
            "Das Attribut „code“ von „x“ hat keinen zugelassenen Wert. Erlaubt: „a“, „b“ und 3 weitere.",
            "The attribute “code” of “x” has a value that is not admitted. Allowed: “a”, “b” and 3 more.",
        ),
        (
            "In „fachdaten“ fehlt ein Element. Erwartet wird: „anlass“, „ein weiteres“.",
            "An element is missing in “fachdaten”. Expected: “anlass”, “another”.",
        ),
        (
            "„antrittAm“ hat nicht die verlangte Form oder enthält nicht zugelassene Zeichen. "
            "Verlangt wird: Kalendertag ohne Zeitzone, JJJJ-MM-TT.",
            "“antrittAm” does not have the form that is required, or holds characters that are not admitted. "
            "Required, in the schema's words: Day without time zone, YYYY-MM-DD.",
        ),
        ("„x“ muss mindestens 3 Zeichen lang sein.", "“x” must be at least 3 characters long."),
        (
            "„a.b“ muss ein Behördenschlüssel wie abh:05315000 sein.",
            "“a.b” must be an authority key such as abh:05315000.",
        ),
        ("„a“ muss true oder false sein.", "“a” must be true or false."),
        ("Unbekannte Angabe: „{0} fehlt“.", "Unknown key: “{0} fehlt”."),
    ],
)
def test_what_a_sentence_takes_in_keeps_its_place(german: str, said: str) -> None:
    assert english(german) == said


def test_a_long_hostile_value_costs_nothing() -> None:
    assert english("„" * 100_000) is None
    assert english("Der Teil „" + "“ darf höchstens " * 400) is None


def test_the_decrees_own_words_stay_and_the_kind_of_refusal_is_said() -> None:
    refusal = Invalid("Die Polizei meldet das nicht.", Befund("unzulaessig", "Die Polizei meldet das nicht."))
    said = refusal.as_problem("en")
    assert said["detail"] == "The message violates its schema or a rule beyond it."
    assert said["errors"][0]["text"] == "Die Polizei meldet das nicht."


def test_what_our_schemas_say_of_their_types_is_in_the_catalogue() -> None:
    xsd = "{http://www.w3.org/2001/XMLSchema}"
    found = set()
    for path in sorted((ROOT / "schemas").rglob("*.xsd")):
        for kind in etree.parse(str(path)).iter(f"{xsd}simpleType"):
            notes = kind.findall(f"{xsd}annotation/{xsd}documentation")
            text = " ".join(" ".join("".join(note.itertext()).split()) for note in notes)
            if kind.find(f".//{xsd}pattern") is not None and 0 < len(text) <= MAX_DOCUMENTATION:
                found.add(text)
    assert found
    assert found - set(FRAGMENTS) == set()


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ([], "de"),
        ([""], "de"),
        (["en"], "en"),
        (["EN-gb"], "en"),
        (["en-GB,en;q=0.9,de;q=0.8"], "en"),
        (["de,en;q=0.9"], "de"),
        (["en;q=0.5", "de;q=0.7"], "de"),
        (["en,de"], "de"),
        (["fr"], "de"),
        (["fr, en;q=0.1"], "en"),
        (["*"], "de"),
        (["*;q=0.5, en"], "en"),
        (["*, de;q=0"], "en"),
        (["en;q=0"], "de"),
        (["en;q=2"], "de"),
        (["en;q=x"], "de"),
        (["en;;;", "\x00", "-", "en-" + "a" * 400], "de"),
        ([", " * 5000 + "en"], "de"),
    ],
)
def test_the_language_that_a_caller_asks_for(header: list[str], language: str) -> None:
    assert preferred(header) == language
