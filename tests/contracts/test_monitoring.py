"""Monitoring: what may be reported, when triggers fire, what other contracts see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from client.sdk.monitoring import Entry, State, Totals, TriggerKind
from client.sdk.monitoring.entries import encode_entries
from client.sdk.monitoring.promise import PromisePoint, encode_curve
from tests.contracts.chain import refused
from tests.contracts.monitoring_scene import (
    KEY_BLOB,
    TAPE_BLOB,
    UNIT_CENTS,
    Scene,
    assert_equal,
    defaults_of,
    grant_system,
    issue_pack,
    make_assets,
    monitor_pack,
    named,
    start_monitoring,
)
from tests.contracts.suite import Suite

COUNT = 110
MEASURES = "newcomer"


@pytest.fixture(scope="module")
def monitored(module_suite: Suite) -> Scene:
    """A monitored pack of 150 assets, some of which the screening removed."""
    grant_system(module_suite, MEASURES)
    return monitor_pack(module_suite, make_assets(COUNT))


@pytest.fixture
def scene(suite: Suite, monitored: Scene) -> Scene:
    """The monitored pack, each test's months undone after it."""
    assert suite is monitored.suite
    del monitored.pool.periods[1:], monitored.pool.assets[COUNT:]
    return monitored


def measure(scene: Scene, function: str, *arguments: Any) -> Any:
    """Call what only contracts of the consortium may."""
    call = scene.monitoring[function](scene.pack_id, *arguments)
    return scene.suite.chain.send(call, scene.suite.account[MEASURES])


def changed(scene: Scene, count: int, state: State, band: int = 0, skip: int = 0) -> dict[int, Entry]:
    """This many live assets in another state."""
    before = scene.pool.periods[-1].entries
    places = scene.live()[skip : skip + count]
    return {i: Entry(state, band, before[i].balance_class if state.has_balance else 0) for i in places}


def fired(scene: Scene) -> set[TriggerKind]:
    """Triggers of the newest period, on chain."""
    period = len(scene.pool.periods) - 1
    bits = named(scene.suite, "Monitoring", "period", scene.pack_id, period)["firedTriggers"]
    return {kind for kind in TriggerKind if bits >> kind & 1}


def test_monitoring_begins_with_what_the_screening_kept(scene: Scene) -> None:
    views, pack = scene.monitoring, scene.pack_id
    assert scene.suite.AssetPackRegistry.functions.statusOf(pack).call() == 10
    assert_equal(scene, 0)
    removed = next(i for i, asset in enumerate(scene.pool.assets) if not asset.is_kept)
    place = scene.live()[3]
    balance_class, score = scene.pool.assets[place].balance_class, scene.pool.assets[place].closing_score
    assert views.stateOf(pack, 0, place).call() == [1, 0, balance_class, False]
    assert views.levelOf(pack, 0, place).call() == -(-score // 10)
    assert views.stateOf(pack, 0, removed).call() == [0, 0, 0, False]
    assert [views.isInPool(pack, index).call() for index in (place, removed, COUNT)] == [True, False, False]
    assert [views.isMonitored(each).call() for each in (pack, pack + 1)] == [True, False]
    bits = views.kept(pack, 0).call()
    assert [bits >> i & 1 == 1 for i in range(COUNT)] == [asset.is_kept for asset in scene.pool.assets]


def test_months_are_reported_one_after_the_other(scene: Scene) -> None:
    for _ in range(2):
        scene.run(*scene.month({}))
    entries, totals = scene.month({})
    for period in (2, 4):
        with refused("MonitoringWrongPeriod", scene.pack_id, 3, scene.pool.terms.month_of(3), period):
            scene.open(totals, period)
    scene.open(totals)
    with refused("MonitoringPeriodOpen", scene.pack_id, 3):
        scene.open(totals)
    with refused("MonitoringPeriodNotOpen", scene.pack_id, 3, 4):
        scene.report(entries, 4)
    with refused("MonitoringIncomplete", COUNT, 0):
        scene.close()
    scene.report(entries)
    scene.close()
    with refused("MonitoringPeriodNotOpen", scene.pack_id, 0, 3):
        scene.close()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"beginning_cents": 1}, ("MonitoringWrongBeginning", ..., 1)),
        ({"interest_cents": 1, "scheduled_cents": 1}, ("MonitoringOutOfBalance", ..., ...)),
        ({"ending_cents": 0}, ("MonitoringOutOfBalance", ..., 0)),
        ({"defaulted_cents": 2**64 - 1}, ("MonitoringOutOfBalance", ..., ...)),
    ],
)
def test_totals_that_do_not_balance_are_refused(scene: Scene, changes: dict[str, int], error: tuple[Any, ...]) -> None:
    _, totals = scene.month({})
    with refused(*error):
        scene.open(replace(totals, **changes))


def test_interest_and_fees_change_no_balance(scene: Scene) -> None:
    entries, totals = scene.month({}, interest_cents=123_456, fees_cents=7)
    scene.run(entries, totals)
    assert_equal(scene, 1)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda old: Entry(State.NOT_IN_POOL), ("MonitoringBadTransition", ..., 1, 0)),
        (lambda old: Entry(State.RECOVERED), ("MonitoringBadTransition", ..., 1, 6)),
        (lambda old: Entry(State.CURRENT, 0, old.balance_class + 1), ("MonitoringBalanceGrew", ..., ..., ...)),
        (lambda old: Entry(State.CURRENT), ("MonitoringBadEntry", ..., ...)),
        (lambda old: Entry(State.PREPAID, 0, 1), ("MonitoringBadEntry", ..., ...)),
        (lambda old: Entry(State.PREPAID, 1, 0), ("MonitoringBadEntry", ..., ...)),
        (lambda old: Entry(State.CURRENT, 5, 1), ("MonitoringBadEntry", ..., ...)),
        (lambda old: Entry(State.MODIFIED, 0, 65_535), ("MonitoringBadEntry", ..., ...)),
    ],
)
def test_entry_that_cannot_be_is_refused(scene: Scene, change: Any, error: tuple[Any, ...]) -> None:
    place = scene.live()[5]
    entries, totals = scene.month({place: change(scene.pool.periods[0].entries[place])})
    if entries[place].state is State.MODIFIED:
        totals = scene.month({})[1]
    scene.open(replace(totals, capitalised_cents=0, ending_cents=totals.ending_cents - totals.capitalised_cents))
    with refused(error[0], place, *error[2:]):
        scene.report(entries)


def test_asset_that_was_never_in_the_pool_cannot_enter(scene: Scene) -> None:
    removed = next(i for i, asset in enumerate(scene.pool.assets) if not asset.is_kept)
    entries, totals = scene.month({})
    entries[removed] = Entry(State.CURRENT, 0, 1)
    scene.open(totals)
    with refused("MonitoringBadTransition", removed, 0, 1):
        scene.report(entries)


def test_default_stays_one(scene: Scene) -> None:
    """An asset 91 days past due may cure, one that was written off may not; both are counted for good."""
    late, lost = scene.live()[:2]
    before = scene.pool.periods[0].entries
    changes = {
        late: Entry(State.CURRENT, 4, before[late].balance_class),
        lost: Entry(State.DEFAULTED, 2, before[lost].balance_class),
    }
    scene.run(*scene.month(changes))
    assert_equal(scene, 1)
    assert scene.pool.periods[1].cumulative_defaults.count == 2
    with refused("MonitoringBadTransition", lost, 5, 1):
        entries, totals = scene.month({lost: Entry(State.CURRENT, 0, before[lost].balance_class)})
        scene.open(replace(totals, capitalised_cents=0, ending_cents=totals.ending_cents - totals.capitalised_cents))
        scene.report(entries)
    scene.suite.send("servicer", scene.monitoring.discardPeriod(scene.pack_id, 2))
    cured = {late: Entry(State.CURRENT, 0, before[late].balance_class), lost: Entry(State.RECOVERED)}
    scene.run(*scene.month(cured, recovered_cents=50_000))
    assert_equal(scene, 2)
    assert scene.pool.periods[2].cumulative_defaults.count == 2
    assert scene.monitoring.stateOf(scene.pack_id, 2, late).call()[3] is True
    assert sum(each.count for each in defaults_of(scene, 2)) == 0


@pytest.mark.parametrize(
    ("name", "state", "cents"),
    [
        ("endingCents", None, -200 * UNIT_CENTS),
        ("defaultedCents", None, 3 * UNIT_CENTS),
        ("defaultedCents", State.DEFAULTED, -100 * UNIT_CENTS),
        ("repurchasedCents", None, 1),
        ("substitutedOutCents", None, 1),
        ("substitutedInCents", None, 1),
    ],
)
def test_totals_that_entries_deny_are_refused(scene: Scene, name: str, state: State | None, cents: int) -> None:
    entries, totals = scene.month(changed(scene, 20, state) if state else {})
    field = {"endingCents": "prepaid_cents"}.get(name) or {
        "defaultedCents": "defaulted_cents",
        "repurchasedCents": "repurchased_cents",
        "substitutedOutCents": "substituted_out_cents",
        "substitutedInCents": "substituted_in_cents",
    }[name]
    shift = abs(cents) if name == "endingCents" else cents
    moved = {field: max(0, getattr(totals, field) + shift)}
    given = replace(totals, **moved)
    other = {"ending_cents": given.expected_ending_cents}
    if name != "endingCents":
        balance = totals.ending_cents - given.expected_ending_cents
        other = {"capitalised_cents": max(0, balance), "prepaid_cents": given.prepaid_cents + max(0, -balance)}
    scene.open(replace(given, **other))
    scene.report(entries)
    with refused("MonitoringTotalsDiffer", name, ..., ..., ...):
        scene.close()


def test_discarded_period_is_reported_anew(scene: Scene) -> None:
    scene.run(*scene.month({}))
    entries, totals = scene.month(changed(scene, 4, State.DEFAULTED))
    scene.open(totals)
    scene.report(entries)
    scene.suite.send("servicer", scene.monitoring.discardPeriod(scene.pack_id, 2))
    assert scene.monitoring.entriesPointer(scene.pack_id, 2, 0).call() == "0x" + 40 * "0"
    scene.run(*scene.month(changed(scene, 2, State.DEFAULTED, skip=7)))
    assert_equal(scene, 2)


def test_chunks_come_in_order_and_whole(scene: Scene) -> None:
    entries, totals = scene.month({})
    scene.open(totals)
    data = encode_entries(entries)
    send, call = scene.suite.send, scene.monitoring.reportAssets
    with refused("MonitoringWrongChunk", 0, 1):
        send("servicer", call(scene.pack_id, 1, 1, data, TAPE_BLOB))
    with refused("MonitoringWrongLength", 4 * COUNT, 4 * COUNT - 4):
        send("servicer", call(scene.pack_id, 1, 0, data[4:], TAPE_BLOB))
    with refused("MonitoringHashMissing", "tapeBlob"):
        send("servicer", call(scene.pack_id, 1, 0, data, bytes(32)))
    scene.report(entries)
    with refused("MonitoringWrongChunk", 1, 0):
        scene.report(entries)


def test_arrears_raise_the_level_and_fire(scene: Scene) -> None:
    scene.run(*scene.month(changed(scene, 12, State.CURRENT, band=3)))
    assert_equal(scene, 1)
    late = next(i for i, entry in enumerate(scene.pool.periods[1].entries) if entry.band == 3)
    assert scene.monitoring.levelOf(scene.pack_id, 1, late).call() == 10
    assert scene.monitoring.isTopLevel(scene.pack_id, late).call() is True
    assert TriggerKind.ARREARS in fired(scene)
    assert scene.monitoring.isAlert(scene.pack_id).call() is True


def test_top_levels_fire_and_clear_and_three_clear_periods_end_the_alert(scene: Scene) -> None:
    entries, totals = scene.month(changed(scene, 25, State.CURRENT, band=1))
    _, receipt = scene.run(entries, totals)
    assert fired(scene) == {TriggerKind.TOP_LEVELS}
    suite = scene.suite
    assert suite.event("Monitoring", "TriggerFired", receipt)["trigger"] == TriggerKind.TOP_LEVELS
    assert suite.event("Monitoring", "AlertChanged", receipt)["isAlert"] is True
    back = {i: Entry(State.CURRENT, 0, e.balance_class) for i, e in enumerate(entries) if e.band}
    _, receipt = scene.run(*scene.month(back))
    assert suite.event("Monitoring", "TriggerCleared", receipt)["trigger"] == TriggerKind.TOP_LEVELS
    for period, is_alert in ((3, True), (4, False)):
        assert scene.monitoring.isAlert(scene.pack_id).call() is True
        _, receipt = scene.run(*scene.month({}))
        assert_equal(scene, period)
        assert scene.pool.periods[-1].is_alert is is_alert
    assert suite.event("Monitoring", "AlertChanged", receipt)["isAlert"] is False


def test_rise_over_three_periods_fires(scene: Scene) -> None:
    for step in range(1, 4):
        places = scene.live()[: 14 * step]
        before = scene.pool.periods[-1].entries
        scene.run(*scene.month({i: Entry(State.CURRENT, 1, before[i].balance_class) for i in places}))
        assert_equal(scene, step)
        assert (TriggerKind.RISING in fired(scene)) == (step == 3)


def test_losses_above_the_curve_fire_when_they_last(scene: Scene) -> None:
    scene.run(*scene.month(changed(scene, 8, State.DEFAULTED)))
    assert TriggerKind.LOSS not in fired(scene)
    scene.run(*scene.month({}))
    assert_equal(scene, 2)
    assert TriggerKind.LOSS in fired(scene)
    recovered = scene.pool.periods[-1].cumulative_gross_cents
    scene.run(*scene.month({}, recovered_cents=recovered + 1))
    assert_equal(scene, 3)
    assert scene.pool.periods[-1].net_loss_cents == -1
    assert TriggerKind.LOSS not in fired(scene)


def test_measures_take_assets_out_and_in(scene: Scene) -> None:
    out, back = scene.live()[0], scene.live()[1]
    measure(scene, "markLeaving", [out], State.SUBSTITUTED)
    entries, totals = scene.month({})
    scene.open(totals)
    with refused("MonitoringMeasureIgnored", out, State.SUBSTITUTED, State.CURRENT):
        scene.report(entries)
    scene.suite.send("servicer", scene.monitoring.discardPeriod(scene.pack_id, 1))
    receipt = measure(scene, "admit", [55 << 24 | 3, 80 << 24 | 2])
    assert scene.suite.event("Monitoring", "AssetsAdmitted", receipt)["firstIndex"] == COUNT
    assert [scene.pool.admit(55, 3), scene.pool.admit(80, 2)] == [COUNT, COUNT + 1]
    assert scene.monitoring.isInPool(scene.pack_id, COUNT + 1).call() is True
    changes = {out: Entry(State.SUBSTITUTED), back: Entry(State.REPURCHASED)}
    scene.run(*scene.month(changes), {out: State.SUBSTITUTED})
    assert_equal(scene, 1)
    tallies = scene.pool.periods[1].tallies
    assert (tallies.left[0].count, tallies.left[1].count, tallies.unmeasured.count) == (1, 1, 1)
    assert scene.monitoring.isInPool(scene.pack_id, out).call() is False
    assert scene.monitoring.levelOf(scene.pack_id, 1, COUNT + 1).call() == 8
    lost = {COUNT + 1: Entry(State.DEFAULTED, 0, 2)}
    scene.run(*scene.month(lost))
    assert_equal(scene, 2)
    assert defaults_of(scene, 2)[79].count == 1


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("markLeaving", ([0], 6)),
        ("markLeaving", ([1, 1], 7)),
        ("admit", ([1],)),
        ("admit", ([101 << 24 | 1],)),
        ("admit", ([1 << 24],)),
        ("admit", ([1 << 24 | 65_535],)),
    ],
)
def test_measure_that_cannot_be_is_refused(scene: Scene, function: str, arguments: tuple[Any, ...]) -> None:
    first, *rest = arguments
    if function == "markLeaving":
        first = [scene.live()[place] for place in first]
    with refused("MonitoringBadMeasure", scene.pack_id, ...):
        measure(scene, function, first, *rest)


def test_defaulted_assets_are_repurchased_but_not_replaced(scene: Scene) -> None:
    place = scene.live()[0]
    scene.run(*scene.month(changed(scene, 1, State.DEFAULTED)))
    with refused("MonitoringBadMeasure", scene.pack_id, place):
        measure(scene, "markLeaving", [place], State.SUBSTITUTED)
    measure(scene, "markLeaving", [place], State.REPURCHASED)
    entries, totals = scene.month({place: Entry(State.REPURCHASED)})
    scene.run(entries, totals, {place: State.REPURCHASED})
    assert_equal(scene, 2)


def test_another_servicer_goes_on(scene: Scene) -> None:
    suite, pack = scene.suite, scene.pack_id
    servicer, other = suite.account["servicer"], suite.account["originator_2"]
    with refused("MonitoringServicerLacksRole", other):
        suite.send("risk_control", scene.monitoring.setServicer(pack, other))
    with refused("MonitoringNotRiskControl", pack, suite.account["risk_control_2"]):
        suite.send("risk_control_2", scene.monitoring.setServicer(pack, servicer))
    suite.send("risk_control", scene.monitoring.setServicer(pack, servicer))
    enrol = suite.Consortium.encode_abi("enrol", [suite.account["newcomer_2"], 2, 1 << 11, 0, 2**40 - 1, KEY_BLOB])
    suite.vote((suite.Consortium.address, enrol))
    suite.send("risk_control", scene.monitoring.setServicer(pack, suite.account["newcomer_2"]))
    with refused("MonitoringNotServicer", pack, suite.account["newcomer_2"], servicer):
        scene.open(scene.month({})[1])


def test_pool_is_closed_when_little_is_left(scene: Scene) -> None:
    suite, pack = scene.suite, scene.pack_id
    close = scene.monitoring.close(pack)
    with refused("MonitoringNotOver", pack, ..., scene.pool.callable_cents):
        suite.send("risk_control", close)
    gone = {i: Entry(State.PREPAID) for i in scene.live()[4:]}
    entries, totals = scene.month(gone)
    with refused("MonitoringHashMissing", "keyBlob"):
        suite.send("servicer", scene.monitoring.openPeriod(pack, 1, totals.to_struct(), bytes(32)))
    scene.open(totals)
    with refused("MonitoringPeriodOpen", pack, 1):
        suite.send("risk_control", close)
    scene.report(entries)
    scene.close()
    scene.pool.close_period(totals, entries, scene.closing_scores)
    with refused("MonitoringNotRiskControl", pack, ...):
        suite.send("risk_control_2", close)
    receipt = suite.send("risk_control", close)
    assert suite.event("Monitoring", "MonitoringClosed", receipt) == {
        "packId": pack,
        "lastPeriod": 1,
        "isCalled": True,
    }
    assert suite.AssetPackRegistry.functions.statusOf(pack).call() == 11
    assert scene.monitoring.isInPool(pack, scene.live()[0]).call() is True
    with refused("MonitoringNotActive", pack):
        scene.open(Totals(beginning_cents=totals.ending_cents, ending_cents=totals.ending_cents))


def test_what_does_not_exist_is_unknown(scene: Scene) -> None:
    views, pack = scene.monitoring, scene.pack_id
    for period, index in ((1, 0), (0, COUNT)):
        with refused("MonitoringUnknown", pack, period, index):
            scene.suite.call("stranger", views.stateOf(pack, period, index))
    with refused("MonitoringUnknown", pack, 0, 0):
        scene.suite.call("stranger", views.triggers(pack, 0))
    with refused("MonitoringNotActive", pack + 1):
        scene.suite.call("stranger", views.stateOf(pack + 1, 0, 0))


def test_promise_is_held_against_every_closed_month(suite: Suite) -> None:
    """A promise of hardly any defaults: the month in which a few come breaks it, and the pool goes on."""
    assets = make_assets(COUNT, "promised")
    pack, *rest = issue_pack(suite, assets, "promised")
    curve = encode_curve([PromisePoint(expected_milli=month, limit=3) for month in range(1, 37)])
    terms = {"oddsPpm": 2_000_000, "shape": 25, "alphaPpm": 50_000, "marginPpm": 1_050_000}
    suite.send("risk_control", suite.PromiseLedger.functions.commitPromise(pack, terms, curve))
    scene = start_monitoring(suite, assets, pack, *rest)
    scene.run(*scene.month({}))
    ledger = suite.PromiseLedger.functions
    assert ledger.promiseOf(pack).call()[6:10] == (1, 0, 0, 1)
    scene.run(*scene.month(changed(scene, 3, State.DEFAULTED)))
    assert ledger.promiseOf(pack).call()[6:10] == (2, 3, 2, 3)
    assert ledger.recordOfOriginator(suite.originator).call()[:3] == (0, 0, 1)
    scene.run(*scene.month({}))
    assert ledger.promiseOf(pack).call()[6:8] == (3, 3)
