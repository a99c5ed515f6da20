"""`openssl cms` as a peer, both ways."""

import io
import subprocess
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sealworld import Way as Sealing
from sealworld import cause_of_refusal, make_holder, make_partner
from streamworld import stream_open, stream_seal

from gateway import mime
from gateway.partner import Algorithmen
from gateway.seal import cms, sealer
from gateway.seal.signedmime import open_signed
from tests.interop.environments import Unavailable
from tests.interop.environments import openssl as on_the_path
from tests.interop.rows import Feature, Peer, Result, Way, row

CONTENT = b"Content-Type: application/xml\r\nContent-Transfer-Encoding: binary\r\n\r\n<a>\n\xc3\xa4\r\n</a>"
PSS = ("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:digest")
OAEP = ("-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha256")
ECDH = ("-keyopt", "ecdh_kdf_md:sha256")
AT = datetime(2026, 5, 4, tzinfo=UTC)
CURVES = ("p256", "p384", "p521", "bp256", "bp384")


def to(feature: Feature, result: Result = Result.PASSED, note: str = "") -> pytest.MarkDecorator:
    return row(Peer.OPENSSL, feature, Way.TO, result, note)


def by(feature: Feature, result: Result = Result.PASSED, note: str = "") -> pytest.MarkDecorator:
    return row(Peer.OPENSSL, feature, Way.FROM, result, note)


def ecdsa(kind: str) -> Feature:
    return Feature.ECDSA_BRAINPOOL if kind.startswith("bp") else Feature.ECDSA_NIST


def sealing(kind: str, content: str) -> Feature:
    table = {
        ("rsa", "gcm"): Feature.GCM_OAEP,
        ("rsa", "cbc"): Feature.CBC_OAEP,
        ("ec", "gcm"): Feature.GCM_ECDH,
        ("ec", "cbc"): Feature.CBC_ECDH,
    }
    return table["rsa" if kind.startswith("rsa") else "ec", content[-3:]]


def signatures(mark: Any) -> list[Any]:
    """Key, hash and padding of each signature, with its row."""
    rsa = [
        ("sha-256", "pss", Feature.PSS_256),
        *((name, "pss", Feature.PSS_512) for name in ("sha-384", "sha-512")),
        ("sha-256", "pkcs1", Feature.PKCS1_SIGNATURE),
        *((name, "pkcs1", Feature.PKCS1_SIGNATURE_512) for name in ("sha-384", "sha-512")),
    ]
    found = [pytest.param("rsa3072", name, padding, marks=mark(feature)) for name, padding, feature in rsa]
    for kind in CURVES:
        found += [pytest.param(kind, name, "pss", marks=mark(ecdsa(kind))) for name in ("sha-256", "sha-512")]
    return found


def envelopes(mark: Any) -> list[Any]:
    """Key and content encryption of each envelope, with its row."""
    contents = ("aes-256-gcm", "aes-128-gcm", "aes-256-cbc", "aes-128-cbc")
    return [
        pytest.param(kind, content, marks=mark(sealing(kind, content)))
        for kind in ("rsa3072", *CURVES)
        for content in contents
    ]


class OpenSsl:
    """`openssl cms` in a folder of its own, with the keys that it needs."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        self.program = program

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def holder(self, name: str, holder: Any) -> tuple[str, str]:
        return self.write(f"{name}.crt", holder.pem.encode()), self.write(f"{name}.key", holder.key_pem)

    def __call__(self, *arguments: str) -> bytes:
        done = subprocess.run([self.program, "cms", *arguments], capture_output=True, check=False, timeout=60)
        if done.returncode != 0:
            raise OpenSslRefused(done.stderr.decode())
        return done.stdout


class OpenSslRefused(Exception):
    """What openssl says."""


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSsl:
    try:
        return OpenSsl(tmp_path, on_the_path())
    except Unavailable as reason:
        pytest.skip(str(reason))


def current(kind: str, name: str) -> Any:
    """A holder whose certificate is good for a generation: openssl judges it by the clock."""
    return make_holder(kind, name, start=datetime(2020, 1, 1, tzinfo=UTC), end=datetime(2049, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(("kind", "hash_name", "padding"), signatures(to))
def test_openssl_verifies_our_signature(kind: str, hash_name: Any, padding: Any, openssl: OpenSsl) -> None:
    hub = current(kind, "Hub")
    algorithms = Algorithmen(hash=hash_name, signatur=padding, ausnahmen_bis=AT.date())
    signature = openssl.write("s.der", cms.sign(CONTENT, hub.identity, algorithms, AT))
    content, certificate = openssl.write("content", CONTENT), openssl.holder("hub", hub)[0]
    found = openssl(
        "-verify", "-inform", "DER", "-in", signature, "-content", content, "-binary", "-CAfile", certificate
    )
    assert found == CONTENT


@pytest.mark.parametrize(("kind", "hash_name", "padding"), signatures(by))
@pytest.mark.parametrize("identified", [(), ("-keyid",)], ids=["issuer", "keyid"])
def test_we_verify_openssls_signature(
    kind: str, hash_name: Any, padding: Any, identified: tuple[str, ...], openssl: OpenSsl
) -> None:
    hub = current(kind, "Hub")
    certificate, key = openssl.holder("hub", hub)
    options = [*(PSS if kind.startswith("rsa") and padding == "pss" else ()), *identified]
    signature = openssl(
        *("-sign", "-binary", "-md", hash_name.replace("-", ""), "-outform", "DER"),
        *("-in", openssl.write("content", CONTENT), "-signer", certificate, "-inkey", key, *options),
    )
    algorithms = Algorithmen(signatur=padding, ausnahmen_bis=AT.date())
    verified = cms.verify(CONTENT, signature, [hub.cert], algorithms, AT)
    assert (verified.signer, verified.hash) == (hub.cert, hash_name)


@pytest.mark.parametrize(("kind", "content"), envelopes(to))
def test_openssl_decrypts_ours(kind: str, content: Any, openssl: OpenSsl) -> None:
    edge = current(kind, "Edge")
    algorithms = Algorithmen(inhalt=content, ausnahmen_bis=AT.date())
    envelope = openssl.write("e.der", cms.encrypt(CONTENT, [edge.cert], algorithms, AT))
    certificate, key = openssl.holder("edge", edge)
    found = openssl("-decrypt", "-inform", "DER", "-in", envelope, "-recip", certificate, "-inkey", key, "-binary")
    assert found == CONTENT


@pytest.mark.parametrize(("kind", "content"), envelopes(by))
@pytest.mark.parametrize(
    "streamed", [pytest.param(False, id="definite"), pytest.param(True, id="streamed", marks=by(Feature.INDEFINITE))]
)
def test_we_decrypt_openssls(kind: str, content: Any, streamed: bool, openssl: OpenSsl) -> None:
    edge = current(kind, "Edge")
    certificate, _ = openssl.holder("edge", edge)
    envelope = openssl(
        *("-encrypt", "-binary", "-in", openssl.write("content", CONTENT * 500), "-outform", "DER", f"-{content}"),
        *(("-stream",) if streamed else ()),
        *("-recip", certificate, *(OAEP if kind.startswith("rsa") else ECDH)),
    )
    algorithms = Algorithmen(inhalt=content, ausnahmen_bis=AT.date())
    assert envelope[1:2] == (b"\x80" if streamed else b"\x82")
    assert cms.decrypt(envelope, edge.identity, algorithms, AT) == CONTENT * 500


@pytest.mark.parametrize("content", ["aes-256-cbc", "aes-128-cbc"])
@to(Feature.CBC_PKCS1)
def test_openssl_decrypts_ours_with_pkcs1(content: Any, openssl: OpenSsl) -> None:
    edge = current("rsa3072", "Edge")
    algorithms = Algorithmen(inhalt=content, schluesseltransport="pkcs1", ausnahmen_bis=AT.date())
    envelope = openssl.write("e.der", cms.encrypt(CONTENT, [edge.cert], algorithms, AT))
    certificate, key = openssl.holder("edge", edge)
    found = openssl("-decrypt", "-inform", "DER", "-in", envelope, "-recip", certificate, "-inkey", key, "-binary")
    assert found == CONTENT


@pytest.mark.parametrize("content", ["aes-256-cbc", "aes-128-cbc"])
@by(Feature.CBC_PKCS1)
def test_we_decrypt_openssls_with_pkcs1(content: Any, openssl: OpenSsl) -> None:
    edge = current("rsa3072", "Edge")
    envelope = openssl(
        *("-encrypt", "-binary", "-in", openssl.write("content", CONTENT), "-outform", "DER", f"-{content}"),
        openssl.holder("edge", edge)[0],
    )
    algorithms = Algorithmen(inhalt=content, schluesseltransport="pkcs1", ausnahmen_bis=AT.date())
    assert cms.decrypt(envelope, edge.identity, algorithms, AT) == CONTENT
    unagreed = Algorithmen(inhalt=content, ausnahmen_bis=AT.date())
    assert cause_of_refusal(envelope, edge.identity, unagreed, AT, CONTENT) == "pkcs1"


@by(Feature.CBC_OAEP_512, Result.BY_US, "another hash than SHA-256 is not agreed")
def test_oaep_with_another_hash_is_refused(openssl: OpenSsl) -> None:
    edge = current("rsa3072", "Edge")
    oaep = [option.replace("sha256", "sha512") for option in OAEP]
    envelope = openssl(
        *("-encrypt", "-binary", "-in", openssl.write("content", CONTENT), "-outform", "DER", "-aes-256-cbc"),
        *("-recip", openssl.holder("edge", edge)[0], *oaep),
    )
    algorithms = Algorithmen(inhalt="aes-256-cbc", ausnahmen_bis=AT.date())
    assert cause_of_refusal(envelope, edge.identity, algorithms, AT, CONTENT) == "key_transport"


@pytest.mark.parametrize("kind", ["rsa3072", "p256"])
@to(Feature.BAD_TAG)
def test_openssl_refuses_a_tag_that_does_not_fit(kind: str, openssl: OpenSsl) -> None:
    edge = current(kind, "Edge")
    envelope = openssl.write("e.der", damaged(cms.encrypt(CONTENT, [edge.cert], Algorithmen(), AT)))
    certificate, key = openssl.holder("edge", edge)
    with pytest.raises(OpenSslRefused):
        openssl("-decrypt", "-inform", "DER", "-in", envelope, "-recip", certificate, "-inkey", key, "-binary")


@pytest.mark.parametrize("kind", ["rsa3072", "p256"])
@by(Feature.BAD_TAG)
def test_we_refuse_a_tag_of_openssl_that_does_not_fit(kind: str, openssl: OpenSsl) -> None:
    edge = current(kind, "Edge")
    envelope = openssl(
        *("-encrypt", "-binary", "-in", openssl.write("content", CONTENT), "-outform", "DER", "-aes-256-gcm"),
        *("-recip", openssl.holder("edge", edge)[0], *(OAEP if kind.startswith("rsa") else ECDH)),
    )
    assert cms.decrypt(envelope, edge.identity, Algorithmen(), AT) == CONTENT
    with pytest.raises(cms.DecryptionRefused) as error:
        cms.decrypt(damaged(envelope), edge.identity, Algorithmen(), AT)
    assert error.value.cause_code == "content"


BIG = [("n.xml", "application/xml", b"<a/>"), ("b.bin", "application/octet-stream", bytes(range(256)) * 16_000)]


@pytest.mark.parametrize("kind", ["rsa3072", "p256"])
@pytest.mark.parametrize("content", ["aes-256-gcm", "aes-256-cbc"])
@to(Feature.PIECES)
def test_openssl_opens_what_we_write_piece_by_piece(kind: str, content: str, openssl: OpenSsl) -> None:
    w = Sealing(current(kind, "Hub"), current(kind, "Edge"), {"inhalt": content, "ausnahmen_bis": AT.date()})
    stream_seal(w, BIG, make_partner, AT)
    certificate, key = openssl.holder("edge", w.edge)
    sealed = openssl.write("sealed", w.sealed.getvalue())
    inner = openssl("-decrypt", "-binary", "-inform", "DER", "-in", sealed, "-recip", certificate, "-inkey", key)
    signed, signature = mime.parts(mime.parse(inner))
    assert signed.raw == w.signed.getvalue()
    found = openssl(
        *("-verify", "-binary", "-inform", "DER", "-in", openssl.write("s.der", signature.decoded())),
        *("-content", openssl.write("signed", signed.raw), "-CAfile", openssl.holder("hub", w.hub)[0]),
    )
    assert found == signed.raw


@pytest.mark.parametrize("kind", ["rsa3072", "p256"])
@pytest.mark.parametrize("content", ["aes-256-gcm", "aes-256-cbc"])
@pytest.mark.parametrize("streamed", [(), ("-stream",)], ids=["definite", "indefinite"])
@by(Feature.PIECES)
def test_we_open_piece_by_piece_what_openssl_sealed(
    kind: str, content: str, streamed: tuple[str, ...], openssl: OpenSsl
) -> None:
    w = Sealing(current(kind, "Hub"), current(kind, "Edge"), {"inhalt": content, "ausnahmen_bis": AT.date()})
    entity = mime.build(
        [("Content-Type", "application/octet-stream"), ("Content-Transfer-Encoding", "binary")], BIG[1][2]
    )
    certificate, key = openssl.holder("hub", w.hub)
    signature = openssl(
        *("-sign", "-binary", "-md", "sha256", "-outform", "DER", "-in", openssl.write("entity", entity)),
        *("-signer", certificate, "-inkey", key, *(PSS if kind.startswith("rsa") else ())),
    )
    fields = [("Content-Type", "application/pkcs7-signature"), ("Content-Transfer-Encoding", "binary")]
    params = {"protocol": "application/pkcs7-signature", "micalg": "sha-256"}
    signed = mime.multipart("signed", [entity, mime.build(fields, signature)], params, [])
    envelope = openssl(
        *("-encrypt", "-binary", "-in", openssl.write("signed", signed), "-outform", "DER", f"-{content}", *streamed),
        *("-recip", openssl.holder("edge", w.edge)[0], *(OAEP if kind.startswith("rsa") else ECDH)),
    )
    opened = stream_open(w, make_partner, AT, envelope)
    assert opened.signed_entity == entity
    assert w.open(envelope).signed_entity == entity


def damaged(envelope: bytes) -> bytes:
    """The last byte of an AuthEnvelopedData is the last one of its tag."""
    return envelope[:-1] + bytes([envelope[-1] ^ 1])


@to(Feature.COMPRESSED, Result.NOT_OFFERED, "Debian builds OpenSSL without zlib")
@by(Feature.COMPRESSED, Result.NOT_OFFERED, "Debian builds OpenSSL without zlib")
def test_compression_is_not_built_in(openssl: OpenSsl) -> None:
    for arguments in (
        ("-compress", "-binary", "-in", openssl.write("content", CONTENT), "-outform", "DER"),
        ("-uncompress", "-inform", "DER", "-in", openssl.write("c.der", cms.compress(CONTENT))),
    ):
        with pytest.raises(OpenSslRefused, match="compression"):
            openssl(*arguments)


def test_weaker_choices_of_openssl_are_refused(openssl: OpenSsl) -> None:
    """OAEP with SHA-1 and ECDH with a SHA-1 KDF are openssl's defaults, not ours."""
    content = openssl.write("content", CONTENT)
    for kind, options in (("rsa3072", ("-keyopt", "rsa_padding_mode:oaep")), ("p256", ())):
        edge = current(kind, "Edge")
        recipient = ("-recip", openssl.holder("edge", edge)[0], *options)
        envelope = openssl("-encrypt", "-binary", "-in", content, "-outform", "DER", "-aes-256-gcm", *recipient)
        with pytest.raises(cms.DecryptionRefused) as error:
            cms.decrypt(envelope, edge.identity, Algorithmen(), AT)
        assert error.value.cause_code in ("key_transport", "key_agreement")


@pytest.mark.parametrize(("kind", "content"), envelopes(by)[::4])
def test_a_recipient_may_be_named_by_its_key_identifier(kind: str, content: str, openssl: OpenSsl) -> None:
    edge = current(kind, "Edge")
    envelope = openssl(
        *("-encrypt", "-binary", "-in", openssl.write("content", CONTENT), "-outform", "DER", f"-{content}"),
        *("-keyid", "-recip", openssl.holder("edge", edge)[0], *(OAEP if kind.startswith("rsa") else ECDH)),
    )
    assert edge.cert.issuer.public_bytes() not in envelope
    assert cms.decrypt(envelope, edge.identity, Algorithmen(), AT) == CONTENT


@to(Feature.MAIL_SIGNED)
@to(Feature.MAIL_SEALED)
@pytest.mark.parametrize("kind", ["rsa3072", "p256"])
def test_openssl_opens_a_whole_message_of_ours(kind: str, openssl: OpenSsl) -> None:
    w = Sealing(current(kind, "Hub"), current(kind, "Edge"), {})
    # In base64, since openssl rewrites line ends of what it reads as S/MIME, whatever its options.
    sealed = w.seal([("n.xml", "application/xml", b"<a/>"), ("b.bin", "application/pdf", bytes(256))], "base64")
    certificate, key = openssl.holder("edge", w.edge)
    envelope = openssl.write("sealed", b64decode(w.sealed.getvalue()))
    inner = openssl("-decrypt", "-binary", "-inform", "DER", "-in", envelope, "-recip", certificate, "-inkey", key)
    anchor = openssl.holder("hub", w.hub)[0]
    found = openssl("-verify", "-inform", "SMIME", "-in", openssl.write("inner", inner), "-CAfile", anchor)
    assert found == w.signed.getvalue()
    assert sealed.mic_alg == "sha-256"


@by(Feature.MAIL_SIGNED)
@by(Feature.MAIL_SEALED, Result.BY_US, "writes a sentence beside the signed part; without it the message opens")
def test_we_open_a_whole_message_of_openssl(openssl: OpenSsl) -> None:
    hub, edge = current("rsa3072", "Hub"), current("p256", "Edge")
    certificate, key = openssl.holder("hub", hub)
    detached = openssl(
        *("-sign", "-binary", "-crlfeol", "-md", "sha256", "-in", openssl.write("content", CONTENT)),
        *("-signer", certificate, "-inkey", key, *PSS),
    )
    assert open_signed(detached, [hub.cert], Algorithmen(), AT)[1] == CONTENT

    def opened(signed: bytes) -> sealer.Opened:
        body = openssl(
            *("-encrypt", "-binary", "-in", openssl.write("signed", signed), "-outform", "DER"),
            *("-aes-256-gcm", "-recip", openssl.holder("edge", edge)[0], *ECDH),
        )
        return sealer.open_sealed(io.BytesIO(body), "application/pkcs7-mime", edge.identity, make_partner(hub), at=AT)

    with pytest.raises(sealer.OpenRefused) as error:
        opened(detached)
    assert error.value.cause_code == "beside_signed"
    whole = opened(without_preamble(detached))
    assert whole.signed_entity == CONTENT
    assert whole.parts[0][2] == b"<a>\n\xc3\xa4\r\n</a>"


def without_preamble(raw: bytes) -> bytes:
    """openssl writes a sentence before the first delimiter; inside a message we refuse anything there."""
    entity = mime.parse(raw)
    preamble = mime.split(entity).preamble
    assert preamble.startswith(b"This is an S/MIME signed message")
    return raw.replace(preamble + b"\r\n", b"", 1)


def test_we_open_a_receipt_that_openssl_signed(openssl: OpenSsl) -> None:
    hub = current("p256", "Hub")
    certificate, key = openssl.holder("hub", hub)
    raw = openssl(
        *("-sign", "-binary", "-crlfeol", "-md", "sha256", "-in", openssl.write("content", CONTENT)),
        *("-signer", certificate, "-inkey", key),
    )
    assert open_signed(raw, [hub.cert], Algorithmen(), AT)[1] == CONTENT
