from collections.abc import Iterator
from threading import Event

import pytest

from client.sdk.ahead import ahead


def test_items_come_in_order_and_an_error_where_its_item_would_have_been() -> None:
    def failing() -> Iterator[int]:
        yield from range(3)
        raise ValueError("the fourth")

    found = ahead(failing())
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the fourth"):
        next(found)
    assert list(ahead([])) == []


def test_next_item_is_made_while_the_last_one_is_worked_on() -> None:
    begun = Event()

    def items() -> Iterator[int]:
        yield 1
        begun.set()
        yield 2

    found = ahead(items())
    assert next(found) == 1
    assert begun.wait(5)
    assert list(found) == [2]
