"""The options and the outcome of commands that issue or pay: they wait until what they did is final.

Without --finality a command waits for `byzantine_final` and is content with less only where no waiting could bring it.
Exit code 4: it is done and in a block, and not as final as asked; the output says how final, and why not more.
"""

from typing import Annotated

import typer

from client.cli.session import Session
from client.sdk.chain import Receipt
from client.sdk.errors import InvalidInputError
from client.sdk.finality import Finality, FinalityLevel, await_finality

EXIT_NOT_FINAL = 4
FINALITY_SECONDS = 60.0

_LEVELS = {"crash": FinalityLevel.CRASH, "byzantine": FinalityLevel.BYZANTINE}

WantedFinality = Annotated[
    str | None,
    typer.Option(
        "--finality",
        help="crash (final unless validators lie) or byzantine (final even then); exit code 4 where it is not reached. "
        "Default: byzantine, where the network can have it.",
    ),
]
FinalitySeconds = Annotated[
    float, typer.Option("--finality-seconds", min=0, help="Wait this long for the seals of validators.")
]


def settle(session: Session, receipt: Receipt, wanted: str | None, seconds: float) -> Finality:
    """Wait for the finality of a receipt's block as the options say, showing the seals as they come.

    Raises:
        InvalidInputError: no such finality.
        ConflictError: the chain has another block there now.
    """
    level = _LEVELS[check_wanted(wanted) or "byzantine"]
    shown = 0
    with session.console.progress(f"seals of block {receipt.block_number}") as bar:

        def report(finality: Finality) -> None:
            nonlocal shown
            bar.advance(len(finality.signers) - shown)
            shown = len(finality.signers)

        return await_finality(session.chain, receipt, wanted=level, timeout_s=seconds, report=report)


def check_wanted(wanted: str | None) -> str | None:
    """Return the option; InvalidInputError unless it names a finality. To be asked before anything is sent."""
    if wanted is not None and wanted not in _LEVELS:
        raise InvalidInputError("--finality", got=wanted, expected=" or ".join(_LEVELS))
    return wanted


def finality_fields(finality: Finality) -> dict[str, object]:
    """Return what a result says of finality."""
    return {
        "block": finality.block_number,
        "block_hash": finality.block_hash,
        "finality": str(finality.level),
        "signers": list(finality.signers),
        "seals_needed_count": finality.seals_needed,
        "finality_why_not": finality.why_not or None,
    }


def conclude(session: Session, finality: Finality, wanted: str | None) -> None:
    """Say why a block is not as final as asked, and end with exit code 4 unless no waiting could have helped."""
    if not finality.why_not:
        return
    reached = "not known" if finality.level is FinalityLevel.UNKNOWN else str(finality.level)
    session.console.warning(f"done in block {finality.block_number}; its finality is {reached}: {finality.why_not}")
    if wanted is not None or finality.may_come:
        raise typer.Exit(EXIT_NOT_FINAL)
