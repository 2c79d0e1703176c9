"""Pooling of one to three axes: the maximum or the mean of each window of images (N, C, *sizes)."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.checks import divisor, flag
from minigrad.errors import HyperparameterError
from minigrad.kernels.windows import Sizes, Window
from minigrad.nn.functional.windows import by_axes, check_fits, check_images, sizes_of, window_of
from minigrad.ops.along import narrowed, require_real, widened
from minigrad.ops.pooling import max_pool
from minigrad.ops.windows import window_sum

__all__ = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d"]
__all__ += ["avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d"]


def _window(
    what: str, axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Window:
    """The window of a pooling, with its padding at the end made longer where ``ceil_mode`` adds a place."""
    check_images(what, x, axes)
    flag(what, "ceil_mode", ceil_mode)
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


def _max_pool(
    axes: int,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """The maximum of each window of x (N, C, {sizes}); the stride is the kernel's size unless given.

    Elements that tie for the maximum share the gradient evenly (PyTorch gives all of it to the first). The padding
    is -inf and at most half of the kernel; with ``ceil_mode`` a last window may reach over the end. Raises
    ``ShapeError`` for a kernel that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
    return max_pool(x, _window(f"max_pool{axes}d", axes, x, kernel_size, stride, padding, dilation, ceil_mode))


max_pool1d, max_pool2d, max_pool3d = by_axes("max_pool{n}d", _max_pool, (1, 2, 3))


def _lengths(window: Window, sizes: Sizes, padding: Sizes) -> list[Any]:
    """Along each axis, how many elements each window has of the array with ``padding`` on both sides."""
    lengths = []
    for axis, (size, count, pad) in enumerate(zip(sizes, window.counts(sizes), padding, strict=True)):
        start = np.arange(count) * window.stride[axis] - window.padding[axis][0]
        lengths.append(np.minimum(start + window.kernel[axis], size + pad) - np.maximum(start, -pad))
    return lengths


def _avg_pool(
    axes: int,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: float | None = None,
) -> Any:
    """The mean of each window of x (N, C, {sizes}); the stride is the kernel's size unless given.

    The sum is divided by the number of elements, with those of the padding (zeros) if ``count_include_pad``, or by
    ``divisor_override``. ``ceil_mode`` and errors as in max_pool{n}d.
    """
    what = f"avg_pool{axes}d"
    flag(what, "count_include_pad", count_include_pad)
    window = _window(what, axes, x, kernel_size, stride, padding, 1, ceil_mode)
    sums = window_sum(widened(x), window)
    if divisor_override is not None:
        return narrowed(sums / float(divisor(what, "divisor_override", divisor_override)), x)
    sizes = np.shape(x)[2:]
    pad = sizes_of(padding, axes, "padding", 0) if count_include_pad else (0,) * axes
    divisors = functools.reduce(np.multiply.outer, _lengths(window, sizes, pad))
    if (divisors == divisors.flat[0]).all():
        return narrowed(sums / float(divisors.flat[0]), x)
    return narrowed(sums / divisors.astype(sums.dtype), x)


avg_pool1d, avg_pool2d, avg_pool3d = by_axes("avg_pool{n}d", _avg_pool, (1, 2, 3))

# -- windows chosen for a size of the result ----------------------------------------------------


def _places(what: str, axes: int, x: Any, output_size: Any) -> Sizes:
    """The sizes of the result, checked; a size of None is that of x."""
    check_images(what, x, axes)
    sizes = np.shape(x)[2:]
    wanted = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if len(wanted) != axes:
        sizes_of(wanted, axes, "output_size", 1)  # says what it is
    wanted = tuple([size if places is None else places for size, places in zip(sizes, wanted, strict=False)])
    places = sizes_of(wanted, axes, "output_size", 1)
    if not all(sizes):
        raise HyperparameterError(f"{what}: there is nothing to pool in x of shape {np.shape(x)}")
    return places


def _bounds(size: int, places: int) -> list[slice]:
    return [slice(i * size // places, -(-(i + 1) * size // places)) for i in range(places)]


def _even(x: Any, places: Sizes) -> Sizes | None:
    """The kernel (and stride) of pooling into ``places`` where all windows are alike, else None."""
    sizes = np.shape(x)[2:]
    if any(size % count for size, count in zip(sizes, places, strict=True)):
        return None
    return tuple([size // count for size, count in zip(sizes, places, strict=True)])


def _adaptive_mean(x: Any, places: Sizes) -> Any:
    kernel = _even(x, places)
    if kernel:
        return window_sum(x, window_of(len(kernel), kernel, kernel)) / float(math.prod(kernel))
    for axis, count in enumerate(places, 2):  # a mean of means: all windows in a line along an axis are equally long
        before = (slice(None),) * axis
        parts = [np.mean(x[(*before, bound)], axis) for bound in _bounds(np.shape(x)[axis], count)]
        x = np.stack(parts, axis)
    return x


def _adaptive_avg_pool(axes: int, x: Any, output_size: Any) -> Any:
    """The mean of windows of x (N, C, {sizes}) chosen so that the result has the sizes ``output_size``.

    Window i runs from floor(i * size / places) to ceil((i + 1) * size / places); a size of None stays as it is.
    """
    places = _places(f"adaptive_avg_pool{axes}d", axes, x, output_size)
    return narrowed(_adaptive_mean(widened(x), places), x)


class Group(NamedTuple):
    """Windows along one axis that are equally long: their numbers, length, distance and, one after another, elements.

    ``places`` is None where they are all windows and equally far apart.
    """

    numbers: list[int]
    length: int
    step: int
    places: Any


def _groups(size: int, count: int) -> list[Group]:
    """The windows of an axis of this size, by their length."""
    windows = [range(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
    lengths = sorted({*map(len, windows)})
    steps = {after.start - before.start for before, after in itertools.pairwise(windows)}
    if len(lengths) == 1 and len(steps) <= 1 and 0 not in steps:
        return [Group([*range(count)], lengths[0], max(steps, default=1), None)]
    groups = []
    for length in lengths:
        numbers = [i for i, window in enumerate(windows) if len(window) == length]
        groups.append(Group(numbers, length, length, np.concatenate([windows[i] for i in numbers])))
    return groups


def _seen(x: Any, axis: int, group: Group) -> Any:
    """The elements of these windows, one after another along the axis."""
    return x if group.places is None else np.take(x, group.places, axis)


def _in_turn(parts: list[Any], axis: int, groups: list[Group]) -> Any:
    """What was made of the windows of each group, in the order of the windows."""
    if len(parts) == 1:
        return parts[0]
    return np.take(np.concatenate(parts, axis), np.argsort([number for g in groups for number in g.numbers]), axis)


def _adaptive_max(x: Any, axes: Sequence[list[Group]], seen: Sequence[Group] = ()) -> Any:
    """The maximum of each window of x: of the windows of one size at a time, which stand apart from each other."""
    if len(seen) == len(axes):
        return max_pool(x, window_of(len(axes), tuple([g.length for g in seen]), tuple([g.step for g in seen])))
    groups, axis = axes[len(seen)], 2 + len(seen)
    return _in_turn([_adaptive_max(_seen(x, axis, g), axes, (*seen, g)) for g in groups], axis, groups)


def _adaptive_max_pool(axes: int, x: Any, output_size: Any) -> Any:
    """The maximum of windows of x (N, C, {sizes}) chosen so that the result has the sizes ``output_size``.

    Window i runs from floor(i * size / places) to ceil((i + 1) * size / places); a size of None stays as it is.
    """
    require_real(f"adaptive_max_pool{axes}d", x)
    places = _places(f"adaptive_max_pool{axes}d", axes, x, output_size)
    return _adaptive_max(x, [*map(_groups, np.shape(x)[2:], places)])


adaptive_avg_pool1d, adaptive_avg_pool2d = by_axes("adaptive_avg_pool{n}d", _adaptive_avg_pool, (1, 2))
adaptive_max_pool1d, adaptive_max_pool2d = by_axes("adaptive_max_pool{n}d", _adaptive_max_pool, (1, 2))
