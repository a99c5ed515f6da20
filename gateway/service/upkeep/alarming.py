"""Alarms by mail and webhook: each condition is told once, again after a while, and when it is over.

An alarm is a row of the store, and so is each notice of it: a restart tells nothing twice, and of several gateways one
tells. A notice is claimed, sent, and marked; what dies in between is sent again, under the same id.

Promises: what begins, goes on and ends is durable with its notices and its event in one commit; a notice that cannot be
delivered is tried again for `GIVE_UP`; a webhook goes to no redirect, and to a private address only where that is
configured. No personal data.
Fails: `StoreError`; the next round begins where this one ended.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import aiohttp

from gateway import clock
from gateway.alarms import Condition, Occasion, Open, compare, told
from gateway.events import Art
from gateway.kek import secret_text
from gateway.pki import PkiError
from gateway.send.failure import Failure
from gateway.send.http import Response, Timeouts, new_session, post
from gateway.send.mail import Envelope, send
from gateway.send.webhook import SECRET_BYTES, signed
from gateway.service.context import Context, new_id
from gateway.service.departure.ways import mail_server
from gateway.service.upkeep.alarm_mail import alarm_mail
from gateway.service.upkeep.certificates import Held
from gateway.service.upkeep.conditions import Conditions
from gateway.store.database import AlreadyThere, Do, Row, StaleState
from gateway.store.steps import do

log = logging.getLogger(__name__)

LEASE: Final = 120 * clock.SECOND
"""How long one notice may take to be sent: connection, TLS and answer of a mail server."""
ROUND: Final = 20
"""Notices sent in one round."""
AGAIN: Final = 60 * clock.SECOND
"""First pause after a notice that could not be sent; doubled each time, up to an hour."""
LONGEST: Final = 3600 * clock.SECOND
GIVE_UP: Final = 2 * 24 * 3600 * clock.SECOND
"""After this time a notice is of no use any more; the alarm itself is told again by `wiederholung_stunden`."""
TIMEOUTS: Final = Timeouts(connect_s=10, idle_s=20, total_s=60)
WEBHOOK: Final = "webhook"
MAIL: Final = "mail:"


class Alarming:
    """The regular job."""

    def __init__(self, ctx: Context, held: Callable[[], Sequence[Held]]) -> None:
        self._ctx = ctx
        self._conditions = Conditions(ctx, held)

    def check(self) -> None:
        """Look whether the webhook's secret can be used.

        Raises:
            PkiError: it is missing, can be read by others, or is too short.
        """
        source = self._ctx.config.alarme.webhook_geheimnis
        if source is not None and len(secret_text(source)) < SECRET_BYTES:
            least = f"mindestens {SECRET_BYTES} Zeichen (openssl rand -hex 32)"
            raise PkiError(f"{source}: das Geheimnis ist zu kurz; {least}")

    async def round(self) -> None:
        """Look, note what changed, and tell what is to be told."""
        found, judged = await self._conditions.found()
        setting = self._ctx.config.alarme
        known = {row["id"]: _open(row) for row in await self._ctx.db.fetch("open_alarms")}
        changes = compare(
            found,
            known.values(),
            self._ctx.now(),
            judged=judged,
            repeat=round(setting.wiederholung_stunden * 3600 * clock.SECOND),
            rest=round(setting.ruhe_minuten * 60 * clock.SECOND),
        )
        for condition in changes.begun:
            with contextlib.suppress(AlreadyThere):  # another gateway saw it first
                await self._ctx.db.commit(*self._begin(condition))
        for each, condition in changes.seen:
            steps = self._again(each, condition) if (each, condition) in changes.again else []
            with contextlib.suppress(StaleState):  # another gateway was quicker
                await self._ctx.db.commit(self._seen(each, condition), *steps)
        for each in changes.ended:
            with contextlib.suppress(StaleState):
                await self._ctx.db.commit(*self._end(each))
        await self.deliver()

    # --- what is told -------------------------------------------------------------------------------------------------

    def _begin(self, condition: Condition) -> list[Do]:
        row: dict[str, Any] = {
            "id": new_id(),
            "art": str(condition.art),
            "gegenstand": condition.gegenstand,
            "zahl": condition.zahl,
            "angaben": _json(condition.angaben),
        }
        begun = Do("insert_alarm", (*row.values(), self._ctx.now()), expect=1)
        told = self._notices(Occasion.NEU, row | {"begonnen": self._ctx.now()})
        return [begun, self._event(Art.ALARM, row), *told]

    def _seen(self, alarm: Open, condition: Condition) -> Do:
        details = _json(condition.angaben)
        return do("see_alarm", expect=1, id=alarm.id, zahl=condition.zahl, angaben=details, now=self._ctx.now())

    def _again(self, alarm: Open, condition: Condition) -> list[Do]:
        row = {**alarm.row, "zahl": condition.zahl, "angaben": _json(condition.angaben)}
        mark = do("tell_alarm_again", expect=1, id=alarm.id, gemeldet=alarm.gemeldet, now=self._ctx.now())
        return [mark, *self._notices(Occasion.WIEDERHOLT, row)]

    def _end(self, alarm: Open) -> list[Do]:
        ended = do("end_alarm", expect=1, id=alarm.id, gesehen=alarm.gesehen, now=self._ctx.now())
        return [ended, self._event(Art.ALARM_ENDE, alarm.row), *self._notices(Occasion.ERLEDIGT, alarm.row)]

    def _event(self, art: Art, row: Mapping[str, Any]) -> Do:
        return self._ctx.event(art, self._ctx.self_akteur, alarm=row["art"], gegenstand=row["gegenstand"])

    def _notices(self, occasion: Occasion, row: Mapping[str, Any]) -> list[Do]:
        body = json.dumps(self._body(occasion, row), ensure_ascii=False)
        setting = self._ctx.config.alarme
        channels = [*(f"{MAIL}{address}" for address in setting.mail), *([WEBHOOK] if setting.webhook_url else [])]
        now = self._ctx.now()
        return [
            Do("insert_alarm_notice", (new_id(), row["id"], str(occasion), channel, body, now), expect=1)
            for channel in channels
        ]

    def _body(self, occasion: Occasion, row: Mapping[str, Any]) -> dict[str, Any]:
        words = told(row["art"], row["gegenstand"], row["zahl"], json.loads(row["angaben"]))
        return {
            "gateway": self._ctx.config.gateway.kennung,
            "alarm": row["id"],
            "anlass": str(occasion),
            "art": row["art"],
            "gegenstand": row["gegenstand"],
            "zahl": row["zahl"],
            "seit": clock.as_iso(row["begonnen"]),
            "gemeldet": clock.as_iso(self._ctx.now()),
            "titel": words.titel,
            "was": words.was,
            "bedeutet": words.bedeutet,
            "tun": words.tun,
        }

    # --- telling ------------------------------------------------------------------------------------------------------

    async def deliver(self) -> int:
        """Send what is due; returns how many were tried."""
        now = self._ctx.now()
        rows = (await self._ctx.db.commit(do("claim_alarm_notices", now=now, lease_until=now + LEASE, count=ROUND)))[0]
        for row in rows:
            failure = await self._send(row)
            await self._ctx.db.commit(self._settled(row, failure))
        return len(rows)

    def _settled(self, row: Row, failure: str | None) -> Do:
        now = self._ctx.now()
        if failure is None:
            return do("settle_alarm_notice", expect=1, id=row["id"], sent=now, next_at=now)
        kind = row["kanal"].partition(":")[0]
        log.warning("alarm %s: %s could not be told: %s", row["alarm_id"], kind, failure)
        given_up = 0 if now - row["created"] > GIVE_UP else None
        wait = min(AGAIN << min(row["attempts"] - 1, 10), LONGEST)
        return do("settle_alarm_notice", expect=1, id=row["id"], sent=given_up, next_at=now + wait)

    async def _send(self, row: Row) -> str | None:
        """Why it was not sent, as a code; None once it was."""
        try:
            if row["kanal"] == WEBHOOK:
                return await self._by_webhook(row)
            return await self._by_mail(row, row["kanal"].removeprefix(MAIL))
        except (OSError, ValueError, PkiError) as error:  # a password, an anchor or a secret that cannot be read
            return type(error).__name__

    async def _by_mail(self, row: Row, address: str) -> str | None:
        server = self._ctx.config.postausgang
        if server is None:
            return "postausgang_fehlt"
        mail = alarm_mail(json.loads(row["body"]), sender=server.absender, recipient=address, notice=row["id"])
        done = await send(mail_server(server), Envelope("", address), mail)
        return done.code if isinstance(done, Failure) else None

    async def _by_webhook(self, row: Row) -> str | None:
        setting = self._ctx.config.alarme
        if setting.webhook_url is None or setting.webhook_geheimnis is None:
            return "webhook_fehlt"
        body = row["body"].encode()
        secret = secret_text(setting.webhook_geheimnis)
        headers = signed([secret], row["id"], self._ctx.now() // clock.SECOND, body)
        session: aiohttp.ClientSession
        async with new_session(private_addresses=setting.private_adressen) as session:
            done = await post(session, setting.webhook_url, headers, body, timeouts=TIMEOUTS, max_response=4096)
        if isinstance(done, Response):
            return None if done.status // 100 == 2 else f"http_{done.status}"
        return done.code


def _json(details: Mapping[str, str | int]) -> str:
    return json.dumps(dict(details), ensure_ascii=False)


def _open(row: Row) -> Open:
    return Open(row["id"], row["art"], row["gegenstand"], row["gesehen"], row["gemeldet"], dict(row))
