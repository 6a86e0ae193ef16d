import pytest

from client.sdk import canonical
from client.sdk.errors import DecodeError, InvalidInputError
from client.sdk.pack.sources import SourceOrder, parse_sources

ORDER = SourceOrder({"total_accounts": (4, 1), "open_accounts": (2,)})


def test_order_of_sources_decoded_again_is_the_same() -> None:
    assert parse_sources(ORDER.to_bytes()) == ORDER
    assert parse_sources(SourceOrder().to_bytes()) == SourceOrder()


def test_named_organisations_come_first_and_the_others_by_their_id() -> None:
    assert sorted([1, 2, 3, 4], key=lambda each: ORDER.rank("total_accounts", each)) == [4, 1, 2, 3]
    assert sorted([3, 1, 2], key=lambda each: ORDER.rank("credit_age_months", each)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "organisations"),
    [
        ("no_field", (1,)),
        ("observed_day", (1,)),
        ("bankruptcies", (1,)),
        ("open_accounts", ()),
        ("open_accounts", (1, 1)),
        ("open_accounts", (0,)),
        ("open_accounts", (256,)),
    ],
)
def test_order_that_cannot_be_is_refused(name: str, organisations: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInputError, match="source"):
        SourceOrder({name: organisations})


@pytest.mark.parametrize(
    "document",
    [
        [2, []],
        [1],
        [1, [["open_accounts", ["1"]]]],
        [1, [["open_accounts"]]],
        [1, [["total_accounts", [1]], ["open_accounts", [1]]]],
        [1, [["open_accounts", [1]], ["open_accounts", [2]]]],
    ],
)
def test_document_of_another_shape_is_refused(document: canonical.Value) -> None:
    with pytest.raises(DecodeError, match="order of sources"):
        parse_sources(canonical.encode(document))
