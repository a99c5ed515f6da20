"""Several gateways on one PostgreSQL: woken by each other, else by looking; what one leaves another takes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from aiohttp import web
from as2peer import Peer, delivery, eventually, later, peering, post_with_file, posted, until
from gatewayworld import KOELN, RHEIN_SIEG, Site, agree, calling, free_port

from gateway import clock
from gateway.pki_issue import DevelopmentCa
from gateway.service.departure.leases import JUMP, LEASE
from gateway.service.gateway import Gateway, running
from gateway.store.database import Do

STEP = JUMP - clock.SECOND
"""By how much a clock goes forward at once, and nobody takes it for one that was set."""


@contextlib.asynccontextmanager
async def pair(hub_site: Site, url: str) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """One gateway that only accepts, one that delivers."""
    hub_site.settings["store"] = {"url": url}
    accepting = hub_site.config(arbeiter=0)
    hub_site.as2_port = free_port()
    async with running(accepting) as first, running(hub_site.config()) as second:
        yield first, second


async def delivered(hub_site: Site, ca: DevelopmentCa, url: str, folder: Path) -> None:
    async with (
        pair(hub_site, url) as (first, second),
        peering(ca, hub_site, "koeln", (KOELN,), folder) as koeln,
        calling(first, hub_site.clients["jva"]) as jva,
    ):
        await agree(first, koeln.agreement())
        second.ctx.partners.forget()
        for _ in range(3):
            await until(first, await posted(jva), "zugestellt")


async def test_an_accept_wakes_the_workers_of_another_gateway(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    monkeypatch.setattr("gateway.service.gateway.POLL_S", 3600)
    await delivered(hub_site, ca, postgres_url, tmp_path)


async def test_the_poll_alone_suffices(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    monkeypatch.setattr("gateway.service.gateway.POLL_S", 0.05)

    async def deaf(*_: object) -> None:
        return

    monkeypatch.setattr("gateway.store.postgres_wakes.Wakes.run", deaf)
    await delivered(hub_site, ca, postgres_url, tmp_path)


async def test_a_listener_whose_connection_was_cut_hears_again(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    monkeypatch.setattr("gateway.service.gateway.POLL_S", 3600)
    monkeypatch.setattr("gateway.store.postgres_wakes.AGAIN_S", 0.05)
    async with (
        pair(hub_site, postgres_url) as (first, second),
        peering(ca, hub_site, "koeln", (KOELN,), tmp_path) as koeln,
        calling(first, hub_site.clients["jva"]) as jva,
    ):
        await agree(first, koeln.agreement())
        second.ctx.partners.forget()
        await until(first, await posted(jva), "zugestellt")
        server = await asyncpg.connect(postgres_url)
        await server.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        await server.close()
        await eventually(lambda: _delivers(first, jva))


async def _delivers(hub: Gateway, jva: object) -> bool:
    try:
        message = await posted(jva)  # type: ignore[arg-type]
        async with asyncio.timeout(2):
            await until(hub, message, "zugestellt")
    except (TimeoutError, AssertionError):
        return False
    return True


async def test_a_request_that_a_killed_gateway_left_is_judged_when_its_short_lease_ends(
    hub: Gateway, koeln: Peer, prompt: None
) -> None:
    """The row as a gateway leaves it that was killed while judging; another one takes it up a minute later."""
    await koeln.send(b"<kein/>", "gw-nrw")
    message_id = koeln.new_id()
    held = asyncio.Event()

    async def hanging(*_: object) -> None:
        await held.wait()

    judge, hub.receiving._judge = hub.receiving._judge, hanging  # type: ignore[method-assign,assignment]
    content_type, body = koeln.seal(b"<kein/>")
    sending = asyncio.create_task(koeln.post(koeln.headers(content_type, to="gw-nrw", message_id=message_id), body))
    key = ("koeln", "gw-nrw", message_id)

    async def stored() -> bool:
        return await hub.ctx.db.fetch_one("inbound_by_transport", *key) is not None

    await eventually(stored)
    hub.receiving._judge = judge  # type: ignore[method-assign]
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    row = await hub.ctx.db.fetch_one("inbound_by_transport", *key)
    assert row is not None
    assert row["status"] == "empfangen"
    assert row["lease_until"] <= hub.ctx.now() + 60 * clock.SECOND
    later(hub, 61)

    async def judged() -> bool:
        found = await hub.ctx.db.fetch_one("inbound", row["id"])
        return found is not None and found["status"] == "abgelehnt"

    await eventually(judged)
    held.set()


class Halfway:
    """Reads the beginning of a body, and the rest once it may."""

    def __init__(self) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def read(self, request: web.Request) -> bytes:
        beginning = await request.content.readany()
        self.begun.set()
        await self.go_on.wait()
        return beginning + await request.read()


async def test_a_transfer_longer_than_a_lease_stays_with_its_sender(
    monkeypatch: pytest.MonkeyPatch, prompt: None, postgres_url: str, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    """The clocks of both go forward by three leases while the partner reads; the other one finds nothing to take."""
    monkeypatch.setattr("gateway.service.departure.leases.RENEW_S", 0)
    async with (
        pair(hub_site, postgres_url) as (other, sender),
        peering(ca, hub_site, "rsk", (RHEIN_SIEG,), tmp_path) as partner,
    ):
        halfway = Halfway()
        partner.reading = halfway.read
        await agree(other, partner.agreement())
        sender.ctx.partners.forget()
        message = await post_with_file(other, hub_site, 3 * 1024 * 1024)
        await halfway.begun.wait()
        for _ in range(3 * LEASE // STEP):
            later(sender, STEP / clock.SECOND)
            await eventually(lambda: _leased_until(sender, message, sender.ctx.now() + LEASE - clock.SECOND))
            later(other, STEP / clock.SECOND)
            await other.delivering.overdue()
            assert await other.delivering.claim(20) == []
        halfway.go_on.set()
        await until(sender, message, "zugestellt", empfaenger=RHEIN_SIEG)
        assert len(partner.messages) == 1
        assert (await delivery(sender, message, RHEIN_SIEG))["attempts"] == 1


async def _leased_until(gateway: Gateway, message: str, moment: int) -> bool:
    return bool((await delivery(gateway, message, RHEIN_SIEG))["lease_until"] >= moment)


async def test_a_request_being_judged_keeps_its_lease(hub: Gateway) -> None:
    now = hub.ctx.now()
    insert = ("01", "koeln", "gw-nrw", "<1@koeln>", "00", "kein-inhalt", now, None, now + clock.SECOND, "as2")
    await hub.ctx.db.commit(Do("insert_inbound", insert))
    with hub.receiving._leases.holding("01"):
        later(hub, 3600)
        assert await hub.receiving.recover() == 0
        row = await hub.ctx.db.fetch_one("inbound", "01")
        assert row is not None
        assert row["lease_until"] > hub.ctx.now()
