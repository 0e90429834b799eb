"""One thing is worked on while the next is made ready."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The items in their order, each made in a thread of its own while the one before it is worked on.

    Whoever works on them mostly waits for the database, and that time is what this uses. At most one item is made ahead. What the
    making of one raises comes up where it would have been given; the thread ends with the generator.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as maker:
        coming = maker.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = maker.submit(next, items, end)
            yield item  # type: ignore[misc]
