"""Names, versions, upgrades."""

from __future__ import annotations

import pytest
from web3.utils.address import get_create_address

from tests.contracts import journey
from tests.contracts.chain import GENESIS_SECOND, Chain, load_artifact, refused
from tests.contracts.suite import DEPLOYMENT, NAMES, ROLES, Suite, found_suite, initialize_arguments


def implementation_of(suite: Suite, name: str) -> str:
    slot = int.from_bytes(suite.chain.w3.keccak(text="eip1967.proxy.implementation"), "big") - 1
    word = suite.chain.w3.eth.get_storage_at(suite.contracts[name].address, slot)
    return suite.chain.w3.to_checksum_address(bytes(word)[-20:])


def deploy_variant(suite: Suite, name: str) -> str:
    """The same implementation at another address: init code with a byte that the constructor never reads."""
    code = load_artifact(name)["bytecode"] + "00"
    registry = suite.ContractRegistry.functions
    suite.send("deployer", registry.deployImplementation(code))
    return registry.implementationAddress(code).call()


def test_names_of_genesis_and_proposals_are_listed(suite: Suite) -> None:
    registry = suite.ContractRegistry.functions
    expected = ["Consortium", "AccessManager", "ContractRegistry", *[plan["name"] for plan in DEPLOYMENT["contracts"]]]
    assert registry.names().call() == expected
    for name in expected:
        assert registry.addressOf(name).call() == suite.contracts[name].address
        assert registry.entry(name).call() == (suite.contracts[name].address, 1, name != "AccessManager", False)


def test_deploy_implementation_twice_gives_the_same_address(suite: Suite) -> None:
    registry = suite.ContractRegistry
    code = load_artifact("Exchange")["bytecode"] + "0000"
    receipt = suite.send("deployer", registry.functions.deployImplementation(code))
    address = suite.event("ContractRegistry", "ImplementationDeployed", receipt)["implementation"]
    assert address == registry.functions.implementationAddress(code).call()
    receipt = suite.send("deployer", registry.functions.deployImplementation(code))
    assert receipt["logs"] == []


def test_deploy_implementation_that_reverts_is_refused(suite: Suite) -> None:
    with refused("ContractRegistryDeployFailed"):
        suite.send("deployer", suite.ContractRegistry.functions.deployImplementation(b"\xfe"))


def test_upgrade_keeps_address_and_state(suite: Suite) -> None:
    pack = journey.invite(suite)
    before = suite.AssetPackRegistry.functions.pack(pack).call()
    implementation = deploy_variant(suite, "AssetPackRegistry")
    receipt = suite.govern("ContractRegistry", "register", "AssetPackRegistry", 2, implementation, b"")
    event = suite.event("ContractRegistry", "ContractRegistered", receipt)
    assert (event["version"], event["implementation"]) == (2, implementation)
    assert implementation_of(suite, "AssetPackRegistry") == implementation
    assert suite.AssetPackRegistry.functions.pack(pack).call() == before
    assert suite.ContractRegistry.functions.entry("AssetPackRegistry").call()[1] == 2
    journey.invite(suite)


@pytest.mark.parametrize("name", ["Consortium", "ContractRegistry"])
def test_upgrade_of_a_genesis_contract_keeps_state(suite: Suite, name: str) -> None:
    implementation = deploy_variant(suite, name)
    suite.govern("ContractRegistry", "register", name, 2, implementation, b"")
    assert implementation_of(suite, name) == implementation
    assert suite.Consortium.functions.roleCount(ROLES["ORACLE"]).call() == 3
    assert suite.ContractRegistry.functions.addressOf("Exchange").call() == suite.Exchange.address


def test_upgrade_by_anyone_but_the_registry_is_refused(suite: Suite) -> None:
    implementation = deploy_variant(suite, "Exchange")
    with refused("AccessManagedUnauthorized", suite.Consortium.address):
        suite.govern("Exchange", "upgradeToAndCall", implementation, b"")


def test_upgrade_without_a_higher_version_is_refused(suite: Suite) -> None:
    implementation = deploy_variant(suite, "Exchange")
    with refused("ContractRegistryVersionNotRising", "Exchange", 1, 1):
        suite.govern("ContractRegistry", "register", "Exchange", 1, implementation, b"")


def test_upgrade_of_the_access_manager_is_refused(suite: Suite) -> None:
    implementation = deploy_variant(suite, "Exchange")
    with refused("ContractRegistryNotUpgradeable", "AccessManager"):
        suite.govern("ContractRegistry", "register", "AccessManager", 2, implementation, b"")


def test_register_what_cannot_be_is_refused(suite: Suite) -> None:
    implementation = deploy_variant(suite, "Exchange")
    with refused("ContractRegistryNoCode", suite.stranger):
        suite.govern("ContractRegistry", "register", "Other", 1, suite.stranger, b"\1")
    with refused("ContractRegistryInitDataMissing", "Other"):
        suite.govern("ContractRegistry", "register", "Other", 1, implementation, b"")
    with refused("ContractRegistryBadName", ""):
        suite.govern("ContractRegistry", "register", "", 1, implementation, b"\1")
    with refused("ContractRegistryBadName", "x" * 65):
        suite.govern("ContractRegistry", "register", "x" * 65, 1, implementation, b"\1")


def test_unknown_name_is_refused(suite: Suite) -> None:
    registry = suite.ContractRegistry
    with refused("ContractRegistryUnknownName", "Nothing"):
        suite.call("stranger", registry.functions.addressOf("Nothing"))
    with refused("ContractRegistryUnknownName", "Nothing"):
        suite.govern("ContractRegistry", "retire", "Nothing")


def test_retired_name_has_no_address_any_more(suite: Suite) -> None:
    receipt = suite.govern("ContractRegistry", "retire", "Exchange")
    assert suite.event("ContractRegistry", "ContractRetired", receipt)["name"] == "Exchange"
    registry = suite.ContractRegistry
    with refused("ContractRegistryRetired", "Exchange"):
        suite.call("stranger", registry.functions.addressOf("Exchange"))
    with refused("ContractRegistryRetired", "Exchange"):
        suite.govern("ContractRegistry", "retire", "Exchange")
    implementation = deploy_variant(suite, "Exchange")
    with refused("ContractRegistryRetired", "Exchange"):
        suite.govern("ContractRegistry", "register", "Exchange", 2, implementation, b"")


def test_suite_under_london_rules_works_as_well() -> None:
    suite = found_suite("london")
    assert suite.chain.w3.eth.get_block("latest")["baseFeePerGas"] > 0
    journey.submit_pack(suite, journey.make_assets(100))


def test_bootstrap_by_transactions_gives_a_working_consortium() -> None:
    """docs/protocol.md, 2: on a network that is not ours, five creations with consecutive nonces."""
    chain = Chain()
    accounts = dict(zip(NAMES, chain.accounts, strict=False))
    deployer = accounts["deployer"]
    nonce = chain.w3.eth.get_transaction_count(deployer)
    _, _, _, registry_address, consortium_address = (get_create_address(deployer, nonce + i) for i in range(5))
    manager = chain.create("AccessManager", deployer, consortium_address)
    implementations = [chain.create(name, deployer) for name in ("Consortium", "ContractRegistry")]
    arguments = initialize_arguments(accounts, manager.address, registry_address)
    registry_call = implementations[1].encode_abi("initialize", [manager.address, consortium_address])
    chain.create("ERC1967Proxy", deployer, implementations[1].address, registry_call)
    consortium_call = implementations[0].encode_abi("initialize", arguments)
    chain.create("ERC1967Proxy", deployer, implementations[0].address, consortium_call)
    suite = Suite(chain, {"Consortium": chain.contract("Consortium", consortium_address)})
    suite.contracts["ContractRegistry"] = chain.contract("ContractRegistry", registry_address)
    assert suite.ContractRegistry.functions.addressOf("Consortium").call() == consortium_address
    suite.govern("Consortium", "addValidator", suite.newcomer, 3)
    assert suite.newcomer in suite.Consortium.functions.getValidators().call()
    assert chain.second >= GENESIS_SECOND
