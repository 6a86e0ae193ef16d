"""The reader's own rule of a pack's root against the contract's, as it is written in AssetPackRegistry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sdk import merkle
from client.sdk.attestation import CHUNK_SIZE
from client.sdk.errors import TamperedError
from client.sdk.hashing import keccak
from client.sdk.pack.reader import check_root, pack_root


def leaves_of(count: int) -> list[bytes]:
    return [keccak(number.to_bytes(4, "big")) for number in range(count)]


def contract_root(leaves: list[bytes]) -> bytes:
    """The frontier over chunk roots, step by step as the contract does it."""
    several = len(leaves) > CHUNK_SIZE
    padding = merkle.zero_root(8) if several else merkle.ZERO_LEAF
    if not several:
        return merkle.compute_root(leaves)
    nodes: dict[int, bytes] = {}
    count = 0
    for start in range(0, len(leaves), CHUNK_SIZE):
        chunk = leaves[start : start + CHUNK_SIZE]
        node = merkle.compute_root([*chunk, *[merkle.ZERO_LEAF] * (CHUNK_SIZE - len(chunk))])
        level, position, count = 0, count, count + 1
        while position >> level & 1:
            node, level = keccak(nodes[level] + node), level + 1
        nodes[level] = node
    depth = (count - 1).bit_length()
    if count == 1 << depth:
        return nodes[depth]
    root = padding
    for level in range(depth):
        root = keccak(nodes[level] + root) if count >> level & 1 else keccak(root + padding)
        padding = keccak(padding + padding)
    return root


@pytest.mark.parametrize("count", [1, 2, 3, 100, 255, 256, 257, 300, 511, 512, 513, 768, 1_000, 1_281, 2_048, 2_100])
def test_pack_root_is_that_of_the_contract(count: int) -> None:
    leaves = leaves_of(count)
    assert pack_root(leaves) == contract_root(leaves)


@pytest.mark.parametrize("count", [3, 300, 513, 1_100])
def test_pack_root_is_that_of_the_tree_over_all_leaves(count: int) -> None:
    leaves = leaves_of(count)
    assert pack_root(leaves) == merkle.compute_root(leaves)


@given(st.integers(100, 600), st.data())
def test_changed_exchanged_or_missing_leaf_is_found(count: int, data: st.DataObject) -> None:
    leaves = leaves_of(count)
    root = pack_root(leaves)
    check_root(root, leaves, 7)
    place = data.draw(st.integers(0, count - 2))
    changed, exchanged = list(leaves), list(leaves)
    changed[place] = keccak(b"other")
    exchanged[place], exchanged[place + 1] = exchanged[place + 1], exchanged[place]
    for wrong in (changed, exchanged, leaves[:-1], [*leaves, keccak(b"more")]):
        with pytest.raises(TamperedError, match="pack 7"):
            check_root(root, wrong, 7)
