"""A screening as a credit analyst reads it: both modes, levels before and after, the bridge in count and cents."""

from client.roles.risk_control.screening import ScreenedPack
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
    balances = [row.known("balance_cents") for row in pack.rows]
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
    """What one mode removes and costs: principal, and the yield of what stays, weighted by principal."""
    kept = [index for index, reason in enumerate(result.reasons) if reason == Reason.KEPT]
    principal = sum(balances[index] for index in kept)
    interest = sum(balances[index] * pack.rows[index].known("rate_ppm") for index in kept)
    return {
        "mode": mode.name.lower().replace("_", "-"),
        "reached": result.reached,
        "kept_count": len(kept),
        "kept_cents": principal,
        "removed_cents": sum(balances) - principal,
        "bad_rate_ppm": result.after.bad_rate_by_balance_ppm,
        "yield_ppm": interest // principal if principal else 0,
    }
