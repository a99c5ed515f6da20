"""The body of a request, opened and verified: a small one in memory, a large one from the store, to one result.

Promises: the raw request, headers included, is one content of the store; what is staged while it is opened and that no
step keeps is gone afterwards.
Fails: `OpenRefused`, `ContentRefused`, `TooLargeToOpen` when it is opened; `StoreError`.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gateway.as2headers import As2Request, ReceiptRequest
from gateway.message import StagedFile
from gateway.partner import Partner
from gateway.seal.sealer import STREAM_FROM, Opened, OpenedStream, Range, open_sealed, open_stream
from gateway.service.context import Context
from gateway.service.departure.files import Workbench, workbench
from gateway.store.content import Sealed

MIC_ALGORITHMS = ("sha-256", "sha-384", "sha-512")
"""What we compute a MIC in; SHA-1 and MD5 never (wire.md section 1)."""
RAW_IN_MEMORY: Final = STREAM_FROM + 256 * 1024
"""Largest raw request that is opened in memory: a body below `STREAM_FROM`, and its headers."""
COMPRESSED_IN_MEMORY: Final = 64 * 1024
"""Largest body that is opened in memory where compression is agreed: at the worst ratio 6 MB come out."""

RawHeaders = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Arrival:
    """A message that was decrypted and whose signature holds."""

    gateway_headers: Mapping[str, str]
    """`X-Gateway-…` fields of the signed entity."""
    xml: bytes = field(repr=False)
    files: tuple[StagedFile, ...]
    """Staged; one without a name has an empty one."""
    entity: Any = field(repr=False)
    """The whole entity with its signature: bytes, or the store's handle where it lies there."""
    mic: tuple[str, str]
    """Base64 and algorithm, as the sender asked for it."""


class Opening(Protocol):
    """A request on the workbench."""

    async def arrive(self, request: As2Request, partner: Partner) -> Arrival:
        """Steps 5 to 8 of wire.md section 3.

        Raises:
            OpenRefused: whatever failed before the signature verified.
            ContentRefused: the signature holds, but not what it covers.
            TooLargeToOpen: it is larger than what is opened in memory.
        """
        ...


class Incoming(Protocol):
    """The body of a request."""

    sha256: str
    """Of the body alone, lower-case hex."""

    def raw(self) -> Sealed:
        """The raw request as a content, with the statements that keep it."""
        ...

    async def discard(self) -> None:
        """Nothing refers to the raw request."""

    def opening(self) -> AbstractAsyncContextManager[Opening]:
        """What was staged meanwhile, and kept by no step, is gone afterwards."""
        ...


class InMemory:
    """A small body."""

    def __init__(self, ctx: Context, head: bytes, body: bytes) -> None:
        self._ctx = ctx
        self._head = head
        self._body = body
        self.sha256 = hashlib.sha256(body).hexdigest()

    def raw(self) -> Sealed:
        """See `Incoming`."""
        return self._ctx.content.seal_small(self._head + self._body, self._ctx.now())

    async def discard(self) -> None:
        """See `Incoming`: nothing was written."""

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[Opening]:
        """See `Incoming`."""
        yield self

    async def arrive(self, request: As2Request, partner: Partner) -> Arrival:
        """See `Opening`."""
        opened = await asyncio.to_thread(
            open_sealed,
            io.BytesIO(self._body),
            request.content_type,
            self._ctx.identity,
            partner,
            at=self._ctx.at(),
            transfer=request.transfer_encoding,
        )
        (_, _, xml), *others = opened.parts
        files = tuple(self._staged(*part) for part in others)
        mic = mic_of(opened, request.receipt)
        return Arrival(opened.gateway_headers, xml, files, opened.entity or None, mic)

    def _staged(self, name: str | None, media_type: str, data: bytes) -> StagedFile:
        content = self._ctx.content.seal_small(data, self._ctx.now())
        return StagedFile(name or "", media_type, content.sha256, content.bytes, content)


class InStore:
    """A large body: a range of a content."""

    def __init__(self, ctx: Context, raw: Sealed, start: int, sha256: str) -> None:
        self._ctx = ctx
        self._raw = raw
        self._start = start
        self.sha256 = sha256

    @classmethod
    async def taken(cls, ctx: Context, head: bytes, pieces: AsyncIterator[bytes]) -> InStore:
        """A body as it comes, after its header with the blank line; whatever breaks it off leaves nothing."""
        writer, digest = ctx.content.writer(ctx.now()), hashlib.sha256()
        try:
            await writer.write(head)
            async for piece in pieces:
                digest.update(piece)
                await writer.write(piece)
        except BaseException:
            await writer.discard()
            raise
        return cls(ctx, writer.finish(), len(head), digest.hexdigest())

    def raw(self) -> Sealed:
        """See `Incoming`."""
        return self._raw

    async def discard(self) -> None:
        """See `Incoming`."""
        await self._ctx.content.discard([self._raw])

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[Opening]:
        """See `Incoming`."""
        async with workbench(self._ctx) as bench:
            yield _OnTheBench(self._ctx, bench, self._raw, self._start)


@dataclass(frozen=True)
class _OnTheBench:
    """A large body being opened."""

    ctx: Context
    bench: Workbench
    raw: Sealed
    start: int

    async def arrive(self, request: As2Request, partner: Partner) -> Arrival:
        """See `Opening`."""

        def work() -> tuple[OpenedStream, tuple[str, str]]:
            opened = open_stream(
                Range(self.bench.stored(self.raw.id, self.raw.bytes), self.start, self.raw.bytes),
                request.content_type,
                self.ctx.identity,
                partner,
                at=self.ctx.at(),
                transfer=request.transfer_encoding,
                staging=self.bench.new,
                files=self.bench.files,
            )
            return opened, mic_of(opened, request.receipt)

        opened, mic = await self.bench.run(work)
        entity = self.bench.kept(opened.entity)
        return Arrival(opened.gateway_headers, opened.xml, self.bench.staged(), entity, mic)


async def recovered(ctx: Context, content_id: str, sha256: str) -> tuple[bytes, Incoming]:
    """A raw request of the store: its header with the blank line, and its body.

    Raises:
        StoreError: it cannot be read.
    """
    beginning = bytearray()
    async for piece in ctx.content.read(content_id):
        beginning += piece
        if len(beginning) > RAW_IN_MEMORY:
            break
    head, blank, body = bytes(beginning).partition(b"\r\n\r\n")
    head += blank
    if len(beginning) <= RAW_IN_MEMORY:
        return head, InMemory(ctx, head, body)
    row = await ctx.db.fetch_one("content", content_id)
    assert row is not None, content_id
    return head, InStore(ctx, Sealed(content_id, row["sha256"], row["bytes"], ()), len(head), sha256)


def mic_of(opened: Opened | OpenedStream, receipt: ReceiptRequest | None) -> tuple[str, str]:
    """The MIC in the first algorithm that the sender asked for and we compute, else in the signature's hash."""
    wanted = receipt.micalgs if receipt else ()
    alg = next((alg for alg in wanted if alg in MIC_ALGORITHMS), opened.verified.hash)
    return opened.mic(alg), alg


def headers_of(head: bytes) -> RawHeaders:
    """The headers that `joined` put together."""
    lines = [line.partition(b": ") for line in head.removesuffix(b"\r\n\r\n").split(b"\r\n")]
    return [(name, value) for name, _, value in lines]


def joined(headers: RawHeaders, body: bytes) -> bytes:
    """A request as one content."""
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n" + body
