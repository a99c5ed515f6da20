"""What goes wrong on the way to a partner, and what becomes of the delivery: real connections, scripted faults."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from as2peer import (
    Peer,
    amend,
    answering,
    cut,
    delivery,
    events,
    eventually,
    later,
    peering,
    post_with_file,
    posted,
    seeded,
    status,
    until,
    waiting,
)
from gatewayworld import BONN, KOELN, RHEIN_SIEG, Api, Site, agree, calling, free_port

from gateway import clock
from gateway.partner import Grenzen
from gateway.pki import agreed
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.gateway import Gateway, running
from gateway.store.database import StaleState, StoreUnavailable

pytestmark = pytest.mark.usefixtures("prompt")

HOUR = 3600
DAY = 24 * HOUR


def same_bytes(peer: Peer) -> bool:
    return len({(message.message_id, message.body) for message in peer.messages}) == 1


async def attempts(hub: Gateway, message: str) -> list[str]:
    row = await delivery(hub, message)
    return [attempt["outcome"] for attempt in await hub.ctx.db.fetch("attempts", row["id"])]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (status(500), "http_500"),
        (status(502, "<html>Bad Gateway</html>"), "http_502"),
        (status(503), "http_503"),
        (status(408), "http_408"),
        (status(429), "http_429"),
        (cut(), "abbruch"),
    ],
    ids=["500", "502-html", "503", "408", "429", "cut"],
)
async def test_what_passes_is_tried_again_with_the_same_bytes(
    hub: Gateway, koeln: Peer, jva: Api, fault: Any, outcome: str
) -> None:
    koeln.script = [fault, fault]
    message = await posted(jva)
    row = await until(hub, message, "zugestellt")
    assert (row["attempts"], len(koeln.messages)) == (3, 3)
    assert same_bytes(koeln)
    assert await attempts(hub, message) == [outcome, outcome, "quittung"]
    tried = [json.loads(event["detail"]) for event in await events(hub, message, "versuch")]
    assert [(each["versuch"], each["ergebnis"]) for each in tried] == [(1, outcome), (2, outcome), (3, "quittung")]
    assert len(await events(hub, message, "versiegelung")) == 1


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 410, 415, 301, 307])
async def test_what_does_not_pass_is_final_and_the_sender_reads_why(
    hub: Gateway, koeln: Peer, jva: Api, code: int
) -> None:
    koeln.script = [status(code, Location="https://localhost:1/elsewhere")]
    message = await posted(jva)
    await until(hub, message, "gescheitert")
    _, seen = await jva.call("GET", f"/v1/messages/{message}")
    assert seen["status"] == "gescheitert"
    assert str(code) in seen["zustellungen"][0]["letzter_fehler"]
    assert await attempts(hub, message) == [f"http_{code}"]
    assert len(koeln.messages) == 1


@pytest.mark.parametrize("code", [429, 503])
async def test_retry_after_is_kept(hub: Gateway, koeln: Peer, jva: Api, code: int) -> None:
    koeln.script = [status(code, Retry_After="600")]
    message = await posted(jva)
    await eventually(lambda: len(koeln.messages) == 1)
    row = await until(hub, message, "wartet")
    assert row["next_at"] - row["changed"] >= 590 * clock.SECOND
    later(hub, 300)
    await asyncio.sleep(0.1)
    assert len(koeln.messages) == 1
    later(hub, 310)
    await until(hub, message, "zugestellt")


async def test_too_large_for_the_partner_waits_for_a_person(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.script = [status(413)]
    message = await posted(jva)
    row = await until(hub, message, "klaerung")
    assert "zu groß" in row["last_error"]
    assert (await jva.call("GET", f"/v1/messages/{message}"))[1]["status"] == "klaerung"


async def test_nobody_listens_and_then_somebody_does(hub: Gateway, koeln: Peer, jva: Api) -> None:
    port = koeln.port
    await koeln.stop()
    message = await posted(jva)
    await eventually(lambda: _tried(hub, message, "verbindung"))
    await koeln.start(port)
    row = await until(hub, message, "zugestellt")
    outcomes = await attempts(hub, message)
    assert len(outcomes) == row["attempts"] > 1
    assert set(outcomes) == {"verbindung", "quittung"}
    assert len(koeln.messages) == 1


async def _tried(hub: Gateway, message: str, outcome: str) -> bool:
    return outcome in await attempts(hub, message)


async def test_a_partner_that_does_not_answer_in_time_is_tried_again(
    ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    async with (
        running(hub_site.config(zeitlimit_sekunden=0.2)) as hub,
        peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as koeln,
        calling(hub, hub_site.clients["jva"]) as jva,
    ):
        await agree(hub, koeln.agreement())
        koeln.script = [waiting(asyncio.Event())]
        message = await posted(jva)
        row = await until(hub, message, "zugestellt")
        assert row["attempts"] == 2
        assert await attempts(hub, message) == ["zeit", "quittung"]
        assert same_bytes(koeln)


async def test_an_attempt_has_an_end_even_where_the_partner_drips(
    monkeypatch: pytest.MonkeyPatch, hub: Gateway, koeln: Peer, jva: Api
) -> None:
    monkeypatch.setattr("gateway.service.departure.delivering.ATTEMPT_S", 0.2)
    koeln.script = [waiting(asyncio.Event())]
    message = await posted(jva)
    await until(hub, message, "zugestellt")
    assert await attempts(hub, message) == ["zeit", "quittung"]


async def test_a_tls_server_that_is_not_the_agreements_gets_nothing(
    hub: Gateway, koeln: Peer, jva: Api, ca: DevelopmentCa
) -> None:
    twin = ca.twin()
    terms = koeln.agreement()
    certificates = tuple(z for z in terms.zertifikate if z.zweck != "tls")
    await amend(hub, terms.model_copy(update={"zertifikate": (*certificates, agreed("tls", twin.certificate))}))
    message = await posted(jva)
    await eventually(lambda: _tried(hub, message, "tls_zertifikat"))
    assert koeln.messages == []
    row = await delivery(hub, message)
    assert "Zertifikat" in row["last_error"]
    await amend(hub, terms)
    await until(hub, message, "zugestellt")


async def test_a_tls_certificate_of_another_host_gets_nothing(
    hub: Gateway, koeln: Peer, jva: Api, ca: DevelopmentCa
) -> None:
    port = koeln.port
    await koeln.stop()
    koeln.tls = ca.issue(Request(purpose="tls", name="anders", hosts=("anders.example",)))
    await koeln.start(port)
    message = await posted(jva)
    await eventually(lambda: _tried(hub, message, "tls_zertifikat"))
    assert koeln.messages == []


async def test_without_an_encryption_certificate_in_its_window_a_person_is_asked(
    hub: Gateway, koeln: Peer, jva: Api
) -> None:
    terms = koeln.agreement()
    past = {"ab": "2020-01-01", "bis": "2020-12-31"}
    ended = tuple(
        type(z).model_validate(z.model_dump() | past) if z.zweck == "verschluesselung" else z for z in terms.zertifikate
    )
    await amend(hub, terms.model_copy(update={"zertifikate": ended}))
    message = await posted(jva)
    row = await until(hub, message, "klaerung")
    assert "kein gültiges Verschlüsselungszertifikat" in row["last_error"]
    assert koeln.messages == []
    assert await attempts(hub, message) == ["klaerung"]
    _, seen = await jva.call("GET", f"/v1/messages/{message}")
    assert seen["zustellungen"][0]["letzter_fehler"] == row["last_error"]


async def test_a_way_that_is_not_set_up_here_is_named(hub: Gateway, koeln: Peer, jva: Api) -> None:
    await amend(hub, koeln.agreement(weg="mail", adresse="abh@koeln.example"))
    message = await posted(jva)
    row = await until(hub, message, "klaerung")
    assert "nicht eingerichtet" in row["last_error"]


async def test_what_is_too_large_for_mail_waits_for_a_person_there_and_passes_by_as2(
    hub: Gateway, hub_site: Site, ca: DevelopmentCa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 10 * 1024 * 1024
    async with peering(ca, hub_site, "rsk", (RHEIN_SIEG,), tmp_path) as peer:
        await agree(hub, peer.agreement(weg="mail", adresse="abh@rsk.example"))
        monkeypatch.setitem(hub.delivering._ways, "mail", hub.delivering._ways["as2"])  # it is never asked
        message = await post_with_file(hub, hub_site, size)
        row = await until(hub, message, "klaerung", empfaenger=RHEIN_SIEG)
        assert "größer als 10 MB" in row["last_error"]
        assert peer.messages == []
        await amend(hub, peer.agreement())
        message = await post_with_file(hub, hub_site, size)
        await until(hub, message, "zugestellt", empfaenger=RHEIN_SIEG)
        (came,) = peer.messages
        assert came.opened is not None
        assert came.opened.parts[1][2] == bytes(size)
        assert came.header("Content-Length") == str(len(came.body))


async def test_some_megabytes_pass_with_their_file(
    hub: Gateway, hub_site: Site, ca: DevelopmentCa, tmp_path: Path
) -> None:
    async with peering(ca, hub_site, "rsk", (RHEIN_SIEG,), tmp_path) as peer:
        await agree(hub, peer.agreement())
        message = await post_with_file(hub, hub_site, 3 * 1024 * 1024)
        await until(hub, message, "zugestellt", empfaenger=RHEIN_SIEG)
        (came,) = peer.messages
        assert came.opened is not None
        assert [len(data) for _, _, data in came.opened.parts][1:] == [3 * 1024 * 1024]
        assert came.header("Content-Length") == str(len(came.body))


async def test_after_the_age_limit_it_has_failed_with_a_reason(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.otherwise = status(503)
    message = await posted(jva)
    await eventually(lambda: len(koeln.messages) >= 2)
    later(hub, 5 * DAY + HOUR)
    row = await until(hub, message, "gescheitert")
    assert "Nach 5 Tagen" in row["last_error"]
    assert "503" in row["last_error"]
    assert same_bytes(koeln)
    assert len(await attempts(hub, message)) == row["attempts"] == len(koeln.messages)


async def test_what_an_operator_sends_once_more_has_its_whole_time_again(
    hub: Gateway, hub_site: Site, koeln: Peer, jva: Api
) -> None:
    koeln.otherwise = status(503)
    message = await posted(jva)
    await eventually(lambda: len(koeln.messages) >= 1)
    later(hub, 5 * DAY + HOUR)
    await until(hub, message, "gescheitert")
    koeln.messages.clear()
    koeln.script, koeln.otherwise = [status(503)], answering()
    async with calling(hub, hub_site.clients["betrieb"]) as betrieb:
        code, answer = await betrieb.call("POST", f"/v1/messages/{message}/resend", json={"grund": "Störung behoben"})
        assert code == 200, answer
    await until(hub, message, "zugestellt")
    assert len(koeln.messages) == 2
    assert same_bytes(koeln)


async def test_without_any_receipt_it_fails_at_the_age_limit(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.otherwise = status(200)
    message = await posted(jva)
    await until(hub, message, "uebergeben")
    for _ in range(8):
        later(hub, DAY)
        await asyncio.sleep(0.1)
    row = await until(hub, message, "gescheitert")
    assert "Quittung" in row["last_error"]
    assert 1 < len(koeln.messages) <= 6
    assert same_bytes(koeln)


async def test_every_send_of_a_message_is_neutral_outside(hub: Gateway, koeln: Peer, jva: Api) -> None:
    """Nothing of the content stands outside the encryption."""
    message = await posted(jva)
    await until(hub, message, "zugestellt")
    (came,) = koeln.messages
    names = {name.decode().lower() for name, _ in came.raw_headers}
    assert "content-length" in names
    assert "transfer-encoding" not in names
    assert came.header("Subject") == "Nachricht"
    assert came.header("X-Gateway-Id") == message
    assert came.header("Content-Transfer-Encoding") == "binary"
    outside = b"\r\n".join(value for _, value in came.raw_headers) + came.body
    for secret in (b"Tomasz", b"nachricht.xml", b"gds:R8088", KOELN.encode()):
        assert secret not in outside
    assert came.opened is not None
    assert came.opened.gateway_headers == {"X-Gateway-Empfaenger": KOELN, "X-Gateway-Id": message}


# --- lanes ------------------------------------------------------------------------------------------------------------


async def test_a_dead_partner_does_not_hold_up_another(
    hub: Gateway, koeln: Peer, jva: Api, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    """Bonn's gateway takes every connection and never answers; Köln's messages pass meanwhile."""
    async with peering(ca, hub_site, "bonn", (BONN,), tmp_path) as bonn:
        release = asyncio.Event()
        bonn.otherwise = waiting(release)
        await agree(hub, bonn.agreement(grenzen=Grenzen(gleichzeitig=3)))
        first = await posted(jva)
        await until(hub, first, "zugestellt")
        await seeded(hub, first, "bonn", 20)
        hub._wake()
        await eventually(lambda: len(bonn.messages) == 3)
        for _ in range(5):
            await until(hub, await posted(jva), "zugestellt")
        assert len(bonn.messages) == 3, "beyond the partner's limit"
        release.set()
        await eventually(lambda: len(bonn.messages) == 20)


async def test_many_dead_partners_leave_a_place_for_the_living(
    monkeypatch: pytest.MonkeyPatch, hub: Gateway, koeln: Peer, jva: Api
) -> None:
    """More due work than places: every lane comes to its turn."""
    first = await posted(jva)
    await until(hub, first, "zugestellt")
    claims = hub.delivering
    for n in range(6):
        terms = koeln.agreement(id=f"tot{n}", behoerden=(), url=f"https://localhost:{free_port()}/as2")
        await agree(hub, terms)
    await hub._workers[0].stop()
    for n in range(6):
        await seeded(hub, first, f"tot{n}", 3)
    seen = set()
    for _ in range(6):
        seen |= {row["partner_id"] for row in await claims.claim(3)}
    assert seen == {f"tot{n}" for n in range(6)}


async def test_a_full_lane_goes_on_as_soon_as_a_place_is_free(
    monkeypatch: pytest.MonkeyPatch, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    """Twenty due messages to a partner that takes two at once: none waits for the next poll."""
    monkeypatch.setattr("gateway.service.gateway.POLL_S", 3600)
    async with (
        running(hub_site.config()) as hub,
        peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as koeln,
        calling(hub, hub_site.clients["jva"]) as jva,
    ):
        await agree(hub, koeln.agreement(grenzen=Grenzen(gleichzeitig=2)))
        first = await posted(jva)
        await until(hub, first, "zugestellt")
        await seeded(hub, first, "koeln", 20)
        hub._wake()
        await eventually(lambda: len(koeln.messages) == 21)


async def test_an_attempt_whose_worker_is_gone_is_taken_up_again_while_the_gateway_runs(
    hub: Gateway, koeln: Peer, jva: Api
) -> None:
    koeln.script = [status(503, Retry_After="3000")]
    message = await posted(jva)
    await eventually(lambda: len(koeln.messages) == 1)
    await until(hub, message, "wartet")
    await hub._workers[0].stop()
    later(hub, HOUR)
    (job,) = await hub.delivering.claim(10)
    assert job["status"] == "laeuft"
    later(hub, HOUR)
    row = await until(hub, message, "wartet")
    assert row["lease_owner"] is None
    assert row["attempts"] == 2


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StaleState("store_sealed", 1, 0)], ids=["away", "taken"])
async def test_an_attempt_that_the_store_failed_is_no_fault_of_its_message(
    hub: Gateway, koeln: Peer, jva: Api, error: Exception
) -> None:
    """However often that happens, nobody has to look at the message: its lease ends, as after a crash."""
    answer = asyncio.Event()
    koeln.script = [waiting(answer)]
    message = await posted(jva)
    await eventually(lambda: koeln.messages)
    row = await delivery(hub, message)
    for _ in range(10):
        await hub.delivering.failed(row, error)
    assert await attempts(hub, message) == []
    assert (await delivery(hub, message))["lease_owner"] == row["lease_owner"]
    answer.set()
    await until(hub, message, "zugestellt")


async def test_stopping_ends_an_attempt_that_hangs_and_the_next_start_takes_it_up(
    monkeypatch: pytest.MonkeyPatch, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    monkeypatch.setattr("gateway.send.worker.GRACE_S", 0.1)
    async with peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as koeln:
        koeln.script = [waiting(asyncio.Event())]
        async with running(hub_site.config()) as hub, calling(hub, hub_site.clients["jva"]) as jva:
            await agree(hub, koeln.agreement())
            message = await posted(jva)
            await eventually(lambda: len(koeln.messages) == 1)
        koeln.script = [answering()]
        async with running(hub_site.config()) as hub:
            await until(hub, message, "zugestellt")
        assert same_bytes(koeln)
        assert len(koeln.messages) == 2


async def test_two_gateways_on_one_postgresql_share_the_work_and_nothing_goes_twice(
    postgres_url: str, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    hub_site.settings["store"] = {"url": postgres_url}
    first_config = hub_site.config()
    hub_site.as2_port = free_port()
    async with (
        running(first_config) as first,
        running(hub_site.config()) as second,
        peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as koeln,
        calling(first, hub_site.clients["jva"]) as jva,
        calling(second, hub_site.clients["jva"]) as jva_again,
    ):
        await agree(first, koeln.agreement(grenzen=Grenzen(gleichzeitig=2)))
        second.ctx.partners.forget()
        messages = [await posted(api) for _ in range(6) for api in (jva, jva_again)]
        for message in messages:
            await until(first, message, "zugestellt")
        assert sorted(came.header("X-Gateway-Id") for came in koeln.messages) == sorted(messages)
