"""Telling what became of the loans that screening removed: counts by level, no loan. Source: docs/protocol.md, 12."""

import csv
from collections.abc import Mapping
from pathlib import Path

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError
from client.sdk.keystore import Identity
from client.sdk.pack.on_chain import read_reasons, read_report
from client.sdk.pack.reader import PackFile
from client.sdk.pack.report import score_of, words_of
from client.sdk.screening import Reason

LEVEL_COUNT = 10
_REMOVED = (Reason.CONCENTRATION, Reason.SCREENED, Reason.BROUGHT_DOWN)
_WORDS = {"yes": True, "no": False}


def read_outcomes(path: Path) -> dict[str, bool]:
    """Return whether each loan of a CSV file (loan_id, defaulted yes or no) has ever defaulted.

    Raises:
        InvalidInputError: names the line that is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(str(path), got="a file that cannot be read", expected="CSV") from error
    outcomes: dict[str, bool] = {}
    for line, row in enumerate(rows, start=2):
        loan_id, word = (row.get("loan_id") or "").strip(), (row.get("defaulted") or "").strip().lower()
        if not loan_id or word not in _WORDS:
            raise InvalidInputError(f"{path}, line {line}", got="no loan_id or defaulted", expected="yes or no")
        if loan_id in outcomes:
            raise InvalidInputError(f"{path}, line {line}", got=f"{loan_id} again", expected="each loan once")
        outcomes[loan_id] = _WORDS[word]
    return outcomes


def count_removed(
    chain: ChainClient, pack: PackFile, outcomes: Mapping[str, bool]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return by level how many of the loans that screening removed are reported, and how many of those defaulted.

    Raises:
        InvalidInputError: a loan is not one that the screening removed for its risk, for a limit or at the bring-down.
    """
    run_id = int(chain.call("Screening", "runOf", pack.pack_id))
    run = chain.call("Screening", "run", run_id)
    words = words_of(read_report(chain, run.roundId, run.assetCount))
    reasons = read_reasons(chain, run_id, run.assetCount)
    index_by_loan = {row.loan_id: index for index, row in enumerate(pack.rows) if Reason(reasons[index]) in _REMOVED}
    reported, defaulted = [0] * LEVEL_COUNT, [0] * LEVEL_COUNT
    for loan_id, has_defaulted in outcomes.items():
        if loan_id not in index_by_loan:
            raise InvalidInputError(
                "shadow report", got=f"loan {loan_id}", expected="loans that the screening of this pack removed"
            )
        level = (score_of(words[index_by_loan[loan_id]]) - 1) // LEVEL_COUNT
        reported[level] += 1
        defaulted[level] += has_defaulted
    return tuple(reported), tuple(defaulted)


def report_shadow(
    chain: ChainClient, identity: Identity, pack_id: int, period: int, counts: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    """Send the counts of a month after closing."""
    reported, defaulted = counts
    chain.send("PromiseLedger", "reportShadow", [pack_id, period, list(reported), list(defaulted)], identity.account)
