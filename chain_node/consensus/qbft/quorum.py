"""How many validators are enough, and whose turn it is. No I/O."""

from __future__ import annotations

from chain_node.core.types import Address, Round


def compute_quorum(validator_count: int) -> int:
    """ceil(2n/3) validators: any two such sets share one that is honest while at most f(n) lie.

    Source: QBFT Dafny L1, `quorum`.
    """
    return (2 * validator_count + 2) // 3


def compute_fault_bound(validator_count: int) -> int:
    """f(n) = floor((n - 1) / 3), the number of validators that may lie.

    Source: QBFT Dafny L1, `f`.
    """
    return (validator_count - 1) // 3


def compute_proposer(validators: tuple[Address, ...], parent_coinbase: Address, round_number: Round) -> Address:
    """The validator that proposes in a round: round robin from the one after the parent's author.

    When the parent's author is no validator (genesis, or removed since), the first with a greater address takes
    round 0, or the first of all if none is greater.

    Args:
        validators: ascending, not empty.

    Source: Besu, BftProposerSelector (always round robin).
    """
    count = len(validators)
    if parent_coinbase in validators:
        return validators[(validators.index(parent_coinbase) + 1 + round_number) % count]
    base = next((index for index, validator in enumerate(validators) if validator > parent_coinbase), 0)
    return validators[(base + round_number) % count]
