"""Fixtures: a Postfix of our own, and a hub and an edge behind it that reach each other by mail alone."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from gatewayworld import JVA, KOELN, POLIZEI, RHEIN_SIEG, Api, Site, agree, calling
from postfixworld import Postfix, demand

from gateway.partner import Partner
from gateway.pki_issue import DevelopmentCa
from gateway.service.gateway import Gateway, running

HUB = "quittung@gateway.example"
EDGE = "eingang@koeln.example"


@pytest.fixture(scope="session")
def ca() -> DevelopmentCa:
    return DevelopmentCa.create()


@pytest.fixture(scope="module")
def postfix_running(ca: DevelopmentCa) -> Iterator[Postfix]:
    demand()
    postfix = Postfix(ca)
    try:
        postfix.start()
        yield postfix
    finally:
        postfix.close()


@pytest.fixture
def postfix(postfix_running: Postfix) -> Iterator[Postfix]:
    """Where no mail of the test before goes any way that the next one takes."""
    yield postfix_running
    sys.stdout.write(postfix_running.log())  # shown where the test failed
    postfix_running.drain()


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers and timers look often, so that no test waits for them."""
    monkeypatch.setattr("gateway.service.gateway.POLL_S", 0.05)
    monkeypatch.setattr("gateway.service.gateway.TIDY_S", 0.05)


def behind(postfix: Postfix, site: Site, mailbox: str) -> None:
    """The site's configuration of a gateway behind Postfix."""
    site.settings = {
        "mail": {"postfach": mailbox},
        "postausgang": {
            "host": "localhost",
            "port": postfix.port,
            "sicherheit": "starttls",
            "ca": str(site.folder / "trust" / "ca.crt"),
            "absender": f"versand@{mailbox.partition('@')[2]}",
        },
    }


@pytest.fixture
def hub_site(tmp_path: Path, ca: DevelopmentCa, postfix: Postfix) -> Site:
    site = Site(tmp_path / "hub", ca)
    site.init("gw:nrw")
    site.client("jva", JVA)
    site.client("polizei", POLIZEI)
    site.client("betrieb", rollen=("betrieb",))
    behind(postfix, site, HUB)
    return site


@pytest.fixture
def edge_site(tmp_path: Path, ca: DevelopmentCa, postfix: Postfix) -> Site:
    site = Site(tmp_path / "edge", ca)
    site.init("gw:koeln", KOELN, RHEIN_SIEG)
    site.client("koeln", KOELN, RHEIN_SIEG)
    behind(postfix, site, EDGE)
    return site


def edge_as_partner(site: Site, address: str = EDGE, **terms: object) -> Partner:
    """What the hub knows of the edge."""
    value = {"id": "koeln", "behoerden": (KOELN, RHEIN_SIEG), "weg": "mail", "adresse": address}
    return Partner.model_validate(value | {"zertifikate": site.certificates()} | terms)


@pytest.fixture
async def edge(edge_site: Site, hub_site: Site, postfix: Postfix) -> AsyncIterator[Gateway]:
    async with running(edge_site.config()) as gateway:
        postfix.behind["koeln.example"].target = gateway.listeners.ports["mail"]
        hub = {"id": "hub", "art": "vermittler", "behoerden": (), "weg": "mail", "adresse": HUB}
        await agree(gateway, Partner.model_validate(hub | {"zertifikate": hub_site.certificates()}))
        yield gateway


@pytest.fixture
async def hub(hub_site: Site, edge_site: Site, edge: Gateway, postfix: Postfix) -> AsyncIterator[Gateway]:
    async with running(hub_site.config()) as gateway:
        postfix.behind["gateway.example"].target = gateway.listeners.ports["mail"]
        await agree(gateway, edge_as_partner(edge_site))
        yield gateway


@pytest.fixture
async def jva(hub: Gateway, hub_site: Site) -> AsyncIterator[Api]:
    async with calling(hub, hub_site.clients["jva"]) as api:
        yield api


@pytest.fixture
async def inbox(edge: Gateway, edge_site: Site) -> AsyncIterator[Api]:
    """The edge's authorities at their gateway."""
    async with calling(edge, edge_site.clients["koeln"]) as api:
        yield api
