"""Revocation ahead of time: addresses of registered certificates are asked in the background, and what is bad is told.

Promises: nothing on the way of a message waits for a host of a CA; only what its issuer signed is kept, and never an
older answer for a newer one; each alarm is raised once, by one gateway, until the reason ends.
Fails: not by itself; an address that does not answer is asked again later, less and less often.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime

import aiohttp

from gateway import clock
from gateway.events import Art
from gateway.partner import Partner
from gateway.pki import hash_of_pem
from gateway.service.context import Context
from gateway.store.database import AlreadyThere, Row
from gateway.store.steps import do
from gateway.trust.http import FetchFailed, fetch
from gateway.trust.path import authentic
from gateway.trust.sources import Answer, Source, next_fetch, next_try, read

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Addresses that are asked at the same time."""
CLAIM = 5 * 60 * clock.SECOND
"""How long a claim on an address holds: longer than one fetch."""
ALARMS = frozenset({"zertifikat_gesperrt", "sperrstatus_unbekannt", "zertifikat_ohne_pfad", "testzertifikat"})
"""What `trust.status.judge` may raise."""


class Revoking:
    """The background's work."""

    def __init__(self, ctx: Context, session: Callable[[], aiohttp.ClientSession]) -> None:
        self._ctx = ctx
        self._session = session

    async def refresh(self) -> None:
        """One round: plan, ask, assess, tell."""
        partners = await self._ctx.partners.all()
        await self._ctx.trust.refresh(partners)
        if await self._fetch_due(await self._plan()):
            await self._ctx.trust.refresh(partners)
        await self._tell(partners)

    async def _plan(self) -> dict[str, Source]:
        """The addresses by id; rows of new ones are made, those of gone ones dropped."""
        wanted = {source.id: source for source in self._ctx.trust.sources}
        known = {row["id"] for row in await self._ctx.db.fetch("revocation_answers")}
        now = self._ctx.now()
        steps = [
            do("plan_revocation", id=k, art=s.kind, url=s.url, now=now) for k, s in wanted.items() if k not in known
        ]
        steps += [do("forget_revocation", id=key) for key in known - wanted.keys()]
        if steps:
            await self._ctx.db.commit(*steps)
        return wanted

    async def _fetch_due(self, wanted: dict[str, Source]) -> bool:
        """Asks what is due; whether something came."""
        now, any_came = self._ctx.now(), False
        while True:
            claim = do("claim_revocation", now=now, until=now + CLAIM, count=AT_ONCE)
            rows = (await self._ctx.db.commit(claim))[0]
            jobs = [self._fetch(row, wanted[row["id"]]) for row in rows if row["id"] in wanted]
            any_came |= any(await asyncio.gather(*jobs))
            if len(rows) < AT_ONCE:
                return any_came

    async def _fetch(self, row: Row, source: Source) -> bool:
        at = self._ctx.at()
        try:
            body = await fetch(self._session(), source)
            answer = await asyncio.to_thread(self._read, source, body, at)
        except FetchFailed as failed:
            await self._failed(row, source, failed.code, at)
            return False
        except ValueError:
            await self._failed(row, source, "antwort_unbrauchbar", at)
            return False
        stored = do(
            "store_revocation",
            id=source.id,
            body=answer.body,
            this_update=_micros(answer.this_update),
            next_update=_micros(answer.next_update),
            fetched=self._ctx.now(),
            next_fetch=_micros(next_fetch(answer, at)),
        )
        await self._ctx.db.commit(stored)
        return True

    def _read(self, source: Source, body: bytes, at: datetime) -> Answer:
        answer = read(source.kind, body)
        if not authentic(source, answer, at):
            raise ValueError("not by the issuer's word")
        return answer

    async def _failed(self, row: Row, source: Source, code: str, at: datetime) -> None:
        again = next_try(row["failures"] + 1, at)
        log.warning("revocation: %s %s: %s", source.kind, source.url, code)
        await self._ctx.db.commit(do("revocation_failed", id=row["id"], error=code, next_fetch=_micros(again)))

    async def _tell(self, partners: list[Partner]) -> None:
        """Alarms, once each; what has ended may be told again."""
        told = {(row["sha256"], row["grund"]) for row in await self._ctx.db.fetch("notices")}
        now: dict[tuple[str, str], tuple[str, str]] = {}
        for partner in partners:
            for z in partner.zertifikate:
                alarm = self._ctx.trust.verdict(z.zweck, z.pem).alarm if z.gilt(self._ctx.today()) else None
                if alarm is not None:
                    now[hash_of_pem(z.pem), alarm] = (partner.id, z.zweck)
        for sha256, grund in now.keys() - told:
            await self._alarm(sha256, grund, *now[sha256, grund])
        over = {pair for pair in told if pair[1] in ALARMS} - now.keys()
        if over:
            await self._ctx.db.commit(*(do("clear_notice", sha256=sha256, grund=grund) for sha256, grund in over))

    async def _alarm(self, sha256: str, grund: str, partner: str, zweck: str) -> None:
        event = self._ctx.event(
            Art.ALARM, self._ctx.self_akteur, grund=grund, partner=partner, zweck=zweck, zertifikat=sha256
        )
        with contextlib.suppress(AlreadyThere):  # another gateway was quicker
            await self._ctx.db.commit(do("insert_notice", sha256=sha256, grund=grund, now=self._ctx.now()), event)
            log.warning("certificate %s of partner %s (%s): %s", sha256[:16], partner, zweck, grund)


def _micros(at: datetime) -> int:
    return round(at.timestamp() * clock.SECOND)
