"""Apply all changes of a block to a trie in one pass. No I/O of its own.

Writing leaf by leaf hashes the upper nodes again for every leaf. Here the sorted changes descend together and every
changed node is encoded and hashed once, on the way up. Nothing is removed from the store: full history is kept.
"""

from collections.abc import Callable, Iterator, Mapping

from chain_node.core.hashing import keccak
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import Hash32
from chain_node.execution.trie_nodes import (
    BRANCH_WIDTH,
    DIGITS,
    HASH_PREFIX,
    HASH_REFERENCE_SIZE_BYTES,
    NO_CHILD,
    Branch,
    Node,
    Short,
    decode_node,
    encode_node,
)

ReadNode = Callable[[Hash32], Node]
"""Gives a decoded node by its hash; what it returns is never changed, so it may be cached."""

Change = tuple[str, bytes]


def update_trie(
    read_node: ReadNode, root: Hash32, changes: Mapping[bytes, bytes]
) -> tuple[Hash32, dict[Hash32, bytes]]:
    """Write many leaves at once.

    Args:
        read_node: asked only for nodes of the trie at `root`.
        root: root of the trie before.
        changes: value by key; an empty value deletes the key, whether or not it is there. All keys have one length.

    Returns:
        The new root, and the new nodes by hash.
    """
    if not changes:
        return root, {}
    update = _Update(read_node)
    items = sorted((key.hex(), value) for key, value in changes.items())
    before = None if root == EMPTY_TRIE_ROOT else read_node(root)
    after = update.apply(before, items, 0)
    if after is None:
        return EMPTY_TRIE_ROOT, update.nodes
    encoded = encode_node(after)
    new_root = keccak(encoded)
    update.nodes[new_root] = encoded
    return new_root, update.nodes


class _Update:
    def __init__(self, read_node: ReadNode) -> None:
        self._read_node = read_node
        self.nodes: dict[Hash32, bytes] = {}

    def apply(self, node: Node | None, items: list[Change], depth: int) -> Node | None:
        """Give the subtree below `node` after `items`, which are sorted and share their first `depth` digits."""
        if node is None:
            return self._build([item for item in items if item[1]], depth)
        if isinstance(node, list):
            return self._apply_to_branch(node, {}, items, depth)
        if node.is_leaf:
            return self._apply_to_leaf(node, items, depth)
        return self._apply_to_extension(node, items, depth)

    def _apply_to_branch(
        self, branch: Branch, changed: dict[int, Node], items: list[Change], depth: int
    ) -> Node | None:
        """`changed` holds children that are not yet encoded; they stand in for those of `branch`."""
        children = list(branch)
        for digit, group in _groups(items, depth):
            before = changed.pop(digit) if digit in changed else self._load(children[digit])
            child = self.apply(before, group, depth + 1)
            children[digit] = NO_CHILD
            if child is not None:
                changed[digit] = child
        live = [digit for digit in range(BRANCH_WIDTH) if digit in changed or children[digit] != NO_CHILD]
        if len(live) > 1:
            for digit, child in changed.items():
                children[digit] = self._reference(child)
            return children
        if not live:
            return None
        only = live[0]
        return self._prefixed(DIGITS[only], changed[only] if only in changed else self._load(children[only]))

    def _apply_to_leaf(self, leaf: Short, items: list[Change], depth: int) -> Node | None:
        key = items[0][0][:depth] + leaf.path
        if len(items) == 1 and items[0][0] == key:
            return Short(leaf.path, True, items[0][1]) if items[0][1] else None
        merged = {key: leaf.payload}
        merged.update(items)
        return self._build(sorted(item for item in merged.items() if item[1]), depth)

    def _apply_to_extension(self, extension: Short, items: list[Change], depth: int) -> Node | None:
        path, end = extension.path, depth + len(extension.path)
        # Deleting a key that is not below the extension changes nothing.
        items = [item for item in items if item[1] or item[0][depth:end] == path]
        if not items:
            return extension
        shared = min(_shared_length(path, key[depth:end]) for key in (items[0][0], items[-1][0]))
        if shared == len(path):
            return self._prefixed(path, self.apply(self._load(extension.payload), items, end))
        branch = [NO_CHILD] * BRANCH_WIDTH
        changed: dict[int, Node] = {}
        fork, rest = int(path[shared], 16), path[shared + 1 :]
        if rest:
            changed[fork] = Short(rest, False, extension.payload)
        else:
            branch[fork] = extension.payload
        return self._prefixed(path[:shared], self._apply_to_branch(branch, changed, items, depth + shared))

    def _build(self, items: list[Change], depth: int) -> Node | None:
        """A fresh subtree of sorted items with values."""
        if not items:
            return None
        if len(items) == 1:
            return Short(items[0][0][depth:], True, items[0][1])
        fork = depth + _shared_length(items[0][0][depth:], items[-1][0][depth:])
        branch = [NO_CHILD] * BRANCH_WIDTH
        for digit, group in _groups(items, fork):
            child = self._build(group, fork + 1)
            if child is not None:
                branch[digit] = self._reference(child)
        return self._prefixed(items[0][0][depth:fork], branch)

    def _prefixed(self, path: str, node: Node | None) -> Node | None:
        """Put a path before a subtree, joining it with a path that is already there."""
        if node is None or not path:
            return node
        if isinstance(node, list):
            return Short(path, False, self._reference(node))
        return Short(path + node.path, node.is_leaf, node.payload)

    def _reference(self, node: Node) -> bytes:
        encoded = encode_node(node)
        if len(encoded) < HASH_REFERENCE_SIZE_BYTES - 1:
            return encoded
        node_hash = keccak(encoded)
        self.nodes[node_hash] = encoded
        return HASH_PREFIX + node_hash

    def _load(self, reference: bytes) -> Node | None:
        if reference == NO_CHILD:
            return None
        if len(reference) == HASH_REFERENCE_SIZE_BYTES:
            return self._read_node(Hash32(reference[1:]))
        return decode_node(reference)


def _groups(items: list[Change], depth: int) -> Iterator[tuple[int, list[Change]]]:
    """Split sorted items by their digit at `depth`."""
    start = 0
    while start < len(items):
        digit = items[start][0][depth]
        end = start + 1
        while end < len(items) and items[end][0][depth] == digit:
            end += 1
        yield int(digit, 16), items[start:end]
        start = end


def _shared_length(left: str, right: str) -> int:
    length = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        length += 1
    return length
