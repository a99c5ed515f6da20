"""Every certificate that counts, ours and partners', with its window and status; and the word in time before one ends.

Promises: a list for people and metrics that also works where a pair can no longer be used; 60, 30, 10 and 1 days ahead
the end is told once each, as an event and in the log, by one gateway.
Fails: not by itself; a file that cannot be read is missing from the list, with a line in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from cryptography import x509

from gateway.config import Config
from gateway.config_tables import OwnUse
from gateway.events import Art
from gateway.partner import Partner
from gateway.pki import KeyPair, PkiError, load_pair
from gateway.seal.policy import fingerprint, load_certificates
from gateway.service.context import Context
from gateway.service.upkeep.trusting import Trust, subject_of
from gateway.store.database import AlreadyThere
from gateway.store.steps import do
from gateway.trust.status import Status, Verdict, days_left, displayed, is_test, threshold

log = logging.getLogger(__name__)

_OWN: tuple[OwnUse, ...] = ("sign", "mdn", "encrypt", "tls", "tls_client", "log")
_GOOD = Verdict(usable=True, status=Status.GUELTIG)
_TEST = Verdict(usable=True, status=Status.TEST)
FULL = timedelta(days=1, seconds=-1)
"""From the first to the last second of a day."""


@dataclass(frozen=True, slots=True)
class Held:
    """One certificate in one use."""

    use: str
    """Our own by their key in [schluessel], `zugang` for clients; partners' by the agreement's `zweck`."""
    partner: str | None
    """The agreement's id; None for ours."""
    name: str
    """Its subject, for people."""
    sha256: str
    ab: datetime
    bis: datetime
    """The end of its own window or of the agreed one, whichever is sooner."""
    status: Status


def own_certificates(config: Config, at: datetime) -> list[Held]:
    """Our pairs, as their files are now, and the clients that get in."""
    found = [_own(use, pair, at) for use in _OWN if _is_named(config, use) for pair in _pairs(config, use)]
    return found + [
        _held("zugang", None, ", ".join(e.behoerden) or ", ".join(e.rollen), e.sha256, (_first(e.ab), _last(e.bis)), at)
        for e in config.zugang
    ]


def partner_certificates(partners: Iterable[Partner], trust: Trust, at: datetime) -> Iterator[Held]:
    """Those of the agreements."""
    for partner in partners:
        for z in partner.zertifikate:
            (certificate,) = load_certificates([z.pem])
            window = (
                max(_first(z.ab), certificate.not_valid_before_utc),
                min(_last(z.bis), certificate.not_valid_after_utc),
            )
            verdict, name = trust.verdict(z.zweck, z.pem), subject_of(certificate)
            yield _held(z.zweck, partner.id, name, fingerprint(certificate), window, at, verdict)


def _held(
    use: str,
    partner: str | None,
    name: str,
    sha256: str,
    window: tuple[datetime, datetime],
    at: datetime,
    verdict: Verdict = _GOOD,
) -> Held:
    return Held(use, partner, name, sha256, *window, displayed(verdict, *window, at))


def _own(use: OwnUse, pair: KeyPair, at: datetime) -> Held:
    found: x509.Certificate = pair.certificate
    window = (found.not_valid_before_utc, found.not_valid_after_utc)
    return _held(use, None, subject_of(found), pair.sha256, window, at, _TEST if is_test(found) else _GOOD)


def _is_named(config: Config, use: OwnUse) -> bool:
    """Whether a use has pairs of its own; others stand in for `mdn` and `tls_client`."""
    return bool(getattr(config.schluessel, use))


def _pairs(config: Config, use: OwnUse) -> Iterator[KeyPair]:
    for files in config.schluessel.files(use):
        try:
            yield load_pair(files)
        except PkiError as error:
            log.warning("not in the list of certificates: %s", error)


def _first(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _last(day: date) -> datetime:
    """The end of a day that still counts."""
    return _first(day) + FULL


class Expiring:
    """Tells in time what ends."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.held: Sequence[Held] = ()
        """As they were at the last look, for the metrics."""

    async def look(self) -> None:
        """One round."""
        partners, at = await self._ctx.partners.all(), self._ctx.at()
        own = await asyncio.to_thread(own_certificates, self._ctx.config, at)
        self.held = [*own, *partner_certificates(partners, self._ctx.trust, at)]
        told = {(row["sha256"], row["grund"]) for row in await self._ctx.db.fetch("notices")}
        for sha256, uses in _by_certificate(self.held).items():
            end = max(each.bis for each in uses)  # of several windows of one certificate the last one counts
            reached = threshold(end, at)
            if reached is not None and (sha256, f"ablauf_{reached}") not in told:
                await self._tell(sha256, uses, end, reached)

    async def _tell(self, sha256: str, uses: Sequence[Held], end: datetime, reached: int) -> None:
        left = days_left(end, self._ctx.at())
        partners = sorted({each.partner for each in uses if each.partner})
        detail = {"verwendung": sorted({each.use for each in uses}), "partner": partners}
        art, who = Art.ZERTIFIKAT_LAEUFT_AB, self._ctx.self_akteur
        event = self._ctx.event(art, who, zertifikat=sha256, schwelle=reached, tage=left, angaben=detail)
        notice = do("insert_notice", sha256=sha256, grund=f"ablauf_{reached}", now=self._ctx.now())
        with contextlib.suppress(AlreadyThere):  # another gateway was quicker
            await self._ctx.db.commit(notice, event)
            log.warning("certificate %s ends in %d days: %s", sha256[:16], left, detail)


def _by_certificate(held: Iterable[Held]) -> dict[str, list[Held]]:
    found: dict[str, list[Held]] = {}
    for each in held:
        if each.status is not Status.GESPERRT:
            found.setdefault(each.sha256, []).append(each)
    return found
