"""One hub with every kind of caller, raw HTTP over real TLS, and a count of every row: what the API's tests share."""

import asyncio
import contextlib
import json
import re
import sqlite3
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import storerows
from gatewayworld import JVA, KOELN, POLIZEI, RHEIN_SIEG, Client, Site, agree

from gateway.check.compose import Datei, NoticeHead, Person, compose_notice
from gateway.cli.inbox import sign_detached
from gateway.message import Teil
from gateway.partner import Partner
from gateway.pki import KeyPair, agreed, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.gateway import Gateway, running
from gateway.settle.inbox_ack import ack_content
from routing import Sachverhalt

STA = "gds:R3300S"
BEISPIELE = Path(__file__).parents[2] / "schemas" / "beispiele"
FEHLERKEYS = {"code", "zeile", "spalte", "xpath", "text", "nummer"}
INSIDE = re.compile(
    r"Traceback|Error|Exception|sqlite|lxml|libxml|aiohttp|multipart\.py|/work|/tmp|gateway/|\.py\b", re.I
)
"""What no answer may tell."""


@dataclass
class Answer:
    """What came back over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class World:
    """The hub, its callers, its rows."""

    hub: Gateway
    site: Site
    ca: DevelopmentCa
    sign: dict[str, KeyPair] = field(default_factory=dict)
    """Signature key by authority."""

    @property
    def port(self) -> int:
        return self.hub.listeners.ports["api"]

    def tls(self, client: str | None) -> ssl.SSLContext:
        if client is None:
            return ssl.create_default_context(cadata=self.ca.pem)
        return self.site.clients[client].tls()

    async def connect(self, client: str | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls(client), server_hostname="localhost")

    async def raw(self, client: str | None, request: bytes) -> Answer:
        """Send these very bytes, read the one answer."""
        reader, writer = await self.connect(client)
        with contextlib.suppress(ConnectionError):
            writer.write(request)
            await writer.drain()
        try:
            return await read_answer(reader, head_only=request.startswith(b"HEAD "))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def send(
        self, client: str | None, method: str, path: str, body: bytes | None = None, *headers: tuple[str, str]
    ) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None and not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers):
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n"
        return await self.raw(client, head + (body or b""))

    async def post(self, client: str | None, xml: bytes, *headers: tuple[str, str]) -> Answer:
        return await self.send(client, "POST", "/v1/messages", xml, ("Content-Type", "application/xml"), *headers)

    async def post_form(self, client: str | None, body: bytes, *headers: tuple[str, str]) -> Answer:
        kind = ("Content-Type", "multipart/form-data; boundary=grenze")
        return await self.send(client, "POST", "/v1/messages", body, kind, *headers)

    async def call(self, client: str, method: str, path: str, value: Any = None) -> Answer:
        if value is None:
            return await self.send(client, method, path)
        return await self.send(client, method, path, json.dumps(value).encode(), ("Content-Type", "application/json"))

    async def search(self, client: str, **query: Any) -> list[str]:
        answer = await self.call(client, "POST", "/v1/messages/search", query)
        assert answer.status == 200, answer.body
        return [entry["id"] for entry in answer.json["eintraege"]]

    async def entry(self, client: str, message_id: str) -> dict[str, Any]:
        """The inbox entry of a message."""
        inbox = (await self.call(client, "GET", "/v1/inbox")).json["eintraege"]
        (found,) = [entry for entry in inbox if entry["nachricht"] == message_id]
        return dict(found)

    async def ack(self, client: str, entry_id: str, signature: bytes) -> Answer:
        kind = ("Content-Type", "application/pkcs7-signature")
        return await self.send(client, "POST", f"/v1/inbox/{entry_id}/ack", signature, kind)

    def rows(self) -> dict[str, int]:
        """See `storerows`."""
        return storerows.rows(self.site.folder / "gateway.db")

    async def until(self, holds: Callable[[dict[str, int]], bool], seconds: float = 30) -> None:
        """Until the rows' counts are as wanted."""
        async with asyncio.timeout(seconds):
            while not holds(self.rows()):  # noqa: ASYNC110 - the store is another thread's
                await asyncio.sleep(0.01)

    def last_event(self) -> dict[str, Any]:
        with contextlib.closing(sqlite3.connect(self.site.folder / "gateway.db")) as db:
            db.row_factory = sqlite3.Row
            return dict(db.execute("select * from event order by id desc limit 1").fetchone())


async def read_answer(reader: asyncio.StreamReader, *, head_only: bool = False) -> Answer:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    length = 0 if head_only else int(headers.get("content-length", 0))
    return Answer(int(head[0].split()[1]), headers, await reader.readexactly(length))


def assert_problem(answer: Answer, status: int, code: str | None = None) -> dict[str, Any]:
    """The answer is RFC 9457 as contracts.md section 5 fixes it, in German, and tells nothing of our inside."""
    assert answer.status == status, (answer.status, answer.body)
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    value: dict[str, Any] = answer.json
    assert {"type", "title", "status", "detail", "errors"} <= set(value) <= {
        "type", "title", "status", "detail", "errors", "entscheidung"
    }  # fmt: skip
    assert value["status"] == status
    assert value["errors"]
    for finding in value["errors"]:
        assert set(finding) == FEHLERKEYS
        assert finding["text"].rstrip()[-1] in ".…)“"
        assert finding["code"]
    for text in (value["detail"], *(finding["text"] for finding in value["errors"])):
        assert not INSIDE.search(text), text
    codes = {finding["code"] for finding in value["errors"]} | {value["type"].rpartition(":")[2]}
    assert code is None or code in codes, (code, codes)
    return value


def example(name: str, **replaced: str) -> bytes:
    """A shipped example under a new id."""
    text = (BEISPIELE / f"{name}.xml").read_text()
    text = re.sub(r"(<(?:eigeneNachrichtenID|nachrichtenUUID)>)[^<]*", rf"\g<1>{uuid.uuid4()}", text, count=1)
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()


def haft(**replaced: str) -> bytes:
    return example("haft-3.2", **replaced)


def notice(
    files: Iterable[str] = (), *, eigene_id: str | None = None, aktenzeichen: str | None = None, **facts: Any
) -> bytes:
    """A mitteilung of Polizei or Staatsanwaltschaft that an investigation began."""
    base = {"anlass": "ermittlungsverfahren_eingeleitet", "absender": POLIZEI, "tatort_ags": "05314000"}
    azr = {"azr": {"abgefragt": True, "aktenfuehrende_abh": RHEIN_SIEG}}
    sachverhalt = Sachverhalt.from_json({k: v for k, v in (base | azr | facts).items() if v is not None})
    now = datetime.now(UTC)
    return compose_notice(
        sachverhalt,
        NoticeHead(eigene_id=eigene_id or str(uuid.uuid4()), erstellt=now, aktenzeichen=aktenzeichen),
        Person("Beispielová", "Élodie", "1991-04-17"),
        [Datei(name, str(uuid.uuid4())) for name in files],
        {"tatvorwurf": "Diebstahl (§ 242 StGB)", "eingeleitetAm": now.date()},
    )


def file_name(stem: str = "Mitteilung") -> str:
    return f"{stem}_{uuid.uuid4()}.pdf"


def part(name: str, content: bytes, filename: str | None = None, head: str = "") -> bytes:
    named = f'; filename="{filename}"' if filename is not None else ""
    line = f'Content-Disposition: form-data; name="{name}"{named}{head}\r\n\r\n'
    return b"--grenze\r\n" + line.encode() + content + b"\r\n"


def form(xml: bytes, *parts: bytes) -> bytes:
    return part("nachricht", xml) + b"".join(parts) + b"--grenze--\r\n"


def sealed_ack(entry: dict[str, Any], pair: KeyPair) -> bytes:
    """The detached signature of an inbox entry."""
    parts = [Teil(p["n"], p["name"], "", p["sha256"], p["bytes"]) for p in entry["teile"]]
    return sign_detached(ack_content(entry["id"], parts), pair)


def _admit(site: Site, name: str, pair: KeyPair, ca: DevelopmentCa) -> None:
    """A client whose certificate the configuration does not name."""
    path = site.folder / "clients" / name
    write_pair(pair, path)
    site.clients[name] = Client(pair, path, ca)


@contextlib.asynccontextmanager
async def api_world(folder: Path, ca: DevelopmentCa) -> AsyncIterator[World]:
    """The hub runs; Stadt Köln and JVA Köln fetch from their inboxes and sign."""
    site = Site(folder, ca)
    await asyncio.to_thread(site.init, "gw:nrw")  # a command has a loop of its own
    for name, keys in {
        "jva": (JVA,), "polizei": (POLIZEI,), "sta": (STA,), "koeln": (KOELN,), "rsk": (RHEIN_SIEG,),
        "rechenzentrum": (JVA, STA), "fremd": ("abh:05914000",),
    }.items():  # fmt: skip
        site.client(name, *keys)
    site.client("betrieb", rollen=("betrieb",))
    site.client("revision", JVA, KOELN, rollen=("revision",))
    _admit(site, "unbekannt", ca.issue(Request(purpose="tls", name="unbekannt")), ca)
    _admit(site, "abgelaufen", ca.issue_expired("tls", "abgelaufen"), ca)
    _admit(site, "zwilling", ca.twin().issue(Request(purpose="tls", name="jva")), ca)
    async with running(site.config()) as hub:
        world = World(hub, site, ca)
        for name, key in (("koeln", KOELN), ("jva-koeln", JVA)):
            world.sign[key] = ca.issue(Request(purpose="sign", name=key))
            certificates = (agreed("signatur", world.sign[key].certificate),)
            await agree(hub, Partner(id=name, behoerden=(key,), weg="abruf", zertifikate=certificates))
        yield world
