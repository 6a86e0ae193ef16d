"""In what order queued frames leave: votes never wait behind blocks. No I/O."""

from __future__ import annotations

from enum import IntEnum


class Priority(IntEnum):
    """Classes of frames; a smaller one leaves first."""

    CONTROL = 0
    CONSENSUS = 1
    GOSSIP = 2
    BULK = 3
