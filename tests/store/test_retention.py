"""What goes at the end of its retention and what stays, on both databases, step by step."""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.config_tables import Aufbewahrung
from gateway.errors import Conflict, Gone, Invalid, NotFound
from gateway.message import Caller
from gateway.route.chain import WEITERLEITUNG
from gateway.service.upkeep.purging import CHUNKS, DAY, Purging
from gateway.store import Database, Do, StaleState
from gateway.store.content import CHUNK, ContentGone, ContentMissing, Contents
from gateway.store.keyring import Keyring, PlainKek
from gateway.store.steps import do

NOW = 1_790_000_000_000_000
LONG_AGO, LATELY = NOW - 91 * DAY, NOW - 89 * DAY
OPERATOR = Caller(frozenset(), frozenset({"betrieb"}), "kommandozeile")


class Store:
    """Messages with content in a real database, and the purge over them."""

    def __init__(self, database: Database, contents: Contents, make: Any) -> None:
        self.db, self.contents, self.make = database, contents, make
        self.ctx: Any = SimpleNamespace(
            db=database,
            content=contents,
            config=SimpleNamespace(aufbewahrung=Aufbewahrung(je_anlass={"antritt_kurz": 10})),
            now=lambda: NOW,
            self_akteur="gw:nrw",
            event=self.event,
        )
        self.purging = Purging(self.ctx)

    def event(self, art: str, akteur: str, *, message_id: str | None = None, **detail: object) -> Do:
        return self.make.event(art=str(art), akteur=akteur, message_id=message_id)  # type: ignore[no-any-return]

    async def content(self, size: int = 10) -> str:
        sealed = self.contents.seal_small(os.urandom(size), 1)
        await self.db.commit(*sealed.steps)
        return sealed.id

    async def message(self, status: str = "zugestellt", ended: int = LONG_AGO, **over: Any) -> str:
        key, content_id = self.make.id(), over.pop("content_id", None) or await self.content(over.pop("size", 10))
        part = {"name": "nachricht.xml", "media_type": "application/xml", "sha256": "00", "bytes": 10}
        await self.db.commit(
            self.make.message(key, status=status, eingang=ended, **over),
            do("insert_part", message_id=key, n=0, content_id=content_id, **part),
            do("keep_facts", message_id=key, facts=b"concealed"),
        )
        return key

    async def delivery(self, message_id: str, status: str) -> str:
        """A delivery with its signed entity and sealed bytes."""
        key = self.make.id()
        sealed = {"wire_id": f"<{key}>", "mic": "", "mic_alg": "", "wire_headers": "{}", "now": LONG_AGO}
        await self.db.commit(
            self.make.delivery(key, message_id, status=status),
            do("store_sealed", id=key, old_wire_id=None, **sealed,
               signed_content=await self.content(), sealed_content=await self.content()),
        )  # fmt: skip
        return key

    async def gone(self, message_id: str) -> bool:
        row = await self.db.fetch_one("message", message_id)
        assert row is not None
        (part,) = await self.db.fetch("parts", message_id)
        try:
            await self.contents.read_all(part["content_id"], CHUNK * 200)
        except (ContentGone, ContentMissing):
            assert row["purged"] == NOW
            assert row["facts"] is None
            return True
        assert row["purged"] is None
        return False


@pytest.fixture
async def store(database: Database, make: Any, monkeypatch: pytest.MonkeyPatch) -> Store:
    ring = await Keyring.open(database, [PlainKek(secrets.token_bytes(32))], 1)
    monkeypatch.setattr("gateway.config_tables.ANLAESSE", ["antritt_kurz"])
    return Store(database, Contents(database, ring), make)


@pytest.mark.parametrize("status", ["zugestellt", "teilweise", "gescheitert", "storniert", "entbehrlich"])
async def test_what_has_ended_long_ago_goes_and_its_proof_stays(store: Store, raw: Any, status: str) -> None:
    message = await store.message(status)
    delivery = await store.delivery(message, "zugestellt")
    receipt = await store.content()
    args = {"delivery_id": delivery, "art": "mdn", "step": "receipt_positive", "reason": None, "at": 1}
    await store.db.commit(do("insert_receipt", id=store.make.id(), raw_content=receipt, **args))
    report = await store.purging.purge()
    assert (report.geloescht, report.bleibt) == (1, {})
    assert await store.gone(message)
    assert await raw("select id from content") == [(receipt,)]
    assert await raw("select count(*) from chunk") == [(1,)]
    assert [row["sha256"] for row in await store.db.fetch("parts", message)] == ["00"]
    assert len(await store.db.fetch("receipts", delivery)) == 1
    assert [row["art"] for row in await store.db.fetch("events_of_message", message)] == ["loeschung"]
    assert (await store.purging.purge()).geloescht == 0


@pytest.mark.parametrize("status", ["angenommen", "zurueckgestellt", "klaerung", "unterwegs"])
async def test_what_has_not_ended_stays_whatever_its_age(store: Store, status: str) -> None:
    message = await store.message(status, NOW - 4000 * DAY)
    assert (await store.purging.purge()).geloescht == 0
    assert not await store.gone(message)


async def test_days_count_by_anlass(store: Store) -> None:
    young, short = await store.message(ended=LATELY), await store.message(ended=LATELY, anlass="antritt_kurz")
    await store.purging.purge()
    assert [await store.gone(each) for each in (young, short)] == [False, True]


async def owed(store: Store, message: str, by: str, *, done: bool = False) -> None:
    """Both messages stand in one Vorgang, and `by` opened a duty in it."""
    vorgang = store.make.id()
    duty = {
        "nummer": "3.3",
        "pflichtig": "abh:05315000",
        "faellig_am": "2026-01-01",
        "text": "",
        "remind_on": None,
        "teil": "",
    }
    key = store.make.id()
    await store.db.commit(
        do("insert_vorgang", id=vorgang, now=1),
        *(do("insert_vorgang_message", message_id=each, vorgang_id=vorgang, now=1) for each in {message, by}),
        do("insert_duty", id=key, vorgang_id=vorgang, message_id=by, opened=1, **duty),
        *([do("fulfil_duty", id=key, done=2, done_by=by)] if done else []),
    )


async def by_delivery(store: Store, message: str) -> None:
    await store.delivery(message, "klaerung")


async def by_own_duty(store: Store, message: str) -> None:
    await owed(store, message, message)


async def by_duty_of_the_vorgang(store: Store, message: str) -> None:
    await owed(store, message, await store.message(ended=NOW))


async def by_hold(store: Store, message: str) -> None:
    await store.db.commit(do("insert_hold", message_id=message, now=1))


async def by_clearing(store: Store, message: str) -> None:
    await store.db.commit(cleared(store, message, received_as=None))


async def by_forwarder(store: Store, message: str) -> None:
    await store.db.commit(cleared(store, await store.message(ended=NOW), received_as=message))


def cleared(store: Store, message: str, received_as: str | None) -> Do:
    empty = {"empfaenger": None, "forwarder": None, "grund": None, "text": "", "nummer": "2a.7", "now": 1}
    return do("insert_clearing", id=store.make.id(), message_id=message, received_as=received_as, **empty)


async def by_forward(store: Store, message: str) -> None:
    await store.message("unterwegs", wurzel=WEITERLEITUNG, bezug_id=message)


REASONS: dict[Callable[[Store, str], Any], str] = {
    by_delivery: "zustellung", by_own_duty: "pflicht", by_duty_of_the_vorgang: "pflicht", by_hold: "behalten",
    by_clearing: "klaerung", by_forwarder: "klaerung", by_forward: "weiterleitung",
}  # fmt: skip


@pytest.mark.parametrize("needed", REASONS, ids=lambda each: each.__name__)
async def test_what_is_still_needed_stays_and_the_report_says_why(store: Store, needed: Any) -> None:
    message = await store.message()
    await needed(store, message)
    report = await store.purging.purge()
    assert dict(report.bleibt) == {REASONS[needed]: 1}
    assert not await store.gone(message)
    mark = {"id": message, "weiterleitung": WEITERLEITUNG, "before": NOW, "now": NOW}
    with pytest.raises(StaleState):  # also when it came between the look and the step
        await store.db.commit(do("purge_message", expect=1, **mark))


async def test_a_duty_that_is_done_and_a_withheld_notice_keep_nothing(store: Store) -> None:
    done, beside = await store.message(), await store.message()
    await owed(store, done, done, done=True)
    await owed(store, beside, await store.message("zurueckgestellt"))
    await store.purging.purge()
    assert [await store.gone(each) for each in (done, beside)] == [True, True]


async def test_a_forward_keeps_what_it_carries_and_both_go_when_both_may(store: Store, raw: Any) -> None:
    shared = await store.content()
    original = await store.message(content_id=shared)
    forward = await store.message(ended=LATELY, wurzel=WEITERLEITUNG, bezug_id=original, content_id=shared)
    assert dict((await store.purging.purge()).bleibt) == {"weiterleitung": 1}
    assert [await store.gone(each) for each in (original, forward)] == [False, False]
    await raw(f"update message set geaendert = {LONG_AGO} where id = '{forward}'")
    assert (await store.purging.purge()).geloescht == 2
    assert [await store.gone(each) for each in (original, forward)] == [True, True]
    assert await raw("select count(*) from content") == [(0,)]


async def test_content_of_another_message_stays_until_that_one_goes(store: Store, raw: Any) -> None:
    shared = await store.content()
    first, second = await store.message(content_id=shared), await store.message(ended=LATELY, content_id=shared)
    assert (await store.purging.purge()).geloescht == 1
    assert not await store.gone(second)
    row = await store.db.fetch_one("message", first)
    assert row is not None
    assert row["purged"] == NOW
    await raw(f"update message set geaendert = {LONG_AGO} where id = '{second}'")
    await store.purging.purge()
    assert await store.gone(second)
    assert await raw("select count(*) from content") == [(0,)]


async def test_a_dry_run_changes_nothing(store: Store, raw: Any) -> None:
    message = await store.message(anlass="antritt_kurz")
    report = (await store.purging.purge(dry_run=True)).as_json()
    assert (report["probelauf"], report["geloescht"], report["nachrichten"][0]["id"]) == (True, 1, message)
    assert not await store.gone(message)
    assert await raw("select count(*) from event") == [(0,)]


async def test_a_large_content_goes_in_portions_and_a_cut_off_run_goes_on(store: Store, raw: Any, url: str) -> None:
    message = await store.message(size=CHUNK * (CHUNKS + 2) + 5)
    commits: list[tuple[Do, ...]] = []
    commit = store.db.commit

    async def counting(*steps: Do) -> Any:
        commits.append(steps)
        if len(commits) == 3:
            raise asyncio.CancelledError  # here the process dies
        return await commit(*steps)

    store.ctx.db = SimpleNamespace(commit=counting, fetch=store.db.fetch, fetch_one=store.db.fetch_one)
    with pytest.raises(asyncio.CancelledError):
        await store.purging.purge()
    assert await store.gone(message)
    assert await raw("select count(*) from chunk") == [(3,)]
    store.ctx.db = store.db
    assert (await store.purging.purge()).geloescht == 0
    assert await raw("select count(*) from chunk") == await raw("select count(*) from content") == [(0,)]


def on_disk(file: Path) -> bytes:
    """The whole database, nothing of it only in the write-ahead log."""
    with closing(sqlite3.connect(file)) as behind:
        behind.execute("pragma wal_checkpoint(truncate)")
    return file.read_bytes()


async def test_no_key_of_what_was_deleted_stays_on_the_disk(store: Store, raw: Any, url: str) -> None:
    messages = [await store.message(size=3000) for _ in range(20)]
    keys = [bytes(row[0]) for row in await raw("select wrapped_key from content")]
    if url.startswith("postgres"):
        await store.purging.purge()
        assert await raw("select count(*) from content") == [(0,)]
        return
    file = Path(url.removeprefix("sqlite:///"))
    assert all(key in on_disk(file) for key in keys)
    assert (await store.purging.purge()).geloescht == len(messages)
    assert not [key for key in keys if key in on_disk(file)]


async def test_refused_requests_of_partners_lose_their_bytes_and_keep_their_digest(store: Store, raw: Any) -> None:
    rows = {name: store.make.id() for name in ("old", "young", "accepted")}
    for name, key in rows.items():
        received = LATELY if name == "young" else LONG_AGO
        status = "angenommen" if name == "accepted" else "abgelehnt"
        none = dict.fromkeys(("message_id", "mdn_body", "mdn_headers", "async_url"))
        inbound = {"wire_id": f"<{key}>", "raw_content": await store.content(), "received": received}
        await store.db.commit(
            store.make.inbound(key, **inbound),
            do("settle_inbound", id=key, status=status, mdn_status="none", mdn_next_at=1, **none),
        )
    assert (await store.purging.purge(dry_run=True)).eingaenge == 1
    assert (await store.purging.purge()).eingaenge == 1
    assert await raw("select count(*) from content") == [(2,)]
    found = await store.db.fetch_one("inbound", rows["old"])
    assert found is not None
    assert (found["raw_content"], found["raw_sha256"]) == ("", "00")
    assert (await store.purging.purge()).eingaenge == 0


async def test_an_operator_keeps_a_message_and_lets_it_go(store: Store, raw: Any) -> None:
    message = await store.message()
    await store.purging.keep(OPERATOR, message, "Auskunftsersuchen")
    with pytest.raises(Conflict):
        await store.purging.keep(OPERATOR, message, "noch einmal")
    await raw(f"update message set geaendert = {LONG_AGO}")
    assert (await store.purging.purge()).geloescht == 0
    await store.purging.keep_no_longer(OPERATOR, message, "erledigt")
    with pytest.raises(Conflict):
        await store.purging.keep_no_longer(OPERATOR, message, "erledigt")
    assert (await store.purging.purge()).geloescht == 0  # its days count from now on
    await raw(f"update message set geaendert = {LONG_AGO}")
    assert (await store.purging.purge()).geloescht == 1
    with pytest.raises(Gone):
        await store.purging.keep(OPERATOR, message, "zu spät")
    with pytest.raises(Invalid):
        await store.purging.keep(OPERATOR, message, " ")
    with pytest.raises(NotFound):
        await store.purging.keep(OPERATOR, store.make.id(), "x")
    arts = [row["art"] for row in await store.db.fetch("events_of_message", message)]
    assert arts == ["aufbewahrung", "aufbewahrung_ende", "loeschung"]


async def test_of_several_gateways_one_deletes_once_a_day(store: Store) -> None:
    days = [str(n) for n in range(3)]
    for day in days:
        claims = await asyncio.gather(*(store.db.commit(do("claim_day", name="x", day=day)) for _ in range(4)))
        assert sum(len(rows[0]) for rows in claims) == 1
    assert (await store.db.commit(do("claim_day", name="x", day="1")))[0] == []


async def test_mails_that_were_kept_lose_their_bytes_after_their_days(store: Store, raw: Any) -> None:
    kept = {at: await store.content() for at in (LONG_AGO, LATELY)}
    for at, content_id in kept.items():
        await store.db.commit(do("insert_kept_mail", content_id=content_id, now=at))
    assert (await store.purging.purge(dry_run=True)).mails == 1
    assert (await store.purging.purge()).mails == 1
    assert await raw("select id from content") == [(kept[LATELY],)]
    assert await raw("select content_id from kept_mail") == [(kept[LATELY],)]
    assert (await store.purging.purge()).mails == 0


async def test_what_people_wrote_about_a_message_goes_with_its_content(store: Store, raw: Any) -> None:
    gone, stays = await store.message(), await store.message(ended=LATELY)
    for message in (gone, stays):
        clearing = dict.fromkeys(("empfaenger", "forwarder", "received_as")) | {"nummer": "2a.7", "text": "t"}
        clearing |= {"id": store.make.id(), "message_id": message, "grund": b"w", "now": 1}
        dezernat = {"message_id": message, "authority": "gds:R8088", "dezernat": b"w", "now": 1}
        await store.db.commit(
            do("insert_look", id=store.make.id(), message_id=message, person_id="p", grund=b"w", asked=1, agreed=1),
            do("insert_clearing", **clearing),
            do("finish_clearing", id=clearing["id"], now=2),
            do("insert_dezernat", id=store.make.id(), **dezernat),
            do("insert_told_event", id=store.make.id(), at=1, art="einsicht", message_id=message, delivery_id=None,
               akteur="x", detail="{}", worte=b"w"),
        )  # fmt: skip
    assert (await store.purging.purge()).geloescht == 1
    columns = {"look": "grund", "clearing": "grund", "dezernat": "dezernat", "event": "worte"}
    for table, column in columns.items():
        left = {row[0] for row in await raw(f"select message_id from {table} where {column} is not null "
                                            f"and length({column}) > 0")}  # fmt: skip
        assert left == {stays}, table
