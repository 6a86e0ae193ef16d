"""Versions of the risk model: proposed by risk control, decided on by the members.

Source: docs/protocol.md, 7.
"""

from typing import TYPE_CHECKING, Any

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError
from client.sdk.keystore import Identity
from client.sdk.monitoring.ledger import worst_ratio_ppm
from client.sdk.monitoring.promise import margins_from_ledger

if TYPE_CHECKING:
    from client.model.manifest import ModelPackage

UINT32_MAX = 2**32 - 1
STATUS_TEXTS = {1: "proposed", 2: "active", 3: "retired"}


def propose_model(chain: ChainClient, identity: Identity, package: "ModelPackage", *, valid_until: int) -> int:
    """Put a model package forward; returns its id. A vote of the members activates it.

    No margin is below the worst that promises of earlier versions have shown (docs/adr/0028).
    """
    earlier = range(1, int(chain.call("RiskModelRegistry", "modelCount")) + 1)
    worst_ppm = min(worst_ratio_ppm(chain, earlier), UINT32_MAX)
    calibration = b"".join(
        total.to_bytes(4, "big") + defaults.to_bytes(4, "big")
        for total, defaults in zip(package.totals, package.defaults, strict=True)
    )
    model = {
        "modelHash": package.model_hash,
        "manifestHash": package.manifest_hash,
        "featureSpecHash": package.feature_spec_hash,
        "programHash": package.program_hash,
        "pdPpm": b"".join(pd.to_bytes(4, "big") for pd in package.pd_ppm),
        "calibration": calibration,
        "marginPpm": list(margins_from_ledger(package.margin_ppm, worst_ppm)),
        "validUntil": valid_until,
    }
    receipt = chain.send("RiskModelRegistry", "propose", [model], identity.account)
    return int(receipt.event("ModelProposed").args["modelId"])


def read_model(chain: ChainClient, model_id: int) -> Any:
    """Return the registry's `Model` struct; InvalidInputError when there is no such version."""
    count = int(chain.call("RiskModelRegistry", "modelCount"))
    if not 1 <= model_id <= count:
        raise InvalidInputError("model", got=model_id, expected=f"1 to {count}" if count else "none is proposed yet")
    return chain.call("RiskModelRegistry", "model", model_id)


def champion(chain: ChainClient) -> int:
    """Return the model version whose scores decide; InvalidInputError when there is none."""
    model_id = int(chain.call("RiskModelRegistry", "champion"))
    if model_id:
        return model_id
    raise InvalidInputError(
        "risk model", got="no champion", expected="one", remedy="`tranchain risk model propose`, then a vote"
    )


def role_text(chain: ChainClient, model_id: int) -> str:
    """Return what a version is at this block: champion, challenger, or none."""
    if chain.call("RiskModelRegistry", "isChampion", model_id):
        return "champion"
    return "challenger" if model_id in chain.call("RiskModelRegistry", "challengers") else "none"
