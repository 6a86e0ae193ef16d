"""Find one leaf of a trie, or prove what is there. No I/O of its own."""

from collections.abc import Iterator

from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import Hash32
from chain_node.execution.trie_nodes import (
    HASH_REFERENCE_SIZE_BYTES,
    NO_CHILD,
    Node,
    Short,
    decode_node,
    encode_node,
)
from chain_node.execution.trie_update import ReadNode


def read_leaf(read_node: ReadNode, root: Hash32, key: bytes) -> bytes | None:
    """The value at a key, or None."""
    path = key.hex()
    for node, depth, _ in _descend(read_node, root, path):
        if isinstance(node, Short) and node.is_leaf and node.path == path[depth:]:
            return node.payload
    return None


def prove_leaf(read_node: ReadNode, root: Hash32, key: bytes) -> tuple[bytes, ...]:
    """The encoded nodes from the root to the key, or to where it would be. Empty for an empty trie.

    Nodes that are embedded in their parent are not listed.
    Source: EIP-1186.
    """
    visited = _descend(read_node, root, key.hex())
    return tuple(encode_node(node) for node, _, is_embedded in visited if not is_embedded)


def _descend(read_node: ReadNode, root: Hash32, path: str) -> Iterator[tuple[Node, int, bool]]:
    """Each node on the way to a path: the node, the digits consumed above it, whether its parent embeds it."""
    if root == EMPTY_TRIE_ROOT:
        return
    node, depth, is_embedded = read_node(root), 0, False
    while True:
        yield node, depth, is_embedded
        if isinstance(node, list):
            reference = node[int(path[depth], 16)]
            depth += 1
        elif node.is_leaf or not path.startswith(node.path, depth):
            return
        else:
            reference = node.payload
            depth += len(node.path)
        if reference == NO_CHILD:
            return
        is_embedded = len(reference) != HASH_REFERENCE_SIZE_BYTES
        node = decode_node(reference) if is_embedded else read_node(Hash32(reference[1:]))
