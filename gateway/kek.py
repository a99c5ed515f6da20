"""The keys of the configuration that protect the store (KEK): from a file, from the environment, from a token.

`[store] schluessel` lists them: the first wraps what is new, the others open what they wrapped. An entry is a file, or
`env:NAME` for a variable of the environment. Both hold 32 bytes in hex or base64, or the address of an AES-256 key in a
token: `pkcs11:token=…;object=…?module-path=…&pin-source=file:…` (RFC 7512).

Promises: a key in a token stays there; ids tell nothing about keys.
Fails: `PkiError` with what to mend, in German.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.pki import PkiError, decode_store_key, read_secret
from gateway.pki_pkcs11 import SCHEME, TokenError, TokenSecretKey, load_secret
from gateway.store.keyring import ID_TEXT, NONCE_BYTES, Kek, PlainKek, kek_id

ENVIRONMENT: Final = "env:"
"""How an entry names a variable."""
CREDENTIAL: Final = "cred:"
"""How an entry names a credential of the service manager (systemd.exec(5), `LoadCredential=`)."""


class TokenKek:
    """A KEK in a token, which encrypts with AES-GCM there."""

    def __init__(self, key: TokenSecretKey) -> None:
        """Raises `ValueError` where the token cannot do it."""
        self._key = key
        self.id = kek_id(key.encrypt(bytes(NONCE_BYTES), b"", ID_TEXT))

    @property
    def plain(self) -> bytes | None:
        """It stays in the token."""
        return None

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        """See `Kek.wrap`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._key.encrypt(nonce, key, bound)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """See `Kek.unwrap`."""
        return self._key.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound)


def load_keks(sources: Sequence[str]) -> list[Kek]:
    """All keys of the configuration, in its order.

    Args:
        sources: entries of `[store] schluessel`, paths absolute.

    Raises:
        PkiError: one is missing, can be read by others, or is no such key.
    """
    return [_load(source) for source in sources]


def _load(source: str) -> Kek:
    text = secret_text(source)
    if not text.startswith(SCHEME):
        return PlainKek(decode_store_key(text, source))
    try:
        return TokenKek(load_secret(text.decode("utf-8")))
    except TokenError as error:
        raise PkiError(f"{source}: {error}") from None
    except ValueError:
        raise PkiError(f"{source}: der Schlüssel im Token kann kein AES-GCM; einen AES-Schlüssel angeben") from None


def secret_text(source: str) -> bytes:
    """What a file or, as `env:NAME`, a variable of the environment holds, for nobody else to read.

    Raises:
        PkiError: it is missing, or others can read the file.
    """
    if source.startswith(CREDENTIAL):
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise PkiError(f"{source}: der Dienst hat keine Credentials; in der Unit fehlt LoadCredential=")
        try:  # the service manager guards its folder, whatever mode the file in it shows
            return (Path(folder) / source.removeprefix(CREDENTIAL)).read_bytes().strip()
        except OSError as error:
            raise PkiError(f"{source}: nicht lesbar ({error.strerror}); in der Unit fehlt LoadCredential=") from None
    if not source.startswith(ENVIRONMENT):
        return read_secret(Path(source)).strip()
    name = source.removeprefix(ENVIRONMENT)
    if not os.environ.get(name):
        raise PkiError(f"{source}: die Umgebungsvariable {name} ist nicht gesetzt; der Dienst muss sie mitbekommen")
    return os.environ[name].strip().encode("utf-8")
