"""What every journey needs: configuration, store, rules, directory, agreements, keys, clock.

Promises: one value, made once at start; agreements and directory are read anew when they changed in the store.
Fails: opening by `ConfigError`, `PkiError`, `StoreError`; later not by itself.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from uuid_utils import uuid7

from gateway import clock
from gateway.check.checker import Checker
from gateway.config import Config
from gateway.events import Art
from gateway.figures import Figures
from gateway.kek import load_keks
from gateway.message import Caller
from gateway.partner import Partner
from gateway.route.resources import packaged_directory
from gateway.seal.sealer import Identity
from gateway.service.keys import OwnKeys
from gateway.service.upkeep.directory import Directory
from gateway.service.upkeep.trusting import Trust
from gateway.service.words import spoken
from gateway.store import open_database
from gateway.store.content import Contents
from gateway.store.database import Database, Do, StoreUnavailable
from gateway.store.keyring import Keyring
from gateway.tls import OwnClient
from routing.verzeichnis import Verzeichnis

log = logging.getLogger(__name__)

PARTNERS_FRESH = 2 * clock.SECOND
"""How long agreements are served from memory: a change takes effect within two seconds, on every gateway."""


END_OF_TIME = 2**62
"""Later than any lease."""


def new_id() -> str:
    """A new key: UUIDv7, so that keys sort by time."""
    return str(uuid7())


class AgreementBroken(StoreUnavailable):
    """An agreement of the store cannot be read: whoever needs it waits until a person has mended it."""


class Partners:
    """The agreements, cached for `PARTNERS_FRESH`, without the certificates that must not be used now.

    One that cannot be read stops what needs it and nothing else: a look-up that may mean it raises `AgreementBroken`,
    which tells whoever asked to come again later, and never that there is no such agreement.
    """

    def __init__(self, db: Database, now: Callable[[], int], trust: Trust) -> None:
        self._db = db
        self._now = now
        self._trust = trust
        self._read_at = 0
        self._forgotten = 0
        self._parsed: dict[str, Partner] = {}
        """By the text in the store."""
        self._by_id: dict[str, Partner] = {}
        self._by_authority: dict[str, Partner] = {}
        self._by_as2: dict[str, Partner] = {}
        self._by_address: dict[str, Partner] = {}
        self._broken: dict[str, frozenset[str]] = {}

    async def by_id(self, partner_id: str | None) -> Partner | None:
        """The agreement of that id."""
        await self._refresh()
        if partner_id in self._broken:
            raise AgreementBroken(partner_id)
        return self._by_id.get(partner_id or "")

    async def of(self, authority: str) -> Partner | None:
        """The agreement under which `authority` is reached."""
        await self._refresh()
        if any(authority in authorities for authorities in self._broken.values()):
            raise AgreementBroken(authority)
        return self._by_authority.get(authority)

    async def by_as2_id(self, as2_id: str) -> Partner | None:
        """The agreement of the partner that calls itself `as2_id`."""
        await self._refresh()
        return self._known(self._by_as2.get(as2_id))

    async def by_address(self, address: str) -> Partner | None:
        """The agreement of the partner with that registered mail address."""
        await self._refresh()
        return self._known(self._by_address.get(address.lower()))

    def forget(self) -> None:
        """Read anew at the next look; what is being read at this moment does not count."""
        self._forgotten += 1
        self._read_at = 0

    async def all(self) -> list[Partner]:
        """All agreements."""
        await self._refresh()
        return list(self._by_id.values())

    async def broken(self) -> list[str]:
        """Agreements that cannot be read, by their ids."""
        await self._refresh()
        return sorted(self._broken)

    def _known(self, found: Partner | None) -> Partner | None:
        """None only where every agreement could be read: who is unknown may be one of the others."""
        if found is None and self._broken:
            raise AgreementBroken(", ".join(sorted(self._broken)))
        return found

    async def _refresh(self) -> None:
        if self._now() - self._read_at < PARTNERS_FRESH:
            return
        forgotten = self._forgotten
        rows = await self._db.fetch("partners")
        known, broken = dict[str, Partner](), dict[str, frozenset[str]]()
        for row in rows:  # a thousand agreements are read again every other second, and hardly ever another one
            text = row["agreement"]
            try:
                known[text] = self._parsed.get(text) or Partner.model_validate_json(text)
            except ValueError:
                owned = await self._db.fetch("authorities_of_partner", row["id"])
                broken[row["id"]] = frozenset(each["authority"] for each in owned)
        self._parsed, agreed = known, list(known.values())
        await self._trust.know(agreed)
        partners = [self._trust.reduced(partner) for partner in agreed]
        if broken.keys() - self._broken.keys():
            log.error("agreements that cannot be read: %s", ", ".join(sorted(broken)))
        self._broken = broken
        self._by_id = {p.id: p for p in partners}
        self._by_authority = {key: p for p in partners for key in p.behoerden}
        self._by_as2 = {p.as2_id: p for p in partners if p.as2_id}
        self._by_address = {p.adresse.lower(): p for p in partners if p.adresse}
        if self._forgotten == forgotten:
            self._read_at = self._now()


@dataclass
class Context:
    """Made by gateway/service/gateway.py."""

    config: Config
    db: Database
    content: Contents
    store_key: Keyring = field(repr=False)
    """Keys of the store: for contents, short texts, and the blind index over Aktenzeichen and AZR-Nummern."""
    checker: Checker
    directory: Verzeichnis
    """As operators corrected it; `refresh_directory` brings it up to date."""
    keys: OwnKeys
    """Taken over anew when their files change."""
    now: Callable[[], int] = clock.now
    figures: Figures = field(default_factory=Figures, repr=False)
    """What this process counts."""
    trust: Trust = field(init=False)
    partners: Partners = field(init=False)
    _directory: Directory = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Agreements and corrections of the directory come from the store."""
        self.store_key.load = lambda: load_keks(self.config.store.schluessel)
        self.trust = Trust(self.db, lambda: self.config, lambda: self.now())
        self.partners = Partners(self.db, self.now, self.trust)
        self._directory = Directory(self.db, self.now)

    @property
    def identity(self) -> Identity:
        """Who signs and opens now."""
        return self.keys.identity(self.config.as2_name, self.at())

    @property
    def receipt_identity(self) -> Identity:
        """Who signs receipts now."""
        return self.keys.identity(self.config.as2_name, self.at(), "mdn")

    @property
    def tls_client(self) -> OwnClient | None:
        """What is shown to servers that ask for a certificate."""
        pair = self.keys.current("tls_client", self.at())
        return OwnClient(pair.files, pair.sha256) if pair.files else None

    async def refresh_directory(self) -> None:
        """Take over what operators corrected, for the rules and for the checks; one look-up while nothing changed.

        Raises:
            StoreError: the store cannot be read, or at first reading its corrections do not add up.
        """
        self.directory = self.checker.directory = await self._directory.current()

    def today(self) -> date:
        """The day of receipt in Germany."""
        return clock.day(self.now())

    def url_of(self, message_id: str) -> str:
        """Where callers find a message: a whole address where one is configured, else from `/v1` on."""
        return f"{(self.config.api.oeffentliche_url or '').rstrip('/')}/v1/messages/{message_id}"

    def at(self) -> datetime:
        """Now, for certificates and signatures."""
        return clock.as_datetime(self.now())

    def abandoned_before(self) -> int:
        """Leases that end before this moment have lost their worker, when asked before our own workers start.

        A gateway alone on its database (SQLite) knows that all have, whatever its clock says; among several, only time
        tells.
        """
        return END_OF_TIME if self.config.store.url.startswith("sqlite:") else self.now()

    def event(
        self,
        art: Art,
        akteur: str,
        *,
        message_id: str | None = None,
        delivery_id: str | None = None,
        worte: str | None = None,
        **detail: object,
    ) -> Do:
        """The statement that records an event.

        Args:
            art: its kind.
            akteur: who acted.
            message_id: of which message.
            delivery_id: of which delivery.
            worte: why, as a person wrote it: it may name somebody, so it stands encrypted beside the event.
            detail: keys, codes and digests only.
        """
        id_ = new_id()
        beside = spoken(self.store_key, id_, worte) if worte is not None else None
        if beside is not None:
            detail["grund_sha256"] = beside.digest
        text = json.dumps(detail, ensure_ascii=False, sort_keys=True)
        args = (id_, self.now(), str(art), message_id, delivery_id, akteur, text)
        return Do("insert_told_event", (*args, beside.concealed)) if beside else Do("insert_event", args)

    @property
    def self_akteur(self) -> str:
        """What events name as the actor for what the gateway does by itself."""
        return self.config.gateway.kennung


def akteur(caller: Caller) -> str:
    """What events name as the actor: the certificate by its fingerprint, or the account by its id."""
    return f"{caller.art}:{caller.fingerprint}"


async def open_context(config: Config) -> Context:
    """Store, keys, rules and schemas of a configuration; close with `close_context`."""
    now = clock.as_datetime(clock.now())
    keys = OwnKeys.load(config, now)
    keks = load_keks(config.store.schluessel)
    directory = packaged_directory()
    checker = Checker.for_packaged(
        config.schemata.packs,
        directory=directory,
        ueberlappung_tage=config.schemata.ueberlappung_tage,
        vorschau=config.schemata.vorschau,
        zuordnung=config.schemata.zuordnung,
    )
    db = await open_database(config.store.url)
    try:
        keyring = await Keyring.open(db, keks, clock.now())
    except BaseException:
        await db.close()
        raise
    ctx = Context(config, db, Contents(db, keyring), keyring, checker, directory, keys)
    try:
        await ctx.trust.load()
        await ctx.refresh_directory()
    except BaseException:
        await close_context(ctx)
        raise
    return ctx


async def close_context(ctx: Context) -> None:
    """Ends what `open_context` began."""
    await ctx.checker.close()
    await ctx.db.close()
