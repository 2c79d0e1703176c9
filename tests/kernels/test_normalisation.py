"""Channels of mean 0 and variance 1 in float32 against their definition in float64: layouts, sizes, large means."""

import numpy as np
import pytest

from minigrad.kernels import normalisation as kernels

LAYOUTS = {"C": (0, 1, 2, 3), "F": (3, 2, 1, 0), "batch last": (2, 1, 3, 0), "channels last": (0, 2, 3, 1)}
SHAPE = (4, 3, 5, 6)


def laid(x, order):
    """The same numbers with the axes in this order in memory."""
    return np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))


def wide(numbers):
    return numbers[:, None, None]


def by_definition(x, weight, bias, eps):
    x = x.astype(np.float64)
    mean, rms = x.mean((0, 2, 3)), 1 / np.sqrt(x.var((0, 2, 3)) + eps)
    return (x - wide(mean)) * wide(rms * weight) + wide(bias), mean, rms


def pulled(y, x, weight, eps):
    _, mean, rms = by_definition(x, weight, weight, eps)
    part = (x - wide(mean)) * wide(rms)
    parts = y - wide(y.mean((0, 2, 3))) - part * wide((y * part).mean((0, 2, 3)))
    return parts * wide(rms * weight), (y * part).sum((0, 2, 3))


def close(got, want, rtol):
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * np.abs(want).max())


@pytest.mark.parametrize("piece", [kernels.PIECE, 7])
@pytest.mark.parametrize("order", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize(("shift", "size"), [(0.3, 1), (1e3, 1), (0, 1e-25), (0, 1e25), (1e3, 0.1), (0, 0)])
def test_norm_moments_and_the_way_back(piece, order, shift, size, monkeypatch):
    monkeypatch.setattr(kernels, "PIECE", piece)
    rng = np.random.default_rng(0)
    x = laid((rng.normal(size=SHAPE) * size + shift * wide(np.arange(3))).astype("f4"), order)
    y = laid(rng.normal(size=SHAPE).astype("f4"), rng.permutation(4))
    weight, bias = rng.normal(size=(2, 3)).astype("f4")
    eps = 1e-5 if size in (1, 0) else 0.0
    z, mean, rms = kernels.channel_norm(x, weight, bias, eps)
    want, want_mean, want_rms = by_definition(x, weight, bias, eps)
    assert z.dtype == np.float32
    assert np.argsort(z.strides).tolist() == np.argsort(x.strides).tolist()
    rounding = 1e-5 * max(1, shift / size / 100 if shift else 0)
    close(z, want, rounding)
    close(mean, want_mean, 1e-6)
    close(rms, want_rms, rounding)
    if 1e-10 < size < 1e15:  # else the variance is no number of float32
        _, var = kernels.channel_moments(x)
        close(var, x.astype("f8").var((0, 2, 3)), rounding)
    want, product = pulled(y.astype("f8"), x.astype("f8"), weight, eps)
    close(kernels.channel_pullback(y, x, mean, rms, weight), want, 5 * rounding)
    close(kernels.channel_product(y, x, mean, rms), product, 5 * rounding)


def test_a_constant_channel_has_the_variance_0():
    x = np.full((8, 2, 3, 3), 0.1, "f4")
    mean, var = kernels.channel_moments(x)
    np.testing.assert_allclose(mean, 0.1, rtol=1e-6)
    assert var.max() < 1e-14
    np.testing.assert_allclose(kernels.channel_norm(x, None, None, 1e-5)[0], 0, atol=1e-4)


def test_one_image_and_rows_of_numbers():
    x = np.random.default_rng(0).normal(size=(6, 4))
    z, mean, _ = kernels.channel_norm(x, None, None, 0.0)
    np.testing.assert_allclose(z, (x - x.mean(0)) / x.std(0))
    np.testing.assert_allclose(mean, x.mean(0))
    np.testing.assert_allclose(kernels.channel_norm(x.T[None], None, None, 0.0)[0][0], z.T)
