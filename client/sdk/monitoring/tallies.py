"""Sums over the entries of a period, as the contract packs them. Pure: no I/O. Source: docs/protocol.md, 12."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from client.sdk.errors import DecodeError
from client.sdk.monitoring.entries import ARREARS_BANDS, BAND_COUNT, TOP_LEVEL, Entry, State, level_of
from client.sdk.screening import Tally

LEVEL_COUNT: Final = 10
_SUM_COUNT: Final = 31
_SUM_SIZE: Final = 12
_SQUARES_SIZE: Final = 16
PACKED_SIZE: Final = _SUM_COUNT * _SUM_SIZE + _SQUARES_SIZE
_NONE: Final = Tally(0, 0)


def plus(tally: Tally, balance_class: int) -> Tally:
    """Return a tally with one asset more."""
    return Tally(tally.count + 1, tally.class_sum + balance_class)


def total(tallies: Sequence[Tally]) -> Tally:
    """Return the sum of tallies."""
    return Tally(sum(each.count for each in tallies), sum(each.class_sum for each in tallies))


@dataclass(slots=True)
class Tallies:
    """Sums of a period; each is the number of assets and the sum of their balance classes."""

    levels: list[Tally] = field(default_factory=lambda: [_NONE] * LEVEL_COUNT)
    """Live assets by level, level 1 first."""
    bands: list[Tally] = field(default_factory=lambda: [_NONE] * BAND_COUNT)
    """Live assets by days past due."""
    states: list[Tally] = field(default_factory=lambda: [_NONE] * len(State))
    """All assets but those that were never in the pool."""
    defaults: Tally = _NONE
    """New ones: first of 91 days past due or charge-off; with the classes of the period before."""
    charged_off: Tally = _NONE
    """Written off since the period before."""
    left: list[Tally] = field(default_factory=lambda: [_NONE] * 2)
    """Repurchased, substituted since the period before, with the classes then."""
    left_top: Tally = _NONE
    """Those of both that were of levels 8 to 10."""
    unmeasured: Tally = _NONE
    """Those of both that no measure took out."""
    squares: int = 0
    """Sum of the squares of the balance classes of live assets."""

    @property
    def live(self) -> Tally:
        """All live assets."""
        return total(self.bands)

    @property
    def top(self) -> Tally:
        """Live assets of levels 8 to 10."""
        return total(self.levels[TOP_LEVEL - 1 :])

    @property
    def arrears(self) -> Tally:
        """Live assets 61 and more days past due."""
        return total([self.bands[band] for band in ARREARS_BANDS])

    def add(self, before: Entry, entry: Entry, *, score: int, closing_score: int, is_marked: bool = False) -> None:
        """Add an asset that `follow` let through; scores are 0 where there was no usable record."""
        if entry.state is State.NOT_IN_POOL:
            return
        if entry.has_defaulted and not before.has_defaulted:
            self.defaults = plus(self.defaults, before.balance_class)
        self.states[entry.state] = plus(self.states[entry.state], entry.balance_class)
        if entry.state.is_live:
            level = level_of(score, closing_score, entry.band)
            self.levels[level - 1] = plus(self.levels[level - 1], entry.balance_class)
            self.bands[entry.band] = plus(self.bands[entry.band], entry.balance_class)
            self.squares += entry.balance_class**2
        if entry.state is not before.state:
            level = level_of(score, closing_score, before.band) if before.state.is_live else 0
            self._move(before, entry, is_top=level >= TOP_LEVEL, is_marked=is_marked)

    def _move(self, before: Entry, entry: Entry, *, is_top: bool, is_marked: bool) -> None:
        if entry.state is State.DEFAULTED:
            self.charged_off = plus(self.charged_off, entry.balance_class)
        if entry.state not in (State.REPURCHASED, State.SUBSTITUTED):
            return
        place = entry.state - State.REPURCHASED
        self.left[place] = plus(self.left[place], before.balance_class)
        if not is_marked:
            self.unmeasured = plus(self.unmeasured, before.balance_class)
        if is_top:
            self.left_top = plus(self.left_top, before.balance_class)

    def pack(self) -> bytes:
        """Return the bytes of `talliesPointer`."""
        sums = b"".join(each.count.to_bytes(4, "big") + each.class_sum.to_bytes(8, "big") for each in self._sums())
        return sums + self.squares.to_bytes(_SQUARES_SIZE, "big")

    def _sums(self) -> list[Tally]:
        single = [self.defaults, self.charged_off, *self.left, self.left_top, self.unmeasured]
        return [*self.levels, *self.bands, *self.states, *single]


def unpack(data: bytes) -> Tallies:
    """Return the tallies of packed bytes; DecodeError when they are none."""
    if len(data) != PACKED_SIZE:
        raise DecodeError("tallies", got=f"{len(data)} bytes", expected=f"{PACKED_SIZE}")
    parts = [data[at : at + _SUM_SIZE] for at in range(0, _SUM_COUNT * _SUM_SIZE, _SUM_SIZE)]
    sums = [Tally(int.from_bytes(part[:4], "big"), int.from_bytes(part[4:], "big")) for part in parts]
    defaults, charged_off, repurchased, substituted, left_top, unmeasured = sums[25:]
    return Tallies(
        levels=sums[:10],
        bands=sums[10:15],
        states=sums[15:25],
        defaults=defaults,
        charged_off=charged_off,
        left=[repurchased, substituted],
        left_top=left_top,
        unmeasured=unmeasured,
        squares=int.from_bytes(data[-_SQUARES_SIZE:], "big"),
    )
