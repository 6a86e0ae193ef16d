"""A screening as a credit analyst reads it: both modes, levels before and after, the bridge in count and cents."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from client.roles.risk_control.screening import ScreenedPack
from client.roles.risk_control.what_if import WhatIf
from client.sdk.pack.economics import economics_of
from client.sdk.pack.reader import PackFile
from client.sdk.screening import Mode, Policy, Reason, ScreeningResult, bridge

_STEPS = {
    Reason.NOT_ELIGIBLE: "not eligible",
    Reason.NO_RECORD: "no usable record",
    Reason.CONCENTRATION: "over a limit",
    Reason.SCREENED: "screened",
    Reason.BROUGHT_DOWN: "brought down",
}


def report_of(screened: ScreenedPack, policy: Policy, pack: PackFile) -> dict[str, object]:
    """Return the report of a screening; amounts in cents are exact, from the rows."""
    result = screened.result
    balances: list[int] = pack.table.decoded.columns["balance_cents"].tolist()
    return {
        "run": screened.run_id,
        "outcome": "target met" if result.reached else f"target not met: {result.binding.name.lower()}",
        "expected_bad_rate_ppm": policy.expected_bad_rate_ppm,
        "bad_rate_before_ppm": result.before.bad_rate_by_balance_ppm,
        "bad_rate_after_ppm": result.after.bad_rate_by_balance_ppm,
        "by_count_before_ppm": result.before.bad_rate_by_count_ppm,
        "by_count_after_ppm": result.after.bad_rate_by_count_ppm,
        "lowest_reachable_ppm": result.lowest_reachable_ppm,
        "bridge": _bridge(screened, balances),
        "modes": [_mode(mode, each, pack, balances) for mode, each in screened.by_mode.items()],
        "levels": [
            {"level": level, "before_count": before.count, "after_count": after.count}
            for level, (before, after) in enumerate(
                zip(result.before.level_tallies, result.after.level_tallies, strict=True), start=1
            )
        ],
    }


def _bridge(screened: ScreenedPack, balances: list[int]) -> list[dict[str, object]]:
    steps = bridge(screened.assets, screened.result.reasons, balances)
    rows: list[dict[str, object]] = [
        {"step": "offered", "assets_count": len(balances), "principal_cents": sum(balances)}
    ]
    for step in sorted(steps, key=lambda each: each.reason == Reason.KEPT):
        name = "kept" if step.reason == Reason.KEPT else f"- {_STEPS[step.reason]}"
        rows.append({"step": name, "assets_count": step.tally.count, "principal_cents": step.balance_cents})
    return rows


def _mode(mode: Mode, result: ScreeningResult, pack: PackFile, balances: list[int]) -> dict[str, object]:
    """What one mode removes and costs: principal, yield, and what is left of it after fee and expected loss."""
    is_kept = np.frombuffer(result.reasons, dtype=np.uint8) == Reason.KEPT
    rate_ppm = result.after.bad_rate_by_balance_ppm
    economics = economics_of(pack.table.decoded.columns, is_kept, bad_rate_ppm=rate_ppm)
    removed = Counter(result.reasons)
    return {
        "mode": mode_word(mode),
        "reached": result.reached,
        "kept_count": economics.count,
        "kept_cents": economics.principal_cents,
        "removed_cents": sum(balances) - economics.principal_cents,
        "over_a_limit_count": removed[Reason.CONCENTRATION],
        "screened_count": removed[Reason.SCREENED],
        "bad_rate_ppm": rate_ppm,
        "yield_ppm": economics.yield_ppm,
        "excess_spread_ppm": economics.excess_spread_ppm,
    }


def mode_word(mode: Mode) -> str:
    """Return a mode as people type it."""
    return mode.name.lower().replace("_", "-")


def what_if_report(answers: Sequence[WhatIf]) -> dict[str, object]:
    """Return what the contract would do, an answer a row; classes are principal in units of the pack."""
    return {"answers": [_answer(each) for each in answers]}


def _answer(answer: WhatIf) -> dict[str, object]:
    kept = answer.bridge[Reason.KEPT]
    outcome = "target met" if answer.reached else f"not met: {answer.binding.name.lower()}"
    return {
        "expected_bad_rate_ppm": answer.policy.expected_bad_rate_ppm,
        "mode": mode_word(answer.policy.mode),
        "outcome": outcome,
        "bad_rate_before_ppm": answer.bad_rate_before_ppm,
        "bad_rate_after_ppm": answer.bad_rate_after_ppm,
        "lowest_reachable_ppm": answer.lowest_reachable_ppm,
        "kept_count": kept.count,
        "kept_classes": kept.class_sum,
        "not_eligible_count": answer.bridge[Reason.NOT_ELIGIBLE].count,
        "no_record_count": answer.bridge[Reason.NO_RECORD].count,
        "over_a_limit_count": answer.bridge[Reason.CONCENTRATION].count,
        "screened_count": answer.bridge[Reason.SCREENED].count,
    }
