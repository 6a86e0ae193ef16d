"""The promise of a pack: defaults it was expected to have, held against what came; and what became of removed loans."""

from typing import Any, Final

from client.report.document import Block, Cell, Note, Picture, Row, Series, Table
from client.report.figures import Figure, Figures, divide_half_up
from client.report.reading.data import CELL_MIN, ReportData
from client.sdk.monitoring.ledger import STATUS_TEXTS
from client.sdk.monitoring.promise import decode_curve

_PROMISE: Final = "PromiseLedger.promiseOf"
_TABLE_STEP: Final = 3


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return the promise with its limits, what was observed, and the records of model and originator."""
    promise = data.promise
    if promise is None:
        return [Note("No promise was committed for this pack.")]
    return [*_curve(data, figures, promise), _facts(data, figures, promise), *_shadow(data, figures)]


def _facts(data: ReportData, figures: Figures, promise: Any) -> Table:
    pack = data.pack_id
    status = figures.of("chain", "status", "text", STATUS_TEXTS[promise.status], f"{_PROMISE}: status as a word", pack)
    rows: list[tuple[str, Cell]] = [
        ("promise", status),
        ("loans it is about", figures.call("loans", "count", _PROMISE, pack, path="keptCount")),
        ("months promised", figures.call("months", "number", _PROMISE, pack, path="periodCount")),
        ("last month observed", figures.call("last", "number", _PROMISE, pack, path="lastPeriod")),
        ("chance that one which holds breaks", figures.call("alpha", "ppm", _PROMISE, pack, path="terms.alphaPpm")),
    ]
    for name, view, key in (
        ("this model version", "PromiseLedger.recordOfModel", promise.modelId),
        ("this originator", "PromiseLedger.recordOfOriginator", promise.originator),
    ):
        short = "model" if key == promise.modelId else "originator"
        for path, word in (("runningCount", "running"), ("keptCount", "kept"), ("brokenCount", "broken")):
            rows.append(
                (f"promises of {name}: {word}", figures.call(f"{short}.{word}", "number", view, key, path=path))
            )
        worst = figures.call(f"{short}.worst", "factor", view, key, path="worstRatioPpm")
        rows.append((f"promises of {name}: largest observed ÷ expected", worst))
    return Table(
        title="Promise ledger",
        label_head="what",
        heads=("value",),
        rows=tuple(Row(label=label, cells=(cell,)) for label, cell in rows),
    )


def _curve(data: ReportData, figures: Figures, promise: Any) -> list[Block]:
    view = "PromiseLedger.curve"
    points = decode_curve(bytes(data.view("PromiseLedger", "curve", (data.pack_id,))))
    months = range(1, len(points) + 1)
    expected, limits = [], []
    for month, point in zip(months, points, strict=True):
        value = divide_half_up(point.expected_milli, 10)
        expected.append(figures.of("chain", f"expected.{month}", "hundredths", value, view, month, "expected"))
        limits.append(figures.of("chain", f"limit.{month}", "number", point.limit, view, month, "limit"))
    seen = _observed(data, figures)
    observed = [seen.get(month) for month in months]
    title = "Defaults promised and observed"
    rows = tuple(
        Row(label=str(month), cells=(expected[month - 1], limits[month - 1], observed[month - 1]))
        for month in months
        if month % _TABLE_STEP == 0 or month in (1, promise.lastPeriod, len(months))
    )
    return [
        Picture(
            kind="lines",
            title=title,
            alt="Curves of expected defaults, of the number that breaks the promise, and of what was observed.",
            x_label="month",
            y_label="loans, cumulative",
            categories=tuple(map(str, months)),
            series=(
                Series(label="expected", tone="before", values=tuple(expected)),
                Series(label="breaks the promise", tone="limit", values=tuple(limits)),
                Series(label="observed", tone="after", values=tuple(observed)),
            ),
        ),
        Table(title=title, label_head="month", heads=("expected", "breaks the promise", "observed"), rows=rows),
        Note(
            "The test may be looked at every month: the chance that it ever calls a promise broken that holds is the "
            "one in the table below. Expected defaults are those of the screening, without margin."
        ),
    ]


def _observed(data: ReportData, figures: Figures) -> dict[int, Figure]:
    """Return the defaults observed by month; to investors only those of months that stand by themselves."""
    events = data.chain.events("PromiseLedger", "PromiseObserved", filters={"packId": data.pack_id})
    counts = {int(event.args["period"]): int(event.args["defaults"]) for event in events}
    if data.is_for_investors:
        ends = {span.last for span in data.monitored.spans(CELL_MIN)} if data.monitoring else set()
        counts = {month: count for month, count in counts.items() if month in ends and (not count or count >= CELL_MIN)}
    return {
        month: figures.of("chain", f"observed.{month}", "count", count, "PromiseLedger.PromiseObserved", month)
        for month, count in counts.items()
    }


def _shadow(data: ReportData, figures: Figures) -> list[Block]:
    shadow = data.view("PromiseLedger", "shadowOf", (data.pack_id,))
    if not shadow.period:
        return [Note("The originator has reported nothing on the loans that screening removed (shadow pool).")]
    if data.is_for_investors:
        return [Note("What became of removed loans (shadow pool) is shown to analysts only.")]
    rows = []
    for level in range(1, 11):
        place, view = level - 1, "PromiseLedger.shadowOf"
        removed = figures.call(f"removed.{level}", "count", "PromiseLedger.removedOf", data.pack_id, path=str(place))
        followed = figures.call(f"followed.{level}", "count", view, data.pack_id, path=f"reported.{place}")
        bad = figures.call(f"bad.{level}", "count", view, data.pack_id, path=f"defaulted.{place}")
        share = figures.derive(f"bad.{level}.share", "ppm", "share_ppm", bad, removed) if removed.value else None
        rows.append(Row(label=data.level_name(level), cells=(removed, followed, bad, share)))
    return [
        Table(
            title=f"Shadow pool: what became of the removed loans by month {shadow.period}",
            label_head="level",
            heads=("removed", "still followed", "defaulted", "of the removed"),
            rows=tuple(rows),
        )
    ]
