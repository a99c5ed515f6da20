"""From a prison's post to the signed receipt of the competent authority, through two running gateways."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from gatewayworld import KOELN, Site, calling, introduce

from gateway.service.gateway import Gateway

EXAMPLE = Path(__file__).parents[2] / "schemas" / "beispiele" / "haft-3.2.xml"


def haft() -> bytes:
    return EXAMPLE.read_bytes().replace(b"0b6f6d0e-52b9-4c54-9d3e-0c1a5a1f2b02", str(uuid.uuid4()).encode())


@pytest.mark.parametrize("terms", [{"mdn": "sync"}, {"mdn": "async"}], ids=["sync", "async"])
async def test_a_notice_reaches_the_inbox_and_its_receipt_the_sender(
    hub: Gateway, hub_site: Site, edge: Gateway, edge_site: Site, terms: dict[str, Any]
) -> None:
    await introduce(hub, hub_site, edge, edge_site, **terms)
    xml = haft()
    async with calling(hub, hub_site.clients["jva"]) as jva, calling(edge, edge_site.clients["koeln"]) as koeln:
        status, answer = await jva.post_xml(xml)
        assert status == 202, answer
        assert answer["entscheidung"]["empfaenger"] == [KOELN]
        assert answer["entscheidung"]["nummer"] == "3.2 Satz 1"
        message = await jva.until(answer["id"], "zugestellt")
        assert message["zustellungen"][0]["versuche"] == 1
        status, inbox = await koeln.call("GET", "/v1/inbox")
        assert status == 200
        (entry,) = inbox["eintraege"]
        assert entry["nachricht"] == answer["id"]
        status, part = await koeln.call("GET", f"/v1/messages/{entry['nachricht']}/parts/0")
        assert (status, part) == (200, xml)
        again, same = await jva.post_xml(xml)
        assert again == 200
        assert same == answer
