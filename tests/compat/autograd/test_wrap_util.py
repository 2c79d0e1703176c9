"""Names for functions made of others, and tuples with values replaced: autograd's answers."""

import numpy as np
import pytest

from minigrad.compat.autograd import util, wrap_util


def sine(x):
    """The sine, {in braces}."""
    return np.sin(x)


def named(module):
    @module.wraps(sine, "{op}_of_{fun}", "{op} of: {doc}", op="grad")
    def f(x):
        return np.cos(x)

    @module.wrap_nary_f(sine, sine, 1)
    def g(x):
        return np.cos(x)

    return f.__name__, f.__doc__, g.__name__, module.get_name(3), module.get_name(sine), module.get_doc(sine)


def test_names_are_autograds():
    theirs = pytest.importorskip("autograd.wrap_util")
    assert named(wrap_util) == named(theirs)
    assert named(wrap_util)[0] == "grad_of_sine"


def test_an_object_that_takes_no_name_keeps_its_own():
    assert wrap_util.wraps(sine)(np.sin) is np.sin
    assert wrap_util.wraps(sine, "{missing}")(sine).__name__ == "sine"


def test_values_replaced_in_a_tuple():
    assert util.subvals([1, 2, 3], [(0, 10), (2, 30)]) == (10, 2, 30)
    assert util.subval((1, 2), 1, 5) == (1, 5)
    assert util.func(sine) is sine
