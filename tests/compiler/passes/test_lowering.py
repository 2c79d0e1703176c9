"""Calls that write into a given array, in every layout."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.replaying import X, compiled


@pytest.mark.parametrize("x", [X, np.asfortranarray(X), X[:, ::2], X.T, X[:0], np.float32(2)])
def test_layouts(x):
    compiled(lambda x: (np.exp(x) * 2 + x).T, np.asarray(x))


def test_scalars():
    """NumPy has one object for each bool, and a scalar that is written to is another one."""
    level = mg.tensor(np.asarray(-1.0))

    def f(x):
        any_of = np.any(level.data + 0, axis=0)
        total = np.max(x, axis=None)
        total -= x[0]
        return np.greater(any_of, level.data), total, np.min(np.sum(x).reshape(()), axis=-1)

    made = mg.compile(f, backend="numpy")
    for k in range(4):
        level.data[...] = 2.0 * (k > 2) - 1
        for got, expected in zip(made(np.arange(3.0) + k), f(np.arange(3.0) + k), strict=True):
            assert same_bits(np.asarray(got), np.asarray(expected))
