"""Recorded arrays answer as arrays do, or refuse by name."""

import re

import numpy as np
import pytest

import minigrad as mg
from tests.compiler.refusing import refused
from tests.compiler.replaying import X, compiled


def test_more_of_an_array_s_attributes():
    def f(x):
        z = np.fft.fft(x) * 2
        return z.imag + z.real + x.copy().real + len(x) + sum(row for row in x) * x.itemsize

    compiled(f, X)
    assert "recorded float32" in repr(next(iter(recorded_reprs())))


def recorded_reprs():
    seen = []
    mg.compile(lambda x: seen.append(repr(x)) or x)(X)
    return seen


@pytest.mark.parametrize(
    "hide",
    [np.asarray, np.array, lambda a: np.zeros(3).dot(a), lambda a: np.ascontiguousarray(a),
     lambda a: np.zeros(3, np.float32).__setitem__(0, a[0])],
)  # fmt: skip
def test_a_hidden_numpy_call(hide):
    message = refused(lambda x: [hide(x.data), x][1], "plain array|into Python")
    assert re.search(r"test_recorded_array\.py:\d+: .*(lambda a|hide)", message)


def test_shapes_that_depend_on_numbers():
    refused(lambda x: x[x > 0], "as many elements as are true")
    refused(lambda x: np.nonzero(x.data)[0], "depends on the numbers")
