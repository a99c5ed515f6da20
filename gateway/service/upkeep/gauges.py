"""What /metrics looks up when it is asked: the queue, the lanes, alarms, certificates, the log, room on the disk.

Promises: each look costs a bounded number of rows, whatever waits; a store that is away takes only its own gauges
away, and says so (`gateway_store_up`). No personal data.
Fails: not at all.
"""

from __future__ import annotations

import platform
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from gateway import clock
from gateway.figures import REST, Sample
from gateway.send.lane import LaneState
from gateway.service.context import Context
from gateway.service.evidence.logbook import Lag, read_lag
from gateway.service.upkeep.certificates import Held
from gateway.store.database import Row, StoreError
from gateway.tls import HandshakeFailures
from gateway.trust.status import days_left

COUNTED: Final = 100_000
"""Deliveries that wait, up to which they are counted: beyond that it is simply very many."""
PARTNERS: Final = 200
"""Partners with series of their own, those with the longest queues; the rest together is `andere`."""
MINUTE: Final = 60 * clock.SECOND


class Gauges:
    """Looks up."""

    def __init__(self, ctx: Context, held: Callable[[], Sequence[Held]], failures: HandshakeFailures) -> None:
        self._ctx = ctx
        self._failures = failures
        self._held = held

    async def samples(self) -> list[Sample]:
        """All gauges as they are now."""
        found = [
            Sample("gateway_build_info", 1, (metadata.version("nachrichtengateway"), platform.python_version())),
            *_certificates(self._held(), self._ctx.now()),
            *(
                Sample("gateway_tls_handshake_failures_total", count, labels)
                for labels, count in sorted(self._failures.counts.items())
            ),
        ]
        free = free_bytes(self._ctx)
        if free is not None:
            found.append(Sample("gateway_disk_free_bytes", free))
        try:
            stored = await self._stored()
        except StoreError:
            return [*found, Sample("gateway_store_up", 0)]
        return [*found, *stored, Sample("gateway_store_up", 1)]

    async def _stored(self) -> list[Sample]:
        now, db = self._ctx.now(), self._ctx.db
        ages = (now - MINUTE, now - 60 * MINUTE, now - 24 * 60 * MINUTE)
        lanes = await db.fetch("lanes", now)
        alarms = Counter(row["art"] for row in await db.fetch("open_alarms"))
        uncollected = await db.fetch_one("count_alarms")
        stuck = await db.fetch_one("count_stuck_requests")
        return [
            *_queue(await db.fetch("queue_by_age", *ages, COUNTED)),
            *(Sample("gateway_lane_stopped", 1, (row["partner_id"], _state(row))) for row in lanes if _stopped(row)),
            *(Sample("gateway_open_alarms", count, (art,)) for art, count in alarms.items()),
            *_log(await db.fetch_one("last_checkpoint"), await read_lag(db, now)),
            Sample("gateway_alarms_total", uncollected["n"] if uncollected else 0, ("nicht_abgeholt",)),
            Sample("gateway_requests_stuck", stuck["n"] if stuck else 0),
            Sample("gateway_agreements_broken", len(await self._ctx.partners.broken())),
        ]


def _log(latest: Row | None, lag: Lag) -> Iterator[Sample]:
    yield Sample("gateway_log_size", latest["size"] if latest else 0)
    yield Sample("gateway_log_checkpoint_seconds", latest["at"] / clock.SECOND if latest else 0)
    yield Sample("gateway_log_unsealed", lag.waiting)
    yield Sample("gateway_log_lag_seconds", lag.seconds)


def free_bytes(ctx: Context) -> int | None:
    """Room left where the store lies; None where it lies at a database server."""
    scheme, _, path = ctx.config.store.url.partition(":///")
    if scheme != "sqlite":
        return None
    try:
        return shutil.disk_usage(Path(path).parent).free
    except OSError:
        return None


def _queue(rows: Sequence[Row]) -> Iterator[Sample]:
    of_partner: Counter[str] = Counter()
    for row in rows:
        of_partner[row["partner_id"]] += row["n"]
    shown = {partner for partner, _ in of_partner.most_common(PARTNERS)}
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counts[row["partner_id"] if row["partner_id"] in shown else REST, row["stufe"]] += row["n"]
    for labels, count in counts.items():
        yield Sample("gateway_queue_deliveries", count, labels)


def _stopped(lane: Row) -> bool:
    return lane["held_at"] is not None or lane["state"] != LaneState.FREI


def _state(lane: Row) -> str:
    return "angehalten" if lane["held_at"] is not None else str(lane["state"])


def _certificates(held: Sequence[Held], now: int) -> Iterator[Sample]:
    """One certificate in one use has one value, however often it is listed: that of its last window."""
    at = clock.as_datetime(now)
    ends: dict[tuple[str, str, str], int] = {}
    for each in held:
        key = (each.use, each.partner or "", each.sha256[:16])
        ends[key] = max(days_left(each.bis, at), ends.get(key, -(10**6)))
    for labels, days in ends.items():
        yield Sample("gateway_certificate_days_left", days, labels)
