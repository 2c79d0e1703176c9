"""Matrices with a pattern, and their systems: SciPy's values, stacks, errors."""

import numpy as np
import pytest
from scipy import linalg as scipy_linalg

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.ops import structured as rows
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

test_properties = properties_of(rows)

L = mg.linalg
RNG = np.random.default_rng(5)
C, R = RNG.normal(size=4), RNG.normal(size=3)
Z = C + 1j * RNG.normal(size=4)
A, B = RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("toeplitz", (C, R)),
        ("toeplitz", (C,)),
        ("toeplitz", (Z,)),
        ("toeplitz", (Z, R)),
        ("hankel", (C, R)),
        ("hankel", (C,)),
        ("circulant", (C,)),
        ("circulant", (Z,)),
        ("companion", (C,)),
        ("khatri_rao", (A, B)),
        ("khatri_rao", (A, B * 1j)),
        ("block_diag", (A, C, 2.0)),
        ("block_diag", (A,)),
        ("block_diag", ()),
        ("block_diag", (np.ones((2, 0)), A)),
    ],
)
def test_matrices_are_scipys(name, given):
    np.testing.assert_array_equal(getattr(L, name)(*given), getattr(scipy_linalg, name)(*given))


@pytest.mark.parametrize("bands", [(1, 1), (0, 2), (2, 1), (3, 0), (0, 0)])
@pytest.mark.parametrize("imaginary", [0.0, 0.3])
def test_banded_systems(bands, imaginary):
    lower, upper = bands
    ab = RNG.normal(size=(lower + upper + 1, 6)) * (1 + 1j * imaginary if imaginary else 1)
    ab[upper] += 6
    b = RNG.normal(size=(6, 2))
    for right in (b, b[:, 0]):
        np.testing.assert_allclose(
            L.solve_banded(bands, ab, right), scipy_linalg.solve_banded(bands, ab, right), rtol=1e-12
        )
    stack = np.stack([ab, 2 * ab])
    np.testing.assert_allclose(L.solve_banded(bands, stack, b)[1], L.solve_banded(bands, ab, b) / 2, rtol=1e-12)
    if not imaginary:
        g = mg.grad(lambda ab: (L.solve_banded(bands, ab, b) ** 2).sum())(ab)
        rows_of = np.arange(lower + upper + 1)[:, None] + np.arange(6) - upper
        assert (g[(rows_of < 0) | (rows_of > 5)] == 0).all()


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("imaginary", [0.0, 0.3])
def test_symmetric_bands(lower, imaginary):
    ab = RNG.normal(size=(3, 6)) + 1j * imaginary * RNG.normal(size=(3, 6))
    ab = ab if imaginary else ab.real
    ab[0 if lower else 2] = 6
    b = RNG.normal(size=(6, 2))
    np.testing.assert_allclose(
        L.solveh_banded(ab, b, lower), scipy_linalg.solveh_banded(ab, b, lower=lower), rtol=1e-11
    )


def test_systems_of_a_column():
    c, b = np.array([5.0, 1.0, 0.5, -1.0]), RNG.normal(size=(4, 2))
    r = np.array([5.0, 0.3, -0.2, 0.1])
    for right in (b, b[:, 0]):
        for given in (c, (c, r)):
            np.testing.assert_allclose(
                L.solve_toeplitz(given, right), scipy_linalg.solve_toeplitz(given, right), rtol=1e-11
            )
        np.testing.assert_allclose(L.solve_circulant(c, right), scipy_linalg.solve_circulant(c, right), rtol=1e-11)
    z = c + 0.5j
    np.testing.assert_allclose(L.solve_circulant(z, b), scipy_linalg.solve_circulant(z, b), rtol=1e-11)
    check_gradients(L.toeplitz, np.stack([c, 2 * c]), r)


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="takes ab of 3 rows"):
        L.solve_banded((1, 1), np.ones((2, 4)), np.ones(4))
    with pytest.raises(ShapeError, match="as many rows as ab has columns"):
        L.solve_banded((1, 0), np.ones((2, 4)), np.ones(3))
    with pytest.raises(ShapeError, match="as many columns"):
        L.khatri_rao(A, np.ones((2, 3)))
    with pytest.raises(ShapeError, match="got a number"):
        L.toeplitz(2.0)
    with pytest.raises(ShapeError, match="two coefficients or more"):
        L.companion([1.0])
    with pytest.raises(np.linalg.LinAlgError):
        L.solve_banded((0, 0), np.zeros((1, 2)), np.ones(2))


def test_compiled():
    def slope(x):
        bands = np.stack([x, x * 0 + 5, x])
        return mg.grad(lambda x: (L.solve_banded((1, 1), mg.stack([x, x + 5, x]), bands.T) ** 2).sum())(x)

    step = mg.compile(slope, backend="numpy")
    for x in (RNG.normal(size=4), RNG.normal(size=4), RNG.normal(size=4)):
        np.testing.assert_allclose(step(x), slope(x), rtol=1e-12)
    assert step.stats()["replayed"] > 0
