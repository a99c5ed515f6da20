"""A copy taken under load, restored elsewhere: counted at the peer, nothing arrives twice and nothing is forgotten."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from as2peer import Peer, answering, cut, delivery, eventually, haft, peering, posted, status, until
from click.testing import CliRunner, Result
from gatewayworld import JVA, KOELN, ZAB_KOELN, Api, Site, agree, calling

from gateway.cli.main import cli
from gateway.partner import Partner
from gateway.pki import write_store_key
from gateway.pki_issue import DevelopmentCa
from gateway.service.gateway import Gateway, running

pytestmark = pytest.mark.usefixtures("prompt")


async def command(site: Site, *arguments: str) -> Result:
    whole = ["--config", str(site.folder / "gateway.toml"), *arguments]
    return await asyncio.to_thread(CliRunner().invoke, cli, whole)


async def backed_up(site: Site) -> Path:
    file = site.folder.parent / "copy"
    done = await command(site, "backup", str(file), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["bytes"] == file.stat().st_size
    return file


async def restored(site: Site, file: Path, *options: str) -> Site:
    """The same gateway on another machine: its configuration and keys, and the copy as its store."""
    other = Site(site.folder.parent / "elsewhere", site.ca, site.as2_port, site.clients, site.settings)
    shutil.copytree(site.folder, other.folder, ignore=shutil.ignore_patterns("gateway.db*"))
    done = await command(other, "restore", str(file), "--json", *options)
    assert done.exit_code == 0, done.output
    return other


@contextlib.asynccontextmanager
async def serving(site: Site, **zustellung: Any) -> AsyncIterator[tuple[Gateway, Api]]:
    async with running(site.config(**zustellung)) as gateway, calling(gateway, site.clients["jva"]) as jva:
        yield gateway, jva


@pytest.fixture
async def koeln(ca: DevelopmentCa, hub_site: Site, tmp_path: Path) -> AsyncIterator[Peer]:
    """Stadt Köln's gateway, scripted; it knows repetitions by their Message-ID, as AS2 has it."""
    async with peering(ca, hub_site, "koeln", (KOELN, ZAB_KOELN), tmp_path) as peer:
        yield peer


def arrived(peer: Peer) -> dict[str, set[tuple[str, bytes]]]:
    """By message of the gateway: the Message-IDs and bytes under which it came."""
    found: dict[str, set[tuple[str, bytes]]] = {}
    for came in peer.messages:
        found.setdefault(came.header("X-Gateway-Id"), set()).add((came.message_id, came.body))
    return found


async def test_a_copy_taken_under_load_and_restored_elsewhere(hub_site: Site, koeln: Peer) -> None:
    async with serving(hub_site) as (hub, jva):
        await agree(hub, koeln.agreement())
        copying: asyncio.Task[Path] | None = None
        for n in range(40):
            await posted(jva)
            if n == 15:
                copying = asyncio.create_task(backed_up(hub_site))
        assert copying is not None
        file = await copying
        await eventually(lambda: len(arrived(koeln)) == 40)
    before = len(koeln.messages)
    other = await restored(hub_site, file)
    async with serving(other) as (hub, _):
        with contextlib.closing(sqlite3.connect(other.folder / "gateway.db")) as db:
            kept = [row[0] for row in db.execute("select id from message")]
        assert 15 <= len(kept) <= 40
        ends = [await until(hub, key, "zugestellt", "klaerung") for key in kept]
        for row in ends:
            assert (row["status"] == "klaerung") == (row["wire_id"] is None), row["last_error"]
        assert [event["art"] for event in await hub.ctx.db.fetch("events_of_art", "wiederherstellung", "", 9)] != []
    assert {key: len(ways) for key, ways in arrived(koeln).items() if len(ways) != 1} == {}
    assert len(koeln.messages) >= before


async def test_what_was_sealed_goes_again_with_the_same_bytes(hub_site: Site, koeln: Peer) -> None:
    koeln.script = [status(503)]
    async with serving(hub_site, backoff_start_sekunden=3600) as (hub, jva):
        await agree(hub, koeln.agreement())
        message = await posted(jva)
        await eventually(lambda: len(koeln.messages) == 1)
        sealed = await until(hub, message, "wartet")
        file = await backed_up(hub_site)
        await hub.ctx.db.commit(*_due(sealed["id"]))  # it is delivered after the copy was made
        await until(hub, message, "zugestellt")
    other = await restored(hub_site, file)
    async with serving(other) as (hub, _):
        await hub.ctx.db.commit(*_due(sealed["id"]))
        row = await until(hub, message, "zugestellt")
        assert row["wire_id"] == sealed["wire_id"]
    assert len(koeln.messages) == 3
    assert [len(ways) for ways in arrived(koeln).values()] == [1]


def _due(delivery_id: str) -> list[Any]:
    from gateway.store.steps import do

    now = {"now": 1, "next_at": 1, "deadline_at": None, "last_error": None, "receipt_id": None}
    return [do("move_delivery", expect=1, id=delivery_id, sources='["wartet"]', owner=None, status="wartet", **now)]


async def test_what_waited_for_its_receipt_asks_again_with_the_same_bytes(hub_site: Site, koeln: Peer) -> None:
    koeln.otherwise = cut()
    koeln.script = [status(200, "")]  # handed over, and no receipt
    async with serving(hub_site) as (hub, jva):
        await agree(hub, koeln.agreement())
        message = await posted(jva)
        sealed = await until(hub, message, "uebergeben")
        file = await backed_up(hub_site)
    koeln.otherwise = answering()
    other = await restored(hub_site, file)
    async with serving(other) as (hub, _):
        assert (await until(hub, message, "zugestellt"))["wire_id"] == sealed["wire_id"]
    assert [len(ways) for ways in arrived(koeln).values()] == [1]


@pytest.mark.parametrize("answer", ["resend", "cancel"])
async def test_what_was_not_sealed_waits_for_a_person(hub_site: Site, koeln: Peer, answer: str) -> None:
    async with serving(hub_site, arbeiter=0) as (hub, jva):
        await agree(hub, koeln.agreement())
        message = await posted(jva)
        file = await backed_up(hub_site)
    async with serving(hub_site) as (hub, _):  # delivered after the copy was made
        await until(hub, message, "zugestellt")
    other = await restored(hub_site, file)
    async with serving(other) as (hub, _):
        row = await until(hub, message, "klaerung")
        assert "beim Empfänger nachfragen" in row["last_error"]
        assert len(koeln.messages) == 1
        done = await command(other, answer, message, "--grund", "beim Empfänger nachgefragt")
        assert done.exit_code == 0, done.output
        await until(hub, message, "zugestellt" if answer == "resend" else "storniert")
    assert len(koeln.messages) == (2 if answer == "resend" else 1)


async def test_where_all_recipients_know_repetitions_nothing_waits(hub_site: Site, koeln: Peer) -> None:
    async with serving(hub_site, arbeiter=0) as (hub, jva):
        await agree(hub, koeln.agreement())
        message = await posted(jva)
        file = await backed_up(hub_site)
    other = await restored(hub_site, file, "--nicht-anhalten")
    async with serving(other) as (hub, _):
        await until(hub, message, "zugestellt")


async def test_a_store_restored_by_other_means_is_marked(hub_site: Site, koeln: Peer) -> None:
    async with serving(hub_site, arbeiter=0) as (hub, jva):
        await agree(hub, koeln.agreement())
        message = await posted(jva)
    assert (await command(hub_site, "restore", "--nur-vermerk")).exit_code == 0
    assert (await command(hub_site, "restore")).exit_code == 2
    async with serving(hub_site) as (hub, _):
        await until(hub, message, "klaerung")
        assert await hub.ctx.db.fetch("restored") == []
    assert koeln.messages == []


async def test_an_inbox_is_as_it_was(hub_site: Site) -> None:
    async with serving(hub_site) as (hub, jva):
        await agree(hub, Partner(id="koeln", behoerden=(KOELN,), weg="abruf"))
        message = await posted(jva)
        file = await backed_up(hub_site)
        before = await delivery(hub, message)
    other = await restored(hub_site, file)
    async with running(other.config()) as hub, calling(hub, other.clients["koeln"]) as api:
        _, inbox = await api.call("GET", "/v1/inbox")
        assert [(entry["id"], entry["nachricht"]) for entry in inbox["eintraege"]] == [(before["id"], message)]
        code, xml = await api.call("GET", f"/v1/messages/{message}/parts/0")
        assert (code, JVA.removeprefix("gds:").encode() in xml) == (200, True)


async def test_a_gateway_moves_to_postgresql_by_a_copy(hub_site: Site, postgres_url: str, koeln: Peer) -> None:
    koeln.script = [status(503)]
    async with serving(hub_site, backoff_start_sekunden=3600) as (hub, jva):
        await agree(hub, koeln.agreement())
        xml = haft()
        message = await posted(jva, xml)
        await eventually(lambda: len(koeln.messages) == 1)
        sealed = await until(hub, message, "wartet")
        file = await backed_up(hub_site)
    path = hub_site.folder / "gateway.toml"
    path.write_text(path.read_text().replace('url = "sqlite:///gateway.db"', f'url = "{postgres_url}"'))
    other = await restored(hub_site, file)
    async with serving(other) as (hub, jva):
        assert not hub.ctx.config.store.url.startswith("sqlite")
        await hub.ctx.db.commit(*_due(sealed["id"]))
        await until(hub, message, "zugestellt")
        assert (await jva.post_xml(xml))[0] == 200  # still known
    again = await command(other, "restore", str(file))
    assert (again.exit_code, "nicht leer" in again.stderr) == (1, True)
    assert [len(ways) for ways in arrived(koeln).values()] == [1]


Spoil = Callable[[Site, Path], None]


def wrong_key(site: Site, file: Path) -> None:
    (site.folder / "keys" / "store.key").unlink()
    write_store_key(site.folder / "keys" / "store.key")


def flipped_bit(site: Site, file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096 + 1000] ^= 1
    data[4096:4196] = bytes(100)
    file.write_bytes(data)


def store_is_there(site: Site, file: Path) -> None:
    (site.folder / "gateway.db").write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(wrong_key, "aus der Sicherung"), (flipped_bit, "beschädigt"), (store_is_there, "gibt es schon")],
)
async def test_what_does_not_fit_is_refused_and_nothing_is_made(hub_site: Site, spoil: Spoil, words: str) -> None:
    async with serving(hub_site) as (_, jva):
        await posted(jva)
        file = await backed_up(hub_site)
        again = await command(hub_site, "backup", str(file))
        assert (again.exit_code, "gibt es schon" in again.stderr) == (1, True)
    for leftover in hub_site.folder.glob("gateway.db*"):
        leftover.unlink()
    spoil(hub_site, file)
    done = await command(hub_site, "restore", str(file))
    assert (done.exit_code, done.stdout) == (1, "")
    assert words in done.stderr
    left = [path.name for path in hub_site.folder.glob("*gateway.db*")]
    assert left == (["gateway.db"] if spoil is store_is_there else [])
