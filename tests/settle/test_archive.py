"""The container of an evidence package has one spelling, which others read too."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settle.archive import END, ArchiveRefused, header, length, members, padding

ENTRIES = {"nachweis.json": b"{}", "zustellung/1/signiert.mime": b"x" * 1_000, "leer.txt": b""}


def packed(entries: dict[str, bytes]) -> bytes:
    return b"".join(header(name, len(data)) + data + padding(len(data)) for name, data in entries.items()) + END


def unpacked(raw: bytes) -> dict[str, bytes]:
    return {m.name: raw[m.start : m.start + m.size] for m in members(io.BytesIO(raw))}


def test_what_is_packed_is_read_here_and_elsewhere() -> None:
    raw = packed(ENTRIES)
    assert unpacked(raw) == ENTRIES
    assert length([len(data) for data in ENTRIES.values()]) == len(raw)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert {m.name: tar.extractfile(m).read() for m in tar} == ENTRIES  # type: ignore[union-attr]


def test_nothing_else_is_read() -> None:
    raw = packed(ENTRIES)
    whole = tarfile.TarInfo("nachweis.json")
    whole.size = 2
    foreign = io.BytesIO()
    with tarfile.open(fileobj=foreign, mode="w", format=tarfile.PAX_FORMAT) as tar:
        whole.pax_headers = {"path": "../nachweis.json"}
        tar.addfile(whole, io.BytesIO(b"{}"))
    link = io.BytesIO()
    with tarfile.open(fileobj=link, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo("nachweis.json")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    for bad in (
        b"",
        b"PK\x03\x04" + bytes(600),
        raw[:-1],
        raw[:-512],
        raw[:700],
        raw + b"\0",
        raw + raw,
        packed({"nachweis.json": b"{}"})[: -len(END)] + packed({"nachweis.json": b"{}"}),
        raw[: -len(END)],
        raw.replace(b"x" * 1_000 + bytes(24), b"x" * 1_000 + b"hidden data in a padding"),
        foreign.getvalue(),
        link.getvalue(),
    ):
        with pytest.raises(ArchiveRefused):
            unpacked(bad)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../b", "a//b", "a/", "A", "a\\b", "", "ä", "-" * 101, "a\0b"]
)
def test_names_are_plain(name: str) -> None:
    with pytest.raises(ValueError):
        header(name, 0)
    forged = bytearray(header("a", 0))
    forged[: len(name.encode()[:100])] = name.encode()[:100]
    forged[148:156] = b" " * 8
    forged[148:156] = f"{sum(forged):06o}\0 ".encode()
    if bytes(forged) != header("a", 0):
        with pytest.raises(ArchiveRefused):
            unpacked(bytes(forged) + END)


@settings(max_examples=200)
@given(st.integers(0, 511), st.integers(0, 255))
def test_every_byte_of_a_header_counts(at: int, value: int) -> None:
    raw = bytearray(packed({"nachweis.json": b"{}"}))
    if raw[at] == value:
        return
    raw[at] = value
    with pytest.raises(ArchiveRefused):
        unpacked(bytes(raw))


@given(st.binary(max_size=3_000))
def test_any_bytes_are_refused_and_nothing_worse(raw: bytes) -> None:
    with pytest.raises(ArchiveRefused):
        unpacked(raw)
