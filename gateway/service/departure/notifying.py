"""What the sender of a notice hears by itself: that a recipient still has it not, or never will (design.md section 4).

A Zustellnachweis (9900092) goes to the sender's own partner entry or inbox, and to nobody else: the recipients of a
notice are its sender's business alone.

Promises: at most one for each delivery and kind, durable in the very step that it tells of; none about a message of
the gateway itself, hence none about another one of these; test traffic is told of as test traffic.
Fails: not at all for want of somebody to tell: then the step stands without one, and is marked as told.
"""

from __future__ import annotations

import contextlib
import logging
import uuid
from dataclasses import dataclass
from datetime import datetime

from gateway import clock
from gateway.errors import Refusal
from gateway.events import Art
from gateway.route.compose import Reiseteil
from gateway.route.compose_nachweis import (
    Ereignis,
    Nachweis,
    Nachweisgrund,
    Nachweisnachricht,
    Uebertragung,
    compose_zustellnachweis,
)
from gateway.route.plan import Planned, plan
from gateway.service.context import Context
from gateway.service.departure.own import head_to, named, own_message
from gateway.service.patience import Patience
from gateway.states import DeliveryStatus
from gateway.store.database import Do, Row, StaleState
from gateway.store.steps import do

log = logging.getLogger(__name__)

ROUND = 100
"""Late deliveries told of in one round: the rest comes with the next, so that one round holds nothing up."""
TEXT = 2_000
"""Longest reason in a Zustellnachweis; ours are a few sentences."""
UNTOLD = frozenset({"9900090", "9900092"})
"""Numbers of which nobody is told: what tells somebody of something is never told of itself."""
NOBODY = "niemand"
"""What stands for the notice's id where there is nobody to tell."""
REASON = "Das Gateway teilt dem Absender mit, was aus der Zustellung seiner Nachricht geworden ist."


@dataclass(frozen=True)
class What:
    """What is told."""

    ereignis: Ereignis
    code: str
    text: str


class Notifying:
    """Writes Zustellnachweise."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._patience = Patience(ctx, "verzug")

    async def failed(self, delivery: Row, text: str, *, rejected: bool = False) -> list[Do]:
        """Statements for the step by which a delivery fails for good, or is rejected; none where it was told before.

        Args:
            delivery: its whole row.
            text: the reason in German, for the sender.
            rejected: whether the recipient's side rejected it.
        """
        if delivery["failure_notice"] is not None:
            return []
        what = What("RelayRejection", "abgelehnt", text) if rejected else _given_up(text)
        notice_id, steps = await self._told(delivery, what)
        return [do("mark_failure_told", expect=1, id=delivery["id"], notice=notice_id), *steps]

    async def late(self, delivery: Row, what: What) -> list[Do]:
        """Statements that tell of a delay; the first of them fails as stale where it was told before."""
        notice_id, steps = await self._told(delivery, what)
        return [do("mark_late_told", expect=1, id=delivery["id"], notice=notice_id), *steps]

    async def tell_of_delays(self) -> int:
        """Tell of what has not arrived `zustellung.verzug_stunden` after its acceptance.

        Returns:
            How many deliveries were looked at.
        """
        hours = self._ctx.config.zustellung.verzug_stunden
        before = self._ctx.now() - round(hours * 3600) * clock.SECOND
        rows = await self._ctx.db.fetch("late_deliveries", before, ROUND)
        await self._patience.each(rows, self._tell_of_delay)
        return len(rows)

    async def _tell_of_delay(self, delivery: Row) -> None:
        with contextlib.suppress(StaleState):  # arrived just now, or another gateway was quicker
            await self._ctx.db.commit(*await self.late(delivery, _delay(delivery)))

    async def _told(self, delivery: Row, what: What) -> tuple[str, list[Do]]:
        """The notice's id, and the statements that store it."""
        message = await self._ctx.db.fetch_one("message", delivery["message_id"])
        planned = await self._planned(message) if message else None
        if message is None or planned is None:
            return NOBODY, []
        try:
            return await self._message(message, delivery, what, planned)
        except (Refusal, ValueError):
            log.exception("no Zustellnachweis could be made for delivery %s", delivery["id"])
            return NOBODY, []

    async def _planned(self, message: Row) -> Planned | None:
        """By which way its sender is told; None where nobody is to be told.

        A message of the gateway itself has no sender who could hear of it, and an edge delivers for nobody. Test
        traffic that its sender could not get would wait for a person.
        """
        sender = message["absender"]
        if self._ctx.config.gateway.eigene or message["wurzel"].rpartition(".")[2] in UNTOLD:
            return None
        if self._ctx.directory.behoerde(sender) is None:
            return None
        planned = plan(sender, await self._ctx.partners.of(sender), test=bool(message["test"]), size=0)
        return None if planned.status is DeliveryStatus.KLAERUNG else planned

    async def _message(self, message: Row, delivery: Row, what: What, planned: Planned) -> tuple[str, list[Do]]:
        head = head_to(self._ctx, planned.empfaenger, fremde_id=message["eigene_id"], test=bool(message["test"]))
        told = compose_zustellnachweis(head, await self._proof(message, delivery, what))
        notice_id, steps = await own_message(self._ctx, told, REASON, [planned])
        event = self._ctx.event(
            Art.NACHWEIS,
            self._ctx.self_akteur,
            message_id=message["id"],
            delivery_id=delivery["id"],
            ereignis=what.ereignis,
            grund=what.code,
            nachweis=notice_id,
        )
        return notice_id, [*steps, event]

    async def _proof(self, message: Row, delivery: Row, what: What) -> Nachweis:
        xml, *files = await self._ctx.db.fetch("parts", message["id"])
        return Nachweis(
            nachweis_id=str(uuid.uuid4()),
            ereignis=what.ereignis,
            zeitpunkt=self._berlin(),
            nachricht=Nachweisnachricht(
                message["id"],
                message["wurzel"],
                xml["sha256"],
                tuple(Reiseteil(file["name"], file["sha256"]) for file in files),
            ),
            empfaenger=named(self._ctx, delivery["empfaenger"]),
            gruende=(Nachweisgrund(what.code, what.text[:TEXT]),),
            uebertragung=Uebertragung(delivery["weg"], delivery["wire_id"]),
        )

    def _berlin(self) -> datetime:
        return self._ctx.at().astimezone(clock.BERLIN)


def _given_up(text: str) -> What:
    return What("ContentHandoverFailure", "aufgegeben", text)


def uncollected() -> What:
    """An inbox entry that nobody has collected in time."""
    text = "Die Nachricht liegt im Postfach des Empfängers bereit; er hat sie noch nicht abgeholt."
    return What("ContentConsignment", "nicht_abgeholt", text)


def _delay(delivery: Row) -> What:
    """What there is to say of a delivery that has not arrived yet."""
    match delivery["status"]:
        case DeliveryStatus.UEBERGEBEN | DeliveryStatus.QUITTUNG_UNGUELTIG:
            text = "Die Nachricht ist übergeben, der Empfänger hat ihren Empfang aber noch nicht gültig quittiert."
        case DeliveryStatus.KLAERUNG:
            text = "Die Nachricht konnte noch nicht zugestellt werden; der Betrieb des Gateways klärt die Ursache."
        case DeliveryStatus.ANGEHALTEN:
            text = "Die Zustellung ist vom Betrieb des Gateways angehalten."
        case _:
            text = "Die Nachricht konnte noch nicht zugestellt werden; es wird weiter versucht."
    reason = f" Zuletzt: {delivery['last_error']}" if delivery["last_error"] else ""
    return What("RelayFailure", "verzug", text + reason)
