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


def in_memory(images: Any) -> Any:
    """Images as an array in the order of memory, without gaps; a view where they lie so."""
    return np.ascontiguousarray(images.transpose(memory_order(images.ndim)))


def rows_of(images: Any, groups: int) -> Any:
    """Images as a stack of matrices (rows, groups, channels / groups, width * N): one for all sizes but the last."""
    moved = images.transpose(memory_order(images.ndim))
    *rows, channels, width, batch = moved.shape
    return moved.reshape(math.prod(rows), groups, channels // groups, width * batch)


def images_of(rows: Any, batch: int, counts: Sizes) -> Any:
    """The inverse of ``rows_of``."""
    return as_images(rows.reshape(*counts[:-1], rows.shape[1] * rows.shape[2], counts[-1], batch))


def framed_images(x: Any, window: Window, dtype: Any = None) -> Any:
    """x with its padding of zeros, in the order of memory, and of this dtype."""
    sizes, dtype = x.shape[2:], dtype or x.dtype
    if not any(map(any, window.padding)):
        return as_images(np.ascontiguousarray(x.transpose(memory_order(x.ndim)), dtype))
    room = new_images(x.shape[:2] + window.padded(sizes), dtype, np.zeros)
    room[window.interior(sizes)] = x
    return room
