"""A function of one member under ``vmap``, against the loop over the members."""

import numpy as np

import minigrad as mg


def check_values(f, xs):
    """The values of all members."""
    expected = np.stack([f(x) for x in xs])
    np.testing.assert_allclose(np.asarray(mg.vmap(f)(xs)), expected, rtol=1e-10, atol=1e-12)


def check_gradients_of_squares(f, xs):
    """The gradient of each member's sum of squares."""

    def loss(x):
        return (f(x) ** 2).sum()

    expected = np.stack([np.asarray(mg.grad(loss)(x)) for x in xs])
    np.testing.assert_allclose(np.asarray(mg.vmap(mg.grad(loss))(xs)), expected, rtol=1e-9, atol=1e-11)
