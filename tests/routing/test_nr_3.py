"""Nr. 3: after Untersuchungshaft has begun."""

import pytest

from routing import Vorgangslage

JVA, STA, ABH = "gds:R8088", "gds:R3300S", "abh:05315000"
HAFT = ("untersuchungshaft_antritt", "untersuchungshaft_verlegung", "untersuchungshaft_entlassung")
SANKT_AUGUSTIN = {"ags": "05382056", "land_nrw": True, "art": "wohnpflicht"}
VERFAHREN = [{"staatsanwaltschaft": "gds:R3300S"}, {"staatsanwaltschaft": "gds:R3200S"}]


def kurz(antwort):
    return antwort.entscheidung, antwort.nummer, list(antwort.empfaenger)


def vorschlaege(antwort):
    return [hinweis.vorschlag for hinweis in antwort.hinweise]


def gelesen(antwort):
    return [grund.nummer for grund in antwort.begruendung if grund.auslegung]


@pytest.mark.parametrize("anlass", HAFT)
class TestNr31UndNr32:
    def test_3_1_the_known_abh(self, frage, anlass):
        antwort = frage(anlass, JVA, bekannte_abh="abh:05382", wohnsitz_ags="05111000")
        assert kurz(antwort) == ("zustellen", "3.1", ["abh:05382"])
        assert (antwort.vorlaeufig, vorschlaege(antwort)) == (False, [])

    def test_3_1_vorrang_for_a_release_only(self, frage, anlass):
        assert frage(anlass, JVA, bekannte_abh="abh:05382").vorrang is (anlass == HAFT[2])
        assert frage(anlass, JVA).vorrang is (anlass == HAFT[2])

    def test_3_1_a_begin_opens_the_duty_to_examine(self, frage, anlass):
        pflichten = [(f.nummer, f.pflichtig) for f in frage(anlass, JVA, bekannte_abh=ABH).folgen if f.art == "pflicht"]
        assert pflichten == ([("3.3", ABH)] if anlass == HAFT[0] else [])

    def test_3_1_an_unknown_known_abh_does_not_fall_through_to_the_district(self, frage, anlass):
        antwort = frage(anlass, JVA, bekannte_abh="abh:06412000")
        assert kurz(antwort) == ("klaerung", "3.1", [])
        assert vorschlaege(antwort) == ["abh:06412000"]
        assert antwort.vorrang is (anlass == HAFT[2])

    def test_3_2_satz_1_the_district_of_the_prison_provisionally(self, frage, anlass):
        antwort = frage(anlass, JVA)
        assert kurz(antwort) == ("zustellen", "3.2 Satz 1", [ABH])
        assert antwort.vorlaeufig is True
        assert (antwort.folgen[0].art, antwort.folgen[0].nummer) == ("weiterleitung", "3.2 Satz 2")

    @pytest.mark.parametrize(
        ("jva", "abh"),
        [
            ("gds:R9071", "abh:05158"),
            ("gds:R9162", "abh:05974"),
            ("gds:R9099", "abh:05334"),
            ("gds:R9565", "abh:05111000"),
            ("nrw:jugendarrestanstalt-luenen", "abh:05978024"),
        ],
    )
    def test_3_2_satz_1_every_prison_has_its_district(self, frage, anlass, jva, abh):
        antwort = frage(anlass, jva)
        assert kurz(antwort) == ("zustellen", "3.2 Satz 1", [abh])

    @pytest.mark.parametrize(
        ("fakten", "vorschlag"),
        [
            ({"azr": {"abgefragt": True, "aktenfuehrende_abh": "abh:05382"}}, ["abh:05382"]),
            ({"azr": {"abgefragt": False, "aktenfuehrende_abh": "abh:05382"}}, ["abh:05382"]),
            ({"vorgang": Vorgangslage(festgestellte_abh="abh:05382")}, ["abh:05382"]),
            ({"wohnsitz_ags": "05382056"}, ["abh:05382"]),
            ({"wohnsitz_ags": "05315000"}, [ABH]),
            ({"wohnsitz_ags": "06412000"}, [None]),
            ({"auflage": {"ags": "05111000", "art": "wohnsitzauflage"}, "wohnsitz_ags": "05382056"}, ["abh:05111000"]),
            ({"auflage": {"ags": "05111000"}}, ["abh:05111000"]),
            ({"auflage": {"ags": "06412000"}, "wohnsitz_ags": "05382056"}, [None]),
            ({"auflage": {"art": "raeumliche_beschraenkung"}, "wohnsitz_ags": "05382056"}, ["abh:05382"]),
            ({"azr": {"abgefragt": True, "aktenfuehrende_abh": ABH}}, []),
        ],
    )
    def test_3_2_satz_1_what_else_names_an_abh_is_a_hint(self, frage, anlass, fakten, vorschlag):
        antwort = frage(anlass, JVA, **fakten)
        assert kurz(antwort) == ("zustellen", "3.2 Satz 1", [ABH])
        assert vorschlaege(antwort) == vorschlag

    def test_3_1_vorgang_and_azr_are_hints_beside_a_known_abh(self, frage, anlass):
        antwort = frage(
            anlass,
            JVA,
            bekannte_abh=ABH,
            azr={"abgefragt": True, "aktenfuehrende_abh": "abh:05382"},
            vorgang=Vorgangslage(festgestellte_abh="abh:05314000"),
        )
        assert kurz(antwort) == ("zustellen", "3.1", [ABH])
        assert vorschlaege(antwort) == ["abh:05314000", "abh:05382"]

    @pytest.mark.parametrize(
        ("ags", "zab"),
        [
            ("05382056", "zab:koeln"),
            ("05111000", "zab:essen"),
            ("05515000", "zab:coesfeld"),
            ("05711000", "zab:bielefeld"),
            ("05911000", "zab:unna"),
        ],
    )
    @pytest.mark.parametrize("art", ["wohnpflicht", "unterbringung", None])
    def test_3_2_satz_4_the_zab_of_the_regierungsbezirk(self, frage, anlass, ags, zab, art):
        antwort = frage(anlass, JVA, aufnahmeeinrichtung={"ags": ags, "land_nrw": True, "art": art})
        assert kurz(antwort) == ("zustellen", "3.2 Satz 4", [zab])
        assert (antwort.vorlaeufig, vorschlaege(antwort), gelesen(antwort)) == (False, [], [])

    def test_3_2_satz_4_stands_over_a_known_abh(self, frage, anlass):
        antwort = frage(anlass, JVA, aufnahmeeinrichtung=SANKT_AUGUSTIN, bekannte_abh="abh:05382")
        assert kurz(antwort) == ("zustellen", "3.2 Satz 4", ["zab:koeln"])
        assert vorschlaege(antwort) == ["abh:05382"]
        assert gelesen(antwort) == ["3.2 Satz 4"]

    def test_3_2_satz_4_displaces_nobody_if_the_zab_is_the_known_one(self, frage, anlass):
        antwort = frage(anlass, JVA, aufnahmeeinrichtung=SANKT_AUGUSTIN, bekannte_abh="zab:koeln")
        assert kurz(antwort) == ("zustellen", "3.2 Satz 4", ["zab:koeln"])
        assert (vorschlaege(antwort), gelesen(antwort)) == ([], [])

    @pytest.mark.parametrize("einrichtung", [{"land_nrw": False, "ags": "05382056"}, {"ags": "05382056"}, {}])
    def test_3_2_satz_4_only_for_one_of_the_land(self, frage, anlass, einrichtung):
        antwort = frage(anlass, JVA, aufnahmeeinrichtung=einrichtung)
        assert kurz(antwort) == ("zustellen", "3.2 Satz 1", [ABH])
        antwort = frage(anlass, JVA, aufnahmeeinrichtung=einrichtung, bekannte_abh="abh:05382")
        assert kurz(antwort) == ("zustellen", "3.1", ["abh:05382"])

    @pytest.mark.parametrize("ags", [None, "06412000"])
    def test_3_2_satz_4_without_a_place_in_nrw_it_is_klaerung(self, frage, anlass, ags):
        antwort = frage(anlass, JVA, aufnahmeeinrichtung={"land_nrw": True, "ags": ags}, bekannte_abh=ABH)
        assert kurz(antwort) == ("klaerung", "3.2 Satz 4", [])
        assert vorschlaege(antwort) == [None, ABH]

    @pytest.mark.parametrize("absender", ["pol:05171370484301", STA, ABH, "gds:R3306"])
    def test_others_may_not(self, frage, anlass, absender):
        assert kurz(frage(anlass, absender, bekannte_abh=ABH)) == ("unzulaessig", "3.1", [])

    def test_the_ufa_is_no_jva(self, frage, anlass):
        ufa = "nrw:unterbringungseinrichtung-fuer-ausreisepflichtige-ufa-bueren"
        assert kurz(frage(anlass, ufa, bekannte_abh=ABH)) == ("unzulaessig", "3.1", [])

    def test_an_unknown_prison_is_klaerung(self, frage, anlass):
        assert kurz(frage(anlass, "gds:M9999", bekannte_abh=ABH)) == ("klaerung", "3.1", [])


class TestNr33:
    ANLASS = "pruefergebnis_untersuchungshaft"

    @pytest.mark.parametrize("absender", [ABH, "zab:koeln"])
    def test_measures_come_into_question(self, frage, absender):
        antwort = frage(self.ANLASS, absender, massnahmen_kommen_in_betracht=True, verfahren=VERFAHREN)
        assert kurz(antwort) == ("zustellen", "3.3", ["gds:R3300S", "gds:R3200S"])
        assert antwort.vorrang is True
        assert {(f.art, f.pflichtig) for f in antwort.folgen} == {("erledigt", absender)}

    def test_they_do_not(self, frage):
        antwort = frage(self.ANLASS, ABH, massnahmen_kommen_in_betracht=False)
        assert kurz(antwort) == ("entbehrlich", "3.3", [])
        assert (antwort.vorrang, antwort.folgen[0].art) == (False, "erledigt")

    def test_whoever_insists_has_it_delivered(self, frage):
        fakten = {"massnahmen_kommen_in_betracht": False, "bestehen_auf": "auf Bitte der StA"}
        antwort = frage(self.ANLASS, ABH, verfahren=VERFAHREN, **fakten)
        assert kurz(antwort) == ("zustellen", "3.3", ["gds:R3300S", "gds:R3200S"])
        assert kurz(frage(self.ANLASS, ABH, **fakten)) == ("klaerung", "3.3", [])

    def test_the_result_must_be_known(self, frage):
        antwort = frage(self.ANLASS, ABH, verfahren=VERFAHREN)
        assert kurz(antwort) == ("klaerung", "3.3", [])
        assert "massnahmen_kommen_in_betracht" in antwort.begruendung[0].text

    def test_the_sta_must_be_known(self, frage):
        antwort = frage(self.ANLASS, ABH, massnahmen_kommen_in_betracht=True)
        assert kurz(antwort) == ("klaerung", "3.3", [])
        assert antwort.vorrang is True
        assert "verfahren" in antwort.begruendung[0].text

    @pytest.mark.parametrize("absender", [JVA, STA, "pol:05171370484301"])
    def test_others_may_not(self, frage, absender):
        antwort = frage(self.ANLASS, absender, massnahmen_kommen_in_betracht=True, verfahren=VERFAHREN)
        assert kurz(antwort) == ("unzulaessig", "3.3", [])


class TestNr34:
    SATZ_1 = ("haftaufhebung_beabsichtigt", "haftverschonung_beabsichtigt")

    @pytest.mark.parametrize("anlass", SATZ_1)
    @pytest.mark.parametrize(
        "fakten", [{"pruefergebnis_nach_3_3": True}, {"vorgang": Vorgangslage(pruefergebnis_3_3=True)}]
    )
    def test_satz_1_in_these_cases(self, frage, anlass, fakten):
        antwort = frage(anlass, STA, bekannte_abh=ABH, **fakten)
        assert kurz(antwort) == ("zustellen", "3.4 Satz 1", [ABH])
        assert antwort.vorrang is True

    @pytest.mark.parametrize("anlass", SATZ_1)
    @pytest.mark.parametrize("wert", [False, None])
    def test_satz_1_otherwise_entbehrlich_pointing_to_satz_2(self, frage, anlass, wert):
        antwort = frage(anlass, STA, bekannte_abh=ABH, pruefergebnis_nach_3_3=wert)
        assert kurz(antwort) == ("entbehrlich", "3.4 Satz 1", [])
        assert "Satz 2" in antwort.begruendung[0].text
        trotzdem = frage(anlass, STA, bekannte_abh=ABH, bestehen_auf="Fluchtgefahr")
        assert kurz(trotzdem) == ("zustellen", "3.4 Satz 1", [ABH])

    @pytest.mark.parametrize(
        ("anlass", "nummer"),
        [
            ("entlassung_bekannt", "3.4 Satz 2"),
            ("entlassung_durch_gericht_beabsichtigt", "3.4 Satz 3"),
        ],
    )
    def test_satz_2_and_3_always_with_vorrang(self, frage, anlass, nummer):
        antwort = frage(anlass, "gds:R3000S", bekannte_abh="zab:unna")
        assert kurz(antwort) == ("zustellen", nummer, ["zab:unna"])
        assert antwort.vorrang is True
        offen = frage(anlass, STA)
        assert (*kurz(offen), offen.vorrang) == ("klaerung", nummer, [], True)

    @pytest.mark.parametrize("anlass", [*SATZ_1, "entlassung_bekannt", "entlassung_durch_gericht_beabsichtigt"])
    @pytest.mark.parametrize("absender", [JVA, ABH, "gds:R3306", "pol:05171370484301"])
    def test_others_may_not(self, frage, anlass, absender):
        antwort = frage(anlass, absender, bekannte_abh=ABH, pruefergebnis_nach_3_3=True)
        assert antwort.entscheidung == "unzulaessig"
        assert antwort.nummer.startswith("3.4 Satz ")
