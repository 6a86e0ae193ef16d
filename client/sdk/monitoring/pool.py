"""A pool over its periods: all that the Monitoring contract computes. Pure: no I/O. Source: docs/protocol.md, 12."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from client.sdk.errors import InvalidInputError
from client.sdk.monitoring.entries import NOT_IN_POOL, Entry, State, follow
from client.sdk.monitoring.tallies import Tallies, plus, total
from client.sdk.monitoring.terms import PPM, Terms
from client.sdk.monitoring.totals import Totals
from client.sdk.monitoring.triggers import Trigger, judge, point_of
from client.sdk.screening import Tally

SCORE_COUNT = 100


@dataclass(frozen=True, slots=True)
class Asset:
    """What a pool begins with of an asset."""

    closing_score: int
    """1 to 100; 0 for one that is not in the pool."""
    balance_class: int
    is_kept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPeriod:
    """Figures of a closed period; period 0 is the closing."""

    totals: Totals
    tallies: Tallies
    entries: tuple[Entry, ...]
    defaults_by_score: tuple[Tally, ...]
    """New ones by score at closing, score 1 first."""
    cumulative_defaults: Tally
    cumulative_gross_cents: int = 0
    cumulative_recovered_cents: int = 0
    cumulative_removed_cents: int = 0
    """Repurchased and substituted out."""
    triggers: tuple[Trigger, ...] = ()
    is_alert: bool = False
    clear_periods: int = 0

    @property
    def net_loss_cents(self) -> int:
        """Cumulative gross loss less what was recovered."""
        return self.cumulative_gross_cents - self.cumulative_recovered_cents

    @property
    def fired(self) -> int:
        """One bit a trigger, trigger 0 lowest."""
        return sum(trigger.is_fired << number for number, trigger in enumerate(self.triggers))


@dataclass(slots=True)
class Pool:
    """A pool and its periods so far; `close_period` goes on by one."""

    terms: Terms
    cut_off_balance_cents: int
    class_unit: int
    """Currency units of a balance class."""
    assets: list[Asset]
    """Those of the pack in its order, then those that measures took in."""
    periods: list[PoolPeriod] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Form period 0: what was kept is current."""
        entries = tuple(Entry(State.CURRENT, 0, a.balance_class) if a.is_kept else NOT_IN_POOL for a in self.assets)
        tallies = Tallies()
        for asset, entry in zip(self.assets, entries, strict=True):
            tallies.add(entry, entry, score=asset.closing_score, closing_score=asset.closing_score)
        self.periods.append(
            PoolPeriod(
                totals=Totals(beginning_cents=0, ending_cents=self.cut_off_balance_cents),
                tallies=tallies,
                entries=entries,
                defaults_by_score=(Tally(0, 0),) * SCORE_COUNT,
                cumulative_defaults=Tally(0, 0),
            )
        )

    def admit(self, score: int, balance_class: int) -> int:
        """Take an asset in; its index. It is reported from the next period on."""
        self.assets.append(Asset(score, balance_class))
        return len(self.assets) - 1

    def close_period(
        self,
        totals: Totals,
        reported: Sequence[Entry],
        scores: Sequence[int],
        marks: Mapping[int, State] | None = None,
    ) -> PoolPeriod:
        """Check and add the next period, which is then the last of `periods`.

        `scores` are the newest, 0 where there is no usable record; assets that measures took in need none.

        Raises:
            InvalidInputError: the contract would refuse it.
        """
        before = self.periods[-1]
        totals.check(expected_beginning_cents=before.totals.ending_cents)
        if len(reported) != len(self.assets):
            raise InvalidInputError("entries", got=len(reported), expected=f"{len(self.assets)}, one an asset")
        admitted = self.assets[len(before.entries) :]
        previous = [*before.entries, *(Entry(State.CURRENT, 0, asset.balance_class) for asset in admitted)]
        tallies, defaults = Tallies(), [Tally(0, 0)] * SCORE_COUNT
        entries = []
        for index, (old, entry) in enumerate(zip(previous, reported, strict=True)):
            mark = (marks or {}).get(index)
            asset = self.assets[index]
            stored = follow(old, entry, index=index, mark=mark)
            score = scores[index] if index < len(scores) else asset.closing_score
            tallies.add(old, stored, score=score, closing_score=asset.closing_score, is_marked=mark is not None)
            if stored.has_defaulted and not old.has_defaulted:
                place = asset.closing_score - 1
                defaults[place] = plus(defaults[place], old.balance_class)
            entries.append(stored)
        check_totals(totals, tallies, self.class_unit, [asset.balance_class for asset in admitted])
        self._append(totals, tallies, tuple(entries), tuple(defaults))
        return self.periods[-1]

    def _append(
        self, totals: Totals, tallies: Tallies, entries: tuple[Entry, ...], defaults: tuple[Tally, ...]
    ) -> None:
        before = self.periods[-1]
        gross_cents = before.cumulative_gross_cents + totals.defaulted_cents
        recovered_cents = before.cumulative_recovered_cents + totals.recovered_cents
        points = [point_of(each.tallies, each.net_loss_cents) for each in self.periods]
        points.append(point_of(tallies, gross_cents - recovered_cents))
        triggers = judge(self.terms, points, self.cut_off_balance_cents)
        is_fired = any(trigger.is_fired for trigger in triggers)
        clear_periods = 0 if is_fired else before.clear_periods + 1
        removed_cents = totals.repurchased_cents + totals.substituted_out_cents
        self.periods.append(
            PoolPeriod(
                totals=totals,
                tallies=tallies,
                entries=entries,
                defaults_by_score=defaults,
                cumulative_defaults=total([before.cumulative_defaults, tallies.defaults]),
                cumulative_gross_cents=gross_cents,
                cumulative_recovered_cents=recovered_cents,
                cumulative_removed_cents=before.cumulative_removed_cents + removed_cents,
                triggers=triggers,
                is_alert=is_fired or (before.is_alert and clear_periods < self.terms.clear_periods),
                clear_periods=clear_periods,
            )
        )

    @property
    def callable_cents(self) -> int:
        """Balance at or below which what is left may be called."""
        return self.cut_off_balance_cents * self.terms.clean_up_ppm // PPM


def check_totals(totals: Totals, tallies: Tallies, class_unit: int, admitted_classes: Sequence[int]) -> None:
    """Raise InvalidInputError for totals that entries deny: a balance is less than a unit away from its class."""
    unit_cents = class_unit * 100
    admitted = Tally(len(admitted_classes), sum(admitted_classes))
    near = {
        "ending_cents": tallies.live,
        "defaulted_cents": tallies.charged_off,
        "substituted_in_cents": admitted,
    }
    below = {"repurchased_cents": tallies.left[0], "substituted_out_cents": tallies.left[1]}
    for name, tally in (near | below).items():
        least = (tally.class_sum - tally.count) * unit_cents if name in near else 0
        most = (tally.class_sum + tally.count) * unit_cents
        cents = getattr(totals, name)
        if not least <= cents <= most:
            expected = f"{least} to {most} by the {tally.count} assets concerned"
            raise InvalidInputError(name, got=cents, expected=expected)
