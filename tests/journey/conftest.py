"""Fixtures: a hub and an edge that run, on loopback, with a development PKI made for the run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gatewayworld import JVA, KOELN, POLIZEI, ZAB_KOELN, Site

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


@pytest.fixture
async def hub(hub_site: Site) -> AsyncIterator[Gateway]:
    async with running(hub_site.config()) as gateway:
        yield gateway


@pytest.fixture
async def edge(edge_site: Site) -> AsyncIterator[Gateway]:
    async with running(edge_site.config()) as gateway:
        yield gateway
