"""Linear algebra of members: stacks of matrices."""

import numpy as np
import pytest

from tests.batching.loops import check_gradients_of_squares, check_values

X = np.random.default_rng(0).normal(size=(5, 3, 4))
FUNCTIONS = {
    "inv": lambda x: np.linalg.inv(x @ x.T + np.eye(3)),
    "det": lambda x: np.linalg.det(x @ x.T + np.eye(3)),
    "solve": lambda x: np.linalg.solve(x @ x.T + np.eye(3), x),
    "cholesky": lambda x: np.linalg.cholesky(x @ x.T + np.eye(3)),
    "norm": lambda x: np.linalg.norm(x, axis=1),
    "trace": lambda x: np.trace(x[:, :3]),
    "diagonal": lambda x: np.diagonal(x, 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_batch_is_a_loop_over_its_members(name):
    check_values(FUNCTIONS[name], X)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_members_are_those_of_the_loop(name):
    check_gradients_of_squares(FUNCTIONS[name], X)
