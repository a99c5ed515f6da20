"""Keys of the store: made once, bound, changed without losing anything, and readable from before they had rows."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from typing import Any

import pytest
import uuid_utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from gateway.store import Database
from gateway.store.content import ContentDamaged, Contents, blind_index, conceal, reveal
from gateway.store.keyring import (
    PURPOSES,
    Keyring,
    PlainKek,
    WrongStoreKey,
    new_key,
    opened,
    rewrapped_row,
    wrapped_row,
)
from gateway.store.steps import do

OLD, NEW = PlainKek(secrets.token_bytes(32)), PlainKek(secrets.token_bytes(32))


async def test_gateways_that_start_together_make_the_keys_once(database: Database) -> None:
    rings = await asyncio.gather(*(Keyring.open(database, [OLD], 1) for _ in range(4)))
    assert len({ring.newest.key for ring in rings}) == 1
    assert len({blind_index(ring, "azr_nummer", "250101000001") for ring in rings}) == 1
    assert [row["zweck"] for row in await database.fetch("store_keys")] == sorted(PURPOSES)


async def test_indexes_tell_fields_and_stores_apart(database: Database) -> None:
    ring = await Keyring.open(database, [OLD], 1)
    assert blind_index(ring, "azr_nummer", "1 Js 7/26") != blind_index(ring, "aktenzeichen", "1 Js 7/26")
    assert blind_index(ring, "aktenzeichen", "1 js 7/26 ") == blind_index(ring, "aktenzeichen", "1 JS 7/26")
    assert reveal(ring, "x", conceal(ring, "x", "Ä")) == "Ä"
    with pytest.raises(ContentDamaged):
        reveal(ring, "y", conceal(ring, "x", "Ä"))


async def test_a_new_kek_rewraps_and_changes_no_index(database: Database) -> None:
    before = await Keyring.open(database, [OLD], 1)
    hidden, index = conceal(before, "x", "Aktenzeichen"), blind_index(before, "aktenzeichen", "1 Js 7/26")
    rows = await database.fetch("store_keys")
    await database.commit(*(rewrapped_row(NEW, opened(row, [NEW, OLD]), row["kek"]) for row in rows))
    after = await Keyring.open(database, [NEW], 1)
    assert (reveal(after, "x", hidden), blind_index(after, "aktenzeichen", "1 Js 7/26")) == ("Aktenzeichen", index)
    with pytest.raises(WrongStoreKey, match=NEW.id):
        await Keyring.open(database, [OLD], 1)


async def test_a_gateway_takes_a_new_key_up_when_it_meets_it(database: Database) -> None:
    mine = await Keyring.open(database, [OLD], 1)
    reading = Contents(database, mine)
    await database.commit(wrapped_row(NEW, new_key("inhalt", 2), 2))
    theirs = await Keyring.open(database, [OLD, NEW], 2)
    assert theirs.newest.number == 2
    sealed = Contents(database, theirs).seal_small(b"invented", 2)
    await database.commit(*sealed.steps)
    mine.load = lambda: [OLD]
    with pytest.raises(WrongStoreKey):
        await reading.read_all(sealed.id, 100)
    assert mine.newest.number == 1
    mine.load = lambda: [OLD, NEW]
    assert await reading.read_all(sealed.id, 100) == b"invented"
    assert mine.newest.number == 2


@pytest.mark.parametrize("damage", ["flipped", "other purpose", "other id"])
async def test_a_wrapped_key_that_was_touched_is_refused(database: Database, raw: Any, url: str, damage: str) -> None:
    await Keyring.open(database, [OLD], 1)
    rows = {row["zweck"]: row for row in await database.fetch("store_keys")}
    blob = "x'{}'" if url.startswith("sqlite") else "'\\x{}'::bytea"
    wrapped = rows["text"]["wrapped"]
    flipped = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
    sql = {
        "flipped": f"update store_key set wrapped = {blob.format(flipped.hex())} where zweck = 'text'",
        "other purpose": "update store_key set nummer = 2, zweck = 'inhalt' where zweck = 'text'",
        "other id": "update store_key set id = 'another' where zweck = 'text'",
    }[damage]
    await raw(sql)
    with pytest.raises(WrongStoreKey, match="beschädigt"):
        await Keyring.open(database, [OLD], 1)


async def test_a_store_of_before_stays_readable_and_keeps_its_indexes(database: Database, raw: Any) -> None:
    assert OLD.plain is not None
    content_id, key, plain = str(uuid_utils.uuid7()), secrets.token_bytes(32), b"from before"
    bound = b"gateway content 1\0" + content_id.encode() + b"\0" + bytes(8) + b"\1"
    row = {"wrapped_key": aes_key_wrap(OLD.plain, key), "key_id": None, "sha256": hashlib.sha256(plain).hexdigest()}
    await database.commit(
        do("insert_content", id=content_id, bytes=len(plain), state="kept", created=1, **row),
        do("insert_chunk", content_id=content_id, n=0, last=1, data=AESGCM(key).encrypt(bytes(12), plain, bound)),
    )
    with pytest.raises(WrongStoreKey, match="keiner"):
        await Keyring.open(database, [NEW], 1)
    ring = await Keyring.open(database, [NEW, OLD], 1)
    assert await Contents(database, ring).read_all(content_id, 100) == plain
    derived = hmac.digest(OLD.plain, b"gateway blind index 1\0aktenzeichen", "sha256")
    assert blind_index(ring, "aktenzeichen", "1 Js 7/26") == hmac.digest(derived, b"1js7/26", "sha256").hex()
    assert await raw("select distinct kek from store_key") == [(NEW.id,)]
