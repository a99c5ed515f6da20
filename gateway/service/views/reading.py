"""What callers see: messages, deliveries, events, parts, search, inbox (contracts.md section 5).

Promises: a sender sees its message whole, a recipient its own delivery and nothing of the others, an operator all but
content; whatever a caller may not see is `NotFound`, exactly as what does not exist.
Fails: `NotFound`, `Malformed` for a search that cannot be read.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

from gateway.clock import as_iso
from gateway.errors import Damaged, Gone, NotFound
from gateway.message import Caller, Teil
from gateway.service.context import Context
from gateway.service.words import event_json
from gateway.states import DeliveryStatus, message_status
from gateway.store.content import ContentDamaged, ContentGone
from gateway.store.database import Row
from gateway.store.steps import listed

log = logging.getLogger(__name__)

INBOX_PAGE = 200
"""Entries of one inbox answer; what is acknowledged leaves it, and the next ones come up."""
HIDDEN = frozenset({DeliveryStatus.KLAERUNG, DeliveryStatus.ANGEHALTEN, DeliveryStatus.STORNIERT})
"""A recipient does not see what was never on its way to it."""


class Slice:
    """A message as one caller may see it."""

    def __init__(self, message: Row, deliveries: list[Row], whole: bool, sender: bool) -> None:
        self.message = message
        self.deliveries = deliveries
        """Those that this caller may see."""
        self.whole = whole
        """The caller is the sender, or an operator."""
        self.sender = sender

    @property
    def status(self) -> str:
        """The message's status as this caller sees it: a recipient learns nothing of the other deliveries."""
        if self.whole:
            return str(self.message["status"])
        return str(message_status([(DeliveryStatus(d["status"]), d["attempts"]) for d in self.deliveries]))


class Reading:
    """The read side's port."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def slice(self, caller: Caller, message_id: str) -> Slice:
        """The caller's slice of a message.

        Raises:
            NotFound: there is none, or none for this caller.
        """
        message = await self._ctx.db.fetch_one("message", message_id)
        if message is None:
            raise NotFound
        deliveries = await self._ctx.db.fetch("deliveries_of_message", message_id)
        sender = message["absender"] in caller.behoerden
        if sender or caller.revision:
            return Slice(message, deliveries, whole=True, sender=sender)
        own = [d for d in deliveries if received(d, caller)]
        if not own:
            raise NotFound
        return Slice(message, own, whole=False, sender=False)

    async def message(self, caller: Caller, message_id: str) -> Mapping[str, Any]:
        """One message."""
        seen = await self.slice(caller, message_id)
        parts = await self._ctx.db.fetch("parts", message_id)
        vorgang = await self._ctx.db.fetch_one("vorgang_of_message", message_id)
        value = summary(seen.message, [d["empfaenger"] for d in seen.deliveries])
        value |= {
            "status": seen.status,
            "wurzel": seen.message["wurzel"],
            "version": seen.message["version"],
            "test": bool(seen.message["test"]),
            "fremde_nachrichten_id": seen.message["fremde_id"],
            "bezug": seen.message["bezug_id"],
            "vorgang": vorgang["vorgang_id"] if vorgang else None,
            "inhalt_geloescht": as_iso(seen.message["purged"]),
            "teile": [_part(row) for row in parts],
            "zustellungen": [delivery_json(row) for row in seen.deliveries],
        }
        if seen.whole:
            value["entscheidung"] = json.loads(seen.message["entscheidung"])
        return value

    async def events(self, caller: Caller, message_id: str) -> list[Mapping[str, Any]]:
        """What happened; a recipient sees what concerns its own delivery."""
        seen = await self.slice(caller, message_id)
        visible = {row["id"] for row in seen.deliveries}
        rows = await self._ctx.db.fetch("events_of_message", message_id)
        return [event_json(row, self._ctx.store_key) for row in rows if seen.whole or row["delivery_id"] in visible]

    async def deliveries(self, caller: Caller, message_id: str) -> list[Mapping[str, Any]]:
        """Deliveries with their attempts and receipts."""
        seen = await self.slice(caller, message_id)
        return [
            delivery_json(row)
            | {
                "verlauf": [attempt_json(a) for a in await self._ctx.db.fetch("attempts", row["id"])],
                "quittungen": [receipt_json(r) for r in await self._ctx.db.fetch("receipts", row["id"])],
            }
            for row in seen.deliveries
        ]

    async def evidence(self, caller: Caller, message_id: str) -> Mapping[str, Any]:
        """What proves each step: digests, events, receipts with their bytes."""
        seen = await self.slice(caller, message_id)
        parts = await self._ctx.db.fetch("parts", message_id)
        receipts = []
        for row in seen.deliveries:
            for receipt in await self._ctx.db.fetch("receipts", row["id"]):
                raw = await self._ctx.content.read_all(receipt["raw_content"], limit=4 * 1024 * 1024)
                receipts.append(receipt_json(receipt) | {"bytes": base64.b64encode(raw).decode()})
        return {
            "id": message_id,
            "nachrichten_id": seen.message["eigene_id"],
            "teile": [_part(row) for row in parts],
            "ereignisse": await self.events(caller, message_id),
            "zustellungen": [delivery_json(row) for row in seen.deliveries],
            "quittungen": receipts,
            "pruefpunkt": _checkpoint(await self._ctx.db.fetch_one("last_checkpoint")),
        }

    async def part(self, caller: Caller, message_id: str, n: int) -> tuple[Teil, AsyncIterator[bytes]]:
        """One part, for its sender and its recipients alone.

        Raises:
            Gone: its content was deleted at the end of its retention.
            Damaged: it is not as it was written, from its first bytes on; what breaks later ends the stream.
        """
        seen = await self.slice(caller, message_id)
        if not (seen.sender or any(received(d, caller) for d in seen.deliveries)):
            raise NotFound
        return await self.content(message_id, n)

    async def content(self, message_id: str, n: int) -> tuple[Teil, AsyncIterator[bytes]]:
        """One part, for whoever was found to be allowed to see it. Raises as `part`."""
        message = await self._ctx.db.fetch_one("message", message_id)
        if message is not None and message["purged"] is not None:
            raise Gone
        for row in await self._ctx.db.fetch("parts", message_id):
            if row["n"] == n:
                return teil(row), await _begun(self._ctx.content.read(row["content_id"], sha256=row["sha256"]))
        raise NotFound

    async def inbox(self, caller: Caller, after: str = "") -> Mapping[str, Any]:
        """What waits for the caller's authorities, oldest first; the next page begins after the entry `after`."""
        rows = await self._ctx.db.fetch("inbox", listed(caller.behoerden), after, INBOX_PAGE)
        parts = await self._ctx.db.fetch("parts_of_messages", listed(row["message_id"] for row in rows))
        by_message: dict[str, list[Row]] = {}
        for part in parts:
            by_message.setdefault(part["message_id"], []).append(part)
        return {
            "eintraege": [_entry(row, by_message[row["message_id"]]) for row in rows],
            "naechste": rows[-1]["id"] if len(rows) == INBOX_PAGE else None,
        }


def _checkpoint(row: Row | None) -> dict[str, Any] | None:
    """The latest state of the log."""
    if row is None:
        return None
    signature = base64.b64encode(row["signature"]).decode()
    return {"text": row["note"], "signatur": signature, "zertifikat": row["certificate"]}


async def _begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, the first one read already, so that what cannot be read is said before anything goes out."""
    try:
        first = await anext(pieces, b"")
    except ContentGone:
        raise Gone from None
    except ContentDamaged:
        log.exception("stored content is damaged")
        raise Damaged from None

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return whole()


def received(delivery: Row, caller: Caller) -> bool:
    """Whether this delivery is on its way to the caller, or was."""
    return delivery["empfaenger"] in caller.behoerden and delivery["status"] not in HIDDEN


def summary(message: Row, empfaenger: list[str]) -> dict[str, Any]:
    """A message as lists show it (contracts.md section 5)."""
    return {
        "id": message["id"],
        "nachrichten_id": message["eigene_id"],
        "anlass": message["anlass"],
        "nummer": message["nummer"],
        "absender": message["absender"],
        "empfaenger": empfaenger,
        "status": message["status"],
        "eingang": as_iso(message["eingang"]),
    }


def teil(row: Row) -> Teil:
    """A part's row as a value."""
    return Teil(row["n"], row["name"], row["media_type"], row["sha256"], row["bytes"])


def _part(row: Row) -> dict[str, Any]:
    return {key: row[key] for key in ("n", "name", "media_type", "sha256", "bytes")}


def _entry(row: Row, parts: list[Row]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "nachricht": row["message_id"],
        "nachrichten_id": row["eigene_id"],
        "absender": row["absender"],
        "empfaenger": row["empfaenger"],
        "anlass": row["anlass"],
        "eingang": as_iso(row["created"]),
        "teile": [{key: part[key] for key in ("n", "name", "sha256", "bytes")} for part in parts],
    }


def delivery_json(row: Row) -> dict[str, Any]:
    """A delivery as the API shows it."""
    waits = row["status"] in (DeliveryStatus.WARTET, DeliveryStatus.ANGEHALTEN)
    return {
        "id": row["id"],
        "empfaenger": row["empfaenger"],
        "weg": row["weg"],
        "status": row["status"],
        "versuche": row["attempts"],
        "naechster_versuch": as_iso(row["next_at"]) if waits else None,
        "quittung_bis": as_iso(row["deadline_at"]),
        "letzter_fehler": row["last_error"],
        "message_id": row["wire_id"],
        "geaendert": as_iso(row["changed"]),
    }


def attempt_json(row: Row) -> dict[str, Any]:
    """An attempt as the API shows it."""
    return {
        "n": row["n"],
        "beginn": as_iso(row["started"]),
        "ende": as_iso(row["ended"]),
        "ergebnis": row["outcome"],
    }


def receipt_json(row: Row) -> dict[str, Any]:
    """A receipt as the API shows it, without its bytes."""
    return {
        "id": row["id"],
        "art": row["art"],
        "schritt": row["step"],
        "grund": row["reason"],
        "zeitpunkt": as_iso(row["at"]),
    }
