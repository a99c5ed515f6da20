"""A partner of the hub whose messages and receipts a foreign program reads and writes.

HTTP and TLS are aiohttp's, in the test's process; what goes over them is the peer's, byte for byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import ssl
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from gatewayworld import JVA, KOELN, ZAB_KOELN, Site, agree

from gateway import mime
from gateway.as2headers import ReceiptRequest, request_headers
from gateway.partner import Algorithmen, Partner
from gateway.pki import KeyPair, agreed, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.seal.identity import Identity
from gateway.seal.sealer import PartIn, seal
from gateway.seal.signedmime import open_signed
from gateway.service.gateway import Gateway
from gateway.settle.mdn import Report, parse_report
from tests.interop.peers.line import Fields
from tests.interop.process import Process

NAME = "fremdes-gateway"
EXAMPLE = Path(__file__).parents[2] / "schemas" / "beispiele" / "haft-3.2.xml"
EXAMPLE_ID = "0b6f6d0e-52b9-4c54-9d3e-0c1a5a1f2b02"


def haft(*, ascii_only: bool = False) -> tuple[str, bytes]:
    """The shipped notice of JVA Köln under an ID of its own; `ascii_only` writes umlauts as character references."""
    eigene_id = str(uuid.uuid4())
    text = EXAMPLE.read_text("utf-8").replace(EXAMPLE_ID, eigene_id)
    return eigene_id, text.encode("ascii", "xmlcharrefreplace") if ascii_only else text.encode()


def exception(**terms: Any) -> Algorithmen:
    """An agreement that admits the weaker algorithms until tomorrow."""
    return Algorithmen(ausnahmen_bis=(datetime.now(UTC) + timedelta(days=1)).date(), **terms)


@dataclass(frozen=True)
class Answered:
    """What the hub answered to a message of the peer."""

    status: int
    headers: bytes
    body: bytes


@dataclass
class Bridge:
    """The partner."""

    process: Process
    ca: DevelopmentCa
    pairs: dict[str, KeyPair]
    hub: Gateway
    site: Site
    folder: Path
    received: list[Fields] = field(default_factory=list)
    """What the peer made of our messages."""
    receipts: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Our asynchronous receipts: headers and body."""
    wire: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Our messages as they came: headers and body."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/as2"

    async def agree(self, algorithmen: Algorithmen, **terms: Any) -> None:
        """What the hub knows of the peer; `absender=True` makes it JVA Köln, else it receives for Köln."""
        authorities = (JVA,) if terms.pop("absender", False) else (KOELN, ZAB_KOELN)
        certificates = (
            agreed("signatur", self.pairs["peer_sign"].certificate),
            agreed("quittung", self.pairs["peer_sign"].certificate),
            agreed("verschluesselung", self.pairs["peer_encrypt"].certificate),
            agreed("tls", self.ca.certificate),
        )
        partner = Partner(
            id=NAME,
            behoerden=authorities,
            weg="as2",
            url=self.url,
            as2_id=NAME,
            mdn_url=self.url,
            algorithmen=algorithmen,
            zertifikate=certificates,
            **terms,
        )
        await agree(self.hub, partner)

    async def introduce(self, **options: str) -> None:
        """What the peer knows of the hub."""
        fields: dict[str, bytes | str] = {
            "name": NAME,
            "partner": self.hub.ctx.config.as2_name,
            "url": self.url,
            "ca": self.ca.pem,
            "partner_sign": self.pairs["hub_sign"].pem,
            "partner_encrypt": self.pairs["hub_encrypt"].pem,
        }
        for purpose in ("sign", "encrypt"):
            pair = self.pairs[f"peer_{purpose}"]
            fields[f"{purpose}_key"] = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            fields[f"{purpose}_cert"] = pair.pem
        await asyncio.to_thread(self.process, "agree", **fields | options)

    # --- the hub sends ------------------------------------------------------------------------------------------------

    async def post(self, request: web.Request) -> web.Response:
        headers, body = _joined(request.raw_headers), await request.read()
        if request.content_type.startswith("multipart/"):
            self.receipts.append((headers, body))
            return web.Response()
        self.wire.append((headers, body))
        made = await asyncio.to_thread(self.process, "receive", headers=headers, body=body)
        self.received.append(made)
        if made["url"]:
            return web.Response(status=202)
        return web.Response(body=made["body"], headers=_content(made["headers"]))

    @property
    def identity(self) -> Identity:
        """The hub's, for what a test seals or signs in its place."""
        pair = self.pairs["hub_sign"]
        return Identity("gw:nrw", pair.key, pair.certificate, ())

    async def hand_over(self, *files: PartIn) -> Fields:
        """What the peer makes of a message `<a/>` with files, sealed here by PKCS#1 v1.5 and CBC, without HTTP."""
        terms = exception(signatur="pkcs1", schluesseltransport="pkcs1", inhalt="aes-256-cbc")
        certificate = agreed("verschluesselung", self.pairs["peer_encrypt"].certificate)
        partner = Partner(id=NAME, behoerden=(), weg="abruf", algorithmen=terms, zertifikate=(certificate,))
        sealed = io.BytesIO()
        outer = seal(
            [PartIn("n.xml", "application/xml", io.BytesIO(b"<a/>")), *files],
            {},
            self.identity,
            partner,
            at=datetime.now(UTC),
            transfer="binary",
            signed_out=io.BytesIO(),
            sealed_out=sealed,
        )
        headers = request_headers(
            sender=self.hub.ctx.config.as2_name,
            recipient=NAME,
            message_id=f"<{uuid.uuid4()}@gw-nrw.example>",
            content_type=outer.headers["Content-Type"],
            now=self.hub.ctx.now(),
            receipt=ReceiptRequest(),
        )
        block = b"".join(mime.header_line(name, value) for name, value in headers)
        return await asyncio.to_thread(self.process, "receive", headers=block, body=sealed.getvalue())

    async def send_receipt(self) -> Answered:
        """The peer's asynchronous receipt for what it received last."""
        made = self.received[-1]
        return await self._to_hub(made["headers"], made["body"])

    # --- the peer sends -----------------------------------------------------------------------------------------------

    async def send(self, content: bytes) -> tuple[Fields, Answered]:
        """A message of the peer, and what the hub answered."""
        made = await asyncio.to_thread(self.process, "send", content=content)
        return made, await self._to_hub(made["headers"], made["body"])

    async def _to_hub(self, headers: bytes, body: bytes) -> Answered:
        trust = ssl.create_default_context(cadata=self.ca.pem)
        url = f"{self.site.as2_url}/as2"
        pairs = list(_content(headers).items())
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=body, headers=pairs, ssl=trust) as answer,
        ):
            return Answered(answer.status, _joined(answer.raw_headers), await answer.read())

    def verified(self, answered: Answered) -> Report:
        """Our receipt, judged as strictly as we judge others'."""
        content_type = next(
            line for line in answered.headers.split(b"\r\n") if line.lower().startswith(b"content-type:")
        )
        signer = self.pairs["hub_sign"].certificate
        algorithms = exception(signatur="pkcs1")
        _, inner = open_signed(content_type + b"\r\n\r\n" + answered.body, [signer], algorithms, datetime.now(UTC))
        return parse_report(inner)


@contextlib.asynccontextmanager
async def bridging(
    process: Process, ca: DevelopmentCa, pairs: dict[str, KeyPair], hub: Gateway, site: Site, folder: Path
) -> AsyncIterator[Bridge]:
    """The partner, listening."""
    bridge = Bridge(process, ca, pairs, hub, site, folder)
    write_pair(ca.issue(Request(purpose="tls", name=NAME, hosts=("localhost", "127.0.0.1"))), folder / "bridge")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "bridge.crt", folder / "bridge.key")
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes([web.post("/as2", bridge.post)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    bridge.port = runner.addresses[0][1]
    try:
        yield bridge
    finally:
        await runner.cleanup()


def _joined(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers)


def _content(headers: bytes) -> dict[str, str]:
    """A peer's header block for HTTP: unfolded, as RFC 9112 section 5.2 wants."""
    entity = mime.parse(headers + b"\r\n")
    return {name: " ".join(value.split()) for name, value in entity.headers}
