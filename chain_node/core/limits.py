"""Named limits of the node, each with its unit. No I/O.

Nothing that a stranger controls may grow without one of these.
"""

BLOCK_SIZE_BYTES_MAX = 16 * 1024 * 1024
"""One encoded block; 60 Mgas of zero calldata (4 gas a byte) encode to 15 MB."""

TRANSACTION_SIZE_BYTES_MAX = 128 * 1024
"""One encoded transaction in the pool, as in other clients."""

RLP_DEPTH_MAX = 16
"""Nesting of lists in anything we decode; a message with blocks inside needs 8."""

EXTRA_DATA_SIZE_BYTES_MAX = 64 * 1024
"""extraData of one header: about 600 validators and their seals."""

GAS_LIMIT_MIN = 5_000
"""Smallest gas limit of a block, in gas."""

GAS_LIMIT_MAX = 2**63 - 1
"""Largest gas limit of a block, in gas."""

GAS_LIMIT_BOUND_DIVISOR = 1024
"""A gas limit moves by strictly less than parent / divisor from block to block."""

CLOCK_SKEW_SECONDS_MAX = 1
"""How far a block's timestamp may lie ahead of the verifier's clock."""

ROUND_MAX = 2**32 - 1
"""Largest round, as in extraData. Besu stops at 1,000 to bound its memory; here votes are bounded by their number.

A height that has reached its last round could never be decided: this one is thousands of years of timeouts away.
"""

ROUNDS_AHEAD_MAX = 64
"""Catch-up with f + 1 others jumps at most this many rounds at once."""

LATE_SEAL_HEIGHTS_MAX = 256
"""Commits and seals for blocks further below the head are dropped."""

HEIGHTS_AHEAD_MAX = 10
"""Messages for heights further ahead are dropped."""

FUTURE_MESSAGES_MAX = 1_000
"""Messages kept for heights and rounds ahead, per node."""

FUTURE_MESSAGES_SIZE_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of blocks inside the messages kept for heights and rounds ahead, per node."""

ROUND_TIMEOUT_EXPONENT_MAX = 5
"""Round timeouts double up to base * 2**this and stay there (4 s base: 128 s)."""

RESEND_MS = 2_000
"""What a validator said in a round is sent again after this time, and again, until the round ends."""

PROPOSAL_RESEND_SIZE_BYTES_MAX = 1024 * 1024
"""Proposals with more bytes of transactions are said again only to a validator that comes back."""

MESSAGE_SIZE_BYTES_MAX = 2 * BLOCK_SIZE_BYTES_MAX
"""One encoded consensus message; the largest holds a block and its justification."""

VOTES_PER_VALIDATOR_MAX = 4
"""Messages of one kind kept for one validator at one height, those of its highest rounds."""

VALIDATORS_MAX = 1_000
"""Validators of one network; bounds the lists of a justification."""
