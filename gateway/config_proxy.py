"""The table `[proxy]`: where a reverse proxy hands requests on, and how it shows that it is the one.

Promises and failures are those of `gateway.config_tables`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, ValidationInfo, model_validator

from gateway.config_fields import Fingerprint, resolve, split_address
from gateway.config_tables import Table

UNIX: Final = "unix:"


def _socket_or_address(value: str, info: ValidationInfo) -> str:
    if value.startswith(UNIX):
        return f"{UNIX}{resolve(Path(value.removeprefix(UNIX)), info)}"
    split_address(value)
    return value


class Proxy(Table):
    """A listener of `/v1` for a proxy that ends the clients' TLS and passes their certificates on (RFC 9440)."""

    adresse: Annotated[str, AfterValidator(_socket_or_address)]
    """`unix:PATH`: whoever may open the socket is the proxy (mode 660). Or host and port, with mutual TLS."""
    zertifikate: tuple[Fingerprint, ...] = ()
    """SHA-256 of the certificates by which the proxy shows itself over TLS."""

    @model_validator(mode="after")
    def _known_somehow(self) -> Self:
        if (self.socket is None) == (not self.zertifikate):
            raise ValueError(
                "„Rechner:Port“ braucht zertifikate, an denen der Proxy erkannt wird; unix:PFAD braucht keine"
            )
        return self

    @property
    def socket(self) -> Path | None:
        """Path of the Unix socket; None where it listens for TLS."""
        return Path(self.adresse.removeprefix(UNIX)) if self.adresse.startswith(UNIX) else None
