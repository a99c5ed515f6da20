"""An OpenID provider in the test process: over TLS, with keys made at test time; and every lie that one can tell."""

import base64
import contextlib
import hashlib
import json
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from pagesworld import Answer, Visitor

from gateway.demo.cast import free_port
from gateway.pki import write_pair
from gateway.pki_issue import DevelopmentCa, Request

CLIENT = "nachrichtengateway"
SECRET = "ein Geheimnis: 50 % & +"
BASE = "https://gateway.example"
"""Where people reach the gateway, as far as the provider knows."""


@dataclass
class OpenIdProvider:
    """What it says, and to whom."""

    issuer: str
    claims: dict[str, Any] = field(default_factory=dict)
    """Of the person who is logged in there."""
    keys: list[Any] = field(default_factory=lambda: [RSAKey.generate_key(2048, {"kid": "eins", "use": "sig"})])
    """Published, the first one signs."""
    lie: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """Changes the claims of a token before they are signed."""
    forge: Callable[[dict[str, Any]], str] | None = None
    """Makes the token instead."""
    answers: dict[str, Callable[[web.Request], Any]] = field(default_factory=dict)
    """What a path answers instead."""
    document: dict[str, Any] = field(default_factory=dict)
    """What the discovery document says beside the usual."""
    asked: list[str] = field(default_factory=list)
    """Paths that somebody asked for."""
    proofs: list[dict[str, str]] = field(default_factory=list)
    """How clients said who they are."""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def application(self) -> web.Application:
        base = urlsplit(self.issuer).path.rstrip("/")
        app = web.Application(middlewares=[self._instead])
        app.add_routes(
            [
                web.get(f"{base}/.well-known/openid-configuration", self.discovery),
                web.get(f"{base}/anmelden", self.authorize),
                web.post(f"{base}/token", self.token),
                web.get(f"{base}/jwks", self.jwks),
            ]
        )
        return app

    @web.middleware
    async def _instead(self, request: web.Request, handler: Any) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        self.asked.append(name)
        if name in self.answers:
            found = self.answers[name](request)
            return await found if not isinstance(found, web.StreamResponse) else found
        return await handler(request)

    async def discovery(self, _: web.Request) -> web.Response:
        base = self.issuer.rstrip("/")
        usual = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{base}/anmelden",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "end_session_endpoint": f"{base}/abmelden",
            "authorization_response_iss_parameter_supported": True,
        }
        return web.json_response(usual | self.document)

    async def authorize(self, request: web.Request) -> web.Response:
        """Somebody is logged in already, and agrees."""
        asked = dict(request.query)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        return web.Response(status=303, headers={"Location": f"{asked['redirect_uri']}?{query}"})

    async def token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        self.proofs.append(self._proof(request, form))
        asked = self._codes.pop(str(form.get("code")), None)
        if asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest())
        if challenge.rstrip(b"=").decode() != asked["code_challenge"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": self.id_token(asked)})

    async def jwks(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.keys]})

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims |= self.claims
        if self.lie is not None:
            claims = self.lie(claims)
        return self.forge(claims) if self.forge is not None else self.signed(claims)

    def signed(self, claims: dict[str, Any], key: Any = None, **header: Any) -> str:
        key = key or self.keys[0]
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        head = {"alg": algorithm, "kid": key.kid, "typ": "JWT"} | header
        return jws.serialize_compact(
            {name: value for name, value in head.items() if value is not None},
            json.dumps(claims),
            key,
            registry=jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False),
        )

    @staticmethod
    def _proof(request: web.Request, form: dict[str, Any]) -> dict[str, str]:
        header = request.headers.get("Authorization", "")
        if header.startswith("Basic "):
            name, _, secret = base64.b64decode(header[6:]).decode().partition(":")
            return {"basic": f"{unquote_plus(name)} {unquote_plus(secret)}"}
        return {name: str(value) for name, value in form.items() if name.startswith("client_")}


@contextlib.asynccontextmanager
async def providing(ca: DevelopmentCa, folder: Any, path: str = "/realms/land") -> AsyncIterator[OpenIdProvider]:
    """A provider that answers at its own TLS address."""
    port = free_port()
    write_pair(ca.issue(Request(purpose="tls", name="idp", hosts=("localhost",))), folder / "idp")
    (folder / "idp-ca.crt").write_text(ca.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "idp.crt", folder / "idp.key")
    found = OpenIdProvider(f"https://localhost:{port}{path}")
    runner = web.AppRunner(found.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "localhost", port, ssl_context=context).start()
        yield found
    finally:
        await runner.cleanup()


def settings(provider: OpenIdProvider, folder: Any, **other: Any) -> dict[str, Any]:
    """`[anmeldung]` for this provider."""
    return {
        "aussteller": provider.issuer,
        "client_id": CLIENT,
        "geheimnis": "env:TEST_OIDC",
        "ca": str(folder / "idp-ca.crt"),
        "rollen_anspruch": "groups",
        "rollen": {"lesen": ["gw-lesen"], "betrieb": ["gw-betrieb"], "verwaltung": ["gw-verwaltung"]},
        "behoerde_anspruch": "behoerde",
        "ansprechstelle": "Frau Muster in der IT",
    } | other


async def to_provider(visitor: Visitor) -> str:
    """The browser goes to the provider, where somebody is logged in; where it is sent back to, as a path."""
    begun = await visitor.get("/betrieb/anmelden/dienst")
    assert begun.status == 303, begun.words
    async with visitor.session.get(begun.location, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        location = answer.headers["Location"]
    assert location.startswith(f"{BASE}/betrieb/anmelden/dienst/zurueck?")
    return location.removeprefix(BASE)


async def sign_on(visitor: Visitor) -> Answer:
    """There and back."""
    return await visitor.get(await to_provider(visitor))


def query_of(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
