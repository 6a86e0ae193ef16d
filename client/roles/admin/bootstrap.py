"""The first three contracts on a network that has none: AccessManager, Consortium, ContractRegistry.

On a network that was started with our genesis they are there from the first block. Elsewhere one account creates them
one after the other; their addresses follow from its nonces, so an interrupted run is found and continued.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import rlp
from eth_account.signers.local import LocalAccount

from client.sdk.artifacts import load_artifact
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, RefusedError
from client.sdk.hashing import address_bytes, address_text, keccak
from client.sdk.member_file import MemberFile, check_members
from client.sdk.role import Role, role_bitmap

_NONCES_SEARCHED = 200
_STEP_COUNT = 5
_NO_VALIDATOR = "0x" + 40 * "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Where the first three contracts are."""

    access_manager: str
    consortium: str
    registry: str
    is_new: bool
    """Whether this run created any of them."""


def lay_foundation(chain: ChainClient, members: Sequence[MemberFile], deployer: LocalAccount) -> Foundation:
    """Create what is missing of the first three contracts.

    Args:
        chain: connection to the network; its registry is not used.
        members: the organisations; ids are 1 to n in their order.
        deployer: pays for the creations; must be an account of a member with DEPLOYER to go on afterwards.

    Raises:
        InvalidInputError: no members, one twice, or none of them has the deployer's account.
        RefusedError: an address that must be free is taken by something else.
    """
    check_members(members)
    if not any(
        account.address == deployer.address and Role.DEPLOYER in account.roles for account in _accounts(members)
    ):
        raise InvalidInputError(f"account {deployer.address}", got="no role DEPLOYER", expected="it in a member file")
    first = _first_nonce(chain, deployer.address)
    manager, consortium_code, registry_code, consortium, registry = (
        created_address(deployer.address, first + step) for step in range(_STEP_COUNT)
    )
    arguments = (manager, registry, *_genesis_arguments(members))
    initialize_consortium = chain.encode("Consortium", "initialize", arguments)
    initialize_registry = chain.encode("ContractRegistry", "initialize", (manager, consortium))
    steps: list[tuple[str, str, tuple[Any, ...]]] = [
        (manager, "AccessManager", (consortium,)),
        (consortium_code, "Consortium", ()),
        (registry_code, "ContractRegistry", ()),
        (consortium, "ERC1967Proxy", (consortium_code, initialize_consortium)),
        (registry, "ERC1967Proxy", (registry_code, initialize_registry)),
    ]
    is_new = False
    for expected, name, args in steps:
        if chain.has_code(expected):
            continue
        created = chain.create(name, args, deployer)
        is_new = True
        if created != expected:
            raise RefusedError("this client", f"{name} came to {created}, not {expected}", "use the deployer only here")
    return Foundation(access_manager=manager, consortium=consortium, registry=registry, is_new=is_new)


def created_address(creator: str, nonce: int) -> str:
    """Return the address of the contract that an account creates with this nonce."""
    return address_text(keccak(rlp.encode([address_bytes(creator), nonce]))[-20:])


def _first_nonce(chain: ChainClient, deployer: str) -> int:
    """Return the nonce of the AccessManager's creation: that of a foundation begun before, else the next one."""
    following = chain.transaction_count(deployer)
    manager_code = load_artifact("AccessManager").deployed_bytecode
    for nonce in range(following - 1, max(-1, following - 1 - _NONCES_SEARCHED), -1):
        if chain.code(created_address(deployer, nonce)) == manager_code:
            return nonce
    return following


def _accounts(members: Sequence[MemberFile]) -> list[Any]:
    return [account for member in members for account in member.accounts]


def _genesis_arguments(members: Sequence[MemberFile]) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Return organisations, accounts, validators and nodes."""
    organisations = [(member.organisation, member.governor) for member in members]
    accounts, nodes = [], []
    for organisation, member in enumerate(members, start=1):
        for account in member.accounts:
            roles = role_bitmap(account.roles)
            if account.address == member.governor:
                roles |= role_bitmap([Role.GOVERNOR])
            validity = (account.valid_from, account.valid_until)
            accounts.append((account.address, organisation, roles, *validity, account.certificate_hash))
        if member.node:
            key_hash = bytes.fromhex(member.node.tls_spki_sha256)
            nodes.append((key_hash, member.validator or _NO_VALIDATOR, organisation, member.node.endpoint))
    numbered = list(enumerate(members, start=1))
    validators = [(member.validator, organisation) for organisation, member in numbered if member.validator]
    # A network that is not ours takes no notice of the set, but the Consortium must have one.
    governors = [(member.governor, organisation) for organisation, member in numbered]
    return organisations, accounts, validators or governors, nodes
