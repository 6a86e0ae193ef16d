"""Measure a whole node: contract calls that store one record each, sent one by one over HTTP, until all are in blocks.

The node is a real process with a Consortium genesis and 1 s blocks; the load comes from this process over a few
connections that are kept open. Prints machine, commit, workload and medians.
Run: `python scripts/bench_node.py [--runs N] [--transactions N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from chain_node.core import rlp  # noqa: E402 - the path is set above
from chain_node.core.crypto import sign_digest  # noqa: E402
from chain_node.core.hashing import keccak  # noqa: E402
from tests.e2e.node_kit import Enrolled, NodeProcess, account_number, make_network  # noqa: E402

CHAIN_ID = 170919
SENDER_COUNT = 100
CONNECTION_COUNT = 16
INIT_CODE = bytes.fromhex((ROOT / "tests/unit/execution/contracts/Bench.hex").read_text())
PUT = keccak(b"put(bytes32,bytes32,uint256)")[:4]


@dataclass(frozen=True)
class NodeFigures:
    """What one benchmark of a node gave."""

    put_tps: list[float]
    """Transactions per second of each run: from the first byte sent to the block with the last one."""
    send_p50_ms: float
    """Median time of one eth_sendRawTransaction."""
    send_p99_ms: float
    rss_anon_mb: float
    """RssAnon of the node after all runs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--transactions", type=int, default=4000, help="per run, at most 6400")
    parser.add_argument("--engine", choices=("py-evm", "native"), default="py-evm")
    parser.add_argument("--node-options", nargs="*", default=[], help="further options of `tranchain-node run`")
    arguments = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    print(f"machine       {platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"commit        {commit.stdout.strip()}")
    print(
        f"workload      {arguments.runs} runs of {arguments.transactions} puts (3 slots, 1 event) of {SENDER_COUNT} "
        f"senders, single transactions over {CONNECTION_COUNT} HTTP connections, 1 s blocks, {arguments.engine}"
    )
    figures = bench_node(
        runs=arguments.runs,
        transactions=arguments.transactions,
        engine=arguments.engine,
        node_options=arguments.node_options,
    )
    print(f"node_put_tps  {statistics.median(figures.put_tps):.0f} tx/s  (runs: {[round(x) for x in figures.put_tps]})")
    print(f"send          p50 {figures.send_p50_ms:.1f} ms, p99 {figures.send_p99_ms:.1f} ms")
    print(f"node_rss_mb   {figures.rss_anon_mb:.0f} MB")


def bench_node(
    *, runs: int = 3, transactions: int = 4000, engine: str = "py-evm", node_options: Sequence[str] = ()
) -> NodeFigures:
    """Run the benchmark in a temporary directory; raises SystemExit when a transaction is refused or fails."""
    senders = [account_number(number) for number in range(SENDER_COUNT)]
    with tempfile.TemporaryDirectory(prefix="bench-node-") as directory:
        network = make_network(Path(directory), [Enrolled(sender) for sender in senders])
        with NodeProcess(network, options=("--engine", engine, *node_options)) as node:
            contract = deploy(node, network.deployer)
            rates: list[float] = []
            latencies_ms: list[float] = []
            for run in range(runs + 1):
                batch = sign_puts(senders, contract, transactions // SENDER_COUNT, run)
                rate, sent_ms = asyncio.run(_run_load(node.port, batch))
                if run > 0:
                    rates.append(rate)
                    latencies_ms += sent_ms
            _check_all_succeeded(node, (runs + 1) * len(batch))
            assert node.process is not None
            rss_mb = read_rss_anon_mb(node.process.pid)
    latencies_ms.sort()
    return NodeFigures(
        put_tps=rates,
        send_p50_ms=statistics.median(latencies_ms),
        send_p99_ms=latencies_ms[len(latencies_ms) * 99 // 100],
        rss_anon_mb=rss_mb,
    )


def deploy(node: NodeProcess, deployer: LocalAccount) -> bytes:
    """Give the address of the contract that stores records."""
    raw = _sign(deployer, nonce=0, gas=3_000_000, to=b"", data=INIT_CODE)
    transaction_hash = node.call("eth_sendRawTransaction", f"0x{raw.hex()}")
    while (receipt := node.call("eth_getTransactionReceipt", transaction_hash)) is None:
        time.sleep(0.05)
    assert isinstance(receipt, dict)
    return bytes.fromhex(receipt["contractAddress"][2:])


def sign_puts(senders: list[LocalAccount], contract: bytes, per_sender: int, run: int) -> list[bytes]:
    """HTTP requests in an order in which every sender's nonces rise."""
    requests = []
    for index in range(per_sender):
        for sender in senders:
            raw = sign_put(sender, contract, nonce=run * per_sender + index)
            body = b'{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x%b"]}' % raw.hex().encode()
            head = b"POST / HTTP/1.1\r\nHost: n\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            requests.append(head % len(body) + body)
    return requests


def sign_put(sender: LocalAccount, contract: bytes, *, nonce: int) -> bytes:
    """A transaction that stores a record of its own (3 slots, 1 event)."""
    record_id = keccak(bytes.fromhex(sender.address[2:]) + nonce.to_bytes(4, "big"))
    data = PUT + encode(["bytes32", "bytes32", "uint256"], [record_id, keccak(record_id), nonce + 1])
    return _sign(sender, nonce=nonce, gas=150_000, to=contract, data=data)


def _sign(account: LocalAccount, *, nonce: int, gas: int, to: bytes, data: bytes) -> bytes:
    fields: list[bytes] = [rlp.scalar(nonce), b"", rlp.scalar(gas), to, b"", data]
    digest = keccak(rlp.encode([*fields, rlp.scalar(CHAIN_ID), b"", b""]))
    signature = sign_digest(bytes(account.key), digest)
    v = 35 + 2 * CHAIN_ID + signature[64]
    numbers = [v, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")]
    return rlp.encode([*fields, *map(rlp.scalar, numbers)])


async def _run_load(port: int, requests: list[bytes]) -> tuple[float, list[float]]:
    latencies_ms: list[float] = []
    queue = iter(requests)
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTION_COUNT):
            group.create_task(send_all(port, queue, latencies_ms))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    status = b'{"jsonrpc":"2.0","id":1,"method":"txpool_status","params":[]}'
    request = b"POST / HTTP/1.1\r\nHost: n\r\nContent-Length: %d\r\n\r\n" % len(status) + status
    while orjson.loads(await _exchange(reader, writer, request))["result"]["pending"] != "0x0":  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.05)
    duration = time.perf_counter() - started
    writer.close()
    return len(requests) / duration, latencies_ms


async def send_all(port: int, queue: Iterator[bytes], latencies_ms: list[float]) -> None:
    """Send requests over one connection that stays open; adds the time of each."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in queue:
        started = time.perf_counter()
        answer = await _exchange(reader, writer, request)
        latencies_ms.append((time.perf_counter() - started) * 1000)
        if b'"error"' in answer:
            raise SystemExit(f"refused: {answer.decode()}")
    writer.close()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await reader.readexactly(size)


def _check_all_succeeded(node: NodeProcess, expected: int) -> None:
    head = int(str(node.call("eth_blockNumber")), 16)
    succeeded = 0
    for height in range(1, head + 1):
        receipts = node.call("eth_getBlockReceipts", hex(height))
        assert isinstance(receipts, list)
        succeeded += sum(1 for receipt in receipts if receipt["status"] == "0x1" and receipt["logs"])
    if succeeded != expected:
        raise SystemExit(f"{succeeded} of {expected} puts stored their record")


def read_rss_anon_mb(process_id: int) -> float:
    """Memory that the process holds for itself, without pages of files."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("the system does not tell RssAnon")


if __name__ == "__main__":
    main()
