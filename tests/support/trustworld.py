"""An issuing authority as partners have one: certificates with addresses, CRLs, OCSP answers, and its server."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from asn1crypto import crl as asn1_crl
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from gateway.pki import KeyPair

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


@dataclass
class Authority:
    """A CA, and what its hosts answer."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    base: str | None = None
    """Where it is reached; None: its certificates name no address."""
    with_crl: bool = True
    with_ocsp: bool = False
    revoked: dict[int, datetime] = field(default_factory=dict)
    life: timedelta = timedelta(hours=24)
    down: bool = False
    body: bytes | None = None
    """Answered instead of what is true."""
    asked: list[str] = field(default_factory=list)

    @classmethod
    def root(cls, name: str = "Verwaltungs-CA", *, end: datetime = NOW + 900 * DAY, **options: Any) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _ca_builder(_name(name), _name(name), key, end)
        return cls(key, builder.sign(key, hashes.SHA256()), **options)

    def sub(self, name: str = "Zwischen-CA", **options: Any) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _ca_builder(_name(name), self.certificate.subject, key, NOW + 800 * DAY)
        return Authority(key, self._told(builder).sign(self.key, hashes.SHA256()), **options)

    def issue(self, name: str = "partner", *, start: datetime = NOW - DAY, end: datetime = NOW + 365 * DAY) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder(self.certificate.subject, _name(name), key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        return KeyPair(key, self._told(builder).sign(self.key, hashes.SHA256()))

    def _told(self, builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
        if self.base and self.with_crl:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(f"{self.base}/crl")], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        if self.base and self.with_ocsp:
            access = [
                x509.AccessDescription(method, x509.UniformResourceIdentifier(f"{self.base}/{path}"))
                for method, path in (
                    (AuthorityInformationAccessOID.OCSP, "ocsp"),
                    (AuthorityInformationAccessOID.CA_ISSUERS, "ca"),
                )
            ]
            builder = builder.add_extension(x509.AuthorityInformationAccess(access), critical=False)
        return builder

    def revoke(self, certificate: x509.Certificate, at: datetime = NOW - timedelta(hours=2)) -> None:
        self.revoked[certificate.serial_number] = at

    def crl(self, this: datetime | None = None, life: timedelta | None = None) -> bytes:
        this = this or datetime.now(UTC) - timedelta(minutes=1)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(this)
            .next_update(this + (life or self.life))
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        for serial, at in self.revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def crl_by_sha1(self, this: datetime) -> bytes:
        """As nobody should sign any more; `cryptography` refuses to make one whole."""
        crl = asn1_crl.CertificateList.load(self.crl(this))
        crl["tbs_cert_list"]["signature"] = crl["signature_algorithm"] = {"algorithm": "sha1_ecdsa"}
        crl["signature"] = self.key.sign(crl["tbs_cert_list"].dump(force=True), ec.ECDSA(hashes.SHA1()))
        return crl.dump(force=True)

    def ocsp(self, certificate: x509.Certificate, this: datetime | None = None) -> bytes:
        this = this or datetime.now(UTC) - timedelta(minutes=1)
        revoked_at = self.revoked.get(certificate.serial_number)
        status = ocsp.OCSPCertStatus.REVOKED if revoked_at else ocsp.OCSPCertStatus.GOOD
        builder = ocsp.OCSPResponseBuilder().add_response(
            certificate,
            self.certificate,
            hashes.SHA1(),
            status,
            this,
            this + self.life,
            revoked_at,
            x509.ReasonFlags.key_compromise if revoked_at else None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.certificate)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def _ca_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, end: datetime
) -> x509.CertificateBuilder:
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 2 * DAY)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, decipher_only=False, **usage),
            critical=True,
        )
    )


@contextlib.asynccontextmanager
async def serving(*authorities: Authority) -> AsyncIterator[str]:
    """The hosts of authorities, on loopback: the n-th below `/n`; their `base` is set."""
    runner = web.AppRunner(_app(authorities), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    for n, authority in enumerate(authorities):
        authority.base = f"{url}/{n}"
    try:
        yield url
    finally:
        await runner.cleanup()


def _app(authorities: tuple[Authority, ...]) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        authority = authorities[int(request.match_info["n"])]
        what = request.match_info["what"]
        authority.asked.append(what)
        if authority.down:
            return web.Response(status=503)
        if authority.body is not None:
            return web.Response(body=authority.body)
        if what == "crl":
            return web.Response(body=authority.crl())
        asked = ocsp.load_der_ocsp_request(await request.read())
        return web.Response(body=_by_serial(authority, asked.serial_number))

    app = web.Application()
    app.add_routes([web.route("*", "/{n}/{what}", answer)])
    return app


def _by_serial(authority: Authority, serial: int) -> bytes:
    """An OCSP answer for a serial number alone: the builder wants a certificate, so one is made that has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    stand_in = (
        x509.CertificateBuilder(authority.certificate.subject, _name("x"), key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
        .sign(authority.key, hashes.SHA256())
    )
    return authority.ocsp(stand_in)
