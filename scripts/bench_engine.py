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
from chain_node.core.codec import decode_transaction
from chain_node.core.crypto import sign_digest
from chain_node.core.genesis import ForkSchedule
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32, Height, Transaction
from chain_node.execution import BlockContext, BlockLimits, CallRequest, ExecutionResult
from chain_node.execution.pyevm_engine import PyEvmEngine
from chain_node.execution.pyevm_state import STATE_BY_FORK
from chain_node.execution.pyevm_transaction import apply_call
from chain_node.storage import BlockCommit, LmdbStore, StoreIdentity

CHAIN_ID = 170919
_LIMITS = BlockLimits(gas_per_transaction=0, size_bytes=1 << 24, should_stop=lambda: False)
_T = TypeVar("_T")
CONTRACT = Address(bytes.fromhex("00000000000000000000000000000000000bec40"))
BYTECODE = Path(__file__).parent.parent / "tests" / "unit" / "execution" / "contracts" / "Bench.hex"
_CREATION = CallRequest(to=None, gas=10_000_000, data=bytes.fromhex(BYTECODE.read_text()))


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
    alloc = engine.run_on_alloc({}, _CREATION, _context(0), create_at=CONTRACT)
    genesis = engine.initialise(alloc)
    _commit(store, 0, (), genesis)
    root = genesis.state_root
    times: dict[str, list[float]] = {"decode": [], "execute and roots": [], "commit": []}
    for height in range(1, block_count + 1):
        raws = _sign_puts(height, transaction_count)
        transactions = _timed(times["decode"], lambda raws=raws: [decode_transaction(raw) for raw in raws])
        built = _timed(
            times["execute and roots"],
            lambda t=transactions, root=root, h=height: engine.build_block(root, t, _context(h), _LIMITS),
        )
        if len(built.included) != transaction_count or any(not r.status for r in built.execution.receipts):
            raise SystemExit("a transaction failed")
        execution = built.execution
        _timed(
            times["commit"],
            lambda h=height, t=built.included, e=execution: _commit(store, h, t, e),
        )
        root = execution.state_root
    for part, seconds in times.items():
        print(f"  {part:24} {statistics.median(seconds) / transaction_count * 1e3:7.3f} ms per transaction")
    total = sum(statistics.median(seconds) for seconds in times.values())
    print(f"  {'sum':24} {total / transaction_count * 1e3:7.3f} ms, {transaction_count / total:.0f} per second")
    store.close()


def bench_loops() -> None:
    source = _Nodes()
    engine = _make_engine(source)
    alloc = engine.run_on_alloc({}, _CREATION, _context(0), create_at=CONTRACT)
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
    execution: ExecutionResult,
) -> None:
    store.commit_block(
        BlockCommit(
            height=Height(height),
            block_hash=keccak(b"block %d" % height),
            block=b"".join(transaction.raw for transaction in transactions),
            receipts=execution.encoded_receipts,
            transaction_hashes=[transaction.hash for transaction in transactions],
            changes=execution.changes,
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
