"""What an operator corrects in the directory, a running gateway does."""

import asyncio
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from gatewayworld import KOELN, RHEIN_SIEG, Api, Site, calling

from gateway.route.overlay import COLUMNS
from gateway.route.resources import packaged_rows
from gateway.service.gateway import Gateway, running
from gateway.service.upkeep.directory import Change, apply, corrections, judge

EXAMPLE = Path(__file__).parents[2] / "schemas" / "beispiele" / "haft-3.2.xml"
MUENCHEN = "abh:09162000"


async def correct(hub: Gateway, key: str, **cells: str) -> None:
    packaged = packaged_rows()["behoerde"].get(key, {})
    row = dict.fromkeys(COLUMNS["behoerde"], "") | dict(packaged) | {"key": key} | cells
    said, change = await corrections(hub.ctx.db), Change((("behoerde", key, row),), "Prüfung")
    judge(said, change, hub.ctx.today())
    await apply(hub.ctx.db, said, change, "kommandozeile", hub.ctx.now())


async def notice(hub: Gateway, site: Site) -> str:
    """A prison's notice that Köln received."""
    xml = EXAMPLE.read_bytes().replace(b"0b6f6d0e-52b9-4c54-9d3e-0c1a5a1f2b02", str(uuid.uuid4()).encode())
    async with calling(hub, site.clients["jva"]) as jva:
        status, answer = await jva.post_xml(xml)
    assert (status, answer["entscheidung"]["empfaenger"]) == (202, [KOELN])
    return str(answer["id"])


async def forward(koeln: Api, message_id: str, an: str) -> int:
    status, _ = await koeln.call("POST", f"/v1/messages/{message_id}/forward", json={"an": an, "grund": "zuständig"})
    return status


async def test_an_authority_of_another_land_receives_once_it_was_added(hub: Gateway, hub_site: Site) -> None:
    message_id = await notice(hub, hub_site)
    async with calling(hub, hub_site.clients["koeln"]) as koeln:
        assert await forward(koeln, message_id, MUENCHEN) == 422
        await correct(hub, MUENCHEN, art="abh", name="Landeshauptstadt München – Ausländerbehörde")
        await hub.ctx.refresh_directory()
        assert hub.ctx.checker.directory is hub.ctx.directory
        assert await forward(koeln, message_id, MUENCHEN) == 202


@pytest.mark.parametrize(("ends_in_days", "status"), [(30, 202), (0, 202), (-1, 422)])
async def test_an_authority_receives_until_its_last_day(
    hub: Gateway, hub_site: Site, ends_in_days: int, status: int
) -> None:
    message_id = await notice(hub, hub_site)
    last = hub.ctx.today() + timedelta(days=ends_in_days)
    await correct(hub, MUENCHEN, art="abh", name="München", gueltig_bis=last.isoformat())
    await hub.ctx.refresh_directory()
    async with calling(hub, hub_site.clients["koeln"]) as koeln:
        assert await forward(koeln, message_id, MUENCHEN) == status


async def taken_over(gateway: Gateway) -> None:
    while True:
        if gateway.ctx.directory.nach_namen("Rhein-Sieg-Kreis, neuer Name"):
            return
        await asyncio.sleep(0.01)


async def test_a_correction_reaches_every_gateway_on_the_store(
    hub_site: Site, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.service.gateway.DIRECTORY_S", 0.02)
    hub_site.settings["store"] = {"url": postgres_url}
    async with running(hub_site.config()) as one:
        hub_site.as2_port = 0
        async with running(hub_site.config()) as other:
            await correct(one, RHEIN_SIEG, name="Rhein-Sieg-Kreis, neuer Name")
            async with asyncio.timeout(20):
                await asyncio.gather(taken_over(one), taken_over(other))
            assert other.ctx.checker.directory.behoerden[RHEIN_SIEG].name == "Rhein-Sieg-Kreis, neuer Name"
