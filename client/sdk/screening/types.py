"""What goes into a screening and what comes out of it. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from client.sdk.errors import InvalidInputError

PPM = 1_000_000
SCORE_MAX = 100
LEVEL_COUNT = 10
LIMITED_BYTE_MAX = 255
UINT32_MAX = 2**32 - 1
CLASS_SIZE_BYTES = 2
BUCKET_SIZE_BYTES = 4


class Mode(IntEnum):
    """How step 4 chooses what leaves; the numbers are those of the contract."""

    WHOLE_PACK = 0
    PER_LEVEL = 1


class Reason(IntEnum):
    """Why an asset left; one byte an asset on chain."""

    KEPT = 0
    NOT_ELIGIBLE = 1
    NO_RECORD = 2
    CONCENTRATION = 3
    SCREENED = 4
    BROUGHT_DOWN = 5


class Binding(IntEnum):
    """What keeps a target out of reach."""

    NONE = 0
    ELIGIBILITY = 1
    """No asset is left after steps 1 and 2."""
    CONCENTRATION = 2
    """The limits leave nothing, alone or together with the target."""
    PROFILE = 3
    """Every level with a positive profile is empty, and the others are still too risky."""
    TARGET = 4
    """Even the safest assets are above the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What the chain knows of one asset: docs/protocol.md, 6 and 7."""

    report_byte: int
    """Score 1 to 100, plus 0x80 when its record is aged; anything else is no usable record."""
    principal_class: int
    """Balance at cut-off in units of the pack, 1 to 65535."""
    term_class: int = 0
    rate_class: int = 0
    dpd_class: int = 0
    region_group: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy as `Screening.definePolicy` takes it; the defaults limit nothing."""

    expected_bad_rate_ppm: int
    mode: Mode = Mode.WHOLE_PACK
    by_count: bool = False
    profile_ppm: tuple[int, ...] = (PPM,) * LEVEL_COUNT
    """k of each level: how fast step 4 of `per_level` eats into it; 0 spares the level."""
    emphasis: tuple[int, ...] = (1,) * LEVEL_COUNT
    """m of each level: not falling, at least 1."""
    fresh_days: int = 90
    age_days_max: int = 365
    age_factor_ppm: int = PPM
    term_class_max: int = LIMITED_BYTE_MAX
    rate_class_max: int = LIMITED_BYTE_MAX
    dpd_class_max: int = LIMITED_BYTE_MAX
    region_limit_ppm: int = PPM

    def __post_init__(self) -> None:
        """Refuse what the contract refuses.

        Raises:
            InvalidInputError: a field is out of its range.
        """
        if not 0 <= self.expected_bad_rate_ppm <= PPM:
            raise InvalidInputError("expected bad rate", got=self.expected_bad_rate_ppm, expected="0 to 1000000 ppm")
        if len(self.profile_ppm) != LEVEL_COUNT or not all(0 <= k <= UINT32_MAX for k in self.profile_ppm):
            raise InvalidInputError("profile", got=self.profile_ppm, expected="ten factors in ppm")
        if self.mode is Mode.PER_LEVEL and not any(self.profile_ppm):
            raise InvalidInputError("profile", got=self.profile_ppm, expected="a positive factor for some level")
        if len(self.emphasis) != LEVEL_COUNT or not 1 <= self.emphasis[0] <= self.emphasis[-1] <= UINT32_MAX:
            raise InvalidInputError("emphasis", got=self.emphasis, expected="ten weights of at least 1")
        if list(self.emphasis) != sorted(self.emphasis):
            raise InvalidInputError("emphasis", got=self.emphasis, expected="weights that do not fall with risk")
        if not 0 <= self.fresh_days <= self.age_days_max <= 2**16 - 1:
            raise InvalidInputError(
                "age limits in days", got=(self.fresh_days, self.age_days_max), expected="fresh <= oldest"
            )
        if not PPM <= self.age_factor_ppm <= UINT32_MAX:
            raise InvalidInputError("age factor", got=self.age_factor_ppm, expected="at least 1000000 ppm")
        if not 1 <= self.region_limit_ppm <= PPM:
            raise InvalidInputError("region limit", got=self.region_limit_ppm, expected="1 to 1000000 ppm")


@dataclass(frozen=True, slots=True)
class Tally:
    """Some assets: how many, and the sum of their principal classes."""

    count: int = 0
    class_sum: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A set of scored assets: size, bad rates rounded up to whole ppm, and its ten levels, level 1 first."""

    tally: Tally
    bad_rate_by_balance_ppm: int
    bad_rate_by_count_ppm: int
    level_tallies: tuple[Tally, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningResult:
    """Outcome of a screening. Where the target is out of reach `after` equals `before` and nothing was removed."""

    reached: bool
    binding: Binding
    reasons: bytes
    """One `Reason` an asset; of an unreachable target only what steps 1 and 2 say."""
    before: Figures
    """Of the assets that steps 1 and 2 leave."""
    after: Figures
    lowest_reachable_ppm: int
    """The bad rate after, or, out of reach, the lowest that was seen; 1000000 when no set within the limits was."""
    round_count: int
    """How often steps 3 and 4 ran."""

    def kept_indices(self) -> Iterator[int]:
        """The indices of the assets that stay, ascending."""
        return (index for index, reason in enumerate(self.reasons) if reason == Reason.KEPT)


def decode_assets(*, classes: bytes, buckets: bytes, report: bytes) -> tuple[Asset, ...]:
    """Put together a pack from the bytes on chain.

    Args:
        classes: 2 bytes an asset, big-endian. Source: docs/protocol.md, 6.
        buckets: 4 bytes an asset: term, rate, dpd class, region group.
        report: 1 byte an asset.

    Raises:
        InvalidInputError: the three do not speak of the same number of assets.
    """
    count = len(report)
    if len(classes) != count * CLASS_SIZE_BYTES or len(buckets) != count * BUCKET_SIZE_BYTES:
        raise InvalidInputError(
            "bytes of a pack",
            got=f"{len(classes)} of classes, {len(buckets)} of buckets",
            expected=f"{count * CLASS_SIZE_BYTES} and {count * BUCKET_SIZE_BYTES} for {count} scores",
        )
    return tuple(
        Asset(
            report_byte=report[index],
            principal_class=int.from_bytes(classes[2 * index : 2 * index + 2]),
            term_class=buckets[4 * index],
            rate_class=buckets[4 * index + 1],
            dpd_class=buckets[4 * index + 2],
            region_group=buckets[4 * index + 3],
        )
        for index in range(count)
    )
