"""What was wrong with a partner's message, as a message of ours: `fehler`, 9900090 (wire.md section 4).

A receipt says only that it was refused; the findings go to the sender's own partner entry, signed and encrypted like
any message, and only after the sender's signature held.

Promises: at most one `fehler` for one refused request, stored in the step that refuses it; never one about a `fehler`.
Fails: not at all; where none can be made, the refusal stands without.
"""

from __future__ import annotations

import hashlib
import logging

from gateway.errors import Refusal
from gateway.partner import Partner
from gateway.route.compose import Fehlerbezug, compose_fehler
from gateway.route.plan import plan
from gateway.service.context import Context
from gateway.service.departure.own import head_to, own_message
from gateway.store.database import Do

log = logging.getLogger(__name__)

NUMBER = b"9900090"
"""Number of `fehler`: what bears it is never answered with another one, whatever else is wrong with it."""
REASON = "Eine Nachricht des Partners wurde abgewiesen; die Gründe gehen an ihren Absender zurück."


class Complaining:
    """Writes `fehler` messages."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

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
        about = Fehlerbezug(hashlib.sha256(xml).hexdigest(), wire_id)
        told = compose_fehler(head_to(self._ctx, leser), refusal.befunde, about)
        planned = plan(leser, await self._ctx.partners.of(leser), test=False, size=len(told))
        _, steps = await own_message(self._ctx, told, REASON, [planned])
        return steps
