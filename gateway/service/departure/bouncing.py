"""Returned mails: what a mail server says of one of our tries, and what follows for the delivery (wire.md section 5).

Promises: a notification counts only by that try's token, and only while its delivery still waits for the receipt of
that try; it leads to another try, after several to a person who may choose another way, and never alone to the end.
What it says is durable before anything follows, so that a notification may overtake the record of its own try.
Fails: `StoreError`; the mail server then comes again.
"""

from __future__ import annotations

import hashlib

from gateway.events import Art
from gateway.send.failure import from_dsn
from gateway.send.mail_message import verp_token
from gateway.service.context import Context
from gateway.service.departure.delivering import Delivering
from gateway.service.patience import Patience
from gateway.settle.dsn import Dsn
from gateway.states import AWAITING, DeliveryStatus
from gateway.store.database import Do, Row, StaleState
from gateway.store.steps import do

LOOKED_AT = 100
"""Returned mails looked at in one round."""
UNDER_WAY = frozenset({DeliveryStatus.LAEUFT})
"""A try whose own record is still to come."""


class Bouncing:
    """Takes notifications, and applies them."""

    def __init__(self, ctx: Context, delivering: Delivering) -> None:
        self._ctx = ctx
        self._delivering = delivering
        self._patience = Patience(ctx, "ruecklaeufer", "token")

    async def try_of(self, address: str) -> str | None:
        """The token of one of our tries, where an address is that try's return path."""
        setting = self._ctx.config.postausgang
        token = verp_token(setting.absender, address) if setting is not None else None
        if token is None or await self._ctx.db.fetch_one("mail_try", token) is None:
            return None
        return token

    async def note(self, token: str | None, dsn: Dsn, raw: bytes) -> bool:
        """Keep what a notification says.

        Args:
            token: of the return path that it came to; None where it came to another address of ours.
            dsn: what it says.
            raw: the mail, kept as evidence.

        Returns:
            False where it names no try of ours, or two different ones.
        """
        if token is not None and dsn.envid is not None and dsn.envid.lower() != token:
            return False
        found = await self._ctx.db.fetch_one("mail_try", token or (dsn.envid or "").lower())
        if found is None:
            return False
        digest = hashlib.sha256(raw).hexdigest()
        if dsn.action != "failed":
            await self._ctx.db.commit(self._event(found, dsn, sha256=digest))
            return True
        kept = self._ctx.content.seal_small(raw, self._ctx.now())
        mark = do("note_return", expect=1, token=found["token"], now=self._ctx.now(), status=dsn.status or "")
        try:
            known = do("insert_kept_mail", content_id=kept.id, now=self._ctx.now())
            await self._ctx.db.commit(mark, *kept.steps, known, self._event(found, dsn, inhalt=kept.id, sha256=digest))
        except StaleState:  # the same try came back before
            await self._ctx.db.commit(self._event(found, dsn, sha256=digest))
        return True

    async def apply(self) -> None:
        """What follows from notifications that nobody has looked at."""
        rows = await self._ctx.db.fetch("open_returns", LOOKED_AT)
        await self._patience.each(rows, self._apply_one, lambda row: [self._looked(row)])

    def _looked(self, row: Row) -> Do:
        return do("settle_return", token=row["token"], now=self._ctx.now())

    async def _apply_one(self, row: Row) -> None:
        delivery = await self._ctx.db.fetch_one("delivery", row["delivery_id"])
        looked = self._looked(row)
        same_try = delivery is not None and delivery["attempts"] == row["n"]
        if delivery is not None and same_try and delivery["status"] in UNDER_WAY:
            return
        if delivery is None or not same_try or delivery["status"] not in AWAITING:
            await self._ctx.db.commit(looked)
            return
        tries = await self._ctx.db.fetch("tries_of_delivery", delivery["id"])
        times = sum(each["returned"] is not None for each in tries)
        await self._delivering.returned(delivery, from_dsn(row["status"] or None, times), looked)

    def _event(self, found: Row, dsn: Dsn, **more: str) -> Do:
        return self._ctx.event(
            Art.RUECKLAEUFER,
            self._ctx.self_akteur,
            message_id=found["message_id"],
            delivery_id=found["delivery_id"],
            versuch=found["n"],
            aktion=dsn.action,
            status=dsn.status,
            **more,
        )
