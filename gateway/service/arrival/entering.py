"""A verified message enters: into an own authority's inbox at an edge, into the rules at a hub.

Promises: the addressee is the signed field `X-Gateway-Empfaenger`; only where a partner that is an authority sends
none does the XML's addressee count (wire.md section 3). The effect happens once per (sender, eigeneNachrichtenID,
addressee), whatever the transport repeats.
Fails: `Refusal` with the reason; the caller turns it into a negative receipt.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from gateway.errors import Conflict, Forbidden, Invalid, Refusal
from gateway.events import Art
from gateway.message import ZU_ERMITTELN, Caller, Geprueft, Submission
from gateway.partner import Partner
from gateway.route.plan import Planned
from gateway.service.arrival.accepting import (
    Accepting,
    Draft,
    content_steps,
    delivery_steps,
    fingerprint,
    message_steps,
    parts_of,
)
from gateway.service.arrival.complaining import Complaining
from gateway.service.arrival.incoming import Arrival
from gateway.service.context import Context, new_id
from gateway.service.departure.legible import is_legible_part
from gateway.states import DeliveryStatus
from gateway.store.database import Do, Row
from gateway.store.steps import status_follows
from routing import Entscheidung, Grund

EMPFAENGER = "X-Gateway-Empfaenger"
GATEWAY_ID = "X-Gateway-Id"


@dataclass(frozen=True)
class Entered:
    """What became of it."""

    message_id: str
    known: bool
    """It had entered before; no second effect."""
    steps: tuple[Do, ...] = ()
    """Statements that still have to be committed."""


class Entering:
    """Takes what `gateway.seal` verified."""

    def __init__(self, ctx: Context, accepting: Accepting) -> None:
        self._ctx = ctx
        self._accepting = accepting
        self._complaining = Complaining(ctx)

    async def complain(self, arrival: Arrival, partner: Partner, wire_id: str, refusal: Refusal) -> list[Do]:
        """Statements that tell the sender why `enter` refused."""
        return await self._complaining.steps(partner, arrival.xml, wire_id, refusal)

    async def enter(self, arrival: Arrival, partner: Partner) -> Entered:
        """Check the content and enter it.

        Raises:
            Refusal: schema, rule, addressee, sender.
        """
        submission = self._submission(arrival, partner)
        if partner.art == "behoerde" and not self._ctx.config.gateway.eigene:
            return await self._into_the_rules(submission, arrival.gateway_headers.get(EMPFAENGER))
        geprueft = await self._check(submission)
        addressee = self._addressee(arrival, geprueft, partner)
        if partner.art == "behoerde" and geprueft.kopf.absender not in partner.behoerden:
            raise Forbidden("Der Absender gehört nicht zum Partner.", code="absender_fremd")
        return await self._into_the_inbox(submission, geprueft, addressee, arrival.gateway_headers.get(GATEWAY_ID))

    async def _check(self, submission: Submission) -> Geprueft:
        names = [file.name for file in submission.files]
        return await self._ctx.checker.check(submission.xml, today=self._ctx.today(), attachments=names)

    async def _into_the_rules(self, submission: Submission, named: str | None) -> Entered:
        """A hub decides; an addressee that the signed field names must be the one that the notice names.

        What somebody signed for another gateway names another addressee there than in its notice: refused.
        """
        if named is not None and named != ZU_ERMITTELN:
            kopf = (await self._check(submission)).kopf
            if kopf.familie == "xjustiz" and kopf.empfaenger is None and self._ctx.directory.behoerde(named):
                submission = replace(submission, empfaenger=named)
            elif kopf.empfaenger != named:
                raise Forbidden("Signierte Empfängerangabe und Nachricht nennen Verschiedenes.", code="empfaenger")
        answer = await self._accepting.accept(submission, herkunft="as2")
        return Entered((answer.location or "").rpartition("/")[2], known=answer.status == 200)

    async def _into_the_inbox(
        self, submission: Submission, geprueft: Geprueft, addressee: str, gateway_id: str | None
    ) -> Entered:
        kopf = geprueft.kopf
        planned = Planned(addressee, "abruf", DeliveryStatus.UEBERGEBEN, None)
        draft = Draft(
            id=await self._free_id(gateway_id),
            herkunft="as2",
            kopf=replace(kopf, absender=kopf.absender or "unbekannt"),
            anlass=geprueft.sachverhalt.anlass if geprueft.sachverhalt else None,
            entscheidung=_by_the_hub(addressee),
            fingerprint=fingerprint(submission),
            at=self._ctx.now(),
            deliveries=(planned,),
            gateway_id=gateway_id,
        )
        known = await self._ctx.db.fetch_one("message_by_identity", draft.kopf.absender, kopf.eigene_id)
        if known is not None:
            return await self._once_more(known, draft, planned, submission)
        parts = parts_of(submission)
        event = self._arrived(draft.id, submission, addressee)
        steps = (
            *message_steps(self._ctx, draft, None),
            *content_steps(self._ctx, draft.id, submission, parts),
            event,
        )
        return Entered(draft.id, known=False, steps=steps)

    async def _once_more(self, known: Row, draft: Draft, planned: Planned, submission: Submission) -> Entered:
        if known["fingerprint"] != draft.fingerprint:
            raise Conflict("Unter dieser Nachrichten-ID liegt eine andere Nachricht vor.", code="id_vergeben")
        rows = await self._ctx.db.fetch("deliveries_of_message", known["id"])
        if any(row["empfaenger"] == planned.empfaenger for row in rows):
            event = self._ctx.event(Art.EINGANG_DOPPELT, self._ctx.self_akteur, message_id=known["id"])
            return Entered(known["id"], known=True, steps=(event,))
        added = delivery_steps(self._ctx, known["id"], planned, vorrang=False, at=draft.at)
        steps = (
            *added,
            Do("insert_readers", (known["id"],)),
            *status_follows(known["id"], self._ctx.now()),
            self._arrived(known["id"], submission, planned.empfaenger),
        )
        return Entered(known["id"], known=False, steps=steps)

    def _arrived(self, message_id: str, submission: Submission, addressee: str) -> Do:
        digests = [teil.sha256 for teil in parts_of(submission)]
        return self._ctx.event(
            Art.EINGANG, submission.caller.fingerprint, message_id=message_id, teile=digests, empfaenger=addressee
        )

    def _submission(self, arrival: Arrival, partner: Partner) -> Submission:
        """The parts as a submission, as if the partner's authorities had posted it."""
        caller = Caller(frozenset(partner.behoerden), frozenset({"fachverfahren"}), f"partner:{partner.id}")
        gateway_id = arrival.gateway_headers.get(GATEWAY_ID)
        files = tuple(file for file in arrival.files if not is_legible_part(file.name, gateway_id))
        if not all(file.name for file in files):
            raise Invalid("Eine Datei hat keinen Namen.", code="dateiname")
        return Submission(caller, arrival.xml, files, signed_entity=arrival.entity)

    def _addressee(self, arrival: Arrival, geprueft: Geprueft, partner: Partner) -> str:
        named = arrival.gateway_headers.get(EMPFAENGER)
        if named is None and partner.art == "behoerde":
            named = geprueft.kopf.empfaenger
        if named is None or named not in self._ctx.config.gateway.eigene:
            raise Forbidden("Die Nachricht ist an keine Behörde gerichtet, für die wir empfangen.", code="empfaenger")
        return named

    async def _free_id(self, gateway_id: str | None) -> str:
        """The Vermittler's id, so that the recipient can name it there; a new one where it is none, or taken."""
        try:
            wanted = str(uuid.UUID(gateway_id or ""))
        except ValueError:
            return new_id()
        taken = await self._ctx.db.fetch_one("message", wanted)
        return new_id() if taken else wanted


def _by_the_hub(addressee: str) -> Entscheidung:
    text = "Vom Vermittler entschieden und zugestellt; hier wird nicht noch einmal geleitet."
    return Entscheidung("zustellen", "", (Grund("", text),), empfaenger=(addressee,))
