"""Fixed points are differentiated by the implicit function theorem, at every order and for structures."""

import numpy as np
import pytest

import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd import grad, jacobian
from minigrad.compat.autograd.misc.fixed_points import fixed_point


def near(x, y):
    return anp.max(anp.abs(x - y))


def root(a):
    return fixed_point(lambda a: lambda x: 0.5 * (x + a / x), a, 1.0, near, 1e-14)


@pytest.mark.parametrize(
    ("order", "want"), [(0, 2**0.5), (1, 0.5 * 2**-0.5), (2, -0.25 * 2**-1.5), (3, 0.375 * 2**-2.5)]
)
def test_the_square_root_by_newtons_iteration(order, want):
    f = root
    for _ in range(order):
        f = grad(f)
    assert isinstance(f(2.0), float)
    assert f(2.0) == pytest.approx(want, rel=1e-9)


def test_structures_of_parameters():
    def step(p):
        return lambda x: anp.tanh(p["w"] @ x) + p["b"]

    p = {"w": 0.3 * np.array([[1.0, -1.0], [0.5, 1.0]]), "b": np.array([0.2, 0.4])}

    def solve(p):
        return fixed_point(step, p, np.zeros(2), near, 1e-13)

    x = solve(p)
    slope = np.diag(1 - np.tanh(p["w"] @ x) ** 2)
    want = np.linalg.inv(np.eye(2) - slope @ p["w"])
    np.testing.assert_allclose(jacobian(lambda b: solve({**p, "b": b}))(p["b"]), want, rtol=1e-10)
    found = grad(lambda p: anp.sum(solve(p)))(p)
    np.testing.assert_allclose(found["b"], want.sum(0), rtol=1e-10)
    np.testing.assert_allclose(found["w"], np.outer(want.sum(0) @ slope, x), rtol=1e-10)
