import pytest

from client.roles.originator.closing import BringDownReason, indices_of
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
