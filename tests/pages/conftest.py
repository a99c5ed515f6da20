"""Fixtures: a hub that runs, with a case in it, and an account of every kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from caseworld import Case, admit, case_at
from gatewayworld import JVA, KOELN, POLIZEI, Site
from pagesworld import Visitor, account, visiting

from gateway.pki_issue import DevelopmentCa
from gateway.service.gateway import running


@pytest.fixture(scope="session")
def ca() -> DevelopmentCa:
    return DevelopmentCa.create()


@pytest.fixture
def site(tmp_path: Path, ca: DevelopmentCa) -> Site:
    found = Site(tmp_path / "hub", ca)
    found.init("gw:nrw")
    for name, key in (("jva", JVA), ("polizei", POLIZEI), ("koeln", KOELN)):
        found.client(name, key)
    found.client("betrieb", rollen=("betrieb",))
    admit(found)
    return found


@pytest.fixture
async def case(ca: DevelopmentCa, site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    monkeypatch.setattr("gateway.service.gateway.POLL_S", 0.02)
    monkeypatch.setattr("gateway.service.gateway.TIDY_S", 0.02)
    async with running(site.config()) as gateway, case_at(gateway, site, ca) as found:
        yield found


@pytest.fixture
async def operator(case: Case) -> AsyncIterator[Visitor]:
    """Somebody of the gateway's own staff who operates it."""
    access = await account(case.hub, "b.trieb", "betrieb")
    async with visiting(case.hub, case.hub_ca, access) as visitor:
        yield visitor
