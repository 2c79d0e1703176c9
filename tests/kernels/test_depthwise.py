"""Sums over the elements of a window for one channel at a time, beside loops; more in test_convolution.py."""

import numpy as np
import pytest

from minigrad.kernels import depthwise
from minigrad.kernels.windows import Window


@pytest.mark.parametrize(
    ("outputs", "channels", "groups", "taken"),
    [(8, 1, 8, True), (16, 1, 8, True), (8, 2, 8, True), (8, 3, 8, False), (32, 1, 8, False), (1, 1, 1, False)],
)
def test_groups_of_a_channel_or_two_are_depthwise(outputs, channels, groups, taken):
    assert depthwise.is_depthwise(outputs, channels, groups) is taken


@pytest.mark.parametrize("batch", [1, 2, 70])
@pytest.mark.parametrize("stride", [1, 2])
def test_each_channel_has_its_own_weights(batch, stride):
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(batch, 3, 9)), rng.normal(size=(3, 1, 4))
    window = Window((4,), (stride,), ((1, 2),), (2,))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 2)))
    places = range(0, 12 - 6, stride)
    want = np.stack([(padded[:, :, p : p + 7 : 2] * weight[:, 0]).sum(-1) for p in places], -1)
    np.testing.assert_allclose(depthwise.depthwise_convolved(x, weight, window, 3), want)
    y = rng.normal(size=want.shape)
    seen = np.stack([padded[:, :, p : p + 7 : 2] for p in places], -2)
    np.testing.assert_allclose(depthwise.depthwise_kernel(x, y, window, 3)[:, 0], np.einsum("ncpk,ncp->ck", seen, y))


@pytest.mark.parametrize("batch", [0, 1, 2, 12])
@pytest.mark.parametrize(
    ("dilation", "stride"),
    [((1, 1), (1, 1)), ((2, 1), (1, 1)), ((1, 3), (1, 1)), ((1, 1), (2, 2)), ((1, 1), (3, 1)), ((1, 1), (2, 4))],
    ids=str,
)
@pytest.mark.parametrize("infinite", [False, True])
def test_runs_of_whole_channels_give_what_windows_give(batch, dilation, stride, infinite, monkeypatch):
    monkeypatch.setattr(depthwise, "STRIDED", 0)
    monkeypatch.setattr(depthwise, "PHASES", 99)
    rng = np.random.default_rng(1)
    window = Window((3, 2), stride, ((1, 2), (0, 1)), dilation)
    x, weight = rng.standard_normal((batch, 5, 9, 17)).astype("f4"), rng.standard_normal((5, 1, 3, 2)).astype("f4")
    if infinite and batch:
        x[0, 1, 3, 0] = np.inf
    with np.errstate(invalid="ignore"):
        z = depthwise.depthwise_convolved(x, weight, window, 5)
        y = np.where(np.arange(z.shape[3]) > 1, rng.standard_normal(z.shape), 0).astype("f4")
        kernel = depthwise.depthwise_kernel(x, y, window, 5)
        monkeypatch.setattr(depthwise, "_has_runs", lambda *_: False)
        want, want_kernel = (
            depthwise.depthwise_convolved(x, weight, window, 5),
            depthwise.depthwise_kernel(x, y, window, 5),
        )
    assert (z.shape, z.strides, kernel.shape) == (want.shape, want.strides, want_kernel.shape)
    np.testing.assert_allclose(z, want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(kernel, want_kernel, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch", [1, 3])
def test_runs_raise_no_error_of_arithmetic_that_windows_do_not(batch):
    """An infinity beside the padding of an image was multiplied by 0, and two infinities of different rows were added.

    No window sees either.
    """
    rng = np.random.default_rng(2)
    x, weight = rng.normal(size=(batch, 3, 7, 8)), np.abs(rng.normal(size=(3, 1, 3, 3)))
    x[0, 1, 3, 7], x[0, 1, 4, 0] = np.inf, -np.inf
    window = Window((3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1))
    with np.errstate(all="raise"):
        z = depthwise.depthwise_convolved(x, weight, window, 3)
        kernel = depthwise.depthwise_kernel(x, np.abs(rng.normal(size=z.shape)), window, 3)
    assert np.array_equal(np.isposinf(z[0, 1]), np.isposinf(z[0, 1]) & (np.arange(6) == 5))
    assert not np.isnan(z).any()
    assert np.isfinite(kernel[[0, 2]]).all()
    assert not np.isnan(kernel).any()
