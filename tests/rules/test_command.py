"""`gateway rules` as people call it."""

import json

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    return lambda *arguments: CliRunner().invoke(cli, ["rules", *arguments])


def test_the_table_needs_no_configuration(run):
    result = run()
    assert result.exit_code == 0
    assert "Nummer" in result.stdout
    assert "Wohnpflicht oder Unterbringung" in result.stdout


def test_the_table_as_json(run):
    value = json.loads(run("--json").stdout)
    assert [version["fassung"] for version in value["regelwerk"]] == ["29.04.2022", "10.09.2019"]
    assert {"1", "2.4", "6", "7"} <= {nummer for row in value["zeilen"] for nummer in row["nummern"]}


@pytest.mark.parametrize("arguments", [["3.2", "--json"], ["--json", "3.2"], ["3.2 Satz 1", "--json"]])
def test_one_number_as_json(run, arguments):
    value = json.loads(run(*arguments).stdout)
    assert (value["nummer"], len(value["absaetze"][0])) == ("3.2", 4)


def test_one_number_as_a_page(run):
    text = run("2.4").stdout
    assert text.startswith("Nummer 2.4: Mitteilungspflichten nach Einleitung eines Strafverfahrens\n")
    assert "dokumentiert" in text


def test_a_correction_is_no_number_but_a_row(run):
    assert run("§ 20 EGGVG").stdout.startswith("§ 20 EGGVG: ")


@pytest.mark.parametrize("nummer", ["3.9", "8", "abc", "\x1b[2J"])
def test_a_number_that_is_not_there_is_used_wrongly(run, nummer):
    result = run(nummer)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "keine Nummer" in result.stderr
    assert "\x1b" not in result.stderr


def test_versions(run):
    text = run("versions").stdout
    assert "Fassung 29.04.2022, gilt ab 29.06.2022 (MBl. NRW. 2022 S. 585)  ← heute" in text
    value = json.loads(run("versions", "--json").stdout)
    assert [(row["art"], row["gilt_heute"]) for row in value] == [("erlass", True), ("zustavo", True)]
