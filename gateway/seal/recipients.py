"""How the content key reaches a recipient: RSA key transport and ECDH key agreement (RFC 5652 section 6.2, RFC 5753).

Promises: pure but for fresh ephemeral keys; at most one operation with a private key of ours for each message.
Fails: `PolicyRefused` for what the agreement does not admit, `Unwrapped` for a key that does not come out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from asn1crypto import cms, core
from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.partner import Algorithmen
from gateway.seal import der
from gateway.seal.identity import PrivateKey
from gateway.seal.policy import CURVES, PolicyRefused, PublicKey, admit_pkcs1
from gateway.seal.signed import key_identifier, same_issuer_and_serial

MAX_RECIPIENTS: Final = 50
"""RecipientInfos looked through; honest peers write one for each current certificate."""
_ECDH_X963_SHA256: Final = "1.3.132.1.11.1"
_WRAP_OIDS: Final = {16: "2.16.840.1.101.3.4.1.5", 32: "2.16.840.1.101.3.4.1.45"}
_WRAP_BYTES: Final = {oid: size for size, oid in _WRAP_OIDS.items()}
_EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"
Pair = tuple[PrivateKey, x509.Certificate]


class Unwrapped(Exception):
    """The content key did not come out of its wrapping."""


class _Algorithm(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """AlgorithmIdentifier, parameters left as they are."""

    _fields = [  # noqa: RUF012  (asn1crypto's way to describe a structure)
        ("algorithm", core.ObjectIdentifier),
        ("parameters", core.Any, {"optional": True}),
    ]


def uses(key: PublicKey) -> tuple[str, ...]:
    """The keyUsage that encryption to this key asks for (RFC 8551 section 4.4.2)."""
    return ("key_encipherment",) if isinstance(key, rsa.RSAPublicKey) else ("key_agreement",)


def info(certificate: x509.Certificate, public: PublicKey, key: bytes, algorithms: Algorithmen, at: datetime) -> bytes:
    """RecipientInfo, in DER, that gives `key` to the holder of `certificate`.

    Raises:
        PolicyRefused: PKCS#1 v1.5 past its end.
    """
    if isinstance(public, rsa.RSAPublicKey):
        return _key_transport(certificate, public, key, algorithms, at)
    return _key_agreement(certificate, public, key)


def content_key(infos: Any, pairs: Sequence[Pair], algorithms: Algorithmen, at: datetime) -> bytes:
    """The content key from the first RecipientInfo that names one of our certificates.

    Raises:
        PolicyRefused: `recipient` (none is ours), `recipients` (too many), or an algorithm that is not admitted.
        Unwrapped: the key does not come out.
    """
    if len(infos) > MAX_RECIPIENTS:
        raise PolicyRefused("recipients")
    for each in infos:
        for key, certificate in pairs:
            if each.name == "ktri" and isinstance(key, rsa.RSAPrivateKey) and _names(each.chosen["rid"], certificate):
                return _open_transport(each.chosen, key, algorithms, at)
            if each.name == "kari" and isinstance(key, ec.EllipticCurvePrivateKey):
                wrapped = _wrapped_for(each.chosen, certificate)
                if wrapped is not None:
                    return _open_agreement(each.chosen, wrapped, key)
    raise PolicyRefused("recipient")


def _key_transport(
    certificate: x509.Certificate, public: rsa.RSAPublicKey, key: bytes, algorithms: Algorithmen, at: datetime
) -> bytes:
    """KeyTransRecipientInfo: OAEP with SHA-256 throughout, or PKCS#1 v1.5 by agreement."""
    if algorithms.schluesseltransport == "pkcs1":
        admit_pkcs1(algorithms.schluesseltransport, algorithms, at.date())
        algorithm, encrypted = _transport_algorithm("pkcs1"), public.encrypt(key, padding.PKCS1v15())
    else:
        algorithm, encrypted = _transport_algorithm("oaep"), public.encrypt(key, _oaep())
    return der.sequence(der.small(0), der.issuer_and_serial(certificate), algorithm, der.octets(encrypted))


@lru_cache(maxsize=2)
def _transport_algorithm(name: str) -> bytes:
    """AlgorithmIdentifier of a key transport (RFC 3370 section 4.2.1, RFC 4055 section 4.1)."""
    if name == "pkcs1":
        return bytes(cms.KeyEncryptionAlgorithm({"algorithm": "rsaes_pkcs1v15"}).dump())
    mask = {"algorithm": "mgf1", "parameters": {"algorithm": "sha256"}}
    parameters = {"hash_algorithm": {"algorithm": "sha256"}, "mask_gen_algorithm": mask}
    return bytes(cms.KeyEncryptionAlgorithm({"algorithm": "rsaes_oaep", "parameters": parameters}).dump())


def _oaep() -> padding.OAEP:
    """RSAES-OAEP with SHA-256 for both hashes and no label."""
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def _key_agreement(certificate: x509.Certificate, public: ec.EllipticCurvePublicKey, key: bytes) -> bytes:
    """KeyAgreeRecipientInfo: ephemeral-static ECDH, X9.63 KDF with SHA-256, AES key wrap of the content key's size."""
    ephemeral = ec.generate_private_key(public.curve)
    wrap = der.sequence(der.oid(_WRAP_OIDS[len(key)]))
    wrapping = _derive(ephemeral.exchange(ec.ECDH(), public), wrap, len(key), None)
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    originator = der.tlv(der.CONTEXT | 1, der.sequence(der.oid(_EC_PUBLIC_KEY)), der.tlv(der.BIT_STRING, b"\0", point))
    encrypted_key = der.sequence(der.issuer_and_serial(certificate), der.octets(keywrap.aes_key_wrap(wrapping, key)))
    return der.tlv(
        der.CONTEXT | 1,
        der.small(3),
        der.tlv(der.CONTEXT, originator),
        der.sequence(der.oid(_ECDH_X963_SHA256), wrap),
        der.sequence(encrypted_key),
    )


def _derive(secret: bytes, key_info: bytes, size: int, ukm: bytes | None) -> bytes:
    """The wrapping key from the shared secret, by ECC-CMS-SharedInfo (RFC 5753 sections 7.1.4 and 7.2)."""
    entity = b"" if ukm is None else der.tlv(der.CONTEXT, der.octets(ukm))
    supplement = der.tlv(der.CONTEXT | 2, der.octets((size * 8).to_bytes(4, "big")))
    return X963KDF(hashes.SHA256(), size, der.sequence(key_info, entity, supplement)).derive(secret)


def _names(rid: Any, certificate: x509.Certificate) -> bool:
    """Whether a RecipientIdentifier names the certificate."""
    if rid.name == "issuer_and_serial_number":
        return same_issuer_and_serial(rid.chosen, certificate)
    identifier = rid.chosen.native if rid.name == "subject_key_identifier" else rid.chosen[0].native
    return bool(identifier == key_identifier(certificate))


def _wrapped_for(kari: Any, certificate: x509.Certificate) -> bytes | None:
    """The wrapped key for the certificate among those of one KeyAgreeRecipientInfo."""
    keys = kari["recipient_encrypted_keys"]
    if len(keys) > MAX_RECIPIENTS:
        raise PolicyRefused("recipients")
    found = [each["encrypted_key"].native for each in keys if _names(each["rid"], certificate)]
    return found[0] if found else None


def _open_transport(ktri: Any, key: rsa.RSAPrivateKey, algorithms: Algorithmen, at: datetime) -> bytes:
    """The content key from RSA; with PKCS#1 v1.5 the library returns a random one for bad padding."""
    algorithm = ktri["key_encryption_algorithm"]
    named, encrypted = algorithm["algorithm"].native, ktri["encrypted_key"].native
    if named == "rsaes_pkcs1v15":
        admit_pkcs1(algorithms.schluesseltransport, algorithms, at.date())
        return key.decrypt(encrypted, padding.PKCS1v15())
    if named != "rsaes_oaep":
        raise PolicyRefused("key_transport")
    parameters = algorithm["parameters"]
    mask = parameters["mask_gen_algorithm"]
    hash_names = {parameters["hash_algorithm"]["algorithm"].native, mask["parameters"]["algorithm"].native}
    if hash_names != {"sha256"} or mask["algorithm"].native != "mgf1":
        raise PolicyRefused("key_transport")
    return key.decrypt(encrypted, _oaep())


def _open_agreement(kari: Any, wrapped: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The content key from ephemeral-static ECDH; a point that is not on our curve is refused by the library."""
    algorithm, originator = kari["key_encryption_algorithm"], kari["originator"]
    if algorithm["algorithm"].dotted != _ECDH_X963_SHA256 or originator.name != "originator_key":
        raise PolicyRefused("key_agreement")
    key_info = algorithm["parameters"].dump()
    size = _WRAP_BYTES.get(_Algorithm.load(key_info, strict=True)["algorithm"].dotted)
    if size is None or key.curve.name not in CURVES:
        raise PolicyRefused("key_agreement")
    if originator.chosen["algorithm"]["algorithm"].dotted != _EC_PUBLIC_KEY:
        raise PolicyRefused("key_agreement")
    point = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, originator.chosen["public_key"].native)
    wrapping = _derive(key.exchange(ec.ECDH(), point), key_info, size, kari["ukm"].native)
    try:
        return keywrap.aes_key_unwrap(wrapping, wrapped)
    except keywrap.InvalidUnwrap:
        raise Unwrapped from None
