"""CMS as the gateway uses it: sign, verify, encrypt, decrypt, compress, decompress; bytes in, bytes out.

Promises: pure; no I/O, no clock. The work is done in `signed`, `enveloped`, `recipients`, `compressed`; what an
agreement admits stands in `policy`.
Fails: `SignatureRefused`, `DecryptionRefused`, `DecompressionRefused`, `PolicyRefused`.
"""

from __future__ import annotations

from asn1crypto import cms as _structures

from gateway.seal import ber
from gateway.seal.compressed import DecompressionRefused, compress, decompress
from gateway.seal.enveloped import DecryptionRefused, decrypt, encrypt
from gateway.seal.identity import Identity
from gateway.seal.policy import PolicyRefused, load_certificates
from gateway.seal.signed import SignatureRefused, Verified, sign, verify

__all__ = [
    "DecompressionRefused",
    "DecryptionRefused",
    "Identity",
    "PolicyRefused",
    "SignatureRefused",
    "Verified",
    "compress",
    "decompress",
    "decrypt",
    "encrypt",
    "kind",
    "load_certificates",
    "sign",
    "verify",
]


def kind(octets: bytes) -> str | None:
    """What a ContentInfo holds, by its OID: `signed_data`, `compressed_data` …; None if it is no ContentInfo."""
    try:
        return str(_structures.ContentInfo.load(ber.definite(octets))["content_type"].native)
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
