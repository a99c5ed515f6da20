"""The traffic of each part of the way: everybody repeats until it is done, as agencies and partners do."""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web
from as2peer import Answered, Peer, Received, haft, receipt, refusal, refusing, status
from caseworld import JS, STA, STA_BONN, VALID, as_days, notice
from gatewayworld import JVA, KOELN, POLIZEI

from crash.books import Expected, Given
from crash.peers import THEIRS, once
from crash.process import Stuck, insist
from crash.world import BY_AS2, BY_AS2_LATER, BY_INBOX, BY_MAIL, BY_MOODY, World, random_azr
from gateway.as2headers import ReceiptRequest
from gateway.check.compose import Datei, NoticeHead, Person
from gateway.check.compose_any import compose_any
from gateway.demo.cast import now
from routing.sachverhalt import Sachverhalt

Scene = Callable[[World], Awaitable[None]]
NOTICE = "mitteilung"
HAFT = "nachricht.strafausl.haft"
HAMBURG = "02000000"
UNKNOWN_STA = "gds:Z9999S"
DONE_BEFORE = ("status", "abgeschlossen")
"""What an act is told that was done before its answer was lost."""


async def sent(world: World, addressee: str, **facts: Any) -> tuple[str, str]:
    """A notice, accepted; its own id and ours."""
    own, xml = world.notice(addressee, **facts)
    world.books.expect(own, NOTICE, addressee)
    return own, await world.post(own, xml)


# --- in by HTTP, out by each way --------------------------------------------------------------------------------------


async def http_to_as2(world: World) -> None:
    """In by HTTP, out by AS2, the receipt in its answer."""
    await sent(world, BY_AS2)


async def http_to_as2_later(world: World) -> None:
    """In by HTTP, out by AS2, the receipt by a request of its own."""
    await sent(world, BY_AS2_LATER)


async def http_to_mail(world: World) -> None:
    """In by HTTP, out by mail, the receipt by mail."""
    await sent(world, BY_MAIL)


async def http_to_inbox(world: World) -> None:
    """In by HTTP, collected from the inbox and acknowledged."""
    own, _ = await sent(world, BY_INBOX)
    await world.collect("leverkusen", BY_INBOX, own)


async def several(world: World) -> None:
    """Several to one partner, one after the other: each fourth claim begins with what has no `vorrang`."""
    for _ in range(6):
        own, _ = await sent(world, BY_AS2)
        await insist(lambda own=own: _came(world, own), "the effect")


async def _came(world: World, own: str) -> bool | None:
    return not any(wanted.notice == own for wanted in world.books.missing()) or None


async def refused(world: World) -> None:
    """A notice with a mistake: refused, and nothing of it stays."""
    own, xml = world.notice(BY_AS2)
    wrong = spoilt(xml)

    async def attempt() -> bool | None:
        code, _ = await world.apis["polizei"].post_xml(wrong)
        return code == 422 or None

    await insist(attempt, "422")
    page = await insist(lambda: _found(world, own), "a search")
    assert page == [[]], page


def spoilt(xml: bytes) -> bytes:
    """The same notice, no longer valid."""
    wrong = xml.replace(b"fachdaten>", b"fachdatei>")
    assert wrong != xml
    return wrong


async def _found(world: World, own: str) -> list[Any] | None:
    status, page = await world.apis["betrieb"].call("POST", "/v1/messages/search", json={"nachrichten_id": own})
    return [page["eintraege"]] if status == 200 else None


# --- large ------------------------------------------------------------------------------------------------------------


SIZES = (*[1_040_000] * 5, 1_400_000)
"""Of files: some of them wait in memory until they are too much, one is staged as it comes."""


def large(addressee: str, sizes: Sequence[int] = SIZES) -> tuple[str, bytes, list[tuple[str, bytes]]]:
    """A notice with files: its id, its XML, and name and content of each file."""
    own = str(uuid.uuid4())
    names = [f"Anlage_{uuid.uuid4()}.pdf" for _ in sizes]
    files = [(name, b"%PDF-1.4\n" + b"%" * size + b"\n%%EOF\n") for name, size in zip(names, sizes, strict=True)]
    entry = VALID["ermittlungsverfahren_eingeleitet"]
    facts = {"anlass": "ermittlungsverfahren_eingeleitet", "absender": POLIZEI, **as_days(entry["sachverhalt"])}
    facts["azr"] = {"abgefragt": True, "aktenfuehrende_abh": addressee}
    head = NoticeHead(eigene_id=own, erstellt=now(), aktenzeichen="703000-1-26", azr_nummer=random_azr())
    documents = tuple(Datei(name, str(uuid.uuid4()), "Anlage") for name in names)
    person = Person("Beispielová", "Élodie")
    xml = compose_any(Sachverhalt.from_json(facts), head, person, documents, entry.get("mehr", {}), str)
    return own, xml, files


async def with_files(world: World) -> None:
    """Several megabytes: staged while they come, sealed from the store into the store."""
    own, xml, files = large(BY_AS2)
    world.books.expect(own, NOTICE, BY_AS2)
    await world.post(own, xml, files=files)


async def with_files_refused(world: World) -> None:
    """Several megabytes beside a notice that is refused: what was staged goes."""
    _, xml, files = large(BY_AS2)
    wrong = spoilt(xml)
    with contextlib.suppress(Stuck):
        await world.post("", wrong, files=files)


async def with_files_cut(world: World) -> None:
    """A body that ends in the middle of a file."""
    _, xml, files = large(BY_AS2)
    body = b'--x\r\nContent-Disposition: form-data; name="nachricht"\r\nContent-Type: application/xml\r\n\r\n' + xml
    body += b'\r\n--x\r\nContent-Disposition: form-data; name="datei"; filename="' + files[-1][0].encode()
    body += b'"\r\nContent-Type: application/pdf\r\n\r\n' + files[-1][1]
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    async def attempt() -> bool | None:
        code, _ = await world.apis["polizei"].call("POST", "/v1/messages", data=body, headers=headers)
        return code == 400 or None

    await insist(attempt, "400")


# --- in by AS2 --------------------------------------------------------------------------------------------------------


async def _handed_in(world: World, peer: Peer, headers: Any, body: bytes) -> Answered:
    """The same request until it is answered."""

    async def attempt() -> Answered | None:
        answered = await peer.post(headers, body)
        return answered if answered.status == 200 else None

    return await insist(attempt, "a receipt")


def _sealed(world: World, peer: Peer, addressee: str) -> tuple[str, str, bytes]:
    """A notice of a partner: its id, and content type and body."""
    if world.kind == "edge":
        own = str(uuid.uuid4())
        return own, *peer.seal(haft(own), KOELN, gateway_id=str(uuid.uuid4()))
    own, xml = world.notice(addressee)
    return own, *peer.seal(xml, None)


def _receipted(world: World, own: str, answered: Answered) -> None:
    disposition = answered.verified().disposition
    assert disposition is not None
    assert disposition.positive, disposition
    world.books.given.append(Given("mdn", own, None))


async def as2_in(world: World) -> None:
    """In by AS2 at a hub, our receipt in the answer; out by AS2."""
    peer = world.peers["polizei"]
    own, kind, body = _sealed(world, peer, BY_AS2)
    world.books.expect(own, NOTICE, BY_AS2)
    headers = peer.headers(kind, to=world.place.as2_name)
    _receipted(world, own, await _handed_in(world, peer, headers, body))


async def as2_in_twice(world: World) -> None:
    """The same request again has no second effect; another one under its Message-ID is refused."""
    peer = world.peers["polizei"]
    own, kind, body = _sealed(world, peer, BY_AS2)
    world.books.expect(own, NOTICE, BY_AS2)
    headers = peer.headers(kind, to=world.place.as2_name)
    first = await _handed_in(world, peer, headers, body)
    again = await _handed_in(world, peer, headers, body)
    assert first.body == again.body
    _receipted(world, own, again)
    _, other_kind, other = _sealed(world, peer, BY_AS2)
    swapped = [(name, other_kind if name == "Content-Type" else value) for name, value in headers]
    refusal = (await _handed_in(world, peer, swapped, other)).verified().disposition
    assert refusal is not None
    assert not refusal.positive


async def as2_in_later(world: World) -> None:
    """In by AS2, our receipt by a request of its own."""
    peer = world.peers["polizei"]
    own, kind, body = _sealed(world, peer, BY_AS2)
    world.books.expect(own, NOTICE, BY_AS2)
    headers = peer.headers(kind, to=world.place.as2_name, receipt=ReceiptRequest(url=peer.url))
    wire_id = dict(headers)["Message-ID"].strip("<>")
    await _handed_in(world, peer, headers, body)

    async def receipted() -> bool | None:
        report = world.receipts_to(peer).get(wire_id)
        assert report is None or (report.disposition and report.disposition.positive)
        return report is not None or None

    await insist(receipted, "our receipt")
    world.books.given.append(Given("mdn", own, None))


async def as2_in_wrong(world: World) -> None:
    """What is refused before anything is kept: a receipt for nobody knows what, and one wanted elsewhere."""
    peer = world.peers["polizei"]
    _, kind, body = _sealed(world, peer, BY_AS2)
    elsewhere = peer.headers(kind, to=world.place.as2_name, receipt=ReceiptRequest(url="https://localhost:1/as2"))
    stray = receipt(peer, _stray(peer), mic=None)

    async def attempt() -> bool | None:
        return (await peer.send_receipt(stray, world.place.as2_name)).status == 400 or None

    async def attempt_elsewhere() -> bool | None:
        return (await peer.post(elsewhere, body)).status == 400 or None

    await insist(attempt, "400")
    await insist(attempt_elsewhere, "400")


def _stray(peer: Peer) -> Received:
    return Received(((b"Message-ID", peer.new_id().encode()),), b"", None, lambda: None)


async def edge_in(world: World) -> None:
    """In by AS2 at an edge, into the inbox of its authority, collected."""
    peer = world.peers["vermittler"]
    own, kind, body = _sealed(world, peer, KOELN)
    world.books.expect(own, HAFT, KOELN)
    headers = peer.headers(kind, to=world.place.as2_name)
    answered = await _handed_in(world, peer, headers, body)
    _receipted(world, own, answered)
    await world.collect("koeln", KOELN, own)


# --- receipts ---------------------------------------------------------------------------------------------------------


async def mail_in(world: World) -> None:
    """In by mail, our receipt by mail; into the inbox of its addressee."""
    box = world.mailbox
    assert box is not None
    own = str(uuid.uuid4())
    head = {"eigene_id": own, "azr": random_azr()}
    xml = notice("pruefergebnis_untersuchungshaft", BY_MAIL, head, verfahren=[{"staatsanwaltschaft": STA}])
    world.books.expect(own, "pruefergebnis", STA)
    wire_id, mail = box.letter(*box.peer.seal(xml, None))
    await insist(lambda: box.hand_in(mail, sender=THEIRS), "250 for a mail")

    async def receipted() -> bool | None:
        ours = [report for report in box.reports if report.original_message_id == wire_id.strip("<>")]
        assert all(report.disposition and report.disposition.positive for report in ours), ours
        return bool(ours) or None

    await insist(receipted, "our receipt by mail")
    world.books.given.append(Given("mdn", own, None))
    await world.collect("sta", STA, own)


async def mail_returned(world: World) -> None:
    """A mail comes back: another try. What comes back later changes nothing any more."""
    box = world.mailbox
    assert box is not None
    box.bounces = 1
    del box.tries[:]
    _, message = await sent(world, BY_MAIL)
    await world.settled(message, "zugestellt")
    first, last = box.tries[0], box.tries[-1]
    await box.returned(first, "delayed")
    await box.returned(first)
    await box.returned(last)
    await asyncio.sleep(0.3)  # for who looks at it


async def mail_that_is_no_receipt(world: World) -> None:
    """Kept, and never answered."""
    assert world.mailbox is not None
    mail = b"From: a@b.example\r\nSubject: Hallo\r\n\r\nGuten Tag\r\n"
    box = world.mailbox
    await insist(lambda: box.hand_in(mail), "250")


async def receipt_before_its_answer(world: World) -> None:
    """The receipt comes by itself while the request that it is for still waits for its answer."""
    usual = once(world.books, BY_MOODY)

    async def first(peer: Peer, came: Received) -> web.StreamResponse:
        await usual(peer, came)
        await peer.send_receipt(receipt(peer, came), world.place.as2_name)
        return web.Response(status=202)

    world.peers["dortmund"].script = [first]
    await sent(world, BY_MOODY)


async def receipt_too_late(world: World) -> None:
    """No receipt in time: the same bytes once more."""

    async def silent(peer: Peer, came: Received) -> web.StreamResponse:
        return web.Response(status=202)

    world.peers["dortmund"].script = [silent]
    await sent(world, BY_MOODY)


async def busy_partner(world: World) -> None:
    """The partner is not ready once, then it is."""
    world.peers["dortmund"].script = [status(503)]
    await sent(world, BY_MOODY)


async def slow_partner(world: World) -> None:
    """The partner takes its time, until the gateway died of it: the claim is kept meanwhile."""
    usual = world.peers["dortmund"].otherwise

    async def slow(peer: Peer, came: Received) -> web.StreamResponse:
        async def died() -> bool | None:
            return world.running.kills > 0 or None

        await insist(died, "death")
        return await usual(peer, came)

    world.peers["dortmund"].script = [slow]
    await sent(world, BY_MOODY)


async def delay_is_told(world: World) -> None:
    """The partner is not ready for long: the sender is told once, and the notice arrives in the end."""
    peer = world.peers["dortmund"]
    usual, told = peer.otherwise, Expected("", "zustellnachweis", POLIZEI)

    async def busy(peer: Peer, came: Received) -> web.StreamResponse:
        if not world.books.times(replace(told, notice=own)):
            return web.Response(status=503)
        return await usual(peer, came)

    own, xml = world.notice(BY_MOODY)
    peer.otherwise = busy
    try:
        world.books.expect(own, NOTICE, BY_MOODY)
        world.books.expect(own, told.kind, told.addressee)
        await world.post(own, xml)
        await world.arrived()
    finally:
        peer.otherwise = usual


async def receipt_twice(world: World) -> None:
    """Another receipt for what has arrived: kept, and changes nothing."""
    _, message = await sent(world, BY_MOODY)
    await world.settled(message, "zugestellt")
    peer = world.peers["dortmund"]
    await _another(world, receipt(peer, _last(peer, message)))


def _last(peer: Peer, message: str) -> Received:
    return [came for came in peer.messages if came.header("X-Gateway-Id") == message][-1]


async def _another(world: World, made: Any) -> None:
    peer = world.peers["dortmund"]

    async def attempt() -> bool | None:
        return (await peer.send_receipt(made, world.place.as2_name)).status == 200 or None

    await insist(attempt, "200 for a receipt")


# --- acts -------------------------------------------------------------------------------------------------------------


async def resent(world: World) -> None:
    """Refused by the partner, sent anew by an operator; receipts for what was replaced still come."""
    peer = world.peers["dortmund"]
    accepting = peer.otherwise
    no = refusing("unexpected-processing-error")
    peer.otherwise = no
    try:
        own, message = await sent(world, BY_MOODY)
        world.books.expect(own, "zustellnachweis", POLIZEI)
        await world.settled(message, "gescheitert")
    finally:
        peer.otherwise = accepting
    former = _last(peer, message)
    await world.act("betrieb", "resend", message, DONE_BEFORE, grund="Partner ist wieder bereit")
    await world.settled(message, "zugestellt")
    await _another(world, receipt(peer, former, refusal("unexpected-processing-error"), mic=None))
    await _another(world, receipt(peer, former))


async def released(world: World) -> None:
    """Withheld, then released by its sender."""
    _, message = await sent(world, BY_AS2, gefaehrdet_untersuchungszweck=True)
    await world.settled(message, "zurueckgestellt", "unterwegs", "angenommen", "zugestellt")
    await world.act("polizei", "release", message, DONE_BEFORE)


async def assigned(world: World) -> None:
    """No rule can place it; an operator does."""
    own, xml = world.notice(BY_AS2, azr=None)
    world.books.expect(own, NOTICE, BY_AS2)
    message = await world.post(own, xml)
    await world.act("betrieb", "assign", message, DONE_BEFORE, an=BY_AS2, grund="Wohnsitz")


async def assigned_beside(world: World) -> None:
    """One of several recipients is named later."""
    own = str(uuid.uuid4())
    known, unknown = {"staatsanwaltschaft": STA, "aktenzeichen": JS}, {"staatsanwaltschaft": UNKNOWN_STA}
    head = {"eigene_id": own, "azr": random_azr()}
    xml = notice("pruefergebnis_untersuchungshaft", KOELN, head, verfahren=[known, unknown])
    for key in (STA, STA_BONN):
        world.books.expect(own, "pruefergebnis", key)
    message = await world.post(own, xml, "koeln")
    await world.collect("sta", STA, own)
    await world.act("betrieb", "assign", message, DONE_BEFORE, an=STA_BONN, grund="Schlüssel war veraltet")
    await world.collect("sta_bonn", STA_BONN, own)


async def cancelled(world: World) -> None:
    """Ended by an operator before anybody collected it."""
    own, xml = world.notice(BY_INBOX)
    message = await world.post(own, xml)
    await world.act("betrieb", "cancel", message, DONE_BEFORE, grund="falsche Person")
    await world.settled(message, "storniert")


async def purged(world: World) -> None:
    """Content whose time is over goes, and that of refused requests; what was delivered is not touched otherwise."""
    peer = world.peers["polizei"]
    _, message = await sent(world, BY_AS2)
    _, xml = world.notice(BY_AS2)
    kind, body = peer.seal(spoilt(xml), None)
    await _handed_in(world, peer, peer.headers(kind, to=world.place.as2_name), body)
    await world.settled(message, "zugestellt")
    while (code := await world.command("purge", {"gateway.service.upkeep.purging.DAY": 0})) != 0:
        assert code == -9, code

    async def gone() -> bool | None:
        code, _ = await world.apis["polizei"].call("GET", f"/v1/messages/{message}/parts/0")
        assert code != 200, "its content is still there"
        return code == 410 or None

    await insist(gone, "410")


# --- forward ----------------------------------------------------------------------------------------------------------


async def _notice_of_the_prison(world: World) -> tuple[str, str]:
    own = str(uuid.uuid4())
    world.books.expect(own, HAFT, BY_AS2)
    message = await world.post(own, haft(own), "jva")
    await world.settled(message, "zugestellt")
    return own, message


def _expect_forward(world: World, own: str) -> None:
    world.books.expect(own, "weiterleitung", BY_MAIL)
    world.books.expect(own, "zustaendigkeitsmitteilung", JVA)


async def forwarded(world: World) -> None:
    """The recipient is not competent: on to another authority by mail, and word of it into the sender's inbox."""
    own, message = await _notice_of_the_prison(world)
    _expect_forward(world, own)
    await world.act("koeln", "forward", message, ("bereits_unterrichtet",), an=BY_MAIL, grund="Wohnsitz")
    await world.collect("jva", JVA, own)


async def forwarded_by_an_operator(world: World) -> None:
    """Nobody in NRW is competent; an operator names the authority, and the forward goes on."""
    own, message = await _notice_of_the_prison(world)
    _expect_forward(world, own)
    await world.act("koeln", "forward", message, ("klaerung",), wohnsitz_ags=HAMBURG, grund="verzogen")
    await world.act("betrieb", "assign", message, DONE_BEFORE, an=BY_MAIL, grund="dort gemeldet")
    await world.collect("jva", JVA, own)


async def to_a_dezernat(world: World) -> None:
    """An Ersuchen that goes on within a Staatsanwaltschaft."""
    own = str(uuid.uuid4())
    xml = notice("einvernehmen_ersuchen", KOELN, {"eigene_id": own, "azr": random_azr()})
    world.books.expect(own, "einvernehmenErsuchen", STA)
    message = await world.post(own, xml, "koeln")
    await world.collect("sta", STA, own)
    await world.act("sta", "forward", message, dezernat="Dezernat 12", grund="Zuständigkeit")


SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (
        http_to_as2,
        http_to_as2_later,
        http_to_mail,
        http_to_inbox,
        several,
        refused,
        with_files,
        with_files_refused,
        with_files_cut,
        as2_in,
        as2_in_twice,
        as2_in_later,
        as2_in_wrong,
        edge_in,
        mail_in,
        mail_returned,
        mail_that_is_no_receipt,
        receipt_before_its_answer,
        receipt_too_late,
        busy_partner,
        slow_partner,
        delay_is_told,
        receipt_twice,
        resent,
        released,
        assigned,
        assigned_beside,
        cancelled,
        purged,
        forwarded,
        forwarded_by_an_operator,
        to_a_dezernat,
    )
}


def kind_of(scene: str) -> str:
    """Which gateway a scene is about."""
    return "edge" if scene.startswith("edge") else "hub"
