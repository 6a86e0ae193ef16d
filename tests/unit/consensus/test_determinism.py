"""The same seed gives the same trace, whatever order Python's sets have in a process."""

import os
import subprocess
import sys

TRACE = """
from chain_node.core.hashing import keccak
from tests.unit.consensus.network import Network

network = Network(4, seed=7)
network.crash(network.node(0))
network.run_for(15_000)
network.restart(network.node(0))
network.run_to_height(4, network.node(1), network.node(2))
logs = b"".join(entry for node in network.nodes.values() for entry in node.log)
print(keccak(logs).hex(), len(logs), network.now_ms)
"""


def test_trace_of_a_network_does_not_depend_on_the_hash_seed() -> None:
    traces = [
        subprocess.run(
            [sys.executable, "-c", TRACE],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout
        for hash_seed in ("1", "2", "3")
    ]
    assert traces[0] == traces[1] == traces[2]
    assert int(traces[0].split()[1]) > 1000
