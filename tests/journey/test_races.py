"""Timer, receipt and operator reach for the same delivery at one moment: one wins, the others are told; on both
databases."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from as2peer import Peer, delivery, events, later, posted, receipt, status, until
from gatewayworld import Api, Site, calling

from gateway.service.gateway import Gateway, running

pytestmark = pytest.mark.usefixtures("prompt")

HUB = "gw-nrw"
ROUNDS = 3


@pytest.fixture
async def hub(each_store: Site) -> AsyncIterator[Gateway]:
    async with running(each_store.config()) as gateway:
        yield gateway


async def test_timer_receipt_and_operator_at_one_moment(hub: Gateway, hub_site: Site, koeln: Peer, jva: Api) -> None:
    koeln.otherwise = status(202)
    messages = [await posted(jva) for _ in range(ROUNDS)]
    rows = [await until(hub, message, "uebergeben") for message in messages]
    came = {each.message_id: each for each in koeln.messages}
    later(hub, 6 * 24 * 3600)  # too old as well: the timer would give it up
    async with calling(hub, hub_site.clients["betrieb"]) as betrieb:

        async def cancelled(message: str) -> tuple[int, dict[str, object]]:
            return await betrieb.call("POST", f"/v1/messages/{message}/cancel", json={"grund": "Weisung"})

        receipts = [koeln.send_receipt(receipt(koeln, came[row["wire_id"]]), HUB) for row in rows]
        _, answers, taken = await asyncio.gather(
            hub.delivering.overdue(), asyncio.gather(*map(cancelled, messages)), asyncio.gather(*receipts)
        )
    for message, (code, answer), receipted in zip(messages, answers, taken, strict=True):
        row = await delivery(hub, message)
        assert receipted.status == 200, "the partner is never told to send its receipt again"
        assert len(await hub.ctx.db.fetch("receipts", row["id"])) == 1, "what proves something is kept, whoever won"
        assert row["status"] == ("storniert" if code == 200 else "zugestellt")
        assert len(await events(hub, message, "stornierung")) == (code == 200)
        if code != 200:
            assert (code, answer["errors"][0]["code"]) == (409, "status")
            assert "Zustand" in str(answer["detail"])
