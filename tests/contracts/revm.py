"""The contracts that score, on revm: the second EVM that the model's program is checked on, and the fast one."""

from __future__ import annotations

from typing import Any

from eth_abi import decode, encode
from eth_utils import keccak
from pyrevm import EVM
from web3 import Web3

from client.model.program import chunks_of
from tests.contracts.chain import load_artifact
from tests.contracts.journey import CALIBRATION, FAR_FUTURE, HASH, MARGINS, PD_TABLE

ADMIN = Web3.to_checksum_address("0x" + "ad" * 20)
_GAS = 4_000_000_000


class RevmScorer:
    """AccessManager, ContractRegistry, RiskModelRegistry and RiskModel, governed by one account."""

    def __init__(self) -> None:
        self._evm = EVM(spec_id="BERLIN", gas_limit=_GAS)
        self._evm.set_balance(ADMIN, 10**30)
        self._abi: dict[str, Any] = {}
        self._manager = self._deploy("AccessManager", encode(["address"], [ADMIN]))
        registry = self._deploy("ContractRegistry")
        arguments = self._encode("ContractRegistry", "initialize", self._manager, ADMIN)
        self._place = {
            "ContractRegistry": self._deploy("ERC1967Proxy", encode(["address", "bytes"], [registry, arguments]))
        }
        for name in ("RiskModelRegistry", "RiskModel"):
            arguments = self._encode(name, "initialize", self._manager, self._place["ContractRegistry"])
            self.send("ContractRegistry", "register", name, 1, self._deploy(name), arguments)
            self._place[name] = Web3.to_checksum_address(self.call("ContractRegistry", "addressOf", name)[0])

    def send(self, name: str, function: str, *arguments: Any) -> bytes:
        """Run a call and keep what it changes; the answer's bytes."""
        data = self._encode(name, function, *arguments)
        return bytes(self._evm.message_call(caller=ADMIN, to=self._place[name], calldata=data, gas=_GAS))

    def call(self, name: str, function: str, *arguments: Any) -> tuple[Any, ...]:
        """The decoded answer of a call."""
        entry = next(each for each in load_artifact(name)["abi"] if each.get("name") == function)
        return decode([output["type"] for output in entry["outputs"]], self.send(name, function, *arguments))

    def gas(self, name: str, function: str, *arguments: Any) -> int:
        """What a call costs as a transaction, its calldata included."""
        self.send(name, function, *arguments)
        return int(self._evm.result.gas_used)

    def add_model(self, program: bytes) -> int:
        """Propose a model with this program and publish it; its id."""
        init = {
            "modelHash": HASH,
            "manifestHash": HASH,
            "featureSpecHash": HASH,
            "programHash": keccak(program),
            "pdPpm": PD_TABLE,
            "calibration": CALIBRATION,
            "marginPpm": MARGINS,
            "validUntil": FAR_FUTURE,
        }
        self.send("RiskModelRegistry", "propose", init)
        (model,) = self.call("RiskModelRegistry", "modelCount")
        for index, chunk in enumerate(chunks_of(program)):
            self.send("RiskModel", "publish", model, index, chunk)
        return int(model)

    def _encode(self, name: str, function: str, *arguments: Any) -> bytes:
        if name not in self._abi:
            self._abi[name] = Web3().eth.contract(abi=load_artifact(name)["abi"])
        return bytes.fromhex(self._abi[name].encode_abi(function, arguments)[2:])

    def _deploy(self, name: str, arguments: bytes = b"") -> str:
        code = bytes.fromhex(load_artifact(name)["bytecode"][2:]) + arguments
        return Web3.to_checksum_address(self._evm.deploy(ADMIN, code, gas=_GAS))
