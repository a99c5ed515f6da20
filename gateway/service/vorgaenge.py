"""Vorgänge: which messages belong together, what they add to the next one, which duties they open (contracts.md 5).

Promises: a message joins the Vorgang that shares its AZR-Nummer and one (authority, Aktenzeichen), else that of the
message that its `fremdeNachrichtenID` names, else it starts one; two messages that start the same Vorgang at once end
in one. A withheld message adds nothing that anybody but its sender could notice.
Fails: the commit raises `AlreadyThere("vorgang_mark_identity")` when another message was quicker: find again.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from gateway.message import Kopf
from gateway.route.vorgang import Bezug, Entry, bezug_of, entries, vorgangslage
from gateway.service.context import Context, new_id
from gateway.store.content import blind_index, conceal
from gateway.store.database import Do, Row
from gateway.store.steps import do, listed
from routing import Entscheidung, Folge, Sachverhalt, Vorgangslage

RACE = "vorgang_mark_identity"
"""The constraint that tells that another message started the same Vorgang."""


@dataclass(frozen=True)
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

    def lage(self, *, freigegeben: bool = False) -> Vorgangslage:
        """What it adds to the message."""
        return vorgangslage(self.entries, self.bezug, freigegeben=freigegeben)


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
        referred = await self._referred(kopf)
        vorgang_id = await self._by_marks(kopf, facts)
        if vorgang_id is None and referred is not None:
            vorgang_id = await self._of(referred["id"])
        return await self._load(vorgang_id, referred)

    async def of_message(self, message: Row) -> Found:
        """The Vorgang of a stored message, without the message itself."""
        referred = await self._referred_by(message["absender"], message["fremde_id"])
        found = await self._load(await self._of(message["id"]), referred)
        others = tuple(entry for entry in found.entries if entry.message["id"] != message["id"])
        return Found(found.id, found.new, others, found.bezug)

    async def of_reference(self, message_id: str) -> Found:
        """The Vorgang of a stored message, for a message of the gateway that is about it."""
        return await self._load(await self._of(message_id), None)

    def join_steps(self, found: Found, message_id: str, kopf: Kopf, facts: Sachverhalt | None) -> list[Do]:
        """Statements by which a message joins its Vorgang."""
        now = self._ctx.now()
        opening = do("insert_vorgang", id=found.id, now=now) if found.new else do("touch_vorgang", id=found.id, now=now)
        query = "claim_vorgang_mark" if found.new else "insert_vorgang_mark"
        steps = [opening, do("insert_vorgang_message", message_id=message_id, vorgang_id=found.id, now=now)]
        if kopf.azr_nummer is None:
            return steps
        azr = self._index("azr_nummer", kopf.azr_nummer)
        for mark in marks_of(kopf, facts):
            number = conceal(self._ctx.store_key, f"aktenzeichen {found.id}", mark.aktenzeichen)
            index = self._index("aktenzeichen", mark.aktenzeichen)
            steps.append(Do(query, (azr, mark.authority, index, found.id, message_id, number, now)))
        return steps

    def duty_steps(
        self, found: Found, message_id: str, decision: Entscheidung, conditions: Collection[str] = ()
    ) -> list[Do]:
        """Statements that open and fulfil duties, as the decision says.

        Args:
            found: the Vorgang.
            message_id: the message that was decided.
            decision: its decision; only what is sent opens duties, what is `entbehrlich` may fulfil one.
            conditions: numbers whose conditional duty the message makes real (2.6 granted, 5.1 follows).
        """
        if decision.entscheidung not in ("zustellen", "entbehrlich"):
            return []
        steps = [self._fulfilled(found, message_id, f) for f in decision.folgen if f.art == "erledigt" and f.pflichtig]
        if decision.entscheidung == "entbehrlich":
            return steps
        today = self._ctx.today().isoformat()
        opened = [
            (folge.nummer, folge.pflichtig, today, folge.text)
            for folge in decision.folgen
            if _opens(folge.art, folge.nummer, decision, conditions)
        ]
        opened += [(f.nummer, f.pflichtig, f.faellig_am.isoformat(), f.text) for f in decision.fristen]
        return steps + [self._open(found, message_id, n, who, day, text) for n, who, day, text in opened if who]

    def _fulfilled(self, found: Found, message_id: str, folge: Folge) -> Do:
        return do(
            "fulfil_duties",
            vorgang_id=found.id,
            nummer=folge.nummer,
            pflichtig=folge.pflichtig,
            done=self._ctx.now(),
            done_by=message_id,
        )

    def _open(self, found: Found, message_id: str, nummer: str, pflichtig: str, day: str, text: str) -> Do:
        return do(
            "insert_duty",
            id=new_id(),
            vorgang_id=found.id,
            message_id=message_id,
            nummer=nummer,
            pflichtig=pflichtig,
            faellig_am=day,
            text=text,
            opened=self._ctx.now(),
        )

    async def _referred(self, kopf: Kopf) -> Row | None:
        return await self._referred_by(kopf.absender or "", kopf.fremde_id)

    async def _referred_by(self, absender: str, fremde_id: str | None) -> Row | None:
        """The message that `fremdeNachrichtenID` names, if the sender sent or received it."""
        if fremde_id is None:
            return None
        for row in await self._ctx.db.fetch("messages_by_own_id", fremde_id):
            received = await self._ctx.db.fetch_one("message_for_recipient", row["id"], listed([absender]))
            if row["absender"] == absender or received is not None:
                return await self._ctx.db.fetch_one("message", row["id"])
        return None

    async def _by_marks(self, kopf: Kopf, facts: Sachverhalt | None) -> str | None:
        if kopf.azr_nummer is None:
            return None
        azr = self._index("azr_nummer", kopf.azr_nummer)
        matches: list[Row] = []
        for mark in marks_of(kopf, facts):
            index = self._index("aktenzeichen", mark.aktenzeichen)
            matches += await self._ctx.db.fetch("vorgang_by_mark", azr, mark.authority, index)
        first = min(matches, key=lambda row: (row["created"], row["vorgang_id"]), default=None)
        return first["vorgang_id"] if first else None

    async def _of(self, message_id: str) -> str | None:
        row = await self._ctx.db.fetch_one("vorgang_of_message", message_id)
        return row["vorgang_id"] if row else None

    async def _load(self, vorgang_id: str | None, referred: Row | None) -> Found:
        bezug = await self._bezug(referred) if referred else None
        if vorgang_id is None:
            return Found(new_id(), new=True, bezug=bezug)
        messages = await self._ctx.db.fetch("vorgang_messages", vorgang_id)
        deliveries = await self._ctx.db.fetch("vorgang_deliveries", vorgang_id)
        return Found(vorgang_id, new=False, entries=tuple(entries(messages, deliveries)), bezug=bezug)

    async def _bezug(self, message: Row) -> Bezug:
        about = await self._ctx.db.fetch("messages_about", message["id"])
        ids = [message["id"], *(row["id"] for row in about if row["wurzel"].endswith(".9900020"))]
        return bezug_of(message, await self._ctx.db.fetch("recipients_of_messages", listed(ids)))

    def _index(self, field: str, value: str) -> str:
        return blind_index(self._ctx.store_key, field, value)  # type: ignore[arg-type]


def facts_step(ctx: Context, message_id: str, facts: Sachverhalt | None) -> list[Do]:
    """The statement that keeps a message's facts, encrypted, for a later decision."""
    if facts is None:
        return []
    text = json.dumps(facts.as_json(), ensure_ascii=False)
    return [do("keep_facts", message_id=message_id, facts=conceal(ctx.store_key, f"facts {message_id}", text))]


def _opens(art: str, nummer: str, decision: Entscheidung, conditions: Collection[str]) -> bool:
    """Whether a Folge opens a duty: at once, or on the message's word; an answer is watched if eilbedürftig (2.5)."""
    if art == "bedingte_pflicht":
        return nummer in conditions
    return art == "pflicht" and (nummer != "2.5 Satz 5" or decision.vorrang)
