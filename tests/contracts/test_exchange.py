"""Issuance on a transferred pack."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts import journey
from tests.contracts.chain import refused
from tests.contracts.journey import HASH, make_assets, make_hash
from tests.contracts.suite import Suite

COUNT = 100
PRODUCT = make_hash("product")


@pytest.fixture(scope="module")
def transferred(module_suite: Suite) -> tuple[int, int]:
    """Pack and run, ready for issuance."""
    pack, round_id = journey.score_pack(module_suite, make_assets(COUNT))
    run = journey.screen_pack(module_suite, pack, round_id)
    journey.transfer_pack(module_suite, pack, run)
    return pack, run


def make_issuance(suite: Suite, pack: int, run: int, **changes: Any) -> dict[str, Any]:
    counts, classes = suite.Screening.functions.histogram(run, True).call()
    issuance = {
        "productId": PRODUCT,
        "packId": pack,
        "runId": run,
        "totalCents": COUNT * 500_000,
        "levelCounts": [sum(counts[start : start + 10]) for start in range(0, 100, 10)],
        "levelClasses": [sum(classes[start : start + 10]) for start in range(0, 100, 10)],
        "documentHash": HASH,
    }
    return issuance | changes


def issue(suite: Suite, pack: int, run: int, **changes: Any) -> Any:
    call = suite.Exchange.functions.issue(make_issuance(suite, pack, run, **changes))
    return suite.send("exchange", call)


def test_product_carries_the_levels_that_screening_left(suite: Suite, transferred: tuple[int, int]) -> None:
    pack, run = transferred
    issuance = make_issuance(suite, pack, run)
    assert 0 < sum(issuance["levelCounts"]) < COUNT
    receipt = issue(suite, pack, run)
    event = suite.event("Exchange", "ProductIssued", receipt)
    assert (event["productId"], event["packId"], event["runId"]) == (PRODUCT, pack, run)
    assert suite.event("AssetPackRegistry", "PackAdvanced", receipt) == {"packId": pack, "status": 9}
    stored = suite.Exchange.functions.product(PRODUCT).call()
    assert stored[:6] == tuple(issuance[key] for key in list(issuance)[1:])
    assert stored[6:] == (suite.exchange, suite.chain.second)
    assert suite.Exchange.functions.products().call() == [PRODUCT]
    with refused("ExchangeProductExists", PRODUCT):
        issue(suite, pack, run)
    with refused("ExchangePackNotTransferred", pack, 9):
        issue(suite, pack, run, productId=make_hash("second"))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"productId": bytes(32)}, ("ExchangeHashMissing", "productId")),
        ({"documentHash": bytes(32)}, ("ExchangeHashMissing", "documentHash")),
        ({"runId": 99}, ("ExchangeWrongRun", ..., ..., 99)),
        ({"totalCents": 0}, ("ExchangeBadTotal", 0, COUNT * 1_000_000)),
        ({"totalCents": COUNT * 1_000_000 + 1}, ("ExchangeBadTotal", COUNT * 1_000_000 + 1, COUNT * 1_000_000)),
    ],
)
def test_issue_what_cannot_be_is_refused(
    suite: Suite, transferred: tuple[int, int], changes: dict[str, Any], error: tuple[Any, ...]
) -> None:
    issuance = make_issuance(suite, *transferred) | changes
    with refused(*error):
        suite.send("exchange", suite.Exchange.functions.issue(issuance))


@pytest.mark.parametrize("field", ["levelCounts", "levelClasses"])
@pytest.mark.parametrize("level", [1, 10])
def test_issue_with_other_levels_is_refused(suite: Suite, transferred: tuple[int, int], field: str, level: int) -> None:
    levels = make_issuance(suite, *transferred)[field]
    levels[level - 1] += 1
    with refused("ExchangeWrongLevel", level, ..., ..., ..., ...):
        issue(suite, *transferred, **{field: levels})


def test_issue_before_the_transfer_is_refused(suite: Suite, transferred: tuple[int, int]) -> None:
    pack = journey.submit_pack(suite, make_assets(COUNT, "not transferred"))
    with refused("ExchangePackNotTransferred", pack, 3):
        issue(suite, *transferred, packId=pack)


def test_loan_removed_by_screening_can_be_pledged_again(suite: Suite, transferred: tuple[int, int]) -> None:
    pack, assets = transferred[0], make_assets(COUNT)
    reasons = suite.Screening.functions.reasons(transferred[1], 0).call()
    removed, left = next(index for index in range(COUNT) if reasons[index]), reasons.index(0)
    pledge_of = suite.PledgeRegistry.functions.pledgeOf
    assert pledge_of(assets.nullifiers[removed]).call() == [pack, removed, False]
    assert pledge_of(assets.nullifiers[left]).call() == [pack, left, True]
    fresh = make_assets(COUNT, "fresh").nullifiers
    second = journey.open_pack(suite, COUNT)
    again = journey.Assets(assets.leaves, (assets.nullifiers[removed], *fresh[1:]), assets.classes, assets.buckets)
    receipt = journey.add_chunk(suite, second, again, 0)
    returned = suite.event("PledgeRegistry", "LoansReturned", receipt)
    assert returned == {"packId": second, "originator": suite.originator, "count": 1}
    assert pledge_of(assets.nullifiers[removed]).call() == [second, 0, True]
    third = journey.open_pack(suite, COUNT)
    clash = journey.Assets(assets.leaves, (assets.nullifiers[left], *fresh[1:]), assets.classes, assets.buckets)
    with refused("PledgeAlreadyLive", assets.nullifiers[left], pack):
        journey.add_chunk(suite, third, clash, 0)


def test_many_removed_loans_are_released_before_they_are_offered_again(
    suite: Suite, transferred: tuple[int, int]
) -> None:
    """Without release a chunk full of them would need more gas than a transaction has."""
    pack, assets, pledges = transferred[0], make_assets(COUNT), suite.PledgeRegistry.functions
    reasons = suite.Screening.functions.reasons(transferred[1], 0).call()
    removed = [index for index in range(COUNT) if reasons[index]]
    nullifiers = [assets.nullifiers[index] for index in removed]
    receipt = suite.send("originator", pledges.release(nullifiers))
    logs = suite.PledgeRegistry.events.PledgeReleased().process_receipt(receipt)
    assert [(log["args"]["nullifier"], log["args"]["index"]) for log in logs] == list(
        zip(nullifiers, removed, strict=True)
    )
    assert pledges.pledgeOf(nullifiers[0]).call() == [pack, removed[0], False]
    with refused("PledgeUnknown", nullifiers[0]):
        suite.send("originator", pledges.release(nullifiers[:1]))
    left = assets.nullifiers[reasons.index(0)]
    with refused("PledgeAlreadyLive", left, pack):
        suite.send("originator", pledges.release([left]))
    fresh = make_assets(COUNT, "fresh")
    again = journey.Assets(fresh.leaves, (*nullifiers, *fresh.nullifiers[len(removed) :]), fresh.classes, fresh.buckets)
    journey.add_chunk(suite, journey.open_pack(suite, COUNT), again, 0)
