"""Screening a scored pack on chain, and checking the answer against the reference. Source: docs/screening.md."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from client.sdk.chain import ChainClient, ContractCall
from client.sdk.errors import TamperedError
from client.sdk.keystore import Identity
from client.sdk.pack.on_chain import (
    brought_down_before,
    read_assets,
    read_levels,
    read_policy,
    read_reasons,
    read_report,
    read_tables,
)
from client.sdk.screening import Asset, Mode, ScreeningResult, compare_modes

STEP_GAS = 7_500_000
"""Gas of one call of `step`, below the limit of a transaction."""
_STEPS_IN_FLIGHT = 24


class Phase(IntEnum):
    """Where a run is; the numbers are the chain's."""

    NONE = 0
    SORTING = 1
    LIMITING = 2
    SELECTING = 3
    DONE = 4
    UNREACHABLE = 5
    BROUGHT_DOWN = 6
    MISSED = 7


_UNDER_WAY = (Phase.SORTING, Phase.LIMITING, Phase.SELECTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a run has to come to."""

    mode: Mode
    by_mode: dict[Mode, ScreeningResult]
    assets: Sequence[Asset]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenedPack:
    """A finished run of the Screening contract, which equals the reference."""

    run_id: int
    policy_id: int
    result: ScreeningResult
    by_mode: dict[Mode, ScreeningResult]
    """Both modes under the same policy, as the reference has them."""
    assets: Sequence[Asset]


def start_run(chain: ChainClient, identity: Identity, *, pack_id: int, round_id: int, policy_id: int) -> int:
    """Start a run; returns its id, or that of a run of the same terms that is under way."""
    filters = {"packId": pack_id, "policyId": policy_id}
    for event in chain.events("Screening", "ScreeningStarted", filters=filters):
        run_id = int(event.args["runId"])
        is_same = event.args["roundId"] == round_id
        if is_same and chain.call("Screening", "run", run_id).phase in _UNDER_WAY:
            return run_id
    receipt = chain.send("Screening", "start", [pack_id, round_id, policy_id], identity.account)
    return int(receipt.event("ScreeningStarted").args["runId"])


def finish_run(
    chain: ChainClient, identity: Identity, run_id: int, *, report: Callable[[int], None]
) -> tuple[int, int]:
    """Step a run to its end; returns the number of calls and their gas. `report` gets the calls so far.

    While it sorts, as many calls are under way as it surely needs: none sorts more than the one before.
    """
    step = ContractCall(contract="Screening", function="step", args=[run_id], gas=STEP_GAS)
    step_count = gas_used = sorted_count = 0
    while True:
        run = chain.call("Screening", "run", run_id)
        report(step_count)
        if run.phase not in _UNDER_WAY:
            return step_count, gas_used
        fresh_count, sorted_count = run.sortedCount - sorted_count, run.sortedCount
        is_sorting = run.phase == Phase.SORTING and fresh_count > 0
        needed_count = -(-(run.assetCount - sorted_count) // fresh_count) if is_sorting else 1
        many = chain.send_many([step] * needed_count, identity.account, in_flight=_STEPS_IN_FLIGHT)
        for receipt in many:
            step_count, gas_used = step_count + 1, gas_used + receipt.gas_used
            report(step_count)


def compute_reference(chain: ChainClient, run_id: int) -> Reference:
    """Compute a run from the chain's bytes: all that it depends on is there once it has started."""
    run = chain.call("Screening", "run", run_id)
    report = read_report(chain, run.roundId, run.assetCount)
    assets = read_assets(chain, run.packId, report)
    tables, policy = read_tables(chain, run.modelId), read_policy(chain, run.policyId)
    excluded = brought_down_before(chain, run_id, run.assetCount)
    by_mode = compare_modes(assets, policy, tables.pd_ppm, tables.margin_ppm, brought_down=excluded)
    return Reference(mode=policy.mode, by_mode=by_mode, assets=assets)


def check_run(chain: ChainClient, run_id: int, reference: Reference) -> ScreenedPack:
    """Compare a finished run with what `compute_reference` gave for it.

    Raises:
        TamperedError: chain and reference disagree, which would be a defect of one of them.
    """
    run, result = chain.call("Screening", "run", run_id), reference.by_mode[reference.mode]
    if run.phase in (Phase.DONE, Phase.UNREACHABLE):
        differing = [
            name
            for name, on_chain, recomputed in (
                ("outcome", run.phase == Phase.DONE, result.reached),
                ("reasons", read_reasons(chain, run_id, run.assetCount), result.reasons),
                ("levels before", read_levels(chain, run_id, after=False), result.before.level_tallies),
                ("bad rate before", run.beforeBalancePpm, result.before.bad_rate_by_balance_ppm),
                ("bad rate after", run.afterBalancePpm, result.after.bad_rate_by_balance_ppm),
                ("lowest reachable rate", run.lowestReachablePpm, result.lowest_reachable_ppm),
            )
            if on_chain != recomputed
        ]
        if differing:
            raise TamperedError(f"run {run_id}", got=f"other {', '.join(differing)}", expected="those of the reference")
    return ScreenedPack(
        run_id=run_id,
        policy_id=run.policyId,
        result=result,
        by_mode=reference.by_mode,
        assets=reference.assets,
    )
