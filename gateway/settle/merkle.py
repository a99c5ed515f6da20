"""The Merkle tree of the log: RFC 9162 section 2.1, whose construction is that of RFC 6962.

The tree is kept in tiles: tile (level, n) holds up to 256 hashes side by side, those of level 0 are leaves, one of a
level above is the root of a full tile below. Appending touches the last tile of each level and nothing else.

Promises: pure; the same leaves give the same root, however they were appended; `check_inclusion` and
`check_consistency` return nothing or raise, and refuse a proof that is too short or too long.
Fails: `ProofRefused` for a proof that proves nothing, `ValueError` for a place that the tree does not have.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

HASH_BYTES: Final = 32
"""SHA-256."""
HEIGHT: Final = 8
"""Levels of the tree in one tile, as other logs have it: 256 hashes are 8 KB, one row of the store."""
WIDTH: Final = 1 << HEIGHT
MAX_PATH: Final = 64
"""Longest proof that is looked at: a tree of 2^63 leaves has no longer one."""
EMPTY: Final = hashlib.sha256(b"").digest()
"""Root of a tree without leaves."""

Tile = tuple[int, int]
"""Level and number."""
Node = Callable[[int, int], bytes]
"""The root of the complete subtree with 2^k leaves that begins at leaf i * 2^k, by (k, i)."""


class ProofRefused(ValueError):
    """The proof does not show what it should."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of one leaf; its prefix keeps a leaf from passing as a node."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


# --- the tree --------------------------------------------------------------------------------------------------------


class Frontier:
    """The right edge of a tree: all that appending needs, at most one tile a level."""

    def __init__(self, size: int = 0, tiles: Mapping[int, bytes] | None = None) -> None:
        """Args:
            size: leaves so far.
            tiles: by level, the last tile where it is not full; see `edge`.

        Raises:
            ValueError: the tiles are not those of a tree of this size.
        """
        self.size = size
        self._last = {level: bytearray((tiles or {}).get(level, b"")) for level, _ in edge(size)}
        for level, width in widths(size):
            if len(self._last.get(level, b"")) != width * HASH_BYTES:
                raise ValueError(f"tile of level {level} has another width than a tree of {size} leaves")

    def append(self, leaves: Iterable[bytes]) -> dict[Tile, bytes]:
        """Append leaf hashes.

        Returns:
            The tiles that changed, as they are now.
        """
        changed: dict[Tile, bytes] = {}
        for leaf in leaves:
            self._put(leaf, changed)
        for level, width in widths(self.size):
            if width:
                tile = level, self.size >> (HEIGHT * (level + 1))
                changed[tile] = bytes(self._last[level])
        return changed

    def root(self) -> bytes:
        """Root of the tree as it is now."""
        return subtree(0, self.size, self._node) if self.size else EMPTY

    def _put(self, found: bytes, changed: dict[Tile, bytes]) -> None:
        level = 0
        self.size += 1
        while True:
            last = self._last.setdefault(level, bytearray())
            last += found
            if len(last) < WIDTH * HASH_BYTES:
                return
            changed[level, (self.size >> (HEIGHT * (level + 1))) - 1] = bytes(last)
            found = tile_root(bytes(last))
            self._last[level] = bytearray()
            level += 1

    def _node(self, k: int, i: int) -> bytes:
        level, within = divmod(k, HEIGHT)
        return _within(bytes(self._last[level]), within, i & ((WIDTH >> within) - 1))


def widths(size: int) -> list[tuple[int, int]]:
    """For each level of a tree, how many hashes its last tile has while it is not full."""
    found, level = [], 0
    while size >> (HEIGHT * level):
        found.append((level, (size >> (HEIGHT * level)) % WIDTH))
        level += 1
    return found


def edge(size: int) -> list[Tile]:
    """The tiles that `Frontier` needs: the last one of each level, where it is not full."""
    return [(level, size >> (HEIGHT * (level + 1))) for level, width in widths(size) if width]


def tile_root(hashes: bytes) -> bytes:
    """Root of a full tile, or of any run of 2^n hashes."""
    row = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def _within(tile: bytes, k: int, i: int) -> bytes:
    """The root of 2^k hashes of a tile, the i-th such run."""
    run = tile[(i << k) * HASH_BYTES : ((i + 1) << k) * HASH_BYTES]
    if len(run) != HASH_BYTES << k:
        raise ValueError("the tile does not have these hashes")
    return tile_root(run)


class Tiles:
    """Nodes of a tree from its tiles, and which tiles a walk needs."""

    def __init__(self, tiles: Mapping[Tile, bytes]) -> None:
        self._tiles = tiles

    def node(self, k: int, i: int) -> bytes:
        """See `Node`.

        Raises:
            ValueError: a tile is missing or has another width.
        """
        tile, within, at = _place(k, i)
        if tile not in self._tiles:
            raise ValueError(f"tile {tile} is missing")
        return _within(self._tiles[tile], within, at)

    @staticmethod
    def needed(walk: Callable[[Node], object]) -> list[Tile]:
        """The tiles that `walk` asks for, in a fixed order."""
        found: set[Tile] = set()

        def note(k: int, i: int) -> bytes:
            found.add(_place(k, i)[0])
            return bytes(HASH_BYTES)

        walk(note)
        return sorted(found)


def _place(k: int, i: int) -> tuple[Tile, int, int]:
    level, within = divmod(k, HEIGHT)
    run = HEIGHT - within
    return (level, i >> run), within, i & ((1 << run) - 1)


def subtree(start: int, size: int, node: Node) -> bytes:
    """Root of `size` leaves from `start` on, as the tree of RFC 9162 section 2.1.1 cuts them."""
    if size & (size - 1) == 0:
        return node(size.bit_length() - 1, start // size)
    left = _split(size)
    return node_hash(subtree(start, left, node), subtree(start + left, size - left, node))


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


# --- proofs ----------------------------------------------------------------------------------------------------------


def inclusion(leaf: int, size: int, node: Node) -> list[bytes]:
    """The audit path of a leaf in a tree of `size` leaves (RFC 9162 section 2.1.3.1).

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= leaf < size:
        raise ValueError("the tree has no such leaf")
    path: list[bytes] = []
    start = 0
    while size > 1:
        left = _split(size)
        if leaf < start + left:
            path.append(subtree(start + left, size - left, node))
            size = left
        else:
            path.append(subtree(start, left, node))
            start, size = start + left, size - left
    return path[::-1]


def consistency(before: int, size: int, node: Node) -> list[bytes]:
    """Proof that a tree of `size` leaves begins with the one of `before` leaves (RFC 9162 section 2.1.4.1).

    Raises:
        ValueError: there was no such tree.
    """
    if not 0 < before <= size:
        raise ValueError("there was no such tree")
    path: list[bytes] = []
    start, whole = 0, True
    while before != size:
        left = _split(size)
        if before <= left:
            path.append(subtree(start + left, size - left, node))
            size = left
        else:
            path.append(subtree(start, left, node))
            start, before, size, whole = start + left, before - left, size - left, False
    if not whole:
        path.append(subtree(start, size, node))
    return path[::-1]


def check_inclusion(found: bytes, leaf: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Hold a leaf hash and its path against a root (RFC 9162 section 2.1.3.2).

    Raises:
        ProofRefused: they do not lead to it.
    """
    if not 0 <= leaf < size:
        raise ProofRefused("the tree has no such leaf")
    _check_path(path)
    at, last = leaf, size - 1
    for step in path:
        if last == 0:
            raise ProofRefused("the path is too long")
        if at & 1 or at == last:
            found = node_hash(step, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    if last != 0 or not hmac.compare_digest(found, root):
        raise ProofRefused("the path leads elsewhere")


def check_consistency(before: int, first: bytes, size: int, second: bytes, path: Sequence[bytes]) -> None:
    """Hold two roots of one log against each other (RFC 9162 section 2.1.4.2).

    Raises:
        ProofRefused: the second tree does not begin with the first, or the proof shows nothing.
    """
    if not 0 < before <= size:
        raise ProofRefused("there was no such tree")
    _check_path(path)
    if before == size:
        if path or not hmac.compare_digest(first, second):
            raise ProofRefused("two roots for one size")
        return
    steps = [first, *path] if before & (before - 1) == 0 else list(path)
    if not steps:
        raise ProofRefused("the path is too short")
    at, last = before - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ProofRefused("the path is too long")
        if at & 1 or at == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, step)
        at, last = at >> 1, last >> 1
    if last != 0 or not (hmac.compare_digest(old, first) and hmac.compare_digest(new, second)):
        raise ProofRefused("the roots do not belong to one log")


def _check_path(path: Sequence[bytes]) -> None:
    if len(path) > MAX_PATH or any(len(step) != HASH_BYTES for step in path):
        raise ProofRefused("this is no path")
