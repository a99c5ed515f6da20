"""The frame of the pages: log-in, session cookie, forms, headers, errors."""

import re

import pytest
from caseworld import Case
from gatewayworld import Site
from pagesworld import Visitor, account, current_code, visiting

from gateway.clock import SECOND
from gateway.errors import TooMany
from gateway.pki_issue import DevelopmentCa
from gateway.service.betrieb.people import People
from gateway.service.gateway import running
from gateway.watch import rates
from gateway.watch.rates import Rate, RateLimit
from gateway.watch.session_http import HEADERS


async def test_without_a_log_in_every_address_leads_there(case: Case) -> None:
    async with visiting(case.hub, case.hub_ca) as visitor:
        for path in ("/", "/betrieb", "/betrieb/", "/betrieb/nachrichten", "/betrieb/gibt-es-nicht", "/v1/inbox"):
            answer = await visitor.get(path)
            assert (answer.status, answer.location) == (303, "/betrieb/anmelden"), path
        page = await visitor.get("/betrieb/anmelden")
        assert page.status == 200
        assert 'autocomplete="one-time-code"' in page.text


async def test_the_cookie_is_for_this_host_alone_and_ends_with_the_session(case: Case) -> None:
    access = await account(case.hub, "b.trieb", "betrieb")
    async with visiting(case.hub, case.hub_ca) as visitor:
        answer = await visitor.login(case.hub, access)
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-sitzung=")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(re.split(r"; ?", cookie))
        assert "Domain" not in cookie
        assert (await visitor.get("/betrieb/")).status == 200
        kept = visitor.cookie
        assert (await visitor.post("/betrieb/abmelden")).location == "/betrieb/anmelden"
        visitor.cookie = kept
        assert (await visitor.get("/betrieb/")).status == 303


async def test_what_does_not_fit_is_answered_alike(case: Case) -> None:
    access = await account(case.hub, "b.trieb", "betrieb")
    code = current_code(case.hub, access)
    async with visiting(case.hub, case.hub_ca) as visitor:
        texts = set()
        for name, password, number in (
            ("niemand", access.password, code),
            (access.name, "falsch", code),
            (access.name, access.password, "000000"),
            ("", "", ""),
        ):
            form = {"name": name, "passwort": password, "code": number}
            answer = await visitor.call("POST", "/betrieb/anmelden", form)
            assert answer.status == 403
            assert "Set-Cookie" not in answer.headers
            texts.add(answer.text)
        assert len(texts) == 1


@pytest.mark.parametrize("path", ["/betrieb/", "/betrieb/anmelden", "/betrieb/gibt-es-nicht", "/betrieb/regeln/3.2"])
async def test_every_answer_has_its_headers_and_nothing_inline(operator: Visitor, path: str) -> None:
    answer = await operator.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)
    assert "Server" not in answer.headers
    assert not re.search(r"<script(?! src=\"/betrieb/static/)|<style|\sstyle=|\son\w+=|javascript:", answer.text)
    assert not re.search(r"""(?:src|href|action)=["'](?!/betrieb/|#)""", answer.text)


async def test_a_form_of_another_site_or_session_does_nothing(case: Case, operator: Visitor) -> None:
    answer = await case.post("polizei", "ermittlungsverfahren_eingeleitet", gefaehrdet_untersuchungszweck=True)
    path = f"/betrieb/nachrichten/{answer['id']}/tun/stornieren/ausfuehren"
    form = {"marke": operator.mark, "grund": "doppelt"}
    for headers in ({"Origin": "https://boese.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await operator.call("POST", path, form, **headers)).status == 403
    assert (await operator.call("POST", path, form | {"marke": "0" * 64})).status == 403
    assert (await operator.call("POST", path, {"grund": "doppelt"})).status == 403
    assert (await operator.call("PUT", path)).status == 405
    assert (await case.get("betrieb", f"/v1/messages/{answer['id']}"))["status"] == "zurueckgestellt"
    assert (await operator.call("POST", path, form)).status == 303
    assert (await case.get("betrieb", f"/v1/messages/{answer['id']}"))["status"] == "storniert"


async def test_a_form_that_cannot_be_read_is_refused(operator: Visitor) -> None:
    path = "/betrieb/vorgaenge"
    for raw in (b"\xff=1", b"a=%ff", b"a=%00", b"a=1&a=2", b"&".join(b"a%d=1" % n for n in range(100))):
        headers = {"Cookie": f"__Host-sitzung={operator.cookie}", "Origin": operator.base}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with operator.session.post(operator.base + path, data=raw, headers=headers) as answer:
            assert answer.status == 400, raw[:20]
    assert (await operator.call("POST", path, {"a": "x" * 70_000})).status == 413


async def test_style_and_script_are_ours_and_nothing_else_is_served(operator: Visitor) -> None:
    for name, kind in (("betrieb.css", "text/css"), ("betrieb.js", "text/javascript")):
        answer = await operator.get(f"/betrieb/static/{name}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
    for name in ("rahmen.html.j2", "..%2fresources.py", "%2e%2e/resources.py"):
        assert (await operator.get(f"/betrieb/static/{name}")).status == 404


async def test_every_log_in_is_a_new_session_and_ends_the_one_before(case: Case) -> None:
    access = await account(case.hub, "b.trieb", "betrieb")
    async with visiting(case.hub, case.hub_ca, access) as visitor, visiting(case.hub, case.hub_ca) as other:
        first = visitor.cookie
        later(case, 60)
        form = {"name": access.name, "passwort": access.password, "code": current_code(case.hub, access)}
        answer = await visitor.call("POST", "/betrieb/anmelden", form | {"marke": visitor.mark})
        assert answer.status == 303, answer.words
        assert visitor.cookie not in ("", first)
        other.cookie = first
        assert (await other.get("/betrieb/")).location == "/betrieb/anmelden"
        assert (await visitor.get("/betrieb/")).status == 200


async def test_a_session_ends_unused_and_ends_of_age(case: Case) -> None:
    access = await account(case.hub, "b.trieb", "betrieb")
    async with visiting(case.hub, case.hub_ca, access) as visitor:
        later(case, 29 * 60)
        assert (await visitor.get("/betrieb/nachrichten")).status == 200
        later(case, 29 * 60)
        assert (await visitor.get("/betrieb/nachrichten", **{"X-Gateway-Live": "1"})).status == 200
        later(case, 2 * 60)  # what the page did by itself has kept nothing alive
        assert (await visitor.get("/betrieb/nachrichten")).location == "/betrieb/anmelden"
        await visitor.login(case.hub, access)
        for _ in range(20):
            later(case, 29 * 60)
            assert (await visitor.get("/betrieb/nachrichten")).status == 200
        later(case, 29 * 60)  # ten hours and a little
        assert (await visitor.get("/betrieb/nachrichten")).location == "/betrieb/anmelden"


def later(case: Case, seconds: int) -> None:
    now = case.hub.ctx.now
    case.hub.ctx.now = lambda: now() + seconds * SECOND


async def test_logging_out_everywhere_ends_every_session(case: Case) -> None:
    access = await account(case.hub, "b.trieb", "betrieb")
    chief = await account(case.hub, "c.hef", "verwaltung")
    async with (
        visiting(case.hub, case.hub_ca, access) as here,
        visiting(case.hub, case.hub_ca) as there,
        visiting(case.hub, case.hub_ca, chief) as boss,
    ):
        later(case, 60)
        await there.login(case.hub, access)
        assert "Überall abmelden" in (await here.get("/betrieb/konto")).words
        assert (await here.post("/betrieb/konto/abmelden")).location == "/betrieb/anmelden"
        for visitor in (here, there):
            assert (await visitor.get("/betrieb/")).location == "/betrieb/anmelden"
        later(case, 60)
        await there.login(case.hub, access)
        await boss.get("/betrieb/konten")
        assert (await boss.post(f"/betrieb/konten/{access.id}/abmelden")).location == "/betrieb/konten"
        assert (await there.get("/betrieb/")).location == "/betrieb/anmelden"
        events = await case.hub.ctx.db.fetch("events_of_art", "konto_geaendert", "", 50)
        assert sum("ueberall_abgemeldet" in event["detail"] for event in events) == 2


async def test_who_asks_too_fast_waits_and_nobody_else_does(
    site: Site, ca: DevelopmentCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "SESSION", Rate(6, 0.01))
    monkeypatch.setattr(rates, "PERSON", Rate(9, 0.01))
    async with running(site.config()) as hub:
        access, other = await account(hub, "b.trieb", "betrieb"), await account(hub, "a.nders", "lesen")
        second = await People(hub.ctx).login(access.name, access.password, current_code(hub, access), "127.0.0.2")
        now = hub.ctx.now
        hub.ctx.now = lambda: now() + 60 * SECOND
        async with visiting(hub, ca, access) as here, visiting(hub, ca) as there, visiting(hub, ca, other) as somebody:
            found = [(await here.get("/betrieb/regeln")).status for _ in range(7)]
            assert found == [200] * 5 + [429] * 2  # the first page after the log-in counts, too
            answer = await here.get("/betrieb/regeln")
            assert 1 <= int(answer.headers["Retry-After"]) <= 100
            assert "Zu viele Anfragen" in answer.words
            assert answer.headers["Content-Type"].startswith("text/html")
            assert (await here.get("/betrieb/static/betrieb.css")).status == 200
            there.cookie = second
            found = [(await there.get("/betrieb/regeln")).status for _ in range(4)]
            assert 429 in found[1:]  # another session of the same person
            assert found[0] == 200
            assert (await somebody.get("/betrieb/regeln")).status == 200


def test_an_allowance_fills_up_again_and_not_beyond() -> None:
    limit = RateLimit(Rate(2, 0.5))
    for at, fits in ((0, True), (0, True), (0, False), (1, False), (2, True), (2, False), (1000, True), (1000, True)):
        if fits:
            limit.demand("a", at)
        else:
            with pytest.raises(TooMany) as refused:
                limit.demand("a", at)
            assert refused.value.retry_after == 2 - at % 2
    with pytest.raises(TooMany):
        limit.demand("a", 1000)
    limit.demand("b", 1000)
