"""One pass over many changes gives the root that writing them one by one gives in py-trie."""

import rlp
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from chain_node.core.hashing import keccak
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import Hash32
from chain_node.execution.trie_nodes import Node, decode_node, encode_node
from chain_node.execution.trie_read import prove_leaf, read_leaf
from chain_node.execution.trie_update import update_trie

# Keys of few different nibbles share long prefixes, so that extensions split and branches collapse.
KEYS = st.lists(st.sampled_from([0x00, 0x01, 0x10, 0x11, 0xF0]), min_size=4, max_size=4).map(bytes)
VALUES = st.one_of(st.just(b""), st.binary(min_size=1, max_size=4), st.binary(min_size=30, max_size=70))
ROUNDS = st.lists(st.dictionaries(KEYS, VALUES, max_size=30), min_size=1, max_size=6)


class NodeStore:
    def __init__(self) -> None:
        self.nodes: dict[Hash32, bytes] = {}

    def read(self, node_hash: Hash32) -> Node:
        return decode_node(self.nodes[node_hash])


def apply_one_by_one(trie: HexaryTrie, changes: dict[bytes, bytes]) -> None:
    for key, value in changes.items():
        if value:
            trie[key] = value
        elif key in trie:
            del trie[key]


@settings(max_examples=150, deadline=None)
@given(rounds=ROUNDS)
def test_update_trie_on_any_changes_gives_the_root_of_py_trie(rounds: list[dict[bytes, bytes]]) -> None:
    store, root, reference = NodeStore(), EMPTY_TRIE_ROOT, HexaryTrie({})
    for changes in rounds:
        root, nodes = update_trie(store.read, root, changes)
        store.nodes.update(nodes)
        apply_one_by_one(reference, changes)
        assert root == reference.root_hash


@settings(max_examples=100, deadline=None)
@given(rounds=ROUNDS)
def test_update_trie_nodes_are_all_of_the_trie_that_is_new(rounds: list[dict[bytes, bytes]]) -> None:
    """Every leaf can be read back, and every earlier root still can."""
    store, root = NodeStore(), EMPTY_TRIE_ROOT
    content: dict[bytes, bytes] = {}
    history = []
    for changes in rounds:
        root, nodes = update_trie(store.read, root, changes)
        store.nodes.update(nodes)
        content = {key: value for key, value in {**content, **changes}.items() if value}
        history.append((root, content))
        assert all(keccak(raw) == node_hash for node_hash, raw in nodes.items())
    for past_root, past_content in history:
        for key in {key for changes in rounds for key in changes}:
            assert read_leaf(store.read, past_root, key) == past_content.get(key)


@settings(max_examples=100, deadline=None)
@given(changes=st.dictionaries(KEYS, VALUES, max_size=30), key=KEYS)
def test_prove_leaf_of_any_key_convinces_py_trie(changes: dict[bytes, bytes], key: bytes) -> None:
    store = NodeStore()
    root, nodes = update_trie(store.read, EMPTY_TRIE_ROOT, changes)
    store.nodes.update(nodes)
    proof = prove_leaf(store.read, root, key)
    if root == EMPTY_TRIE_ROOT:
        assert proof == ()
    else:
        proven = HexaryTrie.get_from_proof(root, key, [rlp.decode(raw) for raw in proof])
        assert proven == changes.get(key, b"")


def test_update_trie_without_changes_keeps_the_root() -> None:
    root, nodes = update_trie(NodeStore().read, Hash32(bytes(32)), {})
    assert (root, nodes) == (Hash32(bytes(32)), {})


def test_update_trie_deleting_what_is_absent_changes_nothing() -> None:
    store = NodeStore()
    root, store.nodes = update_trie(store.read, EMPTY_TRIE_ROOT, {b"\x11\x11": b"a", b"\x11\x12": b"b"})
    same, _ = update_trie(store.read, root, {b"\x22\x22": b"", b"\x11\x13": b""})
    assert same == root


@given(raw=st.dictionaries(KEYS, st.binary(min_size=1, max_size=70), min_size=1, max_size=30))
def test_decode_node_of_every_node_encodes_to_the_same_bytes(raw: dict[bytes, bytes]) -> None:
    _, nodes = update_trie(NodeStore().read, EMPTY_TRIE_ROOT, raw)
    for encoded in nodes.values():
        assert encode_node(decode_node(encoded)) == encoded
