"""A checkpoint has one text, a leaf one form."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settle.checkpoint import Checkpoint, origin_of, read_checkpoint
from gateway.settle.leaf import SALT_BYTES, Leaf

CHECKPOINT = Checkpoint(origin_of("gw:nrw"), 1234, bytes(range(32)), 1_795_370_400_123_456)
TEXT = "gw:nrw/protokoll\n1234\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\nzeit 2026-11-22T18:00:00.123456Z\n"
LEAF = Leaf(7, bytes(SALT_BYTES), "e1", 5, "annahme", "m1", None, "gw:nrw", '{"a": 1}')


def test_the_text_is_fixed() -> None:
    assert CHECKPOINT.text() == TEXT
    assert read_checkpoint(TEXT.encode()) == CHECKPOINT


@given(st.integers(0, 10**18), st.binary(min_size=32, max_size=32), st.integers(0, 4_000_000_000_000_000))
def test_what_is_written_is_read(size: int, root: bytes, at: int) -> None:
    checkpoint = Checkpoint("gw:x/protokoll", size, root, at)
    assert read_checkpoint(checkpoint.text().encode()) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "\n",
        TEXT[:-1],
        TEXT.replace("1234", "01234"),
        TEXT.replace("1234", "-1"),
        TEXT.replace("Hh8=", "Hh9="),  # the same 32 bytes in another spelling
        TEXT.replace("Hh8=", "Hh8"),
        TEXT.replace(".123456", ".12345"),
        TEXT.replace("2026-11-22", "2026-13-22"),
        TEXT.replace("zeit ", "zeit  "),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("gw:nrw/protokoll", ""),
        TEXT.replace("gw:nrw", "g" * 2_000),
        "",
        "\udcff",
    ],
)
def test_any_other_text_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        read_checkpoint(text.encode("utf-8", "surrogateescape"))


def test_the_form_of_a_leaf_is_fixed() -> None:
    assert LEAF.canonical() == (
        b"gateway event 1\n"
        b"\x01\x00\x00\x00\x10" + bytes(16) + b"\x01\x00\x00\x00\x02e1"
        b"\x01\x00\x00\x00\x015"
        b"\x01\x00\x00\x00\x07annahme"
        b"\x01\x00\x00\x00\x02m1"
        b"\x00"
        b"\x01\x00\x00\x00\x06gw:nrw"
        b'\x01\x00\x00\x00\x08{"a": 1}'
    )


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(*(st.tuples(texts, st.none() | texts, st.none() | texts, texts, st.none() | texts) for _ in "ab"))
def test_two_events_have_two_forms(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    forms = [
        Leaf(0, bytes(SALT_BYTES), "e", 1, *fields).canonical()
        for fields in (first, second)  # type: ignore[arg-type]
    ]
    assert (forms[0] == forms[1]) == (first == second)


def test_a_leaf_of_a_row_wants_its_salt() -> None:
    row = {"id": "e1", "at": 5, "art": "annahme", "message_id": "m1", "delivery_id": None, "akteur": "gw:nrw"}
    assert Leaf.of(row | {"detail": '{"a": 1}'}, 7, bytes(SALT_BYTES)) == LEAF
    assert replace(LEAF, salt=b"\x01" * 16).canonical() != LEAF.canonical()
    with pytest.raises(ValueError, match="salt"):
        Leaf.of(row | {"detail": None}, 7, b"short")
