"""How far a message came, and what each of its events tells people.

Promises: pure; every detail of an event is shown once, either in words or under the technical details: nothing is left
out. Digests, ids and algorithms are technical.
Fails: not at all; what is unknown stands as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from gateway import clock
from gateway.states import DeliveryStatus, MessageStatus
from gateway.watch import words

LABELS: Final[Mapping[str, str]] = {
    "nummer": "Nummer",
    "entscheidung": "Ergebnis",
    "absender": "Absender",
    "empfaenger": "Empfänger",
    "an": "an",
    "stelle": "durch",
    "pflichtig": "verpflichtet",
    "dezernat": "Dezernat",
    "versuch": "Versuch",
    "ergebnis": "Ergebnis",
    "schritt": "Quittung",
    "weg": "Weg",
    "faellig_am": "fällig am",
    "ursache": "Ursache",
    "sekunden": "Pause",
    "wartet_sekunden": "nächste Anmeldung nach",
    "partner": "Partner",
    "was": "Änderung",
    "rollen": "Rollen",
    "status": "Stand",
    "code": "Ursache",
    "tage": "nach Tagen",
    "grund": "Grund",
}
"""Details that people read, in the order of a sentence; every other one is technical."""
CODES: Final[Mapping[str, str]] = {
    **{code: text for code, (text, *_) in words.STATUS.items()},
    **words.OUTCOMES,
    **words.DECISIONS,
    **words.ROLES,
    **words.WAYS,
    **words.CAUSES,
}
"""Words for codes that stand in details."""
_AUTHORITIES: Final = frozenset({"absender", "empfaenger", "an", "stelle", "pflichtig"})
_SECONDS: Final = frozenset({"sekunden", "wartet_sekunden"})


def sentence(angaben: Mapping[str, Any], called: Callable[[str], str]) -> str:
    """What of an event's details people read.

    Args:
        angaben: the details.
        called: what an authority is called, by its key.
    """
    told = [(key, angaben[key]) for key in LABELS if angaben.get(key) not in (None, [], "")]
    return " · ".join(f"{LABELS[key]}: {_said(key, value, called)}" for key, value in told)


def technical(angaben: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The details that only programs need: name and text."""
    rest = {key: value for key, value in angaben.items() if key not in LABELS and value not in (None, [], "")}
    return [(key, _plain(value)) for key, value in rest.items()]


@dataclass(frozen=True, slots=True)
class Station:
    """One place on the way of a message."""

    title: str
    text: str
    state: Literal["fertig", "jetzt", "offen", "aus"]
    """`aus`: it will not be reached by itself."""
    at: str | None = None


_TAKEN: Final = frozenset({DeliveryStatus.UEBERGEBEN, DeliveryStatus.QUITTUNG_UNGUELTIG, DeliveryStatus.ABGELEHNT})
_OVER: Final = frozenset({MessageStatus.GESCHEITERT, MessageStatus.STORNIERT})
_UNDECIDED: Final = frozenset({MessageStatus.KLAERUNG, MessageStatus.ZURUECKGESTELLT})


def way(message: Mapping[str, Any]) -> list[Station]:
    """How far a message came: accepted, decided, handed over, receipted.

    Args:
        message: as the API shows it; a recipient's view has no decision.
    """
    deliveries = [DeliveryStatus(each["status"]) for each in message["zustellungen"]]
    proved = deliveries.count(DeliveryStatus.ZUGESTELLT)
    taken = proved + sum(each in _TAKEN for each in deliveries)
    found = [Station("Angenommen", "gespeichert, Eingang bestätigt", "fertig", message["eingang"])]
    if "entscheidung" in message:
        text = f"nach Nummer {message['nummer']}" if message["nummer"] else "ohne Nummer"
        waits = not deliveries and message["status"] in _UNDECIDED
        found.append(
            Station("Entschieden", "wartet auf eine Person" if waits else text, "jetzt" if waits else "fertig")
        )
    if deliveries:
        found += [_reached("Übergeben", taken, len(deliveries)), _reached("Quittung geprüft", proved, len(deliveries))]
        if message["status"] in _OVER:
            found[-1] = Station(found[-1].title, "es wird nicht mehr versucht", "aus")
        if proved == len(deliveries):
            at = max(each["geaendert"] for each in message["zustellungen"])
            found[-1] = Station("Quittung geprüft", found[-1].text, "fertig", at)
    return found


def _reached(title: str, count: int, of: int) -> Station:
    text = ("ja" if count else "noch nicht") if of == 1 else f"bei {count} von {of} Empfängern"
    return Station(title, text, "fertig" if count == of else "jetzt" if count else "offen")


def _said(key: str, value: object, called: Callable[[str], str]) -> str:
    if isinstance(value, list):
        return ", ".join(_said(key, each, called) for each in value)
    if key in _SECONDS and isinstance(value, int | float):
        return words.duration(value * clock.SECOND)
    if not isinstance(value, str):
        return _plain(value)
    if key in _AUTHORITIES:
        return called(value)
    if key == "faellig_am":
        return words.day(value)
    return CODES.get(value, value)


def _plain(value: object) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
