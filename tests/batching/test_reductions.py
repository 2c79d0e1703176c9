"""Reductions and scans along the axes of a member."""

import numpy as np
import pytest

import minigrad as mg
from tests.batching.loops import check_gradients_of_squares, check_values

X = np.random.default_rng(0).normal(size=(5, 3, 4))
FUNCTIONS = {
    "sum": lambda x: x.sum(),
    "sum of an axis": lambda x: np.sum(x, axis=0, keepdims=True),
    "mean": lambda x: np.mean(x, axis=-1),
    "max": lambda x: np.max(x, axis=1),
    "min": lambda x: x.min(),
    "prod": lambda x: np.prod(x, axis=0),
    "var": lambda x: np.var(x, axis=1),
    "cumsum": lambda x: np.cumsum(x, axis=0),
    "logsumexp": lambda x: mg.logsumexp(x, axis=1),
    "softmax": lambda x: mg.softmax(x, axis=0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_batch_is_a_loop_over_its_members(name):
    check_values(FUNCTIONS[name], X)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_members_are_those_of_the_loop(name):
    check_gradients_of_squares(FUNCTIONS[name], X)
