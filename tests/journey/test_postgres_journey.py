"""The same way on PostgreSQL: schema, queries and journeys hold there too."""

from pathlib import Path

from gatewayworld import JVA, KOELN, Site, agree, calling, introduce

from gateway.partner import Partner
from gateway.pki import agreed
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.gateway import Gateway, running

EXAMPLE = Path(__file__).parents[2] / "schemas" / "beispiele" / "haft-3.2.xml"


async def test_a_notice_is_delivered_forwarded_and_acknowledged_on_postgresql(
    hub_site: Site, edge: Gateway, edge_site: Site, postgres_url: str, ca: DevelopmentCa
) -> None:
    hub_site.settings["store"] = {"url": postgres_url}
    sign = ca.issue(Request(purpose="sign", name=JVA)).certificate
    async with running(hub_site.config()) as hub:
        await introduce(hub, hub_site, edge, edge_site)
        await agree(hub, Partner(id="jva", behoerden=(JVA,), weg="abruf", zertifikate=(agreed("signatur", sign),)))
        async with calling(hub, hub_site.clients["jva"]) as jva, calling(hub, hub_site.clients["koeln"]) as koeln:
            status, answer = await jva.post_xml(EXAMPLE.read_bytes())
            assert status == 202, answer
            assert answer["entscheidung"]["empfaenger"] == [KOELN]
            await jva.until(answer["id"], "zugestellt")
            command = {"an": "abh:05382", "grund": "Wohnsitz in Sankt Augustin"}
            status, forwarded = await koeln.call("POST", f"/v1/messages/{answer['id']}/forward", json=command)
            assert status == 202, forwarded
            status, inbox = await jva.call("GET", "/v1/inbox")
            assert status == 200
            assert [entry["nachricht"] for entry in inbox["eintraege"]] == [forwarded["zustaendigkeitsmitteilung"]]
            status, found = await jva.call("POST", "/v1/messages/search", json={"absender": JVA})
            assert [entry["id"] for entry in found["eintraege"]] == [answer["id"]]
            status, message = await jva.call("GET", f"/v1/messages/{answer['id']}")
            status, vorgang = await jva.call("GET", f"/v1/vorgaenge/{message['vorgang']}")
            assert [u["abh"] for u in vorgang["unterrichtungen"]] == [KOELN]
            assert {(p["nummer"], p["pflichtig"]) for p in vorgang["pflichten"]} >= {("3.3", KOELN)}
