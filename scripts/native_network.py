"""Networks whose nodes run the native engine, under the load of `tranchain bench`: where native figures are taken.

The nodes are told to run it (`--engine native`), so that they do not start where it is missing.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench_consortium import check_library
from eth_account.signers.local import LocalAccount

from client.bench.accounts import Sender
from client.bench.prepare import Plan, prepare
from client.bench.report import make_report
from client.bench.resources import make_meters
from client.bench.run import measure
from client.bench.wire import parse_target
from client.bench.workloads import RECORD_STORE, WORKLOADS, Call, Workload
from client.sdk.chain import ChainClient
from client.sdk.hashing import address_bytes, keccak
from tests.e2e.network_kit import NetworkOf, make_network_of
from tests.e2e.node_kit import Enrolled, NodeProcess, account_number

RUNS = 5
TRANSACTIONS = 20_000
SENDERS = 400
"""So many that none has more transactions waiting than a node holds of one account."""
CONNECTIONS = 32
GAS = ("--gas-limit", "400000000", "--per-tx-gas-limit", "8000000")
_REGISTRY = "0x0000000000000000000000000000000000007C03"
_FILL = keccak(b"fill(uint256,uint256)")[:4]
_SLOTS_PER_FILL = 340
_LONG_BLOCK_MS = 1_500
_WAITING_MAX = 15_000
"""Below what a pool holds."""


@dataclass(kw_only=True)
class NativeNetwork:
    """A running network, accounts that may send, and the contract that stores records."""

    network: NetworkOf
    accounts: Sequence[LocalAccount]
    chain: ChainClient
    contract: str
    slots: int = 0
    """How many slots its contract has been filled with."""

    @property
    def nodes(self) -> list[NodeProcess]:
        """Those that run."""
        return self.network.running

    def put(self, transactions: int = TRANSACTIONS, *, connections: int = CONNECTIONS) -> dict[str, Any]:
        """Send puts one by one until all are committed on all nodes that run; gives the report of `tranchain bench`."""
        plan = self._plan(WORKLOADS["put"], transactions, connections)
        report = self._run(plan)
        self.slots += transactions
        return report

    def fill(self, slots: int) -> float:
        """Grow the state until the contract has this many slots; gives the seconds."""
        started = time.perf_counter()
        firsts = itertools.count(self.slots, _SLOTS_PER_FILL)

        def make(_sender: Sender, _nonce: int, contract: str | None, _value_wei: int) -> Call:
            first = next(firsts)
            count = max(0, min(_SLOTS_PER_FILL, slots - first))
            data = _FILL + first.to_bytes(32) + count.to_bytes(32)
            return Call(to=address_bytes(str(contract)), value_wei=0, data=data)

        workload = Workload(name="fill", meaning="slots of a contract", gas=7_990_000, artifact=RECORD_STORE, make=make)
        missing = slots - self.slots
        if missing > 0:
            with self._long_blocks():
                self._run(replace(self._plan(workload, -(-missing // _SLOTS_PER_FILL), CONNECTIONS), patience_s=120))
            self.slots = slots
        return time.perf_counter() - started

    @contextmanager
    def _long_blocks(self) -> Iterator[None]:
        """Run the only node with blocks that may take long: the more slots at once, the less each costs."""
        node = self.nodes[0]
        usual = node.options
        config = self.network.directory / "long_blocks.toml"
        config.write_text(f"build_budget_ms = {_LONG_BLOCK_MS}\n")
        node.options = [*usual, "--config", str(config)]
        self.network.restart(0)
        yield
        node.options = usual
        self.network.restart(0)

    def _plan(self, workload: Workload, transactions: int, connections: int) -> Plan:
        return Plan(
            workload=workload,
            targets=[parse_target(node.url) for node in self.nodes],
            transactions=transactions,
            connections=connections,
            batch=1,
            per_second=None,
            waiting_max=_WAITING_MAX if transactions > TRANSACTIONS else None,
            patience_s=60,
        )

    def _run(self, plan: Plan) -> dict[str, Any]:
        deployer = self.network.deployer
        pids = [node.process.pid for node in self.nodes if node.process is not None]
        prepared = prepare(plan, self.chain, self.accounts, deployer, contract=self.contract, tell=lambda _: None)
        report = make_report(measure(plan, prepared, make_meters(plan.targets, pids)))
        if report["failed"]:
            raise SystemExit(f"{report['failed']} of {plan.transactions} transactions failed: {report['failures']}")
        return report


@contextmanager
def native_network(count: int, *options: str, gas: Sequence[str] = GAS) -> Iterator[NativeNetwork]:
    """Validators with these options of `tranchain-node genesis`, in a temporary directory, at work."""
    check_library()
    accounts = [account_number(number) for number in range(SENDERS)]
    with tempfile.TemporaryDirectory(prefix="bench-native-", dir=_directory()) as directory:
        made = make_network_of(
            Path(directory),
            count,
            *gas,
            *options,
            accounts=[Enrolled(each) for each in accounts],
            node_options=("--engine", "native"),
        )
        with made as network:
            chain = ChainClient(network.nodes[0].url, _REGISTRY)
            contract = chain.create(RECORD_STORE, [], network.deployer)
            yield NativeNetwork(network=network, accounts=accounts, chain=chain, contract=contract)


def describe(reports: Sequence[dict[str, Any]]) -> str:
    """What the runs say of processor time and latency, for the conditions of a figure."""
    last = reports[-1]
    nodes = " + ".join(f"{each.get('cpu_s', 0):.1f}" for each in last["nodes"])
    generator = last["generator"]
    return (
        f"last run: CPU seconds of the nodes {nodes}, of the load {generator['cpu_s']:.1f} "
        f"({generator['cpu_us_per_transaction']:.0f} us a transaction), "
        f"latency p95 {last['latency']['p95_ms']:.0f} ms; load average {os.getloadavg()[0]:.1f}"
    )


def _directory() -> Path:
    build = Path(__file__).resolve().parents[1] / "build"
    build.mkdir(exist_ok=True)
    return build
