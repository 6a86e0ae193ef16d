"""Who may call what: the chain agrees with contracts/deployment.json, and refuses everybody else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.chain import load_artifact, refused, selector_of
from tests.contracts.suite import DEPLOYMENT, MEMBERS, ROLES, Suite

PLANS = [*DEPLOYMENT["genesis"], *DEPLOYMENT["contracts"]]
GUARDED = [(plan["name"], function, role) for plan in PLANS for function, role in plan["functions"].items()]
ACCOUNT_BY_ROLES = {roles: account for account, (_, roles) in MEMBERS.items()}
ZERO = "0x" + 40 * "0"


def entries(name: str) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in load_artifact(name)["abi"] if entry["type"] == "function"}


def zero_value(entry: dict[str, Any]) -> Any:
    """An argument of this type that decodes."""
    kind = entry["type"]
    if kind.endswith("[]"):
        return []
    if kind.endswith("]"):
        base, _, length = kind.removesuffix("]").rpartition("[")
        return [zero_value({**entry, "type": base}) for _ in range(int(length))]
    if kind == "tuple":
        return tuple(zero_value(part) for part in entry["components"])
    if kind.startswith("bytes"):
        return bytes(int(kind.removeprefix("bytes") or 0))
    return {"address": ZERO, "bool": False, "string": ""}.get(kind, 0)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan["name"])
def test_deployment_lists_every_function_that_changes_state(plan: dict[str, Any]) -> None:
    writing = [
        e for e in load_artifact(plan["name"])["abi"] if e["type"] == "function" and e["stateMutability"] != "view"
    ]
    names = [
        e["name"] for e in writing if e["stateMutability"] != "pure" and e["name"] not in ("initialize", "setAuthority")
    ]
    assert len(names) == len(set(names)), "names stand for selectors, so none may be overloaded"
    assert sorted(names) == sorted(plan["functions"])


@pytest.mark.parametrize(("name", "function", "role"), GUARDED)
def test_function_role_on_chain_is_that_of_the_deployment(suite: Suite, name: str, function: str, role: str) -> None:
    target, selector = suite.contracts[name].address, selector_of(entries(name)[function])
    assert suite.AccessManager.functions.getTargetFunctionRole(target, selector).call() == ROLES[role]


@pytest.mark.parametrize(("name", "function", "role"), [item for item in GUARDED if item[2] != "PUBLIC"])
def test_function_refuses_every_account_without_its_role(suite: Suite, name: str, function: str, role: str) -> None:
    arguments = [zero_value(item) for item in entries(name)[function]["inputs"]]
    call = suite.contracts[name].functions[function](*arguments)
    others = [account for roles, account in ACCOUNT_BY_ROLES.items() if role not in roles]
    for account in (*others, "stranger"):
        with refused("AccessManagedUnauthorized", suite.account[account]):
            suite.call(account, call)


def test_system_role_is_held_by_the_listed_contracts_only(suite: Suite) -> None:
    for plan in PLANS:
        holds, _ = suite.AccessManager.functions.hasRole(ROLES["SYSTEM"], suite.contracts[plan["name"]].address).call()
        assert holds == plan.get("system", False), plan["name"]


def test_admin_and_upgrader_are_consortium_and_registry(suite: Suite) -> None:
    has_role = suite.AccessManager.functions.hasRole
    for name, contract in suite.contracts.items():
        assert has_role(ROLES["ADMIN"], contract.address).call()[0] == (name == "Consortium")
        assert has_role(ROLES["UPGRADER"], contract.address).call()[0] == (name == "ContractRegistry")
    for account in suite.account.values():
        assert not has_role(ROLES["ADMIN"], account).call()[0]


@pytest.mark.parametrize("name", [plan["name"] for plan in PLANS])
def test_implementation_cannot_be_initialized(suite: Suite, name: str) -> None:
    """Neither by its proxy's users again, nor alone."""
    implementation = suite.chain.create(name, suite.account["deployer"])
    arguments = [zero_value(item) for item in entries(name)["initialize"]["inputs"]]
    for contract in (implementation, suite.contracts[name]):
        with refused("InvalidInitialization"):
            suite.call("deployer", contract.functions.initialize(*arguments))


def test_frozen_contract_refuses_everybody_until_opened(suite: Suite) -> None:
    manager, target = suite.AccessManager, suite.CreditFileRegistry.address
    call = suite.CreditFileRegistry.functions.publishBatch(b"\1" * 32, 1, 0, 0, 2**40 - 1, b"\2" * 32)
    suite.vote((manager.address, manager.encode_abi("setTargetClosed", [target, True])))
    assert suite.ContractRegistry.functions.isFrozen("CreditFileRegistry").call() is True
    with refused("AccessManagedUnauthorized", suite.bureau):
        suite.send("bureau", call)
    suite.vote((manager.address, manager.encode_abi("setTargetClosed", [target, False])))
    assert suite.ContractRegistry.functions.isFrozen("CreditFileRegistry").call() is False
    suite.send("bureau", call)
