"""Figures about a screening that people look at: curve, histograms, bridge, both modes side by side. No I/O."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from client.sdk.errors import InvalidInputError
from client.sdk.screening.risk import RiskTable, score_of
from client.sdk.screening.rules import KeptSet, screen
from client.sdk.screening.types import (
    LEVEL_COUNT,
    SCORE_MAX,
    Asset,
    Mode,
    PackBytes,
    Policy,
    Reason,
    ScreeningResult,
    Tally,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Bad rates of what is left when the riskiest assets are gone."""

    removed: Tally
    bad_rate_by_balance_ppm: int
    bad_rate_by_count_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeStep:
    """What left for one reason; of `Reason.KEPT`, what stayed."""

    reason: Reason
    tally: Tally
    balance_cents: int | None
    """Exact, when the exact balances were given."""


def curve(
    assets: Sequence[Asset],
    policy: Policy,
    pd_ppm: Sequence[int],
    margin_ppm: Sequence[int],
    *,
    point_count: int = 101,
) -> tuple[CurvePoint, ...]:
    """Bad rate against removed share: riskiest first out of what steps 1 and 2 leave, limits left aside.

    Args:
        assets: in the order of their index.
        policy: eligibility, factors and emphasis are used.
        pd_ppm: probability of default of scores 1 to 100.
        margin_ppm: margin of levels 1 to 10.
        point_count: points evenly spaced by count, both ends included, at least 2.
    """
    kept = KeptSet(assets, policy, RiskTable.build(policy, pd_ppm, margin_ppm), frozenset())
    total = kept.figures().tally
    wanted = {total.count * step // (point_count - 1) for step in range(point_count)}
    points = []
    for removed_count in range(total.count + 1):
        if removed_count:
            kept.remove(kept.order[removed_count - 1], Reason.SCREENED)
        if removed_count in wanted:
            figures = kept.figures()
            points.append(
                CurvePoint(
                    removed=Tally(removed_count, total.class_sum - figures.tally.class_sum),
                    bad_rate_by_balance_ppm=figures.bad_rate_by_balance_ppm,
                    bad_rate_by_count_ppm=figures.bad_rate_by_count_ppm,
                )
            )
    return tuple(points)


def histogram(
    assets: Sequence[Asset], reasons: bytes, *, after: bool, excluded: Collection[int] = ()
) -> tuple[Tally, ...]:
    """Tallies of scores 1 to 100: before, of what steps 1 and 2 leave; after, of what is kept.

    Args:
        assets: in the order of their index.
        reasons: of the screening, or of the bring-down that followed it.
        after: which of the two.
        excluded: indices that an earlier bring-down had taken out before the screening began; they count in neither.
    """
    gone, out = (Reason.NOT_ELIGIBLE, Reason.NO_RECORD), frozenset(excluded)
    sums = [[0, 0] for _ in range(SCORE_MAX)]
    pack = PackBytes.of(assets)
    for index, (word, principal_class, reason) in enumerate(
        zip(pack.words, pack.principal_classes, reasons, strict=True)
    ):
        if reason == Reason.KEPT or (not after and reason not in gone and index not in out):
            score_sums = sums[score_of(word) - 1]
            score_sums[0] += 1
            score_sums[1] += principal_class
    return tuple(Tally(*pair) for pair in sums)


def levels(scores: Sequence[Tally]) -> tuple[Tally, ...]:
    """Sum a histogram over ten scores each: level 1 first."""
    width = SCORE_MAX // LEVEL_COUNT
    return tuple(
        Tally(sum(tally.count for tally in band), sum(tally.class_sum for tally in band))
        for band in (scores[start : start + width] for start in range(0, SCORE_MAX, width))
    )


def bridge(
    assets: Sequence[Asset], reasons: bytes, balances_cents: Sequence[int] | None = None
) -> tuple[BridgeStep, ...]:
    """From offered to kept, one step a reason in the order of `Reason`; the steps add up to what was offered.

    Raises:
        InvalidInputError: there is not one balance an asset.
    """
    if balances_cents is not None and len(balances_cents) != len(assets):
        raise InvalidInputError("exact balances", got=len(balances_cents), expected=str(len(assets)))
    counts, class_sums, cents = ([0] * len(Reason) for _ in range(3))
    for index, (principal_class, reason) in enumerate(
        zip(PackBytes.of(assets).principal_classes, reasons, strict=True)
    ):
        counts[reason] += 1
        class_sums[reason] += principal_class
        cents[reason] += balances_cents[index] if balances_cents is not None else 0
    return tuple(
        BridgeStep(
            reason=reason,
            tally=Tally(counts[reason], class_sums[reason]),
            balance_cents=cents[reason] if balances_cents is not None else None,
        )
        for reason in Reason
    )


def compare_modes(
    assets: Sequence[Asset],
    policy: Policy,
    pd_ppm: Sequence[int],
    margin_ppm: Sequence[int],
    *,
    brought_down: Collection[int] = (),
) -> dict[Mode, ScreeningResult]:
    """Screen with both modes and otherwise the same policy, on the terms of `screen`.

    `per_level` takes the policy's profile; a policy of the other mode may have none, and then it is left out.
    """
    pack = PackBytes.of(assets)
    modes = [mode for mode in Mode if mode is not Mode.PER_LEVEL or any(policy.profile_ppm)]
    return {
        mode: screen(pack, replace(policy, mode=mode), pd_ppm, margin_ppm, brought_down=brought_down) for mode in modes
    }
