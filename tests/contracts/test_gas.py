"""What calls cost, compared with gas_snapshot.json, so that a change of cost shows in a review.

GAS_SNAPSHOT=write python -m pytest -q tests/contracts/test_gas.py -s    # measure again, print and keep
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.contracts import journey
from tests.contracts.journey import CHUNK, FAR_FUTURE, HASH, make_assets, make_hash, make_scores
from tests.contracts.suite import Suite

SNAPSHOT = Path(__file__).parent / "gas_snapshot.json"
ADD_ASSETS_GAS_MAX = 7_500_000
"""A chunk must fit into a transaction of 8 million gas."""
TOLERANCE = 0.002
"""Signatures and addresses differ in their zero bytes, which cost less in calldata."""


@pytest.fixture(scope="module")
def measured(module_suite: Suite) -> dict[str, int]:
    """Gas used by each call, on one pack of 256 assets from batch to product."""
    suite, receipts = module_suite, dict[str, Any]()
    registry, packs, rounds = (
        suite.contracts[name].functions for name in ("CreditFileRegistry", "AssetPackRegistry", "ScoringRounds")
    )
    publish = registry.publishBatch(HASH, 10_000, 1, 2, FAR_FUTURE, make_hash("vault"))
    receipts["publishBatch"] = suite.send("bureau", publish)
    receipts["revoke 100 records"] = suite.send("bureau", registry.revoke(1, list(range(100)), 1))
    receipts["announce key"] = suite.send("originator", suite.EncryptionKeys.functions.announce(b"\1" * 1_216))

    pack = journey.open_pack(suite, CHUNK)
    receipts["addAssets 256"] = journey.add_chunk(suite, pack, make_assets(CHUNK), 0)
    receipts["submit"] = suite.send("originator", packs.submit(pack))
    request = registry.requestCredit(journey.make_request(suite, pack))
    receipts["requestCredit"] = suite.send("risk_control", request)
    receipts["answerCredit"] = suite.send("bureau", registry.answerCredit(1, HASH, 100, 0, 0, 0))
    receipts["closeQuery"] = suite.send("risk_control", registry.closeQuery(1))

    model = suite.RiskModelRegistry.functions.propose(journey.make_model(suite))
    receipts["propose model"] = suite.send("risk_control", model)
    publish = suite.RiskModel.functions.publish(1, 0, journey.PROGRAM)
    receipts["publish program 39"] = suite.send("risk_control", publish)
    suite.govern("RiskModelRegistry", "activate", 1, 0)
    journey.define_policy(suite)
    receipts["open round"] = suite.send("risk_control", rounds.open(pack, 1, 1, 1))
    scores = make_scores(CHUNK)
    for oracle in journey.ORACLES:
        journey.commit_report(suite, 1, oracle, scores)
    journey.reveal_report(suite, 1, "oracle_a", scores)
    receipts["revealReport that agrees"] = journey.reveal_report(suite, 1, "oracle_b", scores)
    receipts["publishScores 256"] = suite.send("oracle_a", rounds.publishScores(1, 0, scores))
    return {name: receipt["gasUsed"] for name, receipt in receipts.items()}


def test_gas_is_that_of_the_snapshot(measured: dict[str, int]) -> None:
    if os.environ.get("GAS_SNAPSHOT") == "write":
        SNAPSHOT.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
        print("\n" + "\n".join(f"{name:28} {gas:>10,}" for name, gas in measured.items()))
    snapshot = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    assert snapshot.keys() == measured.keys()
    changed = {
        name: (kept, measured[name]) for name, kept in snapshot.items() if abs(measured[name] - kept) > TOLERANCE * kept
    }
    assert changed == {}, "if the change is meant, write the snapshot anew as this file's first lines say"


def test_chunk_of_assets_fits_into_a_transaction(measured: dict[str, int]) -> None:
    assert measured["addAssets 256"] < ADD_ASSETS_GAS_MAX
