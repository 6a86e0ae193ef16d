"""Who leaves, in which order, with which reason. No I/O.

Source: docs/screening.md; the numbers of the steps are those of that page. Written for reading: one asset at a time,
every condition by cross-multiplication. The contract reaches the same set by other means.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from client.sdk.errors import InvalidInputError
from client.sdk.screening.risk import NO_SLOT, RiskTable, bad_rate_ppm
from client.sdk.screening.types import (
    CLASS_COUNT,
    LEVEL_COUNT,
    PPM,
    Asset,
    Binding,
    Figures,
    Mode,
    PackBytes,
    Policy,
    Reason,
    ScreeningResult,
    Tally,
)

X_STEPS_PER_UNIT = 10_000
"""`per_level` scans x upward in steps of 1/10,000."""


def screen(
    assets: Sequence[Asset],
    policy: Policy,
    pd_ppm: Sequence[int],
    margin_ppm: Sequence[int],
    *,
    brought_down: Collection[int] = (),
) -> ScreeningResult:
    """Screen a pack.

    Args:
        assets: in the order of their index.
        policy: the rules.
        pd_ppm: probability of default of scores 1 to 100 (RiskModelRegistry.pdTable).
        margin_ppm: margin of levels 1 to 10.
        brought_down: indices that left at an earlier bring-down of the pack; they take part in nothing.

    Raises:
        InvalidInputError: the model's tables have the wrong shape.
    """
    kept = KeptSet(assets, policy, RiskTable.build(policy, pd_ppm, margin_ppm), frozenset(brought_down))
    initial_reasons, before = bytes(kept.reasons), kept.figures()
    binding, lowest_ppm, round_count = _screen_in_rounds(kept)
    if binding is Binding.NONE:
        after, reasons = kept.figures(), bytes(kept.reasons)
        lowest_ppm = after.bad_rate_by_count_ppm if policy.by_count else after.bad_rate_by_balance_ppm
    else:
        after, reasons = before, initial_reasons
    return ScreeningResult(
        reached=binding is Binding.NONE,
        binding=binding,
        reasons=reasons,
        before=before,
        after=after,
        lowest_reachable_ppm=lowest_ppm,
        round_count=round_count,
    )


def bring_down(
    assets: Sequence[Asset],
    policy: Policy,
    pd_ppm: Sequence[int],
    margin_ppm: Sequence[int],
    result: ScreeningResult,
    indices: Collection[int],
) -> ScreeningResult:
    """Take assets out of a screened pack at closing and test the target again; limits are not tested again.

    Returns:
        The result with `reached` false where the rest misses the target or nothing is left.

    Raises:
        InvalidInputError: an index is not of a kept asset, or the screening had not reached its target.
    """
    wrong = [index for index in sorted(indices) if index >= len(assets) or result.reasons[index] != Reason.KEPT]
    if wrong or not result.reached:
        raise InvalidInputError("assets to bring down", got=wrong, expected="assets that a screening kept")
    kept = KeptSet(assets, policy, RiskTable.build(policy, pd_ppm, margin_ppm), frozenset())
    for index, reason in enumerate(result.reasons):
        if kept.reasons[index] == Reason.KEPT and reason != Reason.KEPT:
            kept.remove(index, Reason(reason))
        kept.reasons[index] = reason
    for index in sorted(set(indices)):
        kept.remove(index, Reason.BROUGHT_DOWN)
    return replace(
        result,
        reached=kept.count > 0 and kept.meets_target(),
        reasons=bytes(kept.reasons),
        after=kept.figures(),
        lowest_reachable_ppm=kept.bad_rate_ppm(),
    )


class KeptSet:
    """The assets that are still in, with the sums that every rule asks for."""

    def __init__(self, assets: Sequence[Asset], policy: Policy, risk: RiskTable, brought_down: Collection[int]):
        """Apply steps 1 and 2."""
        pack = PackBytes.of(assets)
        self.policy = policy
        self.risk = risk
        self.principal_classes = pack.principal_classes
        self.groups = [pack.column(limit.dimension) for limit in policy.limits]
        """Group of every asset, for each limit."""
        self.slots = [risk.slot_of(word) for word in pack.words]
        self.reasons = _first_reasons(pack, self.slots, policy)
        for index in brought_down:
            self.reasons[index] = Reason.BROUGHT_DOWN
        members = [index for index, reason in enumerate(self.reasons) if reason == Reason.KEPT]
        self.order = sorted(members, key=self.slots.__getitem__)
        """Riskiest first, equals by index: sorting keeps their order. Removed ones stay; `in_order` leaves them out."""
        self.count = 0
        self.class_sum = 0
        self.class_sums_by_limit = [[0] * CLASS_COUNT for _ in policy.limits]
        """By group of each limit."""
        self.level_sums = [[0, 0] for _ in range(LEVEL_COUNT)]
        self.sums_by_balance = [0, 0]
        self.sums_by_count = [0, 0]
        self._account_all(members)

    def _account_all(self, members: Sequence[int]) -> None:
        """What `_account` would do with each: slot by slot, since a pack may have a million."""
        counts, class_sums = [0] * len(self.risk.pd_ppm_by_slot), [0] * len(self.risk.pd_ppm_by_slot)
        for index in members:
            counts[self.slots[index]] += 1
            class_sums[self.slots[index]] += self.principal_classes[index]
        for slot, (count, class_sum) in enumerate(zip(counts, class_sums, strict=True)):
            self._add(slot, count, class_sum)
        for groups, sums in zip(self.groups, self.class_sums_by_limit, strict=True):
            for index in members:
                sums[groups[index]] += self.principal_classes[index]

    def _account(self, index: int) -> None:
        """Take one out of every sum."""
        principal_class = self.principal_classes[index]
        self._add(self.slots[index], -1, -principal_class)
        for groups, sums in zip(self.groups, self.class_sums_by_limit, strict=True):
            sums[groups[index]] -= principal_class

    def _add(self, slot: int, count: int, class_sum: int) -> None:
        emphasis, pd_ppm = self.risk.emphasis_by_slot[slot], self.risk.pd_ppm_by_slot[slot]
        self.count += count
        self.class_sum += class_sum
        level_sums = self.level_sums[self.risk.level_index_by_slot[slot]]
        level_sums[0] += count
        level_sums[1] += class_sum
        for sums, size in ((self.sums_by_balance, class_sum), (self.sums_by_count, count)):
            sums[0] += emphasis * size * pd_ppm
            sums[1] += emphasis * size

    def remove(self, index: int, reason: Reason) -> None:
        """Take a kept asset out."""
        self.reasons[index] = reason
        self._account(index)

    def in_order(self) -> list[int]:
        """What is kept, riskiest first."""
        return [index for index in self.order if self.reasons[index] == Reason.KEPT]

    def meets_target(self) -> bool:
        """Whether the bad rate is at most the expected one; true of the empty set."""
        numerator, denominator = self.sums_by_count if self.policy.by_count else self.sums_by_balance
        return numerator <= self.policy.expected_bad_rate_ppm * denominator

    def bad_rate_ppm(self) -> int:
        """The bad rate that the policy steers by, rounded up."""
        return bad_rate_ppm(*(self.sums_by_count if self.policy.by_count else self.sums_by_balance))

    def level_index(self, index: int) -> int:
        """Level of a scored asset, from 0."""
        return self.risk.level_index_by_slot[self.slots[index]]

    def exceeds_limit(self, place: int, group: int) -> bool:
        """Whether a group's share of the kept principal is above the limit at that place of the policy."""
        limit = self.policy.limits[place]
        if limit.exempts_zero and group == 0:
            return False
        return self.class_sums_by_limit[place][group] * PPM > limit.limit_ppm * self.class_sum

    def keeps_limits(self) -> bool:
        """Whether no group is over its limit."""
        return not any(
            self.exceeds_limit(place, group)
            for place, class_sums in enumerate(self.class_sums_by_limit)
            for group, class_sum in enumerate(class_sums)
            if class_sum
        )

    def figures(self) -> Figures:
        """Size, bad rates and levels as they are now."""
        return Figures(
            tally=Tally(self.count, self.class_sum),
            bad_rate_by_balance_ppm=bad_rate_ppm(*self.sums_by_balance),
            bad_rate_by_count_ppm=bad_rate_ppm(*self.sums_by_count),
            level_tallies=tuple(Tally(*sums) for sums in self.level_sums),
        )


def _first_reasons(pack: PackBytes, slots: Sequence[int], policy: Policy) -> bytearray:
    """Steps 1 and 2."""
    reasons = bytearray(Reason.NO_RECORD if slot == NO_SLOT else Reason.KEPT for slot in slots)
    for rule in policy.eligible:
        for index, asset_class in enumerate(pack.column(rule.dimension)):
            if not rule.classes >> asset_class & 1:
                reasons[index] = Reason.NOT_ELIGIBLE
    return reasons


def _screen_in_rounds(kept: KeptSet) -> tuple[Binding, int, int]:
    """Steps 3 and 4 until nothing changes: what binds, the lowest bad rate seen, the number of rounds."""
    lowest_ppm, round_count = PPM, 1
    if not kept.count:
        return Binding.ELIGIBILITY, lowest_ppm, round_count
    while True:
        _keep_limits(kept)
        if not kept.count:
            return Binding.CONCENTRATION, lowest_ppm, round_count
        lowest_ppm = min(lowest_ppm, kept.bad_rate_ppm())
        if kept.meets_target():
            return Binding.NONE, lowest_ppm, round_count
        shortfall_ppm = _remove_whole_pack(kept) if kept.policy.mode is Mode.WHOLE_PACK else _remove_per_level(kept)
        if shortfall_ppm is not None:
            first_binding = Binding.PROFILE if kept.count else Binding.TARGET
            binding = first_binding if round_count == 1 else Binding.CONCENTRATION
            return binding, min(lowest_ppm, shortfall_ppm), round_count
        if kept.keeps_limits():
            return Binding.NONE, lowest_ppm, round_count
        round_count += 1


def _keep_limits(kept: KeptSet) -> None:
    """Step 3: passes over the limits in their order and their groups ascending, until a whole pass changes nothing.

    Each group over its limit loses its riskiest assets until it is not. Groups of one limit do not overlap, and there
    the order does not matter; groups of several limits do. The empty set keeps every limit, so passes come to an end.
    """
    queues = [_riskiest_last(kept, groups) for groups in kept.groups]
    changed = True
    while changed:
        changed = False
        for place, queue_by_group in enumerate(queues):
            for group in sorted(queue_by_group):
                while kept.exceeds_limit(place, group):
                    index = queue_by_group[group].pop()
                    if kept.reasons[index] == Reason.KEPT:
                        kept.remove(index, Reason.CONCENTRATION)
                        changed = True


def _riskiest_last(kept: KeptSet, groups: bytes) -> dict[int, list[int]]:
    queue_by_group: dict[int, list[int]] = {}
    for index in reversed(kept.in_order()):
        queue_by_group.setdefault(groups[index], []).append(index)
    return queue_by_group


def _remove_whole_pack(kept: KeptSet) -> int | None:
    """Step 4: the shortest prefix of the order of risk whose removal meets the target and leaves something.

    Returns:
        None, or the lowest bad rate on the way when even the last asset is above the target.
    """
    lowest_ppm = kept.bad_rate_ppm()
    for index in kept.in_order():
        kept.remove(index, Reason.SCREENED)
        if not kept.count:
            break
        if kept.meets_target():
            return None
        lowest_ppm = min(lowest_ppm, kept.bad_rate_ppm())
    return lowest_ppm


def _remove_per_level(kept: KeptSet) -> int | None:
    """Step 4: the floor(min(1, k·x)·n) riskiest of each level, for the first x that meets the target.

    x goes up in steps of 1/10,000 until every level with a positive k is empty; steps at which no level loses an
    asset are skipped, because they change nothing.

    Returns:
        None, or the lowest bad rate on the way when no x meets the target.
    """
    queues: list[list[int]] = [[] for _ in range(LEVEL_COUNT)]
    for index in reversed(kept.in_order()):
        queues[kept.level_index(index)].append(index)
    sizes = [len(queue) for queue in queues]
    unit = PPM * X_STEPS_PER_UNIT
    lowest_ppm = kept.bad_rate_ppm()
    while True:
        next_steps = [
            -(-(size - len(queue) + 1) * unit // (size * factor))
            for size, queue, factor in zip(sizes, queues, kept.policy.profile_ppm, strict=True)
            if queue and factor
        ]
        if not next_steps:
            return lowest_ppm
        step = min(next_steps)
        for size, queue, factor in zip(sizes, queues, kept.policy.profile_ppm, strict=True):
            remaining = size - min(size, size * factor * step // unit)
            while len(queue) > remaining:
                kept.remove(queue.pop(), Reason.SCREENED)
        if not kept.count:
            return lowest_ppm
        if kept.meets_target():
            return None
        lowest_ppm = min(lowest_ppm, kept.bad_rate_ppm())
