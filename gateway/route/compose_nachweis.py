"""The message 9900092, Zustellnachweis: what became of a notice with one recipient, for its sender.

The fields are those of an evidence of ETSI EN 319 522-1: event, reasons, time, issuer (the head's sender), policy,
message with its digests, recipient, transmission.

Promises: pure; values in, UTF-8 XML out, valid under our XSD and the rules beyond it.
Fails: `ValueError` for a failure without a reason, a time without its zone, a head that does not name the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lxml import etree

from gateway.route.compose import JUSTIZ, Kopfangaben, Reiseteil, Stelle, justiz_message

WURZEL = "nachricht.strafausl.zustellnachweis.9900092"
RICHTLINIE = "urn:de:nrw:gateway:richtlinie:nachweis:1"
"""The policy under which this gateway issues evidence: design.md section 5."""

Ereignis = Literal[
    "SubmissionAcceptance",
    "SubmissionRejection",
    "RelayAcceptance",
    "RelayRejection",
    "RelayFailure",
    "ContentConsignment",
    "ContentConsignmentFailure",
    "ContentHandover",
    "ContentHandoverFailure",
]
"""Events of ETSI EN 319 522-1 that a sender can be told."""
FAILURES = frozenset(
    {
        "SubmissionRejection",
        "RelayRejection",
        "RelayFailure",
        "ContentConsignmentFailure",
        "ContentHandoverFailure",
    }
)
"""Events that need a reason."""


@dataclass(frozen=True, slots=True)
class Nachweisgrund:
    """One reason: a word of the gateway's lists, and a German sentence."""

    code: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Nachweisnachricht:
    """The notice, by its names and digests."""

    gateway_id: str
    wurzel: str
    sha256: str
    dateien: tuple[Reiseteil, ...] = ()


@dataclass(frozen=True, slots=True)
class Uebertragung:
    """How it travelled, and what the recipient answered."""

    weg: Literal["as2", "mail", "abruf"]
    message_id: str | None = None
    mic: tuple[str, str] | None = None
    """Algorithm (`sha-256`, `sha-384`, `sha-512`) and base64 digest of the signed entity."""
    quittung_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Nachweis:
    """One evidence."""

    nachweis_id: str
    ereignis: Ereignis
    zeitpunkt: datetime
    nachricht: Nachweisnachricht
    empfaenger: Stelle
    gruende: tuple[Nachweisgrund, ...] = ()
    uebertragung: Uebertragung | None = None
    richtlinie: str = RICHTLINIE


def compose_zustellnachweis(kopf: Kopfangaben, nachweis: Nachweis) -> bytes:
    """The message 9900092.

    Args:
        kopf: `autor` is the gateway, `leser` the notice's sender, `fremde_id` the notice's own id.
        nachweis: what happened.

    Raises:
        ValueError: see the top of this file.
    """
    if kopf.fremde_id is None:
        raise ValueError("a Zustellnachweis names the message that it is about")
    if nachweis.ereignis in FAILURES and not nachweis.gruende:
        raise ValueError("a failure needs a reason")
    if nachweis.zeitpunkt.tzinfo is None:
        raise ValueError("the time of an evidence needs its zone")
    root, facts = justiz_message(WURZEL, kopf)
    proof = _below(facts, "nachweis")
    _texts(
        proof, {"nachweisID": nachweis.nachweis_id, "richtlinie": nachweis.richtlinie, "ereignis": nachweis.ereignis}
    )
    for grund in nachweis.gruende:
        _texts(_below(proof, "grund"), {"code": grund.code, "text": grund.text})
    _texts(proof, {"zeitpunkt": nachweis.zeitpunkt.isoformat(timespec="seconds")})
    _write_message(_below(proof, "nachricht"), nachweis.nachricht)
    _texts(_below(proof, "empfaenger"), {"kennung": nachweis.empfaenger.key, "name": nachweis.empfaenger.name})
    if nachweis.uebertragung is not None:
        _write_transmission(_below(proof, "uebertragung"), nachweis.uebertragung)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _below(parent: etree._Element, name: str) -> etree._Element:
    """A new child."""
    return etree.SubElement(parent, f"{{{JUSTIZ}}}{name}")


def _texts(parent: etree._Element, texts: Mapping[str, str | None]) -> None:
    """New children with text, in this order; nothing for what is missing."""
    for name, value in texts.items():
        if value is not None:
            _below(parent, name).text = value


def _write_message(element: etree._Element, nachricht: Nachweisnachricht) -> None:
    """The notice by its digests."""
    _texts(element, {"gatewayID": nachricht.gateway_id, "wurzel": nachricht.wurzel, "sha256": nachricht.sha256})
    for datei in nachricht.dateien:
        _texts(_below(element, "datei"), {"name": datei.dateiname, "sha256": datei.sha256})


def _write_transmission(element: etree._Element, uebertragung: Uebertragung) -> None:
    """Way, Message-ID, MIC and receipt."""
    _texts(element, {"weg": uebertragung.weg, "messageID": uebertragung.message_id})
    if uebertragung.mic is not None:
        algorithm, digest = uebertragung.mic
        _texts(_below(element, "mic"), {"verfahren": algorithm, "wert": digest})
    _texts(element, {"quittungSha256": uebertragung.quittung_sha256})
