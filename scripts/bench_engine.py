"""Measure the execution engine and the chain store alone: blocks of record-storing transactions, and loops.

Prints machine, commit, workload and medians. Run: `python scripts/bench_engine.py [--blocks N] [--transactions N]`.
"""

import argparse
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from eth.vm.forks.berlin.computation import BerlinComputation
from eth_abi import encode

from chain_node.core import rlp
from chain_node.core.codec import decode_transaction, encode_receipt
from chain_node.core.crypto import sign_digest
from chain_node.core.genesis import ForkSchedule
from chain_node.core.hashing import keccak
from chain_node.core.trie import ordered_trie_root
from chain_node.core.types import Address, Hash32, Height, Transaction
from chain_node.execution import BlockContext, BlockLimits, CallRequest, ExecutionResult
from chain_node.execution.pyevm_engine import PyEvmEngine
from chain_node.execution.pyevm_state import STATE_BY_FORK
from chain_node.execution.pyevm_transaction import apply_call
from chain_node.storage import BlockCommit, LmdbStore, StoreIdentity

CHAIN_ID = 170919
_T = TypeVar("_T")
CONTRACT = Address(bytes.fromhex("00000000000000000000000000000000000bec40"))
# Solidity 0.8.30, optimizer 200 runs, evmVersion berlin, no metadata, of:
#   contract Bench {
#       struct Record { bytes32 dataHash; address owner; uint64 time; uint256 amount; }
#       mapping(bytes32 => Record) public records;
#       event Stored(bytes32 indexed id, address indexed owner, bytes32 dataHash, uint256 amount);
#       error AlreadyStored(bytes32 id);
#       function put(bytes32 id, bytes32 dataHash, uint256 amount) external {
#           Record storage record = records[id];
#           if (record.owner != address(0)) revert AlreadyStored(id);
#           record.dataHash = dataHash;
#           record.owner = msg.sender;
#           record.time = uint64(block.timestamp);
#           record.amount = amount;
#           emit Stored(id, msg.sender, dataHash, amount);
#       }
#       function sum(uint256 n) external pure returns (uint256 total) {
#           unchecked { for (uint256 i = 0; i < n; ++i) { total += i * i % 7919; } }
#       }
#       function histogram(bytes calldata scores) external pure returns (uint256[101] memory counts) {
#           for (uint256 i = 0; i < scores.length; i++) { counts[uint8(scores[i])] += i; }
#       }
#       function chain(uint256 n) external pure returns (bytes32 h) {
#           for (uint256 i = 0; i < n; i++) { h = keccak256(abi.encode(h, i)); }
#       }
#   }
INIT_CODE = bytes.fromhex(
    "6080604052348015600f57600080fd5b506104258061001f6000396000f3fe608060405234801561001057600080fd5b5060043610610057"
    "5760003560e01c806301e647251461005c578063188b85b4146100e45780635852cc0c14610105578063d2dc77d714610118578063ec2284"
    "2914610138575b600080fd5b6100a861006a3660046102fd565b600060208190529081526040902080546001820154600290920154909160"
    "01600160a01b03811691600160a01b90910467ffffffffffffffff169084565b604080519485526001600160a01b03909316602085015267"
    "ffffffffffffffff9091169183019190915260608201526080015b60405180910390f35b6100f76100f23660046102fd565b61014d565b60"
    "40519081526020016100db565b6100f76101133660046102fd565b610173565b61012b610126366004610316565b6101b5565b6040516100"
    "db919061038a565b61014b6101463660046103bc565b610219565b005b6000805b8281101561016d57611eef818002069190910190600101"
    "610151565b50919050565b6000805b8281101561016d57604080516020810184905290810182905260600160408051601f19818403018152"
    "91905280516020909101209150600101610177565b6101bd6102de565b60005b828110156102125780828585848181106101dc576101dc61"
    "03e8565b919091013560f81c9050606581106101f6576101f66103e8565b6020020181815161020791906103fe565b9052506001016101c0"
    "565b5092915050565b600083815260208190526040902060018101546001600160a01b03161561025a57604051631c020b5160e01b815260"
    "04810185905260240160405180910390fd5b8281556001810180546001600160e01b0319163367ffffffffffffffff60a01b198116919091"
    "17600160a01b4267ffffffffffffffff16021790915560028201839055604080518581526020810185905286917fbf6087fe82791a28933d"
    "091d381b16feec2ddfdc76d703a873820b358d23a791910160405180910390a350505050565b60405180610ca00160405280606590602082"
    "0280368337509192915050565b60006020828403121561030f57600080fd5b5035919050565b6000806020838503121561032957600080fd"
    "5b823567ffffffffffffffff81111561034057600080fd5b8301601f8101851361035157600080fd5b803567ffffffffffffffff81111561"
    "036857600080fd5b85602082840101111561037a57600080fd5b6020919091019590945092505050565b610ca08101818360005b60658110"
    "156103b3578151835260209283019290910190600101610394565b50505092915050565b6000806000606084860312156103d157600080fd"
    "5b505081359360208301359350604090920135919050565b634e487b7160e01b600052603260045260246000fd5b8082018082111561041f"
    "57634e487b7160e01b600052601160045260246000fd5b9291505056"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--transactions", type=int, default=400, help="per block")
    arguments = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    print(f"machine   {platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"commit    {commit.stdout.strip()}")
    print(f"workload  {arguments.blocks} blocks of {arguments.transactions} calls that store 3 slots and log one event")
    with tempfile.TemporaryDirectory(dir=".") as directory:
        bench_blocks(Path(directory), arguments.blocks, arguments.transactions)
    print("workload  one eth_call of about 4 Mgas each")
    bench_loops()


def bench_blocks(directory: Path, block_count: int, transaction_count: int) -> None:
    store = LmdbStore(directory, StoreIdentity(genesis_hash=Hash32(bytes(32)), engine_name=PyEvmEngine.name))
    engine = _make_engine(store)
    alloc = engine.create_at({}, address=CONTRACT, init_code=INIT_CODE, sender=Address(bytes(20)), context=_context(0))
    genesis = engine.initialise(alloc)
    _commit(store, 0, (), None, genesis.changes.nodes, genesis.changes.codes)
    root = genesis.state_root
    times: dict[str, list[float]] = {"decode": [], "execute and state root": [], "receipts root": [], "commit": []}
    for height in range(1, block_count + 1):
        raws = _sign_puts(height, transaction_count)
        transactions = _timed(times["decode"], lambda raws=raws: [decode_transaction(raw) for raw in raws])
        limits = BlockLimits(gas_per_transaction=0, size_bytes=1 << 24, should_stop=lambda: False)
        built = _timed(
            times["execute and state root"],
            lambda t=transactions, root=root, h=height: engine.build_block(root, t, _context(h), limits),
        )
        if len(built.included) != transaction_count or any(not r.status for r in built.execution.receipts):
            raise SystemExit("a transaction failed")
        execution = built.execution
        _timed(times["receipts root"], lambda e=execution: ordered_trie_root([encode_receipt(r) for r in e.receipts]))
        _timed(
            times["commit"],
            lambda h=height, t=built.included, e=execution: _commit(store, h, t, e, e.changes.nodes, e.changes.codes),
        )
        root = execution.state_root
    for part, seconds in times.items():
        print(f"  {part:24} {statistics.median(seconds) / transaction_count * 1e3:7.3f} ms per transaction")
    total = sum(statistics.median(seconds) for seconds in times.values())
    print(
        f"  {'sum':24} {total / transaction_count * 1e3:7.3f} ms, {transaction_count / total:.0f} transactions per second"
    )
    store.close()


def bench_loops() -> None:
    source = _Nodes()
    engine = _make_engine(source)
    alloc = engine.create_at({}, address=CONTRACT, init_code=INIT_CODE, sender=Address(bytes(20)), context=_context(0))
    genesis = engine.initialise(alloc)
    source.nodes.update(genesis.changes.nodes)
    source.codes.update(genesis.changes.codes)
    scores = bytes(index * 7 % 101 for index in range(9000))
    calls = {
        "sum (arithmetic)": _call_data("sum(uint256)", ["uint256"], [40_000]),
        "histogram (memory)": _call_data("histogram(bytes)", ["bytes"], [scores]),
        "chain (keccak)": _call_data("chain(uint256)", ["uint256"], [10_000]),
    }
    for name, data in calls.items():
        request = CallRequest(to=CONTRACT, gas=50_000_000, data=data)
        ours: list[float] = []
        plain: list[float] = []
        for _ in range(3):
            result = _timed(ours, lambda r=request: engine.call(genesis.state_root, _context(1), r))
            state = STATE_BY_FORK["berlin"](engine.open_state(genesis.state_root), _context(1), CHAIN_ID)
            state.computation_class = BerlinComputation
            reference = _timed(plain, lambda s=state, r=request: apply_call(s, r, "berlin"))
        if result.gas_used != reference.gas_used or result.return_data != reference.computation.output:
            raise SystemExit(f"{name}: the engine and plain py-evm differ")
        mgas = result.gas_used / 1e6
        print(
            f"  {name:24} {mgas:5.1f} Mgas, {mgas / statistics.median(ours):6.1f} Mgas/s"
            f" (plain py-evm {mgas / statistics.median(plain):.1f})"
        )


class _Nodes:
    def __init__(self) -> None:
        self.nodes: dict[Hash32, bytes] = {}
        self.codes: dict[Hash32, bytes] = {}

    def read_node(self, node_hash: Hash32) -> bytes | None:
        return self.nodes.get(node_hash)

    def read_code(self, code_hash: Hash32) -> bytes | None:
        return self.codes.get(code_hash)


def _make_engine(source: LmdbStore | _Nodes) -> PyEvmEngine:
    return PyEvmEngine(
        chain_id=CHAIN_ID, schedule=ForkSchedule(berlin_height=Height(0), london_height=None), source=source
    )


def _context(height: int) -> BlockContext:
    return BlockContext(
        height=Height(height),
        timestamp=1_700_000_000 + height,
        gas_limit=400_000_000,
        coinbase=Address(bytes(20)),
        base_fee_per_gas=None,
        block_hash=lambda _: None,
    )


def _call_data(signature: str, types: list[str], values: list[object]) -> bytes:
    return keccak(signature.encode())[:4] + encode(types, values)


def _sign_puts(height: int, count: int) -> list[bytes]:
    """Transactions of ten senders in turn."""
    raws = []
    for index in range(count):
        key = keccak(b"sender %d" % (index % 10))
        record = keccak(b"%d %d" % (height, index))
        data = _call_data("put(bytes32,bytes32,uint256)", ["bytes32", "bytes32", "uint256"], [record, record, 7])
        nonce = (height - 1) * -(-count // 10) + index // 10
        raws.append(_sign(key, [rlp.scalar(nonce), b"", rlp.scalar(200_000), CONTRACT, b"", data]))
    return raws


def _sign(key: bytes, fields: list[bytes]) -> bytes:
    """A legacy transaction, bound to the chain id."""
    signature = sign_digest(key, keccak(rlp.encode([*fields, rlp.scalar(CHAIN_ID), b"", b""])))
    r, s = (int.from_bytes(signature[start : start + 32], "big") for start in (0, 32))
    v = 35 + 2 * CHAIN_ID + signature[64]
    return rlp.encode([*fields, rlp.scalar(v), rlp.scalar(r), rlp.scalar(s)])


def _commit(
    store: LmdbStore,
    height: int,
    transactions: tuple[Transaction, ...],
    execution: ExecutionResult | None,
    nodes: dict[Hash32, bytes],
    codes: dict[Hash32, bytes],
) -> None:
    store.commit_block(
        BlockCommit(
            height=Height(height),
            block_hash=keccak(b"block %d" % height),
            block=b"".join(transaction.raw for transaction in transactions),
            receipts=[] if execution is None else [encode_receipt(receipt) for receipt in execution.receipts],
            transaction_hashes=[transaction.hash for transaction in transactions],
            nodes=nodes,
            codes=codes,
            logs_bloom=bytes(256),
            log_addresses=[CONTRACT],
        )
    )


def _timed(seconds: list[float], run: Callable[[], _T]) -> _T:
    start = time.perf_counter()
    result = run()
    seconds.append(time.perf_counter() - start)
    return result


if __name__ == "__main__":
    main()
