"""Convolutions of one to three axes as large matrix products, and their transposes.

In memory the batch comes last: images are (N, C, H, W) to the caller, and views of arrays (H, C, W, N). A row of a
window is then one long run, which is copied and multiplied at full speed, and elementwise operations keep the layout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.core.conversion import numpy_function
from minigrad.kernels.windows import Sizes, Window, views

#: Bytes of the matrix into which windows are copied at a time, about, however large the images are.
CHUNK = 8 << 20

#: Multiplications up to which BLAS takes its short way, about: it copies nothing and starts no threads.
SMALL = 1_000_000


def memory_order(ndim: int) -> tuple[int, ...]:
    """The axes of (N, C, *sizes) in the order of memory: all sizes but the last, channels, the last size, batch."""
    return (*range(2, ndim - 1), 1, ndim - 1, 0)


def _as_images(array: Any) -> Any:
    """An array in the order of memory as (N, C, *sizes), a view."""
    return array.transpose(np.argsort(memory_order(array.ndim)))


def new_images(shape: Sizes, dtype: Any, make: Any) -> Any:
    """A new array (N, C, *sizes) in the order of memory."""
    return _as_images(make([shape[a] for a in memory_order(len(shape))], dtype))


def _rows(images: Any, groups: int) -> Any:
    """Images as a stack of matrices (rows, groups, channels / groups, width * N): one for all sizes but the last."""
    moved = images.transpose(memory_order(images.ndim))
    *rows, channels, width, batch = moved.shape
    return moved.reshape(math.prod(rows), groups, channels // groups, width * batch)


def _images(rows: Any, batch: int, counts: Sizes) -> Any:
    """The inverse of ``_rows``."""
    return _as_images(rows.reshape(*counts[:-1], rows.shape[1] * rows.shape[2], counts[-1], batch))


def _framed(x: Any, window: Window) -> Any:
    """x with its padding of zeros, in the order of memory."""
    sizes = x.shape[2:]
    if not any(map(any, window.padding)):
        return _as_images(np.ascontiguousarray(x.transpose(memory_order(x.ndim))))
    room = new_images(x.shape[:2] + window.padded(sizes), x.dtype, np.zeros)
    room[window.interior(sizes)] = x
    return room


def _columns(framed: Any, window: Window, counts: Sizes, groups: int) -> Any:
    """All windows as a stack of matrices (rows, groups, channels / groups * kernel, width * N)."""
    axes = len(counts)
    seen = views(framed, window, counts)  # (N, C, *kernel, *counts)
    lead, last = range(2 + axes, 1 + 2 * axes), 1 + 2 * axes
    moved = seen.transpose((*lead, 1, *range(2, 2 + axes), last, 0))
    elements = seen.shape[1] // groups * math.prod(window.kernel)
    return moved.reshape(math.prod(counts[:-1]), groups, elements, counts[-1] * seen.shape[0])


def _chunks(x_shape: Sizes, itemsize: int, window: Window, counts: Sizes) -> Iterator[tuple[slice, slice, Sizes]]:
    """Slices of the first axis of the output, of the padded input that they see, and the places in them."""
    line = x_shape[0] * x_shape[1] * math.prod(window.kernel) * math.prod(counts[1:]) * itemsize
    step = max(1, CHUNK // max(line, 1))
    for start in range(0, counts[0], step):
        stop = min(start + step, counts[0])
        first = start * window.stride[0]
        last = (stop - 1) * window.stride[0] + window.extents()[0]
        yield slice(start, stop), slice(first, last), (stop - start, *counts[1:])


def _matrices(weight: Any, groups: int) -> Any:
    """A weight (out, in / groups, *kernel) as matrices (groups, out / groups, in / groups * kernel)."""
    return weight.reshape(groups, weight.shape[0] // groups, math.prod(weight.shape[1:]))


def _product(matrices: Any, columns: Any, width: int) -> Any:
    """matrices @ columns, row by row of the images, or in equal parts of a row where that makes products small."""
    *_, inner, line = columns.shape
    whole = matrices.shape[-2] * inner * line
    parts = next((n for n in range(1, width + 1) if width % n == 0 and whole <= n * SMALL), 1)
    if parts == 1:
        return np.matmul(matrices, columns)

    def split(array: Any) -> Any:
        """(..., height, line) as (parts, ..., height, line / parts), a view."""
        return np.moveaxis(array.reshape(*array.shape[:-1], parts, line // parts), -2, 0)

    z = np.empty((*columns.shape[:-2], matrices.shape[-2], line), np.result_type(matrices, columns))
    np.matmul(matrices, split(columns), out=split(z))
    return z


def _with_bias(z: Any, bias: Any) -> Any:
    return z if bias is None else z + bias.reshape(-1, *(1,) * (z.ndim - 2))


@numpy_function
def convolution(x: Any, weight: Any, bias: Any, window: Window, groups: int = 1) -> Any:
    """Each window of x (N, in, *sizes) times weight (out, in / groups, *kernel), plus bias (out,) or None."""
    counts = window.counts(x.shape[2:])
    framed, matrices = _framed(x, window), _matrices(weight, groups)
    shape = (x.shape[0], weight.shape[0], *counts)
    z = None
    for places, seen, part in _chunks(x.shape, x.itemsize, window, counts):
        rows = _product(matrices, _columns(framed[:, :, seen], window, part, groups), part[-1])
        images = _images(rows, x.shape[0], part)
        if part == counts:
            z = images
            break
        z = new_images(shape, rows.dtype, np.empty) if z is None else z
        z[:, :, places] = images
    return _with_bias(z, bias)


@numpy_function
def convolution_transpose(x: Any, weight: Any, bias: Any, window: Window, size: Sizes, groups: int = 1) -> Any:
    """The adjoint with respect to the images: x (N, out, *places) to (N, in, *size), plus bias (in,) or None."""
    counts = x.shape[2:]
    matrices = np.swapaxes(_matrices(weight, groups), -1, -2)
    shape = (x.shape[0], weight.shape[1] * groups, *window.padded(size))
    z = new_images(shape, np.result_type(x, weight), np.zeros)
    for places, seen, part in _chunks(shape, z.itemsize, window, counts):
        columns = _product(matrices, _rows(x[:, :, places], groups), part[-1])
        columns = columns.reshape(*part[:-1], shape[1], *window.kernel, part[-1], shape[0])
        before = (slice(None),) * len(part)
        room = z[:, :, seen].transpose(memory_order(z.ndim))
        for offset in np.ndindex(*window.kernel):
            lines = [window.line(axis, o, part) for axis, o in enumerate(offset)]
            room[(*lines[:-1], slice(None), lines[-1])] += columns[(*before, *offset)]
    return _with_bias(z[window.interior(size)], bias)


@numpy_function
def convolution_kernel(x: Any, y: Any, window: Window, groups: int = 1) -> Any:
    """The adjoint with respect to the weight: x (N, in, *sizes) correlated with y (N, out, *places)."""
    counts = window.counts(x.shape[2:])
    framed = _framed(x, window)
    total: Any = 0
    for places, seen, part in _chunks(x.shape, x.itemsize, window, counts):
        columns = _columns(framed[:, :, seen], window, part, groups)
        # The long side first: a product with few rows and many columns is the slower one in BLAS.
        products = np.matmul(columns, np.swapaxes(_rows(y[:, :, places], groups), -1, -2))
        total = total + np.add.reduce(products, 0)
    weight = np.swapaxes(total, -1, -2)
    return np.ascontiguousarray(weight).reshape(y.shape[1], x.shape[1] // groups, *window.kernel)
