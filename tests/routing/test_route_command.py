"""`gateway route --facts` as people and scripts call it, and its prose."""

import json
import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.route import MAX_FACTS, command
from gateway.route.explain import explain
from routing import Vorgangslage

FAKTEN = {"anlass": "untersuchungshaft_antritt", "absender": "gds:R8088"}
SZENARIEN = Path(__file__).resolve().parents[3] / "shared" / "scenarios" / "routing.json"


def rufe(eingabe, *argumente):
    text = eingabe if isinstance(eingabe, str | bytes) else json.dumps(eingabe)
    return CliRunner().invoke(command, ["--facts", "-", *argumente], input=text)


def test_json_has_exactly_the_keys_of_the_contract():
    ergebnis = rufe(FAKTEN | {"halbstrafenzeitpunkt": "2027-03-31", "wohnsitz_ags": "05382056"}, "--json")
    assert ergebnis.exit_code == 0
    antwort = json.loads(ergebnis.stdout)
    assert list(antwort) == [
        "entscheidung", "empfaenger", "nummer", "vorlaeufig", "vorrang",
        "begruendung", "hinweise", "fristen", "folgen", "regelwerk",
    ]  # fmt: skip
    assert set(antwort["begruendung"][0]) == {"nummer", "text", "auslegung"}
    assert set(antwort["hinweise"][0]) == {"text", "vorschlag"}
    assert set(antwort["fristen"][0]) == {"nummer", "faellig_am", "pflichtig", "text"}
    assert set(antwort["folgen"][0]) == {"art", "nummer", "pflichtig", "text"}
    assert set(antwort["regelwerk"][0]) == {"name", "fassung"}


def test_a_file_does_as_well_as_standard_input(tmp_path):
    datei = tmp_path / "fakten.json"
    datei.write_text(json.dumps(FAKTEN), encoding="utf-8-sig")
    ergebnis = CliRunner().invoke(command, ["--facts", str(datei), "--json"])
    assert json.loads(ergebnis.stdout)["empfaenger"] == ["abh:05315000"]


def test_without_a_stand_it_is_today():
    gestern = rufe(FAKTEN | {"anlass": "strafhaft_antritt", "entlassung_am": "2020-01-01"}, "--json")
    assert json.loads(gestern.stdout)["vorrang"] is True


@pytest.mark.parametrize(
    ("fakten", "ausgang"),
    [
        (FAKTEN, "zustellen"),
        (FAKTEN | {"absender": "gds:R3300S"}, "unzulaessig"),
        (FAKTEN | {"bekannte_abh": "abh:06412000"}, "klaerung"),
        ({"anlass": "hauptverhandlung_termin", "absender": "gds:R3300S"}, "entbehrlich"),
    ],
)
def test_any_decision_is_exit_0(fakten, ausgang):
    ergebnis = rufe(fakten, "--json")
    assert (ergebnis.exit_code, json.loads(ergebnis.stdout)["entscheidung"]) == (0, ausgang)


@pytest.mark.parametrize(
    ("eingabe", "meldung"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        (b"\xff\xfe", "JSON"),
        ("[" * 100_000, "JSON"),
        ("[]", "JSON-Objekt"),
        ("null", "JSON-Objekt"),
        ('{"anlass": "x"}', "anlass"),
        ('{"anlass": "untersuchungshaft_antritt", "absender": "gds:R8088", "absender": "gds:R9162"}', "doppelt"),
        ('{"anlass": "untersuchungshaft_antritt", "absender": "gds:R8088", "stand": "heute"}', "stand"),
        ('{"anlass": "untersuchungshaft_antritt", "absender": "gds:R8088", "bestehen_auf": "\\ud800"}', "bestehen_auf"),
        (" " * (MAX_FACTS + 1), "größer"),
    ],
)
def test_what_is_no_sachverhalt_is_exit_2_with_the_reason_on_stderr(eingabe, meldung):
    ergebnis = rufe(eingabe, "--json")
    assert (ergebnis.exit_code, ergebnis.stdout) == (2, "")
    assert meldung in ergebnis.stderr


@pytest.mark.parametrize("argumente", [[], ["--facts", "/nirgends/fakten.json"]])
def test_wrong_use_is_exit_2(argumente):
    assert CliRunner().invoke(command, argumente).exit_code == 2


def test_prose_names_everything(frage, verzeichnis):
    antwort = frage(
        "untersuchungshaft_antritt", "gds:R8088", wohnsitz_ags="05382056", halbstrafenzeitpunkt="2027-03-31"
    )
    text = explain(antwort, verzeichnis)
    for teil in ("zugestellt (Nummer 3.2 Satz 1, vorläufig)", "Stadt Köln", "abh:05382", "28.02.2027", "Weiterleitung"):
        assert teil in text
    assert "(Auslegung)" in text
    assert "29.04.2022" in text


@pytest.mark.parametrize(
    ("anlass", "absender", "fakten", "anfang"),
    [
        ("verfahren_eingestellt", "gds:R3300S", {}, "Die Mitteilung geht in die Klärung (Nummer 4.1 Satz 1)."),
        ("hauptverhandlung_termin", "gds:R3300S", {}, "Die Mitteilung ist entbehrlich (Nummer 4.2 Satz 1)."),
        ("untersuchungshaft_antritt", "gds:R3300S", {}, "Die Mitteilung ist unzulässig (Nummer 3.1)."),
        ("berichtigung", "gds:R3300S", {}, "Die Mitteilung geht in die Klärung (§ 20 EGGVG)."),
        (
            "entlassung_bekannt",
            "gds:R3300S",
            {"bekannte_abh": "abh:05382", "gefaehrdet_untersuchungszweck": True},
            "Die Mitteilung wird zurückgestellt (Nummer 1, mit Vorrang).",
        ),
    ],
)
def test_prose_of_each_outcome(frage, verzeichnis, anlass, absender, fakten, anfang):
    assert explain(frage(anlass, absender, **fakten), verzeichnis).startswith(anfang)


def test_prose_of_recipients_that_are_to_be_found(frage, verzeichnis):
    antwort = frage("entscheidung_456a", "gds:R3300S", haftanstalt="gds:R8088", vorgang=Vorgangslage())
    assert "Zu klären (Nummer 5.6 Satz 2)" in explain(antwort, verzeichnis)


def test_facts_load_neither_server_nor_xml():
    programm = (
        "import sys, json; from gateway.cli.main import main\n"
        "try: main(['route', '--facts', sys.argv[1], '--json'])\n"
        "except SystemExit as ende: assert ende.code in (0, None)\n"
        "print([m for m in ('aiohttp', 'pydantic', 'lxml', 'xmlschema', 'cryptography') if m in sys.modules])"
    )
    datei = Path(__file__).parent / "fakten.json"
    aufruf = [sys.executable, "-c", programm, str(datei)]
    ausgabe = subprocess.run(aufruf, capture_output=True, text=True, check=True).stdout.splitlines()
    assert json.loads(ausgabe[0])["nummer"] == "3.2 Satz 1"
    assert ausgabe[-1] == "[]"


@pytest.mark.skipif(not SZENARIEN.exists(), reason="the shared scenarios lie beside a full checkout only")
def test_the_shared_scenarios():
    for fall in json.loads(SZENARIEN.read_text(encoding="utf-8")):
        antwort = json.loads(rufe(fall["sachverhalt"], "--json").stdout)
        for key, wert in fall["erwartet"].items():
            if key == "frist":
                assert wert in [frist["faellig_am"] for frist in antwort["fristen"]], fall["id"]
            elif key == "hinweis":
                assert wert in [hinweis["vorschlag"] for hinweis in antwort["hinweise"]], fall["id"]
            else:
                assert antwort[key] == wert, fall["id"]


BEISPIELE = files("schemas").joinpath("beispiele")


def rufe_mit(name, *argumente):
    with as_file(BEISPIELE.joinpath(name)) as datei:
        return CliRunner().invoke(command, [str(datei), *argumente])


@pytest.mark.parametrize(("name", "nummer"), [("haft-3.2.xml", "3.2 Satz 1"), ("mitteilung-2.1.xml", "2.1 Satz 1")])
def test_a_message_is_decided_as_its_facts_are(name, nummer):
    ergebnis = rufe_mit(name, "--json")
    assert ergebnis.exit_code == 0, ergebnis.stderr
    antwort = json.loads(ergebnis.stdout)
    assert (antwort["entscheidung"], antwort["nummer"]) == ("zustellen", nummer)


def test_a_message_that_goes_to_its_named_addressee_has_no_decision():
    ergebnis = rufe_mit("zustaendigkeitsmitteilung.xml", "--json")
    assert (ergebnis.exit_code, ergebnis.stdout) == (2, "")
    assert "selbst nennt" in ergebnis.stderr


def test_a_message_that_is_refused_is_exit_1(tmp_path):
    datei = tmp_path / "nachricht.xml"
    datei.write_text("<kein", encoding="utf-8")
    ergebnis = CliRunner().invoke(command, [str(datei), "--json"])
    assert (ergebnis.exit_code, ergebnis.stdout) == (1, "")
    assert ergebnis.stderr.startswith("Abgewiesen: ")


def test_what_comes_from_outside_steers_no_terminal():
    eingabe = {"anlass": "weitere_mitteilung", "absender": "gds:R8088", "empfaenger": "abh:05382"}
    ergebnis = rufe(eingabe | {"rechtsgrundlage": "§ 17 EGGVG\x1b[2J"})
    assert ergebnis.exit_code == 0
    assert "\x1b" not in ergebnis.stdout
    assert "\x1b" not in rufe({"\x1b[2J": 1}).stderr
