"""Reminders of open duties, and an alarm for what nobody collects (decree Nr. 1, 2.5, 2.6, 3.3, 4.2, 5.1, 5.6).

Promises: each open duty is reminded once, on its day: an event on the message that opened it, which the authority that
owes it sees; a withheld notice again and again, for it may wait long (Nr. 1). An inbox entry that nobody collected in
time raises one alarm, of which its sender is told. Of several gateways on one database one does it.
Fails: `StoreError`; the next round begins where this one ended.
"""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta

from gateway import clock
from gateway.events import Art
from gateway.route.compose_nachweis import WURZEL as ZUSTELLNACHWEIS
from gateway.service.casework.duties import MAKING_UP
from gateway.service.context import Context
from gateway.service.departure.notifying import Notifying, uncollected
from gateway.service.patience import Patience
from gateway.store.database import Row, StaleState
from gateway.store.steps import do

log = logging.getLogger(__name__)

ROUND = 100
"""Reminders of one round: the rest comes with the next, so that one round holds nothing up."""
DAY = 24 * 3600 * clock.SECOND
NO_ALARM = 0
"""Instead of the moment of an alarm: none is raised. The count of alarms leaves it out."""


class Reminding:
    """The regular jobs."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._notifying = Notifying(ctx)
        self._reminders, self._alarms = Patience(ctx, "erinnerung"), Patience(ctx, "abholung")

    async def remind(self) -> int:
        """Remind of duties whose day has come.

        Returns:
            How many.
        """
        rows = await self._ctx.db.fetch("unreminded_duties", self._ctx.today().isoformat(), ROUND)
        await self._reminders.each(rows, self._remind)
        return len(rows)

    async def _remind(self, duty: Row) -> None:
        with contextlib.suppress(StaleState):  # another gateway reminded, or the duty has just been fulfilled
            await self._remind_once(duty)

    async def _remind_once(self, duty: Row) -> None:
        again = self._ctx.today() + timedelta(days=self._ctx.config.fristen.zurueckstellung_tage)
        event = self._ctx.event(
            Art.ERINNERUNG,
            self._ctx.self_akteur,
            message_id=duty["message_id"],
            delivery_id=await self._delivery(duty),
            nummer=duty["nummer"],
            pflichtig=duty["pflichtig"],
            faellig_am=duty["faellig_am"],
        )
        mark = do(
            "mark_reminded",
            expect=1,
            id=duty["id"],
            remind_on=duty["remind_on"],
            now=self._ctx.now(),
            next_day=again.isoformat() if duty["nummer"] == MAKING_UP else None,
        )
        await self._ctx.db.commit(mark, event)
        log.warning(
            "open duty: Nr. %s of %s, due %s, message %s",
            duty["nummer"],
            duty["pflichtig"],
            duty["faellig_am"],
            duty["message_id"],
        )

    async def _delivery(self, duty: Row) -> str | None:
        """The delivery by which the authority sees the event; None where it sent the message itself."""
        rows = await self._ctx.db.fetch("deliveries_of_message", duty["message_id"])
        return next((row["id"] for row in rows if row["empfaenger"] == duty["pflichtig"]), None)

    async def alarm(self) -> int:
        """Raise an alarm for inbox entries that nobody has collected in time.

        Returns:
            How many.
        """
        before = self._ctx.now() - self._ctx.config.fristen.abholung_tage * DAY
        rows = await self._ctx.db.fetch("uncollected_deliveries", before, ROUND)
        await self._alarms.each(rows, self._alarm)
        return len(rows)

    async def _alarm(self, delivery: Row) -> None:
        with contextlib.suppress(StaleState):  # collected, or another gateway was quicker
            await self._alarm_once(delivery)

    async def _alarm_once(self, delivery: Row) -> None:
        message = await self._ctx.db.fetch_one("message", delivery["message_id"])
        if message is None or message["wurzel"] == ZUSTELLNACHWEIS:  # it tells of another alarm itself
            await self._ctx.db.commit(do("mark_alarmed", expect=1, id=delivery["id"], now=NO_ALARM))
            return
        event = self._ctx.event(
            Art.ALARM,
            self._ctx.self_akteur,
            message_id=delivery["message_id"],
            delivery_id=delivery["id"],
            grund="nicht_abgeholt",
            empfaenger=delivery["empfaenger"],
        )
        mark = do("mark_alarmed", expect=1, id=delivery["id"], now=self._ctx.now())
        told = await self._notifying.late(delivery, uncollected()) if delivery["late_notice"] is None else []
        await self._ctx.db.commit(mark, event, *told)
        log.warning("not collected: delivery %s to %s", delivery["id"], delivery["empfaenger"])
