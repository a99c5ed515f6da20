"""The files of one request on their way into encrypted staging.

Promises: content is encrypted chunk by chunk as it comes; whatever the number and size of the files, no more than
`PENDING_BYTES` wait in memory for the step that refers to them, beyond the one file that is coming in; what is
discarded, or never referenced, is removed.
Fails: `StoreUnavailable` when the store cannot take more.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from gateway.message import StagedFile
from gateway.service.context import Context
from gateway.store.content import ContentWriter, Sealed
from gateway.store.database import StoreError

log = logging.getLogger(__name__)

PENDING_BYTES = 4 * 1024 * 1024
"""Bytes of complete files that wait for the accepting step: most notices stay below and cost one commit; a thousand
files of 200 KB would be a message of 200 MB in memory."""


@dataclass(frozen=True)
class _Coming:
    """The file that is coming in."""

    name: str
    media_type: str
    writer: ContentWriter


class Upload:
    """Takes the files of one request, one after the other."""

    def __init__(self, ctx: Context) -> None:
        self._content = ctx.content
        self._now = ctx.now()
        self._coming: _Coming | None = None
        self._files: list[StagedFile] = []
        self._ahead = 0
        """How many of them, from the first, lie in the store already."""
        self._pending = 0
        """Bytes of the others."""

    def begin(self, name: str, media_type: str) -> None:
        """The next file."""
        self._coming = _Coming(name, media_type, self._content.writer(self._now))

    async def write(self, data: bytes) -> None:
        """More of its content."""
        assert self._coming is not None, "begun"
        await self._coming.writer.write(data)

    async def end(self) -> None:
        """Its content is complete."""
        assert self._coming is not None, "begun"
        coming, sealed = self._coming, self._coming.writer.finish()
        self._files.append(StagedFile(coming.name, coming.media_type, sealed.sha256, sealed.bytes, sealed))
        self._coming = None
        self._pending += sealed.pending
        if self._pending > PENDING_BYTES:
            await self._stage()

    def staged(self) -> tuple[StagedFile, ...]:
        """All files that are complete."""
        return tuple(self._files)

    async def discard(self) -> None:
        """Removes what no message refers to by now. What cannot be removed now is swept later."""
        try:
            if self._coming is not None:
                await self._coming.writer.discard()
            if self._files:
                await self._content.discard([_content(file) for file in self._files])
        except StoreError as error:
            log.warning("staged content stays for the sweep: %s", type(error).__name__)

    async def _stage(self) -> None:
        waiting = self._files[self._ahead :]
        rest = await self._content.stage([_content(file) for file in waiting])
        self._files[self._ahead :] = [replace(file, content=one) for file, one in zip(waiting, rest, strict=True)]
        self._ahead = len(self._files)
        self._pending = 0


def _content(file: StagedFile) -> Sealed:
    sealed: Sealed = file.content
    return sealed
