"""`gateway partners test`: a full round with a real edge, what it says where one is not possible, and its traces."""

import asyncio
import json
from typing import Any

import pytest
from certworld import only
from click.testing import CliRunner, Result
from gatewayworld import Site, introduce

from gateway.cli.main import cli
from gateway.config import Config
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.gateway import Gateway


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, hub_site: Site) -> Any:
    """A command of the hub's operator, in a thread of its own: commands run their own event loop."""
    config: Config = hub_site.config()
    monkeypatch.setattr("gateway.cli.partner_test.configuration", lambda _: config)
    monkeypatch.setattr("gateway.cli.partners.configuration", lambda _: config)

    async def called(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, cli, ["partners", *arguments])

    return called


async def test_a_round_with_a_real_edge(run: Any, hub: Gateway, hub_site: Site, edge: Gateway, edge_site: Site) -> None:
    await introduce(hub, hub_site, edge, edge_site, test=True)
    result = await run("test", "koeln")
    assert result.exit_code == 0, (result.output, result.exception)
    assert "5 Quittung: geprüft, positiv" in result.stdout
    (row,) = await edge.ctx.db.fetch("events_of_art", "eingang", "", 100)
    message = await edge.ctx.db.fetch_one("message", row["message_id"])
    assert message is not None
    assert (message["test"], message["wurzel"].rpartition(".")[2]) == (1, "9900090")


async def test_a_round_whose_receipt_comes_later(
    prompt: None, run: Any, hub: Gateway, hub_site: Site, edge: Gateway, edge_site: Site
) -> None:
    await introduce(hub, hub_site, edge, edge_site, test=True, mdn="async")
    result = await run("test", "koeln", "--warten", "60")
    assert result.exit_code == 0, (result.output, result.exception)
    assert "5 Quittung: geprüft, positiv" in result.stdout


async def test_without_test_traffic_nothing_is_sent(
    run: Any, hub: Gateway, hub_site: Site, edge: Gateway, edge_site: Site
) -> None:
    await introduce(hub, hub_site, edge, edge_site)
    result = await run("test", "koeln")
    assert (result.exit_code, "test = true" in result.stderr) == (1, True)
    assert (await run("test", "niemand")).exit_code == 1
    assert await edge.ctx.db.fetch("events_of_art", "eingang", "", 100) == []


async def test_a_partner_that_is_not_there(
    run: Any, hub: Gateway, hub_site: Site, edge_site: Site, edge: Gateway
) -> None:
    await introduce(hub, hub_site, edge, edge_site, test=True)
    await edge.listeners.stop()
    result = await run("test", "koeln", "--json", "--warten", "5")
    assert result.exit_code == 3
    value = json.loads(result.stdout)
    assert (value["versiegelt"], value["uebergeben"]) == (True, False)
    (delivery,) = await hub.ctx.db.fetch("deliveries_of_message", value["nachricht"])
    assert delivery["status"] == "storniert", "a test waits for nobody"


async def test_a_partner_that_cannot_open_it(
    ca: DevelopmentCa, run: Any, hub: Gateway, hub_site: Site, edge: Gateway, edge_site: Site
) -> None:
    await introduce(hub, hub_site, edge, edge_site, test=True)
    await only(hub, "koeln", "verschluesselung", ca.issue(Request(purpose="encrypt", name="fremd")))
    result = await run("test", "koeln", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["status"] == "abgelehnt"
