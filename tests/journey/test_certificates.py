"""Certificates change while messages pass, end, are withdrawn: nothing that the windows allow is refused or lost."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from as2peer import events_of, eventually, later
from certworld import add_pair, also, flowing, newer, only, touch
from gatewayworld import Api, Site, calling, introduce

from gateway.pki import KeyPair, write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.gateway import Gateway, running
from gateway.service.keys import ConfigSource


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, prompt: None) -> None:
    monkeypatch.setattr("gateway.service.gateway.LOOK_S", 0.05)
    monkeypatch.setattr("gateway.service.gateway.TRUST_S", 0.05)


def source(site: Site) -> ConfigSource:
    return ConfigSource(site.folder / "gateway.toml", site.config)


@pytest.fixture
async def hub(quick: None, hub_site: Site) -> AsyncIterator[Gateway]:
    async with running(hub_site.config(), source(hub_site)) as gateway:
        yield gateway


@pytest.fixture
async def edge(quick: None, edge_site: Site) -> AsyncIterator[Gateway]:
    async with running(edge_site.config(), source(edge_site)) as gateway:
        yield gateway


@pytest.fixture
async def jva(hub: Gateway, hub_site: Site, edge: Gateway, edge_site: Site) -> AsyncIterator[Api]:
    """JVA Köln at the hub; hub and edge know each other."""
    await introduce(hub, hub_site, edge, edge_site)
    async with calling(hub, hub_site.clients["jva"]) as api:
        yield api


async def no_failure(*gateways: Gateway) -> None:
    """Every try went through at once, nothing was refused or sealed anew."""
    for gateway in gateways:
        tries = [event["detail"] for event in await events_of(gateway, "versuch")]
        assert [detail for detail in tries if '"ergebnis": "quittung"' not in detail] == []
        assert await events_of(gateway, "eingang_abgewiesen") == []
        assert await events_of(gateway, "alarm") == []


async def taken_over(gateway: Gateway, use: str, sha256: str) -> None:
    await eventually(lambda: gateway.ctx.keys.current(use, gateway.ctx.at()).sha256 == sha256)  # type: ignore[arg-type]


# --- the eight uses, each changed under traffic ----------------------------------------------------------------------


async def test_signing_and_verifying_certificates_change(
    ca: DevelopmentCa, hub: Gateway, hub_site: Site, edge: Gateway, jva: Api
) -> None:
    async with flowing(jva) as traffic:
        await traffic.some()
        new = newer(ca, "sign", "hub-neu")
        await also(edge, "hub", "signatur", new)  # 4 verify: the partner's new one stands beside the old
        await also(edge, "hub", "quittung", new)
        await traffic.some()
        write_pair(new, hub_site.folder / "keys" / "sign-neu")  # 1 sign
        hub_site.settings["schluessel"] = {
            "sign": (hub_site.folder / "keys" / "sign", hub_site.folder / "keys" / "sign-neu")
        }
        touch(hub_site)
        await taken_over(hub, "sign", new.sha256)
        await traffic.some()
        await only(edge, "hub", "signatur", new)
        await traffic.some()
    await no_failure(hub, edge)


async def test_encrypting_and_decrypting_certificates_change(
    ca: DevelopmentCa, hub: Gateway, edge: Gateway, edge_site: Site, jva: Api
) -> None:
    async with flowing(jva) as traffic:
        await traffic.some()
        new = add_pair(edge_site, "encrypt", ca)  # 3 decrypt: the edge opens with both
        await taken_over(edge, "encrypt", new.sha256)
        await traffic.some()
        await also(hub, "koeln", "verschluesselung", new)  # 2 encrypt: the newest window counts
        await traffic.some()
        await only(hub, "koeln", "verschluesselung", new)
        await traffic.some()
    await no_failure(hub, edge)
    sealed = [event["detail"] for event in await events_of(hub, "versiegelung")]
    assert new.sha256 in sealed[-1]
    assert new.sha256 not in sealed[0]


async def test_receipt_certificates_change(
    ca: DevelopmentCa, hub: Gateway, edge: Gateway, edge_site: Site, jva: Api
) -> None:
    async with flowing(jva) as traffic:
        await traffic.some()
        new = newer(ca, "sign", "edge-quittung")
        await also(hub, "koeln", "quittung", new)  # 6 verify MDN
        await traffic.some()
        write_pair(new, edge_site.folder / "keys" / "mdn-neu")  # 5 sign MDN, by a pair of its own
        edge_site.settings["schluessel"] = {"mdn": (edge_site.folder / "keys" / "mdn-neu",)}
        touch(edge_site)
        await taken_over(edge, "mdn", new.sha256)
        await only(hub, "koeln", "quittung", new)
        await traffic.some()
    await no_failure(hub, edge)
    assert edge.ctx.identity.sign_cert != new.certificate


async def test_tls_server_certificates_change(
    ca: DevelopmentCa, hub: Gateway, edge: Gateway, edge_site: Site, jva: Api
) -> None:
    other = DevelopmentCa.create("Andere CA")
    async with flowing(jva) as traffic:
        await traffic.some()
        await also(hub, "koeln", "tls", _as_pair(other))
        new = add_pair(edge_site, "tls", other)  # 7 TLS server
        await taken_over(edge, "tls", new.sha256)
        await eventually_served(edge, other)
        await traffic.some()
        await only(hub, "koeln", "tls", _as_pair(other))
        await traffic.some()
    await no_failure(hub, edge)


async def test_files_of_a_tls_pair_are_replaced_in_place(
    ca: DevelopmentCa, hub: Gateway, edge: Gateway, edge_site: Site, jva: Api
) -> None:
    async with flowing(jva) as traffic:
        await traffic.some()
        stem = edge_site.folder / "keys" / "tls"
        new = newer(ca, "tls", "gw:koeln")
        for ending in (".key", ".crt"):
            stem.with_suffix(ending).unlink()
        await traffic.some()  # a moment without any file: the pair before stays
        write_pair(new, stem)
        await taken_over(edge, "tls", new.sha256)
        await traffic.some()
    await no_failure(hub, edge)


async def test_tls_client_certificates_change(
    ca: DevelopmentCa, hub: Gateway, hub_site: Site, edge: Gateway, edge_site: Site, jva: Api
) -> None:
    """8: what we show to servers, and what API clients show to us."""
    async with flowing(jva) as traffic:
        await traffic.some()
        new = add_pair(hub_site, "tls_client", ca)
        await taken_over(hub, "tls_client", new.sha256)
        assert hub.ctx.tls_client is not None
        assert hub.ctx.tls_client.sha256 == new.sha256
        await traffic.some()
        fresh = hub_site.client("jva-neu", "gds:R8088")
        await eventually_admitted(hub, fresh.pair.sha256)
        async with calling(hub, fresh) as again:
            assert (await again.call("GET", "/v1/inbox"))[0] == 200
            assert (await again.call("GET", f"/v1/messages/{traffic.ids[0]}"))[0] == 200
    await no_failure(hub, edge)


def _as_pair(ca: DevelopmentCa) -> KeyPair:
    return KeyPair(ca.key, ca.certificate)


async def eventually_served(gateway: Gateway, ca: DevelopmentCa) -> None:
    """The AS2 listener shows a certificate of `ca`."""
    context = ssl.create_default_context(cadata=ca.pem)
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"https://localhost:{gateway.listeners.ports['as2']}/", ssl=context):
                    return
            except aiohttp.ClientSSLError:
                await asyncio.sleep(0.02)


async def eventually_admitted(gateway: Gateway, sha256: str) -> None:
    await eventually(lambda: gateway.who_is(sha256))


# --- ends ------------------------------------------------------------------------------------------------------------


async def test_the_end_is_told_once_at_each_threshold_and_shown_as_a_gauge(
    ca: DevelopmentCa, hub: Gateway, jva: Api
) -> None:
    now = hub.ctx.at()
    ending = ca.issue(Request(purpose="encrypt", name="koeln-alt", ab=now, bis=now + timedelta(days=59)))
    await also(hub, "koeln", "verschluesselung", ending)
    await eventually(lambda: events_of(hub, "zertifikat_laeuft_ab"))
    url = f"http://127.0.0.1:{hub.listeners.ports['status']}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
    gauge = 'gateway_certificate_days_left{use="verschluesselung",partner="koeln",sha256="' + ending.sha256[:16] + '"}'
    assert f"{gauge} 58\n" in text
    for days in (30, 20, 8):  # 29 days are left, then 9, then 1
        later(hub, days * 86400)
        await hub.expiring.look()
        await hub.expiring.look()
    told = [json.loads(event["detail"]) for event in await events_of(hub, "zertifikat_laeuft_ab")]
    ours = [(each["schwelle"], each["angaben"]) for each in told if each["zertifikat"] == ending.sha256]
    assert [threshold for threshold, _ in ours] == [60, 30, 10, 1]
    assert ours[0][1] == {"verwendung": ["verschluesselung"], "partner": ["koeln"]}


# --- what cannot be used ---------------------------------------------------------------------------------------------


async def test_a_configuration_that_cannot_be_used_changes_nothing(hub: Gateway, hub_site: Site, jva: Api) -> None:
    before = hub.ctx.identity
    hub_site.settings["schluessel"] = {"sign": (hub_site.folder / "keys" / "gibt-es-nicht",)}
    touch(hub_site)
    await hub.look_at_keys()
    assert hub.ctx.identity == before
    async with flowing(jva) as traffic:
        await traffic.some()
    await no_failure(hub)
