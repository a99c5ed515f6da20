"""The container of an evidence package: an uncompressed tar (POSIX ustar) of which exactly one spelling is read.

Uncompressed, so that nothing grows when it is read; sizes stand ahead, so that both ways stream; every header must be
byte for byte the one that we would write for its name and size, so that no two programs can read two things from it.

Promises: pure; the same entries give the same bytes; a name is a plain relative path of lower-case words.
Fails: `ArchiveRefused` for anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
"""Two empty blocks end an archive, and nothing follows them."""
MAX_NAME: Final = 100
"""What a ustar header holds."""
MAX_SIZE: Final = 8**11 - 1
"""Likewise: 8 GB."""
MAX_MEMBERS: Final = 10_000
"""A message with a thousand recipients and several receipts each stays below."""
_NAME: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*(?:/[a-z0-9]+(?:[._-][a-z0-9]+)*)*")


class ArchiveRefused(ValueError):
    """This is no package of ours; the text is German."""


class Source(Protocol):
    """A file that can be read from any place."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Another place."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry, where it lies."""

    name: str
    start: int
    size: int


def header(name: str, size: int) -> bytes:
    """The block before an entry's content.

    Raises:
        ValueError: a name or size that an archive cannot have.
    """
    if len(name) > MAX_NAME or not _NAME.fullmatch(name) or not 0 <= size <= MAX_SIZE:
        raise ValueError(f"{name} cannot stand in an archive")
    fields = (
        name.encode().ljust(100, b"\0"),
        b"0000644\0" + b"0000000\0" * 2,  # mode, owner, group
        f"{size:011o}\0".encode(),
        b"00000000000\0",  # time
        b"        " + b"0" + bytes(100),  # checksum, kind (a file), target of a link
        b"ustar\x0000" + bytes(32 + 32) + b"0000000\0" * 2 + bytes(155 + 12),
    )
    block = b"".join(fields)
    return block[:148] + f"{sum(block):06o}\0 ".encode() + block[156:]


def padding(size: int) -> bytes:
    """What follows an entry's content up to the next block."""
    return bytes(-size % BLOCK)


def length(sizes: list[int]) -> int:
    """Bytes of an archive of entries of these sizes."""
    return sum(BLOCK + size + len(padding(size)) for size in sizes) + len(END)


def members(file: Source) -> Iterator[Member]:
    """The entries of an archive, one after the other; contents are skipped.

    Raises:
        ArchiveRefused: it is not exactly what `header`, contents, `padding` and `END` give.
    """
    at = 0
    seen: set[str] = set()
    while True:
        file.seek(at)
        block = file.read(BLOCK)
        if block == bytes(BLOCK):
            break
        member = _member(block, at + BLOCK)
        if member.name in seen or len(seen) == MAX_MEMBERS:
            raise ArchiveRefused("Ein Eintrag steht doppelt im Paket, oder es hat zu viele.")
        seen.add(member.name)
        at = member.start + member.size
        file.seek(at)
        gap = padding(member.size)
        if file.read(len(gap)) != gap:
            raise ArchiveRefused("Das Paket ist abgeschnitten oder enthält Daten zwischen den Einträgen.")
        at += len(gap)
        yield member
    file.seek(at)
    if file.read(len(END) + 1) != END:
        raise ArchiveRefused("Das Paket ist abgeschnitten, oder auf sein Ende folgt noch etwas.")


def _member(block: bytes, start: int) -> Member:
    name, _, _ = block[:100].partition(b"\0")
    size = block[124:135]
    try:
        found = Member(name.decode("ascii"), start, int(size.decode("ascii"), 8))
        if header(found.name, found.size) == block:
            return found
    except ValueError:
        pass
    raise ArchiveRefused("Das Paket ist kein Nachweispaket: ein Eintrag hat nicht die vorgesehene Form.")
