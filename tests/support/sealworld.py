"""Keys, certificates, agreements and a hub that seals for an edge: what tests of sealing share, made at test time."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.partner import Algorithmen, Partner, Zertifikat
from gateway.seal import cms
from gateway.seal.cms import Identity
from gateway.seal.sealer import Opened, PartIn, Sealed, open_sealed, seal

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
CURVES: dict[str, ec.EllipticCurve] = {
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
    "bp256": ec.BrainpoolP256R1(),
    "bp384": ec.BrainpoolP384R1(),
    "k256": ec.SECP256K1(),
}


@lru_cache
def make_key(kind: str, owner: str = "") -> Any:
    """A key of one kind for one owner, made once."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key(CURVES[kind])


@dataclass(frozen=True)
class Holder:
    """A key with its certificate."""

    key: Any
    cert: x509.Certificate

    @property
    def pem(self) -> str:
        return self.cert.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def identity(self) -> Identity:
        return Identity("gw:probe", self.key, self.cert, ((self.key, self.cert),))


def make_holder(
    kind: str = "p256",
    name: str = "Hub",
    *,
    start: datetime = datetime(2025, 1, 1, tzinfo=UTC),
    end: datetime = datetime(2028, 1, 1, tzinfo=UTC),
    usage: dict[str, bool] | None = None,
    key_identifier: bool = True,
) -> Holder:
    key = make_key(kind, name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if key_identifier:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.KeyUsage(**(dict.fromkeys(USAGES, False) | usage)), critical=True)
    return Holder(key, builder.sign(key, None if kind == "ed25519" else hashes.SHA256()))


USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def make_partner(holder: Holder, **algorithms: Any) -> Partner:
    """A partner whose messages `holder` signs and that decrypts with its key."""
    certificates = [
        Zertifikat(zweck=z, pem=holder.pem, ab=date(2025, 1, 1), bis=date(2027, 12, 31))
        for z in ("signatur", "verschluesselung")
    ]
    return Partner(
        id="koeln",
        behoerden=("abh:05315000",),
        weg="abruf",
        algorithmen=Algorithmen(**algorithms),
        zertifikate=tuple(certificates),
    )


@dataclass
class Way:
    """A hub that seals for an edge; what the hub wrote and how the edge opens it."""

    hub: Holder
    edge: Holder
    algorithms: dict[str, Any]

    def seal(self, parts: list[tuple[str | None, str, bytes]], transfer: Any = "binary", **more: Any) -> Sealed:
        self.signed, self.sealed = io.BytesIO(), io.BytesIO()
        self.result = seal(
            [PartIn(name, media_type, io.BytesIO(content)) for name, media_type, content in parts],
            {"X-Gateway-Empfaenger": "abh:05315000", "X-Gateway-Id": "0198"},
            self.hub.identity,
            make_partner(self.edge, **self.algorithms),
            at=AT,
            transfer=transfer,
            signed_out=self.signed,
            sealed_out=self.sealed,
            **more,
        )
        return self.result

    def open(self, body: bytes | None = None, transfer: str | None = None) -> Opened:
        return open_sealed(
            io.BytesIO(self.sealed.getvalue() if body is None else body),
            "application/pkcs7-mime; smime-type=enveloped-data",
            self.edge.identity,
            make_partner(self.hub, **self.algorithms),
            at=AT,
            transfer=transfer or (self.result.headers["Content-Transfer-Encoding"] if body is None else "binary"),
        )


def cause_of_refusal(envelope: bytes, identity: Identity, algorithms: Algorithmen, at: datetime, content: bytes) -> str:
    """Why an envelope is refused, under AES-CBC too; and it never opens to its content.

    The random key that stands in for one that cannot be had leaves a valid CBC padding once in 256 times: then other
    bytes go on, for the signature to refuse. A few tries show the cause all the same.
    """
    for _ in range(8):
        try:
            assert cms.decrypt(envelope, identity, algorithms, at) != content
        except cms.DecryptionRefused as refused:
            return refused.cause_code
    raise AssertionError("never refused")
