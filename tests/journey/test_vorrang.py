"""`vorrang` first without starving the rest: the real claim, on both databases, takes what the model of its order
takes (`laneorder`; what that order promises is shown in tests/send/test_lane.py)."""

import random
from collections.abc import AsyncIterator

import pytest
from as2peer import Peer, posted
from gatewayworld import Api, Site, agree
from laneorder import LaneModel

from gateway.partner import Grenzen
from gateway.service.context import new_id
from gateway.service.gateway import Gateway, running
from gateway.store.steps import do

STEPS = 120


@pytest.fixture
async def hub(each_store: Site) -> AsyncIterator[Gateway]:
    async with running(each_store.config(arbeiter=0)) as gateway:
        yield gateway


async def test_the_claim_follows_the_model_step_by_step(hub: Gateway, koeln: Peer, jva: Api) -> None:
    await agree(hub, koeln.agreement(id="voll", behoerden=(), grenzen=Grenzen(gleichzeitig=20)))
    message, chance, model = await posted(jva), random.Random(5), LaneModel()
    lane = {"partner_id": "voll", "state": "frei"}
    seen = {True: 0, False: 0}
    for n in range(STEPS):
        if chance.random() < 0.6:
            for _ in range(chance.choice([1, 1, 3])):
                vorrang, key = chance.random() < 0.7, new_id()
                model.arrive(key, vorrang=vorrang)
                await hub.ctx.db.commit(waiting(message, key, hub.ctx.now(), vorrang=vorrang))
            continue
        count = chance.choice([1, 1, 2, 4])
        expected = model.claim(count)
        rows = await hub.delivering._claim_lane(lane, count, 20)
        assert {row["id"] for row in rows} == set(expected), n
        for row in rows:
            seen[bool(row["vorrang"])] += 1
            hub.delivering.lanes.ended("voll")
            values = {"owner": None, "status": "zugestellt", "next_at": None, "deadline_at": None, "last_error": None}
            done = do("move_delivery", id=row["id"], sources='["laeuft"]', now=1, receipt_id=None, **values)
            await hub.ctx.db.commit(done)
    assert min(seen.values()) > 0


def waiting(message: str, key: str, at: int, *, vorrang: bool) -> object:
    values = {"status": "wartet", "vorrang": int(vorrang), "created": at, "next_at": at, "deadline_at": None}
    return do(
        "insert_delivery", id=key, message_id=message, empfaenger=f"abh:{key}", partner_id="voll", weg="as2", **values
    )
