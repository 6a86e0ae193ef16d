"""From offered to issued: what left for which reason, in loans and to the cent."""

from typing import Final

from client.report.bands import Band, join_smallest
from client.report.document import Block, Note, Picture, Row, Series, Table
from client.report.figures import Figure, Figures
from client.report.reading.data import ReportData
from client.sdk.pack.status import PackStatus
from client.sdk.screening import Reason

STEP_NAMES: Final = {
    Reason.NOT_ELIGIBLE: "not eligible",
    Reason.NO_RECORD: "no usable record",
    Reason.CONCENTRATION: "over a limit",
    Reason.SCREENED: "screened",
    Reason.BROUGHT_DOWN: "brought down",
}
_KEYS: Final = {reason.name.lower(): reason for reason in Reason}


def last_name(data: ReportData) -> str:
    """Return what the kept loans are called: issued once there is a product on them."""
    return "issued" if data.pack.status >= PackStatus.ISSUED else "kept"


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return the bridge as pictures and a table that adds up."""
    pack = "AssetPackRegistry.pack"
    offered = (
        figures.call("offered.count", "count", pack, data.pack_id, path="count"),
        figures.call("offered.cents", "cents", pack, data.pack_id, path="totalPrincipalCents"),
    )
    steps = [(band.label, *_step(data, figures, band)) for band in _bands(data)]
    kept = _step(data, figures, _band(data, Reason.KEPT))
    last = last_name(data)

    def share(cents: Figure) -> Figure:
        key = cents.id.removeprefix(f"{figures.section}.").replace(".cents", ".share")
        return figures.derive(key, "ppm", "share_ppm", cents, offered[1])

    rows = [Row(label="offered", cells=(*offered, share(offered[1])), is_total=True)]
    rows += [Row(label=f"\u2212 {name}", cells=(count, cents, share(cents))) for name, count, cents in steps]
    rows.append(Row(label=last, cells=(*kept, share(kept[1])), is_total=True))
    names = ("offered", *(name for name, _, _ in steps), last)
    return [
        _picture("loans", names, (offered[0], *(count for _, count, _ in steps), kept[0])),
        _picture(f"principal, {data.currency}", names, (offered[1], *(cents for _, _, cents in steps), kept[1])),
        Table(
            title=f"Bridge from offered to {last}",
            label_head="step",
            heads=("loans", f"principal at cut-off, {data.currency}", "of offered"),
            rows=tuple(rows),
        ),
        Note(
            "Each loan that left has one reason: the first of these steps that it did not pass. Counts are the "
            "contract's; amounts are exact sums over the rows, and the table adds up to the cent."
        ),
    ]


def _bands(data: ReportData) -> list[Band]:
    bands = [_band(data, reason) for reason in STEP_NAMES]
    if not data.is_for_investors:
        return bands
    return join_smallest(bands, (), "for other reasons")


def _band(data: ReportData, reason: Reason) -> Band:
    members = tuple(index for index, why in enumerate(data.screened.reasons) if why == reason)
    return Band(key=reason.name.lower(), label=STEP_NAMES.get(reason, "kept"), members=members)


def _step(data: ReportData, figures: Figures, band: Band) -> tuple[Figure, Figure]:
    total = sum(data.rows[index].known("balance_cents") for index in band.members)
    if band.key in _KEYS:
        place = f"0.{int(_KEYS[band.key])}"
        count = figures.call(f"{band.key}.count", "count", "Screening.bridge", data.screened.run_id, path=place)
    else:
        count = figures.of("chain", f"{band.key}.count", "count", len(band.members), "loans by reason", band.key)
    cents = figures.of("rows", f"{band.key}.cents", "cents", total, "sum of balance_cents by reason", band.key)
    return count, cents


def _picture(unit: str, names: tuple[str, ...], values: tuple[Figure, ...]) -> Picture:
    return Picture(
        kind="steps",
        title=f"From offered to {names[-1]}: {unit}",
        alt=f"Bars falling from what was offered to what is {names[-1]}, one step a reason. Figures: table below.",
        x_label="",
        y_label=unit,
        categories=names,
        series=(Series(label=unit, tone="after", values=values),),
    )
