"""Streams that lie: cut at every place, endless, with impossible lengths, garbled at the end; and honest odd ones."""

import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
from forged import elements, indefinite
from hypothesis import given, settings
from hypothesis import strategies as st
from streamworld import Memory, stream_open

from gateway import mime
from gateway.mime import MimeError
from gateway.seal import der, outer
from gateway.seal.ber import BerError
from gateway.seal.compressed import DecompressionRefused, compress, decompress, decompress_stream
from gateway.seal.octets import PIECE, Encoded, Range, RangeSource, Source
from gateway.seal.outer import walk
from gateway.seal.sealer import OpenRefused
from gateway.seal.transfer import Base64Lines, base64_size, decoder

XML = ("nachricht.xml", "application/xml", b"<a/>")
FILE = ("a.bin", "application/octet-stream", bytes(range(256)) * 5)
CBC = {"inhalt": "aes-256-cbc", "ausnahmen_bis": date(2026, 12, 31)}
END = b"\0\0"
ID_DATA = der.oid("1.2.840.113549.1.7.1")


def source(octets: bytes) -> RangeSource:
    return RangeSource(Range(io.BytesIO(octets), 0, len(octets)))


def cause(w: Any, partner: Any, at: datetime, body: bytes) -> str:
    with pytest.raises(OpenRefused) as refused:
        stream_open(w, partner, at, body)
    assert str(refused.value) == "The message could not be decrypted."
    return refused.value.cause_code


@pytest.mark.parametrize("algorithms", [{}, CBC], ids=["gcm", "cbc"])
def test_a_stream_cut_at_any_element_is_refused(algorithms: Any, way: Any, partner: Any, at: datetime) -> None:
    w = way(**algorithms)
    w.seal([XML, FILE])
    body = w.sealed.getvalue()
    for whole in (body, indefinite(body)):
        places = {place for each in elements(body) for place in each} | {1, 2, len(whole) - 1, len(whole) - 2}
        for place in sorted(place for place in places if place < len(whole)):
            assert cause(w, partner, at, whole[:place]) == "unreadable"
        assert cause(w, partner, at, whole + b"\0") == "unreadable"


@pytest.mark.parametrize("algorithms", [{}, CBC, {"kompression": True}], ids=["gcm", "cbc", "compressed"])
@pytest.mark.parametrize("chunk", [1, 37, 1000])
def test_indefinite_lengths_and_chunks_open_to_the_same(
    chunk: int, algorithms: Any, way: Any, partner: Any, at: datetime
) -> None:
    w = way(**algorithms)
    w.seal([XML, FILE])
    body = indefinite(w.sealed.getvalue(), chunk)
    assert b"\xa0\x80\x04" in body
    assert stream_open(w, partner, at, body).parts == w.open(body).parts == (XML, FILE)


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_flipped_bit_is_refused(place: int, bit: int, way: Any, partner: Any, at: datetime) -> None:
    """Or changes nothing that is read: spare bits of the frame; then both ways read the same."""
    w = way()
    w.seal([XML])
    body = bytearray(w.sealed.getvalue())
    body[place % len(body)] ^= 1 << bit
    try:
        opened = stream_open(w, partner, at, bytes(body))
    except OpenRefused:
        with pytest.raises(OpenRefused):
            w.open(bytes(body))
        return
    assert opened.parts == w.open(bytes(body)).parts == (XML,)


def test_a_garbled_tag_tells_nothing_and_hands_no_file_over(way: Any, partner: Any, at: datetime) -> None:
    w = way()
    w.seal([XML, FILE])
    body = w.sealed.getvalue()
    assert cause(w, partner, at, body[:-1] + bytes((body[-1] ^ 1,))) == "content"
    assert cause(w, partner, at, body[:-40] + bytes((body[-40] ^ 1,)) + body[-39:]) == "content"


def test_what_never_ends_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outer, "MAX_CHUNKS", 1_000)
    start = b"\x30\x80" + der.oid("1.2.840.113549.1.7.3") + b"\xa0\x80\x30\x80"
    content = start + b"\x02\x01\x00\x31\x00\x30\x80" + ID_DATA + b"\x30\x00\xa0\x80"

    def endless(before: bytes, piece: bytes) -> Source:
        def pieces() -> Iterator[bytes]:
            yield before
            while True:
                yield piece

        return Source(pieces())

    passed: list[bytes] = []
    for before, piece in [
        (content, b"\x04\x00"),
        (content, b"\x04\x02ab"),
        (content, b"\x24\x80"),
        (start, b"\x30\x80"),
    ]:
        with pytest.raises(BerError):
            walk(endless(before, piece), passed.append)
    with pytest.raises(BerError):
        walk(endless(start, der.octets(bytes(60_000))))  # beside the content
    assert sum(map(len, passed)) <= 2_000


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x30",
        b"\x30\x85\xff\xff\xff\xff\xff",
        b"\x30\x86\0\0\0\0\0\0",
        b"\x30\xff",
        b"\x04\x80\0\0",
        b"\x1f\x01\0",
        b"\x00\x00",
        b"\x30\x05" + b"\x06\x01\x2a" + b"\xa0\x80" + END,
        b"\x30\x80" + END,
        der.content_info("1.2.840.113549.1.7.3", der.sequence(der.tlv(0x30, b"\x30\x7f"))),
        der.content_info("1.2.840.113549.1.7.3", der.octets(b"")),
        der.sequence(der.oid("1.2.840.113549.1.7.3"), der.octets(b"")),
    ],
)
def test_impossible_lengths_and_shapes_never_pass(octets: bytes) -> None:
    try:
        frame = walk(source(octets)).frame
    except BerError:
        return
    with pytest.raises((OpenRefused, DecompressionRefused)):
        decompress(frame)


@settings(max_examples=300, deadline=None)
@given(octets=st.binary(max_size=60), prefix=st.sampled_from([b"", b"\x30\x80\x06\x01\x2a\xa0\x80\x30\x80"]))
def test_whatever_comes_it_is_read_or_refused_by_name(octets: bytes, prefix: bytes) -> None:
    try:
        walked = walk(source(prefix + octets))
    except BerError:
        return
    assert walked.size <= len(octets)


def test_two_contents_are_refused() -> None:
    info = der.sequence(ID_DATA, der.sequence(ID_DATA), der.tlv(0x80, b"x"))
    with pytest.raises(BerError, match="content"):
        walk(source(der.content_info("1.2.840.113549.1.7.3", der.sequence(der.small(0), info, info))))


@pytest.mark.parametrize(("most", "code"), [(1_000_000, "too_large"), (60_000_000, "ratio")])
def test_a_bomb_stops_at_its_bounds(most: int, code: str) -> None:
    out = io.BytesIO()
    with pytest.raises(DecompressionRefused) as refused:
        decompress_stream(encoded(compress(bytes(50_000_000))), out.write, max_bytes=most)
    assert refused.value.code == code
    assert len(out.getvalue()) <= 5_000_000


@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=3000), chunk=st.integers(1, 700), cut=st.integers(1, 5))
def test_inflating_a_stream_is_inflating_the_whole(content: bytes, chunk: int, cut: int) -> None:
    octets = compress(content * cut)
    for each in (octets, indefinite(octets, chunk)):
        out = io.BytesIO()
        decompress_stream(encoded(each), out.write, max_bytes=100_000)
        assert out.getvalue() == decompress(each) == content * cut
    with pytest.raises(DecompressionRefused):
        decompress_stream(encoded(octets[:-cut]), io.BytesIO().write, max_bytes=100_000)


def encoded(octets: bytes) -> Encoded:
    return Encoded(Range(io.BytesIO(octets), 0, len(octets)))


# --- transfer encodings and ranges ------------------------------------------------------------------------------------

LETTERS = st.lists(
    st.sampled_from(
        [
            b"QUJD",
            b"QQ==",
            b"QUI=",
            b"=",
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b"=41",
            b"=4",
            b"=\r\n",
            b"x",
            b"\xff",
            b"-",
        ]
    ),
    max_size=20,
).map(b"".join)


@settings(max_examples=400)
@given(octets=LETTERS, cut=st.integers(1, 7), encoding=st.sampled_from(["base64", "quoted-printable", "binary"]))
def test_decoding_in_pieces_is_decoding_the_whole(octets: bytes, cut: int, encoding: str) -> None:
    entity = mime.parse(mime.build([("Content-Transfer-Encoding", encoding)], octets))
    decode = decoder(entity.transfer_encoding)
    try:
        whole = entity.decoded()
    except MimeError:
        with pytest.raises(MimeError):
            b"".join([*(decode.feed(octets[at : at + cut]) for at in range(0, len(octets), cut)), decode.finish()])
        return
    pieces = [decode.feed(octets[at : at + cut]) for at in range(0, len(octets), cut)]
    assert b"".join([*pieces, decode.finish()]) == whole


@given(octets=st.binary(max_size=400), cut=st.integers(1, 120))
def test_base64_in_pieces_is_base64_of_the_whole(octets: bytes, cut: int) -> None:
    lines = Base64Lines()
    written = b"".join(lines.feed(octets[at : at + cut]) for at in range(0, len(octets), cut)) + lines.finish()
    assert written == mime.base64_lines(octets)
    assert len(written) == base64_size(len(octets))


@pytest.mark.parametrize("place", [0, PIECE - 3, PIECE - 1, PIECE, 2 * PIECE - 2])
def test_what_is_sought_is_found_across_pieces(place: int) -> None:
    needle = b"\n--=_grenze"
    octets = Memory(bytes(place) + needle + bytes(PIECE))
    found = octets.done()
    assert found.find(needle, 0) == place
    assert found.find(needle, place) == place
    assert found.find(needle, place + 1) == -1
    assert found.find(needle, 0, place + len(needle) - 1) == -1
    assert found.cut(place, place + len(needle)) == needle
