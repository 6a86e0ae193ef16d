"""Both modes of screening beside each other, and the excess spread before and after."""

from client.report.averages import average_life_hundredths, total_cents, weighted
from client.report.document import Block, Note, Picture, Row, Series, Table
from client.report.figures import Figure, Figures
from client.report.reading.data import CELL_MIN, ReportData
from client.report.sections.bridge import last_name
from client.sdk.screening import Mode, Reason

_MODE_NAMES = {Mode.WHOLE_PACK: "whole pack", Mode.PER_LEVEL: "per level"}
_HEADS = (
    "loans",
    "principal",
    "removed principal",
    "bad rate with margin",
    "rate (WAC)",
    "loss a year",
    "fee a year",
    "excess spread",
)


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return one line for what was offered, one for each mode and one for what is kept."""
    screening = data.screened
    run, before = screening.run_id, "beforeBalancePpm"
    everything = [index for index, why in enumerate(screening.reasons)]
    bad_before = figures.call("graded.bad_rate", "ppm", "Screening.run", run, path=before)
    lines = [("offered", _line(data, figures, "offered", everything, bad_before))]
    for mode, result in screening.by_mode.items():
        if not result.reached:
            continue
        name = _MODE_NAMES[mode]
        kept = [index for index, why in enumerate(result.reasons) if why == Reason.KEPT]
        bad = figures.of(
            "chain", f"{mode.name.lower()}.bad_rate", "ppm", result.after.bad_rate_by_balance_ppm,
            "client.sdk.screening.compare_modes", name,
        )  # fmt: skip
        lines.append((f"mode {name}", _line(data, figures, mode.name.lower(), kept, bad)))
    last = last_name(data)
    bad_after = figures.call("kept.bad_rate", "ppm", "Screening.run", run, path="afterBalancePpm")
    lines.append((last, _line(data, figures, "kept", list(screening.kept), bad_after)))
    if data.is_for_investors:
        lines = [line for line in lines if _is_safe(line[1][0].number, len(everything), len(screening.kept))]
    missed = [_MODE_NAMES[mode] for mode, result in screening.by_mode.items() if not result.reached]
    notes = [Note(f"Mode {name} cannot reach the target under this policy.") for name in missed]
    return [
        _picture(lines),
        Table(
            title="Both modes beside each other, and excess spread",
            label_head="set of loans",
            heads=_HEADS,
            rows=tuple(Row(label=name, cells=cells, is_total=name == last) for name, cells in lines),
        ),
        *notes,
        Note(
            "Excess spread = weighted rate − expected loss a year − servicing fee a year. Expected loss a year = bad "
            "rate (with margin, by balance) × loss given default ÷ average life in years. The bad rate of what was "
            "offered is that of its eligible loans with a usable record. Modes are compared before the bring-down."
        ),
    ]


def _is_safe(size: int, offered: int, kept: int) -> bool:
    """Return whether a line differs from what was offered and from what is kept by no loan or by ten or more."""
    return all(gap == 0 or gap >= CELL_MIN for gap in (abs(offered - size), abs(size - kept)))


def _line(data: ReportData, figures: Figures, key: str, members: list[int], bad: Figure) -> tuple[Figure, ...]:
    rows = [data.rows[index] for index in members]
    count = figures.of("rows", f"{key}.count", "count", len(rows), "loans of a set", key)
    principal = figures.of("rows", f"{key}.cents", "cents", total_cents(rows), "sum of balance_cents of a set", key)
    offered = figures.call("all.cents", "cents", "AssetPackRegistry.pack", data.pack_id, path="totalPrincipalCents")
    removed = figures.derive(f"{key}.removed", "cents", "difference", offered, principal)
    rate = figures.of("rows", f"{key}.rate", "ppm", weighted(rows, "rate_ppm"), "mean of rate_ppm by balance", key)
    life = figures.of(
        "rows", f"{key}.life", "hundredths", average_life_hundredths(rows), "average life by schedule", key
    )
    given = data.settings.loss_given_default_ppm
    severity = figures.of("setting", "severity", "ppm", given, "loss given default, chosen for this report")
    lost = figures.derive(f"{key}.lost", "ppm", "product_ppm", bad, severity)
    loss = figures.derive(f"{key}.loss_a_year", "ppm", "per_year_ppm", lost, life)
    fee = figures.of("setting", "fee", "ppm", data.settings.servicing_fee_ppm, "servicing fee, chosen for this report")
    spread = figures.derive(f"{key}.spread", "ppm", "difference", rate, loss, fee)
    return count, principal, removed, bad, rate, loss, fee, spread


def _picture(lines: list[tuple[str, tuple[Figure, ...]]]) -> Picture:
    return Picture(
        kind="bars",
        title="Excess spread before and after screening",
        alt="Bars of rate, expected loss a year and excess spread for each set of loans. Figures: table below.",
        x_label="",
        y_label="a year",
        categories=tuple(name for name, _ in lines),
        series=(
            Series(label="rate", tone="before", values=tuple(cells[4] for _, cells in lines)),
            Series(label="expected loss", tone="other", values=tuple(cells[5] for _, cells in lines)),
            Series(label="excess spread", tone="after", values=tuple(cells[7] for _, cells in lines)),
        ),
    )
