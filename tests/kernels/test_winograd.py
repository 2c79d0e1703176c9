"""Convolutions in tiles of 2 x 2 results against the products of matrices: values, and the error that is stated."""

import numpy as np
import pytest

from minigrad.kernels import convolution, winograd
from minigrad.kernels.windows import Window


def drawn(seed, batch, channels, outputs, size, padding):
    """Images, weights of a size that keeps results near 1, and gradients."""
    rng = np.random.default_rng(seed)
    window = Window((3, 3), (1, 1), padding, (1, 1))
    x = rng.normal(size=(batch, channels, *size))
    weight = rng.normal(size=(outputs, channels, 3, 3)) / np.sqrt(9 * channels)
    return x, weight, rng.normal(size=(batch, outputs, *window.counts(size))), window


@pytest.mark.parametrize("columns", [winograd.COLUMNS, 1])
@pytest.mark.parametrize(
    ("size", "padding"),
    [((3, 3), ((0, 0), (0, 0))), ((4, 7), ((1, 1), (1, 1))), ((5, 6), ((2, 0), (0, 3))), ((9, 4), ((3, 2), (1, 0)))],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_tiles_give_what_windows_give(columns, size, padding, batch, monkeypatch):
    monkeypatch.setattr(winograd, "COLUMNS", columns)
    monkeypatch.setattr(winograd, "COLUMNS_OF_KERNEL", columns)
    x, weight, y, window = drawn(0, batch, 5, 4, size, padding)
    z = winograd.tiled_convolved(x, weight, window)
    np.testing.assert_allclose(z, convolution._by_windows(x, weight, window, 1), atol=1e-12)
    kernel = winograd.tiled_kernel(x, y, window)
    np.testing.assert_allclose(kernel, convolution._kernel_by_windows(x, y, window, 1), atol=1e-11)


@pytest.mark.parametrize("channels", [48, 256])
def test_the_error_in_float32_is_within_its_bound_and_near_that_of_the_products(channels):
    x, weight, _, window = drawn(1, 4, channels, 48, (12, 12), ((1, 1), (1, 1)))
    x, weight = x.astype("f4"), weight.astype("f4")
    exact = convolution._by_windows(x.astype("f8"), weight.astype("f8"), window, 1)
    error = np.abs(winograd.tiled_convolved(x, weight, window) - exact)
    direct = np.abs(convolution._by_windows(x, weight, window, 1) - exact)
    unit = np.finfo("f4").eps / 2 * np.abs(x).max() * np.abs(weight).max()
    assert error.max() <= 64 * channels * (channels + 16) * unit
    assert np.sqrt(np.mean(error**2)) < 3 * np.sqrt(np.mean(direct**2))


def test_what_is_of_another_kind_or_small_is_left_to_windows():
    x = np.zeros((8, 64, 16, 16), "f4")
    window = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    assert winograd.is_tiled(window, x, 64, x.dtype, 1)
    assert not winograd.is_tiled(window, x[:, :32], 64, x.dtype, 1)
    assert not winograd.is_tiled(window, x[:1, :, :4], 64, x.dtype, 1)
    assert not winograd.is_tiled(window, x, 64, np.dtype("c8"), 1)
    assert not winograd.is_tiled(window, x, 64, x.dtype, 2)
    for other in ({"stride": (2, 1)}, {"dilation": (1, 2)}, {"kernel": (3, 5)}):
        assert not winograd.is_tiled(window._replace(**other), x, 64, x.dtype, 1)
