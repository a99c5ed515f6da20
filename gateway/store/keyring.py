"""The keys of one store: few, random, kept in the store itself, each wrapped by a key of the configuration (KEK).

    key of the configuration (file, environment, token)  wraps  keys of the store (`store_key`)
    key of the store for `inhalt`                        wraps  the key of each content (gateway/store/content.py)
    keys of the store for indexes and short texts        are used as they are

So a new key of the configuration touches a handful of rows, blind indexes stay as they are, and a token is asked at
start and at a change only. Of the keys for `inhalt` the one with the highest number protects what is new.

Promises: the configuration's keys are not kept in memory; a key of the store never leaves memory unwrapped; each
wrapped key is bound to its id and purpose. A store of before `store_key` keeps its indexes and stays readable.
Fails: `WrongStoreKey` when no configured key opens what is stored, `StoreError` when the store cannot be read.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import uuid_utils
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from gateway.store.database import AlreadyThere, Database, Do, Row, StoreError
from gateway.store.steps import do

KEY_BYTES: Final = 32
"""All keys are AES-256 or as long."""
NONCE_BYTES: Final = 12
"""Random: fine for far fewer than 2^32 wraps under one key, and here there are a handful."""

Purpose = Literal["inhalt", "index_aktenzeichen", "index_azr_nummer", "text"]
PURPOSES: Final[tuple[Purpose, ...]] = ("inhalt", "index_aktenzeichen", "index_azr_nummer", "text")
ID_TEXT: Final = b"gateway store key id"
"""What a KEK authenticates so that its id follows from it."""
_BEFORE: Final[dict[Purpose, bytes]] = {
    "index_aktenzeichen": b"gateway blind index 1\0aktenzeichen",
    "index_azr_nummer": b"gateway blind index 1\0azr_nummer",
    "text": b"gateway text 1\0",
}
"""How these keys were derived from the configuration's one key, before they had rows of their own."""


class WrongStoreKey(StoreError):
    """No key of the configuration opens the keys of the store."""


class Kek(Protocol):
    """A key of the configuration: it wraps keys of the store, wherever it lives."""

    @property
    def id(self) -> str:
        """What it is called in the store; follows from the key and tells nothing about it."""
        ...

    @property
    def plain(self) -> bytes | None:
        """The key itself, where it is not in a token."""
        ...

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        """`key` wrapped, bound to `bound`."""
        ...

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """The wrapped key.

        Raises:
            ValueError: another key or another `bound` wrapped it, or it was changed.
        """
        ...


class PlainKek:
    """A KEK whose bytes are known: AES-256-GCM."""

    def __init__(self, key: bytes) -> None:
        """Raises `ValueError` for a key of another length."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"the store key has {len(key)} bytes instead of {KEY_BYTES}")
        self._plain = key
        self._cipher = AESGCM(key)
        self.id = kek_id(self._cipher.encrypt(bytes(NONCE_BYTES), b"", ID_TEXT))

    @property
    def plain(self) -> bytes | None:
        """See `Kek.plain`."""
        return self._plain

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        """See `Kek.wrap`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, bound)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """See `Kek.unwrap`."""
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound)
        except InvalidTag:
            raise ValueError("does not open") from None


def kek_id(tag: bytes) -> str:
    """The id of a KEK, from what it makes of nothing under a nonce of zeros and the text `ID_TEXT`."""
    return hashlib.sha256(tag).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class StoreKey:
    """A key of the store, open."""

    id: str
    purpose: Purpose
    number: int
    key: bytes = field(repr=False)


def wrapped_row(kek: Kek, key: StoreKey, now: int) -> Do:
    """The statement that keeps a key of the store; the same purpose and number twice violates `store_key_identity`."""
    return do(
        "insert_store_key",
        id=key.id,
        zweck=key.purpose,
        nummer=key.number,
        kek=kek.id,
        wrapped=kek.wrap(key.key, _bound(key.id, key.purpose)),
        now=now,
    )


def rewrapped_row(kek: Kek, key: StoreKey, before: str) -> Do:
    """The statement by which `kek` wraps a key of the store that the KEK with the id `before` wrapped."""
    wrapped = kek.wrap(key.key, _bound(key.id, key.purpose))
    return do("rewrap_store_key", expect=1, id=key.id, before=before, kek=kek.id, wrapped=wrapped)


def new_key(purpose: Purpose, number: int) -> StoreKey:
    """A random key."""
    return StoreKey(str(uuid_utils.uuid7()), purpose, number, secrets.token_bytes(KEY_BYTES))


def opened(row: Row, keks: Sequence[Kek]) -> StoreKey:
    """The key of a row of `store_key`.

    Raises:
        WrongStoreKey: none of `keks` wrapped it, or it was changed.
    """
    kek = next((each for each in keks if each.id == row["kek"]), None)
    if kek is None:
        raise WrongStoreKey(
            f"[store] schluessel: die Datenbank verlangt den Schlüssel mit der Kennung {row['kek']}, eingetragen sind "
            f"{', '.join(each.id for each in keks) or 'keine'}; den Schlüssel aus der Sicherung zurückholen"
        )
    try:
        key = kek.unwrap(bytes(row["wrapped"]), _bound(row["id"], row["zweck"]))
    except ValueError:
        raise WrongStoreKey(
            f"store_key {row['id']}: lässt sich mit dem Schlüssel {kek.id} nicht öffnen; die Datenbank ist beschädigt"
        ) from None
    return StoreKey(row["id"], row["zweck"], row["nummer"], key)


def _bound(key_id: str, purpose: str) -> bytes:
    return b"gateway store key 1\0" + key_id.encode() + b"\0" + purpose.encode()


class Keyring:
    """The open keys of one store."""

    def __init__(self, database: Database, keks: Sequence[Kek], rows: Sequence[Row]) -> None:
        self._database = database
        self._before = tuple(each.plain for each in keks if each.plain is not None)
        self._keys = {row["id"]: opened(row, keks) for row in rows}
        self.load: Callable[[], Sequence[Kek]] = lambda: ()
        """How the configuration's keys of now are read, for keys of the store that came later; may raise what it
        likes."""

    @classmethod
    async def open(cls, database: Database, keks: Sequence[Kek], now: int) -> Keyring:
        """The keys of a store; they are made where it has none yet.

        Args:
            database: the store.
            keks: the configuration's keys; the first wraps what is new.
            now: microseconds UTC.

        Raises:
            WrongStoreKey: none of `keks` fits.
        """
        rows = await database.fetch("store_keys")
        if not rows:
            await _make(database, keks, now)
            rows = await database.fetch("store_keys")
        return cls(database, keks, rows)

    @property
    def newest(self) -> StoreKey:
        """What protects new contents."""
        return max((each for each in self._keys.values() if each.purpose == "inhalt"), key=lambda each: each.number)

    def only(self, purpose: Purpose) -> bytes:
        """The key of a purpose that has one for good."""
        return next(each.key for each in self._keys.values() if each.purpose == purpose)

    def unwrapped(self, key_id: str | None, wrapped: bytes) -> bytes | None:
        """A content's key; None where nothing opens it.

        Args:
            key_id: the key of the store that wrapped it (RFC 3394); None: the configuration's key itself, as before.
            wrapped: as it is stored.
        """
        found = self._keys.get(key_id) if key_id is not None else None
        for key in self._before if key_id is None else (found.key,) if found else ():
            try:
                return aes_key_unwrap(key, wrapped)
            except (InvalidUnwrap, ValueError):
                continue
        return None

    def knows(self, key_id: str | None) -> bool:
        """Whether it has that key."""
        return key_id is None or key_id in self._keys

    async def refresh(self) -> None:
        """Take over keys of the store that came since.

        Raises:
            StoreError: the store cannot be read.
            WrongStoreKey: the configuration's keys of now do not open them; what was open stays so.
        """
        rows = await self._database.fetch("store_keys")
        fresh = [row for row in rows if row["id"] not in self._keys]
        if fresh:
            keks = await asyncio.to_thread(self.load)
            self._keys |= {row["id"]: opened(row, keks) for row in fresh}


async def _make(database: Database, keks: Sequence[Kek], now: int) -> None:
    """The first keys of a store; of several gateways that start together one makes them."""
    first = {purpose: new_key(purpose, 1) for purpose in PURPOSES}
    old = await database.fetch_one("any_content")
    if old is not None:  # from before: the indexes must not change
        plain = _key_of(old, keks)
        for purpose, text in _BEFORE.items():
            first[purpose] = StoreKey(first[purpose].id, purpose, 1, hmac.digest(plain, text, "sha256"))
    try:
        await database.commit(*(wrapped_row(keks[0], key, now) for key in first.values()))
    except AlreadyThere:
        return


def _key_of(content: Row, keks: Sequence[Kek]) -> bytes:
    """The configuration's key that wrapped a content by itself."""
    for plain in (each.plain for each in keks):
        with suppress(InvalidUnwrap, ValueError):
            if plain is not None:
                aes_key_unwrap(plain, bytes(content["wrapped_key"]))
                return plain
    raise WrongStoreKey(
        "[store] schluessel: keiner der Schlüssel öffnet, was gespeichert ist; den Schlüssel aus der Sicherung "
        "zurückholen"
    )
