"""Fills an empty store with many messages that look like real ones: as they are after years of traffic.

One message a minute and a half, the last one now. The newest thousand are as a day leaves them: some wait for their
partner, some lie in an inbox, some wait for a person. Of all before, one in a thousand is still open.

Promises: each message has its part, contents, readers, delivery, attempt, receipt, events with their leaves, Vorgang
and marks, some a duty; the same rows in both databases. Contents and texts are short: nothing walks over them.
Fails: as the databases' own drivers.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import asyncpg

from gateway import clock

PARTNERS = 200
AUTHORITIES = [f"abh:{n:08d}" for n in range(5_000_000, 5_000_000 + PARTNERS)]
SENDERS = [f"gds:R{n:04d}" for n in range(3_000, 3_040)]
EVERY = 90 * clock.SECOND
"""Between two messages: a thousand a day."""
DAY = 1_000
"""Messages of the newest day, which are as a day leaves them."""
OLD_OPEN = 1_000
"""Of all before, one in so many is open."""
BATCH = 20_000
"""Rows of one statement."""
DECISION = json.dumps({"entscheidung": "zustellen", "nummer": "2.1", "begruendung": [{"text": "x" * 300}]})
ANSWER = bytes(64)
DETAIL = json.dumps({"empfaenger": AUTHORITIES[0], "sha256": "0" * 64})

OPEN = (
    ("wartet", "as2"), ("wartet", "as2"), ("wartet", "as2"), ("wartet", "as2"), ("uebergeben", "as2"),
    ("uebergeben", "abruf"), ("uebergeben", "abruf"), ("klaerung", "as2"), ("abgelehnt", "as2"),
    ("gescheitert", "as2"), ("quittung_ungueltig", "as2"), ("angehalten", "as2"),
)  # fmt: skip
"""How open deliveries stand, in turn."""
MESSAGE_OF = {
    "wartet": "angenommen", "uebergeben": "unterwegs", "klaerung": "klaerung", "abgelehnt": "gescheitert",
    "gescheitert": "gescheitert", "quittung_ungueltig": "unterwegs", "angehalten": "unterwegs",
    "zugestellt": "zugestellt",
}  # fmt: skip
EVENTS = ("annahme", "entscheidung", "versiegelung", "uebergabe", "quittung", "zustellung")


def key(kind: int, n: int, part: int = 0) -> str:
    """A UUIDv7 that sorts by `n`; `kind` and `part` tell rows of one message apart."""
    return f"{n:08x}-{kind:04x}-7{part:03x}-8000-000000000000"


@dataclass(frozen=True)
class Stock:
    """What is to be stored."""

    messages: int
    now: int
    content_key: str
    """Id of the store's key for contents."""

    def at(self, n: int) -> int:
        """When message `n` came."""
        return self.now - (self.messages - n) * EVERY

    def standing(self, n: int) -> tuple[str, str]:
        """Status and way of its delivery."""
        if self.messages - n <= DAY:
            return OPEN[n // 5 % len(OPEN)] if n % 5 == 0 else ("zugestellt", "as2")
        return OPEN[n // OLD_OPEN % len(OPEN)] if n % OLD_OPEN == 0 else ("zugestellt", "as2")

    def tables(self) -> Iterator[tuple[str, str, Iterator[tuple[Any, ...]]]]:
        """Table, its columns, its rows; parents first."""
        yield "partner", "id, agreement, changed", map(self._partner, range(PARTNERS))
        yield "partner_authority", "authority, partner_id", ((key, f"p{n}") for n, key in enumerate(AUTHORITIES))
        yield "message", _MESSAGE, map(self._message, range(self.messages))
        yield "delivery", _DELIVERY, map(self._delivery, range(self.messages))

    def _partner(self, n: int) -> tuple[Any, ...]:
        return f"p{n}", json.dumps({"id": f"p{n}", "behoerden": [AUTHORITIES[n]], "weg": "abruf"}), self.now

    def _message(self, n: int) -> tuple[Any, ...]:
        status, at = MESSAGE_OF[self.standing(n)[0]], self.at(n)
        person = n // 3  # three messages on each
        marks = hashlib.sha256(b"az%d" % person).hexdigest(), hashlib.sha256(b"azr%d" % person).hexdigest()
        head = (key(0, n), "api", SENDERS[n % len(SENDERS)], key(9, n), None, "justiz", "nachricht.x.9900001", "1.0.0")
        return (*head, "2.1", "ermittlungsverfahren_eingeleitet", 0, int(n % 50 == 0), status, DECISION,
                "0" * 64, ANSWER, *marks, None, None, at, at)  # fmt: skip

    def _delivery(self, n: int) -> tuple[Any, ...]:
        (status, way), at, to = self.standing(n), self.at(n), n * 7 % PARTNERS
        partner = None if way == "abruf" else f"p{to}"
        sent = status != "wartet" and way == "as2"
        wire = (f"<{n:x}@hub>", "0" * 43, "sha-256", "{}", key(1, n, 1), key(1, n, 2)) if sent else _UNSENT
        due = at + clock.SECOND if status != "zugestellt" else None
        return (key(2, n), key(0, n), AUTHORITIES[to], partner, way, status, int(sent), int(n % 50 == 0), at, at, at,
                at if sent else None, due, *wire, "Fehler" if status in ("klaerung", "abgelehnt") else None,
                key(4, n) if status == "zugestellt" else None,
                "told" if self.messages - n > DAY else None)  # fmt: skip

    def derived(self) -> list[str]:
        """Statements that make every other row of a message from the message and its delivery."""
        first, old = self.at(0), self.at(self.messages - DAY)
        parts = " union all ".join(f"select {n} as n, '{art}' as art" for n, art in enumerate(EVENTS))
        sent = "from message m join delivery d on d.message_id = m.id where d.status = 'zugestellt'"
        vorgang = "substr(m.azr_index, 1, 36)"
        return [
            *(f"""insert into content (id, wrapped_key, key_id, bytes, sha256, state, created)
                select {_id(1, part)}, m.answer, '{self.content_key}', 2500, m.fingerprint, 'kept', m.eingang
                from message m""" for part in range(4)),
            "insert into chunk (content_id, n, last, data) select id, 0, 1, wrapped_key from content",
            f"""insert into part (message_id, n, name, media_type, sha256, bytes, content_id)
                select m.id, 0, 'nachricht.xml', 'application/xml', m.fingerprint, 2500, {_id(1)} from message m""",
            "insert into message_reader (authority, eingang, message_id) select absender, eingang, id from message",
            """insert into message_reader (authority, eingang, message_id)
                select empfaenger, created, message_id from delivery""",
            f"""insert into attempt (id, delivery_id, n, started, ended, outcome)
                select {_id(3)}, d.id, 1, m.eingang, m.eingang + 1, 'quittung' {sent}""",
            f"""insert into receipt (id, delivery_id, art, step, reason, raw_content, at)
                select {_id(4)}, d.id, 'mdn', 'receipt_positive', 'ok', {_id(1, 3)}, m.eingang {sent}""",
            f"""insert into event (id, at, art, message_id, delivery_id, akteur, detail, leaf, salt)
                select substr(m.id, 1, 9) || '0005-700' || e.n || '-8000-000000000000', m.eingang, e.art, m.id,
                {_id(2)}, 'gw:nrw', '{DETAIL}', (m.eingang - {first}) / {EVERY} * {len(EVENTS)} + e.n, m.answer
                from message m cross join ({parts}) e""",
            """insert into vorgang (id, created, changed)
                select substr(azr_index, 1, 36), min(eingang), min(eingang) from message group by azr_index""",
            f"""insert into vorgang_message (message_id, vorgang_id, at)
                select m.id, {vorgang}, m.eingang from message m""",
            f"""insert into vorgang_mark (azr_index, authority, aktenzeichen_index, vorgang_id, created)
                select m.azr_index, '{SENDERS[0]}', m.aktenzeichen_index, {vorgang}, min(m.eingang) from message m
                group by m.azr_index, m.aktenzeichen_index""",
            f"""insert into message_mark (message_id, authority, aktenzeichen_index, aktenzeichen)
                select id, '{SENDERS[0]}', aktenzeichen_index, answer from message""",
            f"""insert into duty (id, vorgang_id, message_id, nummer, pflichtig, faellig_am, text, opened, remind_on,
                done) select {_id(6)}, {vorgang}, m.id, '2.1', d.empfaenger, '2026-01-01', 'Pflicht', m.eingang,
                case when m.eingang > {old} then '2026-02-01' end, case when m.eingang > {old} then null else 1 end
                from message m join delivery d on d.message_id = m.id where m.vorrang = 1""",
        ]  # fmt: skip


def _id(kind: int, part: int = 0) -> str:
    """SQL: the id of another row of message `m`."""
    return f"substr(m.id, 1, 9) || '{kind:04x}-7{part:03x}-8000-000000000000'"


_UNSENT = (None,) * 6
_MESSAGE = (
    "id, herkunft, absender, eigene_id, fremde_id, familie, wurzel, version, nummer, anlass, test, vorrang, status, "
    "entscheidung, fingerprint, answer, aktenzeichen_index, azr_index, gateway_id, bezug_id, eingang, geaendert"
)
_DELIVERY = (
    "id, message_id, empfaenger, partner_id, weg, status, attempts, vorrang, created, changed, next_at, first_at, "
    "deadline_at, wire_id, mic, mic_alg, wire_headers, signed_content, sealed_content, last_error, receipt_id, "
    "late_notice"
)


def batches(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Rows in lists of `BATCH`."""
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


def fill_sqlite(path: str, stock: Stock) -> None:
    """Rows first, indexes after them; nothing else has the file open."""
    with sqlite3.connect(path, isolation_level=None) as db:
        db.execute("pragma journal_mode = off")
        db.execute("pragma synchronous = off")
        db.execute("pragma cache_size = -400000")
        named = "select name, sql from sqlite_schema where type = 'index' and sql is not null"
        indexes = db.execute(named).fetchall()
        db.execute("begin immediate")
        for name, _ in indexes:
            db.execute(f"drop index {name}")
        for table, columns, rows in stock.tables():
            places = ", ".join("?" * (columns.count(",") + 1))
            for batch in batches(rows):
                db.executemany(f"insert into {table} ({columns}) values ({places})", batch)
        for statement in stock.derived():
            db.execute(statement)
        for _, sql in indexes:
            db.execute(sql)
        db.execute("commit")
        db.execute("pragma journal_mode = wal")
    db.close()


async def fill_postgres(url: str, stock: Stock) -> None:
    """The same by COPY."""
    db = await asyncpg.connect(url)
    await db.execute("set session_replication_role = replica")  # no foreign keys meanwhile
    await db.execute("set maintenance_work_mem = '400MB'; set synchronous_commit = off")
    indexes = await _loose_indexes(db)
    await db.execute("".join(f"drop index {name};" for name, _ in indexes))
    for table, columns, rows in stock.tables():
        for batch in batches(rows):
            await db.copy_records_to_table(table, records=batch, columns=columns.split(", "))
    for statement in stock.derived():
        await db.execute(statement)
    for _, sql in indexes:
        await db.execute(sql)
    await db.execute("vacuum analyze")
    await db.close()


async def _loose_indexes(db: asyncpg.Connection) -> Sequence[tuple[str, str]]:
    """Every index that no constraint needs."""
    rows = await db.fetch(
        "select indexname, indexdef from pg_indexes where schemaname = 'public' "
        "and indexname not in (select conname from pg_constraint)"
    )
    return [(row["indexname"], row["indexdef"]) for row in rows]


async def fill(url: str, stock: Stock) -> None:
    """Whichever database it is."""
    if url.startswith("sqlite"):
        await asyncio.to_thread(fill_sqlite, url.removeprefix("sqlite:///"), stock)
    else:
        await fill_postgres(url, stock)
