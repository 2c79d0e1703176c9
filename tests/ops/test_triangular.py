"""Triangular systems, Cholesky factors and L and U: SciPy's values, every option, errors."""

import numpy as np
import pytest
from scipy import linalg as scipy_linalg

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.ops import triangular as rows
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

test_properties = properties_of(rows)

L = mg.linalg
RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 3)) / 3 + np.eye(3, dtype=float)


@pytest.mark.parametrize("n", [1, 31, 32, 33, 100])
@pytest.mark.parametrize("lower", [True, False])
def test_solutions_are_scipys(n, lower):
    a, b = RNG.normal(size=(n, n)) / n + np.eye(n, dtype=float), RNG.normal(size=(n, 2))
    for trans in (0, 1, 2, "N", "T", "C"):
        for unit in (True, False):
            for right in (b, b[:, 0]):
                options = {"trans": trans, "lower": lower, "unit_diagonal": unit}
                np.testing.assert_allclose(
                    L.solve_triangular(a, right, **options),
                    scipy_linalg.solve_triangular(a, right, **options),
                    rtol=1e-11,
                    atol=1e-13,
                )
    z = a + 1j * RNG.normal(size=(n, n)) / n
    np.testing.assert_allclose(
        L.solve_triangular(z, b, "C", lower), scipy_linalg.solve_triangular(z, b, trans="C", lower=lower), rtol=1e-11
    )


@pytest.mark.parametrize("lower", [True, False])
def test_cholesky_factors_solve(lower):
    a, b = X @ X.T, RNG.normal(size=3)
    c, flag = L.cho_factor(a, lower)
    assert flag is lower
    np.testing.assert_allclose(c @ c.T if lower else c.T @ c, a, rtol=1e-12)
    np.testing.assert_allclose(L.cho_solve((c, lower), b), np.linalg.solve(a, b), rtol=1e-11)
    check_gradients(lambda a, b: L.cho_solve(L.cho_factor(a, lower), b), a, b, order=2)


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (1, 4), (4, 1), (2, 4, 3), (2, 1, 3, 3)])
def test_l_and_u_are_scipys(shape):
    for a in (RNG.normal(size=shape), RNG.normal(size=shape) + 1j * RNG.normal(size=shape)):
        for options in ({}, {"permute_l": True}, {"p_indices": True}):
            for got, want in zip(L.lu(a, **options), scipy_linalg.lu(a, **options), strict=True):
                np.testing.assert_allclose(got, want, atol=1e-12)
                assert got.dtype.kind == want.dtype.kind
    check_gradients(lambda a: L.lu(a)[1:], RNG.normal(size=shape), order=2)


def test_a_singular_matrix_has_l_and_u_and_no_solution():
    a = np.array([[0.0, 1.0], [0.0, 2.0]])
    order, left, upper = L.lu(a)
    np.testing.assert_allclose(order @ left @ upper, a)
    with pytest.raises(np.linalg.LinAlgError):
        L.solve_triangular(a, np.ones(2))


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="takes 3 rows of b"):
        L.solve_triangular(mg.tensor(X), np.ones(2))
    with pytest.raises(ShapeError, match="square matrices"):
        L.solve_triangular(np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match="trans is 0, 1, 2"):
        L.solve_triangular(X, np.ones(3), 3)


@pytest.mark.parametrize(
    "f", [lambda a: L.solve_triangular(a, a), lambda a: L.lu(a)[1], lambda a: L.cho_solve(L.cho_factor(a @ a.T), a)]
)
def test_compiled(f):
    def slope(x):
        return mg.grad(lambda a: (f(a) ** 2).sum())(x)

    step = mg.compile(slope, backend="numpy")
    for x in (X, X * 2, X[::-1].copy(), X):  # the other order of rows has other pivots
        np.testing.assert_allclose(step(x), slope(x), rtol=1e-12)
    assert step.stats()["replayed"] > 0
