"""The head of a message as a `Kopf`, for both own families and official XJustiz.

Promises: pure; reads a tree that its XSD accepted. Authorities come out as keys (contracts.md section 1): a code of
GDS.Gerichte as `gds:`, one of GDS.Polizeibehoerden as `pol:`, an Ausländerbehörde's code as it stands, free text only
if it is a key or exactly the name of one authority in the directory.
Fails: not on missing parts, which are None; whether they may be missing is for the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lxml import etree

from gateway.check.place import child, named, text
from gateway.message import ZU_ERMITTELN, Familie, Kopf
from routing.sachverhalt import ist_schluessel
from routing.verzeichnis import Verzeichnis

AZR_ELEMENTS = ("azrNummer", "azr-Nr")
"""Where our families and XJustiz 4 keep the AZR-Nummer."""


def version_holder(root: etree._Element) -> etree._Element:
    """The element that carries the version: the head (justiz, XJustiz), else the root (ausl)."""
    head = child(root, "nachrichtenkopf")
    return root if head is None else head


def version_of(root: etree._Element) -> str | None:
    """The version that a message names."""
    holder = version_holder(root)
    return holder.get("xjustizVersion") or holder.get("version")


def head_of(root: etree._Element, familie: Familie, directory: Verzeichnis) -> Kopf:
    """Read the head.

    Args:
        root: a message that its XSD accepted.
        familie: the grammar, as the catalogue says.
        directory: for free text that names an authority.
    """
    return (_g2g if familie == "ausl" else _xjustiz)(root, familie, directory)


def _xjustiz(root: etree._Element, familie: Familie, directory: Verzeichnis) -> Kopf:
    """The head in the grammar of XJustiz: our justiz family and the official packs."""
    head = child(root, "nachrichtenkopf")
    sender, recipient = child(head, "absender"), child(head, "empfaenger")
    return Kopf(
        familie=familie,
        wurzel=etree.QName(root).localname,
        version=version_of(root) or "",
        test=head is not None and head.get("test") is not None,
        absender=_partner(sender, directory),
        empfaenger=_partner(recipient, directory),
        eigene_id=(text(sender, "eigeneNachrichtenID") or "").lower(),
        fremde_id=_lower(text(recipient, "fremdeNachrichtenID")),
        aktenzeichen=text(sender, "aktenzeichen"),
        aktenzeichen_empfaenger=text(recipient, "auswahl_aktenzeichen", "aktenzeichen.freitext"),
        azr_nummer=azr_number(root),
        erstellt=text(head, "erstellungszeitpunkt") or "",
        dateien=file_names(root),
    )


def _g2g(root: etree._Element, familie: Familie, directory: Verzeichnis) -> Kopf:
    """The head of the XÖV-Basisnachricht: our ausl family."""
    head = child(root, "nachrichtenkopf.g2g")
    ids, base = child(head, "identifikation.nachricht"), child(root, "grunddaten")
    return Kopf(
        familie=familie,
        wurzel=etree.QName(root).localname,
        version=version_of(root) or "",
        test=root.get("test") is not None,
        absender=text_key(text(head, "autor", "kennung"), directory),
        empfaenger=text_key(text(head, "leser", "kennung"), directory),
        eigene_id=(text(ids, "nachrichtenUUID") or "").lower(),
        fremde_id=_lower(text(base, "fremdeNachrichtenID")),
        aktenzeichen=text(base, "aktenzeichen", "eigenes"),
        aktenzeichen_empfaenger=text(base, "aktenzeichen", "fremdes"),
        azr_nummer=azr_number(root),
        erstellt=text(ids, "erstellungszeitpunkt") or "",
        dateien=file_names(root),
    )


def azr_number(root: etree._Element) -> str | None:
    """The first AZR-Nummer of the message."""
    return next((value for name in AZR_ELEMENTS for node in named(root, name) if (value := text(node))), None)


def file_names(root: etree._Element) -> tuple[str, ...]:
    """Names of the files that the message names, in document order, without duplicates."""
    return tuple(dict.fromkeys(name for node in named(root, "dateiname") if (name := text(node))))


def _lower(value: str | None) -> str | None:
    return value.lower() if value else None


def _partner(side: etree._Element | None, directory: Verzeichnis) -> str | None:
    """Key of the Kommunikationspartner on one side of the head."""
    return partner_key(child(side, "informationen"), directory)


def partner_key(information: etree._Element | None, directory: Verzeichnis | None = None) -> str | None:
    """Key of the authority that an element `informationen` names; names count only with a directory."""
    choice = child(information, "auswahl_kommunikationspartner")
    partner = next(choice.iterchildren("*"), None) if choice is not None else None
    if partner is None:
        return None
    read = _PARTNERS.get(etree.QName(partner).localname)
    return read(partner, directory) if read else None


Reader = Callable[[etree._Element, Verzeichnis | None], str | None]


def _code(prefix: str) -> Reader:
    """A reader of a code that becomes a key by its prefix."""

    def read(partner: etree._Element, _: Verzeichnis | None) -> str | None:
        code = text(partner, "code")
        return f"{prefix}{code}" if code else None

    return read


def text_key(value: str | None, directory: Verzeichnis | None) -> str | None:
    """The key that a free text is, or the key of the one authority that is called exactly so."""
    if not value or value == ZU_ERMITTELN:
        return None
    if ist_schluessel(value):
        return value
    if directory is None:
        return None
    # XJustiz has no dash in its texts: the directory's " – " is written with a hyphen there.
    found = directory.nach_namen(value) or directory.nach_namen(value.replace(" - ", " – "))
    return found.key if found else None


_PARTNERS: Mapping[str, Reader] = {
    "gericht": _code("gds:"),
    "polizeibehoerde": _code("pol:"),
    "auslaenderbehoerde": _code(""),
    "sonstige": lambda partner, directory: text_key(text(partner), directory),
}
"""Each kind of Kommunikationspartner that can be an authority of ours; the others name nobody that we deliver to."""
