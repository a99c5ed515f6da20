"""libas2 (Node) as a partner by AS2, both ways: its messages and receipts and ours, over HTTPS, at a hub that runs.

It has RSA and AES-CBC; its GCM goes into EnvelopedData, which RFC 5084 section 3.2 forbids.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from as2peer import events_of, eventually, until
from asn1crypto import cms as asn1
from gatewayworld import JVA, Api, Site

from gateway import mime
from gateway.pki import KeyPair
from gateway.pki_issue import DevelopmentCa, self_signed
from gateway.pki_issue import Request as Wanted
from gateway.seal.sealer import PartIn
from gateway.seal.signed import SignatureRefused
from gateway.seal.signedmime import open_signed
from gateway.service.gateway import Gateway
from gateway.settle.mdn import parse_report
from tests.interop.as2bridge import Bridge, bridging, exception, haft
from tests.interop.process import Process, Refused
from tests.interop.rows import Feature, Peer, Result, Way, row

BASE: dict[str, Any] = {"signatur": "pkcs1", "schluesseltransport": "oaep", "inhalt": "aes-256-cbc"}
PEER = {"digest": "sha-256", "content": "aes256-CBC", "oaep": "SHA-256"}
RECEIPT = "takes the message, but signs its receipt without the last line end that it sends"
ASCII = "if it is ASCII: its MIME reader breaks other bytes in binary parts"


def to(feature: Feature, result: Result = Result.PASSED, note: str = "") -> pytest.MarkDecorator:
    return row(Peer.LIBAS2, feature, Way.TO, result, note)


def by(feature: Feature, result: Result = Result.PASSED, note: str = "") -> pytest.MarkDecorator:
    return row(Peer.LIBAS2, feature, Way.FROM, result, note)


@pytest.fixture
async def bridge(
    libas2: Process, ca: DevelopmentCa, rsa_pairs: dict[str, KeyPair], hub: Gateway, hub_site: Site, tmp_path: Path
) -> AsyncIterator[Bridge]:
    async with bridging(libas2, ca, rsa_pairs, hub, hub_site, tmp_path) as partner:
        yield partner


async def posted(jva: Api, *, ascii_only: bool = True) -> tuple[str, bytes]:
    _, xml = haft(ascii_only=ascii_only)
    code, answer = await jva.post_xml(xml)
    assert code == 202, answer
    return answer["id"], xml


# --- we send ----------------------------------------------------------------------------------------------------------

SENT = [
    pytest.param({}, {}, id="oaep", marks=to(Feature.CBC_OAEP, note=ASCII)),
    pytest.param(
        {"schluesseltransport": "pkcs1"},
        {},
        id="pkcs1",
        marks=[to(Feature.CBC_PKCS1, note=ASCII), to(Feature.PKCS1_SIGNATURE, note=ASCII)],
    ),
    pytest.param(
        {"inhalt": "aes-128-cbc"}, {"content": "aes128-CBC"}, id="aes", marks=to(Feature.CBC_OAEP, note=ASCII)
    ),
    *(
        pytest.param({"hash": name}, {"digest": name}, id=name, marks=to(Feature.PKCS1_SIGNATURE_512, note=ASCII))
        for name in ("sha-384", "sha-512")
    ),
]


@pytest.mark.parametrize(("terms", "options"), SENT)
@to(Feature.AS2_SYNC, Result.BY_US, RECEIPT)
async def test_libas2_takes_ours_but_its_receipt_does_not_hold(
    bridge: Bridge,
    hub: Gateway,
    jva: Api,
    rsa_pairs: dict[str, KeyPair],
    terms: dict[str, Any],
    options: dict[str, str],
) -> None:
    await bridge.agree(exception(**BASE | terms))
    await bridge.introduce(**PEER | options)
    message, xml = await posted(jva)
    found = await until(hub, message, "quittung_ungueltig")
    assert "Signatur der Quittung" in found["last_error"]
    (received,) = bridge.received
    assert (received["status"], received["error"]) == (b"processed", b"")
    assert received["content"].rstrip(b"\r\n") == xml.rstrip(b"\n")
    receipt = received["headers"] + b"\r\n" + received["body"]
    with pytest.raises(SignatureRefused) as error:
        open_signed(receipt, [rsa_pairs["peer_sign"].certificate], exception(signatur="pkcs1"), datetime.now(UTC))
    assert error.value.code == "message_digest"
    signed_over, signature = mime.parts(mime.parse(receipt))
    assert signed_over.raw.endswith(b"--\r\n")
    assert (
        digest_in(signature.decoded())
        == hashlib.new(terms.get("hash", "sha-256").replace("-", ""), signed_over.raw.removesuffix(b"\r\n")).digest()
    ), "RFC 2046 section 5.1.1: only the line end before the delimiter belongs to it"
    mic = parse_report(signed_over.raw).mic
    assert mic is not None
    assert mic.base64 == (await hub.ctx.db.fetch("deliveries_of_message", message))[0]["mic"], "its MIC is right"


def digest_in(signature: bytes) -> bytes:
    """The message digest that a signature names."""
    (signer,) = asn1.ContentInfo.load(signature)["content"]["signer_infos"]
    (found,) = [each["values"][0].native for each in signer["signed_attrs"] if each["type"].native == "message_digest"]
    return bytes(found)


@to(Feature.AS2_ASYNC, Result.BY_US, RECEIPT)
async def test_libas2s_later_receipt_does_not_hold_either(bridge: Bridge, hub: Gateway, jva: Api) -> None:
    await bridge.agree(exception(**BASE), mdn="async")
    await bridge.introduce(**PEER)
    message, _ = await posted(jva)
    await until(hub, message, "uebergeben")
    (received,) = bridge.received
    assert received["url"].decode() == f"{bridge.site.as2_url}/as2"
    assert (await bridge.send_receipt()).status == 200
    await until(hub, message, "quittung_ungueltig")


async def test_libas2_breaks_bytes_beyond_ascii(bridge: Bridge, hub: Gateway, jva: Api) -> None:
    """Its fault: it reads bytes as Latin-1 and hashes them as UTF-8, so umlauts break the signature."""
    await bridge.agree(exception(**BASE))
    await bridge.introduce(**PEER)
    message, xml = await posted(jva, ascii_only=False)
    assert not xml.isascii()
    await until(hub, message, "quittung_ungueltig")
    assert bridge.received[0]["error"] == b"Could not verify signature"


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        pytest.param(
            {"inhalt": "aes-256-gcm"},
            b"schema was not verified",
            id="gcm",
            marks=[
                to(Feature.GCM_OAEP, Result.BY_PEER, "knows no AuthEnvelopedData"),
                to(Feature.AS2_NEGATIVE, Result.BY_US, RECEIPT),
            ],
        ),
        pytest.param(
            {"signatur": "pss"}, b"Could not verify signature", id="pss", marks=to(Feature.PSS_256, Result.BY_PEER)
        ),
        pytest.param(
            {"kompression": True},
            b"",
            id="compressed",
            marks=to(Feature.AS2_COMPRESSED, Result.BY_PEER, "hands the compressed data on as it is"),
        ),
    ],
)
async def test_what_libas2_cannot_read(
    bridge: Bridge, hub: Gateway, jva: Api, terms: dict[str, Any], reason: bytes
) -> None:
    await bridge.agree(exception(**BASE | terms))
    await bridge.introduce(**PEER)
    message, xml = await posted(jva)
    await until(hub, message, "quittung_ungueltig")
    (received,) = bridge.received
    assert reason in received["error"]
    assert xml.strip() not in received["content"]


@to(Feature.AS2_FILES)
async def test_libas2_reads_several_files(bridge: Bridge) -> None:
    await bridge.introduce(**PEER)
    made = await bridge.hand_over(PartIn("b.txt", "text/plain", io.BytesIO(b"Anlage")))
    assert (made["status"], made["error"]) == (b"processed", b"")
    assert b"Anlage" in made["content"]


# --- libas2 sends -----------------------------------------------------------------------------------------------------

RECEIVED = [
    pytest.param(
        {},
        {},
        id="base",
        marks=[
            by(Feature.AS2_SYNC),
            by(Feature.PKCS1_SIGNATURE),
            by(Feature.INDEFINITE),
            by(Feature.CBC_OAEP, note="by its library pkijs; libas2 itself takes SHA-512"),
        ],
    ),
    pytest.param({"inhalt": "aes-128-cbc"}, {"content": "aes128-CBC"}, id="aes-128", marks=by(Feature.INDEFINITE)),
    *(
        pytest.param({"hash": name}, {"digest": name}, id=name, marks=by(Feature.PKCS1_SIGNATURE_512))
        for name in ("sha-384", "sha-512")
    ),
]


@pytest.mark.parametrize(("terms", "options"), RECEIVED)
async def test_we_take_libas2s_and_it_takes_our_receipt(
    bridge: Bridge, hub: Gateway, terms: dict[str, Any], options: dict[str, str]
) -> None:
    await bridge.agree(exception(**BASE | terms), absender=True)
    await bridge.introduce(**PEER | options)
    eigene_id, xml = haft()
    made, answered = await bridge.send(xml)
    assert base64.b64decode(made["body"])[1] == 0x80, "it writes indefinite lengths"
    report = bridge.verified(answered)
    assert str(report.disposition).endswith("; processed")
    assert report.mic is not None
    judged = await asyncio.to_thread(bridge.process, "receipt", headers=answered.headers, body=answered.body)
    assert judged == {
        "status": b"processed",
        "detail": b"",
        "mic": report.mic.base64.encode(),
        "message_id": made["message_id"],
    }
    assert await hub.ctx.db.fetch_one("message_by_identity", JVA, eigene_id) is not None


@by(Feature.AS2_ASYNC)
async def test_libas2_takes_our_receipt_that_comes_later(bridge: Bridge, hub: Gateway) -> None:
    await bridge.agree(exception(**BASE), absender=True)
    await bridge.introduce(**PEER, mdn="ASYNC")
    made, answered = await bridge.send(haft()[1])
    assert (answered.status, answered.body) == (200, b"")
    await eventually(lambda: bridge.receipts)
    ((headers, body),) = bridge.receipts
    judged = await asyncio.to_thread(bridge.process, "receipt", headers=headers, body=body)
    assert (judged["status"], judged["message_id"]) == (b"processed", made["message_id"])


@by(Feature.AS2_NEGATIVE)
async def test_libas2_reads_our_refusal(bridge: Bridge, hub: Gateway) -> None:
    await bridge.agree(exception(**BASE), absender=True)
    await bridge.introduce(**PEER)
    _, answered = await bridge.send(b"<a/>")
    judged = await asyncio.to_thread(bridge.process, "receipt", headers=answered.headers, body=answered.body)
    assert judged["status"] == b"processed/error: unexpected-processing-error"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        pytest.param(
            "aes256-CBC",
            "key_transport",
            id="oaep-512",
            marks=[
                by(Feature.CBC_OAEP_512, Result.BY_US, "another hash than SHA-256 is not agreed"),
                by(Feature.CBC_PKCS1, Result.NOT_OFFERED),
            ],
        ),
        pytest.param(
            "aes256-GCM",
            "content_algorithm",
            id="gcm",
            marks=by(Feature.GCM_OAEP, Result.BY_US, "puts GCM into EnvelopedData, without a tag that RFC 5084 knows"),
        ),
    ],
)
async def test_what_we_do_not_take_of_libas2(bridge: Bridge, hub: Gateway, content: str, cause: str) -> None:
    await bridge.agree(exception(**BASE), absender=True)
    await bridge.introduce(**{name: value for name, value in PEER.items() if name != "oaep"} | {"content": content})
    _, answered = await bridge.send(haft()[1])
    assert str(bridge.verified(answered).disposition).endswith("decryption-failed")
    (event,) = await events_of(hub, "eingang_abgewiesen")
    assert f'"grund": "{cause}"' in event["detail"]


@by(Feature.PSS_256, Result.NOT_OFFERED, "begins with PSS where its certificate is signed so, and fails in its library")
async def test_libas2_signs_with_no_pss(bridge: Bridge) -> None:
    bridge.pairs = bridge.pairs | {"peer_sign": self_signed(Wanted(purpose="sign", name="peer", kind="rsa"))}
    await bridge.introduce(**PEER)
    with pytest.raises(Refused, match="Missing required property"):
        await bridge.send(haft()[1])


@by(Feature.AS2_COMPRESSED, Result.NOT_OFFERED)
async def test_libas2_does_not_compress(bridge: Bridge) -> None:
    with pytest.raises(Refused, match="NOT YET IMPLEMENTED"):
        await asyncio.to_thread(bridge.process, "compress", content=b"<a/>")


@by(Feature.ECDSA_NIST, Result.NOT_OFFERED)
async def test_libas2_signs_with_no_elliptic_curve(bridge: Bridge, ca: DevelopmentCa) -> None:
    bridge.pairs = bridge.pairs | {"peer_sign": ca.issue(Wanted(purpose="sign", name="peer"))}
    await bridge.introduce(**PEER)
    with pytest.raises(Refused):
        await bridge.send(haft()[1])
