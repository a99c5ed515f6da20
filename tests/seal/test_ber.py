"""BER: indefinite lengths become definite, within bounds."""

from typing import Any

import pytest
from asn1crypto import cms as asn1
from hypothesis import given
from hypothesis import strategies as st

from gateway.partner import Algorithmen
from gateway.seal import ber, cms
from gateway.seal.ber import BerError
from gateway.seal.der import tlv


def indefinite(element: bytes, chunk: int = 7) -> bytes:
    """The element as a streaming peer writes it: constructed ones open-ended, OCTET STRINGs in chunks."""
    tag = element[0]
    _, start, end = _header(element)
    content = element[start:end]
    if tag & 0x20:
        return bytes((tag, 0x80)) + b"".join(indefinite(child, chunk) for child in ber.children(content)) + b"\0\0"
    if tag == 0x04 and len(content) > chunk:
        pieces = [tlv(0x04, content[i : i + chunk]) for i in range(0, len(content), chunk)]
        return b"\x24\x80" + b"".join(pieces) + b"\0\0"
    return element


def _header(element: bytes) -> tuple[int, int, int]:
    start, end = ber._length(element, 1)
    return element[0], start, end


VALUES = st.recursive(
    st.binary(max_size=40).map(lambda content: tlv(0x04, content)),
    lambda children: st.lists(children, max_size=4).map(lambda c: tlv(0x30, *c) if c else tlv(0x30, b"")),
    max_leaves=12,
).filter(lambda element: element[0] == 0x30)


@given(VALUES)
def test_what_was_streamed_becomes_definite(element: bytes) -> None:
    assert ber.definite(element) == element
    assert ber.definite(indefinite(element)) == element


@given(st.binary(max_size=200))
def test_any_bytes_give_an_element_or_an_error(octets: bytes) -> None:
    try:
        element = ber.definite(octets)
    except BerError:
        return
    assert len(element) <= len(octets) + 64


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x80\0",
        b"\x30\x05\0\0",
        b"\x30\x00\0",
        b"\x30\x80\0\0\0",
        b"\x04\x80\0\0",
        b"\x30\x80\x1f\x01\0\0\0",
        b"\x30\x86\x01\0\0\0\0\0\0",
        b"\x24\x80\x02\x01\0\0\0",
        b"\x30\x80" * 40 + b"\0\0" * 40,
        b"\x30\x80" + b"\x04\0" * (ber.MAX_ELEMENTS + 1) + b"\0\0",
    ],
    ids=lambda octets: octets[:8].hex(),
)
def test_what_is_broken_or_without_bounds_is_refused(octets: bytes) -> None:
    with pytest.raises(BerError):
        ber.definite(octets)


def test_a_streamed_signature_verifies(holder: Any, at: Any) -> None:
    hub = holder()
    signature = cms.sign(b"x", hub.identity, Algorithmen(), at)
    assert cms.verify(b"x", indefinite(signature, 1000), [hub.cert], Algorithmen(), at)


def streamed_content(envelope: bytes, field: str) -> bytes:
    """The envelope with its encrypted content in chunks below an implicit tag, as BouncyCastle writes it."""
    ciphertext = asn1.ContentInfo.load(envelope)["content"][field]["encrypted_content"].native
    whole = tlv(0x80, ciphertext)
    pieces = b"".join(tlv(0x04, ciphertext[i : i + 100]) for i in range(0, len(ciphertext), 100))
    marker = tlv(0x80, b"marker")
    small = _rebuilt(envelope, whole, marker)
    return indefinite(small, 10_000).replace(marker, b"\xa0\x80" + pieces + b"\0\0")


def _rebuilt(element: bytes, old: bytes, new: bytes) -> bytes:
    """The element with one piece replaced and all lengths around it right."""
    if element == old:
        return new
    if not element[0] & 0x20 or old not in element:
        return element
    _, start, end = _header(element)
    return tlv(element[0], *[_rebuilt(child, old, new) for child in ber.children(element[start:end])], b"")


@pytest.mark.parametrize("content", ["aes-256-gcm", "aes-256-cbc"])
def test_a_streamed_envelope_opens(content: Any, holder: Any, at: Any) -> None:
    edge = holder("rsa3072", "Edge")
    algorithms = Algorithmen(inhalt=content, ausnahmen_bis=at.date())
    field = "auth_encrypted_content_info" if content.endswith("gcm") else "encrypted_content_info"
    envelope = cms.encrypt(b"x" * 1000, [edge.cert], algorithms, at)
    streamed = streamed_content(envelope, field)
    assert streamed != envelope
    assert cms.decrypt(streamed, edge.identity, algorithms, at) == b"x" * 1000


def test_a_streamed_compression_opens() -> None:
    assert cms.decompress(indefinite(cms.compress(b"xyz" * 1000), 5)) == b"xyz" * 1000
