"""Bad rate against removed share: the riskiest leave first; where the screening cut, and how sure that is."""

from typing import Final

from client.report.document import Block, Mark, Note, Picture, Row, Series, Table
from client.report.figures import Figure, Figures
from client.report.interval import DRAWS, simulate_intervals
from client.report.reading.data import CELL_MIN, ReportData
from client.report.reading.screening import Screening
from client.sdk.screening import CurvePoint, RiskTable, curve
from client.sdk.screening.rules import KeptSet

_POINTS_MAX: Final = 51
_TABLE_STEP: Final = 5
_WHAT: Final = "client.sdk.screening.curve over scores, classes and policy"


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return the curve with its interval, the target and the chosen cut."""
    screening = data.screened
    kept = _before(screening)
    total = kept.figures().tally.count
    point_count = min(_POINTS_MAX, max(total // CELL_MIN, 1) + 1)
    points = curve(
        screening.assets,
        screening.policy,
        screening.tables.pd_ppm,
        screening.tables.margin_ppm,
        point_count=point_count,
    )[:-1]  # with everything removed there is no rate
    low, high = _interval(data, figures, kept, points)
    places: list[Figure] = []
    by_balance: list[Figure] = []
    by_count: list[Figure] = []
    for point in points:
        removed = point.removed.count
        share = removed * 1_000_000 // total
        places.append(figures.of("chain", f"removed.{removed}", "ppm", share, _WHAT, "removed share", removed))
        for name, values, value in (
            ("by_balance", by_balance, point.bad_rate_by_balance_ppm),
            ("by_count", by_count, point.bad_rate_by_count_ppm),
        ):
            values.append(figures.of("chain", f"{name}.{removed}", "ppm", value, _WHAT, name, removed))
    target = figures.call("target", "ppm", "Screening.policy", screening.run.policyId, path="expectedBadRatePpm")
    graded = figures.of("chain", "graded", "count", total, "loans that are eligible and have a usable record")
    kept_count = figures.call("kept", "count", "Screening.run", screening.run_id, path="keptCount")
    removed_count = figures.derive("cut_count", "count", "difference", graded, kept_count)
    cut = figures.derive("cut", "ppm", "share_ppm", removed_count, graded)
    rows = [
        Row(label=f"{point.removed.count:,} removed", cells=(place, balance, count, bottom, top))
        for place_index, (point, place, balance, count, bottom, top) in enumerate(
            zip(points, places, by_balance, by_count, low, high, strict=True)
        )
        if place_index % _TABLE_STEP == 0
    ]
    return [
        _picture(places, by_balance, by_count, low, high, target, cut),
        Table(
            title="Bad rate (with margin) of what is left when the riskiest loans are removed",
            label_head="loans",
            heads=("removed share", "by balance", "by count", "95 % from", "to"),
            rows=tuple(rows),
        ),
        Note(
            f"The interval is a parametric bootstrap of {DRAWS} draws: every loan defaults with its probability, "
            "independently of the others. It shows sampling noise of the rate by balance, not the error of the model "
            "nor the economy that all loans share. Limits are left aside in the curve; the chosen cut has them."
        ),
    ]


def _before(screening: Screening) -> KeptSet:
    risk = RiskTable.build(screening.policy, screening.tables.pd_ppm, screening.tables.margin_ppm)
    return KeptSet(screening.assets, screening.policy, risk, frozenset())


def _interval(
    data: ReportData, figures: Figures, kept: KeptSet, points: tuple[CurvePoint, ...]
) -> tuple[list[Figure], list[Figure]]:
    sizes = [kept.principal_classes[index] for index in kept.order]
    pd_ppm = [kept.risk.pd_ppm_by_slot[kept.slots[index]] for index in kept.order]
    removed = [point.removed.count for point in points]
    seed = int.from_bytes(bytes(data.pack.root)[:8])
    found = simulate_intervals(sizes, pd_ppm, removed, seed=seed)
    what = f"parametric bootstrap, {DRAWS} draws, seed from the pack's root"
    low = [
        figures.of("chain", f"low.{n}", "ppm", each.low_ppm, what, "2.5 %", n)
        for n, each in zip(removed, found, strict=True)
    ]
    high = [
        figures.of("chain", f"high.{n}", "ppm", each.high_ppm, what, "97.5 %", n)
        for n, each in zip(removed, found, strict=True)
    ]
    return low, high


def _picture(
    places: list[Figure],
    by_balance: list[Figure],
    by_count: list[Figure],
    low: list[Figure],
    high: list[Figure],
    target: Figure,
    cut: Figure,
) -> Picture:
    at = tuple(places)
    return Picture(
        kind="lines",
        title="Bad rate against removed share, with the chosen cut",
        alt="Falling curves of the bad rate as the riskiest loans are removed, the target and the chosen cut as "
        "straight lines. Figures: table below.",
        x_label="removed share of the loans",
        y_label="bad rate with margin",
        series=(
            Series(
                label="by balance", tone="after", values=tuple(by_balance), places=at, low=tuple(low), high=tuple(high)
            ),
            Series(label="by count", tone="before", values=tuple(by_count), places=at),
        ),
        marks=(Mark(label="target", figure=target, axis="y"), Mark(label="cut", figure=cut, axis="x")),
    )
