"""Each row of the receipt table (wire.md section 4), end to end: a hub that runs, and a partner that answers so."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from as2peer import (
    Answer,
    Peer,
    amend,
    answering,
    delivery,
    duplicate,
    events,
    events_of,
    eventually,
    haft,
    later,
    peering,
    posted,
    receipt,
    refusing,
    status,
    until,
    waiting,
    without_signer,
)
from gatewayworld import BONN, KOELN, Api, Site, agree

from gateway.partner import Grenzen
from gateway.pki import agreed
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.gateway import Gateway
from gateway.settle.disposition import Disposition, refusal
from gateway.settle.mdn import Mic

pytestmark = pytest.mark.usefixtures("prompt")

HUB = "gw-nrw"
DAY = 24 * 3600
OTHER_MIC = Mic(b"\1" * 32, "sha-256")


@pytest.fixture
async def bonn(ca: DevelopmentCa, hub: Gateway, hub_site: Site, tmp_path: Path) -> AsyncIterator[Peer]:
    """Another partner of the hub."""
    async with peering(ca, hub_site, "bonn", (BONN,), tmp_path) as peer:
        await agree(hub, peer.agreement())
        yield peer


async def kept(hub: Gateway, delivery_id: str) -> list[bytes]:
    """The receipts of a delivery as they came, the oldest first."""
    rows = await hub.ctx.db.fetch("receipts", delivery_id)
    return [await hub.ctx.content.read_all(row["raw_content"], limit=1 << 20) for row in rows]


async def same_bytes(peer: Peer) -> bool:
    """Whether every try that came sent the same body under the same Message-ID."""
    return len({(message.message_id, message.body) for message in peer.messages}) == 1


@pytest.mark.parametrize("answer", [answering(), duplicate()], ids=["processed", "duplicate"])
async def test_a_positive_receipt_in_the_answer_delivers(hub: Gateway, koeln: Peer, jva: Api, answer: Answer) -> None:
    koeln.script = [answer]
    message = await posted(jva)
    row = await until(hub, message, "zugestellt")
    assert (row["attempts"], row["last_error"]) == (1, None)
    assert row["wire_id"] == koeln.messages[0].message_id
    (judged,) = await events(hub, message, "quittung")
    assert json.loads(judged["detail"])["schritt"] == "receipt_positive"
    assert (await jva.call("GET", f"/v1/messages/{message}"))[1]["status"] == "zugestellt"


async def test_a_positive_receipt_that_comes_later_delivers(hub: Gateway, koeln: Peer, jva: Api) -> None:
    await amend(hub, koeln.agreement(mdn="async"))
    koeln.script = [status(202)]
    message = await posted(jva)
    await until(hub, message, "uebergeben")
    (came,) = koeln.messages
    assert came.header("Receipt-Delivery-Option") == f"{koeln.site.as2_url}/as2"
    answered = await koeln.send_receipt(receipt(koeln, came), HUB)
    assert (answered.status, answered.body) == (200, b"")
    row = await until(hub, message, "zugestellt")
    assert row["attempts"] == 1


@pytest.mark.parametrize(
    "disposition",
    [
        refusal("unexpected-processing-error"),
        refusal("integrity-check-failed"),
        Disposition("failed", ("failure",), "unsupported format"),
        Disposition("denied"),
    ],
    ids=str,
)
async def test_a_signed_refusal_is_final_and_the_sender_sees_why(
    hub: Gateway, koeln: Peer, jva: Api, disposition: Disposition
) -> None:
    koeln.script = [answering(disposition, mic=None)]
    message = await posted(jva)
    await until(hub, message, "abgelehnt")
    _, seen = await jva.call("GET", f"/v1/messages/{message}")
    assert seen["status"] == "gescheitert"
    assert "abgelehnt" in seen["zustellungen"][0]["letzter_fehler"]
    later(hub, 6 * DAY)
    await asyncio.sleep(0.1)
    assert len(koeln.messages) == 1


# --- a new sealing ----------------------------------------------------------------------------------------------------


async def with_second_certificate(hub: Gateway, koeln: Peer, ca: DevelopmentCa) -> None:
    """The agreement names a newer certificate first, of which the peer has no key yet."""
    newer = ca.issue(Request(purpose="encrypt", name="koeln-neu"))
    terms = koeln.agreement()
    await amend(
        hub,
        terms.model_copy(update={"zertifikate": (agreed("verschluesselung", newer.certificate), *terms.zertifikate)}),
    )


@pytest.mark.parametrize("cause", ["decryption-failed", "authentication-failed"])
async def test_who_could_not_open_it_gets_one_new_sealing(
    hub: Gateway, koeln: Peer, jva: Api, ca: DevelopmentCa, cause: str
) -> None:
    await with_second_certificate(hub, koeln, ca)
    koeln.script = [refusing(cause)]
    message = await posted(jva)
    row = await until(hub, message, "zugestellt")
    first, second = koeln.messages
    assert first.opened is None
    assert second.opened is not None
    assert row["wire_id"] == second.message_id != first.message_id
    assert second.opened.gateway_headers["X-Gateway-Id"] == message
    links = [json.loads(event["detail"]).get("ersetzt") for event in await events(hub, message, "versiegelung")]
    assert first.message_id in links


async def test_a_second_refusal_is_final(hub: Gateway, koeln: Peer, jva: Api, ca: DevelopmentCa) -> None:
    await with_second_certificate(hub, koeln, ca)
    koeln.otherwise = refusing("decryption-failed")
    message = await posted(jva)
    await eventually(lambda: len(koeln.messages) == 2)
    await until(hub, message, "abgelehnt")
    later(hub, DAY)
    await asyncio.sleep(0.1)
    assert len(koeln.messages) == 2


async def test_without_another_certificate_it_is_refused(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.otherwise = refusing("decryption-failed")
    message = await posted(jva)
    row = await until(hub, message, "abgelehnt")
    assert "decryption-failed" in row["last_error"]
    assert len(koeln.messages) == 1


async def test_a_late_receipt_of_the_old_sealing_still_counts(
    hub: Gateway, koeln: Peer, jva: Api, ca: DevelopmentCa
) -> None:
    await with_second_certificate(hub, koeln, ca)
    koeln.script = [refusing("decryption-failed"), status(202)]
    message = await posted(jva)
    row = await until(hub, message, "uebergeben")
    first, second = koeln.messages
    assert second.opened is not None
    old = Mic.of(*await old_mic(hub, message, first.message_id))
    again = receipt(koeln, first, refusal("decryption-failed"), mic=None)
    assert (await koeln.send_receipt(again, HUB)).status == 200
    assert (await delivery(hub, message))["status"] == "uebergeben"  # what was refused once is not refused twice
    positive = receipt(koeln, first, message_id=first.message_id, mic=old)
    assert (await koeln.send_receipt(positive, HUB)).status == 200
    settled = await until(hub, message, "zugestellt")
    assert settled["wire_id"] == row["wire_id"] == second.message_id


async def old_mic(hub: Gateway, message: str, wire_id: str) -> tuple[str, str]:
    sealings = [json.loads(event["detail"]) for event in await events(hub, message, "versiegelung")]
    (found,) = [sealing for sealing in sealings if sealing.get("wire_id") == wire_id and "mic" in sealing]
    return found["mic"], found["mic_alg"]


async def test_a_certificate_that_was_withdrawn_is_sealed_anew_before_the_next_try(
    hub: Gateway, koeln: Peer, jva: Api, ca: DevelopmentCa
) -> None:
    koeln.script = [status(503)]
    message = await posted(jva)
    await eventually(lambda: len(koeln.messages) == 1)
    old = koeln.encrypt
    koeln.encrypt = ca.issue(Request(purpose="encrypt", name="koeln"))
    await amend(hub, koeln.agreement())
    row = await until(hub, message, "zugestellt")
    first, last = koeln.messages[0], koeln.messages[-1]
    assert old.certificate != koeln.encrypt.certificate
    assert row["wire_id"] == last.message_id != first.message_id


# --- receipts that prove nothing --------------------------------------------------------------------------------------

WORTHLESS = {
    "unsigned": answering(signed=False),
    "foreign-signer": answering(foreign=True),
    "other-message-id": answering(message_id="<other@koeln.example>"),
    "other-mic": answering(mic=OTHER_MIC),
    "no-digest": answering(mic=None),
    "no-signer": answering(no_signer=True),
    "mic-of-another-algorithm": answering(mic=Mic(b"\1" * 20, "sha-1")),
}


@pytest.mark.parametrize("answer", WORTHLESS.values(), ids=WORTHLESS)
async def test_a_receipt_that_proves_nothing_is_kept_and_the_deadline_runs_on(
    hub: Gateway, koeln: Peer, jva: Api, answer: Answer
) -> None:
    await amend(hub, koeln.agreement(grenzen=Grenzen(quittung_sekunden=3600)))
    koeln.script = [answer]
    message = await posted(jva)
    row = await until(hub, message, "quittung_ungueltig")
    (raw,) = await kept(hub, row["id"])
    assert b"disposition-notification" in raw
    assert row["last_error"]
    later(hub, 1800)
    await asyncio.sleep(0.1)
    assert len(koeln.messages) == 1, "tried again before the deadline"
    later(hub, 1900)
    await until(hub, message, "zugestellt")
    assert len(koeln.messages) == 2
    assert await same_bytes(koeln)
    assert len(await events(hub, message, "frist_quittung")) == 1


@pytest.mark.parametrize(
    "answer", [status(200), status(200, text=""), status(202)], ids=["html-200", "empty-200", "202"]
)
async def test_no_receipt_in_the_answer_is_handed_over_with_a_deadline(
    hub: Gateway, koeln: Peer, jva: Api, answer: Answer
) -> None:
    await amend(hub, koeln.agreement(grenzen=Grenzen(quittung_sekunden=3600)))
    koeln.script = [answer]
    message = await posted(jva)
    row = await until(hub, message, "uebergeben")
    assert row["deadline_at"] - row["changed"] >= 3590 * 1_000_000
    later(hub, 3700)
    row = await until(hub, message, "zugestellt")
    assert row["attempts"] == len(koeln.messages) == 2
    assert await same_bytes(koeln)


async def test_a_late_receipt_heals_one_that_proved_nothing(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.script = [answering(signed=False)]
    message = await posted(jva)
    row = await until(hub, message, "quittung_ungueltig")
    await koeln.send_receipt(receipt(koeln, koeln.messages[0]), HUB)
    await until(hub, message, "zugestellt")
    assert len(await kept(hub, row["id"])) == 2


async def test_a_late_receipt_heals_what_had_failed(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.script = [status(403)]
    message = await posted(jva)
    await until(hub, message, "gescheitert")
    await koeln.send_receipt(receipt(koeln, koeln.messages[0]), HUB)
    await until(hub, message, "zugestellt")
    assert (await jva.call("GET", f"/v1/messages/{message}"))[1]["status"] == "zugestellt"


async def test_a_worthless_receipt_of_later_does_not_disturb_a_delivered_one(
    hub: Gateway, koeln: Peer, jva: Api
) -> None:
    message = await posted(jva)
    await until(hub, message, "zugestellt")
    came = koeln.messages[0]
    for bad in (
        receipt(koeln, came, signed=False),
        without_signer(receipt(koeln, came)),
        receipt(koeln, came, refusal("decryption-failed"), mic=None),
    ):
        await koeln.send_receipt(bad, HUB)
        assert (await delivery(hub, message))["status"] == "zugestellt"


async def test_a_receipt_during_the_try_and_the_try_itself_are_both_recorded(
    hub: Gateway, koeln: Peer, jva: Api
) -> None:
    """The receipt overtakes the answer of the POST: it settles, and the attempt is still recorded."""
    await amend(hub, koeln.agreement(mdn="async"))
    release = asyncio.Event()
    koeln.script = [waiting(release, status(202))]
    message = await posted(jva)
    await eventually(lambda: len(koeln.messages) == 1)
    await koeln.send_receipt(receipt(koeln, koeln.messages[0]), HUB)
    row = await until(hub, message, "zugestellt")
    release.set()

    async def recorded() -> bool:
        return len(await hub.ctx.db.fetch("attempts", row["id"])) == 1

    await eventually(recorded)
    assert (await delivery(hub, message))["status"] == "zugestellt"
    assert len(await events(hub, message, "versuch")) == 1


async def test_timer_and_receipt_race_and_one_of_them_counts(hub: Gateway, koeln: Peer, jva: Api) -> None:
    """Timer and receipt at the same moment, many times: delivered in the end, and never both `settled` and `missing`
    with a try after the receipt."""
    koeln.otherwise = status(202)
    messages = [await posted(jva) for _ in range(4)]
    rows = [await until(hub, message, "uebergeben") for message in messages]
    by_id = {came.message_id: came for came in koeln.messages}
    later(hub, 2 * DAY)
    await asyncio.gather(
        hub.delivering.overdue(),
        *(koeln.send_receipt(receipt(koeln, by_id[row["wire_id"]]), HUB) for row in rows),
        hub.delivering.overdue(),
    )
    for message in messages:
        await until(hub, message, "zugestellt")
        assert len(await events(hub, message, "frist_quittung")) <= 1


async def test_the_timer_that_comes_after_the_receipt_reports_nothing(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.script = [status(202)]
    message = await posted(jva)
    row = await until(hub, message, "uebergeben")
    await koeln.send_receipt(receipt(koeln, koeln.messages[0]), HUB)
    await until(hub, message, "zugestellt")
    await hub.delivering.late(row)  # what the timer had read before the receipt came
    assert await events(hub, message, "frist_quittung") == []
    assert (await delivery(hub, message))["status"] == "zugestellt"


async def test_another_partners_receipt_is_refused(hub: Gateway, koeln: Peer, bonn: Peer, jva: Api) -> None:
    koeln.script = [status(202)]
    message = await posted(jva)
    row = await until(hub, message, "uebergeben")
    forged = receipt(bonn, koeln.messages[0])
    assert (await bonn.send_receipt(forged, HUB)).status == 400
    assert (await delivery(hub, message))["status"] == "uebergeben"
    assert await kept(hub, row["id"]) == []
    refused = await events_of(hub, "eingang_abgewiesen")
    assert [json.loads(event["detail"])["grund"] for event in refused] == ["quittung_ohne_nachricht"]
    assert refused[0]["akteur"] == "partner:bonn"


async def test_a_receipt_under_a_borrowed_name_proves_nothing(hub: Gateway, koeln: Peer, bonn: Peer, jva: Api) -> None:
    """AS2-From says Köln, the signature says Bonn."""
    koeln.script = [status(202)]
    message = await posted(jva)
    await until(hub, message, "uebergeben")
    made = receipt(bonn, koeln.messages[0])
    bonn.name = "koeln"
    await bonn.send_receipt(made, HUB)
    row = await delivery(hub, message)
    assert row["status"] == "quittung_ungueltig"


async def test_a_receipt_for_nothing_of_ours_is_refused(hub: Gateway, koeln: Peer, jva: Api) -> None:
    message = await posted(jva)
    await until(hub, message, "zugestellt")
    for odd in ("<nobody@koeln.example>", "<None>", "None"):
        made = receipt(koeln, koeln.messages[0], message_id=odd)
        assert (await koeln.send_receipt(made, HUB)).status == 400


async def test_a_replayed_receipt_changes_nothing(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.script = [status(202)]
    message = await posted(jva)
    row = await until(hub, message, "uebergeben")
    made = receipt(koeln, koeln.messages[0])
    await koeln.send_receipt(made, HUB)
    before = await until(hub, message, "zugestellt")
    judged = await events(hub, message, "quittung")
    for _ in range(3):
        assert (await koeln.send_receipt(made, HUB)).status == 200
    assert await delivery(hub, message) == before
    assert await events(hub, message, "quittung") == judged
    assert await kept(hub, row["id"]) == [made.entity]


async def test_what_answers_is_read_by_its_type_and_not_by_its_status(hub: Gateway, koeln: Peer, jva: Api) -> None:
    """A receipt with a 500 is a failed try; the same bytes go again."""

    async def positive_but_500(peer: Peer, came: object) -> object:
        answer = await answering()(peer, came)  # type: ignore[arg-type]
        answer.set_status(500)
        return answer

    koeln.script = [positive_but_500]  # type: ignore[list-item]
    message = await posted(jva, haft())
    row = await until(hub, message, "zugestellt")
    assert row["attempts"] == 2
    assert await same_bytes(koeln)
    assert (await delivery(hub, message, KOELN))["id"] == row["id"]
