"""How long records may be used."""

from __future__ import annotations

import pytest

from client.model.schema import CREDIT_FIELDS
from client.roles.bureau.retention import Retention
from client.sdk.errors import InvalidInputError

NAMES = [field.name for field in CREDIT_FIELDS]


def values(**known: int) -> tuple[int | None, ...]:
    return tuple(known.get(name) for name in NAMES)


def test_record_without_adverse_event_expires_by_retention_alone():
    for jurisdiction in ("none", "cn", "us"):
        rule = Retention(days=100, jurisdiction=jurisdiction)
        assert rule.expires_day(values(observed_day=20_000), today=20_050) == 20_150


@pytest.mark.parametrize(
    ("jurisdiction", "known", "expected"),
    [
        ("none", {"months_since_delinquency": 48}, 21_826),
        ("cn", {"months_since_delinquency": 48}, 20_000 - 48 * 31 + 1_826),
        ("cn", {"months_since_delinquency": 2, "months_since_public_record": 59}, 20_000 - 59 * 31 + 1_826),
        ("us", {"months_since_delinquency": 80}, 20_000 - 80 * 31 + 2_557),
        ("us", {"months_since_public_record": 80}, 20_000 - 80 * 31 + 2_557),
        ("us", {"months_since_public_record": 115, "bankruptcies": 1}, 20_000 - 115 * 31 + 3_653),
        ("us", {"months_since_public_record": 115, "bankruptcies": 0}, 20_000 - 115 * 31 + 2_557),
    ],
)
def test_adverse_event_expires_from_its_end(jurisdiction: str, known: dict[str, int], expected: int):
    rule = Retention(days=1_826, jurisdiction=jurisdiction)
    assert rule.expires_day(values(observed_day=20_000, **known), today=20_000) == expected


def test_retention_of_unknown_law_or_impossible_length_is_refused():
    with pytest.raises(InvalidInputError, match="adverse rule"):
        Retention(jurisdiction="xx")
    with pytest.raises(InvalidInputError, match="retention"):
        Retention(days=0)
