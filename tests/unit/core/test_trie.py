"""Ordered trie roots against the general trie of another library, and the log filter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trie import HexaryTrie

from chain_node.core import rlp
from chain_node.core.trie import EMPTY_TRIE_ROOT, logs_bloom, ordered_trie_root
from chain_node.core.types import Log


def root_by_library(items: list[bytes]) -> bytes:
    trie = HexaryTrie({})
    for index, item in enumerate(items):
        trie[rlp.encode(rlp.scalar(index))] = item
    return bytes(trie.root_hash)


@pytest.mark.parametrize("count", [1, 2, 3, 16, 17, 127, 128, 129, 200, 256, 257, 300])
def test_root_of_many_items_equals_the_general_trie(count: int) -> None:
    items = [bytes((index % 251 + 1,)) * (1 + index % 70) for index in range(count)]
    assert ordered_trie_root(items) == root_by_library(items)


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=40))
def test_root_of_any_items_equals_the_general_trie(items: list[bytes]) -> None:
    assert ordered_trie_root(items) == root_by_library(items)


def test_root_of_nothing_is_the_known_constant() -> None:
    expected = "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    assert ordered_trie_root([]) == EMPTY_TRIE_ROOT == bytes.fromhex(expected)


def test_bloom_of_a_log_sets_three_bits_for_address_and_each_topic() -> None:
    """Yellow Paper 4.3.1: three 11-bit values from the first six bytes of the hash; bits known from eth_bloom."""
    from eth_bloom import BloomFilter

    log = Log(address=bytes.fromhex("22341ae42d6dd7384bc8584e50419ea3ac75b83f"), topics=(b"\x04" * 32,), data=b"x")
    expected = BloomFilter()
    expected.add(log.address)
    expected.add(log.topics[0])
    assert logs_bloom([log]) == int(expected)
    assert logs_bloom([]) == 0
