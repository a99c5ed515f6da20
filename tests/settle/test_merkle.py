"""The tree of the log: known answers of RFC 6962's construction, and that every proof proves exactly one thing."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settle import merkle
from gateway.settle.merkle import Frontier, ProofRefused, Tiles

DATA = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
]
"""The eight entries that implementations of RFC 6962 are tried with."""
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


def plain_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162 section 2.1.3.1, word by word."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*plain_path(m, leaves[:k]), plain_root(leaves[k:])]
    return [*plain_path(m - k, leaves[k:]), plain_root(leaves[:k])]


def plain_proof(m: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """RFC 9162 section 2.1.4.1, word by word."""
    if m == len(leaves):
        return [] if whole else [plain_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*plain_proof(m, leaves[:k], whole), plain_root(leaves[k:])]
    return [*plain_proof(m - k, leaves[k:], False), plain_root(leaves[:k])]


def entries(count: int) -> list[bytes]:
    return [n.to_bytes(4, "big") for n in range(count)]


def grown(leaves: list[bytes], *cuts: int) -> tuple[Frontier, dict[merkle.Tile, bytes]]:
    """A tree appended in pieces, each with a frontier that was read back from its tiles."""
    tiles: dict[merkle.Tile, bytes] = {}
    size = 0
    for end in (*sorted(cuts), len(leaves)):
        frontier = Frontier(size, {level: tiles[level, n] for level, n in merkle.edge(size)})
        tiles |= frontier.append(merkle.leaf_hash(leaf) for leaf in leaves[size:end])
        size = end
    return Frontier(size, {level: tiles[level, n] for level, n in merkle.edge(size)}), tiles


@pytest.mark.parametrize("size", range(1, 9))
def test_known_answers(size: int) -> None:
    frontier, _ = grown(DATA[:size])
    assert frontier.root().hex() == ROOTS[size - 1]


def test_the_empty_tree() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root().hex() == empty


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 1000])
def test_tiles_give_what_the_rfc_says(size: int) -> None:
    leaves = entries(size)
    frontier, tiles = grown(leaves, size // 3, size // 2)
    node = Tiles(tiles).node
    assert frontier.root() == plain_root(leaves)
    for leaf in {0, size // 2, size - 1}:
        assert merkle.inclusion(leaf, size, node) == plain_path(leaf, leaves)
    for before in {1, size // 2 + 1, size}:
        assert merkle.consistency(before, size, node) == plain_proof(before, leaves)


def test_a_large_tree_needs_few_tiles() -> None:
    size = 256 * 256 + 256 + 7
    frontier, tiles = grown(entries(size))
    assert len(merkle.edge(size)) == 3
    needed = Tiles.needed(lambda node: merkle.inclusion(12_345, size, node))
    assert len(needed) <= 6
    node = Tiles({tile: tiles[tile] for tile in needed}).node
    path = merkle.inclusion(12_345, size, node)
    leaf = merkle.leaf_hash((12_345).to_bytes(4, "big"))
    merkle.check_inclusion(leaf, 12_345, size, path, frontier.root())
    changed = frontier.append([merkle.leaf_hash(b"one more")])
    assert sorted(changed) == [(0, 257), (1, 1), (2, 0)]


sizes = st.integers(1, 700)


@given(st.data(), sizes)
def test_every_leaf_is_proved_and_nothing_else(data: st.DataObject, size: int) -> None:
    leaves = entries(size)
    frontier, tiles = grown(leaves, data.draw(st.integers(0, size)))
    at = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion(at, size, Tiles(tiles).node)
    leaf, root = merkle.leaf_hash(leaves[at]), frontier.root()
    merkle.check_inclusion(leaf, at, size, path, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != at)) if size > 1 else None
    wrong = [
        (merkle.leaf_hash(b"another"), at, size, path, root),
        (leaf, at, size, [*path, root], root),
        (leaf, at, size, path, hashlib.sha256(root).digest()),
        (leaf, size, size, path, root),
        (leaf, -1, size, path, root),
    ]
    if other is not None:
        wrong += [(leaf, other, size, path, root), (leaf, at, size, path[:-1], root)]
    for each in wrong:
        with pytest.raises(ProofRefused):
            merkle.check_inclusion(*each)


@given(st.data(), sizes)
def test_a_log_that_only_grew_is_proved_and_no_other(data: st.DataObject, size: int) -> None:
    leaves = entries(size)
    before = data.draw(st.integers(1, size))
    first = plain_root(leaves[:before])
    frontier, tiles = grown(leaves, before)
    path = merkle.consistency(before, size, Tiles(tiles).node)
    merkle.check_consistency(before, first, size, frontier.root(), path)
    changed = [*leaves]
    changed[data.draw(st.integers(0, before - 1))] = b"changed"
    wrong = [
        (before, plain_root(changed[:before]), size, frontier.root(), path),
        (before, first, size, plain_root(changed), path),
        (before, first, size, frontier.root(), [*path, first]),
        (0, first, size, frontier.root(), path),
        (size + 1, first, size, frontier.root(), path),
    ]
    if path:
        wrong.append((before, first, size, frontier.root(), path[:-1]))
    for each in wrong:
        with pytest.raises(ProofRefused):
            merkle.check_consistency(*each)


def test_a_path_that_is_none_is_refused() -> None:
    root = merkle.leaf_hash(b"x")
    for path in ([b"short"], [bytes(32)] * 65):
        with pytest.raises(ProofRefused, match="no path"):
            merkle.check_inclusion(root, 0, 1, path, root)
        with pytest.raises(ProofRefused, match="no path"):
            merkle.check_consistency(1, root, 2, root, path)


def test_tiles_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="width"):
        Frontier(3, {0: bytes(64)})
    with pytest.raises(ValueError, match="missing"):
        Tiles({}).node(0, 0)
    with pytest.raises(ValueError, match="hashes"):
        Tiles({(0, 0): bytes(32)}).node(0, 1)
    with pytest.raises(ValueError, match="no such leaf"):
        merkle.inclusion(3, 3, Tiles({}).node)
    with pytest.raises(ValueError, match="no such tree"):
        merkle.consistency(4, 3, Tiles({}).node)
