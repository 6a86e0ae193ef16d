import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sdk import merkle
from client.sdk.errors import InvalidInputError, TamperedError
from client.sdk.hashing import keccak

hashes = st.binary(min_size=32, max_size=32)


def _reference_root(leaves):
    """The rule as written: pad to a power of two with zeros, hash pairs until one is left."""
    width = 1
    while width < len(leaves):
        width *= 2
    level = list(leaves) + [bytes(32)] * (width - len(leaves))
    while len(level) > 1:
        level = [keccak(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


@given(st.lists(hashes, min_size=1, max_size=40))
def test_root_equals_the_rule_as_written(leaves):
    assert merkle.compute_root(leaves) == _reference_root(leaves)


@given(st.lists(hashes, min_size=1, max_size=40), st.data())
def test_proof_leads_to_the_root_from_its_own_position_only(leaves, data):
    tree = merkle.MerkleTree(leaves)
    index = data.draw(st.integers(min_value=0, max_value=len(leaves) - 1))
    proof = tree.proof(index)
    merkle.check_proof(tree.root, leaves[index], index=index, proof=proof, what="leaf")
    for other in range(1 << len(proof)):
        moved = merkle.root_of_proof(leaves[index], other, proof)
        if other != index and (leaves + [bytes(32)] * 64)[other] != leaves[index]:
            assert moved != tree.root


def test_root_of_one_leaf_is_the_leaf():
    assert merkle.compute_root([b"\x07" * 32]) == b"\x07" * 32


@pytest.mark.parametrize("count", [257, 512, 700, 1024])
def test_root_over_chunk_roots_equals_the_root_over_all_leaves(count):
    leaves = [keccak(bytes([index % 256, index // 256])) for index in range(count)]
    chunks = [leaves[start : start + 256] for start in range(0, count, 256)]
    roots = [merkle.compute_root(chunk + [bytes(32)] * (256 - len(chunk))) for chunk in chunks]
    assert merkle.compute_root(roots, padding=merkle.zero_root(8)) == merkle.compute_root(leaves)


@pytest.mark.parametrize("leaves", [[], [b"short"], [bytes(32), bytes(31)]])
def test_tree_over_other_than_hashes_is_refused(leaves):
    with pytest.raises(InvalidInputError):
        merkle.MerkleTree(leaves)


def test_proof_of_a_position_beyond_the_leaves_is_refused():
    with pytest.raises(InvalidInputError, match="got 3, expected 0 to 2"):
        merkle.MerkleTree([bytes(32)] * 3).proof(3)


def test_check_of_a_proof_with_an_index_beyond_its_depth_is_refused():
    with pytest.raises(InvalidInputError):
        merkle.check_proof(bytes(32), bytes(32), index=2, proof=[bytes(32)], what="leaf")


def test_check_of_a_changed_leaf_is_refused():
    tree = merkle.MerkleTree([b"\x01" * 32, b"\x02" * 32])
    with pytest.raises(TamperedError, match="record 0"):
        merkle.check_proof(tree.root, b"\x03" * 32, index=0, proof=tree.proof(0), what="record 0")


def test_split_of_joined_proof_gives_the_proof():
    proof = [b"\x01" * 32, b"\x02" * 32]
    assert merkle.split_proof(merkle.join_proof(proof)) == proof
    with pytest.raises(InvalidInputError):
        merkle.split_proof(b"\x01" * 33)
