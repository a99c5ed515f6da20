"""What a partner sends us by AS2, in the order of wire.md section 3, at an edge and at a hub that run."""

import asyncio
import hashlib
import io
import json
import ssl
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from as2peer import Peer, amend, events_of, eventually, haft, later, peering, stranger, until
from ending import happens
from gatewayworld import BONN, JVA, KOELN, ZAB_KOELN, Api, Site, agree, calling
from inboundworld import EDGE, entries, refused_because, result, rows, stored_request, without_ids

from gateway import mime
from gateway.accept.as2 import AS2_BYTES
from gateway.as2headers import ReceiptRequest
from gateway.partner import Algorithmen
from gateway.pki import pem_of
from gateway.pki_issue import DevelopmentCa
from gateway.seal.identity import Identity
from gateway.seal.sealer import PartIn, sign_entity
from gateway.service.arrival import incoming
from gateway.service.gateway import Gateway, running
from gateway.service.steps import step_delivery
from gateway.states import Actor, Step

pytestmark = pytest.mark.usefixtures("prompt")

HUB = "gw-nrw"
FAILED = "processed/error: decryption-failed"


@pytest.fixture
async def sender(ca: DevelopmentCa, edge: Gateway, edge_site: Site, tmp_path: Path) -> AsyncIterator[Peer]:
    """The Vermittler as the edge knows it."""
    async with peering(ca, edge_site, "vermittler", (), tmp_path) as peer:
        await agree(edge, peer.agreement(art="vermittler"))
        yield peer


@pytest.fixture
async def behoerde(ca: DevelopmentCa, hub: Gateway, hub_site: Site, tmp_path: Path) -> AsyncIterator[Peer]:
    """JVA Köln as a partner of the hub that sends by AS2."""
    async with peering(ca, hub_site, "jva-koeln", (JVA,), tmp_path) as peer:
        await agree(hub, peer.agreement(art="behoerde"))
        yield peer


@pytest.fixture
async def inbox(edge: Gateway, edge_site: Site) -> AsyncIterator[Api]:
    async with calling(edge, edge_site.clients["koeln"]) as api:
        yield api


async def decided_for(gateway: Gateway) -> list[list[str]]:
    return [json.loads(event["detail"])["empfaenger"] for event in await events_of(gateway, "entscheidung")]


# --- the good case ----------------------------------------------------------------------------------------------------


async def test_a_message_enters_once_and_its_receipt_is_ours(edge: Gateway, sender: Peer, inbox: Api) -> None:
    xml, gateway_id, message_id = haft(), str(uuid.uuid4()), sender.new_id()
    answered = await sender.send(xml, EDGE, gateway_id=gateway_id, message_id=message_id)
    assert answered.status == 200
    report = answered.verified()
    assert str(report.disposition).endswith("; processed")
    assert f"<{report.original_message_id}>" == message_id
    assert report.mic is not None
    assert report.mic.alg == "sha-256"
    (entry,) = await entries(inbox)
    assert (entry["nachricht"], entry["absender"], entry["empfaenger"]) == (gateway_id, JVA, KOELN)
    assert (await inbox.call("GET", f"/v1/messages/{gateway_id}/parts/0"))[1] == xml


async def test_the_mic_comes_in_the_algorithm_that_was_asked_for(edge: Gateway, sender: Peer) -> None:
    wanted = ReceiptRequest(micalgs=("sha-512", "sha-256"))
    answered = await sender.send(haft(), EDGE, receipt=wanted)
    mic = answered.verified().mic
    assert mic is not None
    assert mic.alg == "sha-512"


async def test_a_receipt_in_an_algorithm_that_we_do_not_have_is_refused_if_required(
    edge: Gateway, sender: Peer, inbox: Api
) -> None:
    wanted = ReceiptRequest(micalgs=("sha-1",), required=True)
    answered = await sender.send(haft(), EDGE, receipt=wanted)
    assert result(answered) == "failed/failure: unsupported MIC-algorithms"
    assert await entries(inbox) == []


async def test_the_receipt_is_signed_as_agreed(edge: Gateway, sender: Peer) -> None:
    """The agreement's hash counts for what we sign, too."""
    terms = sender.agreement(art="vermittler")
    await amend(
        edge, terms.model_copy(update={"algorithmen": terms.algorithmen.model_copy(update={"hash": "sha-512"})})
    )
    answered = await sender.send(haft(), EDGE)
    assert "micalg=sha-512" in answered.header("Content-Type").replace('"', "")


# --- 1, 2: headers, partner -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["AS2-From", "AS2-To", "Message-ID", "Content-Type"])
async def test_a_header_that_stands_twice_is_a_bad_request(edge: Gateway, sender: Peer, inbox: Api, name: str) -> None:
    content_type, body = sender.seal(haft())
    headers = sender.headers(content_type, to=EDGE)
    value = next(value for key, value in headers if key == name)
    answered = await sender.post([*headers, (name, value)], body)
    assert answered.status == 400
    assert await entries(inbox) == []
    assert await edge.ctx.db.fetch("events_of_art", "eingang", "", 10) == []


@pytest.mark.parametrize("name", ["AS2-From", "AS2-To", "Message-ID"])
async def test_a_header_that_is_missing_is_a_bad_request(edge: Gateway, sender: Peer, name: str) -> None:
    content_type, body = sender.seal(haft())
    headers = [(key, value) for key, value in sender.headers(content_type, to=EDGE) if key != name]
    assert (await sender.post(headers, body)).status == 400


async def test_a_folded_header_is_a_bad_request(edge: Gateway, sender: Peer, inbox: Api) -> None:
    content_type, body = sender.seal(haft())
    lines = [f"{name}: {value}" for name, value in sender.headers(content_type, to=EDGE)]
    lines += ["Host: localhost", f"Content-Length: {len(body)}", "X-Folded: a\r\n b", "Connection: close"]
    head = "POST /as2 HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"
    context = ssl.create_default_context(cadata=sender.ca.pem)
    reader, writer = await asyncio.open_connection("localhost", edge.listeners.ports["as2"], ssl=context)
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert await entries(inbox) == []


async def test_an_unknown_sender_gets_an_unsigned_refusal(edge: Gateway, sender: Peer, inbox: Api) -> None:
    sender.name = "niemand"
    answered = await sender.send(haft(), EDGE)
    assert answered.status == 200
    assert answered.header("Content-Type").startswith("multipart/report")
    assert str(answered.report.disposition).endswith("processed/error: unknown-trading-relationship")
    assert await entries(inbox) == []
    assert await rows(edge, sender, f"<{answered.report.original_message_id}>") is None


async def test_another_name_for_us_is_an_unknown_relationship(edge: Gateway, sender: Peer) -> None:
    answered = await sender.send(haft(), "gw-anders")
    assert str(answered.report.disposition).endswith("unknown-trading-relationship")


async def test_a_receipt_of_an_unknown_sender_gets_no_receipt(edge: Gateway, sender: Peer) -> None:
    """Never an MDN for an MDN."""
    first = await sender.send(haft(), EDGE)
    sender.name = "niemand"
    headers = [(n, v) for n, v in sender.headers(first.header("Content-Type"), to=EDGE) if "Disposition" not in n]
    answered = await sender.post(headers, first.body)
    assert (answered.status, answered.body) == (403, b"")


# --- 3: the raw request is durable before it is judged ----------------------------------------------------------------


async def test_the_raw_request_is_durable_before_anything_judges_it(
    monkeypatch: pytest.MonkeyPatch, edge: Gateway, sender: Peer
) -> None:
    seen: list[dict[str, Any] | None] = []
    entering = edge.receiving._entering
    enter = entering.enter
    message_id = sender.new_id()

    async def looking(*args: Any) -> Any:
        seen.append(await rows(edge, sender, message_id))
        return await enter(*args)

    monkeypatch.setattr(entering, "enter", looking)
    content_type, body = sender.seal(haft())
    headers = sender.headers(content_type, to=EDGE, message_id=message_id)
    assert (await sender.post(headers, body)).status == 200
    (row,) = seen
    assert row is not None
    assert row["status"] == "empfangen"
    raw = await edge.ctx.content.read_all(row["raw_content"], limit=1 << 25)
    assert raw.endswith(body)
    assert f"Message-ID: {message_id}".encode() in raw


async def test_what_was_durable_and_not_judged_is_judged_at_the_next_start(
    ca: DevelopmentCa, edge_site: Site, tmp_path: Path
) -> None:
    async with peering(ca, edge_site, "vermittler", (), tmp_path) as sender:
        message_id, xml = sender.new_id(), haft()
        async with running(edge_site.config()) as edge:
            await agree(edge, sender.agreement(art="vermittler"))
            body = await stored_request(edge, sender, xml, message_id)
        async with running(edge_site.config()) as edge, calling(edge, edge_site.clients["koeln"]) as inbox:
            (entry,) = await entries(inbox)  # recovery is over before anybody gets in
            assert entry["absender"] == JVA
            row = await rows(edge, sender, message_id)
            assert row is not None
            content_type, _ = sender.seal(xml)
            again = await sender.post(sender.headers(content_type, to=EDGE, message_id=message_id), body)
            assert result(again) == "processed"
            assert again.body == bytes(row["mdn_body"])
            assert len(await entries(inbox)) == 1


async def test_a_request_that_cannot_be_judged_stops_neither_the_start_nor_the_others(
    monkeypatch: pytest.MonkeyPatch, ca: DevelopmentCa, edge_site: Site, tmp_path: Path
) -> None:
    async with peering(ca, edge_site, "vermittler", (), tmp_path) as sender:
        poison, good = sender.new_id(), sender.new_id()
        async with running(edge_site.config()) as edge:
            await agree(edge, sender.agreement(art="vermittler"))
            await stored_request(edge, sender, haft(), poison)
            await stored_request(edge, sender, haft(), good)
        real = incoming.open_sealed
        calls: list[int] = []

        def failing(*args: Any, **options: Any) -> Any:
            calls.append(1)
            if len(calls) == 1:
                raise RuntimeError("ours")
            return real(*args, **options)

        monkeypatch.setattr(incoming, "open_sealed", failing)
        async with running(edge_site.config()) as edge, calling(edge, edge_site.clients["koeln"]) as inbox:
            assert len(await entries(inbox)) == 1
            left = [await rows(edge, sender, each) for each in (poison, good)]
            assert sorted(row["status"] for row in left if row) == ["angenommen", "empfangen"]
            later(edge, 600)
            await eventually(lambda: _entered(inbox, 2))


async def _entered(inbox: Api, count: int) -> bool:
    return len(await entries(inbox)) == count


async def test_what_a_partner_sent_that_is_none_any_more_is_refused_at_recovery(
    ca: DevelopmentCa, edge_site: Site, tmp_path: Path
) -> None:
    async with peering(ca, edge_site, "vermittler", (), tmp_path) as sender:
        message_id = sender.new_id()
        async with running(edge_site.config()) as edge:
            await stored_request(edge, sender, haft(), message_id)
        async with running(edge_site.config()) as edge:
            row = await rows(edge, sender, message_id)
            assert row is not None
            assert row["status"] == "abgelehnt"
            assert await refused_because(edge) == ["partner_unbekannt"]


# --- 4: duplicates ----------------------------------------------------------------------------------------------------


async def test_the_same_request_again_gets_the_stored_receipt_byte_for_byte(
    edge: Gateway, sender: Peer, inbox: Api
) -> None:
    content_type, body = sender.seal(haft())
    headers = sender.headers(content_type, to=EDGE)
    first = await sender.post(headers, body)
    second = await sender.post(headers, body)
    assert second.status == first.status == 200
    assert second.body == first.body
    varying = {b"Date"}
    assert [h for h in second.raw_headers if h[0] not in varying] == [
        h for h in first.raw_headers if h[0] not in varying
    ]
    assert len(await entries(inbox)) == 1
    assert len(await events_of(edge, "eingang")) == 1
    assert len(await events_of(edge, "eingang_doppelt")) == 1


async def test_a_refusal_is_repeated_as_a_refusal(edge: Gateway, sender: Peer, inbox: Api) -> None:
    headers = sender.headers("application/pkcs7-mime; smime-type=authEnveloped-data", to=EDGE)
    first = await sender.post(headers, b"rubbish")
    second = await sender.post(headers, b"rubbish")
    assert result(first) == result(second) == FAILED
    assert second.body == first.body
    assert await entries(inbox) == []


async def test_the_same_message_id_with_another_body_is_refused(edge: Gateway, sender: Peer, inbox: Api) -> None:
    message_id = sender.new_id()
    await sender.send(haft(), EDGE, message_id=message_id)
    answered = await sender.send(haft(), EDGE, message_id=message_id)
    assert result(answered) == FAILED
    assert len(await entries(inbox)) == 1
    assert await refused_because(edge) == ["message_id_vergeben"]


async def test_another_body_under_a_message_id_that_is_being_judged_is_refused(
    monkeypatch: pytest.MonkeyPatch, edge: Gateway, sender: Peer, inbox: Api
) -> None:
    """The first is in judgement; whoever borrows its Message-ID changes nothing of that."""
    entered, release = asyncio.Event(), asyncio.Event()
    entering = edge.receiving._entering
    enter = entering.enter

    async def slowly(*args: Any) -> Any:
        entered.set()
        await release.wait()
        return await enter(*args)

    monkeypatch.setattr(entering, "enter", slowly)
    message_id = sender.new_id()
    first = asyncio.create_task(sender.send(haft(), EDGE, message_id=message_id))
    await happens(entered, "the first message is judged")
    headers = sender.headers("application/pkcs7-mime; smime-type=authEnveloped-data", to=EDGE, message_id=message_id)
    assert result(await sender.post(headers, b"rubbish")) == FAILED
    release.set()
    assert result(await first) == "processed"
    assert len(await entries(inbox)) == 1


async def test_the_same_request_twice_at_once_has_one_effect_and_one_receipt(
    edge: Gateway, sender: Peer, inbox: Api
) -> None:
    content_type, body = sender.seal(haft())
    headers = sender.headers(content_type, to=EDGE)
    answers = await asyncio.gather(*(sender.post(headers, body) for _ in range(5)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(await entries(inbox)) == 1
    assert len(await events_of(edge, "eingang")) == 1


async def test_the_same_notice_under_another_message_id_has_no_second_effect(
    edge: Gateway, sender: Peer, inbox: Api
) -> None:
    xml = haft()
    await sender.send(xml, EDGE)
    answered = await sender.send(xml, EDGE)
    assert result(answered) == "processed/warning: duplicate-document"
    assert answered.verified().mic is not None
    assert len(await entries(inbox)) == 1
    assert len(await events_of(edge, "eingang_doppelt")) == 1


async def test_the_same_notice_many_times_at_once_has_one_effect(edge: Gateway, sender: Peer, inbox: Api) -> None:
    xml = haft()
    answers = await asyncio.gather(*(sender.send(xml, EDGE) for _ in range(5)))
    assert {answer.status for answer in answers} == {200}
    found = sorted(result(answer) for answer in answers)
    assert found == ["processed", *["processed/warning: duplicate-document"] * 4]
    assert len(await entries(inbox)) == 1


async def test_the_same_id_with_other_content_is_refused(edge: Gateway, sender: Peer, inbox: Api) -> None:
    own = str(uuid.uuid4())
    await sender.send(haft(own), EDGE)
    answered = await sender.send(haft(own).replace(b"4511 E 77/26", b"4511 E 78/26"), EDGE)
    assert result(answered) == "processed/error: unexpected-processing-error"
    assert len(await entries(inbox)) == 1
    assert await refused_because(edge) == ["id_vergeben"]


async def test_a_notice_that_was_refused_may_come_again_mended(edge: Gateway, sender: Peer, inbox: Api) -> None:
    """Duplicates count only against what was accepted."""
    own = str(uuid.uuid4())
    broken = haft(own).replace(b"<antrittAm>2026-10-05</antrittAm>", b"<antrittAm>gestern</antrittAm>")
    assert result(await sender.send(broken, EDGE)) == "processed/error: unexpected-processing-error"
    assert result(await sender.send(haft(own), EDGE)) == "processed"
    assert len(await entries(inbox)) == 1


# --- 5 to 8: sealed as agreed -----------------------------------------------------------------------------------------


async def test_whatever_fails_before_the_signature_holds_looks_the_same_outside(
    edge: Gateway, edge_site: Site, sender: Peer, inbox: Api, ca: DevelopmentCa
) -> None:
    """One disposition, one text; the cause stands in our event alone."""
    foreign = stranger(ca)
    other = sender.gateway_as_partner()
    pems = [
        z.model_copy(update={"pem": _pem(foreign)}) if z.zweck == "verschluesselung" else z for z in other.zertifikate
    ]
    content_type, good = sender.seal(haft())
    flipped = good[:-20] + bytes([good[-20] ^ 1]) + good[-19:]
    bodies = {
        "truncated": good[: len(good) // 2],
        "tag": flipped,
        "rubbish": b"rubbish",
        "empty": b"",
        "foreign-signer": sender.seal(haft(), identity=foreign)[1],
        "wrong-recipient": sender.seal(haft(), partner=other.model_copy(update={"zertifikate": tuple(pems)}))[1],
        "plain": haft(),
    }
    answers = {name: await sender.post(sender.headers(content_type, to=EDGE), body) for name, body in bodies.items()}
    assert {result(answer) for answer in answers.values()} == {FAILED}
    assert {answer.status for answer in answers.values()} == {200}
    machine = {without_ids(answer) for answer in answers.values()}
    assert len(machine) == 1
    assert await entries(inbox) == []
    causes = await refused_because(edge)
    assert len(causes) == len(bodies)
    assert len(set(causes)) > 2, "the cause is told inside"
    assert await edge.ctx.db.fetch("events_of_art", "eingang", "", 10) == []


def _pem(identity: Identity) -> str:
    return pem_of(identity.decrypt[0][1])


async def test_who_fails_too_often_has_to_wait_and_holds_up_nobody_else(
    monkeypatch: pytest.MonkeyPatch, ca: DevelopmentCa, edge: Gateway, edge_site: Site, sender: Peer, tmp_path: Path
) -> None:
    monkeypatch.setattr("gateway.service.arrival.limiting.FAILURES", 5)
    kind = "application/pkcs7-mime; smime-type=authEnveloped-data"
    for _ in range(5):
        assert result(await sender.post(sender.headers(kind, to=EDGE), b"rubbish")) == FAILED
    put_off = await sender.send(haft(), EDGE)
    assert put_off.status == 503
    assert 1 <= int(put_off.header("Retry-After")) <= 60
    async with peering(ca, edge_site, "jva-koeln", (JVA,), tmp_path) as other:
        await agree(edge, other.agreement())
        assert result(await other.send(haft(), EDGE)) == "processed"
    later(edge, 61)
    assert result(await sender.send(haft(), EDGE)) == "processed"


async def test_a_signed_message_that_is_not_encrypted_is_refused(edge: Gateway, sender: Peer, inbox: Api) -> None:
    entity = mime.build([("Content-Type", "application/xml"), ("X-Gateway-Empfaenger", KOELN)], haft())
    content_type, body = sign_entity(entity, sender.identity, Algorithmen(), edge.ctx.at())
    answered = await sender.post(sender.headers(content_type, to=EDGE), body)
    assert result(answered) == FAILED
    assert await entries(inbox) == []


# --- 9: content and addressee -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "xml",
    [
        b"<nicht-zu-ende",
        b"%PDF-1.7",
        haft().replace(b"<antrittAm>2026-10-05</antrittAm>", b""),
        haft()
        .replace(b"<?xml version", b"<?xml  version")
        .replace(b"?>\n", b'?>\n<!DOCTYPE a SYSTEM "file:///etc/passwd">\n', 1),
    ],
    ids=["not-xml", "pdf", "schema", "doctype"],
)
async def test_bad_content_under_a_good_signature_is_refused_by_code_alone(
    edge: Gateway, sender: Peer, inbox: Api, xml: bytes
) -> None:
    answered = await sender.send(xml, EDGE)
    assert result(answered) == "processed/error: unexpected-processing-error"
    assert b"antrittAm" not in answered.body
    assert await entries(inbox) == []
    assert len(await refused_because(edge)) == 1


async def test_a_file_without_a_name_or_that_the_notice_does_not_name_is_refused(
    edge: Gateway, sender: Peer, inbox: Api
) -> None:
    for name in (None, f"Anlage_{uuid.uuid4()}.pdf", "../../etc/passwd"):
        extra = PartIn(name, "application/pdf", io.BytesIO(b"%PDF"))
        answered = await sender.send(haft(), EDGE, files=[extra])
        assert result(answered) == "processed/error: unexpected-processing-error", name
    assert await entries(inbox) == []


@pytest.mark.parametrize("named", [BONN, "zuErmitteln", "gw:koeln", "", None], ids=str)
async def test_who_is_not_ours_is_not_received_for(edge: Gateway, sender: Peer, inbox: Api, named: str | None) -> None:
    """The XML names Köln; the signed field counts, and from a Vermittler nothing else does."""
    answered = await sender.send(haft(empfaenger=KOELN), EDGE, named)
    assert result(answered) == "processed/error: unexpected-processing-error"
    assert await entries(inbox) == []
    assert await refused_because(edge) == ["empfaenger"]


async def test_the_signed_addressee_counts_and_not_the_xmls(edge: Gateway, edge_site: Site, sender: Peer) -> None:
    answered = await sender.send(haft(empfaenger=KOELN), EDGE, ZAB_KOELN)
    assert result(answered) == "processed"
    (event,) = await events_of(edge, "eingang")
    assert json.loads(event["detail"])["empfaenger"] == ZAB_KOELN
    deliveries = await edge.ctx.db.fetch("deliveries_of_message", event["message_id"])
    assert [row["empfaenger"] for row in deliveries] == [ZAB_KOELN]


async def test_an_authority_that_names_none_means_the_one_in_its_xml(
    ca: DevelopmentCa, edge: Gateway, edge_site: Site, inbox: Api, tmp_path: Path
) -> None:
    async with peering(ca, edge_site, "jva-koeln", (JVA,), tmp_path) as peer:
        await agree(edge, peer.agreement())
        assert result(await peer.send(haft(empfaenger=KOELN), EDGE, None)) == "processed"
        assert len(await entries(inbox)) == 1
        assert result(await peer.send(haft(), EDGE, None)).startswith("processed/error")
        assert result(await peer.send(haft(), EDGE, "zuErmitteln")).startswith("processed/error")
        assert len(await entries(inbox)) == 1


async def test_an_authority_speaks_for_itself_alone(
    ca: DevelopmentCa, edge: Gateway, edge_site: Site, inbox: Api, tmp_path: Path
) -> None:
    async with peering(ca, edge_site, "bonn", (BONN,), tmp_path) as peer:
        await agree(edge, peer.agreement())
        assert result(await peer.send(haft(), EDGE)).startswith("processed/error")
        assert await refused_because(edge) == ["absender_fremd"]
        assert await entries(inbox) == []


async def test_two_addressees_of_one_notice_at_one_edge(
    edge: Gateway, edge_site: Site, sender: Peer, inbox: Api
) -> None:
    xml, gateway_id = haft(), str(uuid.uuid4())
    assert result(await sender.send(xml, EDGE, KOELN, gateway_id=gateway_id)) == "processed"
    assert result(await sender.send(xml, EDGE, ZAB_KOELN, gateway_id=gateway_id)) == "processed"
    assert result(await sender.send(xml, EDGE, ZAB_KOELN, gateway_id=gateway_id)).endswith("duplicate-document")
    deliveries = await edge.ctx.db.fetch("deliveries_of_message", gateway_id)
    assert sorted(row["empfaenger"] for row in deliveries) == [KOELN, ZAB_KOELN]
    told = [json.loads(event["detail"])["empfaenger"] for event in await events_of(edge, "eingang")]
    assert told == [KOELN, ZAB_KOELN]
    assert len(await entries(inbox)) == 1


async def test_a_second_addressee_opens_a_message_that_was_done(edge: Gateway, sender: Peer) -> None:
    """The first fetched it; the second has not: the message is not done any more."""
    xml, gateway_id = haft(), str(uuid.uuid4())
    await sender.send(xml, EDGE, KOELN, gateway_id=gateway_id)
    (row,) = await edge.ctx.db.fetch("deliveries_of_message", gateway_id)
    await edge.ctx.db.commit(*step_delivery(row, Step.RECEIPT_POSITIVE, Actor.RECEIPT, edge.ctx.now()))
    await sender.send(xml, EDGE, ZAB_KOELN, gateway_id=gateway_id)
    message = await edge.ctx.db.fetch_one("message", gateway_id)
    assert message is not None
    assert message["status"] == "unterwegs"


async def test_a_gateway_id_that_is_taken_or_none_gets_another(edge: Gateway, sender: Peer, inbox: Api) -> None:
    taken = str(uuid.uuid4())
    for gateway_id in (taken, taken, "keine-uuid"):
        assert result(await sender.send(haft(), EDGE, gateway_id=gateway_id)) == "processed"
    found = [entry["nachricht"] for entry in await entries(inbox)]
    assert len(set(found)) == 3
    assert taken in found


# --- at a hub ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [None, "zuErmitteln"], ids=["none", "zuErmitteln"])
async def test_a_hub_decides_for_an_authority_that_sends_by_as2(
    hub: Gateway, behoerde: Peer, jva: Api, named: str | None
) -> None:
    xml = haft()
    answered = await behoerde.send(xml, HUB, named)
    assert result(answered) == "processed"
    (event,) = await events_of(hub, "entscheidung")
    assert json.loads(event["detail"])["empfaenger"] == [KOELN]
    again = await behoerde.send(xml, HUB, named)
    assert result(again) == "processed/warning: duplicate-document"
    assert len(await events_of(hub, "entscheidung")) == 1
    _, message = await jva.call("GET", f"/v1/messages/{event['message_id']}")
    assert message["absender"] == JVA


async def test_a_hub_does_not_take_what_was_signed_for_somebody_else(hub: Gateway, behoerde: Peer) -> None:
    """What the JVA signed for Bonn, and Bonn encrypted to us, is not addressed to whom its XML names."""
    answered = await behoerde.send(haft(), HUB, BONN)
    assert result(answered) == "processed/error: unexpected-processing-error"
    assert await decided_for(hub) == [[JVA]]  # the signer alone is told
    assert await refused_because(hub) == ["empfaenger"]


async def test_a_hub_takes_a_named_addressee_that_header_and_xml_agree_on(hub: Gateway, behoerde: Peer) -> None:
    answered = await behoerde.send(haft(empfaenger=KOELN), HUB, KOELN)
    assert result(answered) == "processed"


async def test_a_hub_refuses_what_the_rules_refuse_and_foreign_senders(
    ca: DevelopmentCa, hub: Gateway, hub_site: Site, tmp_path: Path
) -> None:
    async with peering(ca, hub_site, "bonn", (BONN,), tmp_path) as peer:
        await agree(hub, peer.agreement())
        answered = await peer.send(haft(), HUB, None)
        assert result(answered) == "processed/error: unexpected-processing-error"
        assert await refused_because(hub) == ["absender_fremd"]


async def test_the_sender_is_told_why_in_an_encrypted_message(hub: Gateway, behoerde: Peer) -> None:
    """The receipt has a code alone; the findings come as `fehler`, sealed for the sender."""
    broken = haft().replace(b"<antrittAm>2026-10-05</antrittAm>", b"<antrittAm>gestern</antrittAm>")
    message_id = behoerde.new_id()
    answered = await behoerde.send(broken, HUB, None, message_id=message_id)
    assert result(answered) == "processed/error: unexpected-processing-error"
    await eventually(lambda: len(behoerde.messages) == 1)
    opened = behoerde.messages[0].opened
    assert opened is not None
    assert opened.gateway_headers["X-Gateway-Empfaenger"] == JVA
    xml = opened.parts[0][2]
    assert b"fehler.9900090" in xml
    assert b"antrittAm" in xml
    assert hashlib.sha256(broken).hexdigest().encode() in xml
    assert message_id.strip("<>").encode() in xml
    fehler = opened.gateway_headers["X-Gateway-Id"]
    await until(hub, fehler, "zugestellt", empfaenger=JVA)


async def test_nobody_is_told_before_a_signature_held_nor_about_a_fehler(hub: Gateway, behoerde: Peer) -> None:
    kind = "application/pkcs7-mime; smime-type=authEnveloped-data"
    assert result(await behoerde.post(behoerde.headers(kind, to=HUB), b"rubbish")) == FAILED
    faulty = b"<nachricht.strafausl.fehler.9900090 xmlns='urn:de:nrw:strafausl:1'/>"
    assert result(await behoerde.send(faulty, HUB, None)).startswith("processed/error")
    await asyncio.sleep(0.2)
    assert behoerde.messages == []
    assert await events_of(hub, "entscheidung") == []


async def test_a_hub_takes_nothing_from_a_vermittler(
    ca: DevelopmentCa, hub: Gateway, hub_site: Site, tmp_path: Path
) -> None:
    """A Vermittler delivers to authorities that we receive for; a hub receives for none."""
    async with peering(ca, hub_site, "andere", (), tmp_path) as peer:
        await agree(hub, peer.agreement(art="vermittler"))
        assert result(await peer.send(haft(), HUB)).startswith("processed/error")
        assert await events_of(hub, "entscheidung") == []


# --- asynchronous receipts --------------------------------------------------------------------------------------------


def later_at(url: str) -> ReceiptRequest:
    return ReceiptRequest(url=url)


async def test_an_asynchronous_receipt_goes_to_the_agreed_url_and_is_tried_again(
    edge: Gateway, sender: Peer, inbox: Api
) -> None:
    sender.receipt_status = [503, 200]
    message_id = sender.new_id()
    answered = await sender.send(haft(), EDGE, receipt=later_at(sender.url), message_id=message_id)
    assert (answered.status, answered.body) == (200, b"")
    await eventually(lambda: len(sender.receipts) == 2)
    first, second = sender.receipts
    assert first.body == second.body
    assert first.message_id == second.message_id
    assert second.report.original_message_id == message_id.strip("<>")
    assert second.report.mic is not None
    assert second.header("AS2-From") == EDGE
    assert second.header("AS2-To") == sender.name
    await eventually(lambda: _mdn_status(edge, sender, message_id, "zugestellt"))
    assert len(await entries(inbox)) == 1
    assert len(await events_of(edge, "quittung_gesendet")) == 1


async def _mdn_status(edge: Gateway, sender: Peer, message_id: str, wanted: str) -> bool:
    row = await rows(edge, sender, message_id)
    return row is not None and row["mdn_status"] == wanted


async def test_another_url_in_the_request_is_refused(edge: Gateway, sender: Peer, inbox: Api) -> None:
    answered = await sender.send(haft(), EDGE, receipt=later_at("https://localhost:1/elsewhere"))
    assert answered.status == 400
    assert sender.receipts == []
    assert await entries(inbox) == []
    assert await refused_because(edge) == ["quittung_adresse"]


async def test_nothing_is_sent_anywhere_before_a_signature_verified(edge: Gateway, sender: Peer) -> None:
    """The refusal stands in the answer itself; nobody else's gateway hears of it."""
    headers = sender.headers(
        "application/pkcs7-mime; smime-type=authEnveloped-data", to=EDGE, receipt=later_at(sender.url)
    )
    answered = await sender.post(headers, b"rubbish")
    assert result(answered) == FAILED
    await asyncio.sleep(0.2)
    assert sender.receipts == []


async def test_a_refusal_after_a_good_signature_is_sent_later_too(edge: Gateway, sender: Peer) -> None:
    await sender.send(b"<nichts/>", EDGE, receipt=later_at(sender.url))
    await eventually(lambda: len(sender.receipts) == 1)
    assert "unexpected-processing-error" in str(sender.receipts[0].report.disposition)


async def test_who_repeats_an_asynchronous_request_gets_its_receipt_once_more(edge: Gateway, sender: Peer) -> None:
    content_type, body = sender.seal(haft())
    headers = sender.headers(content_type, to=EDGE, receipt=later_at(sender.url))
    for n in (1, 2):
        assert (await sender.post(headers, body)).status == 200
        await eventually(lambda n=n: len(sender.receipts) == n)
        await eventually(lambda: _mdn_status(edge, sender, dict(headers)["Message-ID"], "zugestellt"))
    assert sender.receipts[0].body == sender.receipts[1].body


async def test_a_receipt_that_is_never_taken_ends_at_the_age_limit(edge: Gateway, sender: Peer) -> None:
    sender.receipt_status = [503] * 1000
    message_id = sender.new_id()
    await sender.send(haft(), EDGE, receipt=later_at(sender.url), message_id=message_id)
    await eventually(lambda: len(sender.receipts) > 1)
    later(edge, 6 * 24 * 3600)
    await eventually(lambda: _mdn_status(edge, sender, message_id, "gescheitert"))


@pytest.mark.parametrize("code", [307, 404])
async def test_a_receipt_that_is_sent_elsewhere_or_refused_ends_and_somebody_is_told(
    edge: Gateway, sender: Peer, code: int
) -> None:
    """No redirect is followed; whoever operates the gateway sees it."""
    sender.receipt_status = [code]
    message_id = sender.new_id()
    await sender.send(haft(), EDGE, receipt=later_at(sender.url), message_id=message_id)
    await eventually(lambda: _mdn_status(edge, sender, message_id, "gescheitert"))
    assert len(sender.receipts) == 1
    (alarm,) = await events_of(edge, "alarm")
    assert json.loads(alarm["detail"])["grund"] == "quittung_nicht_gesendet"


async def test_a_receipt_whose_sending_was_cut_off_is_sent_while_the_gateway_runs(edge: Gateway, sender: Peer) -> None:
    sender.receipt_status = [503]
    message_id = sender.new_id()
    await edge._workers[1].stop()
    await sender.send(haft(), EDGE, receipt=later_at(sender.url), message_id=message_id)
    (job,) = await edge.receipts.claim(10)
    assert job["mdn_status"] == "laeuft"
    assert await edge.receipts.claim(10) == []
    later(edge, 3600)
    (job,) = await edge.receipts.claim(10)
    assert job["mdn_attempts"] == 2


# --- without a receipt ------------------------------------------------------------------------------------------------


async def test_who_asks_for_no_receipt_learns_by_the_status_what_became_of_it(
    edge: Gateway, sender: Peer, inbox: Api
) -> None:
    content_type, body = sender.seal(haft())
    headers = [(n, v) for n, v in sender.headers(content_type, to=EDGE) if not n.startswith("Disposition")]
    good = await sender.post(headers, body)
    assert (good.status, good.body) == (200, b"")
    assert len(await entries(inbox)) == 1
    bad_headers = [(n, v if n != "Message-ID" else sender.new_id()) for n, v in headers]
    for _ in range(2):  # a repetition is refused again
        bad = await sender.post(bad_headers, b"rubbish")
        assert (bad.status, bad.body) == (400, b"")


async def test_more_than_the_listener_takes_is_too_large_before_it_comes(edge: Gateway, sender: Peer) -> None:
    headers = [*sender.headers("application/pkcs7-mime", to=EDGE), ("Content-Length", str(AS2_BYTES + 1))]
    head = "".join(f"{name}: {value}\r\n" for name, value in [("Host", "localhost"), *headers])
    tls = ssl.create_default_context(cadata=sender.ca.pem)
    reader, writer = await asyncio.open_connection("localhost", edge.listeners.ports["as2"], ssl=tls)
    writer.write(f"POST /as2 HTTP/1.1\r\n{head}\r\n".encode())
    assert (await reader.readline()).split()[1] == b"413"
    writer.transport.abort()
