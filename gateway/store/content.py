"""Content at rest: encrypted chunks under a key of their own, and the keyed hashes by which content can be found.

Promises: nothing of a content can be read, changed, swapped, cut off or moved to another content without the keys of
the store; what `read` yields has been authenticated chunk by chunk, and the end is the true end once it returns.
Each content has a fresh AES-256 key, wrapped (RFC 3394) by the newest key of the store (gateway/store/keyring.py).
Chunks are AES-256-GCM (NIST SP 800-38D); the nonce is the chunk's position, which is unique because the key belongs to
this content alone and a position is written once; the additional data binds content, position and whether it is the
last. A message's part names its content with its digest, which readers of parts demand.
Fails: `ContentDamaged` when anything about a content is not as it was written (or the key is another one),
`ContentMissing` when there is none, `ContentGone` when it was deleted at the end of its retention, `ContentTooLarge`
beyond the reader's limit.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import uuid_utils
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from gateway.store.database import Database, Do, Row, StoreError
from gateway.store.keyring import KEY_BYTES, Keyring, Purpose
from gateway.store.steps import do

CHUNK = 256 * 1024
"""Bytes of plain content per chunk: few rows, and little memory for each upload."""
CHUNKS_PER_COMMIT = 4
"""Chunks written or read at once: 1 MiB, so that an upload waits for one commit per MiB and keeps no more in memory.
Whatever is smaller costs no commit of its own: its chunks go with the step that refers to it."""
_FORMAT = b"gateway content 1\0"
_FIELDS = Literal["aktenzeichen", "azr_nummer"]
_INDEXES: dict[_FIELDS, Purpose] = {"aktenzeichen": "index_aktenzeichen", "azr_nummer": "index_azr_nummer"}


class ContentDamaged(StoreError):
    """A content is not as it was written, or the key of the store is another one."""


class ContentMissing(ContentDamaged):
    """There is no such content."""


class ContentGone(ContentDamaged):
    """A content was deleted because its time was over."""


class ContentTooLarge(StoreError):
    """A content is larger than its reader allows."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A content that is ready to be referred to."""

    id: str
    sha256: str
    """Lower-case hex digest of the plain content."""
    bytes: int
    steps: tuple[Do, ...]
    """Statements for the step that refers to it; only that step makes it stay."""
    ahead: int = 0
    """How many of `steps`, from the first, may be committed earlier: they leave it staged. The rest makes it stay."""

    @property
    def pending(self) -> int:
        """Bytes of content that `steps` hold in memory."""
        return sum(len(value) for step in self.steps for value in step.args if isinstance(value, bytes))


class _Sealer:
    """Makes the chunks of one content, in order."""

    def __init__(self, keyring: Keyring) -> None:
        self.id = str(uuid_utils.uuid7())
        key, by = secrets.token_bytes(KEY_BYTES), keyring.newest
        self.wrapped, self.key_id = aes_key_wrap(by.key, key), by.id
        self._cipher = AESGCM(key)
        self._n = 0

    def chunk(self, data: bytes, *, last: bool) -> Do:
        n = self._n
        self._n += 1
        sealed = self._cipher.encrypt(_nonce(n), data, _bound(self.id, n, last=last))
        return do("insert_chunk", content_id=self.id, n=n, last=int(last), data=sealed)


class ContentWriter:
    """Takes one content piece by piece; full chunks go to the store as they come, as staged content."""

    def __init__(self, database: Database, keyring: Keyring, now: int) -> None:
        self._database = database
        self._sealer = _Sealer(keyring)
        self._now = now
        self._buffer = bytearray()
        self._pending: list[Do] = []
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._staged = False

    @property
    def id(self) -> str:
        """Its content's id."""
        return self._sealer.id

    @property
    def taken(self) -> int:
        """Bytes taken so far."""
        return self._bytes

    async def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            StoreError: as `Database.commit`; the content is then incomplete, and only `discard` is left.
        """
        self._hash.update(data)
        self._bytes += len(data)
        self._buffer += data
        while len(self._buffer) > CHUNK:  # the rest is never empty, for the last chunk must know that it is
            self._pending.append(self._sealer.chunk(bytes(self._buffer[:CHUNK]), last=False))
            del self._buffer[:CHUNK]
            if len(self._pending) == CHUNKS_PER_COMMIT:
                await self._stage()

    async def _stage(self) -> None:
        opening = () if self._staged else (self._content(),)
        self._staged = True
        pending, self._pending = self._pending, []
        await self._database.commit(*opening, *pending)

    def _content(self) -> Do:
        return do(
            "insert_content",
            id=self._sealer.id,
            wrapped_key=self._sealer.wrapped,
            key_id=self._sealer.key_id,
            bytes=self._bytes,
            sha256=self._hash.hexdigest(),
            state="staged",
            created=self._now,
        )

    def finish(self) -> Sealed:
        """The whole content has come.

        Returns:
            What it is, and the statements (at most 1 MiB) that the step which refers to it must carry; without them
            the content is an orphan and will be swept.
        """
        opening = () if self._staged else (self._content(),)
        ahead = (*opening, *self._pending, self._sealer.chunk(bytes(self._buffer), last=True))
        self._pending, self._buffer = [], bytearray()
        sha256 = self._hash.hexdigest()
        keep = do("keep_content", expect=1, id=self._sealer.id, bytes=self._bytes, sha256=sha256)
        return Sealed(self._sealer.id, sha256, self._bytes, (*ahead, keep), len(ahead))

    async def discard(self) -> None:
        """The upload came to nothing: what was staged goes at once, instead of waiting for the sweep."""
        if self._staged:
            await self._database.commit(_discard(self._sealer.id))


class ContentReader:
    """Reads one content from any place; each chunk is authenticated with its place and whether it is the last."""

    def __init__(self, database: Database, content_id: str, cipher: AESGCM) -> None:
        self._database = database
        self._id = content_id
        self._cipher = cipher

    async def some(self, first: int) -> tuple[list[bytes], bool]:
        """Chunks from `first` on, at most `CHUNKS_PER_COMMIT`, and whether the last one is among them.

        Raises:
            ContentDamaged: they are not as they were written, or there is none.
        """
        rows = await self._database.fetch("chunks", self._id, first, CHUNKS_PER_COMMIT)
        if not rows:
            raise ContentDamaged(f"{self._id}: ends without its last chunk")
        chunks, last = list[bytes](), False
        for n, row in enumerate(rows, first):
            if last or row["n"] != n:
                raise ContentDamaged(f"{self._id}: chunk {row['n']} where {n} belongs")
            last = row["last"] == 1
            chunks.append(_opened(self._cipher, self._id, n, row["data"], last=last))
        return chunks, last


class Contents:
    """Writes and reads contents of one database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        """Args:
        database: where the chunks are.
        keyring: its keys.
        """
        self._keyring = keyring
        self._database = database

    def writer(self, now: int) -> ContentWriter:
        """A new content, to be written piece by piece; `now` is when its life as an orphan begins."""
        return ContentWriter(self._database, self._keyring, now)

    def seal_small(self, data: bytes, now: int) -> Sealed:
        """A content that is in memory anyway; all of it goes with the step that refers to it."""
        sealer = _Sealer(self._keyring)
        sha256 = hashlib.sha256(data).hexdigest()
        pieces = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)] or [b""]
        chunks = [sealer.chunk(piece, last=n == len(pieces)) for n, piece in enumerate(pieces, 1)]
        opening = do(
            "insert_content",
            id=sealer.id,
            wrapped_key=sealer.wrapped,
            key_id=sealer.key_id,
            bytes=len(data),
            sha256=sha256,
            state="kept",
            created=now,
        )
        return Sealed(sealer.id, sha256, len(data), (opening, *chunks))

    async def stage(self, contents: Sequence[Sealed]) -> list[Sealed]:
        """Commit ahead what may be, as staged content; whoever collects contents for one step keeps its memory small.

        Returns:
            The same contents, with what remains for the step that refers to them.
        """
        await self._database.commit(*(step for sealed in contents for step in sealed.steps[: sealed.ahead]))
        return [replace(sealed, steps=sealed.steps[sealed.ahead :], ahead=0) for sealed in contents]

    async def discard(self, contents: Sequence[Sealed]) -> None:
        """Nothing will refer to these contents; what is kept by now stays."""
        await self._database.commit(*(_discard(sealed.id) for sealed in contents))

    async def read(self, content_id: str, start: int = 0, sha256: str | None = None) -> AsyncIterator[bytes]:
        """Yield a content piece by piece. Whoever hands bytes on before the end must be able to take them back.

        Args:
            content_id: which one.
            start: the first byte that is wanted, one that exists.
            sha256: the digest (lower-case hex) that whatever refers to it names, for a content read from its first
                byte on: another content in its place is noticed before its last piece goes out.

        Raises:
            ContentMissing: there is none.
            ContentGone: it was deleted at the end of its retention.
            ContentDamaged: it is not as it was written, was written under a key that we do not have, or is another one.
        """
        assert start == 0 or sha256 is None, "a digest is of the whole"
        reader = await self.reader(content_id)
        n, last, passed = start // CHUNK, False, start % CHUNK
        digest = hashlib.sha256()
        while not last:
            chunks, last = await reader.some(n)
            n += len(chunks)
            if sha256 is not None:
                digest.update(b"".join(chunks))
                if last and digest.hexdigest() != sha256:
                    raise ContentDamaged(f"{content_id}: is not the content that is named here")
            for chunk in chunks:
                yield chunk[passed:]
                passed = 0

    async def reader(self, content_id: str) -> ContentReader:
        """What reads a content from any place; raises as `read`."""
        row = await self._database.fetch_one("content", content_id)
        if row is None:
            raise ContentMissing(content_id)
        return ContentReader(self._database, content_id, AESGCM(await self._unwrapped(row)))

    async def read_all(self, content_id: str, limit: int, sha256: str | None = None) -> bytes:
        """A whole content; `sha256` as for `read`.

        Raises:
            ContentTooLarge: it has more than `limit` bytes.
            ContentMissing, ContentDamaged: as `read`.
        """
        whole = bytearray()
        async for piece in self.read(content_id, sha256=sha256):
            whole += piece
            if len(whole) > limit:
                raise ContentTooLarge(f"{content_id}: more than {limit} bytes")
        return bytes(whole)

    async def _unwrapped(self, row: Row) -> bytes:
        if row["purged"] is not None:
            raise ContentGone(row["id"])
        if not self._keyring.knows(row["key_id"]):  # another gateway made a new one
            await self._keyring.refresh()
        key = self._keyring.unwrapped(row["key_id"], bytes(row["wrapped_key"]))
        if key is None:
            raise ContentDamaged(f"{row['id']}: no key of the store opens it")
        return key


def blind_index(keyring: Keyring, field: _FIELDS, value: str) -> str:
    """Keyed hash by which a value can be found and not read.

    Args:
        keyring: the keys of the store, which have one for each field.
        field: what the value is; the same text in another field gives another hash.
        value: the value; spelling of spaces, case and Unicode form do not matter.

    Returns:
        HMAC-SHA-256 (RFC 2104), lower-case hex.
    """
    plain = "".join(unicodedata.normalize("NFKC", value).casefold().split())
    return hmac.digest(keyring.only(_INDEXES[field]), plain.encode(), "sha256").hex()


def conceal(keyring: Keyring, purpose: str, text: str) -> bytes:
    """A short text that stands encrypted in a row of its own, such as an Aktenzeichen or facts as json.

    Args:
        keyring: the keys of the store.
        purpose: what it is and whose; the same bytes under another purpose do not open.
        text: the text.

    Returns:
        Nonce and AES-256-GCM ciphertext with tag. The nonce is random: fine for far fewer than 2^32 texts.
    """
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(keyring.only("text")).encrypt(nonce, text.encode(), purpose.encode())


def reveal(keyring: Keyring, purpose: str, concealed: bytes) -> str:
    """The text that `conceal` encrypted.

    Raises:
        ContentDamaged: it is not as it was written, or for another purpose, or under another key.
    """
    try:
        return AESGCM(keyring.only("text")).decrypt(concealed[:12], concealed[12:], purpose.encode()).decode()
    except (InvalidTag, ValueError):
        raise ContentDamaged(f"{purpose}: is not as it was written") from None


def _discard(content_id: str) -> Do:
    return Do("discard_content", (content_id,))


def _nonce(n: int) -> bytes:
    return n.to_bytes(12, "big")


def _bound(content_id: str, n: int, *, last: bool) -> bytes:
    return _FORMAT + content_id.encode() + b"\0" + n.to_bytes(8, "big") + bytes([last])


def _opened(cipher: AESGCM, content_id: str, n: int, data: bytes, *, last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(n), data, _bound(content_id, n, last=last))
    except InvalidTag:
        raise ContentDamaged(f"{content_id}: chunk {n} is not as it was written") from None
