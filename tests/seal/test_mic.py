"""The MIC table of wire.md section 4, case by case with its sentence from the RFC."""

import base64
import hashlib
from itertools import product
from typing import Any

import pytest

from gateway import mime
from gateway.seal import mic

RECEIVED = b"Content-Type: application/xml\r\nContent-Transfer-Encoding: binary\r\n\r\n<a/>\r\n"
SIGNED, DECRYPTED, DECOMPRESSED = (b"X: %d\r\n\r\n<b/>" % n for n in range(3))


def test_signed_is_over_the_signed_entity_with_its_header() -> None:
    """RFC 4130 section 7.3.1 and RFC 5402 section 4.1: over the same bytes that were signed, MIME header included."""
    for encrypted, compressed in product((None, DECRYPTED), (None, DECOMPRESSED)):
        assert mic.covered(RECEIVED, signed=SIGNED, decrypted=encrypted, decompressed=compressed) == SIGNED


def test_encrypted_without_signature_is_over_the_decrypted_entity_with_its_header() -> None:
    """RFC 4130 section 7.3.1: for an encrypted, unsigned message, over the decrypted MIME header and content."""
    assert mic.covered(RECEIVED, decrypted=DECRYPTED) == DECRYPTED


def test_encrypted_and_compressed_is_over_the_uncompressed_entity_with_its_header() -> None:
    """RFC 5402 section 4.2: over the uncompressed content with all its MIME header fields."""
    assert mic.covered(RECEIVED, decrypted=DECRYPTED, decompressed=DECOMPRESSED) == DECOMPRESSED


def test_compressed_alone_is_over_the_uncompressed_entity_with_its_header() -> None:
    """RFC 5402 section 4.3: likewise."""
    assert mic.covered(RECEIVED, decompressed=DECOMPRESSED) == DECOMPRESSED


def test_unprotected_is_over_the_content_without_header() -> None:
    """RFC 4130 section 7.3.1: for an unsigned, unencrypted message, over the contents without any header."""
    assert mic.covered(RECEIVED) == b"<a/>\r\n"


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("sha-256", "sha-256"),
        ("SHA256", "sha-256"),
        ("sha256", "sha-256"),
        ("Sha_256", "sha-256"),
        (' "SHA-256" ', "sha-256"),
        ("sha2-256", "sha-256"),
        ("rsa-sha256", "sha-256"),
        ("id-sha384", "sha-384"),
        ("SHA-384", "sha-384"),
        ("sha512", "sha-512"),
        ("2.16.840.1.101.3.4.2.3", "sha-512"),
    ],
)
def test_all_spellings_are_read(spelling: str, expected: str) -> None:
    assert mic.algorithm_name(spelling) == expected


@pytest.mark.parametrize("spelling", ["", "sha1", "SHA-1", "md5", "sha224", "sha-3", "sha512/256", "sha2565"])
def test_other_algorithms_are_refused(spelling: str) -> None:
    with pytest.raises(ValueError, match="mic_algorithm"):
        mic.mic(RECEIVED, spelling)


def test_the_digest_is_base64() -> None:
    assert mic.mic(RECEIVED, "SHA-512") == base64.b64encode(hashlib.sha512(RECEIVED).digest()).decode()


XML = ("n.xml", "application/xml", b"<a>\n\xc3\xa4\r</a>")
FILE = ("Anlage.pdf", "application/pdf", bytes(range(256)))


@pytest.mark.parametrize("hash_name", ["sha-256", "sha-384", "sha-512"])
@pytest.mark.parametrize("transfer", ["binary", "base64"])
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("parts", [[XML], [XML, FILE]], ids=["one", "two"])
def test_sender_and_recipient_take_the_same_mic(
    parts: Any, compress: bool, transfer: str, hash_name: str, way: Any
) -> None:
    """The matrix compress x transfer x parts: the receipt's digest equals the one that the sender stored."""
    w = way(kompression=compress, hash=hash_name)
    sealed = w.seal(parts, transfer)
    opened = w.open()
    assert sealed.mic_alg == opened.verified.hash == hash_name
    assert opened.signed_entity == w.signed.getvalue()
    assert opened.mic() == sealed.mic == mic.mic(w.signed.getvalue(), hash_name)
    assert opened.mic("SHA256") == mic.mic(opened.signed_entity, "sha-256")
    assert mime.parse(opened.signed_entity).raw == opened.signed_entity
