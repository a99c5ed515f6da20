"""The message integrity check: which bytes a receipt vouches for, and their digest.

Promises: pure; one function says which range counts, by the table of wire.md section 4.
Fails: `ValueError` for an algorithm that is not one of SHA-256, SHA-384, SHA-512.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from gateway import mime

_NAMES: Final = {"sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}
_DIGESTS: Final = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}


def algorithm_name(spelling: str) -> str:
    """The one name (`sha-256`) of an algorithm, from any spelling: `SHA256`, `sha_256`, `"Sha-256"`, OIDs.

    Raises:
        ValueError: another algorithm, SHA-1 and MD5 among them.
    """
    plain = re.sub(r"[\s\"'_-]", "", spelling).lower().removeprefix("id").removeprefix("rsa")
    plain = {
        "2.16.840.1.101.3.4.2.1": "sha256",
        "2.16.840.1.101.3.4.2.2": "sha384",
        "2.16.840.1.101.3.4.2.3": "sha512",
        "sha2256": "sha256",
    }.get(plain, plain)
    try:
        return _NAMES[plain]
    except KeyError:
        raise ValueError("mic_algorithm") from None


def mic(octets: bytes, algorithm: str) -> str:
    """Base64 of the digest of `octets`.

    Raises:
        ValueError: unknown algorithm.
    """
    return base64.b64encode(_DIGESTS[algorithm_name(algorithm)](octets).digest()).decode("ascii")


def covered(entity: bytes, *, signed: bool, encrypted: bool, compressed: bool) -> bytes:
    """The bytes that the MIC is taken over.

    Args:
        entity: the innermost entity that the outermost of these layers protects: the signed entity where there is a
            signature, else the decrypted one, else the decompressed one, else the entity as it came.
        signed: RFC 4130 section 7.3.1 and RFC 8551 section 3.5: over the signed entity with its MIME header.
        encrypted: without a signature: over the decrypted entity with its MIME header (RFC 4130 section 7.3.1).
        compressed: without both: over the uncompressed entity with its MIME header (RFC 5402 section 4.3).

    Returns:
        The whole entity, or only its content if nothing protects it (RFC 4130 section 7.3.1).

    Raises:
        MimeError: an unprotected entity that cannot be cut.
    """
    if signed or encrypted or compressed:
        return entity
    return mime.parse(entity).body
