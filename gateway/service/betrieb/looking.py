"""Looks at content by people: asked for with a reason, agreed to by a second person where the setting says so.

Promises: nobody sees content without a reason that is recorded first; every look is an event; our own staff needs a
second person (`[betrieb] vier_augen`), an authority's staff looks at its own messages; a look ends after a while.
Fails: `NotFound` for a look of somebody else, `Conflict` for one that waits or has ended, `Invalid` without a reason.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from gateway import clock
from gateway.accept.commands import REASON_CHARS
from gateway.check.intake import parse
from gateway.clock import as_iso
from gateway.errors import Conflict, Invalid, NotFound
from gateway.events import Art
from gateway.message import Teil
from gateway.render.html import render_html, style_digest
from gateway.service.context import Context, akteur, new_id
from gateway.service.views.reading import Reading, teil
from gateway.store.content import conceal, reveal
from gateway.store.database import Row, StaleState
from gateway.store.steps import do
from gateway.watch.people import Person, Right

FORGOTTEN = "mit dem Inhalt der Nachricht gelöscht"
"""Instead of a reason that is kept no longer."""
SHOWN = 50
"""Looks of one list."""
WAITS = 7 * 24 * 3600 * clock.SECOND
"""How long a wish waits for a second person."""


class Looking:
    """Content for people."""

    def __init__(self, ctx: Context, reading: Reading) -> None:
        self._ctx = ctx
        self._reading = reading

    async def demand(self, person: Person, message_id: str) -> None:
        """Whether the person may see this message at all.

        Raises:
            NotFound: it may not.
        """
        await self._reading.slice(person.caller, message_id)

    async def ask(self, person: Person, message_id: str, grund: str) -> str:
        """Ask to see a message's content.

        Returns:
            The id of the look.

        Raises:
            NotFound: the person may not see this message.
            Invalid: no reason.
        """
        await self.demand(person, message_id)
        if not 0 < len(grund) <= REASON_CHARS:
            raise Invalid(f"Bitte nennen Sie den Grund der Einsicht (höchstens {REASON_CHARS} Zeichen).")
        look_id, now = new_id(), self._ctx.now()
        alone = not (person.own_staff and self._ctx.config.betrieb.vier_augen)
        asked = do(
            "insert_look",
            id=look_id,
            message_id=message_id,
            person_id=person.id,
            grund=conceal(self._ctx.store_key, f"einsicht {look_id}", grund),
            asked=now,
            agreed=now if alone else None,
        )
        await self._ctx.db.commit(asked, self._event(Art.EINSICHT_ERBETEN, person, message_id, look_id, worte=grund))
        return look_id

    async def agree(self, person: Person, look_id: str) -> None:
        """A second person agrees.

        Raises:
            NotFound: no such look, or the person's own.
            Conflict: somebody agreed already, or it waited too long.
        """
        row = await self._ctx.db.fetch_one("look", look_id)
        if row is None or row["person_id"] == person.id or not person.may(Right.ZUSTIMMEN):
            raise NotFound
        if row["asked"] < self._ctx.now() - WAITS:
            raise Conflict("Diese Bitte um Einsicht ist verfallen.", code="einsicht")
        agreed = do("agree_look", expect=1, id=look_id, person_id=person.id, now=self._ctx.now())
        try:
            await self._ctx.db.commit(agreed, self._event(Art.EINSICHT_ZUGESTIMMT, person, row["message_id"], look_id))
        except StaleState:
            raise Conflict("Der Einsicht wurde schon zugestimmt.", code="einsicht") from None

    async def lists(self, person: Person) -> Mapping[str, Any]:
        """The person's own looks, and those of others that wait for somebody's consent."""
        own = await self._ctx.db.fetch("looks_of_person", person.id, SHOWN)
        waiting: list[Row] = []
        if person.may(Right.ZUSTIMMEN):
            rows = await self._ctx.db.fetch("open_looks", self._ctx.now() - WAITS, SHOWN)
            waiting = [row for row in rows if row["person_id"] != person.id]
        names = {row["id"]: row["name"] for row in await self._ctx.db.fetch("persons")} if waiting else {}
        return {
            "eigene": [self.shown(row) for row in own],
            "wartende": [self.shown(row) | {"von": names.get(row["person_id"], "–")} for row in waiting],
        }

    async def look(self, person: Person, look_id: str) -> Mapping[str, Any]:
        """One look of this person, with the parts that it opens.

        Raises:
            NotFound: it is somebody else's, or the message is none of the person's any more.
        """
        row = await self._own(person, look_id)
        parts = await self._ctx.db.fetch("parts", row["message_id"])
        return self.shown(row) | {"teile": [teil(part) for part in parts]}

    async def page(self, person: Person, look_id: str) -> tuple[str, str]:
        """The message as a page for people, and the digest of the style sheet in it.

        Raises:
            NotFound, Conflict: as `look`; it waits or has ended.
            Gone, Damaged: as `Reading.part`.
        """
        row = await self._open(person, look_id)
        _, pieces = await self._reading.content(row["message_id"], 0)
        xml = b"".join([piece async for piece in pieces])  # at most 8 MB, as it was accepted
        page = render_html(parse(xml).root, self._ctx.directory)
        await self._ctx.db.commit(self._event(Art.EINSICHT, person, row["message_id"], look_id, teil=0))
        return page, style_digest()

    async def part(self, person: Person, look_id: str, n: int) -> tuple[Teil, AsyncIterator[bytes]]:
        """One part as it was sent.

        Raises:
            NotFound, Conflict, Gone, Damaged: as `page`.
        """
        row = await self._open(person, look_id)
        found = await self._reading.content(row["message_id"], n)
        await self._ctx.db.commit(self._event(Art.EINSICHT, person, row["message_id"], look_id, teil=n))
        return found

    async def _own(self, person: Person, look_id: str) -> Row:
        row = await self._ctx.db.fetch_one("look", look_id)
        if row is None or row["person_id"] != person.id or not person.may(Right.EINSEHEN):
            raise NotFound
        await self._reading.slice(person.caller, row["message_id"])
        return row

    async def _open(self, person: Person, look_id: str) -> Row:
        row = await self._own(person, look_id)
        state = self._state(row)
        if state == "wartet":
            raise Conflict("Eine zweite Person muss dieser Einsicht erst zustimmen.", code="einsicht")
        if state == "beendet":
            raise Conflict("Diese Einsicht ist beendet. Bitte erbitten Sie sie mit Grund neu.", code="einsicht")
        return row

    def _state(self, row: Row) -> str:
        if row["agreed"] is None:
            return "wartet" if row["asked"] >= self._ctx.now() - WAITS else "beendet"
        return "offen" if self._end(row) > self._ctx.now() else "beendet"

    def _end(self, row: Row) -> int:
        return int(row["agreed"]) + self._ctx.config.betrieb.einsicht_minuten * 60 * clock.SECOND

    def shown(self, row: Row) -> dict[str, Any]:
        """A look as pages show it."""
        return {
            "id": row["id"],
            "nachricht": row["message_id"],
            "grund": self._reason(row),
            "erbeten": as_iso(row["asked"]),
            "bis": as_iso(self._end(row)) if row["agreed"] is not None else None,
            "stand": self._state(row),
        }

    def _reason(self, row: Row) -> str:
        """As it was given; it goes with the content."""
        concealed = bytes(row["grund"])
        return reveal(self._ctx.store_key, f"einsicht {row['id']}", concealed) if concealed else FORGOTTEN

    def _event(self, art: Art, person: Person, message_id: str, look_id: str, **detail: Any) -> Any:
        return self._ctx.event(art, akteur(person.caller), message_id=message_id, einsicht=look_id, **detail)
