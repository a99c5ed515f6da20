"""An inbox that is longer than a page: nobody's new entries hide behind old ones."""

import uuid
from pathlib import Path

import pytest
from gatewayworld import Site, calling

from gateway.service.gateway import Gateway
from gateway.service.views import reading

EXAMPLE = Path(__file__).parents[2] / "schemas" / "beispiele" / "haft-3.2.xml"


async def test_the_next_page_begins_after_the_last_entry(
    hub: Gateway, hub_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "INBOX_PAGE", 2)
    xml = EXAMPLE.read_bytes()
    async with calling(hub, hub_site.clients["jva"]) as jva, calling(hub, hub_site.clients["koeln"]) as koeln:
        for _ in range(3):
            own = str(uuid.uuid4()).encode()
            changed = xml.replace(_own_id(xml), own)
            status, answer = await jva.post_xml(changed)
            assert status == 202, answer
        _, first = await koeln.call("GET", "/v1/inbox")
        assert len(first["eintraege"]) == 2
        _, second = await koeln.call("GET", f"/v1/inbox?nach={first['naechste']}")
        assert len(second["eintraege"]) == 1
        assert second["naechste"] is None
        status, _ = await koeln.call("GET", "/v1/inbox?nach=keine-kennung")
        assert status == 404


def _own_id(xml: bytes) -> bytes:
    return xml.partition(b"eigeneNachrichtenID>")[2][:36]
