"""Encryption: what the agreement admits opens; everything else is one refusal with one text."""

import os
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import pytest
from asn1crypto import cms as asn1
from asn1crypto import core
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.partner import Algorithmen
from gateway.seal import cms, enveloped
from gateway.seal.cms import DecryptionRefused, Identity, PolicyRefused

CONTENT = b"Content-Type: application/xml\r\n\r\n<a/>"
GCM = Algorithmen()
EXCEPTIONS: dict[str, Any] = {"ausnahmen_bis": date(2026, 12, 31)}
CBC = Algorithmen(inhalt="aes-256-cbc", **EXCEPTIONS)


def refused(envelope: bytes, identity: Identity, at: datetime, algorithms: Algorithmen = GCM) -> str:
    with pytest.raises(DecryptionRefused) as error:
        cms.decrypt(envelope, identity, algorithms, at)
    assert str(error.value) == "The message could not be decrypted."
    assert error.value.__cause__ is None
    return error.value.cause_code


@pytest.mark.parametrize("content", ["aes-256-gcm", "aes-128-gcm", "aes-256-cbc", "aes-128-cbc"])
@pytest.mark.parametrize("kind", ["rsa3072", "p256", "p384", "p521", "bp256", "bp384"])
def test_what_we_encrypt_opens(kind: str, content: Any, holder: Any, at: datetime) -> None:
    edge, algorithms = holder(kind), Algorithmen(inhalt=content, **EXCEPTIONS)
    envelope = cms.encrypt(CONTENT, [edge.cert], algorithms, at)
    expected = "authenticated_enveloped_data" if content.endswith("gcm") else "enveloped_data"
    assert cms.kind(envelope) == expected
    assert cms.decrypt(envelope, edge.identity, algorithms, at) == CONTENT


@settings(max_examples=30)
@given(content=st.binary(max_size=300), flip=st.integers(min_value=0))
def test_a_flipped_byte_never_gives_other_content(content: bytes, flip: int, holder: Any, at: datetime) -> None:
    edge = holder("p256", "Edge")
    envelope = bytearray(cms.encrypt(content, [edge.cert], GCM, at))
    assert cms.decrypt(bytes(envelope), edge.identity, GCM, at) == content
    envelope[flip % len(envelope)] ^= 0x55
    try:
        opened = cms.decrypt(bytes(envelope), edge.identity, GCM, at)
    except DecryptionRefused:
        return
    assert opened == content


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(envelope: bytes) -> None:
    with pytest.raises(DecryptionRefused):
        cms.decrypt(envelope, None, GCM, datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]


def test_each_of_several_recipients_opens(holder: Any, at: datetime) -> None:
    holders = [holder("rsa3072", "A"), holder("p256", "B"), holder("bp256", "C")]
    envelope = cms.encrypt(CONTENT, [each.cert for each in holders], GCM, at)
    assert [cms.decrypt(envelope, each.identity, GCM, at) for each in holders] == [CONTENT] * 3


def test_the_old_key_opens_while_certificates_change(holder: Any, at: datetime) -> None:
    old, new = holder("p256", "Alt"), holder("p256", "Neu")
    both = Identity("gw:edge", new.key, new.cert, ((new.key, new.cert), (old.key, old.cert)))
    assert cms.decrypt(cms.encrypt(CONTENT, [old.cert], GCM, at), both, GCM, at) == CONTENT


def test_another_recipient_is_refused(holder: Any, at: datetime) -> None:
    envelope = cms.encrypt(CONTENT, [holder("p256", "Edge").cert], GCM, at)
    assert refused(envelope, holder("p256", "Fremd").identity, at) == "recipient"


def test_gcm_and_cbc_are_never_accepted_together(holder: Any, at: datetime) -> None:
    """RFC 9709: whoever may choose CBC could turn a GCM message into one."""
    edge = holder("p256", "Edge")
    assert refused(cms.encrypt(CONTENT, [edge.cert], CBC, at), edge.identity, at, GCM) == "content_algorithm"
    assert refused(cms.encrypt(CONTENT, [edge.cert], GCM, at), edge.identity, at, CBC) == "content_algorithm"
    short = Algorithmen(inhalt="aes-128-gcm")
    assert cms.decrypt(cms.encrypt(CONTENT, [edge.cert], short, at), edge.identity, GCM, at) == CONTENT


def test_exceptions_end(holder: Any, at: datetime) -> None:
    edge, later = holder("p256", "Edge"), at.replace(year=2027)
    envelope = cms.encrypt(CONTENT, [edge.cert], CBC, at)
    assert refused(envelope, edge.identity, later, CBC) == "content_algorithm"
    with pytest.raises(PolicyRefused) as error:
        cms.encrypt(CONTENT, [edge.cert], CBC, later)
    assert error.value.code == "content_algorithm"


def test_pkcs1_transport_only_by_agreement(holder: Any, at: datetime) -> None:
    edge = holder("rsa3072", "Edge")
    agreed = Algorithmen(schluesseltransport="pkcs1", **EXCEPTIONS)
    envelope = cms.encrypt(CONTENT, [edge.cert], agreed, at)
    assert cms.decrypt(envelope, edge.identity, agreed, at) == CONTENT
    assert refused(envelope, edge.identity, at) == "pkcs1"
    assert refused(envelope, edge.identity, at.replace(year=2027), agreed) == "pkcs1"


def changed(envelope: bytes, change: Any) -> bytes:
    """The envelope, read, changed and written again."""
    info = asn1.ContentInfo.load(envelope)
    change(info["content"])
    return bytes(info.dump(force=True))


def flip_tag(data: Any) -> None:
    data["mac"] = bytes(16)


def shorten_tag(data: Any) -> None:
    data["mac"] = data["mac"].native[:12]


def no_content(data: Any) -> None:
    del data["auth_encrypted_content_info"]["encrypted_content"]


def other_type(data: Any) -> None:
    data["auth_encrypted_content_info"]["content_type"] = "signed_data"


def swap_algorithm(data: Any) -> None:
    data["auth_encrypted_content_info"]["content_encryption_algorithm"]["algorithm"] = "aes128_gcm"


def to_cbc(data: Any) -> None:
    data["auth_encrypted_content_info"]["content_encryption_algorithm"]["algorithm"] = "aes256_cbc"


def to_des(data: Any) -> None:
    data["auth_encrypted_content_info"]["content_encryption_algorithm"]["algorithm"] = "tripledes_3key"


def no_recipients(data: Any) -> None:
    data["recipient_infos"] = asn1.RecipientInfos([])


def many_recipients(data: Any) -> None:
    data["recipient_infos"] = asn1.RecipientInfos([data["recipient_infos"][0]] * 60)


def garble_key(data: Any) -> None:
    data["recipient_infos"][0].chosen["recipient_encrypted_keys"][0]["encrypted_key"] = bytes(40)


def short_key(data: Any) -> None:
    data["recipient_infos"][0].chosen["recipient_encrypted_keys"][0]["encrypted_key"] = b""


def other_point(data: Any) -> None:
    data["recipient_infos"][0].chosen["originator"].chosen["public_key"] = b"\4" + bytes(64)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (flip_tag, "content"),
        (shorten_tag, "content_parameters"),
        (no_content, "encrypted_content"),
        (other_type, "encrypted_content"),
        (swap_algorithm, "content"),
        (to_cbc, "content_algorithm"),
        (to_des, "content_algorithm"),
        (no_recipients, "recipient"),
        (many_recipients, "recipients"),
        (garble_key, "content_key"),
        (short_key, "content_key"),
        (other_point, "content_key"),
    ],
)
def test_hostile_envelopes_are_refused(change: Any, expected: str, holder: Any, at: datetime) -> None:
    edge = holder("p256", "Edge")
    envelope = cms.encrypt(CONTENT, [edge.cert], GCM, at)
    assert changed(envelope, lambda data: None) == envelope
    assert refused(changed(envelope, change), edge.identity, at) == expected


class SharedInfo(core.Sequence):
    """ECC-CMS-SharedInfo of RFC 5753 section 7.2, written a second time as a witness."""

    _fields: ClassVar[list[Any]] = [
        ("key_info", core.Any),
        ("entity_u_info", core.OctetString, {"explicit": 0, "optional": True}),
        ("supp_pub_info", core.OctetString, {"explicit": 2}),
    ]


@pytest.mark.parametrize("ukm", [None, b"", b"sixteen octets.."])
def test_a_peer_may_add_keying_material(ukm: bytes | None, holder: Any, at: datetime) -> None:
    """RFC 5753 section 7.2: ukm goes into the key derivation as entityUInfo."""
    edge = holder("p384", "Edge")
    envelope = cms.encrypt(CONTENT, [edge.cert], GCM, at)
    kari = asn1.ContentInfo.load(envelope)["content"]["recipient_infos"][0].chosen
    wrap = kari["key_encryption_algorithm"]["parameters"].dump()
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), kari["originator"].chosen["public_key"].native)

    def wrapping_key(material: bytes | None) -> bytes:
        fields: dict[str, Any] = {"key_info": core.Any.load(wrap), "supp_pub_info": b"\0\0\1\0"}
        fields |= {} if material is None else {"entity_u_info": material}
        secret = edge.key.exchange(ec.ECDH(), peer)
        return X963KDF(hashes.SHA256(), 32, SharedInfo(fields).dump()).derive(secret)

    key = keywrap.aes_key_unwrap(wrapping_key(None), kari["recipient_encrypted_keys"][0]["encrypted_key"].native)

    def change(data: Any) -> None:
        info = data["recipient_infos"][0].chosen
        if ukm is not None:
            info["ukm"] = ukm
        info["recipient_encrypted_keys"][0]["encrypted_key"] = keywrap.aes_key_wrap(wrapping_key(ukm), key)

    assert cms.decrypt(changed(envelope, change), edge.identity, GCM, at) == CONTENT


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
@pytest.mark.parametrize("transport", ["oaep", "pkcs1"])
def test_a_content_key_of_wrong_length_fails_like_any_other(
    size: int, transport: Any, holder: Any, at: datetime
) -> None:
    edge = holder("rsa3072", "Edge")
    algorithms = Algorithmen(schluesseltransport=transport, **EXCEPTIONS)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    scheme = oaep if transport == "oaep" else padding.PKCS1v15()
    envelope = cms.encrypt(CONTENT, [edge.cert], algorithms, at)

    def change(data: Any) -> None:
        data["recipient_infos"][0].chosen["encrypted_key"] = edge.key.public_key().encrypt(os.urandom(size), scheme)

    assert refused(changed(envelope, change), edge.identity, at, algorithms) == "content"


@pytest.mark.parametrize("transport", ["oaep", "pkcs1"])
def test_a_garbled_content_key_is_replaced_and_the_work_goes_on(
    transport: Any, holder: Any, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bleichenbacher: bad padding leads to the same decryption of the content, with a random key."""
    edge = holder("rsa3072", "Edge")
    algorithms = Algorithmen(schluesseltransport=transport, **EXCEPTIONS)
    envelope = cms.encrypt(CONTENT, [edge.cert], algorithms, at)
    opened: list[bytes] = []
    original = enveloped.opening
    monkeypatch.setattr(enveloped, "opening", lambda content, key: [opened.append(key), original(content, key)][1])

    def change(data: Any) -> None:
        data["recipient_infos"][0].chosen["encrypted_key"] = os.urandom(383).rjust(384, b"\0")

    for _ in range(2):
        refused(changed(envelope, change), edge.identity, at, algorithms)
    assert [len(key) for key in opened] == [32, 32]
    assert opened[0] != opened[1]


def test_cbc_with_bad_padding_or_length_is_the_same_refusal(holder: Any, at: datetime) -> None:
    edge = holder("p256", "Edge")
    envelope = cms.encrypt(CONTENT, [edge.cert], CBC, at)

    def garble(data: Any) -> None:
        content = data["encrypted_content_info"]["encrypted_content"].native
        data["encrypted_content_info"]["encrypted_content"] = content[:-1] + bytes((content[-1] ^ 1,))

    def cut(data: Any) -> None:
        data["encrypted_content_info"]["encrypted_content"] = data["encrypted_content_info"][
            "encrypted_content"
        ].native[:-1]

    # A garbled last block ends in valid padding once in 256 times; what opens then is not the content.
    garbled = [changed(cms.encrypt(CONTENT, [edge.cert], CBC, at), garble) for _ in range(4)]
    assert all(opened is None or opened != CONTENT for opened in (opening(each, edge, at) for each in garbled))
    assert None in [opening(each, edge, at) for each in garbled]
    assert refused(changed(envelope, cut), edge.identity, at, CBC) == "content"


def opening(envelope: bytes, edge: Any, at: datetime) -> bytes | None:
    """What opens under AES-CBC, or None where it is refused for its content."""
    try:
        return cms.decrypt(envelope, edge.identity, CBC, at)
    except DecryptionRefused as error:
        return None if error.cause_code == "content" else error.cause_code.encode()


@pytest.mark.parametrize("length", [0, 1, 10, 100, -1])
def test_a_truncated_envelope_is_refused(length: int, holder: Any, at: datetime) -> None:
    edge = holder("p256", "Edge")
    assert refused(cms.encrypt(CONTENT, [edge.cert], GCM, at)[:length], edge.identity, at) == "unreadable"


def test_what_is_no_envelope_is_refused(holder: Any, at: datetime) -> None:
    edge = holder("p256", "Edge")
    assert refused(cms.sign(CONTENT, edge.identity, GCM, at), edge.identity, at) == "not_enveloped"
    assert refused(b"\x30\x80" * 50_000, edge.identity, at) == "unreadable"


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("rsa2048", {}, "key_size"),
        ("k256", {}, "curve"),
        ("ed25519", {}, "key_type"),
        ("p256", {"end": datetime(2026, 1, 1, tzinfo=UTC)}, "certificate_expired"),
        ("p256", {"start": datetime(2027, 1, 1, tzinfo=UTC)}, "certificate_expired"),
        ("p256", {"usage": {"digital_signature": True}}, "key_usage"),
        ("rsa3072", {"usage": {"key_agreement": True}}, "key_usage"),
    ],
)
def test_we_do_not_encrypt_to_an_unfit_certificate(
    kind: str, options: dict[str, Any], expected: str, holder: Any, at: datetime
) -> None:
    with pytest.raises(PolicyRefused) as error:
        cms.encrypt(CONTENT, [holder(kind, "Edge", **options).cert], GCM, at)
    assert error.value.code == expected


def test_we_encrypt_to_somebody(at: datetime) -> None:
    with pytest.raises(PolicyRefused) as error:
        cms.encrypt(CONTENT, [], GCM, at)
    assert error.value.code == "no_recipient"
