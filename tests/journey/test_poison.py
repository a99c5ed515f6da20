"""What raises each time stops only itself: it is tried again a bounded number of times, then a person sees it; nothing
of it is lost, and the wire hears nothing false meanwhile. The poison is real: damaged bytes, rows that nothing reads,
a database that refuses one row.
"""

import asyncio
import contextlib
import itertools
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from as2peer import (
    Peer,
    answering,
    delivery,
    events_of,
    eventually,
    haft,
    later,
    peering,
    posted,
    receipt,
    status,
    until,
)
from gatewayworld import BONN, Api, Site, agree, calling
from inboundworld import EDGE, entries, result, rows, stored_request
from pagesworld import account, visiting

from gateway import clock
from gateway.as2headers import ReceiptRequest
from gateway.pki_issue import DevelopmentCa
from gateway.service.gateway import Gateway, running
from gateway.service.patience import POISONED, Patience, rest_s
from gateway.store.database import Row, StoreUnavailable

pytestmark = pytest.mark.usefixtures("prompt")

HUB = "gw-nrw"
HOUR = 3_600


@pytest.fixture
async def sender(ca: DevelopmentCa, edge: Gateway, edge_site: Site, tmp_path: Path) -> AsyncIterator[Peer]:
    async with peering(ca, edge_site, "vermittler", (), tmp_path) as peer:
        await agree(edge, peer.agreement(art="vermittler"))
        yield peer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What raised rests for moments, so that no test waits for it."""
    monkeypatch.setattr("gateway.service.patience.FIRST_S", 0.01)


async def behind(site: Site, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Touch the store behind the gateway's back; in a thread, for the gateway commits on this loop."""

    def touch() -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(site.folder / "gateway.db", timeout=30)) as db, db:
            return db.execute(sql, values).fetchall()

    return await asyncio.to_thread(touch)


async def poisoned(site: Site, when: str) -> None:
    """The database refuses what somebody writes."""
    await behind(site, f"create trigger poison {when} begin select raise(abort, 'poison'); end")


async def alarms(gateway: Gateway, grund: str) -> list[dict[str, Any]]:
    """Alarms of one reason, with their details."""
    found = [{**event, **json.loads(event["detail"])} for event in await events_of(gateway, "alarm")]
    return [event for event in found if event.get("grund") == grund]


async def metrics(gateway: Gateway) -> str:
    url = f"http://127.0.0.1:{gateway.listeners.ports['status']}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


async def overview(gateway: Gateway, ca: DevelopmentCa) -> str:
    """The first page as an operator sees it."""
    access = await account(gateway, "b.trieb", "betrieb")
    async with visiting(gateway, ca, access) as visitor:
        return (await visitor.get("/betrieb/")).words


# --- requests that came in --------------------------------------------------------------------------------------------


async def test_a_request_whose_bytes_are_damaged_waits_for_a_person_and_is_judged_after_mending(
    ca: DevelopmentCa, edge_site: Site, tmp_path: Path
) -> None:
    async with peering(ca, edge_site, "vermittler", (), tmp_path) as sender:
        poison, good = sender.new_id(), sender.new_id()
        async with running(edge_site.config(arbeiter=0)) as edge:
            await agree(edge, sender.agreement(art="vermittler"))
            body = await stored_request(edge, sender, haft(), poison)
            await stored_request(edge, sender, haft(), good)
        where = "content_id = (select raw_content from inbound where wire_id = ?)"
        ((data,),) = await behind(edge_site, f"select data from chunk where {where}", poison)
        await behind(edge_site, f"update chunk set data = ? where {where}", bytes([data[0] ^ 1]) + data[1:], poison)
        async with running(edge_site.config()) as edge, calling(edge, edge_site.clients["koeln"]) as inbox:
            assert len(await entries(inbox)) == 1, "the other one was judged at the start"
            for n in range(1, POISONED + 1):
                row = await judged(edge, sender, poison, n)
                later(edge, HOUR + 1)
            assert (row["status"], row["lease_until"], row["mdn_body"]) == ("klaerung", None, None)
            (alarm,) = await alarms(edge, "eingang_nicht_beurteilt")
            assert (alarm["eingang"], alarm["versuche"]) == (row["id"], POISONED)
            assert "gateway_requests_stuck 1\n" in await metrics(edge)
            page = await overview(edge, ca)
            assert row["id"] in page
            assert "Eingänge, die sich nicht beurteilen lassen" in page
            content_type, _ = sender.seal(haft())
            again = await sender.post(sender.headers(content_type, to=EDGE, message_id=poison), body)
            assert (again.status, again.body) == (503, b""), "nothing is said of what nobody has judged"
            assert (await rows(edge, sender, poison) or {})["status"] == "klaerung"
        await behind(edge_site, f"update chunk set data = ? where {where}", data, poison)
        async with running(edge_site.config()) as edge, calling(edge, edge_site.clients["koeln"]) as inbox:
            assert len(await entries(inbox)) == 2, "mended, and judged at the next start"
            again = await sender.post(sender.headers(content_type, to=EDGE, message_id=poison), body)
            assert result(again) == "processed"
            assert "gateway_requests_stuck 0\n" in await metrics(edge)


async def judged(edge: Gateway, sender: Peer, message_id: str, times: int) -> dict[str, Any]:
    """The request, as soon as its judgement has raised so often."""

    async def raised() -> bool:
        row = await rows(edge, sender, message_id)
        return row is not None and row["raised"] >= times

    await eventually(raised)
    row = await rows(edge, sender, message_id)
    assert row is not None
    assert row["raised"] == times, "it rests between two tries"
    return row


async def test_a_judgement_that_raises_while_the_sender_waits_is_asked_again_and_never_refused(
    edge: Gateway, edge_site: Site, sender: Peer
) -> None:
    content_type, body = sender.seal(haft())
    headers = sender.headers(content_type, to=EDGE)
    await poisoned(edge_site, "before update on inbound when new.status = 'angenommen'")
    answered = await sender.post(headers, body)
    assert (answered.status, answered.body) == (503, b"")
    await behind(edge_site, "drop trigger poison")
    later(edge, HOUR)

    async def taken() -> bool:
        return (await rows(edge, sender, dict(headers)["Message-ID"]) or {})["status"] == "angenommen"

    await eventually(taken)
    assert result(await sender.post(headers, body)) == "processed"


# --- receipts of ours that are sent later -----------------------------------------------------------------------------


async def test_a_receipt_that_nothing_can_send_is_given_up_with_an_alarm_and_others_go_on(
    edge: Gateway, edge_site: Site, sender: Peer, ca: DevelopmentCa
) -> None:
    sender.receipt_status = [503]
    wanted = ReceiptRequest(signed=True, micalgs=("sha-256",), url=sender.url)
    poison, good = sender.new_id(), sender.new_id()
    assert (await sender.send(haft(), EDGE, receipt=wanted, message_id=poison)).status == 200
    await eventually(lambda: len(sender.receipts) == 1)
    await behind(edge_site, "update inbound set mdn_headers = 'no json' where wire_id = ?", poison)

    async def raised(times: int) -> bool:
        row = await rows(edge, sender, poison)
        assert row is not None
        return row["raised"] >= times or row["mdn_status"] == "gescheitert"

    for n in range(1, POISONED + 1):
        later(edge, HOUR)
        await eventually(lambda n=n: raised(n))
    row = await rows(edge, sender, poison)
    assert row is not None
    assert (row["mdn_status"], row["raised"]) == ("gescheitert", POISONED)
    assert len(await alarms(edge, "quittung_nicht_gesendet")) == 1
    assert "Quittungen von uns, die nicht ankamen" in await overview(edge, ca)
    await sender.send(haft(), EDGE, receipt=wanted, message_id=good)
    await eventually(lambda: len(sender.receipts) == 2)


async def test_a_receipt_under_way_keeps_its_short_claim_however_the_clock_jumps(
    ca: DevelopmentCa, edge_site: Site, tmp_path: Path
) -> None:
    async with (
        peering(ca, edge_site, "vermittler", (), tmp_path) as sender,
        running(edge_site.config(arbeiter=0)) as edge,
    ):
        await agree(edge, sender.agreement(art="vermittler"))
        wanted = ReceiptRequest(signed=True, micalgs=("sha-256",), url=sender.url)
        assert (await sender.send(haft(), EDGE, receipt=wanted)).status == 200
        (job,) = await edge.receipts.claim(5)
        assert job["lease_until"] - edge.ctx.now() <= 60 * clock.SECOND
        edge.receipts._attempts[job["id"]] = job["mdn_attempts"]
        with edge.receipts._leases.holding(job["id"]):
            for _ in range(3):
                later(edge, HOUR)
                assert await edge.receipts.claim(5) == [], "renewed before anything is given back"
        later(edge, 61)
        (again,) = await edge.receipts.claim(5)
        assert (again["id"], again["mdn_attempts"]) == (job["id"], 2), "nobody renewed it: its worker is gone"


# --- agreements -------------------------------------------------------------------------------------------------------


async def test_an_agreement_that_nothing_reads_stops_its_partner_alone(
    hub: Gateway, hub_site: Site, koeln: Peer, jva: Api, ca: DevelopmentCa, tmp_path: Path
) -> None:
    async with peering(ca, hub_site, "bonn", (BONN,), tmp_path) as bonn:
        await agree(hub, bonn.agreement())
        before = (await behind(hub_site, "select agreement from partner where id = 'koeln'"))[0][0]
        koeln.otherwise = status(503)
        waits = await posted(jva)
        await eventually(lambda: len(koeln.messages) > 0)
        await behind(hub_site, "update partner set agreement = ? where id = 'koeln'", before.replace('"as2"', '"post"'))
        hub.ctx.partners.forget()
        koeln.otherwise = answering()
        await until(hub, await posted(jva, haft(empfaenger=BONN)), "zugestellt", empfaenger=BONN)
        code, _ = await jva.post_xml(haft())
        assert code == 503, "never into the inbox of an authority that is reached otherwise"
        answered = await koeln.send(haft(), HUB)
        assert answered.status == 503, "whoever may be that partner is not refused"
        await hub.delivering.tidy_lanes()
        await hub.delivering.tidy_lanes()
        assert [alarm["partner"] for alarm in await alarms(hub, "vereinbarung_unlesbar")] == ["koeln"]
        assert "gateway_agreements_broken 1\n" in await metrics(hub)
        assert "Vereinbarungen, die sich nicht lesen lassen" in await overview(hub, ca)
        assert (await delivery(hub, waits))["status"] in {"wartet", "uebergeben"}
        await behind(hub_site, "update partner set agreement = ? where id = 'koeln'", before)
        later(hub, HOUR)
        await until(hub, waits, "zugestellt")


# --- regular work -----------------------------------------------------------------------------------------------------


async def test_a_deadline_that_cannot_be_recorded_waits_for_a_person_and_others_go_on(
    impatient: None, hub: Gateway, hub_site: Site, koeln: Peer, jva: Api
) -> None:
    koeln.otherwise = status(202)
    poison, good = await posted(jva), await posted(jva)
    row = await until(hub, poison, "uebergeben")
    await until(hub, good, "uebergeben")
    await poisoned(hub_site, f"before update on delivery when new.id = '{row['id']}' and new.status = 'wartet'")
    later(hub, 25 * HOUR)
    stuck = await until(hub, poison, "klaerung")
    assert "wird nicht mehr von selbst gesendet" in stuck["last_error"]
    (alarm,) = await alarms(hub, "intern")
    assert (alarm["aufgabe"], alarm["message_id"], alarm["delivery_id"]) == ("frist", poison, row["id"])
    assert len(await events_of(hub, "frist_quittung")) >= 1, "the other one's deadline was recorded"
    came = next(each for each in koeln.messages if each.message_id == row["wire_id"])
    assert (await koeln.send_receipt(receipt(koeln, came), HUB)).status == 200
    await until(hub, poison, "zugestellt")


async def test_a_delay_that_cannot_be_told_of_holds_up_no_other(
    impatient: None, hub: Gateway, hub_site: Site, koeln: Peer, jva: Api
) -> None:
    koeln.otherwise = status(202)
    poison, good = await posted(jva), await posted(jva)
    row, other = await until(hub, poison, "uebergeben"), await until(hub, good, "uebergeben")
    await poisoned(hub_site, f"before update of late_notice on delivery when new.id = '{row['id']}'")
    later(hub, 24 * HOUR - 60)
    await hub.notifying.tell_of_delays()
    later(hub, 70)
    await eventually(lambda: _alarmed(hub))

    async def told() -> bool:
        found = await hub.ctx.db.fetch_one("delivery", other["id"])
        return found is not None and found["late_notice"] is not None

    await eventually(told)
    (alarm,) = await alarms(hub, "intern")
    assert (alarm["aufgabe"], alarm["delivery_id"]) == ("verzug", row["id"])


async def _alarmed(hub: Gateway) -> bool:
    return bool(await alarms(hub, "intern"))


async def test_what_raises_rests_longer_each_time_and_is_alarmed_once(
    monkeypatch: pytest.MonkeyPatch, hub: Gateway
) -> None:
    assert [rest_s(n) for n in (1, 2, 3, 7, 99)] == [60, 120, 240, 3600, 3600]
    seconds = [0.0]
    monkeypatch.setattr("gateway.service.patience.time.monotonic", lambda: seconds[0])
    patience, tried, done = Patience(hub.ctx, "probe"), [], []

    async def work(row: Row) -> None:
        if row["id"] == "poison":
            tried.append(seconds[0])
            raise ValueError(row["id"])
        done.append(row["id"])

    for minute in range(600):
        seconds[0] = minute * 60.0
        await patience.each([{"id": "poison"}, {"id": str(minute)}], work)
    assert len(done) == 600
    assert [b - a for a, b in itertools.pairwise(tried)][:6] == [60, 120, 240, 480, 960, 1920]
    assert len(tried) < 20
    assert [alarm["aufgabe"] for alarm in await alarms(hub, "intern")] == ["probe"]

    async def away(row: Row) -> None:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await patience.each([{"id": "a"}], away)
