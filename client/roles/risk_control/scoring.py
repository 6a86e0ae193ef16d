"""Asking the oracles for the scores of a pack. Source: docs/protocol.md, 7."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, UnavailableError
from client.sdk.keystore import Identity
from client.sdk.pack.on_chain import policy_struct, read_policy
from client.sdk.screening import Policy

AGREED = 2
"""Status of a round whose report is known by its hash only."""
FINAL = 3
"""Status of a round whose scores are on the chain."""
_POLL_S = 0.2


def ensure_policy(chain: ChainClient, identity: Identity, policy: Policy) -> int:
    """Return the id of a policy that says exactly this; defines it when there is none."""
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

    `is_fresh` opens a new one all the same: an agreed report of the wrong length can never be published.
    """
    for event in () if is_fresh else chain.events("ScoringRounds", "RoundOpened", filters={"packId": pack_id}):
        terms = (event.args["queryId"], event.args["modelId"], event.args["policyId"])
        if terms == (query_id, model_id, policy_id):
            return int(event.args["roundId"])
    arguments = [pack_id, query_id, model_id, policy_id]
    receipt = chain.send("ScoringRounds", "open", arguments, identity.account)
    return int(receipt.event("RoundOpened").args["roundId"])


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleState:
    """What one oracle did in a round."""

    oracle: str
    organisation: str
    did: str
    """silent, committed, revealed; once a report is agreed, agrees or dissents instead of revealed."""


def oracle_states(chain: ChainClient, round_id: int) -> tuple[OracleState, ...]:
    """Return what each oracle of a round did so far, in the order in which the round lists them."""
    current = chain.call("ScoringRounds", "round", round_id)
    states = []
    for oracle in chain.call("ScoringRounds", "oraclesOf", round_id):
        commitment, revealed = map(bytes, chain.call("ScoringRounds", "reportOf", round_id, oracle))
        did = "committed" if any(commitment) else "silent"
        if any(revealed):
            did = "agrees" if revealed == bytes(current.reportHash) else "dissents"
            did = "revealed" if current.status < AGREED else did
        organisation = chain.call("Consortium", "organisationOf", oracle)
        name = chain.call("Consortium", "organisation", organisation).name if organisation else "no member"
        states.append(OracleState(oracle=oracle, organisation=name, did=did))
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
    """
    deadline = time.monotonic() + timeout_s
    shown: tuple[OracleState, ...] = ()
    while True:
        current = chain.call("ScoringRounds", "round", round_id)
        states = oracle_states(chain, round_id)
        if states != shown:
            shown = states
            report(states)
        if current.status == FINAL:
            return bytes(current.reportHash)
        if time.monotonic() > deadline:
            raise UnavailableError("oracles", _why_not_final(round_id, current, states, timeout_s))
        time.sleep(_POLL_S)


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
    """Return the newest final round of a pack; InvalidInputError when there is none."""
    final = [
        int(event.args["roundId"]) for event in chain.events("ScoringRounds", "RoundFinal", filters={"packId": pack_id})
    ]
    if not final:
        raise InvalidInputError(
            f"pack {pack_id}", got="no final scores", expected="some", remedy="`tranchain risk score`"
        )
    return final[-1]
