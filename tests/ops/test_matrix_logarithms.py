"""Logarithms, powers, sines and cosines of matrices: SciPy's values, every order, where there is no real one."""

import numpy as np
import pytest
from scipy import linalg as scipy_linalg

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.ops import matrix_logarithms as rows
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

test_properties = properties_of(rows)

L = mg.linalg
RNG = np.random.default_rng(9)
X = RNG.normal(size=(3, 3)) / 3 + 2 * np.eye(3, dtype=float)
NAMES = ("logm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")


@pytest.mark.parametrize("name", NAMES)
def test_values_are_scipys(name):
    for x in (X, X + 0.2j, np.eye(2, dtype=float), X / 9):
        np.testing.assert_allclose(getattr(L, name)(x), getattr(scipy_linalg, name)(x), rtol=1e-10, atol=1e-12)
    stack = np.stack([X, X.T])
    np.testing.assert_allclose(getattr(L, name)(stack)[1], getattr(L, name)(X.T), rtol=1e-11)
    with pytest.raises(ShapeError, match="square matrices"):
        getattr(L, name)(np.ones((2, 3)))


@pytest.mark.parametrize("power", [3, -2, 0, 0.5, -0.5, 0.3, -1.7])
def test_powers_are_scipys(power):
    want = scipy_linalg.fractional_matrix_power(X, power)
    np.testing.assert_allclose(L.fractional_matrix_power(X, power), want, rtol=1e-10)


@pytest.mark.parametrize("x", [2 * np.eye(3, dtype=float), X, np.array([[2.0, 1.0], [0.0, 2.0]])])
def test_a_logarithm_is_smooth_at_equal_eigenvalues(x):
    check_gradients(L.logm, x, order=3, rtol=1e-5)
    np.testing.assert_allclose(L.expm(L.logm(x)), x, rtol=1e-12, atol=1e-13)


def test_complex_logarithms():
    check_gradients(lambda a, b: L.logm(a + 1j * b), X, X / 9)
    rotation = np.array([[-1.0, 0.2], [0.0, -2.0]])
    with pytest.warns(RuntimeWarning, match="the logarithm of a real matrix is complex there"):
        assert np.isnan(L.logm(rotation)).all()
    np.testing.assert_allclose(L.expm(L.logm(rotation.astype(complex))), rotation, atol=1e-13)
    with pytest.warns(RuntimeWarning, match="eigenvalues that are negative or 0"):
        assert np.isnan(L.logm(np.ones((2, 2)))).all()
    assert np.isnan(L.logm(np.full((2, 2), np.nan))).all()


def test_compiled():
    def slope(x):
        return mg.grad(lambda a: (L.logm(a) + L.cosm(a) + L.tanhm(a)).sum())(x)

    step = mg.compile(slope, backend="numpy")
    for x in (X, X * 1.05, X.T.copy()):
        np.testing.assert_allclose(step(x), slope(x), rtol=1e-11)
    assert step.stats()["replayed"] > 0
