"""The months of an auto trust as risk control sees them: balances, losses, prepayment, triggers, alarms."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich import box
from rich.console import Console
from rich.table import Table

from client.sdk.monitoring import Pool, PoolPeriod, TriggerKind
from client.sdk.monitoring.months import month_text

MONTHS_A_YEAR = 12


def print_life(pool: Pool) -> None:
    """Print the closed periods: each trigger as value / limit in percent, with a star where it fires."""
    cut_off_cents = pool.cut_off_balance_cents
    heads = ("month", "pool", "live", "defaults", "gross loss", "net loss", "CPR", *(kind.word for kind in TriggerKind))
    table = Table(*heads, "", box=box.SIMPLE_HEAD, title="Percent; triggers as value / limit")
    for number, period in enumerate(pool.periods[1:], start=1):
        table.add_row(
            _month(pool, number),
            _percent(period.totals.ending_cents, cut_off_cents),
            f"{period.tallies.live.count:,}",
            f"{period.cumulative_defaults.count:,}",
            _percent(period.cumulative_gross_cents, cut_off_cents),
            _percent(period.net_loss_cents, cut_off_cents),
            f"{_prepayment_percent(period):.1f}",
            *(
                f"{t.value_ppm / 1e4:.2f} / {t.limit_ppm / 1e4:.2f}{' *' if t.is_fired else ''}"
                for t in period.triggers
            ),
            "alert" if period.is_alert else "",
        )
    for column in table.columns[1:]:
        column.justify = "right"
    console = Console(width=140)
    console.print(table)
    for line in _alarms(pool):
        console.print(f"  {line}", highlight=False)


def _alarms(pool: Pool) -> Iterator[str]:
    """Say when which trigger fired, and when the pool was back to normal."""
    periods: Sequence[PoolPeriod] = pool.periods[1:]
    for kind in TriggerKind:
        months = [_month(pool, n) for n, period in enumerate(periods, start=1) if period.triggers[kind].is_fired]
        yield f"{kind.word}: {', '.join(months) or 'never'}"
    ended = [
        _month(pool, n)
        for n, (before, after) in enumerate(pairwise(periods), start=2)
        if before.is_alert and not after.is_alert
    ]
    yield f"back to normal: {', '.join(ended) or 'never'}"


def _month(pool: Pool, number: int) -> str:
    return month_text(pool.terms.month_of(number))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}"


def _prepayment_percent(period: PoolPeriod) -> float:
    """CPR: the yearly rate of principal ahead of schedule, of what the schedule leaves."""
    base = period.totals.beginning_cents - period.totals.scheduled_cents
    return 100 * (1 - (1 - period.totals.prepaid_cents / base) ** MONTHS_A_YEAR) if base else 0.0
