"""What other rules would have decided: stored messages decided again, twice, and compared.

Promises: reads only. Each message is decided by its own facts, with what its Vorgang held when it came and by the
directory of today, so that a difference comes from the rules alone. Messages without an Anlass are not decided by rules
and are left out; one whose facts cannot be had any more is counted and named.
Fails: `StoreError`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gateway import clock
from gateway.clock import as_iso
from gateway.errors import Refusal
from gateway.service.casework.vorgaenge import Found, Vorgaenge
from gateway.service.context import Context
from gateway.store.content import ContentDamaged, ContentMissing, ContentTooLarge, reveal
from gateway.store.database import Row
from gateway.store.search import MAX_PAGE, Search, page, plan
from routing import Einstellungen, Entscheidung, KeinSachverhalt, Regelwerk, Sachverhalt, Vorgangslage, entscheide

XML_LIMIT: Final = 8 * 1024 * 1024
"""Largest XML part (gateway/accept/form.py)."""
FIELDS: Final = ("entscheidung", "empfaenger", "nummer", "vorlaeufig", "vorrang", "fristen", "folgen", "hinweise")
"""What a decision does; its reasons and the names of versions always differ between versions."""

Told = Callable[[int], object]
"""Hears the time of arrival of each message that is done, newest first."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Rules and settings under one name."""

    name: str
    regelwerk: Regelwerk
    einstellungen: Einstellungen


@dataclass
class Replay:
    """What came out."""

    geprueft: int = 0
    anders: list[dict[str, Any]] = field(default_factory=list)
    uebersprungen: list[dict[str, str]] = field(default_factory=list)


class Replaying:
    """Decides stored messages anew."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._vorgaenge = Vorgaenge(ctx)

    async def compare(self, a: Variant, b: Variant, since: int, told: Told = lambda _: None) -> Replay:
        """Every message that came since a moment, decided by both.

        Args:
            a: one set of rules.
            b: the other.
            since: microseconds UTC.
            told: hears of the progress.
        """
        replay = Replay()
        async for row in self._messages(since):
            await self._one(row, a, b, replay)
            told(row["eingang"])
        return replay

    async def _messages(self, since: int) -> AsyncIterator[Row]:
        """Rows of messages that the rules decided, newest first."""
        before, before_id = self._ctx.now() + 1, ""
        while True:
            search = Search(since=since, before=before, before_id=before_id, count=MAX_PAGE)
            rows = page([await self._ctx.db.fetch(name, *args) for name, args in plan(search)], MAX_PAGE)
            for found in rows:
                row = await self._ctx.db.fetch_one("message", found["id"]) if found["anlass"] else None
                if row is not None:
                    yield row
            if len(rows) < MAX_PAGE:
                return
            before, before_id = rows[-1]["eingang"], rows[-1]["id"]

    async def _one(self, row: Row, a: Variant, b: Variant, replay: Replay) -> None:
        try:
            facts = await self._facts(row)
        except (Refusal, KeinSachverhalt, ContentDamaged, ContentMissing, ContentTooLarge) as error:
            replay.uebersprungen.append({"id": row["id"], "grund": f"nicht lesbar ({type(error).__name__})"})
            return
        if facts is None or facts.anlass != row["anlass"]:
            replay.uebersprungen.append({"id": row["id"], "grund": "Sachverhalt nicht aufbewahrt"})
            return
        lage = await self._lage(row, facts)
        replay.geprueft += 1
        fields = differences(self._decide(facts, lage, a), self._decide(facts, lage, b))
        if fields:
            known = {key: row[key] for key in ("id", "anlass", "absender")}
            told = {"nachrichten_id": row["eigene_id"], "eingang": as_iso(row["eingang"])}
            replay.anders.append(known | told | {"felder": fields})

    def _decide(self, facts: Sachverhalt, lage: Vorgangslage, variant: Variant) -> Entscheidung:
        return entscheide(facts, lage, self._ctx.directory, variant.regelwerk, variant.einstellungen)

    async def _facts(self, row: Row) -> Sachverhalt | None:
        """The facts as they were kept; those of older messages are read again from the XML, as of their day."""
        if row["facts"] is not None:
            text = reveal(self._ctx.store_key, f"facts {row['id']}", bytes(row["facts"]))
            return Sachverhalt.from_json(json.loads(text))
        parts = await self._ctx.db.fetch("parts", row["id"])
        xml = await self._ctx.content.read_all(parts[0]["content_id"], limit=XML_LIMIT)
        day = clock.day(row["eingang"])
        return (await self._ctx.checker.check(xml, today=day, attachments=None)).sachverhalt

    async def _lage(self, row: Row, facts: Sachverhalt) -> Vorgangslage:
        """What the Vorgang held when the message came; a withheld one that is on its way was released."""
        found = await self._vorgaenge.of_message(row)
        came = (row["eingang"], row["id"])
        before = tuple(e for e in found.entries if (e.message["eingang"], e.message["id"]) < came)
        decided = json.loads(row["entscheidung"] or "{}").get("entscheidung")
        released = bool(facts.gefaehrdet_untersuchungszweck) and decided == "zustellen"
        earlier: Found = replace(found, entries=before)
        return earlier.lage(freigegeben=released)


def differences(a: Entscheidung, b: Entscheidung) -> dict[str, dict[str, Any]]:
    """Each effect in which two decisions differ, with both values."""
    one, other = a.as_json(), b.as_json()
    return {key: {"a": one[key], "b": other[key]} for key in FIELDS if one[key] != other[key]}
