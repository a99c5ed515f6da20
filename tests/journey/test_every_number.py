"""Every Anlass of every number through the running gateway: post, decision, delivery, receipt, Vorgang."""

import functools
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from anlassnumbers import BASE_FORM
from gatewayworld import Api, Site, agree, calling
from lxml import etree

from gateway import clock
from gateway.cli.inbox import sign_detached
from gateway.message import Teil
from gateway.partner import Partner
from gateway.pki import KeyPair, agreed
from gateway.pki_issue import DevelopmentCa, Request
from gateway.route.resources import packaged_directory
from gateway.service.gateway import Gateway, running
from gateway.service.views.openapi import document
from gateway.service.views.openapi_examples import packaged
from gateway.settle.inbox_ack import ack_content
from routing import ANLAESSE

EXAMPLES = Path(__file__).parents[2] / "schemas" / "beispiele"
DECIDED = BASE_FORM | {
    "erkenntnis_87_abs_2": "6",
    "beteiligung_ausreisefrist_59_7": "2.8 Satz 2",
    "untersuchungshaft_antritt": "3.2 Satz 1",
}
"""The sentence that decides each example; the order is that of the decree."""


class Example:
    """The valid example of one Anlass."""

    def __init__(self, anlass: str) -> None:
        self.xml = (EXAMPLES / anlass / "gueltig.xml").read_bytes()
        root = etree.fromstring(self.xml)
        names = {etree.QName(e).localname: (e.text or "").strip() for e in root.iter(etree.Element)}
        self.eigene_id = (names.get("eigeneNachrichtenID") or names["nachrichtenUUID"]).lower()
        self.fremde_id = names.get("fremdeNachrichtenID", "").lower() or None
        found = [e.text for e in root.iter(etree.Element) if etree.QName(e).localname == "dateiname"]
        self.files = [name for name in found if name]

    def form(self) -> aiohttp.FormData:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("nachricht", self.xml, content_type="application/xml", filename="nachricht.xml")
        for name in self.files:
            form.add_field("datei", f"Inhalt von {name}".encode(), filename=name)
        return form


BY_ID = {example.eigene_id: example for example in (Example(anlass) for anlass in ANLAESSE)}


@pytest.fixture(scope="module")
def signer(ca: DevelopmentCa) -> KeyPair:
    return ca.issue(Request(purpose="sign", name="rechenzentrum"))


@pytest.fixture(scope="module")
def centre_site(tmp_path_factory: pytest.TempPathFactory, ca: DevelopmentCa) -> Site:
    """A data centre's certificate stands for every authority of the Land."""
    site = Site(tmp_path_factory.mktemp("land") / "hub", ca)
    site.init("gw:nrw")
    site.client("rechenzentrum", *packaged_directory().behoerden)
    return site


@pytest.fixture
async def hub(centre_site: Site, signer: KeyPair, tmp_path: Path) -> AsyncIterator[Gateway]:
    centre_site.settings["store"] = {"url": f"sqlite:///{tmp_path}/gateway.db"}
    async with running(centre_site.config()) as gateway:
        everybody = tuple(packaged_directory().behoerden)
        certificate = agreed("signatur", signer.certificate)
        await agree(gateway, Partner(id="land", behoerden=everybody, weg="abruf", zertifikate=(certificate,)))
        yield gateway


@pytest.fixture
async def centre(hub: Gateway, centre_site: Site) -> AsyncIterator[Api]:
    async with calling(hub, centre_site.clients["rechenzentrum"]) as api:
        yield api


async def post_with_what_it_refers_to(centre: Api, example: Example) -> dict[str, Any]:
    if example.fremde_id is not None:
        await post_with_what_it_refers_to(centre, BY_ID[example.fremde_id])
    status, answer = await centre.call("POST", "/v1/messages", data=example.form())
    assert status in (200, 202), json.dumps(answer, indent=1, ensure_ascii=False)
    return dict(answer)


async def acknowledge_everything(centre: Api, signer: KeyPair) -> None:
    _, inbox = await centre.call("GET", "/v1/inbox")
    for entry in inbox["eintraege"]:
        parts = [Teil(part["n"], part["name"], "", part["sha256"], part["bytes"]) for part in entry["teile"]]
        signature = sign_detached(ack_content(entry["id"], parts), signer)
        headers = {"Content-Type": "application/pkcs7-signature"}
        status, _ = await centre.call("POST", f"/v1/inbox/{entry['id']}/ack", data=signature, headers=headers)
        assert status == 200


@functools.cache
def description() -> dict[str, Any]:
    return document("", packaged(clock.day(clock.now())))


def assert_described(anlass: str, example: Example, answer: dict[str, Any]) -> None:
    """The description shows this message and this answer."""
    call = description()["paths"]["/v1/messages"]["post"]
    body = call["requestBody"]["content"]
    told = call["responses"]["202"]["content"]["application/json"]["examples"][anlass]["value"]
    assert told | {"id": "", "receipt": {}} == answer | {"id": "", "receipt": {}}
    assert told["receipt"].keys() == answer["receipt"].keys()
    assert told["receipt"]["sha256"] == answer["receipt"]["sha256"]
    if example.files:
        shown = body["multipart/form-data"]["examples"][anlass]["value"]
        assert shown.keys() == {"nachricht", *example.files}
        assert shown["nachricht"].encode() == example.xml
    else:
        assert body["application/xml"]["examples"][anlass]["value"].encode() == example.xml


def test_every_anlass_and_every_number_has_its_journey() -> None:
    assert set(DECIDED) == set(ANLAESSE)
    numbers = {match[0] for nummer in DECIDED.values() if (match := re.match(r"\d(\.\d)?", nummer))}
    assert numbers >= {"2.1", "2.2", "2.3", "2.5", "2.6", "2.7", "2.8", "3.1", "3.2", "3.3", "3.4"}
    assert numbers >= {"4.1", "4.2", "5.1", "5.2", "5.3", "5.5", "5.6", "6"}


@pytest.mark.parametrize("anlass", DECIDED)
async def test_from_the_post_to_the_receipt_and_the_vorgang(centre: Api, signer: KeyPair, anlass: str) -> None:
    example = Example(anlass)
    answer = await post_with_what_it_refers_to(centre, example)
    decision = answer["entscheidung"]
    assert (decision["entscheidung"], decision["nummer"]) == ("zustellen", DECIDED[anlass])
    assert decision["empfaenger"]
    assert_described(anlass, example, answer)
    await acknowledge_everything(centre, signer)
    message = await centre.until(answer["id"], "zugestellt")
    assert sorted(d["empfaenger"] for d in message["zustellungen"]) == sorted(decision["empfaenger"])
    status, part = await centre.call("GET", f"/v1/messages/{answer['id']}/parts/0")
    assert (status, part) == (200, example.xml)
    status, vorgang = await centre.call("GET", f"/v1/vorgaenge/{message['vorgang']}")
    assert status == 200
    assert answer["id"] in [entry["id"] for entry in vorgang["nachrichten"]]
    informed = {entry["abh"] for entry in vorgang["unterrichtungen"] if entry["nachricht"] == answer["id"]}
    assert informed == {key for key in decision["empfaenger"] if key.startswith(("abh:", "zab:"))}
