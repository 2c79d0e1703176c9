"""The exponential, the root and the nearest rotation of a matrix: values, every order, equal eigenvalues, errors."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, ShapeError
from minigrad.ops import matrix_functions as rows
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

test_properties = properties_of(rows)

L = mg.linalg
RNG = np.random.default_rng(11)
TURN = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
WEIGHTS = RNG.normal(size=(3, 3))


def symmetric(*values):
    return TURN @ np.diag(values) @ TURN.T


POINTS = {
    "identity": np.eye(3, dtype=float),
    "equal": 2.5 * np.eye(3, dtype=float),
    "two equal": symmetric(1.0, 1.0, 2.0),
    "nearly equal": symmetric(1.0, 1.0 + 1e-12, 2.0),
    "apart": symmetric(1.0, 2.0, 4.0),
    "stack": np.stack([np.eye(3, dtype=float), symmetric(1.0, 2.0, 4.0)]),
}


def divided(f, slope, x):
    """The gradient of sum(WEIGHTS * V f(w) V.T) for symmetric x, by divided differences of f."""
    w, v = np.linalg.eigh(x)
    gap = w[:, None] - w
    near = np.abs(gap) < 1e-6
    table = np.where(near, slope((w[:, None] + w) / 2), (f(w)[:, None] - f(w)) / np.where(near, 1, gap))
    return v @ (table * (v.T @ ((WEIGHTS + WEIGHTS.T) / 2) @ v)) @ v.T


@pytest.mark.parametrize(
    ("ours", "f", "slope"),
    [
        (L.expm, np.exp, np.exp),
        (L.sqrtm, np.sqrt, lambda w: 0.5 / np.sqrt(w)),
        (L.inv, lambda w: 1 / w, lambda w: -1 / w**2),
    ],
    ids=["expm", "sqrtm", "inv"],
)
@pytest.mark.parametrize("name", [name for name in POINTS if name != "stack"])
def test_gradients_are_divided_differences_at_equal_eigenvalues_too(ours, f, slope, name):
    x = POINTS[name]
    w, v = np.linalg.eigh(x)
    np.testing.assert_allclose(ours(x), (v * f(w)) @ v.T, rtol=1e-12, atol=1e-13)
    g = mg.grad(lambda x: (ours(x) * WEIGHTS).sum())(x)
    np.testing.assert_allclose((g + g.T) / 2, divided(f, slope, x), rtol=1e-9, atol=1e-11)


def test_the_polar_factor_of_a_multiple_of_the_identity():
    g = mg.grad(lambda x: (L.polar(x) * WEIGHTS).sum())(2.5 * np.eye(3, dtype=float))
    np.testing.assert_allclose(g, (WEIGHTS - WEIGHTS.T) / 5, atol=1e-14)


@pytest.mark.parametrize("f", [L.expm, L.sqrtm, L.polar], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", POINTS)
def test_orders_up_to_the_third(f, name):
    check_gradients(lambda x: f(x) * WEIGHTS, POINTS[name], order=2 if name == "stack" else 3, rtol=1e-5)


def test_tall_matrices_have_a_polar_factor():
    x = RNG.normal(size=(2, 4, 3))
    z = L.polar(x)
    np.testing.assert_allclose(z.swapaxes(-1, -2) @ z, np.broadcast_to(np.eye(3, dtype=float), (2, 3, 3)), atol=1e-13)
    check_gradients(lambda x: L.polar(x) ** 2, x)
    equal = np.linalg.qr(RNG.normal(size=(4, 3)))[0] * 1.5
    check_gradients(lambda x: L.polar(x) ** 2, equal)


def test_lyapunov_solves_its_equation():
    h, c = symmetric(1.0, 1.0, 3.0), RNG.normal(size=(3, 3))
    x = mg.table.ops["lyapunov"](h, c)
    np.testing.assert_allclose(h @ x + x @ h, c, atol=1e-13)
    check_gradients(mg.table.ops["lyapunov"], h, c, order=2)


def test_exponentials_against_series_and_rotations():
    small = RNG.normal(size=(4, 4)) / 4
    series, term = np.eye(4, dtype=float), np.eye(4, dtype=float)
    for k in range(1, 40):
        term = term @ small / k
        series = series + term
    np.testing.assert_allclose(L.expm(small), series, rtol=1e-13, atol=1e-14)
    for angle in (1.0, 50.0, 1e4):
        turn = L.expm(np.array([[0.0, -angle], [angle, 0.0]]))
        np.testing.assert_allclose(
            turn, [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], atol=1e-12 * angle
        )
    jordan = L.expm(np.array([[2.0, 1.0], [0.0, 2.0]]))  # too few eigenvectors for the other way
    np.testing.assert_allclose(jordan, math.exp(2) * np.array([[1.0, 1.0], [0.0, 1.0]]), rtol=1e-14)
    many = np.stack([small, 100 * small, np.zeros((4, 4), np.float64)])
    for one, alone in zip(L.expm(many), many, strict=True):
        np.testing.assert_allclose(one, L.expm(alone), rtol=1e-12)
    assert np.isnan(L.expm(np.full((2, 2), np.nan))).all()
    assert L.expm(np.zeros((2, 0, 0), np.float64)).shape == (2, 0, 0)


def test_dtypes():
    x = np.eye(2, dtype="f4")
    for f in (L.expm, L.sqrtm, L.polar):
        t = mg.tensor(x, requires_grad=True)
        z = f(t)
        z.sum().backward()
        assert z.dtype == t.grad.dtype == np.float32
    z = 1j * np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(
        L.expm(z), [[math.cos(1), 1j * math.sin(1)], [1j * math.sin(1), math.cos(1)]], atol=1e-15
    )
    a, b = RNG.normal(size=(2, 2, 2))
    check_gradients(lambda a, b: L.expm(a + 1j * b), a, b)
    np.testing.assert_allclose(L.sqrtm(L.sqrtm(z)) ** 1 @ L.sqrtm(L.sqrtm(z)), L.sqrtm(z), atol=1e-14)
    check_gradients(lambda a, b: L.sqrtm(a + 3 * np.eye(2, dtype=float) + 1j * b), a, b)
    with pytest.raises(DTypeError, match="of real numbers"):
        L.polar(mg.Tensor(z))


def test_a_root_at_the_edge():
    rank_1 = np.ones((2, 2))
    np.testing.assert_allclose(L.sqrtm(rank_1), rank_1 / math.sqrt(2), atol=1e-8)
    for x in (-np.eye(2, dtype=float), np.array([[-1.0, 0.5], [0.0, 2.0]])):
        with pytest.warns(RuntimeWarning, match="negative eigenvalues encountered in sqrtm"):
            assert np.isnan(L.sqrtm(x)).any()
        z = L.sqrtm(x.astype(complex))
        np.testing.assert_allclose(z @ z, x, atol=1e-14)
    for x in (np.zeros((2, 2), np.float64), rank_1, np.diag([1.0, 1e-17])):
        with pytest.warns(RuntimeWarning, match="sum to 0 encountered"):
            assert np.isnan(mg.grad(lambda x: L.sqrtm(x).sum())(x)).all()  # the slope of a root at 0


@pytest.mark.parametrize("shape", [(3, 3), (4, 3)])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_polar_factor_below_full_rank_is_arbitrary(shape, rank):
    low = RNG.normal(size=(shape[0], rank)) @ RNG.normal(size=(rank, 3))
    full = RNG.normal(size=shape)
    with pytest.warns(RuntimeWarning, match="polar factor is arbitrary"):
        g = mg.grad(lambda x: (L.polar(x) ** 3).sum())(np.stack([low, full]))
    assert np.isnan(g[0]).all()
    np.testing.assert_allclose(g[1], mg.grad(lambda x: (L.polar(x) ** 3).sum())(full), rtol=1e-12)


def test_a_root_of_a_matrix_that_is_not_symmetric():
    x = 2 * np.eye(3, dtype=float) + RNG.normal(size=(2, 3, 3)) / 3
    z = L.sqrtm(x)
    np.testing.assert_allclose(z @ z, x, rtol=1e-12, atol=1e-13)
    assert abs(z - z.swapaxes(-1, -2)).max() > 0.01
    check_gradients(L.sqrtm, x, order=2)


def test_shapes_that_do_not_fit():
    for f in (L.expm, L.sqrtm):
        with pytest.raises(ShapeError, match="square matrices"):
            f(mg.tensor(np.ones((2, 3))))
    with pytest.raises(ShapeError, match="as many rows as columns"):
        L.polar(mg.tensor(np.ones((2, 3))))


@pytest.mark.parametrize("f", [L.expm, L.sqrtm, L.polar], ids=lambda f: f.__name__)
def test_compiled(f):
    step = mg.compile(lambda x: mg.grad(lambda x: (f(x) * WEIGHTS).sum())(x))
    for name in ("apart", "identity", "two equal", "apart"):
        x = POINTS[name]
        np.testing.assert_allclose(step(x), mg.grad(lambda x: (f(x) * WEIGHTS).sum())(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        step(20 * POINTS["apart"]), mg.grad(lambda x: (f(x) * WEIGHTS).sum())(20 * POINTS["apart"]), rtol=1e-9
    )
