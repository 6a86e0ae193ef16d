"""What goes into a screening and what comes out of it. No I/O."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import overload

from client.sdk.errors import InvalidInputError

PPM = 1_000_000
SCORE_MAX = 100
LEVEL_COUNT = 10
UINT32_MAX = 2**32 - 1
PRINCIPAL_CLASS_SIZE = 2
WORD_SIZE = 2
AGED_BAND_COUNT = 3
DIMENSION_COUNT_MAX = 16
LIMIT_COUNT_MAX = 4
CLASS_COUNT = 256
"""Classes of a dimension: a bucket byte has no more."""


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

    report_word: int
    """quality << 8 | score, score 1 to 100; 0 is no usable record."""
    principal_class: int
    """Balance at cut-off in units of the pack, 1 to 65535."""
    buckets: bytes = b""
    """Its class of each dimension of the pack's layout, one byte each."""


@dataclass(frozen=True, slots=True)
class EligibilityRule:
    """Which classes of a dimension are eligible."""

    dimension: int
    classes: int
    """Bit c set: class c is eligible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Largest share of a group, the assets of one class of a dimension, in the kept principal."""

    dimension: int
    limit_ppm: int
    exempts_zero: bool = False
    """Whether class 0 is no group: it is never over the limit."""


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
    layout_id: int = 0
    """Layout of the packs that it can screen; 0 suits policies that only say how records age."""
    sources_id: int = 0
    """Order of the bureaus per field; 0: by their organisation id."""
    fresh_days: int = 90
    age_days_max: int = 365
    age_factor_ppm: tuple[int, int, int] = (PPM, PPM, PPM)
    """Factor on the pd of records of age bands 1 to 3."""
    relation_factor_ppm: int = 0
    """Factor on the pd of records that were spread from related persons; 0: they are no usable records."""
    eligible: tuple[EligibilityRule, ...] = ()
    limits: tuple[Limit, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what the contract refuses; that the layout has the dimensions, only the contract knows.

        Raises:
            InvalidInputError: a field is out of its range.
        """
        if not 0 <= self.expected_bad_rate_ppm <= PPM:
            raise InvalidInputError("expected bad rate", got=self.expected_bad_rate_ppm, expected="0 to 1000000 ppm")
        _validate_weights(self)
        _validate_ages(self)
        _validate_rules(self)


def _validate_weights(policy: Policy) -> None:
    if len(policy.profile_ppm) != LEVEL_COUNT or not all(0 <= k <= UINT32_MAX for k in policy.profile_ppm):
        raise InvalidInputError("profile", got=policy.profile_ppm, expected="ten factors in ppm")
    if policy.mode is Mode.PER_LEVEL and not any(policy.profile_ppm):
        raise InvalidInputError("profile", got=policy.profile_ppm, expected="a positive factor for some level")
    if len(policy.emphasis) != LEVEL_COUNT or not 1 <= policy.emphasis[0] <= policy.emphasis[-1] <= UINT32_MAX:
        raise InvalidInputError("emphasis", got=policy.emphasis, expected="ten weights of at least 1")
    if list(policy.emphasis) != sorted(policy.emphasis):
        raise InvalidInputError("emphasis", got=policy.emphasis, expected="weights that do not fall with risk")


def _validate_ages(policy: Policy) -> None:
    if not 0 <= policy.fresh_days <= policy.age_days_max <= 2**16 - 1:
        days = (policy.fresh_days, policy.age_days_max)
        raise InvalidInputError("age limits in days", got=days, expected="fresh <= oldest")
    factors = (PPM, *policy.age_factor_ppm)
    if len(factors) != 1 + AGED_BAND_COUNT or list(factors) != sorted(factors) or factors[-1] > UINT32_MAX:
        expected = "three factors of at least 1000000 ppm that do not fall with age"
        raise InvalidInputError("age factors", got=policy.age_factor_ppm, expected=expected)
    if policy.relation_factor_ppm and not PPM <= policy.relation_factor_ppm <= UINT32_MAX:
        expected = "at least 1000000 ppm, or 0 where spread records are not allowed"
        raise InvalidInputError("relation factor", got=policy.relation_factor_ppm, expected=expected)


def _validate_rules(policy: Policy) -> None:
    for what, items, most in (
        ("eligibility rules", policy.eligible, DIMENSION_COUNT_MAX),
        ("limits", policy.limits, LIMIT_COUNT_MAX),
    ):
        dimensions = [item.dimension for item in items]
        if dimensions != sorted(set(dimensions)) or len(dimensions) > most:
            raise InvalidInputError(what, got=dimensions, expected=f"up to {most} dimensions, strictly ascending")
        if dimensions and not 0 <= dimensions[0] <= dimensions[-1] < DIMENSION_COUNT_MAX:
            raise InvalidInputError(what, got=dimensions, expected=f"dimensions below {DIMENSION_COUNT_MAX}")
    for rule in policy.eligible:
        if not 0 < rule.classes < 2**CLASS_COUNT:
            expected = f"a bitmap of up to {CLASS_COUNT} classes, not empty"
            raise InvalidInputError(
                f"eligible classes of dimension {rule.dimension}", got=rule.classes, expected=expected
            )
    for limit in policy.limits:
        if not 1 <= limit.limit_ppm <= PPM:
            what = f"limit of dimension {limit.dimension}"
            raise InvalidInputError(what, got=limit.limit_ppm, expected="1 to 1000000 ppm")


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


class PackBytes(Sequence[Asset]):
    """The assets of a pack as the chain keeps them: a few bytes each, and an `Asset` when it is asked for."""

    def __init__(self, *, classes: bytes, buckets: bytes, report: bytes):
        """Take the bytes as `decode_assets` does."""
        count = len(report) // WORD_SIZE
        self.dimension_count = len(buckets) // max(count, 1)
        if (len(report), len(classes), len(buckets)) != (
            count * WORD_SIZE,
            count * PRINCIPAL_CLASS_SIZE,
            count * self.dimension_count,
        ):
            raise InvalidInputError(
                "bytes of a pack",
                got=f"{len(report)} of the report, {len(classes)} of classes, {len(buckets)} of buckets",
                expected="2, 2 and one for each dimension, for every asset",
            )
        self.words = struct.unpack(f">{count}H", report)
        self.principal_classes = struct.unpack(f">{count}H", classes)
        self._buckets = buckets

    @classmethod
    def of(cls, assets: Sequence[Asset]) -> "PackBytes":
        """Return the assets in this form; they must have as many bucket bytes each."""
        if isinstance(assets, cls):
            return assets
        return cls(
            classes=b"".join(asset.principal_class.to_bytes(PRINCIPAL_CLASS_SIZE) for asset in assets),
            buckets=b"".join(asset.buckets for asset in assets),
            report=b"".join(asset.report_word.to_bytes(WORD_SIZE) for asset in assets),
        )

    def column(self, dimension: int) -> bytes:
        """Return the class of every asset in one dimension."""
        return self._buckets[dimension :: max(self.dimension_count, 1)]

    def __len__(self) -> int:
        """Return the number of assets."""
        return len(self.words)

    @overload
    def __getitem__(self, index: int) -> Asset: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Asset, ...]: ...
    def __getitem__(self, index: int | slice) -> Asset | tuple[Asset, ...]:
        """Return one asset, or some."""
        if isinstance(index, slice):
            return tuple(self[place] for place in range(*index.indices(len(self))))
        place = range(len(self))[index]
        start = self.dimension_count * place
        return Asset(
            report_word=self.words[place],
            principal_class=self.principal_classes[place],
            buckets=self._buckets[start : start + self.dimension_count],
        )


def decode_assets(*, classes: bytes, buckets: bytes, report: bytes) -> PackBytes:
    """Put together a pack from the bytes on chain.

    Args:
        classes: 2 bytes an asset, big-endian. Source: docs/protocol.md, 6.
        buckets: a byte for each dimension of the pack's layout, asset by asset.
        report: 2 bytes an asset, big-endian.

    Raises:
        InvalidInputError: the three do not speak of the same number of assets.
    """
    return PackBytes(classes=classes, buckets=buckets, report=report)
