"""Vorgänge: which messages belong together, and what they add to the next one (contracts.md section 5).

Promises: a message joins the Vorgang that shares its AZR-Nummer and one (authority, Aktenzeichen), else that of the
message that its `fremdeNachrichtenID` names, else it starts one; two messages that start the same Vorgang at once end
in one. A withheld notice (Nr. 1) joins likewise, but nothing joins by it: what others see of a Vorgang, and which
messages share one, is as if it were not there. Once released it counts as any other.
What is decided by a Vorgang becomes durable only while nothing else joined it, nor the Vorgang of the notice that it
refers to: no correction misses a forward.
Fails: the commit raises `AlreadyThere` or `StaleState` that `is_race` knows when another message was quicker: find
again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from gateway.message import Kopf
from gateway.route.chain import WEITERLEITUNG
from gateway.route.vorgang import Bezug, Entry, bezug_of, entries, vorgangslage
from gateway.service.context import Context
from gateway.store.content import blind_index, conceal
from gateway.store.database import AlreadyThere, Do, Row, StaleState
from gateway.store.steps import do, listed
from routing import Sachverhalt, Vorgangslage

RACES = 20
"""How often something is decided anew because another message was quicker: so many of one person at once are none."""
CORRECTIONS = 1_000
"""Corrections of one notice that follow a forward: more are no corrections."""
REFERENCES = 20
"""Corrections of corrections that are followed to the notice itself: more would be a circle."""


@dataclass(frozen=True, order=True)
class Mark:
    """One (authority, Aktenzeichen) of a message."""

    authority: str
    aktenzeichen: str


@dataclass(frozen=True)
class Found:
    """The Vorgang of a message, existing or new."""

    id: str
    new: bool
    entries: tuple[Entry, ...] = ()
    bezug: Bezug | None = None
    taken_in: tuple[str, ...] = ()
    """Vorgänge of withheld notices alone that share a mark with the message: they go into this one."""
    changed: int | None = None
    """When something last joined it, before this was read; None: whatever joined it since does not matter."""
    beside: tuple[str, int] | None = None
    """Another Vorgang, which holds the notice that the message refers to; and when something last joined that one."""
    own_withheld: str | None = None
    """The one of them that holds the sender's own: where a further withheld notice of the sender goes."""

    def lage(self, *, freigegeben: bool = False) -> Vorgangslage:
        """What it adds to the message."""
        return vorgangslage(self.entries, self.bezug, freigegeben=freigegeben)


def is_race(failure: AlreadyThere | StaleState) -> bool:
    """Whether another message started the same Vorgang, or joined it, since it was read."""
    if isinstance(failure, AlreadyThere):
        return failure.constraint == "vorgang_mark_identity"
    return failure.query == "touch_vorgang"


def marks_of(kopf: Kopf, facts: Sachverhalt | None) -> list[Mark]:
    """Every (authority, Aktenzeichen) that a message names, each once."""
    pairs = [(kopf.absender, kopf.aktenzeichen), (kopf.empfaenger, kopf.aktenzeichen_empfaenger)]
    for verfahren in (facts.verfahren or ()) if facts else ():
        pairs += [(verfahren.staatsanwaltschaft, verfahren.aktenzeichen), (verfahren.gericht, verfahren.aktenzeichen)]
    return [Mark(authority, number) for authority, number in dict.fromkeys(pairs) if authority and number]


class Vorgaenge:
    """Finds Vorgänge, and makes the statements that extend them."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def find(self, kopf: Kopf, facts: Sachverhalt | None) -> Found:
        """The Vorgang that a new message belongs to."""
        referred = await self._referred(kopf.absender or "", kopf.fremde_id)
        pairs = self._indexed(marks_of(kopf, facts))
        azr = self._index("azr_nummer", kopf.azr_nummer) if kopf.azr_nummer else None
        found = await self._load(await self._matching(azr, pairs), referred)
        withheld = await self._withheld(azr, pairs)
        own = next((row["vorgang_id"] for row in withheld if row["absender"] == kopf.absender), None)
        return replace(found, taken_in=_others(withheld, found.id), own_withheld=own)

    async def of_message(self, message: Row) -> Found:
        """The Vorgang of a stored message, without the message itself."""
        referred = await self._referred(message["absender"], message["fremde_id"])
        return _without(message["id"], await self._load(await self._of(message["id"]), referred))

    async def of_reference(self, message_id: str) -> Found:
        """The Vorgang of a stored message, for a message of the gateway that is about it."""
        return await self._load(await self._of(message_id), None)

    async def corrections(self, notice: Row) -> list[Row]:
        """Messages by which its sender corrected a notice, and corrections of these, that were sent to somebody."""
        found: dict[str, Row] = {}
        ids = [notice["eigene_id"]]
        while ids and len(found) < CORRECTIONS:
            rows = await self._ctx.db.fetch("corrections_of", ids.pop(0), notice["absender"])
            new = [row for row in rows if row["id"] not in found]
            found |= {row["id"]: row for row in new}
            ids += [row["eigene_id"] for row in new]
        sent = entries(found.values(), ())
        return sorted((entry.message for entry in sent), key=lambda row: (row["eingang"], row["id"]))

    def join_steps(self, found: Found, message_id: str, kopf: Kopf, facts: Sachverhalt | None) -> list[Do]:
        """Statements by which a message joins its Vorgang."""
        steps = [*self._enter(found, message_id), *self._name(message_id, kopf, facts)]
        if kopf.azr_nummer is not None:
            azr = self._index("azr_nummer", kopf.azr_nummer)
            steps += self._marks(found.id, azr, self._indexed(marks_of(kopf, facts)), claim=found.new)
        if not found.new and found.bezug is not None:
            steps.append(do("clear_withheld_marks", vorgang_id=found.id))  # of a withheld notice that it refers to
        return steps + _take_in(found.taken_in, found.id)

    def unchanged_steps(self, found: Found) -> list[Do]:
        """Statements that hold only while nothing joined what was read; what was read by others holds no longer."""
        read = [] if found.new else [(found.id, found.changed)]
        seen: list[tuple[str, int | None]] = sorted([*read, *([found.beside] if found.beside else [])])
        now = self._ctx.now()
        return [do("touch_vorgang", expect=1, id=id_, before=changed, now=now) for id_, changed in seen]

    def withhold_steps(self, found: Found, message_id: str, kopf: Kopf, facts: Sachverhalt | None) -> list[Do]:
        """Statements by which a withheld notice joins its Vorgang: nobody else's message will join by it."""
        place = withheld_place(found)
        steps = [*self._enter(place, message_id), *self._name(message_id, kopf, facts)]
        if not found.new or kopf.azr_nummer is None:
            return steps
        azr = self._index("azr_nummer", kopf.azr_nummer)
        return steps + [
            do(
                "insert_withheld_mark",
                azr_index=azr,
                authority=authority,
                aktenzeichen_index=number,
                absender=kopf.absender or "",
                vorgang_id=place.id,
            )
            for authority, number in self._indexed(marks_of(kopf, facts))
        ]

    async def reveal(self, message: Row) -> tuple[Found, list[Do]]:
        """A withheld notice begins to count: its Vorgang from now on, and the statements that make it so."""
        current = await self._of(message["id"])
        assert current is not None, message["id"]
        pairs = [(r["authority"], r["aktenzeichen_index"]) for r in await self._rows("message_marks", message["id"])]
        azr = message["azr_index"]
        alone = bool(await self._rows("withheld_marks_of_vorgang", current))
        other = await self._matching(azr, pairs) if alone else None
        target = other or current
        referred = await self._referred(message["absender"], message["fremde_id"])
        found = _without(message["id"], await self._load(target, referred))
        steps = _take_in((current,), target) if target != current else []
        if azr is not None:
            steps += self._marks(target, azr, pairs, claim=alone and other is None)
        steps.append(do("clear_withheld_marks", vorgang_id=target))
        withheld = [row for row in await self._withheld(azr, pairs) if row["vorgang_id"] != current]
        return found, steps + _take_in(_others(withheld, target), target)

    def _enter(self, found: Found, message_id: str) -> list[Do]:
        now = self._ctx.now()
        opening = [do("insert_vorgang", id=found.id, now=now)] if found.new else []
        entered = do("insert_vorgang_message", message_id=message_id, vorgang_id=found.id, now=now)
        return [*opening, *self.unchanged_steps(found), entered]

    def _name(self, message_id: str, kopf: Kopf, facts: Sachverhalt | None) -> list[Do]:
        """What the message names, whoever may see it later."""
        return [
            do(
                "insert_message_mark",
                message_id=message_id,
                authority=mark.authority,
                aktenzeichen_index=self._index("aktenzeichen", mark.aktenzeichen),
                aktenzeichen=conceal(self._ctx.store_key, f"aktenzeichen {message_id}", mark.aktenzeichen),
            )
            for mark in marks_of(kopf, facts)
        ]

    def _marks(self, vorgang_id: str, azr: str, pairs: Iterable[tuple[str, str]], *, claim: bool) -> list[Do]:
        query, now = "claim_vorgang_mark" if claim else "insert_vorgang_mark", self._ctx.now()
        return [Do(query, (azr, authority, number, vorgang_id, now)) for authority, number in pairs]

    async def _matching(self, azr: str | None, pairs: Collection[tuple[str, str]]) -> str | None:
        """The Vorgang that shares the AZR-Nummer and a mark; the oldest where there are several."""
        if azr is None or not pairs:
            return None
        rows = await self._rows("marks_of_azr", azr)
        matches = [row for row in rows if (row["authority"], row["aktenzeichen_index"]) in pairs]
        first = min(matches, key=lambda row: (row["created"], row["vorgang_id"]), default=None)
        return first["vorgang_id"] if first else None

    async def _withheld(self, azr: str | None, pairs: Collection[tuple[str, str]]) -> list[Row]:
        """Marks of withheld notices that are among these."""
        if azr is None or not pairs:
            return []
        rows = await self._rows("withheld_marks_of_azr", azr)
        return [row for row in rows if (row["authority"], row["aktenzeichen_index"]) in pairs]

    async def _referred(self, absender: str, fremde_id: str | None) -> Row | None:
        """The notice that `fremdeNachrichtenID` leads to, if the sender sent or received it.

        A forward leads to what was forwarded, a correction to what it corrects.
        """
        row: Row | None = None
        for _ in range(REFERENCES):
            named = await self._named(absender, fremde_id) if fremde_id else None
            if named is None or (row is not None and named["id"] == row["id"]):
                break
            row = named
            if row["wurzel"] == WEITERLEITUNG and row["bezug_id"] is not None:
                row = await self._ctx.db.fetch_one("message", row["bezug_id"])
            if row is None or row["anlass"] != "berichtigung":
                break
            absender, fremde_id = row["absender"], row["fremde_id"]
        return row

    async def _named(self, absender: str, eigene_id: str) -> Row | None:
        for row in await self._rows("messages_by_own_id", eigene_id.lower()):
            if row["absender"] == absender or absender in await self._recipients(row):
                return await self._ctx.db.fetch_one("message", row["id"])
        return None

    async def _recipients(self, message: Row) -> set[str]:
        """Everybody who was sent a message, by routing or by forwarding."""
        return {row["empfaenger"] for row in await self._deliveries(message)}

    async def _deliveries(self, message: Row) -> list[Row]:
        about = await self._rows("messages_about", message["id"])
        ids = [message["id"], *(row["id"] for row in about if row["wurzel"] == WEITERLEITUNG)]
        return await self._rows("recipients_of_messages", listed(ids))

    async def _of(self, message_id: str) -> str | None:
        row = await self._ctx.db.fetch_one("vorgang_of_message", message_id)
        return row["vorgang_id"] if row else None

    async def _load(self, vorgang_id: str | None, referred: Row | None) -> Found:
        """A Vorgang, or that of the notice that a message refers to, or a new one."""
        of_referred = await self._of(referred["id"]) if referred else None
        vorgang_id = vorgang_id or of_referred
        changed = await self._changed(vorgang_id)  # before all else: whatever joins from now on is noticed
        joined = await self._changed(of_referred) if of_referred != vorgang_id else None
        beside = (of_referred, joined) if of_referred and joined is not None else None
        bezug = bezug_of(referred, await self._deliveries(referred)) if referred else None
        if vorgang_id is None:
            return Found(str(uuid.uuid4()), new=True, bezug=bezug)
        messages = await self._rows("vorgang_messages", vorgang_id)
        deliveries = await self._rows("vorgang_deliveries", vorgang_id)
        known = tuple(entries(messages, deliveries))
        return Found(vorgang_id, new=False, entries=known, bezug=bezug, changed=changed, beside=beside)

    async def _changed(self, vorgang_id: str | None) -> int | None:
        row = await self._ctx.db.fetch_one("vorgang", vorgang_id) if vorgang_id else None
        return row["changed"] if row else None

    async def _rows(self, query: str, value: str) -> list[Row]:
        return await self._ctx.db.fetch(query, value)

    def _indexed(self, marks: Iterable[Mark]) -> list[tuple[str, str]]:
        return [(mark.authority, self._index("aktenzeichen", mark.aktenzeichen)) for mark in marks]

    def _index(self, field: str, value: str) -> str:
        return blind_index(self._ctx.store_key, field, value)  # type: ignore[arg-type]


def withheld_place(found: Found) -> Found:
    """Where a withheld notice goes: beside the sender's other withheld ones while nothing else shares its marks."""
    if found.new and found.own_withheld is not None:
        return replace(found, id=found.own_withheld, new=False, changed=None)
    return found


def facts_step(ctx: Context, message_id: str, facts: Sachverhalt | None) -> list[Do]:
    """The statement that keeps a message's facts, encrypted, for a later decision."""
    if facts is None:
        return []
    text = json.dumps(facts.as_json(), ensure_ascii=False)
    return [do("keep_facts", message_id=message_id, facts=conceal(ctx.store_key, f"facts {message_id}", text))]


def _without(message_id: str, found: Found) -> Found:
    return replace(found, entries=tuple(entry for entry in found.entries if entry.message["id"] != message_id))


def _others(marks: Iterable[Row], vorgang_id: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row["vorgang_id"] for row in marks if row["vorgang_id"] != vorgang_id))


def _take_in(vorgang_ids: Iterable[str], into: str) -> list[Do]:
    """Withheld notices go over into a Vorgang that shares their marks: for their sender they stand in it."""
    steps = []
    for each in vorgang_ids:
        steps += [
            do("move_vorgang_messages", from_id=each, to_id=into),
            do("move_vorgang_duties", from_id=each, to_id=into),
            do("clear_withheld_marks", vorgang_id=each),
        ]
    return steps
