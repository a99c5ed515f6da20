"""Which keys and algorithms an agreement admits, and on which day (wire.md section 1).

Promises: pure; the day is handed in; whatever is not admitted here is refused.
Fails: `PolicyRefused` with a stable `code`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.partner import Algorithmen

HASHES: Final[dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]]] = {
    "sha-256": hashes.SHA256,
    "sha-384": hashes.SHA384,
    "sha-512": hashes.SHA512,
}
"""The only hashes for signatures and MICs; SHA-1 and MD5 never."""
RSA_BITS: Final = 3000
"""We make 3072; 3000 to 3071 is accepted (BSI TR-02102-1 asks for 3000)."""
RSA_BITS_EXCEPTION: Final = 2048
"""Lower bound of the exception by agreement; below it never."""
CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1"})


class PolicyRefused(ValueError):
    """The agreement does not admit this key or algorithm; `code` is stable, for events."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def exceptions_hold(algorithms: Algorithmen, day: date) -> bool:
    """Whether the weaker algorithms of the agreement may still be used on `day`."""
    return algorithms.ausnahmen_bis is not None and day <= algorithms.ausnahmen_bis


@lru_cache(maxsize=4096)
def _public_key(certificate: x509.Certificate) -> object:
    """The key of a certificate, kept: reading it takes longer than verifying with it."""
    return certificate.public_key()


def admitted_key(certificate: x509.Certificate, algorithms: Algorithmen, day: date) -> PublicKey:
    """The certificate's public key.

    Raises:
        PolicyRefused: `key_type` (neither RSA nor EC), `key_size`, `curve`.
    """
    key = _public_key(certificate)
    if isinstance(key, rsa.RSAPublicKey):
        exception = key.key_size >= RSA_BITS_EXCEPTION and exceptions_hold(algorithms, day)
        if key.key_size < RSA_BITS and not exception:
            raise PolicyRefused("key_size")
        return key
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in CURVES:
            raise PolicyRefused("curve")
        return key
    raise PolicyRefused("key_type")


def admit_pkcs1(agreed: str, algorithms: Algorithmen, day: date) -> None:
    """Refuse PKCS#1 v1.5 unless `agreed` names it and the exception's end is not past.

    Raises:
        PolicyRefused: `pkcs1`.
    """
    if agreed != "pkcs1" or not exceptions_hold(algorithms, day):
        raise PolicyRefused("pkcs1")


def admit_content(algorithm: str, algorithms: Algorithmen, day: date) -> None:
    """Refuse a content encryption (`aes-256-gcm` …) whose family is not the agreed one: GCM or CBC, never both.

    Source: RFC 9709 (downgrade from AEAD to CBC).

    Raises:
        PolicyRefused: `content_algorithm`.
    """
    family = algorithm.rpartition("-")[2]
    if family != algorithms.inhalt.rpartition("-")[2] or (family == "cbc" and not exceptions_hold(algorithms, day)):
        raise PolicyRefused("content_algorithm")


def check_use(certificate: x509.Certificate, at: datetime, *uses: str) -> None:
    """The certificate holds at `at`, and its keyUsage, if it has one, names one of `uses`.

    Source: RFC 5280 sections 4.1.2.5 and 4.2.1.3, RFC 8551 section 4.4.2.

    Raises:
        PolicyRefused: `certificate_expired`, `key_usage`.
    """
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise PolicyRefused("certificate_expired")
    usage = _key_usage(certificate)
    if usage is not None and not any(getattr(usage, use) for use in uses):
        raise PolicyRefused("key_usage")


@lru_cache(maxsize=4096)
def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    """The keyUsage extension, if there is one."""
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    except ValueError:
        raise PolicyRefused("key_usage") from None


def fingerprint(certificate: x509.Certificate) -> str:
    """Lower-case hex SHA-256 of the certificate's DER: its name in events and in the store."""
    return certificate.fingerprint(hashes.SHA256()).hex()


@lru_cache(maxsize=4096)
def _load(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode("ascii"))


def load_certificates(pems: Iterable[str]) -> list[x509.Certificate]:
    """Certificates of an agreement from PEM; kept in memory, since every message asks for them.

    Raises:
        PolicyRefused: `certificate_unreadable`.
    """
    try:
        return [_load(pem) for pem in pems]
    except ValueError:
        raise PolicyRefused("certificate_unreadable") from None
