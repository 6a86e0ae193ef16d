import pytest

from client.roles.exchange.issuance import kept_cents, product_id_of, term_sheet
from client.roles.exchange.verification import Check
from client.sdk import canonical
from client.sdk.errors import InvalidInputError
from client.sdk.pack.reader import PackFile
from client.sdk.screening import Reason, Tally
from tests.unit.sdk.pack.samples import row

TALLIES = tuple(Tally(count=level, class_sum=10 * level) for level in range(1, 11))


def pack_of(*balances_cents: int) -> PackFile:
    rows = tuple(row(number, balance_cents=cents) for number, cents in enumerate(balances_cents, start=1))
    return PackFile(
        pack_id=1,
        root=bytes(32),
        originator="0x" + "11" * 20,
        cut_off_day=15_339,
        class_unit=1_000,
        row_key=bytes(32),
        rows=rows,
        receipts=(b"",) * len(rows),
    )


@pytest.mark.parametrize("name", ["LC-2011-1", "x", "é" * 16, "a" * 32])
def test_product_id_is_the_padded_name(name: str) -> None:
    product_id = product_id_of(name)
    assert len(product_id) == 32
    assert product_id.rstrip(b"\0").decode() == name


@pytest.mark.parametrize("name", ["", "a" * 33, "é" * 17, "a\0b"])
def test_name_that_fits_no_id_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"product name.*expected 1 to 32 bytes of text"):
        product_id_of(name)


def test_kept_principal_is_that_of_the_kept_rows_alone() -> None:
    reasons = bytes([Reason.KEPT, Reason.SCREENED, Reason.KEPT, Reason.NO_RECORD, Reason.BROUGHT_DOWN])
    assert kept_cents(pack_of(101, 1_000, 7, 10_000, 100_000), reasons) == 108
    assert kept_cents(pack_of(101), bytes([Reason.SCREENED])) == 0


def test_reasons_of_another_pack_are_refused() -> None:
    with pytest.raises(ValueError, match=r"longer|shorter"):
        kept_cents(pack_of(1, 2), bytes([Reason.KEPT]))


def test_term_sheet_is_made_again_from_the_same_figures_only() -> None:
    sheet = term_sheet("P", 1, 2, 300, TALLIES)
    assert sheet == term_sheet("P", 1, 2, 300, TALLIES)
    changed = (Tally(count=9, class_sum=10), *TALLIES[1:])
    others = [("Q", 1, 2, 300, TALLIES), ("P", 3, 2, 300, TALLIES), ("P", 1, 3, 300, TALLIES)]
    others += [("P", 1, 2, 301, TALLIES), ("P", 1, 2, 300, changed)]
    assert len({sheet, *(term_sheet(*each) for each in others)}) == 6
    title, name, *numbers, levels = canonical.decode_array(sheet, what="term sheet")
    assert (title, name, numbers) == ("tranchain term sheet 1", "P", [1, 2, 300])
    assert levels[2] == [3, 30]


def test_check_is_equal_only_where_both_say_the_same() -> None:
    assert Check(figure="f", on_chain="1", recomputed="1", source="s").is_equal
    assert not Check(figure="f", on_chain="1", recomputed="2", source="s").is_equal
