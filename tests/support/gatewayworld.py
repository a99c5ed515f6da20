"""A hub and an edge as they run, on loopback, with a development PKI: what journeys and demo-like tests share."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import described

from gateway.cli.main import main
from gateway.config import Config, load
from gateway.demo.cast import free_port as free_port
from gateway.partner import Partner
from gateway.pki import KeyPair, agreed, load_pair, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.gateway import Gateway
from gateway.store.steps import do

JVA = "gds:R8088"
POLIZEI = "pol:05211370455501"
KOELN = "abh:05315000"
ZAB_KOELN = "zab:koeln"
RHEIN_SIEG = "abh:05382"
BONN = "abh:05314000"


@dataclass
class Client:
    """An agency's IT system with its certificate."""

    pair: KeyPair
    files: Path
    ca: DevelopmentCa

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.ca.pem)
        context.load_cert_chain(f"{self.files}.crt", f"{self.files}.key")
        return context


@dataclass
class Site:
    """One gateway's folder, configuration and clients."""

    folder: Path
    ca: DevelopmentCa
    as2_port: int = field(default_factory=free_port)
    clients: dict[str, Client] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)

    def init(self, kennung: str, *eigene: str) -> None:
        arguments = ["init", str(self.folder), "--kennung", kennung]
        for key in eigene:
            arguments += ["--eigene", key]
        with contextlib.suppress(SystemExit):
            main(arguments)
        for folder in ("trust", "trust/partner"):
            (self.folder / folder / "ca.crt").write_text(self.ca.pem)
        tls = self.ca.issue(Request(purpose="tls", name=kennung, hosts=("localhost", "127.0.0.1")))
        for ending in ("key", "crt"):
            (self.folder / "keys" / f"tls.{ending}").unlink()
        write_pair(tls, self.folder / "keys" / "tls")

    def client(self, name: str, *behoerden: str, rollen: tuple[str, ...] = ("fachverfahren",)) -> Client:
        pair = self.ca.issue(Request(purpose="tls", name=name))
        path = self.folder / "clients" / name
        path.parent.mkdir(exist_ok=True)
        write_pair(pair, path)
        self.clients[name] = Client(pair, path, self.ca)
        keys = ", ".join(f'"{key}"' for key in behoerden)
        roles = ", ".join(f'"{role}"' for role in rollen)
        with (self.folder / "gateway.toml").open("a") as file:
            file.write(
                f'\n[[zugang]]\nsha256 = "{pair.sha256}"\nbehoerden = [{keys}]\nrollen = [{roles}]\n'
                "ab = 2020-01-01\nbis = 2099-12-31\n"
            )
        return self.clients[name]

    def config(self, **zustellung: Any) -> Config:
        config = load(self.folder / "gateway.toml")
        table = config.model_dump()
        for name in ("api", "betrieb", "status"):
            table[name]["adresse"] = "127.0.0.1:0"
        table["as2"]["adresse"] = f"127.0.0.1:{self.as2_port}"
        table["as2"]["oeffentliche_url"] = self.as2_url
        table["mail"]["adresse"] = "127.0.0.1:0"
        table["zustellung"] |= {
            "private_adressen": True,
            "backoff_start_sekunden": 0.05,
            "unterbrechung_sekunden": 0.05,
        } | zustellung
        for name, values in self.settings.items():
            table[name] = (table[name] or {}) | values
        return Config.model_validate(table, context={"base": self.folder})

    @property
    def as2_url(self) -> str:
        return f"https://localhost:{self.as2_port}"

    def pair(self, purpose: str) -> KeyPair:
        files = load(self.folder / "gateway.toml").schluessel.files(purpose)[0]
        return load_pair(files, purpose)

    def certificates(self) -> tuple[Any, ...]:
        sign, encrypt = self.pair("sign").certificate, self.pair("encrypt").certificate
        return (
            agreed("signatur", sign),
            agreed("quittung", sign),
            agreed("verschluesselung", encrypt),
            agreed("tls", self.ca.certificate),
        )


async def agree(gateway: Gateway, partner: Partner) -> None:
    now = gateway.ctx.now()
    await gateway.ctx.db.commit(
        do("put_partner", id=partner.id, agreement=partner.model_dump_json(), now=now),
        *(do("insert_partner_authority", authority=key, partner_id=partner.id) for key in partner.behoerden),
    )
    gateway.ctx.partners.forget()


class Api:
    """Calls one gateway as one client."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def post_xml(self, xml: bytes) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": "application/xml"}
        async with self._session.post(f"{self._base}/v1/messages", data=xml, headers=headers) as answer:
            value = await answer.json(content_type=None)
            described.hold("POST", "/v1/messages", answer.status, value)
            return answer.status, value

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self._session.request(method, self._base + path, **options) as answer:
            raw = await answer.read()
            value = json.loads(raw) if "json" in answer.content_type else raw
            described.hold(method, path, answer.status, value)
            return answer.status, value

    async def until(self, message_id: str, *wanted: str, seconds: float = 30) -> dict[str, Any]:
        """The message, as soon as its status is one of `wanted`."""
        async with asyncio.timeout(seconds):
            while True:
                _, message = await self.call("GET", f"/v1/messages/{message_id}")
                if message["status"] in wanted:
                    return message
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def calling(gateway: Gateway, client: Client) -> AsyncIterator[Api]:
    connector = aiohttp.TCPConnector(ssl=client.tls())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Api(session, f"https://localhost:{gateway.listeners.ports['api']}")


async def introduce(hub: Gateway, hub_site: Site, edge: Gateway, edge_site: Site, **terms: Any) -> None:
    """The agreement between hub and edge, on both sides."""
    edge_id = edge.ctx.config.as2_name
    await agree(
        hub,
        Partner(
            id="koeln",
            behoerden=(KOELN, ZAB_KOELN),
            weg="as2",
            url=f"{edge_site.as2_url}/as2",
            as2_id=edge_id,
            zertifikate=edge_site.certificates(),
            **terms,
        ),
    )
    await agree(
        edge,
        Partner(
            id="hub",
            art="vermittler",
            behoerden=(),
            weg="as2",
            url=f"{hub_site.as2_url}/as2",
            as2_id=hub.ctx.config.as2_name,
            mdn_url=f"{hub_site.as2_url}/as2",
            zertifikate=hub_site.certificates(),
            **terms,
        ),
    )
