"""Versions of decree and ordinance as data."""

import datetime

import pytest

from gateway.route.resources import packaged_rules, rule_data
from routing import Regelwerk, RegelwerkFehler
from routing.erlass.tabelle import TABELLEN

TAG = datetime.date(2027, 1, 1)


def eine(**werte):
    return {"name": "Erlass", "fassung": "01.01.2027", "gueltig_ab": TAG, "tabelle": "29.04.2022"} | werte


def test_the_packaged_versions():
    erlass, zustavo = packaged_rules().am(datetime.date(2026, 11, 22))
    assert (erlass.fassung, zustavo.fassung) == ("29.04.2022", "10.09.2019")
    assert packaged_rules().am(datetime.date(2022, 6, 28)) is None
    assert packaged_rules().am(datetime.date(2022, 6, 29)) == (erlass, zustavo)


def test_a_missing_list_is_that_of_the_base():
    neu = Regelwerk.aus_daten({"erlass": [eine()]}, TABELLEN, packaged_rules())
    assert neu.zustavo == packaged_rules().zustavo
    assert [fassung.fassung for fassung in neu.erlass] == ["01.01.2027"]


def test_one_version_on_every_day():
    fest = packaged_rules().festgelegt_auf("29.04.2022")
    erlass, zustavo = fest.am(datetime.date(2020, 1, 1))
    assert (erlass.fassung, zustavo.fassung) == ("29.04.2022", "10.09.2019")
    assert packaged_rules().festgelegt_auf("10.09.2019").am(datetime.date(2022, 6, 28)) is None
    assert packaged_rules().festgelegt_auf("01.01.1999") is None


@pytest.mark.parametrize(
    ("daten", "fehler"),
    [
        ({"erlas": []}, "„erlas“ ist unbekannt"),
        ({"erlass": []}, "„erlass“ nennt keine Fassung"),
        ({"erlass": "x"}, "„erlass“ nennt keine Fassung"),
        ({"erlass": ["x"]}, "erlass 1 ist keine Tabelle"),
        ({"erlass": [eine(farbe="rot")]}, "„farbe“ ist unbekannt"),
        ({"erlass": [{"name": "x", "gueltig_ab": TAG}]}, "„fassung“ fehlt"),
        ({"erlass": [eine(name=3)]}, "„name“ muss Text sein"),
        ({"erlass": [eine(gueltig_ab="2027-01-01")]}, "muss ein Datum"),
        ({"erlass": [eine(gueltig_ab=datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC))]}, "muss ein Datum"),
        ({"erlass": [eine(gueltig_bis=datetime.date(2026, 1, 1))]}, "liegt vor gueltig_ab"),
        ({"erlass": [eine(), eine()]}, "zweimal"),
        ({"erlass": [eine(tabelle="01.01.1999")]}, "gibt es in diesem Programm nicht"),
        ({"erlass": [eine(tabelle="")]}, "gibt es in diesem Programm nicht"),
    ],
)
def test_what_is_no_version_is_refused(daten, fehler):
    with pytest.raises(RegelwerkFehler, match=fehler):
        Regelwerk.aus_daten(daten, TABELLEN, packaged_rules())


def test_without_a_base_both_lists_are_needed():
    with pytest.raises(RegelwerkFehler, match="zustavo"):
        Regelwerk.aus_daten({"erlass": rule_data("regelwerk.toml")["erlass"]}, TABELLEN)
