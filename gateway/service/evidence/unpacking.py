"""An evidence package taken apart: its container, its table of contents, its files.

Promises: what is read is what the table names, by digest and in its order; small files are read with a limit, large
ones stream.
Fails: `PackageRefused`, whose text is German.
"""

from __future__ import annotations

import hashlib
from typing import BinaryIO, Final

from gateway.settle import archive, nachweis
from gateway.settle.archive import ArchiveRefused, Member
from gateway.settle.checkpoint import Checkpoint, read_checkpoint

MAX_JSON: Final = 64 * 1024 * 1024
"""Largest table or list of events that is read: a thousand deliveries with twenty events each take some 30 MB."""
MAX_SMALL: Final = 64 * 1024 * 1024
"""Largest other file that is read whole; revocation lists of great authorities have some megabytes."""
PIECE: Final = 1024 * 1024
"""Bytes hashed at once."""


class PackageRefused(ValueError):
    """Das ist kein Nachweispaket."""


class Package:
    """One package, open: each file is the one that the table names (step 1 of gateway/service/evidence/proving.py)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        try:
            listed = list(archive.members(file))
        except ArchiveRefused as refused:
            raise PackageRefused(str(refused)) from None
        self.members: dict[str, Member] = {member.name: member for member in listed}
        if not listed or listed[0].name != nachweis.TABLE:
            raise PackageRefused("Das Paket beginnt nicht mit seinem Verzeichnis (nachweis.json).")
        try:
            self.table = nachweis.read_table(self._bytes(nachweis.TABLE, MAX_JSON))
        except ValueError:
            raise PackageRefused("Das Verzeichnis des Pakets (nachweis.json) ist nicht lesbar.") from None
        if [each.name for each in self.table.dateien] != [member.name for member in listed[1:]]:
            raise PackageRefused("Im Paket liegen andere Dateien, als sein Verzeichnis nennt.")
        for each in self.table.dateien:
            if each.bytes != self.members[each.name].size or each.sha256 != self.digest(each.name, "sha256").hex():
                raise PackageRefused(f"Die Datei {each.name} ist nicht die, die das Verzeichnis nennt.")

    def has(self, name: str | None) -> bool:
        """Whether there is such a file."""
        return name in self.members

    def read(self, name: str, most: int = MAX_SMALL) -> bytes:
        """One file whole.

        Raises:
            PackageRefused: there is none, or it is too large.
        """
        if name not in self.members:
            raise PackageRefused(f"Im Paket fehlt die Datei {name}.")
        return self._bytes(name, most)

    def digest(self, name: str, algorithm: str) -> bytes:
        """Digest of one file, however large."""
        digest, left = hashlib.new(algorithm), self.members[name].size
        self._file.seek(self.members[name].start)
        while left:
            piece = self._file.read(min(left, PIECE))
            if not piece:
                raise PackageRefused("Das Paket ist abgeschnitten.")
            digest.update(piece)
            left -= len(piece)
        return digest.digest()

    def _bytes(self, name: str, most: int) -> bytes:
        member = self.members[name]
        if member.size > most:
            raise PackageRefused(f"Die Datei {name} ist zu groß.")
        self._file.seek(member.start)
        return self._file.read(member.size)


def checkpoint_of(file: BinaryIO) -> Checkpoint:
    """The checkpoint that a package carries; not verified.

    Raises:
        PackageRefused: it carries none.
    """
    try:
        return read_checkpoint(Package(file).read(nachweis.NOTE))
    except ValueError as error:
        raise PackageRefused(str(error)) from None
