"""The message integrity check: which bytes a receipt vouches for, and their digest.

Promises: pure; one function says which range counts: signed before decompressed before decrypted before bare content.
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


def covered(
    received: bytes, *, signed: bytes | None = None, decrypted: bytes | None = None, decompressed: bytes | None = None
) -> bytes:
    """The bytes that the MIC is taken over: one row of the table for each combination of layers.

    Args:
        received: the entity as it came, header included.
        signed: the entity that a signature covers, whatever is around it or compressed inside it: counts first
            (RFC 4130 section 7.3.1, RFC 5402 section 4.1).
        decrypted: what decryption gave: counts where there is no signature (RFC 4130 section 7.3.1).
        decompressed: what decompression gave: counts before the decrypted entity (RFC 5402 sections 4.2 and 4.3).

    Returns:
        A whole entity with its MIME header, or, where no layer is given, only the content of what was received
        (RFC 4130 section 7.3.1: headers may be altered on the way).

    Raises:
        MimeError: an unprotected entity that cannot be cut.
    """
    for entity in (signed, decompressed, decrypted):
        if entity is not None:
            return entity
    return mime.parse(received).body
