"""Members, accounts, validators and votes."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils import keccak
from web3.utils.address import get_create_address

from tests.contracts.chain import Chain, refused
from tests.contracts.suite import MEMBERS, NAMES, ORGANISATIONS, ROLES, Suite, genesis_alloc, role_bits

ZERO = "0x" + 40 * "0"
LIFETIME_SECONDS = 30 * 86_400
NO_CALL: tuple[str, bytes] = (ZERO, b"")


def account_of(suite: Suite, name: str) -> tuple[Any, ...]:
    enrolled, certificate_hash = suite.Consortium.functions.account(suite.account[name]).call()
    return (*(enrolled.values() if isinstance(enrolled, dict) else enrolled), certificate_hash)


def rename_call(suite: Suite, name: str = "Fifth") -> tuple[str, str]:
    consortium = suite.Consortium
    return consortium.address, consortium.encode_abi("addOrganisation", [name, suite.account["newcomer"]])


def propose(suite: Suite, calls: list[tuple[str, Any]], sender: str = "governor_a") -> int:
    suite.send(sender, suite.Consortium.functions.propose(calls, "why"))
    return suite.Consortium.functions.proposalCount().call()


def storage_base() -> int:
    inner = int.from_bytes(keccak(text="tranchain.storage.Consortium"), "big") - 1
    return int.from_bytes(keccak(inner.to_bytes(32, "big")), "big") & ~0xFF


def read_slot(suite: Suite, key: bytes, offset: int) -> bytes:
    place = keccak(key.rjust(32, b"\0") + (storage_base() + offset).to_bytes(32, "big"))
    return bytes(suite.chain.w3.eth.get_storage_at(suite.Consortium.address, int.from_bytes(place, "big"))).rjust(
        32, b"\0"
    )


def test_initialize_members_and_accounts_are_enrolled(suite: Suite) -> None:
    functions = suite.Consortium.functions
    assert functions.organisationCount().call() == len(ORGANISATIONS)
    for index, name in enumerate(ORGANISATIONS, 1):
        assert functions.organisation(index).call() == (False, name, suite.account[f"governor_{'abcd'[index - 1]}"])
    for index, (name, (organisation, roles)) in enumerate(MEMBERS.items()):
        bits = role_bits(*roles)
        assert account_of(suite, name) == (organisation, 0, 2**40 - 1, bits, False, bytes([index]) * 32)
        assert functions.rolesOf(suite.account[name]).call() == bits
        for role in roles:
            assert suite.AccessManager.functions.hasRole(ROLES[role], suite.account[name]).call() == [True, 0]
    assert functions.getValidators().call() == [suite.account["governor_a"], suite.account["governor_b"]]
    assert functions.roleCount(ROLES["ORACLE"]).call() == 3
    oracles = [suite.account[f"oracle_{letter}"] for letter in "abc"]
    assert sorted(functions.accountsWithRole(ROLES["ORACLE"]).call()) == sorted(oracles)
    assert len(functions.accountsOf(4).call()) == 4


def test_initialize_again_is_refused(suite: Suite) -> None:
    call = suite.Consortium.functions.initialize(ZERO, ZERO, [], [], [], [])
    with refused("InvalidInitialization"):
        suite.send("governor_a", call)


def test_initialize_without_validators_is_refused(suite: Suite) -> None:
    """The Consortium must be its manager's admin before it exists, so its address is computed."""
    chain, deployer = suite.chain, suite.account["deployer"]
    implementation = chain.create("Consortium", deployer)
    manager = chain.create("AccessManager", deployer, deployer)
    address = get_create_address(deployer, chain.w3.eth.get_transaction_count(deployer) + 1)
    suite.send("deployer", manager.functions.grantRole(0, address, 0))
    data = implementation.encode_abi("initialize", [manager.address, manager.address, [], [], [], []])
    with refused("ConsortiumLastValidator"):
        chain.try_call(chain.constructor("ERC1967Proxy", implementation.address, data), deployer)


def test_account_slot_is_what_the_node_reads(suite: Suite) -> None:
    """docs/protocol.md, 3: fields from the low bits up, at B + 0; an organisation's first slot at B + 1."""
    suite.govern("Consortium", "enrol", suite.newcomer, 3, role_bits("ORACLE"), 5, 6, bytes(32))
    suite.govern("Consortium", "setSuspended", suite.newcomer, True)
    word = int.from_bytes(read_slot(suite, bytes.fromhex(suite.newcomer[2:]), 0), "big")
    fields = (
        word & 0xFFFFFFFF,
        word >> 32 & (2**40 - 1),
        word >> 72 & (2**40 - 1),
        word >> 112 & (2**64 - 1),
        word >> 176,
    )
    assert fields == (3, 5, 6, role_bits("ORACLE"), 1)
    assert read_slot(suite, (3).to_bytes(32, "big"), 1)[-1] & 1 == 0
    suite.govern("Consortium", "setOrganisationSuspended", 3, True)
    assert read_slot(suite, (3).to_bytes(32, "big"), 1)[-1] & 1 == 1


def test_proposal_with_majority_is_carried_out_once(suite: Suite) -> None:
    functions, calls = suite.Consortium.functions, [rename_call(suite)]
    proposal = propose(suite, calls)
    suite.send("governor_b", functions.approve(proposal))
    with refused("ConsortiumNotApproved", proposal, 2, 3):
        suite.send("governor_a", functions.execute(proposal, calls))
    receipt = suite.send("governor_d", functions.approve(proposal))
    assert suite.event("Consortium", "ProposalApproved", receipt) == {"id": proposal, "organisation": 4}
    receipt = suite.send("governor_c", functions.execute(proposal, calls))
    assert suite.event("Consortium", "OrganisationAdded", receipt)["organisation"] == 5
    assert functions.rolesOf(suite.newcomer).call() == role_bits("GOVERNOR")
    assert functions.proposal(proposal).call()[3] is True
    with refused("ConsortiumAlreadyExecuted", proposal):
        suite.send("governor_c", functions.execute(proposal, calls))


def test_proposal_event_shows_the_calls(suite: Suite) -> None:
    calls = [rename_call(suite)]
    receipt = suite.send("governor_b", suite.Consortium.functions.propose(calls, "a fifth member"))
    event = suite.event("Consortium", "ProposalCreated", receipt)
    assert (event["organisation"], event["description"]) == (2, "a fifth member")
    assert event["calls"][0]["target"] == suite.Consortium.address


def test_approve_twice_by_one_organisation_is_refused(suite: Suite) -> None:
    proposal = propose(suite, [rename_call(suite)])
    with refused("ConsortiumAlreadyApproved", proposal, 1):
        suite.send("governor_a", suite.Consortium.functions.approve(proposal))


def test_approve_by_a_second_governor_of_the_same_organisation_is_refused(suite: Suite) -> None:
    suite.govern("Consortium", "enrol", suite.newcomer, 1, role_bits("GOVERNOR"), 0, 2**40 - 1, bytes(32))
    proposal = propose(suite, [rename_call(suite)])
    with refused("ConsortiumAlreadyApproved", proposal, 1):
        suite.send("newcomer", suite.Consortium.functions.approve(proposal))


def test_approve_unknown_proposal_is_refused(suite: Suite) -> None:
    with refused("ConsortiumUnknownProposal", 99):
        suite.send("governor_a", suite.Consortium.functions.approve(99))


def test_propose_nothing_is_refused(suite: Suite) -> None:
    with refused("ConsortiumNoCalls"):
        suite.send("governor_a", suite.Consortium.functions.propose([], "nothing"))


def test_execute_other_calls_is_refused(suite: Suite) -> None:
    proposal = propose(suite, [rename_call(suite)])
    with refused("ConsortiumWrongCalls"):
        suite.send("governor_a", suite.Consortium.functions.execute(proposal, [rename_call(suite, "Sixth")]))


def test_execute_after_lifetime_is_refused(suite: Suite) -> None:
    calls = [rename_call(suite)]
    proposal = propose(suite, calls)
    suite.send("governor_b", suite.Consortium.functions.approve(proposal))
    suite.send("governor_c", suite.Consortium.functions.approve(proposal))
    suite.chain.pass_seconds(LIFETIME_SECONDS)
    with refused("ConsortiumProposalExpired", proposal, ...):
        suite.send("governor_a", suite.Consortium.functions.execute(proposal, calls))


def test_execute_counts_votes_of_unsuspended_organisations_only(suite: Suite) -> None:
    functions, calls = suite.Consortium.functions, [rename_call(suite)]
    proposal = propose(suite, calls)
    suite.send("governor_d", functions.approve(proposal))
    suite.govern("Consortium", "setOrganisationSuspended", 4, True)
    with refused("ConsortiumNotApproved", proposal, 1, 2):
        suite.send("governor_a", functions.execute(proposal, calls))
    with refused("AccessManagedUnauthorized", suite.governor_d):
        suite.send("governor_d", functions.approve(proposal))
    suite.send("governor_b", functions.approve(proposal))
    suite.send("governor_a", functions.execute(proposal, calls))


def test_execute_passes_the_reason_of_a_failing_call_on(suite: Suite) -> None:
    with refused("ConsortiumUnknownValidator", suite.newcomer):
        suite.govern("Consortium", "removeValidator", suite.newcomer)


@pytest.mark.parametrize("target", ["stranger", "AccessManager"])
def test_execute_call_without_code_or_reason_is_refused(suite: Suite, target: str) -> None:
    address = suite.account.get(target) or suite.contracts[target].address
    with refused("ConsortiumCallFailed", 0, address):
        suite.vote((address, b"\x01\x02\x03\x04"))


def test_add_organisation_without_name_is_refused(suite: Suite) -> None:
    with refused("ConsortiumNameMissing"):
        suite.govern("Consortium", "addOrganisation", "", suite.newcomer)


def test_add_organisation_with_governor_of_another_is_refused(suite: Suite) -> None:
    with refused("ConsortiumAccountOfOther", suite.bureau, 1):
        suite.govern("Consortium", "addOrganisation", "Fifth", suite.bureau)


def test_add_organisation_beyond_255_is_refused() -> None:
    """255 members do not vote here: the state of the genesis is edited, with an account as administrator."""
    accounts = dict(zip(NAMES, Chain().accounts, strict=False))
    alloc = genesis_alloc(accounts)
    consortium, manager = (alloc[bytes.fromhex(f"{number:040x}")]["storage"] for number in (0x7C01, 0x7C02))
    consortium[storage_base() + 10] = 255
    members_of_admin = keccak(bytes(32) + (1).to_bytes(32, "big"))
    manager[int.from_bytes(keccak(address_word(accounts["newcomer"]) + members_of_admin), "big")] = 1
    suite = Suite(Chain(alloc), {})
    functions = suite.chain.contract("Consortium", f"0x{0x7C01:040x}").functions
    assert functions.organisationCount().call() == 255
    with refused("ConsortiumFull"):
        suite.send("newcomer", functions.addOrganisation("One more", suite.newcomer_2))


def address_word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def test_enrol_again_replaces_roles(suite: Suite) -> None:
    functions = suite.Consortium.functions
    receipt = suite.govern("Consortium", "enrol", suite.oracle_c, 3, role_bits("AUDITOR"), 1, 2, b"\1" * 32)
    assert suite.event("Consortium", "AccountEnrolled", receipt)["validUntil"] == 2
    assert functions.roleCount(ROLES["ORACLE"]).call() == 2
    assert suite.AccessManager.functions.hasRole(ROLES["ORACLE"], suite.oracle_c).call()[0] is False
    assert suite.AccessManager.functions.hasRole(ROLES["AUDITOR"], suite.oracle_c).call()[0] is True


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"account": ZERO}, ("ConsortiumZeroAddress",)),
        ({"organisation": 9}, ("ConsortiumUnknownOrganisation", 9)),
        ({"organisation": 0}, ("ConsortiumUnknownOrganisation", 0)),
        ({"roles": 0}, ("ConsortiumBadRoles", 0)),
        ({"roles": 1}, ("ConsortiumBadRoles", 1)),
        ({"roles": 1 << 20}, ("ConsortiumBadRoles", 1 << 20)),
        ({"roles": 1 << 13}, ("ConsortiumBadRoles", 1 << 13)),
        ({"validFrom": 7, "validUntil": 7}, ("ConsortiumBadValidity", 7, 7)),
    ],
)
def test_enrol_what_cannot_be_is_refused(suite: Suite, changes: dict[str, Any], error: tuple[Any, ...]) -> None:
    values = {
        "account": suite.newcomer,
        "organisation": 1,
        "roles": 2,
        "validFrom": 0,
        "validUntil": 9,
        "hash": bytes(32),
    }
    with refused(*error):
        suite.govern("Consortium", "enrol", *(values | changes).values())


def test_enrol_account_of_another_organisation_is_refused(suite: Suite) -> None:
    with refused("ConsortiumAccountOfOther", suite.bureau, 1):
        suite.govern("Consortium", "enrol", suite.bureau, 2, role_bits("BUREAU"), 0, 9, bytes(32))


def test_governor_in_office_keeps_its_vote(suite: Suite) -> None:
    with refused("ConsortiumGovernorInOffice", suite.governor_b, 2):
        suite.govern("Consortium", "enrol", suite.governor_b, 2, role_bits("BUREAU"), 0, 9, bytes(32))
    with refused("ConsortiumGovernorInOffice", suite.governor_b, 2):
        suite.govern("Consortium", "setSuspended", suite.governor_b, True)
    with refused("ConsortiumGovernorInOffice", suite.governor_b, 2):
        suite.govern("Consortium", "revoke", suite.governor_b)


def test_set_governor_to_a_new_account_moves_the_vote(suite: Suite) -> None:
    receipt = suite.govern("Consortium", "setGovernor", 4, suite.newcomer)
    assert suite.event("Consortium", "GovernorChanged", receipt)["governor"] == suite.newcomer
    functions = suite.Consortium.functions
    assert functions.rolesOf(suite.newcomer).call() == role_bits("GOVERNOR")
    assert functions.rolesOf(suite.governor_d).call() == 0
    suite.govern("Consortium", "revoke", suite.governor_d)


def test_set_governor_to_an_account_of_the_organisation_adds_the_role(suite: Suite) -> None:
    suite.govern("Consortium", "setSuspended", suite.originator, True)
    suite.govern("Consortium", "setGovernor", 4, suite.originator)
    assert suite.Consortium.functions.rolesOf(suite.originator).call() == role_bits("GOVERNOR", "ORIGINATOR")


def test_set_governor_to_itself_changes_nothing(suite: Suite) -> None:
    suite.govern("Consortium", "setGovernor", 4, suite.governor_d)
    assert suite.Consortium.functions.rolesOf(suite.governor_d).call() == role_bits("GOVERNOR")


def test_set_governor_to_an_account_of_another_organisation_is_refused(suite: Suite) -> None:
    with refused("ConsortiumAccountOfOther", suite.bureau, 1):
        suite.govern("Consortium", "setGovernor", 4, suite.bureau)


def test_suspended_account_loses_its_roles_until_admitted_again(suite: Suite) -> None:
    functions, manager = suite.Consortium.functions, suite.AccessManager.functions
    receipt = suite.govern("Consortium", "setSuspended", suite.bureau, True)
    assert suite.event("Consortium", "AccountSuspended", receipt)["suspended"] is True
    assert functions.rolesOf(suite.bureau).call() == 0
    assert manager.hasRole(ROLES["BUREAU"], suite.bureau).call()[0] is False
    suite.govern("Consortium", "setSuspended", suite.bureau, False)
    assert manager.hasRole(ROLES["BUREAU"], suite.bureau).call()[0] is True


def test_suspended_organisation_loses_all_roles_until_admitted_again(suite: Suite) -> None:
    functions = suite.Consortium.functions
    suite.govern("Consortium", "setSuspended", suite.oracle_b, True)
    receipt = suite.govern("Consortium", "setOrganisationSuspended", 2, True)
    assert suite.event("Consortium", "OrganisationSuspended", receipt) == {"organisation": 2, "suspended": True}
    assert functions.roleCount(ROLES["ORACLE"]).call() == 2
    assert functions.rolesOf(suite.exchange).call() == 0
    calls = [(suite.Consortium.address, suite.Consortium.encode_abi("setOrganisationSuspended", [2, False]))]
    proposal = propose(suite, calls)
    suite.send("governor_c", functions.approve(proposal))
    suite.send("governor_a", functions.execute(proposal, calls))
    assert functions.rolesOf(suite.exchange).call() == role_bits("EXCHANGE")
    assert functions.rolesOf(suite.oracle_b).call() == 0


def test_last_organisation_cannot_be_suspended(suite: Suite) -> None:
    consortium = suite.Consortium
    calls = [(consortium.address, consortium.encode_abi("setOrganisationSuspended", [i, True])) for i in (4, 3, 2, 1)]
    with refused("ConsortiumLastOrganisation", 1):
        suite.vote(*calls)


def test_suspend_unknown_is_refused(suite: Suite) -> None:
    with refused("ConsortiumUnknownAccount", suite.stranger):
        suite.govern("Consortium", "setSuspended", suite.stranger, True)
    with refused("ConsortiumUnknownOrganisation", 77):
        suite.govern("Consortium", "setOrganisationSuspended", 77, True)


def test_revoked_account_is_unknown(suite: Suite) -> None:
    receipt = suite.govern("Consortium", "revoke", suite.oracle_a)
    assert suite.event("Consortium", "AccountRevoked", receipt) == {"account": suite.oracle_a}
    assert account_of(suite, "oracle_a") == (0, 0, 0, 0, False, bytes(32))
    assert suite.Consortium.functions.roleCount(ROLES["ORACLE"]).call() == 2
    assert suite.oracle_a not in suite.Consortium.functions.accountsOf(1).call()
    with refused("ConsortiumUnknownAccount", suite.oracle_a):
        suite.govern("Consortium", "revoke", suite.oracle_a)


def test_validators_come_and_go_by_vote(suite: Suite) -> None:
    functions = suite.Consortium.functions
    receipt = suite.govern("Consortium", "addValidator", suite.newcomer, 3)
    assert suite.event("Consortium", "ValidatorAdded", receipt) == {"validator": suite.newcomer, "organisation": 3}
    assert functions.getValidators().call() == [suite.governor_a, suite.governor_b, suite.newcomer]
    suite.govern("Consortium", "removeValidator", suite.governor_a)
    assert sorted(functions.getValidators().call()) == sorted([suite.newcomer, suite.governor_b])


def test_validator_set_is_never_empty(suite: Suite) -> None:
    suite.govern("Consortium", "removeValidator", suite.governor_a)
    with refused("ConsortiumLastValidator"):
        suite.govern("Consortium", "removeValidator", suite.governor_b)


def test_add_validator_that_cannot_be_is_refused(suite: Suite) -> None:
    with refused("ConsortiumValidatorExists", suite.governor_a):
        suite.govern("Consortium", "addValidator", suite.governor_a, 1)
    with refused("ConsortiumUnknownOrganisation", 8):
        suite.govern("Consortium", "addValidator", suite.newcomer, 8)
    with refused("ConsortiumZeroAddress"):
        suite.govern("Consortium", "addValidator", ZERO, 1)
