"""OpenID Connect, the pure part: what we ask a provider, and what of its answers we believe.

Promises: no I/O, no clock. A discovery document counts for its own issuer alone; an ID token counts only with a
signature that the configuration names, by a key of the issuer, for us, for this very attempt, now. `identity` returns
what it verified or raises; no claim is read before its signature fits.
Fails: `NotBelieved` with a stable code, `UnknownKey` where another look at the provider's keys may help, `NoAccess`
with a German sentence for somebody who is who he says and has nothing to do here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlencode

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.config_signon import Anmeldung
from gateway.errors import Malformed
from gateway.watch.people import role_faults
from gateway.web import json_object

SKEW_S: Final = 60
"""How far the provider's clock and ours may differ."""
TOKEN_AGE_S: Final = 600
"""Oldest ID token that is believed: it is fetched within moments of being made."""
ATTEMPT_S: Final = 600
"""How long somebody may take to log in at the provider."""
TOKEN_CHARS: Final = 32 * 1024
"""Longest ID token that is looked at; with hundreds of groups one has some kilobytes."""
KEYS: Final = 50
"""Keys of a provider that are looked at: it has a handful."""
RSA_BITS: Final = range(2048, 8193)
"""Smallest that BSI TR-02102-1 still tolerates, largest that costs no noticeable time."""
SUBJECT_CHARS: Final = 255
"""OpenID Connect Core section 2: `sub` is no longer."""
NAME_CHARS: Final = 60
"""As for local accounts."""

LOGGED_OUT: Final = "http://schemas.openid.net/event/backchannel-logout"
"""What a logout token says (Back-Channel Logout 1.0 section 2.4)."""

Key = RSAKey | ECKey | OKPKey
_KINDS: Final[dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_PUBLIC: Final = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")


class NotBelieved(Exception):
    """What came is not from the provider, not for us, or not for this attempt; `code` is stable, for the log."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class UnknownKey(NotBelieved):
    """The token names a key that is not among those that we know."""


class NoAccess(Exception):
    """Somebody is who he says and has nothing to do here; the text is German, for a page."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What a discovery document says, as far as we use it."""

    issuer: str
    authorization: str
    token: str
    jwks: str
    end_session: str | None
    names_issuer: bool
    """Whether each of its answers names the issuer (RFC 9207)."""
    takes_basic: bool
    """Whether our secret goes into a header, else into the form."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One person's way to the provider and back; the browser keeps it, sealed."""

    state: str
    nonce: str
    verifier: str
    at: int
    """When it began, in seconds."""

    def text(self) -> str:
        """For `attempt_of`."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the provider vouches for, with what our configuration makes of it."""

    subject: str
    name: str
    rollen: frozenset[str]
    behoerden: frozenset[str]


def provider(document: Mapping[str, Any], issuer: str) -> Provider:
    """The provider that a discovery document describes (OpenID Connect Discovery 1.0 sections 3 and 4.3).

    Raises:
        NotBelieved: it speaks for another issuer, or lacks an address, or one is not https.
    """
    if document.get("issuer") != issuer:
        raise NotBelieved("discovery_issuer")
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    ends = "end_session_endpoint"
    return Provider(
        issuer,
        _address(document, "authorization_endpoint"),
        _address(document, "token_endpoint"),
        _address(document, "jwks_uri"),
        _address(document, ends) if document.get(ends) is not None else None,
        document.get("authorization_response_iss_parameter_supported") is True,
        isinstance(methods, list) and "client_secret_basic" in methods,
    )


def new_attempt(at: int) -> Attempt:
    """A new attempt: state, nonce and PKCE verifier of 256 bits each (RFC 7636 section 4.1)."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Attempt(state, nonce, verifier, at)


def attempt_of(text: str) -> Attempt:
    """What `Attempt.text` wrote."""
    return Attempt(**json.loads(text))


def authorization_url(found: Provider, settings: Anmeldung, redirect: str, attempt: Attempt) -> str:
    """Where the browser goes (OpenID Connect Core section 3.1.2.1, RFC 7636 section 4.3)."""
    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect,
        "scope": " ".join(settings.umfang),
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if settings.acr:
        query["acr_values"] = " ".join(settings.acr)
    return _with_query(found.authorization, query)


def farewell_url(found: Provider, settings: Anmeldung, redirect: str) -> str | None:
    """Where the session at the provider ends (RP-Initiated Logout 1.0 section 2); None where it offers none.

    Without `id_token_hint`: an ID token holds personal data, and an address is written down in many places.
    """
    if found.end_session is None:
        return None
    query = {"client_id": settings.client_id, "post_logout_redirect_uri": redirect}
    return _with_query(found.end_session, query)


def demand_answer(query: Mapping[str, str], attempt: Attempt, found: Provider, now: int) -> str:
    """The code that the provider sent with the browser.

    Raises:
        NotBelieved: another state, too late, another issuer (RFC 9207 section 2.4), an error instead of a code.
    """
    if not secrets.compare_digest(query.get("state", "").encode(), attempt.state.encode()):
        raise NotBelieved("state")
    if not 0 <= now - attempt.at <= ATTEMPT_S:
        raise NotBelieved("attempt_over")
    issuer = query.get("iss")
    if issuer != found.issuer and (issuer is not None or found.names_issuer):
        raise NotBelieved("answer_issuer")
    code = query.get("code", "")
    if "error" in query or not code:
        raise NotBelieved("provider_refused")
    return code


def keys_of(document: Mapping[str, Any]) -> list[Key]:
    """The public signature keys of a JWK set (RFC 7517); what is none of ours to use is left out.

    Raises:
        NotBelieved: it is no JWK set.
    """
    rows = document.get("keys")
    if not isinstance(rows, list) or len(rows) > KEYS:
        raise NotBelieved("jwks")
    return [key for row in rows if isinstance(row, dict) and (key := _key(row)) is not None]


def identity(token: str, keys: Iterable[Key], settings: Anmeldung, nonce: str, now: int) -> Mapping[str, Any]:
    """The claims of an ID token, once everything fits (OpenID Connect Core section 3.1.3.7).

    Steps: 1 form and algorithm, 2 key, 3 signature, 4 issuer, audience and `azp`, 5 times, 6 nonce, 7 level.

    Args:
        token: as the token endpoint gave it.
        keys: of the issuer, by `keys_of`.
        settings: issuer, client and algorithms that count.
        nonce: of this attempt.
        now: in seconds.

    Raises:
        UnknownKey: it names a key that is not among `keys`.
        NotBelieved: anything else does not fit.
    """
    claims = signed_claims(token, keys, settings.algorithmen)  # 1 to 3
    _demand_parties(claims, settings)  # 4
    _demand_now(claims, now)  # 5
    if not isinstance(claims.get("nonce"), str) or not secrets.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise NotBelieved("nonce")  # 6
    if settings.acr and claims.get("acr") not in settings.acr:
        raise NotBelieved("acr")  # 7
    return claims


def logged_out(token: str, keys: Iterable[Key], settings: Anmeldung, now: int) -> str:
    """Whose sessions a logout token ends (Back-Channel Logout 1.0 section 2.6).

    Returns:
        The subject. A token that names a session of the provider's alone is not believed: we do not keep its number.

    Raises:
        UnknownKey, NotBelieved: as `identity`; it is no logout token, or could be an ID token.
    """
    claims = signed_claims(token, keys, settings.algorithmen)
    _demand_parties(claims, settings)
    _demand_now(claims, now)
    events, subject = claims.get("events"), claims.get("sub")
    if not isinstance(events, dict) or not isinstance(events.get(LOGGED_OUT), dict) or "nonce" in claims:
        raise NotBelieved("logout_token")
    if not isinstance(claims.get("jti"), str) or not isinstance(subject, str) or not subject:
        raise NotBelieved("logout_token")
    return subject


def signed_claims(token: str, keys: Iterable[Key], algorithms: Collection[str]) -> dict[str, Any]:
    """The claims of a JWT whose signature fits (RFC 7515 section 5.2, RFC 8725).

    Raises:
        UnknownKey, NotBelieved: as `identity`.
    """
    header = _header(token)
    if header.get("alg") not in algorithms:
        raise NotBelieved("algorithm")
    if "crit" in header:
        raise NotBelieved("header")
    key = _chosen(header, list(keys))
    registry = jws.JWSRegistry(algorithms=list(algorithms), strict_check_header=False)
    registry.max_header_length = TOKEN_CHARS
    try:
        return json_object(jws.deserialize_compact(token, key, registry=registry).payload)
    except (JoseError, ValueError, Malformed):
        raise NotBelieved("signature") from None


def person_of(claims: Mapping[str, Any], settings: Anmeldung, own: str) -> Identity:
    """What our configuration makes of verified claims.

    Args:
        claims: from `identity`.
        settings: which claims give name, roles and authorities.
        own: our `kennung`, which stands for the gateway's own staff.

    Raises:
        NotBelieved: no subject, or no name.
        NoAccess: no role, no authority where one is demanded, or roles that an authority's staff cannot have.
    """
    subject, name = claims.get("sub"), _at(claims, settings.name_anspruch)
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARS:
        raise NotBelieved("sub")
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise NotBelieved("name")
    groups = _texts(_at(claims, settings.rollen_anspruch))
    rollen = frozenset(rolle for rolle, values in settings.rollen.items() if groups.intersection(values))
    if not rollen:
        raise NoAccess(_ask("Sie haben dort aber keine Rolle für dieses Gateway.", settings))
    behoerden = _authorities(claims, settings, own)
    if faults := role_faults(rollen, behoerden):
        raise NoAccess(_ask(faults[0], settings))
    return Identity(subject, name.strip()[:NAME_CHARS], rollen, behoerden)


def no_access(why: str, settings: Anmeldung) -> NoAccess:
    """Somebody is known and gets no access."""
    return NoAccess(_ask(why, settings))


def account_key(issuer: str, subject: str) -> str:
    """What the store knows a person of a provider by: it need not keep the provider's name for somebody."""
    return hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()


def _ask(why: str, settings: Anmeldung) -> str:
    return f"Der Anmeldedienst hat Sie erkannt. {why} Bitte fragen Sie {settings.ansprechstelle}."


def _authorities(claims: Mapping[str, Any], settings: Anmeldung, own: str) -> frozenset[str]:
    if not settings.behoerde_anspruch:
        return frozenset()
    named = _texts(_at(claims, settings.behoerde_anspruch))
    if named == {own}:
        return frozenset()
    if not named or own in named:
        raise NoAccess(_ask("Er nennt aber keine eindeutige Behörde, für die Sie handeln.", settings))
    return named


def _at(claims: Mapping[str, Any], path: Iterable[str]) -> Any:
    """What stands at the end of a path of names; None where it leads nowhere."""
    found: Any = claims
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _texts(value: Any) -> frozenset[str]:
    """One text or a list of them."""
    values = value if isinstance(value, list) else [value]
    return frozenset(each for each in values if isinstance(each, str) and each)


def _address(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value.startswith("https://") or "#" in value:
        raise NotBelieved("discovery_address")
    return value


def _with_query(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _key(row: Mapping[str, Any]) -> Key | None:
    """The public key of one row; None for another kind, another use, or a size that does not count."""
    kind = _KINDS.get(str(row.get("kty")))
    if kind is None or row.get("use", "sig") != "sig" or len(str(row.get("n", ""))) > RSA_BITS[-1] // 4:
        return None
    try:
        # Too small a key is a warning there and none of ours here: the size is read first.
        if kind is RSAKey and _bits(row["n"]) not in RSA_BITS:
            return None
        return kind.import_key({name: row[name] for name in _PUBLIC if name in row})
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _bits(modulus: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))).bit_length()


def _header(token: str) -> dict[str, Any]:
    """The first part of a signed token in compact form; an encrypted one has five parts."""
    if len(token) > TOKEN_CHARS or token.count(".") != 2 or not token.isascii():
        raise NotBelieved("form")
    first = token.partition(".")[0]
    try:
        return json_object(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, Malformed):
        raise NotBelieved("form") from None


def _chosen(header: Mapping[str, Any], keys: list[Key]) -> Key:
    """The key that a header names; without a name, the only one that there is."""
    named = header.get("kid")
    fitting = [key for key in keys if named is None or key.kid == named]
    if len(fitting) != 1:
        raise UnknownKey("key")
    return fitting[0]


def _demand_parties(claims: Mapping[str, Any], settings: Anmeldung) -> None:
    if claims.get("iss") != settings.aussteller:
        raise NotBelieved("issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if settings.client_id not in audiences:
        raise NotBelieved("audience")
    if claims.get("azp", None if len(audiences) > 1 else settings.client_id) != settings.client_id:
        raise NotBelieved("azp")


def _demand_now(claims: Mapping[str, Any], now: int) -> None:
    times = [claims.get(name) for name in ("exp", "iat")] + [claims.get("nbf", 0)]
    if not all(isinstance(each, int | float) and not isinstance(each, bool) and 0 <= each < 2**53 for each in times):
        raise NotBelieved("times")
    ends, made, begins = (float(each) for each in times if each is not None)
    if not now - SKEW_S < ends:
        raise NotBelieved("expired")
    if not now - TOKEN_AGE_S - SKEW_S <= made <= now + SKEW_S or begins > now + SKEW_S:
        raise NotBelieved("not_now")
