"""`gateway release|assign|resend|cancel ID --grund TEXT` and `gateway list --pflichten|--klaerung` beside a gateway."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from caseworld import STA, Case
from click.testing import CliRunner, Result
from gatewayworld import BONN, KOELN, RHEIN_SIEG, Site, agree

from gateway.cli.main import cli
from gateway.partner import Partner

MISSING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def run(hub_site: Site) -> Callable[..., Any]:
    """Runs a command on the hub's store, while the hub runs."""

    async def command(*arguments: str) -> Result:
        whole = ["--config", str(hub_site.folder / "gateway.toml"), *arguments]
        return await asyncio.to_thread(CliRunner().invoke, cli, whole)

    return command


async def test_release(case: Case, run: Callable[..., Any]) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet", gefaehrdet_untersuchungszweck=True)
    done = await run("release", answer["id"], "--grund", "Weisung vom 20.11.", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["entscheidung"]["empfaenger"] == [RHEIN_SIEG]
    assert [entry["nachricht"] for entry in await case.inbox("rhein_sieg")] == [answer["id"]]
    (event,) = [e for e in await case.events("polizei", answer["id"]) if e["art"] == "freigabe"]
    assert event["angaben"]["grund"] == "Weisung vom 20.11."
    again = await run("release", answer["id"], "--grund", "noch einmal")
    assert (again.exit_code, again.stderr) == (1, "Die Nachricht ist nicht zurückgestellt.\n")


async def test_assign(case: Case, run: Callable[..., Any]) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet", azr=None)
    done = await run("assign", answer["id"], "--an", BONN, "--grund", "Tatort Bonn")
    assert done.exit_code == 0, done.output
    assert f"an {BONN}" in done.stdout
    assert "Tatort Bonn" in done.stdout
    assert len(await case.inbox("bonn")) == 1


async def test_assign_a_forward_that_needs_an_addressee(case: Case, run: Callable[..., Any]) -> None:
    answer = await case.post("jva", "untersuchungshaft_antritt", wohnsitz_ags=None)
    await case.act("koeln", "forward", answer["id"], wohnsitz_ags="02000000", grund="zog nach Hamburg")
    waiting = json.loads((await run("list", "--klaerung", "--json")).stdout)["eintraege"]
    assert [(each["nachricht"], each["weiterleitende_stelle"]) for each in waiting] == [(answer["id"], KOELN)]
    assert "Hamburg" not in (await run("list", "--klaerung")).stdout  # the forwarder's words are its own
    done = await run("assign", answer["id"], "--an", BONN, "--grund", "Auskunft", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["an"] == BONN
    assert json.loads((await run("list", "--klaerung", "--json")).stdout)["eintraege"] == []


async def test_resend_and_cancel(case: Case, run: Callable[..., Any]) -> None:
    answer = await case.post("jva", "strafhaft_antritt", {"test": True})
    assert (await run("resend", answer["id"], "--grund", "x")).exit_code == 1
    await agree(case.hub, Partner(id="koeln", behoerden=(KOELN,), weg="abruf", test=True))
    assert (await run("resend", answer["id"], "--grund", "vereinbart")).exit_code == 0
    assert len(await case.inbox("koeln")) == 1
    assert (await run("cancel", answer["id"], "--grund", "doppelt")).exit_code == 0
    assert await case.inbox("koeln") == []
    assert (await run("cancel", answer["id"], "--grund", "doppelt")).exit_code == 1


@pytest.mark.parametrize("command", ["release", "assign", "resend", "cancel"])
async def test_what_is_not_there_and_what_is_not_said(case: Case, run: Callable[..., Any], command: str) -> None:
    more = ["--an", BONN] if command == "assign" else []
    assert (await run(command, MISSING, *more, "--grund", "x")).exit_code == 1
    for wrong in ([MISSING, *more], ["keine-id", *more, "--grund", "x"], [MISSING, *more, "--grund", " "]):
        assert (await run(command, *wrong)).exit_code == 2, wrong


async def test_without_a_store_it_says_what_it_cannot_reach(hub_site: Site, run: Callable[..., Any]) -> None:
    (hub_site.folder / "keys" / "store.key").unlink()
    done = await run("cancel", MISSING, "--grund", "x")
    assert done.exit_code == 3
    assert "store.key" in done.stderr


async def test_duties_page_by_page(case: Case, run: Callable[..., Any]) -> None:
    for _ in range(3):
        await case.post("jva", "untersuchungshaft_antritt")
    seen: list[str] = []
    after: list[str] = []
    while True:
        page = json.loads((await run("list", "--pflichten", "--anzahl", "2", "--json", *after)).stdout)
        seen += [entry["nachricht"] for entry in page["eintraege"]]
        if page["naechste"] is None:
            break
        after = ["--nach", page["naechste"]]
    assert len(set(seen)) == len(seen) == 3
    assert page["bis"] == case.today()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--pflichten", "--klaerung"],
        ["--pflichten", "--status", "klaerung"],
        ["--pflichten", "--bis", "morgen"],
        ["--pflichten", "--nach", "x"],
        ["--klaerung", "--bis", "2026-12-31"],
        ["--klaerung", "--nach", "WyJhIiwgImIiXQ=="],
    ],
)
async def test_a_list_that_cannot_be_read_is_used_wrongly(
    case: Case, run: Callable[..., Any], wrong: list[str]
) -> None:
    assert (await run("list", *wrong)).exit_code == 2


async def test_withheld_ones_are_listed_by_their_status(case: Case, run: Callable[..., Any]) -> None:
    answer = await case.post("sta", "verfahren_eingestellt", gefaehrdet_untersuchungszweck=True)
    (entry,) = json.loads((await run("list", "--status", "zurueckgestellt", "--json")).stdout)["eintraege"]
    assert (entry["id"], entry["zurueckstellung"]["tage"]) == (answer["id"], 0)
    due = json.loads((await run("list", "--pflichten", "--json")).stdout)["eintraege"]
    assert [(each["nummer"], each["pflichtig"]) for each in due] == [("1", STA)]
