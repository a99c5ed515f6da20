"""Lanes: a partner that fails stops its own lane and no other; operators hold and release; on both databases."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from as2peer import (
    Peer,
    answering,
    delivery,
    events_of,
    eventually,
    later,
    peering,
    posted,
    seeded,
    status,
    until,
    waiting,
)
from gatewayworld import BONN, Api, Site, agree

from gateway.errors import Conflict, NotFound
from gateway.partner import Grenzen
from gateway.pki_issue import DevelopmentCa
from gateway.send.failure import Trouble, from_trouble
from gateway.service.departure.lanes import Lanes
from gateway.service.gateway import Gateway, running
from gateway.service.words import event_json
from gateway.store.steps import do

pytestmark = pytest.mark.usefixtures("prompt")

DAY = 24 * 3600


@pytest.fixture
async def hub(each_store: Site) -> AsyncIterator[Gateway]:
    async with running(each_store.config(unterbrechung_sekunden=600)) as gateway:
        yield gateway


async def lane(hub: Gateway, partner: str = "koeln") -> dict[str, Any]:
    (found,) = [row for row in await hub.delivering.lanes.all() if row["partner"] == partner]
    return found


async def stopped(hub: Gateway) -> bool:
    return (await lane(hub))["zustand"] == "unterbrochen"


async def test_after_failures_in_a_row_the_lane_stops_and_one_probe_opens_it(
    hub: Gateway, koeln: Peer, jva: Api
) -> None:
    koeln.otherwise = status(503)
    messages = [await posted(jva) for _ in range(3)]
    await eventually(lambda: stopped(hub))
    assert (await lane(hub))["fehler_in_folge"] >= 5
    assert len(await events_of(hub, "partner_unterbrochen")) == 1
    await eventually(lambda: _all_wait(hub, messages))
    tried = len(koeln.messages)
    messages.append(await posted(jva))
    assert await hub.delivering.claim(10) == []
    assert len(koeln.messages) == tried, "a stopped lane is left alone"
    release = asyncio.Event()
    koeln.otherwise = waiting(release)
    later(hub, 601)
    await eventually(lambda: len(koeln.messages) == tried + 1)
    assert (await lane(hub))["zustand"] == "probe"
    assert await hub.delivering.claim(10) == []
    assert len(koeln.messages) == tried + 1, "one delivery probes"
    release.set()
    for message in messages:
        await until(hub, message, "zugestellt")
    assert (await lane(hub))["zustand"] == "frei"
    assert len(await events_of(hub, "partner_erreichbar")) == 1


async def _all_wait(hub: Gateway, messages: list[str]) -> bool:
    return all([(await delivery(hub, message))["status"] == "wartet" for message in messages])


async def test_a_probe_that_fails_makes_the_pause_longer(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.otherwise = status(503)
    await posted(jva)
    await eventually(lambda: stopped(hub))
    later(hub, 601)
    await eventually(lambda: _told(hub, 2))
    (first, second) = [json.loads(event["detail"]) for event in await events_of(hub, "partner_unterbrochen")]
    assert (first["sekunden"], second["sekunden"]) == (600, 1200)
    assert first["partner"] == "koeln"


async def _told(hub: Gateway, count: int) -> bool:
    return len(await events_of(hub, "partner_unterbrochen")) == count


async def test_a_stopped_lane_touches_no_other(
    hub: Gateway, koeln: Peer, jva: Api, ca: DevelopmentCa, hub_site: Site, tmp_path: Path
) -> None:
    async with peering(ca, hub_site, "bonn", (BONN,), tmp_path) as bonn:
        await agree(hub, bonn.agreement())
        first = await posted(jva)
        await until(hub, first, "zugestellt")
        koeln.otherwise = status(500)
        await posted(jva)
        await eventually(lambda: stopped(hub))
        await seeded(hub, first, "bonn", 5)
        hub._wake()
        await eventually(lambda: len(bonn.messages) == 5)
        assert (await lane(hub, "bonn"))["zustand"] == "frei"


async def test_what_refuses_one_delivery_stops_no_lane(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.otherwise = status(400)
    for _ in range(7):
        await until(hub, await posted(jva), "gescheitert")
    assert (await lane(hub))["zustand"] == "frei"
    assert len(koeln.messages) == 7


async def test_a_success_in_between_forgets_failures(hub: Gateway, koeln: Peer, jva: Api) -> None:
    for _ in range(3):
        koeln.script = [status(503), status(503), answering()]
        await until(hub, await posted(jva), "zugestellt")
    assert (await lane(hub))["zustand"] == "frei"
    assert await events_of(hub, "partner_unterbrochen") == []


async def test_an_operator_holds_a_lane_and_releases_it(hub: Gateway, koeln: Peer, jva: Api) -> None:
    lanes = hub.delivering.lanes
    await lanes.hold("koeln", "Wartung beim Partner", "kommandozeile")
    with pytest.raises(Conflict):
        await lanes.hold("koeln", "noch einmal", "kommandozeile")
    message = await posted(jva)
    assert await hub.delivering.claim(10) == []
    assert (await delivery(hub, message))["status"] == "wartet"
    shown = await lane(hub)
    assert (shown["zustand"], shown["grund"]) == ("angehalten", "Wartung beim Partner")
    assert shown["wartet_seit"] is not None
    await lanes.release("koeln", "Wartung beendet", "kommandozeile")
    await until(hub, message, "zugestellt")
    for art, grund in (("partner_angehalten", "Wartung beim Partner"), ("partner_freigegeben", "Wartung beendet")):
        (event,) = await events_of(hub, art)
        told = event_json(event, hub.ctx.store_key)["angaben"]
        assert (told["partner"], told["grund"]) == ("koeln", grund)
        assert event["akteur"] == "kommandozeile"
    with pytest.raises(Conflict):
        await lanes.release("koeln", "noch einmal", "kommandozeile")
    with pytest.raises(NotFound):
        await lanes.hold("niemand", "?", "kommandozeile")


async def test_a_release_lets_a_stopped_lane_go_on_at_once(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.otherwise = status(503)
    message = await posted(jva)
    await eventually(lambda: stopped(hub))
    koeln.otherwise = answering()
    await hub.delivering.lanes.release("koeln", "Störung behoben", "kommandozeile")
    await until(hub, message, "zugestellt")


async def test_what_grows_too_old_in_a_stopped_lane_fails_and_the_sender_hears(
    hub: Gateway, koeln: Peer, jva: Api
) -> None:
    koeln.otherwise = status(503)
    first = await posted(jva)
    await eventually(lambda: stopped(hub))
    never_tried = await posted(jva)
    await hub._workers[0].stop()  # no probe: what is shown is what nobody would ever try
    later(hub, 5 * DAY + 60)
    await hub.delivering.tidy_lanes()
    for message in (first, never_tried):
        row = await delivery(hub, message)
        assert row["status"] == "gescheitert"
        assert "Nach 5 Tagen" in row["last_error"]
        assert row["failure_notice"] is not None
    assert (await delivery(hub, never_tried))["attempts"] == 0


async def test_deliveries_of_a_removed_partner_wait_for_a_person(hub: Gateway, koeln: Peer, jva: Api) -> None:
    await hub.delivering.lanes.hold("koeln", "Ende der Vereinbarung", "kommandozeile")
    message = await posted(jva)
    await hub.ctx.db.commit(do("delete_partner", id="koeln"))
    hub.ctx.partners.forget()
    await hub.delivering.tidy_lanes()
    row = await delivery(hub, message)
    assert row["status"] == "klaerung"
    assert "besteht nicht mehr" in row["last_error"]
    (alarm,) = await events_of(hub, "alarm")
    assert json.loads(alarm["detail"])["grund"] == "partner_fehlt"
    await hub.delivering.tidy_lanes()
    assert len(await events_of(hub, "alarm")) == 1


async def test_slow_lanes_leave_half_of_the_places_to_the_others(
    monkeypatch: pytest.MonkeyPatch, hub: Gateway, koeln: Peer, jva: Api
) -> None:
    monkeypatch.setattr("gateway.service.departure.lanes.SLOW_PLACES", 4)
    first = await posted(jva)
    await until(hub, first, "zugestellt")
    await hub._workers[0].stop()
    lanes = hub.delivering.lanes
    for n in range(6):
        await agree(hub, koeln.agreement(id=f"langsam{n}", behoerden=()))
        await lanes.answered(f"langsam{n}", 30)
        await seeded(hub, first, f"langsam{n}", 3)
    await agree(hub, koeln.agreement(id="flink", behoerden=()))
    await seeded(hub, first, "flink", 3)
    taken = [row["partner_id"] for row in await hub.delivering.claim(64)]
    assert taken.count("flink") == 3
    assert len(taken) == 3 + 4


async def test_concurrency_grows_while_the_partner_answers_well_and_falls_back(
    hub: Gateway, koeln: Peer, jva: Api
) -> None:
    partner = await hub.ctx.partners.by_id("koeln")
    lanes = hub.delivering.lanes
    assert lanes.free(partner, "koeln") == 5
    for _ in range(300):
        await lanes.answered("koeln", 0.1)
    assert lanes.free(partner, "koeln") == 20
    await lanes.failed("koeln", from_trouble(Trouble.CUT), 0.1)
    assert lanes.free(partner, "koeln") == 5
    agreed = koeln.agreement(grenzen=Grenzen(gleichzeitig=2))
    assert lanes.free(agreed, "koeln") == 2


async def test_of_several_gateways_all_together_fill_one_window(
    hub: Gateway, koeln: Peer, jva: Api, hub_site: Site
) -> None:
    """Three processes on one store: each learns for itself, and counts what the others have under way."""
    first = await posted(jva)
    await until(hub, first, "zugestellt")
    await hub._workers[0].stop()
    await agree(hub, koeln.agreement(id="voll", behoerden=()))
    await seeded(hub, first, "voll", 30)
    others = [Lanes(hub.ctx) for _ in range(2)]
    before, taken = hub.delivering.lanes, []
    for lanes in (*others, before):
        hub.delivering.lanes = lanes
        taken.append(len(await hub.delivering.claim(64)))
    assert taken == [5, 0, 0]
    for _ in range(300):
        await others[1].answered("voll", 0.1)  # this one has learned that more may go at once
    hub.delivering.lanes = others[1]
    assert len(await hub.delivering.claim(64)) == 15
    hub.delivering.lanes = before
    assert await hub.delivering.claim(64) == []


async def test_of_two_gateways_one_probes(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.otherwise = status(503)
    await posted(jva)
    await posted(jva)
    await eventually(lambda: stopped(hub))
    await hub._workers[0].stop()
    later(hub, 3600)
    lane_row = (await hub.delivering.lanes.claimable())[0]
    both = await asyncio.gather(*(hub.delivering._claim_lane(lane_row, 5, 5) for _ in range(2)))
    assert sorted(len(rows) for rows in both) == [0, 1]


async def test_an_attempt_under_way_keeps_its_lease_however_the_clock_jumps(
    hub: Gateway, koeln: Peer, jva: Api
) -> None:
    release = asyncio.Event()
    koeln.script = [waiting(release)]
    message = await posted(jva)
    await eventually(lambda: len(koeln.messages) == 1)
    later(hub, 3600)
    await hub.delivering.overdue()
    later(hub, 3600)
    await hub.delivering.overdue()
    assert (await delivery(hub, message))["status"] == "laeuft"
    release.set()
    row = await until(hub, message, "zugestellt")
    assert (row["attempts"], len(koeln.messages)) == (1, 1)


async def test_an_attempt_that_another_gateway_took_over_is_ended_here(hub: Gateway, koeln: Peer, jva: Api) -> None:
    koeln.script = [waiting(asyncio.Event())]
    message = await posted(jva)
    await eventually(lambda: len(koeln.messages) == 1)
    row = await delivery(hub, message)
    now = hub.ctx.now()
    far = now + 3600 * 1_000_000
    await hub.ctx.db.commit(
        do("recover_leases", lease_before=far, now=now),
        do("claim_delivery", id=row["id"], now=now, lease_until=far, owner="anderes/1"),
    )
    later(hub, 60)  # a jump: renewed at once
    await hub.delivering.renew()
    await eventually(lambda: not hub._workers[0]._running)
    assert (await delivery(hub, message))["lease_owner"] == "anderes/1"
