"""`gateway directory` as an operator uses it, with a real store."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import Result

from gateway.route.overlay import COLUMNS, FILES

Run = Callable[..., Result]
KLINIK = ("mrv:klinik-x", "art=mrv", "name=Klinik X", "ags=05315000", "konfidenz=belegt")


def shown(run: Run, key: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(run("show", key, "--json").stdout)
    return found


def test_without_a_configuration_the_packaged_directory_is_checked_exported_and_shown(run: Run, tmp_path: Path) -> None:
    checked = run("check", "--json")
    assert checked.exit_code == 0
    assert json.loads(checked.stdout)["stimmig"] is True
    assert "Das Verzeichnis ist stimmig." in run("check").stdout
    assert run("export", "--out", "x").exit_code == 0
    for name in FILES.values():
        assert (tmp_path / "x" / name).read_bytes() == files("routing").joinpath("data", name).read_bytes()
    assert run("export", "--table", "gemeinde").stdout == (tmp_path / "x/gemeinden.csv").read_text()
    assert list(json.loads(run("export", "--json").stdout)) == list(COLUMNS)
    value = shown(run, "Justizvollzugsanstalt Köln")
    assert (value["key"], value["herkunft"], value["geschichte"]) == ("gds:R8088", "mitgeliefert", [])
    assert list(value["zeile"]) == list(COLUMNS["behoerde"])  # type: ignore[call-overload]
    assert "konfidenz_justiz: belegt" in run("show", "05382056").stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x"]


def test_a_change_needs_a_configuration(run: Run) -> None:
    for arguments in (("set", *KLINIK, "--grund", "neu"), ("reset", "mrv:x", "--grund", "neu")):
        assert run(*arguments).exit_code == 2


def test_a_row_is_added_corrected_shown_and_taken_back(hub: Run) -> None:
    assert hub("set", *KLINIK, "--grund", "Schreiben vom 2. November").exit_code == 0
    assert hub("set", "mrv:klinik-x", "name=Klinik Y", "gueltig_bis=2099-12-31", "--grund", "Umbenannt").exit_code == 0
    value = shown(hub, "Klinik Y")
    assert (value["key"], value["herkunft"]) == ("mrv:klinik-x", "ergänzt")
    history = value["geschichte"]
    assert isinstance(history, list)
    assert [entry["grund"] for entry in history] == ["Schreiben vom 2. November", "Umbenannt"]
    assert [entry["zeile"]["name"] for entry in history] == ["Klinik X", "Klinik Y"]
    assert history[0]["durch"].startswith("kommandozeile")
    text = hub("show", "mrv:klinik-x").stdout
    assert "konfidenz: belegt" in text
    assert "Umbenannt" in text
    assert hub("reset", "mrv:klinik-x", "--grund", "Irrtum").exit_code == 0
    value = shown(hub, "mrv:klinik-x")
    assert value["zeile"] is None
    assert hub("reset", "mrv:klinik-x", "--grund", "Irrtum").exit_code == 1


def test_what_was_exported_is_corrected_in_the_file_and_imported(hub: Run, tmp_path: Path) -> None:
    assert hub("export", "--out", "x").exit_code == 0
    every = [tmp_path / "x" / name for name in FILES.values()]
    assert "Nichts zu ändern." in hub("import", *every).stdout
    towns = tmp_path / "x/gemeinden.csv"
    towns.write_text(towns.read_text().replace(",Köln,kreisfreie", ",Köln am Rhein,kreisfreie"))
    dry = json.loads(hub("import", *every, "--dry-run", "--json").stdout)
    assert dry["geaendert"] is False
    assert dry["zeilen"] == [
        {
            "tabelle": "gemeinde",
            "key": "05315000",
            "art": "geändert",
            "spalten": {"name": {"alt": "Köln", "neu": "Köln am Rhein"}},
            "verdraengt_ab": None,
        }
    ]
    assert shown(hub, "05315000")["herkunft"] == "mitgeliefert"
    told = hub("import", *every)
    assert "name: „Köln“ → „Köln am Rhein“" in told.stdout
    value = shown(hub, "05315000")
    assert value["herkunft"] == "berichtigt"
    assert "Import von" in json.dumps(value["geschichte"])
    assert hub("export", "--out", "x").exit_code == 1
    assert hub("export", "--out", "x", "--force").exit_code == 0
    assert "Köln am Rhein" in towns.read_text()


def test_one_bad_row_keeps_all_files_out(hub: Run, tmp_path: Path) -> None:
    hub("export", "--out", "x")
    towns, authorities = tmp_path / "x/gemeinden.csv", tmp_path / "x/behoerden.csv"
    towns.write_text(towns.read_text().replace(",Köln,kreisfreie", ",Köln am Rhein,kreisfreie"))
    authorities.write_text(authorities.read_text() + "mrv:x,jva,,X,,,,,,,\n")
    refused = hub("import", towns, authorities)
    assert refused.exit_code == 1
    assert "behoerde mrv:x: art" in refused.stderr
    assert shown(hub, "05315000")["herkunft"] == "mitgeliefert"
    authorities.write_text("key,name\n")
    refused = hub("import", towns, authorities)
    assert refused.exit_code == 2
    assert "behoerden.csv: Die Kopfzeile" in refused.stderr


def test_a_change_for_a_later_day_counts_from_that_day(hub: Run) -> None:
    later = ("05315000", "abh=abh:05382", "--ab", "2099-01-01", "--grund", "Aufgabe geht über")
    assert hub("set", *later).exit_code == 0
    today, then = (hub("export", "--table", "gemeinde", *more).stdout for more in ((), ("--am", "2099-01-01")))
    assert "05315000,Köln,kreisfreie Stadt,05315,Köln,Köln,abh:05315000," in today
    assert "05315000,Köln,kreisfreie Stadt,05315,Köln,Köln,abh:05382," in then
    assert "vorgemerkt" in hub("check").stdout
    closing = ("set", "abh:05315000", "--grund", "Aufgabe geht über")
    refused = hub(*closing, "gueltig_bis=2098-12-30")
    assert refused.exit_code == 1
    assert "Ab 31.12.2098: Gemeinde „05315000“" in refused.stderr
    assert hub(*closing, "gueltig_bis=2098-12-31").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("set", "mrv:x", "name", "--grund", "x"), 2, "SPALTE=WERT"),
        (("set", "mrv:x", "key=mrv:y", "art=mrv", "name=X", "--grund", "x"), 1, "Schlüssel"),
        (("set", "mrv:x", "art=mrv", "name=X", "telefon=1", "--grund", "x"), 1, "telefon"),
        (("set", "x:y", "art=mrv", "name=X", "--grund", "x"), 1, "key"),
        (("set", "mrv:x", "art=mrv", "name=X", "--grund", " "), 1, "Grund"),
        (("set", "05315000", "abh=abh:99999", "--grund", "x"), 1, "abh:99999"),
        (("show", "Entenhausen"), 1, "nicht im Verzeichnis"),
        (("show", "mrv:nirgends"), 1, "nicht im Verzeichnis"),
        (("show", "Amtsgericht"), 1, "mehrere passen"),
        (("export",), 2, "--table"),
    ],
)
def test_what_cannot_be_done_is_said(hub: Run, arguments: tuple[str, ...], code: int, told: str) -> None:
    result = hub(*arguments)
    assert result.exit_code == code
    assert told in result.stderr


def test_check_names_accesses_whose_authority_is_unknown(hub: Run, tmp_path: Path) -> None:
    with (tmp_path / "hub/gateway.toml").open("a") as file:
        file.write(
            f'\n[[zugang]]\nsha256 = "{"ab" * 32}"\nbehoerden = ["gds:X9999"]\nrollen = ["fachverfahren"]\n'
            "ab = 2020-01-01\nbis = 2099-12-31\n"
        )
    checked = hub("check")
    assert checked.exit_code == 0
    assert "„gds:X9999“ steht nicht im Verzeichnis" in checked.stdout


def test_a_store_that_cannot_be_reached(hub: Run, tmp_path: Path) -> None:
    (tmp_path / "hub/gateway.db").unlink(missing_ok=True)
    (tmp_path / "hub/gateway.db").mkdir()
    assert hub("set", *KLINIK, "--grund", "x").exit_code == 3
    assert hub("check").exit_code == 3
