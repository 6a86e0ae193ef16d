"""Waiting until a block is final, and saying so when it cannot be.

Contracts cannot see seals, so whoever issues or pays waits here. Source: docs/protocol.md, 8.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from client.sdk.chain import ChainClient, Receipt
from client.sdk.errors import ConflictError, UnavailableError

POLL_S_FIRST = 0.05
POLL_S_MAX = 0.5


class FinalityLevel(StrEnum):
    """How final a block is, in the node's words."""

    UNKNOWN = "unknown"
    """The network does not say; or the node has no answer yet."""
    CRASH = "crash_final"
    """Final as long as validators fail by stopping only."""
    BYZANTINE = "byzantine_final"
    """Final even if as many validators lie as the consortium is made for."""


_RANK = {level: rank for rank, level in enumerate(FinalityLevel)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finality:
    """How final the block of a transaction was when nothing more was waited for."""

    level: FinalityLevel
    block_number: int
    block_hash: str
    signers: tuple[str, ...] = ()
    """Validators whose seals count for the block."""
    seals_needed: int | None = None
    """Seals that make it `byzantine_final`; None where no number does, or none is known."""
    why_not: str = ""
    """Why it is not as final as was asked; "" when it is."""
    may_come: bool = False
    """Whether it may become so later."""


def await_finality(
    chain: ChainClient,
    receipt: Receipt,
    *,
    wanted: FinalityLevel = FinalityLevel.BYZANTINE,
    timeout_s: float,
    report: Callable[[Finality], None] = lambda _: None,
) -> Finality:
    """Wait until the block of a receipt is as final as asked, or cannot be; `report` gets what is known so far.

    Raises:
        ConflictError: the chain has another block at that height now.
    """
    deadline = time.monotonic() + timeout_s
    known = Finality(
        level=FinalityLevel.UNKNOWN,
        block_number=receipt.block_number,
        block_hash=receipt.block_hash,
        why_not="no node said how final the block is",
        may_come=True,
    )
    pause_s = POLL_S_FIRST
    while True:
        try:
            answer = chain.finality(receipt.block_number)
        except UnavailableError:
            answer = {}  # asked again until the deadline, perhaps of another node
        if answer is None:
            return replace(known, why_not="this network does not say how final a block is", may_come=False)
        if answer:
            known = _judged(receipt, answer, wanted)
            report(known)
        if not known.may_come or time.monotonic() >= deadline:
            return known
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, POLL_S_MAX)


def _judged(receipt: Receipt, answer: Any, wanted: FinalityLevel) -> Finality:
    if answer["blockHash"] != receipt.block_hash:
        raise ConflictError(f"block {receipt.block_number}", first=receipt.block_hash, second=answer["blockHash"])
    signers, needed = tuple(answer["signers"]), answer.get("byzantineQuorum")
    try:
        level = FinalityLevel(answer["finality"])
    except ValueError:
        level = FinalityLevel.UNKNOWN
    why = ""
    if _RANK[level] < _RANK[wanted]:
        why = f"{len(signers)} of the {needed} seals that it takes"
        if needed is None:
            validators = "one validator" if answer["validatorCount"] == 1 else f"{answer['validatorCount']} validators"
            why = f"with {validators} no number of seals makes it {wanted}"
    return Finality(
        level=level,
        block_number=receipt.block_number,
        block_hash=receipt.block_hash,
        signers=signers,
        seals_needed=needed,
        why_not=why,
        may_come=bool(why) and needed is not None,
    )
