"""The notices of the demo, composed by the program's own composer; all persons are invented.

Promises: each call gives a new message with a new id.
Fails: not at all.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.check.compose import Datei, NoticeHead, Person, compose_notice
from gateway.clock import BERLIN
from gateway.demo.cast import JVA, KOELN, POLIZEI, RHEIN_SIEG, STA, now
from routing import Sachverhalt

SANKT_AUGUSTIN = "05382056"
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
"""An empty PDF."""


@dataclass(frozen=True)
class Notice:
    """One post: the XML, its files, its further parts."""

    xml: bytes
    files: tuple[tuple[str, bytes], ...] = ()
    sachverhalt: dict[str, Any] | None = None


def untersuchungshaft(**facts: Any) -> Notice:
    """JVA Köln: Antritt der Untersuchungshaft."""
    sachverhalt = Sachverhalt.from_json({"anlass": "untersuchungshaft_antritt", "absender": JVA, **facts})
    head = NoticeHead(eigene_id=str(uuid.uuid4()), erstellt=_now(), aktenzeichen="4511 E 77/26")
    person = Person("Przykładowski", "Tomasz", "1988-11-03")
    return Notice(compose_notice(sachverhalt, head, person, details={"antrittAm": _today()}))


def ermittlungsverfahren() -> Notice:
    """Polizeipräsidium Bonn: Ermittlungsverfahren eingeleitet, with a PDF; the AZR names the Rhein-Sieg-Kreis."""
    sachverhalt = Sachverhalt.from_json(
        {
            "anlass": "ermittlungsverfahren_eingeleitet",
            "absender": POLIZEI,
            "azr": {"abgefragt": True, "aktenfuehrende_abh": RHEIN_SIEG},
            "tatort_ags": "05314000",
        }
    )
    name = f"Mitteilung_{uuid.uuid4()}.pdf"
    head = NoticeHead(
        eigene_id=str(uuid.uuid4()), erstellt=_now(), aktenzeichen="703000-123456-26/1", azr_nummer="210417123456"
    )
    xml = compose_notice(
        sachverhalt,
        head,
        Person("Beispielová", "Élodie", "1991-04-17"),
        (Datei(name, str(uuid.uuid4()), "Mitteilung nach § 87 Absatz 4 AufenthG"),),
        {"tatvorwurf": "Diebstahl (§ 242 StGB)", "eingeleitetAm": _today()},
    )
    return Notice(xml, ((name, PDF),))


def broken() -> Notice:
    """A notice with a date as people write it, not as XML does."""
    good = untersuchungshaft().xml.decode()
    day = _today()
    return Notice(good.replace(f">{day.isoformat()}<", f">{day:%d.%m.%Y}<").encode())


def schriftgut() -> Notice:
    """Staatsanwaltschaft Köln: an official XJustiz 3.6.2 message with a PDF, and its facts beside it."""
    name, own, document = f"Bericht_{uuid.uuid4()}.pdf", uuid.uuid4(), uuid.uuid4()
    xml = _SCHRIFTGUT.format(own=own, document=document, name=name, now=_now().isoformat(timespec="seconds"))
    facts = {
        "anlass": "weitere_mitteilung",
        "absender": STA,
        "empfaenger": KOELN,
        "rechtsgrundlage": "§ 87 Absatz 2 AufenthG",
    }
    return Notice(xml.encode(), ((name, PDF),), facts)


def _now() -> Any:
    return now().astimezone(BERLIN)


def _today() -> date:
    today: date = _now().date()
    return today


_SCHRIFTGUT = """<?xml version="1.0" encoding="UTF-8"?>
<x:nachricht.gds.uebermittlungSchriftgutobjekte.0005005 xmlns:x="http://www.xjustiz.de">
  <x:nachrichtenkopf xjustizVersion="3.6.2">
    <x:erstellungszeitpunkt>{now}</x:erstellungszeitpunkt>
    <x:absender>
      <x:informationen><x:auswahl_kommunikationspartner>
        <x:gericht listVersionID="3.7"><code>R3300S</code></x:gericht>
      </x:auswahl_kommunikationspartner></x:informationen>
      <x:aktenzeichen>111 Js 1/26</x:aktenzeichen>
      <x:eigeneNachrichtenID>{own}</x:eigeneNachrichtenID>
    </x:absender>
    <x:empfaenger>
      <x:informationen><x:auswahl_kommunikationspartner>
        <x:sonstige>zuErmitteln</x:sonstige>
      </x:auswahl_kommunikationspartner></x:informationen>
      <x:auswahl_aktenzeichen><x:aktenzeichen.unbekannt>true</x:aktenzeichen.unbekannt></x:auswahl_aktenzeichen>
    </x:empfaenger>
    <x:herstellerinformation>
      <x:nameDesProdukts>Vorführung</x:nameDesProdukts>
      <x:herstellerDesProdukts>Musterhaus</x:herstellerDesProdukts>
      <x:version>1</x:version>
    </x:herstellerinformation>
  </x:nachrichtenkopf>
  <x:grunddaten/>
  <x:schriftgutobjekte>
    <x:dokument>
      <x:identifikation>
        <x:id>{document}</x:id>
        <x:nummerImUebergeordnetenContainer>1</x:nummerImUebergeordnetenContainer>
      </x:identifikation>
      <x:xjustiz.fachspezifischeDaten>
        <x:dokumentklasse listVersionID="1.3"><code>015</code></x:dokumentklasse>
        <x:anzeigename>Bericht</x:anzeigename>
        <x:datei>
          <x:dateiname>{name}</x:dateiname>
          <x:bestandteil listVersionID="2.5"><code>001</code></x:bestandteil>
        </x:datei>
      </x:xjustiz.fachspezifischeDaten>
    </x:dokument>
  </x:schriftgutobjekte>
</x:nachricht.gds.uebermittlungSchriftgutobjekte.0005005>
"""
