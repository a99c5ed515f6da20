"""BouncyCastle as a peer, both ways: the independent witness for AuthEnvelopedData, and for indefinite lengths."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sealworld import AT, Holder, make_holder, make_partner
from sealworld import Way as Sealing
from streamworld import stream_open, stream_seal

from gateway import mime
from gateway.partner import Algorithmen
from gateway.seal import cms
from gateway.seal.sealer import OpenRefused
from tests.interop.process import Process, Refused
from tests.interop.rows import Feature, Peer, Way, row

CONTENT = b"Content-Type: application/xml\r\nContent-Transfer-Encoding: binary\r\n\r\n<a>\n\xc3\xa4\r\n</a>"
LONG = CONTENT * 3000
"""Above the size at which BouncyCastle begins a new chunk of an indefinite OCTET STRING."""
CURVES = ("p256", "p384", "p521", "bp256", "bp384")
CONTENTS = {
    "aes-256-gcm": "2.16.840.1.101.3.4.1.46",
    "aes-128-gcm": "2.16.840.1.101.3.4.1.6",
    "aes-256-cbc": "2.16.840.1.101.3.4.1.42",
    "aes-128-cbc": "2.16.840.1.101.3.4.1.2",
}
WRAPS = {"256": "2.16.840.1.101.3.4.1.45", "128": "2.16.840.1.101.3.4.1.5"}
FEATURES = {
    ("rsa", "oaep", "gcm"): Feature.GCM_OAEP,
    ("rsa", "oaep", "cbc"): Feature.CBC_OAEP,
    ("rsa", "pkcs1", "cbc"): Feature.CBC_PKCS1,
    ("ec", "oaep", "gcm"): Feature.GCM_ECDH,
    ("ec", "oaep", "cbc"): Feature.CBC_ECDH,
}
OWN_READER = "by a recipient class of the test's own: BouncyCastle 1.72 has none for this pair"


def to(feature: Feature, note: str = "") -> pytest.MarkDecorator:
    return row(Peer.BOUNCYCASTLE, feature, Way.TO, note=note)


def by(feature: Feature) -> pytest.MarkDecorator:
    return row(Peer.BOUNCYCASTLE, feature, Way.FROM)


def current(kind: str) -> Holder:
    return make_holder(kind, "Edge", start=datetime(2020, 1, 1, tzinfo=UTC), end=datetime(2049, 1, 1, tzinfo=UTC))


def at() -> datetime:
    return datetime.now(UTC)


def agreement(**terms: Any) -> Algorithmen:
    return Algorithmen(ausnahmen_bis=at().date(), **terms)


def signatures(mark: Any) -> list[Any]:
    """Key, hash and padding of each signature, with its row."""
    found = [
        ("rsa3072", "sha-256", "pss", Feature.PSS_256),
        ("rsa3072", "sha-384", "pss", Feature.PSS_512),
        ("rsa3072", "sha-512", "pss", Feature.PSS_512),
        ("rsa3072", "sha-256", "pkcs1", Feature.PKCS1_SIGNATURE),
        ("rsa3072", "sha-384", "pkcs1", Feature.PKCS1_SIGNATURE_512),
        ("rsa3072", "sha-512", "pkcs1", Feature.PKCS1_SIGNATURE_512),
        *((kind, "sha-256", "pss", Feature.ECDSA_NIST) for kind in ("p256", "p384", "p521")),
        *((kind, "sha-512", "pss", Feature.ECDSA_NIST) for kind in ("p384", "p521")),
        *((kind, "sha-384", "pss", Feature.ECDSA_BRAINPOOL) for kind in ("bp256", "bp384")),
    ]
    return [pytest.param(*values, marks=mark(feature)) for *values, feature in found]


def envelopes(mark: Any) -> list[Any]:
    """Key, key transport and content encryption of each envelope, with its row."""
    kinds = [("rsa3072", "oaep"), ("rsa3072", "pkcs1"), *((kind, "oaep") for kind in CURVES)]
    found = []
    for kind, transport in kinds:
        for content in CONTENTS:
            feature = FEATURES.get(("rsa" if kind.startswith("rsa") else "ec", transport, content[-3:]))
            if feature is not None:
                found.append(pytest.param(kind, transport, content, marks=mark(feature)))
    return found


def received_by(feature: Feature) -> pytest.MarkDecorator:
    return to(feature, OWN_READER if feature is Feature.GCM_ECDH else "")


def encrypted(peer: Process, edge: Holder, transport: str, content: str, /, **options: Any) -> bytes:
    return peer(
        "encrypt",
        cert=edge.pem,
        algorithm=CONTENTS[content],
        aead="yes" if content.endswith("gcm") else "no",
        transport=transport,
        wrap=WRAPS[content[4:7]],
        **({"stream": "no", "content": LONG} | options),
    )["out"]


def decrypted(peer: Process, edge: Holder, envelope: bytes, *, aead: bool) -> bytes:
    return peer("decrypt", key=edge.key_pem, cert=edge.pem, cms=envelope, aead="yes" if aead else "no")["out"]


def damaged(envelope: bytes) -> bytes:
    """The last byte of a definite AuthEnvelopedData is the last one of its tag."""
    return envelope[:-1] + bytes([envelope[-1] ^ 1])


@pytest.mark.parametrize(("kind", "hash_name", "padding"), signatures(to))
def test_bouncycastle_verifies_our_signature(kind: str, hash_name: Any, padding: Any, bouncycastle: Process) -> None:
    edge = current(kind)
    signature = cms.sign(CONTENT, edge.identity, agreement(hash=hash_name, signatur=padding), at())
    assert bouncycastle("verify", cert=edge.pem, content=CONTENT, cms=signature)["out"] == b""
    with pytest.raises(Refused):
        bouncycastle("verify", cert=edge.pem, content=CONTENT + b"\n", cms=signature)


@pytest.mark.parametrize(("kind", "hash_name", "padding"), signatures(by))
def test_we_verify_bouncycastles_signature(kind: str, hash_name: Any, padding: Any, bouncycastle: Process) -> None:
    edge = current(kind)
    name = {"rsa": {"pss": "RSAandMGF1", "pkcs1": "RSA"}}.get(kind[:3], {}).get(padding, "ECDSA")
    algorithm = f"{hash_name.upper().replace('-', '')}with{name}"
    fields = {"key": edge.key_pem, "cert": edge.pem, "content": CONTENT, "algorithm": algorithm}
    signature = bouncycastle("sign", **fields)["out"]
    assert signature[1] == 0x80, "BouncyCastle writes indefinite lengths"
    verified = cms.verify(CONTENT, signature, [edge.cert], agreement(signatur=padding), at())
    assert (verified.signer, verified.hash) == (edge.cert, hash_name)


@pytest.mark.parametrize(("kind", "transport", "content"), envelopes(received_by))
def test_bouncycastle_decrypts_ours(kind: str, transport: Any, content: Any, bouncycastle: Process) -> None:
    edge = current(kind)
    envelope = cms.encrypt(LONG, [edge.cert], agreement(inhalt=content, schluesseltransport=transport), at())
    assert decrypted(bouncycastle, edge, envelope, aead=content.endswith("gcm")) == LONG


@pytest.mark.parametrize(("kind", "transport", "content"), envelopes(by))
@pytest.mark.parametrize(
    "stream", [pytest.param("no", id="definite"), pytest.param("yes", id="streamed", marks=by(Feature.INDEFINITE))]
)
def test_we_decrypt_bouncycastles(kind: str, transport: Any, content: Any, stream: str, bouncycastle: Process) -> None:
    edge = current(kind)
    envelope = encrypted(bouncycastle, edge, transport, content, stream=stream)
    assert (envelope[1] == 0x80) is (stream == "yes")
    assert cms.decrypt(envelope, edge.identity, agreement(inhalt=content, schluesseltransport=transport), at()) == LONG


@pytest.mark.parametrize("kind", ["rsa3072", "p256"])
@pytest.mark.parametrize("stream", ["no", "yes"])
def test_attributes_that_the_tag_covers_are_part_of_what_is_checked(
    kind: str, stream: str, bouncycastle: Process
) -> None:
    """RFC 5083 section 2.2: the tag covers the attributes in DER, whatever their encoding in the message."""
    edge = current(kind)
    envelope = encrypted(bouncycastle, edge, "oaep", "aes-256-gcm", attributes="yes", stream=stream)
    hint = b"a content hint that is longer"
    assert envelope.count(hint) == 1
    assert cms.decrypt(envelope, edge.identity, Algorithmen(), at()) == LONG
    with pytest.raises(cms.DecryptionRefused) as error:
        cms.decrypt(envelope.replace(hint, hint.upper()), edge.identity, Algorithmen(), at())
    assert error.value.cause_code == "content"


@pytest.mark.parametrize("kind", ["rsa3072", "p256"])
@to(Feature.BAD_TAG)
def test_bouncycastle_refuses_a_tag_that_does_not_fit(kind: str, bouncycastle: Process) -> None:
    edge = current(kind)
    envelope = cms.encrypt(LONG, [edge.cert], Algorithmen(), at())
    assert decrypted(bouncycastle, edge, envelope, aead=True) == LONG
    with pytest.raises(Refused, match=r"mac check|finalising cipher"):
        decrypted(bouncycastle, edge, damaged(envelope), aead=True)


@pytest.mark.parametrize("kind", ["rsa3072", "p256"])
@by(Feature.BAD_TAG)
def test_we_refuse_a_tag_of_bouncycastle_that_does_not_fit(kind: str, bouncycastle: Process) -> None:
    edge = current(kind)
    envelope = encrypted(bouncycastle, edge, "oaep", "aes-256-gcm")
    assert cms.decrypt(envelope, edge.identity, Algorithmen(), at()) == LONG
    with pytest.raises(cms.DecryptionRefused) as error:
        cms.decrypt(damaged(envelope), edge.identity, Algorithmen(), at())
    assert error.value.cause_code == "content"


@to(Feature.COMPRESSED)
def test_bouncycastle_decompresses_ours(bouncycastle: Process) -> None:
    assert bouncycastle("decompress", cms=cms.compress(LONG))["out"] == LONG


@by(Feature.COMPRESSED)
def test_we_decompress_bouncycastles(bouncycastle: Process) -> None:
    compressed = bouncycastle("compress", content=LONG)["out"]
    assert compressed[1] == 0x80
    assert cms.decompress(compressed) == LONG


# --- whole messages, piece by piece -----------------------------------------------------------------------------------

PARTS = [
    ("n.xml", "application/xml", b"<a>\n\xc3\xa4\r\n</a>"),
    ("b.bin", "application/octet-stream", b"".join(n.to_bytes(4, "big") for n in range(1_000_000))),
]
SEALED = [("rsa3072", "aes-256-gcm"), ("p256", "aes-256-gcm"), ("rsa3072", "aes-256-cbc")]


def way(kind: str, content: str) -> Sealing:
    return Sealing(current("p384"), current(kind), {"inhalt": content, "ausnahmen_bis": at().date()})


@pytest.mark.parametrize(("kind", "content"), SEALED)
@to(Feature.PIECES)
def test_bouncycastle_opens_what_we_write_piece_by_piece(kind: str, content: str, bouncycastle: Process) -> None:
    w = way(kind, content)
    stream_seal(w, PARTS, make_partner, AT)
    inner = mime.parse(decrypted(bouncycastle, w.edge, w.sealed.getvalue(), aead=content.endswith("gcm")))
    signed, signature = mime.parts(inner)
    assert signed.raw == w.signed.getvalue()
    bouncycastle("verify", cert=w.hub.pem, content=signed.raw, cms=signature.decoded())
    assert [part.decoded() for part in mime.parts(signed)] == [content for _, _, content in PARTS]


@pytest.mark.parametrize(("kind", "content"), SEALED)
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
@by(Feature.PIECES)
def test_we_open_what_bouncycastle_wrote_piece_by_piece(
    kind: str, content: str, compressed: bool, bouncycastle: Process
) -> None:
    w = way(kind, content)
    w.algorithms["kompression"] = compressed
    entity = mime.multipart("related", [part(*each) for each in PARTS], {"type": "application/xml"}, [])
    inner = in_compressed_data(bouncycastle, entity) if compressed else entity
    envelope = encrypted(bouncycastle, w.edge, "oaep", content, stream="yes", content=signed_by(bouncycastle, w, inner))
    opened = stream_open(w, make_partner, AT, envelope)
    assert opened.signed_entity == inner
    assert list(opened.parts) == PARTS
    assert opened.opened.compressed is compressed
    assert list(w.open(envelope).parts) == PARTS
    half = len(envelope) // 2
    broken = envelope[:half] + bytes([envelope[half] ^ 1]) + envelope[half + 1 :]
    with pytest.raises(OpenRefused) as error:
        stream_open(w, make_partner, AT, broken)
    assert error.value.cause_code in ("content", "message_digest", "signed_parts")


def part(name: str | None, media_type: str, content: bytes) -> bytes:
    fields = [("Content-Type", media_type), ("Content-Transfer-Encoding", "binary")]
    return mime.build([*fields, ("Content-Disposition", f"attachment; filename={name}")], content)


def in_compressed_data(peer: Process, entity: bytes) -> bytes:
    fields = [("Content-Type", "application/pkcs7-mime; smime-type=compressed-data")]
    fields += [("Content-Transfer-Encoding", "binary")]
    return mime.build(fields, peer("compress", content=entity)["out"])


def signed_by(peer: Process, w: Sealing, entity: bytes) -> bytes:
    """A multipart/signed whose signature BouncyCastle made."""
    fields = {"key": w.hub.key_pem, "cert": w.hub.pem, "content": entity, "algorithm": "SHA384withECDSA"}
    signature = mime.build(
        [("Content-Type", "application/pkcs7-signature"), ("Content-Transfer-Encoding", "binary")],
        peer("sign", **fields)["out"],
    )
    params = {"protocol": "application/pkcs7-signature", "micalg": "sha-384"}
    return mime.multipart("signed", [entity, signature], params, [])
