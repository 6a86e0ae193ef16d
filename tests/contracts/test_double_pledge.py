"""The same loan in the packs of two originators, and loans that come back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from client.sdk.monitoring import Entry, State
from tests.contracts import journey
from tests.contracts.chain import refused
from tests.contracts.journey import Assets, make_assets
from tests.contracts.monitoring_scene import Scene, grant_system, monitor_pack
from tests.contracts.monitoring_scene import make_assets as monitoring_assets
from tests.contracts.suite import Suite

COUNT = 100
MONITORED_LOANS = make_assets(COUNT, "monitored").nullifiers


@pytest.fixture(scope="module")
def monitored(module_suite: Suite) -> Scene:
    """A monitored pack of the first originator; its screening removed some of the loans."""
    grant_system(module_suite, "newcomer")
    return monitor_pack(module_suite, replace(monitoring_assets(COUNT), nullifiers=MONITORED_LOANS))


def offer(suite: Suite, assets: Assets, originator: str = "originator_2") -> tuple[int, Any]:
    """Have an originator open a pack and add its only chunk; the pack's id and the receipt."""
    pack = journey.invite(suite, originator)
    suite.send(originator, suite.AssetPackRegistry.functions.open(pack, journey.make_header(len(assets.leaves))))
    leaves, nullifiers, classes, buckets = assets.chunk(0)
    signature = journey.attest(suite, pack, 0, nullifiers, leaves)
    call = suite.AssetPackRegistry.functions.addAssets(
        pack, 0, leaves, nullifiers, classes, buckets, journey.HASH, signature
    )
    return pack, suite.send(originator, call)


def with_loans(nullifiers: list[bytes], name: str) -> Assets:
    """A pack's worth of loans, the first of which are these."""
    fresh = make_assets(COUNT, name)
    return Assets(fresh.leaves, (*nullifiers, *fresh.nullifiers[len(nullifiers) :]), fresh.classes, fresh.buckets)


def test_loan_of_another_originators_live_pack_is_refused(suite: Suite) -> None:
    first = journey.submit_pack(suite, make_assets(COUNT))
    loan = make_assets(COUNT).nullifiers[7]
    with refused("PledgeAlreadyLive", loan, first):
        offer(suite, with_loans([loan], "other originator"))


def test_loan_is_free_for_another_originator_after_withdrawal_and_not_counted_as_returned(suite: Suite) -> None:
    first = journey.submit_pack(suite, make_assets(COUNT))
    suite.send("originator", suite.AssetPackRegistry.functions.withdraw(first))
    second, _ = offer(suite, with_loans([make_assets(COUNT).nullifiers[7]], "other originator"))
    assert suite.PledgeRegistry.functions.returnedInto(second).call() == 0
    assert suite.PledgeRegistry.functions.pledgeOf(make_assets(COUNT).nullifiers[7]).call() == [second, 0, True]


@pytest.mark.parametrize("is_released", [False, True])
def test_removed_loans_that_come_back_are_counted_by_pack_and_originator(
    suite: Suite, monitored: Scene, is_released: bool
) -> None:
    pack, pledges = monitored.pack_id, suite.PledgeRegistry.functions
    kept = [MONITORED_LOANS[index] for index in monitored.live()]
    some = [loan for loan in MONITORED_LOANS if loan not in kept][:4]
    assert pledges.unreleasedPacksOf([*some, bytes(32)]).call() == [pack] * 4 + [0]
    if is_released:
        suite.send("originator", pledges.release(some))
        assert pledges.unreleasedPacksOf(some).call() == [0] * 4
    second, receipt = offer(suite, with_loans(some, "again"))
    assert suite.event("PledgeRegistry", "LoansReturned", receipt) == {
        "packId": second,
        "originator": suite.originator_2,
        "count": 4,
    }
    assert pledges.returnedInto(second).call() == pledges.returnedFrom(pack).call() == 4
    assert pledges.returnedBy(suite.originator_2).call() == 4
    assert pledges.returnedBy(suite.originator).call() == pledges.returnedInto(pack).call() == 0
    with refused("PledgeAlreadyLive", kept[0], pack):
        offer(suite, with_loans([kept[0]], "a kept one"))
    with refused("PledgeAlreadyLive", some[0], second):
        offer(suite, with_loans([some[0]], "a third time"), "originator")


def test_loan_of_a_monitored_pack_is_free_once_it_left_the_pool(suite: Suite, monitored: Scene) -> None:
    """Repaid and prepaid loans, and those that measures took out, can be pledged again; defaulted ones cannot."""
    pledges, nullifiers = suite.PledgeRegistry.functions, MONITORED_LOANS
    repaid, prepaid, repurchased, substituted, defaulted, current = monitored.live()[:6]
    with refused("PledgeAlreadyLive", nullifiers[repaid], monitored.pack_id):
        offer(suite, with_loans([nullifiers[repaid]], "too early"))
    old = monitored.pool.periods[-1].entries
    mark = monitored.monitoring.markLeaving(monitored.pack_id, [substituted], State.SUBSTITUTED)
    suite.chain.send(mark, suite.account["newcomer"])
    changes = {
        repaid: Entry(State.REPAID),
        prepaid: Entry(State.PREPAID),
        defaulted: Entry(State.DEFAULTED, 4, old[defaulted].balance_class),
        repurchased: Entry(State.REPURCHASED),
        substituted: Entry(State.SUBSTITUTED),
    }
    monitored.run(*monitored.month(changes), {substituted: State.SUBSTITUTED})
    free = [nullifiers[index] for index in (repaid, prepaid, repurchased, substituted)]
    assert [pledges.pledgeOf(each).call()[2] for each in free] == [False] * 4
    assert [pledges.pledgeOf(nullifiers[index]).call()[2] for index in (defaulted, current)] == [True, True]
    second, receipt = offer(suite, with_loans(free, "after the pool"))
    assert suite.event("PledgeRegistry", "LoansReturned", receipt)["count"] == 4
    assert pledges.pledgeOf(free[0]).call() == [second, 0, True]
    with refused("PledgeAlreadyLive", nullifiers[defaulted], monitored.pack_id):
        offer(suite, with_loans([nullifiers[defaulted]], "a defaulted one"))
