"""`gateway render` as people call it: no configuration, no store, whole files, clear refusals."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli

MESSAGE = Path(__file__).parents[2] / "schemas/beispiele/haft-3.2.xml"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)


def render(*args: str | Path, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(cli, ["render", *map(str, args)], input=stdin)


def test_html_goes_to_standard_output() -> None:
    result = render(MESSAGE)
    assert result.exit_code == 0
    assert result.stdout.startswith('<!DOCTYPE html>\n<html lang="de">')
    assert "Antritt der Untersuchungshaft" in result.stdout


def test_a_message_comes_from_standard_input() -> None:
    assert render("-", stdin=MESSAGE.read_bytes()).stdout == render(MESSAGE).stdout


def test_both_files_are_written_for_their_owner_alone(tmp_path: Path) -> None:
    page, paper = tmp_path / "seite.html", tmp_path / "seite.pdf"
    result = render(MESSAGE, "--html", page, "--pdf", paper)
    assert (result.exit_code, result.stdout) == (0, "")
    assert page.read_text(encoding="utf-8") == render(MESSAGE).stdout
    assert paper.read_bytes().startswith(b"%PDF-")
    assert {stat.S_IMODE(file.stat().st_mode) for file in (page, paper)} == {0o600}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["seite.html", "seite.pdf"]


def test_one_name_for_two_files_is_a_misuse(tmp_path: Path) -> None:
    result = render(MESSAGE, "--html", tmp_path / "x", "--pdf", tmp_path / "x")
    assert result.exit_code == 2
    assert "zwei verschiedene Dateien" in result.stderr


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (b"kein xml", "wohlgeformtes XML"),
        (b"", "XML"),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "Entitäten"),
        (b"<a>" + b"<b/>" * 20_001 + b"</a>", "zu viel für eine Seite"),
    ],
)
def test_what_is_no_message_is_refused_and_nothing_is_written(xml: bytes, text: str, tmp_path: Path) -> None:
    result = render("-", "--html", tmp_path / "seite.html", stdin=xml)
    assert result.exit_code == 1
    assert text in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    result = render(MESSAGE, "--html", tmp_path / "fehlt" / "seite.html")
    assert result.exit_code == 3
    assert "lässt sich nicht schreiben" in result.stderr


def test_a_file_that_is_not_there() -> None:
    assert render("fehlt.xml").exit_code == 2


def test_what_was_there_stays_when_the_message_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "seite.html"
    page.write_text("alt")
    assert render("-", "--html", page, stdin=b"<a").exit_code == 1
    assert page.read_text() == "alt"


def test_the_running_command_leaves_no_font_behind(tmp_path: Path) -> None:
    here = tmp_path / "tmp"
    here.mkdir()
    paper = tmp_path / "seite.pdf"
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "render", str(MESSAGE), "--pdf", str(paper)],
        env={**os.environ, "TMPDIR": str(here)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert paper.stat().st_size > 1000
    assert list(here.iterdir()) == []
