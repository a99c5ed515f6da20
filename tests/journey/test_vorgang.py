"""Vorgang: what belongs together, what each may see of it, and what it adds to the next message (2.4 and others)."""

import asyncio
import uuid
from typing import Any

import pytest
from caseworld import AZR, GERICHT, JS, STA, Case
from gatewayworld import BONN, JVA, KOELN, POLIZEI, RHEIN_SIEG

VERFAHREN = {"verfahren": [{"staatsanwaltschaft": STA, "aktenzeichen": JS}]}
AZR_NOBODY: dict[str, Any] = {"azr": {"abgefragt": True}}
SILENT: dict[str, Any] = {"unterrichtet_nach_2_5": None, "pruefergebnis_nach_3_3": None, "ersuchende_abh": None}


def facts(**more: Any) -> dict[str, Any]:
    return VERFAHREN | more


async def vorgang_id(case: Case, who: str, message_id: str) -> str:
    found: str = (await case.vorgang_of(who, message_id))["id"]
    return found


# --- what belongs together --------------------------------------------------------------------------------------------


async def test_azr_nummer_and_one_aktenzeichen_make_a_vorgang(case: Case) -> None:
    first = await case.post("jva", "strafhaft_antritt", **facts())
    second = await case.post("sta", "verfahren_eingestellt")  # its own Aktenzeichen is the one that the JVA named
    other_number = await case.post("sta", "anklage_erhoben", {"aktenzeichen": "111 Js 9/26"}, verfahren=[])
    other_person = await case.post("sta", "strafbefehl_beantragt", {"azr": "210417555555"})
    ids = [await vorgang_id(case, "koeln", m["id"]) for m in (first, second, other_number, other_person)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


async def test_spelling_of_the_number_does_not_matter(case: Case) -> None:
    first = await case.post("sta", "verfahren_eingestellt", {"aktenzeichen": "111 Js 7/26"})
    second = await case.post("sta", "anklage_erhoben", {"aktenzeichen": "111 JS 7 / 26"}, verfahren=[])
    assert await vorgang_id(case, "koeln", first["id"]) == await vorgang_id(case, "koeln", second["id"])


async def test_without_azr_nummer_a_reference_joins(case: Case) -> None:
    first = await case.post("jva", "entlassungstermin_festgesetzt", {"azr": None})
    zu = first["nachrichten_id"]
    second = await case.post("jva", "entlassungstermin_geaendert", {"azr": None, "zu": zu})
    third = await case.post("jva", "entlassungstermin_vorgesehen", {"azr": None})
    ids = [await vorgang_id(case, "koeln", m["id"]) for m in (first, second, third)]
    assert ids[0] == ids[1] != ids[2]


async def test_a_reference_to_what_one_never_had_joins_nothing(case: Case) -> None:
    first = await case.post("jva", "entlassungstermin_festgesetzt", {"azr": None})
    stranger = await case.post("sta", "verfahren_eingestellt", {"azr": None, "zu": first["nachrichten_id"]})
    assert await vorgang_id(case, "koeln", first["id"]) != await vorgang_id(case, "koeln", stranger["id"])


async def test_concurrent_starters_end_in_one_vorgang(case: Case) -> None:
    answers = await asyncio.gather(
        *(case.post("sta", anlass) for anlass in ("verfahren_eingestellt", "strafbefehl_beantragt", "anklage_erhoben")),
        *(case.post("jva", "strafhaft_antritt", **facts()) for _ in range(3)),
    )
    ids = {await vorgang_id(case, "koeln", answer["id"]) for answer in answers}
    assert len(ids) == 1
    (found,) = await case.vorgaenge("koeln", azr_nummer=AZR)
    assert found["nachrichten"] == 6


# --- who sees what ----------------------------------------------------------------------------------------------------


async def test_each_sees_its_own_slice(case: Case) -> None:
    prison = await case.post("jva", "untersuchungshaft_antritt", **facts(bekannte_abh=None, wohnsitz_ags=None))
    charged = await case.post("sta", "anklage_erhoben", {"empfaenger": BONN}, **facts())
    vorgang = await vorgang_id(case, "betrieb", prison["id"])
    views = {
        "jva": [prison["id"]],
        "koeln": [prison["id"]],
        "sta": [charged["id"]],
        "bonn": [charged["id"]],
        "betrieb": [prison["id"], charged["id"]],
        "revision": [prison["id"], charged["id"]],
    }
    for who, ids in views.items():
        shown = await case.get(who, f"/v1/vorgaenge/{vorgang}")
        assert [n["id"] for n in shown["nachrichten"]] == ids, who
        assert [v["nachrichten"] for v in await case.vorgaenge(who, azr_nummer=AZR)] == [len(ids)]
    assert (await case["fremd"].call("GET", f"/v1/vorgaenge/{vorgang}"))[0] == 404
    assert (await case["fremd"].call("GET", f"/v1/vorgaenge/{uuid.uuid4()}"))[0] == 404
    assert await case.vorgaenge("fremd", azr_nummer=AZR) == []
    assert (await case["betrieb"].call("GET", f"/v1/messages/{prison['id']}/parts/0"))[0] == 404


async def test_verfahren_are_those_that_ones_own_messages_name(case: Case) -> None:
    prison = await case.post("jva", "strafhaft_antritt", {"aktenzeichen": "4511 E 1/26"}, **facts())
    await case.post(
        "sta", "anklage_erhoben", verfahren=[{"staatsanwaltschaft": STA, "gericht": GERICHT, "aktenzeichen": JS}]
    )
    shown = sorted((await case.vorgang_of("jva", prison["id"]))["verfahren"], key=lambda each: each["behoerde"])
    assert shown == [
        {"behoerde": STA, "aktenzeichen": JS},
        {"behoerde": JVA, "aktenzeichen": "4511 E 1/26"},
    ]
    whole = (await case.vorgang_of("koeln", prison["id"]))["verfahren"]
    assert {"behoerde": GERICHT, "aktenzeichen": JS} in whole
    assert len(whole) == 3


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"azr_nummer": AZR}, 1),
        ({"azr_nummer": "210417 123456"}, 1),
        ({"azr_nummer": "210417555555"}, 0),
        ({"aktenzeichen": JS}, 1),
        ({"aktenzeichen": JS, "behoerde": STA}, 1),
        ({"aktenzeichen": JS, "behoerde": GERICHT}, 0),
    ],
)
async def test_a_vorgang_is_found(case: Case, query: dict[str, str], found: int) -> None:
    await case.post("sta", "verfahren_eingestellt")
    assert len(await case.vorgaenge("koeln", **query)) == found
    assert len(await case.vorgaenge("sta", **query)) == found


async def test_a_vorgang_is_found_by_a_message(case: Case) -> None:
    answer = await case.post("sta", "verfahren_eingestellt", {"azr": None})
    (found,) = await case.vorgaenge("sta", nachrichten_id=answer["nachrichten_id"].upper())
    assert found["id"] == await vorgang_id(case, "sta", answer["id"])


@pytest.mark.parametrize("query", [{}, {"name": "Beispielová"}, {"azr_nummer": ""}, {"azr_nummer": 1}])
async def test_a_search_that_cannot_be_read_is_refused(case: Case, query: dict[str, Any]) -> None:
    status, problem = await case["koeln"].call("POST", "/v1/vorgaenge/search", json=query)
    assert (status, problem["status"]) == (400, 400)


# --- 2.4: who was informed, when, provably ----------------------------------------------------------------------------


async def test_informed_is_what_a_receipt_proves_at_its_moment(case: Case) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet")
    assert (await case.vorgang_of("polizei", answer["id"]))["unterrichtungen"] == []
    case.later(1)
    await case.collect("rhein_sieg")
    (shown,) = (await case.vorgang_of("polizei", answer["id"]))["unterrichtungen"]
    (receipt,) = (await case.get("polizei", f"/v1/messages/{answer['id']}/evidence"))["quittungen"]
    assert shown == {"abh": RHEIN_SIEG, "am": receipt["zeitpunkt"], "nachricht": answer["id"]}
    assert shown["am"] > answer["receipt"]["zeitpunkt"]
    assert (await case.vorgang_of("rhein_sieg", answer["id"]))["unterrichtungen"] == [shown]


# --- what it adds to the next message ---------------------------------------------------------------------------------


async def test_2_3_goes_to_the_abh_that_was_informed(case: Case) -> None:
    arrest = await case.post("polizei", "haftbefehl_erlassen", **AZR_NOBODY)
    assert arrest["status"] == "klaerung"
    await case.post("polizei", "ermittlungsverfahren_eingeleitet")
    arrest = await case.post("polizei", "haftbefehl_erlassen", **AZR_NOBODY)
    assert arrest["entscheidung"]["empfaenger"] == [RHEIN_SIEG]


async def test_2_3_does_not_count_what_never_went_out(case: Case) -> None:
    told = await case.post("polizei", "ermittlungsverfahren_eingeleitet")
    await case.act("betrieb", "cancel", told["id"], grund="falsche Person")
    assert (await case.post("polizei", "haftbefehl_erlassen", **AZR_NOBODY))["status"] == "klaerung"


async def test_2_2_says_that_the_abh_was_informed(case: Case) -> None:
    await case.post("polizei", "ermittlungsverfahren_eingeleitet", **facts())
    second = await case.post(
        "sta",
        "auslieferungsverfahren_eingeleitet",
        azr={"abgefragt": True, "aktenfuehrende_abh": RHEIN_SIEG},
    )
    assert [h["text"] for h in second["entscheidung"]["hinweise"]] == [
        "Nach dem Vorgang wurde diese Ausländerbehörde bereits unterrichtet."
    ]


async def test_3_4_knows_the_result_of_3_3(case: Case) -> None:
    before = await case.post("sta", "haftaufhebung_beabsichtigt", **SILENT)
    assert before["status"] == "entbehrlich"
    negative = await case.post("koeln", "pruefergebnis_untersuchungshaft", massnahmen_kommen_in_betracht=False)
    assert negative["status"] == "entbehrlich"
    assert (await case.post("sta", "haftaufhebung_beabsichtigt", **SILENT))["status"] == "entbehrlich"
    await case.post("koeln", "pruefergebnis_untersuchungshaft")
    after = await case.post("sta", "haftaufhebung_beabsichtigt", **SILENT)
    assert (after["entscheidung"]["nummer"], after["entscheidung"]["vorrang"]) == ("3.4 Satz 1", True)


async def test_4_2_knows_the_ersuchen_until_it_is_withdrawn(case: Case) -> None:
    assert (await case.post("sta", "hauptverhandlung_termin", **SILENT))["status"] == "entbehrlich"
    await case.post("koeln", "einvernehmen_ersuchen")
    assert (await case.post("sta", "hauptverhandlung_termin", **SILENT))["entscheidung"]["nummer"] == "4.2 Satz 1"
    await case.post("koeln", "ersuchen_zurueckgenommen")
    assert (await case.post("sta", "hauptverhandlung_termin", **SILENT))["status"] == "entbehrlich"
    await case.post("koeln", "einvernehmen_ersuchen")
    assert (await case.post("sta", "hauptverhandlung_ergebnis", **SILENT))["entscheidung"]["nummer"] == "4.2 Satz 3"


async def test_a_telephone_ersuchen_that_is_recorded_counts(case: Case) -> None:
    await case.post("koeln", "einvernehmen_ersuchen", telefonisch_am=case.today())
    assert (await case.post("sta", "hauptverhandlung_termin", **SILENT))["entscheidung"]["nummer"] == "4.2 Satz 1"


async def test_an_ersuchen_that_was_dispensable_does_not(case: Case) -> None:
    asked = await case.post("koeln", "einvernehmen_ersuchen", langfristige_abschiebungshindernisse=True)
    assert asked["status"] == "entbehrlich"
    assert (await case.post("sta", "hauptverhandlung_termin", **SILENT))["status"] == "entbehrlich"


async def test_the_abh_is_the_one_last_established(case: Case) -> None:
    """By 2.7's neue_abh, then by a forward; what the message says stands before it, with a Hinweis."""
    await case.post("koeln", "zustaendigkeitswechsel")
    unsaid: dict[str, Any] = {"empfaenger": None}
    charged = await case.post("sta", "anklage_erhoben", unsaid)
    assert charged["entscheidung"]["empfaenger"] == [RHEIN_SIEG]
    status, _ = await case.act("rhein_sieg", "forward", charged["id"], an=BONN, grund="umgezogen")
    assert status == 202
    again = await case.post("sta", "verfahren_eingestellt", unsaid)
    assert again["entscheidung"]["empfaenger"] == [BONN]
    said = await case.post("sta", "strafbefehl_beantragt")
    assert said["entscheidung"]["empfaenger"] == [KOELN]
    assert [h["vorschlag"] for h in said["entscheidung"]["hinweise"]] == [BONN]


@pytest.mark.parametrize(
    ("asker", "ask", "answerer", "answer", "nummer"),
    [
        ("koeln", "einvernehmen_ersuchen", "sta", "einvernehmen_entscheidung", "2.5 Satz 5"),
        ("koeln", "beteiligung_aufenthaltstitel_25", "sta", "beteiligung_antwort", "2.8 Satz 1"),
        ("koeln", "akteneinsicht_ersuchen", "jva", "akteneinsicht_antwort", "5.5"),
    ],
)
async def test_an_answer_goes_to_who_asked(
    case: Case, asker: str, ask: str, answerer: str, answer: str, nummer: str
) -> None:
    asked = await case.post(asker, ask)
    head = {"zu": asked["nachrichten_id"], "empfaenger": None, "azr": None}
    answered = await case.post(answerer, answer, head, ersuchende_abh=None)
    assert (answered["entscheidung"]["empfaenger"], answered["entscheidung"]["nummer"]) == ([KOELN], nummer)
    assert await vorgang_id(case, asker, asked["id"]) == await vorgang_id(case, asker, answered["id"])
    unknown = await case.post(answerer, answer, {"empfaenger": None, "azr": None}, ersuchende_abh=None)
    assert unknown["status"] == "klaerung"


@pytest.mark.parametrize("eilig", [True, False])
async def test_the_answer_to_an_eilbeduerftiges_ersuchen_has_vorrang(case: Case, eilig: bool) -> None:
    asked = await case.post("koeln", "einvernehmen_ersuchen", eilbeduerftig=eilig)
    answered = await case.post("sta", "einvernehmen_entscheidung", {"zu": asked["nachrichten_id"]})
    assert answered["entscheidung"]["vorrang"] is eilig


async def test_the_sender_of_a_polizei_notice_sees_nothing_of_the_stas(case: Case) -> None:
    told = await case.post("polizei", "ermittlungsverfahren_eingeleitet", **facts())
    await case.post("sta", "verfahren_eingestellt", {"empfaenger": RHEIN_SIEG})
    shown = await case.vorgang_of("polizei", told["id"])
    assert [n["absender"] for n in shown["nachrichten"]] == [POLIZEI]
