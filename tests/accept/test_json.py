"""JSON from callers: every reader takes it alike, or it is refused; commands hold their forms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accept.commands import Assignment, Forward, Reason
from gateway.errors import Malformed
from gateway.web import check_text, json_object

HOSTILE = st.text(st.characters(codec=None), max_size=30)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
    max_leaves=8,
)


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [t for item in (*value, *value.values()) for t in texts(item)]
    return [t for item in value for t in texts(item)] if isinstance(value, list) else []


@given(VALUES, st.booleans())
def test_what_is_read_can_be_stored_and_shown(value: Any, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        found = json_object(raw)
    except Malformed:
        return
    assert isinstance(found, dict)
    for text in texts(found):
        assert text.encode("utf-8").decode() == text
        assert "\0" not in text


@given(st.binary(max_size=60))
def test_any_bytes_are_an_object_or_refused(raw: bytes) -> None:
    try:
        assert isinstance(json_object(raw), dict)
    except Malformed:
        return


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"1",
        b"null",
        b'{"a": 1',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\\u0000"}',
        b'{"a": ["\\u0007"]}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": "ä"}'.encode("latin-1"),
        '{"a": 1}'.encode("utf-16"),
        b'{"a":' * 3000 + b"1" + b"}" * 3000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_two_readers_could_take_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        json_object(raw)
    assert caught.value.status == 400


def test_plain_text_passes() -> None:
    assert json_object('{"grund": "Zeile 1\\nZeile 2\\tü 😀", "n": [1, 2.5, null, true]}'.encode()) == {
        "grund": "Zeile 1\nZeile 2\tü 😀",
        "n": [1, 2.5, None, True],
    }
    assert check_text("§ 87\r\n", "x") == "§ 87\r\n"
    with pytest.raises(Malformed):
        check_text("a\x1bb", "x")


@given(st.dictionaries(st.sampled_from(["grund", "an", "dezernat", "wohnsitz_ags", "auflage_ags", "x"]), VALUES))
def test_a_command_is_read_or_refused(body: dict[str, Any]) -> None:
    for command in (Forward, Reason, Assignment):
        try:
            read = command.from_json(body)
        except Malformed:
            continue
        assert all(value is None or (isinstance(value, str) and value.strip()) for value in body.values())
        assert "x" not in body
        assert read == command(**body)


@pytest.mark.parametrize("ags", ["0531500", "053150000", "٠٥٣١٥٠٠٠", "05315000\n", "0531500x"])
def test_an_ags_has_eight_ascii_digits(ags: str) -> None:
    with pytest.raises(Malformed):
        Forward.from_json({"grund": "Umzug", "wohnsitz_ags": ags})
    assert Forward.from_json({"grund": "Umzug", "wohnsitz_ags": "05315000"}).wohnsitz_ags == "05315000"
