"""Cash and balances of a period, in cents, and how they must balance. Pure: no I/O. Source: docs/protocol.md, 12."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from client.sdk.errors import InvalidInputError

CENTS_MAX = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Totals of a period in the order of the contract's struct."""

    beginning_cents: int
    scheduled_cents: int = 0
    """Scheduled principal."""
    prepaid_cents: int = 0
    """Principal ahead of schedule, in part or in full."""
    interest_cents: int = 0
    fees_cents: int = 0
    defaulted_cents: int = 0
    """Balance written off: the gross loss."""
    recovered_cents: int = 0
    """Collected on assets written off before."""
    repurchased_cents: int = 0
    substituted_out_cents: int = 0
    substituted_in_cents: int = 0
    capitalised_cents: int = 0
    """Interest that was added to balances."""
    ending_cents: int

    @property
    def expected_ending_cents(self) -> int:
        """The ending balance that the other totals give."""
        left = self.scheduled_cents + self.prepaid_cents + self.defaulted_cents
        left += self.repurchased_cents + self.substituted_out_cents
        return self.beginning_cents + self.substituted_in_cents + self.capitalised_cents - left

    def check(self, *, expected_beginning_cents: int) -> None:
        """Raise InvalidInputError for a negative total, a wrong beginning, or totals that do not balance."""
        for spec in fields(self):
            cents = getattr(self, spec.name)
            if not 0 <= cents <= CENTS_MAX:
                raise InvalidInputError(spec.name, got=cents, expected="cents that are not negative")
        if self.beginning_cents != expected_beginning_cents:
            expected = f"{expected_beginning_cents}, the ending balance before"
            raise InvalidInputError("beginning_cents", got=self.beginning_cents, expected=expected)
        if self.ending_cents != self.expected_ending_cents:
            expected = f"{self.expected_ending_cents} by the other totals"
            raise InvalidInputError("ending_cents", got=self.ending_cents, expected=expected)

    def to_struct(self) -> tuple[int, ...]:
        """Return the struct of the contract."""
        return astuple(self)


def totals_from_chain(struct: Sequence[int] | Mapping[str, Any]) -> Totals:
    """Return the totals of the contract's struct."""
    values = struct.values() if isinstance(struct, Mapping) else struct
    return Totals(**dict(zip((spec.name for spec in fields(Totals)), values, strict=True)))
