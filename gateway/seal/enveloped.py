"""Encryption: AuthEnvelopedData with AES-GCM, EnvelopedData with AES-CBC by agreement (RFC 5083, 5084, 5652, 5753).

Promises: pure but for fresh random keys; a content key that cannot be had (no recipient, bad padding, wrong length) is
replaced by a random one and the work goes on, so that no peer learns from time or text what was wrong.
Fails: `DecryptionRefused` with one text for every failure, `PolicyRefused` for a recipient that the agreement does not
admit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asn1crypto import cms, core
from cryptography import x509
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from gateway.partner import Algorithmen
from gateway.seal import ber, der, recipients
from gateway.seal.identity import Identity
from gateway.seal.policy import PolicyRefused, admit_content, admitted_key, check_use

NONCE: Final = 12
TAG: Final = 16
_BLOCK: Final = 128
_DATA: Final = "1.2.840.113549.1.7.1"
_ENVELOPED_DATA: Final = "1.2.840.113549.1.7.3"
_AUTH_ENVELOPED_DATA: Final = "1.2.840.113549.1.9.16.1.23"
_ENCRYPTED_CONTENT: Final = 0x80  # [0] IMPLICIT OCTET STRING
_OIDS: Final = {
    "aes-128-gcm": "2.16.840.1.101.3.4.1.6",
    "aes-256-gcm": "2.16.840.1.101.3.4.1.46",
    "aes-128-cbc": "2.16.840.1.101.3.4.1.2",
    "aes-256-cbc": "2.16.840.1.101.3.4.1.42",
}
_NAMES: Final = {oid: name for name, oid in _OIDS.items()}
_KEY_BYTES: Final = {"aes-128-gcm": 16, "aes-256-gcm": 32, "aes-128-cbc": 16, "aes-256-cbc": 32}
_HOSTILE: Final = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)


class DecryptionRefused(Exception):
    """The message could not be decrypted."""

    def __init__(self, cause_code: str) -> None:
        self.cause_code = cause_code
        """For our own event only; never for the peer."""
        super().__init__((self.__doc__ or "").strip())


class _GcmParameters(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """GCMParameters of RFC 5084 section 3.2."""

    _fields = [  # noqa: RUF012  (asn1crypto's way to describe a structure)
        ("nonce", core.OctetString),
        ("icv_length", core.Integer, {"default": 12}),
    ]


@dataclass(frozen=True, slots=True)
class _Content:
    """The encrypted content with what is needed to open it."""

    algorithm: str
    nonce: bytes
    ciphertext: bytes
    tag: bytes
    associated: bytes


def encrypt(content: bytes, certificates: Sequence[x509.Certificate], algorithms: Algorithmen, at: datetime) -> bytes:
    """Encrypt for the holders of `certificates`, any one of whom can open it.

    Returns:
        ContentInfo in DER.

    Raises:
        PolicyRefused: no recipient, or one whose certificate, key or algorithm the agreement does not admit at `at`.
    """
    if not certificates:
        raise PolicyRefused("no_recipient")
    admit_content(algorithms.inhalt, algorithms, at.date())
    key = os.urandom(_KEY_BYTES[algorithms.inhalt])
    infos = [_recipient(certificate, key, algorithms, at) for certificate in certificates]
    if algorithms.inhalt.endswith("gcm"):
        return _auth_enveloped(content, key, infos, algorithms.inhalt)
    return _enveloped(content, key, infos, algorithms.inhalt)


def decrypt(envelope: bytes, identity: Identity, algorithms: Algorithmen, at: datetime) -> bytes:
    """Decrypt with one of our own keys.

    Args:
        envelope: ContentInfo, DER or BER.
        identity: whose decryption keys.
        algorithms: the agreement: GCM or CBC, and the key transport.
        at: the day decides whether exceptions hold.

    Raises:
        DecryptionRefused: whatever was wrong.
    """
    try:
        infos, content = _read(envelope, algorithms, at)
    except PolicyRefused as refused:
        raise DecryptionRefused(refused.code) from None
    except _HOSTILE:
        raise DecryptionRefused("unreadable") from None
    size = _KEY_BYTES[content.algorithm]
    found = _content_key(infos, identity, algorithms, at)
    key = found if isinstance(found, bytes) and len(found) == size else os.urandom(size)
    cause = found if isinstance(found, str) else "content"
    try:
        return _open_gcm(content, key) if content.algorithm.endswith("gcm") else _open_cbc(content, key)
    except (InvalidTag, ValueError):
        raise DecryptionRefused(cause) from None


def _recipient(certificate: x509.Certificate, key: bytes, algorithms: Algorithmen, at: datetime) -> bytes:
    """RecipientInfo for one certificate, after its checks."""
    public = admitted_key(certificate, algorithms, at.date())
    check_use(certificate, at, *recipients.uses(public))
    return recipients.info(certificate, public, key, algorithms, at)


def _content_key(infos: Any, identity: Identity, algorithms: Algorithmen, at: datetime) -> bytes | str:
    """The content key, or the cause why there is none."""
    try:
        return recipients.content_key(infos, identity.decrypt, algorithms, at)
    except PolicyRefused as refused:
        return refused.code
    except (*_HOSTILE, UnsupportedAlgorithm, recipients.Unwrapped):
        return "content_key"


def _auth_enveloped(content: bytes, key: bytes, infos: list[bytes], algorithm: str) -> bytes:
    """AuthEnvelopedData without attributes: id-data needs none (RFC 5083 section 2.1)."""
    nonce = os.urandom(NONCE)
    sealed = AESGCM(key).encrypt(nonce, content, None)
    parameters = der.sequence(der.octets(nonce), der.small(TAG))
    data = der.sequence(
        der.small(0),
        der.set_of(infos),
        _encrypted_info(algorithm, parameters, sealed[:-TAG]),
        der.octets(sealed[-TAG:]),
    )
    return der.content_info(_AUTH_ENVELOPED_DATA, data)


def _enveloped(content: bytes, key: bytes, infos: list[bytes], algorithm: str) -> bytes:
    """EnvelopedData; version 2 if a recipient agrees on a key (RFC 5652 section 6.1)."""
    iv = os.urandom(_BLOCK // 8)
    padder, encryptor = PKCS7(_BLOCK).padder(), Cipher(AES(key), CBC(iv)).encryptor()
    ciphertext = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    version = 2 if any(info[0] != der.SEQUENCE for info in infos) else 0
    data = der.sequence(der.small(version), der.set_of(infos), _encrypted_info(algorithm, der.octets(iv), ciphertext))
    return der.content_info(_ENVELOPED_DATA, data)


def _encrypted_info(algorithm: str, parameters: bytes, ciphertext: bytes) -> bytes:
    """EncryptedContentInfo over id-data."""
    return der.sequence(
        der.oid(_DATA), der.sequence(der.oid(_OIDS[algorithm]), parameters), der.tlv(_ENCRYPTED_CONTENT, ciphertext)
    )


def _read(envelope: bytes, algorithms: Algorithmen, at: datetime) -> tuple[Any, _Content]:
    """Recipients and content of an envelope whose algorithm the agreement admits."""
    info = cms.ContentInfo.load(ber.definite(envelope), strict=True)
    kind, data = info["content_type"].native, info["content"]
    if kind not in ("authenticated_enveloped_data", "enveloped_data"):
        raise PolicyRefused("not_enveloped")
    aead = kind == "authenticated_enveloped_data"
    encrypted = data["auth_encrypted_content_info" if aead else "encrypted_content_info"]
    algorithm = _NAMES.get(encrypted["content_encryption_algorithm"]["algorithm"].dotted, "")
    if not algorithm or aead != algorithm.endswith("gcm"):
        raise PolicyRefused("content_algorithm")
    admit_content(algorithm, algorithms, at.date())
    if encrypted["content_type"].native != "data" or encrypted["encrypted_content"].native is None:
        raise PolicyRefused("encrypted_content")
    parameters = encrypted["content_encryption_algorithm"]["parameters"].dump()
    ciphertext: bytes = encrypted["encrypted_content"].native
    if aead:
        nonce, tag = _gcm_parameters(parameters, data["mac"].native)
        return data["recipient_infos"], _Content(algorithm, nonce, ciphertext, tag, _associated(data["auth_attrs"]))
    iv: bytes = core.OctetString.load(parameters, strict=True).native
    if len(iv) != _BLOCK // 8:
        raise PolicyRefused("content_parameters")
    return data["recipient_infos"], _Content(algorithm, iv, ciphertext, b"", b"")


def _gcm_parameters(parameters: bytes, tag: bytes) -> tuple[bytes, bytes]:
    """Nonce and tag in the only lengths that we take."""
    read = _GcmParameters.load(parameters, strict=True)
    nonce: bytes = read["nonce"].native
    if len(nonce) != NONCE or read["icv_length"].native != TAG or len(tag) != TAG:
        raise PolicyRefused("content_parameters")
    return nonce, tag


def _associated(attributes: Any) -> bytes:
    """Authenticated attributes as SET OF in DER (RFC 5083 section 2.2), nothing if there are none."""
    if attributes.native is None:
        return b""
    return der.set_of(ber.children(attributes.contents))


def _open_gcm(content: _Content, key: bytes) -> bytes:
    """Plain content, only if the tag holds."""
    return AESGCM(key).decrypt(content.nonce, content.ciphertext + content.tag, content.associated or None)


def _open_cbc(content: _Content, key: bytes) -> bytes:
    """Plain content; CBC proves nothing, the signature inside must."""
    decryptor, unpadder = Cipher(AES(key), CBC(content.nonce)).decryptor(), PKCS7(_BLOCK).unpadder()
    padded = decryptor.update(content.ciphertext) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()
