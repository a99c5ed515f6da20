"""Messages and returned mails that come in by mail, without a mail server between: what is answered, and what never."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from as2peer import Peer, delivery, events_of, eventually, haft, peering, posted, stranger, until
from gatewayworld import JVA, KOELN, Api, Site, agree
from mailworld import OURS, SENDER, Mta, deliver, dsn, head, raw

from gateway import clock, mime
from gateway.as2headers import ReceiptRequest
from gateway.partner import Algorithmen, Grenzen
from gateway.pki_issue import DevelopmentCa
from gateway.seal.sealer import open_signed
from gateway.send.failure import Failure
from gateway.send.mail import Accepted
from gateway.send.mail_message import build_message, transfer_entity, verp_token
from gateway.service.context import new_id
from gateway.service.gateway import Gateway, running
from gateway.settle.mdn import parse_report
from gateway.store.steps import do

pytestmark = pytest.mark.usefixtures("prompt")

THEIRS = "fach@jva.example"


@pytest.fixture
async def hub(hub_site: Site, mta: Mta) -> AsyncIterator[Gateway]:
    hub_site.settings = {
        "mail": {"postfach": OURS},
        "postausgang": {"host": "127.0.0.1", "port": mta.port, "sicherheit": "keine", "absender": SENDER},
    }
    async with running(hub_site.config()) as gateway:
        yield gateway


@pytest.fixture
async def jva_mails(ca: DevelopmentCa, hub: Gateway, hub_site: Site, tmp_path: Path) -> AsyncIterator[Peer]:
    """JVA Köln's own system, which mails."""
    async with peering(ca, hub_site, "fach", (JVA,), tmp_path) as peer:
        terms = {"weg": "mail", "adresse": THEIRS, "url": None, "as2_id": None, "mdn_url": None}
        await agree(hub, peer.agreement(**terms, grenzen=Grenzen(mail_bytes=200_000)))
        yield peer


def sealed(peer: Peer, xml: bytes, message_id: str | None = None, **options: Any) -> bytes:
    content_type, body = peer.seal(xml, "zuErmitteln", **options)
    return build_message(
        sender=THEIRS,
        recipient=OURS,
        message_id=message_id or peer.new_id(),
        now=clock.now(),
        entity=transfer_entity(content_type, body),
        notify="somebody@else.example",
        receipt=ReceiptRequest(signed=True, micalgs=("sha-512",), required=True),
    )


async def causes(hub: Gateway) -> list[str]:
    return [json.loads(event["detail"])["grund"] for event in await events_of(hub, "eingang_abgewiesen")]


async def test_a_message_is_taken_and_its_receipt_goes_to_the_registered_address(
    hub: Gateway, hub_site: Site, jva_mails: Peer, mta: Mta
) -> None:
    message_id, xml = jva_mails.new_id(), haft()
    mail = sealed(jva_mails, xml, message_id)
    assert isinstance(await deliver(hub, mail, sender=THEIRS), Accepted)
    await eventually(lambda: len(mta.mails) == 1)
    (receipt,) = mta.mails
    assert (receipt.mail_from, receipt.rcpt_tos) == ("<>", [THEIRS])
    assert (head(receipt, "Auto-Submitted"), head(receipt, "In-Reply-To")) == ("auto-replied", message_id)
    assert head(receipt, "Disposition-Notification-To") is None
    entity = mime.parse(raw(receipt))
    content = mime.build([("Content-Type", entity.header("Content-Type") or "")], entity.body)
    _, report = open_signed(content, [hub_site.pair("sign").certificate], Algorithmen(), hub.ctx.at())
    assert parse_report(report).original_message_id == message_id.strip("<>")
    assert str(parse_report(report).mic).endswith(", sha-512")
    assert isinstance(await deliver(hub, mail, sender=THEIRS), Accepted)
    await eventually(lambda: len(mta.mails) == 2)
    assert raw(mta.mails[1]) == raw(receipt), "the stored receipt, byte for byte"
    other = sealed(jva_mails, haft(), message_id)
    assert isinstance(await deliver(hub, other, sender=THEIRS), Accepted)
    assert await causes(hub) == ["message_id_vergeben"]
    assert len(await events_of(hub, "annahme")) == 1


async def test_nothing_is_answered_before_a_signature_held(
    ca: DevelopmentCa, hub: Gateway, jva_mails: Peer, mta: Mta
) -> None:
    """From can be forged: the alleged sender hears nothing, and no message of anybody is refused in our name."""
    assert isinstance(await deliver(hub, sealed(jva_mails, haft(), identity=stranger(ca)), sender=THEIRS), Accepted)
    header, blank, body = sealed(jva_mails, haft()).partition(b"\r\n\r\n")
    damaged = header + blank + b"AAAA" + body[4:]
    assert isinstance(await deliver(hub, damaged, sender=THEIRS), Accepted)
    assert len(await causes(hub)) == 2
    good = sealed(jva_mails, haft())
    assert isinstance(await deliver(hub, good, sender=THEIRS), Accepted)
    await eventually(lambda: len(mta.mails) == 1)
    assert head(mta.mails[0], "In-Reply-To") == mime.parse(good).header("Message-ID")


async def test_what_is_sent_by_nobody_or_is_too_large_is_kept(hub: Gateway, jva_mails: Peer, mta: Mta) -> None:
    assert isinstance(await deliver(hub, sealed(jva_mails, haft()), sender=""), Accepted)
    large = sealed(jva_mails, haft())
    large += b"\r\n" * (200_001 - len(large))
    assert isinstance(await deliver(hub, large, sender=THEIRS), Accepted)
    assert await causes(hub) == ["automatische_antwort", "zu_gross"]
    assert await events_of(hub, "annahme") == []
    assert mta.mails == []


async def test_a_mail_that_was_durable_when_the_gateway_died_is_judged_at_the_next_start(
    hub: Gateway, jva_mails: Peer, mta: Mta
) -> None:
    mail, message_id = sealed(jva_mails, haft()), jva_mails.new_id()
    mail = mail.replace((mime.parse(mail).header("Message-ID") or "").encode(), message_id.encode())
    kept = hub.ctx.content.seal_small(mail, hub.ctx.now())
    row = {
        "id": new_id(),
        "as2_from": THEIRS,
        "as2_to": OURS,
        "wire_id": message_id,
        "raw_sha256": hashlib.sha256(mime.parse(mail).body).hexdigest(),
        "raw_content": kept.id,
        "received": hub.ctx.now(),
        "async_url": None,
        "lease_until": hub.ctx.now() - 1,
        "weg": "mail",
    }
    await hub.ctx.db.commit(*kept.steps, do("insert_inbound", **row))
    await eventually(lambda: len(mta.mails) == 1)
    assert (mta.mails[0].rcpt_tos, head(mta.mails[0], "In-Reply-To")) == ([THEIRS], message_id)


# --- returned mails ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def koeln(ca: DevelopmentCa, hub: Gateway, hub_site: Site, tmp_path: Path) -> AsyncIterator[Peer]:
    async with peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as peer:
        terms = {"weg": "mail", "adresse": "abh@koeln.example", "url": None, "as2_id": None, "mdn_url": None}
        await agree(hub, peer.agreement(**terms))
        yield peer


async def test_a_notification_overtakes_the_record_of_its_own_try(
    hub: Gateway, koeln: Peer, jva: Api, mta: Mta
) -> None:
    """The mail server reports the failure before it answers 250: the next try follows all the same."""

    async def report(sender: str) -> None:
        token = verp_token(SENDER, sender) or ""
        assert isinstance(await deliver(hub, dsn(token), to=sender.upper()), Accepted)

    mta.before_answer = report
    message = await posted(jva)
    row = await until(hub, message, "klaerung")
    assert [attempt["outcome"] for attempt in await hub.ctx.db.fetch("attempts", row["id"])] == ["uebergeben"] * 3
    assert len({mail.mail_from for mail in mta.mails}) == 3, "each try has its own token"
    assert len({raw(mail).partition(b"\r\n\r\n")[2] for mail in mta.mails}) == 1
    assert "3-mal als unzustellbar" in row["last_error"]


async def test_a_delay_and_a_second_report_are_events_alone(hub: Gateway, koeln: Peer, jva: Api, mta: Mta) -> None:
    message = await posted(jva)
    before = await until(hub, message, "uebergeben")
    back = mta.mails[0].mail_from or ""
    token = verp_token(SENDER, back) or ""
    delayed = dsn(token).replace(b"Action: failed", b"Action: delayed").replace(b"5.1.1", b"4.4.1")
    assert isinstance(await deliver(hub, delayed, to=back), Accepted)
    assert await delivery(hub, message) == before
    assert isinstance(await deliver(hub, dsn(token), to=OURS), Accepted), "by its ENVID alone"
    await eventually(lambda: len(mta.mails) == 2)
    await until(hub, message, "uebergeben")
    assert isinstance(await deliver(hub, dsn(token), to=back), Accepted)
    details = [json.loads(event["detail"]) for event in await events_of(hub, "ruecklaeufer")]
    assert [(each["aktion"], each["versuch"]) for each in details] == [("delayed", 1), ("failed", 1), ("failed", 1)]
    assert len(mta.mails) == 2
    assert isinstance(await deliver(hub, dsn(token), to=f"versand+{'0' * 24}@gateway.example"), Failure)
