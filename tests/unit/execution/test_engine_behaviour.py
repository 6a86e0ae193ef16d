"""What every execution engine must do. Runs on each engine of `conftest.py`."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import rlp
from eth_abi.abi import decode, encode
from trie import HexaryTrie

from chain_node.core.crypto import address_of, sign_digest
from chain_node.core.genesis import Fork, GenesisAccount
from chain_node.core.hashing import keccak
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import Address, Hash32, Transaction
from chain_node.execution import (
    AccountOverride,
    BlockContext,
    CallRequest,
    CallResult,
    CreationFailedError,
    ExecutionResult,
    GasEstimateError,
    InvalidBlockTransactionError,
    MissingStateError,
    TransactionRefusedError,
    estimate_gas,
)
from tests.unit.execution.conftest import GroundMaker
from tests.unit.execution.node_table import (
    CHAIN_ID,
    COINBASE,
    context_at,
    hash_at,
    key_of,
    limits,
    sign,
    sign_typed,
)

CONTRACTS = Path(__file__).parent / "contracts"
PROBE_CODE = bytes.fromhex((CONTRACTS / "Probe.hex").read_text()) + (5).to_bytes(32, "big")
PROBE = Address(bytes(18) + b"\x0b\xe0")
KEY = key_of("alice")
ALICE = address_of(KEY)
BOB = address_of(key_of("bob"))
NOBODY = Address(bytes(19) + b"\x99")
CREATE_PROBE = CallRequest(to=None, gas=10_000_000, data=PROBE_CODE, sender=NOBODY)
POWER = Address(bytes(19) + b"\x05")


class Chain:
    """A chain of blocks on one engine, with the probe in its genesis."""

    def __init__(self, make_ground: GroundMaker, fork: Fork = "berlin") -> None:
        self.fork = fork
        self.ground = make_ground(fork)
        self.engine = self.ground.engine
        rich = GenesisAccount(balance=10**18, nonce=0, code=b"", storage={})
        alloc = self.engine.run_on_alloc({ALICE: rich}, CREATE_PROBE, self.context(0), create_at=PROBE)
        genesis = self.engine.initialise(alloc)
        self.ground.keep(genesis)
        self.roots = [genesis.state_root]
        self.nonce = 0

    @property
    def root(self) -> Hash32:
        return self.roots[-1]

    def context(self, height: int) -> BlockContext:
        return context_at(height, self.fork, block_hash=hash_at)

    def sign(self, to: Address | None, data: bytes = b"", **fields: int) -> Transaction:
        transaction = sign(KEY, nonce=self.nonce, to=to, data=data, **fields)
        self.nonce += 1
        return transaction

    def add_block(self, transactions: Sequence[Transaction]) -> ExecutionResult:
        context = self.context(len(self.roots))
        result = self.engine.execute_block(self.root, transactions, context, gas_per_transaction=0)
        self.ground.keep(result)
        self.roots.append(result.state_root)
        return result

    def send(self, signature: str, *arguments: object, value: int = 0, gas: int = 1_000_000) -> ExecutionResult:
        return self.add_block([self.sign(PROBE, call_data(signature, *arguments), value=value, gas=gas)])

    def call(self, signature: str, *arguments: object, root: Hash32 | None = None, gas: int = 1_000_000) -> CallResult:
        request = CallRequest(to=PROBE, gas=gas, data=call_data(signature, *arguments), sender=ALICE)
        return self.engine.call(root or self.root, self.context(len(self.roots)), request)


def call_data(signature: str, *arguments: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1]
    return keccak(signature.encode())[:4] + encode(types.split(",") if types else [], arguments)


def number(result: CallResult) -> int:
    assert result.error is None
    return int.from_bytes(result.return_data, "big")


@pytest.fixture
def chain(make_ground: GroundMaker) -> Chain:
    return Chain(make_ground)


def test_transfer_moves_value_and_costs_21000(chain: Chain) -> None:
    result = chain.add_block([chain.sign(BOB, value=100, gas=21_000)])
    view = chain.engine.open_state(chain.root)
    bob, alice = view.account(BOB), view.account(ALICE)
    assert (result.gas_used, bob and bob.balance, alice and alice.nonce) == (21_000, 100, 1)


def test_empty_block_changes_no_root_and_creates_no_coinbase(chain: Chain) -> None:
    result = chain.add_block([])
    assert (result.state_root, result.gas_used, result.receipts) == (chain.roots[0], 0, ())


@pytest.mark.parametrize("fork", ["istanbul", "berlin", "london"])
def test_transaction_without_gas_price_leaves_the_coinbase_out_of_the_state(
    make_ground: GroundMaker, fork: Fork
) -> None:
    chain = Chain(make_ground, fork)
    chain.send("set(uint256)", 6)
    assert chain.engine.open_state(chain.root).account(COINBASE) is None


def test_coinbase_that_is_empty_in_genesis_is_removed_by_the_first_transaction(make_ground: GroundMaker) -> None:
    ground = make_ground("london")
    empty = GenesisAccount(balance=0, nonce=0, code=b"", storage={})
    genesis = ground.engine.initialise({COINBASE: empty})
    ground.keep(genesis)
    assert ground.engine.open_state(genesis.state_root).account(COINBASE) is not None
    transaction = sign(KEY, nonce=0, to=BOB)
    result = ground.engine.execute_block(
        genesis.state_root, [transaction], context_at(1, "london"), gas_per_transaction=0
    )
    ground.keep(result)
    assert ground.engine.open_state(result.state_root).account(COINBASE) is None


def test_gas_price_is_paid_to_the_coinbase(chain: Chain) -> None:
    result = chain.add_block([chain.sign(BOB, value=1, gas_price=3)])
    view = chain.engine.open_state(chain.root)
    coinbase, alice = view.account(COINBASE), view.account(ALICE)
    assert coinbase is not None
    assert coinbase.balance == 3 * result.gas_used
    assert alice is not None
    assert alice.balance == 10**18 - 1 - 3 * result.gas_used


def test_priority_fee_under_london_is_paid_on_top_of_a_base_fee_of_zero(make_ground: GroundMaker) -> None:
    chain = Chain(make_ground, "london")
    transaction = sign_typed(KEY, nonce=0, to=BOB, gas=21_000, max_fee=5, priority_fee=2)
    result = chain.add_block([transaction])
    coinbase = chain.engine.open_state(chain.root).account(COINBASE)
    assert coinbase is not None
    assert coinbase.balance == 2 * 21_000
    assert result.receipts[0].transaction_type == 2


def test_deployment_puts_the_contract_at_the_address_of_sender_and_nonce(chain: Chain) -> None:
    result = chain.add_block([chain.sign(None, PROBE_CODE, gas=3_000_000)])
    address = Address(keccak(rlp.encode([ALICE, 0]))[12:])
    request = CallRequest(to=address, gas=100_000, data=call_data("self()"))
    assert result.receipts[0].status == 1
    assert chain.engine.call(chain.root, chain.context(2), request).return_data[12:] == address


def test_call_changes_state_and_logs_an_event(chain: Chain) -> None:
    result = chain.send("set(uint256)", 42)
    (log,) = result.receipts[0].logs
    assert log.address == PROBE
    assert log.topics == (keccak(b"Changed(address,uint256)"), bytes(12) + ALICE)
    assert log.data == (42).to_bytes(32, "big")
    assert number(chain.call("value()")) == 42
    assert result.logs_bloom == result.receipts[0].logs_bloom != 0


def test_revert_keeps_the_state_and_charges_what_was_used(chain: Chain) -> None:
    result = chain.send("refuse(uint256)", 3)
    assert (result.receipts[0].status, result.receipts[0].logs) == (0, ())
    assert number(chain.call("value()")) == 5
    assert 21_000 < result.gas_used < 100_000


def test_call_that_reverts_returns_the_data(chain: Chain) -> None:
    custom, text = chain.call("refuse(uint256)", 3), chain.call("fail(string)", "no way")
    assert (custom.status, custom.error) == (0, "execution reverted")
    assert custom.return_data == call_data("Refused(uint256)", 3)
    assert decode(["string"], text.return_data[4:]) == ("no way",)


def test_out_of_gas_uses_all_gas_and_keeps_the_state(chain: Chain) -> None:
    result = chain.send("burn()", gas=200_000)
    assert (result.receipts[0].status, result.gas_used) == (0, 200_000)
    assert number(chain.call("value()")) == 5
    assert chain.call("burn()", gas=100_000).error == "out of gas"


def test_inner_revert_undoes_only_the_inner_call(chain: Chain) -> None:
    chain.add_block([chain.sign(None, PROBE_CODE, gas=3_000_000)])
    other = Address(keccak(rlp.encode([ALICE, 0]))[12:])
    result = chain.call("tryRefuse(address)", other)
    assert decode(["bytes"], result.return_data) == (call_data("Refused(uint256)", 5),)
    chain.send("tryRefuse(address)", other)
    view = chain.engine.open_state(chain.root)
    assert (view.storage(PROBE, 0), view.storage(other, 0)) == (7, 5)


def test_self_destruct_removes_code_and_storage_and_pays_the_heir(chain: Chain) -> None:
    chain.send("set(uint256)", 1, value=30)
    chain.send("die(address)", BOB)
    view = chain.engine.open_state(chain.root)
    bob = view.account(BOB)
    assert (view.account(PROBE), view.code(PROBE), view.storage(PROBE, 0)) == (None, b"", 0)
    assert bob is not None
    assert bob.balance == 30
    assert chain.engine.open_state(chain.roots[0]).storage(PROBE, 0) == 5


def test_contract_destroyed_and_created_again_in_one_block_starts_with_empty_storage(chain: Chain) -> None:
    salt = bytes(32)
    made = Address(keccak(b"\xff" + PROBE + salt + keccak(PROBE_CODE))[12:])
    create = call_data("create(bytes32,bytes)", salt, PROBE_CODE)
    chain.add_block([chain.sign(PROBE, create, gas=3_000_000)])
    chain.add_block([chain.sign(made, call_data("setMany(uint256,uint256,uint256)", 0, 3, 9))])
    before = chain.engine.open_state(chain.root).account(made)
    result = chain.add_block(
        [chain.sign(made, call_data("die(address)", BOB)), chain.sign(PROBE, create, gas=3_000_000)]
    )
    account = chain.engine.open_state(chain.root).account(made)
    assert [receipt.status for receipt in result.receipts] == [1, 1]
    assert before is not None
    assert account is not None
    assert account.storage_root != before.storage_root
    slot = int.from_bytes(keccak(encode(["uint256", "uint256"], [0, 1])), "big")
    assert chain.engine.open_state(chain.root).storage(made, slot) == 0
    assert chain.engine.open_state(chain.roots[-2]).storage(made, slot) == 9


def test_creation_where_a_contract_is_gives_the_zero_address(chain: Chain) -> None:
    create = ("create(bytes32,bytes)", bytes(32), PROBE_CODE)
    chain.send(*create, gas=3_000_000)
    assert number(chain.call(*create, gas=3_000_000)) == 0


def test_deployment_to_an_address_with_code_fails_and_uses_all_gas(make_ground: GroundMaker) -> None:
    ground = make_ground("berlin")
    engine = ground.engine
    taken = Address(keccak(rlp.encode([ALICE, 0]))[12:])
    genesis = engine.initialise({taken: GenesisAccount(balance=0, nonce=0, code=b"\x00", storage={})})
    ground.keep(genesis)
    deployment = sign(KEY, nonce=0, to=None, data=PROBE_CODE, gas=2_000_000)
    result = engine.execute_block(genesis.state_root, [deployment], context_at(1), gas_per_transaction=0)
    assert (result.receipts[0].status, result.gas_used) == (0, 2_000_000)


def test_deployment_to_an_address_with_storage_fails_and_keeps_the_storage(make_ground: GroundMaker) -> None:
    """Only a genesis allocation can give slots to an account without code. Source: EIP-7610."""
    ground = make_ground("berlin")
    engine = ground.engine
    taken = Address(keccak(rlp.encode([ALICE, 0]))[12:])
    genesis = engine.initialise({taken: GenesisAccount(balance=1, nonce=0, code=b"", storage={5: 6})})
    ground.keep(genesis)
    deployment = sign(KEY, nonce=0, to=None, data=PROBE_CODE, gas=2_000_000)
    result = engine.execute_block(genesis.state_root, [deployment], context_at(1), gas_per_transaction=0)
    ground.keep(result)
    assert (result.receipts[0].status, result.gas_used) == (0, 2_000_000)
    assert engine.open_state(result.state_root).storage(taken, 5) == 6


def test_code_above_24576_bytes_cannot_be_deployed(chain: Chain) -> None:
    init_code = bytes.fromhex("6160016000f3")
    assert chain.add_block([chain.sign(None, init_code, gas=8_000_000)]).receipts[0].status == 0
    fitting = bytes.fromhex("6160006000f3")
    assert chain.add_block([chain.sign(None, fitting, gas=8_000_000)]).receipts[0].status == 1


def test_code_that_begins_with_ef_is_refused_from_london_on(make_ground: GroundMaker) -> None:
    init_code = bytes.fromhex("60ef60005360016000f3")
    statuses = [
        (chain := Chain(make_ground, fork)).add_block([chain.sign(None, init_code)]).receipts[0].status
        for fork in ("berlin", "london")
    ]
    assert statuses == [1, 0]


def test_clearing_storage_gives_the_root_of_before(chain: Chain) -> None:
    chain.send("setMany(uint256,uint256,uint256)", 0, 20, 3, gas=2_000_000)
    chain.send("setMany(uint256,uint256,uint256)", 0, 20, 0, gas=2_000_000)
    accounts = [chain.engine.open_state(root).account(PROBE) for root in chain.roots]
    assert accounts[0] is not None
    assert accounts[2] is not None
    assert accounts[0].storage_root == accounts[2].storage_root


def test_clearing_storage_refunds_less_from_london_on(make_ground: GroundMaker) -> None:
    used = []
    for fork in ("berlin", "london"):
        chain = Chain(make_ground, fork)
        chain.send("setMany(uint256,uint256,uint256)", 0, 20, 3, gas=2_000_000)
        used.append(chain.send("setMany(uint256,uint256,uint256)", 0, 20, 0, gas=2_000_000).gas_used)
    assert used[0] < used[1]


def test_precompiles_answer(chain: Chain) -> None:
    digest = keccak(b"message")
    signature = sign_digest(KEY, digest)
    arguments = (digest, 27 + signature[64], signature[:32], signature[32:64])
    recovered, sha, ripemd = decode(
        ["address", "bytes32", "bytes20"],
        chain.call("recover(bytes32,uint8,bytes32,bytes32)", *arguments).return_data,
    )
    assert bytes.fromhex(recovered[2:]) == ALICE
    assert sha == sha256(digest).digest()
    assert len(ripemd) == 20
    assert number(chain.call("power(uint256,uint256,uint256)", 3, 10**30, 10**9 + 7)) == pow(3, 10**30, 10**9 + 7)


@pytest.mark.parametrize("fork", ["istanbul", "berlin", "london"])
def test_zero_to_the_power_of_zero_is_one(make_ground: GroundMaker, fork: Fork) -> None:
    chain = Chain(make_ground, fork)
    answers = [
        chain.engine.call(chain.root, chain.context(1), CallRequest(to=POWER, gas=100_000, data=lengths + rest))
        for lengths, rest in (
            (encode(["uint256"] * 3, [0, 0, 2]), b"\x00\x02"),
            (encode(["uint256"] * 3, [0, 1, 1]), b"\x03\x02"),
            (encode(["uint256"] * 3, [0, 0, 1]), b"\x01"),
        )
    ]
    assert [answer.return_data for answer in answers] == [b"\x00\x01", b"\x00", b"\x00"]


def test_contract_sees_the_block_it_is_in(chain: Chain) -> None:
    chain.add_block([])
    seen = decode(
        ["uint256", "uint256", "address", "uint256", "uint256", "bytes32", "bytes32"],
        chain.call("surroundings()").return_data,
    )
    assert seen == (2, 1_700_000_002, "0x" + COINBASE.hex(), CHAIN_ID, 0, keccak(b"hash 1"), bytes(32))


def test_thousand_nested_calls_work(chain: Chain) -> None:
    assert number(chain.call("deep(uint256)", 60, gas=10_000_000)) == 5
    assert number(chain.call("deep(uint256)", 1_000, gas=10**12)) == 5
    assert chain.call("deep(uint256)", 1_100, gas=10**12).status == 0


def test_call_at_an_old_root_sees_the_old_state(chain: Chain) -> None:
    for value in (10, 20, 30):
        chain.send("set(uint256)", value)
    assert [number(chain.call("value()", root=root)) for root in chain.roots] == [5, 10, 20, 30]


def test_call_changes_nothing(chain: Chain) -> None:
    chain.call("set(uint256)", 77)
    assert number(chain.call("value()")) == 5


def test_calls_from_other_threads_see_their_own_roots_while_blocks_are_made(chain: Chain) -> None:
    chain.send("set(uint256)", 1)
    old_root = chain.root

    def read_often() -> set[int]:
        return {number(chain.call("value()", root=old_root)) for _ in range(150)}

    with ThreadPoolExecutor(2) as readers:
        seen = [readers.submit(read_often) for _ in range(2)]
        for value in range(2, 12):
            chain.add_block([chain.sign(PROBE, call_data("set(uint256)", value)) for _ in range(10)])
        assert [reader.result() for reader in seen] == [{1}, {1}]
    assert number(chain.call("value()")) == 11


def test_call_with_overrides_sees_them(chain: Chain) -> None:
    request = CallRequest(to=PROBE, gas=100_000, data=call_data("value()"))
    override = {PROBE: AccountOverride(storage={0: 123})}
    assert number(chain.engine.call(chain.root, chain.context(1), request, override)) == 123
    code = {NOBODY: AccountOverride(code=bytes.fromhex("602a60005260206000f3"))}
    elsewhere = replace(request, to=NOBODY)
    assert number(chain.engine.call(chain.root, chain.context(1), elsewhere, code)) == 42
    paid = replace(request, sender=NOBODY, value=1, data=call_data("set(uint256)", 1))
    with pytest.raises(TransactionRefusedError, match="insufficient funds"):
        chain.engine.call(chain.root, chain.context(1), paid)
    balance = {NOBODY: AccountOverride(balance=1)}
    assert chain.engine.call(chain.root, chain.context(1), paid, balance).status == 1


def test_call_at_an_unknown_root_says_what_is_missing(chain: Chain) -> None:
    with pytest.raises(MissingStateError, match="abab"):
        chain.engine.open_state(Hash32(b"\xab" * 32))


def test_estimate_is_enough_and_nearly_the_least(chain: Chain) -> None:
    request = CallRequest(to=PROBE, gas=8_000_000, data=call_data("deep(uint256)", 30), sender=ALICE)
    estimate = estimate_gas(chain.engine, chain.root, chain.context(1), request)
    assert chain.engine.call(chain.root, chain.context(1), replace(request, gas=estimate)).status == 1
    too_little = replace(request, gas=estimate - estimate // 50)
    assert chain.engine.call(chain.root, chain.context(1), too_little).status == 0


def test_estimate_of_a_transfer_is_21000(chain: Chain) -> None:
    request = CallRequest(to=BOB, gas=8_000_000, value=1, sender=ALICE)
    assert estimate_gas(chain.engine, chain.root, chain.context(1), request) == 21_000


def test_estimate_of_a_revert_carries_its_data(chain: Chain) -> None:
    request = CallRequest(to=PROBE, gas=8_000_000, data=call_data("refuse(uint256)", 8))
    with pytest.raises(GasEstimateError) as caught:
        estimate_gas(chain.engine, chain.root, chain.context(1), request)
    assert caught.value.result.return_data == call_data("Refused(uint256)", 8)


def test_built_block_executes_to_the_same_result(chain: Chain) -> None:
    candidates = [chain.sign(PROBE, call_data("set(uint256)", value)) for value in range(5)]
    built = chain.engine.build_block(chain.root, candidates, chain.context(1), limits())
    executed = chain.engine.execute_block(chain.root, built.included, chain.context(1), gas_per_transaction=0)
    assert (built.included, built.skipped) == (tuple(candidates), ())
    assert replace(built.execution, changes=None) == replace(executed, changes=None)


@pytest.mark.parametrize(
    ("transaction", "reason", "is_final"),
    [
        (sign(KEY, nonce=3, to=BOB), "nonce too high: got 3, expected 1", False),
        (sign(KEY, nonce=0, to=BOB), "nonce too low: got 0, expected 1", True),
        (sign(KEY, nonce=1, to=BOB, gas=20_999), "intrinsic gas too low: have 20999, want 21000", True),
        (sign(KEY, nonce=1, to=BOB, value=10**20), "insufficient funds", False),
        (sign(KEY, nonce=1, to=BOB, gas=8_000_001), "gas 8000001, at most 8000000", True),
        (sign(KEY, nonce=1, to=BOB, chain_id=7), "chain id 7, expected 170919", True),
        (
            sign_typed(KEY, nonce=1, to=BOB, max_fee=1, priority_fee=1),
            "transaction type 2 is not known to berlin",
            True,
        ),
        (sign(KEY, nonce=1, to=BOB, data=b"\x01" * 300), "no room left", False),
    ],
)
def test_candidate_that_breaks_a_rule_is_skipped_with_the_reason(
    chain: Chain, transaction: Transaction, reason: str, is_final: bool
) -> None:
    chain.add_block([chain.sign(BOB, value=1)])
    good = chain.sign(BOB, value=1)
    bounds = limits(gas_per_transaction=8_000_000, size_bytes=300)
    built = chain.engine.build_block(chain.root, [transaction, good], chain.context(2), bounds)
    assert built.included == (good,)
    (skipped,) = built.skipped
    assert reason in skipped.reason
    assert skipped.is_final is is_final


def test_block_is_filled_up_to_its_gas_limit(chain: Chain) -> None:
    candidates = [chain.sign(BOB, value=1, gas=21_000) for _ in range(5)]
    context = replace(chain.context(1), gas_limit=3 * 21_000 + 20_000)
    built = chain.engine.build_block(chain.root, candidates, context, limits())
    assert (len(built.included), built.skipped, built.execution.gas_used) == (3, (), 63_000)


def test_transaction_of_an_account_with_code_is_refused(make_ground: GroundMaker) -> None:
    """A genesis allocation can give code to an account whose key is known. Source: EIP-3607."""
    ground = make_ground("berlin")
    engine = ground.engine
    genesis = engine.initialise({ALICE: GenesisAccount(balance=10, nonce=0, code=b"\x00", storage={})})
    ground.keep(genesis)
    built = engine.build_block(genesis.state_root, [sign(KEY, nonce=0, to=BOB)], context_at(1), limits())
    assert [(skipped.reason, skipped.is_final) for skipped in built.skipped] == [("the sender is a contract", False)]


def test_building_stops_when_told(chain: Chain) -> None:
    answers = iter([False, False])
    candidates = [chain.sign(BOB, value=1) for _ in range(300)]
    bounds = limits(should_stop=lambda: next(answers, True))
    included = chain.engine.build_block(chain.root, candidates, chain.context(1), bounds).included
    assert 2 <= len(included) < 300
    assert included == tuple(candidates[: len(included)])


def test_block_with_a_transaction_that_cannot_be_included_is_refused(chain: Chain) -> None:
    bad = sign(KEY, nonce=5, to=BOB)
    with pytest.raises(InvalidBlockTransactionError, match=r"transaction 1 .*nonce too high") as caught:
        chain.add_block([chain.sign(BOB), bad])
    assert (caught.value.index, caught.value.transaction_hash) == (1, bad.hash)


def test_proof_of_account_and_slots_convinces_py_trie(chain: Chain) -> None:
    chain.send("setMany(uint256,uint256,uint256)", 0, 20, 3, gas=2_000_000)
    slot = int.from_bytes(keccak(encode(["uint256", "uint256"], [4, 1])), "big")
    proof = chain.engine.open_state(chain.root).prove(PROBE, [slot, 0, 12345])
    fields = rlp.decode(prove(chain.root, keccak(PROBE), proof.nodes))
    assert fields[2:] == [proof.account.storage_root, proof.account.code_hash]
    assert [entry.value for entry in proof.storage] == [3, 5, 0]
    for entry in proof.storage:
        raw = prove(proof.account.storage_root, keccak(entry.slot.to_bytes(32, "big")), entry.nodes)
        assert int.from_bytes(rlp.decode(raw) if raw else b"", "big") == entry.value


def test_proof_of_an_absent_account_convinces_py_trie(chain: Chain) -> None:
    proof = chain.engine.open_state(chain.root).prove(NOBODY, [1])
    assert prove(chain.root, keccak(NOBODY), proof.nodes) == b""
    assert (proof.account.nonce, proof.account.storage_root, proof.storage[0].nodes) == (0, EMPTY_TRIE_ROOT, ())


def prove(root: Hash32, key: bytes, nodes: Sequence[bytes]) -> bytes:
    value: bytes = HexaryTrie.get_from_proof(root, key, [rlp.decode(node) for node in nodes])
    return value


def test_run_on_alloc_runs_a_constructor_at_the_chosen_address(make_ground: GroundMaker) -> None:
    engine = make_ground("london").engine
    alloc = engine.run_on_alloc({}, CREATE_PROBE, context_at(0, "london"), create_at=PROBE)
    assert list(alloc) == [PROBE]
    assert alloc[PROBE].storage == {0: 5}
    assert alloc[PROBE].nonce == 1
    assert alloc[PROBE].code.count(PROBE) >= 1


def test_run_on_alloc_keeps_what_the_call_changed(make_ground: GroundMaker) -> None:
    engine = make_ground("berlin").engine
    alloc = engine.run_on_alloc({}, CREATE_PROBE, context_at(0), create_at=PROBE)
    request = CallRequest(to=PROBE, gas=1_000_000, data=call_data("set(uint256)", 0), sender=NOBODY)
    after = engine.run_on_alloc(alloc, request, context_at(0))
    assert after[PROBE].storage == {}
    assert alloc[PROBE].storage == {0: 5}
    assert list(after) == [PROBE]


def test_run_on_alloc_with_a_failing_constructor_names_the_address(make_ground: GroundMaker) -> None:
    engine = make_ground("berlin").engine
    with pytest.raises(CreationFailedError, match=r"alloc\.0x0+0be0: execution reverted \(0x2a\)"):
        engine.run_on_alloc(
            {}, replace(CREATE_PROBE, data=bytes.fromhex("602a60005360016000fd")), context_at(0), create_at=PROBE
        )
