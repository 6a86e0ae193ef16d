"""Merkle-Patricia roots of ordered lists, and log filters. No I/O.

A block commits to its transactions and receipts by a trie whose keys are RLP(index). The root is computed
bottom up from the sorted keys, without a database. The state trie is the execution engine's business.

Source: Ethereum Yellow Paper, appendix D and section 4.3.1 (logs bloom).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chain_node.core import rlp
from chain_node.core.hashing import keccak
from chain_node.core.types import Hash32, Log

EMPTY_TRIE_ROOT = keccak(rlp.encode_bytes(b""))
BLOOM_SIZE_BYTES = 256

_Leaf = tuple[bytes, bytes]
"""(key as nibbles, one a byte; value)."""


def ordered_trie_root(items: Sequence[bytes]) -> Hash32:
    """Root of the trie that maps RLP(index) to each item, in the order given."""
    if not items:
        return EMPTY_TRIE_ROOT
    leaves = sorted((_nibbles(rlp.encode_bytes(rlp.scalar(index))), item) for index, item in enumerate(items))
    return keccak(rlp.wrap_list(_node_payload(leaves, 0)))


def logs_bloom(logs: Iterable[Log]) -> int:
    """2048-bit filter over the address and topics of each log."""
    bloom = 0
    for log in logs:
        bloom |= _bloom_bits(log.address)
        for topic in log.topics:
            bloom |= _bloom_bits(topic)
    return bloom


def _bloom_bits(word: bytes) -> int:
    digest = keccak(word)
    bits = 0
    for position in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[position : position + 2], "big") & 2047)
    return bits


def _nibbles(key: bytes) -> bytes:
    return bytes(nibble for byte in key for nibble in (byte >> 4, byte & 15))


def _node_payload(leaves: list[_Leaf], depth: int) -> bytes:
    """Payload of the node that holds these sorted leaves, whose keys agree on the first `depth` nibbles."""
    first_key, first_value = leaves[0]
    if len(leaves) == 1:
        return rlp.encode_bytes(_hex_prefix(first_key[depth:], is_leaf=True)) + rlp.encode_bytes(first_value)
    last_key = leaves[-1][0]
    branch_depth = depth
    while first_key[branch_depth] == last_key[branch_depth]:
        branch_depth += 1
    if branch_depth > depth:
        path = rlp.encode_bytes(_hex_prefix(first_key[depth:branch_depth], is_leaf=False))
        return path + _reference(_branch_payload(leaves, branch_depth))
    return _branch_payload(leaves, depth)


def _branch_payload(leaves: list[_Leaf], depth: int) -> bytes:
    # No key is a prefix of another (RLP is prefix-free), so the value slot of a branch stays empty.
    children: list[list[_Leaf]] = [[] for _ in range(16)]
    for leaf in leaves:
        children[leaf[0][depth]].append(leaf)
    slots = [_reference(_node_payload(child, depth + 1)) if child else b"\x80" for child in children]
    return b"".join(slots) + b"\x80"


def _reference(payload: bytes) -> bytes:
    node = rlp.wrap_list(payload)
    return node if len(node) < 32 else rlp.encode_bytes(keccak(node))


def _hex_prefix(nibbles: bytes, *, is_leaf: bool) -> bytes:
    flag = 2 if is_leaf else 0
    if len(nibbles) % 2:
        padded = bytes((flag + 1,)) + nibbles
    else:
        padded = bytes((flag, 0)) + nibbles
    return bytes((padded[i] << 4) | padded[i + 1] for i in range(0, len(padded), 2))
