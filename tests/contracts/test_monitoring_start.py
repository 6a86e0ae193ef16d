"""How monitoring begins: terms, product, servicer, and a pool that is loaded in calls of any size."""

from __future__ import annotations

from typing import Any

import pytest

from client.sdk.monitoring import Totals
from client.sdk.monitoring.months import month_of_day, start_second
from client.sdk.monitoring.terms import terms_from_chain
from tests.contracts.chain import load_artifact, refused
from tests.contracts.journey import make_hash
from tests.contracts.monitoring_scene import TERMS, issue_pack, load, make_assets, named, start
from tests.contracts.suite import Suite

COUNT = 300
GAS = 4_000_000


@pytest.fixture(scope="module")
def issued(module_suite: Suite) -> tuple[int, bytes]:
    """Pack and product, issued and not yet monitored."""
    pack, _, product, _ = issue_pack(module_suite, make_assets(COUNT))
    return pack, product


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"firstMonth": TERMS.first_month - 1}, "firstMonth"),
        ({"firstMonth": 2760}, "firstMonth"),
        ({"topShareFloorPpm": 0}, "topShareFloorPpm"),
        ({"topShareRisePpm": 1_000_001}, "topShareRisePpm"),
        ({"risingPeriods": 13}, "risingPeriods"),
        ({"risingErrors": 11}, "risingErrors"),
        ({"lossFactorPpm": 999_999}, "lossFactorPpm"),
        ({"lossPeriods": 0}, "lossPeriods"),
        ({"arrearsLimitPpm": 0}, "arrearsLimitPpm"),
        ({"arrearsPeriods": 7}, "arrearsPeriods"),
        ({"clearPeriods": 0}, "clearPeriods"),
        ({"cleanUpPpm": 1_000_001}, "cleanUpPpm"),
        ({"lossCurvePpm": []}, "lossCurvePpm"),
        ({"lossCurvePpm": [2, 1]}, "lossCurvePpm"),
        ({"lossCurvePpm": [1_000_001]}, "lossCurvePpm"),
    ],
)
def test_terms_out_of_range_are_refused(
    suite: Suite, issued: tuple[int, bytes], changes: dict[str, Any], field: str
) -> None:
    with refused("MonitoringBadTerms", field):
        start(suite, *issued, **changes)


def test_start_needs_the_issued_pack_its_product_and_a_servicer(suite: Suite, issued: tuple[int, bytes]) -> None:
    pack, product = issued
    other = make_hash("other product")
    with refused("MonitoringWrongProduct", pack, other):
        start(suite, pack, other)
    with refused("MonitoringServicerLacksRole", suite.originator):
        start(suite, pack, product, servicer=suite.originator)
    struct = TERMS.to_struct(product_id=product, servicer=suite.servicer)
    with refused("MonitoringNotRiskControl", pack, suite.risk_control_2):
        suite.send("risk_control_2", suite.Monitoring.functions.start(pack, struct))
    with refused("MonitoringNotRiskControl", pack + 1, suite.risk_control):
        start(suite, pack + 1, product)


def test_pool_is_loaded_in_calls_of_any_size(suite: Suite, issued: tuple[int, bytes]) -> None:
    pack, product = issued
    monitoring = suite.Monitoring.functions
    receipt = start(suite, pack, product)
    assert suite.event("Monitoring", "MonitoringStarted", receipt)["productId"] == product
    with refused("MonitoringPackNotIssued", pack, 10):
        start(suite, pack, product)
    with refused("MonitoringNotActive", pack):
        suite.send("servicer", monitoring.closePeriod(pack, 1))
    with refused("MonitoringNotRiskControl", pack, suite.risk_control_2):
        suite.send("risk_control_2", monitoring.load(pack))
    with refused("MonitoringGasTooLow", ..., ...):
        suite.send("risk_control", monitoring.load(pack), gas=1_200_000)
    assert monitoring.isMonitored(pack).call() is False
    used = load(suite, pack, gas=1_900_000)
    assert len(used) == 2
    with refused("MonitoringPackNotIssued", pack, 10):
        suite.send("risk_control", monitoring.load(pack))
    with refused("MonitoringPackNotIssued", pack, 10):
        engine = suite.MonitoringEngine.functions
        suite.call("stranger", engine.open(pack, suite.risk_control, encoded_terms(suite, pack)))
    pool = named(suite, "Monitoring", "pool", pack)
    kept = sum(monitoring.kept(pack, chunk).call().bit_count() for chunk in range(2))
    assert (pool["assetCount"], pool["loadedCount"], pool["keptCount"]) == (COUNT, COUNT, kept)


def encoded_terms(suite: Suite, pack: int) -> bytes:
    """ABI-encoded terms as the chain keeps them."""
    pointer = suite.Monitoring.functions.termsPointer(pack).call()
    return bytes(suite.chain.w3.eth.get_code(pointer))[1:]


def test_terms_are_read_back_as_they_were_given(suite: Suite, issued: tuple[int, bytes]) -> None:
    pack, product = issued
    start(suite, pack, product)
    pointer = suite.Monitoring.functions.termsPointer(pack).call()
    stored = suite.MonitoringEngine.functions.terms(pointer).call()
    entry = next(each for each in load_artifact("MonitoringEngine")["abi"] if each.get("name") == "terms")
    names = [part["name"] for part in entry["outputs"][0]["components"]]
    struct = type("Struct", (), dict(zip(names, stored, strict=True)))
    assert terms_from_chain(struct) == TERMS
    assert (struct.productId, struct.servicer) == (product, suite.servicer)


def test_month_that_is_not_over_is_refused(suite: Suite, issued: tuple[int, bytes]) -> None:
    pack, product = issued
    this_month = month_of_day(suite.chain.second // 86_400)
    start(suite, pack, product, firstMonth=this_month)
    load(suite, pack)
    cents = named(suite, "Monitoring", "pool", pack)["cutOffBalanceCents"]
    totals = Totals(beginning_cents=cents, ending_cents=cents).to_struct()
    call = suite.Monitoring.functions.openPeriod(pack, 1, totals, make_hash("key blob"))
    with refused("MonitoringMonthNotOver", this_month, start_second(this_month + 1)):
        suite.send("servicer", call)
    suite.chain.pass_seconds(start_second(this_month + 1) - suite.chain.second)
    suite.send("servicer", call)
