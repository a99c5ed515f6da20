"""New keys and certificates: our own self-signed ones, and a small CA for development, demo and tests.

Promises: pure but for randomness and, where no window is given, the day; each certificate has one use (wire.md
section 1); nothing is written, see `pki.write_pair`.
Fails: `ValueError` for names that X.509 cannot hold.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.pki import RSA_BITS, KeyPair, PrivateKey, Purpose, pem_of
from gateway.trust.status import TEST_UNIT

Kind = Literal["p256", "rsa"]
DEFAULT_DAYS = 2 * 365
"""How long a new certificate is valid."""


def new_key(kind: Kind = "p256") -> PrivateKey:
    """A new private key: P-256 (fast; default), or RSA-3072 for partners that cannot do elliptic curves."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a new certificate shall say."""

    purpose: Purpose
    name: str
    """Common name: an authority key, a gateway's `kennung`, or any name for people."""
    hosts: tuple[str, ...] = ()
    """Host names and addresses of a TLS certificate."""
    mail: str | None = None
    """Mail address of a signature or encryption certificate (S/MIME)."""
    kind: Kind = "p256"
    ab: datetime | None = None
    """Start of its window; None: the beginning of this day, UTC."""
    bis: datetime | None = None
    """End of its window; None: `DEFAULT_DAYS` after its start."""


def self_signed(request: Request) -> KeyPair:
    """A new key with a certificate that is its own anchor, as agreements allow (wire.md section 1)."""
    key = new_key(request.kind)
    name = _name(request.name)
    builder = _builder(request, key, name, name)
    return KeyPair(key, _signed(builder, key, key))


def _builder(request: Request, key: PrivateKey, subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    start = request.ab or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    builder = (
        x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(request.bis or start + timedelta(days=DEFAULT_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(request.purpose, key), critical=True)
    )
    names = [_host(host) for host in request.hosts] + ([x509.RFC822Name(request.mail)] if request.mail else [])
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    usages = _EXTENDED[request.purpose]
    return builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False) if usages else builder


_EXTENDED: dict[Purpose, list[x509.ObjectIdentifier]] = {
    "sign": [ExtendedKeyUsageOID.EMAIL_PROTECTION],
    "encrypt": [ExtendedKeyUsageOID.EMAIL_PROTECTION],
    "tls": [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
    "log": [],
}


def _key_usage(purpose: Purpose | Literal["ca"], key: PrivateKey) -> x509.KeyUsage:
    """One key, one use (RFC 5280 section 4.2.1.3): EC keys agree, RSA keys encipher."""
    elliptic = isinstance(key, ec.EllipticCurvePrivateKey)
    return x509.KeyUsage(
        digital_signature=purpose in ("sign", "tls", "log"),
        content_commitment=False,
        key_encipherment=purpose == "encrypt" and not elliptic,
        data_encipherment=False,
        key_agreement=purpose == "encrypt" and elliptic,
        key_cert_sign=purpose == "ca",
        crl_sign=purpose == "ca",
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, key: PrivateKey, issuer: PrivateKey) -> x509.Certificate:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    builder = builder.add_extension(identifier, critical=False).add_extension(authority, critical=False)
    if isinstance(issuer, rsa.RSAPrivateKey):
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
        return builder.sign(issuer, hashes.SHA256(), rsa_padding=pss)
    return builder.sign(issuer, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@dataclass(frozen=True, slots=True)
class DevelopmentCa:
    """A throw-away CA for development, demo and tests. Never for real traffic: it knows no revocation.

    Its name holds the unit `TEST_UNIT`, by which a production configuration knows it and refuses what it issued.

    Its evil twins make what must be refused: `twin()` has the same name and another key; `issue` with a window in the
    past makes an expired certificate; `wrong_key()` gives a certificate with a key that does not belong to it.
    """

    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate

    @classmethod
    def create(cls, name: str = "Entwicklungs-CA", *, days: int = DEFAULT_DAYS) -> DevelopmentCa:
        """A new CA with a P-256 key, valid from yesterday on."""
        key = new_key()
        start = datetime.now(UTC) - timedelta(days=1)
        unit = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, TEST_UNIT)
        subject = x509.Name([unit, *_name(name)])
        builder = (
            x509.CertificateBuilder(issuer_name=subject, subject_name=subject, public_key=key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days + 1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage("ca", key), critical=True)
        )
        return cls(key, _signed(builder, key, key))

    @property
    def pem(self) -> str:
        """The anchor as PEM."""
        return pem_of(self.certificate)

    def issue(self, request: Request) -> KeyPair:
        """A new key with a certificate of this CA."""
        key = new_key(request.kind)
        builder = _builder(request, key, _name(request.name), self.certificate.subject)
        return KeyPair(key, _signed(builder, key, self.key))

    def issue_expired(self, purpose: Purpose, name: str, hosts: Iterable[str] = ()) -> KeyPair:
        """A certificate whose window ended yesterday."""
        end = datetime.now(UTC) - timedelta(days=1)
        return self.issue(Request(purpose=purpose, name=name, hosts=tuple(hosts), ab=end - timedelta(days=30), bis=end))

    def twin(self) -> DevelopmentCa:
        """A foreign CA that bears the same name."""
        common = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        return DevelopmentCa.create(str(common))


def wrong_key(pair: KeyPair) -> KeyPair:
    """The certificate of `pair` with a key that does not belong to it (for tests)."""
    return KeyPair(new_key(), pair.certificate, pair.chain)
