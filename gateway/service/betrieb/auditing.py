"""What auditors see: events of everybody by person, act, time and message; looks at content; the list as a file.

Promises: pages go by the events' ids, so that none is shown twice or left out while more come in; a filter that names
nothing that there is finds nothing; whoever takes the list away leaves an event, before its first line.
Fails: `Malformed` for a filter that cannot be read.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from gateway.errors import Malformed, NotFound
from gateway.events import Art
from gateway.service.betrieb.looking import Looking
from gateway.service.context import Context, akteur
from gateway.service.views.searching import moment_of
from gateway.service.words import event_json
from gateway.store.database import Row
from gateway.watch import words
from gateway.watch.people import Person
from gateway.watch.story import sentence, technical
from gateway.web import uuid_of

EVENTS: Final = 50
"""Events of one page."""
EXPORTED: Final = 500
"""Events that are read at once for a file: a megabyte at most."""
LOOKS: Final = 50
"""Looks of one page."""
NEWEST: Final = "~"
"""Sorts after every id."""
EARLIEST, LATEST = 0, 2**62
SLACK: Final = timedelta(hours=1) // timedelta(microseconds=1)
"""How far an event's id may be from its time: both come from one clock, one after the other. Ids only narrow a window,
times decide."""
HAND: Final = "kommandozeile"
COLUMNS: Final = ("zeitpunkt", "art", "was", "wer", "akteur", "nachricht", "angaben")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events."""

    art: str = ""
    akteur: str = ""
    """As events name the actor."""
    nachricht: str = ""
    since: int = EARLIEST
    until: int = LATEST
    before: str = NEWEST
    """Id at which the last page ended."""

    def query(self, count: int, before: str) -> tuple[str, tuple[str | int, ...]]:
        """The named query that has an index for it, with its values."""
        window = (min(before, _id_at(self.until + SLACK)), _id_at(self.since - SLACK), self.since, self.until, count)
        if self.nachricht:
            return "audit_of_message", (*window, self.nachricht, self.akteur, self.art)
        if self.akteur:
            return "audit_of_person", (*window, self.akteur, self.art)
        return ("audit_of_art", (*window, self.art)) if self.art else ("audit", window)


class Auditing:
    """Events and looks for auditors."""

    def __init__(self, ctx: Context, looking: Looking, name_of: Callable[[str], str]) -> None:
        self._ctx = ctx
        self._looking = looking
        self._name_of = name_of

    async def people(self) -> list[tuple[str, str]]:
        """Whose events can be asked for: key and name."""
        rows = await self._ctx.db.fetch("persons")
        return [*((row["id"], row["name"]) for row in rows), (HAND, "Kommandozeile")]

    async def events(self, person: Person, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """A page of events, newest first.

        Args:
            person: who asks.
            fields: any of `art`, `person`, `nachricht`, `von`, `bis`, `nach`.

        Raises:
            Malformed: one cannot be read.
        """
        wanted = read(fields)
        rows, found = await self._page(person, wanted, EVENTS, wanted.before)
        return {"eintraege": found, "naechste": rows[-1]["id"] if len(rows) == EVENTS else None}

    async def export(self, person: Person, fields: Mapping[str, str]) -> AsyncIterator[bytes]:
        """All events of a filter as CSV, once that it is taken is recorded.

        Raises:
            Malformed: as `events`.
        """
        wanted = read(fields)
        named = {key: value for key, value in fields.items() if key in ("art", "nachricht", "von", "bis") and value}
        asked = fields.get("person") or None
        await self._ctx.db.commit(self._ctx.event(Art.AUSFUHR, akteur(person.caller), konto=asked, auswahl=named))
        return self._lines(person, wanted)

    async def looks(self, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """A page of looks at content, newest first, with who agreed and how often content was shown.

        Args:
            fields: `person` and `nach`.

        Raises:
            Malformed: one cannot be read.
        """
        before, who = _id(fields, "nach") or NEWEST, _id(fields, "person")
        if who:
            rows = await self._ctx.db.fetch("audit_looks_of_person", before, LOOKS, who)
        else:
            rows = await self._ctx.db.fetch("audit_looks", before, LOOKS)
        names = dict(await self.people())
        found = [
            self._looking.shown(row)
            | {
                "von": names.get(row["person_id"], "–"),
                "zugestimmt": names.get(row["agreed_by"] or ""),
                "zahl": row["n"],
            }
            for row in rows
        ]
        return {"eintraege": found, "naechste": rows[-1]["id"] if len(rows) == LOOKS else None}

    def _look(self, row: Row, names: Mapping[str, str]) -> dict[str, Any]:
        who = {"von": names.get(row["person_id"], "–"), "zugestimmt": names.get(row["agreed_by"] or "")}
        return self._looking.shown(row) | who | {"zahl": row["n"]}

    async def _lines(self, person: Person, wanted: Filter) -> AsyncIterator[bytes]:
        yield b"\xef\xbb\xbf" + _csv([COLUMNS])  # spreadsheets take UTF-8 for something else without the mark
        before = wanted.before
        while True:
            rows, found = await self._page(person, wanted, EXPORTED, before)
            if rows:
                yield _csv([_line(each) for each in found])
            if len(rows) < EXPORTED:
                return
            before = rows[-1]["id"]

    async def _page(
        self, person: Person, wanted: Filter, count: int, before: str
    ) -> tuple[list[Row], list[dict[str, Any]]]:
        name, values = wanted.query(count, before)
        rows = await self._ctx.db.fetch(name, *values)
        events = [event_json(row, self._ctx.store_key) | {"nachricht": row["message_id"]} for row in rows]
        return rows, await told(self._ctx, person, events, self._name_of)


def read(fields: Mapping[str, str]) -> Filter:
    """What a form says.

    Raises:
        Malformed: it cannot be read.
    """
    art, who = fields.get("art", ""), fields.get("person", "")
    if art and art not in set(Art):
        raise Malformed("Diese Art von Ereignis gibt es nicht.")
    if who:
        who = f"zertifikat:{HAND}" if who == HAND else f"person:{_id(fields, 'person')}"
    since, until = (moment_of(fields, key) if fields.get(key) else None for key in ("von", "bis"))
    return Filter(
        art,
        who,
        _id(fields, "nachricht"),
        EARLIEST if since is None else since,
        LATEST if until is None else until,
        _id(fields, "nach") or NEWEST,
    )


async def told(ctx: Context, person: Person, events: list[Any], name_of: Callable[[str], str]) -> list[dict[str, Any]]:
    """Events with what people want to read of them: who, and in which words; `name_of` names authorities.

    Staff of an authority reads the names of its own colleagues, not those of the gateway's staff.
    """
    people = {
        row["id"]: row["name"]
        for row in await ctx.db.fetch("persons")
        if person.own_staff or not person.behoerden.isdisjoint(json.loads(row["behoerden"]))
    }
    return [
        dict(each)
        | {
            "wer": _actor(each["akteur"], people),
            "satz": sentence(each["angaben"], name_of),
            "technik": technical(each["angaben"]),
        }
        for each in events
    ]


def _id(fields: Mapping[str, str], key: str) -> str:
    value = fields.get(key, "").strip()
    try:
        return uuid_of(value) if value else ""
    except NotFound:
        raise Malformed(f"„{key}“ ist keine Kennung eines Eintrags.") from None


def _id_at(micros: int) -> str:
    """What ids (UUIDv7) of this moment begin with."""
    text = f"{min(max(micros, 0) // 1000, 2**48 - 1):012x}"
    return f"{text[:8]}-{text[8:]}"


def _csv(lines: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(lines)
    return text.getvalue().encode()


def _line(event: Mapping[str, Any]) -> tuple[str, ...]:
    angaben = json.dumps(event["angaben"], ensure_ascii=False)
    cells = (event["art"], words.event(event["art"]), event["wer"], event["akteur"], event["nachricht"] or "", angaben)
    return (event["zeitpunkt"], *(_harmless(cell) for cell in cells))


def _harmless(cell: str) -> str:
    """A spreadsheet would take a text for a formula that begins like one: somebody may be called so."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _actor(akteur: str, people: Mapping[str, str]) -> str:
    art, _, who = akteur.partition(":")
    if art == "person":
        return people.get(who, "eine Person des Betriebs")
    if art == "zertifikat":
        return "Kommandozeile" if who == HAND else f"Fachverfahren (Zertifikat {who[:12]}…)"
    if art == "partner":
        return f"Partner {who}"
    return "Gateway" if art == "gw" else akteur
