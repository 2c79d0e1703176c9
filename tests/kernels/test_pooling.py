"""Maxima of windows, and what is shared out among the elements that are one, against loops."""

import numpy as np
import pytest

from minigrad.kernels import pooling
from minigrad.kernels.pooling import lowest, max_pool, window_gather, window_share
from minigrad.kernels.windows import Window

RNG = np.random.default_rng(0)
WINDOWS = {
    "plain": Window((2,), (2,), ((0, 0),), (1,)),
    "overlapping": Window((3,), (1,), ((1, 1),), (1,)),
    "dilated": Window((2,), (2,), ((0, 1),), (2,)),
}


def windows_of(x, window):
    """For each place of the window, the numbers of the elements of x in it."""
    (kernel,), (step,), ((low, high),), (distance,) = window
    places = range((len(x) + low + high - distance * (kernel - 1) - 1) // step + 1)
    for place in places:
        inside = [place * step + distance * k - low for k in range(kernel)]
        yield [i for i in inside if 0 <= i < len(x)]


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("ties", [False, True])
def test_maxima_shares_and_means(name, ties):
    window = WINDOWS[name]
    x = RNG.integers(0, 3, 8).astype("f8") if ties else RNG.normal(size=8)
    places = list(windows_of(x, window))
    top = np.array([x[i].max() for i in places])
    y, image = RNG.normal(size=len(places)), RNG.normal(size=8)
    share, mean = np.zeros(8, "f8"), np.empty(len(places))
    for number, i in enumerate(places):
        winners = [k for k in i if x[k] == top[number]]
        share[winners] += y[number] / len(winners)
        mean[number] = image[winners].mean()
    one, whole = x[None, None], top[None, None]
    np.testing.assert_array_equal(max_pool(one, window)[0, 0], top)
    np.testing.assert_allclose(window_share(y[None, None], one, whole, window)[0, 0], share)
    np.testing.assert_allclose(window_gather(image[None, None], one, whole, window)[0, 0], mean)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int64", "bool"])
def test_the_padding_never_wins(dtype):
    least = np.array([[[lowest(np.dtype(dtype))] * 3]], dtype)
    np.testing.assert_array_equal(max_pool(least, Window((3,), (1,), ((1, 1),), (1,))), least)


def test_a_gradient_of_infinity_reaches_the_maximum_alone():
    x = np.array([[[1.0, 2.0]]])
    window = Window((2,), (2,), ((0, 0),), (1,))
    top = max_pool(x, window)
    np.testing.assert_array_equal(window_share(np.array([[[np.inf]]]), x, top, window), [[[0, np.inf]]])


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 1, 3, 0), (0, 2, 3, 1), (3, 2, 1, 0)], ids=str)
@pytest.mark.parametrize("kind", ["numbers", "ties", "infinite", "NaN"])
@pytest.mark.parametrize("kernel", [(2, 2), (3, 5), (1, 4)], ids=str)
def test_windows_side_by_side_share_as_others_do(order, kind, kernel, monkeypatch):
    rng = np.random.default_rng(1)
    shape = (3, 4, 4 * kernel[0], 2 * kernel[1])
    x = rng.integers(0, 3, shape).astype("f4") if kind == "ties" else rng.standard_normal(shape).astype("f4")
    x.flat[5] = {"NaN": np.nan, "infinite": -np.inf}.get(kind, 1)
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    window = Window(kernel, kernel, ((0, 0), (0, 0)), (1, 1))
    top = max_pool(x, window)
    for y in (rng.standard_normal(top.shape).astype("f4"), np.where(top == top.flat[0], np.inf, 1).astype("f4")):
        got = window_share(y, x, top, window)
        with monkeypatch.context() as context:
            context.setattr(pooling, "_are_tiles", lambda *_: False)
            want = window_share(y, x, top, window)
        assert (got.dtype, got.strides) == (want.dtype, want.strides)
        np.testing.assert_array_equal(got, want)
