"""Scans against loops along the axis."""

import numpy as np
import pytest

from minigrad.kernels.scans import linear_recurrence, run_cumsum

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 33])
@pytest.mark.parametrize("axis", [0, -1])
def test_a_linear_recurrence(count, axis):
    shape = (count, 3) if axis == 0 else (3, count)
    x, w = RNG.normal(size=shape), RNG.normal(size=shape) / 2
    got = np.moveaxis(linear_recurrence(x, w, axis), axis, 0)
    z, xs, ws = np.zeros(3), np.moveaxis(x, axis, 0), np.moveaxis(w, axis, 0)
    for i in range(count):
        z = xs[i] + ws[i] * z
        np.testing.assert_allclose(got[i], z, rtol=1e-12, atol=1e-14)


def test_it_does_not_write_into_its_arguments():
    x, w = np.ones(5), np.full(5, 0.5)
    linear_recurrence(x, w)
    assert (x == 1).all()
    assert (w == 0.5).all()


@pytest.mark.parametrize("reverse", [False, True])
def test_sums_start_again_with_each_key(reverse):
    keys = np.array([1, 1, 2, np.nan, np.nan, 2, 2, 2.0])
    x = RNG.normal(size=8)
    order = range(7, -1, -1) if reverse else range(8)
    expected, total, before = np.empty(8), 0.0, None
    for i in order:
        same = before is not None and (keys[i] == keys[before] or np.isnan(keys[[i, before]]).all())
        total = x[i] + (total if same else 0)
        expected[i], before = total, i
    np.testing.assert_allclose(run_cumsum(x, keys, 0, reverse), expected)
