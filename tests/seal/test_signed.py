"""Signatures: what holds is returned, everything else is refused by name; hostile CMS is written with asn1crypto."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import forged
import pytest
from asn1crypto import algos, tsp
from asn1crypto import cms as asn1
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.partner import Algorithmen
from gateway.seal import ber, cms
from gateway.seal.cms import PolicyRefused, SignatureRefused

CONTENT = b"Content-Type: application/xml\r\n\r\n<a/>"
PSS = Algorithmen()
EXCEPTIONS: dict[str, Any] = {"ausnahmen_bis": date(2026, 12, 31)}


def forge(holder: Any, **change: Any) -> bytes:
    """A peer's signature over `CONTENT`."""
    return forged.forge(holder, CONTENT, **change)


def refused(signature: bytes, holder: Any, at: datetime, content: bytes = CONTENT, **algorithms: Any) -> str:
    with pytest.raises(SignatureRefused) as error:
        cms.verify(content, signature, [holder.cert], Algorithmen(**algorithms), at)
    return error.value.code


@pytest.mark.parametrize("hash_name", ["sha-256", "sha-384", "sha-512"])
@pytest.mark.parametrize("kind", ["rsa3072", "p256", "p384", "p521", "bp256", "bp384"])
def test_what_we_sign_verifies(kind: str, hash_name: Any, holder: Any, at: datetime) -> None:
    hub, algorithms = holder(kind), Algorithmen(hash=hash_name)
    verified = cms.verify(CONTENT, cms.sign(CONTENT, hub.identity, algorithms, at), [hub.cert], algorithms, at)
    assert (verified.signer, verified.hash, verified.signing_time) == (hub.cert, hash_name, at)


@settings(max_examples=25)
@given(content=st.binary(max_size=300), flip=st.integers(0, 2_000))
def test_any_changed_byte_is_refused(content: bytes, flip: int, holder: Any, at: datetime) -> None:
    """A flipped byte is refused, or it stood before the signer: certificates and versions, which nobody reads."""
    hub = holder()
    whole = cms.sign(content, hub.identity, Algorithmen(), at)
    assert cms.verify(content, whole, [hub.cert], Algorithmen(), at).signer == hub.cert
    with pytest.raises(SignatureRefused):
        cms.verify(content + b" ", whole, [hub.cert], Algorithmen(), at)
    signer = asn1.ContentInfo.load(whole)["content"]["signer_infos"][0].dump()
    position = flip % len(whole)
    changed = bytearray(whole)
    changed[position] ^= 0x55
    try:
        verified = cms.verify(content, bytes(changed), [hub.cert], Algorithmen(), at)
    except SignatureRefused:
        return
    assert verified.signer == hub.cert
    assert position < whole.index(signer) + len(b"\x30\x82\x01\x01\x02\x01\x01")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(signature: bytes) -> None:
    with pytest.raises(SignatureRefused):
        cms.verify(b"", signature, [], Algorithmen(), datetime(2026, 1, 1, tzinfo=UTC))


def test_a_peers_signature_verifies(holder: Any, at: datetime) -> None:
    hub = holder()
    assert cms.verify(CONTENT, forge(hub), [hub.cert], Algorithmen(), at).hash == "sha-256"


def test_a_signer_may_be_named_by_its_key_identifier(holder: Any, at: datetime) -> None:
    for written in (True, False):
        hub = holder(key_identifier=written)
        signature = forge(hub, sid=key_identifier_of(hub), version="v3")
        assert cms.verify(CONTENT, signature, [holder("p384", "X").cert, hub.cert], Algorithmen(), at)


def key_identifier_of(holder: Any) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(holder.key.public_key()).digest


def test_of_two_certificates_for_one_key_the_valid_one_counts(holder: Any, at: datetime) -> None:
    old = holder(end=datetime(2026, 1, 1, tzinfo=UTC))
    new = holder()
    signature = forge(new, sid=key_identifier_of(new), version="v3")
    assert cms.verify(CONTENT, signature, [old.cert, new.cert], Algorithmen(), at).signer == new.cert


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"signers": 0}, "no_signer"),
        ({"signers": 2}, "several_signers"),
        ({"attributes": []}, "no_signed_attributes"),
        ({"attributes": [{"type": "content_type", "values": ["data"]}]}, "message_digest"),
        ({"more": [{"type": "message_digest", "values": [b"x" * 32]}]}, "attribute_twice"),
        ({"more": [{"type": "content_type", "values": ["data"]}]}, "attribute_twice"),
        ({"encapsulated": {"content_type": "signed_data"}}, "content_type"),
        ({"encapsulated": {"content_type": "data", "content": CONTENT}}, "not_detached"),
        ({"hash": "sha1"}, "hash"),
        ({"hash": "md5", "algorithm": {"algorithm": "md5_rsa"}}, "hash"),
        ({"hash": "sha224"}, "hash"),
        ({"signature_hash": "sha512"}, "signature_algorithm"),
        ({"algorithm": {"algorithm": "sha256_rsa"}}, "signature_algorithm"),
        ({"algorithm": {"algorithm": "sha256_dsa"}}, "signature_algorithm"),
        ({"algorithm": {"algorithm": "ecdsa"}}, "signature_algorithm"),
        ({"algorithm": {"algorithm": "ed25519"}}, "signature_algorithm"),
        ({"sid": b"x" * 20, "version": "v3"}, "signer_unknown"),
    ],
)
def test_hostile_structures_are_refused(change: dict[str, Any], expected: str, holder: Any, at: datetime) -> None:
    hub = holder()
    assert refused(forge(hub, **change), hub, at) == expected


def digest_attribute(*values: bytes) -> dict[str, Any]:
    return {"type": "message_digest", "values": list(values)}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ([digest_attribute(hashlib.sha256(CONTENT).digest())], "content_type_attribute"),
        ([{"type": "content_type", "values": ["signed_data"]}], "content_type_attribute"),
        ([{"type": "content_type", "values": ["data", "data"]}], "attribute_values"),
        ([{"type": "content_type", "values": ["data"]}, digest_attribute(b"x" * 32)], "message_digest"),
        ([{"type": "content_type", "values": ["data"]}, digest_attribute(b"")], "message_digest"),
        ([{"type": "content_type", "values": ["data"]}, digest_attribute()], "attribute_values"),
        (
            [{"type": "content_type", "values": ["data"]}, digest_attribute(hashlib.sha256(CONTENT).digest(), b"x")],
            "attribute_values",
        ),
    ],
)
def test_wrong_attributes_are_refused(attributes: Any, expected: str, holder: Any, at: datetime) -> None:
    hub = holder()
    assert refused(forge(hub, attributes=attributes), hub, at) == expected


def protection(digest: str, signature: str) -> dict[str, Any]:
    value = {"digest_algorithm": {"algorithm": digest}, "signature_algorithm": {"algorithm": signature}}
    return {"type": "cms_algorithm_protection", "values": [asn1.CMSAlgorithmProtection(value)]}


def test_algorithm_protection_is_checked_if_present(holder: Any, at: datetime) -> None:
    """RFC 6211."""
    hub = holder()
    good = forge(hub, more=[protection("sha256", "sha256_ecdsa")])
    assert cms.verify(CONTENT, good, [hub.cert], Algorithmen(), at)
    for wrong in (protection("sha384", "sha256_ecdsa"), protection("sha256", "sha384_ecdsa")):
        assert refused(forge(hub, more=[wrong]), hub, at) == "algorithm_protection"


def certificate_attribute(certificate: Any, name: str = "sha256") -> dict[str, Any]:
    digest = hashlib.new(name, certificate.public_bytes(Encoding.DER)).digest()
    identifier = tsp.ESSCertIDv2({"hash_algorithm": {"algorithm": name}, "cert_hash": digest})
    return {"type": "signing_certificate_v2", "values": [tsp.SigningCertificateV2({"certs": [identifier]})]}


def test_a_named_signing_certificate_must_be_the_signers(holder: Any, at: datetime) -> None:
    """RFC 5035 section 4."""
    hub = holder()
    for name in ("sha256", "sha512"):
        assert cms.verify(CONTENT, forge(hub, more=[certificate_attribute(hub.cert, name)]), [hub.cert], PSS, at)
    other = certificate_attribute(holder("p256", "Zwilling").cert)
    assert refused(forge(hub, more=[other]), hub, at) == "signing_certificate"
    assert refused(forge(hub, more=[certificate_attribute(hub.cert, "sha1")]), hub, at) == "signing_certificate"


def test_a_foreign_signer_is_refused(holder: Any, at: datetime) -> None:
    hub, twin = holder(), holder("p256", "Zwilling")
    assert refused(cms.sign(CONTENT, twin.identity, PSS, at), hub, at) == "signer_unknown"
    with pytest.raises(SignatureRefused) as error:
        cms.verify(CONTENT, forge(hub), [], PSS, at)
    assert error.value.code == "signer_unknown"


def test_a_name_alone_makes_no_signer(holder: Any, at: datetime) -> None:
    """The same issuer and serial number over another key: the key decides."""
    hub = holder()
    other = holder("p384", "Hub")
    forged = forge(other)
    info = asn1.ContentInfo.load(forged)
    info["content"]["signer_infos"][0]["sid"] = asn1.SignerIdentifier(
        "issuer_and_serial_number",
        {
            "issuer": asn1_x509.Name.load(hub.cert.issuer.public_bytes()),
            "serial_number": hub.cert.serial_number,
        },
    )
    assert refused(info.dump(force=True), hub, at) == "signature"


@pytest.mark.parametrize(("days", "expected"), [(-500, "certificate_expired"), (900, "certificate_expired")])
def test_outside_its_validity_a_certificate_proves_nothing(days: int, expected: str, holder: Any, at: datetime) -> None:
    hub = holder()
    assert refused(forge(hub), hub, at + timedelta(days=days)) == expected


def test_a_certificate_for_encryption_signs_nothing(holder: Any, at: datetime) -> None:
    hub = holder(usage={"key_agreement": True})
    assert refused(forge(hub), hub, at) == "key_usage"
    signing = holder(usage={"content_commitment": True})
    assert cms.verify(CONTENT, forge(signing), [signing.cert], PSS, at)


@pytest.mark.parametrize(("kind", "expected"), [("rsa2048", "key_size"), ("k256", "curve"), ("rsa1024", "key_size")])
def test_weak_keys_are_refused(kind: str, expected: str, holder: Any, at: datetime) -> None:
    hub = holder(kind)
    assert refused(forge(hub), hub, at) == expected


def test_rsa_2048_and_pkcs1_are_accepted_until_the_agreed_day(holder: Any, at: datetime) -> None:
    hub = holder("rsa2048")
    agreed = Algorithmen(signatur="pkcs1", **EXCEPTIONS)
    assert cms.verify(CONTENT, forge(hub), [hub.cert], agreed, at)
    assert refused(forge(hub), hub, at.replace(year=2027), signatur="pkcs1", **EXCEPTIONS) == "key_size"
    tiny = holder("rsa1024")
    assert refused(forge(tiny), tiny, at, signatur="pkcs1", **EXCEPTIONS) == "key_size"


def test_pkcs1_needs_an_agreement_and_its_day(holder: Any, at: datetime) -> None:
    hub = holder("rsa3072")
    assert refused(forge(hub), hub, at) == "pkcs1"
    assert refused(forge(hub), hub, at, **EXCEPTIONS) == "pkcs1"
    assert refused(forge(hub), hub, at.replace(year=2027), signatur="pkcs1", **EXCEPTIONS) == "pkcs1"
    assert cms.verify(CONTENT, forge(hub), [hub.cert], Algorithmen(signatur="pkcs1", **EXCEPTIONS), at)


def test_rsa_3000_is_accepted(holder: Any, at: datetime) -> None:
    hub = holder("rsa3000")
    assert cms.verify(CONTENT, cms.sign(CONTENT, hub.identity, PSS, at), [hub.cert], PSS, at)


def pss(salt: int, name: str = "sha256", mask: str = "sha256") -> dict[str, Any]:
    parameters = {
        "hash_algorithm": {"algorithm": name},
        "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": mask}},
        "salt_length": salt,
    }
    return {"algorithm": algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})}


def test_any_salt_at_least_as_long_as_the_hash_is_accepted(holder: Any, at: datetime) -> None:
    hub = holder("rsa3072")
    for salt in (32, 48, 350):
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        assert cms.verify(CONTENT, forge(hub, padding=scheme, **pss(salt)), [hub.cert], PSS, at)
    short = padding.PSS(padding.MGF1(hashes.SHA256()), 20)
    assert refused(forge(hub, padding=short, **pss(20)), hub, at) == "salt"


@pytest.mark.parametrize("parameters", [("sha512", "sha256"), ("sha256", "sha1"), ("sha1", "sha1")])
def test_pss_has_one_hash(parameters: tuple[str, str], holder: Any, at: datetime) -> None:
    hub = holder("rsa3072")
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    assert refused(forge(hub, padding=scheme, **pss(32, *parameters)), hub, at) == "signature_algorithm"


@pytest.mark.parametrize("length", [0, 1, 10, 100, -1])
def test_a_truncated_signature_is_refused(length: int, holder: Any, at: datetime) -> None:
    hub = holder()
    assert refused(forge(hub)[:length], hub, at) == "unreadable"


@pytest.mark.parametrize("more", [b"\0", b"\r\n", b"\x30\x00"])
def test_trailing_bytes_are_refused(more: bytes, holder: Any, at: datetime) -> None:
    hub = holder()
    assert refused(forge(hub) + more, hub, at) == "unreadable"


def test_what_is_no_signature_is_refused(holder: Any, at: datetime) -> None:
    hub = holder()
    assert refused(cms.compress(b"x"), hub, at) == "not_signed_data"
    assert refused(b"\x30" * 300_000, hub, at) == "too_large"
    assert refused(b"\x30\x80" * 100_000, hub, at) == "unreadable"


def test_we_do_not_sign_with_a_weak_key(holder: Any, at: datetime) -> None:
    with pytest.raises(PolicyRefused) as error:
        cms.sign(CONTENT, holder("rsa2048").identity, PSS, at)
    assert error.value.code == "key_size"


def test_we_do_not_sign_by_pkcs1_after_the_agreed_day(holder: Any, at: datetime) -> None:
    agreed = Algorithmen(signatur="pkcs1", **EXCEPTIONS)
    hub = holder("rsa3072")
    assert cms.verify(CONTENT, cms.sign(CONTENT, hub.identity, agreed, at), [hub.cert], agreed, at)
    with pytest.raises(PolicyRefused) as error:
        cms.sign(CONTENT, hub.identity, agreed, at.replace(year=2027))
    assert error.value.code == "pkcs1"


def test_signed_attributes_in_another_order_hold_as_der(holder: Any, at: datetime) -> None:
    """RFC 5652 section 5.4: the signature is over the DER encoding, whatever order was sent."""
    hub = holder()
    signature = cms.sign(CONTENT, hub.identity, PSS, at)
    raw = asn1.ContentInfo.load(signature)["content"]["signer_infos"][0]["signed_attrs"].contents
    pieces = ber.children(raw)
    shuffled = signature.replace(raw, b"".join(reversed(pieces)))
    assert pieces == sorted(pieces)
    assert shuffled != signature
    assert cms.verify(CONTENT, shuffled, [hub.cert], PSS, at).signer == hub.cert
