"""One act of a recipient, two messages of the gateway, one commit (Nr. 3.2 Satz 2 and 3, Nr. 5.4 Satz 2 and 3).

Promises: the competent authority gets the unchanged original and, with it, every correction of it; the JVA learns in
the same commit which authority that is; what the forwarder still owed goes over. Nobody gets the same notice twice by
forwarding, whoever forwards at the same moment. Where nobody in NRW is competent, an operator names the authority
(2a.7). An Ersuchen goes on within the Staatsanwaltschaften (2.5 Satz 3 and 4).
Fails: `NotFound` for who is no recipient, `Invalid` with the reason, `Forbidden` at an edge.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gateway import clock
from gateway.accept.commands import Forward
from gateway.errors import Conflict, Forbidden, Invalid, Overloaded
from gateway.events import Art
from gateway.message import Answer, Caller, StagedFile, Submission
from gateway.route.chain import demand_new
from gateway.route.compose import (
    Kopfangaben,
    Stelle,
    Weiterleitende,
    compose_weiterleitung,
    compose_zustaendigkeitsmitteilung,
)
from gateway.service.arrival.accepting import (
    Accepting,
    Draft,
    content_steps,
    delivery_steps,
    fingerprint,
    message_steps,
    parts_of,
)
from gateway.service.casework.originals import Notice, Originals
from gateway.service.casework.vorgaenge import RACES, is_race
from gateway.service.context import Context, akteur, new_id
from gateway.service.views.reading import Reading
from gateway.service.words import decided
from gateway.store.content import conceal, reveal
from gateway.store.database import AlreadyThere, Do, Row, StaleState
from gateway.store.steps import do, status_follows
from routing import Entscheidung, Folge, Grund, weiterleitungsziel

ABH = ("abh", "zab")
STA = ("sta",)


@dataclass(frozen=True)
class Passing:
    """One forward: what, by whom, to whom, why."""

    notice: Notice
    link: Weiterleitende
    an: str
    grund: str
    """The forwarder's words."""
    zustaendigkeit: str
    """Why `an` is competent."""
    nummer: str
    """The number of the decree, without its Satz."""


class Forwarding:
    """Forwards notices."""

    def __init__(self, ctx: Context, reading: Reading, accepting: Accepting, wake: Callable[[], None]) -> None:
        self._ctx = ctx
        self._reading = reading
        self._accepting = accepting
        self._originals = Originals(ctx, accepting.vorgaenge)
        self._wake = wake

    async def forward(self, caller: Caller, message_id: str, command: Forward) -> Answer:
        """Forward as one act.

        Raises:
            NotFound: the caller is no recipient of it.
            Forbidden: at an edge, or the caller is neither Ausländerbehörde nor, for an Ersuchen, Staatsanwaltschaft.
            Invalid: the forwarder itself is competent, a loop, an unknown authority.
        """
        if self._ctx.config.gateway.eigene:
            raise Forbidden("Weitergeleitet wird am Vermittler, unter der mitgelieferten X-Gateway-Id.", code="edge")
        seen = await self._reading.slice(caller, message_id)
        notice = await self._originals.notice(message_id)
        own = [d["empfaenger"] for d in seen.deliveries if d["empfaenger"] in caller.behoerden]
        forwarder = self._forwarder(own, notice)
        if self._kind(forwarder) in STA:
            return await self._within_justice(caller, message_id, notice, forwarder, command)
        if command.dezernat is not None:
            raise Invalid("Ein Dezernat gibt es nur bei Ersuchen an eine Staatsanwaltschaft.", code="dezernat")
        link = Weiterleitende(forwarder, self._ctx.at().astimezone(clock.BERLIN))
        an, zustaendigkeit = self._addressee(notice, forwarder, command)
        if an is None:
            return await self._into_clearing(caller, notice, link, message_id, command.grund, zustaendigkeit)
        passing = Passing(notice, link, an, command.grund, zustaendigkeit, _nummer(notice.row["nummer"]))
        return await self._pass_on(caller, message_id, passing)

    async def complete(self, caller: Caller, point: Row, an: str, grund: str) -> Answer:
        """An operator names the authority for a forward that waits in Klärung; it goes out as the forwarder's act."""
        if self._kind(an) not in ABH:
            raise Invalid("„an“ ist keine Ausländerbehörde des Verzeichnisses.", code="an_unbekannt")
        notice = await self._originals.notice(point["received_as"])
        link = Weiterleitende(point["forwarder"], clock.as_datetime(point["opened"]).astimezone(clock.BERLIN))
        words = reveal(self._ctx.store_key, f"grund {point['id']}", bytes(point["grund"]))
        named = f"Der Betrieb hat {an} als zuständig benannt: {grund}"
        passing = Passing(notice, link, an, words, named, _nummer(notice.row["nummer"]))
        settled = (
            do("finish_clearing", expect=1, id=point["id"], now=self._ctx.now()),
            self._ctx.event(Art.ZUWEISUNG, akteur(caller), message_id=notice.row["id"], an=an, worte=grund),
        )
        return await self._pass_on(caller, point["received_as"], passing, *settled)

    def _forwarder(self, own: list[str], notice: Notice) -> str:
        """The caller's authority that received the message, and may forward."""
        allowed = (*ABH, *STA) if notice.is_ersuchen else ABH
        for key in own:
            if self._kind(key) in allowed:
                return key
        raise Forbidden("Weiterleiten kann nur eine Ausländerbehörde, die Empfängerin der Mitteilung ist.")

    def _kind(self, key: str | None) -> str | None:
        found = self._ctx.directory.behoerde(key, self._ctx.today())
        return found.art if found else None

    def _addressee(self, notice: Notice, forwarder: str, command: Forward) -> tuple[str | None, str]:
        """Whom to, and why: the one that the forwarder names, or the one that § 14 ZustAVO names; None for Klärung."""
        if command.an is not None:
            if self._kind(command.an) not in ABH:
                raise Invalid("„an“ ist keine Ausländerbehörde des Verzeichnisses.", code="an_unbekannt")
            return command.an, f"Von {forwarder} als zuständig benannt."
        found = weiterleitungsziel(
            self._ctx.directory,
            self._originals.facts(notice),
            auflage_ags=command.auflage_ags,
            wohnsitz_ags=command.wohnsitz_ags,
        )
        return found.abh, f"{found.grund.nummer}: {found.grund.text}"

    # --- the forward itself

    async def _pass_on(self, caller: Caller, message_id: str, passing: Passing, *more: Do) -> Answer:
        """Forward; again, where something joined the Vorgang meanwhile: a correction must not miss the forward."""
        for _ in range(RACES):
            try:
                return await self._once(caller, passing, *more)
            except StaleState:
                passing = replace(passing, notice=await self._originals.notice(message_id))
        raise Overloaded(retry_after=1)

    async def _once(self, caller: Caller, passing: Passing, *more: Do) -> Answer:
        """Weiterleitung and Zuständigkeitsmitteilung, durable together or not at all."""
        notice, forwarder = passing.notice, passing.link.stelle
        demand_new(passing.an, forwarder, notice.informed, notice.chain)
        owed = await self._owed(notice, forwarder)
        first, steps = await self._weiterleitung(passing, owed)
        followed = replace(notice, found=replace(notice.found, changed=None))  # the first has joined by then
        second = await self._zustaendigkeitsmitteilung(replace(passing, notice=followed))
        original = notice.row["id"]
        detail = {"stelle": forwarder, "an": passing.an, "neu": first.id}
        await self._commit(
            do("touch_message", expect=1, id=original, now=self._ctx.now()),
            do("insert_forward_target", expect=1, original_id=original, empfaenger=passing.an, message_id=first.id),
            *more,
            *steps,
            *(second[1] if second else ()),
            *self._accepting.duties.hand_over(notice.found, owed, passing.an, first.id),
            *await self._corrections(notice, passing.an),
            self._ctx.event(Art.WEITERLEITUNG, akteur(caller), message_id=original, **detail),
        )
        return _answer(first, passing.an, second[0] if second else None, self._ctx.url_of(first.id))

    async def _commit(self, *steps: Do) -> None:
        try:
            await self._ctx.db.commit(*steps)
        except AlreadyThere as there:
            if there.constraint != "forward_target_identity":
                raise
            raise _informed() from None
        except StaleState as stale:
            if stale.query == "insert_forward_target":
                raise _informed() from None
            if is_race(stale) or stale.query == "amend_decision":
                raise
            raise Conflict("Der Zustand der Nachricht hat sich inzwischen geändert.", code="status") from None
        self._wake()

    async def _owed(self, notice: Notice, forwarder: str) -> list[Row]:
        """Open duties of the forwarder that the notice opened, as it came or as it was forwarded."""
        rows = [row for id_ in notice.passed_on for row in await self._ctx.db.fetch("duties_of_message", id_)]
        return [row for row in rows if row["pflichtig"] == forwarder and row["done"] is None]

    async def _weiterleitung(self, passing: Passing, owed: list[Row]) -> tuple[Draft, list[Do]]:
        notice = passing.notice
        original, files = await self._originals.travelling(notice)
        words = f"{passing.grund} {passing.zustaendigkeit}"
        kopf = self._kopf(notice, passing.link, passing.an)
        xml = compose_weiterleitung(kopf, original, [*notice.chain, passing.link], words)
        nummer = f"{passing.nummer} Satz {'4' if notice.is_ersuchen else '2'}"
        decision = Entscheidung(
            "zustellen",
            nummer,
            _reasons(passing, nummer),
            empfaenger=(passing.an,),
            vorrang=not notice.is_ersuchen or bool(notice.row["vorrang"]),
            folgen=_folgen(passing, nummer, owed),
        )
        return await self._draft(notice, xml, files, decision)

    async def _zustaendigkeitsmitteilung(self, passing: Passing) -> tuple[Draft, list[Do]] | None:
        jva = passing.notice.row["absender"]
        if self._kind(jva) != "jva":
            return None
        kopf = self._kopf(passing.notice, passing.link, jva)
        xml = compose_zustaendigkeitsmitteilung(kopf, passing.an, passing.link, passing.zustaendigkeit)
        nummer = f"{passing.nummer} Satz 3"
        reason = (Grund(nummer, f"Zuständig ist {passing.an}."),)
        decision = Entscheidung("zustellen", nummer, reason, (jva,), vorrang=True)
        return await self._draft(passing.notice, xml, (), decision)

    async def _corrections(self, notice: Notice, an: str) -> list[Do]:
        """Corrections of the notice follow it: who is informed of the one is informed of the others (§ 20 EGGVG)."""
        found = await self._accepting.vorgaenge.corrections(notice.row)
        return [step for message in found for step in await self._correction(message, an)]

    async def _correction(self, message: Row, an: str) -> list[Do]:
        """One recipient more for a stored correction; its decision says so."""
        now = self._ctx.now()
        value = json.loads(message["entscheidung"])
        text = f"Die Mitteilung wurde an {an} weitergeleitet; die Berichtigung folgt ihr."
        value["empfaenger"] = [*value["empfaenger"], an]
        value["begruendung"] = [*value["begruendung"], Grund(value["nummer"], text).as_json()]
        size = sum(part["bytes"] for part in await self._ctx.db.fetch("parts", message["id"]))
        only = Entscheidung("zustellen", value["nummer"], (), (an,))
        (planned,) = await self._accepting.plan(only, test=bool(message["test"]), size=size)
        after = json.dumps(value, ensure_ascii=False)
        before = message["entscheidung"]
        return [
            do("amend_decision", expect=1, id=message["id"], before=before, after=after, now=now),
            self._ctx.event(Art.ENTSCHEIDUNG, self._ctx.self_akteur, message_id=message["id"], **decided(after)),
            *delivery_steps(self._ctx, message["id"], planned, vorrang=bool(message["vorrang"]), at=now),
            do("insert_readers", message_id=message["id"]),
            *status_follows(message["id"], now),
        ]

    def _kopf(self, notice: Notice, link: Weiterleitende, leser: str) -> Kopfangaben:
        return Kopfangaben(
            eigene_id=str(uuid.uuid4()),
            erstellt=self._ctx.at().astimezone(clock.BERLIN),
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
        steps = [
            *message_steps(self._ctx, draft, None),
            *content_steps(self._ctx, draft.id, submission, parts_of(submission)),
            *self._accepting.vorgaenge.join_steps(replace(notice.found, new=False), draft.id, checked.kopf, None),
        ]
        return draft, steps

    # --- Klärung and Dezernat: no message yet, or none at all

    async def _into_clearing(
        self, caller: Caller, notice: Notice, link: Weiterleitende, message_id: str, grund: str, text: str
    ) -> Answer:
        """Nobody in NRW is competent: an operator names the authority, and the forward goes on (2a.7)."""
        point, nummer = new_id(), f"{_nummer(notice.row['nummer'])} Satz 2"
        open_point = do(
            "insert_clearing",
            id=point,
            message_id=notice.row["id"],
            nummer=nummer,
            empfaenger=None,
            forwarder=link.stelle,
            received_as=message_id,
            grund=conceal(self._ctx.store_key, f"grund {point}", grund),
            text=text,
            now=self._ctx.now(),
        )
        detail = {"stelle": link.stelle, "an": None}
        event = self._ctx.event(Art.WEITERLEITUNG, akteur(caller), message_id=notice.row["id"], **detail)
        try:
            await self._ctx.db.commit(open_point, event)
        except AlreadyThere as there:
            if there.constraint != "clearing_forward":
                raise
            raise Conflict(
                "Eine Weiterleitung dieser Mitteilung wartet schon auf die Klärung.", code="klaerung"
            ) from None
        decision = Entscheidung("klaerung", nummer, (Grund(nummer, text),))
        return _recorded(notice, "klaerung", decision, {"an": None}, self._ctx.url_of(notice.row["id"]))

    async def _within_justice(
        self, caller: Caller, message_id: str, notice: Notice, sta: str, command: Forward
    ) -> Answer:
        """An Ersuchen goes on to a Dezernat of the same Staatsanwaltschaft, or to another one (2.5 Satz 3 and 4)."""
        if command.an is None or command.an == sta:
            if command.dezernat is None:
                raise Invalid("Nennen Sie das Dezernat oder eine andere Staatsanwaltschaft („an“).", code="an_fehlt")
            return await self._to_dezernat(caller, notice, sta, command.dezernat)
        if self._kind(command.an) not in STA:
            raise Invalid("„an“ ist keine Staatsanwaltschaft des Verzeichnisses.", code="an_unbekannt")
        link = Weiterleitende(sta, self._ctx.at().astimezone(clock.BERLIN))
        place = f" Dezernat: {command.dezernat}." if command.dezernat else ""
        passing = Passing(notice, link, command.an, command.grund, f"Von {sta} als zuständig benannt.{place}", "2.5")
        return await self._pass_on(caller, message_id, passing)

    async def _to_dezernat(self, caller: Caller, notice: Notice, sta: str, dezernat: str) -> Answer:
        """The Staatsanwaltschaft has the Ersuchen already: the Vorgang keeps where it went, nothing is sent."""
        id_ = new_id()
        kept = do(
            "insert_dezernat",
            id=id_,
            message_id=notice.row["id"],
            authority=sta,
            dezernat=conceal(self._ctx.store_key, f"dezernat {id_}", dezernat),
            now=self._ctx.now(),
        )
        detail = {"stelle": sta, "an": sta, "dezernat": id_}
        await self._ctx.db.commit(
            kept, self._ctx.event(Art.WEITERLEITUNG, akteur(caller), message_id=notice.row["id"], **detail)
        )
        text = "Das Ersuchen ist innerhalb der Staatsanwaltschaft an das Dezernat gegangen."
        decision = Entscheidung("zustellen", "2.5 Satz 3", (Grund("2.5 Satz 3", text),), (sta,))
        url = self._ctx.url_of(notice.row["id"])
        return _recorded(notice, notice.row["status"], decision, {"an": sta, "dezernat": dezernat}, url)


def _informed() -> Invalid:
    return Invalid("Diese Behörde hat die Mitteilung bereits erhalten.", code="bereits_unterrichtet")


def _reasons(passing: Passing, nummer: str) -> tuple[Grund, ...]:
    if passing.notice.is_ersuchen:
        text = "Das Ersuchen geht an eine weitere Staatsanwaltschaft; gemeint sind im Text Dezernate."
        return (Grund(nummer, text, auslegung=True),)
    text = "Weiterleitung an die zuständige Ausländerbehörde."
    about_prison = passing.notice.row["nummer"].startswith(("3.", "5."))
    entsprechend = "Die Vorschrift gilt entsprechend für Mitteilungen, die nicht von einer Anstalt kommen."
    return (Grund(nummer, text), *(() if about_prison else (Grund(nummer, entsprechend, auslegung=True),)))


def _folgen(passing: Passing, nummer: str, owed: list[Row]) -> tuple[Folge, ...]:
    """What a forward establishes; what the forwarder still owed for the notice goes over with it."""
    moved = tuple(Folge("pflicht", duty["nummer"], duty["text"], passing.an) for duty in owed)
    if passing.notice.is_ersuchen:
        return moved
    text = f"Im Vorgang gilt nun {passing.an} als zuständig."
    return (Folge("feststellung", nummer, text, empfaenger=passing.an), *moved)


def _nummer(original: str) -> str:
    """The number that a forward follows: 5.4 for notices of Nr. 5, else 3.2."""
    return "5.4" if original.startswith("5.") else "3.2"


def _answer(weiterleitung: Draft, an: str, mitteilung: Draft | None, url: str) -> Answer:
    value: dict[str, Any] = {
        "id": weiterleitung.id,
        "nachrichten_id": weiterleitung.kopf.eigene_id,
        "status": str(weiterleitung.status),
        "an": an,
        "entscheidung": weiterleitung.entscheidung.as_json(),
        "zustaendigkeitsmitteilung": mitteilung.id if mitteilung else None,
    }
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(202, body, url)


def _recorded(notice: Notice, status: str, decision: Entscheidung, more: dict[str, Any], url: str) -> Answer:
    """The answer where no message was made."""
    value: dict[str, Any] = {"id": notice.row["id"], "nachrichten_id": notice.row["eigene_id"], "status": status}
    value |= more | {"entscheidung": decision.as_json(), "zustaendigkeitsmitteilung": None}
    return Answer(202, json.dumps(value, ensure_ascii=False).encode(), url)
