"""Linear algebra of members: stacks of matrices."""

import numpy as np
import pytest

import minigrad as mg

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
    f = FUNCTIONS[name]
    expected = np.stack([f(x) for x in X])
    np.testing.assert_allclose(np.asarray(mg.vmap(f)(X)), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_members_are_those_of_the_loop(name):
    def loss(x):
        return (FUNCTIONS[name](x) ** 2).sum()

    expected = np.stack([np.asarray(mg.grad(loss)(x)) for x in X])
    np.testing.assert_allclose(np.asarray(mg.vmap(mg.grad(loss))(X)), expected, rtol=1e-9, atol=1e-11)
