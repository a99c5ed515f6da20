"""`gateway check --example`: an integrator learns from the command line alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No configuration is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    return tmp_path


def run(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["check", *args], input=stdin)


def test_what_is_printed_as_valid_is_taken() -> None:
    printed = run("--example", "verfahren_erledigt")
    assert printed.exit_code == 0
    checked = run("-", stdin=printed.stdout)
    assert (checked.exit_code, "Anlass: verfahren_erledigt" in checked.stdout) == (0, True)


def test_the_list_of_faults_says_what_is_wrong_and_what_the_answer_is() -> None:
    listed = run("--example", "einvernehmen_ersuchen", "--faulty")
    assert listed.exit_code == 0
    assert "einvernehmen_ersuchen/ohne-telefax\n  Die Telefaxnummer fehlt" in listed.stdout
    as_json = json.loads(run("--example", "einvernehmen_ersuchen", "--faulty", "--json").stdout)
    assert {"name": "ohne-telefax", "code": "schema", "befund": "telefax_fehlt"}.items() <= next(
        fault.items() for fault in as_json["fehlerhaft"] if fault["name"] == "ohne-telefax"
    )


def test_a_faulty_example_is_refused_with_number_and_mend() -> None:
    printed = run("--example", "verfahren_erledigt/verurteilung-ohne-urteil")
    checked = run("-", stdin=printed.stdout)
    assert checked.exit_code == 1
    assert "[urteil_fehlt, Nummer 5.1]" in checked.stdout
    assert "urteilFolgt" in checked.stdout


def test_the_xml_comes_as_json_too() -> None:
    shown = json.loads(run("--example", "zustellnachweis", "--json").stdout)
    assert "nachricht.strafausl.zustellnachweis.9900092" in shown["xml"]


@pytest.mark.parametrize(
    "args", [[], ["--faulty"], ["--example", "gibt_es_nicht"], ["-", "--example", "verfahren_erledigt"]]
)
def test_wrong_use_is_told(args: list[str]) -> None:
    result = run(*args)
    assert (result.exit_code, bool(result.stderr)) == (2, True)
