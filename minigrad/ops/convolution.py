"""Convolutions of one to three axes as large matrix products, and their transposes.

One trilinear form, sum(z * convolution(x, weight)), has three derivatives, and each is a row: ``convolution`` gives
z from x and the weight, ``convolution_transpose`` x from z and the weight, ``convolution_kernel`` the weight from x
and z. The gradients of each are the other two, so every order is made of these three.

In memory the batch comes last: images are (N, C, H, W) to the caller, and views of arrays (H, C, W, N). A row of a
window is then one long run, which is copied and multiplied at full speed, and elementwise operations keep the layout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.core.conversion import numpy_function
from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive, derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.ops.along import given, summed
from minigrad.ops.windows import Sizes, Window, check_fits, check_images, sizes_of, views, window_of

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution",
    "convolution_kernel", "convolution_transpose",
]

#: The windows are copied into a matrix of about so many bytes at a time, however large the images are.
_CHUNK = 8 << 20

#: Up to about so many multiplications BLAS takes its short way, which copies nothing and starts no threads.
_SMALL = 1_000_000


# -- layouts of memory --------------------------------------------------------------------------


def _order(ndim: int) -> tuple[int, ...]:
    """The axes of (N, C, *sizes) in the order of memory: all sizes but the last, channels, the last size, batch."""
    return (*range(2, ndim - 1), 1, ndim - 1, 0)


def _as_images(array: Any) -> Any:
    """An array in the order of memory as (N, C, *sizes), a view."""
    return array.transpose(np.argsort(_order(array.ndim)))


def _room(shape: Sizes, dtype: Any, make: Any) -> Any:
    """A new array (N, C, *sizes) in the order of memory."""
    return _as_images(make([shape[a] for a in _order(len(shape))], dtype))


def _rows(images: Any, groups: int) -> Any:
    """Images as a stack of matrices (rows, groups, channels / groups, width * N): one for all sizes but the last."""
    moved = images.transpose(_order(images.ndim))
    *rows, channels, width, batch = moved.shape
    return moved.reshape(math.prod(rows), groups, channels // groups, width * batch)


def _images(rows: Any, batch: int, counts: Sizes) -> Any:
    """The inverse of ``_rows``."""
    return _as_images(rows.reshape(*counts[:-1], rows.shape[1] * rows.shape[2], counts[-1], batch))


def _framed(x: Any, window: Window) -> Any:
    """x with its padding of zeros, in the order of memory."""
    sizes = x.shape[2:]
    if not any(map(any, window.padding)):
        return _as_images(np.ascontiguousarray(x.transpose(_order(x.ndim))))
    room = _room(x.shape[:2] + window.padded(sizes), x.dtype, np.zeros)
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
    step = max(1, _CHUNK // max(line, 1))
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
    parts = next((n for n in range(1, width + 1) if width % n == 0 and whole <= n * _SMALL), 1)
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


# -- the three derivatives of one trilinear form ------------------------------------------------


@numpy_function
def _convolution(x: Any, weight: Any, bias: Any, window: Window, groups: int = 1) -> Any:
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
        z = _room(shape, rows.dtype, np.empty) if z is None else z
        z[:, :, places] = images
    return _with_bias(z, bias)


@numpy_function
def _convolution_transpose(x: Any, weight: Any, bias: Any, window: Window, size: Sizes, groups: int = 1) -> Any:
    counts = x.shape[2:]
    matrices = np.swapaxes(_matrices(weight, groups), -1, -2)
    shape = (x.shape[0], weight.shape[1] * groups, *window.padded(size))
    z = _room(shape, np.result_type(x, weight), np.zeros)
    for places, seen, part in _chunks(shape, z.itemsize, window, counts):
        columns = _product(matrices, _rows(x[:, :, places], groups), part[-1])
        columns = columns.reshape(*part[:-1], shape[1], *window.kernel, part[-1], shape[0])
        before = (slice(None),) * len(part)
        room = z[:, :, seen].transpose(_order(z.ndim))
        for offset in np.ndindex(*window.kernel):
            lines = [window.line(axis, o, part) for axis, o in enumerate(offset)]
            room[(*lines[:-1], slice(None), lines[-1])] += columns[(*before, *offset)]
    return _with_bias(z[window.interior(size)], bias)


@numpy_function
def _convolution_kernel(x: Any, y: Any, window: Window, groups: int = 1) -> Any:
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


def _sum_of_channels(g: Any) -> Any:
    """The gradient of a bias: the sum over all axes but the channels."""
    return np.sum(g, (0, *range(2, len(g.shape))))


convolution: Primitive = primitive(
    _convolution,
    lambda g, weight, x_shape, window, groups: convolution_transpose(g, weight, None, window, x_shape[2:], groups),
    lambda g, x, window, groups: convolution_kernel(x, g, window, groups),
    lambda g: _sum_of_channels(g),
    analytic=True,
    doc="""The product of weight (out, in / groups, *kernel) with each window of x (N, in, *sizes), plus bias (out,).

    What conv1d, conv2d and conv3d call: ``window`` is a ``minigrad.ops.windows.Window``, ``bias`` may be None.
    """,
)
convolution_transpose: Primitive = primitive(
    _convolution_transpose,
    lambda g, weight, window, groups: convolution(g, weight, None, window, groups),
    lambda g, x, window, groups: convolution_kernel(g, x, window, groups),
    lambda g: _sum_of_channels(g),
    analytic=True,
    doc="The adjoint of convolution with respect to its images: (N, out, *places) to (N, in, *size), plus bias (in,).",
)
convolution_kernel: Primitive = primitive(
    _convolution_kernel,
    lambda g, y, x_shape, window, groups: convolution_transpose(y, g, None, window, x_shape[2:], groups),
    lambda g, x, window, groups: convolution(x, g, None, window, groups),
    analytic=True,
    doc="The adjoint of convolution with respect to its weight: x (N, in, *sizes) correlated with y (N, out, *places).",
)

# -- what the user calls ------------------------------------------------------------------------


def _check_weight(what: str, weight: Any, bias: Any, axes: int, groups: Any, outputs: int) -> None:
    """Raise unless the weight has ``axes`` kernel sizes and the bias one number for each output channel."""
    shape = np.shape(weight)
    if len(shape) != axes + 2 or not all(shape):
        raise ShapeError(
            f"{what} takes a weight with {axes} kernel sizes after its channels, {axes + 2} axes in all, none of them "
            f"empty; got shape {shape}"
        )
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or groups < 1 or shape[0] % groups:
        raise HyperparameterError(
            f"{what}: groups is an integer >= 1 that divides the channels; got {groups!r} for a weight of shape {shape}"
        )
    channels = shape[outputs] * (groups if outputs else 1)
    if bias is not None and np.shape(bias) != (channels,):
        raise ShapeError(
            f"{what}: the bias has one number for each output channel, shape ({channels},) for a weight of shape "
            f"{shape}; got {np.shape(bias)}: write bias.reshape(-1) if it holds as many"
        )


def _geometry(what: str, weight_shape: Sizes, stride: Any, padding: Any, dilation: Any) -> Window:
    kernel = weight_shape[2:]
    if not isinstance(padding, str):
        return window_of(len(kernel), kernel, stride, padding, dilation)
    window = window_of(len(kernel), kernel, stride, 0, dilation)
    if padding not in ("same", "valid"):
        raise HyperparameterError(f'{what}: padding is a size, one for each axis, "same" or "valid"; got {padding!r}')
    if padding == "valid":
        return window
    if any(step != 1 for step in window.stride):
        raise HyperparameterError(
            f'{what}: padding="same" keeps the sizes, which a stride of {window.stride} does not: write the padding as '
            "a number"
        )
    # An even kernel has no middle: the odd element of padding goes to the end.
    both = [extent - 1 for extent in window.extents()]
    return window._replace(padding=tuple([(total // 2, total - total // 2) for total in both]))


def _conv(axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    what = f"conv{axes}d"
    check_images(what, x, axes)
    _check_weight(what, weight, bias, axes, groups, 0)
    x_shape, weight_shape = np.shape(x), np.shape(weight)
    if x_shape[1] != weight_shape[1] * groups:
        raise ShapeError(
            f"{what}: x of shape {x_shape} has {x_shape[1]} channels, a weight (out, in / groups, *kernel) of shape "
            f"{weight_shape} takes {weight_shape[1] * groups} with groups={groups}: change in_channels or groups"
        )
    window = _geometry(what, weight_shape, stride, padding, dilation)
    check_fits(what, window, x_shape[2:])
    return convolution(*_whole(x, weight), bias, window, groups)


def _whole(x: Any, weight: Any) -> tuple[Any, Any]:
    """Both as they are; or, where both are integers, in the dtype in which ``np.sum`` adds up their products."""
    x, weight = given(x), given(weight)
    dtype = np.result_type(x.dtype, weight.dtype)
    return (x.astype(summed(dtype)), weight.astype(summed(dtype))) if dtype.kind in "iub" else (x, weight)


def _conv_transpose(
    axes: int,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Any:
    what = f"conv_transpose{axes}d"
    check_images(what, x, axes)
    _check_weight(what, weight, bias, axes, groups, 1)
    x_shape, weight_shape = np.shape(x), np.shape(weight)
    if x_shape[1] != weight_shape[0]:
        raise ShapeError(
            f"{what}: x of shape {x_shape} has {x_shape[1]} channels, a weight (in, out / groups, *kernel) of shape "
            f"{weight_shape} takes {weight_shape[0]}: change in_channels, or swap the first two axes of the weight"
        )
    window = window_of(axes, weight_shape[2:], stride, padding, dilation)
    extra = sizes_of(output_padding, axes, "output_padding", 0)
    if any(more >= step for more, step in zip(extra, window.stride, strict=True)):
        raise HyperparameterError(
            f"{what}: output_padding chooses among the sizes that a stride rounds to one, so it is less than the "
            f"stride {window.stride}; got {output_padding!r}"
        )
    spatial = zip(x_shape[2:], window.stride, window.padding, window.extents(), extra, strict=True)
    size = tuple([(n - 1) * step - 2 * pad + extent + more for n, step, (pad, _), extent, more in spatial])
    if any(side < 1 for side in size):
        raise ShapeError(f"{what} of shape {x_shape} with padding {padding!r} has no output, sizes {size}: pad less")
    return convolution_transpose(*_whole(x, weight), bias, window, size, groups)


@derived()
def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Windows of x (N, in, L) times weight (out, in / groups, *kernel), plus bias (out,): a cross-correlation.

    ``stride``, ``padding`` and ``dilation`` are integers; ``padding`` is also "valid" (none) or "same"
    (the sizes of x). ``groups`` cut the channels into as many convolutions side by side. Raises ``ShapeError`` for
    channels that do not match or a kernel that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
    return _conv(1, x, weight, bias, stride, padding, dilation, groups)


@derived()
def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Windows of x (N, in, H, W) times weight (out, in / groups, *kernel), plus bias (out,): a cross-correlation.

    ``stride``, ``padding`` and ``dilation`` are integers, or one for each axis; ``padding`` is also "valid" (none) or
    "same" (the sizes of x). ``groups`` cut the channels into as many convolutions side by side. Raises ``ShapeError``
    for channels that do not match or a kernel that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
    return _conv(2, x, weight, bias, stride, padding, dilation, groups)


@derived()
def conv3d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Windows of x (N, in, D, H, W) times weight (out, in / groups, *kernel), plus bias (out,): a cross-correlation.

    ``stride``, ``padding`` and ``dilation`` are integers, or one for each axis; ``padding`` is also "valid" (none) or
    "same" (the sizes of x). ``groups`` cut the channels into as many convolutions side by side. Raises ``ShapeError``
    for channels that do not match or a kernel that does not fit, ``HyperparameterError`` for options that are no sizes.
    """
    return _conv(3, x, weight, bias, stride, padding, dilation, groups)


@derived()
def conv_transpose1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """x (N, in, L) spread by weight (in, out / groups, *kernel), plus bias (out,): the adjoint of conv1d.

    Each size becomes (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding, where
    ``output_padding`` is less than the stride. Raises as conv1d does.
    """
    return _conv_transpose(1, x, weight, bias, stride, padding, output_padding, groups, dilation)


@derived()
def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """x (N, in, H, W) spread by weight (in, out / groups, *kernel), plus bias (out,): the adjoint of conv2d.

    Each size becomes (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding, where
    ``output_padding`` is less than the stride. Raises as conv2d does.
    """
    return _conv_transpose(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


@derived()
def conv_transpose3d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """x (N, in, D, H, W) spread by weight (in, out / groups, *kernel), plus bias (out,): the adjoint of conv3d.

    Each size becomes (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding, where
    ``output_padding`` is less than the stride. Raises as conv3d does.
    """
    return _conv_transpose(3, x, weight, bias, stride, padding, output_padding, groups, dilation)
