"""One month of an issued pool as a credit analyst reads it, all of it from figures that were computed again.

Source: docs/risk_control.md, 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from client.model.calibration import LEVEL_COUNT
from client.model.monitoring import Reference, ScoreCounts, compare
from client.model.statistics import ks_ppm, psi_ppm
from client.sdk.monitoring.entries import BAND_WORDS
from client.sdk.monitoring.life import COLUMN_WORDS, life_of, roll_matrix
from client.sdk.monitoring.months import month_text
from client.sdk.monitoring.pool import SCORE_COUNT, Pool, PoolPeriod
from client.sdk.monitoring.triggers import TriggerKind
from client.sdk.screening import Tally

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """What a pool's defaults are held against."""

    reference: Reference
    offered_by_score: tuple[int, ...]
    """Assets of the whole pack, before screening, by score."""


def month_report(pool: Pool, number: int, model: ModelView) -> dict[str, object]:
    """Return everything about a closed period; levels and bands are of live assets, classes in units of the pack."""
    period, closing = pool.periods[number], pool.periods[0]
    life = life_of(period, pool.cut_off_balance_cents)
    return {
        "period": number,
        "month": month_text(pool.terms.month_of(number)),
        "alert": period.is_alert,
        "clear_periods": period.clear_periods,
        "balance_cents": period.totals.ending_cents,
        "pool_factor_ppm": life.pool_factor_ppm,
        "prepayment_year_ppm": life.prepayment_year_ppm,
        "default_year_ppm": life.default_year_ppm,
        "defaulted_count": period.cumulative_defaults.count,
        "gross_loss_ppm": life.gross_loss_ppm,
        "net_loss_ppm": life.net_loss_ppm,
        "net_loss_without_measures_ppm": life.net_loss_without_measures_ppm,
        "promised_net_loss_ppm": pool.terms.promised_ppm(number),
        "recovery_ppm": life.recovery_ppm,
        **_stability(pool, number, model),
        "triggers": _triggers(period),
        "levels": _levels(closing, period),
        "expected_and_observed": _outcomes(pool, number, model.reference),
        "arrears": _arrears(period),
        "roll": _roll(pool.periods[number - 1], period),
        "history": history(pool, number),
    }


def history(pool: Pool, number: int) -> list[Row]:
    """Return a line for each period up to `number`."""
    lines: list[Row] = []
    for at in range(1, number + 1):
        period = pool.periods[at]
        life = life_of(period, pool.cut_off_balance_cents)
        fired = [kind.word for kind in TriggerKind if period.fired >> kind & 1]
        lines.append(
            {
                "month": month_text(pool.terms.month_of(at)),
                "pool_factor_ppm": life.pool_factor_ppm,
                "prepayment_year_ppm": life.prepayment_year_ppm,
                "top_levels_ppm": period.triggers[TriggerKind.TOP_LEVELS].value_ppm,
                "arrears_ppm": period.triggers[TriggerKind.ARREARS].value_ppm,
                "net_loss_ppm": life.net_loss_ppm,
                "promised_ppm": pool.terms.promised_ppm(at),
                "defaulted_count": period.cumulative_defaults.count,
                "fired": ", ".join(fired) or "-",
            }
        )
    return lines


def score_counts(pool: Pool, number: int) -> ScoreCounts:
    """Return the pool's assets by their score at closing: all, defaulted so far, and those that still may."""
    defaults = [0] * SCORE_COUNT
    for period in pool.periods[1 : number + 1]:
        for place, tally in enumerate(period.defaults_by_score):
            defaults[place] += tally.count
    totals, still_open = [0] * SCORE_COUNT, [0] * SCORE_COUNT
    for asset, entry in zip(pool.assets, pool.periods[number].entries, strict=False):
        if asset.is_kept and asset.closing_score:
            totals[asset.closing_score - 1] += 1
            still_open[asset.closing_score - 1] += entry.state.is_live and not entry.has_defaulted
    return ScoreCounts(totals=tuple(totals), defaults=tuple(defaults), open=tuple(still_open))


def _stability(pool: Pool, number: int, model: ModelView) -> Row:
    """PSI sees a change in who applies, KS whether scores still rank; neither sees that risk rose at equal score."""
    counts = score_counts(pool, number)
    return {
        "psi_ppm": psi_ppm(model.reference.totals, model.offered_by_score),
        "ks_ppm": ks_ppm(counts.totals, counts.defaults),
    }


def _triggers(period: PoolPeriod) -> list[Row]:
    return [
        {
            "trigger": kind.word,
            "value_ppm": trigger.value_ppm,
            "limit_ppm": trigger.limit_ppm,
            "cushion_ppm": trigger.cushion_ppm,
            "fires": trigger.is_fired,
        }
        for kind, trigger in zip(TriggerKind, period.triggers, strict=True)
    ]


def _levels(closing: PoolPeriod, now: PoolPeriod) -> list[Row]:
    return [
        {
            "level": level,
            "closing_count": before.count,
            "closing_share_ppm": _share(before, closing.tallies.levels),
            "count": after.count,
            "share_ppm": _share(after, now.tallies.levels),
        }
        for level, (before, after) in enumerate(zip(closing.tallies.levels, now.tallies.levels, strict=True), 1)
    ]


def _outcomes(pool: Pool, number: int, reference: Reference) -> list[Row]:
    """Expected is over the whole horizon of the pd table; 19 of 20 pools end between `low` and `high`."""
    counts = score_counts(pool, number)
    rows: list[Row] = []
    for level in range(1, LEVEL_COUNT + 1):
        outcome = compare(reference, counts, level=level)
        if outcome.loans:
            rows.append(
                {
                    "level": level,
                    "loans_count": outcome.loans,
                    "observed_count": outcome.observed,
                    "open_count": outcome.open,
                    "expected_count": outcome.expected_ppm // 1_000_000,
                    "low_count": outcome.low,
                    "high_count": outcome.high,
                    "says": outcome.severity or "-",
                }
            )
    return rows


def _arrears(period: PoolPeriod) -> list[Row]:
    return [
        {"days_past_due": word, "count": tally.count, "share_ppm": _share(tally, period.tallies.bands)}
        for word, tally in zip(BAND_WORDS, period.tallies.bands, strict=True)
    ]


def _roll(before: PoolPeriod, after: PoolPeriod) -> list[Row]:
    """Share of each band's balance classes that went where."""
    rows: list[Row] = []
    for word, tallies in zip(BAND_WORDS, roll_matrix(before.entries, after.entries), strict=True):
        cells = {f"{column}_ppm": _share(tally, tallies) for column, tally in zip(COLUMN_WORDS, tallies, strict=True)}
        rows.append({"from": word, "count": sum(tally.count for tally in tallies), **cells})
    return rows


def _share(part: Tally, whole: Sequence[Tally]) -> int:
    total = sum(tally.class_sum for tally in whole)
    return part.class_sum * 1_000_000 // total if total else 0
