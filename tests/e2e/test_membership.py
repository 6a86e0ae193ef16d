"""A consortium of three takes in a fourth member, and lets it go again, by the commands that governors type.

Four real nodes; the fourth is refused until its record is on the chain, syncs from genesis, is voted into the validator
set and out of it, and loses its place on the network. The tests follow one another.
"""

import contextlib
import datetime as dt
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from client.cli.app import run
from client.sdk.certificates import certificate_request, certify, pem_of
from client.sdk.keystore import import_account
from tests.e2e.network_kit import NetworkOf, make_network_of, wait_until
from tests.e2e.node_kit import NodeProcess, account_number

REGISTRY = "0x0000000000000000000000000000000000007C03"
PASSWORD = "for tests"
NEW_GOVERNOR, NEW_ORIGINATOR = account_number(4_000_001), account_number(4_000_002)
NEW_MEMBER = 4
_LIGHT = 1 << 8


@dataclass
class Membership:
    """The network and its governors' keystores."""

    network: NetworkOf
    directory: Path

    @property
    def newcomer(self) -> NodeProcess:
        return self.network.nodes[3]

    @property
    def validator(self) -> str:
        """The newcomer's."""
        return self.network.papers[3].validator

    def keystore(self, name: str) -> Path:
        return self.directory / f"{name}.json"

    def ask(self, name: str, *arguments: str, node: NodeProcess | None = None) -> Any:
        """Run a command for an account at a node that must succeed; gives what it printed."""
        code, out, error = self.run(name, *arguments, node=node)
        assert code == 0, f"{arguments}: {error}"
        return json.loads(out)

    def run(self, name: str, *arguments: str, node: NodeProcess | None = None) -> tuple[int, str, str]:
        options = ["--rpc", (node or self.network.nodes[0]).url, "--password-file", str(self.directory / "password")]
        out, error = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            code = run(["admin", *arguments, *options, "--keystore", str(self.keystore(name)), "--json"])
        return code, out.getvalue(), error.getvalue()

    def vote(self, *arguments: str, voters: str = "abc") -> None:
        """Have members decide."""
        governors = [f"--governor={self.keystore(f'governor-{letter}')}" for letter in voters]
        assert self.ask(f"governor-{voters[0]}", *arguments, *governors)["is_executed"]

    def validators(self) -> set[str]:
        """Addresses in the set, lower case, by the chain."""
        return {seat["validator"].lower() for seat in self.ask("governor-a", "validator", "list")}


@pytest.fixture(scope="module")
def membership(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Membership]:
    directory = tmp_path_factory.mktemp("membership")
    options = ("--block-period-ms", "200", "--empty-block-period-seconds", "1")
    with make_network_of(directory, 3, *options) as network:
        (directory / "password").write_text(PASSWORD)
        people = [*zip("abc", network.governors, strict=True), ("d", NEW_GOVERNOR)]
        for letter, account in people:
            import_account(directory / f"governor-{letter}.json", bytes(account.key), PASSWORD, scrypt_n=_LIGHT)
        import_account(directory / "originator.json", bytes(NEW_ORIGINATOR.key), PASSWORD, scrypt_n=_LIGHT)
        yield Membership(network, directory)


def certify_account(membership: Membership, account: LocalAccount) -> Path:
    """The authority's answer to an account's request, and the authority's own certificate beside it."""
    request = certificate_request(account, organisation="Bank D", name="test").encode()
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    path = membership.directory / "account.pem"
    path.write_text(pem_of(certify(membership.network.authority, request, not_before=start, days=30)))
    (membership.directory / "ca.pem").write_text(membership.network.authority.certificate_pem())
    return path


def test_node_in_no_record_is_refused_and_told_why(membership: Membership) -> None:
    membership.network.wait_for_height(3)
    newcomer = membership.network.add_node("node-d")
    newcomer.start()
    key = membership.network.papers[3].tls_key_hash
    wait_until(
        lambda: f"TLS key {key} is in no member's node record" in newcomer.log.read_text(),
        30,
        lambda: newcomer.log.read_text()[-2_000:],
    )
    assert newcomer.height() == 0
    assert any(key in node.log.read_text() for node in membership.network.nodes[:3]), "a refusal is in their logs too"


def test_member_joins_by_vote_and_its_node_syncs_from_genesis(membership: Membership) -> None:
    membership.vote("organisation", "add", "Bank D", NEW_GOVERNOR.address)
    paper = certify_account(membership, NEW_ORIGINATOR)
    enrol = ("enrol", str(paper), "--organisation", str(NEW_MEMBER), "--role", "ORIGINATOR")
    membership.vote(*enrol, "--ca", str(membership.directory / "ca.pem"))
    membership.ask(
        "governor-d", "node", "set", membership.network.papers[3].record, "--validator", membership.validator
    )
    height = membership.network.nodes[0].height()
    membership.network.wait_for_height(height, nodes=[membership.newcomer], seconds=60)
    assert membership.network.assert_same_blocks() >= height
    assert membership.validator not in membership.validators()


def test_validator_that_was_voted_in_signs(membership: Membership) -> None:
    membership.vote("validator", "add", membership.validator, "--organisation", str(NEW_MEMBER))
    assert membership.validator in membership.validators()
    node = membership.network.nodes[0]
    wait_until(lambda: membership.validator in signers(node), 30, lambda: f"{membership.validator} in {signers(node)}")


def signers(node: NodeProcess) -> list[str]:
    """Who signed the newest block, as far as the node knows."""
    head = node.call("eth_blockNumber")
    found = node.call("tranchain_getFinality", head)
    assert isinstance(found, dict)
    return [str(address).lower() for address in found["signers"]]


def test_four_validators_go_on_without_any_one(membership: Membership) -> None:
    for index in range(4):
        membership.network.kill(index)
        membership.network.wait_for_blocks(3)
        membership.network.restart(index)
        membership.network.wait_for_blocks(2)
    assert membership.network.assert_same_blocks() > 0


def test_transactions_of_a_suspended_member_are_refused_by_every_node(membership: Membership) -> None:
    membership.vote("suspend", "--organisation", str(NEW_MEMBER))
    height = membership.network.nodes[0].height()
    membership.network.wait_for_height(height)
    for node in membership.network.running:
        code, _, error = membership.run("governor-d", "node", "remove", "5f" * 32, node=node)
        assert code == 1
        assert "suspended" in error, error
    membership.network.wait_for_blocks(3)
    assert membership.validator in membership.validators(), "a suspended member's validator stays until it is voted out"
    membership.vote("suspend", "--organisation", str(NEW_MEMBER), "--lift")
    membership.ask(
        "governor-d", "node", "set", membership.network.papers[3].record, "--validator", membership.validator
    )


def test_validator_that_was_voted_out_follows_and_signs_no_more(membership: Membership) -> None:
    membership.vote("validator", "remove", membership.validator)
    assert membership.validator not in membership.validators()
    height = membership.network.wait_for_blocks(3)
    assert membership.newcomer.height() >= height
    assert membership.validator not in signers(membership.network.nodes[0])
    membership.network.assert_same_blocks()


def test_node_without_a_record_is_off_the_network(membership: Membership) -> None:
    membership.vote("node", "remove", membership.network.papers[3].tls_key_hash)
    assert len(membership.ask("governor-a", "node", "list")) == 3
    others = membership.network.nodes[:3]
    membership.network.wait_for_height(others[0].height(), nodes=others)
    height = others[0].height() + 5
    membership.network.wait_for_height(height, nodes=others)
    assert membership.newcomer.height() < height
    membership.newcomer.stop()
    membership.network.assert_same_blocks()
