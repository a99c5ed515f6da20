"""endesive as a mail program, both ways: a second S/MIME implementation in Python, by other hands.

It has RSA and AES-CBC, and verifies ECDSA. Its mail leaves it with LF alone at the end of its own lines; what carries
mail writes CRLF (RFC 5321 section 2.3.8), so the test does, too.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sealworld import Holder, cause_of_refusal, make_holder

from gateway import mime
from gateway.partner import Algorithmen, Partner
from gateway.pki import KeyPair, agreed
from gateway.pki_issue import DevelopmentCa, Request
from gateway.seal import cms
from gateway.seal.identity import Identity
from gateway.seal.sealer import OpenRefused, open_sealed
from gateway.seal.signed import SignatureRefused
from gateway.seal.signedmime import open_signed, sign_entity
from tests.interop.process import Process, Refused
from tests.interop.rows import Feature, Peer, Result, Way, row

ENTITY = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
CBC = {"aes256_cbc": "aes-256-cbc", "aes128_cbc": "aes-128-cbc"}
ALL_GOOD = {"hash": b"yes", "signature": b"yes", "certificate": b"yes"}


def to(feature: Feature, result: Result = Result.PASSED, note: str = "") -> pytest.MarkDecorator:
    return row(Peer.ENDESIVE, feature, Way.TO, result, note)


def by(feature: Feature, result: Result = Result.PASSED, note: str = "") -> pytest.MarkDecorator:
    return row(Peer.ENDESIVE, feature, Way.FROM, result, note)


def at() -> datetime:
    return datetime.now(UTC)


def agreement(**terms: Any) -> Algorithmen:
    return Algorithmen(ausnahmen_bis=at().date(), **terms)


def key_pem(pair: KeyPair) -> bytes:
    return pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def carried(mail: bytes) -> bytes:
    """The mail as a transport hands it over."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", mail)


@pytest.fixture(scope="session")
def signers(ca: DevelopmentCa, rsa_pairs: dict[str, KeyPair]) -> dict[str, KeyPair]:
    return {"rsa": rsa_pairs["hub_sign"], "p256": ca.issue(Request(purpose="sign", name="hub"))}


@pytest.fixture(scope="session")
def reader(rsa_pairs: dict[str, KeyPair]) -> KeyPair:
    return rsa_pairs["peer_encrypt"]


# --- signatures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "hash_name", "padding"),
    [
        pytest.param("rsa", "sha-256", "pss", marks=to(Feature.PSS_256)),
        pytest.param("rsa", "sha-384", "pss", marks=to(Feature.PSS_512)),
        pytest.param("rsa", "sha-512", "pss", marks=to(Feature.PSS_512)),
        pytest.param("rsa", "sha-256", "pkcs1", marks=to(Feature.PKCS1_SIGNATURE)),
        pytest.param("rsa", "sha-512", "pkcs1", marks=to(Feature.PKCS1_SIGNATURE_512)),
        pytest.param("p256", "sha-256", "pss", marks=to(Feature.ECDSA_NIST)),
    ],
)
def test_endesive_verifies_our_signature(
    kind: str,
    hash_name: Any,
    padding: Any,
    endesive: Process,
    ca: DevelopmentCa,
    signers: dict[str, KeyPair],
) -> None:
    terms = agreement(hash=hash_name, signatur=padding)
    signature = cms.sign(ENTITY, identity(signers[kind]), terms, at())
    assert endesive("verify_cms", cms=signature, content=ENTITY, ca=ca.pem) == ALL_GOOD
    other = endesive("verify_cms", cms=signature, content=ENTITY + b"\n", ca=ca.pem)
    assert other["hash"] == b"no"


@to(Feature.MAIL_SIGNED, Result.BY_PEER, "hashes a part without its header, which RFC 8551 section 3.1 signs")
def test_endesive_does_not_verify_our_mail(endesive: Process, ca: DevelopmentCa, signers: dict[str, KeyPair]) -> None:
    content_type, body = sign_entity(ENTITY, identity(signers["rsa"]), Algorithmen(), at())
    mail = mime.build([("Content-Type", content_type)], body)
    assert open_signed(mail, [signers["rsa"].certificate], Algorithmen(), at())[1] == ENTITY
    assert endesive("verify", mail=mail, ca=ca.pem)["hash"] == b"no"


@pytest.mark.parametrize(
    ("hash_name", "padding"),
    [
        pytest.param("sha256", "pss", marks=by(Feature.PSS_256)),
        pytest.param("sha512", "pss", marks=by(Feature.PSS_512)),
        pytest.param("sha256", "pkcs1", marks=by(Feature.PKCS1_SIGNATURE)),
        pytest.param("sha512", "pkcs1", marks=by(Feature.PKCS1_SIGNATURE_512)),
    ],
)
@by(Feature.MAIL_SIGNED)
def test_we_verify_endesives_mail(hash_name: str, padding: Any, endesive: Process, signers: dict[str, KeyPair]) -> None:
    mail = signed_mail(endesive, signers["rsa"], hash_name, padding)
    certificate = signers["rsa"].certificate
    verified, found = open_signed(mail, [certificate], agreement(signatur=padding), at())
    assert found == ENTITY
    assert verified.hash == hash_name.replace("sha", "sha-")
    with pytest.raises(SignatureRefused) as error:
        open_signed(mail.replace(b"8bit", b"7bit"), [certificate], agreement(signatur=padding), at())
    assert error.value.code == "message_digest"


@by(Feature.ECDSA_NIST, Result.BY_US, "names its ECDSA signature RSA")
def test_endesives_ecdsa_is_refused(endesive: Process, signers: dict[str, KeyPair]) -> None:
    mail = signed_mail(endesive, signers["p256"], "sha256", "pkcs1")
    with pytest.raises(SignatureRefused) as error:
        open_signed(mail, [signers["p256"].certificate], agreement(signatur="pkcs1"), at())
    assert error.value.code == "signature_algorithm"


def signed_mail(peer: Process, pair: KeyPair, hash_name: str, padding: str) -> bytes:
    fields: dict[str, bytes | str] = {"key": key_pem(pair), "cert": pair.pem, "hash": hash_name}
    # It turns every LF into CR LF itself.
    content = ENTITY.replace(b"\r\n", b"\n")
    return carried(peer("sign", content=content, pss="yes" if padding == "pss" else "no", **fields)["mail"])


def identity(pair: KeyPair) -> Identity:
    return Identity("gw:probe", pair.key, pair.certificate, ())


# --- encryption -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", CBC)
@pytest.mark.parametrize(
    "transport",
    [
        pytest.param("oaep", marks=to(Feature.CBC_OAEP)),
        pytest.param("pkcs1", marks=to(Feature.CBC_PKCS1)),
    ],
)
def test_endesive_decrypts_ours(algorithm: str, transport: Any, endesive: Process, reader: KeyPair) -> None:
    terms: Any = agreement(inhalt=CBC[algorithm], schluesseltransport=transport)
    mail = encrypted_mail(cms.encrypt(ENTITY, [reader.certificate], terms, at()))
    assert endesive("decrypt", mail=mail, key=key_pem(reader))["content"] == ENTITY


@to(Feature.GCM_OAEP, Result.BY_PEER, "knows no AuthEnvelopedData")
def test_endesive_does_not_open_authenveloped_data(endesive: Process, reader: KeyPair) -> None:
    mail = encrypted_mail(cms.encrypt(ENTITY, [reader.certificate], Algorithmen(), at()))
    with pytest.raises(Refused, match="KeyError"):
        endesive("decrypt", mail=mail, key=key_pem(reader))


@to(Feature.CBC_ECDH, Result.BY_PEER, "knows RSA only")
def test_endesive_does_not_agree_on_keys(endesive: Process) -> None:
    edge: Holder = make_holder("p256", "Edge", start=datetime(2020, 1, 1, tzinfo=UTC))
    mail = encrypted_mail(cms.encrypt(ENTITY, [edge.cert], agreement(inhalt="aes-256-cbc"), at()))
    with pytest.raises(Refused, match="KeyError"):
        endesive("decrypt", mail=mail, key=edge.key_pem)


@pytest.mark.parametrize("algorithm", CBC)
@by(Feature.CBC_PKCS1)
def test_we_decrypt_endesives(algorithm: str, endesive: Process, reader: KeyPair) -> None:
    entity = mime.parse(carried(sealed_mail(endesive, reader, ENTITY, algorithm)))
    assert entity.media_type == "application/x-pkcs7-mime"
    terms: Any = agreement(inhalt=CBC[algorithm], schluesseltransport="pkcs1")
    assert cms.decrypt(entity.decoded(), decrypting(reader), terms, at()) == ENTITY


@by(Feature.CBC_OAEP, Result.NOT_OFFERED, "has OAEP with SHA-512 only")
@by(Feature.CBC_OAEP_512, Result.BY_US, "another hash than SHA-256 is not agreed")
def test_oaep_with_sha_512_is_refused(endesive: Process, reader: KeyPair) -> None:
    entity = mime.parse(carried(sealed_mail(endesive, reader, ENTITY, "aes256_cbc", oaep="yes")))
    sealed, algorithms = entity.decoded(), agreement(inhalt="aes-256-cbc")
    assert cause_of_refusal(sealed, decrypting(reader), algorithms, at(), ENTITY) == "key_transport"


@by(Feature.GCM_OAEP, Result.NOT_OFFERED)
def test_endesive_writes_no_gcm(endesive: Process, reader: KeyPair) -> None:
    with pytest.raises(Refused, match="Expected aes"):
        sealed_mail(endesive, reader, ENTITY, "aes256_gcm")


@by(Feature.MAIL_SEALED, Result.BY_US, "writes a sentence beside the signed part; without it the message opens")
def test_a_whole_mail_of_endesive(endesive: Process, signers: dict[str, KeyPair], reader: KeyPair) -> None:
    signed = signed_mail(endesive, signers["rsa"], "sha256", "pss")
    with pytest.raises(OpenRefused) as error:
        opened(endesive, signers["rsa"], reader, signed)
    assert error.value.cause_code == "beside_signed"
    beside = b"\r\nThis is an S/MIME signed message\r\n"
    assert signed.count(beside) == 1
    whole = opened(endesive, signers["rsa"], reader, signed.replace(beside, b""))
    assert whole == ENTITY


def opened(peer: Process, signer: KeyPair, reader: KeyPair, signed: bytes) -> bytes:
    entity = mime.parse(carried(sealed_mail(peer, reader, signed, "aes256_cbc")))
    terms = agreement(inhalt="aes-256-cbc", schluesseltransport="pkcs1")
    certificate = agreed("signatur", signer.certificate)
    sender = Partner(id="endesive", behoerden=(), weg="abruf", algorithmen=terms, zertifikate=(certificate,))
    body, kind = io.BytesIO(entity.decoded()), entity.header("Content-Type") or ""
    return open_sealed(body, kind, decrypting(reader), sender, at=at()).signed_entity


def encrypted_mail(envelope: bytes) -> bytes:
    fields = [("Content-Type", "application/pkcs7-mime; name=smime.p7m"), ("Content-Transfer-Encoding", "base64")]
    return mime.build(fields, mime.base64_lines(envelope))


def sealed_mail(peer: Process, reader: KeyPair, content: bytes, algorithm: str, oaep: str = "no") -> bytes:
    return peer("encrypt", content=content, cert=reader.pem, algorithm=algorithm, oaep=oaep)["mail"]


def decrypting(reader: KeyPair) -> Identity:
    return Identity("gw:probe", reader.key, reader.certificate, ((reader.key, reader.certificate),))
