"""Measures on a monitored pool: ordered, carried out, confirmed, escalated; replacements judged as the chain can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from client.sdk.monitoring import Entry, State
from client.sdk.pack.report import words_of
from tests.contracts import journey
from tests.contracts.chain import refused
from tests.contracts.monitoring_scene import UNIT_CENTS, Scene, make_assets, monitor_pack, screen
from tests.contracts.suite import Suite

COUNT = 120
LATE_COUNT = 14
"""Live assets that are 1 to 30 days past due, and so in level 8."""
DAY = 86_400
HASH = journey.make_hash("document")
COLLECT, RESCHEDULE, REPLACE, REPURCHASE = 1, 2, 3, 4
ORDERED, CARRIED_OUT, CONFIRMED, CANCELLED = 1, 2, 3, 4


@dataclass
class Pool:
    """A monitored pool with arrears, and a reserve of the same originator."""

    scene: Scene
    reserve_id: int
    round_id: int
    late: list[int]
    healthy: list[int]

    @property
    def suite(self) -> Suite:
        return self.scene.suite

    @property
    def functions(self) -> Any:
        return self.suite.Measures.functions

    def send(self, account: str, function: str, *arguments: Any) -> Any:
        return self.suite.send(account, self.functions[function](*arguments))

    def order(self, kind: int, assets: Sequence[int], *, days: int = 30, breach: int = 0) -> int:
        """Order as risk control; the measure's id."""
        deadline = self.suite.chain.second + days * DAY
        arguments = (self.scene.pack_id, kind, list(assets), deadline, breach, HASH)
        receipt = self.send("risk_control", "order", *arguments)
        return self.suite.event("Measures", "MeasureOrdered", receipt)["measureId"]

    def offer(self, incoming: Sequence[int], cash_cents: int = 0, **changes: Any) -> dict[str, Any]:
        """An offer of these assets of the reserve."""
        offer = {"reservePackId": self.reserve_id, "roundId": self.round_id, "incoming": list(incoming)}
        return offer | {"cashCents": cash_cents, "evidenceHash": HASH} | changes

    def replace(self, measure: int, incoming: Sequence[int], cash_cents: int = 0, **changes: Any) -> Any:
        return self.send("originator", "replace", measure, self.offer(incoming, cash_cents, **changes))

    def measure(self, measure: int) -> dict[str, Any]:
        names = [part["name"] for part in self._outputs("measure")]
        return dict(zip(names, self.functions.measure(measure).call(), strict=True))

    def _outputs(self, function: str) -> Any:
        abi = self.suite.Measures.abi
        return next(each for each in abi if each.get("name") == function)["outputs"][0]["components"]

    def rate_class(self, index: int) -> int:
        return RESERVE.buckets[index][1]

    def fitting(self, outgoing: Sequence[int]) -> list[int]:
        """For each asset one of the reserve that can replace it."""
        free = [index for index in self.usable() if RESERVE.buckets[index][2] == 0]
        chosen = []
        for asset in outgoing:
            found = next(index for index in free if self.rate_class(index) >= POOL.buckets[asset][1])
            free.remove(found)
            chosen.append(found)
        return chosen

    def usable(self) -> list[int]:
        """Assets of the reserve that are kept, freshly scored, and no riskier than the pool at closing."""
        numerator, denominator = self.suite.ReplacementRules.functions.meanPd(self.scene.pack_id).call()
        words = words_of(journey.make_scores(COUNT))
        return [
            index
            for index in range(COUNT)
            if 0 < words[index] <= 100
            and -(-words[index] * 1_000 * 105 // 100) * denominator <= numerator
            and self.suite.Screening.functions.isKept(self.reserve_id, index).call()
        ]

    def cash_for(self, outgoing: Sequence[int], incoming: Sequence[int]) -> int:
        classes = sum(POOL.classes[index] for index in outgoing) - sum(RESERVE.classes[index] for index in incoming)
        return max(classes, 0) * UNIT_CENTS


POOL = make_assets(COUNT)
_MADE = journey.make_assets(COUNT, "reserve")
RESERVE = replace(
    _MADE,
    classes=tuple(1 + index % 3 for index in range(COUNT)),
    buckets=tuple(bytes([3, index % 5, int(index % 11 == 2), index % 7]) for index in range(COUNT)),
)


@pytest.fixture(scope="module")
def founded_pool(module_suite: Suite) -> Pool:
    """A month after closing, and a reserve that is screened."""
    scene = monitor_pack(module_suite, POOL)
    live = scene.live()
    late = live[:LATE_COUNT]
    changes = {index: Entry(State.CURRENT, 1, POOL.classes[index]) for index in late}
    defaulted = live[LATE_COUNT]
    changes[defaulted] = Entry(State.DEFAULTED, 4, POOL.classes[defaulted])
    scene.run(*scene.month(changes))
    reserve, round_id = journey.score_pack(module_suite, RESERVE)
    screen(module_suite, reserve, round_id)
    return Pool(scene, reserve, round_id, late, live[LATE_COUNT + 1 :])


@pytest.fixture
def pool(suite: Suite, founded_pool: Pool) -> Pool:
    """The pool with its terms set; what a test does is undone after it."""
    suite.send("risk_control", suite.Measures.functions.setTerms(founded_pool.scene.pack_id, 1, 2))
    return founded_pool


def status(pool: Pool, measure: int) -> int:
    return pool.measure(measure)["status"]


def test_replacement_takes_the_old_out_and_the_new_in(pool: Pool) -> None:
    suite, pack = pool.suite, pool.scene.pack_id
    outgoing = pool.late[:3]
    incoming = pool.fitting(outgoing)
    cash = pool.cash_for(outgoing, incoming)
    measure = pool.order(REPLACE, outgoing)
    receipt = pool.replace(measure, incoming, cash)
    offered = suite.event("Measures", "ReplacementOffered", receipt)
    assert (offered["incoming"], offered["cashCents"]) == (incoming, cash)
    assert pool.functions.useOf(pool.reserve_id, incoming[0]).call() == [measure, pack, 0]
    assert pool.functions.assetsOf(measure).call() == [outgoing, incoming]
    receipt = pool.send("trustee", "confirm", measure)
    assert suite.event("Measures", "MeasureConfirmed", receipt)["trustee"] == suite.account["trustee"]
    marked = suite.event("Monitoring", "AssetsMarked", receipt)
    assert (list(marked["indices"]), marked["state"]) == (outgoing, int(State.SUBSTITUTED))
    assert suite.event("Monitoring", "AssetsAdmitted", receipt)["firstIndex"] == COUNT
    assert pool.functions.useOf(pool.reserve_id, incoming[2]).call() == [measure, pack, COUNT + 2]
    assert pool.functions.replacedClasses(pack).call() == sum(POOL.classes[index] for index in outgoing)
    assert status(pool, measure) == CONFIRMED


def test_used_reserve_is_never_sold_and_its_used_loans_stay_pledged(pool: Pool) -> None:
    suite, packs = pool.suite, pool.suite.AssetPackRegistry.functions
    outgoing = pool.late[:2]
    incoming = pool.fitting(outgoing)
    measure = pool.order(REPLACE, outgoing)
    assert pool.functions.isReserve(pool.reserve_id).call() is False
    pool.replace(measure, incoming, pool.cash_for(outgoing, incoming))
    assert pool.functions.isReserve(pool.reserve_id).call() is True
    run = suite.Screening.functions.runOf(pool.reserve_id).call()
    suite.send("originator", suite.Screening.functions.bringDown(run, [], []))
    with refused("AssetPackIsReserve", pool.reserve_id):
        suite.send("originator", packs.assign(pool.reserve_id, HASH))
    suite.send("originator", packs.withdraw(pool.reserve_id))
    pledge = suite.PledgeRegistry.functions.pledgeOf
    assert pledge(RESERVE.nullifiers[incoming[0]]).call()[2] is True
    unused = next(index for index in range(COUNT) if index not in incoming)
    assert pledge(RESERVE.nullifiers[unused]).call()[2] is False
    pool.send("trustee", "confirm", measure)
    assert pledge(RESERVE.nullifiers[incoming[0]]).call()[2] is True


def test_replacement_that_is_sold_elsewhere_is_refused(pool: Pool) -> None:
    """The reserve's title is offered, then transferred: its loans are another product's."""
    suite, packs = pool.suite, pool.suite.AssetPackRegistry.functions
    outgoing = pool.late[:1]
    measure = pool.order(REPLACE, outgoing)
    incoming = pool.fitting(outgoing)
    run = suite.Screening.functions.runOf(pool.reserve_id).call()
    suite.send("originator", suite.Screening.functions.bringDown(run, [], []))
    suite.send("originator", packs.assign(pool.reserve_id, HASH))
    with refused("MeasuresBadReserve", pool.reserve_id, "status"):
        pool.replace(measure, incoming)
    suite.send("trustee", packs.acceptTransfer(pool.reserve_id))
    with refused("MeasuresBadReserve", pool.reserve_id, "status"):
        pool.replace(measure, incoming)


def test_replacement_that_was_used_before_is_refused(pool: Pool) -> None:
    first, second = pool.order(REPLACE, pool.late[:1]), pool.order(REPLACE, pool.late[1:2])
    third = pool.order(REPLACE, pool.late[:1])
    twice = pool.order(REPLACE, pool.late[2:4])
    incoming = pool.fitting(pool.late[:2])[1:]
    pool.replace(first, incoming, pool.cash_for(pool.late[:1], incoming))
    with refused("MeasuresReserveUsed", pool.reserve_id, incoming[0], first):
        pool.replace(second, incoming)
    free = pool.fitting(pool.late[:4])
    with refused("MeasuresAssetTaken", pool.late[0], first):
        pool.replace(third, free[3:])
    with refused("MeasuresReserveUsed", pool.reserve_id, free[3], twice):
        pool.replace(twice, [free[3], free[3]])


def test_replacements_above_a_twentieth_of_the_balance_are_refused(pool: Pool) -> None:
    limit = pool.scene.pool.cut_off_balance_cents // 20
    by_size = sorted(pool.late, key=lambda index: POOL.classes[index])
    outgoing = sorted(by_size[-6:])
    classes = sum(POOL.classes[index] for index in outgoing)
    assert classes * UNIT_CENTS > limit
    incoming = pool.fitting(outgoing)
    measure = pool.order(REPLACE, outgoing)
    with refused("MeasuresTooMuchReplaced", classes * UNIT_CENTS, limit):
        pool.replace(measure, incoming, pool.cash_for(outgoing, incoming))


def test_asset_that_is_not_in_top_levels_or_defaulted_is_not_replaced(pool: Pool) -> None:
    known = {*pool.late, *pool.healthy}
    defaulted = next(index for index in range(COUNT) if index not in known and _owned(pool, index))
    levels = pool.suite.Monitoring.functions.levelOf
    healthy = next(index for index in pool.healthy if levels(pool.scene.pack_id, 1, index).call() < 8)
    for asset in (healthy, defaulted):
        with refused("MeasuresBadAsset", asset):
            pool.order(REPLACE, [asset])
    with refused("MeasuresBadAsset", pool.late[0]):
        pool.order(REPLACE, [pool.late[1], pool.late[0]])
    with refused("MonitoringUnknown"):
        pool.order(COLLECT, [COUNT + 1])


def _owned(pool: Pool, index: int) -> bool:
    return bool(pool.suite.Monitoring.functions.isInPool(pool.scene.pack_id, index).call())


def test_replacement_that_does_not_fit_is_refused(pool: Pool) -> None:
    words, usable = words_of(journey.make_scores(COUNT)), pool.usable()
    kept = [i for i in range(COUNT) if pool.suite.Screening.functions.isKept(pool.reserve_id, i).call()]
    outgoing = next(index for index in pool.late if POOL.buckets[index][1] > 0)
    measure = pool.order(REPLACE, [outgoing])
    cases = {
        "kept": next(i for i in range(COUNT) if i not in kept),
        "record": next(i for i in kept if words[i] > 100),
        "pd": next(i for i in kept if words[i] <= 100 and i not in usable),
        "dpd": next(i for i in usable if RESERVE.buckets[i][2] == 1),
        "rate": next(
            i for i in usable if RESERVE.buckets[i][2] == 0 and pool.rate_class(i) < POOL.buckets[outgoing][1]
        ),
    }
    for field, index in cases.items():
        with refused("MeasuresBadReplacement", index, field):
            pool.replace(measure, [index])


def test_reserve_that_does_not_fit_is_refused(pool: Pool) -> None:
    measure = pool.order(REPLACE, pool.late[:1])
    incoming = pool.fitting(pool.late[:1])
    with refused("MeasuresBadReserve", pool.scene.pack_id, "status"):
        pool.replace(measure, incoming, reservePackId=pool.scene.pack_id)
    with refused("MeasuresBadReserve", pool.reserve_id, "roundId"):
        pool.replace(measure, incoming, roundId=1)
    with refused("MeasuresBadField", "incoming"):
        pool.replace(measure, [*incoming, 1])
    journey.activate_model(pool.suite)
    with refused("MeasuresBadReserve", pool.reserve_id, "model"):
        pool.replace(measure, incoming)


@pytest.mark.parametrize(("field", "change"), [("currency", {"currency": b"EUR"}), ("classUnit", {"classUnit": 500})])
def test_reserve_of_another_kind_is_refused(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, field: str, change: dict[str, Any]
) -> None:
    header = journey.make_header
    with monkeypatch.context() as patched:
        patched.setattr(journey, "make_header", lambda count: header(count, **change))
        other, round_id = journey.score_pack(pool.suite, journey.make_assets(COUNT, field))
    screen(pool.suite, other, round_id)
    measure = pool.order(REPLACE, pool.late[:1])
    with refused("MeasuresBadReserve", other, field):
        pool.replace(measure, [0], reservePackId=other, roundId=round_id)


def test_shortfall_is_paid_to_the_unit(pool: Pool) -> None:
    outgoing = [max(pool.late, key=lambda index: POOL.classes[index])]
    incoming = pool.fitting(outgoing)
    measure = pool.order(REPLACE, outgoing)
    short = pool.cash_for(outgoing, incoming)
    assert short > 2 * UNIT_CENTS
    for cash in (short - 2 * UNIT_CENTS - 1, short + 2 * UNIT_CENTS + 1):
        with refused("MeasuresWrongCash", cash, short - 2 * UNIT_CENTS, short + 2 * UNIT_CENTS):
            pool.replace(measure, incoming, cash)
    pool.replace(measure, incoming, short - 2 * UNIT_CENTS)


def test_measure_after_its_deadline_is_refused_and_escalated_by_anyone(pool: Pool) -> None:
    suite = pool.suite
    replacing, collecting = pool.order(REPLACE, pool.late[:1], days=2), pool.order(COLLECT, pool.late[:2], days=2)
    deadline = pool.measure(replacing)["deadline"]
    with refused("MeasuresNotOverdue", replacing, deadline):
        pool.send("stranger", "escalate", replacing)
    suite.chain.pass_seconds(3 * DAY)
    with refused("MeasuresDeadlinePassed", replacing, deadline, ...):
        pool.replace(replacing, pool.fitting(pool.late[:1]))
    receipt = pool.send("stranger", "escalate", replacing)
    event = suite.event("Measures", "MeasureEscalated", receipt)
    assert (event["late"], event["kind"], event["deadline"]) == (suite.account["originator"], REPLACE, deadline)
    receipt = pool.send("stranger", "escalate", collecting)
    assert suite.event("Measures", "MeasureEscalated", receipt)["late"] == suite.account["servicer"]
    with refused("MeasuresNotOverdue", collecting, ...):
        pool.send("stranger", "escalate", collecting)
    with refused("MeasuresNotOverdue", 99, 0):
        pool.send("stranger", "escalate", 99)


def test_trustee_that_does_not_confirm_is_named(pool: Pool) -> None:
    measure = pool.order(COLLECT, pool.late)
    pool.send("servicer", "collectMoreOften", measure, HASH)
    pool.suite.chain.pass_seconds(15 * DAY)
    receipt = pool.send("stranger", "escalate", measure)
    assert pool.suite.event("Measures", "MeasureEscalated", receipt)["late"] == pool.suite.account["trustee"]
    pool.send("trustee", "confirm", measure)
    assert status(pool, measure) == CONFIRMED


def test_collection_and_schedules_are_the_servicers_with_the_borrowers_consent(pool: Pool) -> None:
    collecting, changing = pool.order(COLLECT, pool.late), pool.order(RESCHEDULE, pool.late[:2])
    pool.send("servicer", "collectMoreOften", collecting, HASH)
    assert status(pool, collecting) == CARRIED_OUT
    with refused("MeasuresWrongKind", changing, RESCHEDULE):
        pool.send("servicer", "collectMoreOften", changing, HASH)
    with refused("MeasuresBadField", "consentsRoot"):
        pool.send("servicer", "changeSchedule", changing, bytes(32), HASH)
    with refused("MeasuresBadField", "evidenceHash"):
        pool.send("servicer", "changeSchedule", changing, HASH, bytes(32))
    pool.send("servicer", "changeSchedule", changing, HASH, HASH)
    assert pool.measure(changing)["consentsRoot"] == HASH
    with refused("MeasuresWrongStatus", changing, CARRIED_OUT):
        pool.send("servicer", "changeSchedule", changing, HASH, HASH)


def test_repurchase_needs_a_named_breach_and_par(pool: Pool) -> None:
    suite = pool.suite
    assets = pool.healthy[:2]
    with refused("MeasuresBadField", "breach"):
        pool.order(REPURCHASE, assets)
    with refused("MeasuresBadField", "breach"):
        pool.order(REPURCHASE, assets, breach=7)
    with refused("MeasuresBadField", "breach"):
        pool.order(COLLECT, assets, breach=1)
    measure = pool.order(REPURCHASE, assets, breach=4)
    classes = sum(POOL.classes[index] for index in assets)
    least, most = (classes - 2) * UNIT_CENTS, (classes + 2) * UNIT_CENTS
    with refused("MeasuresWrongCash", most + 1, least, most):
        pool.send("originator", "repurchase", measure, most + 1, HASH)
    pool.send("originator", "repurchase", measure, classes * UNIT_CENTS, HASH)
    receipt = pool.send("trustee", "confirm", measure)
    assert suite.event("Monitoring", "AssetsMarked", receipt)["state"] == int(State.REPURCHASED)
    assert pool.functions.replacedClasses(pool.scene.pack_id).call() == 0


def test_rejected_replacement_gives_everything_back(pool: Pool) -> None:
    outgoing = pool.late[:1]
    incoming = pool.fitting(outgoing)
    measure = pool.order(REPLACE, outgoing)
    cash = pool.cash_for(outgoing, incoming)
    pool.replace(measure, incoming, cash)
    with refused("MeasuresBadField", "reasonHash"):
        pool.send("trustee", "reject", measure, bytes(32))
    receipt = pool.send("trustee", "reject", measure, HASH)
    assert pool.suite.event("Measures", "MeasureRejected", receipt)["reasonHash"] == HASH
    assert pool.functions.isReserve(pool.reserve_id).call() is False
    assert pool.functions.replacedClasses(pool.scene.pack_id).call() == 0
    assert (status(pool, measure), pool.measure(measure)["reservePackId"]) == (ORDERED, 0)
    pool.replace(measure, incoming, cash)
    pool.send("trustee", "confirm", measure)


def test_cancelled_measure_is_over(pool: Pool) -> None:
    measure = pool.order(COLLECT, pool.late)
    with refused("MeasuresBadField", "reasonHash"):
        pool.send("risk_control", "cancel", measure, bytes(32))
    receipt = pool.send("risk_control", "cancel", measure, HASH)
    assert pool.suite.event("Measures", "MeasureCancelled", receipt)["measureId"] == measure
    assert status(pool, measure) == CANCELLED
    for account, call in {
        "risk_control": ("cancel", measure, HASH),
        "servicer": ("collectMoreOften", measure, HASH),
        "trustee": ("confirm", measure),
    }.items():
        with refused("MeasuresWrongStatus", measure, CANCELLED):
            pool.send(account, *call)


def test_account_without_part_in_the_pool_is_refused(pool: Pool) -> None:
    pack, suite = pool.scene.pack_id, pool.suite
    deadline = suite.chain.second + DAY
    with refused("MeasuresWrongAccount", pack, suite.account["risk_control"], suite.account["risk_control_2"]):
        pool.send("risk_control_2", "order", pack, COLLECT, pool.late, deadline, 0, HASH)
    measure = pool.order(REPURCHASE, pool.late[:1], breach=1)
    with refused("MeasuresWrongAccount", pack, suite.account["originator"], suite.account["originator_2"]):
        pool.send("originator_2", "repurchase", measure, UNIT_CENTS, HASH)


def test_order_that_cannot_be_is_refused(pool: Pool) -> None:
    pack, later = pool.scene.pack_id, pool.suite.chain.second + DAY
    late = pool.late[:1]
    for field, arguments in {
        "kind": (pack, 5, late, later, 0, HASH),
        "deadline": (pack, COLLECT, late, 1, 0, HASH),
        "groundsHash": (pack, COLLECT, late, later, 0, bytes(32)),
        "assets": (pack, COLLECT, [], later, 0, HASH),
    }.items():
        with refused("MeasuresBadField", field):
            pool.send("risk_control", "order", *arguments)
    with refused("MeasuresBadField", "assets"):
        pool.order(REPLACE, range(17))
    with refused("MeasuresNotMonitored", pool.reserve_id):
        pool.send("risk_control", "order", pool.reserve_id, COLLECT, late, later, 0, HASH)


def test_terms_are_set_once_and_are_dimensions_of_the_layout(pool: Pool) -> None:
    pack = pool.scene.pack_id
    assert pool.functions.terms(pack).call() == (True, 1, 2)
    with refused("MeasuresWrongTerms", pack):
        pool.send("risk_control", "setTerms", pack, 1, 2)


def test_terms_outside_the_layout_are_refused_and_needed_for_replacements(suite: Suite, founded_pool: Pool) -> None:
    pack = founded_pool.scene.pack_id
    for rate, dpd, field in ((4, 2, "rateDimension"), (1, 4, "dpdDimension"), (1, 1, "dpdDimension")):
        with refused("MeasuresBadField", field):
            founded_pool.send("risk_control", "setTerms", pack, rate, dpd)
    with refused("MeasuresWrongTerms", pack):
        founded_pool.order(REPLACE, founded_pool.late[:1])
