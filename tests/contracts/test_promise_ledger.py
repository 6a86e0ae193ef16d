"""Promises: committed at closing, held against what happens, counted; and what became of the removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from client.sdk.monitoring.promise import PromisePoint, PromiseTerms, encode_curve, promise_of
from tests.contracts import journey
from tests.contracts.chain import refused
from tests.contracts.journey import make_assets
from tests.contracts.suite import ROLES, Suite

COUNT = 100
TERMS = PromiseTerms()
RUNNING, KEPT, BROKEN = 1, 2, 3
PPM = 1_000_000


@dataclass(frozen=True)
class Closed:
    """A transferred pack; `monitor` is an account that may do what Monitoring does."""

    pack: int
    model: int
    kept: int
    most_milli: int
    """Most defaults that the screening lets be promised."""


@pytest.fixture(scope="module")
def closed(module_suite: Suite) -> Closed:
    suite = module_suite
    pack, round_id = journey.score_pack(suite, make_assets(COUNT))
    run = journey.screen_pack(suite, pack, round_id)
    journey.transfer_pack(suite, pack, run)
    manager = suite.AccessManager
    suite.vote((manager.address, manager.encode_abi("grantRole", [ROLES["SYSTEM"], suite.newcomer, 0])))
    found = journey.run_of(suite, run)
    return Closed(pack, found["modelId"], found["keptCount"], found["afterCountPpm"] * found["keptCount"] // 1_000)


def points_of(closed: Closed, months: int = 4) -> tuple[PromisePoint, ...]:
    return promise_of([closed.most_milli * month // months for month in range(1, months + 1)], TERMS)


def struct_of(**changes: int) -> dict[str, int]:
    struct = {"oddsPpm": TERMS.odds_ppm, "shape": TERMS.shape, "alphaPpm": TERMS.alpha_ppm, "marginPpm": 1_200_000}
    return struct | changes


def commit(
    suite: Suite, closed: Closed, curve: bytes | None = None, sender: str = "risk_control", **changes: int
) -> Any:
    data = encode_curve(points_of(closed)) if curve is None else curve
    return suite.send(sender, suite.PromiseLedger.functions.commitPromise(closed.pack, struct_of(**changes), data))


def observe(suite: Suite, closed: Closed, period: int, defaults: int) -> Any:
    return suite.send("newcomer", suite.PromiseLedger.functions.observe(closed.pack, period, defaults))


def logs_of(suite: Suite, event: str, receipt: Any) -> list[Any]:
    from web3.logs import DISCARD

    return list(suite.contracts["PromiseLedger"].events[event]().process_receipt(receipt, errors=DISCARD))


def test_promise_that_is_kept_to_its_last_month(suite: Suite, closed: Closed) -> None:
    ledger, points = suite.PromiseLedger.functions, points_of(closed)
    event = suite.event("PromiseLedger", "PromiseMade", commit(suite, closed))
    assert (event["packId"], event["modelId"], event["originator"]) == (closed.pack, closed.model, suite.originator)
    assert ledger.curve(closed.pack).call() == event["points"] == encode_curve(points)
    assert ledger.recordOfModel(closed.model).call() == (1, 0, 0, 0)
    for month, defaults in ((1, 0), (2, 1), (3, 1), (4, 2)):
        receipt = observe(suite, closed, month, defaults)
        seen = suite.event("PromiseLedger", "PromiseObserved", receipt)
        assert (seen["expectedMilli"], seen["limit"]) == (points[month - 1].expected_milli, points[month - 1].limit)
    assert suite.event("PromiseLedger", "PromiseKept", receipt)["defaults"] == 2
    ratio = 2 * 1_000 * 1_200_000 // points[-1].expected_milli
    assert ledger.recordOfModel(closed.model).call() == (0, 1, 0, ratio)
    assert ledger.recordOfOriginator(suite.originator).call() == (0, 1, 0, ratio)
    assert logs_of(suite, "PromiseKept", observe(suite, closed, 5, 99)) == []
    made = ledger.promiseOf(closed.pack).call()
    assert made[4:11] == (closed.kept, 4, 5, 99, 0, KEPT, True)


def test_promise_breaks_once_at_its_limit_and_its_ratio_counts_again_at_the_end(suite: Suite, closed: Closed) -> None:
    ledger, points = suite.PromiseLedger.functions, points_of(closed)
    commit(suite, closed)
    receipt = observe(suite, closed, 1, points[0].limit - 1)
    assert logs_of(suite, "PromiseBroken", receipt) == []
    assert logs_of(suite, "PromiseObserved", observe(suite, closed, 1, 10_000)) == [], "a month twice changes nothing"
    receipt = observe(suite, closed, 2, points[1].limit)
    assert suite.event("PromiseLedger", "PromiseBroken", receipt)["period"] == 2
    first = points[1].limit * 1_000 * 1_200_000 // points[1].expected_milli
    assert ledger.recordOfModel(closed.model).call() == (0, 0, 1, first)
    assert logs_of(suite, "PromiseBroken", observe(suite, closed, 3, points[2].limit)) == []
    last = observe(suite, closed, 4, 3 * points[3].limit)
    assert logs_of(suite, "PromiseKept", last) == []
    worst = 3 * points[3].limit * 1_000 * 1_200_000 // points[3].expected_milli
    assert ledger.recordOfModel(closed.model).call() == (0, 0, 1, max(first, worst))
    assert ledger.promiseOf(closed.pack).call()[8:11] == (2, BROKEN, True)


def test_pack_without_a_promise_is_observed_without_effect(suite: Suite, closed: Closed) -> None:
    assert logs_of(suite, "PromiseObserved", observe(suite, closed, 1, 5)) == []
    assert suite.PromiseLedger.functions.curve(closed.pack).call() == b""


def test_promise_is_made_once_by_the_packs_risk_control_at_its_closing(suite: Suite, closed: Closed) -> None:
    with refused("PromiseWrongPack", closed.pack, suite.risk_control_2, 8):
        commit(suite, closed, sender="risk_control_2")
    submitted = journey.submit_pack(suite, make_assets(COUNT, "too early"))
    with refused("PromiseWrongPack", submitted, suite.risk_control, 3):
        commit(suite, Closed(submitted, 0, 0, closed.most_milli))
    commit(suite, closed)
    with refused("PromiseExists", closed.pack):
        commit(suite, closed)


@pytest.mark.parametrize(
    ("term", "value"),
    [("oddsPpm", PPM), ("shape", 0), ("alphaPpm", 0), ("alphaPpm", PPM // 2 + 1), ("marginPpm", PPM - 1)],
)
def test_term_out_of_its_range_is_refused(suite: Suite, closed: Closed, term: str, value: int) -> None:
    with refused("PromiseBadTerm", term):
        commit(suite, closed, **{term: value})


def test_curve_that_is_none_is_refused(suite: Suite, closed: Closed) -> None:
    good = encode_curve(points_of(closed))
    for wrong in (b"", good[:-1], bytes(12 * 481)):
        with refused("PromiseBadLength", len(wrong)):
            commit(suite, closed, wrong)
    for wrong in (
        [(2_000, 5), (1_000, 5)],
        [(1_000, 5), (2_000, 4)],
        [(1_000, 2), (2_000, 2)],
    ):
        curve = encode_curve([PromisePoint(expected_milli=milli, limit=limit) for milli, limit in wrong])
        with refused("PromiseBadPoint", 2):
            commit(suite, closed, curve)


def test_promise_of_more_defaults_than_the_screening_found_is_refused(suite: Suite, closed: Closed) -> None:
    curve = encode_curve(promise_of([closed.most_milli + 1], TERMS))
    with refused("PromiseTooHigh", closed.most_milli + 1, closed.most_milli):
        commit(suite, closed, curve)


def test_shadow_pool_is_reported_by_level_and_only_by_the_originator_of_an_issued_pack(
    suite: Suite, closed: Closed
) -> None:
    ledger = suite.PromiseLedger.functions
    removed = ledger.removedOf(closed.pack).call()
    level = max(range(10), key=lambda each: removed[each])
    assert removed[level] >= 2

    def report(period: int, reported: int, defaulted: int, sender: str = "originator") -> Any:
        counts = [[0] * 10, [0] * 10]
        counts[0][level], counts[1][level] = reported, defaulted
        return suite.send(sender, ledger.reportShadow(closed.pack, period, *counts))

    with refused("PromiseWrongPack", closed.pack, suite.originator, 8):
        report(1, 1, 0)
    journey.issue(suite, closed.pack)
    with refused("PromiseWrongPack", closed.pack, suite.originator_2, 9):
        report(1, 1, 0, "originator_2")
    event = suite.event("PromiseLedger", "ShadowReported", report(3, removed[level], 1))
    assert (event["period"], event["reported"][level], event["defaulted"][level]) == (3, removed[level], 1)
    assert ledger.shadowOf(closed.pack).call()[0] == 3
    with refused("ShadowBadPeriod", 3, 3):
        report(3, 1, 1)
    for reported, defaulted in ((removed[level] + 1, 1), (1, removed[level] + 1), (1, 0)):
        with refused("ShadowBadCounts", level + 1, reported, defaulted, removed[level]):
            report(4, reported, defaulted)
    report(4, 1, 2)
    assert sum(ledger.shadowOf(closed.pack).call()[2]) == 2
