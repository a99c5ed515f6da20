"""Who we are when we sign and open: our name, our keys, our certificates.

Promises: a value; the private keys never show in `repr`.
Fails: not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Identity:
    """One gateway's own keys."""

    name: str
    """The gateway's key as in AS2-From, `gw:nrw`."""
    sign_key: PrivateKey = field(repr=False)
    sign_cert: x509.Certificate = field(repr=False)
    decrypt: tuple[tuple[PrivateKey, x509.Certificate], ...] = field(repr=False)
    """Pairs for decryption, several while a certificate is being changed."""
