"""Four bytes an asset: state, days-past-due band, balance class; and what may follow what. Pure: no I/O.

Source: docs/protocol.md, 12.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from client.sdk.errors import DecodeError, InvalidInputError

ENTRY_SIZE: Final = 4
ASSETS_PER_CHUNK: Final = 1024
CLASS_MAX: Final = 65_534
"""The class above stands for everything larger, so it is refused."""
BAND_COUNT: Final = 5
BAND_WORDS: Final = ("0", "1-30", "31-60", "61-90", "91+")
ARREARS_BANDS: Final = (3, 4)
TOP_LEVEL: Final = 8
"""Lowest of the top levels."""

_DEFAULTED: Final = 0x80
_BAND_STARTS: Final = (1, 31, 61, 91)
_FLOORS: Final = (0, 8, 9, 10, 10)


class State(IntEnum):
    """What an asset is; the numbers are those of the contract."""

    NOT_IN_POOL = 0
    CURRENT = 1
    HOLIDAY = 2
    PREPAID = 3
    MODIFIED = 4
    DEFAULTED = 5
    RECOVERED = 6
    REPURCHASED = 7
    SUBSTITUTED = 8
    REPAID = 9

    @property
    def word(self) -> str:
        """The state as people write it."""
        return self.name.lower().replace("_", " ")

    @property
    def is_live(self) -> bool:
        """Whether the asset still pays: current, holiday or modified."""
        return self in _LIVE

    @property
    def has_balance(self) -> bool:
        """Whether the asset has a balance class: live, or written off."""
        return self in _LIVE or self is State.DEFAULTED


_LIVE = frozenset({State.CURRENT, State.HOLIDAY, State.MODIFIED})
_FROM_LIVE = frozenset(State) - {State.NOT_IN_POOL, State.RECOVERED}
NEXT: Final[dict[State, frozenset[State]]] = {
    **{state: frozenset({state}) for state in State},
    State.CURRENT: _FROM_LIVE,
    State.HOLIDAY: _FROM_LIVE,
    State.MODIFIED: _FROM_LIVE - {State.CURRENT, State.HOLIDAY},
    State.DEFAULTED: frozenset({State.DEFAULTED, State.RECOVERED, State.REPURCHASED}),
}
"""States that may follow each state. A modification stays one, what left stays out."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is reported of an asset."""

    state: State
    band: int = 0
    """Days past due: 0: 0, 1: 1-30, 2: 31-60, 3: 61-90, 4: 91 and more."""
    balance_class: int = 0
    """At least 1 where the state has a balance, else 0."""
    has_defaulted: bool = False
    """Whether it was 91 days past due or written off, now or before; set by the contract, not by the servicer."""

    def to_bytes(self, *, with_default: bool = True) -> bytes:
        """Return the entry as stored, or without the mark of a default, as reported."""
        mark = _DEFAULTED if self.has_defaulted and with_default else 0
        return bytes([self.state, self.band | mark]) + self.balance_class.to_bytes(2, "big")

    @property
    def is_default(self) -> bool:
        """Whether this entry by itself is a default: first of 91 days past due or charge-off."""
        return self.band == BAND_COUNT - 1 or self.state is State.DEFAULTED


NOT_IN_POOL: Final = Entry(State.NOT_IN_POOL)


def decode_entries(data: bytes) -> Iterator[Entry]:
    """Yield the entries of stored bytes; DecodeError when they are none."""
    if len(data) % ENTRY_SIZE:
        raise DecodeError("entries", got=f"{len(data)} bytes", expected="4 bytes an asset")
    for at in range(0, len(data), ENTRY_SIZE):
        state, band = data[at], data[at + 1]
        if state > max(State) or band & ~_DEFAULTED >= BAND_COUNT:
            raise DecodeError("entry", got=data[at : at + ENTRY_SIZE].hex(), expected="state 0 to 9, band 0 to 4")
        balance_class = int.from_bytes(data[at + 2 : at + ENTRY_SIZE], "big")
        yield Entry(State(state), band & ~_DEFAULTED, balance_class, bool(band & _DEFAULTED))


def encode_entries(entries: Iterable[Entry], *, with_default: bool = True) -> bytes:
    """Return entries as stored, or as reported."""
    return b"".join(entry.to_bytes(with_default=with_default) for entry in entries)


def band_of(dpd_days: int) -> int:
    """Return the band of days past due."""
    return sum(dpd_days >= start for start in _BAND_STARTS)


def level_of(score: int, closing_score: int, band: int) -> int:
    """Return the level of a live asset: that of its newest score, else that at closing; at least the band's floor."""
    return max(-(-(score or closing_score) // 10), _FLOORS[band])


def follow(before: Entry, reported: Entry, *, index: int, mark: State | None = None) -> Entry:
    """Return a reported entry as it is stored, or refuse it, as the contract does.

    `mark` is the state that a measure wants the asset to have.

    Raises:
        InvalidInputError: the entry cannot be, or cannot follow; the contract's error has the same cause.
    """
    what = f"asset {index}"
    if before == NOT_IN_POOL == reported:
        return reported
    _check_entry(reported, what)
    if reported.state not in NEXT[before.state]:
        raise InvalidInputError(
            what, got=f"{reported.state.word} after {before.state.word}", expected=_next_text(before.state)
        )
    may_grow = reported.state in (State.HOLIDAY, State.MODIFIED)
    if reported.balance_class > before.balance_class and not may_grow:
        got = f"balance class {reported.balance_class} after {before.balance_class}"
        raise InvalidInputError(what, got=got, expected="no growth", remedy="report it as modified where it is")
    if mark is not None and reported.state is not mark:
        raise InvalidInputError(what, got=reported.state.word, expected=f"{mark.word}, as the measure says")
    has_defaulted = before.has_defaulted or reported.is_default
    return Entry(reported.state, reported.band, reported.balance_class, has_defaulted)


def _check_entry(entry: Entry, what: str) -> None:
    has_balance = entry.state.has_balance
    is_possible = (
        0 <= entry.band < BAND_COUNT
        and 0 <= entry.balance_class <= CLASS_MAX
        and has_balance == (entry.balance_class > 0)
        and (has_balance or entry.band == 0)
    )
    if not is_possible:
        got = f"{entry.state.word}, band {entry.band}, class {entry.balance_class}"
        raise InvalidInputError(what, got=got, expected="a balance exactly where the asset is live or defaulted")


def _next_text(state: State) -> str:
    return " or ".join(each.word for each in sorted(NEXT[state]))
