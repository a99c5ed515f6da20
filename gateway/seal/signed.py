"""Detached CMS signatures: SignedData with one signer, made and verified (RFC 5652 section 5).

Promises: pure; no clock (`at` is handed in); `verify` returns what it verified or raises, and an empty structure is
refused; certificates inside the signature are never used.
Fails: `SignatureRefused` with a stable `code` for anything wrong with a signature, `PolicyRefused` for a key of ours
that the agreement does not admit.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asn1crypto import cms, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.partner import Algorithmen
from gateway.seal import ber, der
from gateway.seal.identity import Identity, PrivateKey
from gateway.seal.policy import HASHES, PolicyRefused, PublicKey, admit_pkcs1, admitted_key, check_use

_ASN1_HASH: Final = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
_HASH_NAME: Final = {asn1: name for name, asn1 in _ASN1_HASH.items()}
_DATA: Final = "1.2.840.113549.1.7.1"
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_DER: Final = Encoding.DER
_READ: Final = (
    "content_type",
    "message_digest",
    "signing_time",
    "cms_algorithm_protection",
    "signing_certificate_v2",
)
MAX_SIGNATURE: Final = 256 * 1024
"""A detached signature with a chain of certificates has some 8 KB; CRLs inside are not asked for."""


class SignatureRefused(ValueError):
    """The signature proves nothing; `code` is stable, for events."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a signature proved."""

    signer: x509.Certificate
    """The candidate whose key verified it."""
    hash: str
    """`sha-256`, `sha-384` or `sha-512`; the MIC of the same entity is taken in it."""
    signing_time: datetime | None
    """What the signer claims; proves nothing about time."""


@contextmanager
def _readable() -> Iterator[None]:
    """Whatever the parser raises over hostile bytes becomes one refusal."""
    try:
        yield
    except SignatureRefused:
        raise
    except PolicyRefused as refused:
        raise SignatureRefused(refused.code) from None
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError, UnsupportedAlgorithm):
        raise SignatureRefused("unreadable") from None


def sign(content: bytes, identity: Identity, algorithms: Algorithmen, at: datetime) -> bytes:
    """A detached signature over `content`.

    Signed attributes: content-type, message-digest, signing-time, signing-certificate-v2 (RFC 5035).

    Args:
        content: the exact bytes, MIME header included.
        identity: whose key signs.
        algorithms: hash and RSA padding of the agreement.
        at: signing time.

    Returns:
        ContentInfo in DER.

    Raises:
        PolicyRefused: our key, or PKCS#1 v1.5 past its end, is not admitted.
    """
    return sign_digest(digest_of(content, algorithms.hash), identity, algorithms, at)


def digest_of(content: bytes, name: str) -> bytes:
    """The digest of bytes in memory; `name` as in an agreement."""
    return hashlib.new(_ASN1_HASH[name], content).digest()


def sign_digest(digest: bytes, identity: Identity, algorithms: Algorithmen, at: datetime) -> bytes:
    """As `sign`, for a content whose digest in the agreement's hash is known already."""
    admitted_key(identity.sign_cert, algorithms, at.date())
    attributes = _attributes(digest, identity.sign_cert, at)
    algorithm, signature = _raw_sign(der.set_of(attributes), identity.sign_key, algorithms, at)
    digest_algorithm = der.digest_algorithm(_ASN1_HASH[algorithms.hash])
    signer = der.sequence(
        der.small(1),
        der.issuer_and_serial(identity.sign_cert),
        digest_algorithm,
        der.set_of(attributes, der.CONTEXT),
        algorithm,
        der.octets(signature),
    )
    signed = der.sequence(
        der.small(1),
        der.tlv(der.SET, digest_algorithm),
        der.sequence(der.oid(_DATA)),
        der.tlv(der.CONTEXT, identity.sign_cert.public_bytes(_DER)),
        der.tlv(der.SET, signer),
    )
    return der.content_info(_SIGNED_DATA, signed)


def verify(
    content: bytes,
    signature: bytes,
    candidates: Sequence[x509.Certificate],
    algorithms: Algorithmen,
    at: datetime,
) -> Verified:
    """Verify a detached signature by one of `candidates`.

    1. One SignedData with exactly one SignerInfo, over id-data, without content inside.
    2. The signer is a candidate, valid at `at`, with an admitted key for signatures.
    3. One admitted hash in digestAlgorithm and signature (RFC 8933), an admitted padding.
    4. Signed attributes are there: content-type and message-digest exactly once and right; RFC 6211 and
       signing-certificate-v2 right if present.
    5. The signature holds over the attributes in DER.

    Args:
        content: the bytes that must be signed.
        signature: ContentInfo, DER or BER.
        candidates: certificates of the one partner that may have signed.
        algorithms: the agreement.
        at: the time of verification.

    Raises:
        SignatureRefused: with the `code` of the first step that failed.
    """
    return verify_digest(lambda name: digest_of(content, name), signature, candidates, algorithms, at)


Digest = Callable[[str], bytes]
"""The digest of a content that lies elsewhere, in `sha-256`, `sha-384` or `sha-512`."""


def verify_digest(
    digest: Digest,
    signature: bytes,
    candidates: Sequence[x509.Certificate],
    algorithms: Algorithmen,
    at: datetime,
) -> Verified:
    """As `verify`, for a content that lies elsewhere; it is hashed once its algorithm is known and admitted."""
    with _readable():
        info = _signer_info(signature)  # 1
        received = ber.children(info["signed_attrs"].contents or b"")  # before asn1crypto fills defaults into them
        last: SignatureRefused = SignatureRefused("signer_unknown")
        for candidate in _matching(info["sid"], candidates):  # 2; two certificates may share a key identifier
            try:
                return _verify_by(candidate, info, received, digest, algorithms, at)
            except SignatureRefused as refused:
                last = refused
            except PolicyRefused as refused:
                last = SignatureRefused(refused.code)
        raise last


def _verify_by(
    certificate: x509.Certificate,
    info: Any,
    received: list[bytes],
    digest: Digest,
    algorithms: Algorithmen,
    at: datetime,
) -> Verified:
    """Steps 2 to 5 of `verify` for one candidate; `received` are the signed attributes as they came."""
    check_use(certificate, at, "digital_signature", "content_commitment")  # 2
    key = admitted_key(certificate, algorithms, at.date())
    name = _HASH_NAME.get(info["digest_algorithm"]["algorithm"].native)  # 3
    if name is None:
        raise SignatureRefused("hash")
    scheme = _scheme(info["signature_algorithm"], name, key, algorithms, at)
    if not received:  # 4
        raise SignatureRefused("no_signed_attributes")
    signing_time = _check_attributes(_once(received), info, digest(name), certificate)
    tbs = der.set_of(received)  # 5: DER order (RFC 5652 section 5.4), each attribute as it was received
    _raw_verify(key, info["signature"].native, tbs, scheme, name)
    return Verified(certificate, name, signing_time)


def _signer_info(signature: bytes) -> Any:
    """The only SignerInfo of a detached SignedData."""
    if len(signature) > MAX_SIGNATURE:
        raise SignatureRefused("too_large")
    info = cms.ContentInfo.load(ber.definite(signature), strict=True)
    if info["content_type"].native != "signed_data":
        raise SignatureRefused("not_signed_data")
    signed = info["content"]
    encapsulated = signed["encap_content_info"]
    if encapsulated["content_type"].native != "data":
        raise SignatureRefused("content_type")
    if encapsulated["content"].native is not None:
        raise SignatureRefused("not_detached")
    signers = signed["signer_infos"]
    if len(signers) == 0:
        raise SignatureRefused("no_signer")
    if len(signers) > 1:
        raise SignatureRefused("several_signers")
    return signers[0]


def _matching(sid: Any, candidates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The candidates that the signer identifier names."""
    if sid.name == "subject_key_identifier":
        return [c for c in candidates if hmac.compare_digest(key_identifier(c), sid.chosen.native)]
    return [c for c in candidates if same_issuer_and_serial(sid.chosen, c)]


def key_identifier(certificate: x509.Certificate) -> bytes:
    """The subject key identifier, computed where the certificate has none (RFC 5280 section 4.2.1.2, method 1)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def same_issuer_and_serial(identifier: Any, certificate: x509.Certificate) -> bool:
    """Whether an IssuerAndSerialNumber names the certificate; names compare as RFC 5280 section 7.1 says."""
    if identifier["serial_number"].native != certificate.serial_number:
        return False
    own = certificate.issuer.public_bytes()
    return bool(identifier["issuer"].dump() == own or identifier["issuer"] == asn1_x509.Name.load(own))


def _attributes(digest: bytes, certificate: x509.Certificate, at: datetime) -> list[bytes]:
    """Our signed attributes."""
    return [
        der.attribute("1.2.840.113549.1.9.3", der.oid(_DATA)),
        der.attribute("1.2.840.113549.1.9.4", der.octets(digest)),
        der.attribute("1.2.840.113549.1.9.5", der.time(at)),
        der.attribute("1.2.840.113549.1.9.16.2.47", der.signing_certificate(certificate)),
    ]


def _raw_sign(tbs: bytes, key: PrivateKey, algorithms: Algorithmen, at: datetime) -> tuple[bytes, bytes]:
    """AlgorithmIdentifier and signature value."""
    digest, name = HASHES[algorithms.hash](), _ASN1_HASH[algorithms.hash]
    if not isinstance(key, rsa.RSAPrivateKey):
        return der.signature_algorithm("ecdsa", name), key.sign(tbs, ec.ECDSA(digest))
    if algorithms.signatur == "pkcs1":
        admit_pkcs1(algorithms.signatur, algorithms, at.date())
        return der.signature_algorithm("rsa", name), key.sign(tbs, padding.PKCS1v15(), digest)
    scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
    return der.signature_algorithm("pss", name, digest.digest_size), key.sign(tbs, scheme, digest)


def _scheme(algorithm: Any, name: str, key: PublicKey, algorithms: Algorithmen, at: datetime) -> Any:
    """The RSA padding or ECDSA that the signatureAlgorithm names; its hash must be `name`."""
    asn1_name, named = _ASN1_HASH[name], algorithm["algorithm"].native
    digest = HASHES[name]()
    if isinstance(key, ec.EllipticCurvePublicKey):
        if named != f"{asn1_name}_ecdsa":
            raise SignatureRefused("signature_algorithm")
        return ec.ECDSA(digest)
    if named == "rsassa_pss":
        return _pss(algorithm["parameters"], asn1_name, digest)
    if named not in (f"{asn1_name}_rsa", "rsassa_pkcs1v15"):
        raise SignatureRefused("signature_algorithm")
    admit_pkcs1(algorithms.signatur, algorithms, at.date())
    return padding.PKCS1v15()


def _pss(parameters: Any, asn1_name: str, digest: hashes.HashAlgorithm) -> padding.PSS:
    """PSS as its parameters say: one hash, MGF1 with it, a salt at least as long as the hash."""
    mask = parameters["mask_gen_algorithm"]
    if (
        parameters["hash_algorithm"]["algorithm"].native != asn1_name
        or mask["algorithm"].native != "mgf1"
        or mask["parameters"]["algorithm"].native != asn1_name
        or parameters["trailer_field"].native not in (1, "trailer_field_bc")
    ):
        raise SignatureRefused("signature_algorithm")
    salt: int = parameters["salt_length"].native
    if salt < digest.digest_size:
        raise SignatureRefused("salt")
    return padding.PSS(padding.MGF1(digest), salt)


def _check_attributes(
    values: dict[str, Any], info: Any, digest: bytes, certificate: x509.Certificate
) -> datetime | None:
    """Step 4 of `verify`; returns the claimed signing time."""
    if "content_type" not in values or values["content_type"].native != "data":
        raise SignatureRefused("content_type_attribute")
    if "message_digest" not in values or not hmac.compare_digest(values["message_digest"].native, digest):
        raise SignatureRefused("message_digest")
    if "cms_algorithm_protection" in values:
        _check_protection(values["cms_algorithm_protection"], info)
    if "signing_certificate_v2" in values:
        _check_signing_certificate(values["signing_certificate_v2"], certificate)
    when = values["signing_time"].native if "signing_time" in values else None
    return when if isinstance(when, datetime) else None


def _once(received: list[bytes]) -> dict[str, Any]:
    """The values that we read, by type; every type once, ours with one value (RFC 5652 section 11)."""
    values: dict[str, Any] = {}
    for attribute in map(cms.CMSAttribute.load, received):
        kind = attribute["type"].native
        if kind in values:
            raise SignatureRefused("attribute_twice")
        values[kind] = None
        if kind in _READ:
            if len(attribute["values"]) != 1:
                raise SignatureRefused("attribute_values")
            values[kind] = attribute["values"][0]
    return values


def _check_protection(protection: Any, info: Any) -> None:
    """RFC 6211: the algorithms inside the attributes are those outside, and there is no MAC."""
    digest, signature = protection["digest_algorithm"], protection["signature_algorithm"]
    same = (
        digest["algorithm"].dump() == info["digest_algorithm"]["algorithm"].dump()
        and signature.native is not None
        and signature.untag().dump() == info["signature_algorithm"].dump()
    )
    if not same or protection["mac_algorithm"].native is not None:
        raise SignatureRefused("algorithm_protection")


def _check_signing_certificate(value: Any, certificate: x509.Certificate) -> None:
    """RFC 5035 section 4: the first certificate named is the signer's."""
    first = tsp.SigningCertificateV2.load(value.dump())["certs"][0]
    name = first["hash_algorithm"]["algorithm"].native
    if name not in _HASH_NAME:
        raise SignatureRefused("signing_certificate")
    expected = hashlib.new(name, certificate.public_bytes(_DER)).digest()
    if not hmac.compare_digest(first["cert_hash"].native, expected):
        raise SignatureRefused("signing_certificate")


def _raw_verify(key: PublicKey, signature: bytes, tbs: bytes, scheme: Any, name: str) -> None:
    """Step 5 of `verify`."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, tbs, scheme)
        else:
            key.verify(signature, tbs, scheme, HASHES[name]())
    except InvalidSignature:
        raise SignatureRefused("signature") from None
