"""Measure the native engine and its store alone: blocks of signed `put` calls, from raw bytes to durable.

Run: `python scripts/bench_native_engine.py [--slots N ...] [--blocks N]` for the parts of each size of state.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bench_figure import Figure, median_figure

from chain_node.core import rlp
from chain_node.core.crypto import address_of, sign_digest
from chain_node.core.hashing import keccak

CHAIN_ID = 170919
SLOTS = 100_000
TRANSACTIONS = 2_000
"""Of a block."""

BLOCKS = 10
RUNS = 5
GROWTH_SLOTS = (10_000, 100_000, 1_000_000, 10_000_000)
PARTS = ("recover", "execute", "roots", "commit")
CPU = "cpu"
_SENDERS = 100
_GAS_LIMIT = 400_000_000
_FILL_GAS_LIMIT = 2_000_000_000
_FILL_SLOTS = 50_000
"""Slots of a block that fills the state; it has one transaction."""

_CONTRACT = bytes(17) + b"\x0b\xec\x40"
_ARTIFACT = Path(__file__).parent.parent / "contracts" / "artifacts" / "bench" / "RecordStore.json"
_T = TypeVar("_T")


def native_engine_tps() -> dict[str, Figure]:
    """Blocks of calls that store one record each: recovery, execution, roots, durable commit."""
    with _scratch_directory() as directory:
        bench = EngineBench(Path(directory), SLOTS)
        bench.run(1)
        runs = [bench.run(BLOCKS) for _ in range(RUNS)]
    parts = ", ".join(f"{part} {statistics.median(run[part] for run in runs):.1f}" for part in PARTS)
    cpu = statistics.median(run[CPU] for run in runs)
    conditions = (
        f"{BLOCKS} blocks of {TRANSACTIONS:,} signed puts of {_SENDERS} senders per run, random keys of a contract "
        f"with {SLOTS:,} slots, each block durable before the next; microseconds per transaction: {parts}; "
        f"processor time of all threads {cpu:.1f}, with the encoding of blocks in Python; "
        f"load average {os.getloadavg()[0]:.1f}"
    )
    rates = [rate_of(run) for run in runs]
    return {"native_engine_tps": median_figure(rates, "tx/s", ">= 9000", conditions)}


class EngineBench:
    """A chain of one contract with many slots."""

    def __init__(self, directory: Path, slots: int) -> None:
        from chain_node.execution.native import _native

        self._native: Any = _native
        self._database = _native.Database(str(directory / "store"), bytes(32), CHAIN_ID, [(0, "berlin")])
        self._keys = [keccak(b"sender" + index.to_bytes(4, "big")) for index in range(_SENDERS)]
        self._nonces = [0] * _SENDERS
        self._slots = slots
        self._seed = 0
        self._height = -1
        self._root = bytes(32)
        senders = sorted(address_of(key) for key in self._keys)
        accounts = [(_CONTRACT, 0, 1, _runtime_code(), []), *((sender, 1, 0, b"", []) for sender in senders)]
        genesis = self._database.initialise(accounts)
        self._commit([], genesis)
        for first in range(0, slots, _FILL_SLOTS):
            self._fill(first, min(_FILL_SLOTS, slots - first))

    def run(self, blocks: int) -> dict[str, float]:
        """Microseconds per transaction, by part; and processor time of all threads."""
        times: dict[str, list[float]] = {part: [] for part in PARTS}
        signed = [self._sign_block() for _ in range(blocks)]
        cpu_start = time.process_time()
        for raws in signed:
            self._block(raws, times)
        times[CPU] = [time.process_time() - cpu_start]
        return {part: sum(seconds) / blocks / TRANSACTIONS * 1e6 for part, seconds in times.items()}

    def _block(self, raws: list[bytes], times: dict[str, list[float]]) -> None:
        decoded = _timed(times["recover"], lambda: self._native.decode_transactions(raws))
        senders = [fields[-1] for fields in decoded]
        block = self._start_block(_GAS_LIMIT)
        reached, refused = _timed(times["execute"], lambda: block.execute(raws, senders, None, 0))
        if refused or reached != len(raws):
            raise SystemExit(f"a transaction was refused: {refused}")
        executed = _timed(times["roots"], block.finish)
        if len(executed.log_addresses) != 1:
            raise SystemExit("a transaction failed")
        _timed(times["commit"], lambda: self._commit(raws, executed))

    def _start_block(self, gas_limit: int) -> Any:
        context = (self._height + 1, 1_700_000_000 + self._height, gas_limit, bytes(20), None, 1)
        return self._database.start_block(self._root, context, gas_limit)

    def _fill(self, first: int, count: int) -> None:
        raw = self._sign(0, keccak(b"fill(uint256,uint256)")[:4] + _word(first) + _word(count), _FILL_GAS_LIMIT)
        block = self._start_block(_FILL_GAS_LIMIT)
        block.execute([raw], [address_of(self._keys[0])], None, 0)
        self._commit([raw], block.finish())

    def _commit(self, raws: list[bytes], executed: Any) -> None:
        self._height += 1
        body = rlp.wrap_list(rlp.encode_bytes(bytes(700)) + rlp.wrap_list(b"".join(raws)) + rlp.EMPTY_LIST)
        self._database.commit(self._height, keccak(self._height.to_bytes(8, "big")), body, executed)
        self._root = executed.state_root

    def _sign_block(self) -> list[bytes]:
        return [self._sign(index % _SENDERS, self._put_data(), 100_000) for index in range(TRANSACTIONS)]

    def _put_data(self) -> bytes:
        self._seed += 1
        value = keccak(self._seed.to_bytes(8, "big"))
        return _PUT + _word(int.from_bytes(value[:8], "big") % self._slots) + value

    def _sign(self, sender: int, data: bytes, gas: int) -> bytes:
        fields = [rlp.scalar(self._nonces[sender]), b"", rlp.scalar(gas), _CONTRACT, b"", data]
        self._nonces[sender] += 1
        digest = keccak(rlp.encode([*fields, rlp.scalar(CHAIN_ID), b"", b""]))
        signature = sign_digest(self._keys[sender], digest)
        v, r, s = 35 + 2 * CHAIN_ID + signature[64], signature[:32], signature[32:64]
        return rlp.encode([*fields, rlp.scalar(v), r.lstrip(b"\0"), s.lstrip(b"\0")])


_PUT = keccak(b"put(uint256,bytes32)")[:4]


def _scratch_directory() -> tempfile.TemporaryDirectory[str]:
    """On the disk of the working copy, because /tmp may be memory."""
    build = Path(__file__).parent.parent / "build"
    build.mkdir(exist_ok=True)
    return tempfile.TemporaryDirectory(dir=build)


def rate_of(run: dict[str, float]) -> float:
    """Transactions per second of a run."""
    return 1e6 / sum(run[part] for part in PARTS)


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _runtime_code() -> bytes:
    return bytes.fromhex(json.loads(_ARTIFACT.read_text())["deployedBytecode"].removeprefix("0x"))


def _timed(times: list[float], work: Callable[[], _T]) -> _T:
    start = time.perf_counter()
    result = work()
    times.append(time.perf_counter() - start)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, nargs="+", default=GROWTH_SLOTS)
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    arguments = parser.parse_args()
    print("      slots     tx/s  " + "  ".join(f"{part:>8}" for part in (*PARTS, CPU)) + "  (us per transaction)")
    for slots in arguments.slots:
        with _scratch_directory() as directory:
            bench = EngineBench(Path(directory), slots)
            bench.run(1)
            runs = [bench.run(arguments.blocks) for _ in range(RUNS)]
            medians = [statistics.median(run[part] for run in runs) for part in (*PARTS, CPU)]
            rate = statistics.median(rate_of(run) for run in runs)
            print(f"{slots:>11,} {rate:>8,.0f}  " + "  ".join(f"{median:>8.1f}" for median in medians), flush=True)


if __name__ == "__main__":
    main()
