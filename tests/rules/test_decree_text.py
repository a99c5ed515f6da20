"""The decree's text as data: whole, as printed, and every quotation in the rules is one."""

import ast
import re
from pathlib import Path

import pytest

import routing
from gateway.route.resources import rule_data

ERLASS = rule_data("erlass-2022-04-29.toml")
GEDRUCKT = Path(__file__).resolve().parents[3] / "shared" / "decree" / "erlass-2022-04-29.txt"
MODULE = sorted(Path(routing.__file__).parent.rglob("*.py"))
ZITAT = re.compile("„([^“]*)“")
NUMMERN = (
    "1", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "3.1", "3.2", "3.3", "3.4",
    "4.1", "4.2", "5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "6", "7",
)  # fmt: skip


def saetze():
    return [satz for teil in ERLASS["nummer"] for absatz in teil["absaetze"] for satz in absatz]


def gleich(text):
    """The text without what a printed copy adds: spaces, line breaks and hyphens."""
    return re.sub(r"[\s\u00a0\u00ad-]", "", text)


def docstrings(path):
    baum = ast.parse(path.read_text(encoding="utf-8"))
    arten = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [text for knoten in ast.walk(baum) if isinstance(knoten, arten) and (text := ast.get_docstring(knoten))]


def test_every_number_is_there_in_order():
    assert tuple(teil["nummer"] for teil in ERLASS["nummer"] if teil["absaetze"]) == NUMMERN


@pytest.mark.skipif(not GEDRUCKT.exists(), reason="the printed copy lies beside a full checkout only")
def test_it_says_word_for_word_what_the_printed_copy_says():
    gedruckt = re.sub(r"Herausgeber:.*?\d / 7\s", "", GEDRUCKT.read_text(encoding="utf-8"), flags=re.S)
    anfang = gedruckt.index(" ".join(ERLASS["eingang"][0].split()[:4]))
    ende = gedruckt.rindex("- MBl. NRW.")
    unser = list(ERLASS["eingang"])
    for teil in ERLASS["nummer"]:
        unser += [teil["nummer"], teil.get("ueberschrift", ""), *(s for absatz in teil["absaetze"] for s in absatz)]
    assert gleich("".join(unser)) == gleich(gedruckt[anfang:ende])


def test_no_word_is_broken_and_no_sentence_runs_over():
    for satz in saetze():
        assert not re.search(r"[a-zäöüß]- (?!und |oder )[a-zäöüß]", satz), satz
        assert "  " not in satz
        assert satz[0].isupper()
    laenge = {teil["nummer"]: sum(len(absatz) for absatz in teil["absaetze"]) for teil in ERLASS["nummer"]}
    assert (laenge["2.5"], laenge["3.2"], laenge["3.4"], laenge["5.6"]) == (6, 4, 3, 2)


@pytest.mark.parametrize("path", MODULE, ids=lambda path: path.stem)
def test_every_quotation_in_the_rules_stands_in_the_decree(path):
    text = gleich(" ".join([*ERLASS["eingang"], *saetze()]))
    for docstring in docstrings(path):
        for zitat in ZITAT.findall(docstring):
            for stueck in re.split(r"\[[^\]]*\]", zitat):
                assert gleich(stueck).strip(",") in text, (path.name, zitat)


def test_the_rules_quote_at_all():
    zitate = [z for path in MODULE for text in docstrings(path) for z in ZITAT.findall(text) if len(z) > 40]
    assert len(zitate) >= 30
