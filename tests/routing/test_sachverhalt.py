"""What is a Sachverhalt and what is not."""

import datetime
import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config_fields import AUTHORITY_KEY
from routing import ANLAESSE, KeinSachverhalt, Sachverhalt
from routing.leser import SCHLUESSEL, ist_schluessel
from routing.sachverhalt import Azr, BereitsUnterrichtet, Verfahren

GRUND = {"anlass": "untersuchungshaft_antritt", "absender": "gds:R8088"}


def fehler(angaben):
    with pytest.raises(KeinSachverhalt) as gefangen:
        Sachverhalt.from_json(angaben)
    assert str(gefangen.value)
    return gefangen.value.fehler


def test_every_key_of_the_contract_is_read_and_written_back():
    angaben = {
        **GRUND,
        "stand": "2026-11-22",
        "azr": {"abgefragt": True, "aktenfuehrende_abh": "zab:unna"},
        "bekannte_abh": "abh:05382",
        "tatort_ags": "05315000",
        "wohnsitz_ags": "05382056",
        "aufenthaltsort_ags": "05111000",
        "auflage": {"ags": "05111000", "art": "raeumliche_beschraenkung"},
        "aufnahmeeinrichtung": {"ags": "05382056", "land_nrw": True, "art": "unterbringung"},
        "haftanstalt": "mrv:beispiel-klinik",
        "verfahren": [{"staatsanwaltschaft": "gds:R3300S", "gericht": "gds:R3306", "aktenzeichen": "1 Js 2/26"}],
        "vollstreckungsbehoerde": "gds:R3300S",
        "befasste_polizei": "pol:05171370484301",
        "ersuchende_abh": "abh:05315000",
        "neue_abh": "abh:05111000",
        "empfaenger": "bamf:zentrale",
        "rechtsgrundlage": "§ 17 EGGVG",
        "eingeleitet_durch": "zoll",
        "bereits_unterrichtet": {
            "abh": "abh:05382",
            "durch": "nrw:zollamt",
            "am": "2026-10-02",
            "aktenkundig": False,
        },
        "unterrichtet_nach_2_5": True,
        "pruefergebnis_nach_3_3": False,
        "massnahmen_kommen_in_betracht": True,
        "ausnahme_87_abs_5_nr_1": False,
        "langfristige_abschiebungshindernisse": False,
        "gefaehrdet_untersuchungszweck": False,
        "eilbeduerftig": True,
        "jgg_verfahren": False,
        "unionsbuerger": False,
        "massnahme": "ausweisung",
        "bestehen_auf": "auf Bitte der Behörde",
        "halbstrafenzeitpunkt": "2027-03-31",
        "entlassung_am": "2027-01-01",
        "eingang_strafanzeige": "2026-10-01",
        "telefonisch_am": "2026-10-01",
    }
    fakten = Sachverhalt.from_json(angaben)
    assert set(angaben) == set(Sachverhalt.__dataclass_fields__)
    assert fakten.as_json() == angaben
    assert fakten.azr == Azr(True, "zab:unna")
    assert fakten.verfahren == (Verfahren("gds:R3300S", "gds:R3306", "1 Js 2/26"),)
    assert fakten.bereits_unterrichtet == BereitsUnterrichtet(
        "abh:05382", "nrw:zollamt", datetime.date(2026, 10, 2), False
    )


def test_null_means_missing_everywhere():
    voll = dict.fromkeys(Sachverhalt.__dataclass_fields__) | GRUND
    assert Sachverhalt.from_json(voll) == Sachverhalt.from_json(GRUND)
    assert Sachverhalt.from_json(GRUND | {"azr": {"abgefragt": None}}).azr == Azr()
    assert Sachverhalt.from_json(GRUND | {"verfahren": []}).verfahren == ()


def test_every_anlass_is_known():
    assert len(ANLAESSE) == len(set(ANLAESSE)) == 47
    for anlass in ANLAESSE:
        assert Sachverhalt.from_json(GRUND | {"anlass": anlass}).anlass == anlass


@pytest.mark.parametrize("angaben", [None, [], "text", 1, True])
def test_only_an_object_is_one(angaben):
    assert fehler(angaben) == ["Ein Sachverhalt ist ein JSON-Objekt."]


@pytest.mark.parametrize(
    ("angaben", "schluessel"),
    [
        ({"absender": "gds:R8088"}, "anlass"),
        ({"anlass": "untersuchungshaft_antritt"}, "absender"),
        (GRUND | {"anlass": None}, "anlass"),
        (GRUND | {"anlass": "haft"}, "anlass"),
        (GRUND | {"anlass": ["untersuchungshaft_antritt"]}, "anlass"),
        (GRUND | {"Anlass": "untersuchungshaft_antritt"}, "Anlass"),
        (GRUND | {"tatort": "05315000"}, "tatort"),
        (GRUND | {"azr": {"abh": "abh:05382"}}, "azr.abh"),
        (GRUND | {"azr": "abh:05382"}, "azr"),
        (GRUND | {"azr": []}, "azr"),
        (GRUND | {"azr": {"abgefragt": "ja"}}, "azr.abgefragt"),
        (GRUND | {"azr": {"abgefragt": 1}}, "azr.abgefragt"),
        (GRUND | {"bekannte_abh": "05382"}, "bekannte_abh"),
        (GRUND | {"bekannte_abh": "abh:5382"}, "bekannte_abh"),
        (GRUND | {"bekannte_abh": "abh:053820"}, "bekannte_abh"),
        (GRUND | {"bekannte_abh": "ABH:05382"}, "bekannte_abh"),
        (GRUND | {"bekannte_abh": "abh:05382 "}, "bekannte_abh"),
        (GRUND | {"bekannte_abh": "abh:05382\n"}, "bekannte_abh"),
        (GRUND | {"bekannte_abh": "abh:٠٥٣٨٢"}, "bekannte_abh"),
        (GRUND | {"bekannte_abh": "xyz:05382"}, "bekannte_abh"),
        (GRUND | {"bekannte_abh": ""}, "bekannte_abh"),
        (GRUND | {"bekannte_abh": 5382}, "bekannte_abh"),
        (GRUND | {"haftanstalt": "gds:r8088"}, "haftanstalt"),
        (GRUND | {"haftanstalt": "mrv:" + "a" * 200}, "haftanstalt"),
        (GRUND | {"tatort_ags": "05382"}, "tatort_ags"),
        (GRUND | {"tatort_ags": 5315000}, "tatort_ags"),
        (GRUND | {"stand": "22.11.2026"}, "stand"),
        (GRUND | {"stand": "2026-02-30"}, "stand"),
        (GRUND | {"stand": "20261122"}, "stand"),
        (GRUND | {"stand": "2026-W47-7"}, "stand"),
        (GRUND | {"stand": "2026-11-22T10:00:00"}, "stand"),
        (GRUND | {"stand": "0001-01-01"}, "stand"),
        (GRUND | {"stand": 20261122}, "stand"),
        (GRUND | {"auflage": {"art": "wohnpflicht"}}, "auflage.art"),
        (GRUND | {"aufnahmeeinrichtung": {"art": "wohnsitzauflage"}}, "aufnahmeeinrichtung.art"),
        (GRUND | {"eingeleitet_durch": "polizei"}, "eingeleitet_durch"),
        (GRUND | {"massnahme": "ueberstellung"}, "massnahme"),
        (GRUND | {"verfahren": {}}, "verfahren"),
        (GRUND | {"verfahren": ["1 Js 2/26"]}, "verfahren[0]"),
        (GRUND | {"verfahren": [{}, {"sta": "gds:R3300S"}]}, "verfahren[1].sta"),
        (GRUND | {"bereits_unterrichtet": {"am": "gestern"}}, "bereits_unterrichtet.am"),
        (GRUND | {"unionsbuerger": "false"}, "unionsbuerger"),
        (GRUND | {"bestehen_auf": True}, "bestehen_auf"),
        (GRUND | {"bestehen_auf": "\ud800"}, "bestehen_auf"),
    ],
)
def test_what_the_contract_does_not_list_is_refused_and_named(angaben, schluessel):
    texte = fehler(angaben)
    assert len(texte) == 1
    assert f"„{schluessel}“" in texte[0]


def test_all_faults_are_told_at_once():
    assert len(fehler({"x": 1, "stand": "heute", "azr": {"y": 1}})) == 5


def test_an_unknown_name_is_repeated_only_in_part_and_readable():
    (text,) = fehler(GRUND | {"\ud800" + "x" * 5000: 1})
    assert len(text) < 200
    assert text.encode()


@pytest.mark.parametrize("wert", ["abh:05315000", "abh:05382", "zab:koeln", "gw:nrw", "gds:R3300S", "bamf:zentrale"])
def test_keys_of_the_contract(wert):
    assert ist_schluessel(wert)


@pytest.mark.parametrize("wert", ["gds:1101S", "pol:05.12-34", "pol:0542-11.3700000000000000001", "pol:" + "A" * 40])
def test_codes_as_the_official_lists_write_them(wert):
    assert ist_schluessel(wert)


KENNUNGEN = st.from_regex(r"[a-zA-Z0-9.-]{0,42}", fullmatch=True) | st.sampled_from(["koeln", "zentrale", "05382"])


@pytest.mark.parametrize("familie", ["justiz", "ausl"])
@given(st.sampled_from([*SCHLUESSEL, "xyz"]), KENNUNGEN)
def test_facts_configuration_and_schemas_have_one_rule_for_keys(familie, praefix, kennung):
    schema = files("schemas").joinpath(familie, "1.0", "typen.xsd").read_text(encoding="utf-8")
    (muster,) = re.findall(r'pattern value="(abh:[^"]+)"', schema)
    key = f"{praefix}:{kennung}"
    assert ist_schluessel(key) is (re.fullmatch(muster, key) is not None)
    if praefix != "gw":
        assert ist_schluessel(key) is (AUTHORITY_KEY.fullmatch(key) is not None)


@pytest.mark.parametrize(
    "wert", ["", ":", "abh", "abh:", ":05382", "gw:", "nrw:-", "nrw:a--b", "nrw:ä", "zab:bonn", "gds:X", "pol:a-b-c"]
)
def test_no_keys(wert):
    assert not ist_schluessel(wert)
