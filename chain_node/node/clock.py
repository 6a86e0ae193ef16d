"""The clock of the node, the only place that asks what time it is."""

import time


def now_ms() -> int:
    """Milliseconds since 1970 on the system's clock, which may be set back and forth."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds since some point in the past; never goes back."""
    return time.monotonic_ns() // 1_000_000
