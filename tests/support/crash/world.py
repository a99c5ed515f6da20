"""One gateway on one database with everybody around it: agencies, partners, a mailbox, and the books."""

import asyncio
import contextlib
import io
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from as2peer import Peer, peering
from caseworld import STA, STA_BONN, notice
from gatewayworld import BONN, JVA, KOELN, POLIZEI, RHEIN_SIEG, Api

from crash.books import Books, Count, Given
from crash.child import Nursery
from crash.peers import THEIRS, Mailbox, ended, once
from crash.process import PATIENCE_S, Place, Point, Running, Stuck, insist
from gateway.cli.inbox import sign_detached
from gateway.config_tables import KeyFiles
from gateway.message import Teil
from gateway.partner import Grenzen, Partner
from gateway.pki import KeyPair, agreed, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.settle.inbox_ack import ack_content
from gateway.settle.mdn import Report, parse_report
from gateway.store.search import MAX_PAGE
from gateway.tls import client_context

V = TypeVar("V")
AT_ONCE = 8
"""Questions at once, when it is counted."""
LEVERKUSEN = "abh:05316000"
DORTMUND = "abh:05913000"
BY_AS2, BY_AS2_LATER, BY_MAIL, BY_INBOX, BY_MOODY = KOELN, BONN, RHEIN_SIEG, LEVERKUSEN, DORTMUND
"""Who is reached how: receipt in the answer, receipt by a request of its own, mail, inbox, as a scene scripts it."""
SETTLED = ("zugestellt", "storniert", "entbehrlich")
"""How the story of a message may end here."""
CLIENTS = {
    "jva": JVA,
    "polizei": POLIZEI,
    "koeln": KOELN,
    "leverkusen": LEVERKUSEN,
    "sta": STA,
    "sta_bonn": STA_BONN,
    "betrieb": None,
}


def random_azr() -> str:
    """The AZR-Nummer of somebody new, so that no two notices share a Vorgang."""
    return f"2104{random.randrange(10, 29)}{random.randrange(1_000_000):06}"


@dataclass
class World:
    """What a scene plays in."""

    kind: str
    """`hub`, `edge`, or `workers`: a hub with a worker process."""
    place: Place
    running: Running
    books: Books
    apis: dict[str, Api]
    peers: dict[str, Peer] = field(default_factory=dict)
    mailbox: Mailbox | None = None
    mdns: dict[str, Report] = field(default_factory=dict)
    """Our receipts that came to a peer by themselves, by the Message-ID that they are for."""
    by_hand: list[Point] = field(default_factory=list)
    """Where commands die: the first one at the first of them."""
    signer: KeyPair | None = None
    """Signs what is collected from an inbox, for everybody."""
    _fetched: dict[str, bytes] = field(default_factory=dict)

    # --- what agencies do -------------------------------------------------------------------------------------------

    def notice(self, addressee: str, **facts: Any) -> tuple[str, bytes]:
        """A notice of the Polizei about somebody new, which the rules send to `addressee`."""
        own = str(uuid.uuid4())
        head = {"eigene_id": own, "azr": random_azr()}
        azr = {"abgefragt": True, "aktenfuehrende_abh": addressee}
        return own, notice("ermittlungsverfahren_eingeleitet", POLIZEI, head, **({"azr": azr} | facts))

    async def post(self, own: str, xml: bytes, who: str = "polizei", **form: Any) -> str:
        """Posts a notice until it is accepted; its id."""

        async def attempt() -> dict[str, Any] | None:
            if form:
                data = aiohttp.FormData()
                data.add_field("nachricht", xml, content_type="application/xml")
                for name, content in form["files"]:
                    data.add_field("datei", io.BytesIO(content), filename=name, content_type="application/pdf")
                status, answer = await self.apis[who].call("POST", "/v1/messages", data=data)
            else:
                status, answer = await self.apis[who].post_xml(xml)
            if status in (429, 503):
                return None
            if status not in (200, 202):
                raise Stuck(f"{status}: {answer}")
            return answer

        answer = await insist(attempt, "acceptance")
        self.books.given.append(Given("api", own, answer["id"]))
        return str(answer["id"])

    async def act(self, who: str, verb: str, message: str, done: tuple[str, ...] = (), **body: Any) -> dict[str, Any]:
        """An act on a message, until it is done; `done` are codes that say it was done before."""

        async def attempt() -> dict[str, Any] | None:
            status, answer = await self.apis[who].call("POST", f"/v1/messages/{message}/{verb}", json=body)
            if status in (429, 503):
                return None
            codes = {error["code"] for error in answer.get("errors", ())}
            if status not in (200, 202) and not codes & set(done):
                raise Stuck(f"{verb}: {status}: {answer}")
            return dict(answer)

        return await insist(attempt, verb)

    async def get(self, who: str, path: str) -> Any:
        async def attempt() -> Any:
            status, value = await self.apis[who].call("GET", path)
            return value if status == 200 else None

        return await insist(attempt, path)

    async def settled(self, message: str, *statuses: str, who: str = "betrieb") -> dict[str, Any]:
        """The message, once its status is one of these."""

        async def attempt() -> dict[str, Any] | None:
            status, value = await self.apis[who].call("GET", f"/v1/messages/{message}")
            return value if status == 200 and value["status"] in statuses else None

        return await insist(attempt, f"{message} {statuses}")

    async def collect_all(self, who: str, addressee: str) -> None:
        """Fetches and acknowledges whatever there is, for as long as it is let."""

        async def take(entry: dict[str, Any]) -> bool:
            if xml := await self._xml(who, entry):
                await self._take(who, addressee, entry, xml)
            return True

        while True:
            await _each(await insist(lambda: self._inbox(who), "the inbox"), take)
            await asyncio.sleep(0.3)

    async def collect(self, who: str, addressee: str, notice: str) -> None:
        """Fetches and acknowledges what names a notice, until all has come there that is expected of it."""

        async def attempt() -> bool | None:
            for entry in await self._inbox(who) or ():
                xml = await self._xml(who, entry)
                if notice.encode() in xml:
                    await self._take(who, addressee, entry, xml)
            return not any(one.notice == notice and one.addressee == addressee for one in self.books.missing()) or None

        await insist(attempt, f"entry of {addressee}")

    async def _inbox(self, who: str) -> list[dict[str, Any]] | None:
        status, found = await self.apis[who].call("GET", "/v1/inbox")
        return found["eintraege"] if status == 200 else None

    async def _xml(self, who: str, entry: dict[str, Any]) -> bytes:
        """The XML of an entry, fetched once; nothing where it was cancelled meanwhile."""

        async def attempt() -> bytes | None:
            status, xml = await self.apis[who].call("GET", f"/v1/messages/{entry['nachricht']}/parts/0")
            return {200: xml, 404: b""}.get(status)

        if entry["id"] not in self._fetched:
            self._fetched[entry["id"]] = await insist(attempt, "a part")
        return self._fetched[entry["id"]]

    async def _take(self, who: str, addressee: str, entry: dict[str, Any], xml: bytes) -> None:
        self.books.takes(addressee, entry["id"], xml, xml)
        await insist(lambda: self._ack(who, entry), "200 for an acknowledgement")

    async def _ack(self, who: str, entry: dict[str, Any]) -> bool | None:
        assert self.signer is not None
        parts = [Teil(t["n"], t["name"], "", t["sha256"], t["bytes"]) for t in entry["teile"]]
        signature = sign_detached(ack_content(entry["id"], parts), self.signer)
        status, _ = await self.apis[who].call(
            "POST",
            f"/v1/inbox/{entry['id']}/ack",
            data=signature,
            headers={"Content-Type": "application/pkcs7-signature"},
        )
        return status == 200 or None

    def receipts_to(self, peer: Peer) -> dict[str, Report]:
        """What came so far."""
        while peer.receipts:
            report = parse_report(peer.receipts.pop().entity)
            self.mdns[report.original_message_id or ""] = report
        return self.mdns

    async def command(self, name: str, constants: dict[str, Any]) -> int:
        """A command beside the gateway that runs; its exit code."""
        place, nursery = self.place, self.running.nursery
        point = self.by_hand.pop(0) if self.by_hand else None
        argv, log = ["--config", str(place.toml), name], str(place.folder / f"{name}.log")
        pid = await nursery.start(argv=argv, log=log, point=point, constants=constants)
        code = await nursery.ended(pid)
        self.running.kills += code == -9
        return code

    # --- counting ---------------------------------------------------------------------------------------------------

    async def arrived(self) -> None:
        """Waits until everything that is expected has come, for as long as anything comes; what has not is lost."""
        with contextlib.suppress(Stuck):
            while missing := len(self.books.missing()):
                await insist(lambda missing=missing: self._more(missing), "another effect")

    async def _more(self, missing: int) -> bool | None:
        self.running.alive()
        return len(self.books.missing()) < missing or None

    async def count(self) -> Count:
        """Asks for everything that was answered, and shows the books."""
        given, self.books.given = self.books.given, []
        found = await self._listing()
        self.books.orphans += [one for one in given if not self._is_there(one, found)]
        late = [
            one.message
            for one in given
            if one.message and not any(entry["status"] in SETTLED for entry in found.get(one.notice, ()))
        ]
        settled = await _each(late, self._settles)
        self.books.unsettled += [message for message, is_settled in settled if not is_settled]
        return self.books.count(self.books.orphans, self.books.unsettled)

    def _is_there(self, given: Given, found: dict[str, list[dict[str, Any]]]) -> bool:
        if self.kind == "edge":
            return self.books.had(given.notice)
        ids = [entry["id"] for entry in found.get(given.notice, ())]
        return len(ids) == 1 and given.message in (None, ids[0])

    async def _settles(self, message: str) -> bool:
        try:
            await self.settled(message, *SETTLED)
        except Stuck:
            return False
        return True

    async def _listing(self) -> dict[str, list[dict[str, Any]]]:
        """All that the gateway shows, by the sender's id: page by page, since thousands are asked for."""
        found: dict[str, list[dict[str, Any]]] = {}
        query: dict[str, Any] = {"anzahl": MAX_PAGE}
        while True:
            page = await insist(lambda: self._search(query), "a search")
            for entry in page["eintraege"]:
                found.setdefault(entry["nachrichten_id"], []).append(entry)
            if page["naechste"] is None:
                return found
            query["nach"] = page["naechste"]

    async def _search(self, query: dict[str, Any]) -> dict[str, Any] | None:
        status, page = await self.apis["betrieb"].call("POST", "/v1/messages/search", json=query)
        return dict(page) if status == 200 else None


async def _each(values: list[V], ask: Callable[[V], Awaitable[bool]]) -> list[tuple[V, bool]]:
    """The answer for each value, some at once."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(value: V) -> tuple[V, bool]:
        async with free:
            return value, await ask(value)

    return list(await asyncio.gather(*(one(value) for value in values)))


@contextlib.asynccontextmanager
async def opened(kind: str, nursery: Nursery, folder: Path, store: str | None = None) -> AsyncIterator[World]:
    """A world whose gateway does not run yet."""
    ca = DevelopmentCa.create()
    await asyncio.to_thread(folder.mkdir)
    eigene = (KOELN,) if kind == "edge" else ()
    place = Place(folder / kind, "gw:koeln" if eigene else "gw:nrw", eigene, ca=ca, store=store)
    books = Books()
    async with contextlib.AsyncExitStack() as stack:
        make = _edge if kind == "edge" else _hub
        world = World(
            kind, place, Running(nursery, place, place.toml, workers=2 if kind == "workers" else 1), books, {}
        )
        await make(world, ca, folder, stack)
        yield world
        await world.running.end()


async def _clients(world: World, ca: DevelopmentCa, folder: Path, stack: contextlib.AsyncExitStack) -> None:
    world.signer = ca.issue(Request(purpose="sign", name="abholer"))
    for name, key in CLIENTS.items():
        pair = ca.issue(Request(purpose="tls", name=name))
        write_pair(pair, folder / name)
        world.place.admit(pair, *([key] if key else []), rolle="fachverfahren" if key else "betrieb")
        tls = client_context([ca.pem], KeyFiles(key=folder / f"{name}.key", crt=folder / f"{name}.crt"))
        connector = aiohttp.TCPConnector(ssl=tls, force_close=True)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S / 2)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=timeout))
        world.apis[name] = Api(session, f"https://localhost:{world.place.ports['api']}")


async def _peer(
    world: World, ca: DevelopmentCa, folder: Path, stack: contextlib.AsyncExitStack, name: str, *behoerden: str
) -> Peer:
    peer = await stack.enter_async_context(peering(ca, world.place, name, behoerden, folder))  # type: ignore[arg-type]
    stack.push_async_callback(_quiet, peer)
    world.peers[name] = peer
    return peer


async def _quiet(peer: Peer) -> None:
    await ended(set(peer.tasks))


async def _hub(world: World, ca: DevelopmentCa, folder: Path, stack: contextlib.AsyncExitStack) -> None:
    place, books = world.place, world.books
    mail_port_of = Peer(ca, place, "rhein-sieg", (BY_MAIL,), folder)  # type: ignore[arg-type]
    world.mailbox = Mailbox(mail_port_of, BY_MAIL, books, place)
    await asyncio.to_thread(place.make, ca, world.mailbox.port)
    await world.mailbox.start()
    stack.push_async_callback(world.mailbox.stop)
    await _clients(world, ca, folder, stack)
    koeln = await _peer(world, ca, folder, stack, "koeln", BY_AS2)
    bonn = await _peer(world, ca, folder, stack, "bonn", BY_AS2_LATER)
    moody = await _peer(world, ca, folder, stack, "dortmund", BY_MOODY)
    polizei = await _peer(world, ca, folder, stack, "polizei", POLIZEI)
    koeln.otherwise = once(books, BY_AS2)
    bonn.otherwise = once(books, BY_AS2_LATER, async_to=place.as2_name)
    moody.otherwise = once(books, BY_MOODY)
    polizei.otherwise = once(books, POLIZEI)
    assert world.signer is not None
    collects = (agreed("signatur", world.signer.certificate),)
    await place.agreed_with(
        koeln.agreement(),
        bonn.agreement(mdn="async"),
        moody.agreement(grenzen=Grenzen(quittung_sekunden=1)),
        polizei.agreement(),
        mail_port_of.agreement(weg="mail", adresse=THEIRS, url=None, as2_id=None, mdn_url=None),
        Partner(id="abholer", behoerden=(BY_INBOX, JVA, STA, STA_BONN), weg="abruf", zertifikate=collects),
    )


async def _edge(world: World, ca: DevelopmentCa, folder: Path, stack: contextlib.AsyncExitStack) -> None:
    await asyncio.to_thread(world.place.make, ca)
    await _clients(world, ca, folder, stack)
    sender = await _peer(world, ca, folder, stack, "vermittler")
    assert world.signer is not None
    await world.place.agreed_with(
        sender.agreement(art="vermittler"),
        Partner(
            id="abholer", behoerden=(KOELN,), weg="abruf", zertifikate=(agreed("signatur", world.signer.certificate),)
        ),
    )
