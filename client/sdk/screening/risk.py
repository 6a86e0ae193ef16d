"""Order of risk and probability of default of an asset, both decided by its report word. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from client.sdk.errors import InvalidInputError
from client.sdk.screening.types import AGED_BAND_COUNT, LEVEL_COUNT, PPM, SCORE_MAX, Policy

SCORE_MASK = 0xFF
RELATION = 0x0400
"""Bit of a report word: the record was spread from related persons."""
NO_SLOT = -1
"""Slot of a report word that is no usable record."""
MARGIN_PPM_MIN = PPM


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTable:
    """What a policy and a model say of each report word.

    A *slot* is a place in the order of step 4: score descending, then pd descending. Words of one score share a slot
    where their pd is the same, because the index alone decides between equals. Slot 0 is the riskiest.
    """

    slot_by_word: dict[int, int]
    """Of the words that are usable records."""
    pd_ppm_by_slot: tuple[int, ...]
    """With margin and factors, at most 1000000."""
    level_index_by_slot: tuple[int, ...]
    """0 for level 1 to 9 for level 10."""
    emphasis_by_slot: tuple[int, ...]

    @classmethod
    def build(cls, policy: Policy, pd_ppm: Sequence[int], margin_ppm: Sequence[int]) -> "RiskTable":
        """Combine a policy with a model.

        Args:
            policy: age factors, relation factor and emphasis are used.
            pd_ppm: probability of default of scores 1 to 100.
            margin_ppm: margin of levels 1 to 10, at least 1000000.

        Raises:
            InvalidInputError: a table has the wrong length or a margin is below one.
        """
        if len(pd_ppm) != SCORE_MAX or len(margin_ppm) != LEVEL_COUNT or min(margin_ppm) < MARGIN_PPM_MIN:
            raise InvalidInputError(
                "model tables", got=f"{len(pd_ppm)} pd, {len(margin_ppm)} margins", expected="100 and 10, margins >= 1"
            )
        slot_by_word: dict[int, int] = {}
        pd_by_slot: list[int] = []
        levels: list[int] = []
        for score in range(SCORE_MAX, 0, -1):
            level_index = (score - 1) // 10
            with_margin = divide_up(pd_ppm[score - 1] * margin_ppm[level_index], PPM)
            pd_by_quality = {
                quality: min(PPM, divide_up(divide_up(with_margin * age_factor, PPM) * relation_factor, PPM))
                for quality, age_factor, relation_factor in _qualities(policy)
            }
            distinct = sorted(set(pd_by_quality.values()), reverse=True)
            for quality, pd in pd_by_quality.items():
                slot_by_word[quality << 8 | score] = len(pd_by_slot) + distinct.index(pd)
            pd_by_slot.extend(distinct)
            levels.extend([level_index] * len(distinct))
        return cls(
            slot_by_word=slot_by_word,
            pd_ppm_by_slot=tuple(pd_by_slot),
            level_index_by_slot=tuple(levels),
            emphasis_by_slot=tuple(policy.emphasis[level] for level in levels),
        )

    def slot_of(self, report_word: int) -> int:
        """Return the slot of a report word, or NO_SLOT."""
        return self.slot_by_word.get(report_word, NO_SLOT)


def score_of(report_word: int) -> int:
    """Return the score 1 to 100 of a usable record."""
    return report_word & SCORE_MASK


def _qualities(policy: Policy) -> list[tuple[int, int, int]]:
    """Qualities that are usable records, each with its age factor and relation factor."""
    relations = [(0, PPM)]
    if policy.relation_factor_ppm:
        relations.append((RELATION >> 8, policy.relation_factor_ppm))
    factors = (PPM, *policy.age_factor_ppm)
    return [
        (bit | band, factors[band], relation_factor)
        for bit, relation_factor in relations
        for band in range(1 + AGED_BAND_COUNT)
    ]


def divide_up(numerator: int, denominator: int) -> int:
    """Return the quotient, rounded up."""
    return -(-numerator // denominator)


def bad_rate_ppm(numerator: int, denominator: int) -> int:
    """Return Σ m·B·pd / Σ m·B rounded up: at most the target exactly when the exact rate is. Empty: 0."""
    return divide_up(numerator, denominator) if denominator else 0
