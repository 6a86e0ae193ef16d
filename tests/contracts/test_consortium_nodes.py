"""Node records: each member's own, judged against the validator set."""

from __future__ import annotations

from typing import Any

import pytest
from web3.utils.address import get_create_address

from tests.contracts.chain import Chain, refused
from tests.contracts.suite import NAMES, NODE_KEY_HASH, Suite, genesis_alloc, initialize_arguments, role_bits

ZERO = "0x" + 40 * "0"
KEY_HASH = bytes([0xB2]) * 32
OTHER_KEY_HASH = bytes([0xC3]) * 32
ENDPOINT = "node.example:30303"


def set_node(suite: Suite, governor: str, key_hash: bytes, validator: str = ZERO, endpoint: str = ENDPOINT) -> Any:
    return suite.send(governor, suite.Consortium.functions.setNode(key_hash, validator, endpoint))


def nodes(suite: Suite) -> list[tuple[Any, ...]]:
    return [tuple(node) for node in suite.Consortium.functions.nodes().call()]


def genesis_node(suite: Suite) -> tuple[Any, ...]:
    return NODE_KEY_HASH, suite.governor_a, 1, "a.example:30303"


def test_initialize_records_nodes_and_who_runs_the_validators(suite: Suite) -> None:
    assert nodes(suite) == [genesis_node(suite)]
    functions = suite.Consortium.functions
    assert functions.validatorOrganisation(suite.governor_a).call() == 1
    assert functions.validatorOrganisation(suite.governor_b).call() == 2
    assert functions.validatorOrganisation(suite.stranger).call() == 0


@pytest.mark.parametrize("field", ["validators", "nodes"])
def test_initialize_with_a_validator_or_node_of_no_member_is_refused(field: str) -> None:
    """A genesis that contradicts itself cannot be built: the constructor's own error is in its way."""
    accounts = dict(zip(NAMES, Chain().accounts, strict=False))
    _, registry, organisations, enrolments, validators, records = initialize_arguments(accounts, ZERO, ZERO)
    if field == "validators":
        validators = [(accounts["newcomer"], 9)]
    else:
        records = [(KEY_HASH, ZERO, 9, ENDPOINT)]
    chain = Chain(genesis_alloc(accounts))
    implementation = chain.create("Consortium", accounts["deployer"])
    fresh_manager = chain.create("AccessManager", accounts["deployer"], accounts["deployer"])
    address = get_create_address(accounts["deployer"], chain.w3.eth.get_transaction_count(accounts["deployer"]) + 1)
    chain.send(fresh_manager.functions.grantRole(0, address, 0), accounts["deployer"])
    arguments = [fresh_manager.address, registry, organisations, enrolments, validators, records]
    data = implementation.encode_abi("initialize", arguments)
    with refused("ConsortiumUnknownOrganisation", 9):
        chain.try_call(chain.constructor("ERC1967Proxy", implementation.address, data), accounts["deployer"])


def test_set_node_adds_a_record_of_the_callers_member(suite: Suite) -> None:
    receipt = set_node(suite, "governor_b", KEY_HASH, suite.governor_b)
    assert suite.event("Consortium", "NodeSet", receipt) == {
        "tlsKeyHash": KEY_HASH,
        "organisation": 2,
        "validator": suite.governor_b,
        "endpoint": ENDPOINT,
    }
    assert nodes(suite) == [genesis_node(suite), (KEY_HASH, suite.governor_b, 2, ENDPOINT)]


def test_set_node_again_replaces_the_record(suite: Suite) -> None:
    set_node(suite, "governor_c", KEY_HASH)
    set_node(suite, "governor_c", KEY_HASH, suite.newcomer, "moved.example:1")
    assert nodes(suite) == [genesis_node(suite), (KEY_HASH, suite.newcomer, 3, "moved.example:1")]


def test_set_node_with_the_key_of_another_members_node_is_refused(suite: Suite) -> None:
    with refused("ConsortiumNodeOfOther", NODE_KEY_HASH, 1):
        set_node(suite, "governor_b", NODE_KEY_HASH)


def test_set_node_with_a_validator_of_another_member_is_refused(suite: Suite) -> None:
    with refused("ConsortiumValidatorOfOther", suite.governor_a, 1):
        set_node(suite, "governor_b", KEY_HASH, suite.governor_a)


def test_set_node_without_a_key_is_refused(suite: Suite) -> None:
    with refused("ConsortiumNodeKeyMissing"):
        set_node(suite, "governor_b", bytes(32))


@pytest.mark.parametrize("size", [0, 256])
def test_set_node_with_an_endpoint_that_cannot_be_is_refused(suite: Suite, size: int) -> None:
    with refused("ConsortiumBadEndpoint", size):
        set_node(suite, "governor_b", KEY_HASH, endpoint="x" * size)


def test_set_node_with_the_longest_endpoint_is_kept_whole(suite: Suite) -> None:
    endpoint = "y" * 255
    set_node(suite, "governor_b", KEY_HASH, endpoint=endpoint)
    assert nodes(suite)[1][3] == endpoint


def test_set_node_beyond_eight_of_a_member_is_refused_until_one_is_removed(suite: Suite) -> None:
    for number in range(8):
        set_node(suite, "governor_b", bytes([number + 1]) * 32)
    with refused("ConsortiumTooManyNodes", 2):
        set_node(suite, "governor_b", KEY_HASH)
    set_node(suite, "governor_b", bytes([1]) * 32, endpoint="replaced.example:2")
    set_node(suite, "governor_c", OTHER_KEY_HASH)
    suite.send("governor_b", suite.Consortium.functions.removeNode(bytes([8]) * 32))
    set_node(suite, "governor_b", KEY_HASH)
    assert len(nodes(suite)) == 10


def test_remove_node_by_its_members_governor_forgets_it(suite: Suite) -> None:
    receipt = suite.send("governor_a", suite.Consortium.functions.removeNode(NODE_KEY_HASH))
    assert suite.event("Consortium", "NodeRemoved", receipt) == {"tlsKeyHash": NODE_KEY_HASH}
    assert nodes(suite) == []
    set_node(suite, "governor_b", NODE_KEY_HASH)
    assert nodes(suite) == [(NODE_KEY_HASH, ZERO, 2, ENDPOINT)]


def test_remove_node_by_a_vote_forgets_it(suite: Suite) -> None:
    suite.govern("Consortium", "removeNode", NODE_KEY_HASH)
    assert nodes(suite) == []


@pytest.mark.parametrize("account", ["governor_b", "bureau", "stranger"])
def test_remove_node_by_anybody_else_is_refused(suite: Suite, account: str) -> None:
    with refused("ConsortiumNodeOfOther", NODE_KEY_HASH, 1):
        suite.send(account, suite.Consortium.functions.removeNode(NODE_KEY_HASH))


def test_remove_node_that_is_unknown_is_refused(suite: Suite) -> None:
    with refused("ConsortiumUnknownNode", KEY_HASH):
        suite.send("governor_a", suite.Consortium.functions.removeNode(KEY_HASH))


def test_nodes_of_a_suspended_member_are_listed_only_while_they_validate(suite: Suite) -> None:
    suite.govern("Consortium", "addValidator", suite.newcomer, 4)
    set_node(suite, "governor_d", KEY_HASH, suite.newcomer)
    set_node(suite, "governor_d", OTHER_KEY_HASH)
    suite.govern("Consortium", "setOrganisationSuspended", 4, True)
    assert [node[0] for node in nodes(suite)] == [NODE_KEY_HASH, KEY_HASH]
    suite.govern("Consortium", "removeValidator", suite.newcomer)
    assert [node[0] for node in nodes(suite)] == [NODE_KEY_HASH]
    with refused("AccessManagedUnauthorized", suite.governor_d):
        set_node(suite, "governor_d", KEY_HASH)
    with refused("ConsortiumNodeOfOther", KEY_HASH, 4):
        suite.send("governor_d", suite.Consortium.functions.removeNode(KEY_HASH))


def test_node_that_names_a_later_validator_of_another_member_is_none(suite: Suite) -> None:
    set_node(suite, "governor_b", KEY_HASH, suite.newcomer)
    suite.govern("Consortium", "addValidator", suite.newcomer, 3)
    assert nodes(suite)[1] == (KEY_HASH, ZERO, 2, ENDPOINT)
    set_node(suite, "governor_c", OTHER_KEY_HASH, suite.newcomer)
    assert nodes(suite)[2] == (OTHER_KEY_HASH, suite.newcomer, 3, ENDPOINT)


def test_validator_that_left_may_be_another_members_later(suite: Suite) -> None:
    suite.govern("Consortium", "removeValidator", suite.governor_a)
    assert suite.Consortium.functions.validatorOrganisation(suite.governor_a).call() == 0
    suite.govern("Consortium", "addValidator", suite.governor_a, 2)
    assert suite.Consortium.functions.validatorOrganisation(suite.governor_a).call() == 2
    assert nodes(suite) == [(NODE_KEY_HASH, ZERO, 1, "a.example:30303")]


def test_second_governor_of_a_member_sets_its_nodes_too(suite: Suite) -> None:
    suite.govern("Consortium", "enrol", suite.newcomer, 3, role_bits("GOVERNOR"), 0, 2**40 - 1, bytes(32))
    set_node(suite, "newcomer", KEY_HASH)
    assert nodes(suite)[1][2] == 3
    suite.send("newcomer", suite.Consortium.functions.removeNode(KEY_HASH))
