"""The Merkle tree: the published vectors, the definition of RFC 6962 as written there, and proofs that hold or fail."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proofs,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

# The eight leaves that implementations of Certificate Transparency are tested with, and the roots of the first n.
LEAVES = [
    leaf_hash(bytes.fromhex(text))
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
MANY = [leaf_hash(b"%d" % number) for number in range(130)]
SIZES = st.integers(0, len(MANY))


def written_root(hashes: list[bytes]) -> bytes:
    """The root as RFC 6962 defines it, by halves."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else sha256().digest()
    left = 1
    while left * 2 < len(hashes):
        left *= 2
    return sha256(b"\x01" + written_root(hashes[:left]) + written_root(hashes[left:])).digest()


def flipped(data: bytes, bit: int) -> bytes:
    place = bit % (8 * len(data))
    return (int.from_bytes(data, "big") ^ (1 << place)).to_bytes(len(data), "big")


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    assert root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("place", "size", "path"),
    [
        (0, 1, []),
        (
            0,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            7,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
    ],
)
def test_published_inclusion_proofs(place: int, size: int, path: list[str]) -> None:
    assert [node.hex() for node in inclusion_proofs(LEAVES, size, [place])[place]] == path


def test_the_consistency_proofs_of_the_drawn_tree_of_rfc_6962() -> None:
    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i = root([a, b]), root([c, d]), root([e, f])
    k, m = root([a, b, c, d]), root([e, f, j])
    assert consistency_proof(LEAVES, 3, 7) == (c, d, g, m)
    assert consistency_proof(LEAVES, 4, 7) == (m,)
    assert consistency_proof(LEAVES, 6, 7) == (i, j, k)
    assert inclusion_proofs(LEAVES, 7, [3])[3] == (c, g, m)
    assert h == root([c, d])


@given(SIZES, st.lists(st.integers(0, 40)))
def test_a_frontier_has_the_root_for_any_batches(size: int, lengths: list[int]) -> None:
    frontier, done = Frontier(), 0
    for length in [*lengths, size]:
        frontier = frontier.append(MANY[done : min(done + length, size)])
        done = min(done + length, size)
        frontier = Frontier.from_bytes(frontier.to_bytes())
        assert frontier.size == done and frontier.root() == written_root(MANY[:done])


@given(SIZES, st.integers(1, len(MANY)))
def test_every_inclusion_proof_verifies_for_its_place_only(size: int, step: int) -> None:
    tree = root(MANY[:size])
    proofs = inclusion_proofs(iter(MANY), size, range(size))
    for place, proof in proofs.items():
        assert verify_inclusion(MANY[place], place, size, proof, tree)
        for other in {(place + 1) % size, place ^ 1, (place + step) % size} - {place}:
            assert not verify_inclusion(MANY[place], other, size, proof, tree)
            assert not verify_inclusion(MANY[other], place, size, proof, tree)


@given(st.integers(1, len(MANY)), st.data())
def test_a_flipped_bit_fails_an_inclusion_proof(size: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, size - 1))
    bit = data.draw(st.integers(0, 100_000))
    tree = root(MANY[:size])
    proof = inclusion_proofs(MANY, size, [place])[place]
    assert not verify_inclusion(flipped(MANY[place], bit), place, size, proof, tree)
    assert not verify_inclusion(MANY[place], place, size, proof, flipped(tree, bit))
    assert not verify_inclusion(MANY[place], place, size, (*proof, tree), tree)
    for at in range(len(proof)):
        changed = (*proof[:at], flipped(proof[at], bit), *proof[at + 1 :])
        assert not verify_inclusion(MANY[place], place, size, changed, tree)
        assert not verify_inclusion(MANY[place], place, size, (*proof[:at], *proof[at + 1 :]), tree)


@given(SIZES, SIZES, st.integers(0, 100_000))
def test_consistency_proofs_verify_and_a_flipped_bit_fails(one: int, other: int, bit: int) -> None:
    earlier, size = sorted((one, other))
    before, now = root(MANY[:earlier]), root(MANY[:size])
    proof = consistency_proof(iter(MANY), earlier, size)
    assert verify_consistency(earlier, before, size, now, proof)
    assert not verify_consistency(earlier, flipped(before, bit), size, now, proof)
    assert not verify_consistency(earlier, before, size, now, (*proof, now))
    if earlier:
        assert not verify_consistency(earlier, before, size, flipped(now, bit), proof)
    for at in range(len(proof)):
        changed = (*proof[:at], flipped(proof[at], bit), *proof[at + 1 :])
        assert not verify_consistency(earlier, before, size, now, changed)
        assert not verify_consistency(earlier, before, size, now, (*proof[:at], *proof[at + 1 :]))


@given(st.integers(1, len(MANY)), st.data())
def test_a_rewritten_beginning_is_not_consistent(size: int, data: st.DataObject) -> None:
    earlier = data.draw(st.integers(1, size))
    changed = data.draw(st.integers(0, earlier - 1))
    rewritten = [*MANY[:changed], leaf_hash(b"another"), *MANY[changed + 1 :]]
    proof = consistency_proof(rewritten, earlier, size)
    assert not verify_consistency(earlier, root(MANY[:earlier]), size, root(rewritten[:size]), proof)


@pytest.mark.parametrize("place", [-1, 8, 10**40])
def test_places_outside_the_tree(place: int) -> None:
    assert not verify_inclusion(LEAVES[0], place, 8, [], root(LEAVES))
    with pytest.raises(ValueError, match="no place"):
        inclusion_proofs(LEAVES, 8, [place])


def test_wrong_sizes() -> None:
    with pytest.raises(ValueError, match="cannot be made of 8"):
        inclusion_proofs(LEAVES, 9, [3])
    with pytest.raises(ValueError, match="no beginning"):
        consistency_proof(LEAVES, 8, 7)
    assert not verify_consistency(8, root(LEAVES), 7, root(LEAVES[:7]), [])
    assert verify_consistency(0, EMPTY_ROOT, 7, root(LEAVES[:7]), [])


@given(st.binary(max_size=150))
def test_other_bytes_are_no_frontier(data: bytes) -> None:
    try:
        frontier = Frontier.from_bytes(data)
    except ValueError:
        return
    assert frontier.to_bytes() == data


@pytest.mark.parametrize("cut", [0, 7, 8, 39, 41])
def test_a_frontier_that_was_cut_is_refused(cut: int) -> None:
    stored = Frontier().append(LEAVES[:3]).to_bytes()
    with pytest.raises(ValueError, match="frontier"):
        Frontier.from_bytes(stored[:cut])
    with pytest.raises(ValueError, match="perfect subtrees"):
        Frontier(3, (LEAVES[0],))
