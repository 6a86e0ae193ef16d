"""What a measure is. Pure: no I/O. Source: docs/protocol.md, 15."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from client.sdk.errors import InvalidInputError

REPLACED_SHARE: Final = 20
"""All replacements together are at most one part in so many of the cut-off balance."""


class MeasureKind(IntEnum):
    """What is to be done."""

    COLLECT_MORE_OFTEN = 1
    """Reminders and remittance of the assets weekly instead of monthly."""
    CHANGE_SCHEDULE = 2
    """Another repayment schedule, with the borrowers' recorded consent."""
    REPLACE = 3
    REPURCHASE = 4
    """At par, for a breached representation."""


class MeasureStatus(IntEnum):
    """How far a measure is."""

    ORDERED = 1
    CARRIED_OUT = 2
    CONFIRMED = 3
    CANCELLED = 4


class Representation(IntEnum):
    """What the originator said of every asset; a repurchase names which one was not so."""

    ELIGIBILITY = 1
    TITLE = 2
    NOT_PLEDGED_ELSEWHERE = 3
    CORRECT_DATA = 4
    BORROWERS_CONSENT = 5
    NO_ARREARS_AT_CUT_OFF = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure as the chain has it."""

    measure_id: int
    pack_id: int
    kind: MeasureKind
    status: MeasureStatus
    breach: Representation | None
    assets: tuple[int, ...]
    """Indices in the pool, ascending."""
    incoming: tuple[int, ...]
    """Indices in the reserve pack that replace them, in the same order."""
    reserve_pack_id: int
    """0 where there is none."""
    cash_cents: int
    """Shortfall paid with a replacement, or price paid of a repurchase."""
    ordered_at: int
    deadline: int
    carried_out_at: int
    confirmed_at: int
    escalated_at: int
    """Seconds; 0 where it did not happen."""

    @classmethod
    def from_chain(cls, measure_id: int, struct: Any, assets: Sequence[int], incoming: Sequence[int]) -> "Measure":
        """Return the measure that a `Measure` struct of the contract says; InvalidInputError when there is none."""
        if not struct.status:
            raise InvalidInputError("measure", got=measure_id, expected="one that was ordered")
        return cls(
            measure_id=measure_id,
            pack_id=struct.packId,
            kind=MeasureKind(struct.kind),
            status=MeasureStatus(struct.status),
            breach=Representation(struct.breach) if struct.breach else None,
            assets=tuple(assets),
            incoming=tuple(incoming),
            reserve_pack_id=struct.reservePackId,
            cash_cents=struct.cashCents,
            ordered_at=struct.orderedAt,
            deadline=struct.deadline,
            carried_out_at=struct.carriedOutAt,
            confirmed_at=struct.confirmedAt,
            escalated_at=struct.escalatedAt,
        )

    def state_text(self, now: int) -> str:
        """Return how the measure stands at a second, in words."""
        if self.status is MeasureStatus.ORDERED and now > self.deadline:
            return "overdue, escalated" if self.escalated_at else "overdue"
        return self.status.name.lower().replace("_", " ")


def parse_assets(text: str) -> tuple[int, ...]:
    """Return the indices of `3,7,12-15`, ascending and each once; InvalidInputError for other text."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        is_range = not dash or (last.isdigit() and first.isdigit() and int(last) - int(first) in range(1_000))
        if not first.isdigit() or not is_range:
            raise InvalidInputError("assets", got=part.strip(), expected="indices such as 3,7,12-15")
        found.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(found))
