"""Convolutions of one to three axes as large matrix products, and their transposes.

In memory the batch comes last: images are (N, C, H, W) to the caller, and views of arrays (H, C, W, N). A row of a
window is then one long run, which is copied and multiplied at full speed, and elementwise operations keep the layout.
The rows of a window follow each other in memory, so a matrix of all that windows see needs a copy for each column of
the kernel, and none for its rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.core.stands import numpy_function
from minigrad.kernels.depthwise import depthwise_convolved, depthwise_kernel, is_depthwise
from minigrad.kernels.image_layout import framed_images, images_of, memory_order, new_images, rows_of
from minigrad.kernels.windows import Sizes, Window, views
from minigrad.kernels.winograd import is_tiled, tiled_convolved, tiled_kernel

#: Bytes of the matrix into which windows are copied at a time, about, however large the images are.
CHUNK = 8 << 20

#: Columns of a matrix of one row of images below which the rows stand side by side in one matrix.
NARROW = 64

#: Multiplications up to which BLAS takes its short way, about: it copies nothing and starts no threads.
SMALL = 1_000_000


def _columns(framed: Any, window: Window, counts: Sizes, groups: int, is_narrow: bool) -> Any:
    """All windows as a stack of matrices (rows, groups, kernel * channels / groups, width * N).

    Where matrices would be ``is_narrow``, the rows stand side by side in one.
    """
    axes = len(counts)
    if axes <= 2 and not is_narrow and (axes == 1 or window.dilation[0] == 1):
        return _overlapping(framed, window, counts, groups)
    seen = views(framed, window, counts)  # (N, C, *kernel, *counts)
    channels = seen.shape[1] // groups
    parts = seen.reshape(seen.shape[0], groups, channels, *seen.shape[2:])  # of a strided axis: a view
    kernel, rows, last = range(3, 2 + axes), range(3 + axes, 2 + 2 * axes), 2 + 2 * axes
    within = (*kernel, 2, 2 + axes)
    count, inner, line = math.prod(counts[:-1]), channels * math.prod(window.kernel), counts[-1] * seen.shape[0]
    if is_narrow:
        return parts.transpose((1, *within, *rows, last, 0)).reshape(1, groups, inner, count * line)
    return parts.transpose((*rows, 1, *within, last, 0)).reshape(count, groups, inner, line)


def _overlapping(framed: Any, window: Window, counts: Sizes, groups: int) -> Any:
    """The matrices of images of one or two axes: only what a window sees along the last axis is copied.

    The rows of a window then lie in memory one after the other, and those of the next window begin some rows later.
    """
    moved = framed.transpose(memory_order(framed.ndim))
    moved = moved.reshape(-1, groups, moved.shape[-3] // groups, *moved.shape[-2:]).swapaxes(0, 1)
    kernel, stride, places = ((1,) * (2 - len(counts)) + axes for axes in (window.kernel, window.stride, counts))
    lines = _lines(moved, window, counts)
    line = places[1] * framed.shape[0]
    row = lines.strides[1] * stride[0]
    shape = (places[0], groups, kernel[0] * moved.shape[2] * kernel[1], line)
    strides = (row, lines.strides[0], line * lines.itemsize, lines.itemsize)
    return as_strided(lines, shape, strides, writeable=False)


def _lines(moved: Any, window: Window, counts: Sizes) -> Any:
    """What the windows see along the last axis but one of (groups, rows, C, width, N): an axis of elements after C."""
    elements, last = window.kernel[-1], len(counts) - 1
    lines = np.empty((*moved.shape[:3], elements, counts[-1], moved.shape[-1]), moved.dtype)
    step = window.stride[-1]
    if 1 < step < elements and moved.shape[-1] < NARROW:  # short runs: copied once, not for each element
        phases = [np.ascontiguousarray(moved[..., phase::step, :]) for phase in range(step)]
        for offset in range(elements):
            start, phase = divmod(offset * window.dilation[-1], step)
            lines[..., offset, :, :] = phases[phase][..., start : start + counts[-1], :]
        return lines
    if elements == 1 and step == 1 and moved.flags.c_contiguous:
        return moved[..., None, :, :]
    for offset in range(elements):
        lines[..., offset, :, :] = moved[..., window.line(last, offset, counts), :]
    return lines


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
    """A weight (out, in / groups, *kernel) as matrices (groups, out / groups, kernel * in / groups)."""
    moved = np.moveaxis(weight, 1, -2)  # in the order of the rows of _columns
    return moved.reshape(groups, weight.shape[0] // groups, math.prod(weight.shape[1:]))


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


def _wide(array: Any) -> Any:
    """An array of float16 as float32, which BLAS has products for."""
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _finished(z: Any, bias: Any, *arrays: Any) -> Any:
    """z with its bias, rounded to the dtype that these arrays have together."""
    dtype = np.result_type(*arrays)
    if bias is not None and z.dtype == np.result_type(z, bias):  # z is new
        z += bias.reshape(-1, *(1,) * (z.ndim - 2))
        dtype = np.result_type(dtype, bias)
    elif bias is not None:
        z, dtype = z + bias.reshape(-1, *(1,) * (z.ndim - 2)), np.result_type(dtype, bias)
    return z.astype(dtype, copy=False)


@numpy_function
def convolution(x: Any, weight: Any, bias: Any, window: Window, groups: int = 1) -> Any:
    """Each window of x (N, in, *sizes) times weight (out, in / groups, *kernel), plus bias (out,) or None."""
    return _finished(_convolved(_wide(x), _wide(weight), window, groups), bias, x, weight)


def _convolved(x: Any, weight: Any, window: Window, groups: int) -> Any:
    if is_depthwise(weight.shape[0], weight.shape[1], groups):
        return depthwise_convolved(x, weight, window, groups)
    if _is_pointwise(window, x):
        return _mixed(weight, x, groups)
    if is_tiled(window, x, weight.shape[0], np.result_type(x, weight), groups):
        return _finite(tiled_convolved, _by_windows, x, weight, window)
    return _by_windows(x, weight, window, groups)


def _is_pointwise(window: Window, *images: Any) -> bool:
    """Whether each place sees itself alone, of images that lie one by one and are large enough for products of each."""
    plain = {*window.kernel, *window.stride} == {1} and not any(map(any, window.padding))
    return plain and all(x.flags.c_contiguous and math.prod(x.shape[2:]) >= NARROW for x in images)


def _mixed(weight: Any, x: Any, groups: int) -> Any:
    """At each place of x (N, in, *sizes) the product of weight (out, in / groups, 1, ...) with the channels."""
    channels = x.reshape(x.shape[0], groups, x.shape[1] // groups, math.prod(x.shape[2:]))
    return np.matmul(_matrices(weight, groups), channels).reshape(x.shape[0], weight.shape[0], *x.shape[2:])


def _finite(function: Any, otherwise: Any, *arguments: Any) -> Any:
    """What ``function`` makes in tiles; where it is not finite, as inf less inf is NaN, what ``otherwise`` makes."""
    with np.errstate(over="ignore", invalid="ignore"):
        result = function(*arguments)
        flat = result.ravel("K")
        is_finite = np.vdot(flat, flat) < math.inf
    return result if is_finite else otherwise(*arguments, 1)


def _by_windows(x: Any, weight: Any, window: Window, groups: int) -> Any:
    counts = window.counts(x.shape[2:])
    framed, matrices = framed_images(x, window), _matrices(weight, groups)
    shape = (x.shape[0], weight.shape[0], *counts)
    is_narrow = counts[-1] * x.shape[0] < NARROW
    z = None
    for places, seen, part in _chunks(x.shape, x.itemsize, window, counts):
        rows = _product(matrices, _columns(framed[:, :, seen], window, part, groups, is_narrow), part[-1])
        rows = _apart(rows, part) if is_narrow else rows
        images = images_of(rows, x.shape[0], part)
        if part == counts:
            return images
        z = new_images(shape, rows.dtype, np.empty) if z is None else z
        z[:, :, places] = images
    return new_images(shape, np.result_type(x, weight), np.zeros) if z is None else z


def _apart(rows: Any, counts: Sizes) -> Any:
    """One matrix (1, groups, channels / groups, rows * width * N) as a stack, as ``rows_of`` gives it."""
    *_, groups, channels, line = rows.shape
    count = math.prod(counts[:-1])
    return np.ascontiguousarray(rows.reshape(groups, channels, count, line // max(count, 1)).transpose(2, 0, 1, 3))


@numpy_function
def convolution_transpose(x: Any, weight: Any, bias: Any, window: Window, size: Sizes, groups: int = 1) -> Any:
    """The adjoint with respect to the images: x (N, out, *places) to (N, in, *size), plus bias (in,) or None."""
    return _finished(_transposed(_wide(x), _wide(weight), window, size, groups), bias, x, weight)


def _transposed(x: Any, weight: Any, window: Window, size: Sizes, groups: int) -> Any:
    if _is_pointwise(window, x):
        return _mixed(_turned(weight, groups), x, groups)
    # The bytes that move: products are written and added up, or x is copied, as often as a window sees it. Products
    # with few rows are slow.
    added = 3 * weight.shape[1] * groups * math.prod(window.kernel)
    copied = 2 * weight.shape[0] * math.prod(window.kernel if groups > 1 else (window.kernel[-1], *window.stride[:-1]))
    by_phases = added > copied and (groups > 1 or weight.shape[1] > 8)
    return (_by_phases if by_phases else _added_up)(x, weight, window, size, groups)


def _turned(weight: Any, groups: int) -> Any:
    """A weight (out, in / groups, *kernel) as (in, out / groups, *kernel)."""
    turned = np.swapaxes(weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:]), 1, 2)
    return turned.reshape(-1, *turned.shape[2:])


def _added_up(x: Any, weight: Any, window: Window, size: Sizes, groups: int) -> Any:
    """The product of the weight with each place of x, added up where its windows overlap."""
    counts = x.shape[2:]
    matrices = np.swapaxes(_matrices(weight, groups), -1, -2)
    channels = weight.shape[1]
    shape = (x.shape[0], channels * groups, *window.padded(size))
    z = new_images(shape, np.result_type(x, weight), np.zeros)
    for places, seen, part in _chunks(shape, z.itemsize, window, counts):
        columns = _product(matrices, rows_of(x[:, :, places], groups), part[-1])
        columns = columns.reshape(*part[:-1], groups, *window.kernel[:-1], channels, window.kernel[-1], part[-1], -1)
        room = z[:, :, seen].transpose(memory_order(z.ndim))
        room = room.reshape(*room.shape[:-3], groups, channels, *room.shape[-2:])  # of a strided axis: a view
        rows = (slice(None),) * (len(part) - 1)
        for *offset, last in np.ndindex(*window.kernel):
            lines = [window.line(axis, o, part) for axis, o in enumerate((*offset, last))]
            room[(*lines[:-1], slice(None), slice(None), lines[-1])] += columns[
                (*rows, slice(None), *offset, slice(None), last)
            ]
    return z[window.interior(size)]


def _by_phases(x: Any, weight: Any, window: Window, size: Sizes, groups: int) -> Any:
    """Every stride-th element of the result sees the same elements of the kernel.

    So these are a convolution of x with a part of the kernel, turned round: one for each phase of the strides.
    """
    turned = _turned(weight, groups)
    every = (slice(None), slice(None))
    z = None
    for phases in np.ndindex(*window.stride):
        parts = [phase_of(window, axis, phase, x.shape[2 + axis], size[axis]) for axis, phase in enumerate(phases)]
        if None in parts:
            continue
        taps, seen, padding, dilation, places = zip(*parts, strict=True)
        kernel = turned[(*every, *taps)]
        ones = Window(kernel.shape[2:], (1,) * len(size), padding, dilation)
        part = _convolved(x[(*every, *seen)], kernel, ones, groups)
        if part.shape[2:] == tuple(size):
            return part
        z = new_images((*part.shape[:2], *size), part.dtype, np.zeros) if z is None else z
        z[(*every, *places)] = part
    return new_images((x.shape[0], len(turned), *size), np.result_type(x, weight), np.zeros) if z is None else z


def phase_of(window: Window, axis: int, phase: int, count: int, size: int) -> tuple[Any, ...] | None:
    """What falls on the places ``phase`` + n * stride of an axis with its padding, as a convolution without a stride.

    Gives the elements of the kernel, the last first; the places of x that they see; the padding of these, and the
    distance between the elements; where the results go. None where nothing falls there.
    """
    stride, dilation, (low, _) = window.stride[axis], window.dilation[axis], window.padding[axis]
    falling = [k for k in range(window.kernel[axis]) if (k * dilation - phase) % stride == 0]
    first = -((phase - low) // stride)  # the least n that lies behind the padding
    places = range(phase + first * stride - low, size, stride)
    if not falling or not places:
        return None
    common = math.gcd(stride, dilation)
    reach = (len(falling) - 1) * (dilation // common)
    start = first - (falling[0] * dilation - phase) // stride - reach
    needed = len(places) + reach
    seen = range(max(start, 0), min(start + needed, count))
    if not seen:
        return None
    padding = (seen.start - start, start + needed - seen.stop)
    taps = slice(falling[-1], falling[0] - 1 if falling[0] else None, -(stride // common))
    return taps, slice(seen.start, seen.stop), padding, dilation // common, slice(places.start, size, stride)


@numpy_function
def convolution_kernel(x: Any, y: Any, window: Window, groups: int = 1) -> Any:
    """The adjoint with respect to the weight: x (N, in, *sizes) correlated with y (N, out, *places)."""
    return _finished(_kernel_of(_wide(x), _wide(y), window, groups), None, x, y)


def _kernel_of(x: Any, y: Any, window: Window, groups: int) -> Any:
    if is_depthwise(y.shape[1], x.shape[1] // groups, groups):
        return depthwise_kernel(x, y, window, groups)
    if _is_pointwise(window, x, y):
        return _mixed_kernel(x, y, groups)
    if is_tiled(window, x, y.shape[1], np.result_type(x, y), groups):
        return _finite(tiled_kernel, _kernel_by_windows, x, y, window)
    return _kernel_by_windows(x, y, window, groups)


def _mixed_kernel(x: Any, y: Any, groups: int) -> Any:
    images, results = (a.reshape(a.shape[0], groups, a.shape[1] // groups, math.prod(a.shape[2:])) for a in (x, y))
    total = np.add.reduce(np.matmul(results, np.swapaxes(images, -1, -2)), 0)
    return total.reshape(y.shape[1], x.shape[1] // groups, *(1,) * (x.ndim - 2))


def _kernel_by_windows(x: Any, y: Any, window: Window, groups: int) -> Any:
    counts = window.counts(x.shape[2:])
    framed = framed_images(x, window)
    is_narrow = counts[-1] * x.shape[0] < y.shape[1]  # the products of the rows would be larger than what they are of
    total: Any = 0
    for places, seen, part in _chunks(x.shape, x.itemsize, window, counts):
        columns = _columns(framed[:, :, seen], window, part, groups, is_narrow)
        rows = rows_of(y[:, :, places], groups)
        if is_narrow:
            rows = np.moveaxis(rows, 0, 2).reshape(1, *rows.shape[1:3], rows.shape[0] * rows.shape[3])
        # The long side first: a product with few rows and many columns is the slower one in BLAS.
        products = np.matmul(columns, np.swapaxes(rows, -1, -2))
        total = total + np.add.reduce(products, 0)
    weight = np.swapaxes(total, -1, -2)
    weight = weight.reshape(y.shape[1], *window.kernel[:-1], x.shape[1] // groups, window.kernel[-1])
    return np.ascontiguousarray(np.moveaxis(weight, -2, 1))
