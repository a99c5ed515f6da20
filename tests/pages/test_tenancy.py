"""Every page and call, tried by every role and by a foreign authority: what must not be seen answers 404."""

import re
from dataclasses import dataclass

import pytest
from caseworld import Case
from gatewayworld import KOELN, agree
from pagesworld import Visitor, account, visiting

from gateway.partner import Partner
from gateway.watch.acts import ACTS
from gateway.watch.people import Person, Rolle
from gateway.watch.session_http import HEADERS, Page

DORTMUND = "abh:05913000"
FIXED = {name: value for name, value in HEADERS.items() if name != "Content-Security-Policy"}
OPEN_ROUTES = {
    ("GET", "/"),
    ("GET", "/betrieb"),
    ("GET", "/betrieb/static/{name}"),
    ("GET", "/betrieb/anmelden"),
    ("POST", "/betrieb/anmelden"),
    ("POST", "/betrieb/abmelden"),
    ("GET", "/betrieb/anmelden/dienst"),
    ("GET", "/betrieb/anmelden/dienst/zurueck"),
    ("POST", "/betrieb/anmelden/dienst/abgemeldet"),
    ("GET", "/betrieb/abgemeldet"),
    ("GET", "/betrieb/abgemeldet/dienst"),
}
"""What needs no right: tried in test_frame and test_signon."""
MISSING = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Who:
    rolle: Rolle
    behoerde: str | None

    @property
    def person(self) -> Person:
        keys = frozenset({self.behoerde} if self.behoerde else ())
        return Person("", "", frozenset({self.rolle}), keys)


EVERYBODY = [
    *(Who(rolle, None) for rolle in Rolle),
    *(Who(rolle, key) for rolle in (Rolle.LESEN, Rolle.BETRIEB) for key in (KOELN, DORTMUND)),
]


async def targets(case: Case) -> dict[str, str]:
    """A message to Stadt Köln with its Vorgang, and somebody else's look at it."""
    await agree(case.hub, Partner(id="koeln", behoerden=(KOELN,), weg="abruf"))
    answer = await case.post("jva", "untersuchungshaft_antritt")
    message = await case.get("betrieb", f"/v1/messages/{answer['id']}")
    other = await account(case.hub, "a.nderer", "betrieb")
    async with visiting(case.hub, case.hub_ca, other) as visitor:
        look = (await visitor.post(f"/betrieb/nachrichten/{answer['id']}/einsicht", grund="so")).location
    return {"id": answer["id"], "vorgang": message["vorgang"], "einsicht": look, "konto": other.id}


def addresses(page: Page, found: dict[str, str]) -> list[tuple[str, str]]:
    """The address of a page, filled with what is there; one for each act. With it, what the address is about."""
    path = page.path
    if path.startswith("/betrieb/nachrichten/{id}/tun/{act}"):
        return [(path.replace("{id}", found["id"]).replace("{act}", act), f"act:{act}") for act in ACTS]
    if path.startswith("/betrieb/nachrichten/{id}"):
        return [(path.replace("{id}", found["id"]), "message")]
    if path.startswith("/betrieb/vorgaenge/{id}"):
        return [(path.replace("{id}", found["vorgang"]), "message")]
    if path.startswith("/betrieb/einsichten/{id}"):
        part = re.sub(r"\{n:.*\}$", "0", path.replace("/betrieb/einsichten/{id}", found["einsicht"]))
        return [(part, "look")]
    path = path.replace("{what:anhalten|weiter}", "anhalten")
    filled = {"{table}": "behoerde", "{key}": KOELN, "{nummer}": "3.2", "{name}": "koeln", "{what}": "sperren"}
    for name, value in (filled | {"{id}": found["konto"]}).items():
        path = path.replace(name, value)
    assert "{" not in path, path
    return [(path, "")]


async def test_every_route_is_tried_here_and_no_form_counts_without_its_mark(case: Case, operator: Visitor) -> None:
    app = case.hub.pages.app()
    served = {
        (route.method, re.sub(r":[^}]*\}+", "}", route.resource.canonical))
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    pages = case.hub.pages.pages
    assert served == {(page.method, re.sub(r":[^}]*\}+", "}", page.path)) for page in pages} | OPEN_ROUTES
    for page in pages:
        if page.method == "POST":
            path = re.sub(r"\{[^{}]*(\{[^}]*\})?[^{}]*\}", MISSING, page.path).replace(f"spur/{MISSING}", "spur/weiter")
            assert (await operator.call("POST", path, {"grund": "so"})).status == 403, path
            foreign = {"Origin": "https://boese.example"}
            assert (await operator.call("POST", path, {"grund": "so", "marke": operator.mark}, **foreign)).status == 403


@pytest.mark.parametrize("who", EVERYBODY, ids=lambda who: f"{who.rolle}-{who.behoerde or 'eigen'}")
async def test_every_address_with_every_role(case: Case, who: Who) -> None:
    found = await targets(case)
    access = await account(case.hub, "v.ersuch", str(who.rolle), behoerden=(who.behoerde,) if who.behoerde else ())
    async with visiting(case.hub, case.hub_ca, access) as visitor:
        for page in case.hub.pages.pages:
            for path, about in addresses(page, found):
                answer = await (visitor.get(path) if page.method == "GET" else visitor.post(path, grund="so"))
                assert answer.status != 500, path
                policy = answer.headers["Content-Security-Policy"]
                assert "unsafe" not in policy, path
                assert "frame-ancestors 'none'" in policy, path
                assert {name: answer.headers[name] for name in FIXED} == FIXED, path
                if path.endswith("/spur/anhalten/ausfuehren") and answer.status == 303:
                    await visitor.post(path.replace("anhalten", "weiter"), grund="so")
                hidden = is_hidden(who, page, about)
                assert (answer.status == 404) is hidden, (page.method, path, answer.status, answer.words[:400])


def is_hidden(who: Who, page: Page, about: str) -> bool:
    person = who.person
    if not person.may(page.right):
        return True
    if who.behoerde == DORTMUND and about:
        return True
    if about == "look":  # somebody else's: only a second person of our own staff may agree
        return not page.path.endswith("/zustimmen")
    if about.startswith("act:"):
        return not person.may(ACTS[about[4:]].right)
    return False


async def test_what_is_hidden_looks_like_what_is_not_there(case: Case) -> None:
    found = await targets(case)
    access = await account(case.hub, "f.remd", "betrieb", behoerden=(DORTMUND,))
    async with visiting(case.hub, case.hub_ca, access) as visitor:
        hidden = await visitor.get(f"/betrieb/nachrichten/{found['id']}")
        missing = await visitor.get(f"/betrieb/nachrichten/{MISSING}")
        assert (hidden.status, hidden.text) == (missing.status, missing.text)
        assert await shown(visitor) == set()
        assert found["id"] not in (await visitor.get("/betrieb/")).text
        assert "Keine offenen Pflichten" in (await visitor.get("/betrieb/fristen")).words


async def shown(visitor: Visitor) -> set[str]:
    """Messages of the list."""
    text = (await visitor.get("/betrieb/nachrichten")).text
    return set(re.findall(r'href="/betrieb/nachrichten/([0-9a-f-]{36})"', text))


async def test_an_authority_sees_its_own_messages_and_duties_and_no_more(case: Case) -> None:
    own = await case.post("jva", "untersuchungshaft_antritt")
    await case.post("polizei", "ermittlungsverfahren_eingeleitet")
    access = await account(case.hub, "k.oeln", "lesen", behoerden=(KOELN,))
    async with visiting(case.hub, case.hub_ca, access) as visitor:
        assert await shown(visitor) == {own["id"]}
        page = await visitor.get(f"/betrieb/nachrichten/{own['id']}")
        assert "Entscheidung nach dem Erlass" not in page.words  # a recipient sees its delivery, not the decision
        assert "Weiterleiten" not in page.words  # only reads
        assert "b.trieb" not in page.text
        assert "3.3" in (await visitor.get("/betrieb/fristen")).words
        look = (await visitor.post(f"/betrieb/nachrichten/{own['id']}/einsicht", grund="Akte anlegen")).location
        assert "Beispielová" in (await visitor.get(f"{look}/nachricht")).text
