"""What a message costs the gateway in processor time, against the least that any program would pay for it.

Floors (design: speed): aiohttp alone answering the same request over the same TLS; lxml alone parsing and validating;
the same cryptographic operations by `cryptography` alone; the same statements committed in the same groups by `sqlite3`
alone. For a full hop also: aiohttp alone posting, and signing, encrypting and verifying.

Promises: gateway and floors take turns in one run; processor time of the process that does the work, never wall time.
Fails: as `bench.world`.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from lxml import etree

from bench.figures import Figure
from bench.world import Beside, World, notices, post_all, until
from gateway.check.head import version_of
from gateway.check.resources import SchemaStore
from gateway.demo import cast
from gateway.demo.cast import now
from gateway.demo.letters import untersuchungshaft
from gateway.pki import write_pair
from gateway.pki_issue import Request
from gateway.service.gateway import running
from gateway.store import sqlite
from gateway.store.database import Do
from gateway.store.resources import queries

ROUNDS, MESSAGES = 5, 400
SHORT_ROUNDS, SHORT_MESSAGES = 1, 40
PARTS = 200
"""Runs of one in-memory operation for one figure."""
SMALL, SEALED = 2_500, 5_500
"""Bytes of a notice, and of the same signed or sealed."""

Groups = list[list[Sequence[Do]]]


@dataclass
class Recorded:
    """Everything that a gateway committed for some messages, group by group."""

    groups: Groups
    messages: int

    def replay(self, path: Path) -> float:
        """The same statements in the same groups by `sqlite3` alone; processor seconds per message."""
        connection = sqlite._open_and_migrate(str(path))
        known = queries()
        rows = [
            [(known[do.query].sqlite, {str(n): v for n, v in enumerate(do.args, 1)}) for steps in group for do in steps]
            for group in self.groups
        ]
        began = time.thread_time()
        for group in rows:
            connection.execute("begin immediate")
            for statement, values in group:
                connection.execute(statement, values).fetchall()
            connection.execute("commit")
        used = time.thread_time() - began
        connection.close()
        return used / self.messages


@contextlib.contextmanager
def recording() -> Iterator[Groups]:
    """What every SQLite store of this process commits meanwhile."""
    groups: Groups = []
    commit = sqlite.SqliteDatabase._commit_group

    async def noted(self: sqlite.SqliteDatabase, group: Sequence[Sequence[Do]]) -> list[sqlite.Result]:
        groups.append(list(group))
        return await commit(self, group)

    with mock.patch.object(sqlite.SqliteDatabase, "_commit_group", noted):
        yield groups


async def record(world: World, count: int) -> Recorded:
    """A gateway in this process takes `count` messages; what it committed from its first statement on."""
    with recording() as groups:
        async with running(world.hub.config()) as gateway, world.session() as session:
            url = f"https://localhost:{gateway.listeners.ports['api']}/v1/messages"
            await post_all(session, url, notices(count))
            await until(lambda: all_done(world))
    return Recorded(groups, count)


def all_done(world: World) -> bool:
    """Whether nothing is on its way any more, and every event has its leaf."""
    with contextlib.closing(sqlite3.connect(world.hub.folder / "gateway.db")) as db:
        left = "select (select count(*) from delivery where status in ('wartet', 'laeuft')) + "
        left += "(select count(*) from event where leaf is null)"
        return bool(db.execute(left).fetchone()[0] == 0)


def per_run(work: Callable[[], object]) -> float:
    """Processor seconds of one run."""
    began = time.thread_time()
    for _ in range(PARTS):
        work()
    return (time.thread_time() - began) / PARTS


# --- floors in memory -------------------------------------------------------------------------------------------------


def validating() -> Callable[[], object]:
    """Lxml alone: a parser without network and entities, and the notice's schema."""
    xml, store = untersuchungshaft().xml, SchemaStore()
    name, root = etree.QName(etree.fromstring(xml)), etree.fromstring(xml)
    pack = store.catalogue().find(name.namespace or "", name.localname, version_of(root), now().date())
    schema = store.schema(pack, name.localname).compiled
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=False)

    def once() -> None:
        assert schema.validate(etree.fromstring(xml, parser))

    return once


def keeping(sizes: Sequence[int]) -> Callable[[], object]:
    """Contents of these sizes at rest: digest, a key of its own, wrapped, AES-256-GCM."""
    kek, contents = secrets.token_bytes(32), [os.urandom(size) for size in sizes]

    def once() -> None:
        for content in contents:
            hashlib.sha256(content).digest()
            key = secrets.token_bytes(32)
            aes_key_wrap(kek, key)
            AESGCM(key).encrypt(bytes(12), content, b"bound")

    return once


def marking() -> Callable[[], object]:
    """Two keyed hashes and two short texts: the Aktenzeichen and the facts of a notice."""
    key, text = secrets.token_bytes(32), b"4511 E 77/26" * 20

    def once() -> None:
        for _ in range(2):
            hmac.digest(key, text[:12], "sha256")
            AESGCM(key).encrypt(secrets.token_bytes(12), text, b"bound")

    return once


def sealing() -> Callable[[], object]:
    """Sign by P-256, agree with the recipient's key, derive, wrap, encrypt by AES-256-GCM; verify the receipt."""
    ours, theirs = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1()).public_key()
    entity, algorithm = os.urandom(SEALED), ec.ECDSA(hashes.SHA256())
    receipt = ours.sign(entity[:300], algorithm)

    def once() -> None:
        hashlib.sha256(entity).digest()
        ours.sign(entity[:300], algorithm)
        ephemeral = ec.generate_private_key(ec.SECP256R1())
        secret = ephemeral.exchange(ec.ECDH(), theirs)
        key = X963KDF(hashes.SHA256(), 32, b"info").derive(secret)
        content_key = secrets.token_bytes(32)
        aes_key_unwrap(key, aes_key_wrap(key, content_key))
        AESGCM(content_key).encrypt(secrets.token_bytes(12), entity, None)
        hashlib.sha256(entity[:1000]).digest()
        ours.public_key().verify(receipt, entity[:300], algorithm)

    return once


# --- both in turn -----------------------------------------------------------------------------------------------------


@dataclass
class Floors:
    """What the parts of one message cost alone, in milliseconds, round by round."""

    parts: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, seconds: float) -> None:
        """One round's figure."""
        self.parts.setdefault(name, []).append(seconds * 1000)

    @property
    def sums(self) -> list[float]:
        """All parts together."""
        return [sum(values) for values in zip(*self.parts.values(), strict=True)]


@dataclass
class Bench:
    """One kind of message: accepted alone, or the full hop."""

    world: World
    hop: bool
    messages: int
    floors: Floors = field(default_factory=Floors)
    ours: list[float] = field(default_factory=list)

    async def run(self, rounds: int) -> None:
        """Everything, in turn."""
        await self.world.agree([self.world.agreement("koeln", cast.KOELN)] if self.hop else [])
        peers, bare = self.world.start_peers(), start_bare(self.world)
        try:
            recorded = await record(self.world, self.messages)
            self.world.hub.start()
            async with self.world.session() as session:
                await self._gateway(session)  # whatever is only loaded once
                for _ in range(rounds):
                    self.ours.append(await self._gateway(session) * 1000)
                    await self._alone(session, bare, recorded)
        finally:
            self.world.hub.stop()
            bare.beside.stop()
            peers.stop()

    async def _gateway(self, session: aiohttp.ClientSession) -> float:
        before = self.world.used
        await post_all(session, f"{self.world.hub.api_url}/v1/messages", notices(self.messages))
        await until(lambda: all_done(self.world))
        return (self.world.used - before) / self.messages

    async def _alone(self, session: aiohttp.ClientSession, bare: Bare, recorded: Recorded) -> None:
        note, before = self.floors.note, bare.beside.used
        bodies = notices(self.messages)
        began = time.process_time()
        await post_all(session, bare.url, bodies)
        posting = (time.process_time() - began) / self.messages
        note("HTTP in", (bare.beside.used - before) / self.messages)
        note("parse, validate", per_run(validating()))
        note("encrypt for the store", per_run(keeping([SMALL, SEALED, SEALED, SEALED] if self.hop else [SMALL])))
        note("index, short texts", per_run(marking()))
        with tempfile.TemporaryDirectory(dir=self.world.folder) as folder:
            note("rows", recorded.replay(Path(folder) / "floor.db"))
        if self.hop:
            note("HTTP out", posting)
            note("sign, encrypt, verify", per_run(sealing()))


@dataclass(frozen=True)
class Bare:
    """The bare server."""

    beside: Beside
    url: str


def start_bare(world: World) -> Bare:
    """The bare server with a TLS key of the same kind."""
    folder, port = world.folder / "bare", cast.free_port()
    folder.mkdir()
    write_pair(world.ca.issue(Request(purpose="tls", name="bare", hosts=("localhost",))), folder / "tls")
    (folder / "ca.crt").write_text(world.ca.pem)
    beside = Beside.start(folder, "bench.bare", str(folder), str(port))
    return Bare(beside, f"https://localhost:{port}/v1/messages")


async def measure(*, short: bool = False) -> list[Figure]:
    """Both kinds of message, and what their floors are made of."""
    rounds, messages = (SHORT_ROUNDS, SHORT_MESSAGES) if short else (ROUNDS, MESSAGES)
    found: list[Figure] = []
    for hop, name, aim in ((False, "accepted", 2.5), (True, "full hop", 2.0)):
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(World(Path(folder)), hop, messages)
            await bench.run(rounds)
        found.append(Figure(f"processor per message, {name}", bench.ours, bench.floors.sums, aim))
        found += [Figure(f"  of the floor: {part}", (), values) for part, values in bench.floors.parts.items()]
    return found
