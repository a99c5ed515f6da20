"""Klärung: what no rule can place is stored and listed; an operator names the recipient with a reason; it goes on."""

import asyncio
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from as2peer import amend, peering
from as2peer import status as refused_by
from caseworld import JS, STA, STA_BONN, Case, until
from gatewayworld import BONN, JVA, KOELN, RHEIN_SIEG, Site, agree

from gateway.partner import Partner
from gateway.pki_issue import DevelopmentCa
from gateway.service.evidence.proving import verify_package
from gateway.settle import archive

UNKNOWN_STA = "gds:Z9999S"
NOT_ASKED: dict[str, Any] = {"azr": None}


async def unplaced(case: Case, **facts: Any) -> dict[str, Any]:
    """A notice of the Polizei that does not say whether the AZR was asked."""
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet", **(NOT_ASKED | facts))
    assert answer["status"] == "klaerung"
    return answer


async def test_it_is_stored_whole_and_operators_find_it(case: Case) -> None:
    answer = await unplaced(case)
    (entry,) = await case.found("betrieb", status="klaerung")
    assert entry["id"] == answer["id"]
    part = await case.get("polizei", f"/v1/messages/{answer['id']}/parts/0")
    assert answer["nachrichten_id"].encode() in part
    assert not await case.sees("rhein_sieg", answer["id"])


async def test_an_operator_assigns_it_and_the_decision_says_so(case: Case) -> None:
    answer = await unplaced(case)
    status, assigned = await case.act("betrieb", "assign", answer["id"], an=BONN, grund="Tatort ist Bonn")
    assert (status, assigned["status"]) == (200, "unterwegs")
    decision = assigned["entscheidung"]
    assert (decision["entscheidung"], decision["empfaenger"]) == ("zustellen", [BONN])
    assert decision["nummer"] == answer["entscheidung"]["nummer"]
    assert "Tatort ist Bonn" in decision["begruendung"][-1]["text"]
    assert await case.collect("bonn") == [answer["id"]]
    (event,) = [e for e in await case.events("polizei", answer["id"]) if e["art"] == "zuweisung"]
    assert event["angaben"]["grund"] == "Tatort ist Bonn"
    (shown,) = (await case.vorgang_of("polizei", answer["id"]))["unterrichtungen"]
    assert (shown["abh"], shown["nachricht"]) == (BONN, answer["id"])


async def test_what_operators_decided_is_proved_without_their_words(case: Case) -> None:
    """The last decision counts, whoever made it; an earlier one, or another, contradicts the log."""
    words = "Rücksprache mit Frau Beispielová"
    answer = await unplaced(case)
    before = await package_of(case, answer["id"])
    assert verdict(case, before) == "bewiesen"
    _, assigned = await case.act("betrieb", "assign", answer["id"], an=BONN, grund=words)
    assert words in assigned["entscheidung"]["begruendung"][-1]["text"]
    files = await package_of(case, answer["id"])
    assert verdict(case, files) == "bewiesen"
    decision = files["entscheidung.json"]
    assert BONN in json.loads(decision)["empfaenger"]
    assert not any(b"Beispielov" in content for content in files.values())
    assert "Der Betrieb hat die Nachricht" in json.loads(decision)["begruendung"][-1]["text"]
    for other in (before["entscheidung.json"], decision.replace(BONN.encode(), KOELN.encode())):
        assert verdict(case, files | {"entscheidung.json": other}) == "falsch"


async def package_of(case: Case, message_id: str) -> dict[str, bytes]:
    """Files of the sender's evidence package."""
    await case.hub.logbook.round()
    headers = {"Accept": "application/x-tar"}
    status, raw = await case["polizei"].call("GET", f"/v1/messages/{message_id}/evidence", headers=headers)
    assert status == 200, raw
    return {m.name: raw[m.start : m.start + m.size] for m in archive.members(io.BytesIO(raw))}


def verdict(case: Case, files: dict[str, bytes]) -> str:
    """What a verifier finds of the decision; the table names the files as they are, as a forger's would."""
    table = json.loads(files["nachweis.json"])
    table["dateien"] = [
        {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
        if name != "nachweis.json"
    ]
    whole = files | {"nachweis.json": json.dumps(table).encode()}
    pieces = [archive.header(name, len(data)) + data + archive.padding(len(data)) for name, data in whole.items()]
    own = case.hub.ctx.keys.current("log", case.hub.ctx.at()).certificate
    result = verify_package(io.BytesIO(b"".join(pieces) + archive.END), [own])
    (found,) = [befund.ergebnis for befund in result.befunde if befund.code == "entscheidung"]
    assert result.verified is (found == "bewiesen"), result.befunde
    return found


async def test_an_assigned_notice_opens_the_duties_of_its_number(case: Case) -> None:
    """An Antritt of a person in an Aufnahmeeinrichtung outside NRW: placed by hand, the examination is still owed."""
    where = {"land_nrw": True, "ags": "06412000", "art": "wohnpflicht"}
    answer = await case.post("jva", "untersuchungshaft_antritt", aufnahmeeinrichtung=where)
    assert (answer["status"], answer["entscheidung"]["nummer"]) == ("klaerung", "3.2 Satz 4")
    await case.act("betrieb", "assign", answer["id"], an=KOELN, grund="wohnt in Köln")
    (duty,) = (await case.vorgang_of("koeln", answer["id"]))["pflichten"]
    assert (duty["nummer"], duty["pflichtig"], duty["erledigt_am"]) == ("3.3", KOELN, None)


async def test_twice_is_a_conflict_also_at_once(case: Case) -> None:
    answer = await unplaced(case)
    bodies = [{"an": key, "grund": "so"} for key in (BONN, KOELN, RHEIN_SIEG)]
    answers = await asyncio.gather(*(case.act("betrieb", "assign", answer["id"], **body) for body in bodies))
    assert sorted(status for status, _ in answers) == [200, 409, 409]
    message = await case.get("betrieb", f"/v1/messages/{answer['id']}")
    assert len(message["zustellungen"]) == 1
    assert message["entscheidung"]["empfaenger"] == [d["empfaenger"] for d in message["zustellungen"]]
    assert (await case.act("betrieb", "assign", answer["id"], an=BONN, grund="so"))[0] == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"an": "abh:99999999", "grund": "so"}, 422),
        ({"an": "abh:05999", "grund": "so"}, 422),
        ({"an": BONN}, 400),
        ({"an": BONN, "grund": "  "}, 400),
        ({"grund": "so"}, 400),
        ({"an": BONN, "grund": "so", "wohin": "?"}, 400),
    ],
)
async def test_an_assignment_names_an_authority_and_a_reason(case: Case, body: dict[str, str], status: int) -> None:
    answer = await unplaced(case)
    assert (await case.act("betrieb", "assign", answer["id"], **body))[0] == status
    assert (await case.get("betrieb", f"/v1/messages/{answer['id']}"))["status"] == "klaerung"


async def test_only_operators_act(case: Case) -> None:
    answer = await unplaced(case)
    for who in ("polizei", "koeln", "revision"):
        for verb, body in (("assign", {"an": BONN}), ("resend", {}), ("cancel", {})):
            assert (await case.act(who, verb, answer["id"], grund="so", **body))[0] == 403
    for verb in ("assign", "resend", "cancel"):
        body = {"an": BONN} if verb == "assign" else {}
        missing = "00000000-0000-4000-8000-000000000000"
        assert (await case.act("betrieb", verb, missing, grund="so", **body))[0] == 404


async def test_a_refused_notice_of_the_wrong_sender_is_not_stored(case: Case) -> None:
    status, problem = await case["jva"].post_xml(_foreign())
    assert (status, problem["entscheidung"]["entscheidung"]) == (422, "unzulaessig")
    assert await case.found("betrieb") == []


def _foreign() -> bytes:
    from caseworld import notice

    return notice("anklage_erhoben", JVA)


async def test_one_of_several_recipients_is_named_later(case: Case) -> None:
    """2a.5: the known Staatsanwaltschaft has the result at once; the unknown one is an operator's task."""
    answer = await case.post(
        "koeln",
        "pruefergebnis_untersuchungshaft",
        verfahren=[{"staatsanwaltschaft": STA, "aktenzeichen": JS}, {"staatsanwaltschaft": UNKNOWN_STA}],
    )
    assert answer["entscheidung"]["empfaenger"] == [STA]
    assert await case.collect("sta") == [answer["id"]]
    status, assigned = await case.act("betrieb", "assign", answer["id"], an=STA_BONN, grund="Schlüssel war veraltet")
    assert (status, assigned["entscheidung"]["empfaenger"]) == (200, [STA, STA_BONN])
    assert assigned["status"] == "unterwegs"
    assert not [f for f in assigned["entscheidung"]["folgen"] if f["art"] == "klaerung"]
    assert await case.collect("sta_bonn") == [answer["id"]]
    assert (await case.get("koeln", f"/v1/messages/{answer['id']}"))["status"] == "zugestellt"
    assert (await case.act("betrieb", "assign", answer["id"], an=BONN, grund="noch einer"))[0] == 409


async def test_two_missing_recipients_are_two_assignments(case: Case) -> None:
    missing = [{"staatsanwaltschaft": UNKNOWN_STA}, {"aktenzeichen": "1 Js 2/26"}]
    answer = await case.post(
        "koeln", "pruefergebnis_untersuchungshaft", verfahren=[{"staatsanwaltschaft": STA}, *missing]
    )
    bodies = [{"an": key, "grund": "so"} for key in (STA_BONN, "gds:R1100S")]
    answers = [(await case.act("betrieb", "assign", answer["id"], **body)) for body in bodies]
    assert [status for status, _ in answers] == [200, 200]
    assert answers[-1][1]["entscheidung"]["empfaenger"] == [STA, STA_BONN, "gds:R1100S"]
    assert (await case.act("betrieb", "assign", answer["id"], an="gds:R1200S", grund="so"))[0] == 409


async def test_at_once_each_place_is_filled_once(case: Case) -> None:
    answer = await case.post(
        "koeln",
        "pruefergebnis_untersuchungshaft",
        verfahren=[{"staatsanwaltschaft": STA}, {"staatsanwaltschaft": UNKNOWN_STA}],
    )
    bodies = [{"an": key, "grund": "so"} for key in (STA_BONN, "gds:R1100S", "gds:R1200S")]
    answers = await asyncio.gather(*(case.act("betrieb", "assign", answer["id"], **body) for body in bodies))
    assert sorted(status for status, _ in answers) == [200, 409, 409]
    message = await case.get("betrieb", f"/v1/messages/{answer['id']}")
    assert message["entscheidung"]["empfaenger"] == [d["empfaenger"] for d in message["zustellungen"]]


async def test_a_delivery_that_waits_for_a_person_goes_once_its_cause_is_mended(case: Case) -> None:
    """Test traffic without an agreement: in Klärung, invisible to the recipient; after the agreement it is sent."""
    answer = await case.post("jva", "strafhaft_antritt", {"test": True})
    assert answer["status"] == "klaerung"
    assert not await case.sees("koeln", answer["id"])
    assert await case.found("koeln") == []
    assert (await case.act("betrieb", "assign", answer["id"], an=BONN, grund="so"))[0] == 409
    status, problem = await case.act("betrieb", "resend", answer["id"], grund="noch nicht vereinbart")
    assert (status, problem["errors"][0]["code"]) == (409, "klaerung")
    await agree(case.hub, Partner(id="koeln", behoerden=(KOELN,), weg="abruf", test=True))
    status, sent = await case.act("betrieb", "resend", answer["id"], grund="vereinbart")
    assert (status, sent["status"]) == (200, "unterwegs")
    (entry,) = await case.inbox("koeln")
    assert entry["nachricht"] == answer["id"]
    assert "uebergabe" in [event["art"] for event in await case.events("koeln", answer["id"])]
    assert (await case.act("betrieb", "resend", answer["id"], grund="noch einmal"))[0] == 409


async def test_what_has_not_arrived_can_be_ended(case: Case) -> None:
    answer = await case.post("jva", "strafhaft_antritt")
    status, ended = await case.act("betrieb", "cancel", answer["id"], grund="doppelt gesendet")
    assert (status, ended["status"]) == (200, "storniert")
    assert await case.inbox("koeln") == []
    assert not await case.sees("koeln", answer["id"])
    assert (await case.act("betrieb", "cancel", answer["id"], grund="noch einmal"))[0] == 409
    duties = (await case.vorgang_of("jva", answer["id"]))["pflichten"]
    assert [duty for duty in duties if duty["erledigt_am"] is None] == []


async def test_what_was_collected_cannot(case: Case) -> None:
    answer = await case.post("jva", "strafhaft_antritt")
    await case.collect("koeln")
    for verb in ("cancel", "resend"):
        assert (await case.act("betrieb", verb, answer["id"], grund="zu spät"))[0] == 409


async def test_what_is_not_collected_raises_one_alarm(case: Case) -> None:
    answer = await case.post("jva", "strafhaft_antritt")

    async def alarms() -> list[dict[str, Any]]:
        return [e for e in await case.events("jva", answer["id"]) if e["art"] == "alarm"]

    assert await alarms() == []
    case.later(4)
    (event,) = await until(alarms, 1)
    assert event["angaben"] == {"empfaenger": KOELN, "grund": "nicht_abgeholt"}
    case.later(4)
    await asyncio.sleep(0.2)
    assert len(await alarms()) == 1
    assert 'gateway_alarms_total{grund="nicht_abgeholt"} 1' in await case.metrics()


async def test_what_is_collected_in_time_raises_none(case: Case) -> None:
    answer = await case.post("jva", "strafhaft_antritt")
    await case.collect("koeln")
    case.later(10)
    await asyncio.sleep(0.2)
    assert "alarm" not in [e["art"] for e in await case.events("jva", answer["id"])]
    assert 'gateway_alarms_total{grund="nicht_abgeholt"} 0' in await case.metrics()


async def test_what_failed_on_its_way_goes_into_the_inbox_once_that_is_agreed(
    case: Case, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    async with peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as peer:
        await agree(case.hub, peer.agreement())
        peer.otherwise = refused_by(403)
        answer = await case.post("jva", "strafhaft_antritt")
        await case["jva"].until(answer["id"], "gescheitert")
    await amend(case.hub, Partner(id="koeln", behoerden=(KOELN,), weg="abruf"))
    assert (await case.act("betrieb", "resend", answer["id"], grund="Postfach vereinbart"))[0] == 200
    case.later(1)
    await asyncio.sleep(0.1)  # a deadline of the way before must not count here
    assert [entry["nachricht"] for entry in await case.inbox("koeln")] == [answer["id"]]
