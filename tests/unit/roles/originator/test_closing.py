from pathlib import Path

import pytest

from client.roles.originator.closing import BringDownReason, indices_of, read_left
from client.sdk.errors import InvalidInputError
from client.sdk.pack.reader import PackFile
from tests.unit.sdk.pack.samples import row

PACK = PackFile(
    pack_id=4,
    root=bytes(32),
    originator="0x" + "11" * 20,
    cut_off_day=15_339,
    class_unit=1_000,
    row_key=bytes(32),
    rows=tuple(row(number) for number in (5, 3, 9)),
    receipts=(b"", b"", b""),
)


def test_loan_ids_become_the_indices_of_their_rows() -> None:
    reasons = {"L9": BringDownReason.PREPAID, "L5": BringDownReason.MODIFIED}
    assert indices_of(PACK, reasons) == {2: BringDownReason.PREPAID, 0: BringDownReason.MODIFIED}
    assert indices_of(PACK, {}) == {}


def test_loan_that_is_not_in_the_pack_is_named() -> None:
    with pytest.raises(InvalidInputError, match="got L1, L8, expected loans of pack 4"):
        indices_of(PACK, dict.fromkeys(("L8", "L5", "L1"), BringDownReason.PREPAID))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("loan_id,reason\nL1,sold\n", ["line 2", "prepaid, modified, thirty_days_past_due"]),
        ("loan_id,reason\nL1,prepaid\n,prepaid\n", ["line 3"]),
        ("loan,why\nL1,prepaid\n", ["line 2", "loan_id"]),
        ("loan_id,reason\nL1,prepaid\nL1,modified\n", ["line 3", "L1", "line 2"]),
    ],
)
def test_wrong_line_of_loans_that_left_is_named(tmp_path: Path, content: str, words: list[str]) -> None:
    path = tmp_path / "left.csv"
    path.write_text(content)
    with pytest.raises(InvalidInputError) as refused:
        read_left(path)
    for word in words:
        assert word in str(refused.value)


def test_file_of_loans_that_left_gives_their_reasons(tmp_path: Path) -> None:
    path = tmp_path / "left.csv"
    path.write_text("\ufeffreason,loan_id\nprepaid, L1 \nThirty_Days_Past_Due,L2\n")
    assert read_left(path) == {"L1": BringDownReason.PREPAID, "L2": BringDownReason.THIRTY_DAYS_PAST_DUE}
    with pytest.raises(InvalidInputError, match=r"none\.csv"):
        read_left(tmp_path / "none.csv")
