"""The API as contracts.md sections 4 and 5 fix it: answers, repetition, slices, search, inbox, decisions."""

import asyncio
import contextlib
import hashlib
import json
import re
import sqlite3
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from apiworld import STA, World, api_world, assert_problem, example, file_name, form, haft, notice, part, sealed_ack
from gatewayworld import JVA, KOELN, POLIZEI, RHEIN_SIEG, agree

from gateway.partner import Partner
from gateway.pki_issue import DevelopmentCa, Request
from gateway.seal.policy import load_certificates
from gateway.store import sqlite as sqlite_store

pytestmark = pytest.mark.asyncio(loop_scope="module")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
DECISION = {
    "entscheidung", "empfaenger", "nummer", "vorlaeufig", "vorrang", "begruendung", "hinweise", "fristen", "folgen",
    "regelwerk",
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory, ca: DevelopmentCa) -> AsyncIterator[World]:
    async with api_world(tmp_path_factory.mktemp("api") / "hub", ca) as world:
        yield world


async def accepted(world: World, client: str, xml: bytes, *parts: bytes) -> dict[str, Any]:
    answer = await (world.post_form(client, form(xml, *parts)) if parts else world.post(client, xml))
    assert answer.status == 202, answer.body
    return dict(answer.json)


# --- POST ------------------------------------------------------------------------------------------------------------


async def test_the_202_and_its_repetition(world: World) -> None:
    xml = haft()
    first = await world.post("jva", xml)
    assert first.status == 202
    assert first.headers["content-type"] == "application/json"
    value = first.json
    assert set(value) == {"id", "nachrichten_id", "status", "entscheidung", "receipt"}
    assert UUID.fullmatch(value["id"])
    assert f">{value['nachrichten_id']}<".encode() in xml
    assert first.headers["location"] == f"/v1/messages/{value['id']}"
    assert set(value["entscheidung"]) == DECISION
    assert (value["entscheidung"]["empfaenger"], value["entscheidung"]["nummer"]) == ([KOELN], "3.2 Satz 1")
    assert set(value["receipt"]) == {"art", "sha256", "zeitpunkt", "url"}
    assert (value["receipt"]["art"], value["receipt"]["sha256"]) == ("annahme", hashlib.sha256(xml).hexdigest())
    assert MOMENT.fullmatch(value["receipt"]["zeitpunkt"])
    assert (await world.send("jva", "GET", value["receipt"]["url"])).status == 200
    before = world.rows()
    again = await world.post("jva", xml)
    assert (again.status, again.body, again.headers["location"]) == (200, first.body, first.headers["location"])
    in_a_form = await world.post_form("jva", form(xml))
    assert (in_a_form.status, in_a_form.body) == (200, first.body)
    assert world.rows() == before


async def test_what_makes_two_posts_the_same(world: World) -> None:
    a, b = file_name("A"), file_name("B")
    xml, one, two = notice([a, b]), part("x", b"eins", a), part("y", b"zwei", b)
    first = await world.post_form("polizei", form(xml, one, two))
    assert first.status == 202
    rows = world.rows()
    swapped = await world.post_form("polizei", form(xml, two, part("anders", b"eins", a, "; size=4")))
    assert (swapped.status, swapped.body) == (200, first.body)
    assert world.rows() == rows, "the second upload leaves nothing"
    for other in ([one, part("y", b"drei", b)], [one, two, part("bestehen_auf", b"doch")]):
        assert_problem(await world.post_form("polizei", form(xml, *other)), 409, "id_vergeben")
    assert_problem(await world.post_form("polizei", form(xml + b"\n", one, two)), 409, "id_vergeben")


async def test_the_id_of_another_sender_is_never_looked_at(world: World) -> None:
    own = str(uuid.uuid4())
    for client, sender in (("polizei", POLIZEI), ("sta", STA)):
        answer = await world.post(
            client, notice(eigene_id=own, absender=sender, eingeleitet_durch="zoll" if sender == STA else None)
        )
        assert answer.status == 202, answer.body
    found = [await world.search(client, nachrichten_id=own) for client in ("polizei", "sta", "fremd")]
    assert [len(ids) for ids in found] == [1, 1, 0]
    assert found[0] != found[1]


async def test_twenty_identical_posts_at_once_are_one_message(world: World) -> None:
    name, before = file_name(), world.rows()
    body = form(notice([name]), part("d", bytes(2_000_000), name))
    answers = await asyncio.gather(*(world.post_form("polizei", body) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 19 + [202]
    assert len({answer.body for answer in answers}) == 1
    after = world.rows()
    added = {table: after[table] - before[table] for table in after}
    assert (added["message"], added["part"], added["content"], added["delivery"]) == (1, 2, 2, 1)
    assert added["chunk"] == 1 + 8


async def test_twenty_different_posts_of_one_id_at_once_are_one_message(world: World) -> None:
    own, before = str(uuid.uuid4()), world.rows()
    posts = [notice(eigene_id=own, aktenzeichen=f"7-{n}") for n in range(20)]
    answers = await asyncio.gather(*(world.post("polizei", xml) for xml in posts))
    assert sorted(answer.status for answer in answers) == [202] + [409] * 19
    after = world.rows()
    assert (after["message"] - before["message"], after["content"] - before["content"]) == (1, 1)


async def test_a_thousand_files(world: World) -> None:
    names = [file_name(f"F{n}") for n in range(1000)]
    body = form(notice(names), *(part("d", f"{n}".encode() * 2000, name) for n, name in enumerate(names)))
    answer = await world.post_form("polizei", body)
    assert answer.status == 202, answer.body
    message = (await world.send("polizei", "GET", answer.headers["location"])).json
    assert [teil["name"] for teil in message["teile"]] == ["nachricht.xml", *names]
    last = await world.send("polizei", "GET", f"{answer.headers['location']}/parts/1000")
    assert last.body == b"999" * 2000


async def test_a_data_centre_sends_for_each_of_its_authorities(world: World) -> None:
    assert (await world.post("rechenzentrum", haft())).status == 202
    assert (await world.post("rechenzentrum", notice(absender=STA, eingeleitet_durch="zoll"))).status == 202
    assert_problem(await world.post("rechenzentrum", notice()), 403, "absender_fremd")


async def test_a_store_that_cannot_take_more_is_503(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    xml = haft()
    with monkeypatch.context() as full:
        full.setattr(sqlite_store, "MAX_WAITING", 0)
        answer = await world.post("jva", xml)
        assert_problem(answer, 503, "ueberlastet")
        assert int(answer.headers["retry-after"]) > 0
        assert_problem(await world.post("jva", b"kein XML"), 503)
    assert (await world.post("jva", xml)).status == 202


# --- what the rules decide -------------------------------------------------------------------------------------------


async def test_entbehrlich_is_stored_and_not_sent_unless_the_sender_insists(world: World) -> None:
    facts = {"absender": STA, "eingeleitet_durch": "polizei_nrw"}
    answer = await accepted(world, "sta", notice(**facts))
    assert (answer["status"], answer["entscheidung"]["entscheidung"]) == ("entbehrlich", "entbehrlich")
    message = (await world.send("sta", "GET", f"/v1/messages/{answer['id']}")).json
    assert (message["zustellungen"], message["empfaenger"], message["status"]) == ([], [], "entbehrlich")
    reason = "Die Polizei hat nicht unterrichtet."
    insisted = await accepted(world, "sta", notice(**facts), part("bestehen_auf", reason.encode()))
    assert insisted["entscheidung"]["entscheidung"] == "zustellen"
    assert insisted["entscheidung"]["empfaenger"] == [RHEIN_SIEG]
    assert reason in json.dumps(insisted["entscheidung"], ensure_ascii=False)


async def test_unzulaessig_stores_nothing_but_an_event(world: World) -> None:
    before = world.rows()
    xml = haft(R8088="R3300S")
    problem = assert_problem(await world.post("sta", xml), 422, "unzulaessig")
    assert set(problem["entscheidung"]) == DECISION
    assert problem["entscheidung"]["entscheidung"] == "unzulaessig"
    assert problem["errors"][0]["nummer"] == problem["entscheidung"]["nummer"]
    assert world.rows() == before | {"event": before["event"] + 1}
    assert "Przyk" not in json.dumps(world.last_event())


async def test_klaerung_is_stored_without_deliveries(world: World) -> None:
    answer = await accepted(world, "polizei", notice(azr={"abgefragt": False}))
    assert (answer["status"], answer["entscheidung"]["empfaenger"]) == ("klaerung", [])
    message = (await world.send("polizei", "GET", f"/v1/messages/{answer['id']}")).json
    assert (message["zustellungen"], message["status"]) == ([], "klaerung")
    assert (await world.send("betrieb", "GET", f"/v1/messages/{answer['id']}")).status == 200


async def test_test_traffic_goes_only_where_it_is_agreed(world: World) -> None:
    marked = {'<nachrichtenkopf version="1.0.0">': '<nachrichtenkopf version="1.0.0" test="false">'}
    answer = await accepted(world, "jva", haft(**marked))
    path = f"/v1/messages/{answer['id']}"
    message = (await world.send("jva", "GET", path)).json
    (delivery,) = message["zustellungen"]
    assert (message["test"], answer["status"], delivery["status"]) == (True, "klaerung", "klaerung")
    assert "Testverkehr" in delivery["letzter_fehler"]
    # the recipient, to whom nothing is on its way, neither reads nor finds it
    assert_problem(await world.send("koeln", "GET", path), 404)
    assert answer["id"] not in await world.search("koeln")
    assert answer["id"] not in await world.search("koeln", status="klaerung")
    assert answer["id"] in await world.search("jva", status="klaerung")
    await agree(world.hub, Partner(id="rsk", behoerden=(RHEIN_SIEG,), weg="abruf", test=True))
    to_rsk = notice().replace(b'nachrichtenkopf version="1.0.0"', b'nachrichtenkopf version="1.0.0" test="1"')
    answer = await accepted(world, "polizei", to_rsk)
    assert (await world.entry("rsk", answer["id"]))["absender"] == POLIZEI


# --- who sees what ---------------------------------------------------------------------------------------------------

READS = ("", "/events", "/deliveries", "/evidence", "/parts/0")


async def test_sender_recipient_operator_and_stranger(world: World) -> None:
    xml = haft()
    answer = await accepted(world, "jva", xml)
    path = f"/v1/messages/{answer['id']}"
    for client, statuses in {
        "jva": [200] * 5,
        "rechenzentrum": [200] * 5,
        "koeln": [200] * 5,
        "betrieb": [200, 200, 200, 200, 404],
        "revision": [200] * 5,
        "polizei": [404] * 5,
        "rsk": [404] * 5,
    }.items():
        found = [(await world.send(client, "GET", path + suffix)).status for suffix in READS]
        assert found == statuses, client
    whole = (await world.send("jva", "GET", path)).json
    seen = (await world.send("koeln", "GET", path)).json
    assert "entscheidung" in whole
    assert "entscheidung" not in seen
    assert (await world.send("koeln", "GET", path + "/parts/0")).body == xml


async def test_what_one_may_not_see_answers_as_what_there_is_not(world: World) -> None:
    answer = await accepted(world, "jva", haft())
    entry = await world.entry("koeln", answer["id"])
    for suffix in READS:
        hidden = await world.send("fremd", "GET", f"/v1/messages/{answer['id']}{suffix}")
        nothing = await world.send("fremd", "GET", f"/v1/messages/{uuid.uuid4()}{suffix}")
        assert (hidden.status, hidden.body) == (404, nothing.body)
        assert set(hidden.headers) == set(nothing.headers)
    forward = {"grund": "nicht zuständig"}
    hidden = await world.call("fremd", "POST", f"/v1/messages/{answer['id']}/forward", forward)
    nothing = await world.call("fremd", "POST", f"/v1/messages/{uuid.uuid4()}/forward", forward)
    assert (hidden.status, hidden.body) == (404, nothing.body)
    hidden = await world.ack("fremd", entry["id"], b"x")
    nothing = await world.ack("fremd", str(uuid.uuid4()), b"x")
    assert (hidden.status, hidden.body) == (404, nothing.body)


async def test_two_recipients_learn_nothing_of_each_other(world: World) -> None:
    answer = await accepted(world, "sta", example("entscheidung456a"))
    assert answer["entscheidung"]["empfaenger"] == [KOELN, JVA]
    path = f"/v1/messages/{answer['id']}"
    entry = await world.entry("koeln", answer["id"])
    assert (await world.ack("koeln", entry["id"], sealed_ack(entry, world.sign[KOELN]))).status == 200
    for client, own, other, status in (("koeln", KOELN, JVA, "zugestellt"), ("jva", JVA, KOELN, "unterwegs")):
        seen = (await world.send(client, "GET", path)).json
        assert (seen["empfaenger"], seen["status"]) == ([own], status)
        for suffix in ("", "/events", "/deliveries", "/evidence"):
            assert other not in (await world.send(client, "GET", path + suffix)).body.decode(), suffix
        (found,) = await listed(world, client, answer["id"])
        assert (found["empfaenger"], found["status"]) == ([own], status)
        assert await listed(world, client, answer["id"], empfaenger=own)
        assert not await listed(world, client, answer["id"], empfaenger=other), "a filter tells as much as a list"
        for asked in ("zugestellt", "unterwegs", "teilweise"):
            assert bool(await listed(world, client, answer["id"], status=asked)) == (asked == status)
    (whole,) = await listed(world, "sta", answer["id"], empfaenger=JVA, status="unterwegs")
    assert whole["empfaenger"] == [KOELN, JVA]


async def listed(world: World, client: str, message_id: str, **query: Any) -> list[dict[str, Any]]:
    answer = await world.call(client, "POST", "/v1/messages/search", {"anzahl": 200, **query})
    return [entry for entry in answer.json["eintraege"] if entry["id"] == message_id]


# --- parts -----------------------------------------------------------------------------------------------------------


async def test_parts_come_as_they_were_with_headers_that_no_browser_acts_on(world: World) -> None:
    name, data = file_name("Anlage-ä"), bytes(range(256)) * 9000
    xml = notice([name])
    answer = await accepted(world, "polizei", xml, part("d", data, name, "\r\nContent-Type: text/html"))
    path = f"/v1/messages/{answer['id']}/parts"
    found = await world.send("polizei", "GET", f"{path}/1")
    assert found.body == data
    assert found.headers["content-type"] == "application/octet-stream"
    assert found.headers["content-length"] == str(len(data))
    assert found.headers["content-disposition"].startswith("attachment; filename*=UTF-8''Anlage-%C3%A4_")
    assert found.headers["x-content-type-options"] == "nosniff"
    first = await world.send("polizei", "GET", f"{path}/0")
    assert (first.body, first.headers["content-type"]) == (xml, "application/xml")
    assert_problem(await world.send("polizei", "GET", f"{path}/2"), 404)


async def test_head_has_no_body_and_the_connection_goes_on(world: World) -> None:
    answer = await accepted(world, "jva", haft())
    path = f"/v1/messages/{answer['id']}/parts/0"
    two = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/nichts HTTP/1.1\r\nHost: localhost\r\n\r\n"
    reader, writer = await world.connect("jva")
    writer.write(two.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 OK" in head
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
    writer.close()


async def test_damaged_content_ends_the_connection_instead_of_becoming_content(world: World) -> None:
    name, data = file_name(), bytes(3_000_000)
    answer = await accepted(world, "polizei", notice([name]), part("d", data, name))
    with contextlib.closing(sqlite3.connect(world.site.folder / "gateway.db")) as db:
        content = "(select content_id from part where message_id = ? and n = 1)"
        db.execute(f"update chunk set data = x'00' where n = 9 and content_id = {content}", (answer["id"],))
        db.commit()
    reader, writer = await world.connect("polizei")
    writer.write(f"GET /v1/messages/{answer['id']}/parts/1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"content-length: 3000000" in head.lower()
    came = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            came += piece
    assert 0 < len(came) < len(data)
    assert came == bytes(len(came)), "no other answer stands inside this one"
    writer.close()


# --- search ----------------------------------------------------------------------------------------------------------


async def test_filters_find_and_exclude(world: World) -> None:
    azr = f"210417{uuid.uuid4().int % 10**6:06}"
    number = f"7030-{uuid.uuid4()}"
    xml = notice(aktenzeichen=number).replace(
        b"<s:auswahl_anlass>", f"<s:azrNummer>{azr}</s:azrNummer><s:auswahl_anlass>".encode()
    )
    answer = await accepted(world, "polizei", xml)
    entry = (await listed(world, "polizei", answer["id"]))[0]
    assert set(entry) == {"id", "nachrichten_id", "anlass", "nummer", "absender", "empfaenger", "status", "eingang"}
    assert (entry["absender"], entry["empfaenger"]) == (POLIZEI, [RHEIN_SIEG])
    hits = {
        "status": entry["status"],
        "absender": POLIZEI,
        "empfaenger": RHEIN_SIEG,
        "anlass": "ermittlungsverfahren_eingeleitet",
        "nummer": entry["nummer"],
        "aktenzeichen": number.upper(),
        "azr_nummer": azr,
        "nachrichten_id": answer["nachrichten_id"].upper(),
    }
    misses = dict.fromkeys(hits, "nichts")
    for client in ("polizei", "rsk", "betrieb"):
        assert await listed(world, client, answer["id"], **hits), client
        for key, value in misses.items():
            assert not await listed(world, client, answer["id"], **{key: value}), key
    assert not await listed(world, "fremd", answer["id"], **hits)


async def test_the_window_is_shown_and_pages_are_complete(world: World) -> None:
    ids = [(await accepted(world, "jva", haft()))["id"] for _ in range(5)]
    answer = (await world.call("jva", "POST", "/v1/messages/search", {})).json
    assert set(answer) == {"eintraege", "naechste", "fenster"}
    since, until = (datetime.fromisoformat(answer["fenster"][key]) for key in ("von", "bis"))
    assert timedelta(days=30) - timedelta(seconds=5) < until - since < timedelta(days=30, seconds=5)
    found: list[str] = []
    query: dict[str, Any] = {"anzahl": 2}
    while True:
        page = (await world.call("jva", "POST", "/v1/messages/search", query)).json
        assert len(page["eintraege"]) <= 2
        found += [entry["id"] for entry in page["eintraege"]]
        if page["naechste"] is None:
            break
        query["nach"] = page["naechste"]
    assert found[:5] == ids[::-1]
    assert len(found) == len(set(found))
    assert set(ids) <= set(await world.search("jva", anzahl=200))
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert await world.search("jva", von=later) == []
    assert await world.search("jva", von="1970-01-01", bis="1970-01-01T00:00:00+00:00") == []
    assert ids[0] in await world.search("jva", von="1970-01-01T00:00:00+00:00", anzahl=200)


# --- inbox -----------------------------------------------------------------------------------------------------------


async def test_an_acknowledgement_is_the_receipt(world: World) -> None:
    answer = await accepted(world, "jva", haft())
    entry = await world.entry("koeln", answer["id"])
    assert {"id", "nachricht", "absender", "teile"} <= set(entry)
    assert all(set(teil) == {"n", "name", "sha256", "bytes"} for teil in entry["teile"])
    before = world.rows()
    pair = world.sign[KOELN]
    other = await accepted(world, "jva", haft())
    foreign = await world.entry("koeln", other["id"])
    before = world.rows()
    wrong_key = world.ca.issue(Request(purpose="sign", name="koeln"))
    good = sealed_ack(entry, pair)
    for signature in (
        sealed_ack(entry, wrong_key),
        sealed_ack(foreign, pair),
        b"",
        b"x",
        good[:-1],
        good[: len(good) // 2],
    ):
        problem = assert_problem(await world.ack("koeln", entry["id"], signature), 422)
        assert problem["errors"][0]["code"].startswith("quittung_")
    signed = await world.send("koeln", "POST", f"/v1/inbox/{entry['id']}/ack", good)
    assert_problem(signed, 415)
    assert_problem(await world.ack("koeln", entry["id"], bytes(70_000)), 413)
    assert_problem(await world.ack("revision", entry["id"], good), 403, "rolle")
    assert_problem(await world.ack("jva", entry["id"], good), 404)
    assert world.rows() == before
    first = await world.ack("koeln", entry["id"], good)
    assert (first.status, first.json["status"]) == (200, "zugestellt")
    after = world.rows()
    again = await world.ack("koeln", entry["id"], sealed_ack(entry, pair))
    assert (again.status, again.body) == (200, first.body)
    assert world.rows() == after
    assert (await world.send("jva", "GET", f"/v1/messages/{answer['id']}")).json["status"] == "zugestellt"
    inbox = (await world.send("koeln", "GET", "/v1/inbox")).json["eintraege"]
    assert entry["id"] not in [one["id"] for one in inbox]


async def test_acknowledgements_at_once_are_one(world: World) -> None:
    answer = await accepted(world, "jva", haft())
    entry = await world.entry("koeln", answer["id"])
    before = world.rows()
    signature = sealed_ack(entry, world.sign[KOELN])
    answers = await asyncio.gather(*(world.ack("koeln", entry["id"], signature) for _ in range(10)))
    assert {(one.status, one.body) for one in answers} == {(200, answers[0].body)}
    after = world.rows()
    assert (after["receipt"] - before["receipt"], after["content"] - before["content"]) == (1, 1)


async def test_the_evidence_holds_the_receipt_itself(world: World) -> None:
    xml = haft()
    answer = await accepted(world, "jva", xml)
    entry = await world.entry("koeln", answer["id"])
    assert (await world.ack("koeln", entry["id"], sealed_ack(entry, world.sign[KOELN]))).status == 200
    evidence = (await world.send("jva", "GET", f"/v1/messages/{answer['id']}/evidence")).json
    (receipt,) = evidence["quittungen"]
    assert receipt["art"] == "ack"
    assert receipt["bytes"]
    assert evidence["teile"][0]["sha256"] == hashlib.sha256(xml).hexdigest()
    assert {"annahme", "entscheidung", "uebergabe", "abholung"} <= {event["art"] for event in evidence["ereignisse"]}


async def test_without_a_certificate_of_the_agreement_nothing_is_acknowledged(world: World) -> None:
    answer = await accepted(world, "polizei", notice())
    entry = await world.entry("rsk", answer["id"])
    signature = sealed_ack(entry, world.ca.issue(Request(purpose="sign", name="rsk")))
    assert load_certificates([world.ca.pem])
    assert_problem(await world.ack("rsk", entry["id"], signature), 422, "kein_signaturzertifikat")
