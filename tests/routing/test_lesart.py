"""How the rules are read (requirements.md 2a): order, permits, validity, general hints, assignment."""

import datetime

import pytest
from anlassnumbers import BASE_FORM

from gateway.route.resources import packaged_rules
from routing import (
    Einstellungen,
    Erlaubnis,
    Fassung,
    Regelwerk,
    Sachverhalt,
    Vorgangslage,
    entscheide,
    weise_zu,
)

STA, JVA, ABH, POLIZEI = "gds:R3300S", "gds:R8088", "abh:05315000", "pol:05171370484301"


def kurz(antwort):
    return antwort.entscheidung, antwort.nummer, list(antwort.empfaenger)


@pytest.mark.parametrize(("anlass", "nummer"), BASE_FORM.items())
def test_1_an_unknown_sender_is_klaerung_by_the_first_row_of_the_anlass(frage, anlass, nummer):
    antwort = frage(anlass, "gds:M9999", bekannte_abh=ABH, gefaehrdet_untersuchungszweck=True)
    assert kurz(antwort) == ("klaerung", nummer, [])
    assert antwort.regelwerk


@pytest.mark.parametrize(
    ("anlass", "nummer"), [paar for paar in BASE_FORM.items() if paar[0] not in ("weitere_mitteilung", "berichtigung")]
)
def test_2_a_kind_that_no_row_names_is_unzulaessig_by_the_same_number(frage, anlass, nummer):
    assert kurz(frage(anlass, "bamf:zentrale", bekannte_abh=ABH)) == ("unzulaessig", nummer, [])


class TestErlaubnis:
    def einstellungen(self, **anders):
        angaben = {"absender": POLIZEI, "anlass": "untersuchungshaft_antritt", "grund": "Störung der JVA-Anbindung"}
        return Einstellungen(erlaubnisse=(Erlaubnis(**(angaben | anders), bis=datetime.date(2026, 11, 22)),))

    def test_2_a_permitted_notice_goes_to_klaerung(self, frage):
        antwort = frage("untersuchungshaft_antritt", POLIZEI, bekannte_abh=ABH, einstellungen=self.einstellungen())
        assert kurz(antwort) == ("klaerung", "3.1", [])
        assert any("Störung der JVA-Anbindung" in grund.text for grund in antwort.begruendung)

    @pytest.mark.parametrize("anders", [{"absender": STA}, {"anlass": "strafhaft_antritt"}])
    def test_2_only_this_sender_and_anlass(self, frage, anders):
        antwort = frage("untersuchungshaft_antritt", POLIZEI, einstellungen=self.einstellungen(**anders))
        assert antwort.entscheidung == "unzulaessig"

    def test_2_only_until_its_day(self, frage):
        antwort = frage("untersuchungshaft_antritt", POLIZEI, stand="2026-11-23", einstellungen=self.einstellungen())
        assert antwort.entscheidung == "unzulaessig"

    def test_2_a_permit_changes_nothing_for_a_sender_that_may(self, frage):
        antwort = frage("untersuchungshaft_antritt", JVA, einstellungen=self.einstellungen(absender=JVA))
        assert antwort.entscheidung == "zustellen"


def test_2_insisting_heals_no_missing_kind(frage):
    assert frage("untersuchungshaft_antritt", POLIZEI, bestehen_auf="eilt").entscheidung == "unzulaessig"


def test_2_insisting_on_what_is_due_says_nothing(frage):
    ohne = frage("verfahren_eingestellt", STA, bekannte_abh=ABH)
    assert frage("verfahren_eingestellt", STA, bekannte_abh=ABH, bestehen_auf="eilt") == ohne


def test_5_the_same_authority_as_court_and_as_sta_is_named_once(frage):
    verfahren = [{"gericht": STA}, {"staatsanwaltschaft": STA}]
    antwort = frage("beteiligung_aufenthaltstitel_25", ABH, verfahren=verfahren)
    assert kurz(antwort) == ("zustellen", "2.8 Satz 1", [STA])


@pytest.mark.parametrize(
    ("anlass", "absender", "fakten", "hinweise"),
    [
        ("ermittlungsverfahren_eingeleitet", POLIZEI, {"azr": {"abgefragt": True, "aktenfuehrende_abh": ABH}}, 1),
        ("ermittlungsverfahren_eingeleitet", POLIZEI, {}, 1),
        ("untersuchungshaft_antritt", JVA, {"bekannte_abh": ABH}, 1),
        ("verfahren_eingestellt", STA, {"bekannte_abh": ABH, "gefaehrdet_untersuchungszweck": True}, 1),
        ("strafhaft_antritt", JVA, {"bekannte_abh": ABH}, 1),
        ("erkenntnis_87_abs_2", STA, {"bekannte_abh": ABH}, 0),
        ("vollzugsmitteilung", JVA, {"bekannte_abh": ABH}, 0),
        ("berichtigung", JVA, {}, 0),
    ],
)
def test_10_union_citizens_get_a_hint_in_chapters_2_to_5(frage, anlass, absender, fakten, hinweise):
    mit, ohne = frage(anlass, absender, unionsbuerger=True, **fakten), frage(anlass, absender, **fakten)
    assert len(mit.hinweise) - len(ohne.hinweise) == hinweise
    assert all(hinweis.vorschlag is None for hinweis in mit.hinweise[len(ohne.hinweise) :])
    assert kurz(mit) == kurz(ohne)


class TestFassungen:
    def test_12_both_versions_are_named(self, frage):
        antwort = frage("untersuchungshaft_antritt", JVA).as_json()
        assert [zeile["fassung"] for zeile in antwort["regelwerk"]] == ["29.04.2022", "10.09.2019"]

    @pytest.mark.parametrize(("stand", "ausgang"), [("2022-06-28", "klaerung"), ("2022-06-29", "zustellen")])
    def test_12_before_the_decree_no_rule_can_place_a_notice(self, frage, stand, ausgang):
        assert frage("untersuchungshaft_antritt", JVA, stand=stand).entscheidung == ausgang

    def test_12_an_ordinance_that_lapses_is_data(self, verzeichnis):
        ende = datetime.date(2026, 12, 31)
        alt = Fassung("ZustAVO NRW", "10.09.2019", datetime.date(2019, 9, 10), ende)
        neu = Fassung("ZustAVO NRW", "01.01.2027", datetime.date(2027, 1, 1))
        regelwerk = Regelwerk(packaged_rules().erlass, (alt, neu))
        for stand, fassung in (("2026-12-31", "10.09.2019"), ("2027-01-01", "01.01.2027")):
            fakten = Sachverhalt.from_json({"anlass": "untersuchungshaft_antritt", "absender": JVA, "stand": stand})
            antwort = entscheide(fakten, Vorgangslage(), verzeichnis, regelwerk, Einstellungen())
            assert antwort.regelwerk[1] == ("ZustAVO NRW", fassung)

    def test_12_a_decree_without_rules_here_is_klaerung(self, verzeichnis):
        neu = Fassung("Runderlass", "01.01.2030", datetime.date(2030, 1, 1))
        regelwerk = Regelwerk((*packaged_rules().erlass, neu), packaged_rules().zustavo)
        fakten = Sachverhalt.from_json({"anlass": "untersuchungshaft_antritt", "absender": JVA, "stand": "2030-01-01"})
        assert kurz(entscheide(fakten, Vorgangslage(), verzeichnis, regelwerk, Einstellungen())) == (
            "klaerung",
            "3.1",
            [],
        )

    def test_12_without_a_day_the_open_ended_versions_hold(self, verzeichnis):
        fakten = Sachverhalt.from_json({"anlass": "untersuchungshaft_antritt", "absender": JVA})
        antwort = entscheide(fakten, Vorgangslage(), verzeichnis, packaged_rules(), Einstellungen())
        assert kurz(antwort) == ("zustellen", "3.2 Satz 1", [ABH])


class TestVerzeichnisstand:
    def entscheide(self, verzeichnis, **zeile):
        zeilen = [{"key": "mrv:beispiel", "art": "mrv", "name": "Klinik Beispiel"} | zeile]
        fakten = {"anlass": "entscheidung_456a", "absender": STA, "haftanstalt": "mrv:beispiel", "stand": "2026-11-22"}
        return entscheide(
            Sachverhalt.from_json(fakten | {"bekannte_abh": ABH}),
            Vorgangslage(),
            verzeichnis.ueberlagert(zeilen),
            packaged_rules(),
            Einstellungen(),
        )

    def test_an_operators_row_is_a_recipient(self, verzeichnis):
        assert self.entscheide(verzeichnis).empfaenger == (ABH, "mrv:beispiel")

    @pytest.mark.parametrize(("anlass", "nummer"), [("untersuchungshaft_antritt", "3.2"), ("strafhaft_antritt", "5.4")])
    def test_a_prison_without_a_district_is_klaerung(self, verzeichnis, anlass, nummer):
        neu = verzeichnis.ueberlagert([{"key": "nrw:neue-jva", "art": "jva", "name": "Justizvollzugsanstalt Neu"}])
        fakten = Sachverhalt.from_json({"anlass": anlass, "absender": "nrw:neue-jva", "stand": "2026-11-22"})
        antwort = entscheide(fakten, Vorgangslage(), neu, packaged_rules(), Einstellungen())
        assert kurz(antwort) == ("klaerung", f"{nummer} Satz 1", [])

    @pytest.mark.parametrize("zeile", [{"gueltig_ab": "2027-01-01"}, {"gueltig_bis": "2026-11-21"}])
    def test_a_row_counts_only_while_it_is_valid(self, verzeichnis, zeile):
        assert self.entscheide(verzeichnis, **zeile).empfaenger == (ABH,)


class TestZuweisung:
    def klaerung(self, frage, **fakten):
        return frage("verfahren_eingestellt", STA, **fakten)

    def fakten(self, **mehr):
        return Sachverhalt.from_json({"anlass": "verfahren_eingestellt", "absender": STA, "stand": "2026-11-22"} | mehr)

    def test_an_operator_places_it_with_a_reason(self, frage, verzeichnis):
        klaerung = self.klaerung(frage)
        antwort = weise_zu(klaerung, self.fakten(), Vorgangslage(), verzeichnis, an=ABH, grund="laut Akte")
        assert kurz(antwort) == ("zustellen", "4.1 Satz 1", [ABH])
        assert "laut Akte" in antwort.begruendung[-1].text

    def test_a_flagged_one_becomes_zurueckgestellt(self, frage, verzeichnis):
        klaerung = self.klaerung(frage, gefaehrdet_untersuchungszweck=True)
        assert klaerung.entscheidung == "klaerung"
        fakten = self.fakten(gefaehrdet_untersuchungszweck=True)
        antwort = weise_zu(klaerung, fakten, Vorgangslage(), verzeichnis, an=ABH, grund="laut Akte")
        assert kurz(antwort) == ("zurueckgestellt", "1", [ABH])
        frei = Vorgangslage(freigegeben=True)
        assert weise_zu(klaerung, fakten, frei, verzeichnis, an=ABH, grund="x").entscheidung == "zustellen"

    def test_only_to_the_directory_and_only_from_klaerung(self, frage, verzeichnis):
        with pytest.raises(ValueError, match="Verzeichnis"):
            weise_zu(self.klaerung(frage), self.fakten(), Vorgangslage(), verzeichnis, an="abh:06412000", grund="x")
        fertig = self.klaerung(frage, bekannte_abh=ABH)
        with pytest.raises(ValueError, match="Klärung"):
            weise_zu(fertig, self.fakten(), Vorgangslage(), verzeichnis, an=ABH, grund="x")
