"""What only a message's own words say about duties: which it opens, and which part of one it brings.

Promises: pure; looks at elements that the XSD has accepted.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lxml import etree

from gateway.check.place import local
from gateway.message import Gefordert

URTEIL: Final = Gefordert("5.1", "urteil")
MASSNAHME_456A: Final = Gefordert("5.1", "massnahme456a")
_OPENS: Final = {
    "urteilFolgt": URTEIL,  # „übersendet ihr im Falle einer Verurteilung nach Vorliegen das rechtskräftige Urteil“
    "massnahme456aFolgt": MASSNAHME_456A,  # „von welchem Zeitpunkt an eine Maßnahme nach § 456a StPO in Betracht kommt“
    "einvernehmenErteilt": Gefordert("2.6"),  # „Im Falle des erteilten Einvernehmens unterrichtet die …behörde …“
}
"""Element of our families that, where it stands, opens this duty."""
_SUPPLEMENT: Final = "auswahl_nachgereicht"
_BRINGS: Final = {"urteil": URTEIL, "massnahme456aAb": MASSNAHME_456A}
"""Element of a supplement that brings what was announced as following."""


def opened_by(root: etree._Element) -> frozenset[Gefordert]:
    """Conditional duties that the message opens.

    Args:
        root: the root element of a valid message.
    """
    return _named(root, _OPENS)


def brought_by(root: etree._Element) -> frozenset[Gefordert]:
    """What a supplement brings; empty for every other message.

    Args:
        root: the root element of a valid message.
    """
    found = next(root.iter("{*}" + _SUPPLEMENT), None)
    return _named(found, _BRINGS) if found is not None else frozenset()


def _named(root: etree._Element, table: Mapping[str, Gefordert]) -> frozenset[Gefordert]:
    return frozenset(table[local(element)] for element in root.iter(*("{*}" + name for name in table)))
