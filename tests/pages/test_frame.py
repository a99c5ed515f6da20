"""The frame of the pages: log-in, session cookie, forms, headers, errors."""

import re

import pytest
from caseworld import Case
from pagesworld import Visitor, account, current_code, visiting

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
