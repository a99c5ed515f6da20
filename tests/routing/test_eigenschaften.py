"""What holds for every Sachverhalt, tried on many."""

import datetime
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.route.explain import explain
from gateway.route.resources import packaged_directory, packaged_rules
from routing import ANLAESSE, Einstellungen, Erlaubnis, Sachverhalt, Vorgangslage, entscheide
from routing.ablauf import arten
from routing.erlass.lage import Lage
from routing.erlass.tabelle import ERLASS_2022
from routing.sachverhalt import AUFLAGE_ARTEN, EINGELEITET_DURCH, MASSNAHMEN, UNTERBRINGUNG_ARTEN

VERZEICHNIS = packaged_directory()
FREMDE = ["abh:06412000", "gds:M9999", "mrv:beispiel", "gw:nrw", "nrw:nirgends"]
keys = st.sampled_from([*FREMDE, *sorted(VERZEICHNIS.behoerden)])
je_art = {art: st.sampled_from([b.key for b in VERZEICHNIS.behoerden.values() if b.art == art])
          for art in {b.art for b in VERZEICHNIS.behoerden.values()}}  # fmt: skip
absender = st.one_of(*je_art.values(), st.sampled_from(FREMDE))
abh = st.one_of(je_art["abh"], je_art["zab"], keys)
ags = st.sampled_from(["06412000", "05999999", *sorted(VERZEICHNIS.gemeinden)])
tag = st.dates(datetime.date(1900, 1, 1), datetime.date(9999, 12, 31)).map(datetime.date.isoformat)
naher_tag = st.dates(datetime.date(2022, 1, 1), datetime.date(2028, 1, 1)).map(datetime.date.isoformat)
wahr = st.booleans()
FELDER = {
    "stand": st.one_of(naher_tag, tag),
    "azr": st.fixed_dictionaries({}, optional={"abgefragt": wahr, "aktenfuehrende_abh": abh}),
    "auflage": st.fixed_dictionaries({}, optional={"ags": ags, "art": st.sampled_from(AUFLAGE_ARTEN)}),
    "aufnahmeeinrichtung": st.fixed_dictionaries(
        {}, optional={"ags": ags, "land_nrw": wahr, "art": st.sampled_from(UNTERBRINGUNG_ARTEN)}
    ),
    "verfahren": st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "staatsanwaltschaft": st.one_of(je_art["sta"], keys),
                "gericht": keys,
                "aktenzeichen": st.just("1 Js 1/26"),
            },
        ),
        max_size=3,
    ),
    "bereits_unterrichtet": st.fixed_dictionaries(
        {}, optional={"abh": abh, "durch": absender, "am": naher_tag, "aktenkundig": wahr}
    ),
    "eingeleitet_durch": st.sampled_from(EINGELEITET_DURCH),
    "massnahme": st.sampled_from(MASSNAHMEN),
    "rechtsgrundlage": st.just("§ 17 EGGVG"),
    "bestehen_auf": st.just("auf Bitte der Behörde"),
    **dict.fromkeys(("bekannte_abh", "ersuchende_abh", "neue_abh"), abh),
    **dict.fromkeys(("haftanstalt", "vollstreckungsbehoerde", "befasste_polizei", "empfaenger"), absender),
    **dict.fromkeys(("tatort_ags", "wohnsitz_ags", "aufenthaltsort_ags"), ags),
    **dict.fromkeys(("halbstrafenzeitpunkt", "entlassung_am", "eingang_strafanzeige", "telefonisch_am"), tag),
    **dict.fromkeys(
        (
            "unterrichtet_nach_2_5",
            "pruefergebnis_nach_3_3",
            "massnahmen_kommen_in_betracht",
            "ausnahme_87_abs_5_nr_1",
            "langfristige_abschiebungshindernisse",
            "gefaehrdet_untersuchungszweck",
            "eilbeduerftig",
            "jgg_verfahren",
            "unionsbuerger",
        ),
        wahr,
    ),
}  # fmt: skip
angaben = st.fixed_dictionaries({"anlass": st.sampled_from(ANLAESSE), "absender": absender}, optional=FELDER)
lagen = st.builds(
    Vorgangslage,
    festgestellte_abh=st.none() | abh,
    unterrichtete_abhs=st.lists(abh, max_size=2).map(tuple),
    offenes_ersuchen=wahr,
    pruefergebnis_3_3=wahr,
    bezug_absender=st.none() | absender,
    bezug_eilbeduerftig=wahr,
    bezug_empfaenger=st.lists(keys, max_size=3).map(tuple),
    freigegeben=wahr,
)
einstellungen = st.builds(
    Einstellungen,
    vorrang_tage=st.integers(0, 60),
    frist_am_wochenende=st.sampled_from(["unverschoben", "vorgezogen"]),
    erlaubnisse=st.lists(
        st.builds(
            Erlaubnis, absender, st.sampled_from(ANLAESSE), st.just("Erprobung"), st.just(datetime.date(2027, 1, 1))
        ),
        max_size=1,
    ).map(tuple),
)  # fmt: skip


def entscheidung(fakten, lage, einstellung):
    return entscheide(fakten, lage, VERZEICHNIS, packaged_rules(), einstellung)


@settings(max_examples=1500, deadline=None)
@given(angaben, lagen, einstellungen)
def test_every_sachverhalt_has_exactly_one_outcome(json_angaben, lage, einstellung):
    assert set(FELDER) | {"anlass", "absender"} == set(Sachverhalt.__dataclass_fields__)
    fakten = Sachverhalt.from_json(json_angaben)
    assert Sachverhalt.from_json(fakten.as_json()) == fakten
    antwort = entscheidung(fakten, lage, einstellung)

    assert antwort.begruendung
    assert antwort.nummer
    if antwort.entscheidung in ("zustellen", "zurueckgestellt"):
        assert antwort.empfaenger
    else:
        assert (antwort.empfaenger, antwort.vorlaeufig) == ((), False)
    assert len(set(antwort.empfaenger)) == len(antwort.empfaenger)
    for key in antwort.empfaenger:
        assert VERZEICHNIS.behoerde(key, fakten.stand) is not None
    if antwort.vorlaeufig:
        assert antwort.nummer in ("3.2 Satz 1", "5.4 Satz 1")
    if antwort.entscheidung == "unzulaessig":
        assert antwort.vorrang is False
    assert (antwort.nummer == "1") == (antwort.entscheidung == "zurueckgestellt")
    assert len(antwort.fristen) == (fakten.halbstrafenzeitpunkt is not None)
    assert len(set(antwort.hinweise)) == len(antwort.hinweise)
    assert json.loads(json.dumps(antwort.as_json())) == antwort.as_json()
    assert explain(antwort, VERZEICHNIS).endswith(".")


@settings(max_examples=600, deadline=None)
@given(angaben, lagen, einstellungen)
def test_senders_deliver_only_what_a_row_names(json_angaben, lage, einstellung):
    fakten = Sachverhalt.from_json(json_angaben)
    antwort = entscheidung(fakten, lage, einstellung)
    wer = VERZEICHNIS.behoerden.get(fakten.absender)
    if wer is None:
        assert antwort.entscheidung == "klaerung"
        return
    kinds = arten(Lage(fakten, lage, VERZEICHNIS, einstellung, wer))
    zeilen = [z for z in ERLASS_2022 if fakten.anlass in z.anlaesse]
    benannt = any(z.absender is None or z.absender & kinds for z in zeilen)
    if not benannt:
        assert antwort.entscheidung in ("unzulaessig", "klaerung")
        assert (antwort.entscheidung == "unzulaessig") or antwort.nummer == zeilen[0].zeile
    if antwort.entscheidung == "zurueckgestellt":
        assert kinds & {"polizei", "sta", "gericht"}


@settings(max_examples=400, deadline=None)
@given(angaben, lagen)
def test_release_insisting_and_withholding_change_only_what_they_should(json_angaben, lage):
    einstellung = Einstellungen()
    flagge = json_angaben | {"gefaehrdet_untersuchungszweck": True}
    ohne = json_angaben | {"gefaehrdet_untersuchungszweck": False}
    gesperrt = Vorgangslage(festgestellte_abh=lage.festgestellte_abh, bezug_absender=lage.bezug_absender)
    mit_flagge = entscheidung(Sachverhalt.from_json(flagge), gesperrt, einstellung)
    ohne_flagge = entscheidung(Sachverhalt.from_json(ohne), gesperrt, einstellung)
    assert mit_flagge.empfaenger == ohne_flagge.empfaenger
    if ohne_flagge.entscheidung != "zustellen":
        assert mit_flagge.entscheidung == ohne_flagge.entscheidung

    besteht = entscheidung(Sachverhalt.from_json(ohne | {"bestehen_auf": "doch"}), gesperrt, einstellung)
    assert besteht.entscheidung != "entbehrlich"
    if "bestehen_auf" not in ohne and ohne_flagge.entscheidung != "entbehrlich":
        assert besteht == ohne_flagge


@settings(max_examples=300, deadline=None)
@given(angaben, lagen)
def test_a_decision_depends_on_nothing_but_its_arguments(json_angaben, lage):
    fakten = Sachverhalt.from_json(json_angaben)
    assert entscheidung(fakten, lage, Einstellungen()) == entscheidung(fakten, lage, Einstellungen())


def test_every_row_is_reachable_by_every_kind_that_it_names():
    """For each row, Anlass and sender kind there is a sender for whom this row, and no earlier one, is taken."""
    muster = {"vollstreckungsleiter": "gds:R3306"} | {
        b.art: b.key for b in VERZEICHNIS.behoerden.values() if b.stufe not in ("AG",)
    }
    genommen = set()
    for zeile in ERLASS_2022:
        for anlass in zeile.anlaesse:
            for kind in zeile.absender or {"bamf"}:
                fakten = Sachverhalt(anlass, muster[kind], jgg_verfahren=kind == "vollstreckungsleiter")
                wer = VERZEICHNIS.behoerden[muster[kind]]
                lage = Lage(fakten, Vorgangslage(), VERZEICHNIS, Einstellungen(), wer)
                erste = next(
                    z for z in ERLASS_2022
                    if anlass in z.anlaesse and (z.absender is None or z.absender & arten(lage))
                )  # fmt: skip
                assert erste is zeile
                genommen.add(zeile.zeile)
    assert {z.zeile for z in ERLASS_2022} == genommen


def test_the_table_has_every_anlass_and_no_other():
    assert {anlass for zeile in ERLASS_2022 for anlass in zeile.anlaesse} == set(ANLAESSE)
