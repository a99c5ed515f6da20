"""The table `[anmeldung]` of the configuration: log-in at the pages by an OpenID provider.

Promises: what was read can be used: an exact issuer, only signatures that need a private
key, at least one role. It stands beside what contracts.md section 2 fixes; without it there are local accounts alone.
Fails: pydantic's `ValidationError`, whose German sentences `gateway.config_errors` puts into words.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from gateway.config_fields import KeySource, LocalPath, one_or_many
from gateway.config_tables import Table

Signature = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"]
"""Signatures of an ID token (RFC 7518, 8037, 9864): asymmetric ones alone. `none` is none, and with HS… whoever knows
a public key or our secret could sign."""
Text = Annotated[str, Field(min_length=1, max_length=255)]
Path = Annotated[tuple[Text, ...], BeforeValidator(one_or_many), Field(min_length=1)]
"""Where a claim stands: its name, or the names that lead into nested objects."""


class Anmeldung(Table):
    """Whom we believe who somebody is (OpenID Connect Core 1.0, code flow with PKCE)."""

    aussteller: str
    """The provider's issuer, letter by letter as its documents and tokens spell it."""
    client_id: Text
    """What the provider knows us by."""
    geheimnis: KeySource
    """File or `env:NAME` with the client secret, or with the private key (PEM) that signs our assertions (RFC 7523)."""
    ca: LocalPath | None = None
    """CA certificates (PEM) of the provider's server; without it, those of the system."""
    algorithmen: Annotated[tuple[Signature, ...], Field(min_length=1)] = ("RS256", "PS256", "ES256")
    """What an ID token may be signed by."""
    umfang: Annotated[tuple[Text, ...], Field(min_length=1)] = ("openid", "profile")
    """Scopes that are asked for."""
    acr: tuple[Text, ...] = ()
    """Levels of authentication of which one is demanded; none: whatever the provider does."""
    name_anspruch: Path = ("preferred_username",)
    """Claim that names a person for colleagues."""
    rollen_anspruch: Path = ("groups",)
    """Claim that lists groups or roles."""
    rollen: Annotated[
        dict[Literal["lesen", "betrieb", "revision", "verwaltung"], Annotated[tuple[Text, ...], Field(min_length=1)]],
        Field(min_length=1),
    ]
    """Our roles, each with the values of that claim that give it."""
    behoerde_anspruch: Annotated[tuple[Text, ...], BeforeValidator(one_or_many)] = ()
    """Claim with the keys of a person's authorities; our own `kennung` there says: staff of the gateway. Without this
    setting, everybody whom the provider sends is staff of the gateway."""
    ansprechstelle: Annotated[str, Field(min_length=1, max_length=200)] = "die Verwaltung des Gateways"
    """Whom somebody may ask who gets no access (accusative, in a German sentence)."""

    @field_validator("aussteller")
    @classmethod
    def _is_issuer(cls, value: str) -> str:
        if not re.fullmatch(r"https://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError(
                "erwartet wird die https-Adresse des Ausstellers ohne Frage- und Rautezeichen, genau wie der "
                "Anmeldedienst sie schreibt"
            )
        return value

    @field_validator("umfang")
    @classmethod
    def _asks_for_openid(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError('muss "openid" enthalten, sonst stellt der Anmeldedienst kein ID-Token aus')
        return value
