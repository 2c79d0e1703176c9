"""Equations of Sylvester, Lyapunov and Stein: SciPy's values, complex numbers, stacks, where there is no solution."""

import numpy as np
import pytest
from scipy import linalg as scipy_linalg

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.ops import matrix_equations as rows
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

test_properties = properties_of(rows)

L = mg.linalg
RNG = np.random.default_rng(3)


def heavy(n, imaginary=0.0):
    noise = RNG.normal(size=(n, n)) + 1j * imaginary * RNG.normal(size=(n, n))
    return (noise if imaginary else noise.real) / n + 2 * np.eye(n, dtype=float)


@pytest.mark.parametrize("imaginary", [0.0, 0.3])
def test_solutions_are_scipys(imaginary):
    a, b, q = heavy(3, imaginary), heavy(2, imaginary), RNG.normal(size=(3, 2))
    np.testing.assert_allclose(L.solve_sylvester(a, b, q), scipy_linalg.solve_sylvester(a, b, q), rtol=1e-12)
    s = heavy(3)
    np.testing.assert_allclose(
        L.solve_continuous_lyapunov(a, s), scipy_linalg.solve_continuous_lyapunov(a, s), rtol=1e-12
    )
    symmetric = L.solve_sylvester(s + s.T, b + b.T.conj(), q)
    np.testing.assert_allclose((s + s.T) @ symmetric + symmetric @ (b + b.T.conj()), q, atol=1e-13)
    if imaginary:
        check_gradients(lambda x, y, q: L.solve_sylvester(x + 1j * y, b, q), a.real, a.imag, q)


@pytest.mark.parametrize("n", [3, 12])
@pytest.mark.parametrize("method", [None, "direct", "bilinear"])
@pytest.mark.parametrize("imaginary", [0.0, 0.3])
def test_covariances_of_a_linear_process(n, method, imaginary):
    a, q = heavy(n, imaginary) / 4, heavy(n)
    x = L.solve_discrete_lyapunov(a, q, method)
    np.testing.assert_allclose(x, a @ x @ a.conj().T + q, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(x, scipy_linalg.solve_discrete_lyapunov(a, q), rtol=1e-10, atol=1e-12)
    if n == 3 and not imaginary:
        stack = np.stack([a, a.T])
        np.testing.assert_allclose(L.solve_discrete_lyapunov(stack, q, method)[0], x, rtol=1e-12)
        check_gradients(lambda a, q: L.solve_discrete_lyapunov(a, q, method), stack, q, order=2)


def test_no_single_solution_is_nan_with_a_warning():
    a = np.diag([1.0, 2.0])
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    for one, other in ((a, -a), (turn, turn)):
        with pytest.warns(RuntimeWarning, match="no single solution"):
            assert np.isnan(L.solve_sylvester(one, other, np.ones((2, 2)))).any()
    assert np.isnan(L.solve_sylvester(a, a, np.full((2, 2), np.nan))).all()  # NaN in, NaN out, and nothing to say


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="takes q"):
        L.solve_sylvester(np.eye(3, dtype=float), np.eye(2, dtype=float), np.ones((2, 3)))
    with pytest.raises(ShapeError, match="takes q"):
        L.solve_discrete_lyapunov(np.eye(3, dtype=float), np.ones((2, 2)))
    with pytest.raises(ValueError, match="method is None"):
        L.solve_discrete_lyapunov(np.eye(2, dtype=float), np.eye(2, dtype=float), "doubling")


def test_compiled():
    def slope(x):
        return mg.grad(lambda a: (L.solve_sylvester(a, a, a) + L.solve_discrete_lyapunov(a / 4, a)).sum())(x)

    step = mg.compile(slope, backend="numpy")
    for x in (heavy(3), heavy(3), heavy(3)):
        np.testing.assert_allclose(step(x), slope(x), rtol=1e-12)
    assert step.stats()["replayed"] > 0
