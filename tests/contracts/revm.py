"""Contracts on revm: the second EVM that they are checked on, and the fast one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from eth_abi import decode, encode
from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple
from pyrevm import EVM
from web3 import Web3

from client.model.program import chunks_of
from tests.contracts.chain import load_artifact, selector_of
from tests.contracts.journey import CALIBRATION, FAR_FUTURE, HASH, MARGINS, PD_TABLE

ADMIN = Web3.to_checksum_address("0x" + "ad" * 20)
_GAS = 4_000_000_000


class RevmSuite:
    """AccessManager, ContractRegistry and some contracts, governed by one account, which may call everything."""

    def __init__(self, *names: str) -> None:
        self.evm = EVM(spec_id="BERLIN", gas_limit=_GAS)
        self.evm.set_balance(ADMIN, 10**30)
        self._abi: dict[str, Any] = {}
        manager = self._deploy("AccessManager", encode(["address"], [ADMIN]))
        registry = self._deploy("ContractRegistry")
        arguments = self._encode("ContractRegistry", "initialize", manager, ADMIN)
        proxy = self._deploy("ERC1967Proxy", encode(["address", "bytes"], [registry, arguments]))
        self.place = {"AccessManager": manager, "ContractRegistry": proxy}
        for name in names:
            arguments = self._encode(name, "initialize", manager, proxy)
            self.send("ContractRegistry", "register", name, 1, self._deploy(name), arguments)
            self.place[name] = Web3.to_checksum_address(self.call("ContractRegistry", "addressOf", name)[0])

    def send(self, name: str, function: str, *arguments: Any, gas: int = _GAS) -> bytes:
        """Run a call and keep what it changes; the answer's bytes."""
        data = self._encode(name, function, *arguments)
        return bytes(self.evm.message_call(caller=ADMIN, to=self.place[name], calldata=data, gas=gas))

    def call(self, name: str, function: str, *arguments: Any) -> tuple[Any, ...]:
        """The decoded answer of a call."""
        entry = next(each for each in load_artifact(name)["abi"] if each.get("name") == function)
        types = [collapse_if_tuple(output) for output in entry["outputs"]]
        return tuple(decode(types, self.send(name, function, *arguments)))

    def gas(self, name: str, function: str, *arguments: Any, gas: int = _GAS) -> int:
        """What a call costs as a transaction, its calldata included."""
        self.send(name, function, *arguments, gas=gas)
        return int(self.evm.result.gas_used)

    def refusal(self, name: str, function: str, *arguments: Any, gas: int = _GAS) -> tuple[Any, ...]:
        """Name and arguments of the error with which a call is refused."""
        with pytest.raises(RuntimeError, match="Revert") as refused:
            self.send(name, function, *arguments, gas=gas)
        found = re.search(r"output: 0x([0-9a-f]+)", str(refused.value))
        if found is None:
            raise refused.value
        data = bytes.fromhex(found[1])
        for entry in load_artifact(name)["abi"]:
            if entry["type"] == "error" and selector_of(entry) == data[:4]:
                return entry["name"], *decode([collapse_if_tuple(each) for each in entry["inputs"]], data[4:])
        raise refused.value

    def _encode(self, name: str, function: str, *arguments: Any) -> bytes:
        if name not in self._abi:
            self._abi[name] = Web3().eth.contract(abi=load_artifact(name)["abi"])
        return bytes.fromhex(self._abi[name].encode_abi(function, arguments)[2:])

    def _deploy(self, name: str, arguments: bytes = b"") -> str:
        code = bytes.fromhex(load_artifact(name)["bytecode"][2:]) + arguments
        return Web3.to_checksum_address(self.evm.deploy(ADMIN, code, gas=_GAS))


class RevmScorer(RevmSuite):
    """The contracts that score."""

    def __init__(self) -> None:
        super().__init__("RiskModelRegistry", "RiskModel")

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
