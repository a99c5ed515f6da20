"""The CMS structures that we write, put together from DER pieces.

asn1crypto reads what others write; for writing it takes 6 ms for a signature whose cryptography takes 50 µs, so the few
fixed shapes that we send are written here. What never changes is encoded once.

Promises: pure; output is DER.
Fails: not at all for values of the given types.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from asn1crypto import algos, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONTEXT: Final = 0xA0
"""Constructed, context-specific: `CONTEXT | 1` is [1]."""


def tlv(tag: int, *contents: bytes) -> bytes:
    """One element: tag, shortest length, the contents one after the other."""
    content = contents[0] if len(contents) == 1 else b"".join(contents)
    return head(tag, len(content)) + content


def head(tag: int, size: int) -> bytes:
    """Tag and shortest length of an element whose content of `size` bytes follows."""
    if size < 0x80:
        return bytes((tag, size))
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length


def around(size: int, *layers: tuple[int, bytes, int]) -> bytes:
    """What stands before a content that is written apart.

    Args:
        size: bytes of the content.
        layers: from inside to outside: tag, what stands before the content within it, and bytes that follow it there.
    """
    before = b""
    for tag, elder, after in layers:
        size += after
        before = elder + before
        before = head(tag, len(before) + size) + before
    return before


def sequence(*contents: bytes) -> bytes:
    """SEQUENCE."""
    return tlv(SEQUENCE, *contents)


def octets(content: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(OCTET_STRING, content)


def integer(value: int) -> bytes:
    """INTEGER of any size."""
    return bytes(core.Integer(value).dump())


def small(value: int) -> bytes:
    """INTEGER from 0 to 127: versions."""
    return bytes((INTEGER, 1, value))


@lru_cache(maxsize=256)
def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER."""
    return bytes(core.ObjectIdentifier(dotted).dump())


def set_of(elements: list[bytes], tag: int = SET) -> bytes:
    """SET OF in DER order (X.690 section 11.6), under another tag where it is implicit."""
    return tlv(tag, *sorted(elements))


def content_info(dotted: str, content: bytes) -> bytes:
    """ContentInfo (RFC 5652 section 3)."""
    return sequence(oid(dotted), tlv(CONTEXT, content))


@lru_cache(maxsize=16)
def digest_algorithm(name: str) -> bytes:
    """AlgorithmIdentifier of a hash such as `sha256`, parameters absent (RFC 5754 section 2)."""
    return sequence(bytes(algos.DigestAlgorithmId(name).dump()))


@lru_cache(maxsize=16)
def signature_algorithm(scheme: str, name: str, salt: int = 0) -> bytes:
    """AlgorithmIdentifier of a signature: `ecdsa`, `rsa` (PKCS#1 v1.5) or `pss` with a hash (RFC 4055, RFC 5754)."""
    if scheme != "pss":
        return bytes(algos.SignedDigestAlgorithm({"algorithm": f"{name}_{scheme}"}).dump())
    parameters = {
        "hash_algorithm": {"algorithm": name},
        "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": name}},
        "salt_length": salt,
    }
    return bytes(algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters}).dump())


@lru_cache(maxsize=1024)
def issuer_and_serial(certificate: x509.Certificate) -> bytes:
    """IssuerAndSerialNumber, the issuer byte for byte as in the certificate."""
    loaded = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    return sequence(loaded.issuer.dump(), integer(certificate.serial_number))


@lru_cache(maxsize=1024)
def signing_certificate(certificate: x509.Certificate) -> bytes:
    """SigningCertificateV2 that names one certificate by SHA-256, the default hash (RFC 5035 section 3)."""
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return sequence(sequence(sequence(octets(digest))))


def time(at: datetime) -> bytes:
    """Time: UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5652 section 11.3)."""
    utc = at.astimezone(UTC)
    if 1950 <= utc.year < 2050:
        return tlv(0x17, utc.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return tlv(0x18, utc.strftime("%Y%m%d%H%M%SZ").encode("ascii"))


def attribute(dotted: str, value: bytes) -> bytes:
    """Attribute with one value."""
    return sequence(oid(dotted), tlv(SET, value))
