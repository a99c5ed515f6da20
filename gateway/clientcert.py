"""The client's certificate as a proxy passes it on (RFC 9440), read and validated again.

Promises: pure. The header `Client-Cert` comes once and is one byte sequence (RFC 8941 section 3.3.5) that is one
certificate; `Client-Cert-Chain` is a list of such. The certificate leads to an anchor of ours at this moment, is for
TLS clients, and every key on the way is as strong as a TLS connection of ours demands. What the proxy may have checked
does not count.
Fails: `Unauthenticated` without a certificate, `Malformed` for headers that are not of this form, `Forbidden` for a
certificate that does not hold.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.errors import Forbidden, Malformed, Unauthenticated
from gateway.pki import RSA_BITS

CERTIFICATE_BYTES: Final = 12 * 1024
"""DER of one certificate: with a key of 4096 bits and many names it has three kilobytes; in base64 it is longer."""
CHAIN: Final = 8
"""Certificates of a chain: public chains have two or three."""
FIELD_BYTES: Final = 64 * 1024
"""Longest header field on a proxy's connection: a chain in base64 does not fit into the usual eight kilobytes."""
_SEQUENCE: Final = re.compile(r":([A-Za-z0-9+/]*={0,2}):")


def validated(shown: Sequence[str], chain: Sequence[str], anchors: Iterable[x509.Certificate], at: datetime) -> str:
    """The SHA-256 (lower-case hex) of the certificate that a proxy passes on.

    The steps: 1 one header, one certificate · 2 the chain · 3 a path to an anchor, for clients, at this moment · 4
    strong     keys on it.

    Args:
        shown: values of the header fields `Client-Cert`.
        chain: values of the header fields `Client-Cert-Chain`.
        anchors: certificates that clients' certificates lead to.
        at: now.

    Raises:
        Unauthenticated: the client showed none.
        Malformed: a header twice, or not of the form of RFC 9440.
        Forbidden: expired, from elsewhere, not for clients, or weak.
    """
    if not shown:
        raise Unauthenticated
    if len(shown) > 1:
        raise Malformed("Die Kopfzeile Client-Cert darf nur einmal vorkommen.", code="client_cert")  # 1
    leaf = _certificate(shown[0].strip())
    between = [_certificate(each.strip()) for each in ",".join(chain).split(",")] if chain else []  # 2
    if len(between) > CHAIN:
        raise Malformed(f"Client-Cert-Chain darf höchstens {CHAIN} Zertifikate haben.", code="client_cert")
    path = _path(leaf, between, list(anchors), at)  # 3
    if not all(map(_strong, path)):  # 4
        raise _refused()
    return hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()


def _certificate(value: str) -> x509.Certificate:
    found = _SEQUENCE.fullmatch(value[: 2 * CERTIFICATE_BYTES])
    try:
        return x509.load_der_x509_certificate(base64.b64decode(found[1], validate=True) if found else b"")
    except (ValueError, binascii.Error):
        raise Malformed(
            "Client-Cert und Client-Cert-Chain tragen Zertifikate in DER als Bytefolge „:Base64:“ (RFC 9440).",
            code="client_cert",
        ) from None


def _path(
    leaf: x509.Certificate, between: list[x509.Certificate], anchors: list[x509.Certificate], at: datetime
) -> list[x509.Certificate]:
    """From the certificate to an anchor."""
    if not anchors:
        raise _refused()
    issuers = verification.ExtensionPolicy.webpki_defaults_ca()
    policy = verification.PolicyBuilder().store(verification.Store(anchors)).time(at).max_chain_depth(CHAIN)
    verifier = policy.extension_policies(ca_policy=issuers, ee_policy=_CLIENTS).build_client_verifier()
    try:
        return verifier.verify(leaf, between).chain
    except (verification.VerificationError, UnsupportedAlgorithm, ValueError):
        raise _refused() from None


def _for_clients(_policy: object, _certificate: x509.Certificate, usages: x509.ExtendedKeyUsage | None) -> None:
    if usages is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        raise ValueError("not for clients")


def _for_signatures(_policy: object, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.digital_signature:
        raise ValueError("not for signatures")


_AGNOSTIC: Final = verification.Criticality.AGNOSTIC
_CLIENTS: Final = (
    verification.ExtensionPolicy.permit_all()  # names do not count: callers are known by their digest
    .may_be_present(x509.ExtendedKeyUsage, _AGNOSTIC, _for_clients)
    .may_be_present(x509.KeyUsage, _AGNOSTIC, _for_signatures)
)
"""What OpenSSL asks of a client's certificate in a handshake."""


def _strong(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(
        key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1
    )


def _refused() -> Forbidden:
    return Forbidden(
        "Das weitergereichte Zertifikat ist abgelaufen, führt zu keiner zugelassenen CA, ist nicht für TLS-Clients "
        "oder hat einen zu schwachen Schlüssel.",
        code="zertifikat_ungueltig",
    )
