"""Building and checking blocks: the sender rule is a rule of validity, known blocks are not executed again."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chain_node.consensus.qbft.hashes import block_hash
from chain_node.core.codec import decode_transaction
from chain_node.core.crypto import address_of
from chain_node.core.errors import HeaderMismatchError, InvalidBlockError
from chain_node.core.genesis import Genesis, parse_genesis
from chain_node.core.types import Address, Block, Header, Height, Transaction
from chain_node.node.block_maker import BlockMaker, BuildOrder, BuiltBlock, compute_gas_limit
from chain_node.node.opening import make_engine
from chain_node.storage import MemoryStore
from chain_node.txpool import CONSORTIUM
from chain_node.txpool.permission import account_slot, organisation_slot
from tests.unit.rpc.memory_node import ACCOUNT, ECHO, VALIDATOR_KEY, genesis_text, sign

VALIDATOR = address_of(VALIDATOR_KEY)
NOW = 1_800_000_000
ENROLLED = 3 | (2**40 - 1) << 72 | 1 << 112
SUSPENDED = 1 << 176


def enrolled_genesis(slot_value: int, organisation_value: int = 0) -> Genesis:
    """A network with a Consortium in which ACCOUNT is, or is not; the second value is of its organisation."""
    fields: dict[str, Any] = json.loads(genesis_text())
    fields["alloc"][CONSORTIUM.hex()] = {
        "code": "0x00",
        "storage": {hex(account_slot(ACCOUNT)): hex(slot_value), hex(organisation_slot(3)): hex(organisation_value)},
    }
    return parse_genesis(json.dumps(fields))


class Maker:
    """A block maker on a genesis; `executed` counts what the engine was asked."""

    def __init__(self, genesis: Genesis) -> None:
        store = MemoryStore()
        self.engine = make_engine(genesis, store)
        initial = self.engine.initialise(genesis.alloc)
        store._nodes.update(initial.changes.nodes)
        store._codes.update(initial.changes.codes)
        self.parent = genesis.build_header(initial.state_root)
        self.executed = 0
        original = self.engine.execute_block

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.executed += 1
            return original(*args, **kwargs)

        self.engine.execute_block = counted  # type: ignore[method-assign]
        self.maker = BlockMaker(genesis, self.engine, store.block_hash)

    def build(self, *transactions: Transaction, should_stop: Callable[[], bool] = lambda: False) -> BuiltBlock:
        order = BuildOrder(
            parent=self.parent,
            parent_hash=block_hash(self.parent),
            timestamp=NOW,
            extra_data=self.parent.extra_data,
            coinbase=VALIDATOR,
            candidates=transactions,
        )
        return self.maker.build(order, should_stop)


def transaction(nonce: int = 0, to: Address | None = ECHO) -> Transaction:
    return decode_transaction(sign(to, bytes(32), nonce=nonce))


def test_built_block_is_valid_and_not_executed_again() -> None:
    made = Maker(parse_genesis(genesis_text()))
    block = made.build(transaction()).block
    assert len(block.transactions) == 1
    made.maker.validate(block, made.parent, (VALIDATOR,), now_seconds=NOW)
    assert made.executed == 0
    made.maker.forget()
    made.maker.validate(block, made.parent, (VALIDATOR,), now_seconds=NOW)
    made.maker.validate(block, made.parent, (VALIDATOR,), now_seconds=NOW)
    assert made.executed == 1


@pytest.mark.parametrize("field", ["state_root", "receipts_root", "transactions_root"])
def test_block_that_promises_another_result_is_refused(field: str) -> None:
    made = Maker(parse_genesis(genesis_text()))
    block = made.build(transaction()).block
    forged = Block(replace(block.header, **{field: b"\x01" * 32}), block.transactions)
    with pytest.raises(HeaderMismatchError) as refused:
        made.maker.validate(forged, made.parent, (VALIDATOR,), now_seconds=NOW)
    assert refused.value.field == field


def test_known_header_with_another_body_is_refused() -> None:
    """A block hash names the header only: what was executed under it counts for its own body alone."""
    made = Maker(parse_genesis(genesis_text()))
    block = made.build(transaction()).block
    for body, reason in (
        ((), "transactions_root"),
        ((transaction(nonce=1),), "nonce too high"),
        ((*block.transactions, transaction(nonce=1)), "transactions_root"),
    ):
        with pytest.raises(InvalidBlockError, match=reason):
            made.maker.validate(Block(block.header, body), made.parent, (VALIDATOR,), now_seconds=NOW)


@pytest.mark.parametrize(
    ("account", "organisation", "reason"),
    [
        (0, 0, "unknown account"),
        (ENROLLED | SUSPENDED, 0, "the account is suspended"),
        (ENROLLED, 1, "organisation 3 is suspended"),
    ],
)
def test_block_with_a_sender_that_may_not_is_invalid_whatever_its_roots(
    account: int, organisation: int, reason: str
) -> None:
    """What a proposer that breaks the rule would propose: a block that is right in everything else."""
    everybody, members = Maker(enrolled_genesis(ENROLLED)), Maker(enrolled_genesis(account, organisation))
    block = everybody.build(transaction()).block
    assert len(block.transactions) == 1
    moved = Block(replace(block.header, parent_hash=block_hash(members.parent)), block.transactions)
    with pytest.raises(InvalidBlockError, match=rf"^transaction 0 \(0x.*is not permitted: {reason}"):
        members.maker.validate(moved, members.parent, (VALIDATOR,), now_seconds=NOW)
    with pytest.raises(InvalidBlockError, match=rf"^transaction 0 \(0x.*is not permitted: {reason}"):
        members.maker.execute(moved, members.parent)
    assert members.executed == 0


def test_building_leaves_out_whom_the_sender_rule_refuses() -> None:
    built = Maker(enrolled_genesis(0)).build(transaction())
    assert built.block.transactions == ()
    ((dropped, reason),) = built.refused
    assert dropped == transaction().hash
    assert "unknown account" in reason


def test_building_refuses_a_creation_without_deployer() -> None:
    made = Maker(enrolled_genesis(ENROLLED))
    built = made.build(transaction(), transaction(1, to=None))
    assert [included.nonce for included in built.block.transactions] == [0]
    assert "DEPLOYER" in built.refused[0][1]


def test_building_stops_when_told() -> None:
    made = Maker(parse_genesis(genesis_text()))
    answers = iter([False, True])
    built = made.build(transaction(0), transaction(1), should_stop=lambda: next(answers))
    assert len(built.block.transactions) == 1


def test_gas_limit_doubles_with_the_first_london_block() -> None:
    fields: dict[str, Any] = json.loads(genesis_text())
    fields["config"]["londonBlock"] = 2
    del fields["baseFeePerGas"]
    genesis = parse_genesis(json.dumps(fields))
    made = Maker(genesis)
    before: Header = replace(made.parent, number=Height(1))
    assert compute_gas_limit(made.parent, genesis) == made.parent.gas_limit
    assert compute_gas_limit(before, genesis) == 2 * made.parent.gas_limit
