"""Which calls one loop can do, with the types that NumPy's loop casts to."""

import operator

import numpy as np
import pytest

from minigrad.compiler.passes.elementwise import loop_dtypes, member_of
from tests.compiler.passes.writing import Writer

F4, F8 = np.dtype("f4"), np.dtype("f8")
STEPS = {
    "an operator": (lambda w, x: w.call(operator.add, x, 1.0), "add", (F4, F4, F4)),
    "a ufunc": (lambda w, x: w.call(np.exp, x), "exp", (F4, F4)),
    "a number of a wider type": (lambda w, x: w.call(np.multiply, x, np.float64(2)), "multiply", (F8, F8, F8)),
    "a square": (lambda w, x: w.call(operator.pow, x, 2), "square", (F4, F4)),
    "a comparison": (lambda w, x: w.call(operator.gt, x, 0.0), "greater", (F4, F4, np.dtype(bool))),
    "a cast": (lambda w, x: w.call(".astype", x, F8), "cast", (F4, F8)),
    "a copy": (lambda w, x: w.call(".copy", x), "cast", (F4, F4)),
    "a choice": (lambda w, x: w.call(np.where, w.call(np.isnan, x), x, x), "where", (np.dtype(bool), F4, F4, F4)),
}
REDUCTIONS = {
    "a sum": (lambda w, x: w.call(np.sum, x, axis=1), "add", (1,)),
    "a maximum of all": (lambda w, x: w.call(np.max, x), "maximum", (0, 1)),
    "a mean": (lambda w, x: w.call(np.mean, x, axis=-1), "mean", (1,)),
    "a ufunc's": (lambda w, x: w.call(np.add.reduce, x), "add", (0,)),
}
NONE = {
    "a product of matrices": lambda w, x: w.call(operator.matmul, x, w.call(".transpose", x)),
    "a product along an axis": lambda w, x: w.call(np.prod, x, axis=0),
    "a view": lambda w, x: w.call(".reshape", x, (3, 2)),
    "a sum of integers": lambda w, x: w.call(np.sum, w.call(".astype", x, np.dtype("i4")), axis=0),
    "a power": lambda w, x: w.call(operator.pow, x, 3),
}


def last(make):
    writer = Writer()
    make(writer, writer.argument(np.ones((2, 3), F4)))
    return member_of(writer.program.calls[-1])


@pytest.mark.parametrize("name", STEPS)
def test_steps(name):
    make, op, dtypes = STEPS[name]
    member = last(make)
    assert (member.op, member.dtypes, member.axes, member.shape) == (op, dtypes, None, (2, 3))


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name):
    make, op, axes = REDUCTIONS[name]
    member = last(make)
    assert (member.op, member.axes, member.shape) == (op, axes, (2, 3))


@pytest.mark.parametrize("name", NONE)
def test_what_is_none(name):
    assert last(NONE[name]) is None


def test_numbers_of_python_adapt():
    x = np.ones(2, F4)
    assert loop_dtypes(np.add, (x, 1.5)) == (F4, F4, F4)
    assert loop_dtypes(np.add, (x, True)) == (F4, F4, F4)
