"""Watches a model: who applies, how well scores still rank, and whether the promised default rates came true.

Everything is computed from counts of loans per month and score, in integers: the same answer on every machine, so that
two members can argue about a model and not about arithmetic. The stability index sees only a change in who applies;
risk can rise at equal score, which only observed against expected defaults shows. Pure: no I/O, no floats.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Final, Literal

from client.model.arithmetic import PPM
from client.model.calibration import LEVEL_COUNT, SCORE_COUNT
from client.model.errors import SpecError
from client.model.statistics import auc_ppm, ks_ppm, psi_ppm

_INTERVAL: Final = 3_841_459
"""Square of the normal 97.5 % quantile in ppm: an interval of 95 %."""

Severity = Literal["watch", "act"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCounts:
    """Loans of some period by score 1 to 100."""

    totals: tuple[int, ...]
    defaults: tuple[int, ...]
    """Those of `totals` that defaulted so far."""
    open: tuple[int, ...] = (0,) * SCORE_COUNT
    """Those of `totals` that did not default yet and still may."""

    def __post_init__(self) -> None:
        for name in ("totals", "defaults", "open"):
            if len(getattr(self, name)) != SCORE_COUNT:
                raise SpecError(part=name, got=f"{len(getattr(self, name))} counts", expected=str(SCORE_COUNT))
        for total, bad, unknown in zip(self.totals, self.defaults, self.open, strict=True):
            if min(bad, unknown) < 0 or bad + unknown > total:
                raise SpecError(part="counts", got=f"{bad} + {unknown} of {total}", expected="defaults + open <= all")

    def plus(self, other: "ScoreCounts") -> "ScoreCounts":
        """Return the loans of both."""
        return ScoreCounts(
            totals=tuple(map(sum, zip(self.totals, other.totals, strict=True))),
            defaults=tuple(map(sum, zip(self.defaults, other.defaults, strict=True))),
            open=tuple(map(sum, zip(self.open, other.open, strict=True))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What the loans are compared with: those that the model was calibrated on, and what it promises."""

    totals: tuple[int, ...]
    defaults: tuple[int, ...]
    pd_ppm: tuple[int, ...]
    """Of scores 1 to 100."""
    margin_ppm: tuple[int, ...]
    """Of levels 1 to 10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When somebody is told."""

    psi_watch_ppm: int = 100_000
    psi_act_ppm: int = 250_000
    loans_min: int = 500
    """With fewer loans stability is not judged: chance alone makes an index of about 9 / loans."""
    ks_drop_ppm: int = 50_000
    """Fall of KS below that of the calibration."""
    defaults_min: int = 50
    """With fewer defaults, or fewer loans without, KS is not judged; nor while loans are open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Expected against observed defaults of some loans."""

    loans: int
    observed: int
    """Defaults so far."""
    open: int
    """Loans that may still default."""
    expected_ppm: int
    """Sum of the loans' PD: divided by 10^6 the expected number of defaults."""
    prudent_ppm: int
    """The same with the margin of each loan's level."""
    low: int
    high: int
    """Numbers of defaults that 19 of 20 such sets of loans would have if every PD were right."""

    @property
    def ratio_ppm(self) -> int | None:
        """Observed / expected, rounded down; None when nothing was expected."""
        return self.observed * PPM * PPM // self.expected_ppm if self.expected_ppm else None

    @property
    def severity(self) -> Severity | None:
        """`watch` outside the interval, `act` when above it and above the promise with margin.

        Open loans are given the benefit of the doubt both ways: too many defaults are too many already, too few are
        so when all open loans would not make them enough.
        """
        if self.observed > self.high:
            return "act" if self.observed * PPM > self.prudent_ppm else "watch"
        return "watch" if self.observed + self.open < self.low else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReport:
    """One month, or all of them."""

    name: str
    loans: int
    psi_ppm: int
    ks_ppm: int | None
    """Of the defaults so far against the other loans; None when there is only one kind."""
    auc_ppm: int | None
    outcome: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something somebody must look at."""

    severity: Severity
    period: str
    kind: Literal["psi", "ks", "observed"]
    level: int | None
    """None: all levels together."""
    value_ppm: int
    limit_ppm: int
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """What is known of a model's state."""

    reference_ks_ppm: int | None
    whole: PeriodReport
    months: tuple[PeriodReport, ...]
    levels: tuple[Comparison, ...]
    """Levels 1 to 10 over all months."""
    alerts: tuple[Alert, ...]


def watch(reference: Reference, months: Mapping[str, ScoreCounts], thresholds: Thresholds | None = None) -> ModelReport:
    """Compare months of loans with the calibration of their model.

    Args:
        reference: from the manifest of the model, or from an earlier period.
        months: counts by month, in the order in which they are reported; at least one.
        thresholds: when to alert.

    Raises:
        SpecError: no month, or tables of another length than 100 scores and 10 levels.
    """
    if not months or len(reference.pd_ppm) != SCORE_COUNT or len(reference.margin_ppm) != LEVEL_COUNT:
        got = f"{len(months)} months, {len(reference.pd_ppm)} PDs, {len(reference.margin_ppm)} margins"
        raise SpecError(part="monitoring", got=got, expected="at least 1, 100, 10")
    limits = thresholds or Thresholds()
    first, *others = months.values()
    whole = first
    for each in others:
        whole = whole.plus(each)
    reports = tuple(_period(name, reference, counts) for name, counts in months.items())
    whole_report = _period("all", reference, whole)
    levels = tuple(compare(reference, whole, level=level) for level in range(1, LEVEL_COUNT + 1))
    reference_ks = ks_ppm(reference.totals, reference.defaults)
    alerts = [alert for each in (whole_report, *reports) for alert in _alerts(each, reference_ks, limits)]
    alerts += [alert for level, each in enumerate(levels, 1) for alert in _outcome_alerts("all", level, each)]
    return ModelReport(
        reference_ks_ppm=reference_ks, whole=whole_report, months=reports, levels=levels, alerts=tuple(alerts)
    )


def compare(reference: Reference, counts: ScoreCounts, *, level: int | None = None) -> Comparison:
    """Compare expected with observed defaults, of one level or of all.

    The interval is that of a sum of independent loans, each with its PD: expected ± 1.96 standard deviations, outward
    to whole defaults.
    """
    expected = prudent = variance = loans = observed = unknown = 0
    for index, (total, bad) in enumerate(zip(counts.totals, counts.defaults, strict=True)):
        if level is not None and index // LEVEL_COUNT + 1 != level:
            continue
        pd = reference.pd_ppm[index]
        loans, observed, unknown = loans + total, observed + bad, unknown + counts.open[index]
        expected += total * pd
        prudent += total * min(PPM, -(-pd * reference.margin_ppm[index // LEVEL_COUNT] // PPM))
        variance += total * pd * (PPM - pd)
    reach = isqrt(variance * _INTERVAL // PPM)
    return Comparison(
        loans=loans,
        observed=observed,
        open=unknown,
        expected_ppm=expected,
        prudent_ppm=prudent,
        low=max(0, (expected - reach) // PPM),
        high=min(loans, -(-(expected + reach) // PPM)),
    )


def _period(name: str, reference: Reference, counts: ScoreCounts) -> PeriodReport:
    return PeriodReport(
        name=name,
        loans=sum(counts.totals),
        psi_ppm=psi_ppm(reference.totals, counts.totals),
        ks_ppm=ks_ppm(counts.totals, counts.defaults),
        auc_ppm=auc_ppm(counts.totals, counts.defaults),
        outcome=compare(reference, counts),
    )


def _alerts(period: PeriodReport, reference_ks: int | None, limits: Thresholds) -> list[Alert]:
    alerts = []
    if period.loans >= limits.loans_min and period.psi_ppm > limits.psi_watch_ppm:
        is_large = period.psi_ppm > limits.psi_act_ppm
        alerts.append(
            Alert(
                severity="act" if is_large else "watch",
                period=period.name,
                kind="psi",
                level=None,
                value_ppm=period.psi_ppm,
                limit_ppm=limits.psi_act_ppm if is_large else limits.psi_watch_ppm,
                meaning="other people apply than the model was calibrated on",
            )
        )
    rarer = min(period.outcome.observed, period.outcome.loans - period.outcome.observed)
    if (
        reference_ks is not None
        and period.ks_ppm is not None
        and rarer >= limits.defaults_min
        and not period.outcome.open
    ):
        least = reference_ks - limits.ks_drop_ppm
        if period.ks_ppm < least:
            alerts.append(
                Alert(
                    severity="watch",
                    period=period.name,
                    kind="ks",
                    level=None,
                    value_ppm=period.ks_ppm,
                    limit_ppm=least,
                    meaning="scores separate good from bad less well than at calibration",
                )
            )
    return alerts + _outcome_alerts(period.name, None, period.outcome)


def _outcome_alerts(period: str, level: int | None, outcome: Comparison) -> list[Alert]:
    if outcome.severity is None or outcome.ratio_ppm is None:
        return []
    is_above = outcome.observed > outcome.high
    edge = outcome.high if is_above else outcome.low
    return [
        Alert(
            severity=outcome.severity,
            period=period,
            kind="observed",
            level=level,
            value_ppm=outcome.ratio_ppm,
            limit_ppm=edge * PPM * PPM // outcome.expected_ppm,
            meaning="more defaults than promised" if is_above else "fewer defaults than expected",
        )
    ]
