"""DIN 91379: our datatypes accept exactly the norm's characters, in both validators, in linear time."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

ROOT = Path(__file__).parents[2]


def load_tool(name: str) -> ModuleType:
    """A script of `tools/`, which is no package of the wheel and so stands on no import path."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


din = load_tool("build_din91379")
SHARED = ROOT.parent / "shared"
OFFICIAL = SHARED / "xjustiz/3.6.2/din-norm-91379-datatypes.xsd"
NAMESPACE = "urn:de:nrw:strafausl:1"
KINDS = {kind.letter: kind for kind in din.datatypes()}
SEQUENCES = [chr(base) + mark for base, marks in din.sequences().items() for mark in sorted(marks)]


def with_element(schema: str, kind: str) -> str:
    return schema.replace("</xs:schema>", f'<xs:element name="e" type="{kind}"/></xs:schema>')


OURS = {
    letter: etree.XMLSchema(
        etree.fromstring(with_element(din.render(NAMESPACE, "qualified"), f"Datentyp{letter}").encode())
    )
    for letter in KINDS
}
PYTHON = xmlschema.XMLSchema(din.render(NAMESPACE, "qualified")).types


def libxml2_takes(letter: str, text: str) -> bool:
    element = etree.Element(f"{{{NAMESPACE}}}e")
    element.text = text
    return OURS[letter].validate(element)


def python_takes(letter: str, text: str) -> bool:
    return PYTHON[f"Datentyp{letter}"].is_valid(text)


def in_norm(letter: str, text: str) -> bool:
    """The norm read literally: cut off known sequences and single characters from the left, the longest first."""
    while text:
        step = next((n for n in (3, 2) if text[:n] in SEQUENCES and len(text[:n]) == n), 0)
        step = step or (1 if ord(text[0]) in KINDS[letter].points else 0)
        if not step:
            return False
        text = text[step:]
    return True


def test_generated_files_are_current() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "tools/build_din91379.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "")


def test_check_names_a_stale_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    stale = tmp_path / "1.0/din91379.xsd"
    monkeypatch.setattr(din, "SCHEMAS", tmp_path / "schemas")
    monkeypatch.setattr(din, "TARGETS", {stale: ("urn:x", "qualified")})
    assert din.main(["--check"]) == 1
    assert "1.0/din91379.xsd" in capsys.readouterr().out
    stale.parent.mkdir()
    assert din.main([]) == 0
    assert din.main(["--check"]) == 0


@pytest.mark.parametrize("letter", KINDS)
def test_single_characters_are_those_of_the_norm(letter: str) -> None:
    wrong = []
    for point in [*range(0x20, 0x2700), 9, 10, 13, 0xFFFD, 0x10400, 0x1F600]:
        wanted = point in KINDS[letter].points
        if not libxml2_takes(letter, chr(point)) is wanted is python_takes(letter, chr(point)):
            wrong.append(hex(point))
    assert wrong == []


@pytest.mark.parametrize("letter", KINDS)
def test_letters_with_their_marks_are_accepted_and_marks_alone_are_not(letter: str) -> None:
    for sequence in SEQUENCES:
        assert libxml2_takes(letter, sequence), sequence
        assert python_takes(letter, sequence), sequence
        assert libxml2_takes(letter, f"x{sequence}{sequence}a"), sequence
        assert not libxml2_takes(letter, sequence[1:]), sequence
        assert not libxml2_takes(letter, "b" + sequence[1:]), sequence
        assert not libxml2_takes(letter, sequence + sequence[1]), sequence


@pytest.mark.parametrize(
    ("letter", "accepted", "refused"),
    [
        ("A", "Šárka Nguyễn-O’Brien", "Šárka 2"),
        ("A", "Łukasz Çelik", "Łukasz_Çelik"),
        ("B", "Straße des 17. Juni 135 (Haus B)", "Zeile\num"),
        ("C", "Zeile\num\tund\u00a0weiter", "Ελλάς"),
        ("D", "Ελλάς AG „Süd“", "Ελλάς\nAG"),
        ("E", "Москва\n„Ελλάς“", "名前"),
    ],
)
def test_samples(letter: str, accepted: str, refused: str) -> None:
    assert libxml2_takes(letter, accepted)
    assert python_takes(letter, accepted)
    assert not libxml2_takes(letter, refused)
    assert not python_takes(letter, refused)


ALPHABET = st.one_of(
    st.sampled_from(sorted({sign for sequence in SEQUENCES for sign in sequence})),
    st.sampled_from("aB1 ,.-_\\[]^|äßŁ–Ωж\u00a0\n\u2019"),
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]),
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.text(ALPHABET, max_size=12))
def test_any_text_is_judged_as_the_norm_says(letter: str, text: str) -> None:
    wanted = in_norm(letter, text)
    assert libxml2_takes(letter, text) is wanted
    assert python_takes(letter, text) is wanted


@pytest.mark.parametrize("letter", KINDS)
@pytest.mark.parametrize(
    ("unit", "ending", "valid"),
    [
        ("Kk", "", True),
        ("C\u0328\u0306", "", True),
        ("k\u035fh", "\u2603", False),
        ("abcCkln ", "\u2603", False),
        ("A", "\u0331", False),
        ("Aa\u030b", "\u030b", False),
    ],
)
def test_long_texts_come_to_an_end(letter: str, unit: str, ending: str, valid: bool) -> None:
    text = unit * (100_000 // len(unit)) + ending
    assert libxml2_takes(letter, text) is valid
    assert python_takes(letter, text) is valid


@pytest.mark.skipif(not SHARED.exists(), reason="the official XSDs are not here (../shared)")
@pytest.mark.parametrize("letter", KINDS)
def test_our_datatypes_agree_with_the_official_ones(letter: str) -> None:
    source = OFFICIAL.read_text(encoding="utf-8")
    official = etree.XMLSchema(etree.fromstring(with_element(source, f"din91379:datatype{letter}").encode()))
    element = etree.Element("{urn:xoev-de:kosit:xoev:datentyp:din-91379_2022-08}e")
    singles = [chr(point) for point in (*range(0x20, 0x2700), 9, 10, 13) if not 0xD800 <= point < 0xE000]
    pairs = [chr(base) + mark for base in din.sequences() for mark in {sequence[1:] for sequence in SEQUENCES}]
    differing = []
    for text in singles + pairs + SEQUENCES:
        element.text = text
        if official.validate(element) is not libxml2_takes(letter, text):
            differing.append(text)
    assert differing == []
