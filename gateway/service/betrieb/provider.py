"""The OpenID provider over HTTP: its discovery document, its keys, and a code turned into an ID token.

Promises: only the addresses of the configured issuer's own document are asked, by TLS, without following a redirect;
no answer beyond a limit of bytes or time is read. Document and keys are kept for a while; a key that is not known is
looked for again, but rarely, whatever comes in. A provider that fails is not asked again by everybody at once.
Fails: `ProviderFailed` where it gives no answer that can be used, `NotBelieved` where it refuses a code or answers as
somebody else, `PkiError` for a secret of ours that cannot be read.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_plus

import aiohttp
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gateway.config_signon import Anmeldung
from gateway.errors import Malformed
from gateway.kek import secret_text
from gateway.pki import PkiError, load_certificates, pem_of
from gateway.send.http import new_session
from gateway.tls import client_context
from gateway.watch.oidc import Key, NotBelieved, Provider, keys_of, provider
from gateway.web import json_object

log = logging.getLogger(__name__)

ANSWER_BYTES: Final = 256 * 1024
"""Most bytes of an answer: discovery documents have 10 KB, key sets with certificates some more."""
ANSWER_S: Final = 10.0
"""How long one answer may take in all: somebody waits for it."""
FRESH_S: Final = 3600.0
"""How long document and keys are kept: a key that the provider withdrew ends within an hour."""
AGAIN_S: Final = 60.0
"""How often at most the keys are fetched for a key that is not known."""
PAUSE_S: Final = 5.0
"""How long a provider that failed is left alone."""
ASSERTION_S: Final = 60
"""How long our own assertion counts: it is used at once."""
_PEM: Final = b"-----BEGIN"


class ProviderFailed(Exception):
    """The provider gave no answer that can be used; `code` is stable, for the log."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class ProviderClient:
    """One issuer, asked and remembered."""

    def __init__(self, settings: Anmeldung) -> None:
        """Raises `PkiError` for a secret or a CA that cannot be read."""
        self.settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._tls = client_context([pem_of(each) for each in load_certificates(settings.ca)] if settings.ca else ())
        secret_text(settings.geheimnis)  # a missing one is better said at the start
        self._one = asyncio.Lock()
        """One look at a time: who comes meanwhile finds its result."""
        self._found: Provider | None = None
        self._found_at = 0.0
        self._keys: list[Key] = []
        self._keys_at: float | None = None
        self._failed_at: float | None = None

    async def close(self) -> None:
        """Ends its connections."""
        if self._session is not None:
            await self._session.close()

    async def provider(self) -> Provider:
        """What the discovery document says.

        Raises:
            ProviderFailed, NotBelieved: it cannot be had, or speaks for another issuer.
        """
        async with self._one:
            if self._found is None or time.monotonic() - self._found_at > FRESH_S:
                issuer = self.settings.aussteller
                document = await self._json("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                self._found, self._found_at = provider(document, issuer), time.monotonic()
            return self._found

    async def keys(self, *, unknown: bool = False) -> list[Key]:
        """The provider's keys.

        Args:
            unknown: a token names a key that is not among them.

        Raises:
            ProviderFailed, NotBelieved: they cannot be had.
        """
        found = await self.provider()
        async with self._one:
            age = FRESH_S if self._keys_at is None else time.monotonic() - self._keys_at
            if age >= (AGAIN_S if unknown else FRESH_S):
                self._keys = keys_of(await self._json("GET", found.jwks))
                self._keys_at = time.monotonic()
            return self._keys

    async def redeem(self, code: str, verifier: str, redirect: str) -> str:
        """The ID token for a code (OpenID Connect Core section 3.1.3, RFC 7636 section 4.5).

        Raises:
            ProviderFailed: no answer.
            NotBelieved: the provider refuses the code, or there is no ID token.
        """
        found = await self.provider()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        proof = await asyncio.to_thread(secret_text, self.settings.geheimnis)
        headers: dict[str, str] = {}
        if proof.startswith(_PEM):
            form |= self._assertion(proof)
        elif found.takes_basic:  # RFC 6749 section 2.3.1: both are form-encoded first
            name, secret = quote_plus(self.settings.client_id), quote_plus(proof.decode())
            headers = {"Authorization": aiohttp.encode_basic_auth(name, secret)}
        else:
            form |= {"client_id": self.settings.client_id, "client_secret": proof.decode()}
        answer = await self._json("POST", found.token, data=form, headers=headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotBelieved("token_refused")
        return token

    def _assertion(self, pem: bytes) -> dict[str, str]:
        """Who we are, signed (RFC 7523 section 2.2), for the issuer alone."""
        try:
            key: RSAKey | ECKey = RSAKey.import_key(pem) if b" RSA " in pem else _either(pem)
            algorithm = {"P-256": "ES256", "P-384": "ES384"}[key.curve_name] if isinstance(key, ECKey) else "RS256"
        except (JoseError, ValueError, TypeError, KeyError):
            raise PkiError("[anmeldung] geheimnis: kein Schlüssel für RS256, ES256 oder ES384") from None
        now, client = int(time.time()), self.settings.client_id
        claims = {"iss": client, "sub": client, "aud": self.settings.aussteller, "jti": secrets.token_urlsafe(16)}
        payload = json.dumps(claims | {"iat": now, "exp": now + ASSERTION_S})
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jws.serialize_compact({"alg": algorithm, "typ": "JWT"}, payload, key),
        }

    async def _json(self, method: str, url: str, **options: Any) -> Mapping[str, Any]:
        """One answer as a JSON object; a 400 of the token endpoint has one, too (RFC 6749 section 5.2)."""
        if self._failed_at is not None and time.monotonic() - self._failed_at < PAUSE_S:
            raise ProviderFailed("pause")
        try:
            found = await self._asked(method, url, **options)
        except ProviderFailed as failed:
            self._failed_at = time.monotonic()
            log.warning("identity provider failed: %s", failed.code)
            raise
        self._failed_at = None
        return found

    async def _asked(self, method: str, url: str, **options: Any) -> Mapping[str, Any]:
        if self._session is None:
            self._session = new_session(private_addresses=True)  # the operator names the issuer: it may be next door
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            async with self._session.request(
                method, url, allow_redirects=False, ssl=self._tls, timeout=timeout, **options
            ) as answer:
                if answer.status not in ((200,) if method == "GET" else (200, 400, 401)):
                    raise ProviderFailed(f"http_{answer.status}")
                return json_object(await _read(answer))
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise ProviderFailed("unreachable") from None
        except (ValueError, Malformed):
            raise ProviderFailed("unreadable") from None


def _either(pem: bytes) -> RSAKey | ECKey:
    """PKCS#8 does not say in its frame what it holds."""
    try:
        return ECKey.import_key(pem)
    except (JoseError, ValueError, TypeError):
        return RSAKey.import_key(pem)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_chunked(ANSWER_BYTES):
        content += chunk
        if len(content) > ANSWER_BYTES:
            answer.close()
            raise ProviderFailed("too_large")
    return bytes(content)
