"""Named limits of the vault. No I/O."""

ITEMS_MAX = 10_000
"""Items of one put, hashes of one get, indices of one receipts request."""

BODY_SIZE_BYTES_MAX = 64 * 1024 * 1024
"""Body of one request."""

ANSWER_SIZE_BYTES_MAX = 64 * 1024 * 1024
"""Blobs of one get; the rest is answered with a reason and asked for again."""

READERS_MAX = 256
"""Accounts named as readers of one pack blob."""

DEADLINE_SECONDS_MAX = 300
"""How far ahead the deadline of a signed request may lie."""

NONCES_MAX = 1_000_000
"""Nonces remembered at a time, all members together."""

BODY_TIMEOUT_SECONDS = 120
"""Time a member has to send one body."""

REQUESTS_AT_ONCE_MAX = 4
"""Signed requests whose bodies are in memory at a time."""

LOG_BLOCKS_MAX = 1_000
"""Blocks asked of the chain for one stretch of revocation events."""

FOLLOW_INTERVAL_SECONDS = 1.0
"""Pause between two looks at the head of the chain."""

MAP_SIZE_BYTES = 256 * 1024**3
"""Address space of the store: a bound, not a reservation; the file grows as it is needed."""
