"""What a peer can do wrong and what it costs: the table of penalties, in points. No I/O.

Points fade with time (`peer_book.py`); at the limit the peer is disconnected and shut out for a while. An honest node
can lose some through bad luck, a late message for one; nothing that takes intent or a broken program is cheap.
"""

from __future__ import annotations

from chain_node.core.errors import (
    BadSignatureError,
    DecodeError,
    InvalidBlockError,
    InvalidInputError,
    InvalidMessageError,
    InvalidRequestError,
    InvalidTransactionError,
    RemoteProtocolError,
)

MISDEED_POINTS_MAX = 100
"""A peer with so many points is disconnected and banned."""

POINTS_FADED_PER_SECOND = 1
"""Points that are forgiven in a second."""

BAN_SECONDS = 120
"""How long a banned peer stays out. A consortium needs its validators: minutes, not hours."""

_FLOOD_PENALTY = 5
_SLOW_FRAME_PENALTY = 25


class OversizeFrameError(RemoteProtocolError):
    """A frame announces more bytes than one of its type may have."""

    def __init__(self, *, code: int, got: int, expected_max: int) -> None:
        super().__init__(
            f"frame 0x{code:02x} of {got} bytes, expected at most {expected_max}", penalty=MISDEED_POINTS_MAX
        )


class UnknownFrameError(RemoteProtocolError):
    """There is no such type."""

    def __init__(self, code: int) -> None:
        super().__init__(f"unknown frame type 0x{code:02x}", penalty=MISDEED_POINTS_MAX)


class UnexpectedFrameError(RemoteProtocolError):
    """A frame that has no place here: anything but Hello at first, or a second Hello."""

    def __init__(self, code: int, expected: str) -> None:
        super().__init__(f"frame 0x{code:02x}, expected {expected}", penalty=MISDEED_POINTS_MAX)


class SlowFrameError(RemoteProtocolError):
    """A frame was begun and not finished in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"a frame not finished after {seconds:g} s", penalty=_SLOW_FRAME_PENALTY)


class FloodError(RemoteProtocolError):
    """More came than one node has reason to say; reading was held up until it is within bounds again."""

    def __init__(self, priority_name: str) -> None:
        super().__init__(f"too many {priority_name.lower()} frames", penalty=_FLOOD_PENALTY)


PENALTY_BY_ERROR: dict[type[InvalidInputError], int] = {
    DecodeError: MISDEED_POINTS_MAX,
    BadSignatureError: 50,
    InvalidMessageError: 20,
    InvalidBlockError: MISDEED_POINTS_MAX,
    InvalidTransactionError: 20,
    InvalidRequestError: 20,
    InvalidInputError: 20,
}
"""By class; what has no entry costs what its nearest ancestor costs. RemoteProtocolError carries its own."""


def penalty_of(error: InvalidInputError) -> int:
    """Points for what a peer did to raise an error here."""
    if isinstance(error, RemoteProtocolError):
        return error.penalty
    return next(PENALTY_BY_ERROR[kind] for kind in type(error).__mro__ if kind in PENALTY_BY_ERROR)
