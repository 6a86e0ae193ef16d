"""Records made from related people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.model.schema import CREDIT_FIELDS
from client.roles.bureau.derivation import Kind, RelatedRecord, derive
from client.sdk.errors import InvalidInputError
from client.sdk.pack.credit_record import encode_record, is_by_relation, parse_record
from tests.unit.sdk.pack.samples import record

INDEX = {field.name: index for index, field in enumerate(CREDIT_FIELDS)}
RELATED = st.builds(
    RelatedRecord,
    kind=st.sampled_from(Kind),
    distance=st.integers(1, 10),
    values=st.tuples(
        *(
            st.one_of(st.integers(field.minimum, field.maximum), *([st.none()] if field.nullable else []))
            for field in CREDIT_FIELDS
        )
    ),
)


def related(kind: Kind, distance: int, **values: int | None) -> RelatedRecord:
    return RelatedRecord(kind=kind, distance=distance, values=record(**values))


def test_average_weighs_by_the_inverse_of_the_distance_and_rounds_half_up() -> None:
    spouse, contact = related(Kind.SPOUSE, 1, open_accounts=9), related(Kind.CONTACT, 2, open_accounts=3)
    assert derive([spouse, contact])[INDEX["open_accounts"]] == 7
    half = [related(Kind.SPOUSE, 3, open_accounts=2), related(Kind.CONTACT, 3, open_accounts=3)]
    assert derive(half)[INDEX["open_accounts"]] == 3


def test_guarantors_alone_count_where_there_are_any() -> None:
    made = derive([related(Kind.SPOUSE, 1, bankruptcies=5), related(Kind.GUARANTOR, 4, bankruptcies=1)])
    assert (made[INDEX["bankruptcies"]], made[INDEX["relation_distance"]]) == (1, 4)


def test_adverse_fields_are_the_worst_and_the_oldest_day_counts() -> None:
    first = related(Kind.CONTACT, 1, bankruptcies=0, months_since_delinquency=40, observed_day=15_000)
    second = related(Kind.CONTACT, 10, bankruptcies=3, months_since_delinquency=7, observed_day=14_000)
    made = derive([first, second])
    assert [made[INDEX[name]] for name in ("bankruptcies", "months_since_delinquency", "observed_day")] == [
        3,
        7,
        14_000,
    ]


def test_what_needs_explicit_consent_is_never_spread() -> None:
    made = derive([related(Kind.GUARANTOR, 1, income_cents=5_000_000, deposits_cents=70)])
    assert (made[INDEX["income_cents"]], made[INDEX["deposits_cents"]]) == (None, None)


def test_nobody_to_make_a_record_from_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="related records"):
        derive([])


@given(st.lists(RELATED, min_size=1, max_size=5))
def test_record_made_is_acceptable_flagged_and_within_what_it_was_made_from(some: list[RelatedRecord]) -> None:
    made = derive(some)
    assert parse_record(encode_record(made)) == made
    assert is_by_relation(made)
    counting = [one for one in some if one.kind is Kind.GUARANTOR] or some
    for index, field in enumerate(CREDIT_FIELDS[1:-1], start=1):
        known = [one.values[index] for one in counting if one.values[index] is not None]
        if known and not field.needs_explicit_consent:
            assert min(known) <= made[index] <= max(known)
