"""Every call of `/v1`, tried by every role and by foreign authorities: what must not be seen answers 404."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web
from caseworld import AZR, Case, admit, case_at, notice, until
from gatewayworld import KOELN, Client, Site, agree

from gateway.partner import Partner
from gateway.pki import write_pair
from gateway.pki_issue import DevelopmentCa, Request
from gateway.service.gateway import running


@pytest.fixture
def site(hub_site: Site, ca: DevelopmentCa) -> Site:
    admit(hub_site)
    hub_site.client("verwaltung", rollen=("verwaltung",))
    hub_site.clients["niemand"] = stranger(hub_site, ca)
    return hub_site


def stranger(site: Site, ca: DevelopmentCa) -> Client:
    """Somebody with a certificate of our CA whom the configuration does not name."""
    pair, files = ca.issue(Request(purpose="tls", name="niemand")), site.folder / "clients" / "niemand"
    write_pair(pair, files)
    return Client(pair, files, ca)


@pytest.fixture
async def case(site: Site, ca: DevelopmentCa) -> AsyncIterator[Case]:
    async with running(site.config()) as hub, case_at(hub, site, ca) as found:
        yield found


MISSING = "00000000-0000-4000-8000-000000000000"
SENDER, RECIPIENT, FOREIGN, OTHER_SENDER = "jva", "koeln", "fremd", "polizei"
EVERYBODY = (SENDER, RECIPIENT, FOREIGN, OTHER_SENDER, "betrieb", "revision", "verwaltung")
MESSAGE, VORGANG, ENTRY = "/v1/messages/{id}", "/v1/vorgaenge/{id}", "/v1/inbox/{id}"
ANSWERS: dict[tuple[str, str], tuple[int, ...]] = {
    # what is read                          jva  koeln fremd pol. betr. rev. verw.
    ("GET", MESSAGE): (200, 200, 404, 404, 200, 200, 404),
    ("GET", f"{MESSAGE}/events"): (200, 200, 404, 404, 200, 200, 404),
    ("GET", f"{MESSAGE}/deliveries"): (200, 200, 404, 404, 200, 200, 404),
    ("GET", f"{MESSAGE}/evidence"): (200, 200, 404, 404, 200, 200, 404),
    ("GET", f"{MESSAGE}/parts/{{n}}"): (200, 200, 404, 404, 404, 404, 404),
    ("GET", VORGANG): (200, 200, 404, 404, 200, 200, 404),
    ("GET", "/v1/inbox"): (200, 200, 200, 200, 200, 200, 200),
    ("GET", "/v1/openapi.json"): (200, 200, 200, 200, 200, 200, 200),
    ("POST", "/v1/messages/search"): (200, 200, 200, 200, 200, 200, 200),
    ("POST", "/v1/vorgaenge/search"): (200, 200, 200, 200, 200, 200, 200),
    # what is done: 409 and 422 are told to whoever may do it, 403 is told alike about what there is and is not
    ("POST", "/v1/messages"): (202, 403, 403, 403, 403, 403, 403),
    ("POST", f"{MESSAGE}/forward"): (403, 422, 404, 404, 403, 403, 403),
    ("POST", f"{MESSAGE}/release"): (409, 404, 404, 404, 409, 403, 404),
    ("POST", f"{MESSAGE}/assign"): (403, 403, 403, 403, 409, 403, 403),
    ("POST", f"{MESSAGE}/resend"): (403, 403, 403, 403, 409, 403, 403),
    ("POST", f"{ENTRY}/ack"): (404, 422, 404, 404, 403, 403, 403),
    ("POST", f"{MESSAGE}/cancel"): (403, 403, 403, 403, 200, 403, 403),
}
ELSEWHERE = {("GET", "/v1/events")}
"""An answer without end: each caller's slice of it is tried in test_stream."""
SEES = {SENDER, RECIPIENT, "betrieb", "revision"}
SHOWN_IN: dict[str, set[str]] = {
    "/v1/messages/search": SEES,
    "/v1/vorgaenge/search": SEES,
    "/v1/inbox": {RECIPIENT},
}
"""Who finds the message, or its Vorgang, in a list."""
BODIES: dict[str, dict[str, Any]] = {
    "forward": {"json": {"grund": "so"}},
    "release": {"json": {"grund": "so"}},
    "assign": {"json": {"grund": "so", "an": KOELN}},
    "resend": {"json": {"grund": "so"}},
    "cancel": {"json": {"grund": "so"}},
    "ack": {"data": b"x", "headers": {"Content-Type": "application/pkcs7-signature"}},
    "/v1/messages/search": {"json": {}},
    "/v1/vorgaenge/search": {"json": {"azr_nummer": AZR}},
}


def body(method: str, path: str) -> dict[str, Any]:
    if (method, path) == ("POST", "/v1/messages"):
        return {"data": notice("strafhaft_antritt"), "headers": {"Content-Type": "application/xml"}}
    return BODIES[path if path in BODIES else path.rpartition("/")[2]] if method == "POST" else {}


async def test_every_call_with_every_caller(case: Case) -> None:
    app: web.Application = case.hub.listeners._apps["api"]
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert served == ANSWERS.keys() | ELSEWHERE  # a new route without a line fails
    ids = await there(case)
    for (method, path), statuses in ANSWERS.items():
        for who, expected in zip(EVERYBODY, statuses, strict=True):
            status, value = await case[who].call(method, filled(path, ids), **body(method, path))
            assert status == expected, (method, path, who, value)
            if path in SHOWN_IN:
                found = {ids[MESSAGE], ids[VORGANG]} & set(re.findall(r"[0-9a-f-]{36}", str(value["eintraege"])))
                assert bool(found) is (who in SHOWN_IN[path]), (path, who)
            if status in (403, 404) and "{" in path and who not in SEES:
                missing = await case[who].call(method, filled(path, dict.fromkeys(ids, MISSING)), **body(method, path))
                assert missing == (status, value), (method, path, who)
        status, value = await case["niemand"].call(method, filled(path, ids), **body(method, path))
        assert (status, value["errors"][0]["code"]) == (403, "zertifikat_unbekannt"), (method, path)


async def there(case: Case) -> dict[str, str]:
    """A message to Stadt Köln, its Vorgang and the entry in the inbox, by the addresses that name them."""
    await agree(case.hub, Partner(id="koeln", behoerden=(KOELN,), weg="abruf"))
    answer = await case.post(SENDER, "untersuchungshaft_antritt")
    message = await case.get("betrieb", f"/v1/messages/{answer['id']}")
    (entry,) = await until(lambda: case.inbox(RECIPIENT), 1)
    return {MESSAGE: answer["id"], VORGANG: message["vorgang"], ENTRY: entry["id"]}


def filled(path: str, ids: Mapping[str, str]) -> str:
    for prefix, value in ids.items():
        if path.startswith(prefix):
            path = path.replace("{id}", value)
    return path.replace("{n}", "0")
