"""The acts that must happen once, on PostgreSQL, where transactions really run beside each other."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from caseworld import AZR, Case, admit, case_at
from gatewayworld import BONN, RHEIN_SIEG, Site

from gateway.pki_issue import DevelopmentCa
from gateway.service.gateway import running


@pytest.fixture
async def case(prompt: None, ca: DevelopmentCa, hub_site: Site, postgres_url: str) -> AsyncIterator[Case]:
    hub_site.settings["store"] = {"url": postgres_url}
    admit(hub_site)
    async with running(hub_site.config()) as gateway, case_at(gateway, hub_site, ca) as found:
        yield found


async def test_one_person_one_vorgang_one_release_one_forward(case: Case) -> None:
    hidden = await case.post("sta", "verfahren_eingestellt", gefaehrdet_untersuchungszweck=True)
    started = await asyncio.gather(*(case.post("sta", "anklage_erhoben") for _ in range(5)))
    assert len(await case.vorgaenge("koeln", azr_nummer=AZR)) == 1
    assert len(await case.inbox("koeln")) == 5
    assert {(await case.vorgang_of("sta", each["id"]))["id"] for each in (*started, hidden)} == {
        (await case.vorgang_of("koeln", started[0]["id"]))["id"]
    }
    released = await asyncio.gather(*(case.act("sta", "release", hidden["id"]) for _ in range(3)))
    assert sorted(status for status, _ in released) == [200, 409, 409]
    arrived = await case.post("jva", "untersuchungshaft_antritt", wohnsitz_ags=None)
    asks = [case.act("koeln", "forward", arrived["id"], an=BONN, grund="x") for _ in range(4)]
    assert sorted(status for status, _ in await asyncio.gather(*asks)) == [202, 422, 422, 422]
    assert len(await case.inbox("bonn")) == len(await case.inbox("jva")) == 1


async def test_klaerung_duties_and_alarms(case: Case) -> None:
    unplaced = await case.post("polizei", "ermittlungsverfahren_eingeleitet", azr=None)
    bodies = [{"an": key, "grund": "x"} for key in (BONN, RHEIN_SIEG)]
    acts = await asyncio.gather(*(case.act("betrieb", "assign", unplaced["id"], **body) for body in bodies))
    assert sorted(status for status, _ in acts) == [200, 409]
    arrived = await case.post("jva", "untersuchungshaft_antritt", halbstrafenzeitpunkt="2027-03-31")
    case.later(8)
    async with asyncio.timeout(30):
        while {"alarm", "erinnerung"} - {event["art"] for event in await case.events("jva", arrived["id"])}:  # noqa: ASYNC110 - another task commits
            await asyncio.sleep(0.05)
    assert 'gateway_alarms_total{grund="nicht_abgeholt"} 2' in await case.metrics()
