"""Streaming and one-shot are two ways to the same bytes: whatever one writes the other reads, with one outcome."""

import hashlib
import io
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamworld import Memory, stream_open, stream_seal

from gateway.seal.octets import PIECE
from gateway.seal.sealer import BESIDE, CannotSeal, ContentRefused, Opened, PartIn, open_sealed, seal_stream

XML = ("nachricht.xml", "application/xml", b"<a>\n\xc3\xa4\r\n\r</a>")
EXCEPTIONS = {"ausnahmen_bis": date(2026, 12, 31)}
ALGORITHMS: list[dict[str, Any]] = [
    {},
    {"inhalt": "aes-128-gcm", "hash": "sha-512"},
    {"inhalt": "aes-256-cbc", "hash": "sha-384", **EXCEPTIONS},
    {"inhalt": "aes-128-cbc", "schluesseltransport": "pkcs1", "signatur": "pkcs1", **EXCEPTIONS},
    {"kompression": True},
]
KEYS = [("p256", "bp256"), ("rsa3072", "rsa3072"), ("p521", "p384")]
SIZES = [0, 1, PIECE - 1, PIECE, PIECE + 1, 4 * PIECE + 57]


def filled(size: int) -> bytes:
    """Bytes in which no piece is like another, with line ends of all kinds."""
    line = bytes(range(256)) + b"\r\n--=_\n\r--\r"
    return b"".join(n.to_bytes(4, "big") + line for n in range(size // len(line) + 1))[:size]


@pytest.mark.parametrize("transfer", ["binary", "base64"])
@pytest.mark.parametrize("algorithms", ALGORITHMS, ids=str)
@pytest.mark.parametrize(("hub", "edge"), KEYS)
def test_each_way_reads_what_the_other_wrote(
    hub: str, edge: str, algorithms: Any, transfer: Any, way: Any, partner: Any, at: datetime
) -> None:
    parts = [XML, *((f"{size}.bin", "application/octet-stream", filled(size)) for size in SIZES)]
    w = way(hub, edge, **algorithms)
    w.seal(parts, transfer)
    once, written = w.open(), w.signed.getvalue()
    streamed = stream_open(w, partner, at)
    sealed = stream_seal(w, parts, partner, at, transfer)
    assert w.signed.getvalue() == written
    assert w.open().parts == once.parts == streamed.parts == tuple(parts)
    assert once.signed_entity == streamed.signed_entity == written
    assert once.gateway_headers == streamed.opened.gateway_headers
    assert once.signer == streamed.opened.signer
    assert once.compressed is streamed.opened.compressed is algorithms.get("kompression", False)
    assert {once.mic(), streamed.opened.mic()} == {sealed.mic}
    assert once.mic("sha512") == streamed.opened.mic("sha512")


@pytest.mark.parametrize("size", SIZES)
def test_one_part_alone_of_any_size(size: int, way: Any, partner: Any, at: datetime) -> None:
    parts = [(None, "application/xml", filled(size))]
    w = way()
    stream_seal(w, parts, partner, at)
    assert stream_open(w, partner, at).parts == w.open().parts == tuple(parts)


@settings(max_examples=30, deadline=None)
@given(
    parts=st.lists(st.binary(max_size=400), min_size=1, max_size=4),
    compress=st.booleans(),
    transfer=st.sampled_from(["binary", "base64"]),
)
def test_any_content_passes_both_ways(
    parts: list[bytes], compress: bool, transfer: Any, way: Any, partner: Any, at: datetime
) -> None:
    named = [(f"{n}.bin", "application/octet-stream", content) for n, content in enumerate(parts)]
    w = way(kompression=compress)
    w.seal(named, transfer)
    written = w.signed.getvalue()
    assert stream_open(w, partner, at).parts == tuple(named)
    stream_seal(w, named, partner, at, transfer)
    assert w.signed.getvalue() == written
    assert w.open().parts == tuple(named)


def test_ten_megabytes(way: Any, partner: Any, at: datetime) -> None:
    parts = [XML, ("gross.bin", "application/octet-stream", filled(10 * 1024 * 1024))]
    w = way()
    stream_seal(w, parts, partner, at)
    assert stream_open(w, partner, at).parts == tuple(parts)


@pytest.mark.parametrize("stream", [False, True])
def test_more_than_agreed_is_refused_after_the_signature(stream: bool, way: Any, partner: Any, at: datetime) -> None:
    w = way()
    w.seal([XML, ("a.bin", "application/octet-stream", bytes(BESIDE))])
    most = len(XML[2])
    opened = (lambda n: stream_open(w, partner, at, bytes=n)) if stream else (lambda n: open_bounded(w, partner, at, n))
    with pytest.raises(ContentRefused) as refused:
        opened(most - 1)
    assert refused.value.code == "too_large"
    assert len(opened(most).parts) == 2


def open_bounded(w: Any, partner: Any, at: datetime, most: int) -> Opened:
    agreed = partner(w.hub)
    agreed = agreed.model_copy(update={"grenzen": agreed.grenzen.model_copy(update={"bytes": most})})
    body = io.BytesIO(w.sealed.getvalue())
    return open_sealed(body, "application/pkcs7-mime", w.edge.identity, agreed, at=at)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("damaged", [0, 1, 2])
@pytest.mark.parametrize("wrong", [b"", b"\0"], ids=["shorter", "another byte"])
def test_a_part_that_is_not_what_was_accepted_is_never_signed(
    way: Any, partner: Any, at: datetime, damaged: int, compress: bool, wrong: bytes
) -> None:
    """One byte of another content, whichever part it is and wherever it stands; with one part and with several."""
    contents, w = [filled(70_000 + n) for n in range(3)], way()
    agreed = partner(w.edge, kompression=compress)
    for count in (damaged + 1, 3):
        parts = []
        for n, content in enumerate(contents[:count]):
            changed = (content[:-1] + wrong) if n == damaged else content
            digest = hashlib.sha256(content).hexdigest()
            parts.append(PartIn(f"{n}.bin", "application/octet-stream", io.BytesIO(changed), len(content), digest))
        sealed = Memory()
        with pytest.raises(CannotSeal, match="content_changed"):
            seal_stream(
                parts, {}, w.hub.identity, agreed, at=at, transfer="binary",
                signed_out=Memory(), sealed_out=sealed, staging=Memory,
            )  # fmt: skip
        assert sealed.getvalue() == b""
