"""The messages that the gateway itself writes: Weiterleitung, Zuständigkeitsmitteilung, Fehler.

Promises: pure; values in, UTF-8 XML out, valid under our XSDs. Nothing is added that was not given: ids and times come
from the caller. Signs that XML cannot write become U+FFFD.
Fails: `ValueError` for an empty chain, an empty list of findings or an authority key without a place in the head.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lxml import etree

from gateway.errors import Befund

AUSL = "urn:de:nrw:auslstraf:1"
JUSTIZ = "urn:de:nrw:strafausl:1"
VERSION = "1.0.0"
PRODUKT = "Nachrichtengateway"
HERSTELLER = "Land Nordrhein-Westfalen"
PRODUKTVERSION = "0.1"
LISTEN = {
    "gericht": "3.7",
    "polizeibehoerde": "1.12",
    "auslaenderbehoerde": "1.0",
    "verzeichnisdienst": "1",
    "nachrichtentyp": "1.0",
    "fehler": "1.0",
}
"""Version of each code list that our heads name (listVersionID)."""
MAX_TEXT = 20_000
"""Characters of a text in our XSDs."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Signs that XML 1.0 has no way to write."""


@dataclass(frozen=True, slots=True)
class Stelle:
    """An authority with the name that people read."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Kopfangaben:
    """What the head of a message of the gateway needs."""

    eigene_id: str
    """UUID of the new message."""
    erstellt: datetime
    """With its time zone."""
    autor: Stelle
    """For whom the gateway writes: the forwarding authority, or the gateway itself."""
    leser: Stelle
    fremde_id: str | None = None
    """`eigeneNachrichtenID` of the message that this one is about."""
    aktenzeichen: str | None = None
    aktenzeichen_leser: str | None = None
    azr_nummer: str | None = None
    test: bool = False


@dataclass(frozen=True, slots=True)
class Reiseteil:
    """A part that travels beside the XML."""

    dateiname: str
    """`Name_UUID.ext`."""
    sha256: str


@dataclass(frozen=True, slots=True)
class SignierteEinheit:
    """The sender signed: its signed entity is the one part that travels."""

    teil: Reiseteil
    nachricht_sha256: str
    dateien: tuple[Reiseteil, ...] = ()


@dataclass(frozen=True, slots=True)
class Einzelteile:
    """The sender did not sign: XML and files travel one by one, with our signed receipt of acceptance."""

    nachricht: Reiseteil
    dateien: tuple[Reiseteil, ...] = ()
    annahmequittung: Reiseteil | None = None


@dataclass(frozen=True, slots=True)
class Original:
    """The message that is forwarded, unchanged."""

    eigene_id: str
    wurzel: str
    version: str
    absender: str
    form: SignierteEinheit | Einzelteile
    eingegangen: datetime | None = None


@dataclass(frozen=True, slots=True)
class Weiterleitende:
    """One link of the chain: who forwarded, and when."""

    stelle: str
    zeitpunkt: datetime


@dataclass(frozen=True, slots=True)
class Fehlerbezug:
    """What a Fehler is about, beside `fremdeNachrichtenID`."""

    sha256: str
    """Digest of the XML as it came."""
    message_id: str | None = None


def original_dateiname(eigene_id: str) -> str:
    """File name under which the original XML travels."""
    return f"Nachricht_{eigene_id}.xml"


def compose_weiterleitung(kopf: Kopfangaben, original: Original, kette: Sequence[Weiterleitende], grund: str) -> bytes:
    """The message 9900020, Nr. 3.2 Satz 2 and 5.4 Satz 2.

    Args:
        kopf: `autor` forwards, `leser` is the competent ABH, `fremde_id` the original's id.
        original: what is forwarded, by digest.
        kette: all who forwarded, the first first; a further forward extends it.
        grund: why, in German.
    """
    if not kette:
        raise ValueError("a Weiterleitung names who forwards")
    root, facts = _ausl("nachricht.auslstraf.weiterleitung.9900020", kopf)
    _write_original(etree.SubElement(facts, "original"), original)
    for glied in kette:
        _write_forwarder(facts, glied)
    _add(facts, "grund", grund)
    return _bytes(root)


def compose_zustaendigkeitsmitteilung(
    kopf: Kopfangaben, zustaendige_abh: str, weiterleitung: Weiterleitende, grund: str
) -> bytes:
    """The message 9900021, Nr. 3.2 Satz 3 and 5.4 Satz 3: the JVA learns which ABH is competent.

    Args:
        kopf: `autor` forwarded, `leser` is the JVA, `fremde_id` the id of the JVA's notice.
        zustaendige_abh: key of the competent ABH.
        weiterleitung: who forwarded, and when.
        grund: why, in German.
    """
    root, facts = _ausl("nachricht.auslstraf.zustaendigkeitsmitteilung.9900021", kopf)
    _add(facts, "zustaendigeAbh", zustaendige_abh)
    _write_forwarder(facts, weiterleitung)
    _add(facts, "grund", grund)
    return _bytes(root)


def compose_fehler(
    kopf: Kopfangaben,
    befunde: Sequence[Befund],
    bezug: Fehlerbezug | None = None,
    status: Literal["erfolgt", "abhaengigVonFehlerbehebung"] = "abhaengigVonFehlerbehebung",
) -> bytes:
    """The message 9900090: what is wrong with a message that reached us, so that its sender can mend it.

    Args:
        kopf: `autor` is the gateway, `leser` the sender of the faulty message.
        befunde: the findings.
        bezug: digest and Message-ID of the faulty message.
        status: whether it is processed all the same, or only after it has been mended.
    """
    if not befunde:
        raise ValueError("a Fehler names at least one finding")
    root, facts = justiz_message("nachricht.strafausl.fehler.9900090", kopf)
    if bezug is not None:
        about = etree.SubElement(facts, _j("bezug"))
        _add(about, _j("messageID"), bezug.message_id)
        _add(about, _j("sha256"), bezug.sha256)
    for befund in befunde:
        _write_finding(etree.SubElement(facts, _j("fehler")), befund, status)
    return _bytes(root)


def justiz_message(name: str, kopf: Kopfangaben) -> tuple[etree._Element, etree._Element]:
    """Root and empty `fachdaten` of a message of the justiz family, head and empty Grunddaten written."""
    root = etree.Element(_j(name), nsmap={"s": JUSTIZ})  # code is unqualified: no default namespace
    _write_justiz_head(etree.SubElement(root, _j("nachrichtenkopf"), version=VERSION), kopf)
    etree.SubElement(root, _j("grunddaten"))
    return root, etree.SubElement(root, _j("fachdaten"))


def _j(name: str) -> str:
    """A name in the namespace of the justiz family."""
    return f"{{{JUSTIZ}}}{name}"


def _add(parent: etree._Element, tag: str, text: str | None) -> None:
    """Append an element with text; nothing where there is none."""
    if text is not None:
        etree.SubElement(parent, tag).text = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _add_code(parent: etree._Element, tag: str, liste: str, code: str) -> None:
    """Append a code with the version of its list; the child `code` is unqualified in both families."""
    element = etree.SubElement(parent, tag, listVersionID=LISTEN[liste])
    etree.SubElement(element, "code").text = code


def _bytes(root: etree._Element) -> bytes:
    """The document as it is stored and sent."""
    etree.cleanup_namespaces(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _zeitpunkt(moment: datetime) -> str:
    """A time with its zone, to the second."""
    return moment.isoformat(timespec="seconds")


def _ausl(name: str, kopf: Kopfangaben) -> tuple[etree._Element, etree._Element]:
    """Root and empty `fachdaten` of a message of the ausl family, head and Grunddaten written."""
    root = etree.Element(f"{{{AUSL}}}{name}", nsmap={"a": AUSL}, standard="AuslStraf", version=VERSION)
    root.set("produkt", PRODUKT)
    root.set("produkthersteller", HERSTELLER)
    if kopf.test:
        root.set("test", "true")
    head = etree.SubElement(root, "nachrichtenkopf.g2g")
    ids = etree.SubElement(head, "identifikation.nachricht")
    _add(ids, "nachrichtenUUID", kopf.eigene_id)
    _add_code(ids, "nachrichtentyp", "nachrichtentyp", name.rpartition(".")[2])
    _add(ids, "erstellungszeitpunkt", _zeitpunkt(kopf.erstellt))
    for tag, stelle in (("leser", kopf.leser), ("autor", kopf.autor)):
        side = etree.SubElement(head, tag)
        _add_code(side, "verzeichnisdienst", "verzeichnisdienst", "DVDV")
        _add(side, "kennung", stelle.key)
        _add(side, "name", stelle.name)
    base = etree.SubElement(root, "grunddaten")
    _add(base, "fremdeNachrichtenID", kopf.fremde_id)
    if kopf.aktenzeichen or kopf.aktenzeichen_leser:
        numbers = etree.SubElement(base, "aktenzeichen")
        _add(numbers, "eigenes", kopf.aktenzeichen)
        _add(numbers, "fremdes", kopf.aktenzeichen_leser)
    facts = etree.SubElement(root, "fachdaten")
    _add(facts, "azrNummer", kopf.azr_nummer)
    return root, facts


def _write_forwarder(parent: etree._Element, glied: Weiterleitende) -> None:
    """One link of the chain."""
    element = etree.SubElement(parent, "weiterleitendeStelle")
    _add(element, "stelle", glied.stelle)
    _add(element, "zeitpunkt", _zeitpunkt(glied.zeitpunkt))


def _write_original(element: etree._Element, original: Original) -> None:
    """The original by its names and digests."""
    _add(element, "eigeneNachrichtenID", original.eigene_id)
    _add(element, "wurzel", original.wurzel)
    _add(element, "version", original.version)
    _add(element, "absender", original.absender)
    _add(element, "eingegangenAm", _zeitpunkt(original.eingegangen) if original.eingegangen else None)
    choice = etree.SubElement(element, "auswahl_form")
    if isinstance(original.form, SignierteEinheit):
        _write_signed(etree.SubElement(choice, "signierteEinheit"), original.form)
    else:
        _write_parts(etree.SubElement(choice, "einzelteile"), original.form)


def _write_signed(element: etree._Element, form: SignierteEinheit) -> None:
    """A signed entity and what it holds."""
    _write_part(element, form.teil)
    _add(etree.SubElement(element, "nachricht"), "sha256", form.nachricht_sha256)
    for datei in form.dateien:
        inside = etree.SubElement(element, "datei")
        _add(inside, "name", datei.dateiname)
        _add(inside, "sha256", datei.sha256)


def _write_parts(element: etree._Element, form: Einzelteile) -> None:
    """XML, files and our receipt, each a part of its own."""
    _write_part(etree.SubElement(element, "nachricht"), form.nachricht)
    for datei in form.dateien:
        _write_part(etree.SubElement(element, "datei"), datei)
    if form.annahmequittung is not None:
        _write_part(etree.SubElement(element, "annahmequittung"), form.annahmequittung)


def _write_part(element: etree._Element, teil: Reiseteil) -> None:
    """One part by name and digest."""
    _add(element, "dateiname", teil.dateiname)
    _add(element, "sha256", teil.sha256)


def _write_justiz_head(head: etree._Element, kopf: Kopfangaben) -> None:
    """The head in the grammar of the justiz family."""
    if kopf.test:
        head.set("test", "true")
    _add(head, _j("erstellungszeitpunkt"), _zeitpunkt(kopf.erstellt))
    sender = etree.SubElement(head, _j("absender"))
    _write_partner(sender, kopf.autor.key)
    _add(sender, _j("aktenzeichen"), kopf.aktenzeichen)
    _add(sender, _j("eigeneNachrichtenID"), kopf.eigene_id)
    recipient = etree.SubElement(head, _j("empfaenger"))
    _write_partner(recipient, kopf.leser.key)
    number = etree.SubElement(recipient, _j("auswahl_aktenzeichen"))
    _add(number, _j("aktenzeichen.freitext"), kopf.aktenzeichen_leser)
    if kopf.aktenzeichen_leser is None:
        _add(number, _j("aktenzeichen.unbekannt"), "true")
    _add(recipient, _j("fremdeNachrichtenID"), kopf.fremde_id)
    maker = etree.SubElement(head, _j("herstellerinformation"))
    _add(maker, _j("nameDesProdukts"), PRODUKT)
    _add(maker, _j("herstellerDesProdukts"), HERSTELLER)
    _add(maker, _j("version"), PRODUKTVERSION)


def _write_partner(side: etree._Element, key: str) -> None:
    """One authority as Kommunikationspartner."""
    information = etree.SubElement(side, _j("informationen"))
    choice = etree.SubElement(information, _j("auswahl_kommunikationspartner"))
    prefix, _, code = key.partition(":")
    if prefix == "gds":
        _add_code(choice, _j("gericht"), "gericht", code)
    elif prefix == "pol":
        _add_code(choice, _j("polizeibehoerde"), "polizeibehoerde", code)
    elif prefix in ("abh", "zab"):
        _add_code(choice, _j("auslaenderbehoerde"), "auslaenderbehoerde", key)
    elif code:
        _add(choice, _j("sonstige"), key)
    else:
        raise ValueError("not an authority key")


def _write_finding(element: etree._Element, befund: Befund, status: str) -> None:
    """One finding with its place."""
    choice = etree.SubElement(element, _j("auswahl_fehlercode"))
    _add_code(choice, _j("anwendungsspezifischerFehler"), "fehler", befund.code)
    _add(element, _j("zusatzinformation"), befund.text[:MAX_TEXT] if befund.text.strip() else None)
    if any((befund.zeile, befund.spalte, befund.xpath, befund.nummer)):
        place = etree.SubElement(element, _j("fundstelle"))
        _add(place, _j("zeile"), str(befund.zeile) if befund.zeile else None)
        _add(place, _j("spalte"), str(befund.spalte) if befund.spalte else None)
        _add(place, _j("xpath"), befund.xpath[:MAX_TEXT] if befund.xpath else None)
        _add(place, _j("nummer"), befund.nummer)
    _add(etree.SubElement(element, _j("auswahl_statusWeiterverarbeitung")), _j(status), "true")
