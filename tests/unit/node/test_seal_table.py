"""Late seals: only those of validators for our own blocks are kept, early ones wait, own ones are durable first."""

from dataclasses import replace

import pytest

from chain_node.consensus.qbft.messages import UnsignedCommit
from chain_node.consensus.qbft.signing import sign_message
from chain_node.core.crypto import address_of, sign_digest
from chain_node.core.errors import InvalidInputError
from chain_node.core.types import Hash32, Height, Round
from chain_node.network.frames import LateSeal
from chain_node.node.seal_table import SealTable, digest_of
from chain_node.rpc import ChainBlock
from tests.unit.rpc.memory_node import VALIDATOR_KEY, MemoryNode

OTHER_KEY, STRANGER_KEY = b"\x0a" * 32, b"\x0b" * 32
OTHER = address_of(OTHER_KEY)
VALIDATORS = (address_of(VALIDATOR_KEY), OTHER)


@pytest.fixture
def node() -> MemoryNode:
    return MemoryNode()


def table_of(node: MemoryNode) -> SealTable:
    """Blocks are sealed by one validator; the table is told that there is another."""
    return SealTable(node.chain, node.store, lambda _: VALIDATORS)


def seal_of(block: ChainBlock, key: bytes = OTHER_KEY, round_number: int = 0) -> LateSeal:
    digest = digest_of(block, Round(round_number))
    return LateSeal(
        height=block.height, block_hash=block.hash, round=Round(round_number), seal=sign_digest(key, digest)
    )


@pytest.mark.parametrize("round_number", [0, 3])
def test_seal_of_a_validator_counts_in_any_round(node: MemoryNode, round_number: int) -> None:
    block, table = node.mine(), table_of(node)
    table.add([seal_of(block, round_number=round_number)])
    (kept,) = table.seals(block.height)
    assert (kept.signer, kept.round) == (OTHER, round_number)


def test_late_seal_makes_finality(node: MemoryNode) -> None:
    block, table = node.mine(), table_of(node)
    node.validators.count_seals_of(table)
    assert node.validators.finality(block).signers == (VALIDATORS[0],)
    table.add([seal_of(block)])
    assert [seal.signer for seal in table.seals(block.height)] == [OTHER]


def test_seal_with_another_round_than_it_names_is_a_strangers(node: MemoryNode) -> None:
    block, table = node.mine(), table_of(node)
    with pytest.raises(InvalidInputError):
        table.add([replace(seal_of(block, round_number=1), round=Round(2))])
    assert table.seals(block.height) == ()


def test_seal_of_a_stranger_is_a_misdeed(node: MemoryNode) -> None:
    block, table = node.mine(), table_of(node)
    with pytest.raises(InvalidInputError, match="no validator there"):
        table.add([seal_of(block), seal_of(block, STRANGER_KEY)])
    assert [seal.signer for seal in table.seals(block.height)] == [OTHER]


def test_seal_of_another_block_of_the_height_is_left_alone(node: MemoryNode) -> None:
    block, table = node.mine(), table_of(node)
    table.add([replace(seal_of(block), block_hash=Hash32(b"\x01" * 32))])
    assert table.seals(block.height) == ()


def test_seal_that_is_in_the_header_is_not_kept_again(node: MemoryNode) -> None:
    block, table = node.mine(), table_of(node)
    table.add([seal_of(block, VALIDATOR_KEY)])
    assert table.seals(block.height) == ()


def test_one_seal_of_each_signer_is_kept(node: MemoryNode) -> None:
    block, table = node.mine(), table_of(node)
    first = seal_of(block)
    assert table.add([first, seal_of(block, round_number=1), first]) == (first,)
    assert [seal.round for seal in table.seals(block.height)] == [0]


def test_early_seal_is_checked_when_its_block_comes(node: MemoryNode) -> None:
    twin = MemoryNode()
    block = twin.mine()
    table = table_of(node)
    assert table.add([seal_of(block), seal_of(block, STRANGER_KEY)]) == (), "nobody may pass them on yet"
    assert table.seals(block.height) == ()
    assert node.mine().hash == block.hash
    table.on_head()
    assert [seal.signer for seal in table.seals(block.height)] == [OTHER]


def test_commit_for_the_decided_block_is_kept_and_for_another_is_not(node: MemoryNode) -> None:
    block, table = node.mine(), table_of(node)

    def commit(digest: Hash32):  # type: ignore[no-untyped-def]
        return sign_message(OTHER_KEY, UnsignedCommit(height=block.height, round=Round(0), digest=digest))

    table.add_commit(commit(Hash32(b"\x01" * 32)))  # type: ignore[arg-type]
    assert table.seals(block.height) == ()
    table.add_commit(commit(digest_of(block, Round(0))))  # type: ignore[arg-type]
    assert [seal.signer for seal in table.seals(block.height)] == [OTHER]


def test_own_seal_is_durable_at_once_and_others_at_the_end(node: MemoryNode) -> None:
    block, table = node.mine(), table_of(node)
    own = seal_of(block, OTHER_KEY)
    sent = table.add_own(block.height, Round(0), OTHER, own.seal)
    assert sent == own
    assert [seal.seal for seal in node.store.seals(block.height)] == [own.seal]
    second = node.mine()
    table.add([seal_of(second)])
    assert node.store.seals(second.height) == ()
    table.write(is_last=True)
    assert len(node.store.seals(second.height)) == 1
    again = table_of(node)
    assert again.own_of(block.height, OTHER) == (own,)
    assert len(again.seals(second.height)) == 1


def test_old_heights_are_forgotten(node: MemoryNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain_node.node.seal_table.SEALED_HEIGHTS_KEPT", 2)
    block, table = node.mine(), table_of(node)
    table.add([seal_of(block)])
    for _ in range(3):
        node.mine()
        table.on_head()
    assert table.seals(Height(1)) == ()
    table.add([seal_of(block)])
    assert table.seals(Height(1)) == ()
