"""Functions that move elements, in each member of a batch as in a loop."""

import numpy as np
import pytest

import minigrad as mg

X = np.random.default_rng(0).normal(size=(5, 3, 4))
FUNCTIONS = {
    "reshape": lambda x: np.reshape(x, (4, 3)),
    "a side of -1": lambda x: x.reshape(2, -1),
    "transpose": lambda x: np.transpose(x, (1, 0)),
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "concatenate": lambda x: np.concatenate([x, 2 * x], axis=-1),
    "stack": lambda x: np.stack([x, x + 1], axis=1),
    "flip": lambda x: np.flip(x, 0),
    "roll": lambda x: np.roll(x, 1, axis=1),
    "tile": lambda x: np.tile(x, (2, 1)),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 4)),
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
