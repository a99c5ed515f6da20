"""Content goes at the end of its retention while the gateway serves: nobody reads it any more, its way stays proved."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from caseworld import Case, admit, case_at
from click.testing import CliRunner, Result
from gatewayworld import Site

from gateway.cli.main import cli
from gateway.pki_issue import DevelopmentCa
from gateway.service.gateway import running

Run = Callable[..., Any]
DAYS_100 = 100 * 24 * 3600 * 1_000_000


@pytest.fixture
def run(hub_site: Site) -> Run:
    """Runs a command on the hub's store, while the hub runs."""

    async def command(*arguments: str) -> Result:
        whole = ["--config", str(hub_site.folder / "gateway.toml"), *arguments]
        return await asyncio.to_thread(CliRunner().invoke, cli, whole)

    return command


@pytest.fixture
async def patient(prompt: None, ca: DevelopmentCa, hub_site: Site) -> AsyncIterator[Case]:
    """A hub that deletes only when it is told to."""
    admit(hub_site)
    hub_site.settings["aufbewahrung"] = {"taeglich": False}
    async with running(hub_site.config()) as gateway, case_at(gateway, hub_site, ca) as found:
        yield found


def age(site: Site) -> None:
    """All messages ended long ago, and nothing is owed."""
    with contextlib.closing(sqlite3.connect(site.folder / "gateway.db", timeout=30)) as db, db:
        db.execute(f"update message set geaendert = geaendert - {DAYS_100}")
        db.execute("update duty set done = 1, done_by = message_id where done is null")


async def delivered(case: Case) -> str:
    """A notice that Köln has acknowledged."""
    answer = await case.post("jva", "strafhaft_antritt")
    await case.collect("koeln")
    return str(answer["id"])


async def test_what_was_delivered_long_ago_is_deleted_and_says_so(patient: Case, hub_site: Site, run: Run) -> None:
    message = await delivered(patient)
    tried = json.loads((await run("purge", "--dry-run", "--json")).stdout)
    assert (tried["geloescht"], tried["probelauf"]) == (0, True)
    await asyncio.to_thread(age, hub_site)
    tried = json.loads((await run("purge", "--dry-run", "--json")).stdout)
    assert [one["id"] for one in tried["nachrichten"]] == [message]
    assert len(await patient.get_raw("jva", f"/v1/messages/{message}/parts/0")) > 1000
    done = await run("purge")
    assert done.exit_code == 0
    assert done.stdout.startswith("Inhalt von 1 Nachrichten gelöscht")
    for who, verb in (("jva", "parts/0"), ("koeln", "parts/0")):
        status, refusal = await patient[who].call("GET", f"/v1/messages/{message}/{verb}")
        assert (status, refusal["errors"][0]["code"]) == (410, "inhalt_geloescht")
    status, refusal = await patient.act("koeln", "forward", message, an="abh:05382", grund="Umzug")
    assert (status, refusal["title"]) == (410, "Inhalt gelöscht")
    shown = await patient.get("jva", f"/v1/messages/{message}")
    assert (shown["status"], bool(shown["inhalt_geloescht"])) == ("zugestellt", True)
    evidence = await patient.get("jva", f"/v1/messages/{message}/evidence")
    assert len(evidence["quittungen"]) == 1
    assert "loeschung" in [event["art"] for event in evidence["ereignisse"]]
    assert json.loads((await run("store", "check", "--json")).stdout)["beschaedigt"] == []


async def test_a_failed_delivery_cannot_be_sent_again_after_that(patient: Case, hub_site: Site, run: Run) -> None:
    answer = await patient.post("jva", "strafhaft_antritt")
    assert (await run("cancel", answer["id"], "--grund", "doppelt")).exit_code == 0
    await asyncio.to_thread(age, hub_site)
    await run("purge")
    again = await run("resend", answer["id"], "--grund", "doch")
    assert (again.exit_code, "gelöscht" in again.stderr) == (1, True)


async def test_what_people_wrote_goes_with_the_content(patient: Case, hub_site: Site, run: Run) -> None:
    """The log keeps a salted digest; the words stand encrypted beside it until then, and in no event's detail."""
    reason = "doppelt, Rückfrage bei Frau Beispielová"
    answer = await patient.post("jva", "strafhaft_antritt")
    assert (await run("cancel", answer["id"], "--grund", reason)).exit_code == 0

    async def told() -> tuple[str | None, str]:
        (event,) = [e for e in await patient.events("jva", answer["id"]) if e["art"] == "stornierung"]
        return event["angaben"].get("grund"), event["angaben"]["grund_sha256"]

    words, digest = await told()
    assert words == reason
    with contextlib.closing(sqlite3.connect(hub_site.folder / "gateway.db")) as db:
        rows = db.execute("select detail, worte from event").fetchall()
    assert not any("Beispielov" in detail for detail, _ in rows)
    assert not any(b"Beispielov" in (concealed or b"") for _, concealed in rows)
    await asyncio.to_thread(age, hub_site)
    assert json.loads((await run("purge", "--json")).stdout)["geloescht"] == 1
    assert await told() == (None, digest)


async def test_what_an_operator_keeps_stays_until_it_is_let_go(patient: Case, hub_site: Site, run: Run) -> None:
    message = await delivered(patient)
    kept = await run("keep", message, "--grund", "Auskunft nach Artikel 15", "--json")
    assert json.loads(kept.stdout) == {"id": message, "aufbewahrt": True}
    assert (await run("keep", message, "--grund", "noch einmal")).exit_code == 1
    await asyncio.to_thread(age, hub_site)
    report = json.loads((await run("purge", "--json")).stdout)
    assert (report["geloescht"], report["bleibt"]["behalten"]) == (0, 1)
    assert (await run("keep", message, "--ende", "--grund", "beantwortet")).exit_code == 0
    await asyncio.to_thread(age, hub_site)
    assert json.loads((await run("purge", "--json")).stdout)["geloescht"] == 1
    assert (await run("keep", message, "--grund", "zu spät")).exit_code == 1


async def test_a_forward_needs_its_original(patient: Case, hub_site: Site, run: Run) -> None:
    message = await delivered(patient)
    status, forwarded = await patient.act("koeln", "forward", message, an="abh:05382", grund="Umzug")
    assert status == 202
    await asyncio.to_thread(age, hub_site)
    report = json.loads((await run("purge", "--json")).stdout)
    assert (report["geloescht"], report["bleibt"]["weiterleitung"]) == (0, 1)
    status, further = await patient.act("rhein_sieg", "forward", forwarded["id"], an="abh:05314000", grund="Umzug")
    assert status == 202, further


async def test_a_gateway_that_serves_deletes_once_a_day(
    prompt: None, ca: DevelopmentCa, hub_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit(hub_site)
    hub_site.settings["aufbewahrung"] = {"stunde": 0}
    monkeypatch.setattr("gateway.service.gateway.PURGE_S", 0.05)
    async with running(hub_site.config()) as gateway, case_at(gateway, hub_site, ca) as case:
        message = await delivered(case)
    with contextlib.closing(sqlite3.connect(hub_site.folder / "gateway.db")) as db, db:
        db.execute("delete from daily")
    await asyncio.to_thread(age, hub_site)
    async with running(hub_site.config()) as gateway, asyncio.timeout(30):
        while not await gateway.ctx.db.fetch("events_of_art", "loeschung", "", 1):  # noqa: ASYNC110 - in the store
            await asyncio.sleep(0.02)
        row = await gateway.ctx.db.fetch_one("message", message)
    assert row is not None
    assert row["purged"] is not None
