"""Passwords, one-time codes and session tokens: how they are made and judged.

Promises: pure but for randomness; a password is kept as Argon2id (RFC 9106) and a token as its digest, so that what the
store holds opens nothing; a one-time code (TOTP, RFC 6238) counts once.
Fails: not at all; what does not fit is False or None.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.twofactor.totp import TOTP

MEMORY_KIB: Final = 19 * 1024
"""Argon2id with two passes: the smallest setting that OWASP recommends; a log-in takes some hundredths of a second."""
PASSES: Final = 2
PASSWORD_CHARS: Final = 12
"""Shortest password that somebody may choose."""
PASSWORD_MAX: Final = 200
"""Longest one that is looked at."""
STEP_S: Final = 30
"""Time step of a one-time code (RFC 6238 section 4.1); one step before and after counts too, for clocks differ."""
TOKEN_BYTES: Final = 32
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without characters that are mistaken for each other."""


def hash_password(password: str) -> str:
    """What is kept of a password, in PHC form."""
    kept: str = _argon2().derive_phc_encoded(_plain(password))
    return kept


def is_password(password: str, kept: str) -> bool:
    """Whether it is the password of which `kept` was kept."""
    if len(password) > PASSWORD_MAX:
        return False
    try:
        Argon2id.verify_phc_encoded(_plain(password), kept)
    except InvalidKey:
        return False
    return True


def new_password() -> str:
    """A password for the first log-in: 20 characters, more than 110 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def new_secret() -> bytes:
    """A secret for one-time codes (RFC 4226 section 4: 160 bits)."""
    return secrets.token_bytes(20)


def provisioning(secret: bytes, name: str, issuer: str) -> str:
    """The `otpauth://` address that authenticator apps read."""
    return _totp(secret).get_provisioning_uri(name, issuer)


def code_at(secret: bytes, seconds: int) -> str:
    """The one-time code of a moment."""
    return _totp(secret).generate(seconds).decode()


def step_of(secret: bytes, code: str, seconds: int, last: int) -> int | None:
    """The time step whose code this is, if it is one of now and later than `last`; else None."""
    if not re.fullmatch(r"[0-9]{6}", code):
        return None
    now = seconds // STEP_S
    fitting = [
        step
        for step in (now - 1, now, now + 1)
        if hmac.compare_digest(code_at(secret, step * STEP_S).encode(), code.encode()) and step > last
    ]
    return fitting[0] if fitting else None


def new_token() -> str:
    """A session's token: what the browser keeps."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_id(token: str) -> str:
    """What the store knows a session by."""
    return hashlib.sha256(token.encode()).hexdigest()


def form_token(token: str) -> str:
    """What every form of this session carries, so that no other site can send one (CSRF)."""
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()


def _argon2() -> Argon2id:
    return Argon2id(salt=secrets.token_bytes(16), length=32, iterations=PASSES, lanes=1, memory_cost=MEMORY_KIB)


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, 6, SHA1(), STEP_S)  # noqa: S303 - HMAC-SHA-1 is what RFC 6238 and every app know


def _plain(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode()
