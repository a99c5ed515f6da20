"""Nr. 2: after criminal proceedings have begun."""

import pytest

from routing import Vorgangslage

POLIZEI, STA, ABH = "pol:05171370484301", "gds:R3300S", "abh:05315000"
ASKED = {"abgefragt": True, "aktenfuehrende_abh": None}
RHEIN_SIEG = {"abgefragt": True, "aktenfuehrende_abh": "abh:05382"}
KOELN_BONN = [{"staatsanwaltschaft": "gds:R3300S"}, {"staatsanwaltschaft": "gds:R3200S"}]
SCHON = {"abh": "abh:05382", "durch": "pol:05211370455501", "am": "2026-10-02", "aktenkundig": True}
POLIZEI_ANLAESSE = ["ermittlungsverfahren_eingeleitet", "erkenntnis_87_abs_2"]


def kurz(antwort):
    return antwort.entscheidung, antwort.nummer, list(antwort.empfaenger)


def vorschlaege(antwort):
    return [hinweis.vorschlag for hinweis in antwort.hinweise]


def gelesen(antwort):
    return [grund.nummer for grund in antwort.begruendung if grund.auslegung]


class TestNr21:
    @pytest.mark.parametrize("anlass", POLIZEI_ANLAESSE)
    def test_satz_1_the_azr_decides_over_the_tatort(self, frage, anlass):
        antwort = frage(anlass, POLIZEI, azr=RHEIN_SIEG, tatort_ags="05111000", bekannte_abh="abh:05113000")
        assert kurz(antwort) == ("zustellen", "2.1 Satz 1", ["abh:05382"])
        assert (antwort.vorlaeufig, antwort.vorrang, antwort.folgen) == (False, False, ())

    @pytest.mark.parametrize("anlass", POLIZEI_ANLAESSE)
    @pytest.mark.parametrize(
        ("tatort", "abh"),
        [("05378004", "abh:05378"), ("05315000", "abh:05315000"), ("05382056", "abh:05382"), ("05334002", "abh:05334")],
    )
    def test_satz_2_without_one_the_abh_of_the_tatort(self, frage, anlass, tatort, abh):
        assert kurz(frage(anlass, POLIZEI, azr=ASKED, tatort_ags=tatort)) == ("zustellen", "2.1 Satz 2", [abh])

    def test_satz_2_a_missing_tatort_is_named(self, frage):
        antwort = frage(POLIZEI_ANLAESSE[0], POLIZEI, azr=ASKED)
        assert kurz(antwort) == ("klaerung", "2.1 Satz 2", [])
        assert "tatort_ags" in antwort.begruendung[0].text

    @pytest.mark.parametrize("tatort", ["06412000", "05999999"])
    def test_satz_2_a_tatort_outside_nrw_is_klaerung_with_an_empty_suggestion(self, frage, tatort):
        antwort = frage(POLIZEI_ANLAESSE[0], POLIZEI, azr=ASKED, tatort_ags=tatort)
        assert kurz(antwort) == ("klaerung", "2.1 Satz 2", [])
        assert vorschlaege(antwort) == [None]

    @pytest.mark.parametrize("azr", [None, {}, {"abgefragt": False, "aktenfuehrende_abh": "abh:05382"}])
    def test_without_a_query_of_the_azr_it_is_klaerung_even_if_an_abh_is_named(self, frage, azr):
        antwort = frage(POLIZEI_ANLAESSE[0], POLIZEI, azr=azr, bekannte_abh="abh:05382", tatort_ags="05315000")
        assert kurz(antwort) == ("klaerung", "2.1 Satz 1", [])
        assert "azr" in antwort.begruendung[0].text

    def test_an_abh_of_the_azr_that_is_unknown_does_not_fall_through_to_the_tatort(self, frage):
        azr = {"abgefragt": True, "aktenfuehrende_abh": "abh:06412000"}
        antwort = frage(POLIZEI_ANLAESSE[0], POLIZEI, azr=azr, tatort_ags="05315000")
        assert kurz(antwort) == ("klaerung", "2.1 Satz 1", [])
        assert vorschlaege(antwort) == ["abh:06412000"]

    def test_an_authority_of_another_kind_is_no_aktenfuehrende_abh(self, frage):
        azr = {"abgefragt": True, "aktenfuehrende_abh": "gds:R3300S"}
        assert kurz(frage(POLIZEI_ANLAESSE[0], POLIZEI, azr=azr)) == ("klaerung", "2.1 Satz 1", [])

    @pytest.mark.parametrize(
        ("stand", "hinweise"), [("2026-10-01", 0), ("2026-10-02", 0), ("2026-10-03", 1), ("2026-09-30", 0)]
    )
    def test_unverzueglich_ends_with_the_day_after_the_strafanzeige(self, frage, stand, hinweise):
        antwort = frage(POLIZEI_ANLAESSE[0], POLIZEI, azr=RHEIN_SIEG, eingang_strafanzeige="2026-10-01", stand=stand)
        assert antwort.entscheidung == "zustellen"
        assert vorschlaege(antwort) == [None] * hinweise

    def test_the_lateness_is_also_told_in_klaerung(self, frage):
        antwort = frage(POLIZEI_ANLAESSE[0], POLIZEI, azr=ASKED, eingang_strafanzeige="2026-10-01")
        assert antwort.entscheidung == "klaerung"
        assert vorschlaege(antwort) == [None]

    @pytest.mark.parametrize("absender", ["gds:R8088", "abh:05315000", "bamf:zentrale", "zab:koeln", "gds:R3306"])
    def test_no_other_sender_may_post_it(self, frage, absender):
        antwort = frage("ermittlungsverfahren_eingeleitet", absender, azr=RHEIN_SIEG)
        assert kurz(antwort) == ("unzulaessig", "2.1 Satz 1", [])


class TestNr22:
    ANLASS = "ermittlungsverfahren_eingeleitet"

    @pytest.mark.parametrize(
        ("durch", "auslegung"),
        [
            ("staatsanwaltschaft", []),
            ("polizei_ausserhalb_nrw", []),
            ("zoll", ["2.2 Satz 1"]),
            ("finanzbehoerde", ["2.2 Satz 1"]),
            ("bundespolizei", ["2.2 Satz 1"]),
        ],
    )
    @pytest.mark.parametrize("absender", ["gds:R3300S", "gds:R3000S"])
    def test_who_else_opens_proceedings_makes_the_sta_notify(self, frage, durch, auslegung, absender):
        antwort = frage(self.ANLASS, absender, azr=RHEIN_SIEG, eingeleitet_durch=durch)
        assert kurz(antwort) == ("zustellen", "2.2 Satz 1", ["abh:05382"])
        assert gelesen(antwort) == auslegung

    def test_polizei_nrw_notifies_itself(self, frage):
        antwort = frage(self.ANLASS, STA, eingeleitet_durch="polizei_nrw")
        assert kurz(antwort) == ("entbehrlich", "2.2 Satz 1", [])

    def test_whoever_insists_is_routed_as_ever(self, frage):
        fakten = {"eingeleitet_durch": "polizei_nrw", "bestehen_auf": "Die Polizei hat es versäumt."}
        antwort = frage(self.ANLASS, STA, azr=RHEIN_SIEG, **fakten)
        assert kurz(antwort) == ("zustellen", "2.2 Satz 1", ["abh:05382"])
        assert any("Die Polizei hat es versäumt." in grund.text for grund in antwort.begruendung)
        assert kurz(frage(self.ANLASS, STA, **fakten)) == ("klaerung", "2.2 Satz 1", [])

    def test_who_opened_them_must_be_known(self, frage):
        antwort = frage(self.ANLASS, STA, azr=RHEIN_SIEG, bestehen_auf="eilt")
        assert kurz(antwort) == ("klaerung", "2.2 Satz 1", [])
        assert "eingeleitet_durch" in antwort.begruendung[0].text

    @pytest.mark.parametrize(
        ("fakten", "erwartet"),
        [
            ({"azr": ASKED, "tatort_ags": "05315000"}, ("zustellen", ["abh:05315000"])),
            ({"azr": ASKED}, ("klaerung", [])),
            ({"azr": ASKED, "tatort_ags": "06412000"}, ("klaerung", [])),
            ({}, ("klaerung", [])),
        ],
    )
    @pytest.mark.parametrize(
        ("anlass", "nummer", "mehr"),
        [
            (ANLASS, "2.2 Satz 1", {"eingeleitet_durch": "zoll"}),
            ("auslieferungsverfahren_eingeleitet", "2.2 Satz 2", {}),
        ],
    )
    def test_it_keeps_its_own_number_whatever_its_routing(self, frage, fakten, erwartet, anlass, nummer, mehr):
        antwort = frage(anlass, STA, **fakten, **mehr)
        assert kurz(antwort) == (erwartet[0], nummer, erwartet[1])

    @pytest.mark.parametrize("anlass", [ANLASS, "auslieferungsverfahren_eingeleitet"])
    def test_an_earlier_unterrichtung_on_file_makes_it_entbehrlich(self, frage, anlass):
        nummer = "2.2 Satz 1" if anlass == self.ANLASS else "2.2 Satz 2"
        fakten = {"azr": RHEIN_SIEG, "eingeleitet_durch": "zoll", "bereits_unterrichtet": SCHON}
        assert kurz(frage(anlass, STA, **fakten)) == ("entbehrlich", nummer, [])
        trotzdem = frage(anlass, STA, bestehen_auf="neue Tat", **fakten)
        assert kurz(trotzdem) == ("zustellen", nummer, ["abh:05382"])
        assert any("neue Tat" in grund.text for grund in trotzdem.begruendung)

    def test_it_also_holds_for_the_abh_of_the_tatort(self, frage):
        antwort = frage(
            self.ANLASS,
            STA,
            azr=ASKED,
            tatort_ags="05382056",
            eingeleitet_durch="zoll",
            bereits_unterrichtet=SCHON,
        )
        assert kurz(antwort) == ("entbehrlich", "2.2 Satz 1", [])

    @pytest.mark.parametrize(
        "mangel",
        [
            {"aktenkundig": False},
            {"aktenkundig": None},
            {"durch": STA},
            {"durch": None},
            {"abh": "abh:05315000"},
            {"abh": None},
        ],
    )
    def test_if_any_of_the_three_does_not_hold_it_is_delivered_with_a_hint(self, frage, mangel):
        antwort = frage(
            self.ANLASS,
            STA,
            azr=RHEIN_SIEG,
            eingeleitet_durch="zoll",
            bereits_unterrichtet={**SCHON, **mangel},
        )
        assert kurz(antwort) == ("zustellen", "2.2 Satz 1", ["abh:05382"])
        assert vorschlaege(antwort) == [None]

    def test_an_earlier_unterrichtung_does_not_stand_in_for_the_azr(self, frage):
        antwort = frage(self.ANLASS, STA, eingeleitet_durch="zoll", bereits_unterrichtet=SCHON)
        assert kurz(antwort) == ("klaerung", "2.2 Satz 1", [])

    def test_what_only_the_vorgang_knows_is_a_hint(self, frage):
        vorgang = Vorgangslage(unterrichtete_abhs=("abh:05382",))
        antwort = frage(self.ANLASS, STA, azr=RHEIN_SIEG, eingeleitet_durch="zoll", vorgang=vorgang)
        assert antwort.entscheidung == "zustellen"
        assert vorschlaege(antwort) == [None]

    def test_extradition_asks_nobody_who_opened_it(self, frage):
        antwort = frage("auslieferungsverfahren_eingeleitet", STA, azr=RHEIN_SIEG, eingeleitet_durch="polizei_nrw")
        assert kurz(antwort) == ("zustellen", "2.2 Satz 2", ["abh:05382"])

    @pytest.mark.parametrize("absender", [POLIZEI, "gds:R3306", "gds:R8088", ABH])
    def test_extradition_is_notified_by_the_sta_alone(self, frage, absender):
        antwort = frage("auslieferungsverfahren_eingeleitet", absender, azr=RHEIN_SIEG)
        assert kurz(antwort) == ("unzulaessig", "2.2 Satz 2", [])


@pytest.mark.parametrize("anlass", ["haftbefehl_erlassen", "haftbefehl_aufgehoben"])
class TestNr23:
    def test_the_aktenfuehrende_abh(self, frage, anlass):
        antwort = frage(anlass, POLIZEI, azr=RHEIN_SIEG, bekannte_abh=ABH)
        assert kurz(antwort) == ("zustellen", "2.3", ["abh:05382"])
        assert gelesen(antwort) == []

    def test_without_one_the_abh_informed_before(self, frage, anlass):
        antwort = frage(anlass, POLIZEI, azr=ASKED, bekannte_abh=ABH, tatort_ags="05111000")
        assert kurz(antwort) == ("zustellen", "2.3", [ABH])
        assert gelesen(antwort) == ["2.3"]

    def test_the_vorgang_may_know_it(self, frage, anlass):
        vorgang = Vorgangslage(unterrichtete_abhs=("abh:05382", "abh:05314000"))
        assert kurz(frage(anlass, POLIZEI, azr=ASKED, vorgang=vorgang)) == ("zustellen", "2.3", ["abh:05314000"])
        vorgang = Vorgangslage(unterrichtete_abhs=("abh:05382", "abh:05314000"), festgestellte_abh="abh:05382")
        assert kurz(frage(anlass, POLIZEI, azr=ASKED, vorgang=vorgang)) == ("zustellen", "2.3", ["abh:05382"])

    def test_the_message_wins_over_the_vorgang_with_a_hint(self, frage, anlass):
        vorgang = Vorgangslage(unterrichtete_abhs=("abh:05382",))
        antwort = frage(anlass, POLIZEI, azr=ASKED, bekannte_abh=ABH, vorgang=vorgang)
        assert kurz(antwort) == ("zustellen", "2.3", [ABH])
        assert vorschlaege(antwort) == ["abh:05382"]

    def test_never_the_tatort(self, frage, anlass):
        antwort = frage(anlass, POLIZEI, azr=ASKED, tatort_ags="05315000")
        assert kurz(antwort) == ("klaerung", "2.3", [])
        assert "bekannte_abh" in antwort.begruendung[0].text

    def test_the_azr_must_have_been_asked(self, frage, anlass):
        assert kurz(frage(anlass, POLIZEI, bekannte_abh=ABH)) == ("klaerung", "2.3", [])

    def test_an_unknown_abh_is_klaerung_with_its_name(self, frage, anlass):
        azr = {"abgefragt": True, "aktenfuehrende_abh": "abh:06412000"}
        antwort = frage(anlass, POLIZEI, azr=azr, bekannte_abh=ABH)
        assert kurz(antwort) == ("klaerung", "2.3", [])
        assert vorschlaege(antwort) == ["abh:06412000"]

    @pytest.mark.parametrize("absender", ["gds:R8088", ABH, "gds:R3306"])
    def test_others_may_not(self, frage, anlass, absender):
        assert kurz(frage(anlass, absender, azr=RHEIN_SIEG)) == ("unzulaessig", "2.3", [])


class TestNr25:
    @pytest.mark.parametrize("absender", [ABH, "zab:koeln"])
    def test_satz_1_every_sta_in_order_without_duplicates(self, frage, absender):
        antwort = frage("einvernehmen_ersuchen", absender, verfahren=[*KOELN_BONN, *KOELN_BONN[:1]])
        assert kurz(antwort) == ("zustellen", "2.5 Satz 1", ["gds:R3300S", "gds:R3200S"])
        assert [(f.art, f.nummer, f.pflichtig) for f in antwort.folgen] == [
            ("pflicht", "2.5 Satz 5", "gds:R3300S"),
            ("pflicht", "2.5 Satz 5", "gds:R3200S"),
        ]

    @pytest.mark.parametrize(("eilig", "vorrang"), [(True, True), (False, False), (None, False)])
    def test_satz_1_urgency_gives_vorrang(self, frage, eilig, vorrang):
        antwort = frage("einvernehmen_ersuchen", ABH, verfahren=KOELN_BONN, eilbeduerftig=eilig)
        assert antwort.vorrang is vorrang
        assert ("umgehend" in antwort.folgen[0].text) is vorrang

    @pytest.mark.parametrize(
        ("verfahren", "fehlt"), [(None, "verfahren"), ([], "verfahren"), ([{"gericht": "gds:R3306"}], "staatsanwalt")]
    )
    def test_satz_1_without_a_sta_it_is_klaerung_and_keeps_its_vorrang(self, frage, verfahren, fehlt):
        antwort = frage("einvernehmen_ersuchen", ABH, verfahren=verfahren, eilbeduerftig=True)
        assert kurz(antwort) == ("klaerung", "2.5 Satz 1", [])
        assert fehlt in antwort.begruendung[0].text
        assert antwort.vorrang is True

    def test_satz_1_one_unknown_sta_does_not_stop_the_other(self, frage):
        verfahren = [{"staatsanwaltschaft": "gds:M1100S"}, {"staatsanwaltschaft": "gds:R3200S"}]
        antwort = frage("einvernehmen_ersuchen", ABH, verfahren=verfahren)
        assert kurz(antwort) == ("zustellen", "2.5 Satz 1", ["gds:R3200S"])
        assert vorschlaege(antwort) == ["gds:M1100S"]
        assert [(f.art, f.pflichtig, f.empfaenger) for f in antwort.folgen] == [
            ("pflicht", "gds:R3200S", None),
            ("klaerung", None, "gds:M1100S"),
        ]

    def test_satz_1_all_unknown_is_klaerung_with_every_name(self, frage):
        verfahren = [{"staatsanwaltschaft": "gds:M1100S"}, {"staatsanwaltschaft": "gds:M1200S"}]
        antwort = frage("einvernehmen_ersuchen", ABH, verfahren=verfahren)
        assert kurz(antwort) == ("klaerung", "2.5 Satz 1", [])
        assert vorschlaege(antwort) == ["gds:M1100S", "gds:M1200S"]

    def test_satz_1_a_proceeding_without_its_sta_becomes_a_folge(self, frage):
        verfahren = [{"aktenzeichen": "1 Js 1/26"}, {"staatsanwaltschaft": "gds:R3200S"}]
        antwort = frage("einvernehmen_ersuchen", ABH, verfahren=verfahren)
        assert antwort.empfaenger == ("gds:R3200S",)
        assert antwort.folgen[0].as_json()["art"] == "klaerung"
        assert antwort.folgen[0].as_json()["empfaenger"] is None

    def test_satz_1_long_term_obstacles_make_it_entbehrlich_unless_the_sender_insists(self, frage):
        fakten = {"langfristige_abschiebungshindernisse": True, "verfahren": KOELN_BONN[:1]}
        assert kurz(frage("einvernehmen_ersuchen", ABH, **fakten)) == ("entbehrlich", "2.5 Satz 1", [])
        antwort = frage("einvernehmen_ersuchen", ABH, bestehen_auf="Ausweisung", **fakten)
        assert kurz(antwort) == ("zustellen", "2.5 Satz 1", ["gds:R3300S"])

    def test_satz_1_a_telephone_call_is_recorded(self, frage):
        antwort = frage("einvernehmen_ersuchen", ABH, verfahren=KOELN_BONN, telefonisch_am="2026-11-20")
        assert any("20.11.2026" in grund.text for grund in antwort.begruendung)

    def test_satz_1_is_urgent_by_its_own_word_alone(self, frage):
        frueher = Vorgangslage(bezug_eilbeduerftig=True)
        verfahren = [{"staatsanwaltschaft": "gds:R3300S"}]
        assert frage("einvernehmen_ersuchen", "abh:05315000", verfahren=verfahren, vorgang=frueher).vorrang is False

    def test_satz_5_the_answer_goes_to_the_abh_that_asked(self, frage):
        antwort = frage("einvernehmen_entscheidung", STA, ersuchende_abh=ABH)
        assert kurz(antwort) == ("zustellen", "2.5 Satz 5", [ABH])
        assert [(f.art, f.nummer, f.pflichtig) for f in antwort.folgen] == [
            ("erledigt", "2.5 Satz 5", STA),
            ("bedingte_pflicht", "2.6", ABH),
        ]

    def test_satz_5_the_referenced_message_names_it_too(self, frage):
        vorgang = Vorgangslage(bezug_absender="zab:koeln", bezug_eilbeduerftig=True)
        antwort = frage("einvernehmen_entscheidung", STA, vorgang=vorgang)
        assert kurz(antwort) == ("zustellen", "2.5 Satz 5", ["zab:koeln"])
        assert antwort.vorrang is True
        beide = frage("einvernehmen_entscheidung", STA, ersuchende_abh=ABH, vorgang=vorgang)
        assert kurz(beide) == ("zustellen", "2.5 Satz 5", [ABH])
        assert vorschlaege(beide) == ["zab:koeln"]

    def test_satz_5_urgency_of_the_ersuchen_gives_vorrang(self, frage):
        assert frage("einvernehmen_entscheidung", STA, ersuchende_abh=ABH, eilbeduerftig=True).vorrang is True
        assert frage("einvernehmen_entscheidung", STA, ersuchende_abh=ABH).vorrang is False

    def test_satz_5_without_the_abh_it_is_klaerung(self, frage):
        antwort = frage("einvernehmen_entscheidung", STA, bekannte_abh=ABH)
        assert kurz(antwort) == ("klaerung", "2.5 Satz 5", [])
        assert "ersuchende_abh" in antwort.begruendung[0].text

    @pytest.mark.parametrize(
        ("anlass", "absender", "nummer"),
        [
            ("einvernehmen_ersuchen", STA, "2.5 Satz 1"),
            ("einvernehmen_ersuchen", "gds:R8088", "2.5 Satz 1"),
            ("einvernehmen_entscheidung", ABH, "2.5 Satz 5"),
            ("einvernehmen_entscheidung", "gds:R3306", "2.5 Satz 5"),
        ],
    )
    def test_others_may_not(self, frage, anlass, absender, nummer):
        assert kurz(frage(anlass, absender, verfahren=KOELN_BONN)) == ("unzulaessig", nummer, [])


class TestNr26And27:
    @pytest.mark.parametrize(
        ("anlass", "nummer", "art"),
        [
            ("abschiebung_durchgefuehrt", "2.6", "erledigt"),
            ("abschiebung_nicht_durchgefuehrt", "2.6", "erledigt"),
            ("ersuchen_zurueckgenommen", "2.7", "ruecknahme"),
        ],
    )
    def test_every_sta_is_told(self, frage, anlass, nummer, art):
        antwort = frage(anlass, ABH, verfahren=KOELN_BONN)
        assert kurz(antwort) == ("zustellen", nummer, ["gds:R3300S", "gds:R3200S"])
        assert {folge.art for folge in antwort.folgen} == {art}
        assert kurz(frage(anlass, "zab:koeln")) == ("klaerung", nummer, [])
        assert kurz(frage(anlass, STA, verfahren=KOELN_BONN)) == ("unzulaessig", nummer, [])

    def test_a_change_of_competence_establishes_the_new_abh(self, frage):
        antwort = frage("zustaendigkeitswechsel", ABH, verfahren=KOELN_BONN, neue_abh="abh:05382")
        assert kurz(antwort) == ("zustellen", "2.7", ["gds:R3300S", "gds:R3200S"])
        assert [(f.art, f.empfaenger) for f in antwort.folgen] == [("feststellung", "abh:05382")]

    def test_an_unknown_new_abh_is_a_hint_and_establishes_nothing(self, frage):
        antwort = frage("zustaendigkeitswechsel", ABH, verfahren=KOELN_BONN, neue_abh="abh:06412000")
        assert antwort.entscheidung == "zustellen"
        assert (vorschlaege(antwort), antwort.folgen) == (["abh:06412000"], ())

    def test_only_an_abh_can_be_the_new_one(self, frage):
        antwort = frage(
            "zustaendigkeitswechsel",
            "abh:05315000",
            verfahren=[{"staatsanwaltschaft": "gds:R3300S"}],
            neue_abh="gds:R8088",
        )
        assert antwort.entscheidung == "zustellen"
        assert [folge.art for folge in antwort.folgen] == []
        assert [hinweis.vorschlag for hinweis in antwort.hinweise] == ["gds:R8088"]

    def test_the_new_abh_is_never_asked_for(self, frage):
        antwort = frage("zustaendigkeitswechsel", ABH, verfahren=KOELN_BONN)
        assert (antwort.entscheidung, antwort.folgen) == ("zustellen", ())


class TestNr28:
    BEIDE = ("beteiligung_aufenthaltstitel_25", "beteiligung_ausreisefrist_59_7")

    @pytest.mark.parametrize("anlass", BEIDE)
    def test_satz_1_court_first_else_the_sta_for_each_proceeding(self, frage, anlass):
        verfahren = [
            {"staatsanwaltschaft": "gds:R3300S", "gericht": "gds:R3306"},
            {"staatsanwaltschaft": "gds:R3200S"},
            {"gericht": "gds:R3300"},
        ]
        antwort = frage(anlass, ABH, verfahren=verfahren, aufenthaltsort_ags="05913000")
        assert kurz(antwort) == ("zustellen", "2.8 Satz 1", ["gds:R3306", "gds:R3200S", "gds:R3300"])
        assert gelesen(antwort) == ["2.8 Satz 1"]

    def test_satz_1_the_sta_alone_needs_no_reading(self, frage):
        antwort = frage(self.BEIDE[0], "zab:koeln", verfahren=KOELN_BONN)
        assert kurz(antwort) == ("zustellen", "2.8 Satz 1", ["gds:R3300S", "gds:R3200S"])
        assert gelesen(antwort) == []

    @pytest.mark.parametrize("anlass", BEIDE)
    def test_satz_1_the_exception_makes_it_entbehrlich(self, frage, anlass):
        fakten = {"ausnahme_87_abs_5_nr_1": True, "verfahren": KOELN_BONN[:1]}
        assert kurz(frage(anlass, ABH, **fakten)) == ("entbehrlich", "2.8 Satz 1", [])
        assert frage(anlass, ABH, bestehen_auf="doch", **fakten).empfaenger == ("gds:R3300S",)

    @pytest.mark.parametrize("anlass", BEIDE)
    def test_satz_1_an_unknown_court_does_not_fall_through_to_the_sta(self, frage, anlass):
        verfahren = [{"staatsanwaltschaft": "gds:R3300S", "gericht": "gds:M1111"}]
        antwort = frage(anlass, ABH, verfahren=verfahren, aufenthaltsort_ags="05913000")
        assert kurz(antwort) == ("klaerung", "2.8 Satz 1", [])
        assert vorschlaege(antwort) == ["gds:M1111"]

    def test_satz_2_the_polizei_for_59_7_only(self, frage):
        ort = {"aufenthaltsort_ags": "05913000", "verfahren": [{"aktenzeichen": "1 Js 1/26"}]}
        assert kurz(frage(self.BEIDE[1], ABH, **ort)) == ("zustellen", "2.8 Satz 2", ["pol:05331370703601"])
        antwort = frage(self.BEIDE[0], ABH, **ort)
        assert kurz(antwort) == ("klaerung", "2.8 Satz 1", [])
        assert "verfahren" in antwort.begruendung[0].text

    def test_satz_2_needs_an_aufenthaltsort(self, frage):
        antwort = frage(self.BEIDE[1], ABH)
        assert kurz(antwort) == ("klaerung", "2.8 Satz 2", [])
        assert "aufenthaltsort_ags" in antwort.begruendung[0].text

    def test_satz_2_outside_nrw_is_klaerung_with_an_empty_suggestion(self, frage):
        antwort = frage(self.BEIDE[1], ABH, aufenthaltsort_ags="06412000")
        assert kurz(antwort) == ("klaerung", "2.8 Satz 2", [])
        assert vorschlaege(antwort) == [None]

    @pytest.mark.parametrize("absender", [STA, "gds:R3306", POLIZEI])
    def test_the_answer_goes_back(self, frage, absender):
        antwort = frage("beteiligung_antwort", absender, ersuchende_abh=ABH)
        assert kurz(antwort) == ("zustellen", "2.8 Satz 1", [ABH])
        assert kurz(frage("beteiligung_antwort", absender)) == ("klaerung", "2.8 Satz 1", [])

    @pytest.mark.parametrize(
        ("anlass", "absender"),
        [*((anlass, STA) for anlass in BEIDE), ("beteiligung_antwort", ABH), ("beteiligung_antwort", "gds:R8088")],
    )
    def test_others_may_not(self, frage, anlass, absender):
        antwort = frage(anlass, absender, verfahren=KOELN_BONN, ersuchende_abh=ABH)
        assert kurz(antwort) == ("unzulaessig", "2.8 Satz 1", [])
