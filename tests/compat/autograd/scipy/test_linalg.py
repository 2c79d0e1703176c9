"""SciPy's linear algebra under the names of autograd."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the reference is SciPy (pip install scipy)")

import scipy.linalg

from minigrad.compat.autograd import grad
from minigrad.compat.autograd.scipy import linalg

NAMES = ["inv", "det", "expm", "sqrtm", "logm"]


def test_the_names_are_those_of_the_original():
    assert set(NAMES) <= set(dir(linalg))


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_original(name):
    x = np.random.default_rng(0).normal(size=(3, 3))
    x = x @ x.T + np.eye(3)
    np.testing.assert_allclose(getattr(linalg, name)(x), getattr(scipy.linalg, name)(x), rtol=1e-9)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError):
        getattr(linalg, "no_such" + "_function")


def test_factors_are_given_as_pairs():
    def by_factor(a, b):
        return np.sum(linalg.cho_solve((np.linalg.cholesky(a), True), b) ** 2)

    def directly(a, b):
        return np.sum(np.linalg.solve((a + a.T) / 2, b) ** 2)

    a, b = np.diag([2.0, 3.0, 4.0]) + 0.5, np.arange(3.0)
    for argnum in (0, 1):
        np.testing.assert_allclose(grad(by_factor, argnum)(a, b), grad(directly, argnum)(a, b), rtol=1e-10)

    def toeplitz(c):
        return np.sum(linalg.solve_toeplitz((c, c**2), b) ** 2)

    c, step = np.array([3.0, 0.5, 0.25]), 1e-6
    slopes = [(toeplitz(c + step * e) - toeplitz(c - step * e)) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(grad(toeplitz)(c), slopes, rtol=1e-6)
