"""A partner that speaks AS2 and does what a script says: the faulty peer of the journeys, and a sender of messages."""

import asyncio
import contextlib
import io
import secrets
import ssl
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from asn1crypto import cms as asn1
from gatewayworld import KOELN, Api, Site, calling

from gateway import clock, mime
from gateway.as2headers import ReceiptRequest, new_message_id, request_headers
from gateway.demo.letters import ermittlungsverfahren
from gateway.partner import Algorithmen, Partner
from gateway.pki import KeyPair, agreed, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.route.plan import Planned
from gateway.seal.identity import Identity
from gateway.seal.opening import open_bytes
from gateway.seal.sealer import OPEN_LIMIT, Opened, OpenRefused, PartIn, open_sealed, seal, sign_entity
from gateway.seal.signedmime import open_signed
from gateway.service.arrival.accepting import delivery_steps
from gateway.service.gateway import Gateway
from gateway.settle.disposition import DUPLICATE, PROCESSED, Disposition, refusal
from gateway.settle.mdn import Mic, Report, build_report, parse_report
from gateway.states import DeliveryStatus
from gateway.store.steps import do

EXAMPLE = Path(__file__).parents[2] / "schemas" / "beispiele" / "haft-3.2.xml"
EXAMPLE_ID = "0b6f6d0e-52b9-4c54-9d3e-0c1a5a1f2b02"


def haft(eigene_id: str | None = None, empfaenger: str = "zuErmitteln") -> bytes:
    """The shipped notice of JVA Köln under an ID of its own."""
    xml = EXAMPLE.read_bytes().replace(EXAMPLE_ID.encode(), (eigene_id or str(uuid.uuid4())).encode())
    if empfaenger == "zuErmitteln":
        return xml
    named = f'<auslaenderbehoerde listVersionID="1.0"><code xmlns="">{empfaenger}</code></auslaenderbehoerde>'
    return xml.replace(b"<sonstige>zuErmitteln</sonstige>", named.encode())


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Received:
    """One request that came to the peer."""

    raw_headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    opened: Opened | None
    """None for what is no message: a receipt."""
    abort: Callable[[], None] = field(repr=False)
    """Cuts the connection."""

    def header(self, name: str) -> str:
        (value,) = [v.decode("latin-1") for n, v in self.raw_headers if n.decode().lower() == name.lower()]
        return value

    @property
    def message_id(self) -> str:
        return self.header("Message-ID")

    @property
    def report(self) -> Report:
        """What the receipt says."""
        return parse_report(self.entity)

    @property
    def entity(self) -> bytes:
        return mime.build([("Content-Type", self.header("Content-Type"))], self.body)


Answer = Callable[["Peer", Received], Awaitable[web.StreamResponse]]


class Peer:
    """A partner's gateway as a test scripts it."""

    def __init__(self, ca: DevelopmentCa, hub_site: Site, name: str, behoerden: Sequence[str], folder: Path) -> None:
        self.ca = ca
        self.name = name
        self.behoerden = tuple(behoerden)
        self.sign = ca.issue(Request(purpose="sign", name=name))
        self.encrypt = ca.issue(Request(purpose="encrypt", name=name))
        self.tls = ca.issue(Request(purpose="tls", name=name, hosts=("localhost", "127.0.0.1")))
        self.folder = folder
        self.site = hub_site
        self.script: list[Answer] = []
        """What is answered, one after the other; then `otherwise`."""
        self.otherwise: Answer = answering()
        self.reading: Callable[[web.Request], Awaitable[bytes]] = web.Request.read
        """How a body is read."""
        self.messages: list[Received] = []
        self.receipts: list[Received] = []
        self.receipt_status: list[int] = []
        """Status codes for incoming receipts; then 200."""
        self.tasks: list[asyncio.Task[None]] = []
        """What answers left running."""
        self.port = 0
        self.session: aiohttp.ClientSession
        self._runner: web.AppRunner | None = None

    @property
    def identity(self) -> Identity:
        return Identity(
            self.name, self.sign.key, self.sign.certificate, ((self.encrypt.key, self.encrypt.certificate),)
        )

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/as2"

    def agreement(self, **terms: Any) -> Partner:
        """What the gateway under test knows of this peer."""
        certificates = terms.pop(
            "zertifikate",
            (
                agreed("signatur", self.sign.certificate),
                agreed("quittung", self.sign.certificate),
                agreed("verschluesselung", self.encrypt.certificate),
                agreed("tls", self.ca.certificate),
            ),
        )
        value: dict[str, Any] = {
            "id": self.name,
            "behoerden": self.behoerden,
            "weg": "as2",
            "url": self.url,
            "as2_id": self.name,
            "mdn_url": self.url,
            "zertifikate": certificates,
        }
        return Partner(**(value | terms))

    def gateway_as_partner(self) -> Partner:
        """What this peer knows of the gateway under test."""
        return Partner(
            id="gateway",
            behoerden=(),
            weg="as2",
            url=f"{self.site.as2_url}/as2",
            as2_id="gateway",
            zertifikate=self.site.certificates(),
        )

    # --- receiving --------------------------------------------------------------------------------------------------

    async def start(self, port: int = 0) -> None:
        context = _server_context(self.tls, self.folder)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes([web.post("/as2", self._post)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=self.ca.pem))
        )

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            await self.session.close()
        self._runner = None

    async def _post(self, request: web.Request) -> web.StreamResponse:
        body = await self.reading(request)
        assert request.transport is not None
        abort = request.transport.abort
        if request.content_type.startswith("multipart/"):
            self.receipts.append(Received(tuple(request.raw_headers), body, None, abort))
            return web.Response(status=self.receipt_status.pop(0) if self.receipt_status else 200)
        received = Received(tuple(request.raw_headers), body, self._opened(request, body), abort)
        self.messages.append(received)
        answer = self.script.pop(0) if self.script else self.otherwise
        return await answer(self, received)

    def _opened(self, request: web.Request, body: bytes) -> Opened | None:
        kind = (request.headers["Content-Type"], self.identity, self.gateway_as_partner())
        transfer = request.headers.get("Content-Transfer-Encoding", "binary")
        try:
            if len(body) > OPEN_LIMIT and transfer == "binary":
                return open_bytes(body, *kind, now())
            return open_sealed(io.BytesIO(body), *kind, at=now(), transfer=transfer)
        except OpenRefused:
            return None

    # --- sending ----------------------------------------------------------------------------------------------------

    def seal(
        self,
        xml: bytes,
        empfaenger: str | None = KOELN,
        *,
        gateway_id: str | None = None,
        files: Sequence[PartIn] = (),
        identity: Identity | None = None,
        partner: Partner | None = None,
    ) -> tuple[str, bytes]:
        """Content-Type and body of a message to the gateway."""
        headers = {} if empfaenger is None else {"X-Gateway-Empfaenger": empfaenger}
        if gateway_id is not None:
            headers["X-Gateway-Id"] = gateway_id
        signed, sealed = io.BytesIO(), io.BytesIO()
        parts = [PartIn("nachricht.xml", "application/xml", io.BytesIO(xml)), *files]
        outer = seal(
            parts,
            headers,
            identity or self.identity,
            partner or self.gateway_as_partner(),
            at=now(),
            transfer="binary",
            signed_out=signed,
            sealed_out=sealed,
        )
        return outer.headers["Content-Type"], sealed.getvalue()

    def headers(
        self, content_type: str, *, to: str, message_id: str | None = None, receipt: ReceiptRequest | None = None
    ) -> list[tuple[str, str]]:
        return request_headers(
            sender=self.name,
            recipient=to,
            message_id=message_id or self.new_id(),
            content_type=content_type,
            now=clock.now(),
            receipt=receipt or ReceiptRequest(),
        )

    def new_id(self) -> str:
        return new_message_id(f"{self.name}.example", secrets.token_hex(12))

    async def post(self, headers: Sequence[tuple[str, str]], body: bytes) -> "Answered":
        """One request to the gateway."""
        async with self.session.post(f"{self.site.as2_url}/as2", headers=headers, data=io.BytesIO(body)) as answer:
            return Answered(answer.status, tuple(answer.raw_headers), await answer.read(), self)

    async def send(self, xml: bytes, to: str, empfaenger: str | None = KOELN, **options: Any) -> "Answered":
        """Seals and posts one message."""
        message_id, receipt = options.pop("message_id", None), options.pop("receipt", None)
        content_type, body = self.seal(xml, empfaenger, **options)
        return await self.post(self.headers(content_type, to=to, message_id=message_id, receipt=receipt), body)

    async def send_receipt(self, receipt: "Made", to: str) -> "Answered":
        """An asynchronous receipt to the gateway."""
        headers = request_headers(
            sender=self.name,
            recipient=to,
            message_id=self.new_id(),
            content_type=receipt.content_type,
            now=clock.now(),
            transfer_encoding=None,
        )
        return await self.post(headers, receipt.body)


@dataclass(frozen=True)
class Answered:
    """What the gateway under test answered."""

    status: int
    raw_headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = field(repr=False)
    peer: Peer

    def header(self, name: str) -> str:
        return next(v.decode("latin-1") for n, v in self.raw_headers if n.decode().lower() == name.lower())

    @property
    def entity(self) -> bytes:
        return mime.build([("Content-Type", self.header("Content-Type"))], self.body)

    @property
    def report(self) -> Report:
        return parse_report(self.entity)

    def verified(self) -> Report:
        """The receipt, its signature checked against the gateway's certificate."""
        certificate = self.peer.site.pair("sign").certificate
        _, inner = open_signed(self.entity, [certificate], Algorithmen(), now())
        return parse_report(inner)


# --- receipts that the peer makes -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A receipt as it goes over the wire."""

    content_type: str
    body: bytes

    @property
    def entity(self) -> bytes:
        return mime.build([("Content-Type", self.content_type)], self.body)


def receipt(
    peer: Peer,
    received: Received,
    disposition: Disposition = PROCESSED,
    *,
    message_id: str | None = None,
    mic: Mic | str | None = "own",
    signer: Identity | None = None,
    signed: bool = True,
) -> Made:
    """A receipt for `received`, wrong in whatever way the arguments say."""
    if mic == "own":
        assert received.opened is not None
        mic = Mic.of(received.opened.mic(), received.opened.verified.hash)
    assert not isinstance(mic, str)
    report = build_report(
        original_message_id=message_id or received.message_id,
        disposition=disposition,
        final_recipient=peer.name,
        reporting_ua="Peer",
        mic=mic,
    )
    if not signed:
        entity = mime.parse(report)
        return Made(entity.header("Content-Type") or "", entity.body)
    return Made(*sign_entity(report, signer or peer.identity, Algorithmen(), now()))


def without_signer(made: Made) -> Made:
    """The same receipt with a signature that nobody made: SignedData without SignerInfo."""
    report, signature = mime.parts(mime.parse(made.entity))
    content = asn1.ContentInfo.load(signature.decoded())
    content["content"]["signer_infos"] = []
    empty = mime.build(
        [("Content-Type", "application/pkcs7-signature"), ("Content-Transfer-Encoding", "base64")],
        mime.base64_lines(content.dump(force=True)),
    )
    params = {"protocol": "application/pkcs7-signature", "micalg": "sha-256"}
    return Made(*mime.multipart_body("signed", [report.raw, empty], params))


def stranger(ca: DevelopmentCa, name: str = "fremd") -> Identity:
    """Somebody else's keys, by the same CA."""
    sign, encrypt = ca.issue(Request(purpose="sign", name=name)), ca.issue(Request(purpose="encrypt", name=name))
    return Identity(name, sign.key, sign.certificate, ((encrypt.key, encrypt.certificate),))


def answering(disposition: Disposition = PROCESSED, **wrong: Any) -> Answer:
    """Answers with a receipt."""

    async def answer(peer: Peer, received: Received) -> web.StreamResponse:
        options = dict(wrong)
        foreign, unsigned_cms = options.pop("foreign", False), options.pop("no_signer", False)
        if foreign:
            options["signer"] = stranger(peer.ca)
        made = receipt(peer, received, disposition, **options)
        made = without_signer(made) if unsigned_cms else made
        return web.Response(body=made.body, headers={"Content-Type": made.content_type})

    return answer


def duplicate() -> Answer:
    return answering(DUPLICATE)


def refusing(cause: str) -> Answer:
    return answering(refusal(cause), mic=None)


def status(code: int, text: str = "<html><body>Fehler</body></html>", **headers: str) -> Answer:
    """Answers with a plain status, by default an HTML page."""

    async def answer(peer: Peer, received: Received) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=text, content_type="text/html", headers=named)

    return answer


def cut() -> Answer:
    """Closes the connection instead of answering."""

    async def answer(peer: Peer, received: Received) -> web.StreamResponse:
        received.abort()
        return web.Response()

    return answer


def waiting(event: asyncio.Event, then: Answer | None = None) -> Answer:
    """Answers only after `event`."""

    async def answer(peer: Peer, received: Received) -> web.StreamResponse:
        await event.wait()
        return await (then or answering())(peer, received)

    return answer


@contextlib.asynccontextmanager
async def peering(
    ca: DevelopmentCa, site: Site, name: str, behoerden: Sequence[str], folder: Path
) -> AsyncIterator[Peer]:
    """A peer that runs inside the block."""
    peer = Peer(ca, site, name, behoerden, folder)
    await peer.start()
    try:
        yield peer
    finally:
        await peer.stop()


def _server_context(pair: KeyPair, folder: Path) -> ssl.SSLContext:
    path = folder / f"server-{secrets.token_hex(4)}"
    write_pair(pair, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{path}.crt", f"{path}.key")
    return context


# --- what a gateway under test shows ----------------------------------------------------------------------------------


async def amend(gateway: Gateway, partner: Partner) -> None:
    """The agreement changes; its authorities stay."""
    put = do("put_partner", id=partner.id, agreement=partner.model_dump_json(), now=gateway.ctx.now())
    await gateway.ctx.db.commit(put)
    gateway.ctx.partners.forget()


def later(gateway: Gateway, seconds: float) -> None:
    """The gateway's clock jumps forward."""
    before = gateway.ctx.now
    gateway.ctx.now = lambda: before() + round(seconds * clock.SECOND)


async def delivery(gateway: Gateway, message_id: str, empfaenger: str = KOELN) -> dict[str, Any]:
    """The delivery as it is stored now."""
    rows = await gateway.ctx.db.fetch("deliveries_of_message", message_id)
    (row,) = [row for row in rows if row["empfaenger"] == empfaenger]
    return dict(row)


async def until(gateway: Gateway, message_id: str, *wanted: str, empfaenger: str = KOELN) -> dict[str, Any]:
    """The delivery, as soon as its status is one of `wanted`."""
    async with asyncio.timeout(30):
        while True:
            row = await delivery(gateway, message_id, empfaenger)
            if row["status"] in wanted:
                return row
            await asyncio.sleep(0.01)


async def eventually(condition: Callable[[], Any]) -> None:
    """Waits until `condition` holds."""
    async with asyncio.timeout(30):
        while True:
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.01)


async def events(gateway: Gateway, message_id: str, art: str) -> list[dict[str, Any]]:
    rows = await gateway.ctx.db.fetch("events_of_message", message_id)
    return [dict(row) for row in rows if row["art"] == art]


async def events_of(gateway: Gateway, art: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await gateway.ctx.db.fetch("events_of_art", art, "", 1000)]


async def posted(jva: Api, xml: bytes | None = None) -> str:
    """A notice of JVA Köln for Stadt Köln, accepted."""
    code, answer = await jva.post_xml(xml or haft())
    assert code == 202, answer
    found: str = answer["id"]
    return found


async def post_with_file(hub: Gateway, hub_site: Site, size: int) -> str:
    """Polizeipräsidium Bonn posts a notice for the Rhein-Sieg-Kreis with a file of `size` bytes."""
    notice = ermittlungsverfahren()
    ((name, _),) = notice.files
    form = aiohttp.FormData()
    form.add_field("nachricht", notice.xml, content_type="application/xml", filename="nachricht.xml")
    form.add_field("datei", io.BytesIO(bytes(size)), content_type="application/pdf", filename=name)
    async with calling(hub, hub_site.clients["polizei"]) as polizei:
        code, answer = await polizei.call("POST", "/v1/messages", data=form)
        assert code == 202, answer
        found: str = answer["id"]
        return found


async def seeded(hub: Gateway, message: str, partner: str, count: int, vorrang: int = 0) -> list[str]:
    """Further deliveries of an accepted message to invented authorities of one partner, all due now."""
    now = hub.ctx.now()
    keys = [f"abh:9{partner}{vorrang}{n}" for n in range(count)]
    steps = [
        step
        for key in keys
        for step in delivery_steps(
            hub.ctx,
            message,
            Planned(key, "as2", DeliveryStatus.WARTET, partner),
            vorrang=bool(vorrang),
            at=now,
        )
    ]
    await hub.ctx.db.commit(*steps)
    return keys
