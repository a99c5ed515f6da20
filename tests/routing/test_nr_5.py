"""Nr. 5: after a court has disposed of the proceedings."""

import pytest

from routing import Einstellungen, Vorgangslage

STA, AG, LG, JVA, ABH = "gds:R3300S", "gds:R3306", "gds:R3300", "gds:R9162", "abh:05315000"
HAFT = (
    "strafhaft_antritt",
    "strafhaft_verlegung",
    "entlassungstermin_vorgesehen",
    "entlassungstermin_festgesetzt",
    "entlassungstermin_geaendert",
    "auslieferungshaft_antritt",
    "auslieferungshaft_verlegung",
)
VOLLSTRECKUNG = (
    ("verfahren_erledigt", "5.1", False),
    ("urteil_nachgereicht", "5.1", False),
    ("strafaussetzung_widerrufen", "5.2", True),
    ("zurueckstellung_strafvollstreckung_widerrufen", "5.2", True),
)


def kurz(antwort):
    return antwort.entscheidung, antwort.nummer, list(antwort.empfaenger)


def vorschlaege(antwort):
    return [hinweis.vorschlag for hinweis in antwort.hinweise]


@pytest.mark.parametrize(("anlass", "nummer", "vorrang"), VOLLSTRECKUNG)
class TestNr51UndNr52:
    @pytest.mark.parametrize(("absender", "jgg"), [(STA, None), ("gds:R3000S", None), (AG, True), (STA, True)])
    def test_the_enforcing_authority_tells_the_abh(self, frage, anlass, nummer, vorrang, absender, jgg):
        antwort = frage(anlass, absender, bekannte_abh=ABH, jgg_verfahren=jgg)
        assert (*kurz(antwort), antwort.vorrang) == ("zustellen", nummer, [ABH], vorrang)

    def test_without_an_abh_it_is_klaerung(self, frage, anlass, nummer, vorrang):
        antwort = frage(anlass, STA)
        assert (*kurz(antwort), antwort.vorrang) == ("klaerung", nummer, [], vorrang)

    @pytest.mark.parametrize(
        ("absender", "jgg"), [(AG, None), (AG, False), (LG, True), ("gds:R3000", True), (JVA, True)]
    )
    def test_a_court_only_as_vollstreckungsleiter(self, frage, anlass, nummer, vorrang, absender, jgg):
        antwort = frage(anlass, absender, bekannte_abh=ABH, jgg_verfahren=jgg)
        assert (*kurz(antwort), antwort.vorrang) == ("unzulaessig", nummer, [], False)


def test_5_1_the_judgment_that_follows_is_a_duty_only_if_the_message_says_so(frage):
    erledigt = frage("verfahren_erledigt", STA, bekannte_abh=ABH)
    assert [(f.art, f.nummer, f.pflichtig) for f in erledigt.folgen] == [("bedingte_pflicht", "5.1", STA)]
    urteil = frage("urteil_nachgereicht", STA, bekannte_abh=ABH)
    assert [(f.art, f.nummer, f.pflichtig) for f in urteil.folgen] == [("erledigt", "5.1", STA)]


@pytest.mark.parametrize("anlass", HAFT)
class TestNr53UndNr54:
    def test_5_3_the_known_abh(self, frage, anlass):
        antwort = frage(anlass, JVA, bekannte_abh=ABH)
        assert kurz(antwort) == ("zustellen", "5.3", [ABH])
        assert (antwort.vorlaeufig, antwort.vorrang, antwort.hinweise, antwort.folgen) == (False, False, (), ())

    def test_5_3_an_unknown_known_abh_does_not_fall_through(self, frage, anlass):
        antwort = frage(anlass, JVA, bekannte_abh="abh:06412000")
        assert kurz(antwort) == ("klaerung", "5.3", [])
        assert vorschlaege(antwort) == ["abh:06412000"]

    def test_5_4_the_district_of_the_prison_provisionally(self, frage, anlass):
        antwort = frage(anlass, JVA)
        assert kurz(antwort) == ("zustellen", "5.4 Satz 1", ["abh:05974"])
        assert antwort.vorlaeufig is True
        assert [(f.art, f.nummer, f.pflichtig) for f in antwort.folgen] == [
            ("weiterleitung", "5.4 Satz 2", "abh:05974")
        ]

    @pytest.mark.parametrize(
        ("fakten", "vorschlag"),
        [
            ({"azr": {"abgefragt": True, "aktenfuehrende_abh": "abh:05382"}}, ["abh:05382"]),
            ({"vorgang": Vorgangslage(festgestellte_abh="abh:05382")}, ["abh:05382"]),
            ({"wohnsitz_ags": "06412000"}, [None]),
            ({"wohnsitz_ags": "05382056"}, ["abh:05382"]),
        ],
    )
    def test_5_4_what_else_names_an_abh_is_a_hint(self, frage, anlass, fakten, vorschlag):
        antwort = frage(anlass, JVA, **fakten)
        assert kurz(antwort) == ("zustellen", "5.4 Satz 1", ["abh:05974"])
        assert vorschlaege(antwort) == vorschlag

    @pytest.mark.parametrize(
        ("einrichtung", "vorschlag"),
        [
            ({"ags": "05382056", "land_nrw": True}, ["zab:koeln"]),
            ({"ags": "06412000", "land_nrw": True}, [None]),
            ({"land_nrw": True}, [None]),
            ({"ags": "05382056", "land_nrw": False}, []),
        ],
    )
    @pytest.mark.parametrize(("bekannt", "erwartet"), [(ABH, ("5.3", ABH)), (None, ("5.4 Satz 1", "abh:05974"))])
    def test_5_4_knows_no_zab_so_it_is_only_a_hint(self, frage, anlass, einrichtung, vorschlag, bekannt, erwartet):
        antwort = frage(anlass, JVA, bekannte_abh=bekannt, aufnahmeeinrichtung=einrichtung)
        assert kurz(antwort) == ("zustellen", erwartet[0], [erwartet[1]])
        assert vorschlaege(antwort) == vorschlag

    @pytest.mark.parametrize(
        ("entlassung_am", "vorrang"),
        [("2026-12-06", True), ("2026-12-07", False), ("2026-11-22", True), ("2026-01-01", True), (None, False)],
    )
    def test_5_3_satz_2_an_imminent_release_has_vorrang(self, frage, anlass, entlassung_am, vorrang):
        assert frage(anlass, JVA, bekannte_abh=ABH, entlassung_am=entlassung_am).vorrang is vorrang
        assert frage(anlass, JVA, bekannte_abh="abh:06412000", entlassung_am=entlassung_am).vorrang is vorrang

    def test_5_3_satz_2_the_days_are_a_setting(self, frage, anlass):
        drei = Einstellungen(vorrang_tage=3)
        assert frage(anlass, JVA, entlassung_am="2026-11-25", einstellungen=drei).vorrang is True
        assert frage(anlass, JVA, entlassung_am="2026-11-26", einstellungen=drei).vorrang is False

    @pytest.mark.parametrize("absender", [STA, ABH, AG, "pol:05171370484301"])
    def test_others_may_not(self, frage, anlass, absender):
        antwort = frage(anlass, absender, bekannte_abh=ABH, entlassung_am="2026-11-23")
        assert (*kurz(antwort), antwort.vorrang) == ("unzulaessig", "5.3", [], False)


class TestNr55:
    @pytest.mark.parametrize("absender", [ABH, "zab:unna"])
    def test_the_request_goes_to_the_prison(self, frage, absender):
        assert kurz(frage("akteneinsicht_ersuchen", absender, haftanstalt=JVA)) == ("zustellen", "5.5", [JVA])

    def test_the_prison_must_be_known(self, frage):
        antwort = frage("akteneinsicht_ersuchen", ABH)
        assert kurz(antwort) == ("klaerung", "5.5", [])
        assert "haftanstalt" in antwort.begruendung[0].text

    @pytest.mark.parametrize("anstalt", ["gds:M9999", STA, "mrv:beispiel"])
    def test_only_a_prison_of_the_directory(self, frage, anstalt):
        antwort = frage("akteneinsicht_ersuchen", ABH, haftanstalt=anstalt)
        assert kurz(antwort) == ("klaerung", "5.5", [])
        assert vorschlaege(antwort) == [anstalt]

    def test_the_answer_goes_back(self, frage):
        assert kurz(frage("akteneinsicht_antwort", JVA, ersuchende_abh=ABH)) == ("zustellen", "5.5", [ABH])
        bezug = Vorgangslage(bezug_absender=ABH)
        assert kurz(frage("akteneinsicht_antwort", JVA, vorgang=bezug)) == ("zustellen", "5.5", [ABH])
        assert kurz(frage("akteneinsicht_antwort", JVA)) == ("klaerung", "5.5", [])

    @pytest.mark.parametrize(("anlass", "absender"), [("akteneinsicht_ersuchen", STA), ("akteneinsicht_antwort", ABH)])
    def test_others_may_not(self, frage, anlass, absender):
        assert kurz(frage(anlass, absender, haftanstalt=JVA, ersuchende_abh=ABH)) == ("unzulaessig", "5.5", [])


class TestNr56:
    @pytest.mark.parametrize("behoerde", [STA, AG])
    @pytest.mark.parametrize("absender", [ABH, "zab:unna"])
    def test_satz_1_the_result_goes_to_the_enforcing_authority(self, frage, behoerde, absender):
        antwort = frage("pruefergebnis_vollstreckung", absender, vollstreckungsbehoerde=behoerde)
        assert (*kurz(antwort), antwort.vorrang) == ("zustellen", "5.6 Satz 1", [behoerde], False)
        assert [(f.art, f.pflichtig) for f in antwort.folgen] == [("erledigt", absender)]

    def test_satz_1_it_must_be_known(self, frage):
        antwort = frage("pruefergebnis_vollstreckung", ABH, verfahren=[{"staatsanwaltschaft": STA}])
        assert kurz(antwort) == ("klaerung", "5.6 Satz 1", [])
        assert "vollstreckungsbehoerde" in antwort.begruendung[0].text

    def test_satz_1_others_may_not(self, frage):
        antwort = frage("pruefergebnis_vollstreckung", JVA, vollstreckungsbehoerde=STA)
        assert kurz(antwort) == ("unzulaessig", "5.6 Satz 1", [])

    @pytest.mark.parametrize(("absender", "jgg"), [(STA, None), (AG, True)])
    def test_satz_2_the_abh_then_the_institution(self, frage, absender, jgg):
        antwort = frage("entscheidung_456a", absender, haftanstalt=JVA, bekannte_abh=ABH, jgg_verfahren=jgg)
        assert (*kurz(antwort), antwort.vorrang) == ("zustellen", "5.6 Satz 2", [ABH, JVA], False)

    def test_satz_2_without_an_abh_the_institution_gets_it_and_the_abh_is_to_be_found(self, frage):
        antwort = frage("entscheidung_456a", STA, haftanstalt=JVA)
        assert kurz(antwort) == ("zustellen", "5.6 Satz 2", [JVA])
        assert [(f.art, f.nummer, f.empfaenger) for f in antwort.folgen] == [("klaerung", "5.6 Satz 2", None)]
        assert "Ausländerbehörde" in antwort.folgen[0].text

    def test_satz_2_without_an_institution_the_abh_alone(self, frage):
        antwort = frage("entscheidung_456a", STA, bekannte_abh=ABH)
        assert (*kurz(antwort), antwort.folgen) == ("zustellen", "5.6 Satz 2", [ABH], ())

    def test_satz_2_without_both_it_is_klaerung(self, frage):
        antwort = frage("entscheidung_456a", STA)
        assert kurz(antwort) == ("klaerung", "5.6 Satz 2", [])
        assert {"bekannte_abh", "haftanstalt"} <= set(antwort.begruendung[0].text.replace("„", "“").split("“"))

    @pytest.mark.parametrize(
        ("fakten", "empfaenger", "fehlt"),
        [
            ({"bekannte_abh": "abh:06412000", "haftanstalt": JVA}, [JVA], "abh:06412000"),
            ({"bekannte_abh": ABH, "haftanstalt": "gds:M9999"}, [ABH], "gds:M9999"),
            ({"bekannte_abh": ABH, "haftanstalt": "mrv:unbekannt"}, [ABH], "mrv:unbekannt"),
        ],
    )
    def test_satz_2_one_that_is_not_in_the_directory_is_a_folge(self, frage, fakten, empfaenger, fehlt):
        antwort = frage("entscheidung_456a", STA, **fakten)
        assert kurz(antwort) == ("zustellen", "5.6 Satz 2", empfaenger)
        assert [(f.art, f.empfaenger) for f in antwort.folgen] == [("klaerung", fehlt)]

    def test_satz_2_the_abh_of_vorgang_or_azr_counts(self, frage):
        azr = {"abgefragt": True, "aktenfuehrende_abh": "abh:05382"}
        assert frage("entscheidung_456a", STA, haftanstalt=JVA, azr=azr).empfaenger == ("abh:05382", JVA)
        vorgang = Vorgangslage(festgestellte_abh=ABH)
        assert frage("entscheidung_456a", STA, haftanstalt=JVA, vorgang=vorgang).empfaenger == (ABH, JVA)

    @pytest.mark.parametrize("absender", [AG, LG, JVA, ABH])
    def test_satz_2_others_may_not(self, frage, absender):
        assert kurz(frage("entscheidung_456a", absender, bekannte_abh=ABH)) == ("unzulaessig", "5.6 Satz 2", [])


@pytest.mark.nummer("5.6")
class TestHalbstrafe:
    @pytest.mark.parametrize(
        ("halbstrafe", "faellig"),
        [
            ("2027-03-31", "2027-02-28"),
            ("2028-03-31", "2028-02-29"),
            ("2027-03-29", "2027-02-28"),
            ("2027-03-28", "2027-02-28"),
            ("2027-01-15", "2026-12-15"),
            ("2027-05-31", "2027-04-30"),
            ("2027-07-31", "2027-06-30"),
            ("2027-12-31", "2027-11-30"),
            ("2020-01-31", "2019-12-31"),
        ],
    )
    def test_one_calendar_month_before_clamped(self, frage, halbstrafe, faellig):
        antwort = frage("pruefergebnis_vollstreckung", ABH, vollstreckungsbehoerde=STA, halbstrafenzeitpunkt=halbstrafe)
        (frist,) = antwort.as_json()["fristen"]
        assert (frist["nummer"], frist["faellig_am"], frist["pflichtig"]) == ("5.6 Satz 1", faellig, ABH)
        assert [g.nummer for g in antwort.begruendung if g.auslegung] == ["5.6 Satz 1"]

    def test_weekends_move_only_by_setting(self, frage):
        fakten = {"vollstreckungsbehoerde": STA, "halbstrafenzeitpunkt": "2027-03-31"}
        vorgezogen = Einstellungen(frist_am_wochenende="vorgezogen")
        antwort = frage("pruefergebnis_vollstreckung", ABH, einstellungen=vorgezogen, **fakten)
        assert antwort.fristen[0].faellig_am.isoformat() == "2027-02-26"
        werktag = fakten | {"halbstrafenzeitpunkt": "2027-03-26"}
        antwort = frage("pruefergebnis_vollstreckung", ABH, einstellungen=vorgezogen, **werktag)
        assert antwort.fristen[0].faellig_am.isoformat() == "2027-02-26"

    @pytest.mark.parametrize(
        ("anlass", "absender", "fakten", "ausgang", "pflichtig"),
        [
            ("strafhaft_antritt", JVA, {}, "zustellen", "abh:05974"),
            ("strafhaft_antritt", JVA, {"bekannte_abh": ABH}, "zustellen", ABH),
            ("entscheidung_456a", STA, {"haftanstalt": JVA}, "zustellen", None),
            ("verfahren_erledigt", STA, {}, "klaerung", None),
            ("strafhaft_antritt", STA, {"bekannte_abh": ABH}, "unzulaessig", ABH),
            ("hauptverhandlung_termin", STA, {"bekannte_abh": ABH}, "entbehrlich", ABH),
            (
                "verfahren_erledigt",
                STA,
                {"bekannte_abh": ABH, "gefaehrdet_untersuchungszweck": True},
                "zurueckgestellt",
                ABH,
            ),
        ],
    )
    def test_in_any_notice(self, frage, anlass, absender, fakten, ausgang, pflichtig):
        antwort = frage(anlass, absender, halbstrafenzeitpunkt="2027-03-31", **fakten)
        assert antwort.entscheidung == ausgang
        assert [(f.faellig_am.isoformat(), f.pflichtig) for f in antwort.fristen] == [("2027-02-28", pflichtig)]

    def test_none_without_the_date(self, frage):
        assert frage("strafhaft_antritt", JVA).fristen == ()
