"""What is shipped as valid is valid, what is shipped as faulty is refused, by both validators."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

EXAMPLES = Path(__file__).parents[2] / "schemas/beispiele"
VALID = sorted(EXAMPLES.glob("*.xml"))
FAULTY = sorted((EXAMPLES / "fehlerhaft").glob("*.xml"))
MESSAGES = {
    entry["wurzel"].split(".")[2]
    for pack in tomllib.loads((EXAMPLES.parent / "katalog.toml").read_text(encoding="utf-8"))["pack"]
    for entry in pack.get("nachricht", [])
}
FIRST = {"mitteilung", "haft", "weiterleitung", "zustaendigkeitsmitteilung", "fehler", "verarbeitungsbestaetigung"}
"""The messages that are in use first; their faults are shown more fully."""


def kind(path: Path) -> str:
    return path.stem.partition("-")[0]


def test_every_message_has_an_example_and_faulty_ones() -> None:
    assert {kind(path) for path in VALID} == MESSAGES
    counts = Counter(kind(path) for path in FAULTY)
    assert set(counts) == MESSAGES
    assert min(counts[name] for name in FIRST) >= 3


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_examples_are_valid(path: Path, verdicts) -> None:
    assert verdicts(path.read_bytes()) == (True, True)


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.stem)
def test_faulty_examples_are_refused(path: Path, verdicts) -> None:
    assert verdicts(path.read_bytes()) == (False, False)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_examples_are_named_after_their_root_and_number_it_once(path: Path) -> None:
    root = etree.parse(str(path)).getroot()
    _, _, name, number = etree.QName(root).localname.split(".")
    assert kind(path) == name
    assert [node.text for node in root.iterfind(".//nachrichtentyp/code")] in ([], [number])


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_references_of_the_examples_resolve(path: Path) -> None:
    root = etree.parse(str(path)).getroot()

    def texts(name: str) -> set[str | None]:
        return {node.text for node in root.iter(f"{{*}}{name}") if len(node) == 0}

    assert texts("ref.rollennummer") <= texts("rollennummer")
    assert texts("ref.beteiligtennummer") <= texts("beteiligtennummer")
    assert texts("ref.sgo") <= texts("id")


def test_example_ids_differ_and_answers_name_examples() -> None:
    own, other = [], []
    for path in VALID:
        root = etree.parse(str(path)).getroot()
        own += [node.text for name in ("nachrichtenUUID",) for node in root.iter(name)]
        own += [node.text for node in root.iterfind("{*}nachrichtenkopf/{*}absender/{*}eigeneNachrichtenID")]
        other += [node.text for node in root.iter("{*}fremdeNachrichtenID")]
    assert len(own) == len(set(own)) == len(VALID)
    assert set(other) <= set(own)


def test_example_files_are_named_as_attachments_must_be() -> None:
    names = [node.text for path in VALID for node in etree.parse(str(path)).iter("{*}dateiname")]
    assert names
    for name in names:
        assert name is not None
        assert len(name) <= 90
        assert re.fullmatch(r"[^/\\]+_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[a-z0-9]+", name)


def test_the_three_notices_of_the_issue_say_what_their_names_promise() -> None:
    notice = etree.parse(str(EXAMPLES / "mitteilung-2.1.xml"))
    assert notice.find(".//{*}aktenfuehrendeAbh").text == "abh:05382"
    assert notice.find(".//{*}dateiname").text.endswith(".pdf")
    prison = etree.parse(str(EXAMPLES / "haft-3.2.xml"))
    assert prison.find(".//{*}bekannteAbh") is None
    assert prison.find(".//{*}empfaenger//{*}sonstige").text == "zuErmitteln"
    forward = etree.parse(str(EXAMPLES / "weiterleitung.xml"))
    assert forward.find(".//wurzel").text == etree.QName(prison.getroot()).localname
