"""Batches made ahead of time, by threads that end with the iteration."""

from __future__ import annotations

import os
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
    iterator, and also dropping it, waits for the calls that are under way and leaves no thread. In a forked child
    no thread of the parent's runs: there it goes on with threads of its own, which make anew what was under way.
    """
    remaining = iter(items)
    pending: deque[tuple[A, Future[B]]] = deque()
    pool, process = ThreadPoolExecutor(threads, thread_name_prefix="minigrad-loader"), os.getpid()

    def submit(some: Iterable[A]) -> None:
        # Each call gets a copy of the context: no_grad() and the like hold in the threads too.
        pending.extend((item, pool.submit(copy_context().run, function, item)) for item in some)

    try:
        submit(islice(remaining, count))
        while pending:
            if process != os.getpid():
                pool, process = ThreadPoolExecutor(threads, thread_name_prefix="minigrad-loader"), os.getpid()
                under_way = [item for item, _ in pending]
                pending.clear()
                submit(under_way)
            result = pending.popleft()[1].result()
            submit(islice(remaining, 1))
            yield result
    finally:
        if process == os.getpid():  # the threads of another process are not there to be waited for
            pool.shutdown(wait=True, cancel_futures=True)
