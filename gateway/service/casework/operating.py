"""What a person does with a message: release, assign, resend, cancel (contracts.md section 5).

Promises: each act needs its reason and is an event; a release or an assignment decides once more, by the rules and the
Vorgang of now, in one commit with its deliveries; of two acts at once one happens and the other is told.
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
from gateway.errors import Conflict, Forbidden, Invalid, NotFound, Overloaded
from gateway.events import Art
from gateway.message import Answer, Caller, Geprueft
from gateway.route.assignment import consequences
from gateway.route.plan import Planned, plan
from gateway.route.vorgang import withheld
from gateway.service.arrival.accepting import Accepting, clearing_steps, decide, delivery_steps
from gateway.service.casework.forwarding import Forwarding
from gateway.service.casework.vorgaenge import RACES, Found, is_race
from gateway.service.context import Context, akteur
from gateway.service.steps import step_delivery
from gateway.service.upkeep.purging import demand_content
from gateway.service.upkeep.restoring import RESTORED
from gateway.service.words import decided
from gateway.states import (
    Actor,
    DeliveryStatus,
    MessageStatus,
    MessageStep,
    Step,
    message_sources,
    message_status,
    sources,
)
from gateway.store.content import reveal
from gateway.store.database import AlreadyThere, Do, Row, StaleState
from gateway.store.steps import do, listed, status_follows
from routing import Entscheidung, Folge, Frist, Grund, Hinweis, Sachverhalt, weise_zu

XML_LIMIT = 8 * 1024 * 1024
"""Largest XML part (gateway/accept/form.py)."""
RESENT = sources(Step.RESEND, Actor.OPERATOR)
CANCELLED = sources(Step.CANCEL, Actor.OPERATOR)
CANCELLED_TEXT = "Der Betrieb hat die Zustellung beendet."
"""Stands at the delivery for ever; why, in whose words, stands beside the event and goes with the content."""
UNPLACED = message_sources(MessageStep.ASSIGN, Actor.OPERATOR)


@dataclass(frozen=True)
class Stored:
    """A stored message as far as a new decision needs it."""

    row: Row
    facts: Sachverhalt | None
    decision: Entscheidung
    found: Found
    revealing: tuple[Do, ...]
    """What makes a withheld notice count, once it goes out."""


@dataclass(frozen=True)
class Act:
    """Who does what, and why."""

    caller: Caller
    art: Art
    grund: str | None
    source: frozenset[MessageStatus]
    """Where the message must be."""


class Operating:
    """Acts of people."""

    def __init__(self, ctx: Context, accepting: Accepting, forwarding: Forwarding, wake: Callable[[], None]) -> None:
        self._ctx = ctx
        self._accepting = accepting
        self._forwarding = forwarding
        self._wake = wake

    async def release(self, caller: Caller, message_id: str, command: Reason) -> Answer:
        """A withheld notice goes out: by its sender, or by an operator on the sender's recorded instruction (Nr. 1)."""
        row = await self._row(message_id)
        sender = row["absender"] in caller.behoerden
        if not sender and not caller.betrieb:
            raise _only_operators() if caller.revision else NotFound
        if not sender and command.grund is None:
            raise Invalid("Nennen Sie die Weisung des Absenders („grund“).", code="grund_fehlt")
        source = message_sources(MessageStep.RELEASE, Actor.SENDER if sender else Actor.OPERATOR)
        self._demand(row, source, "Die Nachricht ist nicht zurückgestellt.")
        named = f"Der Betrieb gibt auf Weisung des Absenders frei: {command.grund}"
        released = Grund("1", "Der Absender hat die Mitteilung freigegeben." if sender else named)

        def freed(stored: Stored) -> Entscheidung:
            return self._released(stored, released)

        return await self._anew(Act(caller, Art.FREIGABE, command.grund, source), row, freed)

    async def assign(self, caller: Caller, message_id: str, command: Assignment) -> Answer:
        """An operator places what no rule could place: a notice, one recipient of several, or a forward."""
        self._demand_operator(caller)
        row = await self._row(message_id)
        if row["status"] in UNPLACED and not await self._ctx.db.fetch("deliveries_of_message", row["id"]):
            act = Act(caller, Art.ZUWEISUNG, command.grund, UNPLACED)
            return await self._anew(act, row, lambda stored: self._assigned(stored, command))
        waiting = await self._ctx.db.fetch("clearings_of_message", row["id"])
        if not waiting:
            self._demand(row, UNPLACED, "Die Nachricht wartet nicht auf eine Klärung.")
            raise Conflict("Der Empfänger steht fest; hier hilft „resend“.", code="status")
        point = next((each for each in waiting if each["empfaenger"] == command.an), waiting[0])
        if point["forwarder"] is not None:
            return await self._forwarding.complete(caller, point, command.an, command.grund)
        return await self._add_recipient(caller, row, point, command)

    async def resend(self, caller: Caller, message_id: str, command: Reason) -> Answer:
        """An operator sends once more what ended or waits for a person, by the agreement of today, sealed anew."""
        self._demand_operator(caller)
        grund = _demand_reason(command)
        row = await self._row(message_id)
        demand_content(row)
        steps: list[Do] = []
        for delivery in await self._ctx.db.fetch("deliveries_of_message", row["id"]):
            if delivery["status"] in RESENT:
                steps += await self._once_more(row, delivery)
        return await self._act(caller, row, steps, Art.NEUVERSAND, grund)

    async def cancel(self, caller: Caller, message_id: str, command: Reason) -> Answer:
        """An operator ends what has not arrived."""
        self._demand_operator(caller)
        grund = _demand_reason(command)
        row = await self._row(message_id)
        deliveries = await self._ctx.db.fetch("deliveries_of_message", row["id"])
        waiting = await self._ctx.db.fetch("clearings_of_message", row["id"])
        now = self._ctx.now()
        steps = [
            step
            for delivery in deliveries
            if delivery["status"] in CANCELLED
            for step in step_delivery(delivery, Step.CANCEL, Actor.OPERATOR, now, last_error=CANCELLED_TEXT)
        ]
        steps += [do("finish_clearing", expect=1, id=point["id"], now=now) for point in waiting]
        source = message_sources(MessageStep.CANCEL, Actor.OPERATOR)
        if not deliveries and row["status"] in source:
            steps.append(
                Do("move_message", (row["id"], listed(source), str(MessageStatus.STORNIERT), None, now), expect=1)
            )
        if steps and all(_ends(delivery["status"]) for delivery in deliveries):
            steps += await self._nothing_left(row)
        return await self._act(caller, row, steps, Art.STORNIERUNG, grund)

    async def _nothing_left(self, row: Row) -> list[Do]:
        """A message that reaches nobody obliges nobody; a forward may be made once more."""
        now = self._ctx.now()
        duties = [duty for duty in await self._ctx.db.fetch("duties_of_message", row["id"]) if duty["done"] is None]
        ended = [do("fulfil_duty", id=duty["id"], done=now, done_by=row["id"]) for duty in duties]
        return [*ended, do("free_forward_target", message_id=row["id"])]

    async def _act(self, caller: Caller, row: Row, steps: list[Do], art: Art, grund: str) -> Answer:
        if not steps:
            raise Conflict("Keine Zustellung dieser Nachricht ist in einem Zustand, der das zulässt.", code="status")
        event = self._ctx.event(art, akteur(caller), message_id=row["id"], worte=grund)
        await self._commit(*steps, event)
        return await self._answer(row["id"])

    async def _once_more(self, row: Row, delivery: Row) -> list[Do]:
        partner = await self._ctx.partners.of(delivery["empfaenger"])
        planned = plan(delivery["empfaenger"], partner, test=bool(row["test"]), size=await self._size(row))
        if planned.status is DeliveryStatus.KLAERUNG:
            raise Conflict(planned.grund or "", code="klaerung")
        notes = json.loads(delivery["wire_headers"] or "{}") | {"neu": delivery["wire_id"] is not None}
        notes.pop(RESTORED, None)  # whoever sends it again has asked the recipient
        step = Step.PLACE if planned.status is DeliveryStatus.UEBERGEBEN else Step.RESEND
        replan = do(
            "replan_delivery",
            expect=1,
            id=delivery["id"],
            partner_id=planned.partner_id,
            weg=planned.weg,
            wire_headers=json.dumps(notes),
        )
        return [
            replan,
            *step_delivery(delivery, step, Actor.OPERATOR, self._ctx.now()),
            *self._placed(delivery, planned),
        ]

    def _placed(self, delivery: Row, planned: Planned) -> list[Do]:
        """The event of an entry that now lies in the inbox."""
        if planned.status is not DeliveryStatus.UEBERGEBEN:
            return []
        detail = {"weg": planned.weg, "empfaenger": planned.empfaenger}
        ids = {"message_id": delivery["message_id"], "delivery_id": delivery["id"]}
        return [self._ctx.event(Art.UEBERGABE, self._ctx.self_akteur, **ids, **detail)]

    async def _add_recipient(self, caller: Caller, row: Row, point: Row, command: Assignment) -> Answer:
        """One of several recipients could not be placed (2a.5): the operator names it, the others stay."""
        stored = await self._stored(row)
        decision = stored.decision
        if command.an in decision.empfaenger or self._ctx.directory.behoerde(command.an, self._ctx.today()) is None:
            raise Invalid("„an“ ist schon Empfänger oder steht nicht im Verzeichnis.", code="an_unbekannt")
        text = f"Der Betrieb hat {command.an} als weiteren Empfänger benannt: {command.grund}"
        follows = tuple(folge for folge in self._consequences(stored, command.an) if folge.pflichtig == command.an)
        added = replace(
            decision,
            empfaenger=(*decision.empfaenger, command.an),
            begruendung=(*decision.begruendung, Grund(point["nummer"], text)),
            folgen=(*_without(decision.folgen, point), *follows),
        )
        only = replace(added, empfaenger=(command.an,), folgen=follows, fristen=())
        planned = await self._accepting.plan(only, test=bool(row["test"]), size=await self._size(row))
        now, after = self._ctx.now(), json.dumps(added.as_json(), ensure_ascii=False)
        await self._commit(
            do("finish_clearing", expect=1, id=point["id"], now=now),
            do("amend_decision", expect=1, id=row["id"], before=row["entscheidung"], after=after, now=now),
            do("insert_forward_target", expect=1, original_id=row["id"], empfaenger=command.an, message_id=row["id"]),
            *self._deliver(row, planned, added),
            *status_follows(row["id"], now),
            *self._accepting.duties.steps(stored.found, row["id"], only),
            self._ctx.event(
                Art.ZUWEISUNG,
                akteur(caller),
                message_id=row["id"],
                an=command.an,
                worte=command.grund,
                **decided(after),
            ),
        )
        return await self._answer(row["id"])

    def _released(self, stored: Stored, released: Grund) -> Entscheidung:
        """The decision of now; where the rules still cannot place it, whom an operator had named."""
        if stored.facts is None:
            raise Conflict("Zu dieser Nachricht ist kein Sachverhalt gespeichert.", code="kein_sachverhalt")
        received = clock.day(stored.row["eingang"])
        today = self._ctx.today()
        facts = replace(stored.facts, stand=today) if stored.facts.stand == received else stored.facts
        decision = decide(self._ctx, facts, stored.found.lage(freigegeben=True))
        if decision.entscheidung == "klaerung" and stored.decision.empfaenger:
            an = stored.decision.empfaenger[0]
            follows = self._consequences(stored, an)
            reasons = tuple(grund for grund in stored.decision.begruendung if grund.nummer != "1")
            decision = replace(
                decision, entscheidung="zustellen", empfaenger=(an,), begruendung=reasons, folgen=follows
            )
        return replace(decision, begruendung=(released, *decision.begruendung))

    def _assigned(self, stored: Stored, command: Assignment) -> Entscheidung:
        if self._ctx.directory.behoerde(command.an, self._ctx.today()) is None:
            raise Invalid(f"Die Behörde {command.an} steht nicht im Verzeichnis.", code="an_unbekannt")
        if stored.facts is None:
            text = f"Der Betrieb hat die Nachricht {command.an} zugewiesen: {command.grund}"
            reasons = (*stored.decision.begruendung, Grund(stored.decision.nummer, text))
            return replace(stored.decision, entscheidung="zustellen", empfaenger=(command.an,), begruendung=reasons)
        lage = stored.found.lage()
        facts = replace(stored.facts, stand=self._ctx.today())
        placed = weise_zu(stored.decision, facts, lage, self._ctx.directory, an=command.an, grund=command.grund)
        if placed.entscheidung != "zustellen":
            return placed
        return replace(placed, folgen=(*placed.folgen, *self._consequences(stored, command.an)))

    def _consequences(self, stored: Stored, an: str) -> tuple[Folge, ...]:
        if stored.facts is None:
            return ()
        lage = stored.found.lage()
        return consequences(stored.facts, an, lambda facts: decide(self._ctx, facts, lage))

    async def _anew(self, act: Act, row: Row, decide_anew: Callable[[Stored], Entscheidung]) -> Answer:
        """Decide a message once more; again, where its Vorgang changed at the same moment."""
        for _ in range(RACES):
            stored = await self._stored(row)
            try:
                return await self._reroute(act, stored, decide_anew(stored))
            except (AlreadyThere, StaleState) as race:
                if not is_race(race):
                    raise
        raise Overloaded(retry_after=1)

    async def _reroute(self, act: Act, stored: Stored, decision: Entscheidung) -> Answer:
        row = stored.row
        planned = await self._accepting.plan(decision, test=bool(row["test"]), size=await self._size(row))
        status = message_status([(p.status, 0) for p in planned]) if planned else MessageStatus(decision.entscheidung)
        duties, unchanged = self._accepting.duties, self._accepting.vorgaenge.unchanged_steps(stored.found)
        steps = duties.steps(stored.found, row["id"], decision, await self._words(row))
        if act.art is Art.FREIGABE:
            steps.insert(0, duties.made_up(stored.found, row["id"], row["absender"]))
        if decision.entscheidung == "zustellen":
            steps = [*stored.revealing, *steps]
        text = json.dumps(decision.as_json(), ensure_ascii=False)
        await self._commit(
            do(
                "reroute_message",
                expect=1,
                id=row["id"],
                sources=listed(act.source),
                status=str(status),
                entscheidung=text,
                nummer=decision.nummer,
                vorrang=int(decision.vorrang),
                now=self._ctx.now(),
            ),
            *self._deliver(row, planned, decision),
            *unchanged,
            *steps,
            *clearing_steps(self._ctx, row["id"], decision),
            self._ctx.event(act.art, akteur(act.caller), message_id=row["id"], worte=act.grund, **decided(text)),
        )
        return await self._answer(row["id"])

    def _deliver(self, row: Row, planned: tuple[Planned, ...], decision: Entscheidung) -> list[Do]:
        steps = [
            step
            for one in planned
            for step in delivery_steps(self._ctx, row["id"], one, vorrang=decision.vorrang, at=self._ctx.now())
        ]
        return [*steps, do("insert_readers", message_id=row["id"])]

    async def _words(self, row: Row) -> Geprueft | None:
        """What the message's own words say of duties; official messages say nothing."""
        if row["familie"] == "xjustiz":
            return None
        parts = await self._ctx.db.fetch("parts", row["id"])
        xml = await self._ctx.content.read_all(parts[0]["content_id"], limit=XML_LIMIT)
        return await self._ctx.checker.check(xml, today=clock.day(row["eingang"]), attachments=None)

    async def _size(self, row: Row) -> int:
        return sum(part["bytes"] for part in await self._ctx.db.fetch("parts", row["id"]))

    async def _stored(self, row: Row) -> Stored:
        facts = None
        if row["facts"] is not None:
            text = reveal(self._ctx.store_key, f"facts {row['id']}", bytes(row["facts"]))
            facts = Sachverhalt.from_json(json.loads(text))
        decision = restored(json.loads(row["entscheidung"]))
        if withheld(decision, facts, self._ctx.directory):
            found, steps = await self._accepting.vorgaenge.reveal(row)
            return Stored(row, facts, decision, found, tuple(steps))
        return Stored(row, facts, decision, await self._accepting.vorgaenge.of_message(row), ())

    async def _row(self, message_id: str) -> Row:
        row = await self._ctx.db.fetch_one("message", message_id)
        if row is None:
            raise NotFound
        return row

    async def _commit(self, *steps: Do) -> None:
        try:
            await self._ctx.db.commit(*steps)
        except StaleState as stale:
            if stale.query == "insert_forward_target":
                raise Invalid("Diese Behörde hat die Mitteilung bereits erhalten.", code="an_unbekannt") from None
            if is_race(stale):
                raise
            raise Conflict(
                "Der Zustand der Nachricht hat sich inzwischen geändert. "
                "Prüfen Sie, was jetzt gilt, und entscheiden Sie neu.",
                code="status",
            ) from None
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

    def _demand(self, row: Row, allowed: frozenset[MessageStatus], text: str) -> None:
        if row["status"] not in allowed:
            raise Conflict(text, code="status")

    def _demand_operator(self, caller: Caller) -> None:
        if not caller.betrieb:
            raise _only_operators()


def _only_operators() -> Forbidden:
    return Forbidden("Das ist dem Betrieb des Gateways vorbehalten.", code="nur_betrieb")


def _demand_reason(command: Reason) -> str:
    if command.grund is None:
        raise Invalid("Nennen Sie den Grund („grund“).", code="grund_fehlt")
    return command.grund


def _ends(status: str) -> bool:
    """Whether a delivery is cancelled, or was."""
    return status == DeliveryStatus.STORNIERT or status in CANCELLED


def _without(folgen: tuple[Folge, ...], point: Row) -> tuple[Folge, ...]:
    """The Folgen without the one that an operator has settled."""
    settled = next(
        (f for f in folgen if f.art == "klaerung" and (f.nummer, f.text) == (point["nummer"], point["text"])), None
    )
    return tuple(folge for folge in folgen if folge is not settled)


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
