"""What a person can do with a message: which act fits its state, what it needs, and what will happen.

Promises: pure; an act is offered only where the state table and the person's right allow it; before anything happens a
page says what will.
Fails: `KeyError` for an act that there is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.states import Actor, DeliveryStatus, MessageStatus, MessageStep, Step, message_sources, sources
from gateway.watch.people import Person, Right


@dataclass(frozen=True, slots=True)
class Act:
    """One act."""

    name: str
    """As it stands in the address."""
    title: str
    right: Right
    explanation: str
    reason: str
    """What the field of the reason asks for."""
    target: str = ""
    """What the field of an authority asks for; empty: the act needs none."""
    leads: bool = False
    """Whether it is what a message in such a state waits for; pages put it first."""
    facts: bool = False
    """Whether facts that name the competent authority may be given instead."""


ACTS: Final[Mapping[str, Act]] = {
    act.name: act
    for act in (
        Act(
            "zuweisen",
            "Empfänger zuweisen",
            Right.BETREIBEN,
            "Keine Regel konnte den Empfänger bestimmen. Nennen Sie die Behörde, die die Nachricht bekommen soll.",
            "Warum ist diese Behörde zuständig?",
            "Empfänger (Schlüssel der Behörde)",
            leads=True,
        ),
        Act(
            "freigeben",
            "Freigeben",
            Right.FREIGEBEN,
            "Die Mitteilung ist zurückgestellt (Nummer 1). Mit der Freigabe geht sie nach den heutigen Regeln hinaus.",
            "Weisung des Absenders oder Grund der Freigabe",
            leads=True,
        ),
        Act(
            "weiterleiten",
            "Weiterleiten",
            Right.WEITERLEITEN,
            "Ihre Behörde ist nicht zuständig? Die zuständige Ausländerbehörde bekommt das unveränderte Original, die "
            "mitteilende Anstalt erfährt, wer zuständig ist.",
            "Warum leiten Sie weiter?",
            "Zuständige Ausländerbehörde (leer: das Gateway bestimmt sie nach § 14 ZustAVO)",
            leads=True,
            facts=True,
        ),
        Act(
            "neu-versenden",
            "Neu versenden",
            Right.BETREIBEN,
            "Was beendet ist oder auf eine Person wartet, wird nach der heutigen Vereinbarung neu versiegelt und "
            "gesendet.",
            "Warum wird neu versandt?",
            leads=True,
        ),
        Act(
            "stornieren",
            "Stornieren",
            Right.BETREIBEN,
            "Beendet jede Zustellung, die noch nicht angekommen ist.",
            "Warum wird storniert?",
        ),
        Act(
            "aufbewahren",
            "Aufbewahren",
            Right.BETREIBEN,
            "Der Inhalt bleibt über die Frist der Aufbewahrung hinaus, bis jemand das beendet.",
            "Warum muss der Inhalt länger bleiben?",
        ),
        Act(
            "aufbewahrung-beenden",
            "Aufbewahrung beenden",
            Right.BETREIBEN,
            "Der Inhalt wird länger aufbewahrt als vorgesehen. Danach läuft seine Frist wieder.",
            "Warum ist die Aufbewahrung nicht mehr nötig?",
        ),
    )
}
"""All acts, in the order in which pages offer them."""

NEEDS_TARGET: Final = frozenset({"zuweisen"})


def fitting(person: Person, message: Mapping[str, Any], seen: Mapping[str, bool]) -> list[Act]:
    """The acts that this person may do with a message in this state.

    Args:
        person: who looks.
        message: as the API shows it to the person.
        seen: `absender` (the person's authority sent it), `empfaenger` (received it), `offen` (a recipient of it
            could not be placed), `aufbewahrt` (its content is kept beyond its days).
    """
    statuses = {DeliveryStatus(each["status"]) for each in message["zustellungen"]}
    unplaced = not statuses and message["status"] in message_sources(MessageStep.CANCEL, Actor.OPERATOR)
    fits = {
        "zuweisen": seen["offen"] or (not statuses and message["status"] == MessageStatus.KLAERUNG),
        "freigeben": message["status"] == MessageStatus.ZURUECKGESTELLT and (person.own_staff or seen["absender"]),
        "weiterleiten": seen["empfaenger"],
        "neu-versenden": not statuses.isdisjoint(sources(Step.RESEND, Actor.OPERATOR)),
        "aufbewahren": not (seen["aufbewahrt"] or message["inhalt_geloescht"]),
        "aufbewahrung-beenden": seen["aufbewahrt"] and not message["inhalt_geloescht"],
        "stornieren": unplaced or seen["offen"] or not statuses.isdisjoint(sources(Step.CANCEL, Actor.OPERATOR)),
    }
    return [act for act in ACTS.values() if fits[act.name] and person.may(act.right)]


def consequences(
    act: str, message: Mapping[str, Any], fields: Mapping[str, str], called: Callable[[str], str]
) -> list[str]:
    """What will happen, in sentences."""
    an = fields.get("an", "")
    if act == "zuweisen":
        return [
            f"Die Nachricht geht an {called(an)}.",
            "Sie wird nach deren Vereinbarung signiert, verschlüsselt und gesendet. Das lässt sich nicht zurückholen.",
        ]
    if act == "freigeben":
        return [
            "Die Nachricht wird nach den heutigen Regeln entschieden und an den Empfänger gesendet, den sie nennen.",
            "Ab dann zählt sie für alle Beteiligten im Vorgang.",
        ]
    if act == "weiterleiten":
        to = called(an) if an else "die Ausländerbehörde, die sich aus § 14 ZustAVO und Ihren Angaben ergibt"
        return [
            f"Das unveränderte Original geht an {to}.",
            "Die mitteilende Anstalt erhält eine Zuständigkeitsmitteilung; offene Pflichten gehen über.",
        ]
    if act == "aufbewahren":
        return ["Der Inhalt wird nicht gelöscht, auch wenn seine Frist abläuft."]
    if act == "aufbewahrung-beenden":
        return ["Die Frist des Inhalts läuft wieder; danach wird er gelöscht. Die Nachweise bleiben."]
    step = Step.RESEND if act == "neu-versenden" else Step.CANCEL
    return _deliveries(act, message["zustellungen"], step, called)


def _deliveries(
    act: str, deliveries: Sequence[Mapping[str, Any]], step: Step, called: Callable[[str], str]
) -> list[str]:
    met = [each for each in deliveries if DeliveryStatus(each["status"]) in sources(step, Actor.OPERATOR)]
    if act == "neu-versenden":
        return [f"{called(each['empfaenger'])} bekommt die Nachricht noch einmal, neu versiegelt." for each in met]
    lines = [f"Die Zustellung an {called(each['empfaenger'])} endet." for each in met]
    done = [each for each in deliveries if each["status"] == DeliveryStatus.ZUGESTELLT]
    lines += [f"Bei {called(each['empfaenger'])} ist sie angekommen und bleibt zugestellt." for each in done]
    return lines or ["Die Nachricht wird an niemanden gesendet."]
