"""A contract that names no validators lets no block follow."""

import json

import pytest

from chain_node.core.errors import InvalidBlockError
from chain_node.core.genesis import parse_genesis
from chain_node.core.types import Address, Hash32
from chain_node.execution import BlockContext, StateChanges
from chain_node.node.opening import make_engine
from chain_node.node.validators import read_validators
from chain_node.storage import MemoryStore
from tests.conformance.export.chain_maker import VALIDATOR_CONTRACT, VALIDATORS_CODE, genesis_text
from tests.unit.consensus.network import keys_by_address

VALIDATORS = tuple(keys_by_address(3))


def ask(code: str, storage: dict[str, str]) -> tuple[Address, ...]:
    """What the node reads from a contract with this code and storage."""
    fields = json.loads(genesis_text("london", VALIDATORS, is_contract_mode=True))
    fields["alloc"][VALIDATOR_CONTRACT.hex()] |= {"code": code, "storage": storage}
    genesis = parse_genesis(json.dumps(fields))
    store = MemoryStore()
    initial = make_engine(genesis, store).initialise(genesis.alloc)
    header = genesis.build_header(initial.state_root)
    context = BlockContext(
        height=header.number,
        timestamp=header.timestamp,
        gas_limit=header.gas_limit,
        coinbase=header.coinbase,
        base_fee_per_gas=header.base_fee_per_gas,
        difficulty=header.difficulty,
        block_hash=lambda height: None,
    )
    return read_validators(make_engine(genesis, _Nodes(initial.changes)), header, context, VALIDATOR_CONTRACT)


class _Nodes:
    """The nodes of one state."""

    def __init__(self, changes: StateChanges) -> None:
        self._nodes, self._codes = dict(changes.nodes), dict(changes.codes)

    def read_node(self, node_hash: Hash32) -> bytes | None:
        return self._nodes.get(node_hash)

    def read_code(self, code_hash: Hash32) -> bytes | None:
        return self._codes.get(code_hash)


def words(*values: int) -> dict[str, str]:
    return {hex(slot): hex(value) for slot, value in enumerate(values) if value}


def test_validators_are_read_ascending() -> None:
    """4.6: result sorted ascending."""
    descending = [int.from_bytes(validator, "big") for validator in reversed(VALIDATORS)]
    assert ask("0x" + VALIDATORS_CODE.hex(), words(3, *descending)) == VALIDATORS


@pytest.mark.parametrize(
    ("code", "storage"),
    [
        ("0x", {}),
        ("0x60006000fd", {}),
        ("0xfe", {}),
        ("0x60206000f3", {}),
        ("0x" + VALIDATORS_CODE.hex(), words(0)),
        ("0x" + VALIDATORS_CODE.hex(), words(1 << 200)),
    ],
    ids=["no code", "revert", "no instruction", "one word", "nobody", "more than there can be"],
)
def test_validator_contract_without_an_answer_lets_no_block_follow(code: str, storage: dict[str, str]) -> None:
    """4.6: An empty or failing call halts the chain."""
    with pytest.raises(InvalidBlockError, match=r"getValidators\(\) of 0x7777"):
        ask(code, storage)
