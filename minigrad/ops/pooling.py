"""Pooling: the maximum or the mean of each window of (N, C, *sizes). Where elements tie, they share evenly.

Windows are taken as slices of the whole array, one for each of their elements, so that NumPy's loops run over all
places (and, after a convolution, over the batch that comes last in memory).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.primitive import routing
from minigrad.core.table import Primitive, derived
from minigrad.errors import HyperparameterError
from minigrad.kernels import pooling as kernels
from minigrad.kernels.windows import Sizes, Window
from minigrad.ops.along import narrowed, require_real, widened
from minigrad.ops.windows import check_fits, check_images, sizes_of, window_of, window_spread, window_sum

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d", "avg_pool1d",
    "avg_pool2d", "avg_pool3d", "max_pool", "max_pool1d", "max_pool2d", "max_pool3d", "window_gather", "window_share",
]

# -- the largest element of each window ---------------------------------------------------------

window_share: Primitive = routing(
    kernels.window_share, lambda g, x, top, window: window_gather(g, x, top, window), None, None,
    view=True,
    real=True,
    doc="y, one number for each window of x, divided evenly among its elements that equal ``top``, the maximum.",
)
window_gather: Primitive = routing(
    kernels.window_gather, lambda g, x, top, window: window_share(g, x, top, window), None, None,
    doc="The mean of y, an array like x, over the elements of each window of x that equal ``top``, the maximum.",
)
max_pool: Primitive = routing(
    kernels.max_pool, lambda g, z, x, window: window_share(g, x, z, window),
    real=True, doc="The maximum of each window of x (N, C, *sizes); elements that tie share the gradient evenly.",
)

# -- what the user calls ------------------------------------------------------------------------


def _window(
    what: str, axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Window:
    """The window of a pooling, with its padding at the end made longer where ``ceil_mode`` adds a place."""
    check_images(what, x, axes)
    sizes = np.shape(x)[2:]
    window = window_of(axes, kernel_size, kernel_size if stride is None else stride, padding, dilation)
    pairs = list(zip(window.padding, window.extents(), strict=True))
    if any(low > extent // 2 for (low, _), extent in pairs):
        raise HyperparameterError(
            f"{what}: padding is at most half of the kernel, else a window lies in the padding alone; got {padding!r} "
            f"for a kernel of {window.kernel}"
        )
    if not ceil_mode:
        check_fits(what, window, sizes)
        return window
    longer = []
    for size, ((low, high), extent), step in zip(sizes, pairs, window.stride, strict=True):
        places = -(-(size + low + high - extent) // step) + 1
        if (places - 1) * step >= size + low:  # a window that starts behind the array would see nothing of it
            places -= 1
        if places < 1:
            check_fits(what, window, sizes)
        longer.append((low, max(high, (places - 1) * step + extent - size - low)))
    return window._replace(padding=tuple(longer))


def _max(axes: int, x: Any, kernel_size: Any, *options: Any) -> Any:
    return max_pool(x, _window(f"max_pool{axes}d", axes, x, kernel_size, *options))


def _lengths(window: Window, sizes: Sizes, padding: Sizes) -> list[Any]:
    """Along each axis, how many elements each window has of the array with ``padding`` on both sides."""
    found = []
    for axis, (size, count, pad) in enumerate(zip(sizes, window.counts(sizes), padding, strict=True)):
        start = np.arange(count) * window.stride[axis] - window.padding[axis][0]
        found.append(np.minimum(start + window.kernel[axis], size + pad) - np.maximum(start, -pad))
    return found


def _avg(
    axes: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: float | None,
) -> Any:
    what = f"avg_pool{axes}d"
    window = _window(what, axes, x, kernel_size, stride, padding, 1, ceil_mode)
    sums = window_sum(widened(x), window)
    if divisor_override is not None:
        if not divisor_override:
            raise HyperparameterError(f"{what}: divisor_override divides, so it is a number other than 0")
        return narrowed(sums / float(divisor_override), x)
    sizes = np.shape(x)[2:]
    pad = sizes_of(padding, axes, "padding", 0) if count_include_pad else (0,) * axes
    divisors = functools.reduce(np.multiply.outer, _lengths(window, sizes, pad))
    if (divisors == divisors.flat[0]).all():
        return narrowed(sums / float(divisors.flat[0]), x)
    return narrowed(sums / divisors.astype(sums.dtype), x)


def _adaptive(what: str, axes: int, x: Any, output_size: Any, pool: Callable[[Any, Any], Any]) -> Any:
    """``pool`` over windows from floor(i * size / places) to ceil((i + 1) * size / places)."""
    check_images(what, x, axes)
    sizes = np.shape(x)[2:]
    wanted = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    wanted = tuple([size if places is None else places for size, places in zip(sizes, wanted, strict=False)])
    places = sizes_of(wanted, axes, "output_size", 1)
    if not all(sizes):
        raise HyperparameterError(f"{what}: there is nothing to pool in x of shape {np.shape(x)}")
    return pool(x, places)


def _bounds(size: int, places: int) -> list[slice]:
    return [slice(i * size // places, -(-(i + 1) * size // places)) for i in range(places)]


def _even(x: Any, places: Sizes) -> Sizes | None:
    """The kernel (and stride) of pooling into ``places`` where all windows are alike, else None."""
    sizes = np.shape(x)[2:]
    if any(size % count for size, count in zip(sizes, places, strict=True)):
        return None
    return tuple([size // count for size, count in zip(sizes, places, strict=True)])


def _adaptive_avg(x: Any, places: Sizes) -> Any:
    return narrowed(_adaptive_mean(widened(x), places), x)


def _adaptive_mean(x: Any, places: Sizes) -> Any:
    kernel = _even(x, places)
    if kernel:
        return window_sum(x, window_of(len(kernel), kernel, kernel)) / float(math.prod(kernel))
    for axis, count in enumerate(places, 2):  # a mean of means: all windows in a line along an axis are equally long
        before = (slice(None),) * axis
        parts = [np.mean(x[(*before, bound)], axis) for bound in _bounds(np.shape(x)[axis], count)]
        x = np.stack(parts, axis)
    return x


def _adaptive_max(x: Any, places: Sizes) -> Any:
    kernel = _even(x, places)
    if kernel:
        return max_pool(x, window_of(len(kernel), kernel, kernel))
    bounds = [_bounds(size, count) for size, count in zip(np.shape(x)[2:], places, strict=True)]
    axes = tuple(range(2, 2 + len(places)))
    tops = [np.max(x[(..., *[bounds[a][i] for a, i in enumerate(place)])], axes) for place in np.ndindex(*places)]
    return np.reshape(np.stack(tops, -1), (*np.shape(x)[:2], *places))


@derived()
def max_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """The maximum of each window of x (N, C, L); the stride is the kernel's size unless given.

    Elements that tie for the maximum share the gradient evenly (PyTorch gives all of it to the first). The padding
    is -inf and at most half of the kernel; with ``ceil_mode`` a last window may reach over the end. Raises
    ``ShapeError`` for a kernel that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
    return _max(1, x, kernel_size, stride, padding, dilation, ceil_mode)


@derived()
def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """The maximum of each window of x (N, C, H, W); the stride is the kernel's size unless given.

    Elements that tie for the maximum share the gradient evenly (PyTorch gives all of it to the first). The padding
    is -inf and at most half of the kernel; with ``ceil_mode`` a last window may reach over the end. Raises
    ``ShapeError`` for a kernel that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
    return _max(2, x, kernel_size, stride, padding, dilation, ceil_mode)


@derived()
def max_pool3d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """The maximum of each window of x (N, C, D, H, W); the stride is the kernel's size unless given.

    Elements that tie for the maximum share the gradient evenly (PyTorch gives all of it to the first). The padding
    is -inf and at most half of the kernel; with ``ceil_mode`` a last window may reach over the end. Raises
    ``ShapeError`` for a kernel that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
    return _max(3, x, kernel_size, stride, padding, dilation, ceil_mode)


@derived()
def avg_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: float | None = None,
) -> Any:
    """The mean of each window of x (N, C, L); the stride is the kernel's size unless given.

    The sum is divided by the number of elements, with those of the padding (zeros) if ``count_include_pad``, or by
    ``divisor_override``. ``ceil_mode`` and errors as in max_pool1d.
    """
    return _avg(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@derived()
def avg_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: float | None = None,
) -> Any:
    """The mean of each window of x (N, C, H, W); the stride is the kernel's size unless given.

    The sum is divided by the number of elements, with those of the padding (zeros) if ``count_include_pad``, or by
    ``divisor_override``. ``ceil_mode`` and errors as in max_pool2d.
    """
    return _avg(2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@derived()
def avg_pool3d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: float | None = None,
) -> Any:
    """The mean of each window of x (N, C, D, H, W); the stride is the kernel's size unless given.

    The sum is divided by the number of elements, with those of the padding (zeros) if ``count_include_pad``, or by
    ``divisor_override``. ``ceil_mode`` and errors as in max_pool3d.
    """
    return _avg(3, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@derived()
def adaptive_avg_pool1d(x: Any, output_size: Any) -> Any:
    """The mean of windows of x (N, C, L) chosen so that the result is (N, C, output_size).

    Window i runs from floor(i * size / places) to ceil((i + 1) * size / places).
    """
    return _adaptive("adaptive_avg_pool1d", 1, x, output_size, _adaptive_avg)


@derived()
def adaptive_avg_pool2d(x: Any, output_size: Any) -> Any:
    """The mean of windows of x (N, C, H, W) chosen so that the result is (N, C, *output_size).

    Window i runs from floor(i * size / places) to ceil((i + 1) * size / places); a size of None stays as it is.
    """
    return _adaptive("adaptive_avg_pool2d", 2, x, output_size, _adaptive_avg)


@derived()
def adaptive_max_pool1d(x: Any, output_size: Any) -> Any:
    """The maximum of windows of x (N, C, L) chosen so that the result is (N, C, output_size).

    Window i runs from floor(i * size / places) to ceil((i + 1) * size / places).
    """
    require_real("adaptive_max_pool1d", x)
    return _adaptive("adaptive_max_pool1d", 1, x, output_size, _adaptive_max)


@derived()
def adaptive_max_pool2d(x: Any, output_size: Any) -> Any:
    """The maximum of windows of x (N, C, H, W) chosen so that the result is (N, C, *output_size).

    Window i runs from floor(i * size / places) to ceil((i + 1) * size / places); a size of None stays as it is.
    """
    require_real("adaptive_max_pool2d", x)
    return _adaptive("adaptive_max_pool2d", 2, x, output_size, _adaptive_max)
