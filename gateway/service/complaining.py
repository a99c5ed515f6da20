"""What was wrong with a partner's message, as a message of ours: `fehler`, 9900090 (wire.md section 4).

A receipt says only that it was refused; the findings go to the sender's own partner entry, signed and encrypted like
any message, and only after the sender's signature held.

Promises: at most one `fehler` for one refused request, stored in the step that refuses it; never one about a `fehler`.
Fails: not at all; where none can be made, the refusal stands without.
"""

from __future__ import annotations

import hashlib
import logging
import uuid

from gateway import clock
from gateway.errors import Refusal
from gateway.message import Caller, Submission
from gateway.partner import Partner
from gateway.route.compose import Fehlerbezug, Kopfangaben, Stelle, compose_fehler
from gateway.service.accepting import Accepting, Draft, content_steps, fingerprint, message_steps, parts_of
from gateway.service.context import Context, new_id
from gateway.store.database import Do
from routing import Entscheidung, Grund

log = logging.getLogger(__name__)

NUMBER = b"9900090"
"""Number of `fehler`: what bears it is never answered with another one, whatever else is wrong with it."""
REASON = "Eine Nachricht des Partners wurde abgewiesen; die Gründe gehen an ihren Absender zurück."


class Complaining:
    """Writes `fehler` messages."""

    def __init__(self, ctx: Context, accepting: Accepting) -> None:
        self._ctx = ctx
        self._accepting = accepting

    async def steps(self, partner: Partner, xml: bytes, wire_id: str, refusal: Refusal) -> list[Do]:
        """Statements that store the `fehler` for a refused message; none where nobody is to be told.

        Args:
            partner: whose signature held; the first of its authorities is told. A Vermittler has none of its own.
            xml: part 0 as it came.
            wire_id: Message-ID of the refused request.
            refusal: what was found.
        """
        if partner.art != "behoerde" or not partner.behoerden or NUMBER in xml:
            return []
        try:
            return await self._message(partner.behoerden[0], xml, wire_id, refusal)
        except (Refusal, ValueError):
            log.exception("no fehler could be made for partner %s", partner.id)
            return []

    async def _message(self, leser: str, xml: bytes, wire_id: str, refusal: Refusal) -> list[Do]:
        found = self._ctx.directory.behoerde(leser)
        own = self._ctx.config.gateway.kennung
        head = Kopfangaben(
            eigene_id=str(uuid.uuid4()),
            erstellt=self._ctx.at().astimezone(clock.BERLIN),
            autor=Stelle(own, own),
            leser=Stelle(leser, found.name if found else leser),
        )
        about = Fehlerbezug(hashlib.sha256(xml).hexdigest(), wire_id)
        told = compose_fehler(head, refusal.befunde, about)
        checked = await self._ctx.checker.check(told, today=self._ctx.today(), attachments=[])
        submission = Submission(Caller(frozenset(), frozenset(), self._ctx.self_akteur), told)
        decision = Entscheidung("zustellen", "", (Grund("", REASON),), empfaenger=(leser,))
        draft = Draft(
            id=new_id(),
            herkunft="eigen",
            kopf=checked.kopf,
            anlass=None,
            entscheidung=decision,
            fingerprint=fingerprint(submission),
            at=self._ctx.now(),
            deliveries=await self._accepting.plan(decision, test=False, size=len(told)),
        )
        parts = parts_of(submission)
        return [*message_steps(self._ctx, draft, None), *content_steps(self._ctx, draft.id, submission, parts)]
