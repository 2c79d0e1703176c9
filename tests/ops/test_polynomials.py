"""Every row of minigrad/ops/polynomials.py has the properties that a row must have; and series of ``np.polynomial``."""

import numpy as np
import pytest
from numpy.polynomial import Chebyshev, Polynomial, chebyshev, hermite, hermite_e, laguerre, legendre, polynomial

import minigrad as mg
from minigrad.errors import GraphError
from minigrad.ops import polynomials
from tests.numpy_check import check_call
from tests.ops.families import properties_of

test_properties = properties_of(polynomials)

X = np.linspace(-0.9, 0.8, 6).reshape(2, 3)
C = np.array([0.5, -1.0, 2.0, 0.7])
VALUES = [
    polynomial.polyval, chebyshev.chebval, legendre.legval, hermite.hermval, hermite_e.hermeval, laguerre.lagval,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_series_of_numpy_are_arithmetic_that_a_tensor_passes_through(value):
    check_call(lambda x: value(x, C), [X])
    check_call(lambda x: value(x, C[:1]), [X])
    columns = np.stack([C, C[::-1]], 1)
    # NumPy gives each column of c an axis for each of x where x is an array.
    want = value(X[0], columns)
    got = value(mg.tensor(X[0], requires_grad=True), columns[..., None])
    np.testing.assert_allclose(got.data, want, rtol=1e-12)


def test_objects_of_numpy_are_called_with_tensors():
    check_call(lambda x: np.poly1d(C)(x), [X])
    check_call(lambda c: np.poly1d(c)(0.3), [C])


@pytest.mark.skipif(not hasattr(polynomial.polyval2d, "__wrapped__"), reason="older NumPy makes arrays at once")
def test_series_in_two_variables():
    c = np.arange(12.0).reshape(2, 3, 2) / 7
    check_call(lambda x, c: polynomial.polyval2d(x, x**2, c), [X, c])
    check_call(lambda x, c: polynomial.polygrid2d(x, x[0] ** 2, c[..., 0]), [X, c])


def test_coefficients_and_grids_of_tensors_are_refused():
    c = mg.tensor(C, requires_grad=True)
    for call in (
        lambda: polynomial.polyval(X, c),
        lambda: chebyshev.chebval(0.5, c),
        lambda: chebyshev.chebval2d(c, C, np.eye(2)),
        lambda: Polynomial(C, domain=[-2, 2])(c),
        lambda: Chebyshev(C)(c),
        lambda: polynomial.polyvander(c, 2),
        lambda: Polynomial(c),
    ):
        with pytest.raises(GraphError, match="would lose the gradient"):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda c: np.polymul(np.array([0.0, 0.0, 1.0, 2.0]), c),  # leading zeros go
        lambda c: np.polyadd(np.poly1d([1.0, 2.0]).coeffs, c),
        lambda c: np.polysub([1, 2, 3, 4, 5.0], c),
        lambda c: np.polydiv(c, [2.0, 1.0]),
        lambda c: np.polydiv(c[:2], c[1:]),
        lambda c: np.polyint(c, 2, [1.0, 2.0]),
        lambda c: np.polyint(c, 2, c[0] * 3),
        lambda c: np.poly(np.stack([c[0] + 1j * c[1], c[0] - 1j * c[1]])),
        lambda c: np.poly(np.outer(c, c) + np.diag([1.0, 2, 3, 4])),
        lambda c: np.roots(np.concatenate([[0.0], c, [0.0, 0.0]])),
        lambda c: np.polyfit(np.arange(4.0), np.stack([c, c * c], 1), 1, w=c**2 + 1),
        lambda c: np.polyfit(np.arange(4.0), c, 1, cov=True),
        lambda c: np.polyfit(c, c**3, 1, cov="unscaled", w=c**2 + 1),
        lambda c: np.polyfit(c, np.arange(4.0), 2, full=True)[:2],
    ],
)
def test_values_and_gradients_of_two_orders(call):
    check_call(call, [C])


def test_what_does_not_fit_is_refused():
    c = mg.tensor(C, requires_grad=True)
    for call in (
        lambda: np.polyder(c, -1),
        lambda: np.polyint(c, 3, [1.0, 2.0]),
        lambda: np.poly(c[None]),
        lambda: np.roots(c[None]),
        lambda: np.polyfit(c, c[:2], 1),
        lambda: np.polyfit(c, c, -1),
        lambda: np.polyfit(c, c, 1, w=c[:2]),
        lambda: np.polyfit(c, c, 3, cov=True),
    ):
        with pytest.raises(ValueError, match=r"."):
            call()
    assert np.roots(mg.tensor(np.zeros(2))).size == 0
    with pytest.warns(np.exceptions.RankWarning):
        np.polyfit(mg.tensor(np.ones(4)), c, 2)


def test_a_program_is_one_for_its_leading_zeros():
    p = np.array([[1.0, -3.0, 2.0], [1.0, -5.0, 6.0], [0.0, -7.0, 3.0]])
    for f in [np.roots, lambda p: np.polymul(p, p)]:
        compiled = mg.compile(f)
        for n in [0, 1, 0, 1, 2]:
            np.testing.assert_array_equal(compiled(p[n]), f(p[n]))
        assert compiled.stats()["replayed"] >= 1
