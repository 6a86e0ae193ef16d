"""The native engine's store answers as the others do, for the same blocks, and refuses what is not its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain_node.core.errors import LocalProtocolError
from chain_node.core.genesis import parse_genesis
from chain_node.core.types import Address, Block, Hash32, Height, Round
from chain_node.node.chain import make_commit
from chain_node.node.opening import EngineOptions, OpenChain, open_chain, open_scratch
from chain_node.node.paired_engines import PairedEngine, PairedStore
from chain_node.storage import (
    SEALED_HEIGHTS_KEPT,
    ChainStore,
    LateSeal,
    StoreIdentityError,
    StoreLockedError,
    StoreUnreadableError,
)
from tests.engines import IS_NATIVE_BUILT
from tests.unit.rpc.memory_node import ECHO, REVERTER, MemoryNode, genesis_text

pytestmark = pytest.mark.skipif(not IS_NATIVE_BUILT, reason="the native engine is not built")

GENESIS = parse_genesis(genesis_text())
NATIVE = EngineOptions(wish="native")
HEAD = 5


@dataclass
class Twins:
    """The same blocks in both stores, executed by both engines."""

    native: ChainStore
    reference: ChainStore
    node: MemoryNode


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    first = open_chain(GENESIS, tmp_path_factory.mktemp("native"), NATIVE)
    with open_scratch(GENESIS, "py-evm") as second:
        paired = OpenChain(PairedStore(first.store, second.store), PairedEngine(first.engine, second.engine))
        node = MemoryNode(opened=paired)
        for nonce in range(HEAD):
            node.send(REVERTER if nonce == 2 else ECHO, nonce.to_bytes(32, "big"), nonce=nonce)
            node.mine()
        yield Twins(first.store, second.store, node)
    first.store.close()


def test_blocks_receipts_and_hashes_are_the_same(twins: Twins) -> None:
    for height in map(Height, range(HEAD + 2)):
        block_hash = twins.reference.block_hash(height)
        assert twins.native.block(height) == twins.reference.block(height)
        assert twins.native.receipts(height) == twins.reference.receipts(height)
        assert twins.native.block_hash(height) == block_hash
        assert twins.native.height_of(block_hash or Hash32(bytes(32))) == (height if block_hash else None)
    assert twins.native.head() == twins.reference.head()


def test_transactions_are_found_where_they_are(twins: Twins) -> None:
    for height in range(1, HEAD + 1):
        block = twins.node.chain.block_at(Height(height))
        assert block is not None
        found = twins.native.transaction_location(block.transaction_hash(0))
        assert found == twins.reference.transaction_location(block.transaction_hash(0))
        assert found is not None
        assert (found.height, found.index) == (height, 0)
    assert twins.native.transaction_location(Hash32(b"\x07" * 32)) is None


@pytest.mark.parametrize(("first", "last"), [(0, HEAD), (2, 3), (3, 3), (4, 100), (7, 9)])
def test_filters_and_log_addresses_are_the_same(twins: Twins, first: int, last: int) -> None:
    ends = Height(first), Height(last)
    assert twins.native.logs_blooms(*ends) == twins.reference.logs_blooms(*ends)
    for address in (ECHO, REVERTER, Address(bytes(20))):
        assert twins.native.heights_with_logs(address, *ends) == twins.reference.heights_with_logs(address, *ends)


def test_seals_come_in_the_order_of_the_other_stores(twins: Twins) -> None:
    seals = [
        LateSeal(
            height=Height(2),
            block_hash=twins.reference.block_hash(Height(2)) or Hash32(b""),
            round=Round(round_number),
            signer=Address(bytes((signer,)) * 20),
            seal=bytes((signer,)) * 65,
        )
        for round_number in (300, 0, 1)
        for signer in (9, 3)
    ]
    for store in (twins.native, twins.reference):
        store.put_seals(seals)
    assert twins.native.seals(Height(2)) == twins.reference.seals(Height(2))
    assert len(twins.native.seals(Height(2))) == len(seals)
    assert twins.native.seals(Height(3)) == ()
    assert SEALED_HEIGHTS_KEPT > HEAD


def test_reopened_store_has_the_same_head_and_state(tmp_path: Path) -> None:
    opened = open_chain(GENESIS, tmp_path, NATIVE)
    node = MemoryNode(opened=opened)
    node.send(ECHO, b"\x05" * 32, nonce=0)
    head = node.mine()
    with pytest.raises(StoreLockedError):
        open_chain(GENESIS, tmp_path, NATIVE)
    opened.store.close()
    again = open_chain(GENESIS, tmp_path, NATIVE)
    stored = again.store.head()
    assert stored is not None
    assert (stored.height, stored.block_hash) == (1, head.hash)
    assert again.engine.open_state(head.header.state_root).storage(ECHO, 0) == int.from_bytes(b"\x05" * 32, "big")
    again.store.close()


def test_block_that_does_not_follow_the_head_is_refused(tmp_path: Path) -> None:
    opened = open_chain(GENESIS, tmp_path, NATIVE)
    result = opened.engine.initialise(GENESIS.alloc)
    block = Block(GENESIS.build_header(result.state_root), ())
    with pytest.raises(LocalProtocolError, match="commit of height 0, expected 1"):
        opened.store.commit_block(make_commit(block, b"", Hash32(b"\x01" * 32), result))
    opened.store.close()


def test_changes_of_the_other_engine_are_refused(tmp_path: Path) -> None:
    opened = open_chain(GENESIS, tmp_path, NATIVE)
    node = MemoryNode()
    mined = node.mine()
    with open_scratch(GENESIS, "py-evm") as other:
        result = other.engine.initialise(GENESIS.alloc)
    with pytest.raises(LocalProtocolError, match="another kind of store"):
        opened.store.commit_block(make_commit(Block(mined.header, ()), b"", mined.hash, result))
    opened.store.close()


def test_store_of_another_genesis_is_refused(tmp_path: Path) -> None:
    open_chain(GENESIS, tmp_path, NATIVE).store.close()
    other = parse_genesis(genesis_text().replace('"0x3938700"', '"0x3938701"'))
    with pytest.raises(
        StoreIdentityError,
        match=r"has genesis hash 0x[0-9a-f]{64}, expected 0x[0-9a-f]{64}; choose another data directory",
    ):
        open_chain(other, tmp_path, NATIVE)


def test_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chain" / "native").mkdir(parents=True)
    (tmp_path / "chain" / "native" / "data.mdb").write_bytes(b"\x00" * 65_536)
    with pytest.raises(StoreUnreadableError, match="cannot be read as a chain store"):
        open_chain(GENESIS, tmp_path, NATIVE)
