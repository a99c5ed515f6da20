"""`gateway check` and `gateway schemas` as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.check.resources import packaged_folder
from gateway.cli.main import cli

from .conftest import FILE, official_source

EXAMPLES = packaged_folder() / "beispiele"
NOTICE = EXAMPLES / "mitteilung-2.1.xml"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No configuration is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    return tmp_path


def run(*args: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in args], input=stdin)


def test_a_valid_message() -> None:
    result = run("check", NOTICE)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Gültig: nachricht.strafausl.mitteilung.9900001" in result.stdout
    assert "nicht verglichen" in result.stdout


def test_a_valid_message_as_json_from_standard_input() -> None:
    result = run("check", "-", "--json", stdin=NOTICE.read_bytes())
    value = json.loads(result.stdout)
    assert (result.exit_code, value["gueltig"]) == (0, True)
    assert value["kopf"]["absender"] == "pol:05211370455501"
    assert value["sachverhalt"]["anlass"] == "ermittlungsverfahren_eingeleitet"


def test_a_refused_message_shows_line_xpath_and_sentence() -> None:
    result = run("check", EXAMPLES / "fehlerhaft" / "haft-ohne-person.xml")
    assert result.exit_code == 1
    assert "Zeile 31: In „verfahrensdaten“ fehlt ein Element. Erwartet wird: „beteiligung“." in result.stdout
    assert "/strafausl:nachricht.strafausl.haft.9900002/strafausl:grunddaten/strafausl:verfahrensdaten" in result.stdout


def test_a_refused_message_as_json_is_a_problem_document() -> None:
    result = run("check", EXAMPLES / "fehlerhaft" / "haft-ohne-person.xml", "--json")
    value = json.loads(result.stdout)
    assert (result.exit_code, value["gueltig"], value["status"]) == (1, False, 422)
    assert value["errors"][0]["zeile"] == 31


def test_attachments_are_compared_by_name(elsewhere: Path) -> None:
    (elsewhere / FILE).write_bytes(b"%PDF")
    (elsewhere / "anderes.pdf").write_bytes(b"%PDF")
    assert run("check", NOTICE, "--attachment", FILE).exit_code == 0
    result = run("check", NOTICE, "--attachment", "anderes.pdf")
    assert result.exit_code == 1
    assert "[datei_fehlt]" in result.stdout
    assert "„anderes.pdf“" in result.stdout


def test_what_is_no_xml_names_line_and_column() -> None:
    result = run("check", "-", stdin=b"<a>\n<b></a>")
    assert result.exit_code == 1
    assert "Zeile 2, Spalte" in result.stdout


def test_a_file_that_is_not_there_is_misuse() -> None:
    assert run("check", "fehlt.xml").exit_code == 2


def test_a_configuration_that_cannot_be_used_is_misuse(elsewhere: Path) -> None:
    (elsewhere / "gateway.toml").write_text("unsinn = 1")
    assert run("check", NOTICE).exit_code == 2


def test_the_list_needs_no_configuration() -> None:
    result = run("schemas", "list", "--json")
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert result.exit_code == 0
    assert rows["strafausl-1.0"]["angenommen"] is True
    assert "angenommen" in run("schemas", "list").stdout


def test_add_needs_a_place_to_put_the_pack(elsewhere: Path) -> None:
    assert run("schemas", "add", elsewhere).exit_code == 2


def test_an_official_pack_is_installed_listed_and_used(elsewhere: Path) -> None:
    source = official_source("3.6.2")
    added = run("schemas", "add", source, "--packs", "packs")
    assert (added.exit_code, "xjustiz-3.6.2: installiert" in added.stdout) == (0, True)
    rows = {row["name"]: row for row in json.loads(run("schemas", "list", "--packs", "packs", "--json").stdout)}
    assert (rows["xjustiz-3.6.2"]["gueltig_ab"], rows["xjustiz-3.6.2"]["gueltig_bis"]) == ("2026-04-30", "2027-04-29")
    unknown = b'<nachricht.gds.fehler.0005007 xmlns="http://www.xjustiz.de"/>'
    assert "version_unbekannt" in run("check", "-", "--packs", "packs", stdin=unknown).stdout


def test_a_pack_that_is_none_is_refused_and_nothing_is_left(elsewhere: Path) -> None:
    (elsewhere / "leer").mkdir()
    result = run("schemas", "add", "leer", "--packs", "packs")
    assert result.exit_code == 1
    assert "keine XSD-Dateien" in result.stderr
    (elsewhere / "x.zip").write_bytes(b"PK")
    assert run("schemas", "add", "x.zip", "--packs", "packs").exit_code == 1
    assert not (elsewhere / "packs").exists()


def test_a_version_that_the_catalogue_does_not_know_needs_its_first_day(elsewhere: Path) -> None:
    from .test_packs import schema

    (elsewhere / "xsd").mkdir()
    (elsewhere / "xsd" / "a.xsd").write_bytes(schema("9.9.9"))
    asked = run("schemas", "add", "xsd", "--packs", "packs")
    assert (asked.exit_code, "--from" in asked.stderr) == (2, True)
    wrong = run("schemas", "add", "xsd", "--packs", "packs", "--from", "2030-01-01", "--until", "2029-01-01")
    assert wrong.exit_code == 2
    added = run("schemas", "add", "xsd", "--packs", "packs", "--from", "2030-01-01", "--json")
    assert json.loads(added.stdout)["gueltig_ab"] == "2030-01-01"
