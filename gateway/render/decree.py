"""What the decree says to each Anlass, as a letter quotes it.

Promises: the number is that of the rule's row for this Anlass and kind of sender; the sentence is the decree's own,
from its packaged text. Which number decides about a notice says the decision, not the page.
Fails: not at all; without an Anlass of the table there is no number and no sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from routing.erlass.tabelle import ERLASS_2022

FORWARDING: Final = {"9900020": ("3.2 Satz 2", "5.4 Satz 2"), "9900021": ("3.2 Satz 3", "5.4 Satz 3")}
"""Messages without an Anlass, to their sentences: untersuchungshaft and strafhaft have one each, in the same words."""

Decree = Mapping[str, Any]
"""The decree's text as packaged: `datum`, `fundstelle`, and by `nummer` its `absaetze` of sentences."""


def rule_of(anlass: str | None, kind: str | None) -> tuple[str, ...]:
    """The number of the decree for a notice, or none; a number that is none of the decree begins with §.

    Args:
        anlass: key of the Anlass, `untersuchungshaft_antritt`.
        kind: kind of the sender in the directory, if it is known there.
    """
    rows = [row for row in ERLASS_2022 if anlass in row.anlaesse]
    fitting = [row for row in rows if kind and row.absender and kind in row.absender]
    return tuple(row.zeile for row in (fitting or rows)[:1])


def heading(numbers: tuple[str, ...], decree: Decree) -> str:
    """How a letter names them: `Nummer 3.1 des Gemeinsamen Runderlasses vom 29.04.2022 (MBl. …)`."""
    if not numbers or numbers[0].startswith("§"):
        return " ".join(numbers)
    day: date = decree["datum"]
    return f"Nummer {' und '.join(numbers)} des Gemeinsamen Runderlasses vom {day:%d.%m.%Y} ({decree['fundstelle']})"


def sentence(number: str, decree: Decree) -> str:
    """The sentence that a number means, `3.4 Satz 2`; all of them for a number without a sentence, `3.3`."""
    base, _, counted = number.partition(" Satz ")
    found = [part["absaetze"] for part in decree["nummer"] if part["nummer"] == base]
    sentences = [text for paragraphs in found for paragraph in paragraphs for text in paragraph]
    if counted:
        return sentences[int(counted) - 1] if int(counted) <= len(sentences) else ""
    return " ".join(sentences)
