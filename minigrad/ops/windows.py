"""Windows that slide over the last axes of an array: unfold reads them, fold adds them up.

Each is the gradient of the other. The geometry is a ``Window``, which convolutions and pooling share; arrays
are (N, C, *sizes) with one size for each of its axes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.core.conversion import as_array, numpy_function
from minigrad.core.primitive import moving
from minigrad.core.table import Primitive
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.ops.along import summable

__all__ = ["fold", "unfold", "window_spread", "window_sum"]

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


# -- from what the user writes to a Window ------------------------------------------------------


def sizes_of(value: Any, axes: int, name: str, least: int) -> Sizes:
    """One integer for each axis, from one for all or a sequence. Raises ``HyperparameterError``."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    # True is an int to Python and a slip to everybody else.
    right = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v >= least for v in values)
    if len(values) != axes or not right:
        raise HyperparameterError(
            f"{name} is an integer >= {least}, or one for each of {axes} axes, such as {(max(least, 1),) * axes}; "
            f"got {value!r}"
        )
    return tuple([int(v) for v in values])


def window_of(axes: int, kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Window:
    """A Window with the same padding on both sides. Raises ``HyperparameterError``."""
    return Window(
        sizes_of(kernel, axes, "kernel_size", 1),
        sizes_of(stride, axes, "stride", 1),
        tuple([(p, p) for p in sizes_of(padding, axes, "padding", 0)]),
        sizes_of(dilation, axes, "dilation", 1),
    )


def check_fits(what: str, window: Window, sizes: Sizes) -> None:
    """Raise ``ShapeError`` unless the window has at least one place."""
    if any(extent > size for extent, size in zip(window.extents(), window.padded(sizes), strict=True)):
        raise ShapeError(
            f"{what}: a window that reaches over {window.extents()} elements (kernel {window.kernel}, dilation "
            f"{window.dilation}) does not fit into {sizes} with padding {window.padding}: take a smaller kernel or "
            "more padding"
        )


def check_images(what: str, x: Any, axes: int) -> None:
    """Raise ``ShapeError`` unless x is a batch of channels with so many axes."""
    shape = np.shape(x)
    if len(shape) != axes + 2:
        names = f"(N, C, {('L', 'H, W', 'D, H, W')[axes - 1]})"
        hint = ": write x[None] for a batch of one" if len(shape) == axes + 1 else ""
        raise ShapeError(f"{what} takes x of shape {names}, {axes + 2} axes, got shape {shape}{hint}")


# -- on arrays ----------------------------------------------------------------------------------


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


# -- all windows as columns ---------------------------------------------------------------------


@numpy_function
def _columns(x: Any, window: Window) -> Any:
    counts = window.counts(x.shape[2:])
    columns = x.shape[1] * math.prod(window.kernel), math.prod(counts)
    return views(framed(x, window), window, counts).reshape(x.shape[0], *columns)


@numpy_function
def _uncolumns(x: Any, window: Window, size: Sizes) -> Any:
    counts = window.counts(size)
    columns = x.reshape(x.shape[0], x.shape[1] // math.prod(window.kernel), *window.kernel, *counts)
    z = np.zeros((*columns.shape[:2], *window.padded(size)), x.dtype)
    for offset, place in window.places(counts):
        z[place] += columns[(slice(None), slice(None), *offset)]
    return z[window.interior(size)]


def _unfold(x: Any, kernel_size: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    x = as_array(x)
    axes = x.ndim - 2
    if axes not in (1, 2, 3):
        raise ShapeError(f"unfold takes x of shape (N, C, *sizes) with 1 to 3 sizes, got shape {x.shape}")
    window = window_of(axes, kernel_size, stride, padding, dilation)
    check_fits("unfold", window, x.shape[2:])
    return _columns(x, window)


def _fold(x: Any, output_size: Any, kernel_size: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    if not isinstance(output_size, (tuple, list)):
        raise HyperparameterError(f"output_size has one size for each axis, such as (28, 28), got {output_size!r}")
    size = sizes_of(output_size, len(output_size), "output_size", 0)
    window = window_of(len(size), kernel_size, stride, padding, dilation)
    check_fits("fold", window, size)
    counts, elements = window.counts(size), math.prod(window.kernel)
    if x.ndim != 3 or x.shape[1] % elements or x.shape[2] != math.prod(counts):
        raise ShapeError(
            f"fold into {size} takes x of shape (N, C * {elements}, {math.prod(counts)}): kernel {window.kernel} has "
            f"{elements} elements and {counts} places there; got shape {x.shape}"
        )
    return _uncolumns(summable(as_array(x)), window, size)


unfold: Primitive = moving(
    _unfold,
    lambda g, x_shape, kernel_size, stride, padding, dilation: fold(
        g, x_shape[2:], kernel_size, stride=stride, padding=padding, dilation=dilation
    ),
    analytic=True, view=True,
    doc="""The windows of x (N, C, *sizes) as columns (N, C * kernel, places), padded with zeros; 1 to 3 sizes.

    The rows run over channels, then over the elements of the window; the columns over its places. Raises
    ``ShapeError`` for a window that does not fit, ``HyperparameterError`` for options that are no sizes.
    """,
)
fold: Primitive = moving(
    _fold,
    lambda g, kernel_size, stride, padding, dilation: unfold(
        g, kernel_size, stride=stride, padding=padding, dilation=dilation
    ),
    analytic=True, view=True,
    doc="""Columns (N, C * kernel, places) added up where windows overlap: (N, C, *output_size), the adjoint of unfold.

    ``output_size`` is a tuple of 1 to 3 sizes, without the padding. Raises ``ShapeError`` for columns that are no
    windows of an array of that size.
    """,
)

# -- sums over windows --------------------------------------------------------------------------


@numpy_function
def _window_sum(x: Any, window: Window) -> Any:
    counts = window.counts(x.shape[2:])
    z = framed(as_array(x), window)
    for axis, elements in enumerate(window.kernel):  # one axis after the other: k + k additions, not k * k
        before = (slice(None),) * (axis + 2)
        whole = z
        z = whole[(*before, window.line(axis, 0, counts))].copy("K")
        for offset in range(1, elements):
            z += whole[(*before, window.line(axis, offset, counts))]
    return z


@numpy_function
def _window_spread(x: Any, window: Window, size: Sizes) -> Any:
    counts, padded = window.counts(size), window.padded(size)
    z = as_array(x)
    for axis, elements in reversed(list(enumerate(window.kernel))):
        before = (slice(None),) * (axis + 2)
        part = z
        z = np.zeros_like(part, shape=(*part.shape[: axis + 2], padded[axis], *part.shape[axis + 3 :]), subok=False)
        for offset in range(elements):
            z[(*before, window.line(axis, offset, counts))] += part
    return z[window.interior(size)]


def _summed(x: Any, window: Window) -> Any:
    return _window_sum(summable(as_array(x)), window)


window_sum: Primitive = moving(
    _summed, lambda g, x_shape, window: window_spread(g, window, x_shape[2:]),
    name="window_sum", analytic=True, doc="The sum over each window of x (N, C, *sizes), padded with zeros.",
)


def _spread_out(x: Any, window: Window, size: Sizes) -> Any:
    return _window_spread(summable(as_array(x)), window, size)


window_spread: Primitive = moving(
    _spread_out, lambda g, window: window_sum(g, window),
    name="window_spread", analytic=True, view=True,
    doc="x added to every element of its window: (N, C, *size), the adjoint of window_sum.",
)
