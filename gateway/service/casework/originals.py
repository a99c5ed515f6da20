"""The notice that a forward carries: found whoever had it before, and made ready to travel (wire.md section 2).

Promises: always the original, never a Weiterleitung within another; its parts travel unchanged: the sender's signed
entity where it came signed, else XML and files by digest with our signed receipt of acceptance.
Fails: `Gone` for a notice whose content was deleted, `StoreError` for content that cannot be read.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway import clock, mime
from gateway.message import StagedFile
from gateway.partner import Algorithmen
from gateway.route.chain import WEITERLEITUNG, read_chain
from gateway.route.compose import (
    Einzelteile,
    Original,
    Reiseteil,
    SignierteEinheit,
    Weiterleitende,
    original_dateiname,
)
from gateway.seal.sealer import sign_entity
from gateway.service.casework.vorgaenge import Found, Vorgaenge
from gateway.service.context import Context
from gateway.service.upkeep.purging import demand_content
from gateway.states import DeliveryStatus
from gateway.store.content import Sealed, reveal
from gateway.store.database import Row
from gateway.store.steps import listed
from routing import Sachverhalt

XML_LIMIT = 8 * 1024 * 1024
"""Largest XML part (gateway/accept/form.py)."""


@dataclass(frozen=True)
class Notice:
    """The notice that is forwarded: always the original, whoever had it before."""

    row: Row
    parts: list[Row]
    chain: tuple[Weiterleitende, ...]
    """Who forwarded it, up to the caller."""
    informed: frozenset[str]
    """Everybody who was sent it, by routing or by forwarding."""
    passed_on: tuple[str, ...]
    """Ids of the notice and of its Weiterleitungen."""
    found: Found

    @property
    def is_ersuchen(self) -> bool:
        """An Ersuchen under 2.5: a Staatsanwaltschaft passes it on."""
        return bool(self.row["anlass"] == "einvernehmen_ersuchen")


class Originals:
    """Finds notices and makes them travel."""

    def __init__(self, ctx: Context, vorgaenge: Vorgaenge) -> None:
        self._ctx = ctx
        self._vorgaenge = vorgaenge

    async def notice(self, message_id: str) -> Notice:
        """The original of a message that somebody received."""
        row = await self._ctx.db.fetch_one("message", message_id)
        assert row is not None, message_id
        demand_content(row)
        chain: tuple[Weiterleitende, ...] = ()
        if row["wurzel"] == WEITERLEITUNG and row["bezug_id"] is not None:
            parts = await self._ctx.db.fetch("parts", row["id"])
            chain = read_chain(await self._ctx.content.read_all(parts[0]["content_id"], limit=XML_LIMIT))
            row = await self._ctx.db.fetch_one("message", row["bezug_id"])
            assert row is not None, message_id
            demand_content(row)
        parts = await self._ctx.db.fetch("parts", row["id"])
        about = await self._ctx.db.fetch("messages_about", row["id"])
        ids = (row["id"], *(each["id"] for each in about if each["wurzel"] == WEITERLEITUNG))
        recipients = await self._ctx.db.fetch("recipients_of_messages", listed(ids))
        informed = frozenset(r["empfaenger"] for r in recipients if r["status"] != DeliveryStatus.STORNIERT)
        return Notice(row, parts, chain, informed, ids, await self._vorgaenge.of_reference(row["id"]))

    def facts(self, notice: Notice) -> Sachverhalt:
        """The notice's facts, as they were kept; without them, only its sender."""
        row = notice.row
        if row["facts"] is None:
            return Sachverhalt(anlass=row["anlass"] or "weitere_mitteilung", absender=row["absender"])
        text = reveal(self._ctx.store_key, f"facts {row['id']}", bytes(row["facts"]))
        return Sachverhalt.from_json(json.loads(text))

    async def travelling(self, notice: Notice) -> tuple[Original, tuple[StagedFile, ...]]:
        """The original by digest, and the parts that travel beside the Weiterleitung."""
        row = notice.row
        signed = await self._ctx.db.fetch_one("content", row["signed_content"]) if row["signed_content"] else None
        form, files = self._signed(notice, signed) if signed else self._single(notice)
        original = Original(
            row["eigene_id"], row["wurzel"], row["version"], row["absender"], form, _berlin(row["eingang"])
        )
        return original, files

    def _signed(self, notice: Notice, content: Row) -> tuple[SignierteEinheit, tuple[StagedFile, ...]]:
        """The sender's signed entity is the one part."""
        xml, *files = notice.parts
        name = f"Signiert_{notice.row['eigene_id']}.eml"
        form = SignierteEinheit(
            Reiseteil(name, content["sha256"]),
            xml["sha256"],
            tuple(Reiseteil(file["name"], file["sha256"]) for file in files),
        )
        kept = Sealed(content["id"], content["sha256"], content["bytes"], ())
        return form, (StagedFile(name, "application/octet-stream", content["sha256"], content["bytes"], kept),)

    def _single(self, notice: Notice) -> tuple[Einzelteile, tuple[StagedFile, ...]]:
        """XML, files, our signed receipt of acceptance."""
        row = notice.row
        xml, *files = notice.parts
        xml_name, receipt_name = original_dateiname(row["eigene_id"]), f"Annahmequittung_{row['id']}.eml"
        receipt = self._acceptance(notice)
        digest = hashlib.sha256(receipt).hexdigest()
        form = Einzelteile(
            nachricht=Reiseteil(xml_name, xml["sha256"]),
            dateien=tuple(Reiseteil(file["name"], file["sha256"]) for file in files),
            annahmequittung=Reiseteil(receipt_name, digest),
        )
        content = self._ctx.content.seal_small(receipt, self._ctx.now())
        signed = StagedFile(receipt_name, "application/octet-stream", digest, len(receipt), content)
        return form, (_carried(xml, xml_name), *(_carried(file, file["name"]) for file in files), signed)

    def _acceptance(self, notice: Notice) -> bytes:
        """Our signed word for what we accepted, from whom and when: a MIME entity `multipart/signed`."""
        row = notice.row
        value: dict[str, Any] = {
            "art": "annahme",
            "gateway": self._ctx.config.gateway.kennung,
            "id": row["id"],
            "nachrichten_id": row["eigene_id"],
            "absender": row["absender"],
            "zeitpunkt": clock.as_iso(row["eingang"]),
            "teile": [{"name": part["name"], "sha256": part["sha256"]} for part in notice.parts],
        }
        text = json.dumps(value, ensure_ascii=True, indent=1).replace("\n", "\r\n").encode() + b"\r\n"
        entity = mime.build([("Content-Type", "application/json"), ("Content-Transfer-Encoding", "7bit")], text)
        content_type, body = sign_entity(entity, self._ctx.identity, Algorithmen(), self._ctx.at())
        return mime.build([("MIME-Version", "1.0"), ("Content-Type", content_type)], body)


def _carried(part: Row, name: str) -> StagedFile:
    """A stored part that travels once more: its content is referred to, not copied."""
    content = Sealed(part["content_id"], part["sha256"], part["bytes"], ())
    return StagedFile(name, part["media_type"], part["sha256"], part["bytes"], content)


def _berlin(micros: int) -> datetime:
    return clock.as_datetime(micros).astimezone(clock.BERLIN)
