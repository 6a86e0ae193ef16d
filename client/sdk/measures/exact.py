"""What only the rows of both packs show of a replacement: the trustee computes it before confirming. Pure: no I/O."""

import datetime as dt
from collections.abc import Iterable, Sequence

from client.sdk.pack.asset_row import AssetRow

_EPOCH = dt.date(1970, 1, 1)


def maturity_month(row: AssetRow) -> int:
    """Return the month of the last payment agreed, January 1970 = 0."""
    begun = _EPOCH + dt.timedelta(days=row.known("origination_day"))
    return (begun.year - 1970) * 12 + begun.month - 1 + row.known("term_months")


def replacement_problems(
    outgoing: Sequence[AssetRow],
    incoming: Sequence[AssetRow],
    *,
    pool: Iterable[AssetRow],
    outgoing_balance_cents: int,
    cash_cents: int,
) -> list[str]:
    """Return what is wrong with a replacement, in words; nothing when it may be confirmed.

    Args:
        outgoing: rows of the assets that leave.
        incoming: rows of those that replace them, in the same order.
        pool: rows of all assets of the pool at closing.
        outgoing_balance_cents: outstanding principal of all that leave, by the servicer's newest tape.
        cash_cents: shortfall that was paid.
    """
    problems = []
    last = max(map(maturity_month, pool))
    for position, (old, new) in enumerate(zip(outgoing, incoming, strict=True)):
        what = f"replacement {position}"
        if new.known("days_past_due"):
            problems.append(f"{what} is {new.known('days_past_due')} days past due")
        if new.known("currency_code") != old.known("currency_code"):
            problems.append(f"{what} is in another currency")
        if new.known("rate_ppm") < old.known("rate_ppm"):
            problems.append(f"{what} bears {new.known('rate_ppm')} ppm, less than {old.known('rate_ppm')}")
        if maturity_month(new) > last:
            problems.append(f"{what} matures {maturity_month(new) - last} months after the pool")
    shortfall = max(0, outgoing_balance_cents - sum(row.known("balance_cents") for row in incoming))
    if cash_cents != shortfall:
        problems.append(f"{cash_cents} cents were paid, the shortfall is {shortfall}")
    return problems
