"""The whole gateway: opened from its configuration, started, stopped.

Promises: recovery is finished before workers start; stopping ends listeners first, then work under way, then the
store. Every listener's real port is known once `start` returns.
Fails: `ConfigError`, `PkiError`, `StoreError`, `OSError` on opening and starting, with what to mend.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import aiohttp
from aiohttp import web

from gateway import clock
from gateway.config import Config
from gateway.events import Art
from gateway.figures import Figures
from gateway.message import Caller
from gateway.pki import PkiError
from gateway.send.http import new_session
from gateway.send.worker import Worker
from gateway.service.arrival.accepting import Accepting
from gateway.service.arrival.entering import Entering
from gateway.service.arrival.mailing import Mailing
from gateway.service.arrival.receipts import Receipts
from gateway.service.arrival.receiving import Receiving
from gateway.service.betrieb.pages import Pages
from gateway.service.casework.forwarding import Forwarding
from gateway.service.casework.operating import Operating
from gateway.service.casework.reminding import Reminding
from gateway.service.context import Context, close_context, open_context
from gateway.service.departure.bouncing import Bouncing
from gateway.service.departure.collecting import Collecting
from gateway.service.departure.delivering import Delivering, Way, retry_policy
from gateway.service.departure.lanes import PLACES
from gateway.service.departure.notifying import Notifying
from gateway.service.departure.sealing import Sealing
from gateway.service.departure.settling import Settling
from gateway.service.departure.ways import As2Way, MailReceipts, MailWay
from gateway.service.evidence.logbook import SEAL_S, Logbook
from gateway.service.evidence.packaging import EvidencePackages
from gateway.service.evidence.thinning import Thinning
from gateway.service.keys import LOOK_S, ConfigSource, Reloading
from gateway.service.listeners import Listeners
from gateway.service.telling import Told
from gateway.service.upkeep.alarming import Alarming
from gateway.service.upkeep.certificates import Expiring
from gateway.service.upkeep.counting import Counting
from gateway.service.upkeep.gauges import Gauges
from gateway.service.upkeep.health import Health
from gateway.service.upkeep.purging import Purging
from gateway.service.upkeep.restoring import finish_restore
from gateway.service.upkeep.revoking import Revoking
from gateway.service.views.feed import LogFeed
from gateway.service.views.reading import Reading
from gateway.service.views.searching import Searching
from gateway.service.views.showing import Showing
from gateway.service.views.status import status_app
from gateway.store.database import StoreError
from gateway.store.steps import do
from gateway.tls import HandshakeFailures

log = logging.getLogger(__name__)

POLL_S = 2.0
"""How often workers look for work by themselves; a commit of this process wakes them at once."""
DIRECTORY_S = 2.0
"""How often the directory is looked at: a correction takes effect within two seconds, and no request waits for it."""
TRUST_S = 10.0
"""How often revocation is looked at: a new agreement's addresses are asked within ten seconds."""
PURGE_S = 5.0
"""How often it is looked whether content is to be deleted: a part at a time, once a day."""
AGAIN_S = 1.0
"""Pause before a task that raised begins anew."""
TIDY_S = 1.0
"""How often deadlines are looked at."""
ORPHAN_AGE = 24 * 3600 * clock.SECOND
"""Age at which staged content that nothing refers to is swept: longer than any upload takes."""
SWEEP = 100
"""Orphans swept at once."""
ALARM_S = 30.0
"""How often it is looked whether something needs a person, and told."""
LANES_S = 10.0
"""How often lanes are looked at for what nobody would ever try."""
RECEIPTS = 8
"""Receipts on their way at once."""


class Gateway:
    """One running gateway."""

    def __init__(self, ctx: Context, source: ConfigSource | None = None, *, listening: bool = True) -> None:
        counting = Counting(ctx.figures)
        self.health = Health(ctx, told := Told(ctx.db, counting))
        ctx.db = told
        self.ctx = ctx
        self.others: Callable[[], tuple[Sequence[Figures], int]] = lambda: ((), 0)
        """What further processes of this gateway count, and how many run; set by who starts them."""
        self._listening = listening
        self._reloading = Reloading(ctx.config, source)
        self._listening_by = ctx.keys
        self._tls = ""
        self._ca_session: aiohttp.ClientSession | None = None
        self._revoking = Revoking(ctx, self._ca_http)
        self.expiring = Expiring(ctx)
        self.logbook = Logbook(ctx)
        self._session: aiohttp.ClientSession | None = None
        settling = Settling(ctx)
        self.accepting = Accepting(ctx, self._wake)
        self.reading = Reading(ctx)
        self.reminding = Reminding(ctx)
        self.purging = Purging(ctx)
        self.thinning = Thinning(ctx)
        self.notifying = Notifying(ctx)
        latest = self.logbook.latest_text
        self.receipts = Receipts(ctx, self._http, retry_policy(ctx), self._mail_receipts(), latest)
        self.delivering = Delivering(ctx, Sealing(ctx), settling, self._ways())
        self.bouncing = Bouncing(ctx, self.delivering)
        self.receiving = Receiving(ctx, Entering(ctx, self.accepting), settling, self.receipts, self._wake)
        forwarding = Forwarding(ctx, self.reading, self.accepting, self._wake)
        operating = Operating(ctx, self.accepting, forwarding, self._wake)
        self.pages = Pages(ctx, self.reading, operating, forwarding, self._ways(), lambda: self.expiring.held)
        self.feed = LogFeed(ctx, self.reading, self.who_is)
        self.listeners = Listeners(
            ctx,
            accepting=self.accepting,
            commands=_Commands(forwarding, Collecting(ctx), operating),
            reading=_Reader(self.reading, Searching(ctx), Showing(ctx), EvidencePackages(ctx)),
            feed=self.feed,
            receiving=self.receiving,
            mailing=Mailing(ctx, settling, self.receiving, self.bouncing),
            pages=self.pages.app(),
            who_is=self.who_is,
            status=self._status,
            watch=counting.answered,
        )
        self.alarming = Alarming(ctx, lambda: self.expiring.held)
        self._workers: list[Worker[Any]] = [
            Worker("zustellung", self.delivering, concurrency=PLACES, poll_s=POLL_S),
            Worker("quittungen", self.receipts, concurrency=RECEIPTS, poll_s=POLL_S),
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    def _status(self, failures: HandshakeFailures) -> web.Application:
        gauges = Gauges(self.ctx, lambda: self.expiring.held, failures)
        return status_app(self.health, gauges, self._figures)

    def _figures(self) -> tuple[Figures, int]:
        """What all processes of this gateway count together, and how many these are."""
        total, (others, running) = Figures(), self.others()
        for each in (self.ctx.figures, *others):
            total.add(each)
        return total, 1 + running

    def who_is(self, fingerprint: str) -> Caller | None:
        """The caller of a client certificate, by the configuration."""
        entry = self.ctx.config.zugang_for(fingerprint, self.ctx.today())
        if entry is None:
            return None
        return Caller(frozenset(entry.behoerden), frozenset(entry.rollen), fingerprint)

    async def start(self) -> None:
        """Recover, then listen and work."""
        self._session = new_session(private_addresses=self.ctx.config.zustellung.private_adressen)
        if not self.ctx.config.gateway.produktion:
            log.warning("not in production: certificates of the development CA are trusted")
        self._ca_session = new_session(private_addresses=self.ctx.config.vertrauen.private_adressen)
        if self._listening:
            await self.listeners.start_status()
        self.alarming.check()
        await self._recover()
        if self._listening:
            await self.listeners.start()
        self.health.recovered = True
        self._tasks = [
            asyncio.create_task(self._supervised("wakes", lambda: self.ctx.db.listen(self._wake_workers))),
            asyncio.create_task(self._regularly(TIDY_S, self.receiving.renew, self.receipts.renew)),
            asyncio.create_task(self._regularly(DIRECTORY_S, self.ctx.refresh_directory, self.ctx.store_key.refresh)),
            asyncio.create_task(self._regularly(LOOK_S, self.look_at_keys)),
            asyncio.create_task(self._regularly(PURGE_S, self.purging.daily, self.thinning.daily)),
            asyncio.create_task(self._regularly(TRUST_S, self._revoking.refresh, self.expiring.look)),
            asyncio.create_task(self._regularly(SEAL_S, self.health.watched("protokoll", self.logbook.round))),
        ]
        if self._listening:
            self._tasks.append(asyncio.create_task(self._regularly(ALARM_S, self.alarming.round)))
        if self.ctx.config.zustellung.arbeiter:
            self._tasks += [asyncio.create_task(self._supervised(worker.name, worker.run)) for worker in self._workers]
            self._tasks.append(asyncio.create_task(self._regularly(TIDY_S, *self._tidying())))
            self._tasks.append(asyncio.create_task(self._regularly(TIDY_S, self.delivering.renew)))
            self._tasks.append(asyncio.create_task(self._regularly(LANES_S, self.delivering.tidy_lanes)))

    async def stop(self) -> None:
        """Stop listening, finish what is under way, close."""
        self._stopping.set()
        self.feed.end()
        await self.listeners.stop()
        await self.pages.close()
        for worker in self._workers:
            await worker.stop()
        self.ctx.db.deafen()
        await asyncio.gather(*self._tasks)
        with contextlib.suppress(StoreError):  # what happened since the last round; if not now, then at the next start
            await self.logbook.round()
        for session in (self._session, self._ca_session):
            if session is not None:
                await session.close()
        await close_context(self.ctx)

    def look_soon(self) -> None:
        """Look at keys and configuration now, not at the next round (SIGHUP)."""
        self._tasks.append(asyncio.create_task(self.look_at_keys()))

    async def look_at_keys(self) -> None:
        """Take over keys and configuration that changed; a listener takes another pair also when a window begins."""
        found = await self._reloading.look(self.ctx.config, self.ctx.at())
        if found is not None:
            self.ctx.config, self.ctx.keys = found
        tls = self.ctx.keys.current("tls", self.ctx.at()).sha256
        if (self.ctx.keys, tls) == (self._listening_by, self._tls):
            return
        try:
            self.listeners.reload()
        except PkiError:
            log.exception("listeners keep their keys")
            return
        self._listening_by, self._tls = self.ctx.keys, tls

    async def _recover(self) -> None:
        restored = await finish_restore(self.ctx)
        if restored is not None:
            log.warning("this store was restored from a copy; %d open deliveries to partners come from it", restored)
        found: dict[str, Any] = {
            "zustellungen": await self.delivering.recover(),
            "quittungen": await self.receipts.recover(),
            "eingaenge": await self.receiving.recover(),
        }
        if any(found.values()):
            log.info("recovery: %s", found)
        await self.ctx.db.commit(self.ctx.event(Art.WIEDERANLAUF, self.ctx.self_akteur, **found))

    def _tidying(self) -> tuple[Callable[[], Awaitable[object]], ...]:
        """Deadlines, requests that nobody judges any more, reminders, alarms, delays, orphans."""
        return (
            self.delivering.overdue,
            self.bouncing.apply,
            self.receiving.recover,
            self.reminding.remind,
            self.reminding.alarm,
            self.notifying.tell_of_delays,
            self._sweep,
        )

    async def _regularly(self, seconds: float, *jobs: Callable[[], Awaitable[object]]) -> None:
        """Jobs again and again until the gateway stops; what fails is logged and tried again."""
        while not self._stopping.is_set():
            for job in jobs:
                try:
                    await job()
                except Exception:
                    log.exception("%s failed", getattr(job, "__qualname__", "a regular job"))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _supervised(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """A task that runs until the gateway stops: one that raises begins anew."""
        while True:
            try:
                await run()
            except Exception:
                log.exception("%s failed and begins anew", name)
            else:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), AGAIN_S)
                return

    async def _sweep(self) -> None:
        await self.ctx.db.commit(do("sweep_staged", created_before=self.ctx.now() - ORPHAN_AGE, count=SWEEP))

    def _ways(self) -> dict[str, Way]:
        config = self.ctx.config
        ways: dict[str, Way] = {"as2": As2Way(self.ctx, self._http)}
        if config.postausgang is not None and config.mail.postfach is not None:
            ways["mail"] = MailWay(self.ctx, config.postausgang, config.mail.postfach)
        return ways

    def _mail_receipts(self) -> MailReceipts | None:
        config = self.ctx.config
        if config.postausgang is None or config.mail.postfach is None:
            return None
        return MailReceipts(self.ctx, config.postausgang, config.mail.postfach)

    def _ca_http(self) -> aiohttp.ClientSession:
        assert self._ca_session is not None, "started"
        return self._ca_session

    def _http(self) -> aiohttp.ClientSession:
        assert self._session is not None, "started"
        return self._session

    def _wake(self) -> None:
        """There may be work: for the workers of this process, and of the others on this store."""
        self._wake_workers()
        self.ctx.db.wake_others()

    def _wake_workers(self) -> None:
        for worker in self._workers:
            worker.wake()


class _Commands:
    """Everything that a caller does to a message, as one port."""

    def __init__(self, forwarding: Forwarding, collecting: Collecting, operating: Operating) -> None:
        self.forward = forwarding.forward
        self.acknowledge = collecting.acknowledge
        self.release = operating.release
        self.assign = operating.assign
        self.resend = operating.resend
        self.cancel = operating.cancel


class _Reader:
    """Reading and searching as one port."""

    def __init__(self, reading: Reading, searching: Searching, showing: Showing, packages: EvidencePackages) -> None:
        self.message = reading.message
        self.events = reading.events
        self.deliveries = reading.deliveries
        self.evidence = reading.evidence
        self.package = packages.package
        self.part = reading.part
        self.inbox = reading.inbox
        self.search = searching.search
        self.vorgang = showing.vorgang
        self.search_vorgaenge = showing.search


@contextlib.asynccontextmanager
async def running(
    config: Config, source: ConfigSource | None = None, *, listening: bool = True
) -> AsyncIterator[Gateway]:
    """A gateway that runs inside the block; `source` tells it where to read a changed configuration.

    One that is not `listening` only delivers, beside others on the same store.
    """
    gateway = Gateway(await open_context(config), source, listening=listening)
    try:
        await gateway.start()
        yield gateway
    finally:
        await gateway.stop()
