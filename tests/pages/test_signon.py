"""Log-in by an OpenID provider through the running gateway, and every way to get in that must not work."""

import asyncio
import base64
import hmac
import json
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from gatewayworld import KOELN, Site
from joserfc.jwk import ECKey, RSAKey
from pagesworld import Answer, Visitor, account, visiting
from providerworld import BASE, OpenIdProvider, providing, query_of, settings, sign_on, to_provider

from gateway.pki_issue import DevelopmentCa
from gateway.service.betrieb import provider as provider_module
from gateway.service.betrieb.people import People
from gateway.service.gateway import Gateway, running
from gateway.store.content import reveal

ANNA = {"sub": "a-1", "preferred_username": "a.muster", "groups": ["andere", "gw-betrieb"], "behoerde": ["gw:nrw"]}


@pytest.fixture
async def idp(ca: DevelopmentCa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenIdProvider]:
    monkeypatch.setenv("TEST_OIDC", "ein Geheimnis: 50 % & +")
    monkeypatch.setattr(provider_module, "PAUSE_S", 0.0)
    async with providing(ca, tmp_path) as found:
        found.claims = dict(ANNA)
        yield found


@pytest.fixture
async def hub(idp: OpenIdProvider, site: Site, tmp_path: Path) -> AsyncIterator[Gateway]:
    site.settings = {"anmeldung": settings(idp, tmp_path), "betrieb": {"oeffentliche_url": BASE}}
    async with running(site.config()) as gateway:
        yield gateway


@pytest.fixture
async def visitor(hub: Gateway, ca: DevelopmentCa) -> AsyncIterator[Visitor]:
    async with visiting(hub, ca) as found:
        yield found


def rows(site: Site, table: str) -> int:
    with closing(sqlite3.connect(site.folder / "gateway.db")) as db:
        return int(db.execute(f"select count(*) from {table}").fetchone()[0])


async def test_somebody_known_there_with_a_role_here_gets_in(visitor: Visitor, idp: OpenIdProvider, site: Site) -> None:
    assert "Über den Anmeldedienst anmelden" in (await visitor.get("/betrieb/anmelden")).words
    answer = await sign_on(visitor)
    assert (answer.status, answer.location) == (303, "/betrieb/")
    cookie = answer.headers.getall("Set-Cookie")[0]
    assert cookie.startswith("__Host-sitzung=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(re.split(r"; ?", cookie))
    assert visitor.way == ""
    page = await visitor.get("/betrieb/")
    assert "a.muster" in page.words
    assert (await visitor.get("/betrieb/konten")).status == 404  # betrieb alone
    assert idp.proofs == [{"basic": "nachrichtengateway ein Geheimnis: 50 % & +"}]
    with closing(sqlite3.connect(site.folder / "gateway.db")) as db:
        assert "a-1" not in "\n".join(db.iterdump())  # the store knows a digest
    assert "ändern Sie dort" in (await visitor.get("/betrieb/konto")).words
    assert (await visitor.post("/betrieb/konto", bisher="", neu="ein langes neues Passwort")).status == 422


async def test_what_the_provider_says_now_is_what_counts(
    visitor: Visitor, idp: OpenIdProvider, hub: Gateway, site: Site
) -> None:
    await sign_on(visitor)
    first = visitor.cookie
    idp.claims |= {"groups": "gw-lesen", "behoerde": KOELN, "preferred_username": "a.neu"}
    assert (await sign_on(visitor)).status == 303
    assert visitor.cookie != first
    page = await visitor.get("/betrieb/")
    assert "a.neu" in page.words
    assert "Köln" in page.words
    assert (await visitor.get("/betrieb/partner")).status == 404  # an authority's own staff
    assert (rows(site, "person"), rows(site, "person_session")) == (1, 1)  # the browser's session before is over
    idp.claims |= {"groups": []}
    refused = await sign_on(visitor)
    assert refused.status == 403
    assert "Bitte fragen Sie Frau Muster in der IT." in refused.words
    assert rows(site, "person_session") == 0
    assert (await visitor.get("/betrieb/")).location == "/betrieb/anmelden"


@pytest.mark.parametrize(
    "claims",
    [
        {"groups": None},
        {"groups": {"gw-betrieb": True}},
        {"behoerde": None},
        {"behoerde": "abh:00000"},
        {"behoerde": [KOELN, "gw:nrw"]},
        {"behoerde": KOELN, "groups": ["gw-verwaltung"]},
    ],
    ids=str,
)
async def test_without_role_or_authority_there_is_a_page_and_no_session(
    visitor: Visitor, idp: OpenIdProvider, site: Site, claims: dict[str, Any]
) -> None:
    idp.claims |= claims
    answer = await sign_on(visitor)
    assert (answer.status, "Bitte fragen Sie Frau Muster in der IT." in answer.words) == (403, True), answer.words
    assert (rows(site, "person"), rows(site, "person_session")) == (0, 0)


def unsigned(claims: dict[str, Any], algorithm: str = "none", key: bytes = b"") -> str:
    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    body = f"{part(json.dumps({'alg': algorithm, 'kid': 'eins'}).encode())}.{part(json.dumps(claims).encode())}"
    return f"{body}.{part(hmac.digest(key, body.encode(), 'sha256')) if key else ''}"


LIES: dict[str, dict[str, Any]] = {
    "wrong nonce": {"nonce": "x"},
    "no nonce": {"nonce": None},
    "another client's": {"aud": "andere"},
    "no audience": {"aud": None},
    "several audiences": {"aud": ["nachrichtengateway", "andere"]},
    "for another party": {"aud": ["nachrichtengateway", "andere"], "azp": "andere"},
    "azp of another": {"azp": "andere"},
    "issuer of another": {"iss": "https://boese.example"},
    "issuer with a slash": {"iss": "{issuer}/"},
    "expired": {"exp": int(time.time()) - 3600},
    "without end": {"exp": None},
    "end as text": {"exp": "morgen"},
    "endless": {"exp": 10**400},
    "made in the future": {"iat": int(time.time()) + 3600, "exp": int(time.time()) + 7200},
    "made long ago": {"iat": int(time.time()) - 3600},
    "not yet": {"nbf": int(time.time()) + 3600},
    "nobody": {"sub": None},
    "nameless": {"preferred_username": " "},
}


async def test_a_token_that_is_not_ours_not_now_or_not_theirs_is_refused(
    visitor: Visitor, idp: OpenIdProvider, site: Site
) -> None:
    other = ECKey.generate_key("P-256", {"kid": "zwei"})
    idp.keys.append(ECKey.import_key(other.as_dict(private=False) | {"use": "enc"}))
    for name, lie in LIES.items():
        changed = {
            key: value.replace("{issuer}", idp.issuer) if isinstance(value, str) else value
            for key, value in lie.items()
        }
        idp.lie = lambda claims, changed=changed: {k: v for k, v in (claims | changed).items() if v is not None}
        await refused(visitor, site, name)
    idp.lie = None
    stranger = RSAKey.generate_key(2048, {"kid": "eins"})
    public = idp.keys[0].as_pem(private=False)
    forgeries = {
        "alg none": unsigned,
        "HS256 with the public key": lambda claims: unsigned(claims, "HS256", public),
        "HS256 with the client's secret": lambda claims: unsigned(claims, "HS256", b"ein Geheimnis: 50 % & +"),
        "key of somebody else": lambda claims: idp.signed(claims, stranger),
        "key that brings itself": lambda claims: idp.signed(claims, stranger, jwk=stranger.as_dict(private=False)),
        "unknown key": lambda claims: idp.signed(claims, kid="drei"),
        "key for another use": lambda claims: idp.signed(claims, other, kid="zwei"),
        "algorithm that is not named": lambda claims: idp.signed(claims, alg="RS384"),
        "critical header": lambda claims: idp.signed(claims, crit=["kid"]),
        "another signature": lambda claims: f"{idp.signed(claims)[:-6]}AAAAAA",
        "other claims": lambda claims: idp.signed(claims).replace(".", ".eyJhIjoxfQ.", 1).rpartition(".")[0],
        "encrypted": lambda claims: f"{idp.signed(claims)}.a.b",
        "no token": lambda claims: "",
        "huge": lambda claims: idp.signed(claims | {"x": "y" * 40_000}),
    }
    for name, forge in forgeries.items():
        idp.forge = forge
        await refused(visitor, site, name)
    idp.forge = None
    assert (await sign_on(visitor)).status == 303


async def refused(visitor: Visitor, site: Site, name: str, path: str | None = None, status: int = 403) -> None:
    """No session, nothing in the store, and a page that says nothing about why."""
    answer = await visitor.get(path if path is not None else await to_provider(visitor))
    assert answer.status == status, (name, answer.status, answer.words)
    assert not [each for each in answer.headers.getall("Set-Cookie", []) if each.startswith("__Host-sitzung=")], name
    assert [rows(site, table) for table in ("person", "person_session", "signon_done")] == [0, 0, 0], name
    assert name not in answer.words


async def test_only_the_browser_that_went_comes_back_and_once(
    visitor: Visitor, hub: Gateway, idp: OpenIdProvider, site: Site, ca: DevelopmentCa
) -> None:
    path = await to_provider(visitor)
    good = query_of(path)
    async with visiting(hub, ca) as stranger:
        await refused(stranger, site, "another browser", path)
        await to_provider(stranger)
        await refused(stranger, site, "another browser that went, too", path)
    base = "/betrieb/anmelden/dienst/zurueck"
    for name, query in {
        "no state": {"code": good["code"], "iss": good["iss"]},
        "another state": good | {"state": "x"},
        "another issuer": good | {"iss": "https://boese.example"},
        "no issuer": {"code": good["code"], "state": good["state"]},
        "no code": {"state": good["state"], "iss": good["iss"]},
        "an error": {
            "error": "access_denied",
            "error_description": "boese",
            "state": good["state"],
            "iss": good["iss"],
        },
        "a code of nobody": good | {"code": "x"},
    }.items():
        await refused(visitor, site, name, f"{base}?{'&'.join(f'{k}={v}' for k, v in query.items())}")
    await refused(visitor, site, "twice", f"{path}&state={good['state']}")
    way = visitor.way
    assert (await visitor.get(path)).status == 303
    again = await to_provider(visitor)
    visitor.way = way
    assert (await visitor.get(path)).status == 403  # the very same way
    good_code = query_of(again)["code"]
    replayed = await visitor.get(path.replace(good["code"], good_code))
    assert replayed.status == 403  # the state before, with a code of now: another verifier, another nonce
    assert rows(site, "person_session") == 1


async def test_a_way_that_was_used_opens_no_second_session(
    visitor: Visitor, hub: Gateway, idp: OpenIdProvider, site: Site
) -> None:
    path = await to_provider(visitor)
    way = visitor.way
    assert (await visitor.get(path)).status == 303
    # A provider that takes a code twice and gives the same token again: the store still knows.
    token = idp.id_token({"nonce": nonce_of(hub, way)})
    idp.answers["token"] = lambda _: web.json_response({"id_token": token})
    visitor.way = way
    assert (await visitor.get(path)).status == 403
    assert rows(site, "person_session") == 1


def nonce_of(hub: Gateway, way: str) -> str:
    attempt = json.loads(reveal(hub.ctx.store_key, "anmeldung", bytes.fromhex(way)))
    return str(attempt["nonce"])


async def test_no_address_decides_where_the_browser_goes(visitor: Visitor, idp: OpenIdProvider) -> None:
    for evil in ("https://boese.example", "//boese.example", "/\\boese.example"):
        begun = await visitor.get(f"/betrieb/anmelden/dienst?next={evil}&redirect_uri={evil}")
        assert begun.location.startswith(f"{idp.issuer}/anmelden?")
        assert "boese" not in begun.location
        path = await to_provider(visitor)
        assert (await visitor.get(f"{path}&next={evil}")).location == "/betrieb/"


async def test_keys_too_large_slow_or_gone_let_nobody_in(
    visitor: Visitor, idp: OpenIdProvider, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_module, "ANSWER_S", 0.5)
    over = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await over.wait()
        return web.json_response({"keys": []})

    answers = {
        "too large": lambda _: web.json_response({"keys": [], "x": "y" * 300_000}),
        "slow": slow,
        "gone": lambda _: web.Response(status=500),
        "elsewhere": lambda _: web.Response(status=302, headers={"Location": f"{idp.issuer}/token"}),
        "no JSON": lambda _: web.Response(text="<html>"),
    }
    try:
        for name, answer in answers.items():
            idp.answers["jwks"] = answer
            await refused(visitor, site, name, status=503)
    finally:
        over.set()
    idp.answers["jwks"] = lambda _: web.json_response({"keys": "x"})
    await refused(visitor, site, "no set")
    del idp.answers["jwks"]
    assert (await sign_on(visitor)).status == 303


async def test_logged_out_here_then_there(visitor: Visitor, idp: OpenIdProvider, site: Site) -> None:
    await sign_on(visitor)
    await visitor.get("/betrieb/")
    assert (await visitor.post("/betrieb/abmelden")).location == "/betrieb/abgemeldet"
    assert rows(site, "person_session") == 0
    assert "Auch beim Anmeldedienst abmelden" in (await visitor.get("/betrieb/abgemeldet")).words
    location = (await visitor.get("/betrieb/abgemeldet/dienst")).location
    assert location.startswith(f"{idp.issuer}/abmelden?")
    assert query_of(location) == {
        "client_id": "nachrichtengateway",
        "post_logout_redirect_uri": f"{BASE}/betrieb/abgemeldet",
    }


async def test_who_is_logged_out_by_the_provider_is_out_here(visitor: Visitor, idp: OpenIdProvider, site: Site) -> None:
    await sign_on(visitor)
    now = int(time.time())
    event: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}
    good = {"iss": idp.issuer, "aud": "nachrichtengateway", "iat": now, "exp": now + 60, "jti": "1", "events": event}
    good |= {"sub": ANNA["sub"]}
    forged = RSAKey.generate_key(2048, {"kid": "eins"})
    for name, token in {
        "an ID token": idp.signed(good | {"nonce": "x"}),
        "no event": idp.signed(good | {"events": {}}),
        "no jti": idp.signed({key: value for key, value in good.items() if key != "jti"}),
        "a session alone": idp.signed({key: value for key, value in good.items() if key != "sub"} | {"sid": "1"}),
        "for another": idp.signed(good | {"aud": "andere"}),
        "of another": idp.signed(good | {"iss": "https://boese.example"}),
        "old": idp.signed(good | {"iat": now - 3600}),
        "unsigned": unsigned(good),
        "forged": idp.signed(good, forged),
        "nothing": "",
    }.items():
        assert (await told_out(visitor, token)).status == 400, name
        assert rows(site, "person_session") == 1, name
    assert (await told_out(visitor, idp.signed(good | {"sub": "somebody else"}))).status == 200
    assert rows(site, "person_session") == 1
    answer = await told_out(visitor, idp.signed(good))
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert rows(site, "person_session") == 0
    assert (await visitor.get("/betrieb/")).location == "/betrieb/anmelden"


async def told_out(visitor: Visitor, token: str) -> Answer:
    """The provider's call: no cookie, no origin."""
    path = f"{visitor.base}/betrieb/anmelden/dienst/abgemeldet"
    async with visitor.session.post(path, data={"logout_token": token}) as answer:
        return Answer(answer.status, await answer.text(), answer.headers, "", await answer.read())


async def test_a_disabled_account_stays_out_and_local_accounts_do_not_meet_those_of_the_provider(
    visitor: Visitor, hub: Gateway, ca: DevelopmentCa, site: Site
) -> None:
    local = await account(hub, "a.muster", "lesen")  # the name that the provider gives, too
    await sign_on(visitor)
    assert rows(site, "person") == 2
    async with visiting(hub, ca, local) as other:
        assert "a.muster" in (await other.get("/betrieb/")).words
    people = People(hub.ctx)
    extern = next(each for each in await people.all() if each["extern"])
    await people.disable("zertifikat:kommandozeile", extern["id"])
    assert (await visitor.get("/betrieb/")).location == "/betrieb/anmelden"
    answer = await sign_on(visitor)
    assert (answer.status, "gesperrt" in answer.words) == (403, True)
    assert rows(site, "person_session") == 1  # of the local one


async def test_local_accounts_can_be_turned_off(
    idp: OpenIdProvider, site: Site, tmp_path: Path, ca: DevelopmentCa
) -> None:
    site.settings = {"anmeldung": settings(idp, tmp_path), "betrieb": {"oeffentliche_url": BASE}}
    async with running(site.config()) as gateway, visiting(gateway, ca) as visitor:
        access = await account(gateway, "l.okal", "lesen")
        await visitor.login(gateway, access)
        token = visitor.cookie
    site.settings["betrieb"]["lokale_konten"] = False
    async with running(site.config()) as gateway, visiting(gateway, ca) as visitor:
        assert "Passwort" not in (await visitor.get("/betrieb/anmelden")).text.partition("<form")[2]
        assert (await visitor.login(gateway, access)).status == 404
        visitor.cookie = token
        assert (await visitor.get("/betrieb/")).location == "/betrieb/anmelden"
        visitor.cookie = ""
        assert (await sign_on(visitor)).status == 303


async def test_without_a_provider_its_addresses_are_none(site: Site, ca: DevelopmentCa) -> None:
    async with running(site.config()) as gateway, visiting(gateway, ca) as visitor:
        for path in ("anmelden/dienst", "anmelden/dienst/zurueck?code=1&state=2", "abgemeldet", "abgemeldet/dienst"):
            assert (await visitor.get(f"/betrieb/{path}")).status == 404, path
        assert "Anmeldedienst" not in (await visitor.get("/betrieb/anmelden")).words
