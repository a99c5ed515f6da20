"""Our justiz family and XJustiz 4 side by side: which elements both have, which are called or built differently.

Both grammars agree in Grunddaten, head and documents but for the entries of this file; ours has fewer elements.

Promises: pure; `to_official` and `to_own` give a new element and leave the given one; what the other side cannot say is
left out and its place noted.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lxml import etree

from gateway.check.facts import NAMESPACES
from gateway.check.place import child, text, xpath_of
from gateway.message import ZU_ERMITTELN

JUSTIZ = NAMESPACES["justiz"]
XJUSTIZ = "http://www.xjustiz.de"
Resolve = Callable[[str], str | None]
"""Key of the authority that a free text names."""

ABH_LIST = "1.0"
FIXED_LISTS: Mapping[str, str] = {
    "bestandteil": "2.6",
    "geschlecht": "2.1",
    "telekommunikationsart": "2.3",
    "anschriftstyp": "3.0",
    "rvTraeger": "2.0",
}
"""Lists that are part of XJustiz 4.0.0 itself: there the version may be left out, here it must stand."""
REQUIRED: Mapping[str, str] = {"ausweisdokument": "ausweis.ID", "geburtsort": "ort", "schriftgutobjekte": "dokument"}
"""What ours demands of an element and the official grammar does not: without it, the element is left out."""
RENAMED: Mapping[str, str] = {"fachspezifischeDaten": "xjustiz.fachspezifischeDaten"}
_BACK = {official: own for own, official in RENAMED.items()}

OWN_CHILDREN: Mapping[str, frozenset[str]] = {
    parent: frozenset(children.split())
    for parent, children in {
        "absender": "informationen aktenzeichen eigeneNachrichtenID",
        "empfaenger": "informationen auswahl_aktenzeichen fremdeNachrichtenID",
        "informationen": "auswahl_kommunikationspartner routingInformationAusSafeverzeichnis auswahl_verweisGrunddaten",
        "auswahl_kommunikationspartner": "gericht sonstige rvTraeger polizeibehoerde finanzbehoerde",
        "grunddaten": "verfahrensdaten",
        "verfahrensdaten": "verfahrensnummer instanzdaten beteiligung",
        "instanzdaten": "instanznummer sachgebiet auswahl_instanzbehoerde abteilung aktenzeichen kurzrubrum"
        " telekommunikation",
        "aktenzeichen": "auswahl_aktenzeichen",
        "aktenzeichen.strukturiert": "abteilung register laufendeNummer jahr zusatz",
        "beteiligung": "rolle beteiligter",
        "rolle": "rollennummer rollenbezeichnung geschaeftszeichen referenz",
        "beteiligter": "beteiligtennummer auswahl_beteiligter",
        "auswahl_beteiligter": "natuerlichePerson organisation",
        "natuerlichePerson": "vollerName geburt geschlecht anschrift staatsangehoerigkeit telekommunikation"
        " herkunftsland aliasNatuerlichePerson ausweisdokument",
        "aliasNatuerlichePerson": "vollerName geburt staatsangehoerigkeit",
        "geburt": "geburtsdatum geburtsort geburtsdatum.unbekannt",
        "anschrift": "anschriftstyp anschriftenzusatz strasse hausnummer postfachnummer postleitzahl ort ortsteil"
        " wohnungsgeber ehemaligeAnschrift derzeitigerAufenthalt staat",
        "telekommunikation": "telekommunikationsart verbindung",
        "ausweisdokument": "ausweisart ausstellenderStaat ausweis.ID gueltigkeit",
        "organisation": "bezeichnung anschrift telekommunikation",
        "bezeichnung": "bezeichnung.aktuell",
        "schriftgutobjekte": "anschreiben dokument",
        "dokument": "identifikation fremdesGeschaeftszeichen datumDesSchreibens xjustiz.fachspezifischeDaten",
        "fachspezifischeDaten": "dokumentklasse dokumententyp anzeigename person datei",
        "datei": "dateiname bestandteil versionsnummer dateiname.bezugsdatei",
    }.items()
}
"""What our grammar knows, in the official names; parents that are not here are the same on both sides."""


def to_official(node: etree._Element, lost: list[str]) -> etree._Element | None:
    """An element of ours in the official grammar; None, and noted in `lost`, where it cannot be said."""
    name = _local(node)
    if name == "behoerde" and _parent(node) == "informationen":
        lost.append(xpath_of(node))
        return None
    if name == "auslaenderbehoerde":
        return _leaf("sonstige", text(node, "code"), XJUSTIZ)
    if name == "aktenzeichen.strukturiert":
        return _leaf("aktenzeichen.freitext", " ".join(_texts(node)), XJUSTIZ)
    if name == "gueltigBis":
        span = etree.Element(f"{{{XJUSTIZ}}}gueltigkeit")
        span.append(_leaf("ende", text(node), XJUSTIZ))
        return span
    if _parent(node) == "auswahl_verweisGrunddaten":
        name = "verweisInstanz" if name == "ref.instanznummer" else "verweisBeteiligter"
    return _copy(node, RENAMED.get(name, name), XJUSTIZ, lambda part: to_official(part, lost))


def to_own(node: etree._Element, lost: list[str], resolve: Resolve) -> etree._Element | None:
    """An official element in our grammar; None, and noted in `lost`, where it cannot be said.

    Args:
        node: the element.
        lost: gathers the places of what is left out.
        resolve: for partners that are named by free text.
    """
    name, parent = _local(node), _BACK.get(_parent(node), _parent(node))
    unknown = parent in OWN_CHILDREN and name not in OWN_CHILDREN[parent]
    if unknown or (name in REQUIRED and child(node, REQUIRED[name]) is None):
        lost.append(xpath_of(node))
        return None
    if name == "sonstige":
        return _partner(node, parent, lost, resolve)
    if name == "gueltigkeit":
        lost.extend(xpath_of(part) for part in node.iterchildren("{*}beginn"))
        end = text(node, "ende")
        return _leaf("gueltigBis", end, JUSTIZ) if end else None
    if name == "register" and parent == "aktenzeichen.strukturiert":
        return _leaf(name, text(node, "code"), JUSTIZ)
    if parent == "auswahl_verweisGrunddaten":
        name = "ref.instanznummer" if name == "verweisInstanz" else "ref.rollennummer"
    made = _copy(node, _BACK.get(name, name), JUSTIZ, lambda part: to_own(part, lost, resolve))
    if name == "auswahl_kommunikationspartner" and not len(made):
        made.append(_leaf("sonstige", ZU_ERMITTELN, JUSTIZ))
    if name in FIXED_LISTS:
        made.set("listVersionID", node.get("listVersionID") or FIXED_LISTS[name])
    return made


def _partner(node: etree._Element, parent: str, lost: list[str], resolve: Resolve) -> etree._Element:
    """A partner or an instance that is named by free text."""
    stated = text(node) or ""
    key = resolve(stated)
    if key is not None and key.startswith(("abh:", "zab:")):
        made = etree.Element(f"{{{JUSTIZ}}}auslaenderbehoerde", listVersionID=ABH_LIST)
        etree.SubElement(made, "code").text = key
        return made
    if parent != "auswahl_kommunikationspartner":
        return _leaf("sonstige", stated, JUSTIZ)
    if key is None and stated != ZU_ERMITTELN:
        lost.append(xpath_of(node))
    return _leaf("sonstige", key or ZU_ERMITTELN, JUSTIZ)


def _copy(
    node: etree._Element, name: str, namespace: str, convert: Callable[[etree._Element], etree._Element | None]
) -> etree._Element:
    """A copy under another name, its children converted; codes have no namespace on either side."""
    made = etree.Element(f"{{{namespace}}}{name}" if etree.QName(node).namespace else name)
    for attribute, value in node.attrib.items():
        if attribute == "listVersionID" and name in FIXED_LISTS and namespace == XJUSTIZ:
            continue
        made.set(attribute, value)
    parts = [part for part in (convert(child_node) for child_node in node.iterchildren("*")) if part is not None]
    made.extend(parts)
    if not len(node):
        made.text = node.text
    return made


def _leaf(name: str, value: str | None, namespace: str) -> etree._Element:
    """A new element with text."""
    made = etree.Element(f"{{{namespace}}}{name}")
    made.text = value
    return made


def _texts(node: etree._Element) -> list[str]:
    """The texts of an element's children, in order."""
    return [value for part in node.iterchildren("*") if (value := text(part))]


def _local(node: etree._Element) -> str:
    return etree.QName(node).localname


def _parent(node: etree._Element) -> str:
    parent = node.getparent()
    return _local(parent) if parent is not None else ""
