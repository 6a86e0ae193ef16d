from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.model.committed import DEFAULT_MODEL
from client.model.manifest import ModelPackage
from client.model.records import columns_of
from client.sdk.errors import DecodeError
from client.sdk.hashing import keccak
from client.sdk.pack.assessment import age_bands, assess
from client.sdk.pack.asset_table import AssetTable
from client.sdk.pack.credit_table import CreditTable
from client.sdk.pack.report import (
    NO_RECORD,
    RELATION,
    REPORT_CHUNK_SIZE,
    age_band,
    band_of,
    is_by_relation,
    report_chunks,
    report_hash,
    report_of,
    score_of,
    word,
    words_of,
)
from tests.unit.sdk.pack.samples import record, row

CUT_OFF = 15_339
TERMS = {"cut_off_day": CUT_OFF, "fresh_days": 365, "age_days_max": 730, "allows_relations": False}


class CountingModel:
    """Scores 1, 2, 3 … in the order of the rows it is given."""

    def score(self, columns: Mapping[str, Int64Array]) -> NDArray[np.uint8]:
        return np.arange(1, len(columns["term_months"]) + 1, dtype=np.uint8)


@pytest.mark.parametrize(
    ("age_days", "expected"),
    [
        (-30, word(1)),
        (0, word(1)),
        (365, word(1)),
        (366, word(1, 1)),
        (487, word(1, 1)),
        (488, word(1, 2)),
        (609, word(1, 2)),
        (610, word(1, 3)),
        (730, word(1, 3)),
        (731, NO_RECORD),
        (9_000, NO_RECORD),
    ],
)
def test_age_at_the_cut_off_decides_whether_a_record_counts(age_days: int, expected: int) -> None:
    records = {row(1).handle: record(observed_day=CUT_OFF - age_days)}
    assert words_of(assess(CountingModel(), [row(1)], records, **TERMS)) == [expected]


@given(
    fresh_days=st.integers(0, 1_000),
    span_days=st.integers(0, 1_000),
    age_days=st.integers(0, 3_000),
)
def test_bands_rise_with_age_and_are_of_equal_width(fresh_days: int, span_days: int, age_days: int) -> None:
    limits = {"fresh_days": fresh_days, "age_days_max": fresh_days + span_days}
    band = age_band(age_days, **limits)
    assert (band is None) == (age_days > fresh_days + span_days)
    if band is not None:
        assert (band == 0) == (age_days <= fresh_days)
        assert 0 <= band <= 3
        assert band >= (age_band(age_days - 1, **limits) or 0)
    if span_days >= 3:
        widths = [sum(age_band(age, **limits) == n for age in range(fresh_days + span_days + 1)) for n in (1, 2, 3)]
        assert sum(widths) == span_days
        assert max(widths) - min(widths) <= 1


def test_record_spread_by_relations_counts_only_where_the_policy_allows_it() -> None:
    rows = [row(1), row(2)]
    records = {rows[0].handle: record(relation_distance=2), rows[1].handle: record(relation_distance=0)}
    assert words_of(assess(CountingModel(), rows, records, **TERMS)) == [NO_RECORD, 1]
    allowed = TERMS | {"allows_relations": True}
    assert words_of(assess(CountingModel(), rows, records, **allowed)) == [RELATION | 1, 2]


def test_word_holds_score_age_band_and_relation() -> None:
    for score in (1, 64, 100):
        for band in range(4):
            for relation in (False, True):
                made = word(score, band, relation)
                assert (score_of(made), band_of(made), is_by_relation(made)) == (score, band, relation)
    assert words_of(report_of([NO_RECORD, 0x0764])) == [NO_RECORD, word(100, 3, True)]
    with pytest.raises(DecodeError, match="3 bytes"):
        words_of(bytes(3))


def test_rows_without_a_record_are_not_scored_and_move_nobody_elses_score() -> None:
    rows = [row(number) for number in range(1, 6)]
    records = {rows[index].handle: record() for index in (1, 3, 4)}
    assert assess(CountingModel(), rows, records, **TERMS) == report_of([0, 1, 0, 2, 3])


def test_records_of_others_change_nothing() -> None:
    records = {row(1).handle: record(), row(99).handle: record()}
    assert assess(CountingModel(), [row(1)], records, **TERMS) == report_of([1])


def test_pack_without_any_record_is_scored_zero_throughout() -> None:
    assert assess(CountingModel(), [row(1), row(2)], {}, **TERMS) == bytes(4)


def test_two_loans_of_one_borrower_share_the_record() -> None:
    first, second = row(1), row(1, term_months=60)
    assert assess(CountingModel(), [first, second], {first.handle: record()}, **TERMS) == report_of([1, 2])


def test_scores_are_the_models_of_row_and_record() -> None:
    package = ModelPackage.load(DEFAULT_MODEL)
    rows = [row(number, annual_income_cents=number * 1_000_000) for number in range(1, 40)]
    records = {each.handle: record(inquiries_6m=number % 7) for number, each in enumerate(rows)}
    report = assess(package, rows, records, **TERMS)
    columns = columns_of([each.values for each in rows], [records[each.handle] for each in rows])
    scores = words_of(report)
    assert scores == package.score(columns).tolist()
    assert all(1 <= score <= 100 for score in scores)
    assert len(set(scores)) > 3


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


@given(fresh_days=st.integers(0, 1_000), span_days=st.integers(0, 1_000))
def test_bands_of_many_ages_are_those_of_each(fresh_days: int, span_days: int) -> None:
    limits = {"fresh_days": fresh_days, "age_days_max": fresh_days + span_days}
    ages = np.arange(fresh_days + span_days + 1)
    assert age_bands(ages, **limits).tolist() == [age_band(int(age), **limits) for age in ages]


def test_large_pack_is_joined_with_its_records_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModelPackage.load(DEFAULT_MODEL)
    rows = [row(number, annual_income_cents=number * 1_000_000) for number in range(1, 60)]
    records = {each.handle: record(inquiries_6m=number % 7) for number, each in enumerate(rows) if number % 5}
    whole = assess(package, rows, records, **TERMS)
    monkeypatch.setattr("client.sdk.pack.assessment._BLOCK_ROWS", 7)
    assert assess(package, rows, records, **TERMS) == whole
    assert assess(package, AssetTable.of(rows), CreditTable.of(records), **TERMS) == whole
