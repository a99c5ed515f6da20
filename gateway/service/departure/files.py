"""Contents of the store as files for a thread: what `gateway.seal` reads and writes piece by piece.

Reading and writing go through the event loop, where the store lives; the cryptography between runs in the thread.

Promises: no more than a few chunks of one message are in memory; plain content is encrypted before it reaches the
store; what was staged and is not kept goes when the workbench is left, and with the sweep if that fails.
Fails: `StoreError` in the thread, and `Stopped` there once nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from gateway.message import StagedFile
from gateway.seal.octets import Range
from gateway.service.arrival.upload import Upload
from gateway.service.context import Context
from gateway.store.content import CHUNK, ContentReader, Contents, Sealed
from gateway.store.database import StoreError

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Large messages opened or sealed at once by one gateway: two cores are common, and each holds a thread."""

Answer = TypeVar("Answer")


class Stopped(Exception):
    """Nobody waits for this thread any more."""


class _Loop:
    """The event loop, as a thread sees it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.is_stopped = False

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """What `work` returns; to be called in the thread."""
        if self.is_stopped:
            work.close()
            raise Stopped
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class StoredFile:
    """A content of the store, to be read from any place."""

    def __init__(self, loop: _Loop, ctx: Context, content_id: str, size: int) -> None:
        self._loop = loop
        self._ctx = ctx
        self._id = content_id
        self._size = size
        self._reader: ContentReader | None = None
        self._position = 0
        self._buffer = b""
        self._start = 0
        """Where the buffer begins; a multiple of `CHUNK`."""

    def is_of(self, content: Sealed) -> bool:
        """Whether it reads that content."""
        return self._id == content.id

    def seek(self, position: int, /) -> int:
        """Goes on from there."""
        self._position = position
        return position

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""
        if self._position >= self._size or size <= 0:
            return b""
        if not self._start <= self._position < self._start + len(self._buffer):
            self._fill()
        at = self._position - self._start
        piece = self._buffer[at : at + size]
        self._position += len(piece)
        return piece

    def _fill(self) -> None:
        if self._reader is None:
            self._reader = self._loop.run(self._ctx.content.reader(self._id))
        n = self._position // CHUNK
        chunks, _ = self._loop.run(self._reader.some(n))
        self._buffer, self._start = b"".join(chunks), n * CHUNK


class NewFile:
    """A content being written; staged until a step keeps it."""

    def __init__(self, loop: _Loop, ctx: Context) -> None:
        self._loop = loop
        self._ctx = ctx
        self._writer = ctx.content.writer(ctx.now())
        self._sealed: Sealed | None = None

    def write(self, data: bytes, /) -> None:
        """Takes more."""
        if data:
            self._loop.run(self._writer.write(data))

    def done(self) -> Range:
        """All of it, to be read."""
        if self._sealed is None:
            (self._sealed,) = self._loop.run(self._ctx.content.stage([self._writer.finish()]))
        return Range(StoredFile(self._loop, self._ctx, self._sealed.id, self._sealed.bytes), 0, self._sealed.bytes)

    def sealed(self) -> Sealed:
        """The content, with the statements that the step which refers to it must carry."""
        if self._sealed is None:
            self._sealed = self._writer.finish()
        return self._sealed

    async def discard(self) -> None:
        """Removes it, unless it was kept."""
        if self._sealed is None:
            await self._writer.discard()
        else:
            await self._ctx.content.discard([self._sealed])


class _Files:
    """The files of a message on their way into staging."""

    def __init__(self, loop: _Loop, upload: Upload) -> None:
        self._loop = loop
        self._upload = upload

    def begin(self, name: str | None, media_type: str) -> None:
        self._upload.begin(name or "", media_type)

    def write(self, data: bytes, /) -> None:
        self._loop.run(self._upload.write(data))

    def end(self) -> None:
        self._loop.run(self._upload.end())


class Workbench:
    """Where one large message is worked on; made by `workbench`."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._loop = _Loop()
        self._upload = Upload(ctx)
        self._made: list[NewFile] = []
        self.files = _Files(self._loop, self._upload)
        """Takes the files of a message."""

    def new(self) -> NewFile:
        """A new content."""
        made = NewFile(self._loop, self._ctx)
        self._made.append(made)
        return made

    def stored(self, content_id: str, size: int) -> StoredFile:
        """A content that is there."""
        return StoredFile(self._loop, self._ctx, content_id, size)

    def kept(self, octets: Range) -> Sealed | None:
        """The content that `octets` are the whole of, if it was made here."""
        for made in self._made:
            sealed = made.sealed()
            if isinstance(octets.file, StoredFile) and octets.file.is_of(sealed) and octets.size == sealed.bytes:
                return sealed
        return None

    def staged(self) -> tuple[StagedFile, ...]:
        """The files that were taken; one without a name has an empty one."""
        return self._upload.staged()

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """`work` in a thread of its own."""
        try:
            return await asyncio.to_thread(work)
        except asyncio.CancelledError:
            self._loop.is_stopped = True
            raise

    async def discard(self) -> None:
        """Removes whatever no step kept."""
        await self._upload.discard()
        for made in self._made:
            try:
                await made.discard()
            except StoreError as error:
                log.warning("staged content stays for the sweep: %s", type(error).__name__)


_places: WeakKeyDictionary[Contents, asyncio.Semaphore] = WeakKeyDictionary()
"""Free places by store: one gateway has one."""


@asynccontextmanager
async def workbench(ctx: Context) -> AsyncIterator[Workbench]:
    """A place for one large message; what it staged and no step kept is gone afterwards."""
    async with _places.setdefault(ctx.content, asyncio.Semaphore(AT_ONCE)):
        bench = Workbench(ctx)
        try:
            yield bench
        finally:
            await bench.discard()
