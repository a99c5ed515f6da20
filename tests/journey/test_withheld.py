"""Nr. 1: a withheld notice exists for its sender and the operators, and for nobody else, until it is released."""

import asyncio
import json
from typing import Any

import pytest
from caseworld import AZR, JS, STA, Case, until
from gatewayworld import KOELN, POLIZEI, RHEIN_SIEG

AZR_ASKED = {"azr": {"abgefragt": True, "aktenfuehrende_abh": RHEIN_SIEG}}
NOBODY = {"azr": {"abgefragt": True}, "tatort_ags": None}
OTHERS = ("rhein_sieg", "koeln", "jva", "sta", "fremd", "bonn")


async def withheld(case: Case, **facts: Any) -> dict[str, Any]:
    return await case.post(
        "polizei", "ermittlungsverfahren_eingeleitet", gefaehrdet_untersuchungszweck=True, **(AZR_ASKED | facts)
    )


async def all_answers(case: Case, who: str, message_id: str) -> dict[str, Any]:
    """Everything that a caller can learn of a message and of its case."""
    paths = [f"/v1/messages/{message_id}{end}" for end in ("", "/events", "/deliveries", "/evidence", "/parts/0")]
    return {
        "einzeln": [await case[who].call("GET", path) for path in paths],
        "suche": [await case.found(who), await case.found(who, azr_nummer=AZR), await case.found(who, aktenzeichen=JS)],
        "status": await case.found(who, status="zurueckgestellt"),
        "vorgaenge": [await case.vorgaenge(who, azr_nummer=AZR), await case.vorgaenge(who, aktenzeichen=JS)],
        "postfach": await case.inbox(who),
    }


async def test_it_is_stored_and_routed_and_nothing_is_sent(case: Case) -> None:
    answer = await withheld(case)
    assert answer["status"] == "zurueckgestellt"
    assert answer["entscheidung"]["empfaenger"] == [RHEIN_SIEG]
    assert answer["entscheidung"]["nummer"] == "1"
    message = await case.get("polizei", f"/v1/messages/{answer['id']}")
    assert message["zustellungen"] == []


@pytest.mark.parametrize("who", OTHERS)
async def test_for_everybody_else_it_does_not_exist(case: Case, who: str) -> None:
    before = await all_answers(case, who, "00000000-0000-4000-8000-000000000000")
    answer = await withheld(case)
    after = await all_answers(case, who, answer["id"])
    assert json.dumps(after) == json.dumps(before)
    for verb in ("release", "forward", "cancel", "resend", "assign"):
        body = {"an": KOELN, "grund": "?"} if verb == "assign" else {"grund": "?"}
        assert (await case.act(who, verb, answer["id"], **body))[0] in (403, 404)
        missing = await case.act(who, verb, "00000000-0000-4000-8000-000000000000", **body)
        assert missing == await case.act(who, verb, answer["id"], **body)


async def test_its_sender_and_operators_find_it_with_its_age_and_reminder(case: Case) -> None:
    answer = await withheld(case)
    for who in ("polizei", "betrieb", "revision"):
        (entry,) = await case.found(who, status="zurueckgestellt")
        assert entry["id"] == answer["id"]
        assert entry["zurueckstellung"]["tage"] == 0
        assert entry["zurueckstellung"]["erinnert_am"] is None
    case.later(31)

    async def reminded() -> list[dict[str, Any]]:
        events = await case.events("polizei", answer["id"])
        return [event for event in events if event["art"] == "erinnerung"]

    await until(reminded, 1)
    (entry,) = await case.found("polizei", status="zurueckgestellt", von="2020-01-01")
    assert entry["zurueckstellung"]["tage"] == 31
    assert entry["zurueckstellung"]["erinnert_am"] is not None
    case.later(31)
    await until(reminded, 2)
    assert not await case.found("rhein_sieg", von="2020-01-01")


async def test_later_messages_of_the_case_show_no_trace(case: Case) -> None:
    """The recipients' side, whole: with the withheld notice and without it they get the same answers."""
    shown = []
    for flagged in (False, True):
        azr = "210417999999" if flagged else AZR
        if flagged:
            await case.post(
                "polizei",
                "ermittlungsverfahren_eingeleitet",
                {"azr": azr},
                gefaehrdet_untersuchungszweck=True,
                verfahren=[{"staatsanwaltschaft": STA, "aktenzeichen": JS}],
                **AZR_ASKED,
            )
        second = await case.post(
            "sta",
            "ermittlungsverfahren_eingeleitet",
            {"azr": azr, "mehr": {"tatvorwurf": ["§ 242 StGB"], "eingeleitetAm": "2026-10-05"}},
            eingeleitet_durch="staatsanwaltschaft",
            **AZR_ASKED,
        )
        third = await case.post("jva", "strafhaft_verlegung", {"azr": azr, "empfaenger": RHEIN_SIEG})
        vorgang = await case.vorgang_of("rhein_sieg", second["id"])
        shown.append(
            {
                "hinweise": second["entscheidung"]["hinweise"] + third["entscheidung"]["hinweise"],
                "verfahren": vorgang["verfahren"],
                "nachrichten": [(n["nummer"], n["absender"]) for n in vorgang["nachrichten"]],
                "pflichten": vorgang["pflichten"],
                "vorgaenge": [v["nachrichten"] for v in await case.vorgaenge("rhein_sieg", azr_nummer=azr)],
                "vorgang_jva": (await case.vorgang_of("jva", third["id"]))["id"] == vorgang["id"],
            }
        )
    assert shown[0] == shown[1]


async def test_it_joins_nothing_together_and_its_sender_sees_it_in_its_place(case: Case) -> None:
    """Two messages that only the withheld one would link stay apart for everybody; no id tells when it came."""
    notice = await case.post(
        "polizei",
        "ermittlungsverfahren_eingeleitet",
        gefaehrdet_untersuchungszweck=True,
        verfahren=[{"staatsanwaltschaft": STA, "aktenzeichen": JS}],
        **AZR_ASKED,
    )
    stas = await case.post("sta", "verfahren_eingestellt", {"empfaenger": RHEIN_SIEG})
    police = await case.post("polizei", "haftbefehl_erlassen", **AZR_ASKED)
    vorgang = await case.vorgang_of("rhein_sieg", stas["id"])
    assert (await case.vorgang_of("rhein_sieg", police["id"]))["id"] != vorgang["id"]
    assert vorgang["id"][14] == "4"  # random: a UUID with a time would tell when the withheld notice came
    sendersview = await case.vorgang_of("polizei", notice["id"])
    assert notice["id"] in [n["id"] for n in sendersview["nachrichten"]]
    assert sendersview["id"] == vorgang["id"]


async def test_it_counts_for_no_later_rule(case: Case) -> None:
    """2.3 looks for the informed ABH, 2.2 for one that was informed before, 4.2 for an Ersuchen: none is there."""
    await withheld(case)
    arrest = await case.post("polizei", "haftbefehl_erlassen", **NOBODY)
    assert arrest["status"] == "klaerung"
    assert arrest["entscheidung"]["hinweise"] == []
    facts = AZR_ASKED | {"eingeleitet_durch": "staatsanwaltschaft"}
    mehr = {"mehr": {"tatvorwurf": ["§ 242 StGB"], "eingeleitetAm": "2026-10-05"}}
    second = await case.post("sta", "ermittlungsverfahren_eingeleitet", mehr, **facts)
    assert second["entscheidung"]["hinweise"] == []
    hearing = await case.post(
        "sta", "hauptverhandlung_termin", gefaehrdet_untersuchungszweck=True, unterrichtet_nach_2_5=True
    )
    assert hearing["status"] == "zurueckgestellt"
    assert [p["nummer"] for p in (await case.vorgang_of("sta", hearing["id"]))["pflichten"]] == ["1"]


async def test_the_sender_releases_it_and_it_goes_at_once_with_vorrang(case: Case) -> None:
    answer = await withheld(case)
    status, released = await case.act("polizei", "release", answer["id"])
    assert (status, released["status"]) == (200, "unterwegs")
    decision = released["entscheidung"]
    assert (decision["entscheidung"], decision["nummer"], decision["vorrang"]) == ("zustellen", "2.1 Satz 1", True)
    assert decision["begruendung"][0]["nummer"] == "1"
    (entry,) = await case.inbox("rhein_sieg")
    assert entry["nachricht"] == answer["id"]
    vorgang = await case.vorgang_of("rhein_sieg", answer["id"])
    assert [n["id"] for n in vorgang["nachrichten"]] == [answer["id"]]
    assert vorgang["pflichten"] == []
    assert (await case.act("polizei", "release", answer["id"]))[0] == 409


async def test_the_making_up_is_done_once_it_is_released(case: Case) -> None:
    answer = await withheld(case)
    await case.act("polizei", "release", answer["id"])
    (duty,) = (await case.vorgang_of("polizei", answer["id"]))["pflichten"]
    assert (duty["nummer"], duty["pflichtig"]) == ("1", POLIZEI)
    assert duty["erledigt_am"] is not None


async def test_an_operator_needs_the_senders_instruction(case: Case) -> None:
    answer = await withheld(case)
    status, problem = await case.act("betrieb", "release", answer["id"])
    assert (status, problem["errors"][0]["code"]) == (422, "grund_fehlt")
    assert (await case.act("revision", "release", answer["id"], grund="so"))[0] == 403
    status, released = await case.act("betrieb", "release", answer["id"], grund="Weisung vom 20.11., Az. 17")
    assert status == 200
    assert "Weisung vom 20.11., Az. 17" in released["entscheidung"]["begruendung"][0]["text"]
    (event,) = [e for e in await case.events("polizei", answer["id"]) if e["art"] == "freigabe"]
    assert event["angaben"]["grund"] == "Weisung vom 20.11., Az. 17"
    assert not [e for e in await case.events("rhein_sieg", answer["id"]) if e["art"] == "freigabe"]


async def test_a_release_is_routed_anew(case: Case) -> None:
    """While it was withheld, another ABH was established in the case."""
    azr = {"abgefragt": True, "aktenfuehrende_abh": KOELN}
    hearing = await case.post(
        "sta", "anklage_erhoben", {"empfaenger": None}, gefaehrdet_untersuchungszweck=True, azr=azr
    )
    assert hearing["entscheidung"]["empfaenger"] == [KOELN]
    await case.post("koeln", "zustaendigkeitswechsel", verfahren=[{"staatsanwaltschaft": STA, "aktenzeichen": JS}])
    _, released = await case.act("sta", "release", hearing["id"])
    assert released["entscheidung"]["empfaenger"] == [RHEIN_SIEG]


async def test_a_release_joins_the_case_that_has_begun_meanwhile(case: Case) -> None:
    hidden = await case.post("sta", "verfahren_eingestellt", gefaehrdet_untersuchungszweck=True)
    again = await case.post("sta", "anklage_erhoben", gefaehrdet_untersuchungszweck=True)
    assert (await case.vorgang_of("sta", hidden["id"]))["id"] == (await case.vorgang_of("sta", again["id"]))["id"]
    await case.act("sta", "release", hidden["id"])
    later = await case.post("sta", "strafbefehl_beantragt")
    vorgang = await case.vorgang_of("koeln", later["id"])
    assert [n["id"] for n in vorgang["nachrichten"]] == [hidden["id"], later["id"]]
    assert len((await case.vorgang_of("sta", later["id"]))["nachrichten"]) == 3


async def test_the_flag_means_nothing_from_a_prison(case: Case) -> None:
    answer = await case.post("jva", "strafhaft_antritt", gefaehrdet_untersuchungszweck=True)
    assert answer["entscheidung"]["entscheidung"] == "zustellen"
    assert any("bleibt ohne Wirkung" in hint["text"] for hint in answer["entscheidung"]["hinweise"])
    assert await case.sees("koeln", answer["id"])


async def test_a_flagged_notice_in_klaerung_is_as_invisible(case: Case) -> None:
    answer = await withheld(case, **NOBODY)
    assert answer["status"] == "klaerung"
    visible = await case.post("polizei", "haftbefehl_erlassen", **AZR_ASKED)
    vorgang = await case.vorgang_of("rhein_sieg", visible["id"])
    assert [n["id"] for n in vorgang["nachrichten"]] == [visible["id"]]
    status, assigned = await case.act("betrieb", "assign", answer["id"], an=RHEIN_SIEG, grund="Akte liegt dort")
    assert (status, assigned["status"]) == (200, "zurueckgestellt")
    assert assigned["entscheidung"]["empfaenger"] == [RHEIN_SIEG]
    assert not await case.sees("rhein_sieg", answer["id"])
    assert [n["id"] for n in (await case.vorgang_of("rhein_sieg", visible["id"]))["nachrichten"]] == [visible["id"]]
    _, released = await case.act("polizei", "release", answer["id"])
    assert released["entscheidung"]["empfaenger"] == [RHEIN_SIEG]
    texts = " ".join(grund["text"] for grund in released["entscheidung"]["begruendung"])
    assert "Akte liegt dort" in texts
    assert await case.sees("rhein_sieg", answer["id"])


async def test_two_releases_at_once_deliver_once(case: Case) -> None:
    answer = await withheld(case)
    answers = await asyncio.gather(*(case.act("polizei", "release", answer["id"]) for _ in range(4)))
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]
    assert len(await case.inbox("rhein_sieg")) == 1


async def test_release_or_cancel_whoever_comes_first(case: Case) -> None:
    for _ in range(4):
        answer = await withheld(case)
        released, cancelled = await asyncio.gather(
            case.act("polizei", "release", answer["id"]),
            case.act("betrieb", "cancel", answer["id"], grund="zurückgenommen"),
        )
        message = await case.get("polizei", f"/v1/messages/{answer['id']}")
        deliveries = [d["status"] for d in message["zustellungen"]]
        if released[0] == 200:
            assert deliveries in (["uebergeben"], ["storniert"])
            assert (cancelled[0] == 200) == (deliveries == ["storniert"])
        else:
            assert (released[0], cancelled[0]) == (409, 200)
            assert (message["status"], deliveries) == ("storniert", [])
            assert not await case.sees("rhein_sieg", answer["id"])


async def test_a_cancelled_one_stays_invisible_and_obliges_nobody(case: Case) -> None:
    answer = await withheld(case)
    status, cancelled = await case.act("betrieb", "cancel", answer["id"], grund="Verfahren eingestellt")
    assert (status, cancelled["status"]) == (200, "storniert")
    assert not await case.sees("rhein_sieg", answer["id"])
    (duty,) = (await case.vorgang_of("polizei", answer["id"]))["pflichten"]
    assert duty["erledigt_am"] is not None
