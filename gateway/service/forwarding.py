"""One act of a recipient, two messages of the gateway, one commit (Nr. 3.2 Satz 2 and 3, Nr. 5.4 Satz 2 and 3).

Promises: the competent authority gets the unchanged original by digest and as parts, never nested, with our signed
receipt of acceptance; the JVA learns in the same commit which authority that is.
Fails: `NotFound` for who is no recipient, `Invalid` with the reason, `Forbidden` at an edge.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway import clock, mime
from gateway.accept.commands import Forward
from gateway.errors import Forbidden, Invalid
from gateway.events import Art
from gateway.message import Answer, Caller, StagedFile, Submission
from gateway.partner import Algorithmen
from gateway.route.chain import WEITERLEITUNG, demand_new, read_chain
from gateway.route.compose import (
    Einzelteile,
    Kopfangaben,
    Original,
    Reiseteil,
    Stelle,
    Weiterleitende,
    compose_weiterleitung,
    compose_zustaendigkeitsmitteilung,
    original_dateiname,
)
from gateway.seal.sealer import sign_entity
from gateway.service.accepting import Accepting, Draft, content_steps, fingerprint, message_steps, parts_of
from gateway.service.context import Context, akteur, new_id
from gateway.service.reading import Reading
from gateway.service.vorgaenge import Found
from gateway.store.content import Sealed, reveal
from gateway.store.database import Do, Row
from routing import Entscheidung, Folge, Grund, Sachverhalt, weiterleitungsziel

XML_LIMIT = 8 * 1024 * 1024
"""Largest XML part (gateway/accept/form.py)."""


@dataclass(frozen=True)
class Notice:
    """The notice that is forwarded: always the original, whoever had it before."""

    row: Row
    parts: list[Row]
    xml: bytes
    chain: tuple[Weiterleitende, ...]
    informed: frozenset[str]
    found: Found


class Forwarding:
    """Forwards notices."""

    def __init__(self, ctx: Context, reading: Reading, accepting: Accepting, wake: Callable[[], None]) -> None:
        self._ctx = ctx
        self._reading = reading
        self._accepting = accepting
        self._wake = wake

    async def forward(self, caller: Caller, message_id: str, command: Forward) -> Answer:
        """Forward as one act.

        Raises:
            NotFound: the caller is no recipient of it.
            Forbidden: at an edge.
            Invalid: nobody else is competent, a loop, an unknown authority.
        """
        if self._ctx.config.gateway.eigene:
            raise Forbidden("Weitergeleitet wird am Vermittler, unter der mitgelieferten X-Gateway-Id.", code="edge")
        forwarder = await self._forwarder(caller, message_id)
        notice = await self._notice(message_id)
        an, grund = await self._addressee(notice, forwarder, command)
        demand_new(an, forwarder, notice.informed, notice.chain)
        link = Weiterleitende(forwarder, self._ctx.at().astimezone(clock.BERLIN))
        first = await self._weiterleitung(notice, link, an, command.grund, grund)
        second = await self._zustaendigkeitsmitteilung(notice, link, an, grund)
        event = self._ctx.event(
            Art.WEITERLEITUNG, akteur(caller), message_id=notice.row["id"], stelle=forwarder, an=an, neu=first[0].id
        )
        await self._ctx.db.commit(*first[1], *(second[1] if second else ()), event)
        self._wake()
        return _answer(first[0], an, second[0] if second else None)

    async def _forwarder(self, caller: Caller, message_id: str) -> str:
        """The caller's authority that received the message, and may forward."""
        seen = await self._reading.slice(caller, message_id)
        own = [d["empfaenger"] for d in seen.deliveries if d["empfaenger"] in caller.behoerden]
        kinds = {key: self._kind(key) for key in own}
        for key in own:
            if kinds[key] in ("abh", "zab"):
                return str(key)
        raise Forbidden("Weiterleiten kann nur eine Ausländerbehörde, die Empfängerin der Mitteilung ist.")

    def _kind(self, key: str | None) -> str | None:
        found = self._ctx.directory.behoerde(key, self._ctx.today())
        return found.art if found else None

    async def _notice(self, message_id: str) -> Notice:
        row = await self._ctx.db.fetch_one("message", message_id)
        assert row is not None
        chain: tuple[Weiterleitende, ...] = ()
        if row["wurzel"] == WEITERLEITUNG and row["bezug_id"] is not None:
            chain = read_chain(await self._xml(await self._ctx.db.fetch("parts", row["id"])))
            row = await self._ctx.db.fetch_one("message", row["bezug_id"]) or row
        parts = await self._ctx.db.fetch("parts", row["id"])
        found = await self._accepting.vorgaenge.of_reference(row["id"])
        return Notice(row, parts, await self._xml(parts), chain, await self._informed(row), found)

    async def _xml(self, parts: list[Row]) -> bytes:
        return await self._ctx.content.read_all(parts[0]["content_id"], limit=XML_LIMIT)

    async def _informed(self, original: Row) -> frozenset[str]:
        """Everybody who was sent the notice, by routing or by forwarding."""
        about = await self._ctx.db.fetch("messages_about", original["id"])
        ids = [original["id"], *(row["id"] for row in about if row["wurzel"] == WEITERLEITUNG)]
        rows = await self._ctx.db.fetch("recipients_of_messages", json.dumps(ids))
        return frozenset(row["empfaenger"] for row in rows)

    async def _addressee(self, notice: Notice, forwarder: str, command: Forward) -> tuple[str, str]:
        """Whom to, and why: the one that the forwarder names, or the one that § 14 ZustAVO names."""
        if command.dezernat is not None:
            raise Invalid("Ein Dezernat gibt es nur bei Ersuchen an eine Staatsanwaltschaft.", code="dezernat")
        if command.an is not None:
            if self._kind(command.an) not in ("abh", "zab"):
                raise Invalid("„an“ ist keine Ausländerbehörde des Verzeichnisses.", code="an_unbekannt")
            return command.an, f"Von {forwarder} als zuständig benannt."
        facts = self._facts(notice)
        found = weiterleitungsziel(
            self._ctx.directory, facts, auflage_ags=command.auflage_ags, wohnsitz_ags=command.wohnsitz_ags
        )
        if found.abh is None:
            raise Invalid(f"{found.grund.text} Nennen Sie die Behörde („an“).", code="keine_zustaendige_abh")
        return found.abh, f"{found.grund.nummer}: {found.grund.text}"

    def _facts(self, notice: Notice) -> Sachverhalt:
        """The notice's facts, as they were kept; without them, only its sender."""
        row = notice.row
        if row["facts"] is None:
            return Sachverhalt(anlass=row["anlass"] or "weitere_mitteilung", absender=row["absender"])
        text = reveal(self._ctx.store_key, f"facts {row['id']}", bytes(row["facts"]))
        return Sachverhalt.from_json(json.loads(text))

    async def _weiterleitung(
        self, notice: Notice, link: Weiterleitende, an: str, grund: str, zustaendigkeit: str
    ) -> tuple[Draft, list[Do]]:
        original, files = self._original(notice)
        xml = compose_weiterleitung(
            self._kopf(notice, link, an), original, [*notice.chain, link], f"{grund} {zustaendigkeit}"
        )
        nummer = _nummer(notice.row["nummer"], "Satz 2")
        decision = Entscheidung(
            "zustellen",
            nummer,
            (Grund(nummer, "Weiterleitung an die zuständige Ausländerbehörde."),),
            empfaenger=(an,),
            vorrang=True,
            folgen=_folgen(notice, link.stelle, an, nummer),
        )
        return await self._draft(notice, xml, files, decision)

    async def _zustaendigkeitsmitteilung(
        self, notice: Notice, link: Weiterleitende, an: str, grund: str
    ) -> tuple[Draft, list[Do]] | None:
        jva = notice.row["absender"]
        if self._kind(jva) != "jva":
            return None
        xml = compose_zustaendigkeitsmitteilung(self._kopf(notice, link, jva), an, link, grund)
        nummer = _nummer(notice.row["nummer"], "Satz 3")
        reason = (Grund(nummer, f"Zuständig ist {an}."),)
        return await self._draft(notice, xml, (), Entscheidung("zustellen", nummer, reason, (jva,), vorrang=True))

    def _kopf(self, notice: Notice, link: Weiterleitende, leser: str) -> Kopfangaben:
        return Kopfangaben(
            eigene_id=str(uuid.uuid4()),
            erstellt=link.zeitpunkt,
            autor=self._stelle(link.stelle),
            leser=self._stelle(leser),
            fremde_id=notice.row["eigene_id"],
            test=bool(notice.row["test"]),
        )

    def _stelle(self, key: str) -> Stelle:
        found = self._ctx.directory.behoerden.get(key)
        return Stelle(key, found.name if found else key)

    async def _draft(
        self, notice: Notice, xml: bytes, files: tuple[StagedFile, ...], decision: Entscheidung
    ) -> tuple[Draft, list[Do]]:
        """One of the two messages, with the statements that store it in the notice's Vorgang."""
        names = [file.name for file in files]
        checked = await self._ctx.checker.check(xml, today=self._ctx.today(), attachments=names)
        submission = Submission(Caller(frozenset(), frozenset(), self._ctx.self_akteur), xml, files)
        size = len(xml) + sum(file.bytes for file in files)
        draft = Draft(
            id=new_id(),
            herkunft="eigen",
            kopf=checked.kopf,
            anlass=None,
            entscheidung=decision,
            fingerprint=fingerprint(submission),
            at=self._ctx.now(),
            deliveries=await self._accepting.plan(decision, test=checked.kopf.test, size=size),
            bezug_id=notice.row["id"],
        )
        vorgaenge = self._accepting.vorgaenge
        steps = [
            *message_steps(self._ctx, draft, None),
            *content_steps(self._ctx, draft.id, submission, parts_of(submission)),
            *vorgaenge.join_steps(notice.found, draft.id, checked.kopf, None),
            *vorgaenge.duty_steps(notice.found, draft.id, decision),
        ]
        return draft, steps

    def _original(self, notice: Notice) -> tuple[Original, tuple[StagedFile, ...]]:
        """The original by digest, and the parts that travel: XML, files, our signed receipt of acceptance."""
        row = notice.row
        xml, *files = notice.parts
        xml_name = original_dateiname(row["eigene_id"])
        receipt_name, receipt = f"Annahmequittung_{row['id']}.eml", self._acceptance(notice)
        carried = [_carried(xml, xml_name), *(_carried(file, file["name"]) for file in files)]
        digest = hashlib.sha256(receipt).hexdigest()
        content = self._ctx.content.seal_small(receipt, self._ctx.now())
        form = Einzelteile(
            nachricht=Reiseteil(xml_name, xml["sha256"]),
            dateien=tuple(Reiseteil(file["name"], file["sha256"]) for file in files),
            annahmequittung=Reiseteil(receipt_name, digest),
        )
        original = Original(
            row["eigene_id"], row["wurzel"], row["version"], row["absender"], form, _berlin(row["eingang"])
        )
        signed = StagedFile(receipt_name, "application/octet-stream", digest, len(receipt), content)
        return original, (*carried, signed)

    def _acceptance(self, notice: Notice) -> bytes:
        """Our signed word for what we accepted, from whom and when: a MIME entity `multipart/signed`."""
        row = notice.row
        value = {
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


def _folgen(notice: Notice, forwarder: str, an: str, nummer: str) -> tuple[Folge, ...]:
    """What a forward establishes; the duty to examine (3.3) goes over to the competent authority."""
    established = Folge("feststellung", nummer, f"Im Vorgang gilt nun {an} als zuständig.", empfaenger=an)
    if notice.row["anlass"] != "untersuchungshaft_antritt":
        return (established,)
    return (
        established,
        Folge("erledigt", "3.3", "Die Prüfung obliegt der zuständigen Ausländerbehörde.", forwarder),
        Folge("pflicht", "3.3", "Aufenthaltsbeendende Maßnahmen sind umgehend zu prüfen.", an),
    )


def _nummer(original: str, satz: str) -> str:
    """The sentence that a forward follows: 5.4 for notices of Nr. 5, else 3.2."""
    return f"{'5.4' if original.startswith('5.') else '3.2'} {satz}"


def _answer(weiterleitung: Draft, an: str, mitteilung: Draft | None) -> Answer:
    value: dict[str, Any] = {
        "id": weiterleitung.id,
        "nachrichten_id": weiterleitung.kopf.eigene_id,
        "status": str(weiterleitung.status),
        "an": an,
        "entscheidung": weiterleitung.entscheidung.as_json(),
        "zustaendigkeitsmitteilung": mitteilung.id if mitteilung else None,
    }
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(202, body, f"/v1/messages/{weiterleitung.id}")
