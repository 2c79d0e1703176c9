"""Parameters read off the code of a function, held against ``inspect.signature``."""

import functools
import inspect

import numpy as np
import pytest

from minigrad.support.signatures import REQUIRED, parameters


def plain(a, b=2, *, c, d=4):
    pass


def variadic(*xs, axis=0):
    pass


@functools.wraps(plain)
def wrapped(*args, **kwargs):
    pass


@pytest.mark.parametrize("function", [plain, variadic, wrapped, lambda: None, lambda x, y=(1,): x])
def test_it_is_what_inspect_says(function):
    expected = inspect.signature(function).parameters.values()
    got = parameters(function)
    assert [p.name for p in got] == [p.name for p in expected]
    for one, other in zip(got, expected, strict=True):
        assert one.default is (REQUIRED if other.default is other.empty else other.default)
        assert one.keyword_only == (other.kind is other.KEYWORD_ONLY)
        assert one.variadic == (other.kind is other.VAR_POSITIONAL)


@pytest.mark.parametrize(("ufunc", "names"), [(np.exp, ["x"]), (np.add, ["x", "y"])])
def test_arrays_of_a_ufunc_are_called_x_and_y(ufunc, names):
    assert [p.name for p in parameters(ufunc)] == names
