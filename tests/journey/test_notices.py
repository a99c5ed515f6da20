"""What the sender hears by itself: of a delay after a day, of a final failure with the reason; on both databases."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from as2peer import (
    Peer,
    delivery,
    events,
    eventually,
    later,
    peering,
    posted,
    receipt,
    refusing,
    status,
    until,
)
from gatewayworld import JVA, KOELN, Api, Site, agree, calling
from lxml import etree

from gateway.pki_issue import DevelopmentCa
from gateway.service.departure.notifying import NOBODY, Notifying, uncollected
from gateway.service.gateway import Gateway, running
from gateway.store.database import StaleState

pytestmark = pytest.mark.usefixtures("prompt")

HOUR = 3600
DAY = 24 * HOUR
BACK = "{urn:de:nrw:strafausl:1}"


@pytest.fixture
async def hub(each_store: Site) -> AsyncIterator[Gateway]:
    async with running(each_store.config()) as gateway:
        yield gateway


async def told(jva: Api) -> list[etree._Element]:
    """The Zustellnachweise in the sender's inbox."""
    _, inbox = await jva.call("GET", "/v1/inbox")
    found = []
    for entry in inbox["eintraege"]:
        _, xml = await jva.call("GET", f"/v1/messages/{entry['nachricht']}/parts/0")
        root = etree.fromstring(xml)
        assert root.tag == f"{BACK}nachricht.strafausl.zustellnachweis.9900092"
        found.append(root)
    return found


def said(proof: etree._Element, name: str) -> str:
    return str(next(proof.iter(BACK + name)).text)


async def settled(hub: Gateway) -> None:
    """Some rounds of the regular jobs have passed."""
    for _ in range(3):
        await hub.delivering.overdue()
        await hub.notifying.tell_of_delays()


async def test_of_a_final_failure_the_sender_hears_once_and_why(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.script = [status(403)]
    message = await posted(jva)
    row = await until(hub, message, "gescheitert")
    (proof,) = await told(jva)  # there as soon as the delivery has failed: one step
    assert said(proof, "ereignis") == "ContentHandoverFailure"
    assert said(proof, "code") == "aufgegeben"
    assert said(proof, "text") == row["last_error"]
    assert "403" in said(proof, "text")
    assert said(proof, "gatewayID") == message
    _, xml = await jva.call("GET", f"/v1/messages/{message}/parts/0")
    assert next(proof.iter(BACK + "sha256")).text == hashlib.sha256(xml).hexdigest()
    assert proof.findtext(f".//{BACK}nachweis/{BACK}empfaenger/{BACK}kennung") == KOELN
    assert said(proof, "messageID") == row["wire_id"]
    (event,) = await events(hub, message, "nachweis")
    assert event["delivery_id"] == row["id"]
    later(hub, 6 * DAY)
    await settled(hub)
    assert len(await told(jva)) == 1


async def test_a_failure_after_an_operators_resend_is_not_told_a_second_time(
    hub: Gateway, hub_site: Site, koeln: Peer, jva: Api
) -> None:
    koeln.otherwise = status(403)
    message = await posted(jva)
    await until(hub, message, "gescheitert")
    async with calling(hub, hub_site.clients["betrieb"]) as betrieb:
        code, _ = await betrieb.call("POST", f"/v1/messages/{message}/resend", json={"grund": "noch einmal"})
        assert code == 200
    await eventually(lambda: len(koeln.messages) == 2)
    await until(hub, message, "gescheitert")
    assert len(await told(jva)) == 1


async def test_of_a_rejection_the_sender_hears(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.script = [refusing("unexpected-processing-error")]
    message = await posted(jva)
    await until(hub, message, "abgelehnt")
    (proof,) = await told(jva)
    assert (said(proof, "ereignis"), said(proof, "code")) == ("RelayRejection", "abgelehnt")


async def test_of_a_delay_the_sender_hears_after_a_day_and_once(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.otherwise = status(503, Retry_After="3000")
    message = await posted(jva)
    await eventually(lambda: _tried(hub, message))
    later(hub, 23 * HOUR)
    await settled(hub)
    assert await told(jva) == []
    later(hub, 2 * HOUR)
    await eventually(lambda: told(jva))
    (proof,) = await told(jva)
    assert (said(proof, "ereignis"), said(proof, "code")) == ("RelayFailure", "verzug")
    assert "503" in said(proof, "text")
    later(hub, DAY)
    await settled(hub)
    assert len(await told(jva)) == 1
    assert (await delivery(hub, message))["status"] in ("wartet", "laeuft")
    koeln.otherwise = status(403)
    later(hub, HOUR)
    await until(hub, message, "gescheitert")
    assert [said(each, "code") for each in await told(jva)] == ["verzug", "aufgegeben"]


async def _tried(hub: Gateway, message: str) -> bool:
    return bool((await delivery(hub, message))["last_error"])


async def test_who_waits_for_a_receipt_is_told_so(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.otherwise = status(200)
    message = await posted(jva)
    await until(hub, message, "uebergeben")
    later(hub, 24 * HOUR + 60)
    await eventually(lambda: told(jva))
    assert said((await told(jva))[0], "code") == "verzug"


async def test_what_arrived_is_never_told_of(hub: Gateway, koeln: Peer, jva: Api) -> None:
    message = await posted(jva)
    await until(hub, message, "zugestellt")
    later(hub, 30 * DAY)
    await settled(hub)
    assert await told(jva) == []
    assert await events(hub, message, "nachweis") == []


async def test_of_several_gateways_one_tells(hub: Gateway, koeln: Peer, jva: Api) -> None:
    """The statements that tell are compare-and-set: the same once more, and nothing of it becomes durable."""
    koeln.otherwise = status(503, Retry_After="3000")
    message = await posted(jva)
    await eventually(lambda: _tried(hub, message))
    row = await delivery(hub, message)
    notifying = Notifying(hub.ctx)
    first, second = await notifying.late(row, uncollected()), await notifying.late(row, uncollected())
    results = await asyncio.gather(hub.ctx.db.commit(*first), hub.ctx.db.commit(*second), return_exceptions=True)
    assert [isinstance(each, StaleState) for each in results].count(True) == 1
    assert len(await told(jva)) == 1


async def test_by_its_own_partner_entry_and_nothing_is_told_of_what_tells(
    hub: Gateway, hub_site: Site, koeln: Peer, jva: Api, ca: DevelopmentCa, tmp_path: Path
) -> None:
    """The sender has a gateway of its own, which refuses everything: no notice about the notice."""
    async with peering(ca, hub_site, "jva-gw", (JVA,), tmp_path) as own:
        own.otherwise = status(403)
        await agree(hub, own.agreement())
        koeln.script = [status(403)]
        message = await posted(jva)
        await until(hub, message, "gescheitert")
        await eventually(lambda: len(own.messages) == 1)
        opened = own.messages[0].opened
        assert opened is not None
        assert b"zustellnachweis.9900092" in opened.parts[0][2]
        notice = (await delivery(hub, message))["failure_notice"]
        assert (await until(hub, notice, "gescheitert", empfaenger=JVA))["failure_notice"] == NOBODY
        assert len(own.messages) == 1
        assert await events(hub, notice, "nachweis") == []


async def test_an_inbox_that_nobody_empties_is_told_of_with_its_alarm(hub: Gateway, jva: Api) -> None:
    message = await posted(jva)  # Köln has no agreement: its inbox
    later(hub, 2 * DAY)
    await settled(hub)
    assert await told(jva) == []
    later(hub, DAY + 60)
    await eventually(lambda: told(jva))
    (proof,) = await told(jva)
    assert (said(proof, "ereignis"), said(proof, "code")) == ("ContentConsignment", "nicht_abgeholt")
    assert len(await events(hub, message, "alarm")) == 1


async def test_a_late_receipt_still_heals_what_was_told_as_failed(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.script = [status(403)]
    message = await posted(jva)
    await until(hub, message, "gescheitert")
    await koeln.send_receipt(receipt(koeln, koeln.messages[0]), "gw-nrw")
    await until(hub, message, "zugestellt")
    assert len(await told(jva)) == 1


async def test_nobody_but_the_sender_is_told(hub: Gateway, hub_site: Site, koeln: Peer, jva: Api) -> None:
    koeln.script = [status(403)]
    message = await posted(jva)
    await until(hub, message, "gescheitert")
    notice = (await delivery(hub, message))["failure_notice"]
    seen: dict[str, Any] = {}
    for name in ("jva", "polizei", "koeln"):
        async with calling(hub, hub_site.clients[name]) as api:
            seen[name] = (await api.call("GET", f"/v1/messages/{notice}"))[0]
    assert seen == {"jva": 200, "polizei": 404, "koeln": 404}
