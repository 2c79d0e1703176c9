"""Writes that the recorder cannot see change a checksum."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.compiler.tracing.checksums import checksum
from tests.compiler.refusing import X


def test_a_write_that_numpy_makes_behind_the_back():
    w = nn.Parameter(X.copy())
    alias = w.data

    def step(x):
        np.multiply(alias.T, 0.9, out=alias.T)
        return (x * w).sum()

    with np.errstate(all="raise"):
        compiled = mg.compile(step, backend="numpy")
        for i in range(8):
            before = w.data.copy()
            assert np.array_equal(compiled(mg.tensor(X)).data, (X * (before * np.float32(0.9))).sum())
            assert np.array_equal(w.data, before * np.float32(0.9)), i


@pytest.mark.parametrize("dtype", ["M8[D]", "m8[s]", [("day", "M8[D]"), ("count", "i4")]])
def test_dates_have_one_too(dtype):
    table = np.zeros(3, dtype)
    compiled = mg.compile(lambda x: x * 2 if table[0] == table[1] else x, backend="numpy")
    for _ in range(3):
        assert np.array_equal(compiled(X), X * 2)
    assert compiled.stats()["replayed"] == 1
    before = checksum(table)
    table[1:] = np.ones(1, dtype)
    assert checksum(table) != before
    assert np.array_equal(compiled(X), X)
