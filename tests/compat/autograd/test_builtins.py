"""Python's names that ask the value behind a tensor."""

import numpy as np

from minigrad.compat.autograd import builtins, grad
from minigrad.compat.autograd.numpy.numpy_boxes import ArrayBox
from minigrad.compat.autograd.tracer import Box, getval, isbox


def test_isinstance_and_type_ask_the_value():
    seen = []

    def f(x):
        seen.append((builtins.isinstance(x, float), builtins.isinstance(x, Box), builtins.type(x), isbox(x)))
        return x * getval(x)

    assert grad(f)(3.0) == 3.0
    assert seen == [(True, True, np.float64, True)]
    assert ArrayBox is Box
    assert builtins.isinstance((), builtins.tuple)
    assert builtins.type([]) is builtins.list
    assert getval(2) == 2


def test_values_are_arrays():
    def f(x):
        assert type(getval(x)) is np.ndarray
        assert builtins.isinstance(x, np.ndarray)
        return x[0]

    assert grad(f)(np.ones(2)).tolist() == [1.0, 0.0]


def test_boxes_of_containers_are_pythons_own():
    seen = []

    def f(parameters):
        seen.append(isinstance(parameters, builtins.DictBox))
        seen.append(isinstance(list(parameters.values()), builtins.SequenceBox))
        return parameters["a"] ** 2

    assert grad(f)({"a": 3.0}) == {"a": 6.0}
    assert seen == [True, True]
    assert not isinstance("text", builtins.SequenceBox)
