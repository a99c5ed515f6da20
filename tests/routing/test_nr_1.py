"""Nr. 1: Zurückstellung."""

import pytest

from routing import Vorgangslage

AZR_KOELN = {"abgefragt": True, "aktenfuehrende_abh": "abh:05315000"}


@pytest.mark.parametrize(
    ("anlass", "absender", "fakten"),
    [
        ("erkenntnis_87_abs_2", "pol:05171370484301", {"azr": AZR_KOELN}),
        ("verfahren_eingestellt", "gds:R3300S", {"bekannte_abh": "abh:05315000"}),
        ("verfahren_eingestellt", "gds:R3000S", {"bekannte_abh": "abh:05315000"}),
        ("erkenntnis_87_abs_2", "gds:R3306", {"bekannte_abh": "abh:05315000"}),
        ("verfahren_erledigt", "gds:R3306", {"bekannte_abh": "abh:05315000", "jgg_verfahren": True}),
        ("weitere_mitteilung", "gds:R3300", {"empfaenger": "abh:05315000", "rechtsgrundlage": "§ 14 EGGVG"}),
    ],
)
def test_a_flagged_notice_of_polizei_sta_or_court_is_withheld(frage, anlass, absender, fakten):
    antwort = frage(anlass, absender, gefaehrdet_untersuchungszweck=True, **fakten)
    assert (antwort.entscheidung, antwort.nummer) == ("zurueckgestellt", "1")
    assert antwort.empfaenger == ("abh:05315000",)
    assert antwort.vorrang is False


def test_a_withheld_notice_starts_nothing_but_the_senders_duty_to_make_up_for_it(frage):
    fakten = {"bekannte_abh": "abh:05315000", "unterrichtet_nach_2_5": True}
    offen = frage("hauptverhandlung_termin", "gds:R3300S", **fakten)
    assert [folge.art for folge in offen.folgen] == ["pflicht"]
    antwort = frage("hauptverhandlung_termin", "gds:R3300S", gefaehrdet_untersuchungszweck=True, **fakten)
    assert [(folge.art, folge.pflichtig) for folge in antwort.folgen] == [("nachholung", "gds:R3300S")]


def test_the_reasons_still_say_by_which_number_it_would_go(frage):
    antwort = frage(
        "verfahren_eingestellt", "gds:R3300S", bekannte_abh="abh:05315000", gefaehrdet_untersuchungszweck=True
    )
    assert [grund.nummer for grund in antwort.begruendung] == ["1", "4.1 Satz 1"]


def test_vorrang_of_the_row_stays_on_a_withheld_notice(frage):
    antwort = frage(
        "strafaussetzung_widerrufen", "gds:R3300S", bekannte_abh="abh:05315000", gefaehrdet_untersuchungszweck=True
    )
    assert (antwort.entscheidung, antwort.vorrang) == ("zurueckgestellt", True)


def test_a_released_notice_goes_out_with_vorrang(frage):
    antwort = frage(
        "verfahren_eingestellt",
        "gds:R3300S",
        bekannte_abh="abh:05315000",
        gefaehrdet_untersuchungszweck=True,
        vorgang=Vorgangslage(freigegeben=True),
    )
    assert (antwort.entscheidung, antwort.nummer, antwort.vorrang) == ("zustellen", "4.1 Satz 1", True)


@pytest.mark.parametrize(
    ("anlass", "absender", "fakten", "nummer"),
    [
        ("untersuchungshaft_antritt", "gds:R8088", {}, "3.2 Satz 1"),
        ("pruefergebnis_vollstreckung", "abh:05315000", {"vollstreckungsbehoerde": "gds:R3300S"}, "5.6 Satz 1"),
        ("weitere_mitteilung", "bamf:zentrale", {"empfaenger": "abh:05315000", "rechtsgrundlage": "§ 8 AsylG"}, "6"),
    ],
)
def test_the_flag_of_any_other_sender_only_gives_a_hint(frage, anlass, absender, fakten, nummer):
    ohne = frage(anlass, absender, **fakten)
    antwort = frage(anlass, absender, gefaehrdet_untersuchungszweck=True, **fakten)
    assert (antwort.entscheidung, antwort.nummer, antwort.empfaenger) == ("zustellen", nummer, ohne.empfaenger)
    assert len(antwort.hinweise) == len(ohne.hinweise) + 1
    assert antwort.hinweise[-1].vorschlag is None


@pytest.mark.parametrize(
    ("anlass", "fakten", "ausgang"),
    [
        ("verfahren_eingestellt", {}, "klaerung"),
        ("hauptverhandlung_termin", {"bekannte_abh": "abh:05315000"}, "entbehrlich"),
        ("untersuchungshaft_antritt", {}, "unzulaessig"),
    ],
)
def test_only_what_would_be_delivered_is_withheld(frage, anlass, fakten, ausgang):
    assert frage(anlass, "gds:R3300S", gefaehrdet_untersuchungszweck=True, **fakten).entscheidung == ausgang
