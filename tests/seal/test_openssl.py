"""Interoperation with `openssl cms`, both ways."""

import io
import shutil
import subprocess
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway import mime
from gateway.partner import Algorithmen
from gateway.seal import cms, sealer
from gateway.seal.signedmime import open_signed

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")

CONTENT = b"Content-Type: application/xml\r\nContent-Transfer-Encoding: binary\r\n\r\n<a>\n\xc3\xa4\r\n</a>"
PSS = ("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:digest")
OAEP = ("-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha256")
ECDH = ("-keyopt", "ecdh_kdf_md:sha256")
AT = datetime(2026, 5, 4, tzinfo=UTC)
KINDS = ["rsa3072", "p256", "p384", "bp256"]


class OpenSsl:
    """`openssl cms` in a folder of its own, with the keys that it needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def holder(self, name: str, holder: Any) -> tuple[str, str]:
        return self.write(f"{name}.crt", holder.pem.encode()), self.write(f"{name}.key", holder.key_pem)

    def __call__(self, *arguments: str) -> bytes:
        assert OPENSSL is not None
        done = subprocess.run([OPENSSL, "cms", *arguments], capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSsl:
    return OpenSsl(tmp_path)


def current(holder: Any, kind: str, name: str) -> Any:
    """A holder whose certificate is good for a generation: openssl judges it by the clock."""
    return holder(kind, name, start=datetime(2020, 1, 1, tzinfo=UTC), end=datetime(2049, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hash_name", ["sha-256", "sha-512"])
def test_openssl_verifies_our_signature(kind: str, hash_name: Any, holder: Any, openssl: OpenSsl) -> None:
    hub = current(holder, kind, "Hub")
    signature = openssl.write("s.der", cms.sign(CONTENT, hub.identity, Algorithmen(hash=hash_name), AT))
    content, certificate = openssl.write("content", CONTENT), openssl.holder("hub", hub)[0]
    found = openssl(
        "-verify", "-inform", "DER", "-in", signature, "-content", content, "-binary", "-CAfile", certificate
    )
    assert found == CONTENT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("identified", [(), ("-keyid",)])
def test_we_verify_openssls_signature(kind: str, identified: tuple[str, ...], holder: Any, openssl: OpenSsl) -> None:
    hub = current(holder, kind, "Hub")
    certificate, key = openssl.holder("hub", hub)
    options = [*(PSS if kind.startswith("rsa") else ()), *identified]
    signature = openssl(
        *("-sign", "-binary", "-md", "sha256", "-outform", "DER", "-in", openssl.write("content", CONTENT)),
        *("-signer", certificate, "-inkey", key, *options),
    )
    assert cms.verify(CONTENT, signature, [hub.cert], Algorithmen(), AT).signer == hub.cert


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", ["aes-256-gcm", "aes-128-gcm", "aes-256-cbc"])
def test_openssl_decrypts_ours(kind: str, content: Any, holder: Any, openssl: OpenSsl) -> None:
    edge = current(holder, kind, "Edge")
    algorithms = Algorithmen(inhalt=content, ausnahmen_bis=AT.date())
    envelope = openssl.write("e.der", cms.encrypt(CONTENT, [edge.cert], algorithms, AT))
    certificate, key = openssl.holder("edge", edge)
    found = openssl("-decrypt", "-inform", "DER", "-in", envelope, "-recip", certificate, "-inkey", key, "-binary")
    assert found == CONTENT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", ["aes-256-gcm", "aes-128-gcm", "aes-256-cbc"])
@pytest.mark.parametrize("streamed", [False, True])
def test_we_decrypt_openssls(kind: str, content: Any, streamed: bool, holder: Any, openssl: OpenSsl) -> None:
    edge = current(holder, kind, "Edge")
    certificate, _ = openssl.holder("edge", edge)
    envelope = openssl(
        *("-encrypt", "-binary", "-in", openssl.write("content", CONTENT * 500), "-outform", "DER", f"-{content}"),
        *(("-stream",) if streamed else ()),
        *("-recip", certificate, *(OAEP if kind.startswith("rsa") else ECDH)),
    )
    algorithms = Algorithmen(inhalt=content, ausnahmen_bis=AT.date())
    assert envelope[1:2] == (b"\x80" if streamed else b"\x82")
    assert cms.decrypt(envelope, edge.identity, algorithms, AT) == CONTENT * 500


def test_weaker_choices_of_openssl_are_refused(holder: Any, openssl: OpenSsl) -> None:
    """OAEP with SHA-1 and ECDH with a SHA-1 KDF are openssl's defaults, not ours."""
    content = openssl.write("content", CONTENT)
    for kind, options in (("rsa3072", ("-keyopt", "rsa_padding_mode:oaep")), ("p256", ())):
        edge = current(holder, kind, "Edge")
        recipient = ("-recip", openssl.holder("edge", edge)[0], *options)
        envelope = openssl("-encrypt", "-binary", "-in", content, "-outform", "DER", "-aes-256-gcm", *recipient)
        with pytest.raises(cms.DecryptionRefused) as error:
            cms.decrypt(envelope, edge.identity, Algorithmen(), AT)
        assert error.value.cause_code in ("key_transport", "key_agreement")


@pytest.mark.parametrize("kind", KINDS)
def test_a_recipient_may_be_named_by_its_key_identifier(kind: str, holder: Any, openssl: OpenSsl) -> None:
    edge = current(holder, kind, "Edge")
    envelope = openssl(
        *("-encrypt", "-binary", "-in", openssl.write("content", CONTENT), "-outform", "DER", "-aes-256-gcm"),
        *("-keyid", "-recip", openssl.holder("edge", edge)[0], *(OAEP if kind.startswith("rsa") else ECDH)),
    )
    assert edge.cert.issuer.public_bytes() not in envelope
    assert cms.decrypt(envelope, edge.identity, Algorithmen(), AT) == CONTENT


@pytest.mark.parametrize("kind", ["rsa3072", "p256"])
def test_openssl_opens_a_whole_message_of_ours(kind: str, way: Any, holder: Any, openssl: OpenSsl) -> None:
    w = way()
    w.hub, w.edge = current(holder, kind, "Hub"), current(holder, kind, "Edge")
    # In base64, since openssl rewrites line ends of what it reads as S/MIME, whatever its options.
    sealed = w.seal([("n.xml", "application/xml", b"<a/>"), ("b.bin", "application/pdf", bytes(256))], "base64")
    certificate, key = openssl.holder("edge", w.edge)
    envelope = openssl.write("sealed", b64decode(w.sealed.getvalue()))
    inner = openssl("-decrypt", "-binary", "-inform", "DER", "-in", envelope, "-recip", certificate, "-inkey", key)
    anchor = openssl.holder("hub", w.hub)[0]
    found = openssl("-verify", "-inform", "SMIME", "-in", openssl.write("inner", inner), "-CAfile", anchor)
    assert found == w.signed.getvalue()
    assert sealed.mic_alg == "sha-256"


def test_we_open_a_whole_message_of_openssl(holder: Any, partner: Any, openssl: OpenSsl) -> None:
    hub, edge = current(holder, "rsa3072", "Hub"), current(holder, "p256", "Edge")
    certificate, key = openssl.holder("hub", hub)
    detached = openssl(
        *("-sign", "-binary", "-crlfeol", "-md", "sha256", "-in", openssl.write("content", CONTENT)),
        *("-signer", certificate, "-inkey", key, *PSS),
    )
    body = openssl(
        *("-encrypt", "-binary", "-in", openssl.write("signed", without_preamble(detached)), "-outform", "DER"),
        *("-aes-256-gcm", "-recip", openssl.holder("edge", edge)[0], *ECDH),
    )
    opened = sealer.open_sealed(io.BytesIO(body), "application/pkcs7-mime", edge.identity, partner(hub), at=AT)
    assert opened.signed_entity == CONTENT
    assert opened.parts[0][2] == b"<a>\n\xc3\xa4\r\n</a>"


def without_preamble(raw: bytes) -> bytes:
    """openssl writes a sentence before the first delimiter; inside a message we refuse anything there."""
    entity = mime.parse(raw)
    preamble = mime.split(entity).preamble
    assert preamble.startswith(b"This is an S/MIME signed message")
    return raw.replace(preamble + b"\r\n", b"", 1)


def test_we_open_a_receipt_that_openssl_signed(holder: Any, openssl: OpenSsl) -> None:
    hub = current(holder, "p256", "Hub")
    certificate, key = openssl.holder("hub", hub)
    raw = openssl(
        *("-sign", "-binary", "-crlfeol", "-md", "sha256", "-in", openssl.write("content", CONTENT)),
        *("-signer", certificate, "-inkey", key),
    )
    assert open_signed(raw, [hub.cert], Algorithmen(), AT)[1] == CONTENT
