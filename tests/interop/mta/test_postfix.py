"""The mail way behind a real MTA: Postfix takes our mail, hands over by LMTP, and returns what it cannot deliver."""

import io
import json
from typing import Any

import aiohttp
from agencyworld import Agency, mailbox
from as2peer import amend, delivery, events_of, eventually, haft, posted, until
from gatewayworld import JVA, RHEIN_SIEG, Api, Site, agree, calling
from inboundworld import entries
from mailworld import deliver, dsn
from postfixworld import Postfix

from gateway.accept.mail import Handed
from gateway.demo.letters import ermittlungsverfahren
from gateway.pki_issue import DevelopmentCa
from gateway.send.mail import Accepted
from gateway.service.gateway import Gateway
from tests.interop.mta.conftest import HUB, edge_as_partner
from tests.interop.rows import Feature, Peer, Way, row

MEGABYTE = 1024 * 1024


async def outcomes(hub: Gateway, delivery_id: str) -> list[str]:
    return [row["outcome"] for row in await hub.ctx.db.fetch("attempts", delivery_id)]


async def returns(hub: Gateway) -> list[tuple[str, str | None]]:
    """What mail servers reported, and on which delivery."""
    found = await events_of(hub, "ruecklaeufer")
    return [(event["delivery_id"], json.loads(event["detail"])["status"]) for event in found]


async def refusals(gateway: Gateway) -> list[str]:
    return [json.loads(event["detail"])["grund"] for event in await events_of(gateway, "eingang_abgewiesen")]


async def received(gateway: Gateway) -> list[dict[str, Any]]:
    """Messages that came in by mail, as the store has them."""
    found = [await gateway.ctx.db.fetch_one("inbound", key) for key in await _eingaenge(gateway)]
    return [dict(row) for row in found if row is not None]


async def _eingaenge(gateway: Gateway) -> list[str]:
    sent = await events_of(gateway, "quittung_gesendet")
    return list(dict.fromkeys(json.loads(event["detail"])["eingang"] for event in sent))


@row(Peer.POSTFIX, Feature.MAIL_ROUND, Way.TO)
@row(Peer.POSTFIX, Feature.MAIL_ROUND, Way.FROM)
async def test_a_notice_and_its_receipt_through_postfix(
    hub: Gateway, edge: Gateway, jva: Api, inbox: Api, postfix: Postfix
) -> None:
    xml = haft()
    message = await posted(jva, xml)
    row = await until(hub, message, "zugestellt")
    assert await outcomes(hub, row["id"]) == ["uebergeben"]
    (entry,) = await entries(inbox)
    code, part = await inbox.call("GET", f"/v1/messages/{entry['nachricht']}/parts/0")
    assert (code, part) == (200, xml)
    await eventually(lambda: events_of(edge, "quittung_gesendet"))
    (taken,) = await received(edge)
    assert (taken["weg"], taken["status"], taken["wire_id"]) == ("mail", "angenommen", row["wire_id"])
    assert await returns(hub) == []
    await eventually(lambda: postfix.logged("Verified TLS connection established"))


async def test_a_large_file_arrives_as_it_was(hub: Gateway, hub_site: Site, edge: Gateway, inbox: Api) -> None:
    """3 MB, larger than what is opened in memory: Postfix changes nothing that the signature covers."""
    notice = ermittlungsverfahren()
    ((name, _),) = notice.files
    data = b"".join(n.to_bytes(4, "big") + b"\r\n.\r\n\xe4\n" for n in range(3 * MEGABYTE // 11))
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("nachricht", notice.xml, content_type="application/xml", filename="nachricht.xml")
    form.add_field("datei", io.BytesIO(data), filename=name)
    async with calling(hub, hub_site.clients["polizei"]) as polizei:
        code, answer = await polizei.call("POST", "/v1/messages", data=form)
        assert code == 202, answer
        await until(hub, answer["id"], "zugestellt", empfaenger=RHEIN_SIEG)
    (entry,) = await entries(inbox)
    code, part = await inbox.call("GET", f"/v1/messages/{entry['nachricht']}/parts/1")
    assert code == 200
    assert part == data


async def test_an_agency_mails_a_notice_made_by_openssl(
    ca: DevelopmentCa, hub: Gateway, hub_site: Site, edge: Gateway, inbox: Api, postfix: Postfix
) -> None:
    """AS1 with another S/MIME program; its base64 is one long line and its Subject 8-bit, and Postfix rewraps both."""
    agency = Agency(ca, hub_site, "fach@jva.example", (JVA,))
    await agree(hub, agency.agreement())
    xml = haft()
    sealed = await agency.seal(xml, empfaenger="zuErmitteln")
    mail = agency.mail(sealed, HUB, subject="Mitteilung über Häftling", one_line=True)
    async with mailbox() as box:
        postfix.behind["jva.example"].target = box.port
        await agency.submit(postfix.port, mail, HUB)
        await eventually(lambda: len(box.mails) == 1)
        await agency.submit(postfix.port, mail, HUB)
        await eventually(lambda: len(box.mails) >= 2)
    first, second = box.mails[:2]
    assert sent_part(first.content) == sent_part(second.content), "the same mail again gets the same receipt"
    assert first.handed == Handed("fach@jva.example", automatic=True)
    assert first.header("Auto-Submitted") == "auto-replied"
    assert (first.header("From"), first.header("To")) == (HUB, "fach@jva.example")
    report = await agency.verified(first)
    assert report.original_message_id == sealed.message_id.strip("<>")
    assert str(report.disposition) == "automatic-action/MDN-sent-automatically; processed"
    assert report.mic is not None
    assert report.mic.base64 == sealed.mic
    assert report.final_recipient == f"rfc822; {HUB}"
    (entry,) = await _eventually_entries(inbox, 1)
    code, part = await inbox.call("GET", f"/v1/messages/{entry['nachricht']}/parts/0")
    assert (code, part) == (200, xml)


def sent_part(mail: bytes) -> bytes:
    """A mail without what servers on the way put in front of it."""
    return mail[mail.index(b"From: ") :]


async def _eventually_entries(inbox: Api, count: int) -> list[dict[str, Any]]:
    async def enough() -> bool:
        return len(await entries(inbox)) >= count

    await eventually(enough)
    return await entries(inbox)


# --- mails that come back ---------------------------------------------------------------------------------------------


@row(Peer.POSTFIX, Feature.MAIL_RETURNED, Way.FROM)
async def test_what_postfix_returns_counts_for_its_delivery_alone(
    hub: Gateway, hub_site: Site, edge_site: Site, jva: Api, inbox: Api
) -> None:
    """An unknown recipient: three real notifications, then a person decides; another address delivers."""
    fine = await posted(jva)
    await until(hub, fine, "zugestellt")
    await amend(hub, edge_as_partner(edge_site, "niemand@koeln.example"))
    message = await posted(jva)
    row = await until(hub, message, "klaerung")
    assert "5.1.1" in row["last_error"]
    assert "3-mal" in row["last_error"]
    assert await returns(hub) == [(row["id"], "5.1.1")] * 3
    assert await outcomes(hub, row["id"]) == ["uebergeben"] * 3
    assert (await delivery(hub, fine))["status"] == "zugestellt"
    await amend(hub, edge_as_partner(edge_site))
    async with calling(hub, hub_site.clients["betrieb"]) as betrieb:
        code, _ = await betrieb.call("POST", f"/v1/messages/{message}/resend", json={"grund": "Adresse berichtigt"})
        assert code == 200
    await until(hub, message, "zugestellt")
    assert len(await entries(inbox)) == 2


async def test_what_postfix_returns_later_meets_no_delivery_that_has_its_receipt(
    hub: Gateway, edge: Gateway, jva: Api
) -> None:
    """A relay says that it failed although the receipt has come: an event, and nothing else."""
    message = await posted(jva)
    row = await until(hub, message, "zugestellt")
    (token,) = await tokens(hub, row["id"])
    assert isinstance(await deliver(hub, dsn(token), f"versand+{token}@gateway.example"), Accepted)
    assert await returns(hub) == [(row["id"], "5.1.1")]
    await eventually(lambda: looked_at(hub))
    assert (await delivery(hub, message))["status"] == "zugestellt"


async def test_forged_notifications_do_nothing(
    ca: DevelopmentCa, hub: Gateway, hub_site: Site, jva: Api, postfix: Postfix
) -> None:
    agency = Agency(ca, hub_site, "fach@jva.example", (JVA,))
    edge, postfix.behind["koeln.example"].target = postfix.behind["koeln.example"].target, None
    message = await posted(jva)
    row = await until(hub, message, "uebergeben")
    (token,) = await tokens(hub, row["id"])
    guessed = "0" * 24
    await agency.submit(postfix.port, dsn(guessed, row["wire_id"]), f"versand+{guessed}@gateway.example", "")
    await agency.submit(postfix.port, dsn(guessed, row["wire_id"]), HUB, "")
    await eventually(lambda: refused_so_often(hub, 1))
    assert await refusals(hub) == ["ruecklaeufer_ohne_versuch"]
    await eventually(lambda: postfix.logged(f"to=<versand+{guessed}@gateway.example>", "said: 550 5.1.1"))
    assert isinstance(await deliver(hub, dsn(guessed), f"versand+{token}@gateway.example"), Accepted)
    assert await refusals(hub) == ["ruecklaeufer_ohne_versuch"] * 2
    assert await returns(hub) == []
    assert (await delivery(hub, message))["status"] == "uebergeben"
    postfix.behind["koeln.example"].target = edge
    await until(hub, message, "zugestellt")
    assert await outcomes(hub, row["id"]) == ["uebergeben"]


# --- for now ----------------------------------------------------------------------------------------------------------


async def test_postfix_refuses_for_now_or_is_away(hub: Gateway, jva: Api, inbox: Api, postfix: Postfix) -> None:
    postfix.access["koeln.example"] = "450 4.2.0 later"
    message = await posted(jva)
    row = await delivery(hub, message)
    await eventually(lambda: tried(hub, row["id"], "smtp_450"))
    postfix.stop()
    await eventually(lambda: tried(hub, row["id"], "verbindung"))
    postfix.access.clear()
    postfix.start()
    await until(hub, message, "zugestellt")
    assert await outcomes(hub, row["id"]) != []
    assert (await outcomes(hub, row["id"]))[-1] == "uebergeben"
    assert len(await entries(inbox)) == 1


async def tried(hub: Gateway, delivery_id: str, outcome: str) -> bool:
    return outcome in await outcomes(hub, delivery_id)


async def tokens(hub: Gateway, delivery_id: str) -> list[str]:
    """The tokens of a delivery's tries."""
    return [row["token"] for row in await hub.ctx.db.fetch("tries_of_delivery", delivery_id)]


async def looked_at(hub: Gateway) -> bool:
    return await hub.ctx.db.fetch("open_returns", 10) == []


async def refused_so_often(gateway: Gateway, count: int) -> bool:
    return len(await refusals(gateway)) >= count
