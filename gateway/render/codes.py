"""Words for codes of official lists, as far as they are certain.

Promises: a code that does not stand here is shown as it is, with its list's version; nothing is guessed.
Fails: not at all.
"""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, dict[str, str]]] = {
    "verzeichnisdienst": {"DVDV": "Deutsches Verwaltungsdiensteverzeichnis"},
}
"""By element, then by code. The justice lists (gds.…) are published by value in the XRepository only."""
