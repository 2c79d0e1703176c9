"""Cubic curves through points: SciPy's values and derivatives, gradients in places and values, errors."""

import numpy as np
import pytest
from scipy import interpolate

import minigrad as mg
from minigrad.errors import ShapeError, UnsupportedError
from minigrad.testing import check_gradients

RNG = np.random.default_rng(0)
CONDITIONS = [
    "not-a-knot",
    "natural",
    "clamped",
    ((1, 0.5), (2, -0.3)),
    ("natural", (1, 0.2)),
    ("not-a-knot", (2, 1.0)),
]


def points(n):
    return np.cumsum(RNG.uniform(0.3, 1, n)) * 2 / n, RNG.normal(size=n)


@pytest.mark.parametrize("n", [2, 3, 4, 7])
@pytest.mark.parametrize("bc_type", CONDITIONS, ids=str)
def test_splines_are_scipys(n, bc_type):
    x, y = points(n)
    at = np.linspace(-1, 4, 13)
    ours, theirs = (f.CubicSpline(x, y, bc_type=bc_type) for f in (mg.interpolate, interpolate))
    for nu in range(5):
        np.testing.assert_allclose(ours(at, nu), theirs(at, nu), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.derivative()(at), theirs.derivative()(at), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours(at, extrapolate=False), theirs(at, extrapolate=False), rtol=1e-9, atol=1e-9)
    check_gradients(
        lambda x, y, t: mg.interpolate.CubicSpline(x, y, bc_type=bc_type)(t), x, y, [0.1, 1.3, 2.2], order=2
    )


@pytest.mark.parametrize("name", ["CubicSpline", "PchipInterpolator", "CubicHermiteSpline"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_values_along_an_axis(name, axis):
    x, _ = points(5)
    y = np.moveaxis(RNG.normal(size=(5, 2, 3)), 0, axis)
    given = (x, y, y[::-1]) if name == "CubicHermiteSpline" else (x, y)
    at = RNG.uniform(0, 2, (2, 2))
    ours, theirs = (getattr(f, name)(*given, axis=axis) for f in (mg.interpolate, interpolate))
    np.testing.assert_allclose(ours(at), theirs(at), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(ours(0.7), theirs(0.7), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("y", [[1.0, 3.0], [1.0, 3.0, 2.0, 2.0, 5.0, 9.0], [0.0, 1.0, 0.5, 0.6], [0.0, 0.1, 9.0, 9.1]])
def test_pchip(y):
    x = np.cumsum(RNG.uniform(0.5, 1, len(y)))
    at = np.linspace(0, x[-1] + 1, 20)
    np.testing.assert_allclose(
        mg.interpolate.PchipInterpolator(x, y)(at), interpolate.PchipInterpolator(x, y)(at), rtol=1e-10, atol=1e-12
    )
    if len(y) != 6:  # where two values are equal there is a kink
        check_gradients(lambda x, y: mg.interpolate.PchipInterpolator(x, y)(at), x, y)


def test_integrals():
    x, y = np.array([0.5, 1.0, 2.0, 2.5]), RNG.normal(size=4)
    ours, theirs = (f.CubicSpline(x, y) for f in (mg.interpolate, interpolate))
    for a, b in ((0.5, 1.0), (0.7, 0.9), (0.1, 3.0), (2.0, 0.6)):
        np.testing.assert_allclose(ours.integrate(a, b), theirs.integrate(a, b), rtol=1e-11)
    check_gradients(lambda x, y, a, b: mg.interpolate.CubicSpline(x, y).integrate(a, b), x, y, 0.7, 2.2, order=2)


def test_what_does_not_fit():
    x, y = points(4)
    with pytest.raises(ShapeError, match="as many values"):
        mg.interpolate.CubicSpline(x, y[:3])
    with pytest.raises(ValueError, match="rise from each to the next"):
        mg.interpolate.CubicSpline(x[::-1], y)
    with pytest.raises(UnsupportedError, match="periodic"):
        mg.interpolate.CubicSpline(x, y, bc_type="periodic")
    with pytest.raises(ValueError, match="bc_type is"):
        mg.interpolate.CubicSpline(x, y, bc_type="free")
    with pytest.raises(ValueError, match="order 1 or 2"):
        mg.interpolate.CubicSpline(x, y, bc_type=((3, 0.0), (1, 0.0)))


def test_compiled():
    x, y = points(5)

    def slope(y):
        return mg.grad(lambda y: (mg.interpolate.CubicSpline(x, y)([0.2, 0.9]) ** 2).sum())(y)

    step = mg.compile(slope, backend="numpy")
    for k in range(4):
        np.testing.assert_allclose(step(y + k), slope(y + k), rtol=1e-11)
    assert step.stats()["replayed"] > 0


TABLE = np.linspace(0.0, 2.0, 6)
CURVES = {
    "spline": lambda u: mg.interpolate.CubicSpline(TABLE, np.sin(TABLE))(u),
    "several": lambda u: mg.interpolate.CubicSpline(TABLE, np.stack([TABLE, TABLE**2], 1), extrapolate=False)(1.2 * u),
    "fourth derivative": lambda u: mg.interpolate.CubicSpline(TABLE, np.sin(TABLE))(u, 4),
    "pchip": lambda u: mg.interpolate.PchipInterpolator(TABLE, np.sin(TABLE)).derivative()(u),
    "hermite": lambda u: mg.interpolate.CubicHermiteSpline(TABLE, np.sin(TABLE), np.cos(TABLE))(u),
    "integral": lambda u: mg.interpolate.CubicSpline(TABLE, np.sin(TABLE)).integrate(0.0, u),
    "interp": lambda u: np.interp(u, TABLE, np.sin(TABLE)),
    "interp in lists": lambda u: np.interp(u, [0, 1, 2], [1, 3, 2]),
    "interp with a period": lambda u: np.interp(u, TABLE, np.sin(TABLE), period=2.5),
}


@pytest.mark.parametrize("name", CURVES)
def test_plain_tables_are_read_in_a_batch_and_in_a_program(name):
    f, batch = CURVES[name], mg.tensor(np.array([0.1, 0.7, 1.9]))
    want = np.stack([f(u).data for u in batch])
    np.testing.assert_allclose(mg.vmap(f)(batch).data, want, rtol=1e-12)
    slopes = np.stack([mg.grad(lambda t: mg.sum(f(t)))(u).data for u in batch])
    np.testing.assert_allclose(mg.vmap(mg.grad(lambda t: mg.sum(f(t))))(batch).data, slopes, rtol=1e-12)
    single, together = mg.compile(f, backend="numpy"), mg.compile(mg.vmap(f), backend="numpy")
    for _ in range(2):
        np.testing.assert_allclose(np.stack([single(u).data for u in batch]), want, rtol=1e-12)
        np.testing.assert_allclose(together(batch).data, want, rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("nu", [3, 4, 5])
def test_high_derivatives_have_the_shape_of_scipys(nu, axis):
    y = np.random.default_rng(0).normal(size=(6, 6, 6))
    for t in (0.3, np.array([0.3, 1.0]), np.ones((2, 3))):
        ours = mg.interpolate.CubicSpline(TABLE, y, axis)(t, nu)
        np.testing.assert_allclose(ours, interpolate.CubicSpline(TABLE, y, axis)(t, nu), atol=1e-9)


@pytest.mark.parametrize("ends", [(0.0, 2.0), (-0.5, 1.0), (1.0, 2.5), (0.5, 0.5)])
@pytest.mark.parametrize("extrapolate", [None, False, True])
def test_an_integral_beyond_the_places_is_scipys(ends, extrapolate):
    y = np.stack([np.sin(TABLE), TABLE**2], 1)
    for known in (True, False):
        ours = mg.interpolate.CubicSpline(TABLE, y, extrapolate=known)
        scipys = interpolate.CubicSpline(TABLE, y, extrapolate=known)
        np.testing.assert_allclose(ours.integrate(*ends, extrapolate), scipys.integrate(*ends, extrapolate), atol=1e-12)
