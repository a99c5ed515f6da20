"""The table as a page: every number has its row, every row its words, and nothing is said that the rules do not do."""

import json
import re
from pathlib import Path

import pytest

from gateway.cli.rules import sources
from gateway.route import rulebook
from gateway.route.resources import rule_data
from routing import ANLAESSE
from routing.erlass.tabelle import ERLASS_2022
from routing.erlass.worte import ABSENDER, WORTE
from tools.rule_table import as_toml, collect, main, table

TESTS = Path(__file__).resolve().parents[1]
NUMMERN = (
    "1", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "3.1", "3.2", "3.3", "3.4",
    "4.1", "4.2", "5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "6", "7",
)  # fmt: skip


@pytest.fixture(scope="module")
def quellen():
    return sources()


@pytest.mark.parametrize("nummer", NUMMERN)
def test_every_number_of_the_decree_has_a_row(quellen, nummer):
    assert any(nummer in row.nummern for row in rulebook.rows(quellen.tabelle))
    gefunden = rulebook.number(quellen, nummer)
    assert gefunden["absaetze"]
    assert gefunden["zeilen"]


def test_number_7_is_said_to_be_not_applicable(quellen):
    (zeile,) = rulebook.number(quellen, "7")["zeilen"]
    assert "nicht anwendbar" in zeile["schritte"][0]["text"]
    assert zeile["regel"] is None


def test_every_row_has_words_and_no_words_are_left_over():
    assert {zeile.empfaenger for zeile in ERLASS_2022} == set(WORTE)
    for zeile in ERLASS_2022:
        worte = WORTE[zeile.empfaenger]
        assert zeile.zeile in {schritt.nummer for schritt in worte.schritte}
        assert all(schritt.text.endswith(".") for schritt in worte.schritte)
        assert zeile.absender is None or set(ABSENDER) >= zeile.absender
        immer_nein = zeile.vorrang.__name__ == "nie"
        assert (worte.vorrang == "") is immer_nein
        assert (worte.vorrang == "immer") is (zeile.vorrang.__name__ == "immer")


def test_every_anlass_leads_to_a_root_and_an_element(quellen):
    gefunden = {
        nachricht["anlass"]
        for row in rulebook.rows(quellen.tabelle)
        for nachricht in rulebook.messages(quellen, row)
        if nachricht["anlass"]
    }
    assert gefunden == set(ANLAESSE)


def test_the_page_names_every_number_anlass_sender_and_version(quellen):
    seite = rulebook.page(quellen)
    assert max(len(zeile) for zeile in seite.splitlines()) <= rulebook.WIDTH
    for anlass in ANLAESSE:
        assert f"({anlass})" in seite
    for nummer in NUMMERN:
        assert re.search(rf"^(\d\.\d, )?{re.escape(nummer)}(\s|,|$)", seite, re.MULTILINE), nummer
    for name in ("Vollstreckungsleiter", "JVA", "Polizei", "ABH, ZAB", "alle Stellen"):
        assert name in seite
    assert "Fassung 29.04.2022" in " ".join(seite.split())
    assert "Fassung 10.09.2019" in seite


def test_one_number_is_whole(quellen):
    gefunden = rulebook.number(quellen, "3.2 Satz 4")
    assert gefunden["nummer"] == "3.2"
    assert len(gefunden["absaetze"][0]) == 4
    assert [a["nummer"] for a in gefunden["auslegungen"]] == ["3.2 Satz 4"]
    wurzeln = {nachricht["wurzel"] for nachricht in gefunden["nachrichten"]}
    assert {"nachricht.strafausl.haft.9900002", "nachricht.auslstraf.weiterleitung.9900020"} <= wurzeln
    assert any("test_3_2_satz_4" in name for name in gefunden["tests"])
    seite = rulebook.number_page(quellen, gefunden)
    assert "Zentrale Ausländerbehörde des Regierungsbezirks" in " ".join(seite.split())
    assert "⁴Ist der Ausländer zur Wohnsitznahme" in seite
    assert "auswahl_anlass/untersuchungshaftAntritt" in seite
    assert rulebook.IM_QUELLTEXT in " ".join(seite.split())


def test_a_number_that_is_not_there(quellen):
    assert rulebook.number(quellen, "3.9") is None
    assert rulebook.number(quellen, "2") is None


def test_json_is_json(quellen):
    for wert in (rulebook.table(quellen), rulebook.number(quellen, "2.5"), rulebook.number(quellen, "§ 20 EGGVG")):
        assert json.loads(json.dumps(wert)) == wert


def test_the_list_of_tests_is_current():
    current = collect(TESTS) == dict(rule_data("tests.toml"))
    assert current, "routing/data/tests.toml is not current; python -m tools.rule_table --tests mends it"


@pytest.mark.parametrize("nummer", [n for n in NUMMERN if n != "7"] + ["§ 20 EGGVG"])
def test_every_number_has_tests(nummer):
    assert rule_data("tests.toml").get(nummer), f"no test names {nummer}"


def test_tests_are_found_by_function_class_file_and_mark(tmp_path):
    ordner = tmp_path / "tests" / "routing"
    ordner.mkdir(parents=True)
    (ordner / "test_nr_6.py").write_text(
        "def test_file(): ...\nclass TestNr51UndNr52:\n    def test_both(self): ...\n    def test_5_1_one(self): ...\n"
    )
    (ordner / "test_mark.py").write_text(
        "import pytest\npytestmark = [pytest.mark.nummer('2.4')]\ndef test_a(): ...\n"
        "@pytest.mark.nummer('3.2', '9.9')\nasync def test_b(): ...\ndef helper_3_1_no(): ...\n"
    )
    (ordner / "test_other.py").write_text("def test_3_4_direct(): ...\ndef test_8_1(): ...\ndef test_none(): ...\n")
    gefunden = collect(tmp_path / "tests")
    assert gefunden == {
        "2.4": ["tests/routing/test_mark.py::test_a"],
        "3.2": ["tests/routing/test_mark.py::test_b"],
        "3.4": ["tests/routing/test_other.py::test_3_4_direct"],
        "5.1": [
            "tests/routing/test_nr_6.py::TestNr51UndNr52::test_both",
            "tests/routing/test_nr_6.py::TestNr51UndNr52::test_5_1_one",
        ],
        "5.2": ["tests/routing/test_nr_6.py::TestNr51UndNr52::test_both"],
        "6": ["tests/routing/test_nr_6.py::test_file"],
    }
    assert '"5.2" = [\n    "tests/routing' in as_toml(gefunden)


def test_the_readmes_table_has_one_row_a_number(capsys):
    zeilen = table().splitlines()
    assert [zeile.split(" | ")[0].removeprefix("| ") for zeile in zeilen[2:]] == [*NUMMERN, "§ 20 EGGVG"]
    assert all(zeile.count(" | ") == 3 for zeile in zeilen)
    assert main([]) == 0
    assert capsys.readouterr().out == table() + "\n"
    assert main(["--unknown"]) == 2
