"""Several validators as real processes on loopback, with TLS between them: one organisation each.

`make_network_of(directory, 3)` makes keys, certificates and genesis; `with` starts all nodes and stops them at the end.
"""

import datetime as dt
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from eth_account.signers.local import LocalAccount

from client.sdk.certificates import Authority, create_authority, pem_of
from client.sdk.member_file import MemberNode
from client.sdk.node_certificates import certify_node
from tests.e2e.node_kit import (
    Enrolled,
    Network,
    NodeProcess,
    account_number,
    free_port,
    tranchain_node,
    write_member_file,
)

_BLOCKS_PER_REQUEST = 100
_POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Papers:
    """What others know of a node: in its organisation's member file or node record."""

    validator: str
    endpoint: str
    tls_key_hash: str
    """Hex."""

    @property
    def record(self) -> str:
        """As `tranchain admin node set` takes it."""
        return f"{self.endpoint}:{self.tls_key_hash}"


@dataclass
class NetworkOf:
    """Some nodes of one chain; those of the genesis are validators, one for each organisation, in their order."""

    directory: Path
    genesis: Path
    authority: Authority
    governors: list[LocalAccount]
    deployer: LocalAccount
    nodes: list[NodeProcess] = field(default_factory=list)
    papers: list[Papers] = field(default_factory=list)
    """Of each node."""

    def __enter__(self) -> "NetworkOf":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> list[NodeProcess]:
        """Nodes whose process lives."""
        return [node for node in self.nodes if node.is_running]

    def start(self) -> None:
        """Start every node that does not run, side by side, and wait until they answer."""
        waiting = [node for node in self.nodes if not node.is_running]
        offsets = [node.launch() for node in waiting]
        for node, offset in zip(waiting, offsets, strict=True):
            node.wait_until_started(offset)

    def stop(self) -> None:
        """Stop every node with SIGTERM, side by side."""
        for node in self.running:
            node.terminate()
        for node in self.nodes:
            node.stop()

    def kill(self, index: int) -> NodeProcess:
        """Kill a node with SIGKILL."""
        self.nodes[index].kill()
        return self.nodes[index]

    def restart(self, index: int) -> NodeProcess:
        """Start a node again, whichever way it ended, and wait until it answers."""
        self.nodes[index].stop()
        self.nodes[index].start()
        return self.nodes[index]

    def add_node(self, name: str, *options: str, endpoint: str | None = None) -> NodeProcess:
        """A further node with keys and a certificate; it is in no record yet and not started."""
        directory = self.directory / name
        place = endpoint or f"127.0.0.1:{free_port()}"
        papers = make_papers(directory / "data", self.authority, organisation=f"Bank {name.upper()}", endpoint=place)
        listen = ("--p2p-listen", papers.endpoint)
        network = Network(directory, self.genesis, directory / "data", self.governors[0], self.deployer)
        self.nodes.append(NodeProcess(network, options=[*listen, *options]))
        self.papers.append(papers)
        return self.nodes[-1]

    def wait_for_height(self, height: int, *, nodes: Sequence[NodeProcess] | None = None, seconds: float = 30) -> None:
        """Wait until these nodes (those that run) have a block at the height."""
        waiting = self.running if nodes is None else list(nodes)
        wait_until(
            lambda: all(node.height() >= height for node in waiting),
            seconds,
            lambda: f"heights {[node.height() for node in waiting]}, expected {height}",
        )

    def wait_for_blocks(self, count: int, *, seconds: float = 30) -> int:
        """Wait until every running node is this many blocks above the highest of now; gives that height."""
        height = max(node.height() for node in self.running) + count
        self.wait_for_height(height, seconds=seconds)
        return height

    def assert_same_blocks(self) -> int:
        """Check that all running nodes have the same blocks up to the lowest head; gives its height."""
        nodes = self.running
        lowest = min(node.height() for node in nodes)
        expected = block_hashes(nodes[0], lowest)
        for node in nodes[1:]:
            found = block_hashes(node, lowest)
            differing = [height for height in range(lowest + 1) if found[height] != expected[height]]
            assert not differing, f"{node.url} differs from {nodes[0].url} at heights {differing[:5]}"
        return lowest


def make_network_of(
    directory: Path,
    count: int,
    *options: str,
    accounts: Sequence[Enrolled] = (),
    node_options: Sequence[str] = (),
    endpoints: Sequence[str] = (),
) -> NetworkOf:
    """Make `count` organisations with one validator each: keys, certificates, member files, genesis. Nothing runs yet.

    `options` go to `tranchain-node genesis`, `node_options` to every `tranchain-node run`; `accounts` and one that may
    deploy belong to the first organisation. Each organisation's governor may vote. The nodes listen on free ports of
    127.0.0.1 unless `endpoints` says where.
    """
    network = NetworkOf(
        directory=directory,
        genesis=directory / "genesis.json",
        authority=create_authority("Test authority", now=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)),
        governors=[account_number(1_000_001 + 100 * number) for number in range(count)],
        deployer=account_number(1_000_002),
    )
    members = []
    for number, governor in enumerate(network.governors):
        name = chr(ord("a") + number)
        endpoint = endpoints[number] if endpoints else None
        node = network.add_node(f"node-{name}", *node_options, endpoint=endpoint)
        papers = network.papers[-1]
        host, _, port = papers.endpoint.partition(":")
        members.append(node.network.directory / "member.json")
        write_member_file(
            members[-1],
            [Enrolled(network.deployer, ("DEPLOYER",)), *accounts] if number == 0 else [],
            governor=governor,
            organisation=f"Bank {name.upper()}",
            validator=papers.validator,
            node=MemberNode(host=host, port=int(port), tls_spki_sha256=papers.tls_key_hash),
            authority=network.authority,
        )
    built = tranchain_node("genesis", *members, "--to", network.genesis, *options)
    assert built.returncode == 0, built.stderr
    return network


def make_papers(data_dir: Path, authority: Authority, *, organisation: str, endpoint: str) -> Papers:
    """Run `tranchain-node init`, and put the authority's answer where the node looks for it."""
    made = tranchain_node(
        *("init", "--data-dir", data_dir, "--organisation", organisation, "--endpoint", endpoint, "--json")
    )
    assert made.returncode == 0, made.stderr
    printed = json.loads(made.stdout)
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    certificate = certify_node(authority, Path(printed["tls_request"]).read_bytes(), not_before=start, days=30)
    (data_dir / "tls.pem").write_text(pem_of(certificate))
    (data_dir / "ca.pem").write_text(authority.certificate_pem())
    return Papers(validator=printed["validator"], endpoint=endpoint, tls_key_hash=printed["tls_key_hash"])


def block_hashes(node: NodeProcess, last: int) -> list[str]:
    """Hashes of the blocks 0 to `last`."""
    hashes: list[str] = []
    while len(hashes) <= last:
        heights = range(len(hashes), min(last + 1, len(hashes) + _BLOCKS_PER_REQUEST))
        batch = [
            {"jsonrpc": "2.0", "id": height, "method": "eth_getBlockByNumber", "params": [hex(height), False]}
            for height in heights
        ]
        answers = {answer["id"]: answer["result"] for answer in httpx.post(node.url, json=batch, timeout=30).json()}
        hashes += [answers[height]["hash"] for height in heights]
    return hashes


def wait_until(is_so: Callable[[], bool], seconds: float, describe: Callable[[], str]) -> None:
    """Wait for a condition; fails with what `describe` says."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s: {describe()}"
        time.sleep(_POLL_SECONDS)
