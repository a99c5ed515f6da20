"""Nr. 4: after the investigation has ended; and how the nach Aktenlage zuständige ABH is found."""

import pytest

from routing import Vorgangslage

STA, ABH = "gds:R1100S", "abh:05111000"
SATZ_1 = ("verfahren_eingestellt", "strafbefehl_beantragt")
SATZ_2 = ("anklage_erhoben", "haftbefehl_erlassen", "haftbefehl_aufgehoben")


def kurz(antwort):
    return antwort.entscheidung, antwort.nummer, list(antwort.empfaenger)


def vorschlaege(antwort):
    return [hinweis.vorschlag for hinweis in antwort.hinweise]


def gelesen(antwort):
    return [grund.nummer for grund in antwort.begruendung if grund.auslegung]


class TestNr41:
    @pytest.mark.parametrize(
        ("anlass", "nummer"), [*((a, "4.1 Satz 1") for a in SATZ_1), *((a, "4.1 Satz 2") for a in SATZ_2)]
    )
    @pytest.mark.parametrize("absender", [STA, "gds:R1000S"])
    def test_the_sta_tells_the_abh(self, frage, anlass, nummer, absender):
        antwort = frage(anlass, absender, bekannte_abh=ABH)
        assert (*kurz(antwort), antwort.vorrang) == ("zustellen", nummer, [ABH], False)
        assert kurz(frage(anlass, absender)) == ("klaerung", nummer, [])

    def test_a_warrant_of_the_sta_needs_no_query_of_the_azr(self, frage):
        antwort = frage("haftbefehl_erlassen", STA, azr={"aktenfuehrende_abh": ABH})
        assert kurz(antwort) == ("zustellen", "4.1 Satz 2", [ABH])

    @pytest.mark.parametrize(
        ("anlass", "nummer"), [("verfahren_eingestellt", "4.1 Satz 1"), ("anklage_erhoben", "4.1 Satz 2")]
    )
    @pytest.mark.parametrize("absender", ["pol:05171370484301", "gds:R1101", "gds:R8088", ABH])
    def test_others_may_not(self, frage, anlass, nummer, absender):
        assert kurz(frage(anlass, absender, bekannte_abh=ABH)) == ("unzulaessig", nummer, [])


@pytest.mark.nummer("3.4", "4.1", "4.2", "5.1", "5.2", "5.6", "6")
class TestAktenlage:
    AZR = ("abh:05382", "abh:05314000", "abh:05113000")

    @pytest.mark.parametrize(
        ("bekannt", "vorgang", "azr", "abh", "vorschlag"),
        [
            ("abh:05382", None, None, "abh:05382", []),
            ("abh:05382", "abh:05314000", "abh:05113000", "abh:05382", ["abh:05314000"]),
            ("abh:05382", "abh:05382", "abh:05113000", "abh:05382", []),
            (None, "abh:05314000", None, "abh:05314000", []),
            (None, "abh:05314000", "abh:05113000", "abh:05314000", ["abh:05113000"]),
            (None, None, "abh:05113000", "abh:05113000", []),
        ],
    )
    @pytest.mark.parametrize("abgefragt", [True, False, None])
    def test_message_then_vorgang_then_azr(self, frage, bekannt, vorgang, azr, abh, vorschlag, abgefragt):
        antwort = frage(
            "verfahren_eingestellt",
            STA,
            bekannte_abh=bekannt,
            azr={"abgefragt": abgefragt, "aktenfuehrende_abh": azr},
            vorgang=Vorgangslage(festgestellte_abh=vorgang),
        )
        assert kurz(antwort) == ("zustellen", "4.1 Satz 1", [abh])
        assert vorschlaege(antwort) == vorschlag

    def test_a_known_abh_that_is_unknown_here_does_not_fall_through(self, frage):
        antwort = frage(
            "verfahren_eingestellt", STA, bekannte_abh="abh:06412000", azr={"aktenfuehrende_abh": "abh:05382"}
        )
        assert kurz(antwort) == ("klaerung", "4.1 Satz 1", [])
        assert vorschlaege(antwort) == ["abh:06412000"]

    def test_the_reason_names_the_missing_key(self, frage):
        assert "bekannte_abh" in frage("verfahren_eingestellt", STA, tatort_ags="05111000").begruendung[0].text


@pytest.mark.parametrize(
    ("anlass", "nummer", "art"),
    [("hauptverhandlung_termin", "4.2 Satz 1", "pflicht"), ("hauptverhandlung_ergebnis", "4.2 Satz 3", "erledigt")],
)
class TestNr42:
    @pytest.mark.parametrize(
        "fakten",
        [
            {"unterrichtet_nach_2_5": True},
            {"vorgang": Vorgangslage(offenes_ersuchen=True)},
            {"unterrichtet_nach_2_5": False, "vorgang": Vorgangslage(offenes_ersuchen=True)},
        ],
    )
    def test_after_an_ersuchen(self, frage, anlass, nummer, art, fakten):
        antwort = frage(anlass, STA, bekannte_abh=ABH, **fakten)
        assert kurz(antwort) == ("zustellen", nummer, [ABH])
        assert [(f.art, f.nummer, f.pflichtig) for f in antwort.folgen] == [(art, "4.2 Satz 3", STA)]

    @pytest.mark.parametrize("wert", [False, None])
    def test_else_entbehrlich_unless_the_sender_insists(self, frage, anlass, nummer, art, wert):
        antwort = frage(anlass, STA, bekannte_abh=ABH, unterrichtet_nach_2_5=wert)
        assert kurz(antwort) == ("entbehrlich", nummer, [])
        trotzdem = frage(anlass, STA, bekannte_abh=ABH, unterrichtet_nach_2_5=wert, bestehen_auf="Bitte der ABH")
        assert kurz(trotzdem) == ("zustellen", nummer, [ABH])
        assert len(trotzdem.begruendung) == len(set(trotzdem.begruendung))

    def test_entbehrlich_comes_before_the_recipient(self, frage, anlass, nummer, art):
        assert frage(anlass, STA).entscheidung == "entbehrlich"
        assert kurz(frage(anlass, STA, unterrichtet_nach_2_5=True)) == ("klaerung", nummer, [])

    def test_only_satz_3_is_a_reading(self, frage, anlass, nummer, art):
        erwartet = ["4.2 Satz 3"] if nummer == "4.2 Satz 3" else []
        assert gelesen(frage(anlass, STA, bekannte_abh=ABH, unterrichtet_nach_2_5=True)) == erwartet
        assert gelesen(frage(anlass, STA, bekannte_abh=ABH)) == erwartet

    @pytest.mark.parametrize("absender", ["gds:R1101", "pol:05171370484301", ABH])
    def test_others_may_not(self, frage, anlass, nummer, art, absender):
        antwort = frage(anlass, absender, bekannte_abh=ABH, unterrichtet_nach_2_5=True)
        assert kurz(antwort) == ("unzulaessig", nummer, [])
