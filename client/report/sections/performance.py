"""What the pool paid and lost, period by period: losses against the promised curve, recoveries, prepayments."""

from client.report.document import Block, Note, Picture, Row, Series, Table, Tone
from client.report.figures import Figure, Figures
from client.report.reading.data import CELL_MIN, ReportData
from client.report.reading.monitoring import Span
from client.sdk.monitoring.life import annual_ppm

_PERIOD = "Monitoring.period"
_FLOWS = {
    "scheduled": "scheduledCents",
    "prepaid": "prepaidCents",
    "interest": "interestCents",
    "defaulted": "defaultedCents",
    "recovered": "recoveredCents",
}


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return cash and balances, cumulative losses, recoveries and prepayment speed."""
    spans = spans_of(data)
    cut_off = figures.call("cut_off", "cents", "Monitoring.pool", data.pack_id, path="cutOffBalanceCents")
    lines = [_Line(data, figures, span, cut_off) for span in spans]
    names = tuple(line.span.label for line in lines)
    money = data.currency
    return [
        _lines("Balance of the pool", money, names, (("balance", "after", [line.ending for line in lines]),)),
        _lines(
            "Cumulative loss, share of the cut-off balance",
            "of the cut-off balance",
            names,
            (
                ("gross", "other", [line.gross_share for line in lines]),
                ("net", "after", [line.net_share for line in lines]),
                ("net, had what was removed been lost", "quiet", [line.worst_share for line in lines]),
                ("promised", "limit", [line.promised for line in lines]),
            ),
        ),
        Table(
            title="Static pool: cumulative losses",
            label_head="period",
            heads=(
                "written off",
                "recovered",
                "net loss",
                "net share",
                "promised",
                "removed",
                "net share with removed",
            ),
            rows=tuple(Row(label=line.span.label, cells=line.losses) for line in lines),
        ),
        _lines(
            "Recoveries and prepayment speed",
            "share",
            names,
            (
                ("recovered of written off", "good", [line.recovery for line in lines]),
                ("CPR", "after", [line.cpr for line in lines]),
            ),
        ),
        Table(
            title=f"Cash and balances, {money}",
            label_head="period",
            heads=("scheduled", "prepaid", "interest", "written off", "recovered", "balance at the end", "CPR"),
            rows=tuple(Row(label=line.span.label, cells=(*line.flows, line.ending, line.cpr)) for line in lines),
        ),
        Note(
            "Net loss = written off − recovered, over the cut-off balance, from which nothing is ever taken out. "
            "Removed: repurchased and replaced loans; the last share counts them as lost, so that replacements hide "
            "nothing. CPR = 1 − (1 − prepaid ÷ (balance at the begin − scheduled))¹² of the last period of the line."
        ),
    ]


def spans_of(data: ReportData) -> list[Span]:
    """Return what stands on one line: a period, or for investors as many as it takes."""
    return data.monitored.spans(CELL_MIN if data.is_for_investors else 1)


class _Line:
    """The figures of one line."""

    def __init__(self, data: ReportData, figures: Figures, span: Span, cut_off: Figure) -> None:
        self.span, self._figures, self._pack = span, figures, data.pack_id
        self._data = data
        self.flows = tuple(self._flow(name, path) for name, path in _FLOWS.items())
        self.ending = self._last("ending", "totals.endingCents")
        gross, recovered = self._last("gross", "cumulativeGrossCents"), self._last("got", "cumulativeRecoveredCents")
        removed = self._last("removed", "cumulativeRemovedCents")
        net = self._derive("net", "cents", "difference", gross, recovered)
        worst = self._derive("worst", "cents", "sum", net, removed)
        self.gross_share = self._derive("gross_share", "ppm", "share_ppm", gross, cut_off)
        self.net_share = self._derive("net_share", "ppm", "share_ppm", net, cut_off)
        self.worst_share = self._derive("worst_share", "ppm", "share_ppm", worst, cut_off)
        self.promised = self._promised()
        self.recovery = self._derive("recovery", "ppm", "share_ppm", recovered, gross)
        self.cpr = self._cpr()
        self.losses = (gross, recovered, net, self.net_share, self.promised, removed, self.worst_share)

    def _key(self, name: str) -> str:
        return f"{self.span.last}.{name}"

    def _derive(self, name: str, unit: str, function: str, *parts: Figure) -> Figure:
        return self._figures.derive(self._key(name), unit, function, *parts)  # type: ignore[arg-type]  # a Unit

    def _last(self, name: str, path: str) -> Figure:
        return self._figures.call(self._key(name), "cents", _PERIOD, self._pack, self.span.last, path=path)

    def _flow(self, name: str, path: str) -> Figure:
        if self.span.first == self.span.last:
            return self._last(name, f"totals.{path}")
        numbers = range(self.span.first, self.span.last + 1)
        total = sum(getattr(self._data.monitored.period(number).totals, path) for number in numbers)
        what = f"sum of {path} over joined periods of Monitoring.period"
        return self._figures.of("chain", self._key(name), "cents", total, what, self.span.first, self.span.last)

    def _promised(self) -> Figure:
        monitored = self._data.monitored
        place = min(self.span.last, len(monitored.terms.loss_curve_ppm)) - 1
        key, path = self._key("promised"), f"lossCurvePpm.{place}"
        return self._figures.call(key, "ppm", "MonitoringEngine.terms", monitored.terms_pointer, path=path)

    def _cpr(self) -> Figure:
        last = self.span.last
        if self._data.is_for_investors and self.span.first != last:
            totals = self._data.monitored.period(last).totals
            value = annual_ppm(totals.prepaidCents, totals.beginningCents - totals.scheduledCents)
            return self._figures.of("chain", self._key("cpr"), "ppm", value, "CPR of Monitoring.period", last)
        parts = [self._last(f"cpr_{name}", f"totals.{name}Cents") for name in ("prepaid", "beginning", "scheduled")]
        return self._derive("cpr", "ppm", "cpr_ppm", *parts)


def _lines(
    title: str, unit: str, names: tuple[str, ...], series: tuple[tuple[str, Tone, list[Figure]], ...]
) -> Picture:
    return Picture(
        kind="lines",
        title=title,
        alt=f"{title}: one curve each for {', '.join(name for name, _, _ in series)}. Figures: table below.",
        x_label="period",
        y_label=unit,
        categories=names,
        series=tuple(Series(label=name, tone=tone, values=tuple(values)) for name, tone, values in series),
    )
