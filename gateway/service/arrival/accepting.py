"""A sender's message: checked, decided, durable, answered (contracts.md section 5).

Promises: message, parts, decision, deliveries and events become durable in one commit, and only then the answer
leaves; the same post again gets the stored answer, byte for byte; a refused one leaves an event without content.
Fails: `Refusal`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from gateway.clock import as_iso
from gateway.errors import Befund, Conflict, Forbidden, Invalid, Overloaded, Refusal
from gateway.events import Art
from gateway.message import Answer, Caller, Geprueft, Kopf, Submission, Teil
from gateway.route.plan import Planned, plan
from gateway.route.resources import packaged_rules
from gateway.route.vorgang import withheld
from gateway.service.arrival.upload import Upload
from gateway.service.casework.duties import Duties
from gateway.service.casework.vorgaenge import RACES, Found, Vorgaenge, facts_step, is_race, withheld_place
from gateway.service.context import Context, akteur, new_id
from gateway.service.words import wordless
from gateway.states import DeliveryStatus, MessageStatus, message_status
from gateway.store.content import Sealed, blind_index
from gateway.store.database import AlreadyThere, Do, StaleState
from gateway.store.steps import do
from gateway.web import json_object
from routing import Entscheidung, Grund, Sachverhalt, Vorgangslage, entscheide

XML_NAME = "nachricht.xml"
"""Name of part 0."""


def fingerprint(submission: Submission) -> str:
    """SHA-256 of what makes two posts the same (contracts.md section 5), lower-case hex."""
    files = sorted((file.name, file.sha256) for file in submission.files)
    facts = hashlib.sha256(submission.sachverhalt).hexdigest() if submission.sachverhalt is not None else None
    whole = [
        hashlib.sha256(submission.xml).hexdigest(),
        files,
        facts,
        submission.empfaenger,
        submission.bestehen_auf,
    ]
    return hashlib.sha256(json.dumps(whole, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Draft:
    """A message on its way into the store."""

    id: str
    herkunft: str
    kopf: Kopf
    anlass: str | None
    entscheidung: Entscheidung
    fingerprint: str
    at: int
    deliveries: tuple[Planned, ...]
    gateway_id: str | None = None
    bezug_id: str | None = None

    @property
    def status(self) -> MessageStatus:
        """Status with which the message starts."""
        if self.entscheidung.entscheidung != "zustellen":
            return MessageStatus(self.entscheidung.entscheidung)
        return message_status([(planned.status, 0) for planned in self.deliveries])


class Accepting:
    """The journey from a submission to its answer."""

    def __init__(self, ctx: Context, wake: Callable[[], None]) -> None:
        self._ctx = ctx
        self._wake = wake
        self.vorgaenge = Vorgaenge(ctx)
        self.duties = Duties(ctx)

    def upload(self) -> Upload:
        """Where one request's files go: encrypted staging."""
        return Upload(self._ctx)

    async def refused(self, caller: Caller, refusal: Refusal) -> None:
        """One event: who, when, which code; nothing of the content."""
        codes = sorted({befund.code for befund in refusal.befunde})[:10]
        event = self._ctx.event(Art.ABWEISUNG, akteur(caller), status=refusal.status, code=refusal.code, codes=codes)
        await self._ctx.db.commit(event)

    async def accept(self, submission: Submission, herkunft: str = "api") -> Answer:
        """Check, decide, make durable, answer.

        Raises:
            Refusal: 400, 403, 409, 413, 422 by contracts.md section 5.
        """
        if self._ctx.config.gateway.eigene and herkunft == "api":
            raise Forbidden("Dieses Gateway nimmt nur entgegen. Senden Sie an den Vermittler.", code="edge")
        try:
            geprueft = await self._check(submission, self._ctx.today())
        except Invalid as refusal:
            if refusal.code != "version_nicht_gueltig":
                raise
            return await self._answered_then(submission, refusal)
        self._demand_own(submission, geprueft.kopf)
        kopf = geprueft.kopf
        print_ = fingerprint(submission)
        known = await self._known(kopf, print_)
        if known is not None:
            return known
        for _ in range(RACES):
            try:
                return await self._decide_and_store(submission, geprueft, print_, herkunft)
            except (AlreadyThere, StaleState) as race:
                if not is_race(race) and getattr(race, "constraint", None) != "message_identity":
                    raise
                known = await self._known(kopf, print_)  # the same post at the same moment
                if known is not None:
                    return known
        raise Overloaded(retry_after=1)

    async def _answered_then(self, submission: Submission, refusal: Invalid) -> Answer:
        """The stored answer to a post that was taken while its version counted, and is repeated now; else `refusal`."""
        then = self._ctx.checker.last_day(submission.xml)
        if then is None:
            raise refusal
        kopf = (await self._check(submission, then)).kopf
        self._demand_own(submission, kopf)
        known = await self._known(kopf, fingerprint(submission))
        if known is None:
            raise refusal
        return known

    def _demand_own(self, submission: Submission, kopf: Kopf) -> None:
        if kopf.absender is None or kopf.absender not in submission.caller.behoerden:
            raise Forbidden(
                "Der Absender der Nachricht gehört nicht zu den Behörden Ihres Zertifikats.", code="absender_fremd"
            )

    async def _decide_and_store(self, submission: Submission, geprueft: Geprueft, print_: str, herkunft: str) -> Answer:
        kopf, facts = geprueft.kopf, geprueft.sachverhalt
        if facts is not None:
            facts = replace(facts, bestehen_auf=submission.bestehen_auf or facts.bestehen_auf)
        found = await self.vorgaenge.find(kopf, facts)
        entscheidung = decide(self._ctx, facts, found.lage()) if facts else addressed(kopf, self._ctx)
        if entscheidung.entscheidung == "unzulaessig":
            raise _not_permitted(entscheidung)
        size = len(submission.xml) + sum(file.bytes for file in submission.files)
        deliveries = await self.plan(entscheidung, test=kopf.test, size=size)
        anlass = facts.anlass if facts else None
        draft = Draft(new_id(), herkunft, kopf, anlass, entscheidung, print_, self._ctx.now(), deliveries)
        joining = self._joining(found, draft, facts, geprueft)
        return await self._store(draft, submission, joining)

    def _joining(self, found: Found, draft: Draft, facts: Sachverhalt | None, words: Geprueft) -> list[Do]:
        """Statements that put a message into its Vorgang, with its duties, and keep its facts."""
        if withheld(draft.entscheidung, facts, self._ctx.directory):
            steps = self.vorgaenge.withhold_steps(found, draft.id, draft.kopf, facts)
            found = withheld_place(found)
        else:
            steps = self.vorgaenge.join_steps(found, draft.id, draft.kopf, facts)
        return [
            *steps,
            *self.duties.steps(found, draft.id, draft.entscheidung, words),
            *clearing_steps(self._ctx, draft.id, draft.entscheidung),
            *facts_step(self._ctx, draft.id, facts),
        ]

    async def plan(self, entscheidung: Entscheidung, *, test: bool, size: int) -> tuple[Planned, ...]:
        """One planned delivery for each recipient of a decision; none unless it says `zustellen`."""
        if entscheidung.entscheidung != "zustellen":
            return ()
        return tuple(
            [plan(key, await self._ctx.partners.of(key), test=test, size=size) for key in entscheidung.empfaenger]
        )

    async def _check(self, submission: Submission, today: date) -> Geprueft:
        return await self._ctx.checker.check(
            submission.xml,
            today=today,
            attachments=[file.name for file in submission.files],
            sachverhalt=_json_part(submission.sachverhalt),
            empfaenger=submission.empfaenger,
        )

    async def _known(self, kopf: Kopf, print_: str) -> Answer | None:
        row = await self._ctx.db.fetch_one("message_by_identity", kopf.absender, kopf.eigene_id)
        if row is None:
            return None
        if row["fingerprint"] != print_ or row["answer"] is None:
            raise Conflict(
                "Unter dieser Nachrichten-ID haben Sie bereits eine andere Nachricht gesendet. "
                "Vergeben Sie für jede neue Nachricht eine neue ID.",
                code="id_vergeben",
            )
        return Answer(200, bytes(row["answer"]), self._ctx.url_of(row["id"]))

    async def _store(self, draft: Draft, submission: Submission, joining: list[Do]) -> Answer:
        answer = answer_body(draft, hashlib.sha256(submission.xml).hexdigest(), self._ctx.url_of(draft.id))
        parts = parts_of(submission)
        accepted = self._ctx.event(
            Art.ANNAHME,
            akteur(submission.caller),
            message_id=draft.id,
            teile=[teil.sha256 for teil in parts],
            absender=draft.kopf.absender,
            antwort=hashlib.sha256(answer).hexdigest(),
        )
        contents = [
            *content_steps(self._ctx, draft.id, submission, parts),
            *signed_steps(self._ctx, draft.id, submission),
        ]
        await self._ctx.db.commit(*message_steps(self._ctx, draft, answer), *contents, *joining, accepted)
        self._wake()
        return Answer(202, answer, self._ctx.url_of(draft.id))


def decide(ctx: Context, facts: Sachverhalt, lage: Vorgangslage) -> Entscheidung:
    """The rules' decision, by the version valid on the notice's day."""
    began = time.perf_counter()
    decision = entscheide(facts, lage, ctx.directory, packaged_rules(), ctx.config.regeln.einstellungen())
    ctx.figures.took("gateway_decide_seconds", time.perf_counter() - began)
    return decision


def addressed(kopf: Kopf, ctx: Context) -> Entscheidung:
    """The decision for roots that go to their named addressee (contracts.md section 4)."""
    empfaenger = kopf.empfaenger
    if empfaenger is None or ctx.directory.behoerde(empfaenger, ctx.today()) is None:
        text = "Die Nachricht nennt keinen Empfänger, der im Verzeichnis steht."
        return Entscheidung("klaerung", "", (Grund("", text),))
    text = "Diese Nachrichtenart geht an den Empfänger, den ihr Kopf nennt."
    return Entscheidung("zustellen", "", (Grund("", text),), empfaenger=(empfaenger,))


def clearing_steps(ctx: Context, message_id: str, entscheidung: Entscheidung) -> list[Do]:
    """Statements that keep each recipient that could not be placed while others could (2a.5), for an operator."""
    if entscheidung.entscheidung != "zustellen":
        return []
    return [
        do(
            "insert_clearing",
            id=new_id(),
            message_id=message_id,
            nummer=folge.nummer,
            empfaenger=folge.empfaenger,
            forwarder=None,
            received_as=None,
            grund=None,
            text=folge.text,
            now=ctx.now(),
        )
        for folge in entscheidung.folgen
        if folge.art == "klaerung"
    ]


def answer_body(draft: Draft, sha256: str, url: str) -> bytes:
    """The body of the 202, as it is stored and repeated."""
    value: dict[str, Any] = {
        "id": draft.id,
        "nachrichten_id": draft.kopf.eigene_id,
        "status": str(draft.status),
        "entscheidung": draft.entscheidung.as_json(),
        "receipt": {
            "art": "annahme",
            "sha256": sha256,
            "zeitpunkt": as_iso(draft.at),
            "url": f"{url}/evidence",
        },
    }
    return json.dumps(value, ensure_ascii=False).encode()


def parts_of(submission: Submission) -> tuple[Teil, ...]:
    """The parts of a message: 0 is the XML, files follow as they came."""
    xml = Teil(0, XML_NAME, "application/xml", hashlib.sha256(submission.xml).hexdigest(), len(submission.xml))
    return (
        xml,
        *(Teil(n, f.name, f.media_type, f.sha256, f.bytes) for n, f in enumerate(submission.files, start=1)),
    )


def message_steps(ctx: Context, draft: Draft, answer: bytes | None) -> list[Do]:
    """Statements that store a message, who may read it, its decision and its deliveries."""
    kopf = draft.kopf
    decision = json.dumps(draft.entscheidung.as_json(), ensure_ascii=False)
    message = Do(
        "insert_message",
        (
            draft.id,
            draft.herkunft,
            kopf.absender or "",
            kopf.eigene_id,
            kopf.fremde_id,
            kopf.familie,
            kopf.wurzel,
            kopf.version,
            draft.entscheidung.nummer,
            draft.anlass,
            int(kopf.test),
            int(draft.entscheidung.vorrang),
            str(draft.status),
            decision,
            draft.fingerprint,
            answer,
            blind_index(ctx.store_key, "aktenzeichen", kopf.aktenzeichen) if kopf.aktenzeichen else None,
            blind_index(ctx.store_key, "azr_nummer", kopf.azr_nummer) if kopf.azr_nummer else None,
            draft.gateway_id,
            draft.bezug_id,
            draft.at,
        ),
        expect=1,
    )
    vorrang = draft.entscheidung.vorrang
    deliveries = [
        step for one in draft.deliveries for step in delivery_steps(ctx, draft.id, one, vorrang=vorrang, at=draft.at)
    ]
    return [
        message,
        ctx.event(
            Art.ENTSCHEIDUNG,
            ctx.self_akteur,
            message_id=draft.id,
            entscheidung=draft.entscheidung.entscheidung,
            nummer=draft.entscheidung.nummer,
            empfaenger=list(draft.entscheidung.empfaenger),
            sha256=hashlib.sha256(wordless(decision).encode()).hexdigest(),
        ),
        *deliveries,
        Do("insert_readers", (draft.id,)),
    ]


def delivery_steps(ctx: Context, message_id: str, planned: Planned, *, vorrang: bool, at: int) -> list[Do]:
    """Statements that store one planned delivery."""
    delivery_id = new_id()
    args = (delivery_id, message_id, planned.empfaenger, planned.partner_id, planned.weg, str(planned.status))
    steps = [Do("insert_delivery", (*args, int(vorrang), at, at, None), expect=1)]
    if planned.grund is not None:
        steps.append(Do("note_delivery", (delivery_id, planned.grund), expect=1))
    if planned.status is DeliveryStatus.UEBERGEBEN:
        detail = {"weg": planned.weg, "empfaenger": planned.empfaenger}
        steps.append(
            ctx.event(Art.UEBERGABE, ctx.self_akteur, message_id=message_id, delivery_id=delivery_id, **detail)
        )
    return steps


def content_steps(ctx: Context, message_id: str, submission: Submission, parts: tuple[Teil, ...]) -> list[Do]:
    """Statements that store the parts and what is left to write of their content."""
    xml = ctx.content.seal_small(submission.xml, ctx.now())
    contents: list[Sealed] = [xml, *(file.content for file in submission.files)]
    steps: list[Do] = []
    for teil, content in zip(parts, contents, strict=True):
        args = (message_id, teil.n, teil.name, teil.media_type, teil.sha256, teil.bytes, content.id)
        steps += [*content.steps, Do("insert_part", args, expect=1)]
    return steps


def signed_steps(ctx: Context, message_id: str, submission: Submission) -> list[Do]:
    """Statements that keep what the sender signed."""
    signed = submission.signed_entity
    if signed is None:
        return []
    kept: Sealed = ctx.content.seal_small(signed, ctx.now()) if isinstance(signed, bytes) else signed
    return [*kept.steps, do("keep_signed", message_id=message_id, signed_content=kept.id)]


def _json_part(raw: bytes | None) -> dict[str, Any] | None:
    if raw is None:
        return None
    return json_object(raw, "Der Teil „sachverhalt“", "sachverhalt_json")


def _not_permitted(entscheidung: Entscheidung) -> Invalid:
    text = " ".join(grund.text for grund in entscheidung.begruendung)
    return Invalid(
        text,
        Befund("unzulaessig", text, nummer=entscheidung.nummer),
        code="unzulaessig",
        entscheidung=entscheidung.as_json(),
    )
