"""AES over a content in pieces, and the DER around what comes out (RFC 5083, RFC 5084, RFC 5652 section 6).

Promises: pure but for fresh random nonces; what is written is DER of known length.
Fails: `InvalidTag` or `ValueError` from `Opening.finish` for a content that does not open; what `update` gave until
then is worth nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, GCM
from cryptography.hazmat.primitives.padding import PKCS7

from gateway.seal import der

NONCE: Final = 12
TAG: Final = 16
BLOCK: Final = 16
_DATA: Final = "1.2.840.113549.1.7.1"
_ENVELOPED_DATA: Final = "1.2.840.113549.1.7.3"
_AUTH_ENVELOPED_DATA: Final = "1.2.840.113549.1.9.16.1.23"
_ENCRYPTED_CONTENT: Final = 0x80  # [0] IMPLICIT OCTET STRING
OIDS: Final = {
    "aes-128-gcm": "2.16.840.1.101.3.4.1.6",
    "aes-256-gcm": "2.16.840.1.101.3.4.1.46",
    "aes-128-cbc": "2.16.840.1.101.3.4.1.2",
    "aes-256-cbc": "2.16.840.1.101.3.4.1.42",
}
KEY_BYTES: Final = {"aes-128-gcm": 16, "aes-256-gcm": 32, "aes-128-cbc": 16, "aes-256-cbc": 32}


class Closing(Protocol):
    """Encrypts one content."""

    def before(self, size: int, infos: list[bytes]) -> bytes:
        """What stands before the encrypted content; `size` bytes will be encrypted for `infos`."""

    def update(self, piece: bytes) -> bytes:
        """Encrypts more."""

    def finish(self) -> bytes:
        """The rest, and what stands behind it."""


class Opening(Protocol):
    """Decrypts one content."""

    def update(self, piece: bytes) -> bytes:
        """Decrypts more."""

    def finish(self) -> bytes:
        """The rest; raises if the content is not what was encrypted."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is needed to open an encrypted content."""

    algorithm: str
    nonce: bytes
    ciphertext: bytes
    """Empty where it lies elsewhere."""
    tag: bytes
    associated: bytes


def closing(algorithm: str, key: bytes) -> Closing:
    """What encrypts under `key`."""
    return _GcmClosing(algorithm, key) if algorithm.endswith("gcm") else _CbcClosing(algorithm, key)


def opening(content: Content, key: bytes) -> Opening:
    """What decrypts under `key`."""
    return _GcmOpening(content, key) if content.algorithm.endswith("gcm") else _CbcOpening(content, key)


class _GcmClosing:
    """AuthEnvelopedData without attributes: id-data needs none (RFC 5083 section 2.1)."""

    def __init__(self, algorithm: str, key: bytes) -> None:
        nonce = os.urandom(NONCE)
        self._algorithm = _algorithm(algorithm, der.sequence(der.octets(nonce), der.small(TAG)))
        self._encryptor = Cipher(AES(key), GCM(nonce)).encryptor()

    def before(self, size: int, infos: list[bytes]) -> bytes:
        behind = len(der.head(der.OCTET_STRING, TAG)) + TAG
        return _before(_AUTH_ENVELOPED_DATA, 0, infos, self._algorithm, size, behind)

    def update(self, piece: bytes) -> bytes:
        return self._encryptor.update(piece)

    def finish(self) -> bytes:
        return self._encryptor.finalize() + der.octets(self._encryptor.tag)


class _CbcClosing:
    """EnvelopedData; version 2 if a recipient agrees on a key (RFC 5652 section 6.1)."""

    def __init__(self, algorithm: str, key: bytes) -> None:
        nonce = os.urandom(BLOCK)
        self._algorithm = _algorithm(algorithm, der.octets(nonce))
        self._padder, self._encryptor = PKCS7(BLOCK * 8).padder(), Cipher(AES(key), CBC(nonce)).encryptor()

    def before(self, size: int, infos: list[bytes]) -> bytes:
        version = 2 if any(info[0] != der.SEQUENCE for info in infos) else 0
        padded = size + BLOCK - size % BLOCK
        return _before(_ENVELOPED_DATA, version, infos, self._algorithm, padded, 0)

    def update(self, piece: bytes) -> bytes:
        return self._encryptor.update(self._padder.update(piece))

    def finish(self) -> bytes:
        return self._encryptor.update(self._padder.finalize()) + self._encryptor.finalize()


class _GcmOpening:
    """Gives the plain content before its tag is known to hold."""

    def __init__(self, content: Content, key: bytes) -> None:
        self._decryptor = Cipher(AES(key), GCM(content.nonce, content.tag)).decryptor()
        self._decryptor.authenticate_additional_data(content.associated)

    def update(self, piece: bytes) -> bytes:
        return self._decryptor.update(piece)

    def finish(self) -> bytes:
        return self._decryptor.finalize()


class _CbcOpening:
    """CBC proves nothing, the signature inside must."""

    def __init__(self, content: Content, key: bytes) -> None:
        self._decryptor, self._unpadder = Cipher(AES(key), CBC(content.nonce)).decryptor(), PKCS7(BLOCK * 8).unpadder()

    def update(self, piece: bytes) -> bytes:
        return self._unpadder.update(self._decryptor.update(piece))

    def finish(self) -> bytes:
        return self._unpadder.update(self._decryptor.finalize()) + self._unpadder.finalize()


def _algorithm(name: str, parameters: bytes) -> bytes:
    return der.sequence(der.oid(OIDS[name]), parameters)


def _before(kind: str, version: int, infos: list[bytes], algorithm: bytes, size: int, behind: int) -> bytes:
    """Everything up to the encrypted content, which has `size` bytes; `behind` bytes follow it."""
    return der.around(
        size,
        (_ENCRYPTED_CONTENT, b"", 0),
        (der.SEQUENCE, der.oid(_DATA) + algorithm, 0),
        (der.SEQUENCE, der.small(version) + der.set_of(infos), behind),
        (der.CONTEXT, b"", 0),
        (der.SEQUENCE, der.oid(kind), 0),
    )
