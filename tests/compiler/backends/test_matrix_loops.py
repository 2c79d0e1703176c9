"""The texts of loops for small matrices, run by Python: any strides, beside NumPy."""

import numpy as np
import pytest

from minigrad.compiler.backends.matrix_loops import cofactors_text, size_of_factors, text_of
from minigrad.kernels.determinants import cofactors
from tests.compiler.backends.interpreting import NAMES

SIZES = [1, 2, 3, 5]
COUNT = 4


def run(text, *args):
    """The text as a function of Python's; arrays are given as the run of memory that they lie in."""
    names = dict(NAMES)
    exec(text, names)
    with np.errstate(all="ignore"):
        names["kernel"](0, 1, 1, 1, *args)


def laid_out(matrices, layout):
    """The memory of a stack of matrices in a layout, and the steps to the next matrix, row and column."""
    order = {"rows": (0, 1, 2), "columns": (0, 2, 1), "matrix last": (1, 2, 0)}[layout]
    memory = np.ascontiguousarray(matrices.transpose(order))
    view = memory.transpose(np.argsort(order))
    return memory.reshape(-1), [step // memory.itemsize for step in view.strides]


LAYOUTS = ["rows", "columns", "matrix last"]


def regular(n):
    return np.random.default_rng(n).normal(size=(COUNT, n, n)) + 2 * np.eye(n, dtype=float)


def factors_of(matrices, layout="rows"):
    n = matrices.shape[-1]
    memory, steps = laid_out(matrices, layout)
    factors = np.full((COUNT, size_of_factors(n)), np.nan)
    run(text_of("factors", "f8", n), COUNT, *steps, memory, factors.reshape(-1))
    return factors


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", SIZES)
def test_factors_are_those_of_the_rows_in_their_new_order(n, layout):
    matrices = regular(n)
    for matrix, factors in zip(matrices, factors_of(matrices, layout), strict=True):
        both, order, sign = factors[: n * n].reshape(n, n), factors[n * n : -1].astype(int), factors[-1]
        lower = np.tril(both, -1) + np.eye(n, dtype=float)
        np.testing.assert_allclose(lower @ np.triu(both), matrix[order], atol=1e-12)
        assert np.abs(np.tril(both, -1)).max() <= 1  # the pivot is the largest of its column
        assert sign == round(np.linalg.det(np.eye(n, dtype=float)[order]))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", SIZES)
def test_right_sides_and_inverses(n, layout):
    matrices, right = regular(n), np.random.default_rng(9).normal(size=(COUNT, n, 2))
    factors, (memory, steps) = factors_of(matrices).reshape(-1), laid_out(right, layout)
    z = np.full((COUNT, n, 2), np.nan)
    text = text_of("solved", "f8", n, b="b, ", right="b[m * bm + q * bi + j * bj]")
    run(text, COUNT, 2, *steps, factors, memory, z.reshape(-1))
    np.testing.assert_allclose(z, np.linalg.solve(matrices, right), atol=1e-10)
    inverse = np.full((COUNT, n, n), np.nan)
    run(text_of("solved", "f8", n, b="", right="f8(1) if q == j else f8(0)"), COUNT, n, 0, 0, 0, factors,
        inverse.reshape(-1))  # fmt: skip
    np.testing.assert_allclose(inverse, np.linalg.inv(matrices), atol=1e-10)


@pytest.mark.parametrize("n", SIZES)
def test_a_number_of_each_matrix(n):
    matrices, z = regular(n), np.full(COUNT, np.nan)
    text = text_of("number", "f8", n, start=f"w[o + np.uint64({n * n + n})]", line="x * d")
    run(text, COUNT, factors_of(matrices).reshape(-1), z)
    np.testing.assert_allclose(z, np.linalg.det(matrices), rtol=1e-10)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", SIZES)
def test_roots_of_cholesky_and_whether_they_are_sound(n, layout):
    matrices = regular(n) @ regular(n).transpose(0, 2, 1)
    for is_definite in (True, False):
        z, sound = np.full((COUNT, n, n), np.nan), np.zeros(1, bool)
        memory, steps = laid_out(matrices, layout)
        run(text_of("cholesky", "f8", n), COUNT, *steps, memory, z.reshape(-1))
        run(text_of("sound", "f8", n, test="d > 0"), COUNT, n * n, n, 1, z.reshape(-1), sound)
        assert sound[0] == is_definite
        if is_definite:
            np.testing.assert_allclose(z, np.linalg.cholesky(matrices), atol=1e-10)
        matrices[-1, n - 1, n - 1] = -1


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0])
def test_one_bad_number_anywhere_is_not_sound(bad):
    for place in ((0, 0, 0), (3, 1, 1)) if bad == 0 else ((0, 0, 1), (3, 1, 0)):
        matrices, sound = regular(2), np.ones(1, bool)
        matrices[place] = bad
        run(text_of("sound", "f8", 2, test="d != 0"), COUNT, 4, 2, 1, matrices.reshape(-1), sound)
        assert not sound[0]


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", SIZES)
def test_substitution_looks_at_one_triangle(n, layout, lower):
    whole, right = regular(n), np.random.default_rng(9).normal(size=(COUNT, n, 2))
    triangle = np.tril(whole) if lower else np.triu(whole)
    whole[triangle == 0] = np.nan
    z = np.full((COUNT, n, 2), np.nan)
    (a, a_steps), (b, b_steps) = laid_out(whole, layout), laid_out(right, layout)
    run(text_of("substituted", "f8", n), COUNT, 2, int(lower), *a_steps, *b_steps, a, b, z.reshape(-1))
    np.testing.assert_allclose(z, np.linalg.solve(triangle, right), atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_products_of_other_shapes(layout):
    rng = np.random.default_rng(0)
    x, w, z = rng.normal(size=(COUNT, 2, 3)), rng.normal(size=(COUNT, 3, 4)), np.full((COUNT, 2, 4), np.nan)
    (one, one_steps), (two, two_steps) = laid_out(x, layout), laid_out(w, layout)
    text = text_of("product", "f8", sizes={"rows": 2, "columns": 4, "terms": 3})
    run(text, COUNT, *one_steps, *two_steps, one, two, z.reshape(-1))
    np.testing.assert_allclose(z, x @ w, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_cofactors_of_singular_matrices_too(n, layout):
    matrices, z = regular(n), np.full((COUNT, n, n), np.nan)
    matrices[0] = 1
    memory, steps = laid_out(matrices, layout)
    run(cofactors_text("f8", n), COUNT, *steps, memory, z.reshape(-1))
    np.testing.assert_allclose(z, cofactors(matrices), atol=1e-12)
