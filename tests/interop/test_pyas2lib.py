"""pyas2lib as a partner by AS2, both ways: its messages and receipts and ours, over HTTPS, at a hub that runs.

It has RSA, PKCS#1 v1.5 and AES-CBC only, so the agreement admits them, with an end date.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from as2peer import delivery, events_of, eventually, until
from gatewayworld import JVA, Api, Site

from gateway import mime
from gateway.pki import KeyPair
from gateway.pki_issue import DevelopmentCa
from gateway.pki_issue import Request as Wanted
from gateway.seal.sealer import PartIn, sign_entity
from gateway.service.gateway import Gateway
from gateway.settle.disposition import PROCESSED
from gateway.settle.mdn import Mic, build_report, parse_report
from tests.interop.as2bridge import Bridge, bridging, exception, haft
from tests.interop.process import Process, Refused
from tests.interop.rows import Feature, Peer, Result, Way, row

RECEIPT = "it takes the message; its receipts are signed as in the other direction"
NO_PARAMETERS = "writes no parameters, which RFC 4055 section 3.1 demands"
BASE: dict[str, Any] = {"signatur": "pkcs1", "schluesseltransport": "pkcs1", "inhalt": "aes-256-cbc"}


def to(feature: Feature, result: Result = Result.PASSED, note: str = "") -> pytest.MarkDecorator:
    return row(Peer.PYAS2LIB, feature, Way.TO, result, note)


def by(feature: Feature, result: Result = Result.PASSED, note: str = "") -> pytest.MarkDecorator:
    return row(Peer.PYAS2LIB, feature, Way.FROM, result, note)


@pytest.fixture
async def bridge(
    pyas2lib: Process, ca: DevelopmentCa, rsa_pairs: dict[str, KeyPair], hub: Gateway, hub_site: Site, tmp_path: Path
) -> AsyncIterator[Bridge]:
    async with bridging(pyas2lib, ca, rsa_pairs, hub, hub_site, tmp_path) as partner:
        yield partner


async def posted(jva: Api) -> tuple[str, bytes]:
    _, xml = haft()
    code, answer = await jva.post_xml(xml)
    assert code == 202, answer
    return answer["id"], xml


async def entered(hub: Gateway, eigene_id: str) -> bytes:
    """The XML of the notice that entered under this ID, with the line ends of the file."""
    message = await hub.ctx.db.fetch_one("message_by_identity", JVA, eigene_id)
    assert message is not None
    (part, *_) = await hub.ctx.db.fetch("parts", message["id"])
    return (await hub.ctx.content.read_all(part["content_id"], limit=1 << 20)).replace(b"\r\n", b"\n")


async def refused_because(hub: Gateway) -> str:
    (event,) = await events_of(hub, "eingang_abgewiesen")
    return str(event["detail"]).partition('"grund": "')[2].partition('"')[0]


# --- we send ----------------------------------------------------------------------------------------------------------

SENT = [
    pytest.param({}, {}, id="base", marks=[to(Feature.AS2_SYNC), to(Feature.PKCS1_SIGNATURE), to(Feature.CBC_PKCS1)]),
    pytest.param({"inhalt": "aes-128-cbc"}, {"content": "aes_128_cbc"}, id="aes-128", marks=to(Feature.CBC_PKCS1)),
    pytest.param({"hash": "sha-384"}, {"digest": "sha384"}, id="sha-384", marks=to(Feature.PKCS1_SIGNATURE_512)),
    pytest.param({"hash": "sha-512"}, {"digest": "sha512"}, id="sha-512", marks=to(Feature.PKCS1_SIGNATURE_512)),
    pytest.param({"kompression": True}, {}, id="compressed", marks=to(Feature.AS2_COMPRESSED)),
]


@pytest.mark.parametrize(("terms", "options"), SENT)
async def test_pyas2lib_takes_ours_and_its_receipt_delivers(
    bridge: Bridge, hub: Gateway, jva: Api, terms: dict[str, Any], options: dict[str, str]
) -> None:
    await bridge.agree(exception(**BASE | terms))
    await bridge.introduce(**options)
    message, xml = await posted(jva)
    found = await until(hub, message, "zugestellt")
    assert found["attempts"] == 1
    (received,) = bridge.received
    assert (received["status"], received["error"], received["content"]) == (b"processed", b"", xml)


@to(Feature.AS2_ASYNC)
async def test_pyas2libs_receipt_that_comes_later_delivers(bridge: Bridge, hub: Gateway, jva: Api) -> None:
    await bridge.agree(exception(**BASE), mdn="async")
    await bridge.introduce()
    message, _ = await posted(jva)
    await until(hub, message, "uebergeben")
    (received,) = bridge.received
    assert received["url"].decode() == f"{bridge.site.as2_url}/as2"
    assert (await bridge.send_receipt()).status == 200
    await until(hub, message, "zugestellt")


@to(Feature.CBC_OAEP, Result.BY_PEER, "knows OAEP with SHA-1 only")
@to(Feature.AS2_NEGATIVE)
async def test_pyas2lib_does_not_open_oaep_with_sha_256(bridge: Bridge, hub: Gateway, jva: Api) -> None:
    await bridge.agree(exception(**BASE | {"schluesseltransport": "oaep"}))
    await bridge.introduce()
    message, _ = await posted(jva)
    found = await until(hub, message, "abgelehnt")
    assert "decryption-failed" in found["last_error"]
    assert bridge.received[0]["error"].startswith(b"DecryptionError")


@to(Feature.GCM_OAEP, Result.BY_PEER, "knows no AuthEnvelopedData")
async def test_pyas2lib_does_not_open_authenveloped_data(bridge: Bridge, hub: Gateway, jva: Api) -> None:
    await bridge.agree(exception(**BASE | {"schluesseltransport": "oaep", "inhalt": "aes-256-gcm"}))
    await bridge.introduce()
    message, _ = await posted(jva)
    await until(hub, message, "abgelehnt")
    assert bridge.received[0]["error"].startswith(b"InsufficientSecurityError")


@pytest.mark.parametrize(
    ("hash_name", "digest"),
    [
        pytest.param("sha-256", "sha256", marks=to(Feature.PSS_256, note=RECEIPT)),
        pytest.param("sha-512", "sha512", marks=to(Feature.PSS_512, note=RECEIPT)),
    ],
)
async def test_pyas2lib_takes_pss_but_its_own_receipt_is_refused(
    bridge: Bridge, hub: Gateway, jva: Api, hash_name: str, digest: str
) -> None:
    await bridge.agree(exception(**BASE | {"signatur": "pss", "hash": hash_name}))
    await bridge.introduce(signature="rsassa_pss", digest=digest)
    message, xml = await posted(jva)
    found = await until(hub, message, "quittung_ungueltig")
    assert "Signatur der Quittung" in found["last_error"]
    (received,) = bridge.received
    assert (received["status"], received["content"]) == (b"processed", xml)


@to(Feature.AS2_FILES, Result.BY_PEER, "takes the last part for what was signed")
async def test_pyas2lib_does_not_read_several_files(
    bridge: Bridge, hub: Gateway, rsa_pairs: dict[str, KeyPair]
) -> None:
    await bridge.introduce()
    file = PartIn("b.pdf", "application/pdf", io.BytesIO(b"%PDF"))
    made = await bridge.hand_over(file)
    assert made["error"].startswith(b"IntegrityError"), made["error"]
    assert made["content"] != b"<a/>"


@to(Feature.ECDSA_NIST, Result.BY_PEER)
async def test_pyas2lib_verifies_no_ecdsa(bridge: Bridge, hub: Gateway, ca: DevelopmentCa) -> None:
    pair = ca.issue(Wanted(purpose="sign", name="hub"))
    bridge.pairs = bridge.pairs | {"hub_sign": pair}
    await bridge.introduce()
    made = await bridge.hand_over()
    assert made["error"].startswith(b"IntegrityError"), made["error"]


# --- pyas2lib sends ---------------------------------------------------------------------------------------------------

RECEIVED = [
    pytest.param({}, {}, id="base", marks=[by(Feature.AS2_SYNC), by(Feature.PKCS1_SIGNATURE), by(Feature.CBC_PKCS1)]),
    pytest.param({"inhalt": "aes-128-cbc"}, {"content": "aes_128_cbc"}, id="aes-128", marks=by(Feature.CBC_PKCS1)),
    pytest.param({"hash": "sha-384"}, {"digest": "sha384"}, id="sha-384", marks=by(Feature.PKCS1_SIGNATURE_512)),
    pytest.param({"hash": "sha-512"}, {"digest": "sha512"}, id="sha-512", marks=by(Feature.PKCS1_SIGNATURE_512)),
    pytest.param({"kompression": True}, {"compress": "yes"}, id="compressed", marks=by(Feature.AS2_COMPRESSED)),
]


@pytest.mark.parametrize(("terms", "options"), RECEIVED)
async def test_we_take_pyas2libs_and_it_takes_our_receipt(
    bridge: Bridge, hub: Gateway, terms: dict[str, Any], options: dict[str, str]
) -> None:
    await bridge.agree(exception(**BASE | terms), absender=True)
    await bridge.introduce(**options)
    eigene_id, xml = haft()
    made, answered = await bridge.send(xml)
    report = bridge.verified(answered)
    assert str(report.disposition).endswith("; processed")
    assert report.original_message_id == made["message_id"].decode()
    assert report.mic == Mic.of(made["mic"].decode(), terms.get("hash", "sha-256"))
    judged = await asyncio.to_thread(bridge.process, "receipt", headers=answered.headers, body=answered.body)
    assert judged == {"status": b"processed", "detail": b""}
    assert await entered(hub, eigene_id) == xml


@by(Feature.AS2_ASYNC)
async def test_pyas2lib_takes_our_receipt_that_comes_later(bridge: Bridge, hub: Gateway) -> None:
    await bridge.agree(exception(**BASE), absender=True)
    await bridge.introduce(mdn="ASYNC")
    made, answered = await bridge.send(haft()[1])
    assert (answered.status, answered.body) == (200, b"")
    await eventually(lambda: bridge.receipts)
    ((headers, body),) = bridge.receipts
    judged = await asyncio.to_thread(bridge.process, "receipt", headers=headers, body=body)
    assert judged == {"status": b"processed", "detail": b""}
    content_type = next(line for line in headers.split(b"\r\n") if line.lower().startswith(b"content-type:"))
    report = parse_report(content_type + b"\r\n\r\n" + body)
    assert report.mic == Mic.of(made["mic"].decode(), "sha-256")


@by(Feature.AS2_NEGATIVE)
async def test_pyas2lib_reads_our_refusal(bridge: Bridge, hub: Gateway) -> None:
    await bridge.agree(exception(**BASE), absender=True)
    await bridge.introduce()
    _, answered = await bridge.send(b"<a/>")
    assert str(bridge.verified(answered).disposition).endswith("; processed/error: unexpected-processing-error")
    judged = await asyncio.to_thread(bridge.process, "receipt", headers=answered.headers, body=answered.body)
    assert judged == {"status": b"processed/error", "detail": b"unexpected-processing-error"}


@pytest.mark.parametrize(
    ("hash_name", "digest"),
    [
        pytest.param("sha-256", "sha256", marks=by(Feature.PSS_256, Result.BY_US, NO_PARAMETERS)),
        pytest.param("sha-512", "sha512", marks=by(Feature.PSS_512, Result.BY_US, NO_PARAMETERS)),
    ],
)
async def test_pss_without_its_parameters_is_refused(bridge: Bridge, hub: Gateway, hash_name: str, digest: str) -> None:
    await bridge.agree(exception(**BASE | {"signatur": "pss", "hash": hash_name}), absender=True)
    await bridge.introduce(signature="rsassa_pss", digest=digest)
    _, answered = await bridge.send(haft()[1])
    assert str(bridge.verified(answered).disposition).endswith("decryption-failed")
    assert await refused_because(hub) == "unreadable"


@by(Feature.CBC_OAEP, Result.NOT_OFFERED, "takes the setting and uses PKCS#1 v1.5 all the same")
async def test_pyas2lib_writes_no_oaep(bridge: Bridge, hub: Gateway) -> None:
    await bridge.agree(exception(**BASE | {"schluesseltransport": "oaep"}), absender=True)
    await bridge.introduce(transport="rsaes_oaep")
    _, answered = await bridge.send(haft()[1])
    assert str(bridge.verified(answered).disposition).endswith("decryption-failed")
    assert await refused_because(hub) == "pkcs1"


@by(Feature.GCM_OAEP, Result.NOT_OFFERED)
async def test_pyas2lib_writes_no_gcm(bridge: Bridge) -> None:
    with pytest.raises(Refused, match="Unsupported Encryption Algorithm"):
        await bridge.introduce(content="aes_256_gcm")


@by(Feature.GCM_ECDH, Result.NOT_OFFERED)
@by(Feature.CBC_ECDH, Result.NOT_OFFERED)
async def test_pyas2lib_has_no_key_agreement(bridge: Bridge) -> None:
    with pytest.raises(Refused, match="must be one of \\('rsaes_pkcs1v15', 'rsaes_oaep'\\)"):
        await bridge.introduce(transport="ecdh")


@by(Feature.ECDSA_NIST, Result.NOT_OFFERED)
async def test_pyas2lib_signs_with_no_elliptic_curve(bridge: Bridge, ca: DevelopmentCa) -> None:
    bridge.pairs = bridge.pairs | {"peer_sign": ca.issue(Wanted(purpose="sign", name="peer"))}
    await bridge.introduce()
    with pytest.raises(Refused, match="not an RSA private key"):
        await bridge.send(haft()[1])


# --- where it is a witness and no judge -------------------------------------------------------------------------------


@pytest.mark.parametrize("digest", [None, b"\1" * 32], ids=["none", "other"])
async def test_pyas2lib_accepts_a_receipt_without_a_mic(
    bridge: Bridge, hub: Gateway, rsa_pairs: dict[str, KeyPair], digest: bytes | None
) -> None:
    """Its fault: what it says of our receipts proves less than what `settle.receipt.judge` says of its."""
    await bridge.introduce()
    made = await asyncio.to_thread(bridge.process, "send", content=haft()[1])
    report = build_report(
        original_message_id=f"<{made['message_id'].decode()}>",
        disposition=PROCESSED,
        final_recipient=hub.ctx.config.as2_name,
        reporting_ua="Probe",
        mic=None if digest is None else Mic(digest, "sha-256"),
    )
    content_type, body = sign_entity(report, bridge.identity, exception(**BASE), datetime.now(UTC))
    headers = mime.header_line("AS2-From", "gw-nrw") + mime.header_line("Content-Type", content_type)
    judged = await asyncio.to_thread(bridge.process, "receipt", headers=headers, body=body)
    assert judged["status"] == (b"processed" if digest is None else b"processed/warning")


async def test_a_delivery_is_not_settled_by_another_ones_receipt(bridge: Bridge, hub: Gateway, jva: Api) -> None:
    """A receipt that pyas2lib made for one message, sent once more for another, heals nothing."""
    await bridge.agree(exception(**BASE), mdn="async")
    await bridge.introduce()
    first, _ = await posted(jva)
    await until(hub, first, "uebergeben")
    second, _ = await posted(jva)
    await until(hub, second, "uebergeben")
    bridge.received.reverse()
    assert (await bridge.send_receipt()).status == 200
    await until(hub, first, "zugestellt")
    assert (await delivery(hub, second))["status"] == "uebergeben"
