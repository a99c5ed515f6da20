"""Any message of our own families that carries facts, composed from a Sachverhalt: for the examples and the tests.

Unlike `compose`, it writes both families and every Anlass; what a number demands beyond the facts is given as a tree
of names and values, in the order of the XSD.

Promises: pure; values in, UTF-8 XML out; facts, person and documents are written by the same code for both families.
Fails: `ValueError` for an Anlass without a root or a key without a place in the head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from lxml import etree

from gateway.check.compose import JUSTIZ, LISTEN, VERSION, Datei, NoticeHead, Person, justiz_root, write_body
from gateway.check.facts import NAMESPACES, ROOT_OF, Root
from gateway.message import ZU_ERMITTELN
from routing.sachverhalt import Sachverhalt

Detail = str | date | bool | Mapping[str, "Detail"] | Sequence["Detail"]
"""A value, the children of an element, or what an element holds each time that it repeats."""
Details = Mapping[str, Detail]

PRODUKT = {"produkt": "Ausländerwesen", "produkthersteller": "Muster"}
UNKNOWN_NAME = "zu ermitteln"
"""Name of the reader whom the gateway has to find."""
HEAD_LISTEN = {"verzeichnisdienst": "1", "nachrichtentyp": "1.0"}


def compose_any(
    sachverhalt: Sachverhalt,
    kopf: NoticeHead,
    person: Person,
    dateien: Sequence[Datei] = (),
    details: Details | None = None,
    name_of: Callable[[str], str] = str,
) -> bytes:
    """Compose one message.

    Args:
        sachverhalt: the facts; its Anlass says which root, its sender is the head's.
        kopf: the rest of the head.
        person: whom it is about.
        dateien: files that travel beside it.
        details: what the number demands beyond the facts.
        name_of: name of an authority by its key; the ausl family's head shows it.

    Returns:
        The XML; valid under our XSD if facts and details are complete.
    """
    found = ROOT_OF[sachverhalt.anlass]
    justiz = found.familie == "justiz"
    root = justiz_root(found.name, sachverhalt, kopf) if justiz else _ausl_root(found, sachverhalt, kopf, name_of)
    body = root if justiz else etree.Element("body")
    occasion = write_body(body, sachverhalt, kopf, person, dateien)
    write_details(occasion, details or {})
    if not justiz:
        _write_references(body[0], kopf)
        root.extend(_unqualified(part) for part in list(body))
    etree.cleanup_namespaces(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def write_details(parent: etree._Element, details: Details) -> None:
    """Append children, in the given order."""
    for name, value in details.items():
        items = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        for item in items:
            _write_one(etree.SubElement(parent, f"{{{JUSTIZ}}}{name}"), name, item)


def _write_one(element: etree._Element, name: str, value: Detail) -> None:
    """Fill one element: with children, a code or a text."""
    if isinstance(value, Mapping):
        write_details(element, value)
        return
    content = str(value).lower() if isinstance(value, bool) else str(value)
    if name in LISTEN:
        element.set("listVersionID", LISTEN[name])
        element = etree.SubElement(element, "code")
    element.text = content


def _ausl_root(root: Root, sachverhalt: Sachverhalt, kopf: NoticeHead, name_of: Callable[[str], str]) -> etree._Element:
    """The root of a message of the ausl family with its head."""
    name = f"{{{NAMESPACES['ausl']}}}{root.name}"
    element = etree.Element(name, nsmap={"a": NAMESPACES["ausl"]}, standard="AuslStraf", version=VERSION)
    for attribute, value in PRODUKT.items():
        element.set(attribute, value)
    if kopf.test:
        element.set("test", "true")
    head = etree.SubElement(element, "nachrichtenkopf.g2g")
    ids = etree.SubElement(head, "identifikation.nachricht")
    etree.SubElement(ids, "nachrichtenUUID").text = kopf.eigene_id
    _add_code(ids, "nachrichtentyp", root.nummer)
    etree.SubElement(ids, "erstellungszeitpunkt").text = kopf.erstellt.isoformat(timespec="seconds")
    reader = kopf.empfaenger
    _write_authority(head, "leser", reader or ZU_ERMITTELN, name_of(reader) if reader else UNKNOWN_NAME)
    _write_authority(head, "autor", sachverhalt.absender, name_of(sachverhalt.absender))
    return element


def _add_code(parent: etree._Element, name: str, code: str) -> None:
    """Append a code of the head."""
    element = etree.SubElement(parent, name, listVersionID=HEAD_LISTEN[name])
    etree.SubElement(element, "code").text = code


def _write_authority(head: etree._Element, side: str, key: str, name: str) -> None:
    """Reader or author."""
    element = etree.SubElement(head, side)
    _add_code(element, "verzeichnisdienst", "DVDV")
    etree.SubElement(element, "kennung").text = key
    etree.SubElement(element, "name").text = name


def _write_references(base: etree._Element, kopf: NoticeHead) -> None:
    """What the justiz family says in the head, the ausl family first in its Grunddaten."""
    numbers = etree.Element("aktenzeichen")
    for name, value in (("eigenes", kopf.aktenzeichen), ("fremdes", kopf.aktenzeichen_empfaenger)):
        if value is not None:
            etree.SubElement(numbers, name).text = value
    if len(numbers):
        base.insert(0, numbers)
    if kopf.fremde_id is not None:
        reference = etree.Element("fremdeNachrichtenID")
        reference.text = kopf.fremde_id
        base.insert(0, reference)


def _unqualified(part: etree._Element) -> etree._Element:
    """A part with every element's namespace taken away."""
    for node in part.iter("*"):
        node.tag = etree.QName(node).localname
    return part
