"""Which conditional duties a message makes real, beyond its facts: what only the message's own words say.

Promises: pure; looks at elements that the XSD has accepted.
Fails: not at all.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

_WORDS: Final = {
    "urteilFolgt": "5.1",  # „übersendet ihr im Falle einer Verurteilung nach Vorliegen das rechtskräftige Urteil“
    "massnahme456aFolgt": "5.1",  # „von welchem Zeitpunkt an eine Maßnahme nach § 456a StPO in Betracht kommt“
    "einvernehmenErteilt": "2.6",  # „Im Falle des erteilten Einvernehmens unterrichtet die Ausländerbehörde …“
}
"""Element of our families that, where it stands, opens the duty of this number."""


def conditions_of(root: etree._Element) -> frozenset[str]:
    """Numbers of the decree whose conditional duty the message opens.

    Args:
        root: the root element of a valid message.
    """
    names = {etree.QName(element).localname for element in root.iter(etree.Element)}
    return frozenset(nummer for name, nummer in _WORDS.items() if name in names)
