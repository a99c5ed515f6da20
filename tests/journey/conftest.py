"""Fixtures: a hub and an edge that run, on loopback, with a development PKI made for the run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from as2peer import Peer, peering
from caseworld import Case, admit, case_at
from gatewayworld import JVA, KOELN, POLIZEI, ZAB_KOELN, Api, Site, agree, calling, free_port
from mailworld import Mta

from gateway.pki_issue import DevelopmentCa
from gateway.service.gateway import Gateway, running


@pytest.fixture(scope="session")
def ca() -> DevelopmentCa:
    return DevelopmentCa.create()


@pytest.fixture
def hub_site(tmp_path: Path, ca: DevelopmentCa) -> Site:
    site = Site(tmp_path / "hub", ca)
    site.init("gw:nrw")
    site.client("jva", JVA)
    site.client("polizei", POLIZEI)
    site.client("koeln", KOELN)
    site.client("betrieb", rollen=("betrieb",))
    return site


@pytest.fixture
def edge_site(tmp_path: Path, ca: DevelopmentCa) -> Site:
    site = Site(tmp_path / "edge", ca)
    site.init("gw:koeln", KOELN, ZAB_KOELN)
    site.client("koeln", KOELN)
    return site


@pytest.fixture(params=["sqlite", "postgres"])
def each_store(request: pytest.FixtureRequest, hub_site: Site) -> Site:
    """The hub's site, on one database and on the other."""
    if request.param == "postgres":
        hub_site.settings["store"] = {"url": request.getfixturevalue("postgres_url")}
    return hub_site


@pytest.fixture
async def mta() -> AsyncIterator[Mta]:
    server = Mta(free_port())
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def hub(hub_site: Site) -> AsyncIterator[Gateway]:
    async with running(hub_site.config()) as gateway:
        yield gateway


@pytest.fixture
async def edge(edge_site: Site) -> AsyncIterator[Gateway]:
    async with running(edge_site.config()) as gateway:
        yield gateway


@pytest.fixture
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers and timers look often, so that no test waits for them."""
    monkeypatch.setattr("gateway.service.gateway.POLL_S", 0.02)
    monkeypatch.setattr("gateway.service.gateway.TIDY_S", 0.02)


@pytest.fixture
async def jva(hub: Gateway, hub_site: Site) -> AsyncIterator[Api]:
    """JVA Köln at the hub."""
    async with calling(hub, hub_site.clients["jva"]) as api:
        yield api


@pytest.fixture
async def koeln(prompt: None, ca: DevelopmentCa, hub: Gateway, hub_site: Site, tmp_path: Path) -> AsyncIterator[Peer]:
    """Stadt Köln's gateway, scripted."""
    async with peering(ca, hub_site, "koeln", (KOELN, ZAB_KOELN), tmp_path) as peer:
        await agree(hub, peer.agreement())
        yield peer


@pytest.fixture
async def case(prompt: None, ca: DevelopmentCa, hub_site: Site) -> AsyncIterator[Case]:
    """A hub at which every authority of one person's case has a client."""
    admit(hub_site)
    async with running(hub_site.config()) as gateway, case_at(gateway, hub_site, ca) as found:
        yield found
