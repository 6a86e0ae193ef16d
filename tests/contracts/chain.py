"""A chain in this process: eth-tester with py-evm under the rules of one fork, and contracts with readable refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth.vm.forks import BerlinVM, LondonVM
from eth_abi import decode
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.backends.pyevm.main import get_default_genesis_params
from eth_tester.exceptions import TransactionFailed
from eth_utils import keccak
from web3 import EthereumTesterProvider, Web3
from web3.contract.contract import ContractConstructor
from web3.middleware import Web3Middleware
from web3.types import TxReceipt, Wei

ARTIFACTS = Path(__file__).resolve().parents[2] / "contracts" / "artifacts"
GAS_PER_TRANSACTION = 8_000_000
"""`pertxgaslimit` of a network with py-evm."""
GAS_PRICE_WEI = 10_000_000_000
"""Above the base fee that a London chain begins with; no account runs out of it."""
GENESIS_SECOND = 1_700_000_000
_MNEMONIC = "test test test test test test test test test test test junk"
_VM_BY_FORK = {"berlin": BerlinVM, "london": LondonVM}


def load_artifact(name: str) -> dict[str, Any]:
    """A committed artifact of the build."""
    return json.loads((ARTIFACTS / f"{name}.json").read_text(encoding="utf-8"))


def canonical_type(entry: dict[str, Any]) -> str:
    """The type of an ABI entry as signatures write it."""
    if not entry["type"].startswith("tuple"):
        return entry["type"]
    inner = ",".join(canonical_type(part) for part in entry["components"])
    return f"({inner}){entry['type'].removeprefix('tuple')}"


def selector_of(entry: dict[str, Any]) -> bytes:
    """First four bytes of the hash of a function's or error's signature."""
    return keccak(text=f"{entry['name']}({','.join(map(canonical_type, entry['inputs']))})")[:4]


def _errors_by_selector() -> dict[bytes, dict[str, Any]]:
    entries = [entry for path in sorted(ARTIFACTS.glob("*.json")) for entry in load_artifact(path.stem)["abi"]]
    return {selector_of(entry): entry for entry in entries if entry["type"] == "error"}


class RevertKeepingBackend(PyEVMBackend):
    """Keeps what the last failing call reverted with: eth-tester itself hands on a text only."""

    revert_data = b""

    def is_eip838_error(self, error: Any) -> bool:
        """Asked by `call` about every error."""
        self.revert_data = error.args[0] if error.args and isinstance(error.args[0], bytes) else b""
        return super().is_eip838_error(error)


class RefusedError(Exception):
    """A contract reverted with this custom error."""

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        super().__init__(f"{name}{arguments}")
        self.name = name
        self.arguments = arguments


@contextmanager
def refused(name: str, *arguments: Any) -> Iterator[None]:
    """Expect a refusal by this custom error; `...` stands for an argument of any value."""
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.name == name, caught.value
    if arguments:
        assert len(arguments) == len(caught.value.arguments), caught.value
        for expected, actual in zip(arguments, caught.value.arguments, strict=True):
            wanted = expected.lower() if isinstance(expected, str) and expected.startswith("0x") else expected
            assert wanted is ... or wanted == actual, caught.value


class GasPriceMiddleware(Web3Middleware):
    """Gives calls a gas price, without which eth-tester makes them transactions of a later fork."""

    def request_processor(self, method: Any, params: Any) -> Any:
        if method == "eth_call" and "gasPrice" not in params[0]:
            params = ({**params[0], "gasPrice": GAS_PRICE_WEI}, *params[1:])
        return method, params


@dataclass
class Chain:
    """One chain; `send` mines every transaction in a block of its own."""

    genesis_alloc: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    fork: str = "berlin"

    def __post_init__(self) -> None:
        accounts = PyEVMBackend.generate_genesis_state(mnemonic=_MNEMONIC, num_accounts=24)
        overrides = {"gas_limit": 100_000_000, "timestamp": GENESIS_SECOND, "difficulty": 1, "nonce": bytes(8)}
        backend = RevertKeepingBackend(
            genesis_parameters=get_default_genesis_params(overrides),
            genesis_state={**accounts, **self.genesis_alloc},
            vm_configuration=((0, _VM_BY_FORK[self.fork]),),
            mnemonic=_MNEMONIC,
        )
        self.tester = EthereumTester(backend)
        self.w3 = Web3(EthereumTesterProvider(self.tester))
        self.w3.middleware_onion.add(GasPriceMiddleware)
        self.keys = {key.public_key.to_checksum_address(): key for key in backend.account_keys}
        self.accounts = [Web3.to_checksum_address(address) for address in accounts]
        self._errors = _errors_by_selector()

    @property
    def second(self) -> int:
        """Timestamp of the newest block."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def pass_seconds(self, seconds: int) -> None:
        """Mine a block that is this much later."""
        self.tester.time_travel(self.second + seconds)

    def contract(self, name: str, address: str) -> Any:
        """A contract of this artifact's ABI."""
        return self.w3.eth.contract(address=Web3.to_checksum_address(address), abi=load_artifact(name)["abi"])

    def constructor(self, name: str, *arguments: Any) -> ContractConstructor:
        """A creation to be sent."""
        artifact = load_artifact(name)
        return self.w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"]).constructor(*arguments)

    def create(self, name: str, sender: str, *arguments: Any) -> Any:
        """Deploy by a creation transaction."""
        receipt = self.send(self.constructor(name, *arguments), sender)
        return self.contract(name, receipt["contractAddress"])

    def send(self, function: Any, sender: str, gas: int = GAS_PER_TRANSACTION) -> TxReceipt:
        """Send a call in a transaction.

        Raises:
            RefusedError: the contract reverted with a custom error.
        """
        transaction = {"from": sender, "gas": gas, "gasPrice": GAS_PRICE_WEI}
        receipt = self.w3.eth.get_transaction_receipt(function.transact(transaction))
        if receipt["status"] == 1:
            return receipt
        self.try_call(function, sender, gas)
        raise AssertionError(f"{function} fails in a transaction of {gas} gas, but not in a call")

    def try_call(self, function: Any, sender: str, gas: int = GAS_PER_TRANSACTION) -> Any:
        """Ask for the result of a call.

        Raises:
            RefusedError: the contract reverted with a custom error.
        """
        try:
            if isinstance(function, ContractConstructor):
                return self.w3.eth.call(function.build_transaction({"from": sender, "gas": gas, "gasPrice": Wei(0)}))
            return function.call({"from": sender, "gas": gas})
        except TransactionFailed as error:
            if not self.tester.backend.revert_data:
                raise
            raise self._explain(self.tester.backend.revert_data) from error

    def _explain(self, data: bytes) -> RefusedError:
        entry = self._errors.get(data[:4])
        if entry is None:
            return RefusedError("0x" + data.hex(), ())
        return RefusedError(entry["name"], decode([canonical_type(item) for item in entry["inputs"]], data[4:]))
