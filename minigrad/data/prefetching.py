"""Batches made ahead of time, by threads that end with the iteration."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def ahead(function: Callable[[A], B], items: Iterable[A], count: int, threads: int) -> Generator[B, None, None]:
    """``map(function, items)``, in order, with up to ``count`` results made before they are asked for.

    The first starts with the first ``next``. An error comes out where its result would have come. Closing the
    iterator, and also dropping it, waits for the calls that are under way and leaves no thread.
    """
    remaining = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="minigrad-loader")
    try:
        # Each call gets a copy of the context: no_grad() and the like hold in the threads too.
        pending: deque[Future[B]] = deque(
            pool.submit(copy_context().run, function, item) for item in islice(remaining, count)
        )
        while pending:
            result = pending.popleft().result()
            pending.extend(pool.submit(copy_context().run, function, item) for item in islice(remaining, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
