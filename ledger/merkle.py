"""The Merkle tree over the rows of the ledger, as in RFC 6962 and RFC 9162 with SHA-256.

Everything works on the hashes of leaves (`leaf_hash`), which the database keeps beside the rows. The root of a tree is
the hash of its two halves, of which the left is the largest power of two below its size; `Frontier` grows a tree
without looking at what is already in it. A tree of no leaves has the hash of nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

HASH_LENGTH = 32
EMPTY_ROOT = sha256().digest()

_SIZE_LENGTH = 8

Range = tuple[int, int]
"""The leaves `[start, end)` below one node of a tree."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf; its zero byte keeps it apart from the hash of a node."""
    return sha256(b"\x00" + leaf).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree, reduced to what its further growth needs: its size, and the roots of its perfect subtrees.

    There is one subtree for each bit of the size that is set, from the largest, at the left, to the smallest.
    """

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or self.size.bit_count() != len(self.roots):
            raise ValueError(f"a tree of {self.size} leaves does not have {len(self.roots)} perfect subtrees")

    def append(self, hashes: Iterable[bytes]) -> Frontier:
        """The tree with these leaf hashes after its own. All of a batch at once costs least."""
        roots, size = list(self.roots), self.size
        for node in hashes:
            carry = size
            while carry & 1:
                node = sha256(b"\x01" + roots.pop() + node).digest()
                carry >>= 1
            roots.append(node)
            size += 1
        return Frontier(size, tuple(roots))

    def root(self) -> bytes:
        """The root of the tree."""
        if not self.roots:
            return EMPTY_ROOT
        *left, root = self.roots
        for node in reversed(left):
            root = _node_hash(node, root)
        return root

    def to_bytes(self) -> bytes:
        """The size as eight bytes, the most significant first, and the roots."""
        return self.size.to_bytes(_SIZE_LENGTH, "big") + b"".join(self.roots)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Frontier:
        """The inverse of `to_bytes`; ValueError for bytes that it never gives."""
        size = int.from_bytes(stored[:_SIZE_LENGTH], "big")
        if len(stored) != _SIZE_LENGTH + HASH_LENGTH * size.bit_count():
            raise ValueError("these bytes are no frontier of a tree")
        places = range(_SIZE_LENGTH, len(stored), HASH_LENGTH)
        return cls(size, tuple(stored[place : place + HASH_LENGTH] for place in places))


def root(hashes: Iterable[bytes]) -> bytes:
    """The root of the tree of these leaf hashes."""
    return Frontier().append(hashes).root()


def inclusion_proofs(hashes: Iterable[bytes], size: int, places: Iterable[int]) -> dict[int, tuple[bytes, ...]]:
    """For each place, the hashes that lead from its leaf to the root of the first `size` leaves.

    Reads the leaf hashes once and keeps only what the proofs hold. Places count from 0; one outside the tree, or fewer
    leaves than `size`, is a ValueError.
    """
    paths = {place: tuple(_inclusion_path(place, size)) for place in places}
    nodes = _nodes(hashes, size, [node for path in paths.values() for node in path])
    return {place: tuple(nodes[node] for node in path) for place, path in paths.items()}


def consistency_proof(hashes: Iterable[bytes], earlier: int, size: int) -> tuple[bytes, ...]:
    """The hashes which show that the tree of `earlier` leaves is the beginning of the tree of `size` leaves.

    Reads the leaf hashes once. ValueError where `earlier` is more than `size`, or there are fewer leaves. Nothing needs
    to be shown where `earlier` is 0 or `size`.
    """
    if not 0 <= earlier <= size:
        raise ValueError(f"a tree of {earlier} leaves is no beginning of one of {size}")
    path = tuple(_consistency_path(earlier, size)) if earlier else ()
    nodes = _nodes(hashes, size, path)
    return tuple(nodes[node] for node in path)


def verify_inclusion(hash_: bytes, place: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that the tree with this size and root has this leaf hash at this place."""
    if not 0 <= place < size:
        return False
    last, node = size - 1, hash_
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = _node_hash(sibling, node)
            place, last = _skip(place, last, bit=0)
        else:
            node = _node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


def verify_consistency(earlier: int, earlier_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of `earlier` leaves is the beginning of the tree of `size` leaves."""
    if not 0 <= earlier <= size:
        return False
    if earlier in (0, size):
        return not proof and earlier_root == (root if earlier == size else EMPTY_ROOT)
    if not proof:
        return False
    # A beginning that is one perfect subtree is a node of the proof itself, and is left out of it.
    nodes = [earlier_root, *proof] if earlier.bit_count() == 1 else list(proof)
    place, last = _skip(earlier - 1, size - 1, bit=1)
    before = now = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, now = _node_hash(sibling, before), _node_hash(sibling, now)
            place, last = _skip(place, last, bit=0)
        else:
            now = _node_hash(now, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and before == earlier_root and now == root


def _skip(place: int, last: int, *, bit: int) -> tuple[int, int]:
    """Both without the lowest bits of `place` that equal `bit`; with `bit` 0, place 0 stays."""
    while (place & 1) == bit and (place or bit):
        place, last = place >> 1, last >> 1
    return place, last


def _left(size: int) -> int:
    """The size of the left half of a tree: the largest power of two below its size."""
    return 1 << ((size - 1).bit_length() - 1)


def _inclusion_path(place: int, size: int) -> Iterator[Range]:
    """The siblings of the nodes from a leaf up to the root."""
    if not 0 <= place < size:
        raise ValueError(f"a tree of {size} leaves has no place {place}")
    siblings = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _left(end - start)
        if place < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    return reversed(siblings)


def _consistency_path(earlier: int, size: int) -> Iterator[Range]:
    """The nodes of a consistency proof, from the lowest to the highest."""
    nodes = []
    start, end = 0, size
    while end != earlier:
        middle = start + _left(end - start)
        if earlier <= middle:
            nodes.append((middle, end))
            end = middle
        else:
            nodes.append((start, middle))
            start = middle
    if start:
        nodes.append((start, end))
    return reversed(nodes)


def _perfect(node: Range) -> Iterator[Range]:
    """The perfect subtrees below a node, from left to right."""
    start, end = node
    while start < end:
        size = 1 << ((end - start).bit_length() - 1)
        yield start, start + size
        start += size


def _nodes(hashes: Iterable[bytes], size: int, wanted: Iterable[Range]) -> dict[Range, bytes]:
    """The hashes of these nodes of a tree, from one walk over its leaf hashes."""
    asked = set(wanted)
    kept = dict.fromkeys((part for node in asked for part in _perfect(node)), b"")
    roots: list[bytes] = []
    end = 0
    for node in islice(hashes, size):
        carry, start = end, end
        end += 1
        if (start, end) in kept:
            kept[start, end] = node
        while carry & 1:
            node = _node_hash(roots.pop(), node)
            carry >>= 1
            start = end - 2 * (end - start)
            if (start, end) in kept:
                kept[start, end] = node
        roots.append(node)
    if end < size:
        raise ValueError(f"a tree of {size} leaves cannot be made of {end}")
    return {node: Frontier(node[1] - node[0], tuple(kept[part] for part in _perfect(node))).root() for node in asked}
