"""Where a certificate's revocation is told, by its own words: CRL distribution points and OCSP responders.

Promises: pure; only http and https addresses, only from the certificates that are handed in; the issuers' address
(`caIssuers`) is never looked at (wire.md section 1).
Fails: `ValueError` for an answer that is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

Kind = Literal["crl", "ocsp"]
MAX_SOURCES: Final = 4
"""Most addresses of one kind that one certificate may name: real ones name one or two."""
MAX_URL: Final = 1_000
"""Longest address that is followed."""
NO_NEXT_UPDATE: Final = timedelta(minutes=30)
"""How long an answer without `nextUpdate` counts as fresh (RFC 6960 section 4.2.2.1: newer ones are there any time)."""
MOST_BETWEEN: Final = timedelta(hours=12)
MINIMUM_BETWEEN: Final = timedelta(minutes=5)
"""An answer is fetched anew after half of its life, but no more rarely and no more often than this."""
RETRY_START: Final = timedelta(minutes=1)
RETRY_CAP: Final = timedelta(hours=1)
"""After a failure: 1, 2, 4 … minutes, at most an hour."""


@dataclass(frozen=True, slots=True)
class Source:
    """One address, and what it is asked about."""

    kind: Kind
    url: str
    certificate: x509.Certificate = field(repr=False)
    """What is to be known about; for a CRL, one of those that name it."""
    issuer: x509.Certificate = field(repr=False)

    @property
    def id(self) -> str:
        """Its key in the store: an address, and for OCSP the certificate."""
        subject = self.certificate.fingerprint(hashes.SHA256()).hex() if self.kind == "ocsp" else ""
        return hashlib.sha256(f"{self.kind}\n{self.url}\n{subject}".encode()).hexdigest()

    def request(self) -> bytes | None:
        """The body to POST to a responder; None for what is fetched by GET."""
        if self.kind == "crl":
            return None
        # The hash only names the issuer (RFC 6960 section 4.1.1); RFC 5019 responders know no other.
        name = hashes.SHA1()  # noqa: S303
        builder = ocsp.OCSPRequestBuilder().add_certificate(self.certificate, self.issuer, name)
        return builder.build().public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address said, with its life."""

    kind: Kind
    body: bytes = field(repr=False)
    this_update: datetime
    next_update: datetime


def sources(certificates: Iterable[x509.Certificate], issuers: Sequence[x509.Certificate]) -> list[Source]:
    """All addresses at which the revocation of `certificates` is told.

    Args:
        certificates: registered ones; those whose issuer is not among `issuers` have no source.
        issuers: anchors and intermediates.
    """
    found: dict[str, Source] = {}
    for certificate in certificates:
        issuer = issuer_of(certificate, issuers)
        if issuer is None:
            continue
        for kind, urls in (("crl", _crl_urls(certificate)), ("ocsp", _ocsp_urls(certificate))):
            for url in urls[:MAX_SOURCES]:
                source = Source(kind, url, certificate, issuer)  # type: ignore[arg-type]  # a Kind
                found.setdefault(source.id, source)
    return list(found.values())


def issuer_of(certificate: x509.Certificate, issuers: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """Who signed it, among `issuers`; None for what is self-signed or foreign."""
    for issuer in issuers:
        if issuer != certificate and issuer.subject == certificate.issuer and signed_by(certificate, issuer):
            return issuer
    return None


def self_signed(certificate: x509.Certificate) -> bool:
    """Whether a certificate is its own issuer, in name and signature."""
    return certificate.issuer == certificate.subject and signed_by(certificate, certificate)


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the signature; not whether the issuer may."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def read(kind: Kind, body: bytes) -> Answer:
    """What came, with its life; whether it is authentic is `path.authentic`'s to say.

    Raises:
        ValueError: it is no answer of this kind, or one that says nothing.
    """
    if kind == "crl":
        crl = x509.load_pem_x509_crl(body) if body.startswith(b"-----") else x509.load_der_x509_crl(body)
        der = crl.public_bytes(Encoding.DER)
        return _answer("crl", der, crl.last_update_utc, crl.next_update_utc)
    response = ocsp.load_der_ocsp_response(body)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise ValueError("responder refuses")
    each = next(iter(response.responses))
    return _answer("ocsp", body, each.this_update_utc, each.next_update_utc)


def _answer(kind: Kind, body: bytes, this_update: datetime, next_update: datetime | None) -> Answer:
    return Answer(kind, body, this_update, next_update or this_update + NO_NEXT_UPDATE)


def next_fetch(answer: Answer, at: datetime) -> datetime:
    """When to ask again after an answer: well before it goes stale."""
    half = answer.this_update + (answer.next_update - answer.this_update) / 2
    return min(max(half, at + MINIMUM_BETWEEN), at + MOST_BETWEEN)


def next_try(failures: int, at: datetime) -> datetime:
    """When to ask again after so many failures in a row."""
    return at + min(RETRY_START * (1 << min(failures - 1, 10)), RETRY_CAP)


def _crl_urls(certificate: x509.Certificate) -> list[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    names = [name for point in points for name in point.full_name or ()]
    return [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier) and _followed(name.value)]


def _ocsp_urls(certificate: x509.Certificate) -> list[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [
        each.access_location.value
        for each in access
        if each.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(each.access_location, x509.UniformResourceIdentifier)
        and _followed(each.access_location.value)
    ]


def _followed(url: str) -> bool:
    return url.startswith(("http://", "https://")) and len(url) <= MAX_URL and url.isprintable()
