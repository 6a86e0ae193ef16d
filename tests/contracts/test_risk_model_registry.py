"""Model versions: proposed by risk control, activated by vote."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.chain import refused
from tests.contracts.journey import CALIBRATION, FAR_FUTURE, MARGINS, PD_TABLE, make_hash, make_model
from tests.contracts.suite import Suite


def propose(suite: Suite, **changes: Any) -> int:
    receipt = suite.send("risk_control", suite.RiskModelRegistry.functions.propose(make_model(suite, **changes)))
    return suite.event("RiskModelRegistry", "ModelProposed", receipt)["modelId"]


def put(table: bytes, index: int, value: int) -> bytes:
    """The table with its uint32 at this place replaced."""
    return table[: 4 * index] + value.to_bytes(4, "big") + table[4 * index + 4 :]


def test_model_is_usable_between_activation_and_retirement(suite: Suite) -> None:
    models = suite.RiskModelRegistry.functions
    model = propose(suite)
    stored = models.model(model).call()
    assert stored[:3] == (make_hash("model"), make_hash("manifest"), make_hash("features"))
    assert stored[3:7] == (suite.risk_control, suite.chain.second, FAR_FUTURE, 1)
    assert stored[7] == MARGINS
    assert models.pdTable(model).call() == PD_TABLE
    assert models.calibrationTable(model).call() == CALIBRATION
    assert models.isUsable(model).call() is False
    receipt = suite.govern("RiskModelRegistry", "activate", model)
    assert suite.event("RiskModelRegistry", "ModelActivated", receipt) == {"modelId": model}
    assert (models.isUsable(model).call(), models.model(model).call()[6]) == (True, 2)
    receipt = suite.govern("RiskModelRegistry", "retire", model)
    assert suite.event("RiskModelRegistry", "ModelRetired", receipt) == {"modelId": model}
    assert (models.isUsable(model).call(), models.model(model).call()[6]) == (False, 3)
    assert models.modelCount().call() == model


def test_model_past_its_validity_is_not_usable(suite: Suite) -> None:
    model = propose(suite, validUntil=suite.chain.second + 1_000)
    suite.govern("RiskModelRegistry", "activate", model)
    assert suite.RiskModelRegistry.functions.isUsable(model).call() is True
    suite.chain.pass_seconds(1_000)
    assert suite.RiskModelRegistry.functions.isUsable(model).call() is False


def test_model_in_another_status_is_refused(suite: Suite) -> None:
    with refused("RiskModelWrongStatus", 9, 0):
        suite.govern("RiskModelRegistry", "activate", 9)
    with refused("RiskModelWrongStatus", 9, 0):
        suite.govern("RiskModelRegistry", "retire", 9)
    with refused("RiskModelWrongStatus", 9, 0):
        suite.call("stranger", suite.RiskModelRegistry.functions.pdTable(9))
    model = propose(suite)
    suite.govern("RiskModelRegistry", "retire", model)
    with refused("RiskModelWrongStatus", model, 3):
        suite.govern("RiskModelRegistry", "activate", model)
    with refused("RiskModelWrongStatus", model, 3):
        suite.govern("RiskModelRegistry", "retire", model)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"modelHash": bytes(32)}, ("RiskModelHashMissing", "modelHash")),
        ({"manifestHash": bytes(32)}, ("RiskModelHashMissing", "manifestHash")),
        ({"featureSpecHash": bytes(32)}, ("RiskModelHashMissing", "featureSpecHash")),
        ({"pdPpm": PD_TABLE[:-1]}, ("RiskModelBadLength", "pdPpm", 400, 399)),
        ({"pdPpm": put(PD_TABLE, 4, 3_999)}, ("RiskModelBadPd", 5, 3_999)),
        ({"pdPpm": put(PD_TABLE, 99, 1_000_001)}, ("RiskModelBadPd", 100, 1_000_001)),
        ({"calibration": CALIBRATION + b"\0"}, ("RiskModelBadLength", "calibration", 800, 801)),
        ({"calibration": put(CALIBRATION, 7, 1_001)}, ("RiskModelBadCalibration", 4, 1_000, 1_001)),
        ({"marginPpm": [*MARGINS[:9], 1_049_999]}, ("RiskModelMarginTooLow", 10, 1_049_999, 1_050_000)),
        ({"validUntil": 1_700_000_000}, ("RiskModelExpired", 1_700_000_000, ...)),
    ],
)
def test_propose_what_cannot_be_is_refused(suite: Suite, changes: dict[str, Any], error: tuple[Any, ...]) -> None:
    with refused(*error):
        propose(suite, **changes)


def test_flat_and_extreme_tables_are_taken(suite: Suite) -> None:
    propose(suite, pdPpm=bytes(400), calibration=bytes(800))
    propose(suite, pdPpm=(1_000_000).to_bytes(4, "big") * 100)
