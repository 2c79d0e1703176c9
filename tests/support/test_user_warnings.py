"""A warning names the user's line, however deep in the package it came up."""

import warnings

import pytest

import minigrad as mg
from minigrad import nn
from minigrad.support.user_warnings import warn


def line_of(function):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return {(one.filename, one.category) for one in caught}


def test_a_line_of_the_user_s():
    assert line_of(lambda: warn("look", RuntimeWarning)) == {(__file__, RuntimeWarning)}


@pytest.mark.parametrize("kind", [UserWarning, DeprecationWarning])
def test_behind_a_layer_it_is_the_same_line(kind):
    class Warns(nn.Module):
        def forward(self, x):
            return mg.primitive(_noted(kind), lambda g: g, name="noted")(x)

    assert line_of(lambda: nn.Sequential(Warns())(mg.tensor([1.0]))) == {(__file__, kind)}


def _noted(kind):
    def forward(x):
        warn("inside", kind)
        return x * 1

    return forward
