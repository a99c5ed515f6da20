"""A full round with one partner: a test message of ours, signed, encrypted, handed over, its receipt verified.

Promises: it is a real message with `@test` on the real way, stored with its events like any other; it goes only where
the agreement says `test = true`; if nobody was reached it is cancelled, and waits for nobody.
Fails: `NotTestable` with what to mend; what the round shows is a value.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from gateway.config import Config
from gateway.errors import Befund
from gateway.events import Art
from gateway.partner import Partner
from gateway.route.compose import compose_fehler
from gateway.route.plan import plan
from gateway.send.http import new_session
from gateway.service.context import Context, close_context, open_context
from gateway.service.departure.delivering import Delivering, Way
from gateway.service.departure.leases import LEASE
from gateway.service.departure.own import head_to, own_message
from gateway.service.departure.sealing import Sealing
from gateway.service.departure.settling import Settling
from gateway.service.departure.ways import As2Way, MailWay
from gateway.service.steps import step_delivery
from gateway.states import FINAL, Actor, DeliveryStatus, Step
from gateway.store.database import Row, StaleState
from gateway.store.steps import do

LOOK_S: Final = 0.2
"""How often it is looked for the receipt."""
REASON: Final = "Prüfung der Verbindung; ohne fachlichen Inhalt."
FINDING: Final = "Dies ist eine Testnachricht zur Prüfung der Verbindung. Es ist nichts zu veranlassen."
_ENDED = FINAL | {DeliveryStatus.KLAERUNG, DeliveryStatus.QUITTUNG_UNGUELTIG}


class NotTestable(Exception):
    """No round is possible; the text is German and says why."""


@dataclass(frozen=True)
class Round:
    """What the round showed."""

    message_id: str
    status: DeliveryStatus
    outcome: str | None
    """Of the attempt: `quittung`, `uebergeben`, or the code of what went wrong."""
    sealed: bool
    text: str | None
    """German, where something went wrong."""

    @property
    def passed(self) -> bool:
        """The receipt was verified and is positive."""
        return self.status is DeliveryStatus.ZUGESTELLT

    @property
    def reached(self) -> bool:
        """The partner took the message."""
        return self.outcome in ("quittung", "uebergeben")


class Probing:
    """One partner's round."""

    def __init__(self, ctx: Context, ways: dict[str, Way]) -> None:
        self._ctx = ctx
        self._delivering = Delivering(ctx, Sealing(ctx), Settling(ctx), ways)

    async def partner(self, partner_id: str) -> Partner:
        """The agreement, if a round is possible.

        Raises:
            NotTestable: unknown, without test traffic, without a way or an authority.
        """
        partner = await self._ctx.partners.by_id(partner_id)
        if partner is None:
            raise NotTestable("keine Vereinbarung mit diesem Namen; `gateway partners list` zeigt alle")
        if not partner.test:
            raise NotTestable("Testverkehr ist nicht vereinbart (test = true)")
        if partner.weg == "abruf":
            raise NotTestable("weg = abruf: der Partner holt ab, gesendet wird nichts")
        if not partner.behoerden:
            raise NotTestable("der Partner steht für keine Behörde; die Prüfung geht von seiner Seite aus")
        return partner

    async def enter(self, partner: Partner) -> str:
        """Compose, check and store the test message; its id."""
        head = head_to(self._ctx, partner.behoerden[0], test=True)
        # Such a message names another one; here there is none but itself.
        xml = compose_fehler(replace(head, fremde_id=head.eigene_id), [Befund("test", FINDING)], status="erfolgt")
        planned = plan(partner.behoerden[0], partner, test=True, size=len(xml))
        message_id, steps = await own_message(self._ctx, xml, REASON, [planned])
        await self._ctx.db.commit(*steps)
        return message_id

    async def see_through(self, message_id: str, seconds: float) -> Round:
        """One attempt, and its receipt within `seconds`; a gateway that runs may do either."""
        (row,) = await self._ctx.db.fetch("deliveries_of_message", message_id)
        now, owner = self._ctx.now(), f"pruefung/{secrets.token_hex(8)}"
        claim = do("claim_delivery", id=row["id"], now=now, lease_until=now + LEASE, owner=owner)
        claimed = (await self._ctx.db.commit(claim))[0]
        if claimed:
            await self._delivering.work(claimed[0])
        for _ in range(round(seconds / LOOK_S)):
            if await self._has_ended(message_id):
                break
            await asyncio.sleep(LOOK_S)
        return await self._round(message_id)

    async def _has_ended(self, message_id: str) -> bool:
        (row,) = await self._ctx.db.fetch("deliveries_of_message", message_id)
        return row["status"] in _ENDED or (row["status"] == DeliveryStatus.WARTET and row["attempts"] > 0)

    async def _round(self, message_id: str) -> Round:
        (row,) = await self._ctx.db.fetch("deliveries_of_message", message_id)
        attempts = await self._ctx.db.fetch("attempts", row["id"])
        outcome = attempts[-1]["outcome"] if attempts else None
        if row["status"] not in FINAL:
            await self._cancel(row)
        status = DeliveryStatus(row["status"])
        return Round(message_id, status, outcome, row["wire_id"] is not None, row["last_error"])

    async def _cancel(self, row: Row) -> None:
        """A test waits for nobody; a receipt that still comes is kept."""
        event = self._ctx.event(
            Art.STORNIERUNG,
            self._ctx.self_akteur,
            message_id=row["message_id"],
            delivery_id=row["id"],
            grund="pruefung_beendet",
        )
        with contextlib.suppress(StaleState):
            await self._ctx.db.commit(event, *step_delivery(row, Step.CANCEL, Actor.OPERATOR, self._ctx.now()))


@contextlib.asynccontextmanager
async def probing(config: Config) -> AsyncIterator[Probing]:
    """What a round needs, opened from the configuration.

    Raises:
        PkiError, StoreError, OSError: as `open_context`.
    """
    ctx = await open_context(config)
    session = new_session(private_addresses=config.zustellung.private_adressen)
    try:
        ways: dict[str, Way] = {"as2": As2Way(ctx, lambda: session)}
        if config.postausgang is not None and config.mail.postfach is not None:
            ways["mail"] = MailWay(ctx, config.postausgang, config.mail.postfach)
        yield Probing(ctx, ways)
    finally:
        await session.close()
        await close_context(ctx)
