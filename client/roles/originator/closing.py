"""What an originator does with a pack after its submission: report at closing, assign title, withdraw."""

import csv
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

from client.sdk.chain import ChainClient, Receipt
from client.sdk.errors import InvalidInputError
from client.sdk.keystore import Identity
from client.sdk.pack.on_chain import read_reasons
from client.sdk.pack.reader import PackFile
from client.sdk.screening import Reason

REPORT_SIZE = 100
"""Assets that one transaction reports."""


class BringDownReason(IntEnum):
    """Why an asset leaves between cut-off and closing; the numbers are the chain's."""

    PREPAID = 1
    MODIFIED = 2
    THIRTY_DAYS_PAST_DUE = 3


def bring_down(
    chain: ChainClient, identity: Identity, run_id: int, reason_by_index: Mapping[int, BringDownReason]
) -> Receipt:
    """Report the assets that leave at closing (none is a report too); the chain tests the target again.

    Long reports take several transactions; only the last one ends the report.
    """
    indices = sorted(reason_by_index)
    *first, last = [indices[at : at + REPORT_SIZE] for at in range(0, max(len(indices), 1), REPORT_SIZE)]
    for part in first:
        reasons = [int(reason_by_index[index]) for index in part]
        chain.send("Screening", "reportBringDown", [run_id, part, reasons], identity.account)
    reasons = [int(reason_by_index[index]) for index in last]
    return chain.send("Screening", "bringDown", [run_id, last, reasons], identity.account)


def read_left(path: Path) -> dict[str, BringDownReason]:
    """Return why each loan id of a CSV file (loan_id, reason) left; InvalidInputError names the line that is wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(str(path), got="a file that cannot be read", expected="CSV") from error
    reasons: dict[str, BringDownReason] = {}
    line_by_loan: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        loan_id, word = (row.get("loan_id") or "").strip(), (row.get("reason") or "").strip().upper()
        if not loan_id or word not in BringDownReason.__members__:
            allowed = ", ".join(each.name.lower() for each in BringDownReason)
            raise InvalidInputError(f"{path}, line {line}", got="no loan_id or reason", expected=f"one of {allowed}")
        if loan_id in reasons:
            earlier = f"see line {line_by_loan[loan_id]}"
            raise InvalidInputError(f"{path}, line {line}", got=f"{loan_id} again", remedy=earlier)
        reasons[loan_id], line_by_loan[loan_id] = BringDownReason[word], line
    return reasons


def indices_of(pack_file: PackFile, loan_ids: Mapping[str, BringDownReason]) -> dict[int, BringDownReason]:
    """Return the asset indices of loan ids; InvalidInputError names ids that are not in the pack."""
    index_by_loan = {row.loan_id: index for index, row in enumerate(pack_file.rows)}
    unknown = sorted(set(loan_ids) - set(index_by_loan))
    if unknown:
        raise InvalidInputError("loan ids", got=", ".join(unknown[:5]), expected=f"loans of pack {pack_file.pack_id}")
    return {index_by_loan[loan_id]: reason for loan_id, reason in loan_ids.items()}


def kept_only(
    chain: ChainClient, run_id: int, asset_count: int, reason_by_index: Mapping[int, BringDownReason]
) -> dict[int, BringDownReason]:
    """Return the assets among these that a run kept: what screening removed before cannot leave again."""
    why_left = read_reasons(chain, run_id, asset_count)
    return {index: reason for index, reason in reason_by_index.items() if why_left[index] == Reason.KEPT}


def assign(chain: ChainClient, identity: Identity, pack_id: int, document_hash: bytes) -> Receipt:
    """Offer title of the pack to the SPV under the assignment document with this hash."""
    return chain.send("AssetPackRegistry", "assign", [pack_id, document_hash], identity.account)


def withdraw(chain: ChainClient, identity: Identity, pack_id: int) -> Receipt:
    """Take the pack back; its loans can be pledged again."""
    return chain.send("AssetPackRegistry", "withdraw", [pack_id], identity.account)
