"""Writes that the recorder cannot see change a checksum."""

import numpy as np

import minigrad as mg
from minigrad import nn
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
