"""Order of risk and probability of default of an asset, both decided by its report byte. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from client.sdk.errors import InvalidInputError
from client.sdk.screening.types import LEVEL_COUNT, PPM, SCORE_MAX, Policy

AGED = 0x80
NO_SLOT = 200
"""Slot of a report byte that is no usable record; the slots of the others are 0, the riskiest, to 199."""
MARGIN_PPM_MIN = PPM


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTable:
    """What a policy and a model say of each report byte.

    A *slot* is a place in the order of step 4: score descending, then pd descending. Aged and fresh assets of one
    score share a slot where their pd is the same, because the index alone decides between equals.
    """

    slot_by_byte: tuple[int, ...]
    pd_ppm_by_slot: tuple[int, ...]
    """With margin and age factor, at most 1000000."""
    emphasis_by_slot: tuple[int, ...]

    @classmethod
    def build(cls, policy: Policy, pd_ppm: Sequence[int], margin_ppm: Sequence[int]) -> "RiskTable":
        """Combine a policy with a model.

        Args:
            policy: age factor and emphasis are used.
            pd_ppm: probability of default of scores 1 to 100.
            margin_ppm: margin of levels 1 to 10, at least 1000000.

        Raises:
            InvalidInputError: a table has the wrong length or a margin is below one.
        """
        if len(pd_ppm) != SCORE_MAX or len(margin_ppm) != LEVEL_COUNT or min(margin_ppm) < MARGIN_PPM_MIN:
            raise InvalidInputError(
                "model tables", got=f"{len(pd_ppm)} pd, {len(margin_ppm)} margins", expected="100 and 10, margins >= 1"
            )
        slot_by_byte = [NO_SLOT] * 256
        pd_by_slot, emphasis_by_slot = [0] * NO_SLOT, [1] * NO_SLOT
        for score in range(1, SCORE_MAX + 1):
            level_index = (score - 1) // 10
            fresh_pd = min(PPM, divide_up(pd_ppm[score - 1] * margin_ppm[level_index], PPM))
            with_margin = divide_up(pd_ppm[score - 1] * margin_ppm[level_index], PPM)
            aged_pd = min(PPM, divide_up(with_margin * policy.age_factor_ppm, PPM))
            fresh_slot = 2 * (SCORE_MAX - score) + 1
            aged_slot = fresh_slot if aged_pd == fresh_pd else fresh_slot - 1
            slot_by_byte[score], slot_by_byte[score | AGED] = fresh_slot, aged_slot
            for slot, value in ((aged_slot, aged_pd), (fresh_slot, fresh_pd)):
                pd_by_slot[slot] = value
                emphasis_by_slot[slot] = policy.emphasis[level_index]
        return cls(
            slot_by_byte=tuple(slot_by_byte), pd_ppm_by_slot=tuple(pd_by_slot), emphasis_by_slot=tuple(emphasis_by_slot)
        )


def level_index_of_slot(slot: int) -> int:
    """Return 0 for level 1 to 9 for level 10."""
    return (99 - slot // 2) // 10


def divide_up(numerator: int, denominator: int) -> int:
    """Return the quotient, rounded up."""
    return -(-numerator // denominator)


def bad_rate_ppm(numerator: int, denominator: int) -> int:
    """Return Σ m·B·pd / Σ m·B rounded up: at most the target exactly when the exact rate is. Empty: 0."""
    return divide_up(numerator, denominator) if denominator else 0
