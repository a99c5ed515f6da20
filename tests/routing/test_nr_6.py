"""Nr. 6: further duties; and corrections under § 20 EGGVG."""

import pytest

from routing import Vorgangslage

STA, AG, JVA, ABH, POLIZEI = "gds:R3300S", "gds:R3306", "gds:R8088", "abh:05315000", "pol:05171370484301"


def kurz(antwort):
    return antwort.entscheidung, antwort.nummer, list(antwort.empfaenger)


def vorschlaege(antwort):
    return [hinweis.vorschlag for hinweis in antwort.hinweise]


@pytest.mark.parametrize("absender", [STA, AG, "gds:R3300", "gds:R3000", "gds:R3000S"])
def test_erkenntnis_of_justice_goes_nach_aktenlage_under_6(frage, absender):
    antwort = frage("erkenntnis_87_abs_2", absender, bekannte_abh=ABH)
    assert kurz(antwort) == ("zustellen", "6", [ABH])
    assert kurz(frage("erkenntnis_87_abs_2", absender)) == ("klaerung", "6", [])


def test_erkenntnis_of_the_vollstreckungsleiter(frage):
    assert kurz(frage("erkenntnis_87_abs_2", AG, bekannte_abh=ABH, jgg_verfahren=True)) == ("zustellen", "6", [ABH])


@pytest.mark.parametrize("absender", [JVA, ABH])
def test_erkenntnis_of_others_has_the_first_row_of_the_table(frage, absender):
    assert kurz(frage("erkenntnis_87_abs_2", absender, bekannte_abh=ABH)) == ("unzulaessig", "2.1 Satz 1", [])


class TestAusgang482:
    def test_the_befasste_polizei(self, frage):
        antwort = frage("ausgang_des_verfahrens_482", STA, befasste_polizei=POLIZEI)
        assert kurz(antwort) == ("zustellen", "6", [POLIZEI])

    def test_it_must_be_known(self, frage):
        antwort = frage("ausgang_des_verfahrens_482", STA)
        assert kurz(antwort) == ("klaerung", "6", [])
        assert "befasste_polizei" in antwort.begruendung[0].text

    @pytest.mark.parametrize("wer", ["pol:99999999999999", STA])
    def test_only_polizei_of_the_directory(self, frage, wer):
        antwort = frage("ausgang_des_verfahrens_482", STA, befasste_polizei=wer)
        assert kurz(antwort) == ("klaerung", "6", [])
        assert vorschlaege(antwort) == [wer]

    @pytest.mark.parametrize("absender", [AG, POLIZEI, ABH])
    def test_others_may_not(self, frage, absender):
        antwort = frage("ausgang_des_verfahrens_482", absender, befasste_polizei=POLIZEI)
        assert kurz(antwort) == ("unzulaessig", "6", [])


@pytest.mark.parametrize("absender", [STA, AG, "gds:R3300"])
def test_asyl_goes_to_the_bamf(frage, absender):
    antwort = frage("asyl_mitteilung_8_1a", absender, bekannte_abh=ABH)
    assert kurz(antwort) == ("zustellen", "6", ["bamf:zentrale"])
    assert kurz(frage("asyl_mitteilung_8_1a", JVA)) == ("unzulaessig", "6", [])


class TestVollzugsmitteilung:
    def test_the_known_abh(self, frage):
        antwort = frage("vollzugsmitteilung", JVA, bekannte_abh=ABH)
        assert (*kurz(antwort), antwort.vorlaeufig) == ("zustellen", "6", [ABH], False)

    def test_never_the_district(self, frage):
        antwort = frage("vollzugsmitteilung", JVA, azr={"aktenfuehrende_abh": "abh:05382"})
        assert kurz(antwort) == ("klaerung", "6", [])
        assert vorschlaege(antwort) == ["abh:05382"]

    def test_others_may_not(self, frage):
        assert kurz(frage("vollzugsmitteilung", STA, bekannte_abh=ABH)) == ("unzulaessig", "6", [])


class TestWeitereMitteilung:
    @pytest.mark.parametrize("absender", [STA, AG, JVA, ABH, POLIZEI, "zab:koeln", "bamf:zentrale"])
    @pytest.mark.parametrize("empfaenger", ["abh:05382", "gds:R3200S", "bamf:zentrale", "gds:R9162"])
    def test_any_sender_to_whom_it_names(self, frage, absender, empfaenger):
        antwort = frage("weitere_mitteilung", absender, empfaenger=empfaenger, rechtsgrundlage="§ 17 EGGVG")
        assert kurz(antwort) == ("zustellen", "6", [empfaenger])
        assert "§ 17 EGGVG" in antwort.begruendung[0].text

    @pytest.mark.parametrize(
        ("fakten", "fehlt"),
        [
            ({"empfaenger": ABH}, "rechtsgrundlage"),
            ({"empfaenger": ABH, "rechtsgrundlage": "  "}, "rechtsgrundlage"),
            ({"rechtsgrundlage": "§ 17 EGGVG"}, "empfaenger"),
            ({"bekannte_abh": ABH}, "empfaenger"),
        ],
    )
    def test_either_missing_is_klaerung(self, frage, fakten, fehlt):
        antwort = frage("weitere_mitteilung", STA, **fakten)
        assert kurz(antwort) == ("klaerung", "6", [])
        assert fehlt in antwort.begruendung[0].text

    def test_an_unknown_recipient_is_klaerung_with_its_name(self, frage):
        antwort = frage("weitere_mitteilung", STA, empfaenger="abh:06412000", rechtsgrundlage="§ 17 EGGVG")
        assert kurz(antwort) == ("klaerung", "6", [])
        assert vorschlaege(antwort) == ["abh:06412000"]


@pytest.mark.nummer("§ 20 EGGVG")
class TestBerichtigung:
    NUMMER = "§ 20 EGGVG"

    def test_everybody_who_was_informed_forwards_included(self, frage):
        vorgang = Vorgangslage(bezug_absender=JVA, bezug_empfaenger=(ABH, "abh:05382", JVA, ABH))
        antwort = frage("berichtigung", JVA, vorgang=vorgang)
        assert kurz(antwort) == ("zustellen", self.NUMMER, [ABH, "abh:05382"])

    def test_without_the_notice_it_is_klaerung(self, frage):
        assert kurz(frage("berichtigung", STA, bekannte_abh=ABH)) == ("klaerung", self.NUMMER, [])

    def test_only_the_sender_of_the_notice(self, frage):
        vorgang = Vorgangslage(bezug_absender=JVA, bezug_empfaenger=(ABH,))
        assert kurz(frage("berichtigung", STA, vorgang=vorgang)) == ("unzulaessig", self.NUMMER, [])

    def test_an_authority_that_is_gone_is_a_folge(self, frage):
        vorgang = Vorgangslage(bezug_absender=JVA, bezug_empfaenger=(ABH, "abh:06412000"))
        antwort = frage("berichtigung", JVA, vorgang=vorgang)
        assert antwort.empfaenger == (ABH,)
        assert [(f.art, f.empfaenger) for f in antwort.folgen] == [("klaerung", "abh:06412000")]

    def test_it_may_be_withheld_too(self, frage):
        vorgang = Vorgangslage(bezug_absender=STA, bezug_empfaenger=(ABH,))
        antwort = frage("berichtigung", STA, vorgang=vorgang, gefaehrdet_untersuchungszweck=True)
        assert kurz(antwort) == ("zurueckgestellt", "1", [ABH])
