"""The members' names and who runs which validator, from the Consortium contract at the head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from chain_node.core.hashing import keccak
from chain_node.core.types import Address
from chain_node.execution import CallRequest
from chain_node.node.chain import Chain
from chain_node.node.consortium_reading import ConsortiumReading
from chain_node.rpc import ChainBlock
from chain_node.txpool import CONSORTIUM

_CALL_GAS = 5_000_000


@dataclass(frozen=True, slots=True)
class MemberNames:
    """Who is who on the network."""

    name_by_organisation: Mapping[int, str] = field(default_factory=dict)
    """Names in clear, by the member's id."""
    organisation_by_validator: Mapping[Address, int] = field(default_factory=dict)
    """Which member runs a validator of the set."""


class Members:
    """Reads the names from the contract."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._names = ConsortiumReading(chain, self._read)

    def names(self) -> MemberNames:
        """Names by the newest state; none on a network without the Consortium contract."""
        return self._names.at(self._chain.head())

    def _read(self, head: ChainBlock) -> MemberNames:
        try:
            (count,) = self._ask(head, "organisationCount()", ["uint32"])
            (validators,) = self._ask(head, "getValidators()", ["address[]"])
            names = {
                organisation: self._ask(head, "organisation(uint32)", ["(bool,string,address)"], organisation)[0][1]
                for organisation in range(1, count + 1)
            }
            owners = {
                Address(bytes.fromhex(validator[2:])): self._ask(
                    head, "validatorOrganisation(address)", ["uint32"], validator
                )[0]
                for validator in validators
            }
        except DecodingError:
            return MemberNames()  # no contract lives at that address, or another one
        return MemberNames(names, owners)

    def _ask(self, head: ChainBlock, signature: str, types: list[str], *values: object) -> tuple[Any, ...]:
        taken = signature[signature.index("(") + 1 : -1]
        data = keccak(signature.encode())[:4] + encode(taken.split(",") if taken else [], values)
        result = self._chain.call(head, CallRequest(to=CONSORTIUM, data=data, gas=_CALL_GAS))
        return decode(types, result.return_data if result.status else b"")
