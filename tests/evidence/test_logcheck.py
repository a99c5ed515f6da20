"""`gateway log check` finds what was changed, removed, inserted or moved behind the gateway's back, and says where."""

import asyncio
import json
from pathlib import Path
from typing import Any

import click.testing
import pytest
from gatewayworld import Site

from gateway.cli.main import cli
from gateway.config import Config
from gateway.events import Art
from gateway.pki import write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.seal.identity import Identity
from gateway.seal.signed import sign
from gateway.service.context import Context, close_context, open_context
from gateway.service.evidence import logbook
from gateway.service.evidence.logbook import ALGORITHMS, Logbook
from gateway.service.evidence.logcheck import Checked, LogCheck
from gateway.service.keys import OwnKeys
from gateway.settle import merkle
from gateway.settle.checkpoint import Checkpoint, read_checkpoint
from gateway.settle.leaf import Leaf
from gateway.store.steps import do

EVENTS = 600
CHECKPOINTS = 6


@pytest.fixture
async def full(ctx: Context, monkeypatch: Any) -> Context:
    """A log of three tiles and several checkpoints."""
    monkeypatch.setattr(logbook, "BATCH", 100)
    for _ in range(CHECKPOINTS):
        await ctx.db.commit(*(ctx.event(Art.ALARM, "gw:nrw", n=n) for n in range(EVENTS // CHECKPOINTS)))
        assert await Logbook(ctx).round() == EVENTS // CHECKPOINTS
    return ctx


async def checked(ctx: Context, *witnesses: Checkpoint, trusted: Any = None) -> Checked:
    own = [pair.certificate for pair in ctx.keys.pairs["log"]]
    return await LogCheck(ctx.db, own if trusted is None else trusted).run(ctx.now(), witnesses)


def codes(found: Checked) -> list[str]:
    return [finding.code for finding in found.findings]


async def test_a_whole_log_has_no_findings(full: Context) -> None:
    await full.db.commit(full.event(Art.ALARM, "gw:nrw"))
    seen: list[tuple[int, int]] = []
    check = LogCheck(full.db, [p.certificate for p in full.keys.pairs["log"]], lambda n, size: seen.append((n, size)))
    found = await check.run(full.now())
    assert (found.findings, found.events, found.checkpoints, found.waiting) == ([], EVENTS, CHECKPOINTS, 1)
    assert seen[-1] == (EVENTS, EVENTS)


async def test_a_log_that_grows_meanwhile_is_not_found_wrong(full: Context) -> None:
    ended = asyncio.Event()

    async def grow() -> None:
        book = Logbook(full)
        while not ended.is_set():
            await full.db.commit(*(full.event(Art.ALARM, "gw:nrw", n=n) for n in range(50)))
            await book.round()

    async def check() -> list[Checked]:
        found: list[Checked] = []
        try:
            async with asyncio.timeout(60):
                while len(found) < 3 or found[-1].events == EVENTS:
                    found.append(await checked(full))
        finally:
            ended.set()
        return found

    found, _ = await asyncio.gather(check(), grow())
    assert [finding for each in found for finding in each.findings] == []


async def test_an_empty_log_has_none_either(ctx: Context) -> None:
    assert (await checked(ctx)).findings == []


@pytest.mark.parametrize(
    "change",
    [
        "detail = '{}'",
        "detail = null",
        "at = at + 1",
        "art = 'annahme'",
        "akteur = 'gw:fremd'",
        "message_id = 'm'",
        "delivery_id = 'd'",
        "id = 'x' || id",
        "salt = (select salt from event where leaf = 4)",
        "salt = null",
    ],
)
async def test_a_changed_event_is_named(full: Context, raw: Any, change: str) -> None:
    await raw(f"update event set {change} where leaf = 300")
    found = await checked(full)
    (finding,) = found.findings
    assert (finding.code, finding.blatt) == ("geaendert", 300)
    (row,) = await full.db.fetch("sealed_events", 300, 1)
    assert finding.ereignis == row["id"]


async def test_a_removed_event_is_missed(full: Context, raw: Any) -> None:
    await raw("delete from event where leaf in (0, 599)")
    assert [(f.code, f.blatt) for f in (await checked(full)).findings] == [("fehlt", 0), ("fehlt", 599)]


async def test_an_inserted_event_is_found(full: Context, raw: Any) -> None:
    await raw(
        "insert into event (id, at, art, akteur, leaf, salt) "
        "select 'neu', at, art, akteur, 600, salt from event where leaf = 5"
    )
    (finding,) = (await checked(full)).findings
    assert (finding.code, finding.ereignis) == ("eingefuegt", "neu")
    await raw("drop index event_leaf", "update event set leaf = 5 where id = 'neu'")
    found = codes(await checked(full))
    assert "doppelt" in found


async def test_two_events_that_changed_places_are_found(full: Context, raw: Any) -> None:
    await raw(
        "update event set leaf = -1 where leaf = 7",
        "update event set leaf = 7 where leaf = 450",
        "update event set leaf = 450 where leaf = -1",
    )
    found = await checked(full)
    assert sorted((f.code, f.blatt) for f in found.findings) == [
        ("geaendert", 7),
        ("geaendert", 450),
        ("vertauscht", 7),
        ("vertauscht", 450),
    ]


async def test_tree_and_event_changed_together_contradict_the_signature(full: Context, raw: Any) -> None:
    """Whoever can write all tables still cannot sign."""
    await raw("update event set detail = '{}' where leaf = 300")
    (row,) = await full.db.fetch("sealed_events", 300, 1)
    forged = merkle.leaf_hash(Leaf.of(row, 300, bytes(row["salt"])).canonical())
    tile = bytearray((await full.db.fetch("tile", 0, 1))[0]["hashes"])
    tile[44 * 32 : 45 * 32] = forged
    upper = bytearray((await full.db.fetch("tile", 1, 0))[0]["hashes"])
    upper[32:64] = merkle.tile_root(bytes(tile))
    await full.db.commit(
        do("put_tile", level=0, n=1, hashes=bytes(tile)), do("put_tile", level=1, n=0, hashes=bytes(upper))
    )
    (finding,) = (await checked(full)).findings
    assert (finding.code, finding.blatt) == ("wurzel", 300)
    assert "Blatt 300 und Blatt 399" in finding.text


async def test_tiles_that_are_gone_or_changed_are_found(full: Context, raw: Any) -> None:
    await raw("delete from log_tile where level = 1")
    assert codes(await checked(full)) == ["kachel"]
    await raw("delete from log_tile where level = 0 and n = 2")
    assert codes(await checked(full)).count("blatt_fehlt") == EVENTS - 512


async def test_checkpoints_that_are_not_ours_are_found(full: Context, raw: Any, ca: DevelopmentCa) -> None:
    rows = await full.db.fetch("checkpoints_after", 0, 10)
    foreign = ca.issue(Request(purpose="log", name="gw:nrw"))
    note = rows[2]["note"]
    moment = read_checkpoint(note.encode()).moment
    bad = sign(note.encode(), Identity("x", foreign.key, foreign.certificate, ()), ALGORITHMS, moment).hex()
    is_sqlite = full.config.store.url.startswith("sqlite")
    value = f"x'{bad}'" if is_sqlite else f"decode('{bad}', 'hex')"
    await raw(f"update log_checkpoint set signature = {value} where size = 300")
    assert codes(await checked(full)) == ["signatur"]
    der = f"x'{foreign.der.hex()}'" if is_sqlite else f"decode('{foreign.der.hex()}', 'hex')"
    await raw(
        f"insert into proof (sha256, art, body, first_used) values ('{foreign.sha256}', 'zertifikat', {der}, 1)",
        f"update log_checkpoint set certificate = '{foreign.sha256}' where size = 300",
    )
    assert codes(await checked(full)) == ["zertifikat_fremd"]
    own = [pair.certificate for pair in full.keys.pairs["log"]]
    assert codes(await checked(full, trusted=[*own, ca.certificate])) == []
    await raw("delete from proof")
    assert codes(await checked(full)) == ["zertifikat_fehlt"] * CHECKPOINTS
    await raw("update log_checkpoint set note = 'x' where size = 100")
    assert codes(await checked(full))[0] == "pruefpunkt"


async def test_a_shortened_log_is_found_by_its_head_or_by_a_witness(full: Context, raw: Any) -> None:
    rows = await full.db.fetch("checkpoints_after", 0, 10)
    witness = read_checkpoint(rows[-1]["note"].encode())
    other = Checkpoint(witness.origin, 450, bytes(32), witness.at)
    assert codes(await checked(full, witness)) == []
    assert codes(await checked(full, witness, other)) == ["zeuge"]
    await raw("delete from log_checkpoint where size > 500", "delete from event where leaf >= 500")
    assert "ende" in codes(await checked(full))
    await raw("update log_head set size = 300")
    assert {"ende", "eingefuegt"} <= set(codes(await checked(full)))
    await raw("update log_head set size = 500")
    found = await checked(full, witness)
    assert "zeuge_spaeter" in codes(found)


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
async def test_an_old_key_still_counts_while_it_is_configured(full: Context, site: Site, ca: DevelopmentCa) -> None:
    write_pair(ca.issue(Request(purpose="log", name="neu")), site.folder / "keys" / "log-neu")
    text = (site.folder / "gateway.toml").read_text()
    (site.folder / "gateway.toml").write_text(text.replace('log = ["keys/log"]', 'log = ["keys/log", "keys/log-neu"]'))
    full.keys = OwnKeys.load(site.config(), full.at())
    await full.db.commit(full.event(Art.ALARM, "gw:nrw"))
    await Logbook(full).round()
    certificates = {row["certificate"] for row in await full.db.fetch("checkpoints_after", 0, 100)}
    assert certificates <= {pair.sha256 for pair in full.keys.pairs["log"]}
    assert (await checked(full)).findings == []


def run(config: Path, *words: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, ["--config", str(config), "log", "check", *words])


@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_the_command(site: Site, config: Config, tmp_path: Path) -> None:
    async def fill() -> str:
        ctx = await open_context(config)
        await ctx.db.commit(*(ctx.event(Art.ALARM, "gw:nrw", n=n) for n in range(5)))
        book = Logbook(ctx)
        await book.round()
        await close_context(ctx)
        assert book.latest is not None
        return book.latest.note

    note = asyncio.run(fill())
    file = site.folder / "gateway.toml"
    done = run(file)
    assert done.exception is None, done.output
    assert (done.exit_code, done.stdout) == (0, "5 Ereignisse, 1 Prüfpunkte: unversehrt.\n")
    (tmp_path / "zeuge.txt").write_text(note)
    value = json.loads(run(file, "--json", "--witness", str(tmp_path / "zeuge.txt")).stdout)
    assert value == {
        "unversehrt": True, "ereignisse": 5, "pruefpunkte": 1, "unversiegelt": 0, "befunde": [], "weitere": 0,
    }  # fmt: skip
    (tmp_path / "zeuge.txt").write_text(note.replace("\n5\n", "\n9\n"))
    done = run(file, "--witness", str(tmp_path / "zeuge.txt"))
    assert done.exit_code == 1
    assert "Ein Zeuge hat" in done.stdout
    (tmp_path / "zeuge.txt").write_text("x")
    assert run(file, "--witness", str(tmp_path / "zeuge.txt")).exit_code == 2
    assert run(file, "--anchor", str(tmp_path / "zeuge.txt")).exit_code == 2
    (site.folder / "gateway.db").unlink()
    (site.folder / "gateway.db").mkdir()
    assert run(file).exit_code == 3
