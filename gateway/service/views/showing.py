"""A Vorgang as a caller may see it (contracts.md section 5, decree Nr. 2.4).

Promises: built only from messages of the caller's own slice: a withheld notice leaves no trace for anybody but its
sender and the operators; what is listed as informed is proved by a verified receipt.
Fails: `NotFound` for a Vorgang of which the caller may see no message, `Malformed` for a search that cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.clock import as_iso
from gateway.errors import Malformed, NotFound
from gateway.message import Caller
from gateway.route.chain import WEITERLEITUNG
from gateway.route.vorgang import AUSLAENDERBEHOERDEN
from gateway.service.casework.duties import MAKING_UP
from gateway.service.context import Context
from gateway.service.views.reading import HIDDEN, summary
from gateway.states import DeliveryStatus
from gateway.store.content import blind_index, reveal
from gateway.store.database import Row

FOUND = 200
"""Vorgänge of one search: one person has a handful."""
_KEYS = frozenset({"azr_nummer", "aktenzeichen", "behoerde", "nachrichten_id"})


@dataclass(frozen=True)
class Seen:
    """What one caller sees of a Vorgang."""

    messages: tuple[Row, ...]
    deliveries: tuple[Row, ...]
    """Those that the caller may see."""
    ended: tuple[Row, ...]
    """Deliveries of forwards of the caller's own notices: where they ended."""
    forwards: tuple[Row, ...]
    """Weiterleitungen of the caller's own notices."""


class Showing:
    """Shows Vorgänge."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def vorgang(self, caller: Caller, vorgang_id: str) -> Mapping[str, Any]:
        """One Vorgang."""
        seen = await self._seen(caller, vorgang_id)
        return {
            "id": vorgang_id,
            "verfahren": await self._verfahren(vorgang_id, seen),
            "nachrichten": [_message(row, seen) for row in seen.messages],
            "unterrichtungen": [await self._unterrichtung(row) for row in _proved(seen)],
            "pflichten": await self._pflichten(caller, vorgang_id, seen),
            "weiterleitungen": [*_forwards(seen), *await self._dezernate(vorgang_id, seen)],
        }

    async def search(self, caller: Caller, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """Vorgänge by AZR-Nummer, Aktenzeichen (with its authority) or a message's id."""
        found = []
        for vorgang_id in (await self._candidates(query))[:FOUND]:
            try:
                seen = await self._seen(caller, vorgang_id)
            except NotFound:
                continue
            found.append(
                {"id": vorgang_id, "nachrichten": len(seen.messages), "letzte": as_iso(seen.messages[-1]["eingang"])}
            )
        return {"eintraege": found}

    async def _candidates(self, query: Mapping[str, Any]) -> list[str]:
        unknown = sorted(set(query) - _KEYS)
        if unknown:
            raise Malformed(f"Unbekannte Angabe in der Suche: „{unknown[0]:.40}“.", code="unbekannte_angabe")
        if not all(isinstance(value, str) and 0 < len(value) <= 200 for value in query.values()):
            raise Malformed("Jede Angabe muss ein Text sein.", code="wert")
        if "azr_nummer" in query:
            rows = await self._ctx.db.fetch("vorgaenge_by_azr", self._index("azr_nummer", query["azr_nummer"]))
        elif "aktenzeichen" in query:
            index = self._index("aktenzeichen", query["aktenzeichen"])
            rows = await self._ctx.db.fetch("vorgaenge_by_aktenzeichen", index, query.get("behoerde"))
        elif "nachrichten_id" in query:
            rows = await self._ctx.db.fetch("vorgaenge_by_own_id", query["nachrichten_id"].lower())
        else:
            raise Malformed("Geben Sie azr_nummer, aktenzeichen oder nachrichten_id an.", code="wert")
        return sorted({row["vorgang_id"] for row in rows})

    async def _seen(self, caller: Caller, vorgang_id: str) -> Seen:
        messages = await self._ctx.db.fetch("vorgang_messages", vorgang_id)
        deliveries = await self._ctx.db.fetch("vorgang_deliveries", vorgang_id)
        own = {row["id"] for row in messages if caller.revision or row["absender"] in caller.behoerden}
        visible = tuple(
            row
            for row in deliveries
            if row["message_id"] in own or (row["empfaenger"] in caller.behoerden and row["status"] not in HIDDEN)
        )
        shown = own | {row["message_id"] for row in visible}
        if not shown:
            raise NotFound
        forwards = [row for row in messages if row["wurzel"] == WEITERLEITUNG and row["bezug_id"] in own]
        ids = {row["id"] for row in forwards} - own
        ended = tuple(row for row in deliveries if row["message_id"] in ids)
        return Seen(tuple(row for row in messages if row["id"] in shown), visible, ended, tuple(forwards))

    async def _verfahren(self, vorgang_id: str, seen: Seen) -> list[dict[str, str]]:
        """Each (authority, Aktenzeichen) once that a message of the slice names."""
        shown = {row["id"] for row in seen.messages}
        named = {
            (mark["authority"], mark["aktenzeichen_index"]): mark
            for mark in reversed(await self._ctx.db.fetch("vorgang_named", vorgang_id))
            if mark["message_id"] in shown
        }
        return [
            {"behoerde": mark["authority"], "aktenzeichen": self._plain("aktenzeichen", mark["message_id"], mark)}
            for mark in reversed(named.values())
        ]

    async def _dezernate(self, vorgang_id: str, seen: Seen) -> list[dict[str, Any]]:
        """Where an Ersuchen went within the Staatsanwaltschaft that had it (2.5 Satz 3 and 4)."""
        shown = {row["id"] for row in seen.messages} | {row["bezug_id"] for row in seen.messages}
        return [
            {
                "nachricht": row["message_id"],
                "weiterleitung": None,
                "von": row["authority"],
                "an": row["authority"],
                "dezernat": self._plain("dezernat", row["id"], row),
                "am": as_iso(row["at"]),
            }
            for row in await self._ctx.db.fetch("vorgang_dezernate", vorgang_id)
            if row["message_id"] in shown
        ]

    def _plain(self, field: str, key: str, row: Row) -> str:
        return reveal(self._ctx.store_key, f"{field} {key}", bytes(row[field]))

    async def _unterrichtung(self, delivery: Row) -> dict[str, Any]:
        """Who was informed, when, by which message: the moment is that of the verified receipt."""
        receipt = await self._ctx.db.fetch_one("receipt", delivery["receipt_id"])
        at = receipt["at"] if receipt else delivery["changed"]
        return {"abh": delivery["empfaenger"], "am": as_iso(at), "nachricht": delivery["message_id"]}

    async def _pflichten(self, caller: Caller, vorgang_id: str, seen: Seen) -> list[dict[str, Any]]:
        shown = {row["id"] for row in seen.messages}
        return [
            {
                "nummer": duty["nummer"],
                "faellig_am": duty["faellig_am"],
                "pflichtig": duty["pflichtig"],
                "erledigt_am": as_iso(duty["done"]),
                "text": duty["text"],
                "nachricht": duty["message_id"],
                "erinnert_am": as_iso(duty["reminded"]),
            }
            for duty in await self._ctx.db.fetch("duties_of_vorgang", vorgang_id)
            if caller.revision or duty["pflichtig"] in caller.behoerden or not _between_sender_and_us(duty)
            if caller.revision or duty["message_id"] in shown
        ]

    def _index(self, field: str, value: str) -> str:
        return blind_index(self._ctx.store_key, field, value)  # type: ignore[arg-type]


def _message(row: Row, seen: Seen) -> dict[str, Any]:
    return summary(row, [d["empfaenger"] for d in seen.deliveries if d["message_id"] == row["id"]])


def _between_sender_and_us(duty: Row) -> bool:
    """That a notice was withheld (Nr. 1) is its sender's matter, also when it has been released."""
    return bool(duty["nummer"] == MAKING_UP)


def _forwards(seen: Seen) -> list[dict[str, Any]]:
    """Who forwarded what to whom, as far as the caller sees the notice or the Weiterleitung."""
    shown = {row["id"]: row for row in (*seen.messages, *seen.forwards) if row["wurzel"] == WEITERLEITUNG}
    deliveries = (*seen.deliveries, *seen.ended)
    return [
        {
            "nachricht": row["bezug_id"],
            "weiterleitung": row["id"],
            "von": row["absender"],
            "an": next((d["empfaenger"] for d in deliveries if d["message_id"] == row["id"]), None),
            "dezernat": None,
            "am": as_iso(row["eingang"]),
        }
        for row in shown.values()
    ]


def _proved(seen: Seen) -> list[Row]:
    """Deliveries to an ABH or ZAB that a verified receipt proves, in order."""
    return [
        row
        for row in sorted((*seen.deliveries, *seen.ended), key=lambda row: (row["created"], row["id"]))
        if row["status"] == DeliveryStatus.ZUGESTELLT and row["empfaenger"].startswith(AUSLAENDERBEHOERDEN)
    ]
