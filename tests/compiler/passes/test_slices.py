"""Zeros and writes into a part of an array become steps of loops."""

import operator

import numpy as np
import pytest

from minigrad.compiler.passes.slices import with_slices_written
from tests.compiler.passes.writing import Writer


def written(index, x, dtype="float64", shape=(3, 4)):
    writer = Writer()
    x = writer.argument(np.asarray(x, dtype)) if x is not None else 2.0
    z = writer.call(np.zeros_like, writer.argument(np.ones(shape, dtype)))
    writer.call(operator.setitem, z, index, x, writes=[z])
    program = writer.returns(z)
    return [call.function for call in with_slices_written(program.calls, program)]


@pytest.mark.parametrize(
    ("index", "x"),
    [
        ((slice(None), slice(1, 3)), np.ones((3, 2))),
        (slice(0, 2), np.ones((2, 4))),
        (1, np.ones(4)),
        ((Ellipsis, 0), np.ones(3)),
        ((slice(None), slice(0, 4, 2)), np.ones(2)),
        (slice(0, 2), np.ones(())),
    ],
)
def test_a_write_is_a_view_and_a_copy(index, x):
    assert written(index, x) == [np.positive, operator.getitem, np.positive]


@pytest.mark.parametrize(
    ("index", "x", "dtype"),
    [
        ((0, 1), np.ones(()), "float64"),  # a number: a kernel of its own
        (slice(None, None, -1), np.ones((3, 4)), "float64"),
        (slice(2, 2), np.ones((0, 4)), "float64"),
        (slice(0, 2), None, "float64"),
        (np.array([0, 1]), np.ones((2, 4)), "float64"),
        (slice(0, 2), np.ones((2, 4)), "float16"),
        (slice(0, 2), np.ones((2, 4)), "int32"),
    ],
)
def test_other_writes_stay(index, x, dtype):
    assert written(index, x, dtype)[-1] is operator.setitem
