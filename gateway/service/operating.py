"""What a person does with a message: release, assign, resend, cancel (contracts.md section 5).

Promises: each act needs its reason and is an event; a release or an assignment decides once more, by the rules and the
Vorgang of now, in one commit with its deliveries.
Fails: `NotFound` for who may not, `Conflict` for a message that is in another state, `Invalid` for what the rules or
the directory refuse.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from gateway import clock
from gateway.accept.commands import Assignment, Reason
from gateway.errors import Conflict, Forbidden, Invalid, NotFound
from gateway.events import Art
from gateway.message import Answer, Caller
from gateway.route.plan import Planned, plan
from gateway.service.accepting import Accepting, decide, delivery_steps
from gateway.service.context import Context, akteur
from gateway.service.steps import step_delivery
from gateway.service.vorgaenge import Found
from gateway.states import DeliveryStatus, MessageStatus, Step, message_status, sources
from gateway.store.content import reveal
from gateway.store.database import Do, Row, StaleState
from gateway.store.steps import do, listed
from routing import Entscheidung, Folge, Frist, Grund, Hinweis, Sachverhalt, weise_zu

XML_LIMIT = 8 * 1024 * 1024
"""Largest XML part (gateway/accept/form.py)."""
WITHHELD = (MessageStatus.ZURUECKGESTELLT,)
UNPLACED = (MessageStatus.KLAERUNG,)


@dataclass(frozen=True)
class Stored:
    """A stored message as far as a new decision needs it."""

    row: Row
    facts: Sachverhalt | None
    decision: Entscheidung
    found: Found


class Operating:
    """Acts of people."""

    def __init__(self, ctx: Context, accepting: Accepting, wake: Callable[[], None]) -> None:
        self._ctx = ctx
        self._accepting = accepting
        self._wake = wake

    async def release(self, caller: Caller, message_id: str, command: Reason) -> Answer:
        """A withheld notice goes out: by its sender, or by an operator on the sender's recorded instruction (Nr. 1)."""
        row = await self._row(message_id)
        if row["absender"] not in caller.behoerden and not caller.betrieb:
            raise NotFound
        if row["absender"] not in caller.behoerden and command.grund is None:
            raise Invalid("Nennen Sie die Weisung des Absenders („grund“).", code="grund_fehlt")
        self._demand(row, WITHHELD, "Die Nachricht ist nicht zurückgestellt.")
        stored = await self._stored(row)
        if stored.facts is None:
            raise Conflict("Zu dieser Nachricht ist kein Sachverhalt gespeichert.", code="kein_sachverhalt")
        decision = decide(self._ctx, stored.facts, stored.found.lage(freigegeben=True))
        return await self._reroute(caller, stored, decision, WITHHELD, Art.FREIGABE, command.grund)

    async def assign(self, caller: Caller, message_id: str, command: Assignment) -> Answer:
        """An operator places what no rule could place."""
        self._demand_operator(caller)
        row = await self._row(message_id)
        stored = await self._stored(row)
        if row["status"] not in UNPLACED and any(folge.art == "klaerung" for folge in stored.decision.folgen):
            return await self._add_recipient(caller, stored, command)
        self._demand(row, UNPLACED, "Die Nachricht wartet nicht auf eine Klärung.")
        if await self._ctx.db.fetch("deliveries_of_message", row["id"]):
            raise Conflict("Der Empfänger steht fest; hier hilft „resend“.", code="status")
        decision = self._assigned(stored, command)
        return await self._reroute(caller, stored, decision, UNPLACED, Art.ZUWEISUNG, command.grund)

    async def resend(self, caller: Caller, message_id: str, command: Reason) -> Answer:
        """An operator sends once more what ended or waits for a person, by the agreement of today, sealed anew."""
        self._demand_operator(caller)
        grund = _demand_reason(command)
        row = await self._row(message_id)
        steps: list[Do] = []
        for delivery in await self._ctx.db.fetch("deliveries_of_message", row["id"]):
            if delivery["status"] in sources(Step.RESEND):
                steps += await self._once_more(row, delivery)
        return await self._act(caller, row, steps, Art.NEUVERSAND, grund)

    async def cancel(self, caller: Caller, message_id: str, command: Reason) -> Answer:
        """An operator ends what has not arrived."""
        self._demand_operator(caller)
        grund = _demand_reason(command)
        row = await self._row(message_id)
        deliveries = await self._ctx.db.fetch("deliveries_of_message", row["id"])
        now = self._ctx.now()
        steps = [
            step
            for delivery in deliveries
            if delivery["status"] in sources(Step.CANCEL)
            for step in step_delivery(delivery, Step.CANCEL, now, last_error=grund)
        ]
        if not deliveries and row["status"] in (*WITHHELD, *UNPLACED):
            source = listed(str(status) for status in (*WITHHELD, *UNPLACED))
            steps.append(Do("move_message", (row["id"], source, str(MessageStatus.STORNIERT), None, now), expect=1))
        return await self._act(caller, row, steps, Art.STORNIERUNG, grund)

    async def _act(self, caller: Caller, row: Row, steps: list[Do], art: Art, grund: str) -> Answer:
        if not steps:
            raise Conflict("Keine Zustellung dieser Nachricht ist in einem Zustand, der das zulässt.", code="status")
        event = self._ctx.event(art, akteur(caller), message_id=row["id"], grund=grund)
        await self._commit(*steps, event)
        return await self._answer(row["id"])

    async def _once_more(self, row: Row, delivery: Row) -> list[Do]:
        partner = await self._ctx.partners.of(delivery["empfaenger"])
        size = sum(part["bytes"] for part in await self._ctx.db.fetch("parts", row["id"]))
        planned = plan(delivery["empfaenger"], partner, test=bool(row["test"]), size=size)
        if planned.status is DeliveryStatus.KLAERUNG:
            raise Conflict(planned.grund or "", code="klaerung")
        notes = json.loads(delivery["wire_headers"] or "{}") | {"neu": delivery["wire_id"] is not None}
        step = Step.PLACE if planned.status is DeliveryStatus.UEBERGEBEN else Step.RESEND
        if step is Step.PLACE and delivery["status"] not in sources(Step.PLACE):
            raise Conflict("Der Empfänger wird jetzt über das Postfach erreicht.", code="weg")
        replan = do(
            "replan_delivery",
            expect=1,
            id=delivery["id"],
            partner_id=planned.partner_id,
            weg=planned.weg,
            wire_headers=json.dumps(notes),
        )
        return [replan, *step_delivery(delivery, step, self._ctx.now())]

    async def _add_recipient(self, caller: Caller, stored: Stored, command: Assignment) -> Answer:
        """One of several recipients could not be placed (2a.5): the operator names it, the others stay."""
        decision = stored.decision
        if command.an in decision.empfaenger or self._ctx.directory.behoerde(command.an, self._ctx.today()) is None:
            raise Invalid("„an“ ist schon Empfänger oder steht nicht im Verzeichnis.", code="an_unbekannt")
        named = Grund(decision.nummer, f"Der Betrieb hat {command.an} als weiteren Empfänger benannt: {command.grund}")
        added = replace(
            decision,
            empfaenger=(*decision.empfaenger, command.an),
            begruendung=(*decision.begruendung, named),
            folgen=tuple(folge for folge in decision.folgen if folge.art != "klaerung"),
        )
        only = replace(added, empfaenger=(command.an,))
        planned = await self._accepting.plan(only, test=bool(stored.row["test"]), size=await self._size(stored.row))
        now = self._ctx.now()
        text = json.dumps(added.as_json(), ensure_ascii=False)
        status = stored.row["status"]
        await self._commit(
            Do("move_message", (stored.row["id"], listed([status]), status, text, now), expect=1),
            *self._deliver(stored, planned, added),
            do("touch_message", expect=1, id=stored.row["id"], now=now),
            do("derive_message_status", id=stored.row["id"], now=now),
            self._ctx.event(
                Art.ZUWEISUNG, akteur(caller), message_id=stored.row["id"], an=command.an, grund=command.grund
            ),
        )
        return await self._answer(stored.row["id"])

    def _assigned(self, stored: Stored, command: Assignment) -> Entscheidung:
        if self._ctx.directory.behoerde(command.an, self._ctx.today()) is None:
            raise Invalid(f"Die Behörde {command.an} steht nicht im Verzeichnis.", code="an_unbekannt")
        if stored.facts is None:
            text = f"Der Betrieb hat die Nachricht {command.an} zugewiesen: {command.grund}"
            reasons = (*stored.decision.begruendung, Grund(stored.decision.nummer, text))
            return replace(stored.decision, entscheidung="zustellen", empfaenger=(command.an,), begruendung=reasons)
        lage = stored.found.lage()
        return weise_zu(stored.decision, stored.facts, lage, self._ctx.directory, an=command.an, grund=command.grund)

    async def _reroute(
        self,
        caller: Caller,
        stored: Stored,
        decision: Entscheidung,
        source: tuple[MessageStatus, ...],
        art: Art,
        grund: str | None,
    ) -> Answer:
        row = stored.row
        planned = await self._accepting.plan(decision, test=bool(row["test"]), size=await self._size(row))
        status = message_status([(p.status, 0) for p in planned]) if planned else MessageStatus(decision.entscheidung)
        duties = self._accepting.vorgaenge.duty_steps(stored.found, row["id"], decision, await self._conditions(row))
        await self._commit(
            do(
                "reroute_message",
                expect=1,
                id=row["id"],
                sources=listed(str(status) for status in source),
                status=str(status),
                entscheidung=json.dumps(decision.as_json(), ensure_ascii=False),
                nummer=decision.nummer,
                vorrang=int(decision.vorrang),
                now=self._ctx.now(),
            ),
            *self._deliver(stored, planned, decision),
            *duties,
            self._ctx.event(art, akteur(caller), message_id=row["id"], grund=grund, entscheidung=decision.entscheidung),
        )
        return await self._answer(row["id"])

    def _deliver(self, stored: Stored, planned: tuple[Planned, ...], decision: Entscheidung) -> list[Do]:
        steps = [
            step
            for one in planned
            for step in delivery_steps(self._ctx, stored.row["id"], one, vorrang=decision.vorrang, at=self._ctx.now())
        ]
        return [*steps, do("insert_readers", message_id=stored.row["id"])]

    async def _conditions(self, row: Row) -> frozenset[str]:
        """Conditional duties that the message's own words open; official messages have none."""
        if row["familie"] == "xjustiz":
            return frozenset()
        parts = await self._ctx.db.fetch("parts", row["id"])
        xml = await self._ctx.content.read_all(parts[0]["content_id"], limit=XML_LIMIT)
        checked = await self._ctx.checker.check(xml, today=clock.day(row["eingang"]), attachments=None)
        return checked.bedingungen

    async def _size(self, row: Row) -> int:
        return sum(part["bytes"] for part in await self._ctx.db.fetch("parts", row["id"]))

    async def _stored(self, row: Row) -> Stored:
        facts = None
        if row["facts"] is not None:
            text = reveal(self._ctx.store_key, f"facts {row['id']}", bytes(row["facts"]))
            facts = Sachverhalt.from_json(json.loads(text))
        decision = restored(json.loads(row["entscheidung"]))
        return Stored(row, facts, decision, await self._accepting.vorgaenge.of_message(row))

    async def _row(self, message_id: str) -> Row:
        row = await self._ctx.db.fetch_one("message", message_id)
        if row is None:
            raise NotFound
        return row

    async def _commit(self, *steps: Do) -> None:
        try:
            await self._ctx.db.commit(*steps)
        except StaleState:
            raise Conflict("Der Zustand der Nachricht hat sich inzwischen geändert.", code="status") from None
        self._wake()

    async def _answer(self, message_id: str) -> Answer:
        row = await self._row(message_id)
        value: dict[str, Any] = {
            "id": row["id"],
            "nachrichten_id": row["eigene_id"],
            "status": row["status"],
            "entscheidung": json.loads(row["entscheidung"]),
        }
        return Answer(200, json.dumps(value, ensure_ascii=False).encode())

    def _demand(self, row: Row, allowed: tuple[MessageStatus, ...], text: str) -> None:
        if row["status"] not in allowed:
            raise Conflict(text, code="status")

    def _demand_operator(self, caller: Caller) -> None:
        if not caller.betrieb:
            raise Forbidden("Das ist dem Betrieb des Gateways vorbehalten.", code="nur_betrieb")


def _demand_reason(command: Reason) -> str:
    if command.grund is None:
        raise Invalid("Nennen Sie den Grund („grund“).", code="grund_fehlt")
    return command.grund


def restored(value: dict[str, Any]) -> Entscheidung:
    """A decision from its stored JSON, the inverse of `Entscheidung.as_json`."""
    return Entscheidung(
        value["entscheidung"],
        value["nummer"],
        tuple(Grund(**grund) for grund in value["begruendung"]),
        tuple(value["empfaenger"]),
        value["vorlaeufig"],
        value["vorrang"],
        tuple(Hinweis(**hinweis) for hinweis in value["hinweise"]),
        tuple(_frist(frist) for frist in value["fristen"]),
        tuple(Folge(**folge) for folge in value["folgen"]),
        tuple((werk["name"], werk["fassung"]) for werk in value["regelwerk"]),
    )


def _frist(value: dict[str, Any]) -> Frist:
    return Frist(value["nummer"], date.fromisoformat(value["faellig_am"]), value["pflichtig"], value["text"])
