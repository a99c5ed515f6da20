"""The language of an answer: German, or English for developers who ask for it (RFC 9110 section 12.5.4).

The program says each refusal once, as a German sentence; the sentence is the key under which the catalogue holds it in
English, as gettext does it. So whoever writes a refusal writes one sentence, also where neither a language nor a caller
is known (the pure rules, the process that explains schemas); a test reads all sentences from the source and holds the
catalogue against them.

Promises: pure; German wherever the caller does not prefer English. What a sentence takes in (names, numbers, values)
stays as it is.
Fails: not at all; `english` gives None for what is not in the catalogue, as are the decree's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, Literal

from gateway.english_findings import FINDINGS, FRAGMENTS
from gateway.english_texts import SENTENCES

Language = Literal["de", "en"]

_RANGES: Final = 20
"""Language ranges of one header that are looked at: browsers send up to six."""
_TEXT_CHARS: Final = 8_000
"""Longest text that is held against the catalogue: a sentence about twelve allowed values has some hundreds."""
_RANGE: Final = re.compile(
    r"\s*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*[qQ]\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\s*"
)


def preferred(accept_language: Iterable[str]) -> Language:
    """The language that a caller asks for.

    Args:
        accept_language: the values of its `Accept-Language` header fields.

    Returns:
        `en` where English has a higher weight than German, `de` in every other case.

    Source: RFC 9110 section 12.5.4 with the basic filtering of RFC 4647 section 3.3.1.
    """
    weights: dict[str, float] = {}
    for each in ",".join(accept_language).split(",")[:_RANGES]:
        if found := _RANGE.fullmatch(each):
            language = found[1].lower().partition("-")[0]
            weights[language] = max(weights.get(language, 0.0), float(found[2] or 1))
    anything = weights.get("*", 0.0)
    return "en" if weights.get("en", anything) > weights.get("de", anything) else "de"


def english(text: str) -> str | None:
    """A sentence of a refusal in English; None where the catalogue does not have it."""
    return _translated(text, _sentences())


def _translated(text: str, catalogue: _Catalogue) -> str | None:
    if len(text) > _TEXT_CHARS:
        return None
    if text in catalogue.exact:
        return catalogue.exact[text]
    for pattern, said in catalogue.patterns:
        if found := pattern.fullmatch(text):
            return said.format(*(_value(value) for value in found.groups()))
    return None


def _value(text: str) -> str:
    """What a sentence takes in: words of ours in English, quotes as English has them, the rest as it is."""
    return _translated(text, _fragments()) or _QUOTED.sub(lambda m: f"“{_fragments().exact.get(m[1], m[1])}”", text)


_QUOTED: Final = re.compile("„([^“]*)“")


class _Catalogue:
    """Sentences by their text, and by their pattern: the more of its own words one has, the earlier it is tried."""

    def __init__(self, said: Mapping[str, str]) -> None:
        self.exact = {german: english for german, english in said.items() if "{}" not in german}
        open_ones = sorted(set(said) - set(self.exact), key=lambda german: -len(german.replace("{}", "")))
        self.patterns = [(_pattern(german), said[german]) for german in open_ones]


def _pattern(german: str) -> re.Pattern[str]:
    return re.compile("(.*)".join(re.escape(piece) for piece in german.split("{}")), re.DOTALL)


@lru_cache(maxsize=1)
def _sentences() -> _Catalogue:
    return _Catalogue({**SENTENCES, **FINDINGS})


@lru_cache(maxsize=1)
def _fragments() -> _Catalogue:
    return _Catalogue(FRAGMENTS)
