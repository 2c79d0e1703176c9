"""Sorting by keys and back, where elements of equal keys are averaged; the places of quantiles."""

import numpy as np
import pytest

from minigrad.kernels import sorting as kernels
from minigrad.kernels.sorting import quantile_places, quantile_places_by_count, sort_by, unsort_by

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_without_ties_it_is_an_order_and_its_inverse(axis):
    x, keys = RNG.normal(size=(4, 5)), RNG.normal(size=(4, 5))
    order = np.argsort(keys, axis)
    expected = np.ravel(x)[order] if axis is None else np.take_along_axis(x, order, axis)
    z = sort_by(x, keys, axis)
    np.testing.assert_array_equal(z, expected)
    np.testing.assert_array_equal(unsort_by(z, keys, axis), x)


def test_elements_of_equal_keys_share_their_mean():
    keys = np.array([2.0, 1, 2, np.nan, np.nan])
    x = np.array([1.0, 5, 3, 10, 20])
    np.testing.assert_array_equal(sort_by(x, keys, 0), [5, 2, 2, 15, 15])
    np.testing.assert_array_equal(unsort_by(np.array([5.0, 1, 3, 10, 20]), keys, 0), [2, 5, 2, 15, 15])


@pytest.mark.parametrize("method", ["linear", "lower", "nearest", "inverted_cdf", "median_unbiased"])
def test_places_of_quantiles_are_numpy_s(method):
    q = np.array([0.0, 0.3, 0.5, 1.0])
    np.testing.assert_array_equal(
        quantile_places(7, q, "quantile", method), np.quantile(np.arange(7.0), q, method=method)
    )
    by_count = quantile_places_by_count(np.array([7, 0, 3]), q, "quantile", method)
    np.testing.assert_array_equal(by_count[0], quantile_places(7, q, "quantile", method))
    np.testing.assert_array_equal(by_count[1], np.zeros(4))
    np.testing.assert_array_equal(by_count[2], quantile_places(3, q, "quantile", method))


def test_a_quantile_outside_of_its_range_is_numpy_s_error():
    with pytest.raises(ValueError, match="range"):
        quantile_places(3, 1.5, "quantile", "linear")


@pytest.mark.parametrize("axis", [0, 1, -1, None])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c16"])
def test_a_few_places_give_what_sorting_gives(axis, dtype, monkeypatch):
    rng = np.random.default_rng(0)
    keys = rng.integers(-4, 5, (30, 40)).astype(dtype)
    keys[keys == 3] = np.nan
    keys[:5] = rng.standard_normal((5, 40))
    count = keys.size if axis is None else keys.shape[axis]
    x = np.zeros((count,) if axis is None else keys.shape, dtype)
    for place, value in ((0, 1.5), (count // 2, -2.0), (count // 2 + 1, 0.25), (count - 1, 3.0)):
        x[(slice(None),) * ((axis or 0) % 2) + (place,)] = value
    infinite = [] if dtype == "c16" else [np.where(x == 3, np.inf, x)]  # NumPy's quotient of complex infinities is NaN
    for sorted_gradient in (x, np.zeros_like(x), *infinite):
        got = kernels.unsort_by(sorted_gradient, keys, axis)
        with monkeypatch.context() as context:
            context.setattr(kernels, "FEW", -1)
            want = kernels.unsort_by(sorted_gradient, keys, axis)
        assert (got.shape, got.dtype, got.strides) == (want.shape, want.dtype, want.strides)
        np.testing.assert_allclose(got, want, rtol=2e-3 if dtype == "f2" else 1e-6)
