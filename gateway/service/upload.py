"""One file on its way into encrypted staging.

Promises: content is encrypted chunk by chunk as it comes; what is discarded, or never referenced, is removed.
Fails: `StoreUnavailable` when the store cannot take more.
"""

from __future__ import annotations

from gateway.message import StagedFile
from gateway.service.context import Context


class Upload:
    """Takes one file's content."""

    def __init__(self, ctx: Context, name: str, media_type: str) -> None:
        self._writer = ctx.content.writer(ctx.now())
        self._name = name
        self._media_type = media_type

    async def write(self, data: bytes) -> None:
        """More content."""
        await self._writer.write(data)

    async def finish(self) -> StagedFile:
        """The content is complete."""
        sealed = self._writer.finish()
        return StagedFile(self._name, self._media_type, sealed.sha256, sealed.bytes, sealed)

    async def discard(self) -> None:
        """Removes what was staged, unless a message refers to it by now."""
        await self._writer.discard()
