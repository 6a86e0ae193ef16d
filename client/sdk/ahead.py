"""Having the next item made while the last one is worked on: for what waits for others between the items. Pure."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items in order; a thread makes the next one meanwhile, and no further one.

    What the items are made with must not be used elsewhere until the last one is there. An error of theirs is raised
    where the item would have come.
    """
    iterator, end = iter(items), object()
    with ThreadPoolExecutor(max_workers=1) as executor:
        following = executor.submit(next, iterator, end)
        while True:
            item = following.result()
            if item is end:
                return
            following = executor.submit(next, iterator, end)
            yield item  # type: ignore[misc]  # it is not the end
