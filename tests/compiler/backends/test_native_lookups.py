"""Lookups by an array of indices, writes by one, and reductions to a number, as kernels: beside NumPy's."""

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

import minigrad as mg
from minigrad.compiler.backends.native_products import LARGEST
from tests.compiler.backends.interpreting import by_python

pytestmark = pytest.mark.native


def beside(f, *arrays, calls=3):
    """A compiled function that has run, with the number of its kernels; its results are those of the function."""
    compiled = mg.compile(f, backend="native", audit=False)
    for _ in range(calls):
        got, expected = compiled(*arrays), f(*arrays)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert np.asarray(got).dtype == np.asarray(expected).dtype
    return compiled, compiled.stats()["loops"]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 3)])
@pytest.mark.parametrize("index", [(4,), (2, 3)])
def test_rows_are_looked_up(dtype, shape, index):
    rng = np.random.default_rng(0)
    x, at = rng.integers(0, 2, shape).astype(dtype), rng.integers(-5, 5, index)
    compiled, loops = beside(lambda x, at: x[at], x, at)
    assert loops == 2
    np.testing.assert_array_equal(compiled(x, at % 5), x[at])


@pytest.mark.parametrize(
    ("take", "loops"),
    [
        (lambda x, at: np.take(x[:, 0] * 2, at), 3),
        (lambda x, at: np.take(x, at, 0), 2),
        (lambda x, at: np.take(x, at, axis=0), 2),
        (lambda x, at: np.take(x, at), 0),  # of all elements in a row
        (lambda x, at: np.take(x, at, axis=1), 0),
        (lambda x, at: np.take(x, at, axis=0, mode="wrap"), 0),
    ],
)
def test_take_along_the_first_axis_is_a_lookup(take, loops):
    x, at = np.random.default_rng(0).normal(size=(5, 5)), np.array([[3, -1], [0, -5]])
    assert beside(take, x, at)[1] == loops
    if loops:
        with pytest.raises(IndexError):
            beside(take, x, at)[0](x, at + 5)


def test_kernels_are_the_same_by_python():
    x, at = np.arange(12.0).reshape(4, 3), np.array([3, -1, 0])

    def f(x, at):
        z = x * 2
        z[at] = x[at]
        return z.sum() + np.vdot(z[0], z[1]) + np.maximum.reduce(at, axis=None)

    with by_python():
        beside(f, x, at)


@pytest.mark.parametrize("bad", [5, -6, 2**62, -(2**62)])
def test_an_index_out_of_range_is_the_error_of_numpy(bad):
    x, at = np.ones((5, 3)), np.array([1, 2])

    def f(x, at):
        z = x * 2
        z[at] = x[at] + 1
        return z

    for g in (f, lambda x, at: (x * 2)[at]):
        compiled, _ = beside(g, x, at)
        with pytest.raises(IndexError):
            compiled(x, np.array([1, bad]))
        np.testing.assert_array_equal(compiled(x, at), g(x, at))


def test_what_is_written_before_the_lookup_is_written_once():
    counts, table = np.zeros(3), np.arange(4.0)

    def f(x, at):
        counts[...] = counts + x
        return table[at] * x

    compiled = mg.compile(f, backend="native", audit=False)
    for _ in range(3):
        compiled(np.ones(3), np.array([1, 2, 3]))
    np.testing.assert_array_equal(counts, 3)
    with pytest.raises(IndexError):
        compiled(np.ones(3), np.array([1, 2, 9]))


def test_the_last_of_equal_indices_is_what_stays():
    def f(x, at, v):
        z = x * 1
        z[at] = v * 1
        return z

    _, loops = beside(f, np.zeros(6), np.array([1, 2, 1, -5]), np.array([5.0, 6.0, 7.0, 8.0]))
    assert loops == 3


@pytest.mark.parametrize("shape", [(7,), (3, 5), (1,)])
def test_the_largest_and_smallest_whole_number(shape):
    x = np.random.default_rng(0).integers(-9, 9, shape)
    for f in (
        lambda x: np.maximum.reduce(x, axis=None) + 0.5, lambda x: np.minimum.reduce(x, axis=None) * 2,
        lambda x: np.maximum.reduce(x.view(np.uint64), axis=None) >= 3,
    ):  # fmt: skip
        assert beside(f, x)[1] == 2


def test_sums_of_squares_have_the_digits_of_float64():
    x = np.full(100_000, 0.1, "float32")
    compiled = mg.compile(lambda x: np.vdot(x, x) * 1, backend="native", audit=False)
    for _ in range(3):
        got = compiled(x)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, 100_000 * float(np.float32(0.1)) ** 2, rtol=3e-7)


def test_what_lies_otherwise_or_is_large_stays_with_numpy():
    x, at = np.arange(40.0).reshape(10, 4), np.array([0, 3])
    for f in (lambda x, at: x.T[at], lambda x, at: x[::2][at], lambda x, at: x[at, at], lambda x, at: x[at[::-1]]):
        assert beside(f, x, at)[1] == 0
    assert beside(lambda x, at: x[at], np.zeros((3, LARGEST)), at % 3)[1] == 0
    assert beside(lambda x, at: x[at.astype("int32")], x, at)[1] == 0
    assert beside(lambda x, w: np.vdot(x, w), np.ones((2, 2)), np.ones((2, 2)))[1] == 0
    assert beside(lambda x: np.maximum.reduce(x[::2], axis=None), np.arange(6))[1] == 0


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_where_the_largest_of_each_row_lies(dtype):
    x = np.random.default_rng(0).integers(0, 3, (5, 4, 6)).astype(dtype)
    if dtype != "int64":
        x[1, 2, 3] = x[1, 2, 5] = x[2, 0, 0] = np.nan
        x[3, 1] = -np.inf
    for f in (lambda x: x.argmax(-1), lambda x: np.argmax(x, axis=2)):
        assert beside(f, x)[1] == beside(f, x.reshape(2, 2, 30))[1] == beside(f, x.reshape(10, 12, 1))[1] == 1
    for f in (lambda x: x.argmax(0), lambda x: x.argmax(), lambda x: x[..., ::2].argmax(-1)):
        assert beside(f, x)[1] == 0


def test_how_many_are_true():
    x = np.random.default_rng(0).integers(0, 3, (7, 5))
    for f in (lambda x: (x == 1).sum(), lambda x: np.sum(x == 1), lambda x: np.add.reduce(x == 1, axis=None)):
        assert beside(f, x)[1] == 2
    for f in (lambda x: (x == 1).sum(0), lambda x: np.add.reduce(x == 1), lambda x: (x == 1).sum(dtype="int32")):
        beside(f, x)
    with by_python():
        beside(lambda x: (x == 1).sum() + x.argmax(-1), x)


@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda x: x.transpose(1, 0, 2), lambda x: x[::2], lambda x: x[:, :1]]
)
def test_whether_all_or_any_are_true_in_other_layouts(layout):
    for truth in (True, False):
        for place in ((0, 0, 0), (-1, -1, -1)):
            x = layout(np.full((4, 4, 3), truth))
            x[place] = not truth
            for f in (np.all, np.any, np.sum):
                beside(f, x)


@pytest.mark.parametrize("shape", [(9,), (3, 4), (1, 1)])
def test_whether_all_are_true_or_any(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    for f in (
        lambda x: (x > -9).all() * 1.0, lambda x: (x > 0).all() * 1.0, lambda x: np.any(x > 9) * 1.0,
        lambda x: np.all(x > 0, axis=None) * 1.0, lambda x: (x > 0).any() * 1.0,
    ):  # fmt: skip
        assert beside(f, x)[1] >= 2
    for f in (lambda x: (x > 0).all(0) * 1.0, lambda x: (x > 0).any(axis=0) * 1.0, lambda x: x.all() * 1.0):
        beside(f, x)
    with by_python():
        beside(lambda x: (x > -9).all() * 1.0 + (x > 9).any(), x)


def test_an_index_that_is_written_in_between_is_looked_at_by_numpy():
    index, table = np.array([0, 1]), np.arange(4.0)

    def f(step):
        first = table[index] * 1.0
        index[...] = index + step
        return first + table[index]

    compiled = mg.compile(f, backend="native", audit=False)
    found = [compiled(np.array([1, 0])).tolist() for _ in range(3)]
    assert found == [[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]]
    with pytest.raises(IndexError):
        compiled(np.array([1, 0]))


def test_a_lookup_behind_what_is_written_has_its_condition_before():
    counts, table = np.zeros(2), np.arange(4.0)

    def f(at, x):
        counts[...] = counts + x
        return table[at] * x

    compiled = mg.compile(f, backend="native", audit=False)
    for _ in range(4):
        np.testing.assert_array_equal(compiled(np.array([1, -1]), np.ones(2)), [1, 3])
    assert compiled.stats()["loops"] == 3
    with pytest.raises(IndexError):
        compiled(np.array([1, 4]), np.ones(2))
    np.testing.assert_array_equal(counts, 5)  # by the step as it is written, up to its error


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "index"), [((5,), (9,)), ((5, 2, 3), (4, 3)), ((40, 2000), (9,))])
def test_rows_are_added_up_where_an_index_says(dtype, shape, index):
    rng = np.random.default_rng(0)
    x, at = mg.tensor(rng.standard_normal(shape).astype(dtype)), rng.integers(0, 5, index)

    def f(at):
        return mg.grad(lambda x: (mg.tanh(x[at]) ** 2).sum())(x).data

    def g(at):
        return mg.segment_sum(x[at.reshape(-1)], at.reshape(-1), 6).data

    bound = 1e-5 if dtype == "float32" else 1e-13
    for h, loops in ((f, 4), (g, 6)):
        compiled = mg.compile(h, backend="native")
        for k in (1, 1, 1, -1):
            np.testing.assert_allclose(compiled(at[::k].copy()), h(at[::k].copy()), rtol=bound, atol=bound)
        assert compiled.stats()["loops"] == loops
        with pytest.raises((IndexError, ValueError)):
            compiled(np.full(index, shape[0] + 1))
