"""What bears on one certificate: the issuers above it, and the answers of those who may speak of it.

The library takes any CRL whose signer was issued by a certificate's issuer for one about that certificate, and follows
the signers of every CRL at hand: a sibling CA's CRL made "unknown" into "good", and many siblings cost more time than
there is. So it is given only what RFC 5280 section 6.3.3 lets count: answers by the issuer's own name, or by the name
that the certificate's distribution points give (`cRLIssuer`), for every certificate that the answer needs in turn.

Promises: pure; leaving out never makes a certificate better than unknown.
Fails: `ValueError` for a certificate or an answer that cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from gateway.trust.sources import Answer

_KEPT: Final = 4096
"""Names and certificates whose comparable form is kept: every certificate of every agreement is assessed each hour."""
Topic = tuple[str, str]
"""What an answer may be found by: `crl` and the name of who speaks, `ocsp` and the number of whom is spoken."""


@dataclass(frozen=True, slots=True)
class Bearing:
    """A certificate, and what bears on it."""

    certificate: x509.Certificate
    anchors: tuple[x509.Certificate, ...] = field(repr=False)
    intermediates: tuple[x509.Certificate, ...] = field(repr=False)
    answers: tuple[Answer, ...] = field(repr=False)

    def bodies(self, kind: str) -> list[bytes]:
        """The answers of one kind, in DER."""
        return [answer.body for answer in self.answers if answer.kind == kind]

    def speaks_of(self, path: Iterable[x509.Certificate]) -> bool:
        """Whether for each certificate of a path (the anchor left out) there is an answer by whom it names."""
        said = set().union(*map(_said, self.answers))
        return all(said & _asked(each) for each in path)


def bearing(
    certificate: x509.Certificate,
    anchors: Sequence[x509.Certificate],
    intermediates: Sequence[x509.Certificate],
    answers: Sequence[Answer],
) -> Bearing:
    """Choose what bears on a certificate.

    Args:
        certificate: whose path and revocation are asked.
        anchors: registered ones.
        intermediates: registered ones.
        answers: all at hand.

    Raises:
        ValueError: one of the certificates or answers cannot be read.
    """
    chosen = _closure(certificate, [*anchors, *intermediates])
    asked = set().union(*map(_asked, chosen))
    return Bearing(
        certificate,
        tuple(each for each in anchors if each in chosen),
        tuple(each for each in intermediates if each in chosen),
        tuple(answer for answer in answers if _said(answer) & asked),
    )


def _closure(first: x509.Certificate, issuers: Iterable[x509.Certificate]) -> set[x509.Certificate]:
    """A certificate, those that it names as issuer or speaker, those that these name, and so on."""
    above: dict[str, list[x509.Certificate]] = {}
    for each in issuers:
        above.setdefault(_subject(each), []).append(each)
    names: set[str] = set()
    chosen, waiting = {first}, [first]
    while waiting:
        for name in _speakers(waiting.pop()) - names:
            names.add(name)
            chosen.update(above.get(name, ()))
            waiting += above.get(name, ())
    return chosen


def _said(answer: Answer) -> set[Topic]:
    """What an answer may be found by."""
    if answer.kind == "ocsp":
        response = ocsp.load_der_ocsp_response(answer.body)
        return {("ocsp", str(each.serial_number)) for each in response.responses}
    return {("crl", _comparable(x509.load_der_x509_crl(answer.body).issuer.public_bytes()))}


def _asked(certificate: x509.Certificate) -> set[Topic]:
    """By what an answer about a certificate is found."""
    speakers = {("crl", name) for name in _speakers(certificate)}
    return {("ocsp", str(certificate.serial_number)), *speakers}


@lru_cache(maxsize=_KEPT)
def _subject(certificate: x509.Certificate) -> str:
    return _comparable(certificate.subject.public_bytes())


@lru_cache(maxsize=_KEPT)
def _speakers(certificate: x509.Certificate) -> frozenset[str]:
    """Who may speak of a certificate: its issuer, and those whom its distribution points name."""
    found = asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
    points = found.crl_distribution_points_value or ()
    named = [name.chosen for point in points for name in point["crl_issuer"] or () if name.name == "directory_name"]
    return frozenset(str(name.hashable) for name in (found.issuer, *named))


@lru_cache(maxsize=_KEPT)
def _comparable(name: bytes) -> str:
    """A name in DER as RFC 5280 section 7.1 compares it."""
    return str(asn1.Name.load(name).hashable)
