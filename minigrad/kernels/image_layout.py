"""Images as they lie in memory: (N, C, *sizes) to the caller, and views of arrays (*sizes but the last, C, last, N).

The batch comes last, so a row of a window is one long run, which is copied and multiplied at full speed. Elementwise
operations keep the layout.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.kernels.windows import Sizes, Window


def memory_order(ndim: int) -> tuple[int, ...]:
    """The axes of (N, C, *sizes) in the order of memory: all sizes but the last, channels, the last size, batch."""
    return (*range(2, ndim - 1), 1, ndim - 1, 0)


def as_images(array: Any) -> Any:
    """An array in the order of memory as (N, C, *sizes), a view."""
    return array.transpose(np.argsort(memory_order(array.ndim)))


def new_images(shape: Sizes, dtype: Any, make: Any) -> Any:
    """A new array (N, C, *sizes) in the order of memory."""
    return as_images(make([shape[a] for a in memory_order(len(shape))], dtype))


def _together(images: Any) -> int:
    """How many images NumPy turns at a time as fast as it can, of some that lie one by one; 0 for all others.

    Its inner loop goes over the batch. Images that are a multiple of 4 kB apart share lines of the cache, which has
    eight for them: 0.6 instead of 2.0 ns a number for 32 x 16 x 32 x 32, 0.4 instead of 1.0 for 4 x 3 x 64 x 64.
    """
    batch, step = images.shape[0], images.strides[0]
    if batch < 2 or not images.flags.c_contiguous or step % 4096 or batch == 8:
        return 0
    return 1 if batch < 8 else 8 if batch < 64 else 16


def copied_into(room: Any, images: Any) -> None:
    """room[...] = images, where room lies in the order of memory."""
    step = _together(images) or max(len(images), 1)
    for start in range(0, len(images), step):
        room[start : start + step] = images[start : start + step]


def in_memory(images: Any, dtype: Any = None) -> Any:
    """Images as an array in the order of memory, without gaps, of this dtype; a view where they lie so."""
    dtype, order = dtype or images.dtype, memory_order(images.ndim)
    if not _together(images):
        return np.ascontiguousarray(images.transpose(order), dtype)
    room = new_images(images.shape, dtype, np.empty)
    copied_into(room, images)
    return room.transpose(order)


def rows_of(images: Any, groups: int) -> Any:
    """Images as a stack of matrices (rows, groups, channels / groups, width * N): one for all sizes but the last."""
    moved = in_memory(images) if _together(images) else images.transpose(memory_order(images.ndim))
    *rows, channels, width, batch = moved.shape
    return moved.reshape(math.prod(rows), groups, channels // groups, width * batch)


def images_of(rows: Any, batch: int, counts: Sizes) -> Any:
    """The inverse of ``rows_of``."""
    return as_images(rows.reshape(*counts[:-1], rows.shape[1] * rows.shape[2], counts[-1], batch))


def framed_images(x: Any, window: Window, dtype: Any = None) -> Any:
    """x with its padding of zeros, in the order of memory, and of this dtype."""
    sizes, dtype = x.shape[2:], dtype or x.dtype
    if not any(map(any, window.padding)):
        return as_images(in_memory(x, dtype))
    room = new_images(x.shape[:2] + window.padded(sizes), dtype, np.zeros)
    copied_into(room[window.interior(sizes)], x)
    return room
