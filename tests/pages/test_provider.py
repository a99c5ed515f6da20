"""What is asked of an OpenID provider and what of its answers counts, at a real one."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from providerworld import CLIENT, OpenIdProvider, providing, settings

from gateway.config_signon import Anmeldung
from gateway.pki import PkiError
from gateway.pki_issue import DevelopmentCa
from gateway.service.betrieb import provider as provider_module
from gateway.service.betrieb.provider import ProviderClient, ProviderFailed
from gateway.watch import oidc

NOW = 1_800_000_000


@pytest.fixture
async def idp(ca: DevelopmentCa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenIdProvider]:
    monkeypatch.setenv("TEST_OIDC", "geheim")
    monkeypatch.setattr(provider_module, "PAUSE_S", 0.0)
    async with providing(ca, tmp_path, "/") as found:  # an issuer that ends with a slash
        yield found


@pytest.fixture
async def client(idp: OpenIdProvider, tmp_path: Path) -> AsyncIterator[ProviderClient]:
    found = ProviderClient(Anmeldung.model_validate(settings(idp, tmp_path)))
    yield found
    await found.close()


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://boese.example"},
        {"issuer": None},
        {"token_endpoint": "http://localhost/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": "http://localhost/ab"},
    ],
    ids=str,
)
async def test_a_document_of_another_or_without_tls_counts_for_nothing(
    client: ProviderClient, idp: OpenIdProvider, document: dict[str, Any]
) -> None:
    idp.document = document
    with pytest.raises(oidc.NotBelieved):
        await client.provider()
    idp.document = {}
    assert (await client.provider()).issuer == idp.issuer


async def test_a_provider_that_fails_is_left_alone_for_a_while(
    client: ProviderClient, idp: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_module, "PAUSE_S", 60.0)
    idp.answers["openid-configuration"] = lambda _: web.Response(status=302, headers={"Location": "https://boese"})
    for _ in range(3):
        with pytest.raises(ProviderFailed):
            await client.provider()
    assert idp.asked == ["openid-configuration"]


async def test_another_server_than_the_issuers_is_not_asked(
    idp: OpenIdProvider, tmp_path: Path, client: ProviderClient
) -> None:
    (tmp_path / "idp-ca.crt").write_text(DevelopmentCa.create().pem)
    stranger = ProviderClient(Anmeldung.model_validate(settings(idp, tmp_path)))
    with pytest.raises(ProviderFailed, match="unreachable"):
        await stranger.provider()
    await stranger.close()


async def test_keys_change_and_are_looked_for_rarely(
    client: ProviderClient, idp: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [key.kid for key in await client.keys()] == ["eins"]
    idp.keys.insert(0, ECKey.generate_key("P-256", {"kid": "zwei"}))
    await asyncio.gather(*(client.keys(unknown=True) for _ in range(20)))
    assert idp.asked.count("jwks") == 1  # just fetched
    monkeypatch.setattr(provider_module, "AGAIN_S", 0.0)
    assert [key.kid for key in await client.keys(unknown=True)] == ["zwei", "eins"]
    assert [key.kid for key in await client.keys()] == ["zwei", "eins"]
    assert idp.asked.count("jwks") == 2


@pytest.mark.parametrize(("kind", "algorithm"), [("ec", "ES256"), ("rsa", "RS256")])
async def test_who_we_are_may_be_signed(idp: OpenIdProvider, tmp_path: Path, kind: str, algorithm: str) -> None:
    key = ECKey.generate_key("P-256") if kind == "ec" else RSAKey.generate_key(2048)
    path = tmp_path / "assertion.key"
    path.write_bytes(key.as_pem(private=True))
    path.chmod(0o600)
    client = ProviderClient(Anmeldung.model_validate(settings(idp, tmp_path, geheimnis=str(path))))
    with pytest.raises(oidc.NotBelieved):
        await client.redeem("x", "y", "https://z.example")
    await client.close()
    (proof,) = idp.proofs
    assert set(proof) == {"client_assertion_type", "client_assertion"}
    claims = oidc.signed_claims(proof["client_assertion"], [key], [algorithm])
    assert (claims["iss"], claims["sub"], claims["aud"]) == (CLIENT, CLIENT, idp.issuer)
    assert 0 < claims["exp"] - time.time() <= 60


async def test_a_secret_in_the_form_where_the_provider_takes_no_header(
    client: ProviderClient, idp: OpenIdProvider
) -> None:
    idp.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    with pytest.raises(oidc.NotBelieved):
        await client.redeem("x", "y", "https://z.example")
    assert idp.proofs == [{"client_id": CLIENT, "client_secret": "geheim"}]


async def test_a_missing_secret_is_told_at_the_start(idp: OpenIdProvider, tmp_path: Path) -> None:
    with pytest.raises(PkiError, match="NICHT_DA"):
        ProviderClient(Anmeldung.model_validate(settings(idp, tmp_path, geheimnis="env:NICHT_DA")))


def test_keys_that_cannot_be_used_are_left_out() -> None:
    good = ECKey.generate_key("P-256", {"kid": "gut"}).as_dict(private=False)
    rows = [
        good,
        RSAKey.generate_key(2048, {"kid": "enc", "use": "enc"}).as_dict(private=False),
        {"kty": "RSA", "n": "wJbz", "e": "AQAB", "kid": "klein"},
        {"kty": "RSA", "n": "A" * 5000, "e": "AQAB", "kid": "gross"},
        {"kty": "RSA", "n": 1},
        {"kty": "oct", "k": "AAAA", "kid": "geheim"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {},
        "x",
    ]
    assert [key.kid for key in oidc.keys_of({"keys": rows})] == ["gut"]
    for document in ({}, {"keys": None}, {"keys": [good] * 51}):
        with pytest.raises(oidc.NotBelieved):
            oidc.keys_of(document)


def test_a_level_that_is_demanded_is_asked_for_and_checked(tmp_path: Path) -> None:
    idp = OpenIdProvider("https://idp.example")
    config = Anmeldung.model_validate(settings(idp, tmp_path, acr=["zwei", "drei"]))
    found = oidc.provider(
        {
            "issuer": idp.issuer,
            "authorization_endpoint": "https://idp.example/a?x=1",
            "token_endpoint": "https://idp.example/t",
            "jwks_uri": "https://idp.example/j",
        },
        idp.issuer,
    )
    attempt = oidc.new_attempt(NOW)
    url = oidc.authorization_url(found, config, "https://gw.example/zurueck", attempt)
    assert url.startswith("https://idp.example/a?x=1&response_type=code&")
    assert "acr_values=zwei+drei" in url
    assert attempt.verifier not in url
    assert oidc.farewell_url(found, config, "https://gw.example/") is None
    claims = {"iss": idp.issuer, "aud": CLIENT, "iat": NOW, "exp": NOW + 60, "nonce": attempt.nonce}
    for acr, fits in (("zwei", True), ("eins", False), (None, False)):
        token = idp.signed(claims | {"acr": acr})
        if fits:
            assert oidc.identity(token, idp.keys, config, attempt.nonce, NOW)["acr"] == acr
        else:
            with pytest.raises(oidc.NotBelieved, match="acr"):
                oidc.identity(token, idp.keys, config, attempt.nonce, NOW)


def test_skew_is_bounded(tmp_path: Path) -> None:
    idp = OpenIdProvider("https://idp.example")
    config = Anmeldung.model_validate(settings(idp, tmp_path))
    token = idp.signed({"iss": idp.issuer, "aud": CLIENT, "iat": NOW, "exp": NOW + 300, "nonce": "n"})
    for now, fits in ((NOW - 60, True), (NOW - 61, False), (NOW + 359, True), (NOW + 360, False)):
        try:
            oidc.identity(token, idp.keys, config, "n", now)
        except oidc.NotBelieved:
            assert not fits, now
        else:
            assert fits, now
    assert jws.extract_compact(token.encode()).headers()["alg"] == "RS256"


def test_an_attempt_ends_after_a_while(tmp_path: Path) -> None:
    found = oidc.Provider("https://i.example", "", "", "", None, False, True)
    attempt = oidc.attempt_of(oidc.new_attempt(NOW).text())
    query = {"state": attempt.state, "code": "c"}
    assert oidc.demand_answer(query, attempt, found, NOW + oidc.ATTEMPT_S) == "c"
    for now in (NOW + oidc.ATTEMPT_S + 1, NOW - 1):
        with pytest.raises(oidc.NotBelieved, match="attempt_over"):
            oidc.demand_answer(query, attempt, found, now)


def test_names_lead_into_nested_claims(tmp_path: Path) -> None:
    idp = OpenIdProvider("https://idp.example")
    config = Anmeldung.model_validate(
        settings(idp, tmp_path, rollen_anspruch=["realm_access", "roles"], behoerde_anspruch=())
    )
    claims = {"sub": "1", "preferred_username": "a", "realm_access": {"roles": ["gw-lesen", "gw-betrieb", "x"]}}
    found = oidc.person_of(claims, config, "gw:nrw")
    assert (found.rollen, found.behoerden) == (frozenset({"lesen", "betrieb"}), frozenset())
    with pytest.raises(oidc.NoAccess):
        oidc.person_of(claims | {"realm_access": ["gw-lesen"]}, config, "gw:nrw")
