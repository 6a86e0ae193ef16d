"""Nodes of a Merkle-Patricia trie as bytes and as Python values. No I/O.

A path is a string of hexadecimal digits, one per nibble. A reference to a child is kept in the form in which its
parent holds it: `0x80` for none, `0xa0` and 32 bytes for a hash, or the child's own encoding when that is shorter than
32 bytes. So a branch is encoded by joining its children.

Only tries whose keys all have one length are supported (state and storage tries hash their keys), so a branch never
holds a value of its own.
Source: Ethereum Yellow Paper, appendices B, C, D.
"""

from dataclasses import dataclass

from chain_node.core.rlp import encode_bytes, wrap_list

NO_CHILD = b"\x80"
HASH_PREFIX = b"\xa0"
HASH_REFERENCE_SIZE_BYTES = 33
BRANCH_WIDTH = 16
DIGITS = "0123456789abcdef"

Branch = list[bytes]


@dataclass(frozen=True, slots=True)
class Short:
    """A leaf or an extension."""

    path: str
    """The nibbles this node consumes, as hexadecimal digits."""

    is_leaf: bool
    payload: bytes
    """The value of a leaf, or the encoded reference of an extension's only child."""


Node = Branch | Short


def item_bounds(raw: bytes, start: int) -> tuple[int, int]:
    """Where the content of the RLP item at `start` begins and ends. The input is trusted: it was found by its hash."""
    first = raw[start]
    if first < 0x80:
        return start, start + 1
    if first < 0xB8:
        return start + 1, start + 1 + first - 0x80
    if first < 0xC0:
        content = start + 1 + first - 0xB7
        return content, content + int.from_bytes(raw[start + 1 : content], "big")
    if first < 0xF8:
        return start + 1, start + 1 + first - 0xC0
    content = start + 1 + first - 0xF7
    return content, content + int.from_bytes(raw[start + 1 : content], "big")


def encode_node(node: Node) -> bytes:
    """Encode a node as the trie hashes and stores it."""
    if isinstance(node, list):
        return wrap_list(b"".join(node) + NO_CHILD)
    path = encode_bytes(_pack_path(node.path, is_leaf=node.is_leaf))
    return wrap_list(path + (encode_bytes(node.payload) if node.is_leaf else node.payload))


def decode_node(raw: bytes) -> Node:
    """Decode a stored node. The input is trusted: it was found by its hash."""
    position, end = item_bounds(raw, 0)
    items: list[bytes] = []
    while position < end:
        first = raw[position]
        if first == 0x80:
            items.append(NO_CHILD)
            position += 1
        else:
            item_end = position + HASH_REFERENCE_SIZE_BYTES if first == 0xA0 else item_bounds(raw, position)[1]
            items.append(raw[position:item_end])
            position = item_end
    if len(items) != 2:
        return items[:BRANCH_WIDTH]
    start, stop = item_bounds(items[0], 0)
    packed = items[0][start:stop].hex()
    is_leaf = packed[0] in "23"
    path = packed[1:] if packed[0] in "13" else packed[2:]
    if not is_leaf:
        return Short(path, False, items[1])
    start, stop = item_bounds(items[1], 0)
    return Short(path, True, items[1][start:stop])


def _pack_path(path: str, *, is_leaf: bool) -> bytes:
    """The hex-prefix encoding of a path."""
    if len(path) % 2:
        return bytes.fromhex(("3" if is_leaf else "1") + path)
    return bytes.fromhex(("20" if is_leaf else "00") + path)
