"""Lists that functions in C write and read without the methods of a list: heaps."""

import heapq

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import CompileError

X = np.random.default_rng(0).normal(size=(24, 2)) * 1.5


def lowest_of_three(heap, value):
    heapq.heappush(heap, -value)
    if len(heap) > 3:
        heapq.heappop(heap)
    return -heap[0]


def of_fixed_length(heap, value):
    return heapq.heappushpop(heap, value) if len(heap) == 3 else heapq.heappush(heap, value) or 0.0


def replaced(heap, value):
    return heapq.heapreplace(heap, value)


@pytest.mark.parametrize("make", [lowest_of_three, of_fixed_length, replaced])
def test_a_heap_of_losses_is_that_of_the_step_as_it_is_written(make):
    """The second recording lost what was pushed: a list that grows is one that notes what its methods do."""

    def outcomes(wrapped):
        heap, seen = [0.0] * 3 if make is replaced else [], []

        def step(x):
            value = (x * x).sum()
            return value, make(heap, value.item())

        run = wrapped(step)
        for i, x in enumerate(X):
            if i == 12:
                heap[0] = -9.0
            value, other = run(mg.tensor(x))
            seen.append((value.item(), float(other), [*map(float, heap)]))
        return seen

    assert outcomes(lambda f: mg.compile(f, backend="numpy")) == outcomes(lambda f: f)


def test_what_is_pushed_by_a_name_that_tells_nothing_is_there_and_refused():
    items = []

    @mg.compile
    def step(x, append=heapq.heappush):
        append(items, 1.0)
        return x * 2

    step(mg.tensor(1.0))
    with pytest.raises(CompileError, match=r"written in C changes items without its methods"):
        step(mg.tensor(1.0))
    assert items == [1.0, 1.0]
