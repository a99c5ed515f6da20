"""Text as it may stand on a page: every character shows, and stays where it belongs.

Promises: characters without a shape of their own (controls, direction marks, zero-width and private ones, unassigned
code points) and piles of combining marks become a readable mark such as [U+202E], so that a text can neither hide
something nor reorder what stands around it. All characters and sequences of DIN 91379 pass unchanged.
Fails: not at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from typing import Final

MAX_MARKS: Final = 4
"""Combining marks on one letter: DIN 91379 has at most two; piles of them would cover the lines above and below."""

_SHAPELESS: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_KEPT: Final = frozenset("\n\t")
_PLAIN: Final = re.compile(r"[\n\t -~\u00a0-\u00ac\u00ae-\u02ff\u2013\u2014\u2018-\u201e]*")


def mark(character: str) -> str:
    """The readable stand-in for a character."""
    return f"[U+{ord(character):04X}]"


def visible(text: str) -> str:
    """`text` with a mark for each character that would not show or would disturb others."""
    if _PLAIN.fullmatch(text):
        return text
    shown: list[str] = []
    marks = 0
    for character in text.replace("\r\n", "\n").replace("\r", "\n"):
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        hidden = category in _SHAPELESS and character not in _KEPT
        shown.append(mark(character) if hidden or marks > MAX_MARKS else character)
    return "".join(shown)


def drawable(text: str, glyphs: Container[int]) -> str:
    """`text` with a mark for each character for which the font has no shape."""
    return "".join(c if ord(c) in glyphs or c in _KEPT else mark(c) for c in text)
