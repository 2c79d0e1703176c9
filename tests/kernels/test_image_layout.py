"""Images in the order of memory: there and back, with padding and without."""

import numpy as np
import pytest

from minigrad.kernels import image_layout as layout
from minigrad.kernels.windows import Window


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_images_lie_with_the_batch_last_and_rows_lead_back(axes):
    x = np.random.default_rng(0).normal(size=(3, 4, *range(5, 5 + axes)))
    window = Window((1,) * axes, (1,) * axes, ((1, 2),) * axes, (1,) * axes)
    framed = layout.framed_images(x, window, np.float32)
    assert framed.dtype == np.float32
    np.testing.assert_array_equal(framed, np.pad(x, ((0, 0), (0, 0), *window.padding)).astype("f4"))
    assert framed.transpose(layout.memory_order(x.ndim)).flags.c_contiguous
    plain = layout.framed_images(x, window._replace(padding=((0, 0),) * axes))
    np.testing.assert_array_equal(layout.as_images(layout.in_memory(plain)), x)
    rows = layout.rows_of(plain, 2)
    assert rows.shape == (np.prod(x.shape[2:-1], dtype=int), 2, 2, x.shape[-1] * 3)
    np.testing.assert_array_equal(layout.images_of(rows, 3, x.shape[2:]), x)
    np.testing.assert_array_equal(layout.new_images(x.shape, "f8", np.zeros), 0 * x)


@pytest.mark.parametrize("batch", [2, 7, 8, 20, 70])
@pytest.mark.parametrize("size", [(4, 256), (32, 32), (8, 8)])
@pytest.mark.parametrize("padding", [0, 1])
def test_images_that_share_lines_of_the_cache_are_turned_a_few_at_a_time(batch, size, padding):
    channels = 4096 // (4 * np.prod(size))
    x = np.random.default_rng(0).normal(size=(batch, max(channels, 1), *size)).astype("f4")
    window = Window((1, 1), (1, 1), ((padding, padding),) * 2, (1, 1))
    framed = layout.framed_images(x, window)
    np.testing.assert_array_equal(framed, np.pad(x, ((0, 0), (0, 0), *window.padding)), strict=True)
    assert framed.transpose(layout.memory_order(4)).flags.c_contiguous
    assert layout.in_memory(x).flags.c_contiguous
    rows = layout.rows_of(x, 1)
    np.testing.assert_array_equal(layout.images_of(rows, batch, size), x, strict=True)
    assert rows.flags.c_contiguous
