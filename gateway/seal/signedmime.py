"""multipart/signed (RFC 1847, RFC 8551 section 3.5.3): an entity with its detached signature beside it.

Promises: pure; the signed range is cut from the received bytes, and the same range is verified and returned.
Fails: `SignatureRefused` when opening, `PolicyRefused` when signing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from gateway import mime
from gateway.mime import Entity, MimeError
from gateway.partner import Algorithmen
from gateway.seal.identity import Identity
from gateway.seal.signed import SignatureRefused, Verified, sign, verify

SIGNATURE_TYPES = ("application/pkcs7-signature", "application/x-pkcs7-signature")


def sign_entity(entity: bytes, identity: Identity, algorithms: Algorithmen, at: datetime) -> tuple[str, bytes]:
    """Sign a MIME entity, such as an MDN's multipart/report.

    The signature part is base64 on every way: it is small, and nothing on the way has a reason to touch it.

    Args:
        entity: the exact bytes, header included.
        identity: whose key signs.
        algorithms: the agreement.
        at: signing time.

    Returns:
        Value of Content-Type and body of a multipart/signed.

    Raises:
        PolicyRefused: see `gateway.seal.signed.sign`.
    """
    return mime.multipart_body(
        "signed", [entity, signature_part(sign(entity, identity, algorithms, at))], parameters(algorithms)
    )


def parameters(algorithms: Algorithmen) -> dict[str, str]:
    """Parameters of our multipart/signed but the boundary."""
    return {"protocol": "application/pkcs7-signature", "micalg": algorithms.hash}


def signature_part(signature: bytes) -> bytes:
    """The second part of a multipart/signed."""
    return mime.build(
        [
            ("Content-Type", "application/pkcs7-signature; name=smime.p7s"),
            ("Content-Transfer-Encoding", "base64"),
            ("Content-Disposition", "attachment; filename=smime.p7s"),
        ],
        mime.base64_lines(signature),
    )


def open_signed(
    raw: bytes,
    candidates: Sequence[x509.Certificate],
    algorithms: Algorithmen,
    at: datetime,
    *,
    allow_bare_lf: bool = False,
) -> tuple[Verified, bytes]:
    """Verify a whole multipart/signed entity (an MDN) and return what was signed.

    Text around the parts is ignored, as RFC 2046 section 5.1.1 has it; it was not signed and is not returned.

    Args:
        raw: the entity as received, header included.
        candidates: certificates that may have signed.
        algorithms: the agreement.
        at: the time of verification.
        allow_bare_lf: whether the agreement lets LF alone end a line.

    Raises:
        SignatureRefused: `mime_…` for what is no multipart/signed, else as `gateway.seal.signed.verify`.
    """
    try:
        entity = mime.parse(raw, allow_bare_lf=allow_bare_lf)
        return open_entity(entity, candidates, algorithms, at, alone=False)
    except MimeError as error:
        raise SignatureRefused(f"mime_{error.code}") from None


def open_entity(
    entity: Entity, candidates: Sequence[x509.Certificate], algorithms: Algorithmen, at: datetime, *, alone: bool
) -> tuple[Verified, bytes]:
    """As `open_signed`, for an entity that is cut already.

    Args:
        entity: the multipart/signed.
        candidates: certificates that may have signed.
        algorithms: the agreement.
        at: the time of verification.
        alone: refuse anything beside the two parts.

    Raises:
        MimeError: it cannot be cut.
        SignatureRefused: see `open_signed`.
    """
    if entity.media_type != "multipart/signed":
        raise SignatureRefused("not_signed")
    cut = mime.split(entity)
    if len(cut.parts) != 2 or cut.parts[1].media_type not in SIGNATURE_TYPES:
        raise SignatureRefused("signed_parts")
    if alone and (cut.preamble.strip() or cut.epilogue.strip()):
        raise SignatureRefused("beside_signed")
    signed = cut.parts[0].raw
    return verify(signed, cut.parts[1].decoded(), candidates, algorithms, at), signed
