"""Chains that another implementation made: accepted whole, refused after any one-byte change."""

import io
import json
import random
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import pytest

from chain_node.consensus.qbft.errors import BadSealError
from chain_node.consensus.qbft.extra_data import decode_extra_data, encode_extra_data
from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.seals import recover_sealers, validate_seals
from chain_node.consensus.qbft.verification import ExecutedBlock, VerifiedBlock, verify_chain
from chain_node.core.codec import decode_blocks, encode_block
from chain_node.core.errors import InvalidBlockError, InvalidInputError
from chain_node.core.genesis import Genesis, parse_genesis
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Block, Hash32, Header, StateChanges
from chain_node.execution.pyevm_engine import PyEvmEngine
from chain_node.execution.types import BlockContext, CallRequest

CHAINS = Path(__file__).parent / "goquorum_chains"
MODES = ["header_mode", "contract_mode"]
GET_VALIDATORS = keccak(b"getValidators()")[:4]


class NodeTable:
    """Trie nodes and code by hash."""

    def __init__(self) -> None:
        self._nodes: dict[Hash32, bytes] = {}
        self._codes: dict[Hash32, bytes] = {}

    def add(self, changes: StateChanges) -> None:
        self._nodes.update(changes.nodes)
        self._codes.update(changes.codes)

    def read_node(self, node_hash: Hash32) -> bytes | None:
        return self._nodes.get(node_hash)

    def read_code(self, code_hash: Hash32) -> bytes | None:
        return self._codes.get(code_hash)


class ExecutingVerifier:
    """`verify_chain` over the py-evm engine; a block that was executed before is not executed again."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self._source = NodeTable()
        self._engine = PyEvmEngine(chain_id=genesis.chain_id, schedule=genesis.schedule, source=self._source)
        initial = self._engine.initialise(genesis.alloc)
        self._source.add(initial.changes)
        self._genesis_root = initial.state_root
        self._executed: dict[Hash32, ExecutedBlock] = {}
        self._validators: dict[Hash32, tuple[Address, ...]] = {}

    def verify(self, blocks: Iterable[Block]) -> list[VerifiedBlock]:
        return list(
            verify_chain(
                blocks,
                self.genesis,
                genesis_state_root=self._genesis_root,
                execute_block=self._execute,
                read_validators=self._read_validators,
            )
        )

    def verify_file(self, content: bytes) -> list[VerifiedBlock]:
        return self.verify(decode_blocks(io.BytesIO(content)))

    def _execute(self, block: Block, parent: Header) -> ExecutedBlock:
        key = keccak(encode_block(block))
        if key not in self._executed:
            result = self._engine.execute_block(
                parent.state_root, block.transactions, _context(block.header), gas_per_transaction=0
            )
            self._source.add(result.changes)
            self._executed[key] = result
        return self._executed[key]

    def _read_validators(self, header: Header) -> tuple[Address, ...]:
        if header.state_root not in self._validators:
            request = CallRequest(to=self.genesis.qbft.validator_contract, gas=10_000_000, data=GET_VALIDATORS)
            result = self._engine.call(header.state_root, _context(header), request)
            words = [result.return_data[at : at + 32] for at in range(64, len(result.return_data), 32)]
            self._validators[header.state_root] = tuple(Address(word[12:]) for word in words)
        return self._validators[header.state_root]


def _context(header: Header) -> BlockContext:
    return BlockContext(
        height=header.number,
        timestamp=header.timestamp,
        gas_limit=header.gas_limit,
        coinbase=header.coinbase,
        base_fee_per_gas=header.base_fee_per_gas,
        block_hash=lambda height: None,
    )


@cache
def chain_of(mode: str) -> tuple[bytes, tuple[Block, ...], list[dict[str, Any]]]:
    content = (CHAINS / mode / "chain.rlp").read_bytes()
    expected = json.loads((CHAINS / mode / "expected.json").read_text())
    return content, tuple(decode_blocks(io.BytesIO(content))), expected


@cache
def verifier_of(mode: str) -> ExecutingVerifier:
    return ExecutingVerifier(parse_genesis((CHAINS / mode / "genesis.json").read_text()))


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def changed(content: bytes, position: int, mask: int) -> bytes:
    return content[:position] + bytes((content[position] ^ mask,)) + content[position + 1 :]


@cache
def spans_of(mode: str) -> list[range]:
    """Positions of the bytes of each block in the file."""
    ends = list(accumulate(len(encode_block(block)) for block in chain_of(mode)[1]))
    return [range(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def assert_refused(mode: str, content: bytes, position: int, mask: int) -> None:
    """The blocks before the change are verified anew each time, but not decoded anew."""
    index = next(index for index, span in enumerate(spans_of(mode)) if position in span)
    start = spans_of(mode)[index].start
    altered = decode_blocks(io.BytesIO(changed(content, position, mask)[start:]))
    try:
        verifier_of(mode).verify(chain(chain_of(mode)[1][:index], altered))
    except InvalidInputError:
        return
    pytest.fail(f"{mode}: byte {position} xor {mask:#x} went unnoticed")


def assert_every_byte_of_block_counts(mode: str, index: int) -> None:
    """The file is cut after the block, so nothing later can give a change away."""
    content, _, _ = chain_of(mode)
    generator = random.Random(f"{mode} {index}")
    span = spans_of(mode)[index]
    assert verifier_of(mode).verify_file(content[: span.stop])
    for position in span:
        assert_refused(mode, content[: span.stop], position, generator.randrange(1, 256))


@pytest.mark.parametrize("mode", MODES)
def test_chain_decodes_and_encodes_to_the_same_bytes(mode: str) -> None:
    content, blocks, expected = chain_of(mode)
    assert b"".join(encode_block(block) for block in blocks) == content
    assert len(blocks) == len(expected)


@pytest.mark.parametrize("mode", MODES)
def test_chain_is_accepted_with_the_expected_hashes_rounds_and_sealers(mode: str) -> None:
    content, _, expected = chain_of(mode)
    verified = verifier_of(mode).verify_file(content)
    assert [
        (block.height, block.hash, block.round, block.coinbase, list(block.sealers), block.transaction_count)
        for block in verified
    ] == [
        (
            one["number"],
            raw(one["hash"]),
            one["round"],
            raw(one["coinbase"]),
            [raw(sealer) for sealer in one["sealers"]],
            one["transactions"],
        )
        for one in expected
    ]
    assert max(block.round for block in verified) > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("which", ["genesis", "first", "smallest with transactions", "last"])
def test_chain_is_refused_after_a_change_of_any_byte_of_one_block(mode: str, which: str) -> None:
    _, blocks, _ = chain_of(mode)
    with_transactions = [index for index, block in enumerate(blocks) if block.transactions]
    smallest = min(with_transactions, key=lambda index: len(encode_block(blocks[index])))
    chosen = {"genesis": 0, "first": 1, "smallest with transactions": smallest, "last": len(blocks) - 1}
    assert_every_byte_of_block_counts(mode, chosen[which])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("mode", "index"), [("header_mode", i) for i in range(23)] + [("contract_mode", i) for i in range(26)]
)
def test_chain_is_refused_after_a_change_of_any_byte_of_every_block(mode: str, index: int) -> None:
    assert_every_byte_of_block_counts(mode, index)


@pytest.mark.parametrize("mode", MODES)
def test_chain_is_refused_after_a_change_of_any_sampled_byte(mode: str) -> None:
    content, _, _ = chain_of(mode)
    generator = random.Random(f"{mode} sample")
    for position in generator.sample(range(len(content)), 300):
        assert_refused(mode, content, position, 1 << generator.randrange(8))


@pytest.mark.parametrize("mode", MODES)
def test_chain_cut_inside_a_block_is_refused(mode: str) -> None:
    content, _, _ = chain_of(mode)
    with pytest.raises(InvalidInputError):
        verifier_of(mode).verify_file(content[:-1])
    with pytest.raises(InvalidInputError):
        verifier_of(mode).verify_file(content + b"\xc0")


@pytest.mark.parametrize("mode", MODES)
def test_chain_without_its_genesis_or_with_a_gap_is_refused(mode: str) -> None:
    _, blocks, _ = chain_of(mode)
    with pytest.raises(InvalidBlockError, match="genesis"):
        verifier_of(mode).verify(blocks[1:])
    with pytest.raises(InvalidBlockError, match="number"):
        verifier_of(mode).verify((*blocks[:3], *blocks[4:]))
    with pytest.raises(InvalidBlockError, match="empty"):
        verifier_of(mode).verify(())


@pytest.mark.parametrize("mode", MODES)
def test_seal_of_someone_else_is_refused_whatever_the_quorum(mode: str) -> None:
    """2.4: no duplicate committer; every recovered address must be a validator."""
    _, blocks, _ = chain_of(mode)
    validators = tuple(sorted({sealer for block in blocks[1:] for sealer in recover_sealers(block.header)}))
    header = blocks[-1].header
    assert validate_seals(header, validators) == recover_sealers(header)
    without_one = tuple(validator for validator in validators if validator != recover_sealers(header)[0])
    with pytest.raises(InvalidBlockError, match="expected a validator"):
        validate_seals(header, without_one)


@pytest.mark.parametrize("mode", MODES)
def test_block_hash_is_the_parent_hash_of_the_next_block(mode: str) -> None:
    """2.2 (a): round 0 and no seals, also for blocks committed in a later round.

    2.2: (a) block hash, parentHash.
    """
    _, blocks, _ = chain_of(mode)
    assert [block_hash(block.header) for block in blocks[:-1]] == [block.header.parent_hash for block in blocks[1:]]


@pytest.mark.parametrize("change", [{"vanity": b"\x01" * 32}, {"round": 5}], ids=["vanity", "round"])
@pytest.mark.parametrize("which", [5, -1])
def test_change_of_vanity_or_round_breaks_the_seals(which: int, change: dict[str, Any]) -> None:
    """The round is not under the block hash, and no later header covers the last block: the seals cover both."""
    _, blocks, _ = chain_of("header_mode")
    header = blocks[which].header
    extra = encode_extra_data(replace(decode_extra_data(header.extra_data), **change))
    forged = Block(replace(header, extra_data=extra), blocks[which].transactions)
    before = blocks[: which % len(blocks)]
    with pytest.raises(BadSealError):
        verifier_of("header_mode").verify((*before, forged))
