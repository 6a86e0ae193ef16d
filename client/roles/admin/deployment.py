"""What `tranchain admin deploy` does: implementations by CREATE2, then governance registers and wires them.

The plan is contracts/deployment.json. Every step first looks at what the chain has, so that a run continues where an
earlier one ended, and a run on a complete chain sends nothing. Source: docs/protocol.md, 2.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.abi import function_abi_to_4byte_selector

from client.roles.admin.governance import GovernanceCall, Outcome, call_of, carry
from client.sdk.artifacts import load_artifact
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError
from client.sdk.role import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedContract:
    """One contract that governance registers."""

    name: str
    version: int
    is_system: bool
    """Whether it drives other contracts and so needs SYSTEM."""
    role_by_function: Mapping[str, int]
    """AccessManager role id that may call each restricted function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All contracts in the order of their registration."""

    contracts: tuple[PlannedContract, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far a deployment came."""

    is_complete: bool
    outcomes: tuple[Outcome, ...]
    """Proposals of this run; none when nothing was left to do."""


def load_plan() -> Plan:
    """Return the plan of the installed contracts."""
    document = json.loads(resources.files("contracts").joinpath("deployment.json").read_text())
    role_ids: dict[str, int] = document["roles"]
    contracts = (
        PlannedContract(
            name=entry["name"],
            version=entry["version"],
            is_system=entry["system"],
            role_by_function={function: role_ids[role] for function, role in entry["functions"].items()},
        )
        for entry in document["contracts"]
    )
    return Plan(contracts=tuple(contracts))


def deploy_implementations(
    chain: ChainClient, plan: Plan, deployer: LocalAccount, *, on_step: Callable[[], None]
) -> dict[str, str]:
    """Deploy the code of every contract that the registry does not have in the planned version yet.

    Returns the implementation of each of them. `on_step` is called after each contract of the plan.

    Raises:
        RefusedError: the account may not deploy.
    """
    implementations = {}
    for planned in plan.contracts:
        if _registered_version(chain, planned.name) < planned.version:
            code = load_artifact(planned.name).bytecode
            address = str(chain.call("ContractRegistry", "implementationAddress", code))
            if not chain.has_code(address):
                chain.send("ContractRegistry", "deployImplementation", (code,), deployer)
            implementations[planned.name] = address
        on_step()
    return implementations


def register_and_wire(
    chain: ChainClient, plan: Plan, implementations: Mapping[str, str], governors: Sequence[LocalAccount]
) -> Report:
    """Have governance register the implementations, then set who may call what.

    Each is one proposal, of what is missing only. Wiring needs the registered addresses, so it waits until the
    registration was carried out.
    """
    outcomes = []
    registrations = registration_calls(chain, plan, implementations)
    if registrations:
        outcomes.append(carry(chain, registrations, _description("Register", implementations), governors))
        if not outcomes[-1].is_executed:
            return Report(is_complete=False, outcomes=tuple(outcomes))
    wiring = wiring_calls(chain, plan)
    if wiring:
        names = {planned.name for planned in plan.contracts}
        outcomes.append(carry(chain, wiring, _description("Set who may call", sorted(names)), governors))
    is_complete = all(outcome.is_executed for outcome in outcomes)
    return Report(is_complete=is_complete, outcomes=tuple(outcomes))


def registration_calls(chain: ChainClient, plan: Plan, implementations: Mapping[str, str]) -> list[GovernanceCall]:
    """Return the calls that register new contracts, and upgrade those of which an older version is registered."""
    calls = []
    for planned in plan.contracts:
        if planned.name not in implementations:
            continue
        implementation = implementations[planned.name]
        arguments = (chain.address_of("AccessManager"), chain.registry)
        initialize = chain.encode(planned.name, "initialize", arguments)
        is_new = _registered_version(chain, planned.name) == 0
        args = (planned.name, planned.version, implementation, initialize if is_new else b"")
        calls.append(call_of(chain, "ContractRegistry", "register", args))
    return calls


def wiring_calls(chain: ChainClient, plan: Plan) -> list[GovernanceCall]:
    """Return the calls that bring the AccessManager in line with the plan."""
    calls = []
    for planned in plan.contracts:
        target = chain.address_of(planned.name)
        wanted = _selectors_by_role(chain, target, planned)
        calls += [
            call_of(chain, "AccessManager", "setTargetFunctionRole", (target, selectors, role_id))
            for role_id, selectors in sorted(wanted.items())
        ]
        if planned.is_system and not chain.call("AccessManager", "hasRole", int(Role.SYSTEM), target).isMember:
            calls.append(call_of(chain, "AccessManager", "grantRole", (int(Role.SYSTEM), target, 0)))
    return calls


def _selectors_by_role(chain: ChainClient, target: str, planned: PlannedContract) -> dict[int, list[bytes]]:
    """Return the functions whose role on the chain is another than planned, by the planned role."""
    selector_by_function = _selectors(planned.name)
    wanted: dict[int, list[bytes]] = {}
    for function, role_id in planned.role_by_function.items():
        if function not in selector_by_function:
            raise InvalidInputError(f"plan of {planned.name}", got=f"{function}, which it does not have")
        selector = selector_by_function[function]
        if chain.call("AccessManager", "getTargetFunctionRole", target, selector) != role_id:
            wanted.setdefault(role_id, []).append(selector)
    return wanted


def _selectors(name: str) -> dict[str, bytes]:
    functions: list[Any] = [entry for entry in load_artifact(name).abi if entry["type"] == "function"]
    return {entry["name"]: function_abi_to_4byte_selector(entry) for entry in functions}


def _registered_version(chain: ChainClient, name: str) -> int:
    return int(chain.call("ContractRegistry", "entry", name).version)


def _description(what: str, names: Sequence[str] | Mapping[str, str]) -> str:
    return f"{what} {', '.join(names)}"
