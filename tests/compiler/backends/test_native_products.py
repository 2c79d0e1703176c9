"""Small products as loops: all layouts and sizes, beside NumPy's."""

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

import minigrad as mg
from minigrad.compiler.backends.native_products import LARGEST

pytestmark = pytest.mark.native

SIZES = [1, 2, 3, 5, 8, 9, 17]


def laid(rng, m, n, dtype, layout):
    """A matrix with rows or columns without gaps, or with neither."""
    x = rng.standard_normal((2 * m, 2 * n)).astype(dtype)
    views = {"rows": x[:m, :n].copy(), "columns": np.asfortranarray(x[:m, :n]), "apart": x[::2, ::2], "wide": x[:m, :n]}
    return views[layout]


def products_in_loops(f, *arrays):
    """What a compiled product gives, and whether it is a loop."""
    compiled = mg.compile(f, backend="native")
    for _ in range(3):
        got = compiled(*arrays)
    return got, compiled.stats()["loops"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("left", ["rows", "columns", "apart", "wide"])
@pytest.mark.parametrize("right", ["rows", "columns", "apart", "wide"])
def test_products_of_all_layouts(dtype, left, right):
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(12):
        m, k, n = (int(x) for x in rng.choice(SIZES, 3))
        x, w = laid(rng, m, k, dtype, left), laid(rng, k, n, dtype, right)
        got, loops = products_in_loops(lambda x, w: x @ w, x, w)
        covered += loops
        expected = x.astype("f8") @ w.astype("f8")
        np.testing.assert_allclose(got, expected, rtol=0, atol=(1e-6 if dtype == "float32" else 1e-14) * (k + 4) ** 2)
        assert (got.dtype, got.flags.writeable) == (np.dtype(dtype), True)
    assert covered or (left, right) == ("apart", "apart")


def test_a_large_product_stays_with_blas_and_an_odd_one_with_numpy():
    n = round((2 * LARGEST) ** (1 / 3)) + 1
    rng = np.random.default_rng(0)
    square, few, stack = rng.standard_normal((n, n)), np.ones((3, 9), int), rng.standard_normal((2, 9, 9))
    for x in (square, few @ few.T, stack, np.ones((0, 9)), np.ones((9, 9), complex)):
        got, loops = products_in_loops(lambda x: x @ x.swapaxes(-1, -2), x)
        np.testing.assert_allclose(got, x @ x.swapaxes(-1, -2), rtol=1e-12)
        assert loops == 0


def test_infinite_numbers_and_nan_spread_as_in_numpy():
    x = np.ones((9, 9))
    x[2, 3], x[4, 4] = np.inf, np.nan
    for f in (lambda x: x @ x, lambda x: x.T @ x, lambda x: x @ x.T, lambda x: (x.T @ x.T)[:, :2]):
        got, loops = products_in_loops(f, x)
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(np.isnan(got), np.isnan(f(x)))
        assert loops == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["rows", "columns", "apart"])
def test_vectors_are_matrices_of_one_row_or_column(dtype, layout):
    rng = np.random.default_rng(0)
    x = laid(rng, 20, 17, dtype, layout)
    left, right = rng.standard_normal((2, 20)).astype(dtype)[1], rng.standard_normal((17, 2)).astype(dtype)[:, 1]
    for f, v in ((lambda v, x: v @ x, left), (lambda v, x: x @ v, right), (lambda v, x: x.T @ v, left)):
        got, loops = products_in_loops(f, v, x)
        np.testing.assert_allclose(
            got, f(v.astype("f8"), x.astype("f8")), rtol=0, atol=1e-5 if dtype == "float32" else 1e-13
        )
        assert loops or layout == "apart"
        assert (got.dtype, got.shape) == (f(v, x).dtype, f(v, x).shape)
    assert products_in_loops(lambda v, x: v @ v + x[0, 0], left, x)[0] == left @ left + x[0, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_arrays_one_after_the_other(dtype):
    rng = np.random.default_rng(0)
    x, y, z = (rng.integers(0, 2, shape).astype(dtype) for shape in [(3, 4), (5,), (2, 1, 3)])
    got, loops = products_in_loops(lambda x, y, z: np.concatenate([x, y, z], axis=None), x, y, z)
    np.testing.assert_array_equal(got, np.concatenate([x, y, z], axis=None))
    assert (loops, got.dtype) == (1, np.dtype(dtype))
    got, loops = products_in_loops(lambda x, y: np.concatenate([x, y]), y, y[:2])
    np.testing.assert_array_equal(got, np.concatenate([y, y[:2]]))
    assert loops == 1


def test_arrays_that_lie_or_are_joined_otherwise_stay_with_numpy():
    x, y = np.arange(6.0).reshape(2, 3), np.arange(3)
    for f in (
        lambda x, y: np.concatenate([x.T, x], axis=None), lambda x, y: np.concatenate([x, y], axis=None),
        lambda x, y: np.concatenate([x, x]), lambda x, y: np.concatenate([x, x], 1),
    ):  # fmt: skip
        got, loops = products_in_loops(f, x, y)
        np.testing.assert_array_equal(got, f(x, y))
        assert loops == 0


def test_arrays_are_joined_into_one_that_is_there():
    flat = mg.tensor(np.zeros(7))

    def f(x, y):
        np.concatenate([x * 2, y * 3], axis=None, out=flat.data)
        return flat.data + 1

    x, y = np.arange(4.0).reshape(2, 2), np.arange(3.0)
    got, loops = products_in_loops(f, x, y)
    np.testing.assert_array_equal(got, np.concatenate([x * 2, y * 3], axis=None) + 1)
    assert loops == 3

    def over_itself(x):
        np.concatenate([flat.data[3:], x], out=flat.data)
        return flat.data + 1

    flat.data[...] = np.arange(7.0)
    products_in_loops(over_itself, y)
    np.testing.assert_array_equal(flat.data, [2, 0, 1, 2, 0, 1, 2])


def test_a_sum_over_rows_by_ones_that_are_spread():
    x = np.random.default_rng(0).standard_normal((40, 3))
    got, loops = products_in_loops(lambda x: np.broadcast_to(np.float64(1), (1, 40)) @ x, x)
    np.testing.assert_allclose(got, x.sum(0, keepdims=True), rtol=1e-13)
    assert loops == 1


def test_arrays_that_are_held_are_joined_where_they_lie_apart():
    held, other, z = np.arange(3.0), np.arange(6.0).reshape(2, 3), np.zeros(9)

    def step(x):
        np.concatenate([held, other], axis=None, out=z)
        return z * x

    got, loops = products_in_loops(step, np.ones(9))
    np.testing.assert_array_equal(got, [0, 1, 2, 0, 1, 2, 3, 4, 5])
    assert loops == 2
    line = np.arange(9.0)
    parts = line[3:6], line[6:]

    def shifted(x):
        np.concatenate(parts, out=line[:6])
        return line * x

    compiled = mg.compile(shifted, backend="native", audit=False)
    found = [compiled(np.ones(9)).tolist() for _ in range(4)]
    assert found[0] == [3, 4, 5, 6, 7, 8, 6, 7, 8]
    assert found[3] == [6, 7, 8] * 3


def test_arrays_are_joined_as_wider_numbers():
    x, y = np.arange(3, dtype="f4") / 3, np.ones(2, "f4")
    got, loops = products_in_loops(lambda x, y: np.concatenate([x, y], axis=None, dtype=np.float64), x, y)
    np.testing.assert_array_equal(got, np.concatenate([x, y], dtype=np.float64))
    assert (loops, got.dtype) == (1, np.float64)
    wide = np.arange(3) + 0.25
    got, loops = products_in_loops(lambda x: np.concatenate([x, x], axis=None, dtype="float32"), wide)
    np.testing.assert_array_equal(got, np.concatenate([wide, wide], dtype="float32"))
    assert (loops, got.dtype) == (0, np.float32)
