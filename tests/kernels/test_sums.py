"""Sums over the first or last axes as products with ones: NumPy's sums, whatever the axes, dtype and layout."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.kernels import sums

SHAPE = (16, 9, 7, 10)
AXES = [(0,), -1, 0, (2, 3), (3, 2), (0, 1), (-4, 1, 2)]


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c16", "i4"])
def test_sums_are_those_of_numpy(axis, keepdims, dtype):
    assert sums.is_fast(SHAPE, axis)
    x = (np.random.default_rng(0).standard_normal(SHAPE) * 3 + 1).astype(dtype)
    for laid in (x, np.asfortranarray(x), x[::2, :, ::-1]):
        z, want = sums.sum_over(laid, axis, keepdims), np.sum(laid, axis, keepdims=keepdims)
        assert (z.shape, z.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(z, want, *((1e-5, 1e-3) if dtype == "f4" else (1e-13, 1e-10)))


def test_other_axes_and_sizes_are_left_to_numpy():
    cases = [(SHAPE, 1), (SHAPE, (0, 2)), (SHAPE, (0, 3)), (SHAPE, (0, 1, 2, 3)), (SHAPE, ()), ((5000,), 0)]
    cases += [((9, 9), 0), ((4, sums.TERMS + 1), 1), ((4096, 1), 1), ((4096, 0), 1)]
    assert not any(sums.is_fast(shape, axis) for shape, axis in cases)


@pytest.mark.parametrize("axis", [5, -3, (0, 0), (0, 2), "x", 1.0, [0], True], ids=str)
def test_axes_that_there_are_not_are_refused_in_all_sizes(axis):
    """What NumPy says of a small array is said of a large one."""
    found = []
    for shape in ((2, 3), (60, 50)):
        t = mg.tensor(np.ones(shape), requires_grad=True)
        for f in (mg.sum, mg.mean):
            with pytest.raises((ValueError, TypeError)) as error:
                f(t, axis)
            found.append(str(error.value)[-20:])
    assert found[:2] == found[2:]


def test_float32_is_added_up_as_exactly_as_by_numpy():
    x = np.random.default_rng(0).random((40, sums.TERMS), np.float32)
    by_numpy, exact = x.sum(1), x.astype("f8").sum(1)
    ours = np.abs(sums.sum_over(x, 1) - exact)
    assert ours.max() <= 4 * max(np.abs(by_numpy - exact).max(), np.spacing(np.float32(exact.max())))


def test_numbers_that_are_none_stay_in_their_row():
    x = np.ones((64, 64))
    x[3, 4], x[5, 6] = np.inf, np.nan
    assert np.flatnonzero(~np.isfinite(sums.sum_over(x, 0))).tolist() == [4, 6]
    assert np.flatnonzero(~np.isfinite(sums.sum_over(x, 1))).tolist() == [3, 5]


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1)], ids=str)
def test_sums_and_means_of_tensors_members_and_programs(axis):
    x = np.random.default_rng(1).standard_normal((3, 50, 60))

    def f(a):
        return (mg.sum(a, axis) * mg.mean(a, axis, keepdims=axis == -1).reshape(-1)).sum()

    value, slope = mg.value_and_grad(f)(x[0])
    own, count = np.sum(x[0], axis), np.size(x[0]) / np.size(np.sum(x[0], axis))
    np.testing.assert_allclose(value, (own * own / count).sum(), 1e-10)
    np.testing.assert_allclose(slope, np.broadcast_to(np.expand_dims(2 * own / count, axis), (50, 60)), 1e-8, 1e-10)
    np.testing.assert_allclose(mg.vmap(mg.grad(f))(x)[0], slope, 1e-10, 1e-12)
    compiled = mg.compile(mg.grad(f), backend="numpy")
    for _ in range(3):
        np.testing.assert_array_equal(compiled(x[0]), slope)
