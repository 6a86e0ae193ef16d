"""The positional Merkle tree. Pure: no I/O.

A leaf's index decides at each level whether it is hashed from the left or from the right, so a proof shows the
position too. Source: docs/protocol.md, 1.
"""

from collections.abc import Sequence
from itertools import pairwise

from eth_hash.backends.pysha3 import keccak256

from client.sdk.errors import InvalidInputError, TamperedError

HASH_SIZE = 32
ZERO_LEAF = bytes(HASH_SIZE)
DEPTH_MAX = 32


class MerkleTree:
    """A tree with all its levels, for taking proofs; `root` alone needs only `compute_root`."""

    def __init__(self, leaves: Sequence[bytes], *, padding: bytes = ZERO_LEAF):
        """Build over at least one 32-byte leaf, padded with `padding` to the next power of two.

        Padding other than zero is for a tree over the roots of chunks: `zero_root(8)` where chunks have 256 leaves.
        """
        if not leaves or any(len(each) != HASH_SIZE for each in leaves):
            raise InvalidInputError("Merkle leaves", expected=f"one or more of {HASH_SIZE} bytes")
        self.count = len(leaves)
        depth = (self.count - 1).bit_length()
        self._levels = [list(leaves)]
        self._padding = [padding]
        for _ in range(depth):
            self._levels.append(_parents(self._levels[-1], self._padding[-1]))
            self._padding.append(keccak256(self._padding[-1] * 2))

    @property
    def root(self) -> bytes:
        """The 32-byte root; of one leaf, the leaf itself."""
        return self._levels[-1][0]

    def proof(self, index: int) -> list[bytes]:
        """Return the siblings of leaf `index` from the leaf's level to the one below the root."""
        if not 0 <= index < self.count:
            raise InvalidInputError("leaf index", got=index, expected=f"0 to {self.count - 1}")
        siblings = []
        for level, padding in zip(self._levels[:-1], self._padding, strict=False):
            sibling = index ^ 1
            siblings.append(level[sibling] if sibling < len(level) else padding)
            index >>= 1
        return siblings

    def siblings_of(self, indices: Sequence[int]) -> list[bytes]:
        """Return what `root_of_some` needs beside leaves at these ascending indices: each node once, from below."""
        if not indices or not 0 <= indices[0] <= indices[-1] < self.count:
            raise InvalidInputError(
                "leaf indices", got=f"{len(indices)} of {self.count}", expected="some of the tree's"
            )
        siblings = []
        places = list(indices)
        for level, padding in zip(self._levels[:-1], self._padding, strict=False):
            known = set(places)
            missing = (place ^ 1 for place in places if place ^ 1 not in known)
            siblings += [level[place] if place < len(level) else padding for place in missing]
            places = list(dict.fromkeys(place >> 1 for place in places))
        return siblings


def compute_root(leaves: Sequence[bytes], *, padding: bytes = ZERO_LEAF) -> bytes:
    """Return the root over leaves padded as in `MerkleTree`."""
    return MerkleTree(leaves, padding=padding).root


def zero_root(depth: int) -> bytes:
    """Return the root of 2^depth zero leaves."""
    node = ZERO_LEAF
    for _ in range(depth):
        node = keccak256(node * 2)
    return node


def root_of_proof(leaf: bytes, index: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that leaf, index and siblings lead to."""
    if len(proof) > DEPTH_MAX or not 0 <= index < 1 << len(proof) or any(len(each) != HASH_SIZE for each in proof):
        raise InvalidInputError(
            "Merkle proof", got=f"{len(proof)} siblings for index {index}", expected="one that fits"
        )
    node = leaf
    for sibling in proof:
        node = keccak256(sibling + node if index & 1 else node + sibling)
        index >>= 1
    return node


def root_of_some(leaves: Sequence[bytes], indices: Sequence[int], siblings: Sequence[bytes], *, count: int) -> bytes:
    """Return the root that leaves at ascending indices and the siblings of `MerkleTree.siblings_of` lead to.

    Args:
        leaves: some leaves of a tree.
        indices: their positions, strictly ascending.
        siblings: 32 bytes each.
        count: leaves of the whole tree.
    """
    ascends = all(left < right for left, right in pairwise(indices))
    if not indices or not ascends or not 0 <= indices[0] <= indices[-1] < count or len(leaves) != len(indices):
        raise InvalidInputError("leaf indices", got=f"{len(indices)} of {count}", expected="ascending ones of the tree")
    following = iter(siblings)
    nodes = dict(zip(indices, leaves, strict=True))
    try:
        for _ in range((count - 1).bit_length()):
            parents: dict[int, bytes] = {}
            for place, node in nodes.items():
                if place & 1:
                    if place ^ 1 not in nodes:
                        parents[place >> 1] = keccak256(next(following) + node)
                else:
                    right = nodes.get(place | 1)
                    parents[place >> 1] = keccak256(node + (next(following) if right is None else right))
            nodes = parents
    except StopIteration:
        raise InvalidInputError("Merkle proof", got=f"{len(siblings)} siblings", expected="more") from None
    if next(following, None) is not None:
        raise InvalidInputError("Merkle proof", got=f"{len(siblings)} siblings", expected="fewer")
    return nodes[0]


def check_proof(root: bytes, leaf: bytes, *, index: int, proof: Sequence[bytes], what: str) -> None:
    """Raise TamperedError unless the proof shows leaf at index under root; `what` names the record in the error."""
    if root_of_proof(leaf, index, proof) != root:
        raise TamperedError(what, got="a proof that leads to another root", expected="the committed root")


def join_proof(proof: Sequence[bytes]) -> bytes:
    """Return the proof as one byte string of 32·k bytes, the form it has in bundles."""
    return b"".join(proof)


def split_proof(joined: bytes) -> list[bytes]:
    """Take a joined proof apart; InvalidInputError when its length is not a multiple of 32."""
    if len(joined) % HASH_SIZE:
        raise InvalidInputError("Merkle proof", got=f"{len(joined)} bytes", expected="a multiple of 32")
    return [joined[start : start + HASH_SIZE] for start in range(0, len(joined), HASH_SIZE)]


def _parents(level: list[bytes], padding: bytes) -> list[bytes]:
    whole = len(level) & ~1
    parents = [keccak256(level[at] + level[at + 1]) for at in range(0, whole, 2)]
    if whole != len(level):
        parents.append(keccak256(level[-1] + padding))
    return parents
