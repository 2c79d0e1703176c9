"""Indices into members: basic ones, integers, masks of the shape."""

import numpy as np
import pytest

import minigrad as mg

X = np.random.default_rng(0).normal(size=(5, 3, 4))
FUNCTIONS = {
    "an integer": lambda x: x[1],
    "a slice": lambda x: x[:, ::2],
    "a new axis": lambda x: x[:, None, -1],
    "integers": lambda x: x[np.array([0, 2, 0])],
    "two axes": lambda x: x[np.array([0, 1]), np.array([3, 0])],
    "integers apart": lambda x: x[None, np.array([1, 2]), :, None],
    "take": lambda x: np.take(x, np.array([1, 1]), axis=1),
    "take_along_axis": lambda x: np.take_along_axis(x, np.zeros((3, 1), int), 1),
    "a place of its own": lambda x: np.take_along_axis(x, np.argmax(x, 1)[:, None], 1),
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
