"""Which version of which standard is valid on which day: the catalogue as a value.

Promises: pure. Exactly one version of a standard is valid on a day, plus the configured overlap and, where an operator
allows it, named previews (design.md section 3). From XJustiz 4.0.0 on, a pack takes every version that its own XSD's
pattern accepts; earlier packs take exactly their own.
Fails: `Invalid` with code `wurzel_unbekannt`, `version_unbekannt` or `version_nicht_gueltig`, each naming what is
accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from gateway.errors import Befund, Invalid
from gateway.message import Familie

MAX_VERSION = 32
"""Characters of a version; longer ones are nobody's and would only feed the pattern."""
_SHOWN = 12
"""Names listed in an error text: enough to recognise one's own, short enough to be read."""


@dataclass(frozen=True, slots=True)
class Pack:
    """One version of one standard: its XSDs and when they are valid."""

    name: str
    """Name by which `vorschau` calls it: `justiz-1.0`, `xjustiz-4.0.0`."""
    familie: Familie
    namensraum: str
    version: str
    muster: str
    """Pattern (Python's regular expressions) of the versions that messages may name."""
    ab: date
    bis: date | None
    """Last day of validity, both ends included; None while no successor is known."""
    ort: str
    """Folder of the XSDs, as the loader understands it."""
    wurzeln: Mapping[str, str] = field(hash=False)
    """Local name of each root element, with the XSD file in `ort` that declares it."""

    def nimmt(self, version: str) -> bool:
        """Whether a message that names `version` belongs to this pack."""
        return len(version) <= MAX_VERSION and re.fullmatch(self.muster, version) is not None

    def gilt(self, tag: date, ueberlappung: timedelta) -> bool:
        """Whether the pack is valid on `tag`, the overlap after its last day included."""
        return self.ab <= tag and (self.bis is None or tag <= self.bis + ueberlappung)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All packs, our own and the installed ones."""

    packs: tuple[Pack, ...]
    ueberlappung: timedelta = timedelta(0)
    """How long after its last day a version is still taken."""
    vorschau: frozenset[str] = frozenset()
    """Names of packs that are taken before their first day."""

    def find(self, namensraum: str, wurzel: str, version: str | None, tag: date) -> Pack:
        """The pack that judges a message.

        Args:
            namensraum: namespace of the root element.
            wurzel: local name of the root element.
            version: the version that the message names, None where it names none.
            tag: day of receipt in Europe/Berlin.

        Raises:
            Invalid: no pack has this root; the version is missing, unknown or not valid on that day.
        """
        candidates = [pack for pack in self.packs if pack.namensraum == namensraum and wurzel in pack.wurzeln]
        if not candidates:
            raise self._unknown_root(namensraum)
        matching = [pack for pack in candidates if version is not None and pack.nimmt(version)]
        valid = [pack for pack in matching if pack.name in self.vorschau or pack.gilt(tag, self.ueberlappung)]
        if valid:
            return max(valid, key=lambda pack: pack.ab)
        accepted = [pack for pack in candidates if pack.name in self.vorschau or pack.gilt(tag, self.ueberlappung)]
        versions = ", ".join(sorted(pack.version for pack in accepted)) or "derzeit keine"
        if not matching:
            text = f"Die Nachricht nennt keine bekannte Version ihres Standards. Angenommen wird: {versions}."
            raise Invalid(text, Befund("version_unbekannt", text), code="version_unbekannt")
        pack = matching[0]
        span = f"ab {pack.ab:%d.%m.%Y}" + (f" bis {pack.bis:%d.%m.%Y}" if pack.bis else "")
        text = f"Version {pack.version} gilt {span}, heute also nicht. Angenommen wird: {versions}."
        raise Invalid(text, Befund("version_nicht_gueltig", text), code="version_nicht_gueltig")

    def last_day(self, namensraum: str, wurzel: str, version: str | None) -> date | None:
        """The last day on which a version counted that has ended; None for one that has not, or that nobody knows."""
        packs = [pack for pack in self.packs if pack.namensraum == namensraum and wurzel in pack.wurzeln]
        ended = [pack.bis for pack in packs if version is not None and pack.nimmt(version)]
        return None if None in ended else max((day for day in ended if day is not None), default=None)

    def _unknown_root(self, namensraum: str) -> Invalid:
        """The refusal of a root that no pack declares, naming what would be taken."""
        known = sorted({pack.namensraum for pack in self.packs})
        if namensraum not in known:
            text = f"Der Namensraum des Wurzelelements ist unbekannt. Angenommen werden: {', '.join(known) or 'keine'}."
        else:
            roots = sorted({root for pack in self.packs if pack.namensraum == namensraum for root in pack.wurzeln})
            more = f" und {len(roots) - _SHOWN} weitere" if len(roots) > _SHOWN else ""
            names = ", ".join(roots[:_SHOWN]) + more
            text = f"Das Wurzelelement ist in diesem Namensraum unbekannt. Angenommen werden: {names}."
        return Invalid(text, Befund("wurzel_unbekannt", text), code="wurzel_unbekannt")


def merged(packs: Iterable[Pack], ueberlappung: timedelta, vorschau: frozenset[str]) -> Catalogue:
    """A catalogue in which each version of a standard ends, at the latest, the day before the next one begins."""
    ordered = sorted(packs, key=lambda pack: (pack.namensraum, pack.ab))
    closed = [_closed_by(pack, after) for pack, after in zip(ordered, [*ordered[1:], None], strict=True)]
    return Catalogue(tuple(closed), ueberlappung, vorschau)


def _closed_by(pack: Pack, successor: Pack | None) -> Pack:
    """The pack with the last day that its successor leaves it."""
    if successor is None or successor.namensraum != pack.namensraum or successor.ab == pack.ab:
        return pack
    end = successor.ab - timedelta(days=1)
    return pack if pack.bis is not None and pack.bis <= end else replace(pack, bis=end)
