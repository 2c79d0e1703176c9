"""The geometry of windows, and what is read and added there, against loops."""

import numpy as np
import pytest

from minigrad.kernels import windows
from minigrad.kernels.image_layout import new_images
from minigrad.kernels.windows import Window
from minigrad.nn.functional.windows import window_of

RNG = np.random.default_rng(0)
SIZES = (5, 6)
WINDOWS = {
    "plain": Window((2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    "with a step": Window((2, 3), (2, 3), ((0, 0), (0, 0)), (1, 1)),
    "padded": Window((3, 2), (2, 1), ((1, 1), (0, 2)), (1, 1)),
    "dilated": Window((2, 2), (1, 2), ((1, 0), (1, 1)), (2, 3)),
}


def by_hand(x, window):
    """{place: the elements of its window, a matrix}."""
    whole = np.pad(x, window.padding)
    found = {}
    for i in range(0, whole.shape[0] - window.extents()[0] + 1, window.stride[0]):
        for j in range(0, whole.shape[1] - window.extents()[1] + 1, window.stride[1]):
            lines = [i + window.dilation[0] * k for k in range(window.kernel[0])]
            rows = [j + window.dilation[1] * k for k in range(window.kernel[1])]
            found[i, j] = whole[np.ix_(lines, rows)]
    return found


@pytest.mark.parametrize("name", WINDOWS)
def test_counts_columns_and_sums(name):
    window, x = WINDOWS[name], RNG.normal(size=SIZES)
    expected = list(by_hand(x, window).values())
    assert np.prod(window.counts(SIZES)) == len(expected)
    np.testing.assert_array_equal(windows.columns(x[None, None], window)[0].T, [part.ravel() for part in expected])
    sums = windows.window_sum(x[None, None], window)
    np.testing.assert_allclose(sums.ravel(), [part.sum() for part in expected])


@pytest.mark.parametrize("name", WINDOWS)
def test_adding_up_is_the_transpose_of_reading(name):
    """<columns(x), y> = <x, uncolumns(y)>, and likewise for sums."""
    window, x = WINDOWS[name], RNG.normal(size=(1, 2, *SIZES))
    columns = windows.columns(x, window)
    y = RNG.normal(size=columns.shape)
    back = windows.uncolumns(y, window, SIZES)
    assert back.shape == x.shape
    np.testing.assert_allclose((columns * y).sum(), (x * back).sum())
    sums = windows.window_sum(x, window)
    g = RNG.normal(size=sums.shape)
    np.testing.assert_allclose((sums * g).sum(), (x * windows.window_spread(g, window, SIZES)).sum())


def test_without_padding_it_is_the_array_itself():
    x = RNG.normal(size=(1, 1, *SIZES))
    assert windows.framed(x, WINDOWS["plain"]) is x
    framed = windows.framed(x, WINDOWS["padded"], 7.0)
    np.testing.assert_array_equal(framed[WINDOWS["padded"].interior(SIZES)], x)
    assert framed[0, 0, 0, 0] == 7


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", ">f8"])
@pytest.mark.parametrize("dilation", [1, 2])
def test_one_window_over_all_sees_each_element_once(dtype, dilation):
    x = np.random.default_rng(0).integers(-9, 9, (2, 3, 5, 7)).astype(dtype)
    x = np.asfortranarray(x)
    kernel = (5 // dilation + dilation - 1, 7 // dilation + dilation - 1)
    window = Window(kernel, (1, 1), ((0, 0), (0, 0)), (dilation, dilation))
    seen = x[:, :, ::dilation, ::dilation]
    total = windows.window_sum(x, window)
    np.testing.assert_array_equal(total, seen.sum((2, 3), keepdims=True))
    assert total.dtype == x.dtype.newbyteorder("=")
    spread = np.zeros_like(x)
    spread[:, :, ::dilation, ::dilation] = total
    np.testing.assert_array_equal(windows.window_spread(total, window, (5, 7)), spread)


@pytest.mark.parametrize("shape", [(5, 3, 4, 6), (5, 3, 7), (2, 3, 4, 5, 6), (1, 2, 1, 3)], ids=str)
def test_global_windows_do_not_depend_on_the_layout(shape):
    sizes = shape[2:]
    x = np.random.default_rng(6).standard_normal(shape)
    moved = new_images(shape, "float64", np.empty)
    moved[...] = x
    for images in (x, moved, x[::-1]):
        for ufunc in (np.add, np.maximum):
            made = windows.reduced(ufunc, images, window_of(len(sizes), sizes, sizes), (1,) * len(sizes))
            wanted = ufunc.reduce(images, tuple(range(2, len(shape))), keepdims=True)
            np.testing.assert_allclose(made, wanted, rtol=1e-14)
