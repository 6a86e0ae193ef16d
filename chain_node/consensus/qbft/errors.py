"""Errors of the consensus, leaves of the tree in `core/errors.py`. No I/O."""

from __future__ import annotations

from chain_node.core.errors import HeaderMismatchError, InvalidBlockError, InvalidMessageError, describe
from chain_node.core.types import Address


class UnknownValidatorError(InvalidMessageError):
    """The author of a message is not in the validator set of the height."""

    def __init__(self, author: Address) -> None:
        self.author = author
        super().__init__(f"author {describe(author)} is not a validator")


class StaleMessageError(InvalidMessageError):
    """A message is for a height or round that is over; it came late, nobody is at fault."""

    def __init__(self, *, got: tuple[int, int], current: tuple[int, int]) -> None:
        self.got = got
        self.current = current
        super().__init__(f"for height {got[0]} round {got[1]}, we are at height {current[0]} round {current[1]}")


class UnjustifiedProposalError(InvalidMessageError):
    """A proposal or round change is not carried by the messages that must justify it."""


class EarlyBlockError(HeaderMismatchError):
    """A timestamp lies ahead of this node's clock: one of two clocks is wrong, and which one cannot be proven."""

    def __init__(self, *, got: int, latest: int) -> None:
        self.latest = latest
        super().__init__("timestamp", got, f"at most {latest} (now + skew)")


class BadSealError(InvalidBlockError):
    """A commit seal is malformed, foreign or given twice, or there are too few.

    `index` is the position of the seal in extra_data, None when the count is at fault.
    """

    def __init__(self, *, index: int | None, got: object, expected: str) -> None:
        self.index = index
        self.got = got
        self.expected = expected
        where = "seals" if index is None else f"seal {index}"
        super().__init__(f"{where}: got {describe(got)}, expected {expected}")
