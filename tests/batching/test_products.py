"""Products of members with each other and with what is the same for all."""

import numpy as np
import pytest

from tests.batching.loops import check_gradients_of_squares, check_values

X = np.random.default_rng(0).normal(size=(5, 3, 4))
FUNCTIONS = {
    "with itself": lambda x: x @ x.T,
    "with a matrix": lambda x: x @ np.arange(8.0).reshape(4, 2),
    "from the left": lambda x: np.ones((2, 3)) @ x,
    "with a vector": lambda x: x @ np.arange(4.0),
    "of a row": lambda x: x[0] @ x[1],
    "dot": lambda x: np.dot(x, x.T),
    "outer": lambda x: np.outer(x[0], x[1]),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x),
    "tensordot": lambda x: np.tensordot(x, x, axes=([1], [1])),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_batch_is_a_loop_over_its_members(name):
    check_values(FUNCTIONS[name], X)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_members_are_those_of_the_loop(name):
    check_gradients_of_squares(FUNCTIONS[name], X)
