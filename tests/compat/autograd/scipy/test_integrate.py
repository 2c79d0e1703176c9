"""``odeint``: gradients by the adjoint equation, against an exact solution, differences and autograd."""

import numpy as np
import pytest

import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd import grad, hessian
from minigrad.compat.autograd.scipy.integrate import odeint
from minigrad.errors import GraphError, MinigradError

T = np.linspace(0.0, 1.0, 4)
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def decay(y, _, rate):
    return -rate * y


def test_the_exponential_and_its_derivatives():
    y = odeint(decay, np.array([2.0]), T, (0.7,), **CLOSE)
    assert type(y) is np.ndarray
    np.testing.assert_allclose(y[:, 0], 2 * np.exp(-0.7 * T), rtol=1e-8)
    last = lambda y0, t, rate: anp.sum(odeint(decay, y0, t, (rate,), **CLOSE)[-1])  # noqa: E731
    want = 2 * np.exp(-0.7)
    args = np.array([2.0]), T, 0.7
    np.testing.assert_allclose(grad(last, 0)(*args), [want / 2], rtol=1e-7)
    np.testing.assert_allclose(grad(last, 1)(*args), [0.7 * want, 0, 0, -0.7 * want], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(grad(last, 2)(*args), -want, rtol=1e-7)
    np.testing.assert_allclose(hessian(last, 2)(*args), want, rtol=1e-5)


def test_a_system_that_depends_on_time_against_autograd():
    theirs, their_numpy = pytest.importorskip("autograd"), pytest.importorskip("autograd.numpy")
    solver = pytest.importorskip("autograd.scipy.integrate")

    def system(anp):
        return lambda y, t, m, c: anp.array([y[1] - c * y[0] ** 2, -m * y[0] * anp.sin(3 * t)])

    args = np.array([1.0, 0.5]), T, 2.0, 0.3
    ours = grad(lambda y0, t, m, c: anp.sum(odeint(system(anp), y0, t, (m, c), **CLOSE) ** 2), (0, 1, 2, 3))(*args)
    want = theirs.grad(
        lambda y0, t, m, c: their_numpy.sum(
            solver.odeint(system(their_numpy), y0, t, theirs.builtins.tuple((m, c)), **CLOSE) ** 2
        ),
        (0, 1, 2, 3),
    )(*args)
    for one, other in zip(ours, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


def test_a_parameter_from_outside_is_refused():
    with pytest.raises((GraphError, MinigradError)):
        grad(lambda rate: anp.sum(odeint(lambda y, t: -rate * y, np.array([1.0]), T)))(0.5)
