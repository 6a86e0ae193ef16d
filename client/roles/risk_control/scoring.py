"""Asking the oracles for the scores of a pack. Source: docs/protocol.md, 7."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, RefusedError, UnavailableError
from client.sdk.keystore import Identity
from client.sdk.pack.on_chain import policy_struct, read_policy
from client.sdk.pack.sources import read_sources
from client.sdk.screening import Policy

AGREED = 2
"""Status of a round whose report is known by its hash only."""
FINAL = 3
"""Status of a round whose scores are on the chain."""
VOID = 4
"""Status of a round that counts for nothing."""
_VOID_REASONS = {
    1: "another round replaced it",
    2: "what was agreed is no report",
    3: "nobody published what was agreed",
    4: "a dispute was won against it",
}
_FAULTS = {1: "silent", 2: "late", 3: "dissents", 4: "malformed", 5: "never published", 6: "overruled"}
_POLL_S = 0.1
_AGAIN = "run `tranchain risk score` again: it opens another round"


def ensure_policy(chain: ChainClient, identity: Identity, policy: Policy) -> int:
    """Return the id of a policy that says exactly this; defines it when there is none.

    Raises:
        InvalidInputError: there is no order of sources of the id that it names, so that no oracle could report.
    """
    read_sources(chain, policy.sources_id)
    for event in chain.events("Screening", "PolicyDefined"):
        policy_id = int(event.args["policyId"])
        if read_policy(chain, policy_id) == policy:
            return policy_id
    receipt = chain.send("Screening", "definePolicy", [policy_struct(policy)], identity.account)
    return int(receipt.event("PolicyDefined").args["policyId"])


def open_round(
    chain: ChainClient,
    identity: Identity,
    *,
    pack_id: int,
    query_id: int,
    model_id: int,
    policy_id: int,
    is_fresh: bool = False,
) -> int:
    """Open a scoring round; returns its id, or that of the round that is open for the pack and the same terms.

    `is_fresh` opens a new one all the same, which replaces the one that is open.
    """
    for event in () if is_fresh else chain.events("ScoringRounds", "RoundOpened", filters={"packId": pack_id}):
        terms = (event.args["queryId"], event.args["modelId"], event.args["policyId"])
        round_id = int(event.args["roundId"])
        if terms == (query_id, model_id, policy_id) and chain.call("ScoringRounds", "round", round_id).status != VOID:
            return round_id
    arguments = [pack_id, query_id, model_id, policy_id]
    receipt = chain.send("ScoringRounds", "open", arguments, identity.account)
    return int(receipt.event("RoundOpened").args["roundId"])


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleState:
    """What one oracle did in a round."""

    oracle: str
    organisation: str
    did: str
    """silent, committed, revealed, agrees; or what the chain names it for."""


def oracle_states(chain: ChainClient, round_id: int) -> tuple[OracleState, ...]:
    """Return what each oracle of a round did so far, in the order in which the round lists them."""
    current = chain.call("ScoringRounds", "round", round_id)
    return _states(chain, round_id, bytes(current.reportHash), oracle_names(chain, round_id))


def oracle_names(chain: ChainClient, round_id: int) -> dict[str, str]:
    """Return the name of the organisation of each oracle of a round, in the order in which the round lists them."""
    oracles = chain.call("ScoringRounds", "oraclesOf", round_id)
    organisations = list(chain.call_many("Consortium", "organisationOf", [[oracle] for oracle in oracles]))
    names = {each: chain.call("Consortium", "organisation", each).name for each in set(organisations) if each}
    return {oracle: names.get(each, "no member") for oracle, each in zip(oracles, organisations, strict=True)}


def _states(
    chain: ChainClient, round_id: int, report_hash: bytes, name_by_oracle: Mapping[str, str]
) -> tuple[OracleState, ...]:
    states = []
    reports = chain.call_many("ScoringRounds", "reportOf", [(round_id, oracle) for oracle in name_by_oracle])
    for (oracle, name), (commitment, own_hash, fault) in zip(name_by_oracle.items(), reports, strict=True):
        did = "committed" if any(commitment) else "silent"
        if any(own_hash):
            did = "agrees" if own_hash == report_hash else "revealed"
        states.append(OracleState(oracle=oracle, organisation=name, did=_FAULTS.get(fault, did)))
    return tuple(states)


def wait_until_final(
    chain: ChainClient,
    round_id: int,
    *,
    timeout_s: float,
    report: Callable[[tuple[OracleState, ...]], None] = lambda _: None,
) -> bytes:
    """Wait for the oracles; returns the agreed report hash. `report` gets what they did, whenever that changes.

    Raises:
        UnavailableError: no quorum agreed in time; the round stays open and the same command continues it.
        RefusedError: the round is void.
    """
    deadline = time.monotonic() + timeout_s
    shown: tuple[OracleState, ...] = ()
    names = oracle_names(chain, round_id)
    while True:
        current = chain.call("ScoringRounds", "round", round_id)
        states = _states(chain, round_id, bytes(current.reportHash), names)
        if states != shown:
            shown = states
            report(states)
        if current.status == FINAL:
            return bytes(current.reportHash)
        if current.status == VOID:
            raise RefusedError("ScoringRounds", f"round {round_id} is void: {void_reason(chain, round_id)}", _AGAIN)
        if time.monotonic() > deadline:
            raise UnavailableError("oracles", _why_not_final(round_id, current, states, timeout_s))
        time.sleep(_POLL_S)


def void_reason(chain: ChainClient, round_id: int) -> str:
    """Return why a round counts for nothing."""
    voided = next(chain.events("ScoringRounds", "RoundVoided", filters={"roundId": round_id}))
    return _VOID_REASONS[voided.args["reason"]]


def states_text(states: Sequence[OracleState]) -> str:
    """Return what the oracles did in one line."""
    return ", ".join(f"{state.organisation} {state.did}" for state in states)


def _why_not_final(round_id: int, current: Any, states: Sequence[OracleState], timeout_s: float) -> str:
    waited = f"round {round_id} is not final after {timeout_s:.0f} s ({states_text(states)})"
    if current.status == AGREED:
        return f"{waited}: its report was agreed and nobody published it; wait longer, or ask anew with --new-round"
    needed = f"{current.quorum} equal reports are needed"
    return f"{waited}: {needed}; run the same command again, or ask anew with --new-round"


def newest_round_of(chain: ChainClient, pack_id: int) -> int:
    """Return the final round that a pack's scores are of; InvalidInputError when there is none."""
    round_id = int(chain.call("ScoringRounds", "finalRoundOf", pack_id))
    if not round_id:
        raise InvalidInputError(
            f"pack {pack_id}", got="no final scores", expected="some", remedy="`tranchain risk score`"
        )
    return round_id
