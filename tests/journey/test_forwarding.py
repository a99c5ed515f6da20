"""Forwarding (3.2 Satz 2 and 3, 5.4, 2.5 Satz 3 and 4): one act, two messages, one commit, nobody twice."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from as2peer import haft, peering
from caseworld import CLIENTS, JS, STA, STA_BONN, Case
from gatewayworld import BONN, JVA, KOELN, RHEIN_SIEG, ZAB_KOELN, Site, agree, calling
from lxml import etree

from gateway.partner import Algorithmen, Partner
from gateway.pki_issue import DevelopmentCa
from gateway.seal.signedmime import open_signed
from gateway.service.gateway import Gateway
from gateway.store.database import AlreadyThere
from gateway.store.steps import do

SANKT_AUGUSTIN = "05382056"
STADT_BONN = "05314000"
HAMBURG = "02000000"
ZUSTAENDIG = "nachricht.auslstraf.zustaendigkeitsmitteilung.9900021"
DORTMUND = CLIENTS["fremd"]


async def arrived(case: Case, head: dict[str, Any] | None = None, **facts: Any) -> dict[str, Any]:
    """A prison does not know the ABH: the one of its district gets the notice."""
    answer = await case.post("jva", "untersuchungshaft_antritt", head, **({"wohnsitz_ags": None} | facts))
    assert answer["entscheidung"]["empfaenger"] == [KOELN]
    return answer


async def forwarded(case: Case, who: str, message_id: str, **body: Any) -> dict[str, Any]:
    status, answer = await case.act(who, "forward", message_id, **({"grund": "nicht zuständig"} | body))
    assert status == 202, answer
    return answer


async def refused(case: Case, who: str, message_id: str, **body: Any) -> tuple[int, str]:
    status, answer = await case.act(who, "forward", message_id, **({"grund": "nicht zuständig"} | body))
    return status, answer["errors"][0]["code"]


async def parts(case: Case, who: str, message_id: str) -> dict[str, bytes]:
    """Name and content of every part."""
    message = await case.get(who, f"/v1/messages/{message_id}")
    return {t["name"]: await case.get_raw(who, f"/v1/messages/{message_id}/parts/{t['n']}") for t in message["teile"]}


def chain(xml: bytes) -> list[str | None]:
    return [link.findtext("stelle") for link in etree.fromstring(xml).iterfind("fachdaten/weiterleitendeStelle")]


# --- whom to ----------------------------------------------------------------------------------------------------------


async def test_to_the_authority_that_the_forwarder_names(case: Case) -> None:
    answer = await arrived(case)
    done = await forwarded(case, "koeln", answer["id"], an=BONN)
    assert (done["an"], done["entscheidung"]["empfaenger"], done["entscheidung"]["nummer"]) == (
        BONN,
        [BONN],
        "3.2 Satz 2",
    )
    assert [entry["nachricht"] for entry in await case.inbox("bonn")] == [done["id"]]
    (told,) = await case.inbox("jva")
    assert told["nachricht"] == done["zustaendigkeitsmitteilung"]
    xml = etree.fromstring(await case.get_raw("jva", f"/v1/messages/{told['nachricht']}/parts/0"))
    assert etree.QName(xml).localname == ZUSTAENDIG
    assert xml.findtext("fachdaten/zustaendigeAbh") == BONN
    assert xml.findtext("grunddaten/fremdeNachrichtenID") == answer["nachrichten_id"]


@pytest.mark.parametrize(
    ("facts", "body", "an"),
    [
        ({"wohnsitz_ags": SANKT_AUGUSTIN}, {}, RHEIN_SIEG),
        ({}, {"wohnsitz_ags": SANKT_AUGUSTIN}, RHEIN_SIEG),
        ({"wohnsitz_ags": SANKT_AUGUSTIN}, {"wohnsitz_ags": STADT_BONN}, BONN),
        ({"auflage": {"ags": STADT_BONN, "art": "wohnsitzauflage"}}, {"wohnsitz_ags": SANKT_AUGUSTIN}, BONN),
        ({"wohnsitz_ags": SANKT_AUGUSTIN}, {"auflage_ags": STADT_BONN}, BONN),
    ],
)
async def test_to_whom_14_zustavo_names(case: Case, facts: dict[str, Any], body: dict[str, str], an: str) -> None:
    answer = await arrived(case, **facts)
    done = await forwarded(case, "koeln", answer["id"], **body)
    assert done["an"] == an


async def test_to_the_abh_of_the_prisons_district(case: Case) -> None:
    """The prison named an ABH that is not competent, and nobody knows a residence."""
    answer = await case.post("jva", "strafhaft_antritt", {"empfaenger": BONN}, halbstrafenzeitpunkt=None)
    done = await forwarded(case, "bonn", answer["id"])
    assert (done["an"], done["entscheidung"]["nummer"]) == (KOELN, "5.4 Satz 2")


@pytest.mark.parametrize("body", [{}, {"wohnsitz_ags": "05315000"}, {"an": KOELN}])
async def test_not_to_oneself(case: Case, body: dict[str, str]) -> None:
    answer = await arrived(case)
    assert await refused(case, "koeln", answer["id"], **body) == (422, "selbst_zustaendig")


@pytest.mark.parametrize("an", ["abh:05999", "abh:02000000", STA, JVA, "gw:nrw", "irgendwer"])
async def test_only_to_an_auslaenderbehoerde_of_the_directory(case: Case, an: str) -> None:
    answer = await arrived(case)
    assert await refused(case, "koeln", answer["id"], an=an) == (422, "an_unbekannt")
    assert await case.inbox("jva") == []


async def test_to_another_land_once_an_operator_added_its_abh(case: Case) -> None:
    await case.add_authority("abh:02000000", "abh", "Hamburg – Ausländerbehörde")
    answer = await arrived(case)
    done = await forwarded(case, "koeln", answer["id"], an="abh:02000000")
    assert done["status"] == "unterwegs"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"grund": ""},
        {"grund": "x", "an": 5},
        {"grund": "x", "wohnsitz_ags": "5382056"},
        {"grund": "x", "wohin": BONN},
    ],
)
async def test_a_request_that_cannot_be_read_is_refused(case: Case, body: dict[str, Any]) -> None:
    answer = await arrived(case)
    assert (await case.act("koeln", "forward", answer["id"], **body))[0] == 400


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_only_who_received_it(case: Case) -> None:
    answer = await arrived(case)
    assert (await case.act("bonn", "forward", answer["id"], an=RHEIN_SIEG, grund="x"))[0] == 404
    assert (await case.act("jva", "forward", answer["id"], an=RHEIN_SIEG, grund="x"))[0] == 403
    assert (await case.act("betrieb", "forward", answer["id"], an=RHEIN_SIEG, grund="x"))[0] == 403


async def test_at_an_edge_the_answer_names_the_vermittler(edge: Gateway, edge_site: Site) -> None:
    async with calling(edge, edge_site.clients["koeln"]) as api:
        status, problem = await api.call(
            "POST",
            "/v1/messages/00000000-0000-4000-8000-000000000000/forward",
            json={"an": BONN, "grund": "x"},
        )
    assert (status, problem["errors"][0]["code"]) == (403, "edge")
    assert "X-Gateway-Id" in problem["detail"]


# --- what travels -----------------------------------------------------------------------------------------------------


async def test_the_original_travels_unchanged_by_digest_with_our_receipt(case: Case) -> None:
    answer = await arrived(case)
    original = await case.get_raw("koeln", f"/v1/messages/{answer['id']}/parts/0")
    done = await forwarded(case, "koeln", answer["id"], an=BONN)
    travelled = await parts(case, "bonn", done["id"])
    xml = etree.fromstring(travelled.pop("nachricht.xml"))
    assert xml.findtext("nachrichtenkopf.g2g/leser/kennung") == BONN
    assert xml.findtext("nachrichtenkopf.g2g/autor/kennung") == KOELN
    form = xml.find("fachdaten/original/auswahl_form/einzelteile")
    assert form is not None
    for place in ("nachricht", "annahmequittung"):
        name = form.findtext(f"{place}/dateiname")
        assert hashlib.sha256(travelled[name or ""]).hexdigest() == form.findtext(f"{place}/sha256")
    assert travelled[form.findtext("nachricht/dateiname") or ""] == original
    receipt = travelled[form.findtext("annahmequittung/dateiname") or ""]
    _, signed = open_signed(receipt, [case.hub.ctx.identity.sign_cert], Algorithmen(), case.hub.ctx.at())
    said = json.loads(signed.partition(b"\r\n\r\n")[2])
    assert (said["art"], said["absender"], said["nachrichten_id"]) == ("annahme", JVA, answer["nachrichten_id"])
    assert said["teile"][0]["sha256"] == hashlib.sha256(original).hexdigest()


async def test_what_the_sender_signed_travels_as_it_signed_it(
    case: Case, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    """A prison that sends by AS2: its signed entity is the one part, and its signature still holds."""
    async with peering(ca, hub_site, "jva-as2", (JVA,), tmp_path) as prison:
        await agree(case.hub, prison.agreement())
        sent = haft()
        assert (await prison.send(sent, "gw-nrw", None)).status == 200
        (entry,) = await case.inbox("koeln")
        done = await forwarded(case, "koeln", entry["nachricht"], an=BONN)
    travelled = await parts(case, "bonn", done["id"])
    xml = etree.fromstring(travelled.pop("nachricht.xml"))
    form = xml.find("fachdaten/original/auswahl_form/signierteEinheit")
    assert form is not None
    (entity,) = travelled.values()
    assert form.findtext("sha256") == hashlib.sha256(entity).hexdigest()
    assert form.findtext("nachricht/sha256") == hashlib.sha256(sent).hexdigest()
    _, signed = open_signed(entity, [prison.sign.certificate], Algorithmen(), case.hub.ctx.at())
    assert signed.endswith(sent)


async def test_a_further_forward_extends_the_chain_and_never_nests(case: Case) -> None:
    answer = await arrived(case)
    first = await forwarded(case, "koeln", answer["id"], an=BONN)
    second = await forwarded(case, "bonn", first["id"], an=RHEIN_SIEG)
    travelled = await parts(case, "rhein_sieg", second["id"])
    xml = travelled["nachricht.xml"]
    assert chain(xml) == [KOELN, BONN]
    assert etree.fromstring(xml).findtext("fachdaten/original/eigeneNachrichtenID") == answer["nachrichten_id"]
    assert not [name for name in travelled if first["nachrichten_id"] in name]
    assert len(await case.inbox("jva")) == 2
    assert not await case.sees("rhein_sieg", answer["id"])
    assert not await case.sees("rhein_sieg", first["id"])


async def test_test_traffic_stays_test_traffic(case: Case) -> None:
    for name, key in (("koeln", KOELN), ("bonn", BONN), ("jva", JVA)):
        await agree(case.hub, Partner(id=name, behoerden=(key,), weg="abruf", test=True))
    answer = await arrived(case, {"test": True})
    done = await forwarded(case, "koeln", answer["id"], an=BONN)
    for who, message_id in (("bonn", done["id"]), ("jva", done["zustaendigkeitsmitteilung"])):
        assert (await case.get(who, f"/v1/messages/{message_id}"))["test"] is True
    other = await forwarded(case, "koeln", answer["id"], an=RHEIN_SIEG)
    assert other["status"] == "klaerung"
    assert not await case.sees("rhein_sieg", other["id"])


# --- nobody twice -----------------------------------------------------------------------------------------------------


async def test_nobody_gets_the_same_notice_twice(case: Case) -> None:
    answer = await arrived(case)
    first = await forwarded(case, "koeln", answer["id"], an=BONN)
    assert await refused(case, "koeln", answer["id"], an=BONN) == (422, "bereits_unterrichtet")
    assert await refused(case, "bonn", first["id"], an=KOELN) == (422, "bereits_unterrichtet")
    second = await forwarded(case, "bonn", first["id"], an=RHEIN_SIEG)
    for an in (KOELN, BONN):
        assert await refused(case, "rhein_sieg", second["id"], an=an) == (422, "bereits_unterrichtet")
    assert len(await case.inbox("bonn")) == 1


async def test_five_forwards_are_enough(case: Case) -> None:
    answer = await arrived(case)
    way = [("koeln", BONN), ("bonn", RHEIN_SIEG), ("rhein_sieg", DORTMUND), ("fremd", ZAB_KOELN)]
    message_id = answer["id"]
    for who, an in way:  # and one more from the last
        message_id = (await forwarded(case, who, message_id, an=an))["id"]
    done = await forwarded(case, "zab", message_id, an=CLIENTS["leverkusen"])
    assert chain(await case.get_raw("zab", f"/v1/messages/{done['id']}/parts/0")) == [
        KOELN,
        BONN,
        RHEIN_SIEG,
        DORTMUND,
        ZAB_KOELN,
    ]
    assert done["status"] == "unterwegs"
    assert await refused(case, "leverkusen", done["id"], an="abh:05378") == (422, "zu_oft_weitergeleitet")


async def test_at_once_one_of_them_delivers(case: Case) -> None:
    answer = await arrived(case)
    asks = [case.act("koeln", "forward", answer["id"], an=BONN, grund="x") for _ in range(5)]
    answers = await asyncio.gather(*asks)
    assert sorted(status for status, _ in answers) == [202, 422, 422, 422, 422]
    assert len(await case.inbox("bonn")) == 1
    assert len(await case.inbox("jva")) == 1


async def test_two_forwarders_at_once_reach_the_third_once(case: Case) -> None:
    answer = await arrived(case)
    first = await forwarded(case, "koeln", answer["id"], an=BONN)
    answers = await asyncio.gather(
        case.act("koeln", "forward", answer["id"], an=RHEIN_SIEG, grund="x"),
        case.act("bonn", "forward", first["id"], an=RHEIN_SIEG, grund="x"),
    )
    assert sorted(status for status, _ in answers) == [202, 422]
    assert len(await case.inbox("rhein_sieg")) == 1


async def test_a_cancelled_forward_can_be_made_once_more(case: Case) -> None:
    answer = await arrived(case)
    first = await forwarded(case, "koeln", answer["id"], an=BONN)
    await case.act("betrieb", "cancel", first["id"], grund="versehentlich")
    assert await case.inbox("bonn") == []
    again = await forwarded(case, "koeln", answer["id"], an=BONN)
    assert [entry["nachricht"] for entry in await case.inbox("bonn")] == [again["id"]]


async def test_both_messages_or_none(case: Case) -> None:
    """The commit breaks at its last statement: nothing of either message, of the event, of the duty is there."""
    answer = await arrived(case)
    commit = case.hub.ctx.db.commit

    async def breaking(*steps: Any) -> Any:
        return await commit(*steps, do("claim_vorgang_mark", **mark), do("claim_vorgang_mark", **mark))

    vorgang = (await case.get("jva", f"/v1/messages/{answer['id']}"))["vorgang"]
    mark = {"azr_index": "x", "authority": "x", "aktenzeichen_index": "x", "vorgang_id": vorgang, "now": 1}
    case.hub.ctx.db.commit = breaking  # type: ignore[method-assign]
    try:
        status, _ = await case.act("koeln", "forward", answer["id"], an=BONN, grund="x")
    finally:
        case.hub.ctx.db.commit = commit  # type: ignore[method-assign]
    assert status == 500
    assert await case.inbox("bonn") == []
    assert await case.inbox("jva") == []
    shown = await case.vorgang_of("jva", answer["id"])
    assert (len(shown["nachrichten"]), shown["weiterleitungen"]) == (1, [])
    assert [duty["erledigt_am"] for duty in shown["pflichten"]] == [None]
    with pytest.raises(AlreadyThere):
        await breaking()
    assert (await forwarded(case, "koeln", answer["id"], an=BONN))["an"] == BONN


# --- who sees what ----------------------------------------------------------------------------------------------------


async def test_the_senders_vorgang_shows_where_its_notice_ended(case: Case) -> None:
    answer = await arrived(case)
    done = await forwarded(case, "koeln", answer["id"], an=BONN)
    await case.collect("bonn")
    shown = await case.vorgang_of("jva", answer["id"])
    assert [(u["abh"], u["nachricht"]) for u in shown["unterrichtungen"]] == [(BONN, done["id"])]
    (passed,) = shown["weiterleitungen"]
    assert (passed["nachricht"], passed["von"], passed["an"]) == (answer["id"], KOELN, BONN)
    (event,) = [e for e in await case.events("jva", answer["id"]) if e["art"] == "weiterleitung"]
    assert (event["angaben"]["stelle"], event["angaben"]["an"]) == (KOELN, BONN)
    assert not await case.sees("jva", done["id"])
    for who in ("koeln", "bonn"):
        assert [p["an"] for p in (await case.vorgang_of(who, done["id"]))["weiterleitungen"]] == [BONN]


async def test_who_had_it_by_a_forward_can_answer_and_refer_to_it(case: Case) -> None:
    answer = await case.post("jva", "untersuchungshaft_antritt", {"azr": None}, wohnsitz_ags=None, verfahren=[])
    done = await forwarded(case, "koeln", answer["id"], an=BONN)
    for zu in (answer["nachrichten_id"], done["nachrichten_id"]):
        result = await case.post("bonn", "pruefergebnis_untersuchungshaft", {"azr": None, "zu": zu})
        same = (await case.vorgang_of("bonn", result["id"]))["id"]
        assert same == (await case.vorgang_of("jva", answer["id"]))["id"]
    duties = (await case.vorgang_of("betrieb", answer["id"]))["pflichten"]
    assert all(duty["erledigt_am"] for duty in duties)


async def test_a_notice_that_is_no_prisons_is_forwarded_without_a_message_to_a_prison(case: Case) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet")
    done = await forwarded(case, "rhein_sieg", answer["id"], an=BONN)
    assert done["zustaendigkeitsmitteilung"] is None
    assert any(grund["auslegung"] for grund in done["entscheidung"]["begruendung"])
    arrest = await case.post("polizei", "haftbefehl_erlassen", azr={"abgefragt": True})
    assert arrest["entscheidung"]["empfaenger"] == [BONN]


# --- Klärung (2a.7) ---------------------------------------------------------------------------------------------------


async def test_where_nobody_in_nrw_is_competent_an_operator_names_the_authority(case: Case) -> None:
    answer = await arrived(case)
    pending = await forwarded(case, "koeln", answer["id"], wohnsitz_ags=HAMBURG)
    assert (pending["status"], pending["an"], pending["id"]) == ("klaerung", None, answer["id"])
    assert "außerhalb Nordrhein-Westfalens" in pending["entscheidung"]["begruendung"][0]["text"]
    assert await case.inbox("jva") == []
    assert await refused(case, "koeln", answer["id"], wohnsitz_ags=HAMBURG) == (409, "klaerung")
    for an in ("abh:02000000", STA):
        assert (await case.act("betrieb", "assign", answer["id"], an=an, grund="x"))[0] == 422
    status, done = await case.act("betrieb", "assign", answer["id"], an=BONN, grund="Auskunft aus Hamburg")
    assert (status, done["an"]) == (202, BONN)
    travelled = await parts(case, "bonn", done["id"])
    xml = etree.fromstring(travelled["nachricht.xml"])
    assert chain(travelled["nachricht.xml"]) == [KOELN]
    assert "Auskunft aus Hamburg" in (xml.findtext("fachdaten/grund") or "")
    assert "nicht zuständig" in (xml.findtext("fachdaten/grund") or "")
    assert [entry["nachricht"] for entry in await case.inbox("jva")] == [done["zustaendigkeitsmitteilung"]]
    assert (await case.act("betrieb", "assign", answer["id"], an=RHEIN_SIEG, grund="x"))[0] == 409


async def test_a_forward_in_klaerung_is_assigned_once_and_can_be_ended(case: Case) -> None:
    answer = await arrived(case)
    await forwarded(case, "koeln", answer["id"], wohnsitz_ags=HAMBURG)
    acts = [case.act("betrieb", "assign", answer["id"], an=an, grund="x") for an in (BONN, RHEIN_SIEG)]
    assert sorted(status for status, _ in await asyncio.gather(*acts)) == [202, 409]
    await forwarded(case, "koeln", answer["id"], wohnsitz_ags=HAMBURG)
    await case.collect("koeln")
    status, _ = await case.act("betrieb", "cancel", answer["id"], grund="Köln bleibt zuständig")
    assert status == 200
    assert (await case.get("jva", f"/v1/messages/{answer['id']}"))["status"] == "zugestellt"
    assert (await case.act("betrieb", "assign", answer["id"], an=DORTMUND, grund="x"))[0] == 409


# --- 2.5 Satz 3 and 4 -------------------------------------------------------------------------------------------------


async def test_an_ersuchen_goes_on_to_a_dezernat_of_the_same_staatsanwaltschaft(case: Case) -> None:
    asked = await case.post("koeln", "einvernehmen_ersuchen")
    for dezernat in ("Dezernat 12", "Dezernat 31"):
        done = await forwarded(case, "sta", asked["id"], dezernat=dezernat)
        assert (done["id"], done["an"], done["entscheidung"]["nummer"]) == (asked["id"], STA, "2.5 Satz 3")
    assert len(await case.inbox("sta")) == 1
    for who in ("sta", "koeln", "betrieb"):
        shown = (await case.vorgang_of(who, asked["id"]))["weiterleitungen"]
        assert [(each["an"], each["dezernat"]) for each in shown] == [(STA, "Dezernat 12"), (STA, "Dezernat 31")]
    events = [e["angaben"] for e in await case.events("koeln", asked["id"]) if e["art"] == "weiterleitung"]
    assert [event["an"] for event in events] == [STA, STA]
    assert "Dezernat 12" not in json.dumps(events)


async def test_an_ersuchen_goes_on_to_another_staatsanwaltschaft_and_its_answer_comes_back(case: Case) -> None:
    asked = await case.post("koeln", "einvernehmen_ersuchen")
    done = await forwarded(case, "sta", asked["id"], an=STA_BONN, dezernat="Dezernat 5")
    assert (done["entscheidung"]["nummer"], done["zustaendigkeitsmitteilung"]) == ("2.5 Satz 4", None)
    assert done["entscheidung"]["vorrang"] is True
    xml = (await parts(case, "sta_bonn", done["id"]))["nachricht.xml"]
    assert chain(xml) == [STA]
    duties = (await case.vorgang_of("betrieb", asked["id"]))["pflichten"]
    assert [(d["pflichtig"], d["erledigt_am"] is None) for d in duties] == [(STA, False), (STA_BONN, True)]
    head = {"zu": asked["nachrichten_id"], "empfaenger": None, "azr": None}
    answered = await case.post("sta_bonn", "einvernehmen_entscheidung", head, ersuchende_abh=None)
    assert (answered["entscheidung"]["empfaenger"], answered["entscheidung"]["vorrang"]) == ([KOELN], True)
    assert (await case.vorgang_of("koeln", asked["id"]))["id"] == (await case.vorgang_of("koeln", answered["id"]))["id"]


@pytest.mark.parametrize(
    ("body", "code"), [({}, "an_fehlt"), ({"an": STA}, "an_fehlt"), ({"an": BONN}, "an_unbekannt")]
)
async def test_a_staatsanwaltschaft_says_where_to(case: Case, body: dict[str, str], code: str) -> None:
    asked = await case.post("koeln", "einvernehmen_ersuchen")
    assert await refused(case, "sta", asked["id"], **body) == (422, code)


async def test_only_an_ersuchen_goes_on_among_staatsanwaltschaften(case: Case) -> None:
    result = await case.post("koeln", "pruefergebnis_untersuchungshaft")
    assert (await case.act("sta", "forward", result["id"], an=STA_BONN, grund="x"))[0] == 403
    answer = await arrived(case)
    assert await refused(case, "koeln", answer["id"], dezernat="Dezernat 1", an=BONN) == (422, "dezernat")
    assert JS not in json.dumps(await case.found("sta_bonn"))
