"""The whole suite of contracts as a consortium founds it: genesis allocation, implementations, one proposal."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from eth_abi import encode
from web3 import Web3

from chain_node.core.genesis import ForkSchedule, GenesisAccount
from chain_node.core.types import Address, Height
from chain_node.execution import BlockContext, CallRequest
from chain_node.execution.pyevm_engine import PyEvmEngine
from chain_node.storage import MemoryStore
from tests.contracts.chain import ARTIFACTS, GENESIS_SECOND, Chain, load_artifact, selector_of

DEPLOYMENT = json.loads((ARTIFACTS.parent / "deployment.json").read_text(encoding="utf-8"))
ROLES: dict[str, int] = DEPLOYMENT["roles"]
ORGANISATIONS = ("Bank A", "Exchange B", "Risk C", "Originator D")
MEMBERS: dict[str, tuple[int, tuple[str, ...]]] = {
    "governor_a": (1, ("GOVERNOR",)),
    "governor_b": (2, ("GOVERNOR",)),
    "governor_c": (3, ("GOVERNOR",)),
    "governor_d": (4, ("GOVERNOR",)),
    "bureau": (1, ("BUREAU",)),
    "registrar": (1, ("REGISTRAR",)),
    "auditor_a": (1, ("AUDITOR",)),
    "oracle_a": (1, ("ORACLE",)),
    "bureau_b": (2, ("BUREAU",)),
    "exchange": (2, ("EXCHANGE",)),
    "trustee": (2, ("TRUSTEE",)),
    "oracle_b": (2, ("ORACLE",)),
    "deployer": (2, ("DEPLOYER",)),
    "risk_control": (3, ("RISK_CONTROL",)),
    "risk_control_2": (3, ("RISK_CONTROL",)),
    "oracle_c": (3, ("ORACLE",)),
    "originator": (4, ("ORIGINATOR",)),
    "originator_2": (4, ("ORIGINATOR", "BUREAU")),
    "servicer": (4, ("SERVICER",)),
    "regulator": (1, ("REGULATOR",)),
}
"""Organisation and roles of every enrolled account; `stranger` is not one."""
NODE_KEY_HASH = bytes([0xA1]) * 32
"""TLS key of the node that is there from the genesis."""
NAMES = (*MEMBERS, "stranger", "newcomer", "newcomer_2")


def role_bits(*names: str) -> int:
    """Bitmap of these roles."""
    return sum(1 << ROLES[name] for name in names)


@dataclass
class Suite:
    """Contracts by name, accounts by name."""

    chain: Chain
    contracts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.account = dict(zip(NAMES, self.chain.accounts, strict=False))

    def __getattr__(self, name: str) -> Any:
        """The contract of this name, or the account."""
        if name in self.__dict__.get("contracts", {}):
            return self.contracts[name]
        if name in self.__dict__.get("account", {}):
            return self.account[name]
        raise AttributeError(name)

    def send(self, sender: str, function: Any, **options: Any) -> Any:
        """Send a call as the account of this name; the receipt."""
        return self.chain.send(function, self.account[sender], **options)

    def call(self, sender: str, function: Any) -> Any:
        """Ask for a call's result as the account of this name."""
        return self.chain.try_call(function, self.account[sender])

    def vote(self, *calls: tuple[str, bytes | str], gas: int = 30_000_000) -> Any:
        """Propose, approve by a majority and execute; the receipt of the execution."""
        consortium = self.contracts["Consortium"]
        self.send("governor_a", consortium.functions.propose(calls, "test"), gas=gas)
        proposal = consortium.functions.proposalCount().call()
        self.send("governor_b", consortium.functions.approve(proposal))
        self.send("governor_c", consortium.functions.approve(proposal))
        return self.send("governor_a", consortium.functions.execute(proposal, calls), gas=gas)

    def govern(self, name: str, function: str, *arguments: Any) -> Any:
        """Let governance call one function of the contract of this name."""
        contract = self.contracts[name]
        return self.vote((contract.address, contract.encode_abi(function, arguments)))

    def event(self, name: str, event: str, receipt: Any) -> dict[str, Any]:
        """Arguments of the only event of this kind in a receipt."""
        logs = self.contracts[name].events[event]().process_receipt(receipt, errors=_DISCARD)
        assert len(logs) == 1, logs
        return dict(logs[0]["args"])


def _discard() -> Any:
    from web3.logs import DISCARD

    return DISCARD


_DISCARD = _discard()


def initialize_arguments(accounts: dict[str, str], manager: str, registry: str) -> tuple[Any, ...]:
    """Arguments of `Consortium.initialize` for the members above; two validators, one of them with its node."""
    organisations = [(name, accounts[f"governor_{letter}"]) for name, letter in zip(ORGANISATIONS, "abcd", strict=True)]
    enrolments = [
        (accounts[name], organisation, role_bits(*roles), 0, 2**40 - 1, bytes([index]) * 32)
        for index, (name, (organisation, roles)) in enumerate(MEMBERS.items())
    ]
    validators = [(accounts["governor_a"], 1), (accounts["governor_b"], 2)]
    nodes = [(NODE_KEY_HASH, accounts["governor_a"], 1, "a.example:30303")]
    return manager, registry, organisations, enrolments, validators, nodes


def genesis_alloc(accounts: dict[str, str]) -> dict[bytes, dict[str, Any]]:
    """State after the constructors of docs/protocol.md, 2, in eth-tester's form."""
    schedule = ForkSchedule(berlin_height=Height(0), london_height=None)
    engine = PyEvmEngine(chain_id=1, schedule=schedule, source=MemoryStore())
    context = BlockContext(
        height=Height(0),
        timestamp=GENESIS_SECOND,
        gas_limit=10**9,
        coinbase=Address(bytes(20)),
        base_fee_per_gas=None,
        block_hash=lambda _: None,
    )
    consortium, registry = DEPLOYMENT["genesis"]
    manager = DEPLOYMENT["accessManager"]
    w3 = Web3()
    consortium_call = w3.eth.contract(abi=load_artifact("Consortium")["abi"]).encode_abi(
        "initialize", initialize_arguments(accounts, manager, registry["address"])
    )
    registry_call = w3.eth.contract(abi=load_artifact("ContractRegistry")["abi"]).encode_abi(
        "initialize", [manager, consortium["address"]]
    )
    alloc: dict[Address, GenesisAccount] = {}
    for address, artifact, arguments in (
        (manager, "AccessManager", encode(["address"], [consortium["address"]])),
        (consortium["implementation"], "Consortium", b""),
        (registry["implementation"], "ContractRegistry", b""),
        (consortium["address"], "ERC1967Proxy", _proxy_arguments(consortium["implementation"], consortium_call)),
        (registry["address"], "ERC1967Proxy", _proxy_arguments(registry["implementation"], registry_call)),
    ):
        init_code = bytes.fromhex(load_artifact(artifact)["bytecode"][2:]) + arguments
        request = CallRequest(to=None, gas=context.gas_limit, data=init_code)
        alloc = engine.run_on_alloc(alloc, request, context, create_at=Address(bytes.fromhex(address[2:])))
    return {
        address: {"balance": a.balance, "nonce": a.nonce, "code": a.code, "storage": a.storage}
        for address, a in alloc.items()
    }


def _proxy_arguments(implementation: str, call: str) -> bytes:
    return encode(["address", "bytes"], [implementation, bytes.fromhex(call[2:])])


def function_selectors(name: str, functions: list[str]) -> list[bytes]:
    """Selectors of functions by their names."""
    entries = {entry["name"]: entry for entry in load_artifact(name)["abi"] if entry["type"] == "function"}
    return [selector_of(entries[function]) for function in functions]


def plan_contract(suite: Suite, plan: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """Deploy one implementation; the address of its proxy and the calls by which governance puts it to work."""
    name, manager, registry = plan["name"], suite.AccessManager, suite.ContractRegistry
    code = load_artifact(name)["bytecode"]
    suite.send("deployer", registry.functions.deployImplementation(code))
    implementation = registry.functions.implementationAddress(code).call()
    init_data = suite.chain.contract(name, implementation).encode_abi("initialize", [manager.address, registry.address])
    proxy = registry.functions.proxyAddress(name, implementation, init_data).call()
    register = registry.encode_abi("register", [name, plan["version"], implementation, init_data])
    calls = [(registry.address, register)]
    for role in dict.fromkeys(plan["functions"].values()):
        if role != "ADMIN":
            functions = [function for function, holder in plan["functions"].items() if holder == role]
            arguments = [proxy, function_selectors(name, functions), ROLES[role]]
            calls.append((manager.address, manager.encode_abi("setTargetFunctionRole", arguments)))
    if plan["system"]:
        calls.append((manager.address, manager.encode_abi("grantRole", [ROLES["SYSTEM"], proxy, 0])))
    return proxy, calls


def found_consortium(fork: str = "berlin") -> Suite:
    """A chain with the genesis contracts only."""
    accounts = dict(zip(NAMES, Chain().accounts, strict=False))
    suite = Suite(Chain(genesis_alloc(accounts), fork))
    for plan in DEPLOYMENT["genesis"]:
        suite.contracts[plan["name"]] = suite.chain.contract(plan["name"], plan["address"])
    suite.contracts["AccessManager"] = suite.chain.contract("AccessManager", DEPLOYMENT["accessManager"])
    return suite


def found_suite(fork: str = "berlin") -> Suite:
    """A chain with every contract registered and wired; those without an artifact yet are left out."""
    suite = found_consortium(fork)
    proxies, calls = {}, []
    for plan in DEPLOYMENT["contracts"]:
        if (ARTIFACTS / f"{plan['name']}.json").exists():
            proxies[plan["name"]], more = plan_contract(suite, plan)
            calls += more
    suite.vote(*calls)
    for name, proxy in proxies.items():
        suite.contracts[name] = suite.chain.contract(name, proxy)
    return suite
