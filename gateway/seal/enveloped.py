"""Encryption: AuthEnvelopedData with AES-GCM, EnvelopedData with AES-CBC by agreement (RFC 5083, 5084, 5652, 5753).

Promises: pure but for fresh random keys; a content key that cannot be had (no recipient, bad padding, wrong length) is
replaced by a random one and the work goes on, so that no peer learns from time or text what was wrong.
Fails: `DecryptionRefused` with one text for every failure, `PolicyRefused` for a recipient that the agreement does not
admit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from asn1crypto import cms, core
from cryptography import x509
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm

from gateway.partner import Algorithmen
from gateway.seal import ber, der, recipients
from gateway.seal.contentcipher import BLOCK, KEY_BYTES, NONCE, OIDS, TAG, Content, closing, opening
from gateway.seal.identity import Identity
from gateway.seal.octets import Encoded
from gateway.seal.outer import Sink, walk
from gateway.seal.policy import PolicyRefused, admit_content, admitted_key, check_use

_NAMES: Final = {oid: name for name, oid in OIDS.items()}
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


def encrypt(content: bytes, certificates: Sequence[x509.Certificate], algorithms: Algorithmen, at: datetime) -> bytes:
    """Encrypt for the holders of `certificates`, any one of whom can open it.

    Returns:
        ContentInfo in DER.

    Raises:
        PolicyRefused: no recipient, or one whose certificate, key or algorithm the agreement does not admit at `at`.
    """
    written: list[bytes] = []
    encrypt_stream([content], len(content), written.append, certificates, algorithms, at)
    return b"".join(written)


def encrypt_stream(
    pieces: Iterable[bytes],
    size: int,
    sink: Sink,
    certificates: Sequence[x509.Certificate],
    algorithms: Algorithmen,
    at: datetime,
) -> None:
    """As `encrypt`, piece by piece.

    Args:
        pieces: the content.
        size: how many bytes it has; DER says it in front.
        sink: takes the ContentInfo.
        certificates: the recipients.
        algorithms: the agreement.
        at: now.

    Raises:
        PolicyRefused: as `encrypt`; nothing was written.
        ValueError: the content has another size; what was written is broken.
    """
    key, infos = _for_recipients(certificates, algorithms, at)
    cipher, count = closing(algorithms.inhalt, key), 0
    sink(cipher.before(size, infos))
    for piece in pieces:
        count += len(piece)
        sink(cipher.update(piece))
    if count != size:
        raise ValueError("size")
    sink(cipher.finish())


def _for_recipients(
    certificates: Sequence[x509.Certificate], algorithms: Algorithmen, at: datetime
) -> tuple[bytes, list[bytes]]:
    """A fresh content key, and the RecipientInfos that give it to each."""
    if not certificates:
        raise PolicyRefused("no_recipient")
    admit_content(algorithms.inhalt, algorithms, at.date())
    key = os.urandom(KEY_BYTES[algorithms.inhalt])
    return key, [_recipient(certificate, key, algorithms, at) for certificate in certificates]


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
    content, key, cause = _keyed(envelope, identity, algorithms, at)
    cipher = opening(content, key)
    try:
        return cipher.update(content.ciphertext) + cipher.finish()
    except (InvalidTag, ValueError):
        raise DecryptionRefused(cause) from None


def decrypt_stream(envelope: Encoded, sink: Sink, identity: Identity, algorithms: Algorithmen, at: datetime) -> None:
    """As `decrypt`, for what lies elsewhere.

    What the sink takes is worth nothing until this returns: the tag stands at the end.

    Args:
        envelope: ContentInfo, DER or BER; read twice, since what stands behind the content is needed before it.
        sink: takes the plain content piece by piece.
        identity: whose decryption keys.
        algorithms: the agreement.
        at: the day decides whether exceptions hold.

    Raises:
        DecryptionRefused: whatever was wrong; the sink may have taken something.
        MimeError: the transfer encoding is broken.
    """
    try:
        frame = walk(envelope.source()).frame
    except ber.BerError:
        raise DecryptionRefused("unreadable") from None
    content, key, cause = _keyed(frame, identity, algorithms, at)
    cipher = opening(content, key)
    walk(envelope.source(), lambda piece: sink(cipher.update(piece)))
    try:
        rest = cipher.finish()
    except (InvalidTag, ValueError):
        raise DecryptionRefused(cause) from None
    sink(rest)


def _keyed(envelope: bytes, identity: Identity, algorithms: Algorithmen, at: datetime) -> tuple[Content, bytes, str]:
    """What is to be opened, with its key or a random one, and what to say if it does not open."""
    try:
        infos, content = _read(envelope, algorithms, at)
    except PolicyRefused as refused:
        raise DecryptionRefused(refused.code) from None
    except _HOSTILE:
        raise DecryptionRefused("unreadable") from None
    size = KEY_BYTES[content.algorithm]
    found = _content_key(infos, identity, algorithms, at)
    key = found if isinstance(found, bytes) and len(found) == size else os.urandom(size)
    return content, key, found if isinstance(found, str) else "content"


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


def _read(envelope: bytes, algorithms: Algorithmen, at: datetime) -> tuple[Any, Content]:
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
        return data["recipient_infos"], Content(algorithm, nonce, ciphertext, tag, _associated(data["auth_attrs"]))
    iv: bytes = core.OctetString.load(parameters, strict=True).native
    if len(iv) != BLOCK:
        raise PolicyRefused("content_parameters")
    return data["recipient_infos"], Content(algorithm, iv, ciphertext, b"", b"")


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
