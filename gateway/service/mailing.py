"""A mail came: a receipt for one of our deliveries, or something that a person must look at (wire.md section 5).

Promises: a receipt is judged like any other; everything else is kept with an event and never answered or bounced.
Fails: `StoreError` when nothing can be kept now; the mail server then tries again.
"""

from __future__ import annotations

import hashlib

from gateway.events import Art
from gateway.service.context import Context
from gateway.service.settling import Settling, UnknownReceipt


class Mailing:
    """The mail listener's port."""

    def __init__(self, ctx: Context, settling: Settling) -> None:
        self._ctx = ctx
        self._settling = settling

    async def receive_mail(self, raw: bytes) -> None:
        """Judges one mail, or keeps it for a person."""
        try:
            await self._settling.receive(raw)
        except UnknownReceipt:
            kept = self._ctx.content.seal_small(raw, self._ctx.now())
            event = self._ctx.event(
                Art.EINGANG_ABGEWIESEN,
                "mail",
                grund="keine_quittung_fuer_uns",
                inhalt=kept.id,
                sha256=hashlib.sha256(raw).hexdigest(),
            )
            await self._ctx.db.commit(*kept.steps, event)
