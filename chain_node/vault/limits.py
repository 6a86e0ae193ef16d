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

PURGE_SIZE_BYTES_MAX = 256
"""Body of a purge: it is kept, and handed on to the other vaults."""

MESSAGE_SIZE_BYTES_MAX = 1024 * 1024
"""One message between vaults."""

ITEMS_SIZE_BYTES_TARGET = 900 * 1024
"""Blobs of one Items message; a longer blob goes in pieces of this size."""

NEWS_COUNT_MAX = 1_000
"""Entries of the journal told at a time."""

ASK_COUNT_MAX = 4_000
"""Items asked for at a time."""

INBOX_COUNT_MAX = 128
"""Messages of one peer that wait to be handled."""

INBOX_SIZE_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of them: a peer gives one long answer at a time, so an honest one has fewer."""

AUDIENCE_SECONDS = 2.0
"""How long the accounts of an organisation, read from the chain, are taken for its accounts."""

POLL_SECONDS = 10.0
"""A follower is answered after this time even if there is nothing to tell: it looks again what it is entitled to."""

PAUSE_SECONDS = 1.0
"""Before a vault asks again that could not take what it was offered: disk full, chain away."""

REWALK_SECONDS = 60.0
"""Before what was refused for a reason that may pass is looked at again."""
