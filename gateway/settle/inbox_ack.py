"""What an authority signs when it acknowledges an inbox entry: its receipt (contracts.md section 5).

Promises: pure; one entry has exactly one such byte string, so that client and gateway build it alike.
Fails: `ValueError` for an entry that cannot be acknowledged: no parts, parts without a proper digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gateway.message import Teil


def ack_content(entry_id: str, teile: Iterable[Teil]) -> bytes:
    """The bytes that the detached CMS signature of an inbox acknowledgement covers.

    Args:
        entry_id: the entry's `id`.
        teile: its parts, in any order.

    Returns:
        UTF-8 `id` and the parts' lower-case hex digests in order of `n`, single spaces, no line end.

    Raises:
        ValueError: the id is empty or holds white space, there are no parts, two have one number, or a digest is not
            64 lower-case hex digits.
    """
    ordered = sorted(teile, key=lambda teil: teil.n)
    if not entry_id or re.search(r"\s", entry_id):
        raise ValueError("the id of an inbox entry is one word")
    if not ordered or len({teil.n for teil in ordered}) != len(ordered):
        raise ValueError("an inbox entry has parts, each with its own number")
    digests = [teil.sha256 for teil in ordered]
    if not all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests):
        raise ValueError("a part's digest is 64 lower-case hex digits")
    return " ".join([entry_id, *digests]).encode("utf-8")
