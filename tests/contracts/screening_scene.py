"""Packs with given classes, buckets and report bytes, scored through the real contracts, and screenings of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import count
from typing import Any

from client.sdk.pack.on_chain import policy_struct
from client.sdk.pack.report import report_of
from client.sdk.screening import Asset, EligibilityRule, Limit, Policy, ScreeningResult, Tally, screen
from tests.contracts import journey
from tests.contracts.chain import load_artifact
from tests.contracts.suite import Suite

STEP_GAS = 4_000_000
CHUNK = 256
TERM, RATE, DPD, REGION = range(4)
"""Dimensions of the layout that most packs here have."""
AGES = Policy(expected_bad_rate_ppm=0)
"""Of a round, of which only the rules about records count."""
_NUMBERS = count()


class Phase(IntEnum):
    """Where a run is. Source: docs/protocol.md, 8."""

    NONE = 0
    SORTING = 1
    LIMITING = 2
    SELECTING = 3
    DONE = 4
    UNREACHABLE = 5
    BROUGHT_DOWN = 6
    MISSED = 7


@dataclass(frozen=True)
class Model:
    """Tables of a model, and its id on chain."""

    pd_ppm: tuple[int, ...]
    margin_ppm: tuple[int, ...]
    model_id: int


@dataclass
class Screened:
    """A run that was stepped to its end."""

    run_id: int
    step_gas: list[int] = field(default_factory=list)

    @property
    def gas(self) -> int:
        """Of all its steps."""
        return sum(self.step_gas)


def add_model(suite: Suite, pd_ppm: Sequence[int], margin_ppm: Sequence[int]) -> Model:
    """Propose and activate a model with these tables."""
    pd_table = b"".join(value.to_bytes(4, "big") for value in pd_ppm)
    changes = {"pdPpm": pd_table, "marginPpm": list(margin_ppm), "modelHash": journey.make_hash(next(_NUMBERS))}
    return Model(tuple(pd_ppm), tuple(margin_ppm), journey.activate_model(suite, **changes))


def up_to(dimension: int, highest: int) -> EligibilityRule:
    """Classes 0 to the highest are eligible."""
    return EligibilityRule(dimension, 2 ** (highest + 1) - 1)


def region_limit(limit_ppm: int) -> tuple[Limit, ...]:
    """A limit of the region alone."""
    return (Limit(dimension=REGION, limit_ppm=limit_ppm),)


def bucket(term: int = 0, rate: int = 0, dpd: int = 0, region: int = 0) -> bytes:
    """Bucket bytes in the layout that most packs here have."""
    return bytes([term, rate, dpd, region])


def define_policy(suite: Suite, policy: Policy) -> int:
    """Define a policy; its id."""
    suite.send("risk_control", suite.Screening.functions.definePolicy(policy_struct(policy)))
    return suite.Screening.functions.policyCount().call()


def score_pack(suite: Suite, assets: Sequence[Asset], model: Model, scored_by: Policy = AGES) -> tuple[int, int]:
    """Take a pack from invitation to scores; ids of pack and round."""
    name = f"screened pack {next(_NUMBERS)}"
    made = journey.Assets(
        leaves=tuple(journey.make_hash(name, "leaf", i) for i in range(len(assets))),
        nullifiers=tuple(journey.make_hash(name, "loan", i) for i in range(len(assets))),
        classes=tuple(asset.principal_class for asset in assets),
        buckets=tuple(asset.buckets for asset in assets),
    )
    pack = journey.submit_pack(suite, made)
    query = journey.request_credit(suite, pack, count=len(assets))
    suite.send("bureau", suite.CreditFileRegistry.functions.answerCredit(query, journey.HASH, len(assets), 0, 0, 0))
    suite.send("risk_control", suite.CreditFileRegistry.functions.closeQuery(query))
    call = suite.ScoringRounds.functions.open(pack, query, model.model_id, define_policy(suite, scored_by))
    round_id = suite.event("ScoringRounds", "RoundOpened", suite.send("risk_control", call))["roundId"]
    report = report_of(asset.report_word for asset in assets)
    journey.agree(suite, round_id, report)
    journey.publish(suite, round_id, report)
    return pack, round_id


def of_layout(suite: Suite, pack: int, policy: Policy) -> Policy:
    """The policy with the layout of the pack."""
    function = next(entry for entry in load_artifact("AssetPackRegistry")["abi"] if entry.get("name") == "pack")
    place = [part["name"] for part in function["outputs"][0]["components"]].index("layoutId")
    return replace(policy, layout_id=suite.AssetPackRegistry.functions.pack(pack).call()[place])


def start_run(suite: Suite, pack: int, round_id: int, policy: Policy) -> int:
    """Define the policy for the pack's layout and start; the run's id."""
    policy_id = define_policy(suite, of_layout(suite, pack, policy))
    call = suite.Screening.functions.start(pack, round_id, policy_id)
    return suite.event("Screening", "ScreeningStarted", suite.send("risk_control", call))["runId"]


def read_run(suite: Suite, run_id: int) -> dict[str, Any]:
    """The run struct by the names of its fields."""
    return dict(zip(run_names(), suite.Screening.functions.run(run_id).call(), strict=True))


def run_names() -> list[str]:
    """Fields of a run in their order."""
    function = next(entry for entry in load_artifact("Screening")["abi"] if entry.get("name") == "run")
    return [part["name"] for part in function["outputs"][0]["components"]]


def phase_of(suite: Suite, run_id: int) -> Phase:
    """Where a run is."""
    return Phase(read_run(suite, run_id)["phase"])


def finish_run(suite: Suite, run_id: int, gas_in_phase: Callable[[Phase], int] = lambda _: STEP_GAS) -> Screened:
    """Step to the end; `gas_in_phase` says how much gas the next call gets."""
    screened = Screened(run_id)
    while (phase := phase_of(suite, run_id)) in (Phase.SORTING, Phase.LIMITING, Phase.SELECTING):
        receipt = suite.send("risk_control", suite.Screening.functions.step(run_id), gas=gas_in_phase(phase))
        screened.step_gas.append(receipt["gasUsed"])
    return screened


def run_screening(suite: Suite, pack: int, round_id: int, policy: Policy) -> Screened:
    """Start and step to the end."""
    return finish_run(suite, start_run(suite, pack, round_id, policy))


def reasons_of(suite: Suite, run_id: int, asset_count: int) -> bytes:
    """Reasons of all assets."""
    chunks = range(-(-asset_count // CHUNK))
    return b"".join(suite.Screening.functions.reasons(run_id, index).call() for index in chunks)


def tallies(pair: Sequence[Sequence[int]]) -> tuple[Tally, ...]:
    """Counts and class sums of a view, put together."""
    return tuple(Tally(*item) for item in zip(*pair, strict=True))


def assert_equal(
    suite: Suite, run_id: int, assets: Sequence[Asset], policy: Policy, model: Model, **options: Any
) -> ScreeningResult:
    """Compare an ended run with the reference in every figure; the reference's result."""
    expected = screen(assets, policy, model.pd_ppm, model.margin_ppm, **options)
    views, run = suite.Screening.functions, read_run(suite, run_id)
    assert run["phase"] == (Phase.DONE if expected.reached else Phase.UNREACHABLE)
    assert reasons_of(suite, run_id, len(assets)) == expected.reasons
    assert {name: run[name] for name in figures_of(expected)} == figures_of(expected)
    for after, figures in ((False, expected.before), (True, expected.after)):
        assert tallies(views.levels(run_id, after).call()) == figures.level_tallies
    return expected


def figures_of(result: ScreeningResult) -> dict[str, int]:
    """Fields of a run as the reference has them."""
    return {
        "binding": result.binding,
        "roundCount": result.round_count,
        "keptCount": result.after.tally.count,
        "lowestReachablePpm": result.lowest_reachable_ppm,
        "beforeBalancePpm": result.before.bad_rate_by_balance_ppm,
        "beforeCountPpm": result.before.bad_rate_by_count_ppm,
        "afterBalancePpm": result.after.bad_rate_by_balance_ppm,
        "afterCountPpm": result.after.bad_rate_by_count_ppm,
    }
