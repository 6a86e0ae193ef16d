"""Proposals of the consortium: made, approved by a majority of its members, carried out.

Source: docs/protocol.md, 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode as abi_encode
from eth_account.signers.local import LocalAccount

from client.sdk.artifacts import artifact_names, load_artifact
from client.sdk.calldata import describe_call
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, RefusedError
from client.sdk.hashing import address_bytes, address_text, keccak

_CONSORTIUM = "Consortium"


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernanceCall:
    """One step of a proposal: a call that the Consortium makes."""

    target: str
    data: bytes
    meaning: str
    """The call in words, for people."""

    def as_argument(self) -> tuple[str, bytes]:
        """Return the struct of the contract."""
        return address_text(self.target), self.data


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposal as the chain has it."""

    id: int
    description: str
    calls: tuple[GovernanceCall, ...]
    created_at: int
    is_executed: bool
    approved_by: tuple[int, ...]
    """Organisation ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How far a proposal came."""

    id: int
    is_executed: bool
    approval_count: int
    needed_count: int


def call_of(
    chain: ChainClient, contract: str, function: str, args: Sequence[Any], *, at: str | None = None
) -> GovernanceCall:
    """Return a step that calls a registered contract, or the contract `at` an address with that interface.

    Raises:
        InvalidInputError: the arguments do not fit the function.
    """
    data = chain.encode(contract, function, args)
    shown = ", ".join(f"0x{arg.hex()[:16]}…" if isinstance(arg, bytes) else str(arg) for arg in args)
    return GovernanceCall(
        target=address_text(at) if at else chain.address_of(contract),
        data=data,
        meaning=f"{contract}.{function}({shown})",
    )


def carry(
    chain: ChainClient, calls: Sequence[GovernanceCall], description: str, governors: Sequence[LocalAccount]
) -> Outcome:
    """Propose, approve and execute as far as the governors given reach; continues an open proposal of the same calls.

    Raises:
        RefusedError: the Consortium refuses a vote or a call fails.
    """
    if not governors:
        raise InvalidInputError("governors", got="none", expected="at least one governor's keystore")
    proposal_id = find_open(chain, calls)
    if proposal_id is None:
        proposal_id = propose(chain, calls, description, governors[0])
    for governor in governors:
        outcome = progress_of(chain, proposal_id)
        if outcome.approval_count >= outcome.needed_count:
            break
        if not _has_approved(chain, proposal_id, governor):
            approve(chain, proposal_id, governor)
    outcome = progress_of(chain, proposal_id)
    if outcome.approval_count >= outcome.needed_count:
        execute(chain, proposal_id, governors[0], calls)
    return progress_of(chain, proposal_id)


def propose(chain: ChainClient, calls: Sequence[GovernanceCall], description: str, governor: LocalAccount) -> int:
    """Propose calls; the governor's organisation approves by it. Returns the proposal's id."""
    receipt = chain.send(_CONSORTIUM, "propose", ([call.as_argument() for call in calls], description), governor)
    return int(receipt.event("ProposalCreated").args["id"])


def approve(chain: ChainClient, proposal_id: int, governor: LocalAccount) -> None:
    """Approve for the governor's organisation."""
    chain.send(_CONSORTIUM, "approve", (proposal_id,), governor)


def execute(
    chain: ChainClient, proposal_id: int, governor: LocalAccount, calls: Sequence[GovernanceCall] | None = None
) -> int:
    """Carry out an approved proposal, with its calls or those its event shows; returns the gas used."""
    calls = calls if calls is not None else load(chain, proposal_id).calls
    receipt = chain.send(_CONSORTIUM, "execute", (proposal_id, [call.as_argument() for call in calls]), governor)
    return receipt.gas_used


def load(chain: ChainClient, proposal_id: int) -> Proposal:
    """Return one proposal; RefusedError when there is none with this id."""
    events = list(chain.events(_CONSORTIUM, "ProposalCreated", filters={"id": proposal_id}))
    if not events:
        raise RefusedError(_CONSORTIUM, f"no proposal {proposal_id}")
    stored = chain.call(_CONSORTIUM, "proposal", proposal_id)
    names = _names_by_address(chain)
    calls = [
        GovernanceCall(
            target=call["target"],
            data=bytes(call["data"]),
            meaning=_meaning(names, call["target"], call["data"]),
        )
        for call in events[0].args["calls"]
    ]
    return Proposal(
        id=proposal_id,
        description=events[0].args["description"],
        calls=tuple(calls),
        created_at=stored.createdAt,
        is_executed=stored.executed,
        approved_by=tuple(bit for bit in range(1, 256) if stored.approvals >> bit & 1),
    )


def load_all(chain: ChainClient, *, open_only: bool = False) -> list[Proposal]:
    """Return the proposals, oldest first."""
    count = chain.call(_CONSORTIUM, "proposalCount")
    ids = [
        each for each in range(1, count + 1) if not (open_only and chain.call(_CONSORTIUM, "proposal", each).executed)
    ]
    return [load(chain, each) for each in ids]


def find_open(chain: ChainClient, calls: Sequence[GovernanceCall]) -> int | None:
    """Return the latest proposal of exactly these calls that can still be carried out."""
    wanted = calls_hash(calls)
    lifetime_s = chain.call(_CONSORTIUM, "PROPOSAL_LIFETIME_SECONDS")
    now = chain.block_second()
    for proposal_id in range(chain.call(_CONSORTIUM, "proposalCount"), 0, -1):
        stored = chain.call(_CONSORTIUM, "proposal", proposal_id)
        if bytes(stored.callsHash) == wanted and not stored.executed and now < stored.createdAt + lifetime_s:
            return proposal_id
    return None


def calls_hash(calls: Sequence[GovernanceCall]) -> bytes:
    """Return keccak(abi.encode(calls)), which the Consortium stores."""
    return keccak(abi_encode(["(address,bytes)[]"], [[(address_bytes(call.target), call.data) for call in calls]]))


def progress_of(chain: ChainClient, proposal_id: int) -> Outcome:
    """Return how many approvals of unsuspended organisations a proposal has, and how many it needs."""
    stored = chain.call(_CONSORTIUM, "proposal", proposal_id)
    count = chain.call(_CONSORTIUM, "organisationCount")
    voters = [each for each in range(1, count + 1) if not chain.call(_CONSORTIUM, "organisation", each).suspended]
    return Outcome(
        id=proposal_id,
        is_executed=stored.executed,
        approval_count=sum(1 for each in voters if stored.approvals >> each & 1),
        needed_count=len(voters) // 2 + 1,
    )


def _has_approved(chain: ChainClient, proposal_id: int, governor: LocalAccount) -> bool:
    organisation = chain.call(_CONSORTIUM, "organisationOf", governor.address)
    return bool(chain.call(_CONSORTIUM, "proposal", proposal_id).approvals >> organisation & 1)


def _names_by_address(chain: ChainClient) -> dict[str, str]:
    names = chain.call("ContractRegistry", "names")
    return {chain.call("ContractRegistry", "entry", name).proxy: name for name in names}


def _meaning(names: Mapping[str, str], target: str, data: bytes) -> str:
    """Return the call in words, as far as the registry knows the target and the artifacts its function."""
    name = names.get(target)
    call = describe_call(load_artifact(name).abi, data) if name in artifact_names() and name else None
    return f"{name or target}.{call or '0x' + data.hex()}"
