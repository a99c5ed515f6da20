"""Notices of our own families, composed from a Sachverhalt: what an agency's IT system would send.

For the demo, the examples and the tests; the gateway itself never writes an agency's notice. Covers the roots of the
justiz family that carry facts (`mitteilung`, `haft`).

Promises: pure; values in, UTF-8 XML out; the facts are written by the one table of `facts`, the head says what the
Sachverhalt's `absender` and the given recipient say.
Fails: `ValueError` for an Anlass of the other family, an unknown further detail or a key without a place in the head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from gateway.check.facts import NAMESPACES, ROOT_OF, facts_to_xml
from gateway.message import ZU_ERMITTELN
from routing.sachverhalt import Sachverhalt

JUSTIZ = NAMESPACES["justiz"]
VERSION = "1.0.0"
LISTEN = {
    "gericht": "3.7",
    "polizeibehoerde": "1.12",
    "auslaenderbehoerde": "1.0",
    "rollenbezeichnung": "3.5",
    "staatsangehoerigkeit": "6.1",
    "ersuchenderStaat": "6.1",
    "geschlecht": "2.0",
    "dokumentklasse": "1.3",
    "bestandteil": "2.4",
}
"""Version of each code list (listVersionID)."""
BESCHULDIGTER = "031"
"""GDS.Rollenbezeichnung of the person whom a notice is about."""
SONSTIGES_DOKUMENT = "015"
ORIGINAL = "001"

DETAILS: Mapping[str, tuple[str, ...]] = {
    "ermittlungsverfahren_eingeleitet": ("tatvorwurf", "eingeleitetAm"),
    "erkenntnis_87_abs_2": ("erkenntnis",),
    "auslieferungsverfahren_eingeleitet": ("ersuchenderStaat", "eingeleitetAm"),
    "haftbefehl_erlassen": ("haftbefehlVom",),
    "haftbefehl_aufgehoben": ("haftbefehlVom", "aufgehobenAm"),
    "untersuchungshaft_antritt": ("antrittAm",),
    "untersuchungshaft_verlegung": ("verlegungAm", "zielanstalt"),
    "strafhaft_antritt": ("antrittAm",),
    "strafhaft_verlegung": ("verlegungAm", "zielanstalt"),
    "entlassungstermin_geaendert": ("bisherigerTermin",),
    "auslieferungshaft_antritt": ("antrittAm",),
    "auslieferungshaft_verlegung": ("verlegungAm", "zielanstalt"),
}
"""What a number demands beyond the Sachverhalt, in the order of the XSD; further details are given by these names."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the notice is about."""

    nachname: str
    vorname: str | None = None
    geburtsdatum: str | None = None
    """`JJJJ`, `JJJJ-MM` or `JJJJ-MM-TT`."""
    geschlecht: str | None = None
    """Code of GDS.Geschlecht."""
    staatsangehoerigkeit: str | None = None
    """Code of the list of states."""


@dataclass(frozen=True, slots=True)
class Datei:
    """One attached file; each becomes a document of its own."""

    name: str
    """`Name_UUID.ext`."""
    dokument_id: str
    """UUID of the document."""
    anzeigename: str | None = None


@dataclass(frozen=True, slots=True)
class NoticeHead:
    """What the head says beside the sender, which the Sachverhalt names."""

    eigene_id: str
    erstellt: datetime
    """With its time zone."""
    empfaenger: str | None = None
    """Authority key; None writes `zuErmitteln`."""
    aktenzeichen: str | None = None
    aktenzeichen_empfaenger: str | None = None
    fremde_id: str | None = None
    azr_nummer: str | None = None
    test: bool = False


def compose_notice(
    sachverhalt: Sachverhalt,
    kopf: NoticeHead,
    person: Person,
    dateien: Sequence[Datei] = (),
    details: Mapping[str, str | date] | None = None,
) -> bytes:
    """Compose one notice of the justiz family.

    Args:
        sachverhalt: the facts; `absender` becomes the head's sender.
        kopf: the rest of the head.
        person: whom it is about.
        dateien: files that travel beside it.
        details: what the number demands beyond the facts, by the names in `DETAILS`.

    Returns:
        The XML; valid under our XSD if the facts and details are complete.

    Raises:
        ValueError: an Anlass that the justiz family's notices do not carry, or an unknown detail.
    """
    root_name = ROOT_OF[sachverhalt.anlass]
    if root_name.familie != "justiz":
        raise ValueError(f"{sachverhalt.anlass} belongs to the family {root_name.familie}")
    root = justiz_root(root_name.name, sachverhalt, kopf)
    occasion = write_body(root, sachverhalt, kopf, person, dateien)
    _write_details(occasion, sachverhalt.anlass, details or {})
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def justiz_root(name: str, sachverhalt: Sachverhalt, kopf: NoticeHead) -> etree._Element:
    """The root of a message of the justiz family with its head."""
    root = etree.Element(_j(name), nsmap={"s": JUSTIZ})  # code is unqualified: no default namespace
    _write_head(etree.SubElement(root, _j("nachrichtenkopf"), version=VERSION), sachverhalt.absender, kopf)
    return root


def write_body(
    root: etree._Element, sachverhalt: Sachverhalt, kopf: NoticeHead, person: Person, dateien: Sequence[Datei]
) -> etree._Element:
    """Grunddaten, documents and facts below a root, in the names of the justiz family.

    Returns:
        The element of the Anlass, facts written: what the number demands beyond them follows in it.
    """
    base = etree.SubElement(root, _j("grunddaten"))
    _write_person(etree.SubElement(base, _j("verfahrensdaten")), person)
    if dateien:
        _write_documents(etree.SubElement(root, _j("schriftgutobjekte")), dateien)
    facts = etree.SubElement(root, _j("fachdaten"))
    _add(etree.SubElement(facts, _j("betroffenePerson")), "ref.rollennummer", "1")
    _add(facts, "azrNummer", kopf.azr_nummer)
    occasion = facts_to_xml(sachverhalt, JUSTIZ)
    etree.SubElement(facts, _j("auswahl_anlass")).append(occasion)
    return occasion


def _j(name: str) -> str:
    """A name in the namespace of the justiz family."""
    return f"{{{JUSTIZ}}}{name}"


def _add(parent: etree._Element, name: str, text: str | None) -> None:
    """Append an element with text; nothing where there is none."""
    if text is not None:
        etree.SubElement(parent, _j(name)).text = text


def _add_code(parent: etree._Element, name: str, code: str | None) -> None:
    """Append a code; nothing where there is none."""
    if code is not None:
        element = etree.SubElement(parent, _j(name), listVersionID=LISTEN[name])
        etree.SubElement(element, "code").text = code


def _write_head(head: etree._Element, absender: str, kopf: NoticeHead) -> None:
    """The head."""
    if kopf.test:
        head.set("test", "true")
    _add(head, "erstellungszeitpunkt", kopf.erstellt.isoformat(timespec="seconds"))
    sender = etree.SubElement(head, _j("absender"))
    _write_partner(sender, absender)
    _add(sender, "aktenzeichen", kopf.aktenzeichen)
    _add(sender, "eigeneNachrichtenID", kopf.eigene_id)
    recipient = etree.SubElement(head, _j("empfaenger"))
    _write_partner(recipient, kopf.empfaenger or ZU_ERMITTELN)
    number = etree.SubElement(recipient, _j("auswahl_aktenzeichen"))
    _add(number, "aktenzeichen.freitext", kopf.aktenzeichen_empfaenger)
    if kopf.aktenzeichen_empfaenger is None:
        _add(number, "aktenzeichen.unbekannt", "true")
    _add(recipient, "fremdeNachrichtenID", kopf.fremde_id)
    maker = etree.SubElement(head, _j("herstellerinformation"))
    for name, text in (("nameDesProdukts", "Fachverfahren"), ("herstellerDesProdukts", "Muster"), ("version", "1")):
        _add(maker, name, text)


def _write_partner(side: etree._Element, key: str) -> None:
    """One authority as Kommunikationspartner."""
    information = etree.SubElement(side, _j("informationen"))
    choice = etree.SubElement(information, _j("auswahl_kommunikationspartner"))
    prefix, _, code = key.partition(":")
    if prefix == "gds":
        _add_code(choice, "gericht", code)
    elif prefix == "pol":
        _add_code(choice, "polizeibehoerde", code)
    elif prefix in ("abh", "zab"):
        _add_code(choice, "auslaenderbehoerde", key)
    else:
        _add(choice, "sonstige", key)


def _write_person(data: etree._Element, person: Person) -> None:
    """The person as the one Beteiligter, Rollennummer 1."""
    part = etree.SubElement(data, _j("beteiligung"))
    role = etree.SubElement(part, _j("rolle"))
    _add(role, "rollennummer", "1")
    _add_code(role, "rollenbezeichnung", BESCHULDIGTER)
    who = etree.SubElement(etree.SubElement(part, _j("beteiligter")), _j("auswahl_beteiligter"))
    natural = etree.SubElement(who, _j("natuerlichePerson"))
    name = etree.SubElement(natural, _j("vollerName"))
    _add(name, "vorname", person.vorname)
    _add(name, "nachname", person.nachname)
    if person.geburtsdatum is not None:
        _add(etree.SubElement(natural, _j("geburt")), "geburtsdatum", person.geburtsdatum)
    _add_code(natural, "geschlecht", person.geschlecht)
    _add_code(natural, "staatsangehoerigkeit", person.staatsangehoerigkeit)


def _write_documents(parent: etree._Element, dateien: Sequence[Datei]) -> None:
    """One document for each file."""
    for number, datei in enumerate(dateien, start=1):
        document = etree.SubElement(parent, _j("dokument"))
        ident = etree.SubElement(document, _j("identifikation"))
        _add(ident, "id", datei.dokument_id)
        _add(ident, "nummerImUebergeordnetenContainer", str(number))
        data = etree.SubElement(document, _j("fachspezifischeDaten"))
        _add_code(data, "dokumentklasse", SONSTIGES_DOKUMENT)
        _add(data, "anzeigename", datei.anzeigename)
        file = etree.SubElement(data, _j("datei"))
        _add(file, "dateiname", datei.name)
        _add_code(file, "bestandteil", ORIGINAL)


def _write_details(occasion: etree._Element, anlass: str, details: Mapping[str, str | date]) -> None:
    """What the number demands beyond the facts, in the order of the XSD."""
    names = DETAILS.get(anlass, ())
    unknown = sorted(set(details) - set(names))
    if unknown:
        raise ValueError(f"{anlass} has no detail {', '.join(unknown)}")
    for name in names:
        value = details.get(name)
        text = value.isoformat() if isinstance(value, date) else value
        if name == "zielanstalt":
            _add(etree.SubElement(occasion, _j("auswahl_zielanstalt")), name, text)
        elif name in LISTEN:
            _add_code(occasion, name, text)
        else:
            _add(occasion, name, text)
