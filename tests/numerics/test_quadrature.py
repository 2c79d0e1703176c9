"""Rules of integration: SciPy's values for any number of samples, gradients in samples and places."""

import numpy as np
import pytest
from scipy import integrate

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.testing import check_gradients

RNG = np.random.default_rng(0)
NAMES = ("simpson", "cumulative_trapezoid", "cumulative_simpson", "trapezoid")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9])
def test_values_are_scipys(name, n):
    if name == "cumulative_simpson" and n == 1:
        pytest.skip("SciPy refuses one sample")
    y = RNG.normal(size=(2, n, 3))
    line, places = np.sort(RNG.normal(size=n)), np.sort(RNG.normal(size=(2, n, 3)), 1)
    ours, theirs = getattr(mg.integrate, name), getattr(integrate, name)
    for options in ({}, {"dx": 0.3}, {"x": line}, {"x": places}):
        np.testing.assert_allclose(ours(y, axis=1, **options), theirs(y, axis=1, **options), rtol=1e-12, atol=1e-13)
        if "cumulative" in name:
            got = ours(y, axis=1, initial=0, **options)
            np.testing.assert_allclose(got, theirs(y, axis=1, initial=0, **options), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [2, 3, 6, 7])
def test_gradients(name, n):
    y, x = RNG.normal(size=(2, n)), np.cumsum(RNG.uniform(0.3, 1, n))
    f = getattr(mg.integrate, name)
    check_gradients(lambda y, x: f(y, x=x), y, x, order=2)
    check_gradients(lambda y, dx: f(y, dx=dx), y, 0.4, order=2)


def test_digits_of_lists_and_dtypes():
    want = integrate.simpson([0.1, 0.3, 0.7], dx=0.1)
    np.testing.assert_allclose(mg.integrate.simpson([0.1, 0.3, 0.7], dx=0.1), want, rtol=1e-15)
    t = mg.tensor([1.0, 2.0, 4.0], requires_grad=True)
    z = mg.integrate.simpson(t, x=[0.0, 1.0, 3.0])
    z.backward()
    assert z.dtype == t.grad.dtype == np.float32
    assert mg.integrate.cumulative_trapezoid(np.arange(4)).dtype == np.float64


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="takes as many x"):
        mg.integrate.simpson(np.ones(4), x=np.ones(3))
    with pytest.raises(ShapeError, match="one sample or more"):
        mg.integrate.cumulative_trapezoid(np.ones(0))
    with pytest.raises(ValueError, match="initial is None or 0"):
        mg.integrate.cumulative_simpson(np.ones(4), initial=1.0)


def test_compiled():
    def slope(y):
        return mg.grad(lambda y: (mg.integrate.simpson(y) + mg.integrate.cumulative_simpson(y).sum()) ** 2)(y)

    step = mg.compile(slope, backend="numpy")
    for k in range(4):
        np.testing.assert_allclose(step(np.arange(6.0) + k), slope(np.arange(6.0) + k), rtol=1e-12)
    assert step.stats()["replayed"] > 0
