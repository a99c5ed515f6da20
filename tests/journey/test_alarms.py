"""Alarms of a running gateway: through a real mail server and to a real web server, once each, and their end."""

import base64
import contextlib
import email
import email.policy
import hashlib
import hmac
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp import web
from as2peer import Peer, answering, eventually, later, posted, status, until
from caseworld import Case
from gatewayworld import KOELN, Api, Site, free_port
from mailworld import OURS, SENDER, Mta, raw

from gateway.alarms import Kind
from gateway.events import Art
from gateway.pki import PkiError
from gateway.service.gateway import Gateway, running
from gateway.service.upkeep import alarming
from gateway.service.upkeep.certificates import Held
from gateway.service.upkeep.conditions import Conditions
from gateway.settle.disposition import refusal
from gateway.store.database import Do
from gateway.trust.status import Status

pytestmark = pytest.mark.usefixtures("prompt")

SECRET = "ein-geheimnis-aus-mindestens-24-zeichen"
PEOPLE = "bereitschaft@example.org"
HUGE = 10**9
"""Megabytes that no disk has free."""


@dataclass
class Receiver:
    """A web server that takes webhooks, and checks them as the format says."""

    port: int = 0
    answer: int = 204
    location: str | None = None
    posted: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        id_, at, signature = (request.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        mac = hmac.new(SECRET.encode(), f"{id_}.{at}.".encode() + body, hashlib.sha256).digest()
        assert signature == f"v1,{base64.b64encode(mac).decode()}"
        self.ids.append(id_)
        if self.answer == 204:
            self.posted.append(json.loads(body))
        headers = {"Location": self.location} if self.location else {}
        return web.Response(status=self.answer, headers=headers)

    def of(self, kind: Kind) -> list[tuple[str, str]]:
        return [(each["anlass"], each["gegenstand"]) for each in self.posted if each["art"] == kind]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.add_routes([web.post("/gateway", made.take)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch, hub_site: Site, receiver: Receiver, mta: Mta) -> None:
    """Who is told, and at once."""
    monkeypatch.setattr("gateway.service.gateway.ALARM_S", 0.05)
    monkeypatch.setattr(alarming, "AGAIN", 1)
    secret = hub_site.folder / "keys" / "alarm.webhook"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    hub_site.settings |= {
        "mail": {"postfach": OURS},
        "postausgang": {"host": "127.0.0.1", "port": mta.port, "sicherheit": "keine", "absender": SENDER},
        "alarme": {
            "mail": [PEOPLE],
            "webhook_url": f"http://127.0.0.1:{receiver.port}/gateway",
            "webhook_geheimnis": str(secret),
            "private_adressen": True,
            "ruhe_minuten": 0,
            "platz_megabyte": 0,
        },
    }


def subjects(mta: Mta) -> list[str]:
    return [str(parsed(raw(mail))["Subject"]) for mail in mta.mails if mail.rcpt_tos == [PEOPLE]]


def mailed_of_work(mta: Mta) -> list[str]:
    return [subject for subject in subjects(mta) if "brauchen Hilfe" in subject]


def parsed(mail: bytes) -> EmailMessage:
    found = email.message_from_bytes(mail, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def full(site: Site, megabytes: int = HUGE) -> None:
    site.settings["alarme"]["platz_megabyte"] = megabytes


async def test_a_condition_is_told_once_and_a_restart_tells_nothing(
    hub_site: Site, receiver: Receiver, mta: Mta
) -> None:
    full(hub_site)
    for _ in range(2):
        async with running(hub_site.config()) as hub:
            await hub.alarming.round()
            await hub.alarming.round()
            await eventually(lambda: receiver.of(Kind.PLATZ) and subjects(mta))
    assert receiver.of(Kind.PLATZ) == [("neu", "")]
    assert subjects(mta) == ["[gw:nrw] Alarm: Der Speicherplatz wird knapp"]
    (mail,) = mta.mails
    assert mail.mail_from == "<>", "nothing answers it"
    text = parsed(raw(mail)).get_content()
    for words in ("Was geschehen ist:", "Was es bedeutet:", "Was zu tun ist:", "MB frei", "Gateway: gw:nrw"):
        assert words in text
    full(hub_site, 0)
    async with running(hub_site.config()):
        await eventually(lambda: len(receiver.of(Kind.PLATZ)) == 2 and len(subjects(mta)) == 2)
    assert receiver.of(Kind.PLATZ)[1] == ("erledigt", "")
    assert subjects(mta)[1] == "[gw:nrw] Erledigt: Der Speicherplatz wird knapp"
    assert "es ist nichts zu tun" in parsed(raw(mta.mails[1])).get_content()


async def test_of_two_gateways_on_one_store_one_tells(
    postgres_url: str, hub_site: Site, receiver: Receiver, mta: Mta
) -> None:
    hub_site.settings["store"] = {"url": postgres_url}
    hub_site.settings["alarme"]["zertifikat_tage"] = 0
    hub_site.settings["alarme"]["wiederholung_stunden"] = 1
    first_config = hub_site.config()
    hub_site.as2_port = free_port()
    async with running(first_config) as first, running(hub_site.config()) as second:
        await first.ctx.db.commit(first.ctx.event(Art.ALARM, "test", grund="intern"))
        await eventually(lambda: receiver.of(Kind.ARBEIT) and subjects(mta))
        for _ in range(3):
            await first.alarming.round()
            await second.alarming.round()
        assert receiver.of(Kind.ARBEIT) == [("neu", "intern")]
        for hub in (first, second):
            later(hub, 2 * 3600)
        # The clock went ahead, so that the log is behind for a moment, and that is told, too.
        await eventually(lambda: len(receiver.of(Kind.ARBEIT)) == 2 and len(mailed_of_work(mta)) == 2)
        for _ in range(3):
            await first.alarming.round()
            await second.alarming.round()
        assert receiver.of(Kind.ARBEIT) == [("neu", "intern"), ("wiederholt", "intern")]
        assert len(mailed_of_work(mta)) == 2


async def test_a_partner_that_is_down_and_its_end(
    hub: Gateway, koeln: Peer, jva: Api, receiver: Receiver, mta: Mta
) -> None:
    koeln.otherwise = status(500)
    await posted(jva)
    await eventually(lambda: receiver.of(Kind.PARTNER_GESTOERT))
    assert receiver.posted[0]["titel"] == "Partner „koeln“ ist nicht erreichbar"
    koeln.otherwise = Peer(koeln.ca, koeln.site, "x", (), koeln.folder).otherwise
    await eventually(lambda: ("erledigt", "koeln") in receiver.of(Kind.PARTNER_GESTOERT))
    await eventually(lambda: any("Erledigt" in subject for subject in subjects(mta)))


async def test_who_cannot_be_told_now_is_told_later_under_the_same_id(
    hub_site: Site, receiver: Receiver, mta: Mta
) -> None:
    full(hub_site)
    receiver.answer = 503
    async with running(hub_site.config()):
        await eventually(lambda: len(receiver.ids) >= 2)
        receiver.answer = 204
        await eventually(lambda: receiver.of(Kind.PLATZ))
    assert len(set(receiver.ids)) == 1
    assert len(subjects(mta)) == 1, "the other way is not told again"


async def test_no_redirect_is_followed_and_no_private_address_reached(hub_site: Site, receiver: Receiver) -> None:
    full(hub_site)
    receiver.answer, receiver.location = 307, f"http://127.0.0.1:{receiver.port}/gateway"
    async with running(hub_site.config()) as hub:
        await eventually(lambda: receiver.ids)
        assert [row["sent"] for row in await notices(hub)] == [None]
    before = len(receiver.ids)
    receiver.answer, receiver.location = 204, None
    hub_site.settings["alarme"]["private_adressen"] = False
    async with running(hub_site.config()) as hub:

        async def tried() -> bool:
            return any(row["attempts"] > before for row in await notices(hub))

        await eventually(tried)
    assert len(receiver.ids) == before
    assert receiver.posted == []


async def notices(hub: Gateway) -> list[dict[str, Any]]:
    path = hub.ctx.config.store.url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("select * from alarm_notice where kanal = 'webhook'")]


async def test_what_time_brings(case: Case, receiver: Receiver) -> None:
    """A case left alone: nothing collected, a backup that grows old."""
    await case.post("jva", "untersuchungshaft_antritt")
    await case.hub.ctx.db.commit(case.hub.ctx.event(Art.SICHERUNG, "test"))  # as `gateway backup` does
    case.later(20)
    await eventually(lambda: receiver.of(Kind.SICHERUNG))
    await eventually(lambda: receiver.of(Kind.NICHT_ABGEHOLT))
    assert ("neu", "") in receiver.of(Kind.SICHERUNG)


async def test_what_waits_too_long(hub: Gateway, koeln: Peer, jva: Api, receiver: Receiver) -> None:
    """In a queue, for a duty, for a person."""
    await hub.delivering.lanes.hold("koeln", "Prüfung", "test")
    message = await posted(jva)
    later(hub, 5 * 3600)
    await eventually(lambda: receiver.of(Kind.WARTESCHLANGE) == [("neu", "koeln")])
    place = (await hub.ctx.db.fetch("vorgang_of_message", message))[0]["vorgang_id"]
    day = (hub.ctx.today() - timedelta(days=1)).isoformat()
    duty = ("d1", place, message, "5.6", "", "gds:R8088", day, "Prüfen.", None, hub.ctx.now())
    await hub.ctx.db.commit(Do("insert_duty", duty, expect=1))
    await eventually(lambda: receiver.of(Kind.FRIST))
    await hub.ctx.db.commit(Do("delete_partner", ("koeln",), expect=1))
    hub.ctx.partners.forget()
    await hub.delivering.tidy_lanes()
    await until(hub, message, "klaerung")
    await eventually(lambda: receiver.of(Kind.ARBEIT) == [("neu", "partner_fehlt")])
    assert receiver.of(Kind.KLAERUNG) == []
    later(hub, 25 * 3600)
    await eventually(lambda: receiver.of(Kind.KLAERUNG))


async def test_what_was_rejected(hub: Gateway, koeln: Peer, jva: Api, receiver: Receiver) -> None:
    koeln.otherwise = answering(refusal("unexpected-processing-error"))
    await until(hub, await posted(jva), "abgelehnt")
    await eventually(lambda: receiver.of(Kind.ZUSTELLUNG) == [("neu", KOELN)])
    later(hub, 25 * 3600)
    await eventually(lambda: receiver.of(Kind.ZUSTELLUNG)[-1] == ("erledigt", KOELN))


async def test_only_certificates_without_a_newer_one_and_unknown_ones(hub: Gateway) -> None:
    at = hub.ctx.at()

    def held(sha256: str, days: int, use: str = "sign", status: Status = Status.GUELTIG) -> Held:
        return Held(use, None, "", sha256, at - timedelta(days=300), at + timedelta(days=days, hours=1), status)

    async def of(*found: Held) -> list[tuple[str, str, int]]:
        conditions, judged = await Conditions(hub.ctx, lambda: found).found()
        assert judged == set(Kind)
        certificates = {Kind.ZERTIFIKAT_ENDE, Kind.WIDERRUF_UNBEKANNT}
        return [(str(each.art), each.gegenstand, each.zahl) for each in conditions if each.art in certificates]

    assert await of(held("a" * 64, 31)) == []
    assert await of(held("a" * 64, 30)) == [("zertifikat_ende", "a" * 16 + " sign", 1)]
    assert await of(held("a" * 64, -3), held("b" * 64, 400)) == [], "an old pair beside a new one"
    assert await of(held("a" * 64, 3), held("b" * 64, 5, status=Status.GESPERRT)) == [
        ("zertifikat_ende", "a" * 16 + " sign", 1)
    ]
    assert len(await of(held("a" * 64, 3, "zugang"), held("b" * 64, 300, "zugang"))) == 1, "each client has its own"
    unknown = [held(name * 64, 400, "signatur", Status.UNBEKANNT) for name in "ab"]
    assert await of(*unknown) == [("widerruf_unbekannt", "", 2)]


async def test_a_kind_that_cannot_be_looked_at_neither_begins_nor_ends(
    hub: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    conditions = Conditions(hub.ctx, tuple)

    async def broken() -> None:
        raise ValueError

    monkeypatch.setattr(conditions, "_room", broken)
    _, judged = await conditions.found()
    assert judged == set(Kind) - {Kind.PLATZ}


async def test_a_secret_that_keeps_nobody_out_ends_the_start(hub_site: Site) -> None:
    (hub_site.folder / "keys" / "alarm.webhook").write_text("kurz")
    with pytest.raises(PkiError, match="mindestens 24 Zeichen"):
        async with running(hub_site.config()):
            pass
