"""§ 14 and § 15 ZustAVO."""

import pytest

from routing import Sachverhalt, weiterleitungsziel, zab_der_aufnahmeeinrichtung, zustaendige_abh


@pytest.mark.parametrize(
    ("orte", "abh", "nummer"),
    [
        ({"auflage_ags": "05111000", "wohnsitz_ags": "05382056", "haftanstalt": "gds:R8088"}, "abh:05111000", "1"),
        ({"wohnsitz_ags": "05382056", "haftanstalt": "gds:R8088"}, "abh:05382", "4"),
        ({"haftanstalt": "gds:R8088"}, "abh:05315000", "4"),
        ({"auflage_ags": "06412000", "wohnsitz_ags": "05382056"}, None, "1"),
        ({"wohnsitz_ags": "06412000", "haftanstalt": "gds:R8088"}, None, "4"),
        ({"haftanstalt": "gds:M9999"}, None, "4"),
        ({}, None, "4"),
    ],
)
def test_14_auflage_before_wohnsitz_before_the_district_of_the_prison(verzeichnis, orte, abh, nummer):
    gefunden = zustaendige_abh(verzeichnis, **orte)
    assert (gefunden.abh, gefunden.grund.nummer) == (abh, f"§ 14 Abs. {nummer} ZustAVO")
    assert gefunden.grund.text.endswith(".")


@pytest.mark.parametrize(("ags", "zab"), [("05382056", "zab:koeln"), ("06412000", None), (None, None)])
def test_15_the_zab_of_the_regierungsbezirk(verzeichnis, ags, zab):
    gefunden = zab_der_aufnahmeeinrichtung(verzeichnis, ags)
    assert (gefunden.abh, gefunden.grund.nummer) == (zab, "§ 15 Abs. 3 ZustAVO")


class TestWeiterleitung:
    def ziel(self, verzeichnis, fakten=None, **orte):
        angaben = {"anlass": "untersuchungshaft_antritt", "absender": "gds:R8088"} | (fakten or {})
        return weiterleitungsziel(verzeichnis, Sachverhalt.from_json(angaben), **orte).abh

    def test_what_the_forwarder_knows_stands_first(self, verzeichnis):
        fakten = {"wohnsitz_ags": "05382056", "auflage": {"ags": "05111000"}}
        assert self.ziel(verzeichnis, fakten) == "abh:05111000"
        assert self.ziel(verzeichnis, fakten, auflage_ags="05113000") == "abh:05113000"
        assert self.ziel(verzeichnis, fakten | {"auflage": None}) == "abh:05382"
        assert self.ziel(verzeichnis, fakten | {"auflage": None}, wohnsitz_ags="05314000") == "abh:05314000"

    def test_without_any_place_the_district_of_the_prison(self, verzeichnis):
        assert self.ziel(verzeichnis) == "abh:05315000"
        anderer = {"anlass": "entlassung_bekannt", "absender": "gds:R3300S", "haftanstalt": "gds:R9162"}
        assert self.ziel(verzeichnis, anderer) == "abh:05974"

    def test_outside_nrw_nobody(self, verzeichnis):
        assert self.ziel(verzeichnis, {"wohnsitz_ags": "06412000"}) is None
        assert self.ziel(verzeichnis, wohnsitz_ags="06412000") is None
