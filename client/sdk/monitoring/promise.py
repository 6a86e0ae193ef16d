"""The promise of a screened pack: how many loans default by when, and the count at which the promise is broken.

The test may be looked at every month and stopped at any time. Defaults up to month t are Poisson with mean G·mu(t); G,
the same for all loans, is a Gamma variable with mean 1 and variance 1/shape: years are good or bad for everybody.
Against a pool that defaults `odds` times as often, the likelihood ratio of S defaults so far is

    E(t) = odds^S · ((shape + mu) / (shape + odds·mu))^(shape + S),

a martingale with mean 1 while the promise holds, so it ever reaches 1/alpha with probability alpha at most (Ville). The
limit of month t is the least S with E(t) >= 1/alpha. Decimals of a fixed precision, so that everybody gets the same
limits. Pure: no I/O. Source: docs/protocol.md, 12; docs/adr/0028.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext

from client.sdk.errors import DecodeError, InvalidInputError

PPM = 1_000_000
POINT_SIZE = 12
PERIODS_MAX = 480
SHAPE_MAX = 100_000
_CONTEXT = Context(prec=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseTerms:
    """How a promise is tested."""

    odds_ppm: int = 2 * PPM
    """How much worse the pool is that the test looks for, above 1000000."""
    shape: int = 25
    """Of the common shock: its standard deviation is 1 / sqrt(shape), so 25 means 20 %."""
    alpha_ppm: int = 50_000
    """Probability, at most, that a promise which holds is ever called broken."""

    def __post_init__(self) -> None:
        """InvalidInputError when a term is out of its range."""
        for name, value, low, high in (
            ("odds", self.odds_ppm, PPM + 1, 100 * PPM),
            ("shape", self.shape, 1, SHAPE_MAX),
            ("alpha", self.alpha_ppm, 1, PPM // 2),
        ):
            if not low <= value <= high:
                raise InvalidInputError(f"promise: {name}", got=value, expected=f"{low} to {high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromisePoint:
    """The promise for one month after closing."""

    expected_milli: int
    """Defaults expected so far, in thousandths of a loan."""
    limit: int
    """So many defaults break the promise."""


def expected_curve(pd_by_term: Iterable[tuple[int, int]], timing_ppm: Sequence[int] = ()) -> tuple[int, ...]:
    """Return the expected defaults by month after closing, in thousandths of a loan, rounded down.

    Args:
        pd_by_term: of each kept loan the probability of default in ppm and the months it has left, at least 1.
        timing_ppm: share of all defaults that has happened by month 1, 2 and so on, not falling, the last 1000000; of
            every loan. Without it defaults of a loan are spread evenly over the months it has left.

    Raises:
        InvalidInputError: there is no loan, or the timing falls or does not end at 1000000.
    """
    pd_sums: dict[int, int] = {}
    for pd_ppm, months_left in pd_by_term:
        pd_sums[max(months_left, 1)] = pd_sums.get(max(months_left, 1), 0) + pd_ppm
    if not pd_sums:
        raise InvalidInputError("promise", got="no loan that was kept", expected="at least one")
    if timing_ppm:
        if list(timing_ppm) != sorted(timing_ppm) or timing_ppm[0] < 0 or timing_ppm[-1] != PPM:
            raise InvalidInputError(
                "timing of defaults", got=list(timing_ppm)[-3:], expected="ppm that rise to 1000000"
            )
        return tuple(sum(pd_sums.values()) * share // (PPM * 1_000) for share in timing_ppm)
    last = min(max(pd_sums), PERIODS_MAX)
    return tuple(
        sum(1_000 * pd_sum * min(month, term) // term for term, pd_sum in sorted(pd_sums.items())) // PPM
        for month in range(1, last + 1)
    )


def promise_of(expected_milli: Sequence[int], terms: PromiseTerms) -> tuple[PromisePoint, ...]:
    """Return the promise: expected defaults with the limit of each month; limits never fall."""
    points, limit = [], 0
    for milli in expected_milli:
        limit = max(limit, upper_limit(milli, terms))
        points.append(PromisePoint(expected_milli=milli, limit=limit))
    return tuple(points)


def upper_limit(expected_milli: int, terms: PromiseTerms) -> int:
    """Return the least number of defaults that breaks the promise when so many are expected."""
    with localcontext(_CONTEXT):
        step, start = _evidence(expected_milli, terms, Decimal(terms.odds_ppm) / PPM)
        return max(int(((_needed(terms) - start) / step).to_integral_value(ROUND_CEILING)), 1)


def lower_limit(expected_milli: int, terms: PromiseTerms) -> int | None:
    """Return the most defaults at which the pool is found to be better by the same odds; None while none are so few."""
    with localcontext(_CONTEXT):
        step, start = _evidence(expected_milli, terms, PPM / Decimal(terms.odds_ppm))
        most = int(((_needed(terms) - start) / step).to_integral_value(ROUND_FLOOR))
        return most if most >= 0 else None


def evidence(defaults: int, expected_milli: int, terms: PromiseTerms) -> Decimal:
    """Return E(t): how many times likelier the worse pool makes what was seen."""
    with localcontext(_CONTEXT):
        step, start = _evidence(expected_milli, terms, Decimal(terms.odds_ppm) / PPM)
        return (step * defaults + start).exp()


def encode_curve(points: Sequence[PromisePoint]) -> bytes:
    """Return the bytes of a promise on the chain: 8 bytes expected, 4 bytes limit a month."""
    return b"".join(each.expected_milli.to_bytes(8, "big") + each.limit.to_bytes(4, "big") for each in points)


def decode_curve(data: bytes) -> tuple[PromisePoint, ...]:
    """Read what `encode_curve` wrote; DecodeError when it is of another length."""
    if len(data) % POINT_SIZE:
        raise DecodeError("promise", got=f"{len(data)} bytes", expected=f"{POINT_SIZE} a month")
    starts = range(0, len(data), POINT_SIZE)
    return tuple(
        PromisePoint(
            expected_milli=int.from_bytes(data[at : at + 8], "big"),
            limit=int.from_bytes(data[at + 8 : at + POINT_SIZE], "big"),
        )
        for at in starts
    )


def margins_from_ledger(margin_ppm: Sequence[int], worst_ratio_ppm: int) -> tuple[int, ...]:
    """Return the margins that a next model starts from: none below what pools have shown.

    Args:
        margin_ppm: of levels 1 to 10, as the training years gave them.
        worst_ratio_ppm: largest ratio of observed to expected defaults, before margin, of all promises that ended.
    """
    return tuple(max(each, worst_ratio_ppm) for each in margin_ppm)


def _evidence(expected_milli: int, terms: PromiseTerms, odds: Decimal) -> tuple[Decimal, Decimal]:
    """Return what one more default adds to ln E(t), and ln E(t) without any."""
    shape, expected = Decimal(terms.shape), Decimal(expected_milli) / 1_000
    share = ((shape + expected) / (shape + odds * expected)).ln()
    return odds.ln() + share, shape * share


def _needed(terms: PromiseTerms) -> Decimal:
    return (Decimal(PPM) / terms.alpha_ppm).ln()
