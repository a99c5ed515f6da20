"""Hostile input by AS2, item by item, through the listener of an edge that runs (wire.md section 3).

Each row is refused with its reason in an event, and nothing is passed on: no table but that of the requests and their
content gets a row. Whatever fails before the signature verifies is answered alike, status, headers and text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from as2peer import (
    Answer,
    Answered,
    Peer,
    Received,
    amend,
    answering,
    events,
    events_of,
    haft,
    peering,
    posted,
    receipt,
    status,
)
from as2peer import until as delivery_is
from forged import forge, indefinite
from gatewayworld import KOELN, Api, Site, agree
from inboundworld import EDGE, result, without_ids
from sealworld import Holder
from storerows import rows

from gateway import mime
from gateway.partner import Algorithmen
from gateway.pki_issue import DevelopmentCa, Request
from gateway.seal import cms, der, outer
from gateway.seal.signedmime import parameters, signature_part
from gateway.service.gateway import Gateway
from gateway.settle.mdn import Mic

pytestmark = pytest.mark.usefixtures("prompt")

FAILED = "processed/error: decryption-failed"
TAKEN = {"inbound", "content", "chunk", "event"}
"""Tables that the request itself may add to: it is kept as it came, with the event of its refusal."""
DATA, SIGNED = {"type": "content_type", "values": ["data"]}, {"type": "content_type", "values": ["signed_data"]}
FOREVER = b"".join(
    (
        b"\x30\x80" + der.oid("1.2.840.113549.1.7.3") + b"\xa0\x80\x30\x80",
        b"\x02\x01\x00\x31\x00\x30\x80" + der.oid("1.2.840.113549.1.7.1") + b"\x30\x00\xa0\x80",
    )
)
"""An EnvelopedData of indefinite length up to where its content begins."""


@dataclass(frozen=True)
class Wire:
    """What a peer can make of a notice; each method is one layer, honest unless told otherwise."""

    peer: Peer
    at: datetime
    entity: bytes

    @property
    def holder(self) -> Holder:
        return Holder(self.peer.sign.key, self.peer.sign.certificate)

    def stranger(self) -> Holder:
        pair = self.peer.ca.issue(Request(purpose="sign", name="fremd"))
        return Holder(pair.key, pair.certificate)

    def signed(self, signature: bytes | None = None, entity: bytes | None = None, **change: Any) -> bytes:
        """A multipart/signed."""
        entity = self.entity if entity is None else entity
        made = forge(change.pop("holder", self.holder), entity, **change) if signature is None else signature
        return mime.multipart("signed", [entity, signature_part(made)], parameters(Algorithmen()))

    def sealed(self, inner: bytes, **recipient: Any) -> bytes:
        """The envelope for the gateway."""
        certificate = recipient.get("certificate", self.peer.site.pair("encrypt").certificate)
        return cms.encrypt(inner, [certificate], Algorithmen(), self.at)

    def compressed(self, inner: bytes) -> bytes:
        return mime.build([("Content-Type", "application/pkcs7-mime")], cms.compress(inner))

    def somebody_else(self) -> Any:
        return self.peer.ca.issue(Request(purpose="encrypt", name="fremd")).certificate


def nested(entity: bytes, depth: int) -> bytes:
    for _ in range(depth):
        entity = mime.multipart("mixed", [entity])
    return entity


def flipped(body: bytes) -> bytes:
    return body[:-20] + bytes([body[-20] ^ 1]) + body[-19:]


BOMB = bytes(30 * 1024 * 1024)
HEADER = b"X-A: " + b"a" * 70_000 + b"\r\n"
FIELDS = b"".join(b"X-%d: a\r\n" % n for n in range(400))

Row = tuple[Callable[[Wire], bytes], str]

BEFORE: dict[str, Row] = {
    "no signer": (lambda w: w.sealed(w.signed(signers=0)), "no_signer"),
    "several signers": (lambda w: w.sealed(w.signed(signers=2)), "several_signers"),
    "signer not the partner's": (lambda w: w.sealed(w.signed(holder=w.stranger())), "signer_unknown"),
    "wrong content type attribute": (lambda w: w.sealed(w.signed(attributes=[SIGNED])), "content_type_attribute"),
    "missing message digest": (lambda w: w.sealed(w.signed(attributes=[DATA])), "message_digest"),
    "double message digest": (
        lambda w: w.sealed(w.signed(more=[{"type": "message_digest", "values": [b"x" * 32]}])),
        "attribute_twice",
    ),
    "another message digest": (
        lambda w: w.sealed(w.signed(attributes=[DATA, {"type": "message_digest", "values": [b"x" * 32]}])),
        "message_digest",
    ),
    "no signed attributes": (lambda w: w.sealed(w.signed(attributes=[])), "no_signed_attributes"),
    "not signed": (lambda w: w.sealed(w.entity), "not_signed"),
    "not encrypted": (lambda w: w.signed(), "unreadable"),
    "truncated envelope": (lambda w: (body := w.sealed(w.signed()))[: len(body) // 2], "unreadable"),
    "truncated signature": (lambda w: w.sealed(w.signed(forge(w.holder, w.entity)[:-9])), "unreadable"),
    "indefinite length that the request ends": (lambda w: indefinite(w.sealed(w.signed()))[:-2], "unreadable"),
    "indefinite length that never ends": (lambda w: FOREVER + b"\x04\x00" * 2_000, "unreadable"),
    "nesting that never ends": (lambda w: b"\x30\x80" * 5_000, "unreadable"),
    "recipient info for another": (lambda w: w.sealed(w.signed(), certificate=w.somebody_else()), "recipient"),
    "garbled tag": (lambda w: flipped(w.sealed(w.signed())), "content"),
    "decompression bomb around the signature": (lambda w: w.sealed(w.compressed(BOMB)), "not_agreed"),
    "MIME bomb of depth": (lambda w: w.sealed(nested(w.signed(), 40)), "not_signed"),
    "MIME bomb of parts": (
        lambda w: w.sealed(mime.multipart("signed", [b"\r\n"] * 1_100, parameters(Algorithmen()))),
        "parts",
    ),
    "MIME bomb of header size": (lambda w: w.sealed(HEADER + w.signed()), "header_too_long"),
    "MIME bomb of header fields": (lambda w: w.sealed(FIELDS + w.signed()), "header_fields"),
    "rubbish": (lambda w: b"rubbish", "unreadable"),
    "nothing": (lambda w: b"", "unreadable"),
}
"""What fails before the signature verifies: the body, and the reason that the event names."""

AFTER: dict[str, tuple[Callable[[Wire], bytes], str, str]] = {
    "decompression bomb inside the signature": (
        lambda w: w.sealed(w.signed(entity=w.compressed(BOMB))),
        "compressed_not_agreed",
        "processed/error: decompression-failed",
    ),
    "MIME bomb of depth inside the signature": (
        lambda w: w.sealed(w.signed(entity=nested(w.entity, 40))),
        "multipart_subtype",
        "processed/error: unexpected-processing-error",
    ),
    "MIME bomb of parts inside the signature": (
        lambda w: w.sealed(w.signed(entity=mime.multipart("related", [w.entity] * 1_100))),
        "parts",
        "processed/error: unexpected-processing-error",
    ),
}
"""What fails under a signature that verified: its sender is told so, by code."""


@pytest.fixture
async def sender(ca: DevelopmentCa, edge: Gateway, edge_site: Site, tmp_path: Path) -> AsyncIterator[Peer]:
    async with peering(ca, edge_site, "vermittler", (), tmp_path) as peer:
        await agree(edge, peer.agreement(art="vermittler"))
        yield peer


def wire(edge: Gateway, peer: Peer) -> Wire:
    fields = [("Content-Type", "application/xml"), ("X-Gateway-Empfaenger", KOELN)]
    return Wire(peer, edge.ctx.at(), mime.build(fields, haft()))


async def offer(peer: Peer, body: bytes) -> Answered:
    kind = "application/pkcs7-mime; smime-type=authEnveloped-data"
    return await peer.post(peer.headers(kind, to=EDGE), body)


async def told(edge: Gateway) -> list[tuple[str | None, str]]:
    """Message and reason of each refusal."""
    found = await events_of(edge, "eingang_abgewiesen")
    return [(event["message_id"], json.loads(event["detail"])["grund"]) for event in found]


def seen(answered: Answered) -> tuple[Any, ...]:
    """What a sender can tell apart, but ids, boundaries and the length of an ECDSA signature, which are random."""
    named = {name.decode().lower(): value for name, value in answered.raw_headers}
    for changing in ("date", "message-id", "content-type", "content-length"):
        named.pop(changing, None)
    return answered.status, tuple(sorted(named.items())), without_ids(answered)


async def test_the_same_made_honestly_is_taken(edge: Gateway, sender: Peer) -> None:
    """Also with the indefinite lengths that BouncyCastle writes: what is refused below is so for its one fault."""
    first, second = wire(edge, sender), wire(edge, sender)
    assert result(await offer(sender, first.sealed(first.signed()))) == "processed"
    assert result(await offer(sender, indefinite(second.sealed(second.signed())))) == "processed"


async def test_what_fails_before_the_signature_verifies_tells_its_sender_nothing(
    monkeypatch: pytest.MonkeyPatch, edge: Gateway, edge_site: Site, sender: Peer
) -> None:
    monkeypatch.setattr(outer, "MAX_CHUNKS", 1_000)
    answers, reasons = {}, {}
    for name, (make, _) in BEFORE.items():
        before, count = rows(edge_site.folder / "gateway.db"), len(await told(edge))
        answers[name] = await offer(sender, make(wire(edge, sender)))
        after = rows(edge_site.folder / "gateway.db")
        assert {table for table in after if after[table] != before[table]} <= TAKEN, name
        assert after["event"] == before["event"] + 1, name
        ((message, reasons[name]),) = (await told(edge))[count:]
        assert message is None, name
    assert reasons == {name: reason for name, (_, reason) in BEFORE.items()}
    assert {name: result(answer) for name, answer in answers.items()} == dict.fromkeys(BEFORE, FAILED)
    assert len({seen(answer) for answer in answers.values()}) == 1


@pytest.mark.parametrize("name", AFTER)
async def test_what_fails_under_a_good_signature_is_refused_by_code(
    edge: Gateway, edge_site: Site, sender: Peer, name: str
) -> None:
    make, reason, disposition = AFTER[name]
    before = rows(edge_site.folder / "gateway.db")
    answered = await offer(sender, make(wire(edge, sender)))
    after = rows(edge_site.folder / "gateway.db")
    assert ([grund for _, grund in await told(edge)], result(answered)) == ([reason], disposition)
    assert {table for table in after if after[table] != before[table]} <= TAKEN


@pytest.mark.parametrize("around", [True, False], ids=["around the signature", "inside the signature"])
async def test_a_decompression_bomb_stops_where_compression_is_agreed(
    edge: Gateway, edge_site: Site, sender: Peer, around: bool
) -> None:
    terms = sender.agreement(art="vermittler")
    await amend(edge, terms.model_copy(update={"algorithmen": Algorithmen(kompression=True)}))
    made, before = wire(edge, sender), rows(edge_site.folder / "gateway.db")
    bomb = made.compressed(BOMB)
    answered = await offer(sender, made.sealed(bomb if around else made.signed(entity=bomb)))
    after = rows(edge_site.folder / "gateway.db")
    expected = ("ratio", FAILED) if around else ("compressed_ratio", "processed/error: decompression-failed")
    assert (*[grund for _, grund in await told(edge)], result(answered)) == expected
    assert {table for table in after if after[table] != before[table]} <= TAKEN


# --- receipts ---------------------------------------------------------------------------------------------------------


async def in_another_algorithm(peer: Peer, received: Received) -> web.StreamResponse:
    """The digest of the very entity, in an algorithm that was not asked for."""
    assert received.opened is not None
    mic = Mic(hashlib.sha512(received.opened.signed_entity).digest(), "sha-512")
    return await answering(mic=mic)(peer, received)


RECEIPTS: dict[str, tuple[Answer, str]] = {
    "MDN with a foreign signature": (answering(foreign=True), "signatur_abgewiesen"),
    "MDN without a signer": (answering(no_signer=True), "signatur_abgewiesen"),
    "MDN without a signature": (answering(signed=False), "signatur_abgewiesen"),
    "right MIC in another algorithm": (in_another_algorithm, "mic_algorithmus"),
    "another MIC": (answering(mic=Mic(b"\1" * 32, "sha-256")), "mic_abweichend"),
}


@pytest.mark.parametrize("name", RECEIPTS)
async def test_a_receipt_that_proves_nothing_delivers_nothing(hub: Gateway, koeln: Peer, jva: Api, name: str) -> None:
    answer, reason = RECEIPTS[name]
    koeln.script = [answer]
    message = await posted(jva)
    await delivery_is(hub, message, "quittung_ungueltig")
    (event,) = await events(hub, message, "quittung")
    assert json.loads(event["detail"])["grund"] == reason


async def test_an_mdn_replayed_for_another_message_settles_neither(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.script = [status(202)]
    first = await posted(jva)
    await delivery_is(hub, first, "uebergeben")
    made = receipt(koeln, koeln.messages[0])

    async def replay(peer: Peer, received: Received) -> web.StreamResponse:
        return web.Response(body=made.body, headers={"Content-Type": made.content_type})

    koeln.script = [replay]
    second = await posted(jva)
    await delivery_is(hub, second, "quittung_ungueltig")
    (event,) = await events(hub, second, "quittung")
    assert json.loads(event["detail"])["grund"] == "fremde_message_id"
    assert await events(hub, first, "quittung") == []
