"""The key that protects the store changes while the gateway serves; what was touched is refused on the real ways."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from as2peer import haft, peering, posted
from as2peer import until as delivered_as
from click.testing import CliRunner, Result
from gatewayworld import JVA, KOELN, Api, Site, agree, calling

from gateway.cli.main import cli
from gateway.pki import write_store_key
from gateway.pki_issue import DevelopmentCa
from gateway.service.gateway import Gateway, running
from gateway.service.keys import ConfigSource
from gateway.store.keyring import WrongStoreKey

Run = Callable[..., Any]


@pytest.fixture
def run(hub_site: Site) -> Run:
    """Runs a command on the hub's store."""

    async def command(*arguments: str) -> Result:
        whole = ["--config", str(hub_site.folder / "gateway.toml"), *arguments]
        return await asyncio.to_thread(CliRunner().invoke, cli, whole)

    return command


@pytest.fixture
async def hub(hub_site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    for name in ("LOOK_S", "DIRECTORY_S"):
        monkeypatch.setattr(f"gateway.service.gateway.{name}", 0.05)
    source = ConfigSource(hub_site.folder / "gateway.toml", hub_site.config)
    async with running(hub_site.config(), source) as gateway:
        yield gateway


@pytest.fixture
async def jva(hub: Gateway, hub_site: Site) -> AsyncIterator[Api]:
    async with calling(hub, hub_site.clients["jva"]) as api:
        yield api


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is looked at belongs to other tasks
            await asyncio.sleep(0.02)


def set_keys(site: Site, *names: str) -> None:
    path = site.folder / "gateway.toml"
    lines = path.read_text().splitlines()
    (at,) = [n for n, line in enumerate(lines) if line.startswith("schluessel = ")]
    lines[at] = f"schluessel = {json.dumps([f'keys/{name}' for name in names])}"
    path.write_text("\n".join(lines) + "\n")


async def test_a_new_key_takes_over_while_the_gateway_serves(hub: Gateway, jva: Api, hub_site: Site, run: Run) -> None:
    _, before = await jva.post_xml(haft())
    write_store_key(hub_site.folder / "keys" / "new.key")
    set_keys(hub_site, "new.key", "store.key")
    await until(lambda: len(hub.ctx.config.store.schluessel) == 2)
    done = await run("store", "rewrap", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["schluessel"], report["inhalte"], report["beschaedigt"]) == (4, 1, 0)
    await until(lambda: hub.ctx.store_key.newest.number == 2)
    _, after = await jva.post_xml(haft())
    for answer in (before, after):
        status, _ = await jva.call("GET", f"/v1/messages/{answer['id']}/parts/0")
        assert status == 200
    found = await jva.call("POST", "/v1/messages/search", json={"absender": JVA})
    assert len(found[1]["eintraege"]) == 2
    (hub_site.folder / "keys" / "store.key").unlink()
    set_keys(hub_site, "new.key")
    checked = json.loads((await run("store", "check", "--json")).stdout)
    assert (checked["inhalte"], checked["beschaedigt"]) == (2, [])
    listed = json.loads((await run("store", "keys", "--json")).stdout)
    assert {(row["kek"], row["eingetragen"]) for row in listed} == {(report["kek"], True)}
    with contextlib.closing(sqlite3.connect(hub_site.folder / "gateway.db")) as db:
        assert db.execute("select count(distinct key_id), count(*) from content").fetchone() == (1, 2)
        assert db.execute("select count(*) from event where art = 'schluesselwechsel'").fetchone() == (1,)


def grow_old(store: str) -> None:
    """Keys of the store were made two hours earlier."""
    with contextlib.closing(sqlite3.connect(store, timeout=30)) as db, db:
        db.execute("update store_key set created = created - 7200000000")


async def test_an_older_key_is_forgotten_once_nothing_needs_it(hub: Gateway, jva: Api, run: Run) -> None:
    await jva.post_xml(haft())
    assert json.loads((await run("store", "rewrap", "--json")).stdout)["vergessen"] == 0
    await asyncio.to_thread(grow_old, hub.ctx.config.store.url.removeprefix("sqlite:///"))
    assert json.loads((await run("store", "rewrap", "--json")).stdout)["vergessen"] == 1
    assert [row["nummer"] for row in await hub.ctx.db.fetch("store_keys") if row["zweck"] == "inhalt"] == [2, 3]


async def test_a_wrong_key_opens_no_store(hub_site: Site, run: Run) -> None:
    async with running(hub_site.config()):
        pass
    (hub_site.folder / "keys" / "store.key").unlink()
    write_store_key(hub_site.folder / "keys" / "store.key")
    with pytest.raises(WrongStoreKey, match="Kennung"):
        async with running(hub_site.config()):
            raise AssertionError
    for command in (("store", "check"), ("show", "00000000-0000-4000-8000-000000000000")):
        done = await run(*command)
        assert (done.exit_code, done.stdout) == (3, "")
        assert "aus der Sicherung" in done.stderr


DAMAGES = ["flipped", "swapped", "cut", "another content"]


def damage_part(site: Site, one: str, two: str, damage: str) -> None:
    """Touch the content of message `one` behind the gateway's back."""
    with contextlib.closing(sqlite3.connect(site.folder / "gateway.db", timeout=30)) as db, db:
        of = "(select content_id from part where message_id = ?)"
        if damage == "another content":
            db.execute(f"update part set content_id = {of} where message_id = ?", (two, one))
            return
        data = db.execute(f"select data from chunk where content_id = {of}", (one,)).fetchone()[0]
        changed = {"flipped": bytes([data[0] ^ 1]) + data[1:], "cut": data[:-20]}.get(damage)
        if changed is None:
            changed = db.execute(f"select data from chunk where content_id = {of}", (two,)).fetchone()[0]
        db.execute(f"update chunk set data = ? where content_id = {of}", (changed, one))


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damaged_content_is_given_to_nobody(
    hub: Gateway, jva: Api, hub_site: Site, run: Run, damage: str
) -> None:
    one, two = [(await jva.post_xml(haft()))[1]["id"] for _ in range(2)]
    await asyncio.to_thread(damage_part, hub_site, one, two, damage)
    status, refusal = await jva.call("GET", f"/v1/messages/{one}/parts/0")
    assert (status, refusal["errors"][0]["code"]) == (500, "inhalt_beschaedigt")
    assert "beschädigt" in refusal["detail"]
    status, _ = await jva.call("GET", f"/v1/messages/{two}/parts/0")
    assert status == 200
    done = await run("store", "check", "--json")
    found = json.loads(done.stdout)["beschaedigt"]
    if damage == "another content":  # each content is sound; only whoever reads it as that part notices
        assert (done.exit_code, found) == (0, [])
    else:
        assert done.exit_code == 1
        assert "chunk 0 is not as it was written" in found[0]["grund"]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damaged_content_is_sent_to_nobody(
    prompt: None, ca: DevelopmentCa, hub_site: Site, tmp_path: Path, damage: str
) -> None:
    async with peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as peer:
        config = hub_site.config(arbeiter=0)
        async with running(config) as hub, calling(hub, hub_site.clients["jva"]) as jva:
            await agree(hub, peer.agreement())
            one, two = [await posted(jva) for _ in range(2)]
        await asyncio.to_thread(damage_part, hub_site, one, two, damage)
        async with running(hub_site.config()) as hub:
            assert "beschädigt" in (await delivered_as(hub, one, "klaerung"))["last_error"]
            await delivered_as(hub, two, "zugestellt")
        assert [came.header("X-Gateway-Id") for came in peer.messages] == [two]
