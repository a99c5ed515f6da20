"""The bytes that an inbox acknowledgement signs (contracts.md section 5)."""

import hashlib

import pytest

from gateway.message import Teil
from gateway.settle.inbox_ack import ack_content


def teil(n: int, sha256: str | None = None) -> Teil:
    return Teil(n, f"{n}", "text/plain", hashlib.sha256(bytes([n])).hexdigest() if sha256 is None else sha256, 1)


def test_id_and_digests_in_the_order_of_their_numbers() -> None:
    expected = f"0199-ä {teil(0).sha256} {teil(1).sha256} {teil(10).sha256}"
    assert ack_content("0199-ä", [teil(10), teil(0), teil(1)]) == expected.encode("utf-8")


def test_one_part_has_one_space_and_no_line_end() -> None:
    content = ack_content("1", [teil(0)])
    assert content.count(b" ") == 1
    assert not content.endswith(b"\n")


@pytest.mark.parametrize(
    ("entry", "teile"),
    [
        ("", [teil(0)]),
        ("1 2", [teil(0)]),
        ("1\n", [teil(0)]),
        ("1", []),
        ("1", [teil(0), teil(0)]),
        ("1", [teil(0, "")]),
        ("1", [teil(0, "A" * 64)]),
        ("1", [teil(0, "a" * 63)]),
        ("1", [teil(0, "a" * 64 + "\n")]),
    ],
)
def test_what_cannot_be_acknowledged(entry: str, teile: list[Teil]) -> None:
    with pytest.raises(ValueError):
        ack_content(entry, teile)
