"""Linear algebra of members: stacks of matrices."""

import numpy as np
import pytest

import minigrad as mg
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


NORMS = {
    "of all": lambda x: np.linalg.norm(x),
    "of rows": lambda x: np.linalg.norm(x, None, 1),
    "nuclear": lambda x: np.linalg.norm(x, "nuc"),
    "of a matrix by axes": lambda x: np.linalg.norm(x, axis=(0, 1), keepdims=True),
    "of a vector": lambda x: np.linalg.norm(x[0], np.inf),
    "vector_norm": lambda x: np.linalg.vector_norm(x),
    "vector_norm of columns": lambda x: np.linalg.vector_norm(x, axis=0, ord=1),
    "vector_norm of a number": lambda x: np.linalg.vector_norm(x[0, 0]),
    "matrix_norm": lambda x: np.linalg.matrix_norm(x, ord=2),
}


@pytest.mark.parametrize("name", NORMS)
def test_norms_of_arrays_behind_tensors(name):
    check_values(lambda x: NORMS[name](x.data if isinstance(x, mg.Tensor) else x), X)
