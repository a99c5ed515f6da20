"""Compression: what fits opens, a bomb stops at the cap."""

import zlib

import pytest
from asn1crypto import cms as asn1
from hypothesis import given
from hypothesis import strategies as st

from gateway.seal import cms, compressed
from gateway.seal.cms import DecompressionRefused


def forged(deflated: bytes | None, algorithm: str = "zlib") -> bytes:
    data = asn1.CompressedData(
        {
            "version": "v0",
            "compression_algorithm": {"algorithm": algorithm},
            "encap_content_info": {"content_type": "data", "content": deflated},
        }
    )
    return bytes(asn1.ContentInfo({"content_type": "compressed_data", "content": data}).dump())


def refused(octets: bytes, **caps: int) -> str:
    with pytest.raises(DecompressionRefused) as error:
        cms.decompress(octets, **caps)
    return error.value.code


@given(st.binary(max_size=2000))
def test_what_we_compress_opens(content: bytes) -> None:
    assert cms.decompress(cms.compress(content)) == content


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(octets: bytes) -> None:
    with pytest.raises(DecompressionRefused):
        cms.decompress(octets)


def test_a_bomb_stops_at_the_absolute_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(cms.compress(bytes(30 * 1024 * 1024)), max_ratio=10_000) == "too_large"
    assert refused(cms.compress(b"x" * 1001), max_bytes=1000) == "too_large"
    assert cms.decompress(cms.compress(b"x" * 1000), max_bytes=1000) == b"x" * 1000


def test_a_bomb_stops_at_the_ratio() -> None:
    assert refused(cms.compress(bytes(5 * 1024 * 1024))) == "ratio"


def test_repetition_in_honest_xml_passes() -> None:
    xml = b"".join(b"<eintrag nummer='%d'>Landgericht Bonn</eintrag>" % n for n in range(60_000))
    assert len(xml) > compressed.RATIO_FROM
    assert cms.decompress(cms.compress(xml)) == xml


def test_broken_streams_are_refused() -> None:
    whole = zlib.compress(b"hello" * 50)
    assert refused(forged(whole[:-5])) == "truncated"
    assert refused(forged(b"")) == "truncated"
    assert refused(forged(whole + b"more")) == "trailing"
    assert refused(forged(b"no zlib")) == "unreadable"
    assert refused(forged(None)) == "unreadable"
    assert refused(forged(whole, algorithm="1.2.3.4")) == "algorithm"


def test_another_structure_is_refused() -> None:
    assert refused(bytes(asn1.ContentInfo({"content_type": "data", "content": b"x"}).dump())) == "not_compressed"
