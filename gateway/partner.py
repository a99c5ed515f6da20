"""A partner: whom we deliver to or receive from, and what was agreed (contracts.md section 2).

Promises: an agreement is a checked value; unknown keys and wrong types are errors that name the key.
Fails: `pydantic.ValidationError`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

Zweck = Literal["signatur", "verschluesselung", "quittung", "tls"]
"""What a partner's certificate is for: verify messages, encrypt, verify receipts, trust its TLS server."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Zertifikat(_Value):
    """One certificate with its window; certificates are lists, so that a change needs no common minute."""

    zweck: Zweck
    pem: str
    ab: date
    bis: date

    def gilt(self, day: date) -> bool:
        """Whether the window holds `day` (both ends included)."""
        return self.ab <= day <= self.bis


class Algorithmen(_Value):
    """Cryptographic algorithms of one agreement, both directions (wire.md section 1)."""

    hash: Literal["sha-256", "sha-384", "sha-512"] = "sha-256"
    signatur: Literal["pss", "pkcs1"] = "pss"
    """Only for RSA keys; EC keys sign by ECDSA."""
    schluesseltransport: Literal["oaep", "pkcs1"] = "oaep"
    """Only for RSA keys; EC keys agree by ECDH-ES."""
    inhalt: Literal["aes-256-gcm", "aes-128-gcm", "aes-256-cbc", "aes-128-cbc"] = "aes-256-gcm"
    kompression: bool = False
    ausnahmen_bis: date | None = None
    """Last day for PKCS#1 v1.5, RSA 2048 to 2999 and AES-CBC; without it they are refused."""

    @model_validator(mode="after")
    def _exceptions_end(self) -> Self:
        weak = self.signatur == "pkcs1" or self.schluesseltransport == "pkcs1" or self.inhalt.endswith("cbc")
        if weak and self.ausnahmen_bis is None:
            msg = "PKCS#1 v1.5 und AES-CBC brauchen ein Enddatum (ausnahmen_bis)"
            raise ValueError(msg)
        return self


class Grenzen(_Value):
    """Limits of one agreement."""

    bytes: Annotated[int, Field(ge=1)] = 200 * 1024 * 1024
    """Largest message that the partner takes, before sealing."""
    mail_bytes: Annotated[int, Field(ge=1)] = 20 * 1024 * 1024
    """Largest mail on the wire (wire.md section 5)."""
    gleichzeitig: Annotated[int, Field(ge=1, le=20)] | None = None
    """Most deliveries at the same time, from all gateways of a store together; without a word, 5 at first and up to 20
    while the partner answers well."""
    quittung_sekunden: Annotated[int, Field(ge=1)] = 24 * 3600
    """How long a receipt may take before the same bytes are sent again."""


class Partner(_Value):
    """One agreement."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    art: Literal["behoerde", "vermittler"] = "behoerde"
    behoerden: tuple[str, ...]
    weg: Literal["as2", "mail", "abruf"]
    url: str | None = None
    adresse: str | None = None
    as2_id: str | None = None
    mdn: Literal["sync", "async"] = "sync"
    mdn_url: str | None = None
    """Where we post asynchronous MDNs for messages that this partner sends; one in the request must equal it."""
    test: bool = False
    lesefassung: bool | None = None
    """Whether a page for people (PDF) travels beside the XML; without a word, it does by mail and does not by AS2."""
    algorithmen: Algorithmen = Algorithmen()
    grenzen: Grenzen = Grenzen()
    zertifikate: tuple[Zertifikat, ...] = ()
    _unbrauchbar: frozenset[tuple[Zweck, str]] = PrivateAttr(default=frozenset())
    """Purpose and PEM of certificates that must not be used now: withdrawn, without a path (gateway/trust)."""

    @model_validator(mode="after")
    def _way_is_complete(self) -> Self:
        if self.weg == "as2" and not (self.url and self.as2_id):
            msg = "weg = as2 braucht url und as2_id"
            raise ValueError(msg)
        if self.weg == "mail" and not self.adresse:
            msg = "weg = mail braucht adresse"
            raise ValueError(msg)
        return self

    @property
    def mit_lesefassung(self) -> bool:
        """Whether a page for people travels beside the XML."""
        return self.weg == "mail" if self.lesefassung is None else self.lesefassung

    def ohne(self, unbrauchbar: frozenset[tuple[Zweck, str]]) -> Partner:
        """The same agreement, of which `pems` leaves certificates out: (purpose, PEM)."""
        if not unbrauchbar:
            return self
        copy = self.model_copy()
        copy._unbrauchbar = unbrauchbar
        return copy

    def pems(self, zweck: Zweck, at: datetime) -> list[str]:
        """PEM certificates for one purpose whose window holds the day of `at`, the newest window first."""
        found = [z for z in self.zertifikate if z.zweck == zweck and z.gilt(at.date())]
        usable = [z for z in found if (z.zweck, z.pem) not in self._unbrauchbar]
        return [z.pem for z in sorted(usable, key=lambda z: (z.ab, z.bis), reverse=True)]

    def quittung_pems(self, at: datetime) -> list[str]:
        """Certificates that verify receipts: those for receipts; where none is agreed, those for messages."""
        own = any(z.zweck == "quittung" for z in self.zertifikate)
        return self.pems("quittung" if own else "signatur", at)

    def tls_anker(self, at: datetime) -> tuple[str, ...] | None:
        """Anchors of the partner's TLS server; empty: those of the system.

        None where the agreement names some, but none that may be used now: then nothing is trusted, for the system's
        anchors would trust more than was ever agreed.
        """
        found = tuple(self.pems("tls", at))
        return found if found or all(z.zweck != "tls" for z in self.zertifikate) else None
