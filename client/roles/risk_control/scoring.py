"""Asking the oracles for the scores of a pack. Source: docs/protocol.md, 7."""

import time
from typing import Any

from client.model.manifest import ModelPackage
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, UnavailableError
from client.sdk.keystore import Identity
from client.sdk.pack.on_chain import policy_struct, read_policy
from client.sdk.screening import Policy

ACTIVE = 2
"""Status of a model that scores."""
AGREED = 2
"""Status of a round whose report is known by its hash only."""
FINAL = 3
"""Status of a round whose scores are on the chain."""
_POLL_S = 0.2


def propose_model(chain: ChainClient, identity: Identity, package: ModelPackage, *, valid_until: int) -> int:
    """Put a model package forward; returns its id. A vote of the members activates it."""
    calibration = b"".join(
        total.to_bytes(4, "big") + defaults.to_bytes(4, "big")
        for total, defaults in zip(package.totals, package.defaults, strict=True)
    )
    model = {
        "modelHash": package.model_hash,
        "manifestHash": package.manifest_hash,
        "featureSpecHash": package.feature_spec_hash,
        "pdPpm": b"".join(pd.to_bytes(4, "big") for pd in package.pd_ppm),
        "calibration": calibration,
        "marginPpm": list(package.margin_ppm),
        "validUntil": valid_until,
    }
    receipt = chain.send("RiskModelRegistry", "propose", [model], identity.account)
    return int(receipt.event("ModelProposed").args["modelId"])


def active_model(chain: ChainClient) -> int:
    """Return the newest active model; InvalidInputError when there is none."""
    proposed = [int(event.args["modelId"]) for event in chain.events("RiskModelRegistry", "ModelProposed")]
    for model_id in reversed(proposed):
        if chain.call("RiskModelRegistry", "model", model_id).status == ACTIVE:
            return model_id
    raise InvalidInputError(
        "risk model", got="none active", expected="one", remedy="`tranchain risk model propose`, then a vote"
    )


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


def wait_until_final(chain: ChainClient, round_id: int, *, timeout_s: float) -> bytes:
    """Wait for the oracles; returns the agreed report hash.

    Raises:
        UnavailableError: no quorum agreed in time; the round stays open and the same command continues it.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        current = chain.call("ScoringRounds", "round", round_id)
        if current.status == FINAL:
            return bytes(current.reportHash)
        if time.monotonic() > deadline:
            raise UnavailableError("oracles", _why_not_final(round_id, current, timeout_s))
        time.sleep(_POLL_S)


def _why_not_final(round_id: int, current: Any, timeout_s: float) -> str:
    waited = f"round {round_id} is not final after {timeout_s:.0f} s"
    if current.status == AGREED:
        return f"{waited}: its report was agreed and nobody published it; wait longer, or ask anew with --new-round"
    return f"{waited}: {current.commitCount} of {current.oracleCount} committed, no quorum; run the same command again"


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


def reporters(chain: ChainClient, round_id: int) -> list[tuple[str, bytes]]:
    """Return each oracle that revealed in a round with the hash of its report."""
    events = chain.events("ScoringRounds", "ReportRevealed", filters={"roundId": round_id})
    return [(event.args["oracle"], bytes(event.args["reportHash"])) for event in events]
