"""One person's case at a running hub: every authority has a client, every notice is composed from its facts."""

import asyncio
import contextlib
import tomllib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from gatewayworld import BONN, JVA, KOELN, POLIZEI, RHEIN_SIEG, ZAB_KOELN, Api, Site, agree, calling

from gateway import clock
from gateway.check.compose import NoticeHead, Person
from gateway.check.compose_any import compose_any
from gateway.partner import Partner
from gateway.pki import KeyPair, agreed
from gateway.pki_issue import DevelopmentCa, Request
from gateway.route.overlay import COLUMNS
from gateway.route.resources import packaged_directory
from gateway.service.gateway import Gateway
from gateway.service.upkeep.directory import Change, apply, corrections
from routing.sachverhalt import Sachverhalt

STA = "gds:R3300S"
STA_BONN = "gds:R3200S"
GERICHT = "gds:R3306"
FOREIGN = "abh:02000000"
"""An Ausländerbehörde of another Land, which an operator adds."""
AZR = "210417123456"
JS = "111 Js 1/26"
PERSON = Person("Beispielová", "Élodie")
VALID = tomllib.loads((Path(__file__).parents[2] / "tools" / "beispiele" / "gueltig.toml").read_text("utf-8"))
CLIENTS = {
    "jva": JVA,
    "polizei": POLIZEI,
    "sta": STA,
    "sta_bonn": STA_BONN,
    "gericht": GERICHT,
    "koeln": KOELN,
    "zab": ZAB_KOELN,
    "bonn": BONN,
    "rhein_sieg": RHEIN_SIEG,
    "leverkusen": "abh:05316000",
    "fremd": "abh:05913000",
}


def notice(anlass: str, absender: str | None = None, head: Mapping[str, Any] | None = None, **facts: Any) -> bytes:
    """A valid message of an Anlass; `facts` add to the example's own, None takes one away."""
    entry = VALID[anlass]
    sender = absender or entry["absender"]
    value = {"anlass": anlass, "absender": sender} | as_days(entry.get("sachverhalt", {})) | facts
    more = dict(head or {})
    known = more.pop("empfaenger", entry.get("empfaenger"))
    details = more.pop("mehr", entry.get("mehr", {}))
    if facts.get("eilbeduerftig") is False:
        details = {key: value for key, value in details.items() if key != "eilbeduerftigWeil"}
    kopf = NoticeHead(
        eigene_id=more.pop("eigene_id", str(uuid.uuid4())),
        erstellt=datetime.now(UTC),
        empfaenger=known,
        aktenzeichen=more.pop("aktenzeichen", JS if sender == STA else f"{sender[-3:]}-1/26"),
        azr_nummer=more.pop("azr", AZR),
        fremde_id=more.pop("zu", None) or (str(uuid.uuid4()) if "zu" in entry else None),
        test=more.pop("test", False),
    )
    assert not more, more
    return compose_any(Sachverhalt.from_json(value), kopf, PERSON, (), details, name_of)


def as_days(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: as_days(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_days(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def name_of(key: str) -> str:
    found = packaged_directory().behoerde(key)
    return found.name if found else key


@dataclass
class Case:
    """The hub and its callers, by name."""

    hub: Gateway
    apis: dict[str, Api]
    signers: dict[str, KeyPair] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    """Our id of a message to its `eigeneNachrichtenID`."""

    def __getitem__(self, name: str) -> Api:
        return self.apis[name]

    async def post(self, who: str, anlass: str, head: Mapping[str, Any] | None = None, **facts: Any) -> dict[str, Any]:
        """Post a notice of one's own and get the answer of the 202."""
        status, answer = await self[who].post_xml(notice(anlass, CLIENTS[who], head, **facts))
        assert status == 202, answer
        self.ids[answer["id"]] = answer["nachrichten_id"]
        return answer

    async def act(self, who: str, verb: str, message_id: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """`POST /v1/messages/{id}/<verb>`."""
        return await self[who].call("POST", f"/v1/messages/{message_id}/{verb}", json=body)

    async def get(self, who: str, path: str) -> Any:
        status, value = await self[who].call("GET", path)
        assert status == 200, value
        return value

    async def add_authority(self, key: str, art: str, name: str) -> None:
        """An operator adds an authority to the directory."""
        db = self.hub.ctx.db
        row = dict.fromkeys(COLUMNS["behoerde"], "") | {"key": key, "art": art, "name": name}
        await apply(db, await corrections(db), Change((("behoerde", key, row),), "Prüfung"), "test", self.hub.ctx.now())
        await self.hub.ctx.refresh_directory()

    async def get_raw(self, who: str, path: str) -> bytes:
        status, value = await self[who].call("GET", path)
        assert status == 200, value
        assert isinstance(value, bytes)
        return value

    async def sees(self, who: str, message_id: str) -> bool:
        return (await self[who].call("GET", f"/v1/messages/{message_id}"))[0] == 200

    async def inbox(self, who: str) -> list[dict[str, Any]]:
        return (await self.get(who, "/v1/inbox"))["eintraege"]

    async def found(self, who: str, **query: Any) -> list[dict[str, Any]]:
        status, page = await self[who].call("POST", "/v1/messages/search", json=query)
        assert status == 200, page
        return page["eintraege"]

    async def events(self, who: str, message_id: str) -> list[dict[str, Any]]:
        return (await self.get(who, f"/v1/messages/{message_id}/events"))["eintraege"]

    async def vorgang_of(self, who: str, message_id: str) -> dict[str, Any]:
        message = await self.get(who, f"/v1/messages/{message_id}")
        return await self.get(who, f"/v1/vorgaenge/{message['vorgang']}")

    async def vorgaenge(self, who: str, **query: str) -> list[dict[str, Any]]:
        status, page = await self[who].call("POST", "/v1/vorgaenge/search", json=query)
        assert status == 200, page
        return page["eintraege"]

    async def collect(self, who: str) -> list[str]:
        """Acknowledge everything in an inbox; ids of the messages."""
        collected = []
        for entry in await self.inbox(who):
            pair = await self._signer(who)
            teile = entry["teile"]
            content = " ".join([entry["id"], *(teil["sha256"] for teil in teile)]).encode()
            status, body = await self[who].call(
                "POST",
                f"/v1/inbox/{entry['id']}/ack",
                data=sign(content, pair),
                headers={"Content-Type": "application/pkcs7-signature"},
            )
            assert status == 200, body
            collected.append(entry["nachricht"])
        return collected

    async def metrics(self) -> str:
        url = f"http://127.0.0.1:{self.hub.listeners.ports['status']}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.text()

    async def _signer(self, who: str) -> KeyPair:
        if who not in self.signers:
            pair = self.hub_ca.issue(Request(purpose="sign", name=who))
            await agree(
                self.hub,
                Partner(
                    id=who,
                    behoerden=(CLIENTS[who],),
                    weg="abruf",
                    zertifikate=(agreed("signatur", pair.certificate),),
                ),
            )
            self.signers[who] = pair
        return self.signers[who]

    hub_ca: DevelopmentCa = field(default=None)  # type: ignore[assignment]

    def later(self, days: float) -> None:
        """The hub's clock goes ahead."""
        now = self.hub.ctx.now
        ahead = int(days * 86_400 * clock.SECOND)
        self.hub.ctx.now = lambda: now() + ahead

    def today(self) -> str:
        return self.hub.ctx.today().isoformat()


async def until(read: Callable[[], Awaitable[list[Any]]], count: int) -> list[Any]:
    """What `read` gives, as soon as it has so many entries."""
    async with asyncio.timeout(30):
        while True:
            found = await read()
            if len(found) >= count:
                assert len(found) == count
                return found
            await asyncio.sleep(0.02)


def sign(content: bytes, pair: KeyPair) -> bytes:
    """A detached CMS signature in DER, by a foreign implementation."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    certificate: x509.Certificate = pair.certificate
    return builder.add_signer(certificate, pair.key, hashes.SHA256()).sign(Encoding.DER, options)


def admit(site: Site) -> None:
    """A client for each authority of the case, an operator and an auditor."""
    for name, key in CLIENTS.items():
        if name not in site.clients:
            site.client(name, key)
    if "betrieb" not in site.clients:
        site.client("betrieb", rollen=("betrieb",))
    site.client("revision", rollen=("revision",))


@contextlib.asynccontextmanager
async def case_at(hub: Gateway, site: Site, ca: DevelopmentCa) -> AsyncIterator[Case]:
    async with contextlib.AsyncExitStack() as stack:
        apis = {name: await stack.enter_async_context(calling(hub, client)) for name, client in site.clients.items()}
        yield Case(hub, apis, hub_ca=ca)
