"""The members' names and who runs which validator, from the Consortium contract at the head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.execution import CallRequest
from chain_node.node.chain import Chain
from chain_node.txpool.permission import CONSORTIUM

_CALL_GAS = 5_000_000


@dataclass(frozen=True, slots=True)
class MemberNames:
    """Who is who on the network."""

    name_by_organisation: Mapping[int, str] = field(default_factory=dict)
    """Names in clear, by the member's id."""
    organisation_by_validator: Mapping[Address, int] = field(default_factory=dict)
    """Which member runs a validator of the set."""


class Members:
    """Asks the contract again only when its storage has changed, which is at governance only."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._last: tuple[Hash32, MemberNames] | None = None

    def names(self) -> MemberNames:
        """Names by the newest state; none on a network without the Consortium contract."""
        account = self._chain.state(self._chain.head().header.state_root).account(CONSORTIUM)
        if account is None:
            return MemberNames()
        if self._last is None or self._last[0] != account.storage_root:
            self._last = (account.storage_root, self._read())
        return self._last[1]

    def _read(self) -> MemberNames:
        try:
            (count,) = self._ask("organisationCount()", ["uint32"])
            (validators,) = self._ask("getValidators()", ["address[]"])
            names = {
                organisation: self._ask("organisation(uint32)", ["(bool,string,address)"], organisation)[0][1]
                for organisation in range(1, count + 1)
            }
            owners = {
                Address(bytes.fromhex(validator[2:])): self._ask(
                    "validatorOrganisation(address)", ["uint32"], validator
                )[0]
                for validator in validators
            }
        except DecodingError:
            return MemberNames()  # another contract lives at that address
        return MemberNames(names, owners)

    def _ask(self, signature: str, types: list[str], *values: object) -> tuple[Any, ...]:
        taken = signature[signature.index("(") + 1 : -1]
        data = keccak(signature.encode())[:4] + encode(taken.split(",") if taken else [], values)
        result = self._chain.call(self._chain.head(), CallRequest(to=CONSORTIUM, data=data, gas=_CALL_GAS))
        return decode(types, result.return_data if result.status else b"")
