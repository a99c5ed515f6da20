"""An office without software gets a page for people beside the XML; a gateway does not stumble over it."""

from pathlib import Path

import pytest
from gatewayworld import Site, calling, introduce

from gateway.route.resources import packaged_directory
from gateway.service.departure.legible import is_legible_part, legible_parts
from gateway.service.gateway import Gateway

BEISPIELE = Path(__file__).parents[2] / "schemas" / "beispiele"
ID = "01a203cb-7ba2-758f-808d-1c194c5abdf4"


def test_a_forwarded_original_gets_a_page_of_its_own() -> None:
    original = (BEISPIELE / "haft-3.2.xml").read_bytes()
    parts = [
        ("nachricht.xml", (BEISPIELE / "weiterleitung.xml").read_bytes()),
        ("Nachricht_0b6f6d0e-52b9-4c54-9d3e-0c1a5a1f2b02.xml", original),
        ("Anlage_0b6f6d0e-52b9-4c54-9d3e-0c1a5a1f2b02.pdf", b"%PDF-1.4"),
    ]
    pages = legible_parts(ID, parts, packaged_directory())
    assert [page.name for page in pages] == [f"Lesefassung_{ID}_1.pdf", f"Lesefassung_{ID}_2.pdf"]
    assert all(page.content.read(5) == b"%PDF-" for page in pages)


def test_what_is_no_message_gets_no_page() -> None:
    assert legible_parts(ID, [("nachricht.xml", b"<!DOCTYPE a><a/>")], packaged_directory()) == []


@pytest.mark.parametrize(
    ("name", "message_id", "known"),
    [
        (f"Lesefassung_{ID}_1.pdf", ID, True),
        (f"Lesefassung_{ID}_1.pdf", "01a203cb-0000-758f-808d-1c194c5abdf4", False),
        (f"Lesefassung_{ID}_1.pdf", None, False),
        (f"Lesefassung_{ID}_1.exe", ID, False),
        (None, ID, False),
    ],
)
def test_only_the_page_of_this_very_message_is_one(name: str | None, message_id: str | None, known: bool) -> None:
    assert is_legible_part(name, message_id) is known


async def test_a_gateway_takes_the_message_and_drops_the_page(
    hub: Gateway, hub_site: Site, edge: Gateway, edge_site: Site
) -> None:
    await introduce(hub, hub_site, edge, edge_site, lesefassung=True)
    async with calling(hub, hub_site.clients["jva"]) as jva, calling(edge, edge_site.clients["koeln"]) as koeln:
        status, answer = await jva.post_xml((BEISPIELE / "haft-3.2.xml").read_bytes())
        assert status == 202
        await jva.until(answer["id"], "zugestellt")
        _, inbox = await koeln.call("GET", "/v1/inbox")
        assert [part["n"] for part in inbox["eintraege"][0]["teile"]] == [0]
        delivery = (await hub.ctx.db.fetch("deliveries_of_message", answer["id"]))[0]
        signed = await hub.ctx.content.read_all(delivery["signed_content"], limit=10_000_000)
        assert f"Lesefassung_{answer['id']}_1.pdf".encode() in signed
