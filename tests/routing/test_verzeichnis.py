"""The directory of NRW adds up, and a directory that does not is refused."""

import csv
import datetime
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from routing import Verzeichnis, VerzeichnisFehler
from routing.verzeichnis import ARTEN


def test_396_municipalities_each_with_exactly_one_abh_zab_kpb_and_sta(verzeichnis):
    assert len(verzeichnis.gemeinden) == 396
    for gemeinde in verzeichnis.gemeinden.values():
        for key, art in (
            (gemeinde.abh, "abh"),
            (gemeinde.zab, "zab"),
            (gemeinde.polizei, "polizei"),
            (gemeinde.sta, "sta"),
        ):
            assert verzeichnis.behoerden[key].art == art
        assert gemeinde.gerichte
        assert {verzeichnis.behoerden[key].stufe for key in gemeinde.gerichte} == {"AG"}


def test_how_many_there_are(verzeichnis):
    assert Counter(behoerde.art for behoerde in verzeichnis.behoerden.values()) == {
        "abh": 79,
        "zab": 5,
        "sta": 22,
        "gericht": 151,
        "jva": 41,
        "ufa": 1,
        "polizei": 48,
        "bamf": 1,
    }
    assert Counter(b.stufe for b in verzeichnis.behoerden.values() if b.art in ("gericht", "sta")) == {
        "AG": 129,
        "LG": 19,
        "OLG": 3,
        "StA": 19,
        "GStA": 3,
    }
    assert len(verzeichnis.aufnahmeeinrichtungen) == 55


def test_towns_by_type(verzeichnis):
    typen = Counter(gemeinde.typ for gemeinde in verzeichnis.gemeinden.values())
    assert typen["kreisfreie Stadt"] == 22
    assert sum(anzahl for typ, anzahl in typen.items() if typ.lower().startswith("große kreisangehörige")) == 35


def test_every_authority_but_the_lka_has_a_district(verzeichnis):
    gemeinden = verzeichnis.gemeinden.values()
    ohne = {b.key for b in verzeichnis.behoerden.values() if b.art in ("abh", "zab", "polizei")}
    ohne -= {key for g in gemeinden for key in (g.abh, g.zab, g.polizei)}
    assert [verzeichnis.behoerden[key].stufe for key in ohne] == ["Landesoberbehörde"]


def test_the_regierungsbezirk_is_the_third_digit_and_gives_the_zab(verzeichnis):
    bezirke = {"1": "Düsseldorf", "3": "Köln", "5": "Münster", "7": "Detmold", "9": "Arnsberg"}
    zab = {"1": "zab:essen", "3": "zab:koeln", "5": "zab:coesfeld", "7": "zab:bielefeld", "9": "zab:unna"}
    for gemeinde in verzeichnis.gemeinden.values():
        assert gemeinde.regierungsbezirk == bezirke[gemeinde.ags[2]]
        assert gemeinde.zab == zab[gemeinde.ags[2]]


def test_an_abh_is_the_town_or_its_kreis(verzeichnis):
    for gemeinde in verzeichnis.gemeinden.values():
        assert gemeinde.abh in (f"abh:{gemeinde.ags}", f"abh:{gemeinde.ags[:5]}")


def test_every_prison_lies_in_a_district(verzeichnis):
    for behoerde in verzeichnis.behoerden.values():
        if behoerde.art in ("jva", "ufa"):
            assert verzeichnis.abh_des_bezirks(behoerde.key) in verzeichnis.behoerden
    assert verzeichnis.abh_des_bezirks("gds:R9071") == "abh:05158"


def test_names_are_unique_and_lead_back(verzeichnis):
    for behoerde in verzeichnis.behoerden.values():
        assert behoerde.art in ARTEN
        assert verzeichnis.nach_namen(behoerde.name) == behoerde
    assert verzeichnis.nach_namen("Justizvollzugsanstalt  Köln\n").key == "gds:R8088"
    assert verzeichnis.nach_namen("JVA Köln") is None


def test_confidence_is_kept_where_the_facts_have_one(verzeichnis):
    assert verzeichnis.behoerden["zab:koeln"].konfidenz == "belegt"
    assert verzeichnis.gemeinden["05378004"].konfidenz_abh == "belegt"
    assert verzeichnis.gemeinden["05154004"].konfidenz_justiz == "Gedächtnis"
    assert all(einrichtung.konfidenz for einrichtung in verzeichnis.aufnahmeeinrichtungen)


def test_rows_without_a_code(verzeichnis):
    assert {key for key in verzeichnis.behoerden if key.startswith("nrw:")} == {
        "nrw:jugendarrestanstalt-luenen",
        "nrw:unterbringungseinrichtung-fuer-ausreisepflichtige-ufa-bueren",
    }


def test_look_ups_outside_nrw_are_empty(verzeichnis):
    for suche in ("abh_fuer_ags", "zab_fuer_ags", "polizei_fuer_ags", "sta_fuer_ags"):
        assert getattr(verzeichnis, suche)("06412000") is None
        assert getattr(verzeichnis, suche)(None) is None
        assert getattr(verzeichnis, suche)("05315000") in verzeichnis.behoerden
    assert verzeichnis.behoerde(None) is None
    assert verzeichnis.abh_des_bezirks("gds:M9999") is None
    assert verzeichnis.abh_des_bezirks("bamf:zentrale") is None


def zeilen():
    for name in ("behoerden.csv", "gemeinden.csv", "aufnahmeeinrichtungen.csv"):
        text = files("routing").joinpath("data", name).read_text(encoding="utf-8")
        yield list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize(
    ("verdirb", "meldung"),
    [
        (lambda b, g, a: b.append(dict(b[0])), "zweimal"),
        (lambda b, g, a: g.append(dict(g[0])), "zweimal"),
        (lambda b, g, a: a.append(dict(a[0])), "zweimal"),
        (lambda b, g, a: b[0].update(key="05111000"), "Schlüssel"),
        (lambda b, g, a: b[0].update(art="amt"), "Art"),
        (lambda b, g, a: b[0].update(name=" "), "Namen"),
        (lambda b, g, a: b[0].update(gueltig_ab="bald"), "Datum"),
        (lambda b, g, a: b[0].update(ags="06412000"), "06412000"),
        (lambda b, g, a: g[0].update(abh="abh:06412000"), "abh:06412000"),
        (lambda b, g, a: g[0].update(sta=g[0]["abh"]), "sta"),
        (lambda b, g, a: g[0].update(gerichte="gds:R0000"), "gds:R0000"),
        (lambda b, g, a: g[0].pop("zab"), "zab"),
        (lambda b, g, a: a[0].update(ags="06412000"), "06412000"),
        (lambda b, g, a: a[0].pop("art"), "art"),
    ],
)
def test_a_directory_that_does_not_add_up_is_not_built(verdirb, meldung):
    behoerden, gemeinden, einrichtungen = zeilen()
    assert Verzeichnis.aus_zeilen(behoerden, gemeinden, einrichtungen)
    verdirb(behoerden, gemeinden, einrichtungen)
    with pytest.raises(VerzeichnisFehler) as gefangen:
        Verzeichnis.aus_zeilen(behoerden, gemeinden, einrichtungen)
    assert any(meldung in fehler for fehler in gefangen.value.fehler)


class TestUeberlagert:
    ZEILE = (("key", "abh:05382"), ("art", "abh"), ("name", "Rhein-Sieg-Kreis, Ausländeramt"))

    def test_an_operators_row_stands_in_place_of_the_packaged_one(self, verzeichnis):
        neu = verzeichnis.ueberlagert([dict(self.ZEILE)])
        assert neu.nach_namen("Rhein-Sieg-Kreis, Ausländeramt").key == "abh:05382"
        assert neu.nach_namen(verzeichnis.behoerden["abh:05382"].name) is None
        assert len(neu.behoerden) == len(verzeichnis.behoerden)

    def test_a_shared_name_leads_nowhere(self, verzeichnis):
        neu = verzeichnis.ueberlagert([{"key": "mrv:a", "art": "mrv", "name": "Justizvollzugsanstalt Köln"}])
        assert neu.nach_namen("Justizvollzugsanstalt Köln") is None

    @pytest.mark.parametrize("fehler", [{"art": "sta"}, {"key": "abh:x"}, {"ags": "06412000"}])
    def test_a_row_that_breaks_a_reference_is_refused(self, verzeichnis, fehler):
        with pytest.raises(VerzeichnisFehler):
            verzeichnis.ueberlagert([dict(self.ZEILE) | fehler])


def test_a_day_decides_whether_a_row_is_valid(verzeichnis):
    neu = verzeichnis.ueberlagert(
        [{"key": "mrv:a", "art": "mrv", "name": "Klinik", "gueltig_ab": "2026-02-01", "gueltig_bis": "2026-03-31"}]
    )
    tage = [("2026-01-31", False), ("2026-02-01", True), ("2026-03-31", True), ("2026-04-01", False)]
    for tag, gilt in tage:
        assert (neu.behoerde("mrv:a", datetime.date.fromisoformat(tag)) is not None) is gilt
    assert neu.behoerde("mrv:a") is None


WURZEL = Path(__file__).resolve().parents[2]
FAKTEN = WURZEL.parent / "shared" / "nrw"


@pytest.mark.skipif(not FAKTEN.exists(), reason="the facts lie beside a full checkout only")
def test_the_packaged_files_are_what_the_facts_give(tmp_path):
    aufruf = [sys.executable, "-m", "tools.build_directory", str(FAKTEN), str(tmp_path)]
    subprocess.run(aufruf, cwd=WURZEL, check=True, capture_output=True)
    for name in ("behoerden.csv", "gemeinden.csv", "aufnahmeeinrichtungen.csv"):
        assert (tmp_path / name).read_bytes() == files("routing").joinpath("data", name).read_bytes()
