"""What a Vorgang adds to a notice, derived from its messages. Pure.

Promises: withheld notices (Nr. 1), notices in Klärung and those that were not sent count for nothing; the order is
that of arrival; what the message itself says stands before it (routing does that).
Fails: not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.states import DeliveryStatus
from routing import Entscheidung, Sachverhalt, Verzeichnis, Vorgangslage
from routing.erlass.lage import STRAFVERFOLGUNG

Row = Mapping[str, Any]
NOT_INFORMED = frozenset(
    {DeliveryStatus.KLAERUNG, DeliveryStatus.STORNIERT, DeliveryStatus.GESCHEITERT, DeliveryStatus.ABGELEHNT}
)
"""A delivery that ended so, or waits for a person, informed nobody."""
AUSLAENDERBEHOERDEN = ("abh:", "zab:")


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a Vorgang that counts, with its deliveries."""

    message: Row
    decision: Mapping[str, Any]
    deliveries: tuple[Row, ...]

    @property
    def informed(self) -> tuple[str, ...]:
        """Keys of those that it was sent to."""
        return tuple(d["empfaenger"] for d in self.deliveries if d["status"] not in NOT_INFORMED)


@dataclass(frozen=True, slots=True)
class Bezug:
    """The message that `fremdeNachrichtenID` names."""

    absender: str
    eilbeduerftig: bool
    empfaenger: tuple[str, ...]
    """Everybody who was informed of it, forwards included."""


def withheld(decision: Entscheidung, facts: Sachverhalt | None, directory: Verzeichnis) -> bool:
    """Whether a notice must leave no trace for anybody but its sender (Nr. 1).

    That is what is withheld, and what would be if a rule had placed it: a flagged notice in Klärung is as invisible. A
    sender that the directory does not know is believed while its notice is in Klärung.
    """
    if decision.entscheidung == "zurueckgestellt":
        return True
    if decision.entscheidung == "zustellen" or facts is None or not facts.gefaehrdet_untersuchungszweck:
        return False
    sender = directory.behoerde(facts.absender, facts.stand)
    return sender is None or sender.art in STRAFVERFOLGUNG


def entries(messages: Iterable[Row], deliveries: Iterable[Row]) -> list[Entry]:
    """The messages of a Vorgang that count, in the order of arrival."""
    by_message: dict[str, list[Row]] = {}
    for delivery in deliveries:
        by_message.setdefault(delivery["message_id"], []).append(delivery)
    found = []
    for message in messages:
        decision = json.loads(message["entscheidung"] or "{}")
        if decision.get("entscheidung") == "zustellen":
            found.append(Entry(message, decision, tuple(by_message.get(message["id"], ()))))
    return found


def vorgangslage(found: Sequence[Entry], bezug: Bezug | None = None, *, freigegeben: bool = False) -> Vorgangslage:
    """The facts that a Vorgang adds (requirements.md section 1)."""
    festgestellt: str | None = None
    informed: list[str] = []
    ersuchen: set[str] = set()
    pruefergebnis = False
    for entry in found:
        informed += [key for key in entry.informed if key.startswith(AUSLAENDERBEHOERDEN)]
        anlass = entry.message["anlass"]
        if anlass == "einvernehmen_ersuchen":
            ersuchen.update(entry.informed)
        pruefergebnis = pruefergebnis or anlass == "pruefergebnis_untersuchungshaft"
        for folge in entry.decision.get("folgen", ()):
            if folge["art"] == "feststellung":
                festgestellt = folge.get("empfaenger")
            elif folge["art"] == "ruecknahme":
                ersuchen.discard(folge.get("empfaenger"))
    return Vorgangslage(
        festgestellte_abh=festgestellt,
        unterrichtete_abhs=tuple(dict.fromkeys(informed)),
        offenes_ersuchen=bool(ersuchen),
        pruefergebnis_3_3=pruefergebnis,
        bezug_absender=bezug.absender if bezug else None,
        bezug_eilbeduerftig=bezug.eilbeduerftig if bezug else False,
        bezug_empfaenger=bezug.empfaenger if bezug else (),
        freigegeben=freigegeben,
    )


def bezug_of(message: Row, deliveries: Iterable[Row]) -> Bezug:
    """A referenced message, with the deliveries of itself and of its forwards."""
    eilig = message["anlass"] == "einvernehmen_ersuchen" and bool(message["vorrang"])
    informed = [d["empfaenger"] for d in deliveries if d["status"] not in NOT_INFORMED]
    return Bezug(message["absender"], eilig, tuple(dict.fromkeys(informed)))
