from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.model.committed import DEFAULT_MODEL
from client.model.manifest import ModelPackage
from client.model.records import columns_of
from client.sdk.hashing import keccak
from client.sdk.pack.assessment import assess
from client.sdk.pack.report import AGED, NO_RECORD, REPORT_CHUNK_SIZE, report_chunks, report_hash
from tests.unit.sdk.pack.samples import record, row

CUT_OFF = 15_339
AGES = {"cut_off_day": CUT_OFF, "fresh_days": 365, "age_days_max": 730}


class CountingModel:
    """Scores 1, 2, 3 … in the order of the rows it is given."""

    def score(self, columns: Mapping[str, Int64Array]) -> NDArray[np.uint8]:
        return np.arange(1, len(columns["term_months"]) + 1, dtype=np.uint8)


@pytest.mark.parametrize(
    ("age_days", "expected"),
    [(-30, 1), (0, 1), (364, 1), (365, 1), (366, 1 | AGED), (730, 1 | AGED), (731, NO_RECORD), (9_000, NO_RECORD)],
)
def test_age_at_the_cut_off_decides_whether_a_record_counts(age_days: int, expected: int) -> None:
    records = {row(1).handle: record(observed_day=CUT_OFF - age_days)}
    assert assess(CountingModel(), [row(1)], records, **AGES) == bytes([expected])


def test_rows_without_a_record_are_not_scored_and_move_nobody_elses_score() -> None:
    rows = [row(number) for number in range(1, 6)]
    records = {rows[index].handle: record() for index in (1, 3, 4)}
    assert assess(CountingModel(), rows, records, **AGES) == bytes([0, 1, 0, 2, 3])


def test_records_of_others_change_nothing() -> None:
    records = {row(1).handle: record(), row(99).handle: record()}
    assert assess(CountingModel(), [row(1)], records, **AGES) == b"\x01"


def test_pack_without_any_record_is_scored_zero_throughout() -> None:
    assert assess(CountingModel(), [row(1), row(2)], {}, **AGES) == bytes(2)


def test_two_loans_of_one_borrower_share_the_record() -> None:
    first, second = row(1), row(1, term_months=60)
    assert assess(CountingModel(), [first, second], {first.handle: record()}, **AGES) == bytes([1, 2])


def test_scores_are_the_models_of_row_and_record() -> None:
    package = ModelPackage.load(DEFAULT_MODEL)
    rows = [row(number, annual_income_cents=number * 1_000_000) for number in range(1, 40)]
    records = {each.handle: record(inquiries_6m=number % 7) for number, each in enumerate(rows)}
    report = assess(package, rows, records, **AGES)
    columns = columns_of([each.values for each in rows], [records[each.handle] for each in rows])
    assert list(report) == package.score(columns).tolist()
    assert all(1 <= score <= 100 for score in report)
    assert len(set(report)) > 3


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, [1]), (REPORT_CHUNK_SIZE, [16_384]), (REPORT_CHUNK_SIZE + 1, [16_384, 1]), (40_000, [16_384, 16_384, 7_232])],
)
def test_report_is_cut_into_chunks_that_join_again(size: int, expected: list[int]) -> None:
    report = bytes(index % 101 for index in range(size))
    chunks = report_chunks(report)
    assert [len(chunk) for chunk in chunks] == expected
    assert b"".join(chunks) == report
    assert report_hash(report) == keccak(b"".join(map(keccak, chunks)))
