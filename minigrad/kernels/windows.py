"""Windows that slide over the last axes of images (N, C, *sizes): their geometry, and what is read and added there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.core.conversion import as_array
from minigrad.core.stands import numpy_function

Sizes = tuple[int, ...]


class Window(NamedTuple):
    """For each axis: the size of the window, its step, the padding on both sides, the distance of its elements."""

    kernel: Sizes
    stride: Sizes
    padding: tuple[tuple[int, int], ...]
    dilation: Sizes

    def extents(self) -> Sizes:
        """How far a window reaches along each axis."""
        return tuple([d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)])

    def padded(self, sizes: Sizes) -> Sizes:
        """The sizes of the array with its padding."""
        return tuple([size + low + high for size, (low, high) in zip(sizes, self.padding, strict=True)])

    def counts(self, sizes: Sizes) -> Sizes:
        """How many places the window has along each axis."""
        axes = zip(self.padded(sizes), self.extents(), self.stride, strict=True)
        return tuple([(size - extent) // step + 1 for size, extent, step in axes])

    def interior(self, sizes: Sizes) -> tuple[Any, ...]:
        """The index of the array in its padded self."""
        return (..., *[slice(low, low + size) for size, (low, _) in zip(sizes, self.padding, strict=True)])

    def places(self, counts: Sizes) -> Iterator[tuple[Sizes, tuple[Any, ...]]]:
        """For each element of the window, its number along each axis and where it falls in all places."""
        for offset in np.ndindex(*self.kernel):
            yield offset, (..., *[self.line(axis, o, counts) for axis, o in enumerate(offset)])

    def line(self, axis: int, offset: int, counts: Sizes) -> slice:
        """Where element number ``offset`` falls along one axis, in all places."""
        start, step = offset * self.dilation[axis], self.stride[axis]
        return slice(start, start + step * (counts[axis] - 1) + 1, step)


def framed(x: Any, window: Window, fill: float = 0) -> Any:
    """x with its padding; in x's layout of memory, and x itself where there is none."""
    if not any(map(any, window.padding)):
        return x
    sizes = x.shape[2:]
    room = np.empty_like(x, shape=x.shape[:2] + window.padded(sizes), subok=False)
    room.fill(fill)
    room[window.interior(sizes)] = x
    return room


def views(x: Any, window: Window, counts: Sizes) -> Any:
    """All windows of x (padded already) as a view (N, C, *kernel, *counts)."""
    lines = x.strides[2:]
    inside = tuple([d * line for d, line in zip(window.dilation, lines, strict=True)])
    between = tuple([s * line for s, line in zip(window.stride, lines, strict=True)])
    shape = x.shape[:2] + window.kernel + counts
    return as_strided(x, shape, x.strides[:2] + inside + between, writeable=False)


@numpy_function
def columns(x: Any, window: Window) -> Any:
    """All windows of x as columns (N, C * kernel, places)."""
    counts = window.counts(x.shape[2:])
    height, width = x.shape[1] * math.prod(window.kernel), math.prod(counts)
    return views(framed(x, window), window, counts).reshape(x.shape[0], height, width)


@numpy_function
def uncolumns(x: Any, window: Window, size: Sizes) -> Any:
    """Columns added up where windows overlap: (N, C, *size)."""
    if x.dtype.char == "e":  # in which a sum of many would stay at 2048 ones
        return uncolumns(x.astype(np.float32), window, size).astype(x.dtype)
    counts = window.counts(size)
    elements = x.reshape(x.shape[0], x.shape[1] // math.prod(window.kernel), *window.kernel, *counts)
    z = np.zeros((*elements.shape[:2], *window.padded(size)), x.dtype)
    for offset, place in window.places(counts):
        z[place] += elements[(slice(None), slice(None), *offset)]
    return z[window.interior(size)]


def reduced(ufunc: Any, z: Any, window: Window, counts: Sizes) -> Any:
    """All windows of z (padded already), each reduced by a ufunc of two arguments: (N, C, *counts)."""
    if max(counts) == 1:  # one window, such as that of a global pooling: in long runs
        seen = [slice(0, e, d) for e, d in zip(window.extents(), window.dilation, strict=True)]
        z, axes = z[(..., *seen)], range(2, z.ndim)
        for axis in [axis for axis in axes if abs(z.strides[axis]) > abs(z.strides[1])]:  # of runs over the channels
            z = ufunc.reduce(z, axis, dtype=z.dtype.type, keepdims=True)
        return ufunc.reduce(z, tuple(axes), dtype=z.dtype.type, keepdims=True)
    for axis, elements in enumerate(window.kernel):  # one axis after the other: k + k operations, not k * k
        before = (slice(None),) * (axis + 2)
        whole = z
        z = whole[(*before, window.line(axis, 0, counts))].copy("K")
        for offset in range(1, elements):
            ufunc(z, whole[(*before, window.line(axis, offset, counts))], out=z)
    return z


@numpy_function
def window_sum(x: Any, window: Window) -> Any:
    """The sum over each window of x, padded with zeros."""
    return reduced(np.add, framed(as_array(x), window), window, window.counts(x.shape[2:]))


@numpy_function
def window_spread(x: Any, window: Window, size: Sizes) -> Any:
    """x added to every element of its window: (N, C, *size)."""
    if x.dtype.char == "e":
        return window_spread(x.astype(np.float32), window, size).astype(x.dtype)
    counts, padded = window.counts(size), window.padded(size)
    z = as_array(x)
    for axis, elements in reversed(list(enumerate(window.kernel))):
        before = (slice(None),) * (axis + 2)
        part = z
        if counts[axis] == 1 and padded[axis] == elements:  # one window, which sees all
            z = np.empty_like(part, shape=(*part.shape[: axis + 2], elements, *part.shape[axis + 3 :]), subok=False)
            z[...] = part
            continue
        z = np.zeros_like(part, shape=(*part.shape[: axis + 2], padded[axis], *part.shape[axis + 3 :]), subok=False)
        for offset in range(elements):
            z[(*before, window.line(axis, offset, counts))] += part
    return z[window.interior(size)]
