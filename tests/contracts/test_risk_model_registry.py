"""Model versions: proposed by risk control, made champion or challenger by vote."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils import keccak

from tests.contracts.chain import refused
from tests.contracts.journey import (
    CALIBRATION,
    FAR_FUTURE,
    MARGINS,
    PD_TABLE,
    PROGRAM,
    activate_model,
    make_hash,
    make_model,
    propose_model,
)
from tests.contracts.suite import Suite


def propose(suite: Suite, **changes: Any) -> int:
    receipt = suite.send("risk_control", suite.RiskModelRegistry.functions.propose(make_model(suite, **changes)))
    return suite.event("RiskModelRegistry", "ModelProposed", receipt)["modelId"]


def status(suite: Suite, model: int) -> int:
    return suite.RiskModelRegistry.functions.model(model).call()[7]


def height(suite: Suite) -> int:
    return int(suite.chain.w3.eth.block_number)


def mine_until(suite: Suite, block: int) -> None:
    """Make this block the latest, which calls are executed in."""
    suite.chain.tester.mine_blocks(block - height(suite))


def put(table: bytes, index: int, value: int) -> bytes:
    """The table with its uint32 at this place replaced."""
    return table[: 4 * index] + value.to_bytes(4, "big") + table[4 * index + 4 :]


def test_model_is_usable_between_activation_and_retirement(suite: Suite) -> None:
    models = suite.RiskModelRegistry.functions
    model = propose_model(suite)
    stored = models.model(model).call()
    assert stored[:4] == (make_hash("model"), make_hash("manifest"), make_hash("features"), keccak(PROGRAM))
    assert stored[4] == suite.risk_control
    assert stored[6:11] == (FAR_FUTURE, 1, 0, 0, 0)
    assert stored[11] == MARGINS
    assert models.pdTable(model).call() == PD_TABLE
    assert models.calibrationTable(model).call() == CALIBRATION
    assert models.isUsable(model).call() is False
    receipt = suite.govern("RiskModelRegistry", "activate", model, 0)
    event = {"modelId": model, "fromBlock": receipt["blockNumber"], "formerId": 0}
    assert suite.event("RiskModelRegistry", "ModelActivated", receipt) == event
    assert (models.isUsable(model).call(), models.champion().call(), status(suite, model)) == (True, model, 2)
    receipt = suite.govern("RiskModelRegistry", "retire", model)
    assert suite.event("RiskModelRegistry", "ModelRetired", receipt) == {"modelId": model}
    assert (models.isUsable(model).call(), models.champion().call(), status(suite, model)) == (False, 0, 3)
    assert models.isChampion(0).call() is False
    assert models.modelCount().call() == model


def test_model_past_its_validity_is_not_usable(suite: Suite) -> None:
    model = activate_model(suite, validUntil=suite.chain.second + 1_000)
    assert suite.RiskModelRegistry.functions.isUsable(model).call() is True
    suite.chain.pass_seconds(1_000)
    assert suite.RiskModelRegistry.functions.isUsable(model).call() is False


def test_champion_is_followed_at_the_block_that_was_voted(suite: Suite) -> None:
    models = suite.RiskModelRegistry.functions
    first, second = activate_model(suite), propose_model(suite)
    begins = height(suite) + 20
    receipt = suite.govern("RiskModelRegistry", "activate", second, begins)
    event = {"modelId": second, "fromBlock": begins, "formerId": first}
    assert suite.event("RiskModelRegistry", "ModelActivated", receipt) == event
    mine_until(suite, begins - 1)
    assert (models.champion().call(), status(suite, first), status(suite, second)) == (first, 2, 1)
    assert (models.isUsable(first).call(), models.isUsable(second).call()) == (True, False)
    suite.chain.tester.mine_blocks(1)
    assert (models.champion().call(), status(suite, first), status(suite, second)) == (second, 3, 2)
    assert (models.isUsable(first).call(), models.isUsable(second).call()) == (False, True)
    assert (models.isChampion(first).call(), models.isChampion(second).call()) == (False, True)


def test_second_champion_is_refused_while_one_waits_and_taken_after_that_is_retired(suite: Suite) -> None:
    models = suite.RiskModelRegistry.functions
    first, second, third = activate_model(suite), propose_model(suite), propose_model(suite)
    begins = height(suite) + 50
    suite.govern("RiskModelRegistry", "activate", second, begins)
    with refused("RiskModelActivationPending", second, begins):
        suite.govern("RiskModelRegistry", "activate", third, 0)
    with refused("RiskModelWrongStatus", second, 1):
        suite.govern("RiskModelRegistry", "activateChallenger", second, 0)
    suite.govern("RiskModelRegistry", "retire", second)
    mine_until(suite, begins)
    assert (models.champion().call(), status(suite, first), status(suite, second)) == (first, 2, 3)
    suite.govern("RiskModelRegistry", "activate", third, 0)
    assert (models.champion().call(), status(suite, first)) == (third, 3)


def test_challengers_stand_beside_the_champion_and_may_follow_it(suite: Suite) -> None:
    models = suite.RiskModelRegistry.functions
    first, second, third = activate_model(suite), propose_model(suite), propose_model(suite)
    begins = height(suite) + 30
    receipt = suite.govern("RiskModelRegistry", "activateChallenger", second, begins)
    event = {"modelId": second, "fromBlock": begins}
    assert suite.event("RiskModelRegistry", "ChallengerActivated", receipt) == event
    suite.govern("RiskModelRegistry", "activateChallenger", third, 0)
    assert models.challengers().call() == [third]
    mine_until(suite, begins)
    assert (models.champion().call(), models.challengers().call()) == (first, [second, third])
    assert (models.isUsable(second).call(), models.isChampion(second).call()) == (True, False)
    suite.govern("RiskModelRegistry", "activate", second, 0)
    assert (models.champion().call(), models.challengers().call()) == (second, [third])
    suite.govern("RiskModelRegistry", "retire", third)
    assert models.challengers().call() == []


def test_model_in_another_status_is_refused(suite: Suite) -> None:
    models = suite.RiskModelRegistry.functions
    for function in ("activate", "activateChallenger"):
        with refused("RiskModelWrongStatus", 9, 0):
            suite.govern("RiskModelRegistry", function, 9, 0)
    with refused("RiskModelWrongStatus", 9, 0):
        suite.govern("RiskModelRegistry", "retire", 9)
    with refused("RiskModelWrongStatus", 9, 0):
        suite.call("stranger", models.pdTable(9))
    model = activate_model(suite)
    with refused("RiskModelWrongStatus", model, 2):
        suite.govern("RiskModelRegistry", "activate", model, 0)
    suite.govern("RiskModelRegistry", "retire", model)
    with refused("RiskModelWrongStatus", model, 3):
        suite.govern("RiskModelRegistry", "activate", model, 0)
    with refused("RiskModelWrongStatus", model, 3):
        suite.govern("RiskModelRegistry", "retire", model)


@pytest.mark.parametrize("function", ["activate", "activateChallenger"])
def test_model_whose_program_is_not_on_the_chain_is_refused(suite: Suite, function: str) -> None:
    model = propose(suite)
    with refused("RiskModelProgramMissing", model):
        suite.govern("RiskModelRegistry", function, model, 0)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"modelHash": bytes(32)}, ("RiskModelHashMissing", "modelHash")),
        ({"manifestHash": bytes(32)}, ("RiskModelHashMissing", "manifestHash")),
        ({"featureSpecHash": bytes(32)}, ("RiskModelHashMissing", "featureSpecHash")),
        ({"programHash": bytes(32)}, ("RiskModelHashMissing", "programHash")),
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
