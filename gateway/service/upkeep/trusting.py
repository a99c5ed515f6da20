"""Which certificates of partners may be used now: assessed ahead of time, looked up in memory on the way of a message.

Promises: an agreement that is handed out leaves out what must not be used; a certificate is assessed before its
agreement is handed out for the first time; nothing here fetches, see gateway/service/upkeep/revoking.py.
Fails: `PkiError` at start for a folder of anchors that cannot be read; later the anchors before stay.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from gateway import clock
from gateway.config import Config
from gateway.partner import Partner, Zweck
from gateway.pki import PkiError, load_anchors
from gateway.seal.policy import PolicyRefused, load_certificates
from gateway.store.database import Database, Row
from gateway.trust.path import Registered, assess
from gateway.trust.sources import Answer, Source, sources
from gateway.trust.status import Assessment, Path, Policy, Revocation, Verdict, judge

log = logging.getLogger(__name__)

RECHECK = timedelta(hours=1)
"""How often a path is looked at anew although nothing changed: certificates on it may end."""
_NONE = Assessment(Path.OHNE, Revocation.UNBEKANNT, reason="nicht_lesbar")

Key = tuple[str, bool]
"""PEM, and whether it is pinned (for a TLS server)."""


@dataclass(frozen=True)
class _Known:
    assessment: Assessment
    sources: tuple[Source, ...]
    answers: frozenset[tuple[str, int]]
    """Which answers it was assessed by: address, and when it was fetched."""
    at: datetime

    def stale(self, answers: frozenset[tuple[str, int]], at: datetime) -> bool:
        fresh = self.assessment.fresh_until
        ended = fresh is not None and self.at <= fresh < at
        return ended or answers != self.answers or at - self.at > RECHECK


@dataclass(frozen=True)
class Grounds:
    """What a verdict on a certificate rests on."""

    issuers: tuple[x509.Certificate, ...] = ()
    """Registered certificates on its way to an anchor, and those of other issuers whose word about it is at hand."""
    answers: tuple[Answer, ...] = ()
    """CRLs and OCSP answers at hand."""


def key_of(zweck: Zweck, pem: str) -> Key:
    """A TLS server's certificate is its own anchor by agreement, self-signed or not."""
    return pem, zweck == "tls"


def _keys(partners: Iterable[Partner]) -> set[Key]:
    return {key_of(z.zweck, z.pem) for partner in partners for z in partner.zertifikate}


def load_registered(config: Config) -> Registered:
    """Anchors and intermediates for partners' certificates, from both folders of the configuration.

    A CA that the operator trusts for API clients also carries a partner's certificate: that is in use only because an
    agreement names it.

    Raises:
        PkiError: a file in one of them is no certificate.
    """
    folders = (config.vertrauen.partner_verzeichnis, config.vertrauen.verzeichnis)
    return Registered.of([anchor for folder in folders if folder.is_dir() for anchor in load_anchors(folder)])


class Trust:
    """What is known of every registered certificate."""

    def __init__(self, db: Database, config: Callable[[], Config], now: Callable[[], int]) -> None:
        self._db = db
        self._config = config
        self._now = now
        self._known: dict[Key, _Known] = {}
        self._agreed: set[Key] = set()
        self._answers: dict[str, Answer] = {}
        self._fetched: dict[str, int] = {}
        self.registered = Registered()

    async def load(self) -> None:
        """Anchors and the answers that are kept, before anything is assessed.

        Raises:
            PkiError: the folder of anchors cannot be read.
        """
        self.registered = load_registered(self._config())
        await self._read_answers()

    def verdict(self, zweck: Zweck, pem: str) -> Verdict:
        """Whether a registered certificate may be used now: one look-up."""
        key, at = key_of(zweck, pem), self._at()
        if key not in self._known:  # only what `know` did not see
            self._known[key] = self._assess_one(key, at)
        return judge(self._known[key].assessment, self.policy, at)

    @property
    def policy(self) -> Policy:
        """The settings."""
        config = self._config()
        grace = timedelta(hours=config.vertrauen.karenz_stunden)
        return Policy(config.vertrauen.unbekannt, grace, config.gateway.produktion)

    async def know(self, partners: Iterable[Partner]) -> None:
        """Assess the certificates that were never seen."""
        self._agreed = _keys(partners)
        await self._assess([key for key in self._agreed if key not in self._known])

    def grounds(self, pem: str) -> Grounds:
        """What an agreed certificate that signs is judged by now: for keeping beside what it signed."""
        known = self._known.get((pem, False))
        if known is None:
            return Grounds()
        issuers = tuple(dict.fromkeys(source.issuer for source in known.sources))
        (certificate,) = load_certificates([pem])
        chain = (*_issuers(certificate, self.registered.issuers), *issuers)
        answers = (self._answers[source.id] for source in known.sources if source.id in self._answers)
        return Grounds(tuple(dict.fromkeys(chain)), tuple(answers))

    def reduced(self, partner: Partner) -> Partner:
        """The agreement without the certificates that must not be used now."""
        bad = frozenset((z.zweck, z.pem) for z in partner.zertifikate if not self.verdict(z.zweck, z.pem).usable)
        return partner.ohne(bad)

    async def refresh(self, partners: Sequence[Partner]) -> None:
        """Take over new anchors and answers; assess what changes by them; forget what nobody agrees any more."""
        self._reload_registered()
        await self._read_answers()
        wanted = _keys(partners)
        for gone in self._known.keys() - wanted - self._agreed:  # an agreement may have come since `partners` was read
            del self._known[gone]
        at = self._at()
        await self._assess([key for key in wanted if self._is_stale(key, at)])

    @property
    def sources(self) -> list[Source]:
        """Every address that registered certificates name, once."""
        found = {source.id: source for known in self._known.values() for source in known.sources}
        return list(found.values())

    def _is_stale(self, key: Key, at: datetime) -> bool:
        known = self._known.get(key)
        return known is None or known.stale(self._versions(known.sources), at)

    def _versions(self, found: Iterable[Source]) -> frozenset[tuple[str, int]]:
        return frozenset((s.id, self._fetched[s.id]) for s in found if s.id in self._answers)

    def _reload_registered(self) -> None:
        try:
            registered = load_registered(self._config())
        except PkiError as error:
            log.error("anchors for partners: %s; those before stay", error)  # noqa: TRY400 - said in one line
            return
        if registered != self.registered:
            self.registered = registered
            self._known = {key: _outdated(known) for key, known in self._known.items()}

    async def _assess(self, keys: Sequence[Key]) -> None:
        if keys:
            found = await asyncio.to_thread(self._assess_all, keys, self._at())
            self._known.update(found)

    def _assess_all(self, keys: Sequence[Key], at: datetime) -> dict[Key, _Known]:
        return {key: self._assess_one(key, at) for key in keys}

    def _assess_one(self, key: Key, at: datetime) -> _Known:
        pem, pinned = key
        try:
            (certificate,) = load_certificates([pem])
            found = tuple(sources([certificate, *self.registered.intermediates], self.registered.issuers))
            answers = [self._answers[source.id] for source in found if source.id in self._answers]
            assessment = assess(certificate, self.registered, answers, at, pinned=pinned)
        except (PolicyRefused, ValueError):
            return _Known(_NONE, (), frozenset(), at)
        return _Known(assessment, found, self._versions(found), at)

    async def _read_answers(self) -> None:
        rows = await self._db.fetch("revocation_answers")
        kept = {row["id"] for row in rows}
        self._answers = {key: answer for key, answer in self._answers.items() if key in kept}
        for row in rows:
            if row["fetched"] is not None and row["fetched"] != self._fetched.get(row["id"]):
                body = await self._db.fetch_one("revocation_body", row["id"])
                if body is not None:
                    self._answers[row["id"]] = _answer(row, bytes(body["body"]))
                    self._fetched[row["id"]] = row["fetched"]

    def _at(self) -> datetime:
        return clock.as_datetime(self._now())


def _issuers(certificate: x509.Certificate, registered: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The registered certificates above one, by their names; an anchor of its own has none."""
    found: list[x509.Certificate] = []
    while certificate.issuer != certificate.subject:
        above = [each for each in registered if each.subject == certificate.issuer and each not in found]
        if not above:
            break
        found += above
        certificate = above[0]
    return found


def _answer(row: Row, body: bytes) -> Answer:
    return Answer(row["art"], body, clock.as_datetime(row["this_update"]), clock.as_datetime(row["next_update"]))


def _outdated(known: _Known) -> _Known:
    """The same, to be assessed anew at the next look; until then it counts as before."""
    return _Known(known.assessment, known.sources, known.answers, known.at - 2 * RECHECK)


def subject_of(certificate: x509.Certificate) -> str:
    """A certificate's subject for people."""
    return certificate.subject.rfc4514_string()
